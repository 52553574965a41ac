"""Language codes of multilingual encoder-decoders (mBART, mBART-50, M2M-100, NLLB)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.authoring.chat.encoding import Tokens
from harness.errors import UsageError
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.settings import Settings


@dataclass(frozen=True, slots=True)
class Languages:
    """What the languages make of a checkpoint.

    Attributes:
        source: The code that the tokenizer puts beside the source; None where it puts none.
        target: The code that the decoder is made to start with; None for none.
        decoder_start: What the decoder sees before the first scored token.
    """

    source: str | None
    target: str | None
    decoder_start: Tokens


def set_languages(checkpoint: Checkpoint, settings: Settings) -> Languages:
    """Sets the tokenizer's source language and the decoder's target language.

    Raises:
        UsageError: The tokenizer has no languages, not this one, or a target has to be named.
    """
    tokenizer, model = checkpoint.tokenizer, checkpoint.model
    codes = _codes(tokenizer)
    for option in ("source_lang", "target_lang"):
        code = getattr(settings, option)
        if code is not None and code not in codes:
            raise UsageError(*_unknown(option, code, codes))
    if settings.source_lang is not None:
        tokenizer.src_lang = settings.source_lang
    form = model.generation_config
    start = form.decoder_start_token_id
    if settings.target_lang is not None:
        tokenizer.tgt_lang = settings.target_lang
        token = codes[settings.target_lang]
        if start is None or start in codes.values():  # mBART starts with the language itself
            form.decoder_start_token_id, form.forced_bos_token_id = token, None
        else:
            form.forced_bos_token_id = token
    elif codes and start not in codes.values() and form.forced_bos_token_id not in codes.values():
        raise UsageError(
            "the model writes many languages, and none is named",
            f"Say which: --set target_lang=CODE (and source_lang=CODE), such as {_some(codes)}",
        )
    if form.decoder_start_token_id is None:
        raise UsageError(
            f"{checkpoint.name} does not say how its decoder starts",
            "Set decoder_start_token_id in generation_config.json",
        )
    first: Tokens = (int(form.decoder_start_token_id),)
    if form.forced_bos_token_id in codes.values():
        first = (*first, int(form.forced_bos_token_id))
    written = settings.target_lang or next(
        (code for code, token in codes.items() if token == first[-1]), None
    )
    return Languages(getattr(tokenizer, "src_lang", None) if codes else None, written, first)


def _codes(tokenizer: Any) -> dict[str, int]:
    """Language code → token id; empty for a tokenizer of no languages."""
    if not hasattr(tokenizer, "src_lang"):
        return {}
    known = getattr(tokenizer, "lang_code_to_id", None)
    if known is None:  # NLLB keeps its codes among the special tokens
        named = {
            tokenizer.bos_token,
            tokenizer.eos_token,
            tokenizer.unk_token,
            tokenizer.pad_token,
            tokenizer.mask_token,
            tokenizer.sep_token,
            tokenizer.cls_token,
        }
        extra = [token for token in tokenizer.all_special_tokens if token not in named]
        known = {token: tokenizer.convert_tokens_to_ids(token) for token in extra}
    unknown = tokenizer.unk_token_id
    return {code: int(token) for code, token in known.items() if token not in (None, unknown)}


def _unknown(option: str, code: str, codes: dict[str, int]) -> tuple[str, str]:
    if not codes:
        return (
            f"{option} = {code!r}, and the model's tokenizer has no language codes",
            "Leave it out; a model that wants its languages in words has them in the template",
        )
    return f"{option} = {code!r} is none of the model's languages", f"Expected {_some(codes)}"


def _some(codes: dict[str, int]) -> str:
    names = sorted(codes)
    return ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
