"""The same definitions on the same rows, as whole runs: lm-evaluation-harness, this project, both.

    python benchmarks/lm_eval_tasks.py [--model FOLDER] [--scale X] [--batch-size N] [--out FILE]

Four workloads: multiple choice behind five examples that all questions share, the same with
examples drawn for each question, generation with stop strings, and texts whose every token is
scored. Each is a process of its own, start-up and loading included: lm-eval with its own `hf`
model, lm-eval with `evalign` as its model, and `harness run`. Processor time is what other load
on the machine changes least. lm-eval reads its 14,000 files in none of them. A row of
`--scale 0.1` takes one to two minutes of processor time, most of it start-up: enough to see that
all of it runs, and no measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # whose rows and definitions these are

from workloads import make_checkpoint  # noqa: E402

from harness.authoring.io.files import cache_folder  # noqa: E402
from parity import local_rows as rows  # noqa: E402
from parity.compared import local_definition, write_rows  # noqa: E402
from parity.official import Case  # noqa: E402
from support.shared_data import SHARED  # noqa: E402

LM_EVAL = """
import json, logging, sys, warnings
warnings.simplefilter("ignore")
import torch
torch.set_num_threads(int(sys.argv[6]))
import lm_eval
from lm_eval.tasks import TaskManager
import harness_lm_eval.model
logging.disable(logging.CRITICAL)
model, arguments, path, limit, size = sys.argv[1:6]
found = lm_eval.simple_evaluate(
    model=model, model_args=arguments, tasks=[path], limit=int(limit), bootstrap_iters=0,
    num_fewshot=int(sys.argv[7]) if len(sys.argv) > 7 else None, batch_size=int(size),
    device="cpu", log_samples=False, task_manager=TaskManager(include_defaults=False),
)
print(json.dumps({k: v for k, v in found["results"].popitem()[1].items() if "," in k}, default=str))
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A row of the table: what is run, and lm-eval's best batch size on it."""

    name: str
    case: Case
    batch_size: int
    more: str = ""


def workloads(scale: float) -> list[Workload]:
    """The four, of ``scale`` times their usual size."""

    def some(count: int) -> int:
        return max(2, round(count * scale))

    arc = Case("arc_easy", rows.arc, "", partial(rows.arc, "test"), 5, some(48))
    first = {"fewshot_config": {"sampler": "first_n"}}
    return [
        Workload("multiple choice, 5 shared shots", arc, 8, json.dumps(first)),
        Workload("multiple choice, 5 shots a question", replace(arc, limit=some(24)), 8),
        Workload(
            "generation with stop strings",
            Case("nq_open", rows.nq_open, "", rows.nq_open, 2, some(40)), 8,
        ),
        Workload("rolling", Case("pile_10k", rows.lambada, "", limit=some(150)), 8),
    ]  # fmt: skip


def spent(words: Sequence[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Seconds, processor seconds and standard output of a process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{words[:4]} failed:\n{done.stderr[-3000:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, used, done.stdout


def measure(each: Workload, checkpoint: Path, threads: int, size: int | None) -> dict[str, Any]:
    """One row."""
    case = each.case
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        scored, shots = write_rows(case, at, most=max(200, case.limit))
        definitions = at / "definitions"
        definitions.mkdir()
        path = local_definition(case, scored, shots, definitions)
        table = json.loads(path.read_text("utf-8")) | json.loads(each.more or "{}")
        path.write_text(json.dumps(table), "utf-8")
        environment = os.environ | {
            "HARNESS_CACHE": str(cache_folder()), "HF_DATASETS_CACHE": str(at / "datasets"),
            "TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
            "OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads),
        }  # fmt: skip
        shown = [] if case.num_fewshot is None else [str(case.num_fewshot)]
        batch = str(size or each.batch_size)
        arguments = f"pretrained={checkpoint},dtype=float32"
        kept = {"hf": "", "evalign": ",cache=False"}

        def lm_eval(model: str, rows_a_batch: str) -> tuple[float, float, str]:
            words = [
                model,
                arguments + kept[model],
                str(path),
                str(case.limit),
                rows_a_batch,
                str(threads),
            ]
            return spent([sys.executable, "-c", LM_EVAL, *words, *shown], environment)

        theirs = lm_eval("hf", batch)
        mixed = lm_eval("evalign", "1")
        name = f"lm_eval:{case.name}"
        few = [f"--set={name}.num_fewshot={case.num_fewshot}"] if shown else []
        ours = spent(
            [
                sys.executable, "-m", "harness", "run", "--model", str(checkpoint), "--tasks", name,
                f"--set=lm_eval.include={definitions}", "--set=chat_template=off", *few,
                "--limit", str(case.limit), "--dtype", "float32", "--device", "cpu", "--quiet",
                "--no-cache", "--format", "console", "--out", str(at / "run"),
            ],
            environment,
        )  # fmt: skip
    return {
        "name": each.name,
        "documents": case.limit,
        "seconds": {"hf": theirs[0], "evalign": mixed[0], "harness": ours[0]},
        "processor": {"hf": theirs[1], "evalign": mixed[1], "harness": ours[1]},
        "results": {"hf": theirs[2].strip().splitlines()[-1], "evalign": mixed[2].strip()[-500:]},
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a checkpoint; default: 30M parameters, seeded")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, help="of lm-eval's hf model, for all workloads")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--out", type=Path, help="write all figures as JSON")
    arguments = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = arguments.model or Path(folder)
        if arguments.model is None:
            make_checkpoint(checkpoint, SHARED)
        heads = ("documents", "lm-eval hf, s", "lm-eval evalign, s", "harness, s", "ratio")
        print(f"| workload | {' | '.join(heads)} |\n|---|{'---:|' * len(heads)}")
        for each in workloads(arguments.scale):
            if arguments.only not in each.name:
                continue
            row = measure(each, checkpoint, arguments.threads, arguments.batch_size)
            found.append(row)
            used = row["processor"]
            print(
                f"| {row['name']} | {row['documents']} | {used['hf']:.1f} | {used['evalign']:.1f} |"
                f" {used['harness']:.1f} | {used['hf'] / used['harness']:.1f} |",
                flush=True,
            )
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
