"""Task ``arena``: a model's answers against those of a baseline run, by judges in both orders."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from harness import read_result
from harness.authoring import option_models, prompts
from harness.authoring.chat import prompt_templates as templates
from harness.authoring.io.serialization import canonical_hash
from harness.authoring.metrics import Mean
from harness.errors import DataError, UnknownNameError, UsageError
from harness.protocols import Metric, TaskOptions
from harness.types import (
    Ask,
    Completion,
    DataSource,
    Generate,
    Response,
    Round,
    Sample,
    ScoreValue,
    Unscored,
)
from harness_judges.answers import first_answers
from harness_judges.calibration import labels as people
from harness_judges.calibration.labels import Labels
from harness_judges.calibration.record import Calibration
from harness_judges.judging import asking, calibrated, parsing, reading, turns
from harness_judges.judging.asking import Judge
from harness_judges.judging.metrics import LengthControlled, WithLabels
from harness_judges.judging.options import arena_options
from harness_judges.judging.rubrics import PAIR

NAME = "arena"
WON = "win_rate"
TEMPLATES = {"default": PAIR}
UNIT = (0.0, 1.0)
_MEANS = {parsing.FIRST: 1.0, parsing.SECOND: 0.0, parsing.TIE: 0.5}


def open_arena(chosen: TaskOptions) -> ArenaTask:
    """The task.

    Raises:
        HarnessError: An option does not fit, the baseline cannot be read, or a calibration is of
            another judge or prompt.
    """
    values = {key: value for key, value in chosen.values.items() if key != "template"}
    options = option_models.read(arena_options(), values, NAME).model_dump()
    _, template = prompts.choose(TEMPLATES, chosen)
    panel = asking.panel(chosen.roles, options["reading"])
    digest = canonical_hash(template)
    calibration = calibrated.read(options["calibration"], panel, chosen.roles, digest)
    given = people.read(Path(options["labels"])) if options["labels"] else None
    return ArenaTask(
        template,
        panel,
        str(options["prompt"]),
        (int(options["answer_tokens"]), int(options["max_tokens"])),
        (str(options["baseline"]), str(options["baseline_task"])),
        calibration,
        given,
        asking.judges_itself(chosen.roles),
    )


def answers_of(run: Path, task: str) -> Mapping[str, str]:
    """Sample id → the answer that a run gave; the first of repeats.

    Raises:
        DataError: The run cannot be read, or has no generated answers.
        UnknownNameError: It has no such task.
        UsageError: It has several tasks, and none is named.
    """
    tasks = read_result(run).tasks
    if task and task not in tasks:
        raise UnknownNameError("task of the baseline", task, tasks)
    if not task and len(tasks) > 1:
        raise UsageError(
            f"{run} has several tasks: {', '.join(tasks)}", "Give --set arena.baseline_task=NAME."
        )
    found = {
        record.sample.id: record.responses[0].text
        for record in first_answers(run, task or next(iter(tasks)))
        if record.responses and isinstance(record.responses[0], Completion)
    }
    if not found:
        raise DataError(
            "holds no generated answers", path=run, expected="a run of a task that generates text"
        )
    return found


class ArenaTask:
    """Implements ``Task``, ``FollowUp``, ``NeedsRoles`` and ``HasRemarks``.

    Args:
        template: Jinja2 source of what judges see.
        panel: The judges.
        prompt: Template of what the judged model is asked.
        room: Tokens of its answer, and of a judge's.
        baseline: The run folder and its task.
        calibration: What is known of the judges' errors; None where nothing is.
        labels: People's preferences on some of the samples: 1 for the model's answer, 0 for the
            baseline's.
        itself: A sentence where a judge is the model that it judges.
    """

    name = NAME
    version = "1"

    def __init__(
        self,
        template: str,
        panel: Sequence[Judge],
        prompt: str,
        room: tuple[int, int],
        baseline: tuple[str, str],
        calibration: Calibration | None,
        labels: Labels | None,
        itself: str | None,
    ) -> None:
        self._template, self._panel, self._prompt, self._room = template, panel, prompt, room
        self._calibration, self._labels, self._itself = calibration, labels, itself
        self._baseline = baseline
        self.roles = tuple(each.role for each in panel)
        self.metrics = tuple(self._metrics())
        self.settings = {
            "rubric": NAME,
            "rubric_sha256": canonical_hash(template),
            "panel": ", ".join(each.way for each in panel),
            "baseline": Path(baseline[0]).name,
            "prompt": prompt,
            "answer_tokens": str(room[0]),
        }
        self.scored_by = ("rubric_sha256", "panel", "baseline", "prompt")

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """Rows that the baseline has an answer to, with that answer.

        Raises:
            UsageError: No baseline is given, the data are to come from the hub, or are of
                conversations.
            DataError: A file or row cannot be read, or the baseline answers none of the rows.
        """
        reading.check_has_file(data, NAME)
        if not self._baseline[0]:
            raise UsageError(
                "arena compares with the answers of a run, and none is given",
                "Give --set arena.baseline=RUN_FOLDER.",
            )
        others = answers_of(Path(self._baseline[0]), self._baseline[1])
        ids, seen = set(), ""
        for sample in reading.read(data, NAME):
            seen = seen or sample.id
            if len(turns.of(sample)) > 1:
                raise UsageError(
                    f"arena compares single answers, and {sample.id!r} has several turns",
                    "Give rows with an input; the task judge grades conversations.",
                )
            if sample.id in others:
                ids.add(sample.id)
                yield _with_other(sample, others[sample.id])
        if not ids:
            raise DataError(
                f"answers none of the samples, such as {seen!r}; it has {next(iter(others))!r}",
                path=self._baseline[0],
                expected="a run on the same data",
            )
        if self._labels is not None:
            self._labels.check_match(ids)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Generate]:
        """The sample's question; a template that cannot be filled is refused here.

        Raises:
            ConfigError: A template cannot be filled.
            UsageError: There are solved examples.
        """
        self._shown(sample, "…", "…")
        return reading.question(NAME, self._prompt, sample, shots, self._room[0])

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        """See ``harness.protocols.FollowUp``: judges in both orders; equal answers are a tie."""
        (answer,) = rounds[0].responses
        assert isinstance(answer, Completion)
        other = _other(sample)
        if len(rounds) > 1 or answer.text.strip() == other.strip():
            return ()
        return [
            ask
            for judge in self._panel
            for first, second in ((answer.text, other), (other, answer.text))
            for ask in asking.about_pair(judge, self._shown(sample, first, second), self._room[1])
        ]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """See ``harness.protocols.Task``: the answer, then each judge's two judgements."""
        answer = responses[0]
        assert isinstance(answer, Completion)
        length = math.log1p(len(answer.text)) - math.log1p(len(_other(sample)))
        if len(responses) == 1:
            return self._won(0.5, length, sample, answer.text)
        said: list[tuple[int | None, int | None]] = []
        start = 1
        for judge in self._panel:
            step = 2 if judge.by_logprobs else 1
            both = [responses[start : start + step], responses[start + step : start + 2 * step]]
            given, swapped = (asking.preference(judge, each) for each in both)
            said.append((given, swapped))
            start += 2 * step
        flat = [each for pair in said for each in pair]
        decided = [each for each in flat if each in (parsing.FIRST, parsing.SECOND)]
        scores: dict[str, ScoreValue] = {"unread": flat.count(None) / len(flat)}
        if decided:
            scores["first_position"] = decided.count(parsing.FIRST) / len(decided)
        read = [
            (_MEANS[given], 1 - _MEANS[swapped])
            for given, swapped in said
            if given is not None and swapped is not None
        ]
        if not read:
            return scores | {
                WON: Unscored(asking.UNREADABLE),
                "length_controlled": Unscored(asking.UNREADABLE),
            }
        scores["consistency"] = fmean(float(one == other) for one, other in read)
        # A preference in one order only is no preference.
        won = fmean(one if one == other else 0.5 for one, other in read)
        return scores | self._won(won, length, sample, answer.text)

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """See ``harness.protocols.HasRemarks``."""
        yield from calibrated.notes(self._calibration, [WON])
        if self._itself:
            yield self._itself
        if self._labels is not None:
            ids = {each.id for each in samples}
            known = set(self._labels.of(WON, only=True))
            yield f"labels of people for {len(ids & known):,} of {len(ids):,} samples"

    def _metrics(self) -> Iterator[Metric]:
        known = calibrated.words(self._calibration, WON)
        yield Mean(WON, bounds=UNIT, calibration=known)
        yield LengthControlled("length_controlled", known)
        yield Mean("consistency", bounds=UNIT)
        yield Mean("first_position", None, ideal=0.5, bounds=UNIT)
        if self._labels is not None:
            told = f"labels of people on some of the samples ({Path(self._labels.source).name})"
            yield WithLabels(f"{WON}_with_labels", UNIT, told)
        yield Mean("unread", higher_is_better=False, bounds=UNIT)

    def _won(self, won: float, length: float, sample: Sample, answer: str) -> dict[str, ScoreValue]:
        scores: dict[str, ScoreValue] = {WON: won, "length_controlled": (won, length)}
        if self._labels is not None:
            labels = self._labels.of(WON, only=True).get(sample.id, ())
            given = people.people_of(labels, answer, _other(sample))
            label = None if not given else people.consensus(given, binary=False)
            scores[f"{WON}_with_labels"] = (won, 0.0, 0.0) if label is None else (won, 1.0, label)
        return scores

    def _shown(self, sample: Sample, first: str, second: str) -> str:
        return templates.render(
            self._template, {**templates.variables(sample), "first": first, "second": second}
        )


def _with_other(sample: Sample, answer: str) -> Sample:
    return replace(sample, metadata={**sample.metadata, "baseline_answer": answer})


def _other(sample: Sample) -> str:
    return str(sample.metadata["baseline_answer"])
