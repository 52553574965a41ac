"""Attack a model's judgement, train it on what it fell for, and attack it again, in rounds.

    python examples/alignment/attacked.py OUT [--seed N]
    python examples/alignment/attacked.py OUT --plain       # ablation: no attacked texts
    python examples/alignment/attacked.py OUT --prompt      # only virtual tokens are trained
    python examples/alignment/attacked.py OUT --rehearse    # judged on the development set

`harness attack` searches for small changes of an opinion (synonyms, slips) by which the demo model
judges it wrongly. Those that it finds among the opinions of the training part are mined (`harness
mine --by attack`), and learned by SFT beside the opinions as they were. The next round attacks what
came of that, and the demo model learns from all that was found so far. In the end the demo model
and the last one are attacked by the same search on opinions that nobody has learned from, each on
its own weaknesses: the share of opinions that are judged rightly whatever the search tries, before
and after, with the interval of the difference. Accuracy without an attack and SQuAD stand guard.
With ``--plain`` as many steps see the opinions as they were alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo_sets import Part, write_task
from robust import ALPHA, GATE, GUARDS

from harness import (
    GateVerdict,
    Rule,
    gate,
    gate_scores,
    join_verdicts,
    load_plugins,
    load_run,
    parse_gate,
)
from harness_align.api import align
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Rows
from harness_align.loop import AlignResult
from harness_align.mining import conversion, failures
from harness_backends.demo import weights_folder

OPINIONS, STEPS, ROUNDS = 2000, 800, 3
LEARNED: Mapping[str, Mapping[str, Any]] = {
    "all": {"batch_size": 16, "learning_rate": 3e-4},
    "prompt": {"batch_size": 16, "learning_rate": 1e-2, "adapter": "prompt", "virtual_tokens": 16},
}
"""What is trained → its settings."""


@dataclass(frozen=True, slots=True)
class Hardened:
    """The last round, its guards, and the verdict on what withstands the search."""

    last: AlignResult
    guards: GateVerdict
    withstood: GateVerdict

    @property
    def verdict(self) -> GateVerdict:
        """More is to withstand, and no guard to be lost."""
        return join_verdicts([self.withstood, self.guards])


def attacked(model: Path, opinions: Path, out: Path, seed: int) -> Path:
    """Attacks a model on opinions; the folder of what was found."""
    words = [
        "attack", "--model", str(model), "--tasks", "sst2", "--data", f"sst2={opinions}",
        "--seed", str(seed), "--out", str(out),
    ]  # fmt: skip
    subprocess.run([sys.executable, "-m", "harness", *words], check=True, stdout=sys.stderr)  # noqa: S603
    return out


def withstands(folder: Path) -> list[float]:
    """Of each opinion in order: 1 where it is judged rightly whatever the search tried, else 0."""
    found = json.loads((folder / failures.ATTACK_FILE).read_text("utf-8"))
    return [
        float(each["right"] and not each["succeeded"]) for each in found["tasks"]["sst2"]["samples"]
    ]


def harden(
    out: Path,
    seed: int = 0,
    plain: bool = False,
    trained: str = "all",
    rehearse: bool = False,
    steps: int = STEPS,
    opinions: int = OPINIONS,
    judged: int = 400,
    rounds: int = ROUNDS,
) -> Hardened:
    """Runs the loop, on so many opinions to learn from and to be judged by."""
    part: Part = "development" if rehearse else "test"
    folder = out / f"{'plain' if plain else 'attacked'}-{trained}-{part}-{seed}"
    sets = out / f"sets-{folder.name}"
    asked = write_task("sst2", part, judged, sets)
    learned = write_task("sst2", "train", opinions, sets)
    rows = conversion.rows_of_task("sst2", str(learned), "preference", load_plugins(), seed).rows
    model = demo = weights_folder()
    for number in range(1, 2 if plain else rounds + 1):
        if not plain:
            found = attacked(model, learned, sets / f"attack-{number}", seed)
            rows += tuple(row for each in failures.mine(found, "attack") for row in each.rows)
        path = sets / f"pairs-{number}.jsonl"
        last = align(
            "sft",
            demo,
            training_rows.write(path, Rows("preference", rows, str(path))),
            folder / f"round-{number}",
            guard=GUARDS,
            eval_data={"sst2": asked, "squad": write_task("squad", part, judged, sets)},
            settings={**LEARNED[trained], "steps": steps},
            seed=seed,
            quiet=False,
        )
        model = last.checkpoint
    before, after = (
        withstands(attacked(each, asked, folder / name, seed))
        for each, name in ((demo, "attack-before"), (model, "attack-after"))
    )
    rule = Rule("opinions judged rightly whatever the search tries", "min_gain", 0.0)
    old, new = (load_run(last.job.out / name) for name in ("before", "after"))
    return Hardened(
        last,
        gate(new, old, config=parse_gate(GATE)),
        gate_scores(before, after, rule, alpha=ALPHA),
    )


def main() -> int:
    """The exit code is the gate's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="no attacked texts")
    parser.add_argument("--prompt", action="store_true", help="train virtual tokens alone")
    parser.add_argument("--rehearse", action="store_true", help="on the development set")
    given = parser.parse_args()
    trained = "prompt" if given.prompt else "all"
    result = harden(given.out, given.seed, given.plain, trained, given.rehearse)
    for verdict in (result.withstood, result.guards, result.verdict):
        print(f"{verdict.verdict}: {verdict.sentence}")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
