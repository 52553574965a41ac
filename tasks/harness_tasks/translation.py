"""Translation: any pair of languages, with Multi30k and WMT22 English–German ready-made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.authoring import generation, options, prompts
from harness.authoring.readers.rows import FORMATS, Header, Place, is_known
from harness.authoring.readers.samples import aligned, identifier, read, shared
from harness.authoring.readers.text_files import Row, others
from harness.errors import DataError
from harness.protocols import Task, TaskOptions
from harness.types import DataSource, HubDataset, Sample, Sampling
from harness_tasks import languages
from harness_tasks.specs import spec

VERSION = "2"
FIELDS = frozenset({"source", "target", "targets"})

TEMPLATES = {
    "default": "{{ source_language }} phrase: {{ source }}\n{{ target_language }} phrase:",
    "instruct": "Translate this text from {{ source_language }} into {{ target_language }}. "
    "Answer with the translation alone.\n\n{{ source }}\n\nTranslation:",
    "arrow": "{{ source_language }}: {{ source }}\n{{ target_language }}:",
    "source": "{{ source }}",
    "t5": "translate {{ source_language }} to {{ target_language }}: {{ source }}",
}


@dataclass(frozen=True, slots=True)
class Preset:
    """A named test set: the codes of its languages in the hub's columns."""

    name: str
    source_code: str = "en"
    target_code: str = "de"


GENERIC = Preset("translation")
MULTI30K = Preset("multi30k_en_de")
WMT22 = Preset("wmt22_en_de")


def open_translation(chosen: TaskOptions) -> Task:
    """Any pair of languages."""
    return _open(GENERIC, chosen)


def open_multi30k(chosen: TaskOptions) -> Task:
    """Multi30k, English to German: captions of pictures."""
    return _open(MULTI30K, chosen)


def open_wmt22(chosen: TaskOptions) -> Task:
    """WMT22 general test set, English to German."""
    return _open(WMT22, chosen)


def _open(preset: Preset, chosen: TaskOptions) -> Task:
    from harness_tasks.metrics.evaluate_library import with_library_metrics
    from harness_tasks.metrics.translation import Sacrebleu
    from harness_tasks.settings import Translation

    settings = options.read(Translation, chosen, preset.name)
    source_language, target_language = settings.source_language, settings.target_language
    tokenize = settings.tokenize or languages.tokenizer_of(target_language)
    template, source = prompts.choose(TEMPLATES, chosen)
    names = {"source_language": source_language, "target_language": target_language}
    return generation.task(
        name=preset.name,
        reader=lambda data: read_pairs(data, preset),
        prompt=prompts.Prompt(
            template,
            source,
            "source",
            lambda sample: sample.targets[0],
            more=lambda _: names,
        ),
        sampling=Sampling(max_tokens=settings.max_tokens, stop=("\n",)),
        graders=with_library_metrics([Sacrebleu(tokenize)], chosen),
        notes={"languages": f"{source_language} to {target_language}", "tokenize": tokenize},
        version=VERSION,
        remark=lambda samples: remarks(samples, preset.name, tokenize),
    )


def remarks(samples: Sequence[Sample], task: str, tokenize: str) -> Iterator[str]:
    """What to know where references are written without blanks between words."""
    texts = [target for sample in samples for target in sample.targets]
    if whole := languages.scripts_not_split(tokenize, texts):
        yield (
            f"bleu: the tokenizer {tokenize} does not split references in {languages.named(whole)}"
            f"; choose one that does with --set {task}.target_language=… or {task}.tokenize=char"
        )
    if whole := languages.scripts_not_split("none", texts):
        yield (
            "ter: its words are pieces between blanks, which references in "
            f"{languages.named(whole)} do not have; chrf counts characters"
        )


# --------------------------------------------------------------------------- readers


def read_pairs(source: DataSource, preset: Preset = GENERIC) -> Iterator[Sample]:
    """Streams line-aligned ``SOURCE:REFERENCE[:REFERENCE…]``, rows of any format or the hub's.

    Raises:
        DataError: A file or row cannot be read.
    """
    if len(source.paths) == 1 and _is_plain_text(Path(source.paths[0])):
        raise DataError(
            "one file of plain text",
            path=source.paths[0],
            expected="two line-aligned files, SOURCE:REFERENCE, or rows with 'source', 'target': "
            f"{FORMATS}",
        )
    header = Header(FIELDS | {preset.source_code, preset.target_code})
    return read(
        source, lambda row, place: read_row(row, place, preset), header, lines=_read_aligned
    )


def read_row(row: Row, place: Place, preset: Preset = GENERIC) -> Sample:
    """A text with its translation, or its list of ``targets``.

    The hub's rows have a column for each language's code, plain or under one ``translation``.
    """
    if "source" not in row:
        return _read_hub(row, place, preset)
    text = place.text(row, "source")
    if "targets" in row:
        targets = place.texts(row, "targets")
        if not targets:
            raise place.error("field 'targets' is empty", "at least one translation")
    else:
        targets = (place.text(row, "target"),)
    return Sample(input=text, targets=targets, **shared(row, place, text, FIELDS))


def _read_hub(row: Row, place: Place, preset: Preset) -> Sample:
    pair = f"{preset.source_code}-{preset.target_code}"
    columns: Mapping[str, object] = next(
        (row[name] for name in ("translation", pair) if isinstance(row.get(name), dict)), row
    )
    if preset.source_code not in columns:
        raise place.error(
            "field 'source' is missing",
            "the fields 'id', 'source', 'target', "
            f"or columns {preset.source_code!r}, {preset.target_code!r}{others(row)}",
        )
    text = place.text(columns, preset.source_code)
    target = place.text(columns, preset.target_code)
    return Sample(identifier(row, "id", place), text, (target,))


def _is_plain_text(path: Path) -> bool:
    return not path.is_dir() and not is_known(path)


def _read_aligned(paths: tuple[str, ...]) -> Iterator[Sample]:
    """One text a line; the further files hold its translations on the same line."""
    for number, (text, *references) in aligned(paths):
        yield Sample(str(number), text, tuple(references))


SPECS = (
    spec(
        "translation/translation",
        "translation between any two languages",
        open_translation,
        options="Translation",
        templates=TEMPLATES,
    ),
    spec(
        "translation/multi30k_en_de",
        "Multi30k: captions of pictures, English to German",
        open_multi30k,
        hub=HubDataset("bentrevett/multi30k", split="test"),
        options="Translation",
        templates=TEMPLATES,
    ),
    spec(
        "translation/wmt22_en_de",
        "WMT22 general test set, English to German",
        open_wmt22,
        hub=HubDataset("haoranxu/WMT22-Test", "en-de", split="test", shots=None),
        options="Translation",
        templates=TEMPLATES,
    ),
)
