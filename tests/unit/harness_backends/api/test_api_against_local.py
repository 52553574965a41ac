"""A server over a real model, in vLLM's and OpenAI's formats: the local backend's answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import plugins
from harness.config import RunSpec
from harness.errors import ModelError, NothingScoredError, UsageError
from harness.results import runfolder
from harness.run import runner
from harness.testing import check_backend, keyed
from harness.types import (
    Completion,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    Message,
    Request,
    Response,
    RollingLoglikelihood,
    Sampling,
)

pytest.importorskip("torch")
pytest.importorskip("transformers")

LENGTH = 1024  # of the model that the server has
TEXT = "The quick brown fox jumps over the lazy dog. Question: who? Answer: the fox."


def ask(backend: Any, requests: list[Request]) -> list[Response]:
    work = keyed(requests)
    answers = dict(backend.run(work))
    return [answers[each.key] for each in work]


def assert_same(ours: list[Response], expected: list[Response]) -> None:
    assert len(ours) == len(expected)
    for one, other in zip(ours, expected, strict=True):
        if isinstance(other, Failed):
            assert one == other
            continue
        assert isinstance(one, Logprob)
        assert isinstance(other, Logprob)
        assert one.total == pytest.approx(other.total, abs=1e-4)
        assert (one.token_count, one.is_greedy) == (other.token_count, other.is_greedy)


PAIRS: list[Request] = [
    Loglikelihood("The quick brown", " fox"),
    Loglikelihood("The quick brown ", "fox"),
    Loglikelihood("The quick brown\n\n", "\tfox jumps"),
    Loglikelihood("Once upon a tim", "e"),  # one token with what is before it: nothing to score
    Loglikelihood("Überraschung 你", "好 — 42 %"),
    Loglikelihood("Answer:", " the fox."),
    Loglikelihood("Answer:", " the dog."),
    Loglikelihood("", "The quick brown fox"),
    Loglikelihood("  ", "The lazy dog"),
    Loglikelihood("", " time"),
]
# The boundary falls into a token of the whole. By the field's rule the model is fed the context's
# own tokens then; a server that encodes the whole as one string feeds others.
INSIDE_A_TOKEN: list[Request] = [
    Loglikelihood("Once upon a ti", "me there was"),
    Loglikelihood("A", "nswer"),
]
TEXTS: list[Request] = [RollingLoglikelihood(TEXT), RollingLoglikelihood("a")]


def greedy_pairs(backend: Any) -> list[Request]:
    """What the model would say itself after some words of the corpus."""
    contexts = [" ".join(TEXT.split()[:count]) for count in range(1, 14)]
    texts = ask(backend, [Generate(context, Sampling(1)) for context in contexts])
    return [
        Loglikelihood(context, text.text)
        for context, text in zip(contexts, texts, strict=True)
        if isinstance(text, Completion) and text.text.isascii() and text.text.strip()
    ]


@pytest.mark.parametrize("kind", ["vllm", "text-only"])
@pytest.mark.parametrize("by_tokens", [False, True], ids=["by-text", "by-tokens"])
def test_log_likelihoods_are_those_of_the_local_backend(
    kind: str, by_tokens: bool, checkpoint: Path, faithful: Any, connect: Any, local: Any
) -> None:
    values = {"tokenizer": str(checkpoint)} if by_tokens else {}
    backend = connect(
        faithful(checkpoint, kind).url, endpoint="completions", logprobs="auto", **values
    )
    assert backend.describe()["logprobs"] == ("prompt_logprobs" if kind == "vllm" else "echo")
    requests = [*PAIRS, *greedy_pairs(local(checkpoint, chat_template="off"))]
    if by_tokens:
        requests += INSIDE_A_TOKEN + TEXTS
    expected = ask(local(checkpoint, chat_template="off"), requests)
    assert sum(isinstance(response, Failed) for response in expected) >= 1
    assert any(isinstance(each, Logprob) and each.is_greedy for each in expected)
    assert_same(ask(backend, requests), expected)


def test_a_context_is_counted_once_for_all_its_continuations(
    checkpoint: Path, faithful: Any, connect: Any
) -> None:
    server = faithful(checkpoint, "vllm")
    backend = connect(server.url, endpoint="completions", logprobs="prompt_logprobs")
    ask(backend, [Loglikelihood("Answer:", f" {word}") for word in ["the", "fox", "and", "dog"]])
    assert len(server.calls) == 5


def test_chat_models_are_scored_through_their_template(
    checkpoint: Path, faithful: Any, connect: Any, local: Any
) -> None:
    server = faithful(checkpoint, "vllm")
    backend = connect(server.url, endpoint="auto", tokenizer=str(checkpoint))
    assert backend.describe()["endpoint"] == "chat"
    chat = (Message("user", "Who?"), Message("assistant", "The dog."), Message("user", "Sure?"))
    requests = [*PAIRS, *TEXTS, Loglikelihood(chat, " Yes")]
    assert_same(ask(backend, requests), ask(local(checkpoint), requests))


def test_without_a_bos_token_the_tokenizer_is_needed_for_empty_contexts(
    checkpoint_without_bos: Path, faithful: Any, connect: Any, local: Any
) -> None:
    server = faithful(checkpoint_without_bos, "vllm")
    by_text = connect(server.url, endpoint="completions", logprobs="auto")
    with_context = [
        pair for pair in PAIRS if isinstance(pair, Loglikelihood) and pair.context.strip()
    ]  # type: ignore[union-attr]
    expected = ask(local(checkpoint_without_bos, chat_template="off"), PAIRS + TEXTS)
    assert_same(
        ask(by_text, list(with_context)),
        [each for each, pair in zip(expected, PAIRS, strict=False) if pair in with_context],
    )
    with pytest.raises(ModelError, match=r"puts no BOS token.*\n.*tokenizer=FOLDER"):
        ask(by_text, [Loglikelihood("", "The")])
    by_tokens = connect(
        server.url,
        endpoint="completions",
        logprobs="auto",
        tokenizer=str(checkpoint_without_bos),
    )
    assert_same(ask(by_tokens, PAIRS + TEXTS), expected)


def test_long_texts_are_cut_on_the_left_or_windowed_by_tokens(
    checkpoint: Path, faithful: Any, connect: Any, local: Any
) -> None:
    server = faithful(checkpoint, "vllm")
    long = " ".join([TEXT] * 60)
    requests: list[Request] = [Loglikelihood(long, " fox"), RollingLoglikelihood(long)]
    backend = connect(
        server.url, endpoint="completions", logprobs="auto", tokenizer=str(checkpoint)
    )
    room = str(LENGTH - 2)  # a server is sent the last token, too, and makes one more
    expected = ask(local(checkpoint, chat_template="off", max_length=room), requests)
    assert_same(ask(backend, requests), expected)
    by_text = connect(server.url, endpoint="completions", logprobs="auto")
    reason = "too long: status 400: maximum context length is 1024"
    assert ask(by_text, requests[:1]) == [Failed(reason)]
    assert by_text.supports == {Generate, Loglikelihood}


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_texts_are_those_of_the_local_backend(
    endpoint: str, checkpoint: Path, faithful: Any, connect: Any, local: Any
) -> None:
    requests: list[Request] = [
        Generate("Question: who? Answer:", Sampling(max_tokens=12)),
        Generate("The", Sampling(max_tokens=30, stop=("e", "zz"))),
        Generate("Once upon a time ", Sampling(max_tokens=5)),
    ]
    switch = "on" if endpoint == "chat" else "off"
    expected = ask(local(checkpoint, chat_template=switch), requests)
    ours = ask(connect(faithful(checkpoint, "vllm").url, endpoint=endpoint), requests)
    assert [each.text for each in ours] == [each.text for each in expected]  # type: ignore[union-attr]


def test_a_server_that_ignores_the_question_gives_no_log_probabilities(
    checkpoint: Path, faithful: Any, connect: Any
) -> None:
    backend = connect(faithful(checkpoint, "silent").url, endpoint="completions", logprobs="auto")
    assert backend.describe()["logprobs"] == "none"
    assert backend.supports == {Generate}


def test_chat_endpoints_without_a_tokenizer_give_none(
    checkpoint: Path, faithful: Any, connect: Any
) -> None:
    url = faithful(checkpoint, "vllm").url
    assert connect(url, endpoint="chat").supports == {Generate}
    with pytest.raises(UsageError, match="with a chat endpoint"):
        connect(url, endpoint="chat", logprobs="echo")


def test_a_tokenizer_that_cannot_be_loaded_is_named(tmp_path: Path, connect: Any) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        connect("http://127.0.0.1:1/v1", tokenizer=str(tmp_path))


def test_the_tokenizer_is_part_of_what_identifies_the_answers(
    checkpoint: Path, checkpoint_without_bos: Path, faithful: Any, connect: Any
) -> None:
    url = faithful(checkpoint, "vllm").url
    settings = [
        {},
        {"tokenizer": str(checkpoint)},
        {"tokenizer": str(checkpoint_without_bos)},
        {"tokenizer": str(checkpoint), "max_length": "64"},
    ]
    fingerprints = {
        connect(url, endpoint="completions", logprobs="echo", **each).fingerprint
        for each in settings
    }
    assert len(fingerprints) == len(settings)


@pytest.mark.parametrize("kind", ["vllm", "text-only"])
def test_the_contract(kind: str, checkpoint: Path, faithful: Any, connect: Any) -> None:
    backend = connect(faithful(checkpoint, kind).url, endpoint="completions", logprobs="auto")
    texts = [Generate("The quick", Sampling(max_tokens=4)), Generate("A", Sampling(max_tokens=2))]
    check_backend(backend, [*PAIRS, *texts])


QUESTIONS = [
    {"question": "Who jumps over the dog?", "choices": ["the fox", "a town"], "answer": 0},
    {"question": "Where is the town?", "choices": ["by a river", "upon a time"], "answer": 0},
    {"question": "Is the film a joy?", "choices": ["no", "yes", "it is not"], "answer": 1},
]


def test_a_run_scores_as_the_local_one(
    checkpoint: Path, faithful: Any, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = tmp_path / "questions.jsonl"
    rows.write_text("\n".join(map(json.dumps, QUESTIONS)), encoding="utf-8")
    server = faithful(checkpoint, "vllm")
    registry = plugins.load()
    results = []
    for model, values in (
        (str(checkpoint), {"chat_template": "off"}),
        ("openai:tiny", {"base_url": server.url, "endpoint": "completions"}),
        ("openai:tiny", {"base_url": server.url, "endpoint": "chat"}),
        ("openai:tiny", {"base_url": server.url, "endpoint": "completions"}),
    ):
        spec = RunSpec(
            model,
            ("multiple_choice",),
            data={"multiple_choice": str(rows)},
            dtype="float32",
            device="cpu",
            formats=(),
            backend_settings=values,
            prices={"tiny": {"prompt": 1.0, "completion": 2.0}},
        )
        try:
            results.append(runner.run(spec, registry).result)
        except NothingScoredError as error:  # random words name no choice
            results.append(runfolder.read_result(error.folder))
    local_run, by_text, by_chat, again = results
    assert {result.status for result in results} == {"complete"}
    theirs, ours = (run.tasks["multiple_choice"].metrics for run in (local_run, by_text))
    assert ours.keys() == theirs.keys()
    for name, metric in ours.items():
        assert metric.estimate.value == pytest.approx(theirs[name].estimate.value, abs=1e-4)
    assert by_text.usage.cost is not None
    assert by_text.usage.cost > 0
    # Without log-likelihoods, choices are asked for in words; and nothing is asked twice.
    assert by_chat.usage.requests == len(QUESTIONS)
    assert (again.usage.cached, again.usage.requests) == (7, 7)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or key not in path.read_text("utf-8", "replace")
