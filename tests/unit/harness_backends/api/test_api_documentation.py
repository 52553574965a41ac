"""docs/backends.md names every option, and the defaults it states are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness_backends.api import ANTHROPIC_OPTIONS, OPENAI_OPTIONS
from harness_backends.api.settings import ApiSettings
from harness_backends.vllm import VLLM_OPTIONS


@pytest.fixture(scope="module")
def text() -> str:
    root = Path(__file__).resolve().parents[4]
    return (root / "docs" / "backends.md").read_text("utf-8")


@pytest.mark.parametrize("option", sorted({*OPENAI_OPTIONS, *ANTHROPIC_OPTIONS, *VLLM_OPTIONS}))
def test_every_option_is_documented(option: str, text: str) -> None:
    assert re.search(rf"`{option}[`=]", text)


def test_the_defaults_are_those_stated(text: str) -> None:
    stated = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", text, re.MULTILINE))
    settings = ApiSettings.read({})
    assert {name: float(value) for name, value in stated.items()} == {
        "timeout": settings.timeout,
        "max_concurrency": settings.max_concurrency,
        "max_retries": settings.retries.max_retries,
        "retry_delay": settings.retries.base_delay,
        "patience": settings.patience,
    }
