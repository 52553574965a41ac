"""Many run folders for ``harness view``: builds of a model over time, with a known change."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.authoring.metrics import Mean
from harness.results import runfolder
from harness.scoring import aggregation
from harness.types import (
    Completion,
    DataSource,
    Generate,
    RunResult,
    Sample,
    SampleRecord,
    TaskResult,
    Usage,
)

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
METRICS = (Mean("accuracy", bounds=(0.0, 1.0)), Mean("f1", bounds=(0.0, 1.0)))


@dataclass(frozen=True)
class Build:
    """One run of a series.

    Attributes:
        number: Its place in time.
        right: Task → the probability of a right answer.
        model: What ``--model`` was.
        cost: In US dollars; None for none.
    """

    number: int
    right: Mapping[str, float]
    model: str = "./ckpt"
    cost: float | None = None

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"build-{self.number:03d}"

    @property
    def commit(self) -> str:
        """A made-up commit."""
        return f"{self.number:040x}"[::-1]


def records(task: str, right: float, count: int, seed: int) -> Iterator[SampleRecord]:
    """Samples of which some are hard for every build."""
    luck = random.Random(f"{task} {seed}")
    for place in range(count):
        hardness = random.Random(f"{task} {place}").random()
        is_right = float(0.5 * hardness + 0.5 * luck.random() < right)
        answer = f"The answer is {place % 7 if is_right else 'not known'}."
        sample = Sample(
            f"{task}-{place:05d}", f"Question {place}: what is left of {place} by seven?",
            (str(place % 7),), cluster=f"passage-{place // 2}",
            groups={"topic": ("numbers", "words")[place % 2]},
        )  # fmt: skip
        f1 = 1.0 if is_right else luck.choice((0.0, 0.0, 0.5))
        yield SampleRecord(
            sample,
            (Generate(f"Answer briefly.\n\nQuestion: {sample.input}\n\nAnswer:"),),
            (Completion(answer, "stop", 6, -1.5),),
            {"accuracy": is_right, "f1": f1},
        )


def write(root: Path, build: Build, count: int) -> Path:
    """Writes the run folder of a build."""
    folder = root / build.name
    started = START + timedelta(days=build.number)
    tasks = {}
    for task, right in build.right.items():
        found = list(records(task, right, count, build.number))
        runfolder.write_samples(folder, task, found)
        tasks[task] = TaskResult(
            task, "1", count, 0, DataSource("path", f"{task}.jsonl", (f"{task}.jsonl",)), "d" * 64,
            aggregation.estimate(METRICS, found),
            settings={"num_fewshot": "0", "template": "default"},
        )  # fmt: skip
    usage = Usage(requests=count, completion_tokens=6 * count, cost=build.cost)
    made = {
        "status": "complete",
        "spec": {"model": build.model, "seed": 0},
        "git_commit": build.commit,
        "started": started.isoformat(),
    }
    (folder / "run.json").write_text(json.dumps(made))
    timing: dict[str, float | str] = {
        "started": started.isoformat(),
        "seconds": 10.0 + build.number,
    }
    model: dict[str, object] = {"name": Path(build.model).name, "spec": build.model}
    runfolder.write_result(folder, RunResult(build.name, "complete", model, tasks, timing, usage))
    return folder


def series(root: Path, count: int = 12, samples: int = 200) -> list[Path]:
    """Builds that get worse on one task, of two, in their middle."""
    return [
        write(
            root,
            Build(
                number,
                {"arithmetic": 0.75 if number < count // 2 else 0.5, "spelling": 0.6},
                cost=0.1 + 0.01 * (number % 5),
            ),
            samples,
        )
        for number in range(count)
    ]


def damaged_copy(folder: Path, copy: Path) -> None:
    """A run folder of which one file of samples is cut."""
    shutil.copytree(folder, copy)
    (copy / "samples" / "spelling.jsonl").write_text("{")
