"""``humaneval``: which function an answer gives, and whether it passes its tests."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from harness import plugins
from harness.authoring.io import sandbox
from harness.config import RunSpec
from harness.errors import DataError, UsageError
from harness.protocols import TaskOptions
from harness.run import runner
from harness.types import Completion, DataSource, Generate, Sample
from harness_tasks.code.task import function, open_humaneval, program, read_problems
from harness_tasks.specs import SAMPLES

OWN = SAMPLES / "code" / "humaneval.jsonl"
_PATH, _FAULT = sandbox._working_bubblewrap()
isolated = pytest.mark.skipif(_PATH is None, reason=f"no sandbox: {_FAULT}")

PROMPT = 'import math\n\n\ndef area(r):\n    """Of a circle."""\n'
WHOLE = "def area(r):\n    return math.pi * r * r"


@pytest.mark.parametrize(
    "answer",
    [
        "    return math.pi * r * r\n",
        WHOLE,
        f"Here it is:\n```python\n{WHOLE}\n```\nIt squares r.",
        f"```\n{WHOLE}\n```",
        f"```py\n{WHOLE}",
        f"```python\nprint('first')\n```\nand\n```python\n{WHOLE}\n```",
        "```python\n    return math.pi * r * r\n```",
    ],
)
def test_a_function_is_found_in_whatever_form(answer: str) -> None:
    found: dict[str, object] = {}
    exec(function(answer, PROMPT, "area"), found)
    assert round(found["area"](1), 3) == 3.142  # type: ignore[operator]


def problems(path: Path) -> list[Sample]:
    return list(read_problems(DataSource("path", str(path), (str(path),))))


def test_programs_end_in_a_call_of_the_tests() -> None:
    (first, *_) = problems(OWN)
    assert program(first.targets[0], first).endswith("check(double)\n")
    (request,) = open_humaneval(TaskOptions()).requests(first, ())
    assert isinstance(request, Generate)
    assert request.prompt == first.input
    (asked,) = open_humaneval(TaskOptions({"template": "instruct"})).requests(first, ())
    assert isinstance(asked, Generate)
    assert asked.sampling.stop == ()
    assert f"```python\n{first.input}" in str(asked.prompt)


@isolated
def test_solutions_pass_and_others_do_not() -> None:
    task = open_humaneval(TaskOptions({"seconds": "2"}))
    for sample in problems(OWN):
        for answer, expected in (
            (sample.targets[0], {"passed": 1.0, "ended": 0.0}),
            ("    pass\n", {"passed": 0.0, "ended": 0.0}),
        ):
            assert task.score(sample, [Completion(answer)]) == expected
    first = problems(OWN)[0]
    for endless in (
        "    while True: pass\n",
        "    import os\n    while True:\n        try: os.fork()\n        except OSError: pass\n",
        "    import os\n    while True: os.fork()\n",
    ):
        assert task.score(first, [Completion(endless)]) == {"passed": 0.0, "ended": 1.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entry_point": "a b"}, "is no name of a function"),
        ({"test": "assert True"}, "the tests define no check"),
        ({"prompt": ""}, "field 'prompt' is empty"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict[str, str], message: str) -> None:
    row = json.loads(OWN.read_text("utf-8").splitlines()[0])
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**row, **change}), "utf-8")
    with pytest.raises(DataError, match=message):
        problems(path)


def test_without_a_sandbox_nothing_is_asked(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_working_bubblewrap", lambda: (None, "none here"))
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({"double": "    return 2 * number\n"}), "utf-8")
    spec = RunSpec(f"replay:{saved}", ("humaneval",), {"": "sample"}, limit=1, out=tmp_path / "o")
    with pytest.raises(UsageError, match="there is no sandbox: none here"):
        runner.run(spec, plugins.load())
    assert not (tmp_path / "o").exists()
    unsafe = RunSpec(
        f"replay:{saved}", ("humaneval",), {"": "sample"}, limit=1, allow_unsafe_code=True,
        out=tmp_path / "o",
    )  # fmt: skip
    found = runner.run(unsafe, plugins.load()).result.tasks["humaneval"]
    assert found.metrics["passed"].estimate.value == 1.0


@isolated
@pytest.mark.slow
def test_published_solutions_pass_and_repeats_give_pass_at_k(shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "humaneval" / "HumanEval.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    saved = tmp_path / "saved.json"
    broken = "    raise ValueError\n"
    answers = {row["task_id"]: [row["canonical_solution"], broken] for row in rows}
    saved.write_text(json.dumps(answers), "utf-8")
    spec = RunSpec(
        f"replay:{saved}", ("humaneval",), {"humaneval": str(path)}, repeats=2,
        reducers=("pass@1", "pass@2", "pass^2"), out=tmp_path / "o",
    )  # fmt: skip
    task = runner.run(spec, plugins.load()).result.tasks["humaneval"]
    assert (task.n, task.errors) == (164, 0)
    found = {name: each.value for name, each in task.reduced["passed"].items()}
    assert (found["pass@1"], found["pass@2"], found["pass^2"]) == (0.5, 1.0, 0.0)
