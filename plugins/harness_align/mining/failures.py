"""Failures of a stored run become training data, or a queue for annotators.

wrong          scored below the best value; worst first
uncertain      the model hardly decided: entropy of the choices, a small margin between the
               two best, or samples of one question that disagree
perturbation   right on the original, wrong on a probe's variant
contrast       texts with known labels that were misjudged: members of contrast sets, cases of
               CheckList's minimum functionality tests
attack         texts that `harness attack` found, of which the model says something wrong
bias           the stereotyped choice was preferred
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from harness import read_result, read_samples
from harness.authoring.io import files, serialization
from harness.authoring.readers import text_files
from harness.errors import DataError, UnknownNameError
from harness.types import (
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Prompt,
    Response,
    RunResult,
    SampleRecord,
)
from harness_align.dataset.training_rows import Row, to_json
from harness_align.mining import labelled_texts
from harness_align.mining.conversion import rows_of_sample, spaced, words_of_labels

By = Literal["wrong", "uncertain", "perturbation", "contrast", "attack", "bias"]
ATTACK_FILE = "attack.json"
"""What ``harness attack`` writes into its folder."""


@dataclass(frozen=True, slots=True)
class Mined:
    """One picked sample: its priority (higher: sooner), why, and its rows.

    ``rows`` are preference pairs where the right answer is known; empty: for an annotator.
    """

    task: str
    record: SampleRecord
    worth: float
    why: str
    rows: tuple[Row, ...]


def mine(folder: Path, by: By, tasks: Sequence[str] = (), metric: str | None = None) -> list[Mined]:
    """Picks samples from a run folder, the most valuable first.

    Args:
        folder: The run folder; for ``attack`` the folder of ``harness attack``.
        by: What makes a sample valuable.
        tasks: Only these tasks; empty for all.
        metric: The metric that says what is wrong; None for each task's first one.

    Raises:
        UnknownNameError: The run has no such task or metric.
        DataError: The run folder cannot be read, or nothing in it fits ``by``.
    """
    if by == "attack":
        found = list(_attack(folder, tasks))
        if not found:
            raise DataError("nothing to mine by attack", path=folder, expected=_NEEDS[by])
        return sorted(found, key=lambda each: -each.worth)
    result = read_result(folder)
    for name in tasks:
        if name not in result.tasks:
            raise UnknownNameError("task of the run", name, result.tasks)
    found = []
    for task in tasks or result.tasks:
        records = list(read_samples(folder, task))
        chosen = _metric(result, task, metric)
        if by in ("wrong", "perturbation") and _undirected(result, task, chosen):
            continue  # no value of it is wrong
        if by == "contrast":
            found += _contrast(task, records, words_of_labels(result.tasks[task].settings))
            continue
        found += _PICKERS[by](task, records, chosen, _higher(result, task, chosen))
    if not found:
        raise DataError(
            f"nothing to mine by {by}",
            path=folder,
            expected=_NEEDS[by],
        )
    return sorted(found, key=lambda each: -each.worth)


_NEEDS = {
    "wrong": "a run with samples that are not scored perfectly",
    "uncertain": "a run whose tasks ask by log-likelihood, or sample several answers",
    "perturbation": "a run with --probes in which a variant breaks a right answer",
    "contrast": "a run of contrast sets, or of CheckList's minimum functionality tests, with texts "
    "that were misjudged, asked for by log-likelihood or by generated text",
    "attack": "a folder of `harness attack` with attacks that succeeded",
    "bias": "a run of tasks that compare a stereotyped sentence or answer with another",
}


def _metric(result: RunResult, task: str, wanted: str | None) -> str:
    known = list(result.tasks[task].metrics)
    if wanted is not None and wanted not in known:
        raise UnknownNameError(f"metric of {task}", wanted, known)
    return wanted or known[0]


def _undirected(result: RunResult, task: str, metric: str) -> bool:
    return result.tasks[task].metrics[metric].higher_is_better is None


def _higher(result: RunResult, task: str, metric: str) -> bool:
    return result.tasks[task].metrics[metric].higher_is_better is not False


# --------------------------------------------------------------------------- pickers

Picker = Callable[[str, Sequence[SampleRecord], str, bool], Iterator[Mined]]
"""Task, its records, the metric, and whether high values of it are better, to what is picked."""


def _value(record: SampleRecord, metric: str, higher: bool) -> float | None:
    value = record.scores.get(metric)
    if not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(value) if higher else -float(value)


def _wrong(
    task: str, records: Sequence[SampleRecord], metric: str, higher: bool
) -> Iterator[Mined]:
    """Below the best value that any sample reached; the lowest first."""
    scored = [
        (record, value)
        for record in records
        if record.probe is None and (value := _value(record, metric, higher)) is not None
    ]
    best = max((value for _, value in scored), default=0.0)
    for record, value in scored:
        if value < best:
            why = f"{metric} {value if higher else -value:.4g}"
            yield Mined(task, record, best - value, why, _pairs(task, record))


def _uncertain(
    task: str, records: Sequence[SampleRecord], metric: str, higher: bool
) -> Iterator[Mined]:
    """By the entropy of the choices, in shares of its maximum; 1 is a coin flip."""
    del metric, higher
    for record in records:
        measured = uncertainty(record.responses) if record.probe is None else None
        if measured is not None:
            worth, why = measured
            yield Mined(task, record, worth, why, _pairs(task, record))


def uncertainty(responses: Sequence[Response]) -> tuple[float, str] | None:
    """(uncertainty in [0, 1], in words); None where the answers do not show any.

    Choices: entropy of their softmax over its maximum (Settles 2009, section 3.1), and the margin
    between the two best. Several sampled texts: entropy of the votes (query by committee).
    """
    totals = [each.total for each in responses if isinstance(each, Logprob)]
    if len(totals) > 1 and len(totals) == len(responses):
        top = max(totals)
        weights = [math.exp(total - top) for total in totals]
        shares = [weight / sum(weights) for weight in weights]
        first, second = sorted(shares, reverse=True)[:2]
        return _entropy(shares) / math.log(len(shares)), f"margin {first - second:.3g}"
    texts = [each.text.strip() for each in responses if isinstance(each, Completion)]
    if len(texts) > 1:
        votes = [count / len(texts) for count in Counter(texts).values()]
        return _entropy(votes) / math.log(len(texts)), f"{len(votes)} different answers"
    return None


def _entropy(shares: Iterable[float]) -> float:
    return -math.fsum(share * math.log(share) for share in shares if share > 0)


def _perturbation(
    task: str, records: Sequence[SampleRecord], metric: str, higher: bool
) -> Iterator[Mined]:
    """Variants that broke an answer; what was said to the variant is the rejected answer."""
    originals = {record.sample.id: record for record in records if record.probe is None}
    for record in records:
        if record.probe is None or record.sample.id not in originals:
            continue
        before = _value(originals[record.sample.id], metric, higher)
        after = _value(record, metric, higher)
        if before is not None and after is not None and after < before:
            why = f"{record.probe}: {metric} {abs(before):.4g} → {abs(after):.4g}"
            yield Mined(task, record, before - after, why, _pairs(task, record))


def _contrast(task: str, records: Sequence[SampleRecord], labels: Sequence[str]) -> Iterator[Mined]:
    """Samples of several texts of which some are misjudged; the surest mistake first."""
    for record in records:
        found = list(labelled_texts.pairs(record, labels))
        if found:
            count = len(labelled_texts.of_record(record))
            facts = {"sample_id": record.sample.id}
            rows = tuple(replace(row, facts=facts) for _, row in found)
            why = f"{len(found)} of {count} texts misjudged"
            yield Mined(task, record, max(sure for sure, _ in found), why, rows)


def _attack(folder: Path, tasks: Sequence[str]) -> Iterator[Mined]:
    """Texts that made a right answer wrong; those that change fewest of the words first."""
    path = folder / ATTACK_FILE if folder.is_dir() else folder
    known = text_files.read_json(path)
    try:
        of_tasks = known["tasks"]
        for name in tasks:
            if name not in of_tasks:
                raise UnknownNameError("task of the attack", name, of_tasks)
        for task in tasks or of_tasks:
            for each in of_tasks[task]["samples"]:
                if not each["succeeded"]:
                    continue
                record = serialization.record_from_json(each["record"])
                worth = 1 - float(each["changed_words"]) / max(1, int(each["words"]))
                why = f"attack: wrong with {each['changed_words']} of {each['words']} words changed"
                yield Mined(task, record, worth, why, _pairs(task, record))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{type(error).__name__}: {error}", path=path, expected="what `harness attack` writes"
        ) from error


def _bias(task: str, records: Sequence[SampleRecord], metric: str, higher: bool) -> Iterator[Mined]:
    """Pairs of sentences of which the stereotyped one is likelier; most strongly first.

    Tasks that score two whole sentences put the stereotyped one first. The pair teaches to
    prefer the other, after the words that both begin with. Tasks that offer choices count by
    their score instead.
    """
    for record in records:
        asked = [each for each in record.requests if isinstance(each, Loglikelihood)]
        if record.probe is not None:
            continue
        if len(asked) != 2 or any(each.context for each in asked):
            yield from _wrong(task, [record], metric, higher)
            continue
        totals = [each.total for each in record.responses if isinstance(each, Logprob)]
        if len(totals) == 2 and totals[0] > totals[1]:
            stereotyped, other = (each.continuation for each in asked)
            why = f"the stereotyped sentence is likelier by {totals[0] - totals[1]:.3g} nats"
            row = split_sentences(other, stereotyped)
            rows = () if row is None else (row,)
            yield Mined(task, record, totals[0] - totals[1], why, rows)


def split_sentences(chosen: str, rejected: str) -> Row | None:
    """A pair whose prompt is what both sentences begin with, cut at a word; None if nothing."""
    words, others = chosen.split(" "), rejected.split(" ")
    shared = 0
    while shared < min(len(words), len(others)) - 1 and words[shared] == others[shared]:
        shared += 1
    if not shared or chosen == rejected:
        return None
    tails = (" " + " ".join(words[shared:]), " " + " ".join(others[shared:]))
    return Row(1, " ".join(words[:shared]), *tails)


_PICKERS: Mapping[str, Picker] = {
    "wrong": _wrong,
    "uncertain": _uncertain,
    "perturbation": _perturbation,
    "bias": _bias,
}

# --------------------------------------------------------------------------- rows


def _pairs(task: str, record: SampleRecord) -> tuple[Row, ...]:
    """The right answer before what the model said; none where the right one is not known."""
    known = [row for _, row in labelled_texts.pairs(record, ())]
    if known:
        return tuple(known)
    rows = list(rows_of_sample(task, record.sample, record.requests, 1))
    said = next((each for each in record.responses if isinstance(each, Completion)), None)
    asked = next((each for each in record.requests if isinstance(each, Generate)), None)
    if asked is None or said is None:
        preferred = _preferred(record)
        return tuple(row for row in rows if preferred in (None, row.rejected))
    pairs = []
    for row in rows:
        wrong: Prompt = spaced(row.prompt, said.text.strip())
        if said.text.strip() and said.text.strip() not in record.sample.targets:
            pairs.append(Row(1, row.prompt, row.chosen, wrong, facts=row.facts))
    return tuple(pairs)


def _preferred(record: SampleRecord) -> str | None:
    """The wrong continuation that the model found likeliest."""
    scored = [
        (response.total, request.continuation)
        for request, response in zip(record.requests, record.responses, strict=True)
        if isinstance(request, Loglikelihood)
        and isinstance(response, Logprob)
        and request.continuation.strip() not in record.sample.targets
    ]
    return max(scored)[1] if scored else None


def write(path: Path, mined: Sequence[Mined]) -> tuple[int, int]:
    """Writes pairs and, for what has no known answer, an annotation queue beside them.

    Returns:
        (pairs written to ``path``, samples written to the queue ``path`` with ``.queue.jsonl``).
    """
    pairs, queue = [], []
    for each in mined:
        facts: dict[str, Any] = {
            "task": each.task,
            "sample_id": each.record.sample.id,
            "worth": round(each.worth, 6),
            "why": each.why,
            "probe": each.record.probe,
        }
        for row in each.rows:
            pairs.append({**to_json(row, "preference"), **facts})
        if not each.rows:
            answers = [r.text for r in each.record.responses if isinstance(r, Completion)]
            asked = next((r for r in each.record.requests if isinstance(r, Generate)), None)
            prompt = asked.prompt if asked is not None else each.record.sample.input
            content = to_json(Row(1, prompt), "prompt")
            queue.append({**content, **facts, "answers": answers, "chosen": None, "rejected": None})
    _write_lines(path, pairs)
    beside = queue_path(path)
    if queue:
        _write_lines(beside, queue)
    return len(pairs), len(queue)


def queue_path(path: Path) -> Path:
    """Where the annotation queue of a pairs file lies."""
    return path.with_suffix(".queue.jsonl")


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    files.write_atomically(path, "".join(serialization.dumps(row) + "\n" for row in rows))


def by_task(mined: Sequence[Mined]) -> dict[str, int]:
    """Task → samples picked."""
    counts: dict[str, int] = defaultdict(int)
    for each in mined:
        counts[each.task] += 1
    return dict(counts)
