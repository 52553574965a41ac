"""Makes every definition of lm-evaluation-harness offline, on a stub of its data, and counts.

    python benchmarks/lm_eval_definitions.py [--only PART_OF_A_NAME] [--list] [--out FILE]

A definition is read with all that it includes and imports, and its task object is made as a run
makes it, which renders the prompt, the answer and the choices of a first document. The stub has
whatever column is asked for. What fails is listed by reason; a row that a stub cannot imitate
(nested records that Python code takes apart) is a reason of its own, and no fault of the bridge.
"""

# ruff: noqa: D102  (the stub's methods are those of `datasets`)

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2.meta

from harness.errors import HarnessError
from harness_lm_eval import consent, documents, installed
from harness_lm_eval.catalogue import index
from harness_lm_eval.catalogue.definitions import Definition
from harness_lm_eval.catalogue.lookup import Catalogue

SECONDS = 20
"""Of processor time for one definition."""
LISTS = ("choices", "options", "text", "labels", "answers", "input_text", "endings", "targets")
"""Names under which records mostly hold lists."""
NETWORK = r"offline|ConnectionError|couldn't reach|LocalEntryNotFound|network|nltk"
LITERAL = re.compile(r"""['"]([^'"{}]{1,20})['"]""")
FIELD = re.compile(r"\b([A-Za-z_]\w*)\b")


class Value(str):
    """A text that can also be taken for a number or for a record."""

    def __getitem__(self, key: Any) -> Any:
        return value_of(key) if isinstance(key, str) else Value(super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        return value_of(key)

    def items(self) -> Iterator[tuple[str, Any]]:
        yield "a", Value("0")

    def __int__(self) -> int:
        return 0

    def __index__(self) -> int:
        return 0

    def __float__(self) -> float:
        return 0.0

    def __sub__(self, other: Any) -> int:
        return -int(other)


class Values(list[Any]):
    """A list that can also be taken for a record of lists."""

    def __getitem__(self, key: Any) -> Any:
        return Values(self) if isinstance(key, str) else super().__getitem__(key)

    def index(self, *_: Any) -> int:
        return 0

    def get(self, *_: Any) -> Any:
        return Values(self)


SCALAR = [Value("0")]
"""What a column holds that is no list; the definitions differ in what they can take."""


def value_of(name: object) -> Any:
    """What a column of that name holds."""
    if name in LISTS:
        return Values([Value("alpha"), Value("beta"), Value("gamma"), Value("delta")])
    return SCALAR[0]


class Row(dict[str, Any]):
    """A document with every column."""

    lists: frozenset[str] = frozenset()

    def __missing__(self, key: str) -> Any:
        return value_of("choices" if key in self.lists else key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str)

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        return self[key]

    def copy(self) -> Row:
        return type(self)(self)


class Part:
    """A part of a data set, of two rows."""

    def __init__(self, rows: list[Any], columns: list[str]) -> None:
        self._rows, self.column_names = rows, columns

    @property
    def features(self) -> dict[str, Any]:
        return dict.fromkeys([*self.column_names, *(self._rows[0] if self._rows else ())])

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def __getitem__(self, key: Any) -> Any:
        return [row[key] for row in self._rows] if isinstance(key, str) else self._rows[key]

    def map(self, function: Callable[..., Any], *_: Any, **named: Any) -> Part:
        more = {**named.get("fn_kwargs", {})}
        made = []
        for place, row in enumerate(self._rows):
            numbers = (place,) if named.get("with_indices") else ()
            found = function(row.copy(), *numbers, **more)
            made.append(type(row)({**row, **(found or {})}))
        return Part(made, self.column_names)

    def filter(self, function: Callable[..., Any], *_: Any, **__: Any) -> Part:
        for row in self._rows:
            function(row.copy())
        return self

    def _itself(self, *_: Any, **__: Any) -> Part:
        return self

    select = shuffle = sort = take = remove_columns = rename_column = rename_columns = _itself
    select_columns = cast_column = cast = flatten = with_format = add_column = _itself

    def to_list(self) -> list[Any]:
        return list(self._rows)

    def unique(self, column: str) -> list[Any]:
        return [self._rows[0][column]]


class Parts(dict[str, Part]):
    """A data set with every part."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._part = part

    def __missing__(self, name: str) -> Part:
        return self._part

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


TEMPLATES = (
    "doc_to_text", "doc_to_target", "doc_to_choice", "gen_prefix", "description",
    "doc_to_decontamination_query",
)  # fmt: skip


def stub(config: Any) -> Parts:
    """A data set that has the columns which the templates name."""
    named = [each for key in TEMPLATES if isinstance(each := config.get(key), str)]
    columns = [each for each in named if each.isidentifier()]
    choice = config.get("doc_to_choice")
    whole = isinstance(choice, str) and not choice.replace(" ", "").startswith(("{{[", "["))
    lists = frozenset(FIELD.findall(choice)[:1]) if whole else frozenset()
    kind = type("Row", (Row,), {"lists": lists})
    fields = dict.fromkeys([*columns, *(name for each in named for name in variables(each))])
    rows = [kind({name: kind()[name] for name in fields}) for _ in range(2)]
    return Parts(Part(rows, columns))


def variables(template: str) -> list[str]:
    """The columns that a template names."""
    environment = jinja2.Environment()
    environment.filters["regex_replace"] = str
    try:
        return sorted(jinja2.meta.find_undeclared_variables(environment.parse(template)))
    except jinja2.TemplateError:
        return []


def make(definition: Definition) -> Any:
    """The task object, on the first kind of rows that it can take."""
    literals = LITERAL.findall(str(definition.config.get("doc_to_target")))[:3]
    first: Exception | None = None
    for text in ("0", "A", "1", "a", *literals):
        SCALAR[0] = Value(text)
        try:
            return documents.construct(definition, stub(definition.config))
        except (ImportError, TimeoutError):
            raise
        except Exception as error:
            first = first or error
    assert first is not None
    raise first


def reason_of(error: BaseException) -> str:
    """A short name of what kept a definition from being made."""
    text = f"{type(error).__name__}: {error}"
    cause = error.__cause__ or error
    if isinstance(cause, ImportError) or isinstance(error, ImportError):
        package = getattr(cause, "name", None) or getattr(error, "name", None) or "that it names"
        return f"needs the package {str(package).partition('.')[0]}"
    if isinstance(cause, TimeoutError):
        return "the stub's row does not fit its code or template"
    if re.search(NETWORK, text, re.I):
        return "needs the hub as it is read (evaluate, tokenizers)"
    if isinstance(error, LookupError | TypeError | ValueError | AttributeError | AssertionError):
        return "the stub's row does not fit its code or template"
    if type(error).__name__ in ("UndefinedError", "TemplateSyntaxError", "SecurityError"):
        return f"template: {type(error).__name__}"
    if isinstance(error, HarnessError):
        return "not readable by lm_eval itself"
    return "the stub's row does not fit its code or template"


def refuse(*_: Any, **__: Any) -> Any:
    """Stands for the network, which some definitions would wait for."""
    raise ConnectionError("offline")


def out_of_time(*_: Any) -> None:
    """Ends code that shuffles until two rows of the stub differ."""
    raise TimeoutError(f"more than {SECONDS} s")


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="definitions whose name contains this")
    parser.add_argument("--list", action="store_true", help="name what failed")
    parser.add_argument("--out", type=Path, help="write every failure as JSON")
    parser.add_argument("--part", default="1/1", help="K/N: the K-th of N parts")
    arguments = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_EVALUATE_OFFLINE": "1"}
    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = refuse
    warnings.simplefilter("ignore")
    names = index.of([])
    catalogue = Catalogue(names)
    installed.prepare()
    failures: dict[str, list[tuple[str, str]]] = defaultdict(list)
    made: Counter[str] = Counter()
    tasks = [
        name
        for name, each in names.items()
        if each.kind in ("task", "class") and arguments.only in name
    ]
    part, parts = map(int, arguments.part.split("/"))
    tasks = tasks[part - 1 :: parts]
    signal.signal(signal.SIGVTALRM, out_of_time)
    for number, name in enumerate(tasks):
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        if number % 500 == 0:
            print(f"{number:,} of {len(tasks):,} …", file=sys.stderr, flush=True)
        try:
            (definition,) = catalogue.find(name)
            consent.check_task(name, definition, allow_code=True)
            if definition.config.get("custom_dataset"):
                failures["makes its data by code, which is not run here"].append((name, ""))
                continue
            made[str(make(definition).OUTPUT_TYPE)] += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            told = str(error).splitlines()[0][:150] if str(error) else ""
            images = "shows images" in told or "shows audio" in told
            reason = "needs images or audio: refused" if images else reason_of(error)
            failures[reason].append((name, f"{type(error).__name__}: {told}"))
    print(f"| outcome | definitions of {len(tasks):,} |\n|---|---|")
    for kind, count in made.most_common():
        print(f"| made, {kind} | {count:,} |")
    for reason, each in sorted(failures.items(), key=lambda pair: -len(pair[1])):
        print(f"| {reason} | {len(each):,} |")
        if arguments.list:
            for name, told in each:
                print(f"    {name}: {told}")
    if arguments.out:
        found = {"made": made, "failures": failures}
        arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
