"""Judgements as JSONL: as they are, or as training data for ``harness align``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from harness.errors import DataError, UsageError
from harness_judges.annotation.items import Item
from harness_judges.annotation.ratings import Rated, of_systems, rated
from harness_judges.annotation.store import Label, Store
from harness_judges.answers import is_conversation

Form: TypeAlias = Literal["labels", "preference", "completion", "spans"]


def rows(store: Store, form: Form, threshold: float | None = None) -> list[dict[str, Any]]:
    """The rows of a form.

    Args:
        store: The judgements.
        form: ``labels``: a row a judgement; ``preference``: a pair an item that people did not
            find equal, of the mean over annotators; ``completion``: an answer with whether it is
            good, by the mean of yes and no, or of scores against ``threshold``; ``spans``: a row
            a marked part of an answer.
        threshold: The least mean score of a good answer.

    Raises:
        UsageError: The kind of judgements does not give that form.
        DataError: There are no judgements.
    """
    found = list(_rows(store, form, threshold))
    if not found:
        raise DataError("holds no judgement to export", path=store.path, expected="labels")
    return found


def _rows(store: Store, form: Form, threshold: float | None) -> Iterator[dict[str, Any]]:
    kind = store.settings.kind
    if form == "labels":
        yield from _labels(store)
    elif form == "spans":
        yield from _marked(store)
    elif form == "preference":
        if kind != "preference":
            raise UsageError(
                f"judgements of kind {kind} are no pairs", "Export them as labels or completion."
            )
        for each in _single_answers(store):
            if each.consensus is not None and each.consensus != 0.5:
                better, worse = each.systems if each.consensus > 0.5 else each.systems[::-1]
                yield {
                    "prompt": each.item.instruction,
                    "chosen": each.text_of(better),
                    "rejected": each.text_of(worse),
                    **_provenance(each),
                }
    else:
        if kind == "preference" or (kind == "score" and threshold is None):
            raise UsageError(
                f"judgements of kind {kind} do not say which answers are good",
                "Export them as preference."
                if kind == "preference"
                else "Give --threshold: the least mean score of a good answer.",
            )
        least = 0.5 if kind == "binary" else threshold
        assert least is not None
        for each in _single_answers(store):
            if each.consensus is not None and (kind == "score" or each.consensus != 0.5):
                yield {
                    "prompt": each.item.instruction,
                    "completion": each.text_of(each.systems[0]),
                    "label": each.consensus >= least,
                    **_provenance(each),
                }


def _single_answers(store: Store) -> Iterator[Rated]:
    """Judgements to train on: of conversations they are about what users say in them, too.

    Raises:
        DataError: All judgements are of conversations.
    """
    found = rated(store)
    kept = [
        each for each in found if not any(is_conversation(one.text) for one in each.item.answers)
    ]
    if found and not kept:
        raise DataError(
            "all judgements are of conversations, which are no training data",
            path=store.path,
            expected="judgements of single answers; the labels can be exported",
        )
    yield from kept


def _provenance(rated_item: Rated) -> dict[str, Any]:
    return {
        "source": f"people:{rated_item.item.task}:{rated_item.item.sample_id}",
        "annotators": len(rated_item.values),
        "agreement": max(
            map(list(rated_item.values.values()).count, rated_item.values.values())
        ) / len(rated_item.values),
    }  # fmt: skip


def _labels(store: Store) -> Iterator[dict[str, Any]]:
    items = store.items
    for label in store.labels():
        item = items[label.item]
        row: dict[str, Any] = {
            "task": item.task,
            "id": item.sample_id,
            "annotator": label.annotator,
        }
        if len(item.answers) == 1:
            row["system"] = item.answers[0].system
            row["answers"] = [item.answers[0].text]
            row["value"] = label.value
        else:
            systems = sorted((each.system for each in item.answers), key=store.runs.index)
            value = None if label.value is None else of_systems(label.value, item, systems)
            row["systems"] = systems
            texts = {each.system: each.text for each in item.answers}
            row["answers"] = [texts[each] for each in systems]
            row["value"] = value
            preferred = {1.0: systems[0], 0.0: systems[1], 0.5: "tie"}
            row["preferred"] = None if value is None else preferred[value]
        yield {
            **row,
            "kind": store.settings.kind,
            "comment": label.comment,
            **({"spans": _spans(label, item)} if store.settings.spans else {}),
            "seconds": label.seconds,
            "at": label.at,
        }


def _spans(label: Label, item: Item) -> list[dict[str, Any]]:
    """The marks of a judgement; offsets count Unicode code points of the system's answer."""
    return [
        {
            "system": item.answers[each.answer].system,
            "start": each.start,
            "end": each.end,
            "label": each.label,
            "text": item.answers[each.answer].text[each.start : each.end],
        }
        for each in label.spans
    ]


def _marked(store: Store) -> Iterator[dict[str, Any]]:
    if not store.settings.spans:
        raise UsageError("nothing could be marked in these answers", "Annotate with --spans.")
    items = store.items
    for label in store.labels():
        item = items[label.item]
        texts = {each.system: each.text for each in item.answers}
        for each in _spans(label, item):
            yield {
                "task": item.task,
                "id": item.sample_id,
                "annotator": label.annotator,
                **each,
                "answer": texts[each["system"]],
            }
