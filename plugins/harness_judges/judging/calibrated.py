"""What is known of how far the judges of a task err: its calibration, and how that is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.protocols import UNCALIBRATED, RoleModel
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
    """By what a criterion is calibrated; ``UNCALIBRATED`` also where the labels are too few."""
    known = None if calibration is None else calibration.criteria.get(criterion)
    return UNCALIBRATED if known is None or known.too_few else known.words


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
        else:
            yield f"{name}: calibrated, {known.words}"
