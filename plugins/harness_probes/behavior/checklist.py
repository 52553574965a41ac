"""CheckList files as a task: failure rates of MFT, INV and DIR tests, by capability.

Ribeiro et al. 2020, "Beyond accuracy: Behavioral testing of NLP models with CheckList".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.authoring import options
from harness.authoring.metrics import Mean
from harness.authoring.readers import rows
from harness.authoring.readers.rows import Place
from harness.authoring.readers.text_files import Row
from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import DataSource, Sample, ScoreValue
from harness_probes.behavior import expectations
from harness_probes.behavior.classify import TEMPLATES, Chances, Labeller

LABELS = ("negative", "neutral", "positive")
TYPES = ("MFT", "INV", "DIR")
SAMPLES = Path(__file__).parent / "samples"


def open_checklist(chosen: TaskOptions) -> Task:
    """Sentiment cases with the labels negative, neutral and positive: their texts one by one."""
    names = ["failure_rate", *(f"{kind.lower()}_failure_rate" for kind in TYPES)]
    metrics = tuple(Mean(name, higher_is_better=False, bounds=(0.0, 1.0)) for name in names)
    labeller = Labeller.of(chosen, LABELS, "checklist")
    return labeller.task(
        "checklist",
        read,
        _texts,
        _failures,
        metrics,
        {
            "INV": f"same label, or its probability within {expectations.TOLERANCE}",
            "DIR": f"the stated direction within {expectations.TOLERANCE}; where the original "
            "must not be neutral and is, the case does not count",
        },
    )


def _failures(sample: Sample, found: Sequence[Chances | None]) -> Mapping[str, ScoreValue]:
    """1 where the case fails; nothing where it does not apply. Fails what cannot be read."""
    chances = [each for each in found if each is not None]
    expected = sample.metadata["expect"]
    passes: bool | None
    if len(chances) < len(found):
        passes = False
    elif isinstance(expected, str):
        passes = expectations.pairwise(expected, chances)
    else:
        assert isinstance(expected, list | tuple)
        passes = expectations.minimum_functionality(tuple(expected), chances)
    if passes is None:
        return {}
    failed = float(not passes)
    return {"failure_rate": failed, f"{sample.groups['type'].lower()}_failure_rate": failed}


def _texts(sample: Sample) -> list[str]:
    """The input, which a probe may have changed, and the perturbed texts."""
    more = sample.metadata["perturbed"]
    assert isinstance(more, list | tuple)
    return [sample.input, *map(str, more)]


def read(source: DataSource) -> Iterator[Sample]:
    """Rows: ``test, type, capability, index, texts, label`` and, in own files, ``expect``.

    ``label`` is a number (0 negative, 1 neutral, 2 positive), a list of allowed ones, or null;
    ``expect`` says of the perturbed texts: same, increases, decreases, more_positive,
    more_negative. Tests of the released suite need none.

    Raises:
        DataError: A row cannot be read, or says not what to expect.
    """
    for row, place in rows.read(source):
        test, kind, capability = (
            place.field(row, name, str) for name in ("test", "type", "capability")
        )
        index = place.field(row, "index", (int, str))
        texts = place.field(row, "texts", list)
        if kind not in TYPES:
            raise place.error(f"type {kind!r}", "MFT, INV or DIR")
        if not texts or not all(isinstance(text, str) and text for text in texts):
            raise place.error("no texts", "a list of texts")
        if kind != "MFT" and len(texts) < 2:
            raise place.error(f"one text in a {kind} case", "two or more texts")
        yield Sample(
            id=f"{test}#{index}",
            input=texts[0],
            groups={"capability": capability, "test": test, "type": kind},
            metadata={"perturbed": texts[1:], "expect": _expected(kind, test, row, place)},
        )


def _expected(kind: str, test: str, row: Row, place: Place) -> str | list[int]:
    if kind == "MFT":
        label = row.get("label")
        if label not in (None, ""):
            label = place.field(row, "label", (list, int))
        given = label if isinstance(label, list) else [label]
        if label in (None, ""):
            given = list(expectations.RELEASED_LABELS.get(test, ()))
        allowed = [each for each in given if isinstance(each, int) and each in (0, 1, 2)]
        if given and len(allowed) == len(given):
            return allowed
        expected = "a label 0, 1 or 2, or a list of them"
    else:
        default = "same" if kind == "INV" else expectations.RELEASED_DIRECTIONS.get(test)
        name = row.get("expect") or default
        if name in expectations.PAIRWISE:
            return str(name)
        expected = f"'expect' as one of {', '.join(expectations.PAIRWISE)}"
    raise place.error(f"the test {test!r} does not say what to expect", expected)


SPEC = TaskSpec(
    "checklist",
    "CheckList: minimum functionality, invariance and directional tests of sentiment",
    open_checklist,
    sample_data=SAMPLES / "checklist.jsonl",
    suites=("behavior",),
    options=options.lazily("harness_probes.settings", "Labelled"),
    templates=TEMPLATES,
)
