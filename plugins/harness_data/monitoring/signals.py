"""What is watched: numbers in [0, 1] of each exchange, none of which needs a right answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.authoring.grading import Grader, MetricSpec
from harness.authoring.measures import personal_data, refusals
from harness.errors import MissingExtraError, UnknownNameError, UsageError
from harness.protocols import bounds_of
from harness_data.monitoring.records import Record
from harness_data.preparation import findings

WATCHED = ("latency", "cost")
"""Numbers of a log that are watched wherever they are."""
TAIL = 0.1
"""Share of the reference's values that are called low, and that are called high."""

Value = Callable[[Record], float | None]


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that is watched.

    Attributes:
        name: What it is called.
        value: Of one exchange, in [0, 1]; None where it has none.
        words: What it is.
    """

    name: str
    value: Value
    words: str


def standard(reference: Sequence[Record], region: str = "US") -> list[Signal]:
    """The signals that need no model.

    Args:
        reference: Sets what is long, short, slow and dear: the tenth of its values at each end; and
            the language of most answers, where the library that tells languages is installed. It
            must not be what the rates are estimated from.
        region: Whose telephone numbers need no country code.
    """
    found = [
        Signal("empty", lambda each: float(not each.answer.strip()), "answers without text"),
        Signal("refusal", lambda each: float(refusals.refuses(each.answer)), "answers that refuse"),
        Signal(
            "personal_data",
            lambda each: float(any(personal_data.find(each.answer, region))),
            "answers with personal data",
        ),
        *_language(reference),
    ]
    sizes: tuple[tuple[str, Value], ...] = (
        ("prompt_length", lambda each: float(len(each.prompt.split()))),
        ("answer_length", lambda each: float(len(each.answer.split()))),
        *((name, _number(name)) for name in WATCHED),
    )
    for name, size in sizes:
        values = [value for each in reference if (value := size(each)) is not None]
        if values:
            found += _tails(name, size, *_ends(values))
    return found


def _language(reference: Sequence[Record]) -> list[Signal]:
    """Answers in another language than most of the reference's; none where no text tells one."""
    try:
        told = findings.languages([each.answer for each in reference])
    except MissingExtraError:
        return []
    known = Counter(each for each in told if each is not None)
    if not known:
        return []
    main = known.most_common(1)[0][0]

    def value(each: Record) -> float | None:
        (found,) = findings.languages([each.answer])
        return None if found is None else float(found != main)

    return [Signal("other_language", value, f"answers in another language than {main}")]


def _number(name: str) -> Value:
    return lambda each: each.numbers.get(name)


def _share(name: str) -> Value:
    def value(each: Record) -> float | None:
        found = each.numbers.get(name)
        return None if found is None else min(1.0, max(0.0, found))

    return value


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, (TAIL, 1 - TAIL), method="inverted_cdf")
    return float(low), float(high)


def _tails(name: str, size: Value, low: float, high: float) -> list[Signal]:
    def below(each: Record) -> float | None:
        value = size(each)
        return None if value is None else float(value < low)

    def above(each: Record) -> float | None:
        value = size(each)
        return None if value is None else float(value > high)

    return [
        Signal(f"{name}_low", below, f"{name.replace('_', ' ')} below {low:g}"),
        Signal(f"{name}_high", above, f"{name.replace('_', ' ')} above {high:g}"),
    ]


def of_columns(names: Iterable[str], reference: Sequence[Record]) -> list[Signal]:
    """Numbers that the records bring, such as a judge's scores or people's ratings.

    What lies in [0, 1] is watched as it is; of others, as of lengths, the tails.

    Args:
        names: Of the columns of a log, or the scores of a run.
        reference: As in ``standard``.

    Raises:
        UnknownNameError: The reference has no such number.
    """
    found = []
    for name in dict.fromkeys(each for each in names if each not in WATCHED):
        values = [value for each in reference if (value := each.numbers.get(name)) is not None]
        if not values:
            known = {number for each in reference for number in each.numbers}
            raise UnknownNameError("number of the reference", name, known)
        if min(values) >= 0 and max(values) <= 1:
            found.append(Signal(name, _share(name), name.replace("_", " ")))
        else:
            found += _tails(name, _number(name), *_ends(values))
    return found


def of_metrics(registered: Iterable[tuple[str, MetricSpec, str]]) -> list[Signal]:
    """Registered metrics of generated texts as signals.

    Args:
        registered: (what the user calls it, its spec, its argument).

    Raises:
        UsageError: One grades no texts, or its values do not lie in [0, 1].
    """
    found = []
    for text, spec, argument in registered:
        if "generation" not in spec.kinds:
            raise UsageError(f"--metrics {text}", f"It grades {', '.join(spec.kinds)}, not texts.")
        grader = spec.open(argument)
        for metric in grader.metrics:
            if bounds_of(metric) != (0.0, 1.0):
                raise UsageError(
                    f"--metrics {text}: the values of {metric.name} do not lie in [0, 1]",
                    "Name a metric that is a share or a probability.",
                )
            found.append(Signal(metric.name, _graded(grader, metric.name), spec.description))
    return found


def _graded(grader: Grader[str], name: str) -> Value:
    def value(each: Record) -> float | None:
        given = grader.grade(each.answer, each.sample).get(name)
        return float(given) if isinstance(given, int | float) else None

    return value
