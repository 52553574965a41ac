"""A task that asks in rounds: the model answers, is asked why, and a judge grades both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.authoring.metrics import Mean
from harness.authoring.readers import text_files
from harness.config import RunSpec
from harness.protocols import Metric, TaskOptions
from harness.testing import ALL_REQUESTS, FakeBackend
from harness.types import (
    JUDGE,
    MODEL,
    Ask,
    Completion,
    DataSource,
    Generate,
    KeyedRequest,
    Message,
    Response,
    Round,
    Sample,
    Sampling,
    ScoreValue,
    Usage,
)

SHORT = Sampling(max_tokens=4)


def text_of(response: Response) -> str:
    assert isinstance(response, Completion)
    return response.text


class Graded:
    """Two turns with the model, then a judge; a sample whose input is ``stop`` ends at once."""

    name = "graded"
    version = "1"
    metrics: Sequence[Metric] = (Mean("grade"), Mean("rounds"))
    roles: Sequence[str] = (JUDGE,)

    def __init__(self, options: TaskOptions) -> None:
        self.options = options

    def samples(self, data_source: DataSource) -> Iterator[Sample]:
        for line, row in text_files.read_jsonl(data_source.paths[0]):
            yield Sample(str(row.get("id", line)), str(row["text"]), (str(row["text"]),))

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Generate]:
        return [Generate((Message("user", f"say {sample.input}"),), SHORT)]

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        if sample.input == "stop" or len(rounds) == 3:
            return ()
        asked = rounds[-1].asks[0].request
        assert isinstance(asked, Generate)
        assert not isinstance(asked.prompt, str)
        answer = text_of(rounds[-1].responses[0])
        if len(rounds) == 1:
            turns = (*asked.prompt, Message("assistant", answer), Message("user", "why?"))
            return [Ask(MODEL, Generate(turns, SHORT))]
        return [Ask(JUDGE, Generate(f"grade {text_of(rounds[0].responses[0])} / {answer}", SHORT))]

    def score_rounds(self, sample: Sample, rounds: Sequence[Round]) -> Mapping[str, ScoreValue]:
        grades = [text_of(each) for one in rounds for each in one.of(JUDGE)]
        return {"grade": float(grades[0]) if grades else 0.0, "rounds": float(len(rounds))}

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        raise AssertionError("a task that scores rounds is never asked for this")


def talk(request: object) -> Completion:
    """The evaluated model: repeats the first turn, and says because to the second."""
    assert isinstance(request, Generate)
    assert not isinstance(request.prompt, str)
    first = request.prompt[0].content.removeprefix("say ")
    return Completion(first if len(request.prompt) == 1 else f"because {first}")


def grader(grade: Callable[[str], float]) -> Callable[[object], Completion]:
    """A judge that grades what the model said first."""

    def answer(request: object) -> Completion:
        assert isinstance(request, Generate)
        assert isinstance(request.prompt, str)
        first, because = request.prompt.removeprefix("grade ").split(" / ")
        assert because == f"because {first}"
        return Completion(str(grade(first)))

    return answer


class Counting(FakeBackend):
    """Notes the size of each call, and spends a token and a cent an answer."""

    def __init__(self, answer: Any, fingerprint: str) -> None:
        super().__init__(answer, ALL_REQUESTS)
        self.fingerprint, self.calls, self.answers = fingerprint, [], 0

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        self.calls.append(len(requests))
        for pair in super().run(requests):
            self.answers += 1
            self.usage = Usage(completion_tokens=self.answers, cost=self.answers / 100)
            yield pair


def graded_run(path: Path, out: Path, **settings: Any) -> RunSpec:
    roles = settings.pop("roles", {"judge": "other:"})
    return RunSpec("fake:", ("graded",), {"graded": str(path)}, out=out, roles=roles, **settings)
