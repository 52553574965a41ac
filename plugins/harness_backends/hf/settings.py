"""The backend's options, checked: ``--set KEY=VALUE`` as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from harness.errors import UsageError

Switch: TypeAlias = Literal["auto", "on", "off"]
EngineChoice: TypeAlias = Literal["auto", "tree", "fork", "plain"]


@dataclass(frozen=True, slots=True)
class Settings:
    """``--set`` of the hf backend; see ``HF_OPTIONS`` for what each means."""

    chat_template: Switch = "auto"
    max_length: int | None = None
    revision: str | None = None
    attn_implementation: str | None = None
    engine: EngineChoice = "auto"
    token_budget: int | None = None
    allow_pickle: bool = False
    trust_remote_code: bool = False

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Settings:
        """Checks the values.

        Raises:
            UsageError: A value is not one of those expected.
        """
        return cls(
            chat_template=cast(Switch, _choice(values, "chat_template", ("auto", "on", "off"))),
            max_length=_positive(values, "max_length"),
            revision=values.get("revision"),
            attn_implementation=values.get("attn_implementation"),
            engine=cast(EngineChoice, _choice(values, "engine", ("auto", "tree", "fork", "plain"))),
            token_budget=_positive(values, "token_budget"),
            allow_pickle=_flag(values, "allow_pickle"),
            trust_remote_code=_flag(values, "trust_remote_code"),
        )


def _choice(values: Mapping[str, str], key: str, allowed: tuple[str, ...]) -> str:
    value = values.get(key, allowed[0])
    if value not in allowed:
        raise UsageError(f"{key} = {value!r}", f"Expected one of {', '.join(allowed)}")
    return value


def _positive(values: Mapping[str, str], key: str) -> int | None:
    value = values.get(key)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or int(value) < 2:
        raise UsageError(f"{key} = {value!r}", "Expected a whole number of tokens, at least 2")
    return int(value)


def _flag(values: Mapping[str, str], key: str) -> bool:
    return _choice(values, key, ("false", "true")) == "true"
