"""Task ``judge``: a model answers, and one judge or a panel grades the answers by a rubric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from harness.authoring import option_models
from harness.authoring.chat import prompt_templates as templates
from harness.authoring.metrics import Corpus, Mean
from harness.protocols import Metric, TaskOptions
from harness.types import (
    MODEL,
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
from harness_judges.answers import conversation
from harness_judges.calibration import labels as people
from harness_judges.calibration.labels import Label, Labels
from harness_judges.calibration.record import Calibration
from harness_judges.judging import asking, calibrated, grades, reading, turns
from harness_judges.judging.asking import Judge
from harness_judges.judging.metrics import CorrectedShare, WithLabels, noise
from harness_judges.judging.options import judge_options
from harness_judges.judging.options import rubric as chosen_rubric
from harness_judges.judging.rubrics import Rubric

NAME = "judge"


def open_judge(chosen: TaskOptions) -> JudgeTask:
    """The task.

    Raises:
        HarnessError: An option does not fit, or a calibration is of another judge or rubric.
    """
    values = {key: value for key, value in chosen.values.items() if key != "template"}
    options = option_models.read(judge_options(), values, NAME).model_dump()
    rubric = chosen_rubric(chosen, options)
    panel = asking.panel(
        chosen.roles,
        options["reading"],
        int(options["repeats"]),
        float(options["judge_temperature"]),
    )
    calibration = calibrated.read(options["calibration"], panel, chosen.roles, rubric.sha256)
    given = people.read(Path(options["labels"])) if options["labels"] else None
    return JudgeTask(
        rubric,
        panel,
        str(options["prompt"]),
        (int(options["answer_tokens"]), int(options["max_tokens"])),
        calibration,
        given,
        asking.judges_itself(chosen.roles),
    )


class JudgeTask:
    """Implements ``Task``, ``FollowUp``, ``NeedsRoles`` and ``HasRemarks``.

    Args:
        rubric: What is judged.
        panel: The judges.
        prompt: Template of what the judged model is asked.
        room: Tokens of its answer, and of a judge's.
        calibration: What is known of the judges' errors; None where nothing is.
        labels: People's labels of some of the samples.
        itself: A sentence where a judge is the model that it judges.
    """

    name = NAME
    version = "1"

    def __init__(
        self,
        rubric: Rubric,
        panel: Sequence[Judge],
        prompt: str,
        room: tuple[int, int],
        calibration: Calibration | None,
        labels: Labels | None,
        itself: str | None,
    ) -> None:
        self._rubric, self._panel, self._prompt, self._room = rubric, panel, prompt, room
        self._calibration, self._labels, self._itself = calibration, labels, itself
        self.roles = tuple(each.role for each in panel)
        self.metrics = tuple(self._metrics())
        self.settings = {
            "rubric": rubric.name,
            "rubric_sha256": rubric.sha256,
            "kind": rubric.kind,
            "scale": f"{rubric.low}-{rubric.high}" if rubric.kind == "score" else "yes or no",
            "panel": ", ".join(each.way for each in panel),
            "judge_repeats": str(panel[0].repeats),
            "judge_temperature": f"{panel[0].temperature:g}",
            "prompt": prompt,
            "answer_tokens": str(room[0]),
        }
        self.scored_by = ("rubric_sha256", "panel", "prompt")

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``.

        Raises:
            UsageError: The data are to come from the hub, which has none.
            DataError: A file or row cannot be read.
        """
        ids = set()
        for sample in reading.read(data, NAME):
            ids.add(sample.id)
            yield sample
        if self._labels is not None:
            self._labels.check_match(ids)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Generate]:
        """The sample's question; a rubric that cannot be filled is refused here.

        Raises:
            ConfigError: A template cannot be filled.
            UsageError: There are solved examples.
        """
        self._shown(sample, ["…"], 0)
        plain = reading.question(NAME, self._prompt, sample, shots, self._room[0])
        if not turns.of(sample):
            return plain
        return [turns.question(sample, self._said(sample, 1), (), self._room[0])]

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        """See ``harness.protocols.FollowUp``: the turns, then every judge about everything."""
        count = _count(sample)
        answers = [_text(each.responses[0]) for each in rounds[:count]]
        if len(rounds) < count:
            said = self._said(sample, len(rounds) + 1)
            return [Ask(MODEL, turns.question(sample, said, answers, self._room[0]))]
        if len(rounds) > count:
            return ()
        return [
            ask
            for number in range(count)
            for judge in self._panel
            for place in range(len(self._rubric.criteria))
            for ask in asking.about_criterion(
                judge,
                self._rubric,
                self._shown(sample, answers[: number + 1], place),
                self._room[1],
            )
        ]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """See ``harness.protocols.Task``: the answers, then each judge on each criterion.

        Of a conversation a grade is the mean over its turns, all of which must have been read.
        """
        count = _count(sample)
        answer = self._answer(sample, [_text(each) for each in responses[:count]])
        by_turn = self._by_turn(responses[count:], count)
        each_time = [criteria for turn in by_turn for criteria in turn]
        every = [value for criteria in each_time for values in criteria for value in values]
        scores: dict[str, ScoreValue] = {"unread": every.count(None) / len(every)}
        said = [
            [[grades.mean_of_read(values) for values in criteria] for criteria in turn]
            for turn in by_turn
        ]
        graded = [self._grades(each) for each in said]
        for place, criterion in enumerate(self._rubric.criteria):
            value = grades.mean_of_all([each[place] for each in graded])
            scores[criterion.name] = Unscored(asking.UNREADABLE) if value is None else value
            if value is None:
                continue
            if self._corrected(criterion.name):
                scores[f"{criterion.name}_corrected"] = value
            if self._labelled(criterion.name):
                given = self._of_people(criterion.name).get(sample.id, ())
                scores[f"{criterion.name}_with_labels"] = self._pair(given, answer, value)
        self._add_whole(scores, graded)
        if len(self._panel) > 1:
            each_judge = list(zip(*said, strict=True))
            self._add_agreement(scores, [[v for turn in one for v in turn] for one in each_judge])
        if self._repeats:
            scores["judge_noise"] = grades.within([v for criteria in each_time for v in criteria])
        return scores

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """See ``harness.protocols.HasRemarks``."""
        names = [each.name for each in self._rubric.criteria]
        yield from calibrated.notes(self._calibration, names)
        if self._itself:
            yield self._itself
        if self._labels is not None:
            ids = {each.id for each in samples}
            for criterion in self._rubric.criteria:
                known = self._of_people(criterion.name)
                yield (
                    f"{criterion.name}: labels of people for {len(ids & set(known)):,} of "
                    f"{len(ids):,} samples, taken to be drawn at random"
                    + (
                        f"; {len(set(known) - ids):,} labels are of no sample"
                        * bool(set(known) - ids)
                    )
                )

    # ------------------------------------------------------------------ parts

    def _metrics(self) -> Iterator[Metric]:
        rubric, known = self._rubric, self._calibration
        bounds = (float(rubric.low), float(rubric.high)) if rubric.kind == "score" else (0.0, 1.0)
        whole = "overall" if rubric.kind == "score" else "met"
        words = {each.name: self._words(each.name) for each in rubric.criteria}
        for criterion in rubric.criteria:
            yield Mean(criterion.name, bounds=bounds, calibration=words[criterion.name])
        if len(rubric.criteria) > 1:
            told = calibrated.together(list(words.values()))
            yield Mean(whole, bounds=bounds, calibration=told)
        for criterion in rubric.criteria:
            if self._corrected(criterion.name):
                assert known is not None
                counts = known.criteria[criterion.name]
                assert counts.positive is not None and counts.negative is not None
                yield CorrectedShare(
                    f"{criterion.name}_corrected", counts.positive, counts.negative,
                    words[criterion.name],
                )  # fmt: skip
            if self._labelled(criterion.name):
                told = f"labels of people on some of the samples ({self._source()})"
                yield WithLabels(f"{criterion.name}_with_labels", bounds, told)
        if len(self._panel) > 1:
            from harness.stats.agreement import IntervalAlpha

            yield Corpus("panel_alpha", IntervalAlpha(), bounds=(-1.0, 1.0))
        if self._repeats:
            yield Corpus("judge_noise", noise, higher_is_better=False)
        yield Mean("unread", higher_is_better=False, bounds=(0.0, 1.0))

    def _words(self, criterion: str) -> str:
        return calibrated.words(self._calibration, criterion)

    def _source(self) -> str:
        return "" if self._labels is None else Path(self._labels.source).name

    def _corrected(self, criterion: str) -> bool:
        known = None if self._calibration is None else self._calibration.criteria.get(criterion)
        return (
            known is not None
            and not known.too_few
            and known.positive is not None
            and known.negative is not None
        )

    def _labelled(self, criterion: str) -> bool:
        return bool(self._of_people(criterion))

    def _of_people(self, criterion: str) -> Mapping[str, Sequence[Label]]:
        if self._labels is None:
            return {}
        return self._labels.of(criterion, len(self._rubric.criteria) == 1)

    def _pair(self, labels: Sequence[Label], answer: str, value: float) -> tuple[float, ...]:
        given = people.people_of(labels, answer)
        label = None if not given else people.consensus(given, self._rubric.kind == "binary")
        return (value, 0.0, 0.0) if label is None else (value, 1.0, label)

    def _said(self, sample: Sample, count: int) -> list[str]:
        """What the user says in the first turns, as the model is asked."""
        variables = templates.variables(sample)
        return [
            templates.render(self._prompt, {**variables, "input": each.user})
            for each in turns.of(sample)[:count]
        ]

    def _answer(self, sample: Sample, answers: Sequence[str]) -> str:
        """What is judged, as people see it: the answer, or the conversation from it on."""
        later = self._said(sample, len(answers))[1:]
        return conversation(answers[0], zip(later, answers[1:], strict=True))

    def _shown(self, sample: Sample, answers: Sequence[str], place: int) -> str:
        """What a judge sees of the last of these answers, and of those before it."""
        criterion = self._rubric.criteria[place]
        variables = dict(templates.variables(sample))
        if found := turns.of(sample):
            said = self._said(sample, len(answers))
            variables["input"] = turns.shown(sample, said, answers[:-1])
            variables["reference"] = found[len(answers) - 1].reference
        return templates.render(
            self._rubric.template,
            {
                **variables,
                "answer": answers[-1],
                "criterion": criterion.name,
                "description": criterion.description,
            },
        )

    @property
    def _repeats(self) -> bool:
        return any(each.repeats > 1 and not each.by_logprobs for each in self._panel)

    def _by_turn(
        self, responses: Sequence[Response], count: int
    ) -> list[list[list[list[float | None]]]]:
        """Turn, judge, criterion → what the judge says, each time it was asked."""
        found, start = [], 0
        for _ in range(count):
            of_turn = []
            for judge in self._panel:
                step = asking.requests_each(judge, self._rubric)
                ends = range(start, start + step * len(self._rubric.criteria), step)
                of_turn.append(
                    [asking.judgements(judge, self._rubric, responses[p : p + step]) for p in ends]
                )
                start = ends.stop
            found.append(of_turn)
        return found

    def _grades(self, said: Sequence[Sequence[float | None]]) -> list[float | None]:
        """What the judges say together of each criterion in one turn."""
        return [
            self._together([each for each in values if each is not None])
            for values in zip(*said, strict=True)
        ]

    def _together(self, values: Sequence[float]) -> float | None:
        """A panel's mean, or its majority where it says yes or no; a tie is a half."""
        if not values:
            return None
        if self._rubric.kind == "score" or len(values) == 1:
            return fmean(values)
        votes = [0.5 if each == 0.5 else float(each > 0.5) for each in values]
        mean = fmean(votes)
        return 0.5 if mean == 0.5 else float(mean > 0.5)

    def _add_whole(
        self, scores: dict[str, ScoreValue], graded: Sequence[Sequence[float | None]]
    ) -> None:
        if len(self._rubric.criteria) < 2:
            return
        name = "overall" if self._rubric.kind == "score" else "met"
        read = [[each for each in turn if each is not None] for turn in graded]
        if any(len(turn) < len(self._rubric.criteria) for turn in read):
            scores[name] = Unscored(asking.UNREADABLE)
        elif self._rubric.kind == "score":
            scores[name] = fmean(map(fmean, read))
        else:
            scores[name] = fmean(float(min(turn) > 0.5) for turn in read)

    def _add_agreement(
        self, scores: dict[str, ScoreValue], said: Sequence[Sequence[float | None]]
    ) -> None:
        """The judges' agreement on the criteria that two or more of them could be read on."""
        from harness.stats.agreement import interval_statistics

        middle = (self._rubric.low + self._rubric.high) / 2 if self._rubric.kind == "score" else 0.5
        together = [
            [each for each in values if each is not None] for values in zip(*said, strict=True)
        ]
        shared = [each for each in together if len(each) > 1]
        if shared:
            statistics = interval_statistics(shared, middle).sum(axis=0)
            scores["panel_alpha"] = tuple(float(each) for each in statistics)


def _count(sample: Sample) -> int:
    """Answers of the model: one a turn."""
    return len(turns.of(sample)) or 1


def _text(response: Response) -> str:
    assert isinstance(response, Completion)
    return response.text
