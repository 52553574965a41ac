"""The sequential gate on a real model: against itself, and against itself with noise added.

    python benchmarks/gate_real_models.py --model ../shared/models/stories260k --out gate.json

The model writes stories; each item asks which of four sentences goes on with a story. Its own
checkpoint then stands as baseline, and copies with Gaussian noise on every weight (in units of
each tensor's standard deviation) as candidates. Each gate is run with several committed orders.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness import plugins
from harness.config import RunSpec
from harness.run import runner

TEMPLATES = {"multiple_choice": {"continue": "{{ question }}"}}
SETTINGS = {"multiple_choice": {"template": "continue"}}


def write_items(model: str, path: Path, count: int, seed: int) -> None:
    """Stories sampled from the model become questions with one right and three foreign choices."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    start = torch.full((count, 1), network.config.bos_token_id)
    tokens = network.generate(start, do_sample=True, temperature=0.8, max_new_tokens=110)
    pieces = []
    for text in tokenizer.batch_decode(tokens, skip_special_tokens=True):
        sentences = [each.strip() for each in text.replace("\n", " ").split(".") if each.strip()]
        if len(sentences) >= 4:
            pieces.append((". ".join(sentences[:2]) + ".", sentences[2] + "."))
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number, (question, right) in enumerate(pieces):
            wrong = rng.sample([other for _, other in pieces if other != right], 3)
            place = rng.randrange(4)
            choices = [*wrong[:place], right, *wrong[place:]]
            row = {"id": f"s{number}", "question": question, "choices": choices, "answer": place}
            file.write(json.dumps(row) + "\n")


def write_noisy(model: str, out: Path, scale: float, seed: int) -> None:
    """Saves the checkpoint with ``scale`` standard deviations of noise on every weight."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    generator = torch.Generator().manual_seed(seed)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    with torch.no_grad():
        for weight in network.parameters():
            noise = torch.randn(weight.shape, generator=generator)
            weight.add_(noise * weight.std() * scale)
    network.save_pretrained(out)
    AutoTokenizer.from_pretrained(model).save_pretrained(out)


def main() -> None:
    """Runs the gates, prints a table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--items", type=int, default=700)
    parser.add_argument("--margin", type=float, default=0.05)
    parser.add_argument("--orders", type=int, default=5, help="committed orders a candidate")
    parser.add_argument("--noise", type=float, nargs="*", default=[0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = _gate_all(arguments, Path(folder))
    table = Table("noise", "acc", "verdicts", "samples used", "of", "saved")
    for row in rows:
        verdicts = ", ".join(f"{count} {name}" for name, count in row["verdicts"].items())
        used = sum(row["used"]) / len(row["used"])
        table.add_row(
            f"{row['noise']:g}",
            f"{row['acc']:.3f}",
            verdicts,
            f"{used:.0f}",
            str(row["planned"]),
            f"{1 - used / row['planned']:.0%}",
        )
    Console().print(table)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _gate_all(arguments: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    registry = plugins.load()
    data = folder / "stories.jsonl"
    write_items(arguments.model, data, arguments.items, seed=0)

    def run(model: str, name: str, seed: int, gate: dict[str, object] | None) -> runner.Run:
        spec = RunSpec(
            model,
            ("multiple_choice",),
            {"multiple_choice": str(data)},
            seed=seed,
            templates=TEMPLATES,
            task_settings=SETTINGS,
            gate=gate,
            out=folder / name,
        )
        return runner.run(spec, registry)

    baseline = run(arguments.model, "baseline", 0, None)
    rule = {"metric": "multiple_choice.acc", "max_drop": arguments.margin}
    gate = {"baseline": str(baseline.folder), "mode": "sequential", "rule": [rule]}
    rows: list[dict[str, object]] = []
    for scale in arguments.noise:
        candidate = folder / f"noise-{scale:g}"
        write_noisy(arguments.model, candidate, scale, seed=1)
        whole = run(str(candidate), f"whole-{scale:g}", 0, None).result.tasks["multiple_choice"]
        verdicts: dict[str, int] = {}
        used: list[int] = []
        for seed in range(arguments.orders):
            verdict = run(str(candidate), f"gated-{scale:g}-{seed}", seed, gate).verdict
            assert verdict is not None
            verdicts[verdict.verdict] = verdicts.get(verdict.verdict, 0) + 1
            used.append(verdict.samples_used["multiple_choice"])
        rows.append(
            {
                "noise": scale,
                "acc": whole.metrics["acc"].estimate.value,
                "verdicts": verdicts,
                "used": used,
                "planned": whole.n,
            }
        )
    return rows


if __name__ == "__main__":
    main()
