"""Products of linear layers from torch's own weights and from those laid out for oneDNN.

    python benchmarks/packed_linear.py [--threads N] [--width N] [--inner N] [--vocabulary N]

The shapes are those of a model (SmolLM2-135M's unless said otherwise). As many copies of each
weight are gone through as do not fit into the processor's cache, as between the layers of a model.
"""

from __future__ import annotations

import argparse
import itertools
import time

import torch
from torch import nn

from harness_backends.hf.prefix_tree.packed_linear import PackedLinears

ROWS = (1, 4, 16, 32, 64, 128, 512)
BYTES = 200 << 20


def main() -> None:
    """Prints the table, the fastest of five measurements each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width", type=int, default=576)
    parser.add_argument("--inner", type=int, default=1536)
    parser.add_argument("--vocabulary", type=int, default=49152)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print("| weight | rows | torch | packed | ratio |\n|---|---|---|---|---|")
    for outputs, inputs in (
        (asked.width, asked.width),
        (asked.inner, asked.width),
        (asked.width, asked.inner),
        (asked.vocabulary, asked.width),
    ):
        copies = max(2, BYTES // (4 * outputs * inputs))
        layers = nn.ModuleList(nn.Linear(inputs, outputs, bias=False) for _ in range(copies))
        packed = PackedLinears(layers)
        for rows in ROWS:
            own = seconds(layers, rows, inputs)
            with packed.used():
                other = seconds(layers, rows, inputs)
            times = f"{own * 1e3:.2f} ms | {other * 1e3:.2f} ms | {own / other:.2f}"
            print(f"| {outputs} × {inputs} | {rows} | {times} |", flush=True)


@torch.inference_mode()
def seconds(layers: nn.ModuleList, rows: int, inputs: int) -> float:
    """Of one product: the fastest mean of twenty."""
    turns = itertools.cycle(layers)
    given = torch.randn(rows, inputs)
    found = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(20):
            next(turns)(given)
        found.append((time.perf_counter() - start) / 20)
    return min(found)


if __name__ == "__main__":
    main()
