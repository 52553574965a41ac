"""Prompt templates: sandboxed Jinja2, so that a template from a file can do no harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.errors import ConfigError, UnknownNameError
from harness.types import Sample

if TYPE_CHECKING:
    from jinja2 import Environment, Template


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )


@lru_cache(maxsize=256)
def _compile(source: str) -> Template:
    from jinja2 import TemplateSyntaxError

    try:
        return _environment().from_string(source)
    except TemplateSyntaxError as error:
        raise ConfigError(
            f"template is not valid Jinja2 (line {error.lineno}): {error.message}",
            f"In: {source!r}",
        ) from error


def render(source: str, variables: Mapping[str, object]) -> str:
    """Fills a template.

    Raises:
        ConfigError: The template is malformed, unsafe, or names a variable that is not there.
    """
    from jinja2 import TemplateError

    try:
        return _compile(source).render(variables)
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError) as error:
        raise ConfigError(
            f"template cannot be filled: {error}",
            f"Template: {source!r}. Its variables: {', '.join(sorted(variables))}",
        ) from error


def choose(
    templates: Mapping[str, str], own: Mapping[str, str], name: str | None
) -> tuple[str, str]:
    """The (name, source) of the template asked for; the first of ``templates`` by default.

    Raises:
        UnknownNameError: Neither the task nor harness.toml has a template of that name.
    """
    known = {**templates, **own}
    if name is None:
        name = next(iter(templates))
    if name not in known:
        raise UnknownNameError("template", name, known)
    return name, known[name]


def variables(sample: Sample, input_name: str = "input") -> dict[str, object]:
    """What a template sees: the metadata, and ``input`` under the task's word for it too."""
    return {
        **sample.metadata,
        "input": sample.input,
        input_name: sample.input,
        "choices": sample.choices,
        "targets": sample.targets,
    }


def with_shots(
    prompt: str,
    shots: Sequence[tuple[str, str]],
    delimiter: str = " ",
    separator: str = "\n\n",
) -> str:
    """Puts solved examples (prompt, answer) before ``prompt`` as lm-evaluation-harness does."""
    return "".join(f"{text}{delimiter}{answer}{separator}" for text, answer in shots) + prompt
