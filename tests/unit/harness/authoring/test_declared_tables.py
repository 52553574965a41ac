"""Any table of harness.toml is a declared task, or one error that names it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import plugins
from harness.authoring import declared_tables
from harness.authoring.declaration import KINDS, Declaration
from harness.errors import ConfigError, UsageError


def test_an_unknown_kind_is_told_from_python_too() -> None:
    with pytest.raises(UsageError, match="kind of task"):
        Declaration("x", "quiz").spec({})
    assert set(KINDS) == {"generation", "multiple_choice", "classification", "perplexity"}


KEYS = [
    *("kind", "description", "data", "columns", "template", "templates", "choices", "label_map"),
    *("metrics", "scoring", "stop", "max_tokens", "version", "shots", "num_fewshot", "other"),
]
LEAVES = st.one_of(
    st.sampled_from([*KINDS, "f1", "accuracy", "{{ input }}", "{{ a", "generate", "", "input"]),
    st.text(max_size=5),
    st.integers(-2, 3),
    st.booleans(),
    st.floats(),
)
VALUES = st.one_of(
    LEAVES,
    st.lists(LEAVES, max_size=3),
    st.dictionaries(st.text(max_size=5) | st.sampled_from(["input", "a"]), LEAVES, max_size=3),
)


@settings(deadline=None)  # the first call imports pydantic
@given(
    name=st.text(max_size=6) | st.just("mine"),
    kind=st.sampled_from([*KINDS]) | LEAVES,
    table=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
)
def test_any_table_is_a_task_or_one_error_that_names_it(
    name: str, kind: object, table: dict[str, Any]
) -> None:
    try:
        declared = declared_tables.parse("f.toml", name, {**table, "kind": kind}, METRICS)
        declared.spec(METRICS)
    except ConfigError as error:
        assert f"[tasks.{name}]" in error.message
    else:
        assert declared.kind == kind


METRICS = plugins.load().metrics
