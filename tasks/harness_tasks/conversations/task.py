"""``chat``: the model holds a conversation, and each of its answers is scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from harness.authoring import options
from harness.authoring.metrics import Mean
from harness.errors import UsageError
from harness.protocols import Task, TaskOptions
from harness.types import (
    MODEL,
    Ask,
    Completion,
    DataSource,
    Generate,
    Message,
    Prompt,
    Request,
    Response,
    Round,
    Sample,
    Sampling,
    ScoreValue,
)
from harness_tasks.conversations import reading, rules

_USER, _ASSISTANT = "User:", "Assistant:"


def open_chat(chosen: TaskOptions) -> Task:
    """Conversations of several turns."""
    from harness_tasks.settings import Conversations

    settings = options.read(Conversations, chosen, "chat")
    return Chat(settings.style, settings.max_tokens)


class Chat:
    """Asks turn by turn, with the model's own answers in between; a round is a turn.

    Args:
        style: ``messages``, by the model's chat template, or ``text``.
        max_tokens: Of each answer.
    """

    name = "chat"
    version = "1"
    metrics = (
        Mean("exact_match", bounds=(0.0, 1.0)),
        Mean("f1", bounds=(0.0, 1.0)),
        Mean("rules", bounds=(0.0, 1.0)),
        Mean("all_rules", bounds=(0.0, 1.0)),
        Mean("first_turn_rules", bounds=(0.0, 1.0)),
        Mean("last_turn_rules", bounds=(0.0, 1.0)),
        Mean("answer_words", higher_is_better=None, bounds=(0.0, float("inf"))),
    )

    def __init__(self, style: str, max_tokens: int) -> None:
        stop = (f"\n{_USER}",) if style == "text" else ()
        self._style, self._sampling = style, Sampling(max_tokens=max_tokens, stop=stop)
        self.settings = {
            "style": style,
            "max_tokens": str(max_tokens),
            "answers": "the model's own",
        }
        self.scored_by = ("style", "answers")

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``.

        Raises:
            UsageError: The data are to come from the hub, which has none.
            DataError: A file or row cannot be read.
        """
        if not data.paths:
            raise UsageError("chat has no data set on the hub", "Give --data chat=FILE.")
        return reading.read_conversations(data)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """The first turn, behind the row's system prompt.

        Raises:
            UsageError: There are solved examples.
        """
        if shots:
            raise UsageError("chat shows no solved examples", "Leave out num_fewshot.")
        system = sample.metadata.get("system")
        if self._style == "text":
            before = "" if system is None else f"{system}\n\n"
            return [Generate(f"{before}{_USER} {sample.input}\n{_ASSISTANT}", self._sampling)]
        turns = () if system is None else (Message("system", str(system)),)
        return [Generate((*turns, Message("user", sample.input)), self._sampling)]

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        """See ``harness.protocols.FollowUp``: the next turn, behind the model's answer."""
        turns = reading.turns_of(sample)
        if len(rounds) == len(turns):
            return ()
        asked = rounds[-1].asks[0].request
        assert isinstance(asked, Generate)
        said, turn = _text(rounds[-1].responses[0]), turns[len(rounds)]
        return [Ask(MODEL, Generate(_continued(asked.prompt, said, turn.user), self._sampling))]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """See ``harness.protocols.Task``; there is a response a turn."""
        answers = [_text(each) for each in responses]
        return dict(_scores(reading.turns_of(sample), answers))


def _continued(prompt: Prompt, answer: str, user: str) -> Prompt:
    """A conversation after an answer and the user's next turn."""
    if isinstance(prompt, str):
        return f"{prompt} {answer.strip()}\n{_USER} {user}\n{_ASSISTANT}"
    if prompt[-1].role == "assistant":  # the answer had been begun for the model
        prompt, answer = prompt[:-1], prompt[-1].content + answer
    return (*prompt, Message("assistant", answer), Message("user", user))


def _text(response: Response) -> str:
    assert isinstance(response, Completion)
    return response.text


def _scores(turns: Sequence[reading.Turn], answers: Sequence[str]) -> Iterator[tuple[str, float]]:
    from harness_tasks.metrics import squad

    pairs = list(zip(turns, answers, strict=True))
    for name, measure in (
        ("exact_match", squad.exact_match),
        ("f1", lambda answer, text: squad.f1(answer, text, empty_can_match=False)),
    ):
        known = [
            max(measure(answer, each) for each in turn.references)
            for turn, answer in pairs
            if turn.references
        ]
        if known:
            yield name, fmean(known)
    kept = [rules.kept(answer, turn.rules or {}) for turn, answer in pairs]
    ruled = [each for each in kept if each]
    if ruled:
        every = [holds for each in ruled for holds in each]
        yield "rules", fmean(every)
        yield "all_rules", float(all(every))
    if kept[0] and kept[-1] and len(kept) > 1:  # the same conversation, early and late
        yield "first_turn_rules", fmean(kept[0])
        yield "last_turn_rules", fmean(kept[-1])
    yield "answer_words", fmean(len(answer.split()) for answer in answers)
