"""A small catalogue of lm_eval definitions, with rows, that stands for the installed one."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from harness import evaluate
from harness.types import TaskResult

CAPITALS = [
    ("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Norway", "Oslo"),
    ("Japan", "Tokyo"), ("Kenya", "Nairobi"), ("Peru", "Lima"), ("Cuba", "Havana"),
]  # fmt: skip

CHOICES = {
    "task": "capitals",
    "tag": ["geography_tag"],
    "dataset_path": "someone/capitals",
    "output_type": "multiple_choice",
    "training_split": "train",
    "test_split": "test",
    "doc_to_text": "Question: What is the capital of {{country}}?\nAnswer:",
    "doc_to_choice": "{{options}}",
    "doc_to_target": "label",
    "description": "Capitals of the world.\n\n",
    "metric_list": [
        {"metric": metric, "aggregation": aggregation, "higher_is_better": better}
        for metric, aggregation, better in (
            ("acc", "mean", True),
            ("acc_norm", "mean", True),
            ("acc_bytes", "mean", True),
            ("acc_mutual_info", "mean", True),
            ("brier_score", "brier_score", False),
            ("mcc", "matthews_corrcoef", True),
        )
    ],
    "metadata": {"version": 2.0},
}
WORDS = {
    "task": "words",
    "tag": ["geography_tag"],
    "dataset_path": "someone/words",
    "output_type": "generate_until",
    "validation_split": "validation",
    "doc_to_text": "{{country}} has the capital",
    "doc_to_target": "{{capital}}",
    "generation_kwargs": {"until": ["."], "max_gen_toks": 8},
    "filter_list": [
        {"name": "first-word",
         "filter": [{"function": "regex", "regex_pattern": r"(\w+)"}, {"function": "take_first"}]},
        {"name": "whole", "filter": [{"function": "take_first"}]},
    ],
    "metric_list": [
        {"metric": "exact_match", "aggregation": "mean", "higher_is_better": True,
         "ignore_case": True},
        {"metric": "bleu", "aggregation": "bleu", "higher_is_better": True},
        {"metric": "ter", "aggregation": "ter", "higher_is_better": False},
    ],
}  # fmt: skip
NEXT = {
    "task": "next_word",
    "dataset_path": "someone/words",
    "output_type": "loglikelihood",
    "test_split": "test",
    "doc_to_text": "The capital of {{country}} is",
    "doc_to_target": " {{capital}}",
    "metric_list": [
        {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False},
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
    ],
}
ROLLING = {
    "task": "sentences",
    "dataset_path": "someone/sentences",
    "output_type": "loglikelihood_rolling",
    "test_split": "test",
    "doc_to_text": "",
    "doc_to_target": "{{country}} is a country, and {{capital}} its capital.",
    "metric_list": [
        {"metric": metric, "aggregation": aggregation, "higher_is_better": False}
        for metric, aggregation in (
            ("word_perplexity", "weighted_perplexity"),
            ("byte_perplexity", "weighted_perplexity"),
            ("bits_per_byte", "bits_per_byte"),
        )
    ],
}
OTHER = {**CHOICES, "task": "other_capitals", "tag": []}


def group(name: str, by_size: bool) -> dict[str, Any]:
    """A group of the two tasks with choices."""
    return {
        "group": name,
        "task": ["capitals", "other_capitals"],
        "aggregate_metric_list": [
            {"metric": metric, "aggregation": "mean", "weight_by_size": by_size}
            for metric in ("acc", "brier_score")
        ],
        "metadata": {"version": 1.0},
    }


DEFINITIONS = (CHOICES, WORDS, NEXT, ROLLING, OTHER, group("atlas", True), group("globe", False))


def write(folder: Path, definitions: tuple[dict[str, Any], ...] = DEFINITIONS) -> Path:
    """Writes the definitions as a folder of YAML; JSON is YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text("")
    for each in definitions:
        name = each.get("task") if isinstance(each.get("task"), str) else each["group"]
        (folder / f"{name}.yaml").write_text(json.dumps(each), "utf-8")
    return folder


def rows(count: int = len(CAPITALS), start: int = 0) -> list[dict[str, Any]]:
    """Rows that every one of the tasks takes."""
    found = []
    for place, (country, capital) in enumerate(CAPITALS[start : start + count]):
        options = [capital, *(CAPITALS[(start + place + step) % 8][1] for step in (1, 3))]
        turn = place % 3
        found.append({
            "country": country, "capital": capital,
            "options": options[turn:] + options[:turn], "label": (3 - turn) % 3,
        })  # fmt: skip
    return found


def write_rows(path: Path, given: list[dict[str, Any]] | None = None) -> Path:
    """Rows as JSONL."""
    given = rows() if given is None else given
    path.write_text("".join(json.dumps(row) + "\n" for row in given), "utf-8")
    return path


def run(name: str, data: Path, out: Path, model: str = "demo", **settings: str) -> TaskResult:
    """Our result of a definition on the rows of a file, asked in plain text."""
    full = f"lm_eval:{name}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return evaluate(
            model,
            [full],
            {full: data},
            task_settings={full: settings},
            backend_settings={"chat_template": "off"},
            formats=(),
            out=out,
        ).tasks[full]
