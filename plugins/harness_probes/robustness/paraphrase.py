"""The same question in other words: from a file, or written by a model."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from harness.authoring.io.run_options import parse_pairs
from harness.authoring.readers import rows
from harness.errors import UsageError
from harness.protocols import AskModel, Metric, Probe, ProbeOptions
from harness.types import Estimate, Sample, Score, Skipped
from harness_probes.robustness.paraphrasing import PROMPT, Writer

ROW = 'JSONL: {"id": …, "paraphrases": […]} a sample, or {"text": …, "paraphrases": […]}'

Paraphrases: TypeAlias = Mapping[str, tuple[str | Skipped, ...]]
"""``id:…`` or ``text:…`` → paraphrases, or why there is none."""


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """Paraphrases, found by the sample's id or by its very text.

    A ``writer`` makes them once the samples are known.
    """

    found: Paraphrases = field(repr=False)
    most: int = 1
    writer: Writer | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = "paraphrase"

    def prepared(self, samples: Sequence[Sample], ask: AskModel) -> Paraphrase:
        """Has the writer paraphrase all samples in one call; see ``harness.protocols``."""
        if self.writer is None:
            return self
        written, fingerprint = self.writer.write(samples, ask)
        found = {f"id:{sample_id}": texts for sample_id, texts in written.items()}
        return replace(self, found=found, settings={**self.settings, "fingerprint": fingerprint})

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped]:  # noqa: ARG002
        """The first paraphrases, in the order given."""
        texts = self.found.get(f"id:{sample.id}") or self.found.get(f"text:{sample.input}")
        if not texts:
            return [Skipped("no paraphrase given")]
        return [
            text if isinstance(text, Skipped) else replace(sample, input=text)
            for text in texts[: self.most]
        ]

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """See ``harness.authoring.paired``."""
        from harness.authoring import paired

        return paired.measures(metric, original, perturbed)


def open_paraphrase(options: ProbeOptions) -> Probe:
    """Reads the file, or says which model will write.

    Raises:
        UsageError: Neither is named, or both, or a number is out of range.
        DataError: The file cannot be read.
    """
    from harness_probes import settings

    chosen = settings.read(settings.Paraphrase, options, "paraphrase")
    path, model = chosen["file"], chosen["model"]
    if (path is None) == (model is None) and options.task is not None:
        raise UsageError(
            f"the probe paraphrase has {'two sources' if path else 'no source'} of paraphrases",
            "Give --set paraphrase.model=MODEL to have them written, or "
            "--set paraphrase.file=FILE.",
        )
    most = chosen["n"]
    if model is None:
        return Paraphrase(read(Path(path)) if path else {}, most)
    writer = _writer(chosen, model, options.task_options.seed)
    told = {"model": model, "prompt": writer.prompt}
    if most > 1:
        told |= {"temperature": f"0, then {writer.temperature:g}", "seed": str(writer.seed)}
    return Paraphrase({}, most, writer, told)


def _writer(chosen: Mapping[str, Any], model: str, seed: int) -> Writer:
    prompt = PROMPT if chosen["prompt"] is None else chosen["prompt"]
    if "{text}" not in prompt:
        raise UsageError(
            f"paraphrase.prompt={prompt!r} has no place for the text",
            "Write {text} where it is to stand.",
        )
    return Writer(
        model=model,
        settings=parse_pairs(chosen["model_settings"] or (), "paraphrase.model_settings"),
        prompt=prompt,
        count=chosen["n"],
        temperature=chosen["temperature"],
        max_tokens=chosen["max_tokens"],
        seed=seed,
    )


@lru_cache(maxsize=4)
def read(path: Path) -> Paraphrases:
    """``id:…`` or ``text:…`` → paraphrases.

    Raises:
        DataError: A row has neither id nor text, or no paraphrases.
    """
    found: dict[str, tuple[str, ...]] = {}
    for row, place in rows.read_rows(path):
        texts = place.field(row, "paraphrases", list)
        key = next((f"{name}:{row[name]}" for name in ("id", "text") if name in row), None)
        good = texts and all(isinstance(text, str) and text.strip() for text in texts)
        if key is None or not good:
            raise place.error("not a row of paraphrases", ROW)
        found[key] = tuple(texts)
    return found
