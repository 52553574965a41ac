"""What ``harness data check`` would say of the training rows, in a line, before the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness import Registry
from harness.errors import DataError, UsageError
from harness_align.dataset.training_rows import Rows, plain

INSTALL = "pip install 'evalign[data]'"


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found.

    Attributes:
        found: What is wrong, in words → rows; None where nothing looked.
        overlapping: Rows that are in the evaluation suite; None without one.
    """

    found: Mapping[str, int] | None = None
    overlapping: int | None = None

    def describe(self) -> str:
        """In one line."""
        if self.found is None:
            told = f"not done ({INSTALL})"
        else:
            told = _listed(self.found) or "nothing found"
        if self.overlapping is not None:
            told += f"; {self.overlapping or 'none'} in the evaluation suite"
        return f"data check: {told}"


NOTHING = DataCheck()
"""Nothing has looked yet."""


def check(rows: Rows, registry: Registry, gate: bool, overlapping: int | None) -> DataCheck:
    """Looks for duplicates, personal data, odd lengths and languages by the registered checks.

    Args:
        rows: The rows as they were given.
        registry: The loaded plugins.
        gate: Refuse rows in which something is found.
        overlapping: Rows that are in the evaluation suite.

    Raises:
        DataError: Something was found, and ``gate`` is set.
        UsageError: ``gate`` is set, and nothing is installed that could look.
    """
    prompts = [plain(row.prompt) for row in rows.rows]
    texts = [
        "\n".join((prompt, *map(plain, row.answers)))
        for prompt, row in zip(prompts, rows.rows, strict=True)
    ]
    told = registry.notify("harness_check_training_data", texts=texts, prompts=prompts)
    if not told:
        if gate:
            raise UsageError("the training data cannot be checked", f"Install it: {INSTALL}")
        return DataCheck(None, overlapping)
    found: dict[str, int] = {}
    for each in told:
        found |= {str(what): int(count) for what, count in each.items() if count}
    if gate and found:
        raise DataError(
            f"`harness data check` finds something: {_listed(found)}",
            path=rows.source,
            expected="rows as `harness data clean` writes them; without --gate-data they are "
            "trained on as they are",
        )
    return DataCheck(found, overlapping)


def _listed(found: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} row{'s' * (n != 1)} {what}" for what, n in found.items())
