"""The data of an alignment, before any step: read, checked, split, written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.chat import ChatTemplate
from harness.encoding import Encoder
from harness.errors import DataError, ModelError, UsageError
from harness.plugins import Registry
from harness.types import Message, Prompt
from harness_align import conversion, counterfactual, data, launcher, rewards, search, validation
from harness_align import spec as specs
from harness_align.data import Kind, Row, Rows, plain
from harness_align.job import AlignJob
from harness_align.methods import METHODS
from harness_align.spec import AlignSpec
from harness_align.validation import Findings

CHAT_TEMPLATE_FILE = "chat_template.jinja"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What will be trained on, and what is kept to measure with.

    Attributes:
        train: The training rows' file.
        development: Held-out rows, of other prompts.
        findings: What validation dropped.
        statistics: What the training rows look like.
        overlap: Rows that are in the evaluation suite, trained on because the user said so.
    """

    train: Path
    development: Rows
    findings: Findings
    statistics: Mapping[str, Any]
    overlap: int = 0


def prepare(job: AlignJob, registry: Registry, tasks: Sequence[str]) -> Prepared:
    """Reads, validates and splits the data.

    Args:
        job: What was asked for.
        registry: The loaded plugins.
        tasks: The evaluation suite, which the training rows must stay apart from.

    Raises:
        DataError: The data cannot be used; says which rows and why.
        ModelError: The model lacks something that training needs.
    """
    kinds = _kinds(job)
    rows = data.choose(read(job.data, kinds[0], registry, job.seed), kinds, job.method)
    if rows.kind != "prompt" and job.method == "rlhf" and job.reward:
        rows = data.convert(rows, "prompt")
    _check_rewards(job, rows, registry)
    watching = replace(job, settings={**job.settings, **search.watching(job)}).training
    spec = specs.from_mapping(
        {**watching, "method": job.method, "data": job.data, "out": str(job.out)}
    )
    _check_settings(job, spec)
    findings = validation.validate(rows, spec.max_length, counter(spec, rows))
    overlapping = 0
    if tasks:
        suite = list(conversion.suite_texts(tasks, job.evaluation.get("data", {}), registry))
        if job.allow_overlap:
            overlapping = len(validation.overlap(findings.kept, suite))
        else:
            validation.refuse_overlap(findings.kept, suite)
            if spec.stop_tasks:
                watched = conversion.suite_texts(spec.stop_tasks, spec.stop_data, registry)
                validation.refuse_shared_samples(list(watched), suite)
    train, development = data.split(findings.kept, job.development, job.seed)
    if not len(train) or not len(development):
        raise DataError(
            f"{len(findings.kept)} rows of {len(set(data.prompts(findings.kept)))} prompts are too "
            f"few to keep {job.development:.0%} of the prompts for measuring",
            path=rows.source,
            expected="more prompts, or another share with `development` under [align]",
        )
    if job.augment:
        train = counterfactual.augment(train, job.augment)
    folder = job.out / "data"
    data.write(folder / "development.jsonl", development)
    return Prepared(
        data.write(folder / "train.jsonl", train),
        development,
        findings,
        validation.statistics(train),
        overlapping,
    )


def asked_base(job: AlignJob) -> str:
    """The base as it is asked: with the template that training gives it, like the result.

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


def _kinds(job: AlignJob) -> tuple[Kind, ...]:
    """The kinds the method reads; a third party's aligner takes anything."""
    if job.method not in METHODS:
        return ("preference", "completion", "label", "prompt")
    if job.method == "rlhf" and not job.reward:
        return ("preference",)
    return METHODS[job.method].kinds


def read(given: str, kind: Kind, registry: Registry, seed: int) -> Rows:
    """The rows of a file, or of a task: ``TASK``, ``TASK=PATH``, ``TASK=sample``.

    Raises:
        UsageError: It is neither.
        DataError: It cannot be read.
    """
    if Path(given).is_file():
        return data.read(Path(given))
    task, equals, path = given.partition("=")
    if task not in registry.tasks:
        raise UsageError(
            f"--data {given!r} is neither a file nor a task",
            "Give a JSONL file, or a task as TASK, TASK=PATH or TASK=sample.",
        )
    return conversion.rows_of_task(task, path if equals else None, kind, registry, seed)


def _check_settings(job: AlignJob, spec: AlignSpec) -> None:
    """Finds what a stage would refuse, before the base is measured.

    Raises:
        HarnessError: A stage cannot be trained here, or the accelerate config is none.
    """
    from harness_align.training import checks

    if job.accelerate_config is not None:
        launcher.read_config(job.accelerate_config)
    if job.method in METHODS:
        for stage in METHODS[job.method].stages(spec):
            checks.check(stage)


def counter(spec: AlignSpec, rows: Rows) -> Callable[[Row], int] | None:
    """Counts the tokens of a row's prompt and longer answer; also checks model and tokenizer.

    Raises:
        ModelError: The model or its tokenizer cannot be used for this training.
    """
    from harness_align.training import models

    models.check_architecture(spec)
    conversational = bool(rows.rows) and not isinstance(rows.rows[0].prompt, str)
    tokenizer = models.open_tokenizer(spec, conversational)

    template = ChatTemplate.of(tokenizer) if conversational else None
    encoder = Encoder(tokenizer, spec.max_length, chat=False)

    def count(row: Row) -> int:
        if template is not None:
            texts = [_rendered(template, row, answer, rows.source) for answer in row.answers]
            texts = texts or [_rendered(template, row, None, rows.source)]
            return max(map(len, encoder.encode_many(texts).values()))
        longest = max((plain(answer) for answer in row.answers), key=len, default="")
        return len(tokenizer(plain(row.prompt) + longest, verbose=False)["input_ids"]) + 1

    return count


def _rendered(template: ChatTemplate, row: Row, answer: Prompt | None, source: str) -> str:
    """A row as the chat template writes it, which is how it is trained on.

    Raises:
        DataError: The template refuses its turns.
    """
    turns = [
        {"role": turn.role, "content": turn.content}
        for part in (row.prompt, answer or ())
        for turn in ((Message("assistant", part),) if isinstance(part, str) else part)
    ]
    try:
        return template.render(turns, answering=answer is None)
    except ModelError as error:
        raise DataError(
            error.message,
            path=source,
            line=row.line,
            expected="turns that it takes: many templates want no system turn (put it into the "
            "first user turn), and user and assistant in alternation",
        ) from error


def _check_rewards(job: AlignJob, rows: Rows, registry: Registry) -> None:
    """Opens every reward once, and asks it for one value where it needs no model's answer.

    Raises:
        HarnessError: A reward cannot be used with these rows.
    """
    for text in filter(None, (job.reward, job.held_out_reward)):
        terms = rewards.parse(text)
        for task in rewards.needs_task(terms):
            if not rows.rows or rows.rows[0].facts.get(rewards.TASK_FACT) != task:
                raise UsageError(
                    f"the reward task:{task} needs prompts that are made of {task}'s samples",
                    f"Give --data {task}=PATH.",
                )
        some = rows.rows[:8]
        values = rewards.WeightedSum(text, registry)(
            [row.prompt for row in some],
            [plain(row.chosen) if row.chosen is not None else "yes" for row in some],
            [row.facts for row in some],
        )
        if some and all(value is None for value in values) and not rewards.needs_task(terms):
            raise UsageError(
                f"the reward {text} gives no value", "It must return numbers for most answers."
            )
