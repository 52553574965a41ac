"""Where judgements are kept: one SQLite file a folder, on the disk before the next is asked."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from harness.authoring.io import databases, files
from harness.authoring.io.serialization import canonical_hash
from harness.errors import DataError, UsageError
from harness_judges.annotation.items import KINDS, Answer, Item, Kind
from harness_judges.annotation.spans import Span

Part = TypeVar("Part", Answer, Span)
FILE = "annotations.sqlite"
VERSION = 2
Outcome: TypeAlias = Literal["added", "known", "replaced", "other"]
"""What came of a judgement: new; stood already; took another's place; another stands."""
Value: TypeAlias = float | None
"""A score; 1 or 0 for yes or no; the place of the preferred answer, ½ for a tie; None: skipped."""
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE items (
    id INTEGER PRIMARY KEY, task TEXT NOT NULL, sample_id TEXT NOT NULL,
    instruction TEXT NOT NULL, answers TEXT NOT NULL);
CREATE TABLE assignments (
    annotator TEXT NOT NULL, place INTEGER NOT NULL, item INTEGER NOT NULL REFERENCES items(id),
    PRIMARY KEY (annotator, place), UNIQUE (annotator, item));
CREATE TABLE labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT, annotator TEXT NOT NULL,
    item INTEGER NOT NULL REFERENCES items(id), value REAL, comment TEXT NOT NULL,
    seconds REAL, at REAL NOT NULL, undone INTEGER NOT NULL DEFAULT 0,
    spans TEXT NOT NULL DEFAULT '[]');
CREATE UNIQUE INDEX one_label ON labels (annotator, item) WHERE undone = 0;
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """How items are judged.

    Attributes:
        kind: What is asked.
        question: What people read above the answers.
        low: The scale's least value, for ``score``.
        high: Its greatest.
        spans: Labels with which parts of answers can be marked; empty: none can.
    """

    kind: Kind
    question: str
    low: int = 1
    high: int = 5
    spans: tuple[str, ...] = ()

    def allows(self, value: Value) -> bool:
        """Whether an answer of that value can have been given."""
        if value is None:
            return True
        if self.kind == "score":
            return self.low <= value <= self.high and float(value).is_integer()
        return value in ((0.0, 1.0) if self.kind == "binary" else (0.0, 0.5, 1.0))


@dataclass(frozen=True, slots=True)
class Label:
    """One judgement.

    Attributes:
        annotator: Who gave it.
        item: The item's number.
        value: See ``Value``.
        comment: What they wrote.
        seconds: From the item's showing to its label; None where unknown.
        at: When, in seconds since 1970.
        spans: What they marked in the answers.
    """

    annotator: str
    item: int
    value: Value
    comment: str = ""
    seconds: float | None = None
    at: float = 0.0
    spans: tuple[Span, ...] = ()

    def says_the_same(self, other: Label) -> bool:
        """Whether both judge alike, whenever they were given."""
        return (self.value, self.comment, self.spans) == (other.value, other.comment, other.spans)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an annotator stands; ``item`` is None when all is done."""

    done: int
    total: int
    item: int | None


class Store:
    """The judgements of a folder.

    Args:
        path: The SQLite file.
        connection: Opened on it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection
        meta = dict(self._all("SELECT key, value FROM meta"))
        self.token = str(meta["token"])
        self.identity = str(meta["identity"])
        self.runs: list[str] = json.loads(meta["runs"])
        settings = json.loads(meta["settings"])
        self.settings = Settings(**{**settings, "spans": tuple(settings.get("spans", ()))})

    @property
    def annotators(self) -> list[str]:
        """In the order in which they were named."""
        rows = self._all("SELECT annotator FROM assignments GROUP BY annotator ORDER BY min(rowid)")
        return [name for (name,) in rows]

    def item(self, number: int) -> Item:
        """An item by its number."""
        rows = self._all(
            "SELECT task, sample_id, instruction, answers FROM items WHERE id = ?", number
        )
        if not rows:
            raise _damaged(self.path, LookupError(f"no item {number}"))
        return self._item(*rows[0])

    @property
    def items(self) -> dict[int, Item]:
        """All items by number."""
        rows = self._all("SELECT id, task, sample_id, instruction, answers FROM items ORDER BY id")
        return {number: self._item(*row) for number, *row in rows}

    def _item(self, task: str, sample: str, instruction: str, answers: str) -> Item:
        return Item(task, sample, instruction, _parts(self.path, Answer, answers))

    def assigned(self, annotator: str) -> list[int]:
        """The annotator's items in their order."""
        rows = self._all(
            "SELECT item FROM assignments WHERE annotator = ? ORDER BY place", annotator
        )
        return [item for (item,) in rows]

    def progress(self, annotator: str) -> Progress:
        """How much is done, and what comes next."""
        assigned = self.assigned(annotator)
        done = {label.item for label in self.labels(annotator)}
        left = [item for item in assigned if item not in done]
        return Progress(len(assigned) - len(left), len(assigned), left[0] if left else None)

    def labels(self, annotator: str | None = None) -> list[Label]:
        """The judgements that stand, oldest first."""
        rows = self._all(
            "SELECT annotator, item, value, comment, seconds, at, spans FROM labels "
            "WHERE undone = 0 AND (?1 IS NULL OR annotator = ?1) ORDER BY id",
            annotator,
        )
        return [
            Label(annotator, item, value, comment, seconds, at, _parts(self.path, Span, spans))
            for annotator, item, value, comment, seconds, at, spans in rows
        ]

    def add(self, label: Label) -> bool:
        """Keeps a judgement; the same one again changes nothing.

        Returns:
            Whether it stands now: False where the item has another label already.
        """
        (outcome,) = self.add_all([label])
        return outcome != "other"

    def add_all(self, labels: Sequence[Label], replace: bool = False) -> list[Outcome]:
        """Keeps judgements, all or none; what came of each.

        Args:
            labels: The judgements, of each item at most one a person.
            replace: Whether one takes the place of another that its item has.
        """
        standing = {(each.annotator, each.item): each for each in self.labels()}
        found: list[Outcome] = []
        with self._connection:
            for label in labels:
                earlier = standing.get((label.annotator, label.item))
                if earlier is not None and label.says_the_same(earlier):
                    found.append("known")
                elif earlier is not None and not replace:
                    found.append("other")
                else:
                    if earlier is not None:
                        self._take_back(label.annotator, label.item)
                    self._insert(label)
                    found.append("added" if earlier is None else "replaced")
        return found

    def _insert(self, label: Label) -> None:
        self._connection.execute(
            "INSERT INTO labels (annotator, item, value, comment, seconds, at, spans) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (label.annotator, label.item, label.value, label.comment, label.seconds,
             label.at or time.time(), json.dumps([asdict(each) for each in label.spans])),
        )  # fmt: skip

    def _take_back(self, annotator: str, item: int) -> None:
        self._connection.execute(
            "UPDATE labels SET undone = 1 WHERE annotator = ? AND item = ? AND undone = 0",
            (annotator, item),
        )

    def undo(self, annotator: str) -> int | None:
        """Takes back the annotator's last judgement; returns its item, None where there is none."""
        standing = self.labels(annotator)
        if not standing:
            return None
        item = standing[-1].item
        with self._connection:
            self._take_back(annotator, item)
        return item

    def _all(self, query: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except databases.ERRORS as error:
            raise _damaged(self.path, error) from error


def _parts(path: Path, kind: type[Part], text: str) -> tuple[Part, ...]:
    """Answers or marks, of which a column holds a JSON list."""
    try:
        return tuple(kind(**each) for each in json.loads(text))
    except (ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def _as_json(settings: Settings) -> dict[str, Any]:
    """Settings as they are kept; without marks as they were before there were any."""
    kept = asdict(settings)
    return kept if settings.spans else {key: kept[key] for key in kept if key != "spans"}


def identity(
    items: Sequence[Item], assignment: Mapping[str, Sequence[int]], settings: Settings
) -> str:
    """Hash of all that people see, and who sees it."""
    return canonical_hash(
        [[asdict(each) for each in items], {k: list(v) for k, v in assignment.items()},
         _as_json(settings)]
    )  # fmt: skip


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """The store of a folder.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(
            "holds no annotations",
            path=folder,
            expected="the folder that `harness annotate` writes",
        )
    connection = _connect(path)
    try:
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 1:
                version = _with_spans(connection)
            if version != VERSION:
                raise DataError(
                    f"is of version {version}", path=path, expected=f"version {VERSION}"
                )
            store = Store(path, connection)
        except (*databases.ERRORS, KeyError, ValueError, TypeError) as error:
            raise _damaged(path, error) from error
        yield store
    finally:
        connection.close()


def _with_spans(connection: sqlite3.Connection) -> int:
    """Brings a file of version 1, which has no marks, to version 2."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ALTER TABLE labels ADD COLUMN spans TEXT NOT NULL DEFAULT '[]'")
        connection.execute("PRAGMA user_version = 2")
    return 2


def create(
    folder: Path,
    items: Sequence[Item],
    assignment: Mapping[str, Sequence[int]],
    settings: Settings,
    runs: Sequence[str],
) -> None:
    """Makes a folder's store, whole or not at all; one that is there must be of the same items.

    Raises:
        UsageError: The folder holds annotations of other items, people or questions.
        DataError: What is there is damaged.
    """
    path = folder / FILE
    made = identity(items, assignment, settings)
    if path.exists():
        with opened(folder) as store:
            if store.identity != made:
                raise UsageError(
                    f"{folder} holds annotations of other runs, annotators or settings",
                    "Give another --out, or the same runs and options to go on.",
                )
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = folder / f".{FILE}.{os.getpid()}.partial"
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        connection = sqlite3.connect(partial)
        with connection:
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            meta = {
                "identity": made,
                "settings": json.dumps(_as_json(settings)),
                "runs": json.dumps(list(runs)),
                "token": secrets.token_urlsafe(24),
            }
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            connection.executemany(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?)",
                [
                    (number, each.task, each.sample_id, each.instruction,
                     json.dumps([asdict(answer) for answer in each.answers]))
                    for number, each in enumerate(items)
                ],
            )  # fmt: skip
            connection.executemany(
                "INSERT INTO assignments VALUES (?, ?, ?)",
                [
                    (name, place, item)
                    for name, theirs in assignment.items()
                    for place, item in enumerate(theirs)
                ],
            )
        connection.close()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    files.open_binary(path).close()  # a pipe or a device would wait for ever
    connection = sqlite3.connect(path, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a label is on the disk when it is told
    except databases.ERRORS as error:
        connection.close()
        raise _damaged(path, error) from error
    return connection


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"is damaged: {error}", path=path, expected="a file that `harness annotate` wrote"
    )


def kind_of(text: str) -> Kind:
    """The kind of that name.

    Raises:
        UsageError: There is none.
    """
    for kind in KINDS:
        if kind == text:
            return kind
    raise UsageError(f"kind is {text!r}", f"Expected one of {', '.join(KINDS)}.")
