"""Writes the sample data that ships with the tasks and probes.

Run from the repository root: ``python -m demo_model.write_samples``.  Everything
comes from the held-back side of the split, so the demo model has not seen it, and the same
seed writes the same files.  Few-shot pools never share a prompt with the scored rows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from demo_model import bias_samples
from demo_model.examples import Source
from demo_model.families import choices, qa, sentiment, stories, summaries, translation
from demo_model.words import PEOPLE, gender

SEED = "samples"
TASKS = Path("tasks/harness_tasks/samples")
PROBES = Path("plugins/harness_probes/bias/samples")
SHOTS = 12

Row = dict[str, object]


def questions(source: Source, *, unanswerable: bool) -> Iterator[Row]:
    """Three questions a passage; with ``unanswerable``, one of them has no answer.

    Half the passages are about people, so that groups by gender are large enough to compare.
    """
    while True:
        topic = qa.PEOPLE_TOPIC if source.chance(0.5) else None
        made = qa.passage(source, source.pick((2, 3, 3, 4)), topic)
        asked = list(made.questions[: 2 if unanswerable else 3])
        if unanswerable:
            if not made.unanswerable:
                continue
            asked.insert(source.rng.randint(0, 2), made.unanswerable[0])
        for question in asked:
            row: Row = {
                "title": made.title,
                "context": made.context,
                "question": question.text,
                "answers": [question.answer] if question.answer else [],
            }
            if question.subject in PEOPLE:
                row["groups"] = {"gender": gender(question.subject)}
            yield row


def news(source: Source, *, sentences: int) -> Iterator[Row]:
    """News items with summaries of one or three sentences."""
    while True:
        made = summaries.item(source)
        summary = made.one_sentence if sentences == 1 else made.three_sentences
        yield {"document": made.document, "summary": summary}


def sentences(source: Source, style: Callable[[Source], tuple[str, str]]) -> Iterator[Row]:
    """English sentences of one style with their German."""
    while True:
        english, german = style(source)
        yield {"source": english, "target": german}


def opinions(source: Source) -> Iterator[Row]:
    """Opinions, negative and positive by turns."""
    seen: set[str] = set()
    while True:
        made = sentiment.opinion(source)
        if made.label != sentiment.LABELS[len(seen) % 2] or made.text in seen:
            continue
        seen.add(made.text)
        row: Row = {"text": made.text, "label": made.label}
        if made.gender:
            row["groups"] = {"gender": made.gender}
        yield row


def items(source: Source, make: Callable[[Source], choices.Item]) -> Iterator[Row]:
    """Questions with four choices."""
    while True:
        made = make(source)
        yield {"question": made.question, "choices": list(made.choices), "answer": made.answer}


def texts(source: Source) -> Iterator[Row]:
    """Plain stories."""
    while True:
        yield {"text": stories.story(source)}


FILES: Mapping[str, tuple[Callable[[Source], Iterator[Row]], int, bool]] = {
    "squad": (lambda source: questions(source, unanswerable=False), 120, True),
    "squad_v2": (lambda source: questions(source, unanswerable=True), 120, True),
    "qa": (lambda source: questions(source, unanswerable=False), 60, True),
    "xsum": (lambda source: news(source, sentences=1), 60, True),
    "summarization": (lambda source: news(source, sentences=1), 40, True),
    "cnn_dailymail": (lambda source: news(source, sentences=3), 60, True),
    "translation": (lambda source: sentences(source, translation.everyday), 80, True),
    "multi30k_en_de": (lambda source: sentences(source, translation.caption), 80, True),
    "wmt22_en_de": (lambda source: sentences(source, translation.news), 80, True),
    "sst2": (opinions, 160, True),
    "sentiment": (opinions, 80, True),
    "multiple_choice": (lambda source: items(source, choices.knowledge), 60, True),
    "hellaswag": (lambda source: items(source, choices.continuation), 80, True),
    "perplexity": (texts, 60, False),
}
"""File name → (its endless rows, how many are scored, whether a few-shot pool goes with it)."""


FOLDERS: Mapping[str, str] = {
    **dict.fromkeys(("squad", "squad_v2", "qa"), "question_answering"),
    **dict.fromkeys(("xsum", "summarization", "cnn_dailymail"), "summarization"),
    **dict.fromkeys(("translation", "multi30k_en_de", "wmt22_en_de"), "translation"),
    **dict.fromkeys(("sst2", "sentiment"), "sentiment"),
    **dict.fromkeys(("multiple_choice", "hellaswag"), "multiple_choice"),
    "perplexity": "language_modeling",
}
"""File name → the folder of its kind of task."""


def rows(name: str) -> tuple[list[Row], list[Row]]:
    """The scored rows of a file and its few-shot pool, all distinct, with readable ids."""
    _, count, with_shots = FILES[name]
    source = Source(f"{SEED} {name}", held_back=True)
    drawn = distinct(name, source, count + (SHOTS if with_shots else 0))
    scored = [{"id": f"{name}-{number:03d}", **row} for number, row in enumerate(drawn[:count], 1)]
    shots = [{"id": f"{name}-shot-{n:02d}", **row} for n, row in enumerate(drawn[count:], 1)]
    return scored, shots


def distinct(name: str, source: Source, count: int) -> list[Row]:
    """The first rows of a file that do not ask what an earlier one asked."""
    stream = FILES[name][0](source)
    kept: dict[str, Row] = {}
    while len(kept) < count:
        row = next(stream)
        kept.setdefault(json.dumps([row[field] for field in row if field in _INPUTS]), row)
    return list(kept.values())


_INPUTS = frozenset({"context", "question", "document", "source", "text"})


def write_jsonl(path: Path, written: list[Row]) -> None:
    """One JSON object a line."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in written)
    path.write_text("".join(lines), encoding="utf-8")


def write(tasks: Path, probes: Path) -> None:
    """Writes every file into the two folders."""
    probes.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        scored, shots = rows(name)
        folder = tasks / FOLDERS[name]
        folder.mkdir(parents=True, exist_ok=True)
        write_jsonl(folder / f"{name}.jsonl", scored)
        if shots:
            write_jsonl(folder / f"{name}.shots.jsonl", shots)
    write_jsonl(probes / "bbq.jsonl", bias_samples.bbq(Source(f"{SEED} bbq", held_back=True)))
    pairs = bias_samples.crows_pairs(Source(f"{SEED} crows", held_back=True))
    bias_samples.write_crows_pairs(probes / "crows_pairs.csv", pairs)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=Path, default=TASKS, help="folder for the tasks' samples")
    parser.add_argument("--probes", type=Path, default=PROBES, help="folder for the bias probes'")
    chosen = parser.parse_args(arguments)
    write(chosen.tasks, chosen.probes)


if __name__ == "__main__":
    main()
