"""Claims with people's labels: QAGS, FRANK, XSum's annotations, HaluEval, own rows."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.authoring.readers import rows
from harness.authoring.readers.labels import Labels
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import identifier, shared
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.types import DataSource, Sample

NO, YES = "no", "yes"
FIELDS = frozenset({"source", "claim", "label", "question"})
HEADER = Header(FIELDS)
_HALUEVAL = (
    ("right_answer", "hallucinated_answer"),
    ("right_response", "hallucinated_response"),
    ("right_summary", "hallucinated_summary"),
)
_XSUM = ("hallucination_type", "is_factual")
_FORMATS = (
    "a row with source, claim and label; QAGS's article and summary_sentences; or two files, "
    "TEXTS:LABELS, of FRANK (benchmark_data.json:human_annotations.json) or XSum "
    "(xsum.jsonl:hallucination_annotations_xsum_summaries.csv)"
)


def claim_sample(
    name: str, source: str, claim: str, supported: bool, *, question: str = "", **more: Any
) -> Sample:
    """A claim about a source; claims about one source are a cluster."""
    metadata = {"source": source, "question": question, **more.pop("metadata", {})}
    cluster = more.pop("cluster", None) or hashlib.sha256(source.encode()).hexdigest()[:12]
    return Sample(
        name, claim, (YES if supported else NO,), (NO, YES), cluster, metadata=metadata, **more
    )


# --------------------------------------------------------------------------- faithfulness


def read_faithfulness(source: DataSource, labels: Labels) -> Iterator[Sample]:
    """Streams claims of QAGS, FRANK, XSum's annotations or own rows.

    Raises:
        DataError: A file or row cannot be read, or has another format.
    """
    if len(source.paths) == 2:
        yield from _read_two(*map(Path, source.paths))
        return
    if len(source.paths) > 2:
        raise DataError(
            f"{len(source.paths)} paths", path=":".join(source.paths), expected=_FORMATS
        )
    for row, place in rows.read(source, HEADER):
        if "summary_sentences" in row:
            yield from _qags(row, place)
        elif "claim" in row:
            yield _own(row, place, labels)
        else:
            raise place.error(f"a row with {', '.join(map(str, row))[:100]}", _FORMATS)


def _own(row: Row, place: Place, labels: Labels) -> Sample:
    claim = place.text(row, "claim")
    common = shared(row, place, claim, FIELDS)
    right = labels.index(row.get("label"), place)
    question = str(row.get("question") or "")
    name = common.pop("id")
    return claim_sample(
        name, place.text(row, "source"), claim, right == 1, question=question, **common
    )


def _qags(row: Row, place: Place) -> Iterator[Sample]:
    """One claim a sentence of the summary; what most of the workers said is its label."""
    article = place.text(row, "article")
    for number, sentence in enumerate(place.field(row, "summary_sentences", list)):
        if not isinstance(sentence, dict):
            raise place.error("a sentence that is no object", "{'sentence', 'responses'}")
        votes = [
            str(each.get("response")).strip().lower()
            for each in place.field(sentence, "responses", list)
            if isinstance(each, dict)
        ]
        if not votes or not set(votes) <= {YES, NO}:
            raise place.error(f"responses {votes}", "a yes or no of each worker")
        name = f"{place.ordinal}-{number}"
        supported = _most(votes)
        yield claim_sample(name, article, place.text(sentence, "sentence"), supported)


def _most(votes: list[str]) -> bool:
    """Whether more than half say yes."""
    return votes.count(YES) > len(votes) / 2


# --------------------------------------------------------------------------- two files


def _read_two(first: Path, second: Path) -> Iterator[Sample]:
    """The texts of one file with the labels of the other, in the order of the labels."""
    one, two = (list(rows.read_rows(path)) for path in (first, second))
    for path, found in ((first, one), (second, two)):
        if not found:
            raise DataError("no rows", path=path, expected=_FORMATS)
    if any(name in one[0][0] for name in ("Factuality", *_XSUM)):
        one, two, first, second = two, one, second, first
    labels = two[0][0]
    if "Factuality" in labels:
        yield from _frank(one, two, first)
    elif any(name in labels for name in _XSUM):
        yield from _xsum(one, two, first)
    else:
        raise DataError(
            f"neither file has labels; {second} has {', '.join(map(str, labels))[:100]}",
            path=first,
            expected=_FORMATS,
        )


Found = list[tuple[Row, Place]]


def _frank(texts: Found, labels: Found, path: Path) -> Iterator[Sample]:
    """FRANK: a summary is supported where every annotated sentence is factual."""
    by_key = {_frank_key(row, place): (row, place) for row, place in texts}
    missing = 0
    for row, place in labels:
        key = _frank_key(row, place)
        if key not in by_key:
            missing += 1  # the annotations have both splits, a file of texts may have one
            continue
        text, where = by_key[key]
        factual = float(place.field(row, "Factuality", (int, float)))
        yield claim_sample(
            "-".join(key),
            where.text(text, "article"),
            where.text(text, "summary"),
            factual >= 1,
            cluster=key[0],
            groups={"system": key[1]},
            metadata={"factuality": factual},
        )
    if missing == len(labels):
        raise DataError(
            "no summary has a label", path=path, expected="texts with the labels' hash, model_name"
        )


def _frank_key(row: Row, place: Place) -> tuple[str, str]:
    return place.text(row, "hash"), place.text(row, "model_name")


def _xsum(documents: Found, labels: Found, path: Path) -> Iterator[Sample]:
    """XSum's annotations, several workers a summary; the documents are of XSum.

    Faithfulness: a worker who marks no hallucinated span says yes. Factuality, which was asked of
    hallucinated summaries alone: ``is_factual``.
    """
    texts: dict[str, str] = {}
    for row, place in documents:
        name = str(row.get("bbcid") or identifier(row, "id", place))
        texts[name] = place.text(row, "document")
    votes: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    claims: dict[tuple[str, str], str] = {}
    for row, place in labels:
        said = _vote(row, place)
        if said is None:  # a worker who gave none
            continue
        key = str(place.field(row, "bbcid", (str, int))), place.text(row, "system")
        worker = place.text(row, "worker_id")
        votes[key][worker] = votes[key].get(worker, True) and said  # one row a marked span
        claims[key] = place.text(row, "summary")
    known = {key: each for key, each in votes.items() if key[0] in texts}
    if not known:
        raise DataError(
            "no document has a labelled summary",
            path=path,
            expected="rows with document, and bbcid or id as the annotations have them",
        )
    for (name, system), of_workers in known.items():
        yield claim_sample(
            f"{name}-{system}",
            texts[name],
            claims[name, system],
            sum(of_workers.values()) > len(of_workers) / 2,
            cluster=name,
            groups={"system": system},
        )


def _vote(row: Row, place: Place) -> bool | None:
    """What one row of XSum's annotations says of its summary; None where it says nothing."""
    if "hallucination_type" in row:
        kind = str(row["hallucination_type"] or "NULL").strip().lower()
        if kind not in ("null", "intrinsic", "extrinsic"):
            raise place.error(f"hallucination_type {kind!r}", "intrinsic, extrinsic or NULL")
        return kind == "null"
    said = str(row.get("is_factual") or "").strip().lower()
    return said == YES if said in (YES, NO) else None


# --------------------------------------------------------------------------- HaluEval


def read_halueval(source: DataSource) -> Iterator[Sample]:
    """HaluEval's questions, dialogues, summaries and user queries.

    A row with a right and a hallucinated answer gives a sample each; published scores draw one of
    the two at random.

    Raises:
        DataError: A file or row cannot be read, or has another format.
    """
    for row, place in rows.read(source):
        if "hallucination" in row:
            yield _general(row, place)
            continue
        pair = next((pair for pair in _HALUEVAL if pair[0] in row), None)
        if pair is None:
            raise place.error(
                f"a row with {', '.join(map(str, row))[:100]}",
                "HaluEval's qa_data, dialogue_data, summarization_data or general_data",
            )
        text, question = _given(row, place)
        name = identifier(row, "id", place)
        for kind, field in zip(("right", "hallucinated"), pair, strict=True):
            yield claim_sample(
                f"{name}-{kind}",
                text,
                place.text(row, field),
                kind == "right",
                question=question,
                cluster=name,
            )


def _given(row: Mapping[str, Any], place: Place) -> tuple[str, str]:
    """The source, and what was asked of it."""
    if "document" in row:
        return place.text(row, "document"), ""
    asked = "question" if "question" in row else "dialogue_history"
    return place.text(row, "knowledge"), place.text(row, asked)


def _general(row: Row, place: Place) -> Sample:
    """An answer to a user's query, without a source."""
    said = place.text(row, "hallucination").strip().lower()
    if said not in (YES, NO):
        raise place.error(f"hallucination {said!r}", "yes or no")
    query = place.text(row, "user_query")
    name = str(row.get("ID") or place.ordinal)
    answer = place.text(row, "chatgpt_response")
    return claim_sample(name, "", answer, said == NO, question=query, cluster=name)
