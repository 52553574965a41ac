"""Tables ``[tasks.NAME]`` of harness.toml that declare a task: those with ``kind``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import config
from harness.authoring.declaration import KINDS, Declaration, told
from harness.authoring.grading import MetricSpec
from harness.authoring.readers.samples import SHARED
from harness.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from pydantic import BaseModel

_NAME = re.compile(r"[^\W\d][\w-]*")
_DEFAULTS = ("shots", "num_fewshot", "fewshot", "thinking_tokens")
_VALUES = ("scoring", "max_tokens")
_DECLARING = frozenset({"choices", "columns", "data", "stop", "version"})
"""Keys that no other table of [tasks] has."""


def tables(file: Path) -> dict[str, Mapping[str, Any]]:
    """The tables of a file under [tasks], name → table.

    Raises:
        ConfigError: The file is missing or is no TOML.
    """
    found = config.read_toml(file).get("tasks", {})
    if not isinstance(found, Mapping):
        return {}
    return {str(name): table for name, table in found.items() if isinstance(table, Mapping)}


def declares(table: Mapping[str, Any]) -> bool:
    """Whether a table declares a task, in place of giving options of one that there is."""
    return "kind" in table


def check_undeclared(file: str, name: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
    """A table that gives options must be of a task that there is.

    Raises:
        ConfigError: It looks like a declaration that has forgotten its ``kind``.
    """
    known = set(known)
    if name not in known and (keys := sorted(_DECLARING & table.keys())):
        raise ConfigError(
            f"{file}: [tasks.{name}] has {keys[0]!r} and no kind, and there is no task {name!r}",
            f"A new task needs kind = one of {', '.join(KINDS)}. "
            f"{UnknownNameError('task', name, known).hint}",
        )


def parse(
    file: str,
    name: str,
    table: Mapping[str, Any],
    metrics: Mapping[str, MetricSpec],
    taken: Collection[str] = (),
) -> Declaration:
    """A table as a declaration, all of it checked that can be without data.

    Args:
        file: Where it stands, for error messages.
        name: The task's.
        table: As TOML holds it.
        metrics: The registered ones.
        taken: Names of tasks, suites and probes that there are.

    Raises:
        ConfigError: A key or value is unknown or does not fit; names the file, table and key.
    """
    where = f"{file}: [tasks.{name}]"
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{where}: {name!r} cannot be a task's name",
            "A name is a letter, then letters, digits, - and _.",
        )
    if name in taken:
        raise ConfigError(
            f"{where}: the name {name!r} is taken by a task, suite or probe of a plugin",
            "Choose another; without `kind` the table gives options of that task.",
        )
    checked = _checked(where, table)
    kind = KINDS[checked["kind"]]
    templates = dict(checked.get("templates", {}))
    if "template" in checked:
        templates = {"default": checked["template"], **templates}
    declared = Declaration(
        name,
        checked["kind"],
        templates=templates,
        metrics=_texts(checked.get("metrics", ())),
        description=checked.get("description", ""),
        choices=_texts(checked.get("choices", ())),
        label_map=checked.get("label_map", {}),
        columns=checked.get("columns", {}),
        pair=checked.get("pair", ""),
        data=checked.get("data"),
        stop=_texts(checked["stop"]) if "stop" in checked else None,
        version=str(checked.get("version", "")),
        values={key: str(checked[key]) for key in _VALUES if key in checked},
        defaults={key: str(checked[key]) for key in _DEFAULTS if key in checked},
        origin=where,
    )
    _check_fit(where, declared)
    _check_templates(where, declared)
    _check_columns(where, declared, kind.fields)
    declared.metric_specs(metrics)  # opened when the task is: some take their time
    return declared


def _checked(where: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """The table with every value of its type."""
    from pydantic import ValidationError

    model = _model()
    for key in table:
        if key not in model.model_fields:
            with told(where, str(key)):
                raise UnknownNameError("key", str(key), model.model_fields)
    with told(where, "kind"):
        if isinstance(table["kind"], str) and table["kind"] not in KINDS:
            raise UnknownNameError("kind of task", table["kind"], KINDS)
    try:
        return model.model_validate(dict(table)).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(each) for each in first["loc"][:1])
        raise ConfigError(
            f"{where} {key}: {first['msg']}, got {first['input']!r}",
            str(model.model_fields[key].description),
        ) from error


def _check_fit(where: str, declared: Declaration) -> None:
    """What a kind needs, and what it cannot have."""
    kind, choices = declared.kind, declared.choices
    if kind in ("generation", "classification") and not declared.templates:
        raise ConfigError(
            f"{where}: a {kind} task needs a template",
            f'Such as template = "{{{{ {KINDS[kind].fields[0]} }}}}\\nAnswer:"',
        )
    if kind == "perplexity" and declared.templates:
        raise ConfigError(f"{where} template: a perplexity task asks for its texts as they are")
    if kind == "classification" and len(choices) < 2:
        raise ConfigError(
            f"{where} choices: a classification needs at least two labels",
            'Such as choices = ["negative", "positive"]',
        )
    if choices and kind in ("generation", "perplexity"):
        raise ConfigError(f"{where} choices: a {kind} task has none", "Leave the key out.")
    if choices and (len(set(choices)) < len(choices) or not all(map(str.strip, choices))):
        raise ConfigError(f"{where} choices: they must differ, and none may be empty")
    if choices and not 2 <= len(choices) <= 26:
        raise ConfigError(f"{where} choices: {len(choices)} of them", "Expected 2 to 26.")
    if declared.pair and kind != "classification":
        raise ConfigError(f"{where} pair: a {kind} task reads one text", "Leave the key out.")
    if declared.label_map and kind != "classification":
        raise ConfigError(f"{where} label_map: a {kind} task has no labels", "Leave the key out.")
    for value, label in declared.label_map.items():
        if label not in choices:
            with told(where, f"label_map.{value}"):
                raise UnknownNameError("label", label, choices)
    scorings = KINDS[kind].scorings
    if (asked := declared.values.get("scoring", scorings[0])) not in scorings:
        with told(where, "scoring"):
            raise UnknownNameError("way of asking", asked, scorings)
    if "max_tokens" in declared.values and "generate" not in scorings:
        raise ConfigError(f"{where} max_tokens: a {kind} task generates nothing")


def _check_templates(where: str, declared: Declaration) -> None:
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    for name, source in declared.templates.items():
        try:
            ImmutableSandboxedEnvironment().parse(source)
        except TemplateSyntaxError as error:
            raise ConfigError(
                f"{where} template {name!r} is not valid Jinja2 (line {error.lineno}): "
                f"{error.message}",
                f"In: {source!r}",
            ) from error


def _check_columns(where: str, declared: Declaration, fields: Sequence[str]) -> None:
    """A field is one of the kind's, one that every row may have, or a variable of a template.

    The first field is what the model is asked about: it must come from somewhere.
    """
    from jinja2 import Environment, meta

    variables: set[str] = set()
    for source in declared.templates.values():
        variables |= meta.find_undeclared_variables(Environment().parse(source))  # noqa: S701
    known = {*fields, *SHARED}
    for name in declared.columns:
        if name not in known | variables:
            with told(where, "columns"):
                raise UnknownNameError("field", name, known | variables)
        if name not in known and not {fields[0]} & (declared.columns.keys() | variables):
            raise ConfigError(
                f"{where} columns: {name!r} is no field of a {declared.kind} task, and nothing "
                f"names its {fields[0]!r}",
                f"The fields are {', '.join(fields)}. Write columns = {{ {fields[0]} = "
                f'"{declared.columns[name]}" }}; a template may call it by its column\'s name.',
            )


def _texts(value: object) -> tuple[str, ...]:
    """One text, or a list of them."""
    return (value,) if isinstance(value, str) else tuple(map(str, value))  # type: ignore[call-overload]


@cache
def _model() -> type[BaseModel]:
    """The schema of such a table; made on use, because pydantic is slow to import."""
    from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

    texts = "Expected a text, or a list of texts."
    path = "Expected a path."

    class Table(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)

        kind: StrictStr = Field(description=f"Expected one of {', '.join(KINDS)}.")
        description: StrictStr | None = Field(None, description="Expected a line of text.")
        data: StrictStr | None = Field(None, description=path)
        columns: dict[str, StrictStr] | None = Field(
            None, description='Expected field = "column" pairs: columns = { input = "prompt" }'
        )
        template: StrictStr | None = Field(None, description="Expected a Jinja2 template.")
        templates: dict[str, StrictStr] | None = Field(
            None, description='Expected name = "template" pairs.'
        )
        choices: list[StrictStr | StrictInt] | None = Field(
            None, description="Expected a list of texts, or of whole numbers."
        )
        pair: StrictStr | None = Field(
            None, description='Expected the column of the second text: pair = "hypothesis"'
        )
        label_map: dict[str, StrictStr] | None = Field(
            None, description='Expected value = "label" pairs: label_map = { 1 = "positive" }'
        )
        metrics: StrictStr | list[StrictStr] | None = Field(None, description=texts)
        scoring: StrictStr | None = Field(None, description="Expected a way of asking.")
        stop: StrictStr | list[StrictStr] | None = Field(None, description=texts)
        max_tokens: StrictInt | None = Field(
            None, ge=1, description="Expected a whole number from 1."
        )
        version: StrictStr | StrictInt | None = Field(
            None, description="Expected a text or a whole number."
        )
        shots: StrictStr | None = Field(None, description=path)
        num_fewshot: StrictInt | None = Field(
            None, ge=0, description="Expected a whole number from 0."
        )
        fewshot: StrictStr | None = Field(None, description="Expected fixed or per_sample.")
        thinking_tokens: StrictInt | None = Field(
            None, ge=0, description="Expected a whole number from 0."
        )

    return Table
