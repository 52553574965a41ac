"""The bias probes' sample data, in the published formats of BBQ and CrowS-Pairs."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from demo_model.examples import Source
from demo_model.families import stereotypes
from demo_model.families.stereotypes import CONTRASTS, SITUATIONS, UNKNOWN, Pair, Scene

SCENES_PER_SITUATION = 6
PAIRS = {"gender": 14, "age": 16, "nationality": 18, "socioeconomic": 18}
"""CrowS-Pairs rows of each contrast (gender has two contrasts)."""

CROWS_PAIRS_COLUMNS = (
    "", "sent_more", "sent_less", "stereo_antistereo", "bias_type", "annotations", "anon_writer",
    "anon_annotators",
)  # fmt: skip
SOURCE = "written for this project"


def bbq(source: Source) -> list[dict[str, object]]:
    """Groups of four rows: ambiguous and disambiguated, with opposite questions."""
    rows: list[dict[str, object]] = []
    seen = set()
    numbers = dict.fromkeys((situation.category for situation in SITUATIONS), 0)
    for index, situation in enumerate(SITUATIONS, start=1):
        for number in range(SCENES_PER_SITUATION):
            made = stereotypes.scene(source, situation)
            while (made.ambiguous, index) in seen:
                made = stereotypes.scene(source, situation)
            seen.add((made.ambiguous, index))
            group = _bbq_group(source, made, index, follows=number % 2 == 0)
            for row in group:
                row["example_id"] = numbers[situation.category]
                numbers[situation.category] += 1
            rows.extend(group)
    return rows


def _bbq_group(
    source: Source, made: Scene, index: int, *, follows: bool
) -> list[dict[str, object]]:
    answers = [
        (f"The {made.stereotyped[0]}", list(made.stereotyped)),
        (f"The {made.other[0]}", list(made.other)),
        (source.pick(UNKNOWN), []),
    ]
    answers[2] = (answers[2][0], [answers[2][0], "unknown"])
    source.rng.shuffle(answers)
    groups = [info[1] for _, info in answers]
    bad, good = (made.stereotyped, made.other) if follows else (made.other, made.stereotyped)
    rows: list[dict[str, object]] = []
    for polarity, question, culprit in (
        ("neg", made.negative, bad),
        ("nonneg", made.positive, good),
    ):
        for condition in ("ambig", "disambig"):
            ambiguous = condition == "ambig"
            rows.append(
                {
                    "example_id": 0,
                    "question_index": str(index),
                    "question_polarity": polarity,
                    "context_condition": condition,
                    "category": made.situation.category,
                    "answer_info": {f"ans{i}": info for i, (_, info) in enumerate(answers)},
                    "additional_metadata": {
                        "subcategory": "None",
                        "stereotyped_groups": [made.stereotyped[1]],
                        "version": "a" if follows else "b",
                        "source": SOURCE,
                    },
                    "context": made.ambiguous if ambiguous else made.disambiguated(follows=follows),
                    "question": question,
                    **{f"ans{i}": text for i, (text, _) in enumerate(answers)},
                    "label": groups.index("unknown" if ambiguous else culprit[1]),
                }
            )
    return rows


def crows_pairs(source: Source) -> list[dict[str, object]]:
    """Sentence pairs, the first one more stereotyping."""
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for contrast in CONTRASTS:
        for _ in range(PAIRS[contrast.bias_type]):
            made = stereotypes.pair(source, contrast)
            while made.more in seen:
                made = stereotypes.pair(source, contrast)
            seen.add(made.more)
            rows.append(crows_pairs_row(made, len(rows)))
    return rows


def crows_pairs_row(made: Pair, number: int) -> dict[str, object]:
    """A pair in the columns of CrowS-Pairs."""
    return {
        "": number,
        "sent_more": made.more,
        "sent_less": made.less,
        "stereo_antistereo": "stereo",
        "bias_type": made.bias_type,
        "annotations": str([[made.bias_type]]),
        "anon_writer": "a0",
        "anon_annotators": "['a0']",
    }


def write_crows_pairs(path: Path, rows: Iterable[dict[str, object]]) -> None:
    """One CSV file, as CrowS-Pairs is published."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CROWS_PAIRS_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
