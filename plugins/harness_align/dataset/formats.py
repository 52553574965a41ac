"""The forms in which people have training data: one declaration each, told apart by columns.

    harness align --set format=alpaca …                     takes the form that is named
    harness align --set columns=prompt:text,chosen:good …   names columns as a form has them

A row that cannot be used is dropped and counted; a file is refused where none can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.authoring.readers import rows as files
from harness.authoring.readers.rows import Place
from harness.errors import DataError, UnknownNameError
from harness.types import Message, Prompt
from harness_align.dataset import turns
from harness_align.dataset.training_rows import Kind, Row, Rows, as_messages
from harness_align.dataset.turns import Unusable

_LOOK = 1000
"""Rows that are looked at to find the form."""
_GOOD: Mapping[str, bool] = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "good", "desirable", "chosen"), True),
    **dict.fromkeys(("false", "0", "0.0", "-1", "no", "bad", "undesirable", "rejected"), False),
}


@dataclass(frozen=True, slots=True)
class Format:
    """One form: which columns hold what. All named ones must be there but the last three.

    Attributes:
        name: For ``format=NAME``.
        title: What users call it.
        kind: The kind of rows it gives.
        turns: A conversation; without ``chosen`` its last turn is the answer.
        prompt: The prompt: a text or messages.
        chosen: The answer, or the better one.
        rejected: The worse answer.
        label: Whether the answer is a good one: true or false, 1 or 0, and the like.
        context: A text to put behind the prompt.
        system: A text for a system turn.
        apart: Whether prompt and answer are separate texts, to be put together with a blank line.
    """

    name: str
    title: str
    kind: Kind
    turns: str = ""
    prompt: str = ""
    chosen: str = ""
    rejected: str = ""
    label: str = ""
    context: str = ""
    system: str = ""
    apart: bool = False

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that must be there."""
        named = (self.turns, self.prompt, self.chosen, self.rejected, self.label)
        return tuple(filter(None, named))

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is likely to be of this form."""
        if not all(column in row for column in self.needed):
            return False
        return not self.label or row[self.label] is None or _label(row[self.label]) is not None


FORMATS = (
    Format("pairs", "pairs", "preference", prompt="prompt", chosen="chosen", rejected="rejected"),
    Format(
        "sharegpt-pairs", "ShareGPT pairs", "preference",
        turns="conversations", chosen="chosen", rejected="rejected",
    ),
    Format(
        "orca", "DPO-Orca", "preference", prompt="question", chosen="chosen", rejected="rejected",
        system="system", apart=True,
    ),
    Format(
        "alpaca-pairs", "Alpaca pairs", "preference", prompt="instruction", chosen="chosen",
        rejected="rejected", context="input", system="system", apart=True,
    ),
    Format("dialogues", "pairs of dialogues", "preference", chosen="chosen", rejected="rejected"),
    Format("labels", "labels", "label", prompt="prompt", chosen="completion", label="label"),
    Format("message-labels", "messages with labels", "label", turns="messages", label="label"),
    Format("messages", "messages", "completion", turns="messages"),
    Format("sharegpt", "ShareGPT", "completion", turns="conversations", system="system"),
    Format("completions", "completions", "completion", prompt="prompt", chosen="completion"),
    Format(
        "alpaca", "Alpaca", "completion", prompt="instruction", chosen="output",
        context="input", system="system", apart=True,
    ),
    Format(
        "dolly", "Dolly", "completion", prompt="instruction", chosen="response",
        context="context", apart=True,
    ),
    Format(
        "orca-answers", "Orca", "completion", prompt="question", chosen="response",
        system="system_prompt", apart=True,
    ),
    Format(
        "responses", "responses", "completion", prompt="prompt", chosen="response",
        system="system", apart=True,
    ),
    Format(
        "questions", "questions and answers", "completion", prompt="question", chosen="answer",
        apart=True,
    ),
    Format("text", "texts", "text", chosen="text"),
    Format("prompts", "prompts", "prompt", prompt="prompt"),
)  # fmt: skip
"""Special forms before general ones: the first that fits half of the rows is taken."""

_OWN = frozenset(
    column
    for each in FORMATS
    for column in (*each.needed, each.context, each.system)
)  # fmt: skip
EXPECTED = "; ".join(f"{each.name} ({', '.join(each.needed)})" for each in FORMATS)
"""The forms in words."""


def read(path: Path, name: str = "", columns: str = "") -> Rows:
    """Reads the rows of a file or folder, in any form.

    Args:
        path: JSONL, JSON, CSV, TSV, Parquet, Arrow, …: see ``harness.authoring.readers.rows``.
        name: The form; empty finds it.
        columns: ``FIELD:COLUMN,…``: columns of the file that are called otherwise in the form.

    Raises:
        DataError: The file cannot be read, or none of its rows can be used; says why.
        UnknownNameError: There is no such form.
    """
    given = [(_renamed(row, columns, path), place) for row, place in files.read_rows(path)]
    if not given:
        raise DataError("holds no rows", path=path, expected=f"one of these forms: {EXPECTED}")
    form = _named(name) if name else _recognised([row for row, _ in given], path, given[0][1])
    made: list[Row] = []
    dropped: dict[str, list[int]] = defaultdict(list)
    for row, place in given:
        try:
            made.append(_converted(form, row, place))
        except Unusable as reason:
            dropped[str(reason)].append(_number(place))
    unit = "line" if given[0][1].line is not None else "row"
    rows = Rows(
        form.kind,
        tuple(made),
        str(path),
        form.title,
        len(given),
        {why: tuple(lines) for why, lines in dropped.items()},
        unit,
    )
    if not made:
        raise DataError(
            rows.describe(), path=path, expected=f"rows of one of these forms: {EXPECTED}"
        )
    mixed = len({isinstance(row.prompt, str) for row in made}) > 1
    return as_messages(rows) if mixed else rows


def _number(place: Place) -> int:
    return place.line or place.ordinal


def _renamed(row: Mapping[str, Any], columns: str, path: Path) -> Mapping[str, Any]:
    if not columns:
        return row
    pairs = files.parse_columns(columns)
    if not any(column in row for _, column in pairs):
        missing = ", ".join(repr(column) for _, column in pairs)
        raise DataError(
            f"there is no column {missing}", path=path, expected=f"one of {', '.join(row)}"
        )
    return {**row, **{field: row[column] for field, column in pairs if column in row}}


def _named(name: str) -> Format:
    for each in FORMATS:
        if each.name == name:
            return each
    raise UnknownNameError("format of training data", name, [each.name for each in FORMATS])


def _recognised(rows: Sequence[Mapping[str, Any]], path: Path, first: Place) -> Format:
    some = rows[:_LOOK]
    fitting = {each.name: sum(map(each.fits, some)) for each in FORMATS}
    for each in FORMATS:
        if 2 * fitting[each.name] >= len(some):
            return each
    best = max(FORMATS, key=lambda each: fitting[each.name])
    if fitting[best.name]:
        return best
    raise DataError(
        f"the columns are {', '.join(some[0]) or 'none'}",
        path=path,
        line=first.line,
        expected=f"the columns of one of these forms: {EXPECTED}; "
        "--set columns=FIELD:COLUMN,… maps others to them",
    )


# --------------------------------------------------------------------------- one row


def _converted(form: Format, row: Mapping[str, Any], place: Place) -> Row:
    missing = [column for column in form.needed if column not in row]
    if missing:
        raise Unusable(f"without {' and '.join(map(repr, missing))}")
    facts = {
        name: value
        for name, value in row.items()
        if name not in _OWN and isinstance(value, str | int | float | bool | None)
    }
    prompt = _prompt(form, row, place)
    line = _number(place)
    label = _label(row[form.label]) if form.label else None
    if form.label and label is None:
        raise Unusable("without a label that says good or bad")
    if form.kind == "prompt":
        return Row(line, prompt or "", facts=facts)
    if form.rejected:
        chosen, rejected = _apart(
            form, prompt, [_value(row, name, place) for name in (form.chosen, form.rejected)]
        )
        prompt, chosen, rejected = turns.split_pair(prompt, chosen, rejected)
        return Row(line, prompt, chosen, rejected, facts=facts)
    if not form.chosen:
        assert isinstance(prompt, tuple)
        before, answer = turns.last_answer(prompt)
        return Row(line, before, answer, label=label, facts=facts)
    (answer,) = _apart(form, prompt, [_value(row, form.chosen, place)])
    if isinstance(prompt, str) and isinstance(answer, str):
        return Row(line, prompt, answer, label=label, facts=facts)
    if prompt is None:
        return Row(line, "", answer, facts=facts)
    prompt, answer, _ = turns.split_pair(prompt, answer, answer)
    return Row(line, prompt, answer, label=label, facts=facts)


def _prompt(form: Format, row: Mapping[str, Any], place: Place) -> Prompt | None:
    """What comes before the answer; None where the form has no column for it."""
    if form.turns:
        value = _structured(row[form.turns], place)
        if value is None:
            raise Unusable(f"whose {form.turns!r} is empty")
        prompt: Prompt = turns.conversation(value)
    elif form.prompt:
        prompt = _value(row, form.prompt, place)
    else:
        return None
    more = row.get(form.context) if form.context else None
    if isinstance(prompt, str) and isinstance(more, str) and more.strip():
        prompt = f"{prompt}\n\n{more}"
    system = row.get(form.system) if form.system else None
    if isinstance(system, str) and system.strip():
        said = (Message("user", prompt),) if isinstance(prompt, str) else prompt
        prompt = (
            said if said[:1] and said[0].role == "system" else (Message("system", system), *said)
        )
    return prompt


def _value(row: Mapping[str, Any], name: str, place: Place) -> Prompt:
    """A text, or turns."""
    value = _structured(row[name], place)
    if value is None:
        raise Unusable(f"whose {name!r} is empty")
    if isinstance(value, bool) or not isinstance(value, str | int | float | Sequence | Mapping):
        raise Unusable(f"whose {name!r} is {type(value).__name__}, not a text or messages")
    if isinstance(value, str | int | float):
        return str(value)
    if not value:
        raise Unusable(f"whose {name!r} is empty")
    return turns.conversation(value)


def _structured(value: Any, place: Place) -> Any:
    """A value of a format without types, where it holds messages as JSON or Python writes them."""
    if not place.typed and isinstance(value, str) and value.lstrip()[:2] in ("[{", "[ "):
        return files.structure(value.strip())
    return value


def _apart(form: Format, prompt: Prompt | None, answers: Sequence[Prompt]) -> list[Prompt]:
    """The answers, with a blank line before those that are separate texts."""
    if not form.apart or not isinstance(prompt, str):
        return list(answers)
    return [f"\n\n{each}" if isinstance(each, str) and each.strip() else each for each in answers]


def _label(value: Any) -> bool | None:
    return _GOOD.get(str(value).strip().lower())
