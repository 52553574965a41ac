"""Training data: what rows there are, and how files and tasks become rows.

Four kinds, told apart by their columns (texts, or lists of ``{"role", "content"}`` messages):

    preference   prompt, chosen, rejected     (also without prompt: hh-rlhf's dialogues)
    completion   prompt, completion           (also ``messages``, whose last turn is the answer)
    label        prompt, completion, label
    prompt       prompt
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from harness import codec, data, runfolder
from harness.errors import DataError
from harness.types import Message, Prompt

Kind: TypeAlias = Literal["preference", "completion", "label", "prompt"]

EXPECTED = (
    "`prompt, chosen, rejected`, `chosen, rejected` (hh-rlhf), `prompt, completion`, "
    "`prompt, completion, label`, `messages` or `prompt`"
)
_ASSISTANT = "\n\nAssistant:"


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


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one kind, and where they came from."""

    kind: Kind
    rows: tuple[Row, ...]
    source: str

    def __len__(self) -> int:
        return len(self.rows)


def plain(prompt: Prompt) -> str:
    """The text of a prompt, roles included, for comparing and counting."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(f"{turn.role}: {turn.content}" for turn in prompt)


# --------------------------------------------------------------------------- reading


def read(path: Path) -> Rows:
    """Reads a JSONL file, gzipped or not; the first row decides the kind.

    Raises:
        DataError: The file or one of its rows cannot be used; names the line.
    """
    kind: Kind | None = None
    form: type | None = None
    rows: list[Row] = []
    for line, content in data.read_jsonl(path):
        found = _kind(content)
        kind = kind or found
        if found is None or found != kind:
            have = ", ".join(content) or "none"
            what = f"the columns are {have}" + (f", but the file began as {kind}" if kind else "")
            raise DataError(what, path=path, line=line, expected=EXPECTED)
        row = _row(kind, content, path, line)
        form = form or type(row.prompt)
        if type(row.prompt) is not form:
            raise DataError(
                "texts and message lists are mixed",
                path=path,
                line=line,
                expected="the same form in every row",
            )
        rows.append(row)
    if kind is None:
        raise DataError("holds no rows", path=path, expected=f"JSONL with the columns {EXPECTED}")
    return Rows(kind, tuple(rows), str(path))


def _kind(row: Mapping[str, Any]) -> Kind | None:
    columns = row.keys()
    if {"chosen", "rejected"} <= columns:
        return "preference"
    if {"prompt", "completion", "label"} <= columns:
        return "label"
    if {"prompt", "completion"} <= columns or "messages" in columns:
        return "completion"
    return "prompt" if "prompt" in columns else None


_OWN = {"prompt", "chosen", "rejected", "completion", "label", "messages"}


def _row(kind: Kind, row: Mapping[str, Any], path: Path, line: int) -> Row:
    facts = {name: value for name, value in row.items() if name not in _OWN}
    if "messages" in row:
        turns = _messages(row["messages"], "messages", path, line)
        if not turns or turns[-1].role != "assistant":
            raise DataError(
                "the last message is not the assistant's", path=path, line=line, expected=EXPECTED
            )
        return Row(line, turns[:-1], turns[-1:], facts=facts)
    if kind == "preference" and "prompt" not in row:
        return replace(_split_dialogues(row, path, line), facts=facts)
    prompt = _text(row, "prompt", path, line)
    conversational = not isinstance(prompt, str)
    if kind == "prompt":
        return Row(line, prompt, facts=facts)
    if kind == "preference":
        chosen = _answer(row, "chosen", conversational, path, line)
        rejected = _answer(row, "rejected", conversational, path, line)
        return Row(line, prompt, chosen, rejected, facts=facts)
    answer = _answer(row, "completion", conversational, path, line)
    if kind == "completion":
        return Row(line, prompt, answer, facts=facts)
    return Row(line, prompt, answer, label=data.field(row, "label", bool, path, line), facts=facts)


def _text(row: Mapping[str, Any], name: str, path: Path, line: int) -> Prompt:
    value = data.field(row, name, (str, list), path, line)
    return value if isinstance(value, str) else _messages(value, name, path, line)


def _answer(
    row: Mapping[str, Any], name: str, conversational: bool, path: Path, line: int
) -> Prompt:
    value = _text(row, name, path, line)
    if conversational == (not isinstance(value, str)):
        return value
    if conversational and isinstance(value, str):
        return (Message("assistant", value),)
    raise DataError(
        f"{name!r} is a message list and `prompt` a text",
        path=path,
        line=line,
        expected="both as texts or both as messages",
    )


def _messages(value: Any, name: str, path: Path, line: int) -> tuple[Message, ...]:
    good = isinstance(value, list) and all(
        isinstance(turn, dict)
        and isinstance(turn.get("role"), str)
        and isinstance(turn.get("content"), str)
        for turn in value
    )
    if not good:
        raise DataError(
            f"{name!r} is not a list of messages",
            path=path,
            line=line,
            expected='[{"role": "user", "content": "…"}, …]',
        )
    return tuple(Message(turn["role"], turn["content"]) for turn in value)


def _split_dialogues(row: Mapping[str, Any], path: Path, line: int) -> Row:
    """Two whole dialogues become their shared beginning and what follows it.

    As texts (hh-rlhf) the shared part must end with ``\\n\\nAssistant:``; the dialogues of
    some rows part earlier than in their last turn, so the longest such part is taken.
    """
    chosen = _text(row, "chosen", path, line)
    rejected = _text(row, "rejected", path, line)
    if isinstance(chosen, str) and isinstance(rejected, str):
        shared = _common(chosen, rejected)
        cut = chosen.rfind(_ASSISTANT, 0, shared)
        if cut < 0:
            raise DataError(
                "no `prompt`, and the dialogues share no beginning up to `Assistant:`",
                path=path,
                line=line,
                expected=EXPECTED,
            )
        cut += len(_ASSISTANT)
        return Row(line, chosen[:cut], chosen[cut:], rejected[cut:])
    if isinstance(chosen, tuple) and isinstance(rejected, tuple):
        shared = _common(chosen, rejected)
        shared = min(shared, len(chosen) - 1, len(rejected) - 1)  # an identical pair keeps a turn
        return Row(line, chosen[:shared], chosen[shared:], rejected[shared:])
    raise DataError(
        "`chosen` and `rejected` have different forms", path=path, line=line, expected=EXPECTED
    )


def _common(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Length of the common beginning."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))


# --------------------------------------------------------------------------- writing


def convert(rows: Rows, kind: Kind) -> Rows:
    """The same rows as another kind: a pair holds an answer, a good, a bad one, and a prompt.

    Raises:
        DataError: The rows do not hold what that kind needs.
    """
    if kind == rows.kind:
        return rows
    made: Iterable[Row]
    if kind == "prompt":
        made = (Row(row.line, row.prompt, facts=row.facts) for row in rows.rows)
    elif kind == "completion" and rows.kind == "preference":
        made = (replace(row, rejected=None) for row in rows.rows)
    elif kind == "label" and rows.kind == "preference":
        made = (
            replace(row, chosen=answer, rejected=None, label=label)
            for row in rows.rows
            for answer, label in ((row.chosen, True), (row.rejected, False))
        )
    else:
        raise DataError(
            f"these are {rows.kind} rows", path=rows.source, expected=f"{kind} rows: {EXPECTED}"
        )
    return Rows(kind, tuple(made), rows.source)


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
        expected=" or ".join(f"{kind} rows" for kind in kinds) + f". Columns: {EXPECTED}",
    )


def to_json(row: Row, kind: Kind) -> dict[str, Any]:
    """The row in TRL's column names."""
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
    """Writes JSONL that ``read`` reads back."""
    text = "".join(codec.dumps(to_json(row, rows.kind)) + "\n" for row in rows.rows)
    runfolder.write_atomically(path, text)
    return path


def as_messages(rows: Rows) -> Rows:
    """Text rows as conversations: the prompt is the user's, the answer the assistant's.

    The hf backend asks chat models so; like there, an answer loses its leading space.
    """

    def turn(role: str, text: Prompt) -> tuple[Message, ...]:
        if not isinstance(text, str):
            return text
        return (Message(role, text if role == "user" else text.lstrip()),)

    def wrapped(row: Row) -> Row:
        return replace(
            row,
            prompt=turn("user", row.prompt),
            chosen=None if row.chosen is None else turn("assistant", row.chosen),
            rejected=None if row.rejected is None else turn("assistant", row.rejected),
        )

    return Rows(rows.kind, tuple(wrapped(row) for row in rows.rows), rows.source)


def split(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """(train, development), split by prompt, so that no prompt is in both.

    A prompt's side depends on it and the seed alone; adding rows moves none of the others.
    """
    sides: tuple[list[Row], list[Row]] = ([], [])
    for row in rows.rows:
        digest = hashlib.sha256(f"{seed}\0{plain(row.prompt)}".encode()).digest()
        sides[int.from_bytes(digest[:8], "big") / 2**64 < share].append(row)
    train, development = (Rows(rows.kind, tuple(side), rows.source) for side in sides)
    return train, development


def prompts(rows: Rows) -> Iterator[str]:
    """Each distinct prompt as text, in order."""
    yield from dict.fromkeys(plain(row.prompt) for row in rows.rows)
