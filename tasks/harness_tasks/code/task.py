"""``humaneval``: Python functions from their docstrings, graded by tests (Chen et al. 2021)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.authoring import generation, options, prompts
from harness.authoring.grading import Graded
from harness.authoring.io import sandbox
from harness.authoring.metrics import Mean
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.text_files import Row
from harness.protocols import Task, TaskOptions
from harness.types import DataSource, Sample, Sampling, ScoreValue
from harness_tasks.code.templates import TEMPLATES

FIELDS = frozenset({"task_id", "prompt", "entry_point", "canonical_solution", "test"})
HEADER = Header(FIELDS)

STOP = ("\nclass ", "\ndef ", "\n#", "\nif __name__", "\nprint(", "\n```")
"""Where a completion leaves the function, as Chen et al. cut it."""
_BLOCK = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL | re.I)


def open_humaneval(chosen: TaskOptions) -> Task:
    """Functions to complete; a program passes when its tests do."""
    from harness_tasks.settings import Programs

    template, source = prompts.choose(TEMPLATES, chosen)
    settings = options.read(Programs, chosen, "humaneval")
    limits = sandbox.Limits(seconds=settings.seconds)

    def reader(data: DataSource) -> Iterator[Sample]:
        sandbox.find(chosen.allow_unsafe_code)  # before anything is asked
        return read_problems(data)

    def grade(answer: str, sample: Sample) -> Mapping[str, ScoreValue]:
        found = sandbox.find(chosen.allow_unsafe_code, limits).run(program(answer, sample))
        return {
            "passed": float(found.status == "passed"),
            "ended": float(found.status in ("timeout", "killed")),
        }

    return generation.task(
        name="humaneval",
        reader=reader,
        prompt=prompts.Prompt(template, source, "code", _solution, delimiter=""),
        sampling=Sampling(
            max_tokens=settings.max_tokens,
            stop=STOP if template == "default" else (),
        ),
        graders=[Graded((PASSED, ENDED), grade)],
        notes={"graded by": f"the problem's tests, {limits.seconds:g} s a program"},
        answer=lambda answer: " ".join(answer.split()),
    )


PASSED = Mean("passed", bounds=(0.0, 1.0))
ENDED = Mean("ended", higher_is_better=False, bounds=(0.0, 1.0))
"""The share of programs that had to be ended: they ran too long or took too much."""


def program(answer: str, sample: Sample) -> str:
    """The program that is run: the function, its tests, and a call of these."""
    name, test = str(sample.metadata["entry_point"]), str(sample.metadata["test"])
    return f"{function(answer, sample.input, name)}\n{test}\n\ncheck({name})\n"


def function(answer: str, prompt: str, name: str) -> str:
    """The function that an answer gives: whole, in a block of code or not, or what completes it."""
    blocks: list[str] = _BLOCK.findall(answer)
    defines = re.compile(rf"^\s*(?:async\s+)?def\s+{re.escape(name)}\b", re.MULTILINE)
    whole = [block for block in blocks if defines.search(block)]
    if whole:
        return f"{_imports(prompt)}{whole[-1]}"
    if blocks:
        return f"{prompt}{blocks[0]}"
    return f"{_imports(prompt)}{answer}" if defines.search(answer) else f"{prompt}{answer}"


def _imports(prompt: str) -> str:
    """What stands before the function in the prompt: imports and helpers that it may use."""
    before, found, _ = prompt.rpartition("\ndef ")
    return f"{before}\n" if found else ""


def _solution(sample: Sample) -> str:
    return sample.targets[0] if sample.targets else ""


# --------------------------------------------------------------------------- readers


def read_problems(source: DataSource) -> Iterator[Sample]:
    """Streams problems: HumanEval's published JSONL, the hub's rows, and one's own.

    Raises:
        DataError: A file or row cannot be read.
    """
    return read(source, read_row, HEADER)


def read_row(row: Row, place: Place) -> Sample:
    """A problem: the function's beginning, its name, and tests that define ``check(candidate)``."""
    code = place.text(row, "prompt")
    name, test = place.text(row, "entry_point"), place.text(row, "test")
    if not name.isidentifier():
        raise place.error(f"entry_point {name!r} is no name of a function", "such as has_items")
    if not re.search(r"^def check\(", test, re.MULTILINE):
        raise place.error("the tests define no check", "def check(candidate): … in 'test'")
    solution = row.get("canonical_solution")
    arguments = shared(
        {key: value for key, value in row.items() if key != "prompt"}, place, code, FIELDS
    )
    if "id" not in row and row.get("task_id") is not None:
        arguments["id"] = str(place.field(row, "task_id", (str, int)))
    arguments["metadata"] |= {"entry_point": name, "test": test}
    targets = (str(solution),) if isinstance(solution, str) and solution.strip() else ()
    return Sample(input=code, targets=targets, **arguments)
