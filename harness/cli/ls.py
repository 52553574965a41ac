"""``harness ls``: what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import registry_of
from harness.errors import UnknownNameError
from harness.plugins import Registry, suites
from harness.protocols import Metric, TaskSpec
from harness.run.planner import COMMON_OPTIONS

if TYPE_CHECKING:
    from rich.console import Console

    from harness.authoring.grading import MetricSpec


@click.command("ls")
@click.argument("name", required=False)
@click.option(
    "--config", type=click.Path(path_type=Path), help="A harness.toml that declares tasks."
)
@click.pass_context
def command(context: click.Context, name: str | None, config: Path | None) -> int:
    """List tasks, suites, probes, backends, executors, formats; with NAME, all about one."""
    from rich.console import Console

    del config  # ``registry_of`` reads it

    registry = registry_of(context)
    console = Console(highlight=False)
    if name is None:
        _everything(console, registry)
    elif name in registry.tasks:
        _task(console, registry.tasks[name])
    elif name in registry.backends:
        backend = registry.backends[name]
        _heading(console, f"{name}:", backend.description)
        _rows(console, "options (--set KEY=VALUE)", backend.options.items())
    elif name in registry.probes:
        probe = registry.probes[name]
        _heading(console, name, probe.description)
        _rows(console, "options (--set)", ((f"{name}.{k}", v) for k, v in probe.options.items()))
    elif name in registry.executors:
        executor = registry.executors[name]
        _heading(console, f"--executor {name}", executor.description)
        _rows(console, "options (--set KEY=VALUE)", executor.options.items())
    elif name in registry.metrics:
        _metric(console, registry.metrics[name])
    else:
        known = [*registry.tasks, *registry.backends, *registry.probes, *registry.executors]
        known += registry.metrics
        raise UnknownNameError("name", name, known)
    return 0


def _everything(console: Console, registry: Registry) -> None:
    for title, specs in (("tasks", registry.tasks), ("probes", registry.probes)):
        _rows(console, title, ((name, spec.description) for name, spec in specs.items()))
    groups = {**suites(registry.tasks), **suites(registry.probes)}
    _rows(console, "suites", ((name, ", ".join(members)) for name, members in groups.items()))
    for title, others in (
        ("backends (--model SCHEME:REST)", registry.backends),
        ("executors (--executor)", registry.executors),
        ("alignment methods (--method)", registry.aligners),
        ("report formats (--format)", registry.reporters),
        ("metrics of declared tasks ([tasks.NAME] metrics)", registry.metrics),
    ):
        rows: Mapping[str, str] = {name: spec.description for name, spec in others.items()}
        _rows(console, title, rows.items())
    console.print("[dim]`harness ls NAME` shows a task's templates, options and data.[/dim]")


def _direction(metric: Metric) -> str:
    ideal = getattr(metric, "ideal", None)
    if ideal is not None:
        return f"{ideal:g} is ideal"
    return {True: "higher is better", False: "lower is better", None: ""}[metric.higher_is_better]


def _task(console: Console, spec: TaskSpec) -> None:
    from harness.protocols import TaskOptions

    _heading(console, spec.name, spec.description)
    task = spec.open(TaskOptions())
    _rows(console, "metrics", ((metric.name, _direction(metric)) for metric in task.metrics))
    sources = {"--data sample": str(spec.sample_data) if spec.sample_data else "none"}
    if spec.data is not None:
        sources["without --data"] = spec.data
    if spec.hub is not None:
        sources["hub"] = f"{spec.hub.path} {spec.hub.name or ''} [{spec.hub.split}]"
    _rows(console, f"data (version {task.version})", sources.items())
    _rows(console, "options (--set)", _options(spec))
    for index, (name, source) in enumerate(spec.templates.items()):
        default = " (default)" if index == 0 else ""
        console.print(f"\n[bold]template {name}[/bold]{default}")
        console.print(source, markup=False, style="cyan")


def _metric(console: Console, spec: MetricSpec) -> None:
    _heading(console, spec.name, spec.description)
    _rows(console, "kinds of tasks", [(", ".join(spec.kinds), "")])
    if spec.argument:
        _rows(console, "argument", [(f"{spec.name}:{spec.argument}", "")])


def _options(spec: TaskSpec) -> Iterable[tuple[str, str]]:
    for key, help_text in {**spec.options, **COMMON_OPTIONS}.items():
        default = f" (here {spec.defaults[key]})" if key in spec.defaults else ""
        yield f"{spec.name}.{key}", help_text + default


def _heading(console: Console, name: str, description: str) -> None:
    console.print(f"[bold]{name}[/bold]  {description}")


def _rows(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    for name, text in rows:
        table.add_row(Text(name, style="bold cyan", no_wrap=True), Text(text))
    if table.row_count:
        console.print(f"\n[bold]{title}[/bold]")
        console.print(table)
