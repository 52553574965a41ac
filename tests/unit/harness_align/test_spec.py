"""The training spec: JSON and back, and errors that name the key."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError, UnknownNameError
from harness_align import spec as specs
from harness_align.spec import AlignSpec

NEEDED = {"method": "dpo", "model": "m", "data": "d", "out": "o"}


@settings(deadline=None)
@given(
    st.integers(1, 10**6) | st.none(),
    st.floats(0, 1, allow_nan=False),
    st.sampled_from(["full", "lora", "prefix"]),
    st.dictionaries(st.text("abc", min_size=1), st.text("xyz")),
)
def test_a_spec_survives_its_file(tmp_path_factory, steps, rate, adapter, stop_data):
    spec = AlignSpec(
        **NEEDED, steps=steps, learning_rate=rate, adapter=adapter, stop_data=stop_data
    )
    path = tmp_path_factory.mktemp("spec") / "spec.json"
    assert specs.load(spec.save(path)) == spec


def test_its_file_masks_keys_and_the_child_process_gets_them(tmp_path):
    def judged(key):
        judge = {"model": "openai:large", "settings": {"api_key": key}}
        return AlignSpec(**NEEDED, stop_evaluation={"roles": {"judge": judge}, "seed": 3})

    spec = judged("sk-not-for-files-1234567")
    path = spec.save(tmp_path / "spec.json")
    assert "not-for-files" not in path.read_text()
    assert specs.load(path, spec.secret_texts) == spec
    assert specs.load(path) == spec.masked != spec
    assert judged("sk-another-key-12345678").masked != spec.masked
    assert AlignSpec(**NEEDED).secret_texts == {}


def test_texts_become_the_types_of_the_fields():
    spec = specs.from_mapping(
        {
            **NEEDED,
            "steps": "20",
            "learning_rate": "1e-4",
            "gradient_checkpointing": "true",
            "stop_tasks": "sst2, squad",
        }
    )
    assert (spec.steps, spec.learning_rate) == (20, 1e-4)
    assert spec.gradient_checkpointing is True
    assert spec.stop_tasks == ("sst2", "squad")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("steps", "ten", "a whole number"),
        ("steps", 2.5, "a whole number"),
        ("steps", 0, "at least 1"),
        ("steps", True, "a whole number"),
        ("learning_rate", "nan", "a number"),
        ("adapter", "lorra", "lora"),
        ("resume", "perhaps", "true or false"),
        ("label_smoothing", 0.7, "at most 0.5"),
        ("stop_data", "sample", "a table"),
        ("model", 7, "a text"),
    ],
)
def test_a_wrong_value_is_named(key, value, says):
    with pytest.raises(ConfigError, match=key) as caught:
        specs.from_mapping({**NEEDED, key: value})
    assert says in str(caught.value)


def test_an_unknown_key_lists_the_nearest():
    with pytest.raises(UnknownNameError, match="learning_rate"):
        specs.from_mapping({**NEEDED, "learnin_rate": 1})


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match="'model'"):
        specs.from_mapping({"method": "dpo"})
