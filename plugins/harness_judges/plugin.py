"""What this package registers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import hookimpl
from harness.authoring.io import lazy_commands

if TYPE_CHECKING:
    from harness.protocols import FolderPages, Importer, ImporterSpec, Task, TaskOptions, TaskSpec

COMMANDS = {
    "annotate": "Have people judge answers of runs, blinded, by keyboard, on a page of this "
    "machine.",
    "judge": "Compare a judge with people, and keep what that says of its errors.",
    "rank": "Rank the systems that preferences compare: of people, or of judges in runs of "
    "`arena`.",
}


@hookimpl
def harness_register_tasks() -> list[TaskSpec]:
    """The tasks in which a model judges."""
    from harness.protocols import TaskSpec
    from harness_judges.judging import options, rubrics

    return [
        TaskSpec(
            "llmbar",
            "a model as judge of two answers in both orders, against people's preferences",
            _open_llmbar,
            suites=("judges",),
            options=options.llmbar_options,
            templates={"default": rubrics.LLMBAR},
        ),
        TaskSpec(
            "judge",
            "answers to your own prompts and turns, graded by a judge (--judge) by a rubric",
            _open_judge,
            suites=("judges",),
            options=options.judge_options,
            templates=options.TEMPLATES,
        ),
        TaskSpec(
            "arena",
            "answers to your own prompts against another run's, by a judge in both orders",
            _open_arena,
            suites=("judges",),
            options=options.arena_options,
            templates={"default": rubrics.PAIR},
        ),
    ]


def _open_llmbar(chosen: TaskOptions) -> Task:
    from harness_judges.judging.llmbar import open_llmbar

    return open_llmbar(chosen)


def _open_judge(chosen: TaskOptions) -> Task:
    from harness_judges.judging.judge_task import open_judge

    return open_judge(chosen)


def _open_arena(chosen: TaskOptions) -> Task:
    from harness_judges.judging.arena_task import open_arena

    return open_arena(chosen)


@hookimpl
def harness_register_importers() -> list[ImporterSpec]:
    """Folders of ``harness annotate``."""
    from harness.protocols import ImporterSpec

    return [ImporterSpec("annotations", "a folder of harness annotate", _open_annotations)]


def _open_annotations() -> Importer:
    from harness_judges.annotation.importer import Annotations

    return Annotations()


@hookimpl
def harness_view_pages() -> list[FolderPages]:
    """The page on which people judge, within ``harness view``."""
    from harness.protocols import FolderPages
    from harness_judges.annotation import store

    return [
        FolderPages(
            "annotations",
            "Annotation",
            "People judge answers of runs, blinded. `harness annotate RUN --out FOLDER --prepare` "
            "makes such a folder.",
            lambda folder: (folder / store.FILE).is_file(),
            _annotation_state,
            _open_annotation,
        )
    ]


def _annotation_state(folder: Path) -> str:
    from harness_judges.annotation import server

    return server.state(folder)


def _open_annotation(folder: Path) -> AbstractContextManager[object]:
    from harness_judges.annotation import server

    return server.served(folder)


@hookimpl
def harness_commands(app: click.Group) -> None:
    """``annotate``, ``judge`` and ``rank``."""
    lazy_commands.add(app, COMMANDS, _commands)


def _commands() -> tuple[click.Command, ...]:
    from harness_judges.commands import annotate, judge, rank

    return annotate.command, judge.command, rank.command
