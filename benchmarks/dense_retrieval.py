"""BM25 and an encoder on the same questions: recall@k, MRR and nDCG, and their difference.

    python benchmarks/dense_retrieval.py --data squad2_dev_first_articles.json --encoder ./minilm

The passages are those of a file in SQuAD's format, and each question's right one is its own.
Intervals are 95 %, over passages as clusters.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import ask, open_model
from harness.protocols import Answers
from harness.stats import estimates
from harness.types import Estimate, Request
from harness_grounding.retrieval import ranking
from harness_grounding.retrieval.dense import DenseIndex, Encoder
from harness_grounding.retrieval.index import Index
from harness_grounding.retrieval.passages import Passage

K = 5


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--encoder", required=True)
    given = parser.parse_args()
    document = json.loads(given.data.read_text("utf-8"))
    paragraphs = [each for article in document["data"] for each in article["paragraphs"]]
    corpus = [Passage(str(number), each["context"]) for number, each in enumerate(paragraphs)]
    asked = [(q["question"], n) for n, each in enumerate(paragraphs) for q in each["qas"]]
    questions = [question for question, _ in asked]
    clusters = [str(right) for _, right in asked]

    def asking(
        model: str, settings: Mapping[str, str], requests: Sequence[tuple[str, Request]]
    ) -> Answers:
        del settings
        opened = open_model(model)
        found = ask(opened, [request for _, request in requests])
        return Answers(opened.fingerprint, tuple(found))

    dense = DenseIndex(corpus, Encoder(given.encoder, {}), asking)
    values = {}
    for name, found in (
        ("bm25", Index(corpus).search(questions, K)),
        ("dense", dense.search(questions, K) or []),
    ):
        pairs = [(places, {right}) for places, (_, right) in zip(found, asked, strict=True)]
        values[name] = {
            **{f"recall@{k}": [ranking.recall(p[:k], g) for p, g in pairs] for k in (1, 3, K)},
            "mrr": [ranking.reciprocal_rank(*each) for each in pairs],
            f"ndcg@{K}": [ranking.ndcg(p, g, K) for p, g in pairs],
        }
    print(f"{len(corpus):,} passages, {len(asked):,} questions, {given.encoder}")
    for measure in values["bm25"]:
        one, other = values["bm25"][measure], values["dense"][measure]
        more = [b - a for a, b in zip(one, other, strict=True)]
        cells = [told(estimates.mean(each, clusters)) for each in (one, other, more)]
        print(f"{measure}: bm25 {cells[0]}, dense {cells[1]}, dense - bm25 {cells[2]}")


def told(found: Estimate) -> str:
    """``0.795 [0.770, 0.820]``."""
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


if __name__ == "__main__":
    main()
