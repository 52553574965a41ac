"""Runs one job in this project and in lm-evaluation-harness, each as a whole process."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.authoring.io.serialization import request_to_json
from harness.types import Generate, Loglikelihood, Request

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Job:
    """Requests to one checkpoint.

    Attributes:
        checkpoint: The folder.
        requests: What to ask; greedy generation only.
        threads: For torch, in both processes.
        lm_eval_batch_size: Sequences in a batch there.
        options: ``--set`` values here.
        dtype: Of the weights, in both processes.
    """

    checkpoint: Path
    requests: Sequence[Request]
    threads: int = 1
    lm_eval_batch_size: int = 16
    options: Mapping[str, str] = field(default_factory=dict)
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker answered and used; ``seconds`` and ``processor`` are the whole process's.

    ``processor`` is processor time, which other load on the machine changes little.
    """

    responses: list[Any]
    seconds: float
    processor: float
    phases: Mapping[str, float]
    memory: Mapping[str, int]
    raw: Mapping[str, Any]


def lm_eval_python() -> str:
    """The interpreter of lm-eval's environment, from ``LM_EVAL_PYTHON``."""
    path = os.environ.get("LM_EVAL_PYTHON")
    if not path:
        raise SystemExit(
            "Set LM_EVAL_PYTHON to the python of an environment with lm-eval==0.4.13 and torch"
        )
    return path


def ours(job: Job) -> Outcome:
    """The job in this project, with this interpreter."""
    return run_worker(sys.executable, "harness_worker.py", job)


def lm_eval(job: Job) -> Outcome:
    """The job in lm-eval."""
    return run_worker(lm_eval_python(), "lm_eval_worker.py", job)


def run_worker(python: str, worker: str, job: Job) -> Outcome:
    """The job in a script of this folder, with that interpreter.

    Raises:
        SystemExit: The script failed; with the end of what it wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        job_file, out_file = Path(folder, "job.json"), Path(folder, "out.json")
        content = {
            "checkpoint": str(job.checkpoint),
            "requests": [request_to_json(request) for request in job.requests],
            "threads": job.threads,
            "lm_eval_batch_size": job.lm_eval_batch_size,
            "options": dict(job.options),
            "dtype": job.dtype,
        }
        job_file.write_text(json.dumps(content), encoding="utf-8")
        threads = str(job.threads)
        environment = os.environ | {
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "true" if job.threads > 1 else "false",
            "RAYON_NUM_THREADS": threads,
            "TQDM_DISABLE": "1",
        }
        start, spent = time.perf_counter(), _children()
        done = subprocess.run(
            [python, str(HERE / worker), str(job_file), str(out_file)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds, processor = time.perf_counter() - start, _children() - spent
        if done.returncode:
            raise SystemExit(f"{worker} failed:\n{done.stderr[-3000:]}")
        raw = json.loads(out_file.read_text(encoding="utf-8"))
    return Outcome(raw["responses"], seconds, processor, raw["seconds"], raw["memory"], raw)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two sets of answers are apart.

    Attributes:
        scores: Log-likelihoods compared.
        worst: Their largest absolute difference.
        worst_relative: Their largest difference relative to the value.
        greedy_differs: ``is_greedy`` that differ.
        texts: Generations compared.
        texts_differ: Places of those that differ.
    """

    scores: int
    worst: float
    worst_relative: float
    greedy_differs: int
    texts: int
    texts_differ: tuple[int, ...]


def agreement(requests: Sequence[Request], here: Sequence[Any], there: Sequence[Any]) -> Agreement:
    """Compares this project's answers (JSON) with lm-eval's."""
    scores = texts = greedy_differs = 0
    worst = worst_relative = 0.0
    differ: list[int] = []
    for place, (request, mine, theirs) in enumerate(zip(requests, here, there, strict=True)):
        if isinstance(request, Generate):
            texts += 1
            if mine["text"] != theirs:
                differ.append(place)
            continue
        total = theirs[0] if isinstance(request, Loglikelihood) else theirs
        if isinstance(request, Loglikelihood):
            greedy_differs += mine["is_greedy"] != theirs[1]
        scores += 1
        gap = abs(mine["total"] - total)
        worst = max(worst, gap)
        worst_relative = max(worst_relative, gap / max(1e-9, abs(total)))
    return Agreement(scores, worst, worst_relative, greedy_differs, texts, tuple(differ))


__all__ = [
    "Agreement",
    "Job",
    "Outcome",
    "agreement",
    "lm_eval",
    "ours",
    "run_worker",
]
