"""The files a definition is made of: YAML with what it includes, and Python that it names.

They are read without running any of their code: ``!function`` stays a name here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from harness.authoring.io import files
from harness.errors import DataError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Function:
    """A Python function that a definition names.

    Attributes:
        name: ``module.function``, as in the YAML.
        folder: The YAML's folder.
    """

    name: str
    folder: Path

    @property
    def file(self) -> Path | None:
        """The Python file beside the YAML; None where the function is of an installed package."""
        module = self.name.rpartition(".")[0]
        path = (self.folder / f"{module.replace('.', '/')}.py").resolve()
        return path if path.is_file() else None


@dataclass(frozen=True, slots=True)
class DefinitionFiles:
    """What a definition is made of.

    Attributes:
        yaml: The YAML files: its own, and those it includes.
        functions: Every function that one of them names.
    """

    yaml: tuple[Path, ...]
    functions: tuple[Function, ...]

    @property
    def python(self) -> tuple[Path, ...]:
        """The Python files that hold the functions, each once."""
        found = (function.file for function in self.functions)
        return tuple(dict.fromkeys(path for path in found if path is not None))

    def digest(self) -> str:
        """SHA-256 of all YAML, and of all Python beside the functions' files."""
        folders = dict.fromkeys(path.parent for path in self.python)
        beside = [path for folder in folders for path in sorted(folder.glob("*.py"))]
        digest = hashlib.sha256()
        for path in (*self.yaml, *beside):
            content = _content(path)
            digest.update(f"{path.name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()


def _content(path: Path) -> bytes:
    return _content_then(path, path.stat().st_mtime_ns)


@cache
def _content_then(path: Path, changed: int) -> bytes:
    del changed  # a part of the key, so that an edited file is read again
    return files.read_bytes(path)


class _Loader(_Base):  # type: ignore[misc]
    """Reads ``!function NAME`` as a ``Function`` without a folder yet."""


def _function(loader: Any, node: Any) -> Function:
    return Function(str(loader.construct_scalar(node)), Path())


yaml.add_constructor("!function", _function, Loader=_Loader)


def read(path: Path) -> DefinitionFiles:
    """The files of the definition in a YAML file.

    Raises:
        DataError: A file cannot be read, is no YAML, or includes itself.
    """
    yamls: dict[Path, None] = {}
    functions: dict[Function, None] = {}
    _collect(path.resolve(), yamls, functions, ())
    return DefinitionFiles(tuple(yamls), tuple(functions))


def _collect(
    path: Path, yamls: dict[Path, None], functions: dict[Function, None], above: tuple[Path, ...]
) -> None:
    if path in above:
        raise DataError("the definition includes itself", path=path, expected="an end of includes")
    yamls[path] = None
    table = table_of(path)
    for each in _functions(table):
        functions[Function(each.name, path.parent)] = None
    included = table.get("include", [])
    for each in included if isinstance(included, list) else [included]:
        _collect((path.parent / str(each)).resolve(), yamls, functions, (*above, path))


def _functions(value: Any) -> Iterator[Function]:
    if isinstance(value, Function):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _functions(each)


def table_of(path: Path) -> dict[str, Any]:
    """What one YAML file holds.

    Raises:
        DataError: It cannot be read, or is no table in YAML; names the line.
    """
    try:
        return _table(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise DataError(
            f"{error.strerror}", path=path, expected="the file that the definition names"
        ) from error


@cache
def _table(path: Path, changed: int) -> dict[str, Any]:
    del changed
    try:
        content = yaml.load(_content(path), Loader=_Loader)  # noqa: S506  (a safe loader's child)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise DataError(f"is not YAML: {what}", path=path, line=line, expected="YAML") from error
    except (RecursionError, ValueError) as error:
        raise DataError(f"is not YAML: {error}", path=path, expected="YAML") from error
    if not isinstance(content, dict):
        raise DataError(f"holds {type(content).__name__}", path=path, expected="a table of task: …")
    return content
