"""Reading saved outputs: from files as people have them to one ``Output`` a sample."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from harness.authoring.io.packed_ids import PackedIds
from harness.authoring.io.spooled import Spooled
from harness.authoring.readers import conll, rows, text_files
from harness.authoring.readers.rows import Place, Rows
from harness.authoring.readers.tables import is_json_lines
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.types import MODEL
from harness_backends.replay_settings import ReplaySettings

FIELDS = (
    "response", "prediction", "output", "completion", "generated_text", "filtered_resps", "resps"
)  # fmt: skip
"""Columns that hold an output, where ``replay_field`` names none; the first that is there."""
CONLL = "conll"
NUMBERS = "loglikelihoods"
COUNTS = "token_counts"
DOC_ID = "doc_id"
_IDS = ("id", "sample_id", DOC_ID)
_FORMATS = f"a JSON map from sample id to text; a text file with an output a line; {rows.FORMATS}"


@dataclass(frozen=True, slots=True)
class Output:
    """What was saved of one sample; each list has an entry a question, None where none is saved.

    Attributes:
        where: File and line, for messages.
        id: The sample's id; None where the file has none.
        texts: Generated texts; None where the file has none of them.
        numbers: Log-likelihoods in nats; None likewise.
        greedy: Whether each continuation was the likeliest; None where unknown.
        counts: Tokens of each continuation; None where unknown.
    """

    where: str
    id: str | None
    texts: tuple[str | None, ...] | None = None
    numbers: tuple[float | None, ...] | None = None
    greedy: tuple[bool, ...] | None = None
    counts: tuple[int, ...] | None = None


_MEMBERS = tuple(each.name for each in fields(Output))


@dataclass(frozen=True, slots=True)
class Saved:
    """A file's outputs in its order, and what is asked of all of them at once.

    Attributes:
        source: The file or folder.
        outputs: The outputs.
        ids: Their ids; None where they have none.
        numbered: Whether these count the rows of the data from 0.
        text_counts: How many texts each has; -1 where it has none of them.
        number_counts: How many log-likelihoods; likewise.
        nulls: 1 for each that has a text of null, else 0.
        sha256: A hash of all ids, texts and log-likelihoods.
    """

    source: str
    outputs: Sequence[Output]
    ids: PackedIds | None
    numbered: bool
    text_counts: Sequence[int]
    number_counts: Sequence[int]
    nulls: bytearray
    sha256: str


def read(source: str, options: ReplaySettings) -> Saved:
    """The outputs of a file or folder.

    Raises:
        DataError: It is missing, malformed, empty or of no known format, or only some rows have
            an id, or two have the same.
    """
    path = Path(source)
    numbered = False
    found: Iterable[Output]
    if options.replay_format == CONLL:
        found = _from_conll(path)
    elif not path.is_dir() and not rows.is_known(path):
        found = _from_lines(path)
    elif rows.suffix(path) != ".json" or is_json_lines(path):
        found, numbered = _from_rows(partial(rows.read_rows, path), options)
    else:
        found, numbered = _from_json(path, options)
    return _saved(source, found, numbered)


def _saved(source: str, found: Iterable[Output], numbered: bool) -> Saved:
    outputs: Spooled[Output] = Spooled(
        pack=attrgetter(*_MEMBERS), unpack=lambda packed: Output(*packed)
    )
    ids, nulls = PackedIds(), bytearray()
    text_counts, number_counts = array("i"), array("i")
    digest, separator = hashlib.sha256(b"["), ""
    without: Output | None = None
    twice: DataError | None = None
    for output in found:
        if output.id is None:
            without = without or output
        elif ids.add(output.id) < len(outputs) and twice is None and without is None:
            twice = _twice(output, outputs[ids.add(output.id)])
        outputs.append(output)
        text_counts.append(-1 if output.texts is None else len(output.texts))
        number_counts.append(-1 if output.numbers is None else len(output.numbers))
        nulls.append(output.texts is not None and None in output.texts)
        content = json.dumps([output.id, output.texts, output.numbers])
        digest.update(f"{separator}{content}".encode())
        separator = ", "
    digest.update(b"]")
    if not outputs:
        raise DataError("holds no outputs", path=source, expected=_FORMATS)
    if without is not None and ids:
        raise DataError(
            "has no id, while others have one", path=without.where, expected="an id in each row"
        )
    if twice is not None:
        raise twice
    return Saved(
        source, outputs, ids or None, numbered, text_counts, number_counts, nulls,
        digest.hexdigest(),
    )  # fmt: skip


def _twice(output: Output, first: Output) -> DataError:
    return DataError(
        f"the id {output.id!r} occurs twice, first in {first.where}",
        path=output.where,
        expected="one output a sample; of several filters choose one with --set replay_filter=NAME",
    )


def _from_lines(path: Path) -> Iterator[Output]:
    """An output a line, as ``.txt`` and translations (``hypotheses.de``) have them.

    Raises:
        DataError: The lines are JSON objects, or tokens with tags: scored as texts they would all
            be wrong.
    """
    if is_json_lines(path):
        raise DataError(
            f"the suffix {rows.suffix(path)!r} stands for an output a line, and the lines are JSON",
            path=path,
            expected=f"a name that ends in .jsonl; of saved outputs there are {_FORMATS}",
        )
    filled, blank, tagged = 0, 0, True
    for _, text in text_files.lines(path):
        if text.strip():
            filled += 1
            tagged = tagged and bool(conll.token_and_tag(text))
        else:
            blank += 1
    if filled and blank and tagged:
        raise DataError(
            "the lines are tokens with tags",
            path=path,
            expected=f"--set replay_format={CONLL}, which reads them as sentences",
        )
    for number, text in text_files.lines(path):
        yield Output(f"{path}, line {number}", None, (text,))


def _from_conll(path: Path) -> Iterator[Output]:
    """A sentence's tokens and tags as an output's lines."""
    for sentence in conll.read(path):
        lines = map("\t".join, zip(sentence.tokens, sentence.tags, strict=True))
        yield Output(f"{path}, line {sentence.line}", None, ("\n".join(lines),))


def _from_json(path: Path, options: ReplaySettings) -> tuple[Iterable[Output], bool]:
    content = text_files.read_json(path)
    if isinstance(content, dict) and not any(
        isinstance(each, list) and each and isinstance(each[0], dict) for each in content.values()
    ):
        shape = (str, int, float, bool, list)
        if all(each is None or isinstance(each, shape) for each in content.values()):
            if set(content) & {*FIELDS, NUMBERS, *filter(None, [options.replay_field])}:
                return _from_rows(partial(rows.read_rows, path), options)  # columns
            return [
                Output(f"{path}, {name!r}", name, _texts(value, f"{path}, {name!r}"))
                for name, value in content.items()
            ], False
        raise DataError("is not a map from sample id to text", path=path, expected=_FORMATS)
    if isinstance(content, list) and not any(isinstance(each, dict) for each in content):
        return [
            Output(f"{path}, item {at}", None, _texts(value, f"{path}, item {at}"))
            for at, value in enumerate(content, start=1)
        ], False
    return _from_rows(partial(rows.read_rows, path), options)


# --------------------------------------------------------------------------- rows


def _from_rows(
    read_rows: Callable[[], Rows], options: ReplaySettings
) -> tuple[Iterable[Output], bool]:
    """The outputs, and whether their ids are places; the rows are read twice, and not held."""
    wanted, field = options.replay_filter, options.replay_field or ""

    def chosen() -> Rows:
        found = read_rows()
        if wanted is not None:
            found = ((row, place) for row, place in found if row.get("filter") == wanted)
        return found

    first = next(chosen(), None)
    if first is None:
        return [], False
    if options.replay_field is None and {"requests", "responses"} <= first[0].keys():
        return _of_run(chosen()), False
    columns = {name for row, _ in chosen() for name in row}
    if field in columns:
        field = ""
    elif "." in field and any(field in row for row, _ in _with_inner(chosen(), field)):
        columns.add(field)
    name = _answer_column(columns, options, next(_with_inner(chosen(), field)))
    identifier = options.replay_id or _id_column(columns)
    outputs = (
        _output(row, place, name, _identifier(row, place, identifier))
        for row, place in _with_inner(chosen(), field)
    )
    return outputs, identifier == DOC_ID


def _of_run(found: Rows) -> Iterator[Output]:
    """The model's answers in a run folder's ``samples/TASK.jsonl``: of a conversation each turn's.

    Variants of probes, repeats and samples that failed are left out.
    """
    for row, place in found:
        given = place.field(row, "responses", list)
        kinds = {each.get("type") if isinstance(each, dict) else None for each in given}
        if (
            row.get("probe") is not None
            or row.get("repeat")
            or not kinds <= {"completion", "logprob"}
        ):
            continue
        where = f"{place.path}, line {place.line or place.ordinal}"
        identifier = _identifier(row, place, "id")
        if kinds == {"completion"}:
            given = [*given, *_later(row, place)]
            texts = tuple(_one_text(each.get("text"), where) for each in given)
            yield Output(where, identifier, texts)
        elif kinds == {"logprob"}:
            numbers = tuple(_log_likelihood(each.get("total"), where) for each in given)
            yield Output(where, identifier, None, numbers)


def _later(row: Row, place: Place) -> list[Mapping[str, Any]]:
    """What the evaluated model, and no judge, generated in later rounds."""
    try:
        return [
            response
            for asked in row.get("later_rounds") or ()
            for role, response in zip(asked["roles"], asked["responses"], strict=True)
            if role == MODEL and response["type"] == "completion"
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise place.error("later_rounds are not as harness writes them", _FORMATS) from error


def _with_inner(found: Rows, field: str) -> Rows:
    """The rows with what ``COLUMN.KEY`` names, where columns hold objects, under that name."""
    column, point, key = field.partition(".")
    for row, place in found:
        if point and isinstance(row.get(column), dict) and key in row[column]:
            yield {**row, field: row[column][key]}, place
        else:
            yield row, place


def _answer_column(
    columns: set[str], options: ReplaySettings, first: tuple[Row, Place]
) -> str | None:
    """The column with texts; None where there are log-likelihoods alone."""
    chosen = options.replay_field
    name = chosen or next((each for each in FIELDS if each in columns), None)
    if name is not None and name in columns:
        return name
    if chosen is None and NUMBERS in columns:
        return None
    row, place = first
    raise place.error(
        f"there is no column {name or FIELDS[0]!r} with outputs; the columns are "
        f"{', '.join(map(repr, row))}",
        "the column with the outputs, chosen with --set replay_field=NAME",
    )


def _id_column(columns: set[str]) -> str | None:
    if {"category", "example_id"} <= columns:
        return "example_id"
    return next((name for name in _IDS if name in columns), None)


def _identifier(row: Row, place: Place, name: str | None) -> str | None:
    if name is None:
        return None
    if row.get(name) is None:
        raise place.error(f"there is no id in {name!r}", "an id in each row")
    value = str(place.field(row, name, (str, int)))
    bbq = name == "example_id" and "category" in row  # BBQ's published files
    return f"{row['category']}-{value}" if bbq else value


def _output(row: Row, place: Place, name: str | None, identifier: str | None) -> Output:
    where = f"{place.path}, {'row' if place.line is None else 'line'} {place.line or place.ordinal}"
    numbers: tuple[float | None, ...] | None = None
    greedy: tuple[bool, ...] | None = None
    counts: tuple[int, ...] | None = None
    value = None if name is None else row.get(name)
    if NUMBERS in row and row[NUMBERS] is not None:
        given = place.field(row, NUMBERS, list)
        numbers = tuple(_log_likelihood(each, where) for each in given)
        if row.get(COUNTS) is not None:
            counts = tuple(int(each) for each in place.field(row, COUNTS, list))
            if len(counts) != len(numbers) or min(counts, default=1) < 1:
                raise place.error(f"{COUNTS} does not fit {NUMBERS}", "a count of 1 or more each")
    elif (pairs := _pairs(value)) is not None:
        numbers = tuple(_log_likelihood(each, where) for each, _ in pairs)
        greedy = tuple(flag for _, flag in pairs)
        value = name = None
    if not place.typed and isinstance(value, str) and value.strip().startswith("["):
        value = rows.structure(value.strip())
        if (pairs := _pairs(value)) is not None:
            return _output({**row, str(name): value}, place, name, identifier)
    texts = None if name is None or name not in row else _texts(value, where)
    return Output(where, identifier, texts, numbers, greedy, counts)


def _pairs(value: Any) -> list[tuple[Any, bool]] | None:
    """(log-likelihood, is greedy) of each option, as lm-evaluation-harness saves them; or None."""
    if not isinstance(value, list) or not value:
        return None
    found = []
    for each in value:
        pair = each[0] if isinstance(each, list) and len(each) == 1 else each
        if not isinstance(pair, list) or len(pair) != 2 or str(pair[1]) not in ("True", "False"):
            return None
        found.append((pair[0], str(pair[1]) == "True"))
    return found


def _log_likelihood(value: Any, where: str) -> float | None:
    """A number, or its text; None for a missing one. NaN stays, and fails when asked for."""
    if value is None:
        return None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise DataError(f"{str(value)[:60]!r} is no log-likelihood", path=where, expected="a number")


def _texts(value: Any, where: str) -> tuple[str | None, ...]:
    """The texts of one output: a list of lists of one counts as a list."""
    if isinstance(value, list):
        found = [each[0] if isinstance(each, list) and len(each) == 1 else each for each in value]
        if len(found) == 1 and isinstance(found[0], list):
            found = found[0]
        return tuple(_one_text(each, where) for each in found) or (None,)
    return (_one_text(value, where),)


def _one_text(value: Any, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise DataError(
        f"a JSON {type(value).__name__} is no text",
        path=where,
        expected="a text, a list of one text, or null where no answer is saved",
    )
