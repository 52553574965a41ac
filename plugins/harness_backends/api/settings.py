"""The options of the API backends, checked: ``--set KEY=VALUE`` as typed values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from harness.authoring.readers.text_files import parse_json
from harness.errors import DataError, UsageError
from harness_backends.api.budget import Limits
from harness_backends.api.retrying import RetryPolicy


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What every API backend is told; see ``harness_backends.api.COMMON_OPTIONS``."""

    base_url: str | None = None
    key_variable: str | None = None
    timeout: float = 300.0
    max_concurrency: int = 200
    patience: float = 900.0
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    limits: Limits = field(default_factory=Limits)
    omit: frozenset[str] = frozenset()
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, values: Mapping[str, str]) -> ApiSettings:
        """Checks the values.

        Raises:
            UsageError: A value is not one of those expected.
        """
        return cls(
            base_url=_base_url(values.get("base_url")),
            key_variable=values.get("api_key_env"),
            timeout=number(values, "timeout", 300.0),
            max_concurrency=whole(values, "max_concurrency", 1) or 200,
            patience=number(values, "patience", 900.0),
            retries=RetryPolicy(
                max_retries=8 if "max_retries" not in values else whole(values, "max_retries", 0),
                base_delay=number(values, "retry_delay", 0.5),
            ),
            limits=Limits(
                cost=number(values, "max_cost", None),
                tokens=whole(values, "max_tokens_total", 1) or None,
                seconds=number(values, "max_seconds", None),
            ),
            omit=frozenset(name.strip() for name in values.get("omit", "").split(",") if name),
            extra_body=_json_object(values, "extra_body"),
        )

    def body(self, **parameters: Any) -> dict[str, Any]:
        """A request's parameters without the omitted and with the extra ones."""
        kept = {name: value for name, value in parameters.items() if name not in self.omit}
        return kept | dict(self.extra_body)

    @property
    def identity(self) -> dict[str, object]:
        """What of this can change an answer."""
        return {"omit": sorted(self.omit), "extra_body": dict(self.extra_body)}


def choice(values: Mapping[str, str], key: str, allowed: tuple[str, ...]) -> str:
    """One of ``allowed``, the first by default.

    Raises:
        UsageError: It is none of them.
    """
    value = values.get(key, allowed[0])
    if value not in allowed:
        raise UsageError(f"{key} = {value!r}", f"Expected one of {', '.join(allowed)}")
    return value


def whole(values: Mapping[str, str], key: str, least: int) -> int:
    """A whole number from ``least``; 0 where it is not given.

    Raises:
        UsageError: It is none.
    """
    text = values.get(key)
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise UsageError(f"{key} = {text!r}", f"Expected a whole number from {least}")
    return int(text)


def number(values: Mapping[str, str], key: str, default: Any) -> Any:
    """A positive number.

    Raises:
        UsageError: It is none.
    """
    text = values.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise UsageError(f"{key} = {text!r}", "Expected a positive number")
    return value


def _json_object(values: Mapping[str, str], key: str) -> Mapping[str, Any]:
    text = values.get(key, "{}")
    try:
        value = parse_json(text)
    except DataError:
        value = None
    if not isinstance(value, dict):
        raise UsageError(f"{key} = {text!r}", 'Expected a JSON object such as {"top_k": 1}')
    return value


def _base_url(text: str | None) -> str | None:
    """The address, which is shown in reports and errors: it may hold no secret."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, valid = urlsplit(""), False
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError(
            "base_url holds more than an address",
            "Expected http(s)://HOST[:PORT]/PATH. A key comes from the environment alone.",
        )
    if not valid:
        raise UsageError(f"base_url = {text!r}", "Expected http(s)://HOST[:PORT]/PATH")
    return text.rstrip("/")
