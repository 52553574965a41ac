"""Templates of definitions: in Jinja's sandbox, each compiled once instead of once a document."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Environment
from jinja2.sandbox import SandboxedEnvironment


class Templates(SandboxedEnvironment):
    """An environment that keeps what it compiled."""

    @classmethod
    def like(cls, other: Environment) -> Templates:
        """An environment with the settings and the filters of another one."""
        made = cls(undefined=other.undefined, keep_trailing_newline=other.keep_trailing_newline)
        made.filters |= other.filters
        return made

    def from_string(self, source: Any, *arguments: Any, **named: Any) -> Any:
        """The compiled template."""
        if not isinstance(source, str) or arguments or named:
            return super().from_string(source, *arguments, **named)
        return self._compiled(source)

    @lru_cache(maxsize=4096)  # noqa: B019  (there is one such object, for as long as the process)
    def _compiled(self, source: str) -> Any:
        return super().from_string(source)
