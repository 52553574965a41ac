"""The demo model's tokenizer: a byte-fallback BPE trained on the training text.

A space belongs to the word after it, and a text starts as if a space stood before it, also after
a special token.  So an answer's tokens are the same after ``Answer:`` and after the chat
template's ``<|assistant|>``, and the same as in the passage it is copied from.
"""

from __future__ import annotations

import itertools
import json
import string
from typing import TYPE_CHECKING

from demo_model.corpus import examples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokenizers import Tokenizer
    from tokenizers.models import Model
    from transformers import PreTrainedTokenizerFast

VOCABULARY_SIZE = 2048
BOS, EOS, PAD, USER, ASSISTANT, END = SPECIAL_TOKENS = (
    "<s>", "</s>", "<pad>", "<|user|>", "<|assistant|>", "<|end|>",
)  # fmt: skip

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
_SPACE = "▁"
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))


def train_tokenizer(seed: int, max_length: int, texts: int = 30_000) -> PreTrainedTokenizerFast:
    """Trains the tokenizer on the first ``texts`` examples of the training text."""
    from transformers import PreTrainedTokenizerFast

    lines = (f"{made.prompt} {made.answer}" for made in itertools.islice(examples(seed), texts))
    return PreTrainedTokenizerFast(
        tokenizer_object=_with_bytes(*_learnt(lines)),
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        model_max_length=max_length,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def _splitting(model: Model) -> Tokenizer:
    """A tokenizer around a model: how text is normalized and split into words."""
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend(_SPACE), normalizers.Replace(" ", _SPACE)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(rf"\n|{_SPACE}?[^\W\d_]+|{_SPACE}?\d+|{_SPACE}?[^\w\s{_SPACE}]|{_SPACE}"), "isolated"
    )
    return tokenizer


def _learnt(lines: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The tokens that BPE learns from the text, in order, and its merges."""
    from tokenizers import models, trainers

    learner = _splitting(models.BPE())
    alphabet = [*string.printable[:95], "\n", _SPACE, *"äöüÄÖÜß"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(SPECIAL_TOKENS) - len(_BYTES),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    learner.train_from_iterator(lines, trainer)
    learnt = json.loads(learner.to_str())["model"]
    return list(learnt["vocab"]), [tuple(merge) for merge in learnt["merges"]]


def _with_bytes(tokens: list[str], merges: list[tuple[str, str]]) -> Tokenizer:
    """The whole tokenizer: special tokens, one for each byte, and those that were learnt."""
    from tokenizers import AddedToken, decoders, models, processors

    vocabulary = {token: number for number, token in enumerate([*SPECIAL_TOKENS, *_BYTES, *tokens])}
    tokenizer = _splitting(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True))
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(_SPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, vocabulary[BOS])]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    return tokenizer
