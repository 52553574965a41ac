"""What is known of how far the judges of a task err: its calibration, and how that is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.protocols import NO_AGREEMENT, UNCALIBRATED, UNUSABLE, RoleModel
from harness_judges.calibration import record
from harness_judges.calibration.record import CalibratedJudge, Calibration
from harness_judges.judging.asking import Judge

UNCALIBRATED_NOTE = (
    "uncalibrated: no labels of people say how far the judge errs; "
    "`harness judge calibrate` measures it"
)


def read(
    path: str, panel: Sequence[Judge], roles: Mapping[str, RoleModel], rubric_sha256: str
) -> Calibration | None:
    """The calibration in a file; None where none is named.

    Raises:
        DataError: The file cannot be read.
        UsageError: It is of another judge or rubric than those of the task.
    """
    if not path:
        return None
    found = record.read(Path(path))
    identities = _identities(panel, roles)
    if identities:
        found.check(path, identities, rubric_sha256)
    return found


def _identities(
    panel: Sequence[Judge], roles: Mapping[str, RoleModel]
) -> tuple[CalibratedJudge, ...]:
    """Which judges these are; empty where none is open."""
    return tuple(
        CalibratedJudge(roles[each.role].model, roles[each.role].fingerprint, each.way)
        for each in panel
        if each.role in roles
    )


def words(calibration: Calibration | None, criterion: str) -> str:
    """By what a criterion is calibrated, or why that is of no use.

    ``UNCALIBRATED`` also where the labels are too few.
    """
    known = None if calibration is None else calibration.criteria.get(criterion)
    if known is None or known.too_few:
        return UNCALIBRATED
    return known.words if known.beyond_chance else NO_AGREEMENT


def together(words: Sequence[str]) -> str:
    """What is known of a metric that rests on several criteria: no more than of the least known."""
    return next((each for each in UNUSABLE if each in words), "; ".join(words))


def notes(calibration: Calibration | None, names: Sequence[str]) -> Iterator[str]:
    """What a reader must know of how the judge was calibrated."""
    if calibration is None:
        yield UNCALIBRATED_NOTE
        return
    for name in names:
        known = calibration.criteria.get(name)
        if known is None:
            yield f"{name}: uncalibrated: the calibration has no labels of it"
        elif known.too_few:
            yield f"{name}: uncalibrated: the calibration has {known.too_few}"
        elif known.beyond_chance:
            yield f"{name}: calibrated, {known.words}"
        else:
            yield (
                f"{name}: {NO_AGREEMENT}, {known.words}: these labels do not show that the judge's "
                "verdicts say anything of what people think"
            )
