"""``harness ls``: what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.authoring.literal import echo
from harness.cli import listing, registry_of
from harness.errors import UnknownNameError, UsageError, suggestion
from harness.plugins import Registry, suites

if TYPE_CHECKING:
    from harness.authoring.grading import MetricSpec
    from harness.protocols import Metric, Options, TaskSpec


@click.command("ls")
@click.argument("name", required=False)
@click.option(
    "--config", type=click.Path(path_type=Path), help="A harness.toml that declares tasks."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME.KEY=VALUE",
    help="Options of a catalogue of tasks, such as where else it looks.",
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of harness.toml, for editors.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for other programs.")
@click.pass_context
def command(
    context: click.Context,
    name: str | None,
    config: Path | None,
    settings: tuple[str, ...],
    schema: bool,
    as_json: bool,
) -> int:
    """List tasks, suites, probes, backends, executors, methods, formats; NAME: all about one."""
    registry = registry_of(context)  # reads the tasks that ``config`` declares
    if schema:
        return _schema(registry)
    if as_json:
        return _json(registry, name)
    if name is not None and _matched(registry, name, settings, config):
        return 0
    if name is None:
        _everything(registry)
    elif (found := registry.sourced(name, _settings(settings, config))) is not None:
        for spec in found:
            _task(spec)
    else:
        _named(registry, name)
    return 0


def _schema(registry: Registry) -> int:
    import json

    from harness.cli import schema

    print(json.dumps(schema.document(registry), indent=2))  # JSON in ASCII: nothing to escape
    return 0


def _json(registry: Registry, name: str | None) -> int:
    """Prints kind → name → what is known of it; of one name where one is given.

    Raises:
        UnknownNameError: Nothing has the name.
    """
    import json

    found = {
        kind: {key: _facts(spec) for key, spec in specs.items() if name in (None, key)}
        for kind, _, specs in _kinds(registry)
    }
    if name is not None:
        found = {kind: specs for kind, specs in found.items() if specs}
        if not found:
            raise UnknownNameError("name", name, _known(registry))
    print(json.dumps(found, indent=2))  # JSON in ASCII: nothing to escape
    return 0


def _facts(spec: Any) -> dict[str, Any]:
    from harness.authoring import option_models
    from harness.protocols import TaskSpec

    listed = option_models.listed(getattr(spec, "options", None) or {})
    facts = {
        "description": spec.description,
        "options": {each.name: each.line for each in listed},
        "suites": list(getattr(spec, "suites", ())),
    }
    if isinstance(spec, TaskSpec):
        facts["templates"] = list(spec.templates)
        facts["has_sample"] = spec.sample_data is not None
        facts["data"] = spec.data
        facts["hub"] = None if spec.hub is None else spec.hub.path
    return facts


def _settings(pairs: Sequence[str], config: Path | None) -> Mapping[str, Mapping[str, str]]:
    """What ``--set`` and the file set, by name."""
    from harness.config import parse_settings, read_config

    found: dict[str, Mapping[str, str]] = {}
    if config is not None:
        found |= read_config(config).get("task_settings", {})
    for name, values in parse_settings(pairs)[1].items():
        found[name] = {**found.get(name, {}), **values}
    return found


def _matched(registry: Registry, name: str, pairs: Sequence[str], config: Path | None) -> bool:
    """Prints the names of a task source that a pattern matches; False where it is no pattern.

    Raises:
        UsageError: It matches nothing.
    """
    prefix, colon, pattern = name.partition(":")
    if not colon or prefix not in registry.task_sources or not set(pattern) & set("*?["):
        return False
    source = registry.task_sources[prefix]
    names = source.names(_settings(pairs, config).get(prefix, {}))
    found = [each for each in names if fnmatchcase(each.casefold(), pattern.casefold())]
    if not found:
        raise UsageError(f"no name matches {name!r}", suggestion(pattern.strip("*?"), names))
    for each in found:
        echo(f"{prefix}:{each}  {names[each]}".rstrip())
    return True


def _named(registry: Registry, name: str) -> None:
    """All that has the name: a task and a probe, or a suite and a method, may share one."""
    if name in registry.tasks:
        _task(registry.tasks[name])
    if name in registry.metrics:
        _metric(registry.metrics[name])
    things = list(_things(registry, name))
    members = _suite(registry, name)
    for heading, description, options, prefix in things:
        listing.heading(heading, description)
        listing.table("options (--set)", _options(options, prefix))
    if members:
        listing.heading(name, "a suite")
        for title, rows in members.items():
            listing.table(title, rows.items())
    if things or members or name in registry.tasks or name in registry.metrics:
        return
    plugin = next((each for each in registry.plugins if each.name == name), None)
    if plugin is None:
        raise UnknownNameError("name", name, _known(registry))
    listing.heading(f"plugin {name}", f"{plugin.origin} {plugin.version}".rstrip())
    if plugin.error is not None:
        listing.text(f"skipped: {plugin.error}")
    listing.table("hooks", ((each.removeprefix("harness_"), "") for each in plugin.hooks))


def _things(registry: Registry, name: str) -> Iterator[tuple[str, str, Options, str]]:
    """(heading, description, options, prefix of ``--set``) of all that has the name."""
    if name in registry.backends:
        backend = registry.backends[name]
        yield f"{name}:", backend.description, backend.options, ""
    if name in registry.probes:
        probe = registry.probes[name]
        flag = "" if probe.shortcut is None else f" ({probe.shortcut.flag})"
        yield name, f"{probe.description}{flag}", probe.options, f"{name}."
    if name in registry.task_sources:
        source = registry.task_sources[name]
        yield f"{name}:NAME", source.description, source.options, f"{name}."
    if name in registry.executors:
        executor = registry.executors[name]
        yield f"--executor {name}", executor.description, executor.options, ""
    if name in registry.aligners:
        aligner = registry.aligners[name]
        kinds = ", ".join(aligner.kinds)
        told = f"{aligner.description}; trains on {kinds} rows"
        yield f"--method {name}", told, aligner.options or {}, ""
    if name in registry.exporters:
        exporter = registry.exporters[name]
        yield f"harness export --to {name}", exporter.description, exporter.options, f"{name}."
    if name in registry.importers:
        yield f"harness import: {name}", registry.importers[name].description, {}, ""
    if name in registry.reporters:
        yield f"--format {name}", registry.reporters[name].description, {}, ""


def _suite(registry: Registry, name: str) -> dict[str, dict[str, str]]:
    """Title → member → description of the tasks and the probes in a suite."""
    found = {
        "tasks": {key: spec.description for key, spec in registry.tasks.items()
                  if name in spec.suites},
        "probes": {key: spec.description for key, spec in registry.probes.items()
                   if name in spec.suites},
    }  # fmt: skip
    return {title: members for title, members in found.items() if members}


def _known(registry: Registry) -> list[str]:
    tables: tuple[Mapping[str, object], ...] = (
        *(specs for _, _, specs in _kinds(registry)),
        suites(registry.tasks),
        suites(registry.probes),
        {each.name: each for each in registry.plugins},
    )
    return [name for table in tables for name in table]


def _kinds(registry: Registry) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(word for a kind of plugin, its title, name → declaration)."""
    return [
        ("tasks", "tasks", registry.tasks),
        ("probes", "probes", registry.probes),
        ("catalogues", "catalogues of tasks (--tasks PREFIX:NAME)", registry.task_sources),
        ("backends", "backends (--model SCHEME:REST)", registry.backends),
        ("executors", "executors (--executor)", registry.executors),
        ("methods", "alignment methods (--method)", registry.aligners),
        ("formats", "report formats (--format)", registry.reporters),
        ("importers", "results of other programs (harness import)", registry.importers),
        ("exporters", "exporters (harness export --to)", registry.exporters),
        ("metrics", "metrics (--metrics, [tasks.NAME] metrics)", registry.metrics),
    ]


def _everything(registry: Registry) -> None:
    groups = {**suites(registry.tasks), **suites(registry.probes)}
    for kind, title, specs in _kinds(registry):
        listing.table(title, ((name, spec.description) for name, spec in specs.items()))
        if kind == "probes":
            listing.table("suites", ((name, ", ".join(each)) for name, each in groups.items()))
    listing.text(
        "\n`harness ls NAME` shows its options, a task's templates and data, too.", dim=True
    )


def _direction(metric: Metric) -> str:
    from harness.protocols import ideal_of

    ideal = ideal_of(metric)
    if ideal is not None:
        return f"{ideal:g} is ideal"
    return {True: "higher is better", False: "lower is better", None: ""}[metric.higher_is_better]


def _task(spec: TaskSpec) -> None:
    from harness.protocols import TaskOptions
    from harness.run.planning.task_options import COMMON_OPTIONS

    listing.heading(spec.name, spec.description)
    task = spec.open(TaskOptions())
    listing.table("metrics", ((metric.name, _direction(metric)) for metric in task.metrics))
    sources = {"--data sample": str(spec.sample_data) if spec.sample_data else "none"}
    if spec.data is not None:
        sources["without --data"] = spec.data
    if spec.hub is not None:
        named = (spec.hub.path, spec.hub.name, f"[{spec.hub.split}]")
        sources["hub"] = " ".join(each for each in named if each)
    listing.table(f"data (version {task.version})", sources.items())
    own = dict(_options(spec.options, f"{spec.name}.", spec.defaults))
    common = dict(_options(COMMON_OPTIONS, f"{spec.name}.", spec.defaults))
    rest = {name: text for name, text in common.items() if name not in own}
    listing.table("options (--set)", (own | rest).items())
    for index, (name, source) in enumerate(spec.templates.items()):
        default = " (default)" if index == 0 else ""
        listing.text(f"\ntemplate {name}{default}", bold=True)
        listing.text(source, fg="cyan")


def _metric(spec: MetricSpec) -> None:
    listing.heading(spec.name, spec.description)
    listing.table("kinds of tasks", [(", ".join(spec.kinds), "")])
    if spec.argument:
        listing.table("argument", [(f"{spec.name}:{spec.argument}", "")])


def _options(
    options: Options, prefix: str, defaults: Mapping[str, str] | None = None
) -> Iterable[tuple[str, str]]:
    from harness.authoring import option_models

    for option in option_models.listed(options):
        here = (defaults or {}).get(option.name)
        yield f"{prefix}{option.name}", option.line + (f" (here {here})" if here else "")
