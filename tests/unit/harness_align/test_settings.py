"""Settings: ours, TRL's names for the same, and every further field of TRL's configs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness import plugins
from harness.errors import ConfigError, UnknownNameError
from harness_align import job, settings
from harness_align import spec as specs
from harness_align.methods import METHODS
from harness_align.training.setup import Setup

pytestmark = pytest.mark.filterwarnings("ignore")  # the training libraries' own


def read(method: str, **values: object) -> dict[str, object]:
    return job.read_settings(plugins.load().aligners[method], values)


def test_ours_and_trl_s_names_are_the_same_setting() -> None:
    assert read("dpo", max_steps="7", loss_type="ipo") == {"steps": 7, "loss": "ipo"}
    with pytest.raises(ConfigError, match="same setting"):
        read("dpo", max_steps=7, steps=8)
    with pytest.raises(ConfigError, match="steps is 0, expected a whole number of at least 1"):
        read("dpo", max_steps=0)


def test_further_fields_of_the_trainer_are_typed_and_passed_on() -> None:
    found = read("dpo", adam_beta2="0.95", precompute_ref_log_probs="true", steps=3)
    assert found == {"adam_beta2": 0.95, "precompute_ref_log_probs": True, "steps": 3}
    named = {"method": "dpo", "model": "m", "data": "d", "out": "o"}
    spec = specs.from_mapping({**settings.split(found), **named})
    assert spec.trainer == {"adam_beta2": 0.95, "precompute_ref_log_probs": True}
    assert read("grpo" if "grpo" in plugins.load().aligners else "rlhf", top_k="5") == {"top_k": 5}


def test_fields_that_a_stage_lacks_do_not_reach_it(tmp_path: Path) -> None:
    @dataclass
    class Config:
        output_dir: str
        top_k: int = 0
        betas: list[float] = field(default_factory=list)

    named = {"method": "rlhf", "model": "m", "data": "d", "out": str(tmp_path)}
    spec = specs.from_mapping({**named, "trainer": {"top_k": 5, "adam_beta2": 0.9}})
    setup = Setup(spec, None, None, None, {"output_dir": "o"}, [], None, (), 8, False)
    assert setup.config(Config, betas=[1.0]) == Config("o", 5, [1.0])


@pytest.mark.parametrize("name", ["output_dir", "learnin_rate", "top_kk", "report_to"])
def test_what_neither_has_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=name):
        read("dpo", **{name: "1"})


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigError, match="adam_beta2 is 'much', expected float"):
        read("dpo", adam_beta2="much")


def test_every_declared_setting_says_what_it_is() -> None:
    assert [name for name, each in specs.declared().items() if not each.description] == []


def test_a_method_lists_its_own_settings_and_takes_those_of_others() -> None:
    listed = {name: set(each.settings().model_fields) for name, each in METHODS.items()}
    assert {"loss", "beta", "label_smoothing", "steps"} <= listed["dpo"]
    others = {"slic_delta", "simpo_gamma", "desirable_weight", "sft_steps", "reward_steps"}
    assert others & listed["dpo"] == set()
    declared = set(specs.NAMES) - {*specs.SET_ELSEWHERE, *specs.DERIVED}
    assert set.union(*listed.values()) == declared
    assert all("steps" in each for each in listed.values())
    assert read("dpo", sft_steps="3", steps="5") == {"sft_steps": 3, "steps": 5}
    with pytest.raises(ConfigError, match="sft_steps"):
        read("dpo", sft_steps="many")
