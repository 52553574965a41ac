"""Models whose attention depends on how long the longest sequence of a pass is.

LongRoPE and dynamic NTK choose the frequencies of the rotary embedding by the last position of a
pass, for all its sequences. Up to the length that the model was first trained for they are plain;
beyond it, what shares a pass has to be equally long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_LENGTHS = ("original_max_position_embeddings", "max_position_embeddings")


def plain_length(model: Any) -> int | None:
    """Most tokens of a sequence whose values depend only on it; None where all do.

    0 where it cannot be told.
    """
    config = model.config.get_text_config().to_dict()
    found = list(_by_length(config))
    flagged = config.get("use_dynamic_ntk") or config.get("use_logn_attn")  # the first Qwen
    if not found and not flagged:
        return None
    lengths = [
        source[name]
        for name in _LENGTHS
        for source in (*found, config)
        if isinstance(source.get(name), int)
    ]
    return min(lengths, default=0)


def forget_lengths(model: Any) -> None:
    """Makes each pass choose its frequencies: dynamic NTK keeps those of the longest so far."""

    def forget(module: Any, _arguments: Any) -> None:
        module.max_seq_len_cached = 0

    for module in model.modules():
        if "dynamic" in str(getattr(module, "rope_type", "")):
            module.register_forward_pre_hook(forget)


def _by_length(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parts of a configuration that name such a rotary embedding."""
    named = str(settings.get("rope_type") or settings.get("type") or "")
    if named in ("longrope", "su") or "dynamic" in named:
        yield settings
    for value in settings.values():
        if isinstance(value, Mapping):
            yield from _by_length(value)
