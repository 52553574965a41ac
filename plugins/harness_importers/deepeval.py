"""deepeval: the JSON of a test run, as it is kept in DEEPEVAL_RESULTS_FOLDER or ``.deepeval``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.protocols import ImportedMetric, ImportedRun, ImportedTask
from harness.types import Completion, Generate, Message, Sample, SampleRecord, ScoreValue, Unscored
from harness_importers import reading
from harness_importers.reading import mapping, need, number, sequence, text

_PASSED = "passed"


class Deepeval:
    """See ``harness.protocols.Importer``."""

    def recognises(self, source: Path) -> bool:
        """By its test cases."""
        return bool(_cases(_document(source)))

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """One run; deepeval keeps one a file."""
        found = _document(source)
        cases = [
            need(each, dict, f"testCases[{place}]", source)
            for place, each in enumerate(_cases(found))
        ]
        model = mapping(found.get("hyperparameters")).get("model")
        name = text(found.get("datasetAlias")) or text(found.get("testFile")) or "deepeval"
        scores = [_scores(case) for case in cases]
        metrics = {_PASSED: ImportedMetric(higher_is_better=True, bounds=reading.UNIT)}
        for key in dict.fromkeys(key for each in scores for key in each if key != _PASSED):
            metrics[key] = ImportedMetric(
                _published(found, key), higher_is_better=_direction(cases, key)
            )
        records = [_record(case, each) for case, each in zip(cases, scores, strict=True)]
        task = ImportedTask(name, metrics, "unknown", name, records)
        shown = text(model) if isinstance(model, str) else ""
        return [ImportedRun(shown or text(found.get("identifier")) or source.stem, [task],
                            "deepeval")]  # fmt: skip


def _document(source: Path) -> Mapping[str, Any]:
    found = reading.object_of(source) if source.is_file() else {}
    return mapping(found.get("testRunData")) or found


def _get(case: Mapping[str, Any], camel: str, snake: str) -> Any:
    """A field under either of the names that versions give it."""
    return case.get(camel, case.get(snake))


def _cases(found: Mapping[str, Any]) -> Sequence[Any]:
    cases = [
        *sequence(_get(found, "testCases", "test_cases")),
        *sequence(_get(found, "conversationalTestCases", "conversational_test_cases")),
    ]
    data = ("metricsData", "metrics_data")
    return cases if any(mapping(case).keys() & set(data) for case in cases) else ()


def _measured(case: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [mapping(each) for each in sequence(_get(case, "metricsData", "metrics_data"))]


def _scores(case: Mapping[str, Any]) -> dict[str, ScoreValue]:
    """The case's scores by metric; a metric that failed has none."""
    found: dict[str, ScoreValue] = {}
    for each in _measured(case):
        name, value = text(each.get("name")) or "metric", number(each.get("score"))
        name = f"{name}_{len(found)}" if name in found else name
        reason = text(each.get("error")) or "no score"
        found[name] = Unscored(reason) if value is None or each.get("error") else value
    success = case.get("success")
    if isinstance(success, bool):
        found[_PASSED] = float(success)
    return found


def _published(found: Mapping[str, Any], metric: str) -> float | None:
    """The mean of what the file lists for the metric."""
    for each in map(mapping, sequence(_get(found, "metricsScores", "metrics_scores"))):
        values = [number(value) for value in sequence(each.get("scores"))]
        known = [value for value in values if value is not None]
        if text(each.get("metric")) == metric and known:
            return sum(known) / len(known)
    return None


def _direction(cases: Sequence[Mapping[str, Any]], metric: str) -> bool | None:
    """By which side of the threshold passes; None where both or neither do."""
    sides = set()
    for case in cases:
        for each in _measured(case):
            score, threshold = number(each.get("score")), number(each.get("threshold"))
            passed = each.get("success")
            known = text(each.get("name")) == metric and isinstance(passed, bool)
            if known and score is not None and threshold is not None and score != threshold:
                sides.add((score > threshold) == passed)
    return sides.pop() if len(sides) == 1 else None


def _record(case: Mapping[str, Any], scores: Mapping[str, ScoreValue]) -> SampleRecord:
    turns = [mapping(each) for each in sequence(case.get("turns"))]
    said = text(_get(case, "actualOutput", "actual_output"))
    asked = text(case.get("input")) or text(case.get("scenario"))
    expected = _get(case, "expectedOutput", "expected_output")
    prompt = Generate(asked)
    if turns:
        shown = [Message(text(each.get("role")) or "user", text(each.get("content")))
                 for each in turns]  # fmt: skip
        prompt, said = Generate(tuple(shown[:-1]) or asked), shown[-1].content
    name = reading.content_id(case.get("name"), case.get("order"), asked, expected)
    targets = () if expected is None else (text(expected),)
    sample = Sample(name, asked, targets)
    return SampleRecord(sample, (prompt,), (Completion(said),), scores)


IMPORTER = Deepeval()
