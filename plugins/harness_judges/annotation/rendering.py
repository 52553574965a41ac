"""The report of agreement on a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.authoring.io import terminal
from harness.authoring.io.serialization import dumps, estimate_to_json
from harness.authoring.literal import echo, one_line
from harness.types import Estimate
from harness_judges.annotation.agreement_report import AgreementReport
from harness_judges.annotation.ratings import Rated

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1


def as_json(report: AgreementReport, disagreements: int) -> str:
    """The report as a JSON document."""
    document = {
        "schema": SCHEMA,
        "kind": report.kind,
        "items": report.items,
        "shared": report.shared,
        "annotators": [
            {
                "name": each.name,
                "assigned": each.assigned,
                "done": each.done,
                "skipped": each.skipped,
                "mean": estimate_to_json(each.mean),
                "first_shown": None
                if each.first_shown is None
                else estimate_to_json(each.first_shown),
                "median_seconds": each.seconds,
            }
            for each in report.annotators
        ],
        "agreement": _estimates(report.coefficients),
        "pairs": _estimates(report.pairs),
        "marks": {label: _estimates(found) for label, found in report.marks.items()},
        "disagreements": [_disagreement(each) for each in report.disagreements[:disagreements]],
        "disagreeing_items": len(report.disagreements),
        "notes": list(report.notes),
    }
    return dumps(document, indent=2)


def _estimates(found: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate_to_json(each) for name, each in found.items()}


def _disagreement(rated: Rated) -> dict[str, Any]:
    return {
        "task": rated.item.task,
        "id": rated.item.sample_id,
        "systems": list(rated.systems),
        "values": dict(rated.values),
        "comments": dict(rated.comments),
    }


def show(report: AgreementReport, disagreements: int) -> None:
    """Prints the report."""
    from rich.table import Table

    out = terminal.console()
    people = Table("annotator", "judged", "skipped", "mean", "median s", box=None)
    if report.kind == "preference":
        people.add_column("shown first")
    for each in report.annotators:
        cells = [
            one_line(each.name),
            f"{each.done:,} of {each.assigned:,}",
            f"{each.skipped:,}",
            interval(each.mean),
            "" if each.seconds is None else f"{each.seconds:.1f}",
        ]
        people.add_row(*cells, *([] if each.first_shown is None else [interval(each.first_shown)]))
    terminal.print_table(out, people, 1)
    echo()
    table = Table("agreement", "value", "95 % interval", "items", box=None)
    for name, found in (*report.coefficients.items(), *(
        (f"Cohen's κ, {pair}", kappa) for pair, kappa in report.pairs.items()
    )):  # fmt: skip
        table.add_row(one_line(name), _number(found.value), _ends(found), f"{found.n:,}")
    terminal.print_table(out, table, 1)
    if report.marks:
        _show_marks(out, report.marks)
    for note in report.notes:
        echo(f"note: {note}")
    if report.disagreements:
        echo(f"\n{len(report.disagreements):,} of {report.shared:,} shared items disagree")
    for rated in report.disagreements[:disagreements]:
        values = ", ".join(f"{name} {value:g}" for name, value in rated.values.items())
        said = "; ".join(f"{name}: {text}" for name, text in rated.comments.items())
        echo(one_line(f"  {rated.item.task} {rated.item.sample_id}: {values}", 120))
        if said:
            echo(one_line(f"    {said}", 160))


def _show_marks(out: Console, found: Mapping[str, Mapping[str, Estimate]]) -> None:
    from rich.table import Table

    echo()
    table = Table("marks", "agreement", "value", "95 % interval", "answers", box=None)
    for label, coefficients in found.items():
        for name, each in coefficients.items():
            table.add_row(one_line(label), name, _number(each.value), _ends(each), f"{each.n:,}")
    terminal.print_table(out, table, 2)


def interval(found: Estimate) -> str:
    """``0.62 [0.51, 0.72]``."""
    return f"{_number(found.value)} {_ends(found)}".strip()


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"


def _ends(found: Estimate) -> str:
    if found.low != found.low:
        return found.method.partition("; ")[2]
    return f"[{found.low:.3f}, {found.high:.3f}]"
