from __future__ import annotations

from pathlib import Path

import pytest

from harness import config, plugins
from harness.config import RunSpec
from harness.errors import ConfigError, UsageError
from harness.protocols import BackendOptions, BackendSpec
from harness.run import models
from harness.testing import FakeBackend

FULL = """
[run]
model = "./ckpt"
tasks = ["squad", "bias"]
limit = 100
num_fewshot = 2
formats = ["console", "html"]

[data]
squad = "dev.json"

[set]
chat_template = "off"

[tasks.squad]
max_tokens = 32
[tasks.squad.templates]
mine = "Q: {{ question }}"

[gate]
baseline = "runs/main"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "harness.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_becomes_a_spec(tmp_path: Path) -> None:
    spec = config.merge(config.read_config(written(tmp_path, FULL)), {})
    assert spec == RunSpec(
        "./ckpt",
        ("squad", "bias"),
        {"squad": "dev.json"},
        limit=100,
        num_fewshot=2,
        backend_settings={"chat_template": "off"},
        task_settings={"squad": {"max_tokens": "32"}},
        templates={"squad": {"mine": "Q: {{ question }}"}},
        baseline="runs/main",
        gate={"baseline": "runs/main"},
        formats=("console", "html"),
    )


def test_the_command_line_wins_key_by_key(tmp_path: Path) -> None:
    given = {
        "model": "demo",
        "limit": None,
        "data": {"bbq": "b.jsonl"},
        "task_settings": {"squad": {"template": "mine"}},
    }
    spec = config.merge(config.read_config(written(tmp_path, FULL)), given)
    assert (spec.model, spec.limit) == ("demo", 100)
    assert spec.data == {"squad": "dev.json", "bbq": "b.jsonl"}
    assert spec.task_settings == {"squad": {"max_tokens": "32", "template": "mine"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[run]\nmodle = 'x'", "unknown key 'run.modle'\nDid you mean model"),
        ("[rnu]\nmodel = 'x'", "unknown key 'rnu'\nDid you mean run"),
        ("[run]\nlimit = 'many'", "run.limit"),
        ("[run\n", "not valid TOML"),
        (
            "[prices.m]\nprompt = 1\ncompletion = 2\ncached = 1",
            "unknown key 'prices.m.cached'\nDid you mean cached_prompt",
        ),
        ("[prices.m]\nprompt = -1\ncompletion = 2", "prices.m.prompt"),
        ("[prices.m]\nprompt = 1", "prices.m.completion"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.read_config(written(tmp_path, text))
    assert message in str(caught.value)


def test_prices_reach_the_backend_by_the_models_full_or_short_name(tmp_path: Path) -> None:
    text = """
[prices."fake:small"]
prompt = 0.5
completion = 2
[prices.large]
prompt = 3
completion = 15
cached_prompt = 0.3
"""
    given: list[BackendOptions] = []

    def opened(options: BackendOptions) -> FakeBackend:
        given.append(options)
        return FakeBackend()

    registry = plugins.load()
    registry.backends["fake"] = BackendSpec("fake", "a fake", opened)
    values = config.read_config(written(tmp_path, text))
    for model in ("fake:small", "fake:large", "fake:other"):
        spec = config.merge(values, {"model": model, "tasks": ("t",)})
        models.open_backend(spec.model_config, registry)
    assert [options.prices for options in given] == [
        {"prompt": 0.5, "completion": 2.0},
        {"prompt": 3.0, "completion": 15.0, "cached_prompt": 0.3},
        {},
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        config.read_config(tmp_path / "absent.toml")


def test_settings_go_to_the_backend_or_to_a_task() -> None:
    backend, tasks = config.parse_settings(["a=1", "squad.template=x=y", "squad.n=2"])
    assert backend == {"a": "1"}
    assert tasks == {"squad": {"template": "x=y", "n": "2"}}
    with pytest.raises(UsageError, match="KEY=VALUE"):
        config.parse_settings(["novalue"])


def test_pairs_are_read_in_one_place_alike() -> None:
    given = ["pooling=cls", " url =http://x/?a=b", "empty=", "pooling=mean"]
    read = config.parse_pairs(given, "--judge-set")
    assert read == {"pooling": "mean", "url": "http://x/?a=b", "empty": ""}
    for wrong in ("novalue", "=value", " =value"):
        with pytest.raises(UsageError, match=r"--judge-set .*value'") as error:
            config.parse_pairs([wrong], "--judge-set")
        assert error.value.hint == "Expected KEY=VALUE"


def test_data_for_one_task_or_all() -> None:
    assert config.parse_data(["sample", "a=p=q"]) == {"": "sample", "a": "p=q"}
    with pytest.raises(UsageError, match="TASK=PATH"):
        config.parse_data(["path-alone"])


@pytest.mark.parametrize("field", ["limit", "batch_size", "num_fewshot"])
def test_numbers_out_of_range(field: str) -> None:
    with pytest.raises(UsageError, match=field):
        RunSpec("m", ("t",), **{field: -1})  # type: ignore[arg-type]


def test_model_and_tasks_must_be_named() -> None:
    with pytest.raises(UsageError, match="--model"):
        config.merge({}, {"tasks": ("a",)})
    with pytest.raises(UsageError, match="--tasks"):
        config.merge({}, {"model": "a"})


def test_a_probe_has_a_table_of_its_own(tmp_path) -> None:
    path = tmp_path / "harness.toml"
    path.write_text("[probes.typos]\nstrength = [0.1, 0.2]\n[tasks.squad]\nmax_tokens = 9\n")
    settings = config.read_config(path)["task_settings"]
    assert settings == {"typos": {"strength": "0.1,0.2"}, "squad": {"max_tokens": "9"}}
    path.write_text("[probes.x]\na = 1\n[tasks.x]\nb = 1\n")
    with pytest.raises(ConfigError, match=r"under \[tasks\] and under \[probes\]"):
        config.read_config(path)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert config.read_config(written(tmp_path, "\ufeff" + FULL))["limit"] == 100


@pytest.mark.parametrize("name", ["limit", "sample"])
def test_the_command_line_s_choice_of_rows_replaces_the_file_s(name: str) -> None:
    other = {"limit": "sample", "sample": "limit"}[name]
    spec = config.merge({"model": "m", "tasks": ("t",), other: 5}, {name: 7})
    assert (getattr(spec, name), getattr(spec, other)) == (7, None)


ROLES = """
[judge]
model = "openai:good"
device = "cpu"
[judge.set]
base_url = "http://localhost:1/v1"

[roles.retriever]
model = "demo"
"""


def test_roles_have_tables_and_inherit_what_these_leave_out(tmp_path: Path) -> None:
    file = config.read_config(written(tmp_path, FULL + ROLES))
    spec = config.merge(file, {"seed": 7, "batch_size": 3, "dtype": "bfloat16"})
    judge = spec.role_configs["judge"]
    assert (judge.model, judge.device, judge.batch_size, judge.dtype, judge.seed) == (
        "openai:good",
        "cpu",
        3,
        "bfloat16",
        7,
    )
    assert judge.settings == {"base_url": "http://localhost:1/v1"}
    assert spec.role_configs["retriever"].settings == {}


def test_the_command_line_names_judges(tmp_path: Path) -> None:
    file = config.read_config(written(tmp_path, FULL + ROLES))
    given = config.parse_roles(("a",), ("key=v=w",), ("x.y=b",))
    spec = config.merge(file, {"roles": given})
    assert spec.roles["judge"] == {
        "model": "a",
        "device": "cpu",
        "set": {"base_url": "http://localhost:1/v1", "key": "v=w"},
    }
    assert (spec.roles["x.y"], spec.roles["retriever"]) == ({"model": "b"}, {"model": "demo"})
    panel = config.merge(file, {"roles": config.parse_roles(("a", "b"), (), ())})
    assert [panel.roles[role]["model"] for role in ("judge", "judge.2")] == ["a", "b"]
    assert panel.roles["judge.2"]["set"] == {"base_url": "http://localhost:1/v1"}


def test_a_panel_in_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    text = FULL + '[[judge]]\nmodel = "a"\n[[judge]]\nmodel = "b"\n'
    file = config.read_config(written(tmp_path, text))
    assert list(config.merge(file, {}).roles) == ["judge", "judge.2"]
    alone = config.merge(file, {"roles": config.parse_roles(("c",), (), ())})
    assert alone.roles == {"judge": {"model": "c"}}


@pytest.mark.parametrize(
    ("judges", "settings", "others", "message"),
    [
        ((), (), ("retriever",), "--role 'retriever'"),
        ((), (), ("=m",), "--role '=m'"),
        (("a",), ("b",), (), "--judge-set 'b'"),
    ],
)
def test_malformed_roles_are_named(judges, settings, others, message) -> None:
    with pytest.raises(UsageError, match=message):
        config.parse_roles(judges, settings, others)


@pytest.mark.parametrize("role", ["model", "", "Judge", "a b"])
def test_names_of_roles(role: str) -> None:
    with pytest.raises(UsageError, match="the role"):
        RunSpec("m", ("t",), roles={role: "x"})


def test_settings_of_no_judge_are_refused() -> None:
    given = {"model": "m", "tasks": ("t",), "roles": config.parse_roles((), ("a=b",), ())}
    with pytest.raises(UsageError, match="no model is named for the role 'judge'"):
        config.merge({}, given)
