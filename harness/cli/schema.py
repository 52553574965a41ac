"""The JSON Schema of harness.toml, with all that the loaded plugins take, for editors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness import config
from harness.plugins import Registry, suites
from harness.protocols import Options, model_of
from harness.run.planning.task_options import COMMON_OPTIONS

TITLE = "harness.toml"
_PLAIN: dict[str, Any] = {"type": ["string", "number", "boolean", "array"]}


def document(registry: Registry) -> dict[str, Any]:
    """The schema (draft 2020-12).

    Tables of tasks, probes and methods name the options of those that are installed; names that
    are not installed are left open, as a task may be declared in the file itself.
    """
    schema = config.json_schema()
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    tables: dict[str, Any] = schema["properties"]
    tables["tasks"] = _tables(
        {name: _task(spec.options, definitions) for name, spec in registry.tasks.items()}
    )
    tables["probes"] = _tables(
        {name: _closed(spec.options, definitions) for name, spec in registry.probes.items()}
    )
    settings: dict[str, Any] = {}
    for backend in registry.backends.values():
        _merge(settings, _properties(backend.options, definitions))
    for executor in registry.executors.values():
        _merge(settings, _properties(executor.options, definitions))
    tables["set"] = {"type": "object", "properties": settings}
    tables["align"] = _align(registry, definitions)
    run = definitions["Run"]["properties"]
    for key, known in (
        ("tasks", [*registry.tasks, *suites(registry.tasks)]),
        ("probes", [*registry.probes, *suites(registry.probes)]),
        ("formats", registry.reporters),
    ):
        run[key] = _names(known)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": TITLE,
    }


def _align(registry: Registry, definitions: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {"method": {"examples": list(registry.aligners)}}
    for spec in registry.aligners.values():
        _merge(properties, _properties(spec.options or {}, definitions))
    return {"type": "object", "properties": properties}


def _names(known: Iterable[str]) -> dict[str, Any]:
    """A list of names; an editor offers those that are known."""
    return {"type": "array", "items": {"type": "string", "examples": sorted(known)}}


def _tables(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": {"type": "object"},
    }


def _task(options: Options, definitions: dict[str, Any]) -> dict[str, Any]:
    table = _closed(options, definitions)
    common = _properties(COMMON_OPTIONS, definitions)
    common["templates"] = {"type": "object", "additionalProperties": {"type": "string"}}
    return {**table, "properties": {**common, **table["properties"]}}


def _closed(options: Options, definitions: dict[str, Any]) -> dict[str, Any]:
    properties = _properties(options, definitions)
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _properties(options: Options, definitions: dict[str, Any]) -> dict[str, Any]:
    """Each option's schema; one that is only listed takes any plain value."""
    model = model_of(options)
    if model is None:
        assert isinstance(options, Mapping)
        return {name: {**_PLAIN, "description": text} for name, text in options.items()}
    schema = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions |= schema.get("$defs", {})
    return {name: _with_text(each) for name, each in schema["properties"].items()}


def _with_text(schema: dict[str, Any]) -> dict[str, Any]:
    """A list may be written as one text with commas, as on the command line."""
    if schema.get("type") != "array":
        return schema
    told: dict[str, Any] = {
        key: schema.pop(key) for key in ("description", "default", "title") if key in schema
    }
    return {**told, "anyOf": [schema, {"type": "string"}]}


def _merge(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Adds properties; one of which there are two kinds may be either."""
    for name, schema in more.items():
        if name in known and known[name] != schema:
            either = known[name].get("anyOf", [known[name]])
            known[name] = {"anyOf": [*either, schema]}
        else:
            known[name] = schema
