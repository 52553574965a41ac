"""The same question in other words, as someone or some model has written them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from harness import data
from harness.errors import DataError, UsageError
from harness.protocols import Metric, Probe, ProbeOptions
from harness.types import Estimate, Sample, Score, Skipped

OPTIONS = {
    "file": 'JSONL: {"id": …, "paraphrases": […]} a sample, or {"text": …, "paraphrases": […]}',
    "most": "paraphrases asked of each sample (default 1)",
}


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """Paraphrases from a file, found by the sample's id or by its very text."""

    found: Mapping[str, tuple[str, ...]] = field(repr=False)
    most: int = 1
    name: str = "paraphrase"

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped]:  # noqa: ARG002
        """The first paraphrases, in the file's order."""
        texts = self.found.get(f"id:{sample.id}") or self.found.get(f"text:{sample.input}")
        if not texts:
            return [Skipped("no paraphrase in the file")]
        return [replace(sample, input=text) for text in texts[: self.most]]

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """See ``harness.paired``."""
        from harness import paired

        return paired.measures(metric, original, perturbed)


def open_paraphrase(options: ProbeOptions) -> Probe:
    """Reads the file.

    Raises:
        UsageError: None is named.
        DataError: It cannot be read.
    """
    path = options.values.get("file")
    if path is None and options.task is not None:
        raise UsageError(
            "the probe paraphrase needs the paraphrases",
            "Give them with --set paraphrase.file=FILE; a model can write them: run it over the "
            "questions, and turn its outputs into rows of id and paraphrases.",
        )
    most = options.values.get("most", "1")
    if not most.isdecimal() or int(most) < 1:
        raise UsageError(f"paraphrase.most={most} is not a whole number from 1")
    return Paraphrase(read(Path(path)) if path else {}, int(most))


@lru_cache(maxsize=4)
def read(path: Path) -> Mapping[str, tuple[str, ...]]:
    """``id:…`` or ``text:…`` → paraphrases.

    Raises:
        DataError: A row has neither id nor text, or no paraphrases.
    """
    found: dict[str, tuple[str, ...]] = {}
    for line, row in data.read_jsonl(path):
        texts = data.field(row, "paraphrases", list, path, line)
        key = next((f"{name}:{row[name]}" for name in ("id", "text") if name in row), None)
        good = texts and all(isinstance(text, str) and text.strip() for text in texts)
        if key is None or not good:
            raise DataError(
                "not a row of paraphrases", path=path, line=line, expected=OPTIONS["file"]
            )
        found[key] = tuple(texts)
    return found
