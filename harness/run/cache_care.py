"""Looking after the response store: what it holds, what may go, and whether it is sound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from harness.run.cache import ResponseStore, parse

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model's rows; ``name`` is what it was last called, times are in seconds since 1970."""

    fingerprint: str
    name: str
    rows: int
    size: int
    oldest: int
    newest: int


def models(store: ResponseStore) -> list[StoredModel]:
    """The models whose responses are stored, those with most rows first; sizes in bytes."""
    query = """
        SELECT responses.model, coalesce(models.name, ''), count(*), sum(length(response)),
               min(stored), max(stored)
        FROM responses LEFT JOIN models ON models.fingerprint = responses.model
        GROUP BY responses.model ORDER BY count(*) DESC, responses.model
    """
    with store.explained():
        rows = store.connection.execute(query).fetchall()
    return [
        StoredModel(_text(fingerprint), _text(name), *numbers)
        for fingerprint, name, *numbers in rows
    ]


def prune(store: ResponseStore, older_than: float | None, model: str | None) -> int:
    """Deletes rows and returns how many.

    Args:
        store: The store.
        older_than: Only rows stored more than so many seconds ago; None for any.
        model: Only rows of this fingerprint, its beginning, or this name; None for any.
    """
    conditions, values = ["1"], []
    if older_than is not None:
        conditions.append("stored < ?")
        values.append(int(time.time() - older_than))
    chosen: list[str | None] = [None]
    if model is not None:
        chosen = [
            each.fingerprint
            for each in models(store)
            if each.name == model or each.fingerprint.startswith(model)
        ]
    deleted = 0
    with store.explained():
        for fingerprint in chosen:
            where = [*conditions, *(["model = ?"] if fingerprint is not None else [])]
            given = [*values, *([fingerprint] if fingerprint is not None else [])]
            query = f"DELETE FROM responses WHERE {' AND '.join(where)}"  # noqa: S608  (constants)
            deleted += store.connection.execute(query, given).rowcount
        store.connection.execute(
            "DELETE FROM models WHERE fingerprint NOT IN (SELECT model FROM responses)"
        )
    return deleted


@dataclass(frozen=True, slots=True)
class Verification:
    """What an examination found: rows read, rows that were no responses, SQLite's own findings."""

    rows: int
    removed: int
    damage: tuple[str, ...]


def verify(store: ResponseStore) -> Verification:
    """Examines the file and every row; deletes rows that are no responses.

    A damaged file is left as it is.
    """
    with store.explained():
        answers = store.connection.execute("PRAGMA integrity_check(5)").fetchall()
        damage = tuple(_text(answer) for (answer,) in answers if answer != b"ok")
        if damage:
            return Verification(0, 0, damage)
        rows, bad = 0, []
        for model, request, response in _every_row(store):
            rows += 1
            if parse(response) is None:
                bad.append((model, request))
        store.connection.executemany(
            "DELETE FROM responses WHERE model = CAST(? AS TEXT) AND request = CAST(? AS TEXT)", bad
        )
    return Verification(rows, len(bad), ())


def vacuum(store: ResponseStore) -> None:
    """Gives the space of deleted rows back to the disk."""
    with store.explained():
        store.connection.execute("VACUUM")
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _every_row(store: ResponseStore) -> Iterator[tuple[bytes, bytes, object]]:
    cursor = store.connection.execute("SELECT model, request, response FROM responses")
    while batch := cursor.fetchmany(_BATCH):
        yield from batch


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
