"""Training rows in the variants that a probe makes of them: ``--augment PROBE``.

A probe keeps what is right: it changes a text so that its answer stays the same. So a row's
variants, with the row's own answers, teach a model to answer them alike. Probes that make people
others (``gender_swap``) change the answers with the prompt where both speak of the same people,
so that neither gender nor name says anything about the rest of a row (counterfactual
augmentation: Zhao et al. 2018, section 4; Maudslay et al. 2019).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import harness
from harness import ModelConfig, Registry
from harness.authoring.io import serialization
from harness.authoring.readers import text_files
from harness.errors import DataError, plugin_call
from harness.protocols import Answers, Preparing, Probe, ProbeOptions
from harness.stats.seeding import seeded
from harness.types import Message, Prompt, Request, Sample, Skipped
from harness_align.dataset.training_rows import Row, Rows, plain
from harness_align.rewards import SAMPLE_FACT, TASK_FACT

SHORT = {"gender": "gender_swap", "names": "name_swap"}
"""Shorter names of two probes."""
AUGMENTED = "augmented_by"
SEPARATOR = "\n⁂\n"
"""Between texts of a row that a probe is given as one."""
REST, CHOSEN, REJECTED = "context", "passage", "document"
"""Fields of a sample in which probes look for what belongs to its input."""


def names(given: Sequence[str], registry: Registry) -> tuple[str, ...]:
    """The registered probes and suites that are named, each probe once.

    Raises:
        UnknownNameError: There is no such probe or suite.
    """
    return tuple(
        spec.name for spec in registry.select_probes(SHORT.get(each, each) for each in given)
    )


@dataclass(frozen=True, slots=True)
class Augmented:
    """Rows with their variants, and how many each probe made."""

    rows: Rows
    made: Mapping[str, int]

    def describe(self) -> str:
        """In one line."""
        told = ", ".join(f"{count:,} by {name}" for name, count in self.made.items())
        return f"augmented with variants of the training rows: {told}"


def augment(
    rows: Rows,
    given: Sequence[str],
    registry: Registry,
    settings: Mapping[str, Mapping[str, str]],
    seed: int,
) -> Augmented:
    """The rows, each followed by its variants that are not there already.

    Args:
        rows: Training rows of any kind.
        given: Probes, or suites of probes.
        registry: The loaded plugins.
        settings: Probe → what the user set for it.
        seed: Of what the probes draw.

    Raises:
        UnknownNameError: There is no such probe.
        DataError: A probe makes no variant of any row.
    """
    present = {_key(row) for row in rows.rows}
    variants: dict[int, list[Row]] = {}
    made: dict[str, int] = {}
    for name in names(given, registry):
        maker = _Maker.of(name, rows, registry, settings.get(name, {}), seed)
        reasons: Counter[str] = Counter()
        for place, row in enumerate(rows.rows):
            for variant in maker.variants(row, reasons):
                if _key(variant) not in present:
                    present.add(_key(variant))
                    variants.setdefault(place, []).append(variant)
                    made[name] = made.get(name, 0) + 1
        if name not in made:
            why = "; ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common(3))
            raise DataError(
                f"--augment {name} makes no variant of any of {len(rows):,} rows"
                + (f": {why}" if why else ""),
                path=rows.source,
                expected="a probe that changes texts like these",
            )
    every = [
        each for place, row in enumerate(rows.rows) for each in (row, *variants.get(place, ()))
    ]
    return Augmented(replace(rows, rows=tuple(every)), made)


def _key(row: Row) -> tuple[object, ...]:
    return (plain(row.prompt), *map(plain, row.answers), row.label)


# --------------------------------------------------------------------------- one probe


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the variants of one probe."""

    probe: Probe
    seed: int

    @classmethod
    def of(
        cls, name: str, rows: Rows, registry: Registry, values: Mapping[str, str], seed: int
    ) -> _Maker:
        spec = registry.probes[name]
        with plugin_call(spec.open, f"probe {name!r} cannot be opened"):
            probe = spec.open(ProbeOptions(values))
        if isinstance(probe, Preparing):
            samples = [each for row in rows.rows for each in _samples(row)]
            probe = probe.prepared(samples, partial(_ask, registry))
        return cls(probe, seed)

    def variants(self, row: Row, reasons: Counter[str]) -> list[Row]:
        """A row's variants, by the first way of reading it as a sample that gives some."""
        skipped: list[str] = []
        for sample in _samples(row):
            found = [each for each in self._of_sample(row, sample, skipped) if each is not None]
            if found:
                return found
        reasons.update(dict.fromkeys(skipped, 1))
        return []

    def _of_sample(self, row: Row, sample: Sample, skipped: list[str]) -> Iterator[Row | None]:
        rng = seeded("augment", self.seed, self.probe.name, row.line, sample.id)
        with plugin_call(self.probe, f"probe {self.probe.name!r} failed on row {row.line}"):
            variants = list(self.probe.perturb(sample, rng))
        for variant in variants:
            if isinstance(variant, Skipped):
                skipped.append(variant.reason)
            elif variant is not None:
                yield self._row(row, sample, variant)

    def _row(self, row: Row, sample: Sample, variant: Sample) -> Row | None:
        """The row that the variant stands for; None where it cannot be told, or is the same."""
        if (variant.targets, variant.choices) != (sample.targets, sample.choices):
            return None
        facts = {AUGMENTED: self.probe.name}
        if TASK_FACT in row.facts and sample.id.startswith(_TASK):
            prompt = _replaced(row.prompt, sample, variant)
            kept = replace(variant, id=variant.id.removeprefix(_TASK))
            written = serialization.dumps(serialization.sample_to_json(kept))
            facts |= {TASK_FACT: row.facts[TASK_FACT], SAMPLE_FACT: written}
            made = None if prompt is None else replace(row, prompt=prompt, facts=facts)
        else:
            made = _from_texts(row, variant, facts)
        if made is None or _key(made) == _key(row):
            return None
        # With the answers open to change, only a change of both is one that keeps what is right.
        together = sample.id.startswith(_TOGETHER)
        return None if together and made.answers == row.answers else made


_TASK, _TOGETHER = "task:", "together:"


def _samples(row: Row) -> Iterator[Sample]:
    """The ways in which a probe may be shown a row, the most exact first.

    The sample that the row is made of, so that a template stays as it is; the last turn of the
    prompt, its answers guarded; all of the row's texts, none of them guarded.
    """
    made_of = _sample_of(row)
    if made_of is not None:
        yield made_of
    turns, rest, answers = _texts(row)
    context = {REST: rest} if rest else {}
    yield Sample(f"row:{row.line}", turns, tuple(answers), metadata=context)
    both = dict(zip((CHOSEN, REJECTED), answers, strict=False))
    yield Sample(f"{_TOGETHER}{row.line}", turns, metadata={**context, **both})


def _sample_of(row: Row) -> Sample | None:
    """The task's sample that a row was made of, where its text stands in the prompt."""
    written = row.facts.get(SAMPLE_FACT)
    if not isinstance(written, str):
        return None
    try:
        sample = serialization.sample_from_json(text_files.parse_json(written))
        sound = bool(sample.input.strip()) and sample.input.strip() in plain(row.prompt)
        sound = sound and all(isinstance(each, str) for each in (*sample.targets, *sample.choices))
    except (DataError, KeyError, TypeError, AttributeError):  # a file is data, never trusted
        return None
    return replace(sample, id=f"{_TASK}{sample.id}") if sound else None


def _texts(row: Row) -> tuple[str, str, list[str]]:
    """(the text that is asked, what stands before it, the answers) of a row."""
    answers = [_joined(each) for each in row.answers]
    if not row.prompt:  # a text that is learned as a whole
        return answers[0], "", []
    if isinstance(row.prompt, str):
        return row.prompt, "", answers
    return row.prompt[-1].content, _joined(row.prompt[:-1]), answers


def _joined(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else SEPARATOR.join(each.content for each in prompt)


def _from_texts(row: Row, variant: Sample, facts: Mapping[str, str]) -> Row | None:
    """The row with the variant's texts."""
    if not row.prompt:
        return replace(row, chosen=variant.input, facts=facts)
    prompt: Prompt = variant.input
    if not isinstance(row.prompt, str):
        before = _split(row.prompt[:-1], variant.metadata.get(REST, ""))
        if before is None:
            return None
        prompt = (*before, Message(row.prompt[-1].role, variant.input))
    answers: list[Prompt | None] = []
    for answer, name in ((row.chosen, CHOSEN), (row.rejected, REJECTED)):
        text = variant.metadata.get(name)
        if answer is None or text is None:
            answers.append(answer)
        elif isinstance(answer, str):
            answers.append(str(text))
        else:
            answers.append(_split(answer, text))
            if answers[-1] is None:
                return None
    return replace(row, prompt=prompt, chosen=answers[0], rejected=answers[1], facts=facts)


def _split(turns: tuple[Message, ...], text: object) -> tuple[Message, ...] | None:
    """The turns with the parts of a joined text; None where they are not as many any more."""
    if not turns:
        return ()
    parts = str(text).split(SEPARATOR)
    if len(parts) != len(turns):
        return None
    return tuple(Message(turn.role, part) for turn, part in zip(turns, parts, strict=True))


def _replaced(prompt: Prompt, sample: Sample, variant: Sample) -> Prompt | None:
    """The prompt with what the variant says otherwise; None where that does not stand in it."""
    pairs = [(sample.input, variant.input)]
    for name, value in variant.metadata.items():
        if value != sample.metadata.get(name):
            pairs.append((str(sample.metadata.get(name)), str(value)))
    for old, new in pairs:
        if old == new:
            continue
        changed = _replaced_last(prompt, old, new)
        if changed is None and old.strip() != old:
            changed = _replaced_last(prompt, old.strip(), new.strip())
        if changed is None:
            return None
        prompt = changed
    return prompt


def _replaced_last(prompt: Prompt, old: str, new: str) -> Prompt | None:
    """The last occurrence: solved examples stand before the question."""
    if isinstance(prompt, str):
        before, found, after = prompt.rpartition(old)
        return before + new + after if found else None
    for place in range(len(prompt) - 1, -1, -1):
        changed = _replaced_last(prompt[place].content, old, new)
        if changed is not None:
            assert isinstance(changed, str)
            turn = Message(prompt[place].role, changed)
            return (*prompt[:place], turn, *prompt[place + 1 :])
    return None


def _ask(
    registry: Registry,
    model: str,
    settings: Mapping[str, str],
    requests: Iterable[tuple[str, Request]],
) -> Answers:
    """Asks another model on a probe's behalf."""
    pairs = list(requests)
    config = ModelConfig(model, settings=settings)
    opened = harness.open_model(config, registry)
    try:
        found = harness.ask(
            opened,
            [request for _, request in pairs],
            task="augment",
            sample_ids=[name for name, _ in pairs],
            registry=registry,
            name=model,
        )
        return Answers(opened.fingerprint, tuple(found))
    finally:
        opened.close()
