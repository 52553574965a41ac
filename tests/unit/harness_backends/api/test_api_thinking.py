"""Stop strings and thinking where a server looks for the stop strings itself."""

from __future__ import annotations

from typing import Any

import pytest

from harness.testing import keyed
from harness.types import Completion, Generate, Sampling

THOUGHT = "\nIt is ### no.\n"


def cut(text: str, stop: list[str]) -> str:
    """What a server makes of the stop strings: it looks everywhere."""
    places = [text.find(term) for term in stop if term in text]
    return text[: min(places)] if places else text


@pytest.mark.parametrize(
    ("said", "answer", "thought"),
    [
        (f"<think>{THOUGHT}</think>\n\nyes\nno", "yes", THOUGHT.strip()),
        (f"{THOUGHT}</think>\n\nyes\nno", "yes", THOUGHT.strip()),
        ("\nyes\nno", "\nyes", None),
        ("yes\nno", "yes", None),
    ],
)
@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_the_answer_is_what_comes_after_the_thinking(
    connect: Any, serve: Any, reply: Any, endpoint: str, said: str, answer: str, thought: str | None
) -> None:
    if endpoint == "completions" and said.startswith(THOUGHT):
        pytest.skip("no chat template opens a block there")

    def answered(call: Any) -> Any:
        text = cut(said, call.body.get("stop", []))
        choice = {"text": text} if endpoint == "completions" else {"message": {"content": text}}
        return reply({"choices": [{**choice, "finish_reason": "stop"}]})

    server = serve(answered)
    backend = connect(server.url, endpoint=endpoint, logprobs="none")
    before = len(server.calls)
    (response,) = dict(backend.run(keyed([Generate("p", Sampling(stop=("\n", "###")))]))).values()
    assert response == Completion(answer, "stop", None, None, thought)
    asked = server.calls[before:]
    twice = endpoint == "completions" and said != "yes\nno"
    assert [("stop" in call.body) for call in asked] == (
        [True, False] if twice else [endpoint == "completions"]
    )
