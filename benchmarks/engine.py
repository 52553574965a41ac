"""The engine against lm-evaluation-harness: time, memory, agreement, and distance to the floor.

    LM_EVAL_PYTHON=…/bin/python python benchmarks/engine.py [--threads N] [--scale X] [--tune]

Both sides answer the same requests with the same checkpoint in float32, each as a whole process
(start-up, loading, tokenization and all). The floor is what the unique tokens of the prefix
tree cost in multiplications alone, at the matmul rate measured in the same run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from comparison import Agreement, Job, Outcome, agreement, lm_eval, ours
from workloads import Workload, make_checkpoint, multiple_choice, workloads

from harness.types import Generate, Loglikelihood, Request, RollingLoglikelihood

SHARED = Path(os.environ.get("HARNESS_SHARED", Path(__file__).resolve().parents[1] / "../shared"))
CANDIDATES = (1, 4, 8, 16, 32, 64)


def main() -> None:
    """Runs everything and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="how much is asked")
    parser.add_argument("--tune", action="store_true", help="find lm-eval's best batch size first")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("engine-benchmark.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder)
        make_checkpoint(checkpoint, SHARED)
        chosen = [
            workload
            for workload in workloads(checkpoint, SHARED, arguments.scale)
            if arguments.only in workload.name
        ]
        result: dict[str, Any] = {"threads": arguments.threads, "workloads": [], "scaling": []}
        for workload in chosen:
            result["workloads"].append(measure(workload, arguments.threads, arguments.tune))
            arguments.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
        if not arguments.only:
            result["scaling"] = scaling(checkpoint, arguments.threads)
            arguments.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    show(result["workloads"], result["scaling"])


def measure(workload: Workload, threads: int, tune: bool) -> dict[str, Any]:
    """One row of the table."""
    batch_size = workload.lm_eval_batch_size
    if tune:
        batch_size = best_batch_size(workload, threads)
    job = Job(workload.checkpoint, workload.requests, threads, batch_size)
    rate = matmul_rate(threads)
    here = ours(job)
    rate = (rate + matmul_rate(threads)) / 2
    there = lm_eval(job)
    found = agreement(workload.requests, here.responses, there.responses)
    work = floor_work(workload, here)
    print(f"{workload.name}: {here.seconds:.1f} s, lm-eval {there.seconds:.1f} s", file=sys.stderr)
    return {
        "name": workload.name,
        "requests": len(workload.requests),
        "load": os.getloadavg(),
        "speedup": there.seconds / here.seconds,
        "processor_speedup": there.processor / here.processor,
        "goal": workload.goal,
        "answering_speedup": there.raw["processor"]["answer"] / here.raw["processor"]["answer"],
        "memory_ratio": here.memory["beyond"] / max(1, there.memory["beyond"]),
        "matmul_gflops": rate / 1e9,
        "floor_seconds": work["flops"] / rate,
        "fraction_of_floor": work["flops"] / rate / here.raw["processor"]["answer"] * threads,
        "work": work,
        "agreement": dataclasses.asdict(found),
        "accuracy": accuracy(workload, here, there),
        "lm_eval_batch_size": batch_size,
        "ours": _figures(here) | {"usage": here.raw["usage"], "model": here.raw["model"]},
        "lm_eval": _figures(there),
    }


def _figures(outcome: Outcome) -> dict[str, Any]:
    return {
        "seconds": outcome.seconds,
        "processor": outcome.processor,
        "phases": dict(outcome.phases),
        "phases_processor": outcome.raw["processor"],
        "memory": dict(outcome.memory),
    }


def best_batch_size(workload: Workload, threads: int) -> int:
    """lm-eval's fastest batch size on an eighth of the requests."""
    part = list(workload.requests)[:: max(1, len(workload.requests) // 64)]
    times = {
        size: lm_eval(Job(workload.checkpoint, part, threads, size)).phases["answer"]
        for size in CANDIDATES
    }
    print(f"{workload.name}: lm-eval by batch size {times}", file=sys.stderr)
    return min(times, key=times.__getitem__)


def accuracy(workload: Workload, here: Outcome, there: Outcome) -> list[bool]:
    """For multiple choice: whether both pick the same choice, question by question."""
    size = workload.groups
    same: list[bool] = []
    for start in range(0, len(workload.requests) if size else 0, size or 1):
        mine = [answer["total"] for answer in here.responses[start : start + size]]
        theirs = [answer[0] for answer in there.responses[start : start + size]]
        same.append(mine.index(max(mine)) == theirs.index(max(theirs)))
    return same


# --------------------------------------------------------------------------- the floor


def matmul_rate(threads: int, seconds: float = 1.0) -> float:
    """Operations a second that torch keeps up on 1024³ products.

    By processor time, as the fraction of the floor is: other load on the machine is left out. The
    mean over a second, as a workload takes many: the best single product is up to a quarter faster.
    """
    import torch

    torch.set_num_threads(threads)
    pairs = [(torch.randn(1024, 1024), torch.randn(1024, 1024)) for _ in range(4)]
    products = 0
    start = time.process_time()
    while (spent := time.process_time() - start) < seconds * threads:
        left, right = pairs[products % len(pairs)]
        left @ right
        products += 1
    return products * 2 * 1024**3 / (spent / threads)


def floor_work(workload: Workload, here: Outcome) -> dict[str, float]:
    """Unique tokens and the operations they need: weights, and attention to what precedes."""
    from transformers import AutoConfig, AutoTokenizer

    from harness.authoring.chat.encoding import Encoder, Scored
    from harness_backends.hf.prefix_tree.tree import build_tree

    config = AutoConfig.from_pretrained(workload.checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(workload.checkpoint)
    encoder = Encoder(tokenizer, config.max_position_embeddings, chat=False)
    requests = workload.requests
    pairs = encoder.loglikelihoods([r for r in requests if isinstance(r, Loglikelihood)])
    fed = [scored.tokens[:-1] for scored in pairs if isinstance(scored, Scored)]
    texts = encoder.rolling([r for r in requests if isinstance(r, RollingLoglikelihood)])
    fed += [window.tokens[:-1] for windows in texts for window in windows]
    prompts = encoder.prompts([r for r in requests if isinstance(r, Generate)])
    fed += [prompt.tokens for prompt in prompts]  # type: ignore[union-attr]
    tree = build_tree(fed, min_shared=1, worth=0)
    positions = [int(place) + 1 for place in tree.positions]
    if any(isinstance(request, Generate) for request in requests):
        for prompt, answer in zip(prompts, here.responses, strict=True):
            length = len(prompt.tokens)  # type: ignore[union-attr]
            positions += [length + step for step in range(1, answer["tokens"])]
    layers, width = config.num_hidden_layers, config.hidden_size
    head = width // config.num_attention_heads
    projections = width * head * (2 * config.num_attention_heads + 2 * config.num_key_value_heads)
    weights = layers * (projections + 3 * width * config.intermediate_size)
    flops = 2.0 * weights * len(positions) + 4.0 * layers * width * sum(positions)
    return {
        "asked_tokens": float(sum(map(len, fed))),
        "unique_tokens": float(len(positions)),
        "flops": flops,
    }


# --------------------------------------------------------------------------- growth


def scaling(checkpoint: Path, threads: int) -> list[dict[str, Any]]:
    """How time grows with questions, choices, shots and batch: linear in unique tokens."""
    import torch

    from harness.protocols import BackendOptions
    from harness.types import KeyedRequest
    from harness_backends.hf import open_hf

    torch.set_num_threads(threads)
    base = {"subjects": 1, "questions": 16, "shots": 5, "choices": 4}
    cases = [("base", base, None)]
    cases += [(f"questions {n}", base | {"questions": n}, None) for n in (8, 32)]
    cases += [(f"choices {n}", base | {"choices": n}, None) for n in (2, 3)]
    cases += [(f"shots {n}", base | {"shots": n}, None) for n in (0, 10)]
    cases += [(f"batch {n}", base, n) for n in (1, 4, 16, 64)]
    rows: list[dict[str, Any]] = []
    for name, settings, batch_size in cases:
        requests: list[Request] = multiple_choice(SHARED, **settings)
        backend = open_hf(BackendOptions(str(checkpoint), batch_size, "float32", "cpu"))
        keyed = [KeyedRequest(str(i), request, "", "") for i, request in enumerate(requests)]
        list(backend.run(keyed[:4]))  # the self-check, once a process
        before = backend.usage
        start = time.perf_counter()
        list(backend.run(keyed))
        seconds = time.perf_counter() - start
        computed = backend.usage.computed_tokens - before.computed_tokens
        rows.append(
            {
                "case": name,
                "asked_tokens": backend.usage.prompt_tokens - before.prompt_tokens,
                "computed_tokens": computed,
                "seconds": seconds,
                "ms_per_computed_token": seconds / computed * 1e3,
            }
        )
    return rows


# --------------------------------------------------------------------------- output


def show(rows: list[dict[str, Any]], growth: list[dict[str, Any]]) -> None:
    """Prints both tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=150)
    columns = ("workload", "ours s", "lm-eval s", "×", "goal", "× cpu", "× cpu answering")
    table = Table(*columns, "memory", "floor", "agreement")
    for row in rows:
        memory = f"{row['ours']['memory']['beyond'] >> 20} / "
        memory += f"{row['lm_eval']['memory']['beyond'] >> 20} MiB = {row['memory_ratio']:.2f}"
        table.add_row(
            row["name"],
            f"{row['ours']['seconds']:.1f}",
            f"{row['lm_eval']['seconds']:.1f}",
            f"{row['speedup']:.1f}",
            f"{row['goal']:g}",
            f"{row['processor_speedup']:.1f}",
            f"{row['answering_speedup']:.1f}",
            memory,
            f"{row['fraction_of_floor']:.2f}",
            _agreement(Agreement(**row["agreement"]), row["accuracy"]),
        )
    console.print(table)
    if growth:
        table = Table("case", "asked", "computed", "s", "ms per computed token")
        for row in growth:
            table.add_row(
                row["case"],
                str(row["asked_tokens"]),
                str(row["computed_tokens"]),
                f"{row['seconds']:.2f}",
                f"{row['ms_per_computed_token']:.3f}",
            )
        console.print(table)


def _agreement(found: Agreement, same: list[bool]) -> str:
    parts = []
    if found.scores:
        parts.append(f"≤ {found.worst:.1e} ({found.worst_relative:.1e} relative)")
    if same:
        parts.append(f"same choice {sum(same)}/{len(same)}")
    if found.texts:
        parts.append(f"same text {found.texts - len(found.texts_differ)}/{found.texts}")
    return ", ".join(parts)


if __name__ == "__main__":
    main()
