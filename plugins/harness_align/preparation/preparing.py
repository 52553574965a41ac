"""The data of an alignment, before any step: read, checked, split, written."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Registry
from harness.errors import DataError, UsageError
from harness.protocols import ChecksRows, ChecksTraining, ChoosesKinds, SamplesAnswers
from harness_align import rewards, search
from harness_align.dataset import formats, training_rows, validation
from harness_align.dataset.training_rows import Kind, Row, Rows
from harness_align.dataset.validation import Findings, Refuse, SuiteText
from harness_align.job import AlignJob
from harness_align.mining import conversion
from harness_align.preparation import augmenting, data_check, fitting
from harness_align.preparation.data_check import DataCheck

CHAT_TEMPLATE_FILE = "chat_template.jinja"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What will be trained on, and what is kept to measure with.

    Attributes:
        train: The training rows' file.
        development: Held-out rows, of other prompts.
        findings: What validation dropped.
        statistics: What the training rows look like.
        notes: What else a reader should know before the training.
        overlap: Rows that are in the evaluation suite, trained on because the user said so.
        checked: What ``harness data check`` finds in the rows as they were given.
    """

    train: Path
    development: Rows
    findings: Findings
    statistics: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    overlap: int = 0
    checked: DataCheck = data_check.NOTHING


def prepare(job: AlignJob, registry: Registry, tasks: Sequence[str]) -> Prepared:
    """Reads, validates and splits the data.

    Args:
        job: The job.
        registry: The loaded plugins.
        tasks: The evaluation suite, which the training rows must stay apart from.

    Raises:
        DataError: The data cannot be used; says which rows and why.
        ModelError: The model lacks something that training needs.
    """
    registered = registry.aligners[job.method]
    aligner = registered.opened(job.aligner_options(registered))
    training = job.training_with(search.watching(job), registered)
    kinds = aligner.kinds(training) if isinstance(aligner, ChoosesKinds) else registered.kinds
    spec = job.standard(training)
    rows = read(job.data, kinds[0], registry, job.seed, spec.format, spec.columns)
    rows = training_rows.choose(rows, kinds, job.method)
    notes = _check_rewards(job, rows, registry)
    if isinstance(aligner, ChecksTraining):
        aligner.check(training)
    if registered.makes == "model":
        fitting.check_context(spec)
    samples = isinstance(aligner, SamplesAnswers) and aligner.samples_answers(training)
    refuse = fitting.refusal(spec, rows, samples)
    findings = validation.validate(rows, refuse)
    overlapping, suite = 0, list[SuiteText]()
    if tasks:
        suite = list(conversion.suite_texts(tasks, job.evaluation.get("data", {}), registry))
        if job.allow_overlap:
            overlapping = len(validation.overlap(findings.kept, suite))
        else:
            validation.refuse_overlap(findings.kept, suite)
            if spec.stop_tasks:
                watched = conversion.suite_texts(spec.stop_tasks, spec.stop_data, registry)
                validation.refuse_shared_samples(list(watched), suite)
    checked = data_check.check(rows, registry, job.gate_data, overlapping if tasks else None)
    notes = (*notes, checked.describe())
    train, development = training_rows.split(findings.kept, job.development, job.seed)
    if not len(train) or not len(development):
        raise DataError(
            f"{len(findings.kept)} rows of {len(set(training_rows.prompts(findings.kept)))} "
            f"prompts are too few to keep {job.development:.0%} of the prompts for measuring",
            path=rows.source,
            expected="more prompts, or another share with `development` under [align]",
        )
    if isinstance(aligner, ChecksRows):
        written = [training_rows.to_json(row, train.kind) for row in train.rows]
        aligner.check_rows(training, written, train.source)
    if job.augment:
        train, told = _augmented(job, registry, train, development, suite, refuse)
        notes = (*notes, told)
    folder = job.out / "data"
    training_rows.write(folder / "development.jsonl", development)
    return Prepared(
        training_rows.write(folder / "train.jsonl", train),
        development,
        findings,
        validation.statistics(train),
        notes,
        overlapping,
        checked,
    )


def _augmented(
    job: AlignJob,
    registry: Registry,
    train: Rows,
    development: Rows,
    suite: Sequence[SuiteText],
    refuse: Refuse,
) -> tuple[Rows, str]:
    """The training rows with variants, without those that could not be trained on as they are.

    A variant must be as far from held-out prompts and the evaluation suite as any other row.
    """
    found = augmenting.augment(train, job.augment, registry, job.augment_settings, job.seed)
    held_out = {row.key for row in development.rows}
    variants = [row for row in found.rows.rows if augmenting.AUGMENTED in row.facts]
    numbered = [dataclasses.replace(row, line=place) for place, row in enumerate(variants)]
    known = set[int]()
    if not job.allow_overlap:
        of_suite = validation.overlap(dataclasses.replace(train, rows=tuple(numbered)), suite)
        known = {place for place, _ in of_suite}
    left_out = {
        id(row)
        for place, row in enumerate(variants)
        if place in known or row.key in held_out or refuse(row) is not None
    }
    rows = tuple(row for row in found.rows.rows if id(row) not in left_out)
    told = found.describe()
    if left_out:
        told += (
            f"; {len(left_out):,} of them left out, which are too long, or stand among held-out "
            "prompts or in the evaluation suite"
        )
    return dataclasses.replace(found.rows, rows=rows), told


def asked_base(job: AlignJob) -> str:
    """How the base is prompted: with the template that training gives it, like the result.

    Returns:
        The model itself, or a folder of links to it with ``chat_template`` beside them.
    """
    template = job.training.get("chat_template")
    if template is None:
        return job.model
    source = Path(job.model)
    if not source.is_dir():
        from huggingface_hub import snapshot_download

        source = Path(snapshot_download(job.model))
    folder = job.out / "base"
    folder.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        link = folder / file.name
        if file.name != CHAT_TEMPLATE_FILE and not link.exists():
            link.symlink_to(file.resolve())
    shutil.copyfile(template, folder / CHAT_TEMPLATE_FILE)
    return str(folder)


def read(
    given: str, kind: Kind, registry: Registry, seed: int, form: str = "", columns: str = ""
) -> Rows:
    """The rows of a file or folder, or of a task: ``TASK``, ``TASK=PATH``, ``TASK=sample``.

    Args:
        given: Which.
        kind: The kind of rows that a task gives.
        registry: The loaded plugins.
        seed: Of a task's own choices.
        form: See ``formats.read``.
        columns: See ``formats.read``.

    Raises:
        UsageError: It is neither.
        DataError: It cannot be read.
    """
    if Path(given).exists():
        return formats.read(Path(given), form, columns)
    task, equals, path = given.partition("=")
    if task not in registry.tasks:
        raise UsageError(
            f"--data {given!r} is neither a file nor a task",
            "Give a file of rows (JSONL, JSON, CSV, Parquet, …), or a task as TASK, TASK=PATH "
            "or TASK=sample.",
        )
    return conversion.rows_of_task(task, path if equals else None, kind, registry, seed)


def _check_rewards(job: AlignJob, rows: Rows, registry: Registry) -> tuple[str, ...]:
    """Opens every reward once, and asks it about several answers to some prompts.

    Returns:
        A note on a reward that gives one value to all of them.

    Raises:
        HarnessError: A reward cannot be used with these rows.
    """
    notes = []
    for text in filter(None, (job.reward, job.held_out_reward)):
        terms = rewards.parse(text)
        for task in rewards.needs_task(terms, registry):
            if not rows.rows or rows.rows[0].facts.get(rewards.TASK_FACT) != task:
                raise UsageError(
                    f"the reward task:{task} needs prompts that are made of {task}'s samples",
                    f"Give --data {task}=PATH.",
                )
        asked = [(row, answer) for row in rows.rows[:4] for answer in _tried(row)]
        values = rewards.WeightedSum(text, registry)(
            [row.prompt for row, _ in asked],
            [answer for _, answer in asked],
            [row.facts for row, _ in asked],
        )
        known = {(row.key, value) for (row, _), value in zip(asked, values, strict=True)}
        known = {pair for pair in known if pair[1] is not None}
        if asked and not known and not rewards.needs_task(terms, registry):
            raise UsageError(
                f"the reward {text} gives no value", "It must return numbers for most answers."
            )
        if known and len(known) == len({key for key, _ in known}):
            notes.append(
                f"note: the reward {text} gave the same value to every answer tried on a prompt; "
                "where it never differs there is nothing to learn, and the training stops"
            )
    return tuple(notes)


def _tried(row: Row) -> list[str]:
    """Answers that a useful reward tells apart: the row's own, and some that are not."""
    own = [each if isinstance(each, str) else each[-1].content for each in row.answers if each]
    return [*own, "yes", "No, that is not so. It is a long story, which I will tell you: 1, 2, 3."]
