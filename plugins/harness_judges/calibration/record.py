"""The file that ``harness judge calibrate`` writes: which judge, which rubric, what figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.authoring.io import files, serialization
from harness.authoring.readers import text_files
from harness.errors import DataError, UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

SCHEMA = 1
FEWEST = 30
"""Labels below which a judge stays uncalibrated."""
FEWEST_OF_A_CLASS = 5
"""Of yes and of no."""


@dataclass(frozen=True, slots=True)
class CalibratedJudge:
    """A judge and how it is asked; its fingerprint is that of its backend."""

    model: str
    fingerprint: str
    reading: str


@dataclass(frozen=True, slots=True)
class CalibratedCriterion:
    """What is known of one criterion.

    Attributes:
        kind: ``score``, ``binary`` or ``preference``.
        n: Items that the judge and people both judged.
        figures: Name → ``Estimate`` as JSON.
        positive: For yes and no: right ones, and all, of the items that people labelled yes.
        negative: The same of those labelled no.
        values: How many different values the labels have; None in files that do not say it.
    """

    kind: str
    n: int
    figures: Mapping[str, Mapping[str, Any]]
    positive: tuple[int, int] | None = None
    negative: tuple[int, int] | None = None
    values: int | None = None

    @property
    def too_few(self) -> str:
        """Why these labels are no calibration to rest on; empty where they are."""
        if self.n < FEWEST:
            return f"{self.n} labels, and it takes {FEWEST}"
        if self.values == 1:
            return "labels of one value alone, which tell nothing beyond chance"
        rarer = min(self.positive[1], self.negative[1]) if self.positive and self.negative else None
        if rarer is not None and rarer < FEWEST_OF_A_CLASS:
            return f"{rarer} labels of the rarer class, and it takes {FEWEST_OF_A_CLASS}"
        return ""

    @property
    def beyond_chance(self) -> bool:
        """Whether the labels show that the judge agrees with people more than by chance."""
        agreed = self.figures.get(agreement_of(self.kind))
        return agreed is not None and exceeds_chance(
            *(serialization.number_from_json(agreed.get(each)) for each in ("value", "low"))
        )

    @property
    def words(self) -> str:
        """``κ 0.62 [0.41, 0.80] on 120 labels``, for reports."""
        agreed = self.figures.get(agreement_of(self.kind), {})
        value, low, high = (agreed.get(each) for each in ("value", "low", "high"))
        sign = "α" if self.kind == "score" else "κ"
        ends = "" if low is None or high is None else f" [{low:z.2f}, {high:z.2f}]"
        return f"{sign} {'unknown' if value is None else f'{value:z.2f}'}{ends} on {self.n} labels"


def agreement_of(kind: str) -> str:
    """Which figure says whether a judge of this kind agrees with people more than by chance."""
    return "alpha_interval" if kind == "score" else "kappa"


def exceeds_chance(value: float, low: float) -> bool:
    """Whether a coefficient whose chance level is 0 is shown to be above it.

    Args:
        value: The coefficient.
        low: Its interval's lower end; NaN where there is none, as for a judge that always agrees
            and for one that says one thing only.
    """
    return value == 1 if math.isnan(low) else low > 1e-9  # rounding is no agreement


@dataclass(frozen=True, slots=True)
class Calibration:
    """The file.

    Attributes:
        judges: The panel, the first judge first.
        rubric: The rubric's name.
        rubric_sha256: Its hash.
        criteria: Name → what is known of it.
        labels_sha256: Hash of the labels.
        notes: What a reader must know.
    """

    judges: tuple[CalibratedJudge, ...]
    rubric: str
    rubric_sha256: str
    criteria: Mapping[str, CalibratedCriterion]
    labels_sha256: str
    notes: tuple[str, ...] = ()

    def check(self, source: str, judges: Sequence[CalibratedJudge], rubric_sha256: str) -> None:
        """Refuses a calibration of another judge or rubric: its figures say nothing here.

        Raises:
            UsageError: It is of another one.
        """
        if self.rubric_sha256 != rubric_sha256:
            raise UsageError(
                f"{source} calibrates another rubric: {self.rubric} "
                f"({self.rubric_sha256[:12]}, and this is {rubric_sha256[:12]})",
                "Calibrate this rubric; a change of a word makes it another one.",
            )
        ours, theirs = (
            [_identity(each) for each in judges],
            [_identity(each) for each in self.judges],
        )
        if ours != theirs:
            raise UsageError(
                f"{source} calibrates another judge: {_named(self.judges)}, and this is "
                f"{_named(judges)}",
                "Calibrate this judge; another version or another way to read it is another one.",
            )


def _identity(judge: CalibratedJudge) -> tuple[str, str]:
    return judge.fingerprint, judge.reading


def _named(judges: Sequence[CalibratedJudge]) -> str:
    return ", ".join(
        f"{each.model} by {each.reading} ({each.fingerprint[-12:]})" for each in judges
    )


def write(path: Path, calibration: Calibration) -> None:
    """Writes the file, whole or not at all."""
    files.write_json(
        path,
        {
            "schema": SCHEMA,
            "judges": [
                {"model": each.model, "fingerprint": each.fingerprint, "reading": each.reading}
                for each in calibration.judges
            ],
            "rubric": {"name": calibration.rubric, "sha256": calibration.rubric_sha256},
            "labels_sha256": calibration.labels_sha256,
            "criteria": {
                name: {
                    "kind": each.kind,
                    "n": each.n,
                    "positive": None if each.positive is None else list(each.positive),
                    "negative": None if each.negative is None else list(each.negative),
                    "values": each.values,
                    "figures": dict(each.figures),
                }
                for name, each in calibration.criteria.items()
            },
            "notes": list(calibration.notes),
        },
    )


def read(path: Path) -> Calibration:
    """Reads the file.

    Raises:
        DataError: It cannot be read, or is no such file.
    """
    from pydantic import ValidationError

    content = text_files.read_json(path)
    try:
        checked: Any = _schema().model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"is no calibration: {where or 'it'}: {first['msg']}",
            path=path,
            expected="a file that `harness judge calibrate` wrote",
        ) from error
    return Calibration(
        tuple(CalibratedJudge(**each.model_dump()) for each in checked.judges),
        checked.rubric.name,
        checked.rubric.sha256,
        {name: CalibratedCriterion(**each.model_dump()) for name, each in checked.criteria.items()},
        checked.labels_sha256,
        tuple(checked.notes),
    )


def _schema() -> type[BaseModel]:
    from typing import Annotated, Literal

    from pydantic import AfterValidator, BaseModel, Field, NonNegativeInt

    def ordered(pair: tuple[int, int]) -> tuple[int, int]:
        if pair[0] > pair[1]:
            raise ValueError("more are right than there are")
        return pair

    counts = Annotated[tuple[NonNegativeInt, NonNegativeInt], AfterValidator(ordered)]

    class Judge(BaseModel):
        model: str
        fingerprint: str
        reading: str

    class Rubric(BaseModel):
        name: str
        sha256: str

    class Figure(BaseModel, extra="allow"):
        value: float | None
        low: float | None = None
        high: float | None = None

    class Criterion(BaseModel):
        kind: Literal["score", "binary", "preference"]
        n: NonNegativeInt
        figures: dict[str, Figure]
        positive: counts | None = None
        negative: counts | None = None
        values: NonNegativeInt | None = None

    class File(BaseModel):
        schema_: Literal[1] = Field(alias="schema")
        judges: Annotated[list[Judge], Field(min_length=1)]
        rubric: Rubric
        labels_sha256: str
        criteria: dict[str, Criterion]
        notes: list[str] = []

    return File
