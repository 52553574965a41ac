"""docs/backends.md names every option, and the defaults it states are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness_backends.api.settings import AnthropicSettings, ApiSettings, OpenAISettings
from harness_backends.vllm.settings import VLLMSettings

MODELS = (OpenAISettings, AnthropicSettings, VLLMSettings)
OPTIONS = sorted({name for model in MODELS for name in model.model_fields})


@pytest.fixture(scope="module")
def text() -> str:
    root = Path(__file__).resolve().parents[4]
    return (root / "docs" / "backends.md").read_text("utf-8")


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_documented(option: str, text: str) -> None:
    assert re.search(rf"`{option}[`=]", text)


def test_the_defaults_are_those_stated(text: str) -> None:
    stated = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", text, re.MULTILINE))
    settings = ApiSettings()
    assert {name: float(value) for name, value in stated.items()} == {
        "timeout": settings.timeout,
        "max_concurrency": settings.max_concurrency,
        "max_retries": settings.retries.max_retries,
        "retry_delay": settings.retries.base_delay,
        "patience": settings.patience,
    }
