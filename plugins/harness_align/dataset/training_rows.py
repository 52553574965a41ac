"""Training data: what rows there are, and as what they are written for the trainers.

Five kinds, of texts or of lists of ``{"role", "content"}`` messages:

    preference   prompt, chosen, rejected
    completion   prompt, completion
    label        prompt, completion, label
    text         text
    prompt       prompt

``harness_align.dataset.formats`` reads them from the forms in which people have them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from harness.authoring.io import files, serialization
from harness.errors import DataError
from harness.protocols import DATA_COLUMNS, DataKind
from harness.types import Message, Prompt

Kind: TypeAlias = DataKind
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One training sample; what its kind does not have is None.

    Attributes:
        line: Where it stood in its file, from 1.
        prompt: What the model is given.
        chosen: The better answer; for completion and label rows, the answer.
        rejected: The worse answer.
        label: Whether the answer is a good one.
        facts: Further columns: where a pair comes from, its difficulty, the task's sample.
    """

    line: int
    prompt: Prompt
    chosen: Prompt | None = None
    rejected: Prompt | None = None
    label: bool | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answers(self) -> tuple[Prompt, ...]:
        """The answers that the row has."""
        return tuple(each for each in (self.chosen, self.rejected) if each is not None)

    @property
    def key(self) -> str:
        """What rows are told apart by: the prompt, or the text of a row that has none."""
        return plain(self.prompt) or plain(self.chosen or "")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one kind, and where they came from.

    Attributes:
        kind: What every row has.
        rows: The rows.
        source: Their file or task.
        format: The form in which they were read; empty where they were not read from a file.
        total: How many rows there were; 0 means the number of rows here.
        dropped: Reason → where the rows stood that were dropped for it.
        unit: ``line`` or ``row``: what the numbers of rows count.
    """

    kind: Kind
    rows: tuple[Row, ...]
    source: str
    format: str = field(default="", compare=False)
    total: int = field(default=0, compare=False)
    dropped: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False)
    unit: str = field(default="line", compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def listed(self, numbers: Sequence[int]) -> str:
        """The file and line of rows, in words."""
        more = f" and {len(numbers) - _SHOWN:,} more" if len(numbers) > _SHOWN else ""
        unit = self.unit if len(numbers) == 1 else f"{self.unit}s"
        return f"{unit} {', '.join(map(str, numbers[:_SHOWN]))}{more}"

    def describe(self) -> str:
        """As what the rows were read, and which ones were dropped, in one line."""
        head = f"read as {self.format}" if self.format else "read"
        total = self.total or len(self.rows)
        if not self.dropped:
            return f"{head}: {total:,} rows"
        lost = len({number for numbers in self.dropped.values() for number in numbers})
        reasons = ", ".join(
            f"{len(numbers):,} {why} ({self.listed(numbers)})"
            for why, numbers in self.dropped.items()
        )
        return f"{head}, {lost:,} of {total:,} rows dropped: {reasons}"


def plain(prompt: Prompt) -> str:
    """The text of a prompt, roles included, for comparing and counting."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(f"{turn.role}: {turn.content}" for turn in prompt)


# --------------------------------------------------------------------------- writing


def convert(rows: Rows, kind: Kind) -> Rows:
    """The same rows as another kind: a pair holds an answer, a good, a bad one, and a prompt.

    Raises:
        DataError: The rows do not hold what that kind needs.
    """
    if kind == rows.kind:
        return rows
    made: Iterable[Row]
    if kind == "prompt" and rows.kind != "text":
        made = (Row(row.line, row.prompt, facts=row.facts) for row in rows.rows)
    elif kind == "completion" and rows.kind == "preference":
        made = (replace(row, rejected=None) for row in rows.rows)
    elif kind == "completion" and rows.kind == "label":
        made = (replace(row, label=None) for row in rows.rows if row.label)
    elif kind == "label" and rows.kind == "preference":
        made = (
            replace(row, chosen=answer, rejected=None, label=label)
            for row in rows.rows
            for answer, label in ((row.chosen, True), (row.rejected, False))
        )
    else:
        raise DataError(f"these are {rows.kind} rows", path=rows.source, expected=f"{kind} rows")
    return replace(rows, kind=kind, rows=tuple(made))


def choose(rows: Rows, kinds: Sequence[Kind], method: str) -> Rows:
    """The rows as the first of ``kinds`` that they can be.

    Raises:
        DataError: They can be none of them.
    """
    if rows.kind in kinds:
        return rows
    for kind in kinds:
        try:
            return convert(rows, kind)
        except DataError:
            continue
    raise DataError(
        f"--method {method} cannot train on {rows.kind} rows",
        path=rows.source,
        expected=" or ".join(f"{kind} rows ({DATA_COLUMNS[kind]})" for kind in kinds),
    )


def to_json(row: Row, kind: Kind) -> dict[str, Any]:
    """The row in TRL's column names."""
    if kind == "text":
        return {**row.facts, "text": row.chosen}
    content: dict[str, Any] = {**row.facts, "prompt": _prompt_json(row.prompt)}
    if kind == "preference":
        assert row.chosen is not None
        assert row.rejected is not None
        content |= {"chosen": _prompt_json(row.chosen), "rejected": _prompt_json(row.rejected)}
    elif kind in ("completion", "label"):
        assert row.chosen is not None
        content["completion"] = _prompt_json(row.chosen)
        if kind == "label":
            content["label"] = row.label
    return content


def _prompt_json(prompt: Prompt) -> Any:
    if isinstance(prompt, str):
        return prompt
    return [{"role": turn.role, "content": turn.content} for turn in prompt]


def write(path: Path, rows: Rows) -> Path:
    """Writes JSONL that ``formats.read`` reads back."""
    text = "".join(serialization.dumps(to_json(row, rows.kind)) + "\n" for row in rows.rows)
    files.write_atomically(path, text)
    return path


def as_messages(rows: Rows) -> Rows:
    """Text rows as conversations, see ``as_conversation``."""
    return replace(rows, rows=tuple(map(as_conversation, rows.rows)))


def as_conversation(row: Row) -> Row:
    """A row of texts as turns: the prompt is the user's, the answer the assistant's.

    The hf backend asks chat models so; like there, an answer loses its leading space.
    """

    def turn(role: str, text: Prompt) -> tuple[Message, ...]:
        if not isinstance(text, str):
            return text
        return (Message(role, text if role == "user" else text.lstrip()),)

    return replace(
        row,
        prompt=turn("user", row.prompt),
        chosen=None if row.chosen is None else turn("assistant", row.chosen),
        rejected=None if row.rejected is None else turn("assistant", row.rejected),
    )


def split(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """(train, development), split by prompt, so that no prompt is in both.

    A prompt's side depends only on it and the seed; adding rows moves none of the others.
    """
    sides: tuple[list[Row], list[Row]] = ([], [])
    for row in rows.rows:
        digest = hashlib.sha256(f"{seed}\0{row.key}".encode()).digest()
        sides[int.from_bytes(digest[:8], "big") / 2**64 < share].append(row)
    train, development = (replace(rows, rows=tuple(side)) for side in sides)
    return train, development


def prompts(rows: Rows) -> Iterator[str]:
    """Each distinct prompt as text, in order."""
    yield from dict.fromkeys(row.key for row in rows.rows)
