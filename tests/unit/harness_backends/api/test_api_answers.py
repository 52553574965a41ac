"""Reading what servers send, which may be anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_backends.api import answers
from harness_backends.api.answers import TokenLogprob
from harness_backends.api.failures import RequestError

NAMES = (
    *("choices", "message", "content", "text", "finish_reason", "stop_reason", "logprobs"),
    *("token_logprobs", "top_logprobs", "prompt_logprobs", "usage", "prompt_tokens"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES) | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_comes_is_read_or_called_malformed(value: Any) -> None:
    def chat(answer: dict[str, Any]) -> object:
        return answers.chat_text(answers.openai_choice(answer))

    def text(answer: dict[str, Any]) -> object:
        return answers.text_of(answers.openai_choice(answer))

    def echoed(answer: dict[str, Any]) -> object:
        return answers.echoed_logprobs(answer, None)

    readers = [chat, text, echoed, answers.vllm_logprobs, answers.message_text]
    for reader in [*readers, answers.openai_usage, answers.message_usage]:
        for candidate in (value, {"choices": [value]}, {"choices": [{"message": value}]}):
            try:
                reader(candidate if isinstance(candidate, dict) else {})
            except RequestError as error:
                assert str(error).startswith(("malformed answer: ", "content filter: "))


@given(st.text())
def test_text_that_can_be_written_stays_as_it_is(text: str) -> None:
    written = "".join(char for char in text if not "\ud800" <= char <= "\udfff")
    assert answers.clean(written) == written
    answers.clean(text).encode("utf-8")


def echo(values: list[Any], tops: list[Any], count: int) -> dict[str, Any]:
    logprobs = {"token_logprobs": values, "top_logprobs": tops}
    return {"choices": [{"logprobs": logprobs}], "usage": {"prompt_tokens": count}}


def test_echoed_log_probabilities() -> None:
    tops = [None, {" a": -1.0}, {" b": -0.5}, {" c": -0.1}]
    answer = echo([None, -1.0, -2.0, -0.1], tops, 3)
    expected = [None, TokenLogprob(-1.0, True), TokenLogprob(-2.0, False)]
    assert answers.echoed_logprobs(answer, None) == expected
    assert answers.echoed_logprobs(answer, 3) == expected


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (echo([None, -1.0], [None, {}], 3), None),  # fewer than there are tokens
        (echo([None, -1.0, -1.0], [None, {}, {}], 3), 2),  # a BOS was put before the ids
        (echo([None, "x"], [None, {}], 2), None),
        (echo([None, float("nan")], [None, {}], 2), None),
        (echo([], [], 0), None),
    ],
)
def test_misaligned_log_probabilities_are_refused(answer: dict[str, Any], sent: int | None) -> None:
    with pytest.raises(RequestError):
        answers.echoed_logprobs(answer, sent)


def entry(logprob: float, rank: int) -> dict[str, Any]:
    return {"logprob": logprob, "rank": rank, "decoded_token": "x"}


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ({"5": entry(-0.2, 1)}, TokenLogprob(-0.2, True)),
        ({"5": entry(-3.0, 9), "7": entry(-0.2, 1)}, TokenLogprob(-3.0, False)),
        ({"7": entry(-0.2, 1), "5": entry(-3.0, 9)}, TokenLogprob(-3.0, False)),
        ({"5": entry(-0.7, 1), "7": entry(-0.7, 1)}, TokenLogprob(-0.7, True)),
        ({"5": -0.2}, TokenLogprob(-0.2, True)),
    ],
)
def test_vllms_positions_in_either_order(position: Any, expected: TokenLogprob) -> None:
    answer = {"choices": [{"prompt_logprobs": [None, position]}]}
    assert answers.vllm_logprobs(answer) == [None, expected]
