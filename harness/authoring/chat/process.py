"""The process that renders chat templates: a line of JSON in, a line of JSON out.

Templates see what ``transformers`` shows them: the conversation, the special tokens,
``raise_exception``, ``strftime_now``, a ``tojson`` that leaves text as it is, loop controls, and
the ``generation`` block, which marks what the assistant says.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

MEMORY = 1 << 30
"""Bytes of address space that the process may take beyond what it has when it starts."""


def main() -> None:
    """Reads the template's settings, then conversations, until the input ends."""
    import jinja2  # noqa: F401  (before the limit, which counts from here)

    limit_memory()
    settings = json.loads(sys.stdin.readline())
    render: Callable[[Mapping[str, Any]], str] | None = None
    for line in sys.stdin:
        try:
            if render is None:
                render = renderer(settings)
            answer = {"text": render(json.loads(line))}
        except MemoryError:
            answer = {"error": f"it takes more than {MEMORY >> 20} MiB of memory"}
        except Exception as error:  # whatever the template raises
            answer = {"error": f"{error}" or type(error).__name__}
        print(json.dumps(answer), flush=True)


def renderer(settings: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], str]:
    """A function from what a conversation's template sees to its text.

    Args:
        settings: ``template``, ``special`` (special tokens by name), ``growth`` and ``least``
            (limits on what is written, see ``harness.authoring.chat.templates``).

    Raises:
        jinja2.TemplateSyntaxError: The template is malformed.
    """
    template = compiled(settings["template"])

    def render(asked: Mapping[str, Any]) -> str:
        given = sum(len(str(turn)) for turn in asked["messages"])
        most = max(settings["least"], settings["growth"] * given)
        parts: list[str] = []
        written = 0
        for part in template.generate(**settings["special"], **asked, tools=None, documents=None):
            written += len(part)
            if written > most:
                raise ValueError(f"it writes more than {most:,} characters")
            parts.append(part)
        return "".join(parts)

    return render


def compiled(source: str) -> Template:
    """The template in the sandbox.

    Raises:
        jinja2.TemplateSyntaxError: It is malformed.
    """
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}…{% endgeneration %}``: its content, as it is."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def strftime_now(form: str) -> str:
        return datetime.now().strftime(form)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
    return environment.from_string(source)


def limit_memory() -> None:
    """Keeps the process from filling the machine's memory, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            own = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = own + MEMORY
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
