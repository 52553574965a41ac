"""``--model replay:FILE``: score outputs that were saved elsewhere, without a model.

A map id → text (JSON), rows of any format that ``harness.authoring.readers.rows`` reads,
lm-evaluation-harness's ``samples_*.jsonl`` and a run folder's samples among them, or a text file
with a line per sample. See ``saved_outputs`` for how a file is read and ``matching`` for which
output belongs to which sample.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.authoring import option_models
from harness.errors import DataError
from harness.protocols import BackendOptions
from harness.types import (
    Completion,
    ExtractAnswer,
    Failed,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    PseudoLoglikelihood,
    Response,
    RollingLoglikelihood,
    Usage,
)
from harness_backends import matching, saved_outputs
from harness_backends.replay_settings import ReplaySettings
from harness_backends.saved_outputs import Output, Saved

MISSING = "missing"
"""The finish reason of an answer that is null in the file."""
_TEXTS = frozenset({Generate, ExtractAnswer})
_NUMBERS = frozenset({Loglikelihood, RollingLoglikelihood, PseudoLoglikelihood})


def open_replay(options: BackendOptions) -> Replay:
    """Reads the saved outputs.

    Raises:
        UsageError: An option's value is not one of those expected.
        DataError: The file is missing, malformed, empty or of no known format.
    """
    settings = option_models.read(ReplaySettings, options.values, "the replay backend")
    return Replay(options.model, saved_outputs.read(options.model, settings))


class Replay:
    """Answers by sample; the prompt is not looked at.

    Args:
        source: The file or folder, for reports.
        saved: What was read from it.
    """

    by_sample = True

    def __init__(self, source: str, saved: Saved) -> None:
        self._source, self._saved = source, saved
        content = [[output.id, output.texts, output.numbers] for output in saved.outputs]
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        self.fingerprint = f"replay:{digest}"
        self.usage = Usage()
        self._of_sample: dict[tuple[str, str], Output] | None = None
        self._unmatched = 0
        self._without = 0

    @property
    def supports(self) -> frozenset[type]:
        """What the saved outputs can answer: texts, log-likelihoods, or both."""
        outputs = self._saved.outputs
        texts = _TEXTS if any(each.texts is not None for each in outputs) else frozenset()
        numbers = _NUMBERS if any(each.numbers is not None for each in outputs) else frozenset()
        return texts | numbers or _TEXTS

    def match(
        self, every: Mapping[str, Sequence[str]], requests: Sequence[KeyedRequest]
    ) -> Mapping[str, Sequence[str]]:
        """Finds each sample's output; see ``harness.protocols.ModelBackend``.

        Raises:
            DataError: The outputs do not fit the samples, or hold another number of answers.
        """
        asked: dict[str, dict[str, int]] = {task: {} for task in every}
        for request in requests:
            counts = asked[request.task]
            counts[request.sample_id] = counts.get(request.sample_id, 0) + 1
        found, used = matching.match(
            self._saved, every, {task: list(counts) for task, counts in asked.items()}
        )
        self._of_sample = found
        self._unmatched = len(self._saved.outputs) - len(used)
        notes: dict[str, list[str]] = {}
        for task, counts in asked.items():
            notes[task] = list(self._notes(task, list(counts), used))
            self._without += sum((task, each) not in found for each in counts)
        for request in requests:
            output = found.get((request.task, request.sample_id))
            if output is not None and not request.more:
                _check_count(output, request, asked[request.task][request.sample_id])
        return notes

    def _notes(self, task: str, asked: Sequence[str], used: set[int]) -> Iterator[str]:
        """What a reader must know of how the outputs fit a task's samples."""
        assert self._of_sample is not None
        outputs = self._saved.outputs
        found = [self._of_sample.get((task, each)) for each in asked]
        if None in found:
            yield (
                f"{found.count(None):,} of {len(asked):,} samples have no saved output, such as "
                f"{asked[found.index(None)]!r}: counted as errors"
            )
        null = sum(each is not None and each.texts is not None and None in each.texts
                   for each in found)  # fmt: skip
        if null:
            yield f"{null:,} of {len(asked):,} saved outputs are null: scored as empty answers"
        if len(used) < len(outputs):
            first = next(at for at in range(len(outputs)) if at not in used)
            yield (
                f"{len(outputs) - len(used):,} of {len(outputs):,} saved outputs belong to no "
                f"sample, such as that of {outputs[first].where}"
            )

    def describe(self) -> Mapping[str, object]:
        """What was read, and how much of it matched."""
        return {
            "backend": "replay",
            "name": Path(self._source).name,
            "source": self._source,
            "outputs": len(self._saved.outputs),
            "outputs_matching_no_sample": self._unmatched,
            "samples_without_output": self._without,
        }

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """The saved output of each request's sample; a sample without one fails."""
        if self._of_sample is None:  # asked without a plan: these are all samples there are
            every: dict[str, dict[str, None]] = defaultdict(dict)
            for request in requests:
                every[request.task][request.sample_id] = None
            self.match({task: list(ids) for task, ids in every.items()}, requests)
        assert self._of_sample is not None
        places: Counter[tuple[str, str]] = Counter()
        for request in requests:
            sample = (request.task, request.sample_id)
            index = places[sample] if request.place is None else request.place
            places[sample] += 1
            output = self._of_sample.get(sample)
            if output is None:
                yield (
                    request.key,
                    Failed(f"no answer saved: no output belongs to {request.sample_id!r}"),
                )
            elif type(request.request) in _TEXTS:
                yield request.key, _text(output, index)
            else:
                yield request.key, _number(output, index)

    def close(self) -> None:
        """Holds nothing."""


def _check_count(output: Output, request: KeyedRequest, asked: int) -> None:
    """One answer for each of a sample's requests.

    Raises:
        DataError: There are more or fewer.
    """
    texts = type(request.request) in _TEXTS
    answers: Sequence[object] | None = output.texts if texts else output.numbers
    if answers is not None and len(answers) != asked:
        what = "texts" if texts else "log-likelihoods"
        raise DataError(
            f"{len(answers)} {what} for sample {request.sample_id!r} of {request.task}",
            path=output.where,
            expected=f"{asked}: one for each of the sample's {asked} questions"
            if asked > 1
            else "one; choose among several with --set replay_field=NAME or replay_filter=NAME",
        )


def _text(output: Output, index: int) -> Response:
    """The text; null, which logs hold where a model gave none, is the empty answer."""
    if output.texts is None:
        return Failed(f"no answer saved ({output.where})")
    if index >= len(output.texts):
        return Failed(f"{len(output.texts)} answers saved, and one more is needed ({output.where})")
    text = output.texts[index]
    return Completion("", finish_reason=MISSING) if text is None else Completion(text)


def _number(output: Output, index: int) -> Response:
    numbers = output.numbers
    value = None if numbers is None or index >= len(numbers) else numbers[index]
    if value is None:
        return Failed(f"no log-likelihood saved ({output.where})")
    if math.isnan(value) or value == math.inf:
        return Failed("not a number")
    greedy = output.greedy is not None and output.greedy[index]
    count = 1 if output.counts is None else output.counts[index]
    return Logprob(value, count, greedy)
