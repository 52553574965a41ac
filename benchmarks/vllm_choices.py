"""Choices scored by the vLLM backend, and by vLLM as it scores prompts by default.

    python benchmarks/vllm_choices.py FOLDER [--questions N]     in an environment with vLLM

FOLDER is a checkpoint. Questions of five shots, each with four options, are scored twice: as the
backend does (the prefix cache is read, options of one token are one prompt) and by
log-probabilities of whole prompts, for which vLLM leaves its cache alone. Options are letters, and
then texts; the cache is emptied before each.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine import SHARED
from workloads import multiple_choice

from harness.protocols import BackendOptions
from harness.testing import keyed
from harness.types import Loglikelihood, Logprob
from harness_backends.vllm import open_vllm
from harness_backends.vllm.scoring import Scorer


class WholePrompts(Scorer):
    """Scores prompts with the parameters that vLLM chooses by itself."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__(scorer._generate, scorer._sampling_params)
        self._by_ids = False

    def _prompts(self, windows: Any, skip_cache: bool) -> dict[int, Any]:
        return {} if skip_cache else super()._prompts(windows, skip_cache=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=16)
    asked = parser.parse_args()
    given = BackendOptions(str(asked.folder), dtype="float32", values={"chat_template": "off"})
    backend: Any = open_vllm(given)
    own = backend._scorer
    texts = [
        each
        for each in multiple_choice(SHARED, 1, asked.questions)
        if isinstance(each, Loglikelihood)
    ]
    letters = [replace(each, continuation=f" {'ABCD'[i % 4]}") for i, each in enumerate(texts)]
    print("| options | scored by | time | tokens computed | apart |\n|---|---|---|---|---|")
    for name, requests in (("letters", letters), ("texts", texts)):
        backend._scorer = WholePrompts(own)
        expected, seconds, tokens = answered(backend, requests)
        print(f"| {name} | whole prompts | {seconds:.1f} s | {tokens:,} | |", flush=True)
        backend._scorer = own
        found, seconds, tokens = answered(backend, requests)
        apart = max(abs(one - other) for one, other in zip(found, expected, strict=True))
        print(f"| {name} | the backend | {seconds:.1f} s | {tokens:,} | {apart:.1e} |", flush=True)


def answered(backend: Any, requests: Sequence[Loglikelihood]) -> tuple[list[float], float, int]:
    """Log-likelihoods, seconds, and tokens computed."""
    work = keyed(requests)
    backend._model.reset_prefix_cache()
    before, begun = backend.usage.computed_tokens, time.perf_counter()
    answers = dict(backend.run(work))
    seconds = time.perf_counter() - begun
    scored = [answers[each.key] for each in work]
    totals = [each.total for each in scored if isinstance(each, Logprob)]
    return totals, seconds, backend.usage.computed_tokens - before


if __name__ == "__main__":
    sys.exit(main())
