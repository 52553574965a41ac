"""The plain path against one-by-one calls of transformers, on every architecture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.protocols import BackendOptions
from harness.types import (
    Classify,
    Completion,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    RollingLoglikelihood,
    Sampling,
)
from harness_backends.hf import open_hf

PAIRS = [
    ("The quick brown", " fox jumps over"),
    ("Question: who sells sea shells? Answer:", " she"),
    ("the", " river is long, and the town is old, and then it begins again"),
    ("", "She sells sea shells"),
    ("One two three four five ", "six"),
]
PROMPTS = ["The quick", "Question: who sells sea shells? Answer:", "the river and", ""]
LONG = "the town is old and the river is long. " * 12


def open_plain(folder: Path, **options: Any) -> Any:
    return open_hf(BackendOptions(str(folder), values={"engine": "plain"}, **options))


@torch.inference_mode()
def reference_score(model: Any, tokens: list[int], targets: int) -> float:
    logits = model(torch.tensor([tokens[:-1]])).logits[0].float()
    logprobs = logits.log_softmax(-1)
    scored = range(len(tokens) - targets, len(tokens))
    return float(sum(logprobs[at - 1, tokens[at]] for at in scored))


def reference_tokens(backend: Any, pair: tuple[str, str]) -> tuple[list[int], int]:
    tokenizer = backend.checkpoint.tokenizer
    context, continuation = pair
    if not context:
        ids = tokenizer.encode(continuation, add_special_tokens=False)
        return [0, *ids], len(ids)
    stripped = context.rstrip()
    whole = tokenizer.encode(context + continuation)
    return whole, len(whole) - len(tokenizer.encode(stripped))


def test_scores_are_those_of_single_calls(
    architecture: str, checkpoint_folder: Callable[[str], Path], answers: Callable[..., list[Any]]
) -> None:
    backend = open_plain(checkpoint_folder(architecture))
    requests = [Loglikelihood(*pair) for pair in PAIRS]
    for pair, answer in zip(PAIRS, answers(backend, requests), strict=True):
        tokens, targets = reference_tokens(backend, pair)
        expected = reference_score(backend.checkpoint.model, tokens, targets)
        assert answer.total == pytest.approx(expected, abs=1e-4)
        assert answer.token_count == targets


def test_texts_are_those_of_single_calls(
    architecture: str, checkpoint_folder: Callable[[str], Path], answers: Callable[..., list[Any]]
) -> None:
    backend = open_plain(checkpoint_folder(architecture))
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    requests = [Generate(prompt, Sampling(max_tokens=12)) for prompt in PROMPTS]
    for prompt, answer in zip(PROMPTS, answers(backend, requests), strict=True):
        ids = torch.tensor([tokenizer.encode(prompt)])
        made = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False
        )[0, ids.shape[1] :]
        assert answer.text == tokenizer.decode(made, skip_special_tokens=True)
        assert answer.tokens == len(made)


def test_is_greedy_marks_what_the_model_would_say(
    checkpoint_folder: Callable[[str], Path], answers: Callable[..., list[Any]]
) -> None:
    backend = open_plain(checkpoint_folder("llama"))
    (said,) = answers(backend, [Generate("The quick brown", Sampling(max_tokens=1))])
    greedy, other = answers(
        backend,
        [Loglikelihood("The quick brown", said.text), Loglikelihood("The quick brown", " zq")],
    )
    assert greedy.is_greedy
    assert greedy.total == pytest.approx(said.logprob, abs=1e-4)
    assert not other.is_greedy


def test_rolling_sums_windows(
    checkpoint_folder: Callable[[str], Path], answers: Callable[..., list[Any]]
) -> None:
    backend = open_plain(checkpoint_folder("llama"))
    tokens = backend.checkpoint.tokenizer.encode(LONG, add_special_tokens=False)
    assert len(tokens) > 128
    (answer,) = answers(backend, [RollingLoglikelihood(LONG)])
    expected = reference_score(backend.checkpoint.model, [0, *tokens[:128]], 128)
    rest = len(tokens) - 128
    expected += reference_score(backend.checkpoint.model, tokens[-129:], rest)
    assert answer.total == pytest.approx(expected, abs=1e-3)
    assert answer.token_count == len(tokens)


def test_answers_do_not_depend_on_batch_or_order(
    architecture: str, checkpoint_folder: Callable[[str], Path], answers: Callable[..., list[Any]]
) -> None:
    sampled = Sampling(max_tokens=8, temperature=0.8, top_p=0.9, seed=3)
    requests = [
        *[Loglikelihood(*pair) for pair in PAIRS],
        *[Generate(prompt, Sampling(max_tokens=8, stop=(".", "e "))) for prompt in PROMPTS],
        *[Generate(prompt, sampled) for prompt in PROMPTS],
    ]
    folder = checkpoint_folder(architecture)
    one = answers(open_plain(folder, batch_size=1), requests)
    many = answers(open_plain(folder), requests)
    back = answers(open_plain(folder, batch_size=3), requests[::-1])[::-1]
    for first, second, third in zip(one, many, back, strict=True):
        for other in (second, third):
            if isinstance(first, Logprob):
                assert other.total == pytest.approx(first.total, abs=1e-4)
                assert other.is_greedy == first.is_greedy
            else:
                assert (other.text, other.finish_reason) == (first.text, first.finish_reason)


def test_requests_that_cannot_be_answered_fail_alone(
    checkpoint_folder: Callable[[str], Path], answers: Callable[..., list[Any]]
) -> None:
    backend = open_plain(checkpoint_folder("llama"))
    found = answers(
        backend,
        [
            Loglikelihood("the", LONG),
            Generate("the", Sampling(max_tokens=128)),
            Generate("the", Sampling(max_tokens=4, n=2)),
            Classify("the", ("a", "b")),
            Loglikelihood("the", ""),
            RollingLoglikelihood("the"),
            Generate(LONG, Sampling(max_tokens=4)),
        ],
    )
    assert [type(answer) for answer in found] == [Failed] * 4 + [Logprob, Logprob, Completion]
    assert found[4] == Logprob(0.0, 0, True)
    assert backend.describe()["truncated"] == 1
    assert backend.usage.requests == 7


def test_usage_counts_tokens(
    checkpoint_folder: Callable[[str], Path], answers: Callable[..., list[Any]]
) -> None:
    backend = open_plain(checkpoint_folder("llama"))
    _, text = answers(
        backend, [Loglikelihood("the", " river"), Generate("the sea", Sampling(max_tokens=5))]
    )
    tokenizer = backend.checkpoint.tokenizer
    usage = backend.usage
    prompt = len(tokenizer.encode("the river")) - 1 + len(tokenizer.encode("the sea"))
    assert usage.prompt_tokens == prompt
    assert usage.completion_tokens == text.tokens
    assert usage.computed_tokens + usage.reused_tokens == prompt + text.tokens
