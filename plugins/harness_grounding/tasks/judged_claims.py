"""``grounded``: is each claim of an answer supported by its source, by a judge (``--judge``)?

Round 1 asks the model, where a row does not bring its answer; round 2 asks every judge about every
sentence of it, with the source before them, which a backend computes once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.authoring import options
from harness.authoring.answers import choices
from harness.authoring.chat import prompt_templates
from harness.authoring.metrics import UNREAD, Mean
from harness.authoring.readers import samples as reading
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.text_files import Row
from harness.errors import UsageError
from harness.protocols import UNCALIBRATED, Metric, RoleModel, Task, TaskOptions
from harness.types import (
    JUDGE,
    Ask,
    Completion,
    DataSource,
    Generate,
    Loglikelihood,
    Request,
    Response,
    Round,
    Sample,
    Sampling,
    ScoreValue,
    Unscored,
)
from harness_grounding.metrics import sources
from harness_grounding.tasks.templates import GROUNDED_TEMPLATES

NAME = "grounded"
SHARE = (0.0, 1.0)
SUPPORTED = 0.5
_FIELDS = frozenset({*sources.FIELDS, "question", "answer"})
_NAMES = (["yes", "true"], ["no", "false"])
PROMPT = (
    "Text: {{ source }}\n\n"
    "{% if input %}Question: {{ input }}\nAnswer:{% else %}Summary of the text:{% endif %}"
)
NOTE = (
    "the judge is uncalibrated: nobody has compared its judgements with people's here "
    "(docs/grounding.md, Does a metric agree with people?)"
)


def read(source: DataSource) -> Iterator[Sample]:
    """Rows with ``source`` (or another field of a source), ``question`` and maybe ``answer``.

    Raises:
        DataError: A file or row cannot be read, or has no source.
    """
    return reading.read(source, _read_row, Header(_FIELDS))


def _read_row(row: Row, place: Place) -> Sample:
    field = next((name for name in sources.FIELDS if row.get(name) not in (None, "", [])), None)
    if field is None:
        raise place.error(
            f"a row with {', '.join(map(str, row))[:100]}", f"one of {', '.join(sources.FIELDS)}"
        )
    text = "\n".join(place.texts(row, field)) if isinstance(row[field], list) else None
    question = place.text(row, "question") if row.get("question") not in (None, "") else ""
    common = reading.shared(row, place, question, _FIELDS)
    facts = {"source": place.text(row, field) if text is None else text}
    if row.get("answer") is not None:
        facts["answer"] = str(place.field(row, "answer", str))
    return Sample(input=question, **{**common, "metadata": {**common["metadata"], **facts}})


@dataclass(frozen=True, slots=True)
class _Judge:
    """Who is asked, and whether by the log-probabilities of yes and no."""

    role: str
    by_logprobs: bool

    def asks(self, prompt: str, tokens: int) -> list[Ask]:
        requests: list[Request] = [Generate(prompt, Sampling(tokens, stop=("\n\n",)))]
        if self.by_logprobs:
            requests = list(choices.loglikelihoods(prompt, ("yes", "no")))
        return [Ask(self.role, each) for each in requests]

    @property
    def each(self) -> int:
        return 2 if self.by_logprobs else 1

    def supported(self, responses: Sequence[Response]) -> float | None:
        """The probability of yes, or 1 or 0; None where neither is said."""
        if self.by_logprobs:
            return choices.softmax(choices.totals(responses))[0]
        (response,) = responses
        assert isinstance(response, Completion)
        place = choices.read(response.text, _NAMES)
        return None if place is None else float(place == 0)


@dataclass(frozen=True, slots=True)
class JudgedClaims:
    """Implements ``Task``, ``FollowUp``, ``ScoresRounds``, ``NeedsRoles`` and ``BoundsRounds``."""

    judges: tuple[_Judge, ...]
    prompt: str
    template: tuple[str, str]
    answer_tokens: int
    judge_tokens: int
    most_claims: int
    name: str = NAME
    version: str = "1"

    @property
    def roles(self) -> Sequence[str]:
        """See ``harness.protocols.NeedsRoles``."""
        return tuple(each.role for each in self.judges)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Shares over an answer's claims; a judge that nobody has checked is called so."""
        shares = [
            Mean(name, bounds=SHARE, calibration=UNCALIBRATED)
            for name in ("supported_claims", "all_supported")
        ]
        return [*shares, Mean("claims", None, bounds=(0.0, float(self.most_claims))), UNREAD]

    @property
    def settings(self) -> Mapping[str, str]:
        """How both are asked."""
        ways = ("logprobs" if each.by_logprobs else "text" for each in self.judges)
        return {
            "judge": ", ".join(ways),
            "template": self.template[0],
            "prompt": self.prompt,
            "answer_tokens": str(self.answer_tokens),
            "most_claims": str(self.most_claims),
        }

    @property
    def scored_by(self) -> Sequence[str]:
        """See ``harness.protocols.DeclaresScoring``."""
        return ("judge", "template", "prompt", "most_claims")

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``.

        Raises:
            UsageError: The data are to come from the hub, which has none.
            DataError: A file or row cannot be read.
        """
        if not data.paths:
            raise UsageError(f"{NAME} has no data set on the hub", f"Give --data {NAME}=FILE.")
        return read(data)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Generate]:
        """What the model is asked; nothing where the row brings the answer.

        Raises:
            ConfigError: A template cannot be filled.
            UsageError: There are solved examples.
        """
        if shots:
            raise UsageError(f"{NAME} shows no solved examples", "Leave out num_fewshot.")
        self._shown(sample, "…")
        if "answer" in sample.metadata:
            return []
        prompt = prompt_templates.render(self.prompt, prompt_templates.variables(sample))
        return [Generate(prompt, Sampling(self.answer_tokens))]

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        """Every judge about every claim, at once."""
        if len(rounds) > self._judged_after(sample):
            return ()
        return self._asks(sample, self._claims(sample, rounds))

    def most(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        """As if every third token ended a sentence."""
        if len(rounds) > self._judged_after(sample):
            return ()
        if "answer" in sample.metadata:
            return self.follow_up(sample, rounds)
        count = min(self.most_claims, max(1, self.answer_tokens // 3))
        return self._asks(sample, [f"the the {number}" for number in range(count)])

    def score_rounds(self, sample: Sample, rounds: Sequence[Round]) -> Mapping[str, ScoreValue]:
        """See ``harness.protocols.ScoresRounds``; an answer without a claim has no share."""
        claims = self._claims(sample, rounds)
        if not claims:
            return {"claims": 0.0}
        found: list[float] = []
        unread = 0
        for place in range(len(claims)):
            said = [self._of_claim(judge, place, rounds[-1]) for judge in self.judges]
            known = [each for each in said if each is not None]
            unread += not known
            if known:
                found.append(float(sum(known) / len(known) >= SUPPORTED))
        values: dict[str, ScoreValue] = {
            "claims": float(len(claims)),
            UNREAD.name: unread / len(claims),
        }
        if not found:
            nothing = Unscored("no judgement could be read")
            return {**values, "supported_claims": nothing, "all_supported": nothing}
        share = sum(found) / len(found)
        # A claim of which nothing is known is not one that is supported.
        whole = float(share == 1) if not unread else 0.0
        return {**values, "supported_claims": share, "all_supported": whole}

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """Never called: see ``score_rounds``."""
        raise NotImplementedError

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:  # noqa: ARG002
        """See ``harness.protocols.HasRemarks``."""
        return (NOTE,)

    # ------------------------------------------------------------------ parts

    def _judged_after(self, sample: Sample) -> int:
        """Rounds before the judges': none where the answer is given."""
        return 0 if "answer" in sample.metadata else 1

    def _claims(self, sample: Sample, rounds: Sequence[Round]) -> list[str]:
        answer = sample.metadata.get("answer")
        if answer is None:
            (response,) = rounds[0].responses
            assert isinstance(response, Completion)
            answer = response.text
        return sources.sentences(str(answer))[: self.most_claims]

    def _asks(self, sample: Sample, claims: Sequence[str]) -> list[Ask]:
        return [
            ask
            for judge in self.judges
            for claim in claims
            for ask in judge.asks(self._shown(sample, claim), self.judge_tokens)
        ]

    def _of_claim(self, judge: _Judge, place: int, judged: Round) -> float | None:
        start = place * judge.each
        return judge.supported(judged.of(judge.role)[start : start + judge.each])

    def _shown(self, sample: Sample, claim: str) -> str:
        values = {**prompt_templates.variables(sample), "claim": claim}
        return prompt_templates.render(self.template[1], values)


def _judges(roles: Mapping[str, RoleModel], way: str) -> tuple[_Judge, ...]:
    """The judges of a run, the first one first; one is needed where none is open yet."""
    named = [role for role in roles if role.partition(".")[0] == JUDGE]
    found = []
    for role in sorted(named, key=lambda each: int(each.partition(".")[2] or 1)):
        can = Loglikelihood in roles[role].supports
        if way == "logprobs" and not can:
            raise UsageError(
                f"{NAME}.reading=logprobs, and {roles[role].model} gives no log-probabilities",
                "Leave it out, or take reading=text.",
            )
        found.append(_Judge(role, can and way != "text"))
    return tuple(found) or (_Judge(JUDGE, way != "text"),)


def open_grounded(chosen: TaskOptions) -> Task:
    """Reads the options.

    Raises:
        HarnessError: One is malformed.
    """
    from harness.authoring import prompts
    from harness_grounding.tasks.settings import Grounded

    given = options.read(Grounded, chosen, NAME)
    return JudgedClaims(
        _judges(chosen.roles, given.reading),
        given.prompt or PROMPT,
        prompts.choose(GROUNDED_TEMPLATES, chosen, None),
        given.answer_tokens,
        given.judge_tokens,
        given.most_claims,
    )
