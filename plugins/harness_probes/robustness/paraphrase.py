"""The same question in other words: from a file, or written by a model."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from harness.authoring.readers import rows
from harness.errors import UsageError
from harness.protocols import Ask, Metric, Probe, ProbeOptions
from harness.types import Estimate, Sample, Score, Skipped
from harness_probes import settings
from harness_probes.robustness.paraphrasing import PROMPT, Writer

OPTIONS = {
    "model": "who paraphrases, as for --model: SCHEME:REST or a checkpoint",
    "model_settings": "settings of that model: KEY=VALUE, separated by commas",
    "file": 'JSONL: {"id": …, "paraphrases": […]} a sample, or {"text": …, "paraphrases": […]}',
    "n": "paraphrases of each sample (default 1); a model's first is greedy, the others are drawn",
    "temperature": "of a model's further paraphrases (default 0.8)",
    "max_tokens": "longest paraphrase of a model, in tokens (default 256)",
    "prompt": "what a model is asked, {text} being the text",
}

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

    def prepared(self, samples: Sequence[Sample], ask: Ask) -> Paraphrase:
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
    path, model = options.values.get("file"), options.values.get("model")
    if (path is None) == (model is None) and options.task is not None:
        raise UsageError(
            f"the probe paraphrase has {'two sources' if path else 'no source'} of paraphrases",
            "Give --set paraphrase.model=MODEL to have them written, or "
            "--set paraphrase.file=FILE.",
        )
    (most,) = settings.counts(options, "n", (1,))[:1]
    if model is None:
        return Paraphrase(read(Path(path)) if path else {}, most)
    writer = _writer(options, model, most)
    told = {"model": model, "prompt": writer.prompt}
    if most > 1:
        told |= {"temperature": f"0, then {writer.temperature:g}", "seed": str(writer.seed)}
    return Paraphrase({}, most, writer, told)


def _writer(options: ProbeOptions, model: str, count: int) -> Writer:
    prompt = options.values.get("prompt", PROMPT)
    if "{text}" not in prompt:
        raise UsageError(
            f"paraphrase.prompt={prompt!r} has no place for the text",
            "Write {text} where it is to stand.",
        )
    pairs = settings.texts(options, "model_settings", ())
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"paraphrase.model_settings has {pair!r}, expected KEY=VALUE")
    temperature = options.values.get("temperature", "0.8")
    try:
        if not float(temperature) > 0:
            raise ValueError
    except ValueError as error:
        raise UsageError(f"paraphrase.temperature={temperature} is no number above 0") from error
    return Writer(
        model=model,
        settings={key: value for key, _, value in (pair.partition("=") for pair in pairs)},
        prompt=prompt,
        count=count,
        temperature=float(temperature),
        max_tokens=settings.counts(options, "max_tokens", (256,))[0],
        seed=options.task_options.seed,
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
            raise place.error("not a row of paraphrases", OPTIONS["file"])
        found[key] = tuple(texts)
    return found
