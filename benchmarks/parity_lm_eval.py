"""Same checkpoint, same requests: log-likelihoods and texts of this project and of lm-eval.

    LM_EVAL_PYTHON=…/bin/python python benchmarks/parity_lm_eval.py [--limit N]

Reads the public data and the model of the shared folder (``HARNESS_SHARED``, default
``../shared``). Exits with 1 when a log-likelihood differs by more than 1e-4 and by more than
float32 can tell of its size (5e-7 relative), or when a text differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

from comparison import Job, agreement, lm_eval, ours

from harness.types import Generate, Loglikelihood, Request, RollingLoglikelihood, Sampling

SHARED = Path(os.environ.get("HARNESS_SHARED", Path(__file__).resolve().parents[1] / "../shared"))
TOLERANCE = 1e-4
FLOAT32 = 5e-7
"""Relative: what float32 leaves of a sum of hundreds; both sides are that far from float64."""


def hellaswag(limit: int) -> list[Request]:
    """Four endings of each item, cleaned as lm-eval does."""
    items = json.loads((SHARED / "data/hellaswag/hellaswag.json").read_text(encoding="utf-8"))
    return [
        Loglikelihood(_clean(row["question"]), " " + _clean(ending))
        for row in items["dev"][:limit]
        for ending in row["choices"].values()
    ]


def _clean(text: str) -> str:
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def sst2(limit: int) -> list[Request]:
    """Two labels of each sentence."""
    lines = (SHARED / "data/sst2/dev.tsv").read_text(encoding="utf-8").splitlines()[:limit]
    return [
        Loglikelihood(
            f"{line.split(chr(9))[0]}\nQuestion: Is this sentence positive or negative?\nAnswer:",
            label,
        )
        for line in lines
        for label in (" negative", " positive")
    ]


def squad(limit: int) -> list[Request]:
    """Questions on passages, and story openings that end at different lengths."""
    text = (SHARED / "data/squad/squad2_dev_first_articles.json").read_text(encoding="utf-8")
    requests: list[Request] = []
    for article in json.loads(text)["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                prompt = (
                    f"Title: {article['title']}\n\nBackground: {paragraph['context']}\n\n"
                    f"Question: {question['question']}\n\nAnswer:"
                )
                requests.append(Generate(prompt, Sampling(max_tokens=24, stop=("\n",))))
                if len(requests) == limit:
                    return requests
    return requests


def stories(limit: int) -> list[Request]:
    """Openings that a story model continues to the end of the sentence."""
    text = (SHARED / "data/lambada/lambada_test_first1500.jsonl").read_text(encoding="utf-8")
    openings = [json.loads(line)["text"] for line in text.splitlines()[:limit]]
    settings = Sampling(max_tokens=64, stop=(".",))
    return [Generate(" ".join(opening.split()[:8]), settings) for opening in openings]


def rolling(limit: int) -> list[Request]:
    """Whole passages, some longer than the model."""
    text = (SHARED / "data/lambada/lambada_test_first1500.jsonl").read_text(encoding="utf-8")
    passages = [json.loads(line)["text"] for line in text.splitlines()[: limit * 2]]
    joined = [" ".join(passages[at : at + 1 + at % 5]) for at in range(limit)]
    return [RollingLoglikelihood(passage) for passage in joined]


def main() -> int:
    """Prints a table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, default=200, help="items of each kind")
    parser.add_argument("--engine", default="auto", help="auto, tree or plain")
    parser.add_argument("--model", type=Path, default=SHARED / "models/stories260k")
    arguments = parser.parse_args()
    good = True
    print(f"{'requests':<12}{'n':>6}  {'worst':>9}  {'relative':>9}  {'texts that differ':>18}")
    for make in (hellaswag, sst2, squad, stories, rolling):
        requests = make(arguments.limit)
        job = Job(arguments.model, requests, options={"engine": arguments.engine})
        found = agreement(requests, ours(job).responses, lm_eval(job).responses)
        close = found.worst <= TOLERANCE or found.worst_relative <= FLOAT32
        good = good and close and not found.texts_differ and not found.greedy_differs
        print(
            f"{make.__name__:<12}{len(requests):>6}  {found.worst:>9.1e}  "
            f"{found.worst_relative:>9.1e}  {len(found.texts_differ):>10} of {found.texts:>4}"
        )
    print("agree" if good else "DIFFER")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
