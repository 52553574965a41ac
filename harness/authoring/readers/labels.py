"""What a row's label means, in whatever form its file holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.authoring.readers.rows import Place
from harness.errors import UsageError
from harness.protocols import TaskOptions


@dataclass(frozen=True, slots=True)
class Labels:
    """A task's labels, and how a row's value names one.

    In this order: ``given`` says so; the value is a label's text, whatever its case; it is a whole
    number (``1``, ``"1"``, ``1.0``, true) and, where all labels are numerals, the label of that
    number, else the label at that place, from 0. With ``given``, numbers it lacks are refused.

    Attributes:
        names: The labels in their order.
        given: The user's ``label_map``, value → label.
    """

    names: tuple[str, ...]
    given: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Sequence[str], options: TaskOptions) -> Labels:
        """With the user's ``label_map``.

        Raises:
            UsageError: It is malformed, or names a label that the task does not have.
        """
        text = options.values.get("label_map")
        given: dict[str, str] = {}
        for pair in [] if text is None else text.split(","):
            value, colon, label = (each.strip() for each in pair.rpartition(":"))
            if not colon or label not in names or value in given:
                raise UsageError(
                    f"label_map={text}: {pair.strip()!r}",
                    f"Expected VALUE:LABEL, each value once, the label one of {', '.join(names)}.",
                )
            given[value] = label
        return cls(tuple(names), given)

    def index(self, value: object, place: Place) -> int:
        """The place, from 0, of the label that a value names.

        Raises:
            DataError: It names none.
        """
        text = str(value).strip()
        number = _whole(value)
        for each in (text, "" if number is None else str(number)):
            if each in self.given:
                return self.names.index(self.given[each])
        if text in self.names:
            return self.names.index(text)
        same = [at for at, name in enumerate(self.names) if name.casefold() == text.casefold()]
        if len(same) == 1:
            return same[0]
        numerals = [_whole(name) for name in self.names]
        if number is not None and not self.given:
            if None not in numerals:
                if number in numerals:
                    return numerals.index(number)
            elif 0 <= number < len(self.names):
                return number
        raise place.error(f"label {value!r}", self._expected(None not in numerals))

    def name(self, value: object, place: Place) -> str:
        """The label that a value names; see ``index``."""
        return self.names[self.index(value, place)]

    def _expected(self, numerals: bool) -> str:
        known = ", ".join(self.names)
        number = (
            "" if numerals or self.given else f", or its number from 0 to {len(self.names) - 1}"
        )
        mapped = f", or one of {', '.join(self.given)} (label_map)" if self.given else ""
        return (
            f"one of the labels {known}{number}{mapped}. Other names: --set TASK.labels=… (where "
            "the task lets you choose them) or --set TASK.label_map=VALUE:LABEL,…"
        )


def _whole(value: object) -> int | None:
    """The whole number that a value is or writes; None where it is no such number."""
    if isinstance(value, bool | int):
        return int(value)
    try:
        number = float(str(value))
    except ValueError:
        return None
    return int(number) if abs(number) < 1e9 and number == int(number) else None
