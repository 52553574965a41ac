"""``harness run --executor ray``, as a user gives it, on a real Ray of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
pytestmark = pytest.mark.slow
MORTAL = Path(__file__).parents[1] / "unit" / "harness_ray" / "mortal.py"
HARNESS = [sys.executable, "-m", "harness"]


def harness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HARNESS, *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )


def results(folder: Path) -> Any:
    return json.loads((folder / "results.json").read_text("utf-8"))


def assert_alike(found: Any, expected: Any) -> None:
    """Equal, but for the rounding of float32 in what rests on probabilities (Brier, ECE)."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_alike(found[key], value)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-5)
    else:
        assert found == expected


def test_a_run_on_two_workers_scores_as_here(tmp_path: Path) -> None:
    common = ["run", "--model", "demo", "--tasks", "sst2,squad", "--data", "sample", "--no-cache"]
    spread = ["--executor", "ray", "--set", "workers=2"]
    for out, more in (("here", []), ("there", spread)):
        done = harness(tmp_path, *common, "--out", out, *more)
        assert done.returncode == 0, done.stderr
    here, there = results(tmp_path / "here"), results(tmp_path / "there")
    assert there["model"].pop("executor")["workers"] == 2
    assert {**there["model"]} == {**here["model"]}
    for task in here["tasks"]:
        assert_alike(there["tasks"][task], here["tasks"][task])
    for metric in ("sst2.accuracy", "sst2.mcc", "squad.exact_match", "squad.f1"):
        task, name = metric.split(".")
        assert there["tasks"][task]["metrics"][name] == here["tasks"][task]["metrics"][name]
    for asked in ("requests", "prompt_tokens", "completion_tokens"):
        assert there["usage"][asked] == here["usage"][asked]


@pytest.fixture
def greetings(tmp_path: Path) -> Path:
    """A task whose questions are its rows, as a plugin."""
    plugin = tmp_path / "asking.py"
    plugin.write_text(
        "from harness import hookimpl\n"
        "from harness.authoring.readers.text_files import field, read_jsonl\n"
        "from harness.authoring.metrics import Mean\n"
        "from harness.protocols import TaskSpec\n"
        "from harness.types import Generate, Sample\n"
        "class Asking:\n"
        "    name, version, metrics = 'asking', '1', (Mean('shouts'),)\n"
        "    def samples(self, data):\n"
        "        for line, row in read_jsonl(data.paths[0]):\n"
        "            yield Sample(str(line), field(row, 'text', str, data.paths[0], line))\n"
        "    def requests(self, sample, shots):\n"
        "        return [Generate(sample.input)]\n"
        "    def score(self, sample, responses):\n"
        "        return {'shouts': float(responses[0].text == sample.input.upper())}\n"
        "@hookimpl\n"
        "def harness_register_tasks():\n"
        "    return [TaskSpec('asking', 'asks', lambda options: Asking())]\n",
        encoding="utf-8",
    )
    return plugin


def command(plugin: Path, rows: list[str], out: str) -> list[str]:
    file = plugin.with_name("rows.jsonl")
    file.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")
    return [
        *("--plugin", str(MORTAL), "--plugin", str(plugin), "run", "--model", "mortal"),
        *("--tasks", "asking", "--data", f"asking={file}", "--out", out, "--format", "json"),
        *("--executor", "ray", "--set", "workers=2", "--set", "flag=died"),
    ]


def test_a_worker_that_dies_costs_nothing_but_time(greetings: Path, tmp_path: Path) -> None:
    rows = [f"row {number}" for number in range(50)] + ["die once"]
    done = harness(tmp_path, *command(greetings, rows, "out"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "died").exists()
    found = results(tmp_path / "out")
    assert found["model"]["executor"]["workers_replaced"] == 1
    assert found["tasks"]["asking"]["metrics"]["shouts"]["value"] == 1
    assert found["tasks"]["asking"]["n"] == 51


def test_an_interrupted_run_ends_ray_and_goes_on_later(greetings: Path, tmp_path: Path) -> None:
    rows = [f"row {number}" for number in range(50)]
    arguments = command(greetings, [*rows, "dawdle"], "out")
    with subprocess.Popen(
        [*HARNESS, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "died").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)  # the other worker answers the rest
        started = _descendants(process.pid)
        assert any("raylet" in name for name in started.values())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "interrupted" in errors
    assert "answered and kept" in errors
    assert results(tmp_path / "out")["status"] == "incomplete"
    deadline = time.monotonic() + 20
    while any(map(_lives, started)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [name for pid, name in started.items() if _lives(pid)]
    again = harness(tmp_path, *command(greetings, rows, "again"))
    assert again.returncode == 0, again.stderr
    assert results(tmp_path / "again")["usage"]["cached"] > 0


def _descendants(pid: int) -> dict[int, str]:
    """Process id → name of every process under ``pid``, from /proc."""
    found: dict[int, str] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found[child] = Path(f"/proc/{child}/comm").read_text().strip()
            found |= _descendants(child)
    return found


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_machine_that_is_lost_leaves_its_work_to_the_others(tmp_path: Path) -> None:
    """A cluster of two machines, as Ray simulates it: each has a raylet and a store of its own."""
    script = f"""
import sys
from pathlib import Path
from ray.cluster_utils import Cluster
from harness.protocols import BackendOptions, ModelSource
from harness.testing import keyed
from harness.types import Completion, Generate
from harness_ray.backend import RayBackend
from harness_ray.settings import Settings

memory = {{"object_store_memory": 80 << 20}}
cluster = Cluster(True, head_node_args={{"num_cpus": 1, "include_dashboard": False, **memory}})
other = cluster.add_node(num_cpus=1, **memory)
source = ModelSource("mortal", BackendOptions("", values={{"flag": "x"}}), (Path({str(MORTAL)!r}),))
backend = RayBackend(source, Settings(address=cluster.address))
assert backend.describe()["executor"]["workers"] == 2, backend.describe()
work = keyed([Generate(f"nap {{number}}") for number in range(400)])
running = backend.run(work)
answers = [next(running)]
cluster.remove_node(other, allow_graceful=False)
answers += running
assert sorted(key for key, _ in answers) == sorted(each.key for each in work)
assert all(isinstance(answer, Completion) for _, answer in answers)
print("\\nreplaced", backend.describe()["executor"]["workers_replaced"])
backend.close()
cluster.shutdown()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replaced 1" in done.stdout.splitlines()
