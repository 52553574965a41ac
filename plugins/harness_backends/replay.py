"""``--model replay:FILE``: score outputs that were saved elsewhere, without a model.

A map id → text (JSON), rows of any format that ``harness.authoring.readers.rows`` reads,
lm-evaluation-harness's ``samples_*.jsonl`` and a run folder's samples among them, or a text file
with a line per sample. See ``saved_outputs`` for how a file is read and ``matching`` for which
output belongs to which sample.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring import option_models
from harness.authoring.io.packed_ids import PackedIds
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
from harness_backends.matching import NONE, Matched
from harness_backends.replay_settings import ReplaySettings
from harness_backends.saved_outputs import Output, Saved

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
        self.fingerprint = f"replay:{saved.sha256}"
        self.usage = Usage()
        texts = _TEXTS if max(saved.text_counts) >= 0 else frozenset()
        numbers = _NUMBERS if max(saved.number_counts) >= 0 else frozenset()
        self._supports = texts | numbers or _TEXTS
        self._matched: dict[str, Matched] | None = None
        self._unmatched = 0
        self._without = 0

    @property
    def supports(self) -> frozenset[type]:
        """What the saved outputs can answer: texts, log-likelihoods, or both."""
        return self._supports

    def match(
        self, every: Mapping[str, Sequence[str]], requests: Sequence[KeyedRequest]
    ) -> Mapping[str, Sequence[str]]:
        """Finds each sample's output; see ``harness.protocols.ModelBackend``.

        Raises:
            DataError: The outputs do not fit the samples, or hold another number of answers.
        """
        import numpy as np

        asked = {task: _Asked() for task in every}
        for request in requests:
            asked[request.task].add(request)
        matched = matching.match(
            self._saved, every, {task: each.ids for task, each in asked.items()}
        )
        self._matched = matched
        used = np.zeros(len(self._saved.outputs), dtype=np.bool_)
        for places_of in matched.values():
            used[places_of.places[places_of.places != NONE]] = True
        self._unmatched = int((~used).sum())
        notes: dict[str, list[str]] = {}
        for task, each in asked.items():
            places = [matched[task].place(name) for name in each.ids]
            notes[task] = list(self._notes(each.ids, places, used))
            self._without += places.count(NONE)
            self._check_counts(task, each, places)
        return notes

    def _check_counts(self, task: str, asked: _Asked, places: Sequence[int]) -> None:
        """One answer for each of a sample's requests.

        Raises:
            DataError: A sample has more or fewer.
        """
        kinds = (
            ("texts", asked.texts, self._saved.text_counts),
            ("log-likelihoods", asked.numbers, self._saved.number_counts),
        )
        for number, place in enumerate(places):
            count = asked.counts[number]
            for what, wanted, saved in kinds:
                if place == NONE or not wanted[number] or saved[place] in (NONE, count):
                    continue
                raise DataError(
                    f"{saved[place]} {what} for sample {asked.ids[number]!r} of {task}",
                    path=self._saved.outputs[place].where,
                    expected=f"{count}: one for each of the sample's {count} questions"
                    if count > 1
                    else "one; choose among several with --set replay_field=NAME or "
                    "replay_filter=NAME",
                )

    def _notes(
        self, asked: PackedIds, places: Sequence[int], used: NDArray[np.bool_]
    ) -> Iterator[str]:
        """What a reader must know of how the outputs fit a task's samples."""
        if NONE in places:
            yield (
                f"{places.count(NONE):,} of {len(asked):,} samples have no saved output, such as "
                f"{asked[places.index(NONE)]!r}: counted as errors"
            )
        null = sum(self._saved.nulls[place] for place in places if place != NONE)
        if null:
            yield f"{null:,} of {len(asked):,} saved outputs are null: scored as empty answers"
        if not used.all():
            first = self._saved.outputs[int(used.argmin())]
            yield (
                f"{int((~used).sum()):,} of {len(used):,} saved outputs belong to no "
                f"sample, such as that of {first.where}"
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
        if self._matched is None:  # asked without a plan: these are all samples there are
            every: dict[str, dict[str, None]] = defaultdict(dict)
            for request in requests:
                every[request.task][request.sample_id] = None
            self.match({task: list(ids) for task, ids in every.items()}, requests)
        assert self._matched is not None
        positions: Counter[tuple[str, str]] = Counter()
        last: tuple[tuple[str, str], Output | None] | None = None
        for request in requests:
            sample = (request.task, request.sample_id)
            index = request.place
            if index is None:
                index = positions[sample]
                positions[sample] += 1
            if last is None or last[0] != sample:
                place = self._matched[request.task].place(request.sample_id)
                last = sample, None if place == NONE else self._saved.outputs[place]
            yield request.key, _answer(last[1], request, index)

    def close(self) -> None:
        """Holds nothing."""


class _Asked:
    """A task's samples, and what each is asked: how often, and whether for texts or numbers."""

    def __init__(self) -> None:
        self.ids = PackedIds()
        self.counts = array("I")
        self.texts, self.numbers = bytearray(), bytearray()

    def add(self, request: KeyedRequest) -> None:
        """A request; what later rounds ask more of is not counted beforehand."""
        number = self.ids.add(request.sample_id)
        if number == len(self.counts):
            self.counts.append(0)
            self.texts.append(0)
            self.numbers.append(0)
        self.counts[number] += 1
        if not request.more:
            kinds = self.texts if type(request.request) in _TEXTS else self.numbers
            kinds[number] = 1


def _answer(output: Output | None, request: KeyedRequest, index: int) -> Response:
    if output is None:
        return Failed(f"no answer saved: no output belongs to {request.sample_id!r}")
    return (_text if type(request.request) in _TEXTS else _number)(output, index)


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
