"""Options as typed values, or an error that names the value."""

from __future__ import annotations

import re

import pytest

from harness.authoring import option_models
from harness.errors import UsageError
from harness_backends.api.settings import ApiSettings


def test_defaults() -> None:
    settings = ApiSettings()
    assert (settings.timeout, settings.max_concurrency, settings.patience) == (300.0, 200, 900.0)
    assert (settings.retries.max_retries, settings.retries.base_delay) == (8, 0.5)
    assert settings.limits.cost is settings.limits.tokens is settings.limits.seconds is None
    assert settings.body(a=1) == {"a": 1}


def test_values() -> None:
    settings = option_models.read(
        ApiSettings,
        {
            "base_url": "http://host:8000/v1/",
            "timeout": "2.5",
            "max_concurrency": "7",
            "max_retries": "0",
            "max_cost": "0.01",
            "max_tokens_total": "9",
            "omit": "b, c",
            "extra_body": '{"d": [1]}',
        },
    )
    assert settings.base_url == "http://host:8000/v1"
    assert (settings.timeout, settings.max_concurrency) == (2.5, 7)
    assert settings.retries.max_retries == 0
    assert (settings.limits.cost, settings.limits.tokens) == (0.01, 9)
    assert settings.body(a=1, b=2, c=3) == {"a": 1, "d": [1]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timeout", "0"),
        ("timeout", "soon"),
        ("timeout", "nan"),
        ("max_concurrency", "0"),
        ("max_concurrency", "2.5"),
        ("max_retries", "-1"),
        ("max_cost", "-2"),
        ("max_seconds", "inf"),
        ("max_tokens_total", "٣"),
        ("extra_body", "[1]"),
        ("extra_body", "{"),
        ("extra_body", "[" * 20_000),
        ("base_url", "localhost:8000"),
        ("base_url", "ftp://host/v1"),
        ("base_url", "http://[bad/v1"),
        ("base_url", "http://host:99999/v1"),
    ],
)
def test_what_is_wrong_is_named(key: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        option_models.read(ApiSettings, {key: value})
    assert re.match(rf"{key}( =|) (is )?{re.escape(repr(value))}", str(caught.value))
    assert "xpected" in str(caught.value)
