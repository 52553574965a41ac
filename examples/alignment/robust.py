"""Find what breaks a model's answers, train on it, and measure what breaks them then.

    python examples/alignment/robust.py OUT [--seed N]
    python examples/alignment/robust.py OUT --rows mined    # only what typos broke
    python examples/alignment/robust.py OUT --rows plain    # ablation: no typos at all
    python examples/alignment/robust.py OUT --rehearse      # judged on the development set

The demo model judges opinions, and typos turn its judgement. It is trained by SFT on opinions and
on all their variants with typos (`harness align --augment typos`), or on those that broke a right
answer (`harness run --probes typos`, `harness mine --by perturbation`) beside the same opinions
without typos. Then the probes are run once more on opinions that nobody has learned from: the share
of variants that flip the judgement, before and after, with the interval of the difference. Noise of
other kinds, never trained on, shows how far it carries. Accuracy on opinions without noise and
SQuAD stand guard. With ``--rows plain`` as many steps see no typos: what is left of the gain comes
from more training alone. Settings were chosen with --rehearse, which never looks at the test set.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from demo_sets import Part, write_task

from harness import (
    GateVerdict,
    Rule,
    evaluate,
    gate,
    gate_scores,
    join_verdicts,
    load_run,
    parse_gate,
    read_samples,
)
from harness.authoring.measures import predictions
from harness.types import SampleRecord
from harness_align.api import align
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Rows
from harness_align.loop import AlignResult
from harness_align.mining import conversion, failures
from harness_backends.demo import weights_folder

Learned = Literal["all", "mined", "plain"]
TRAINED, OTHERS = "typos", ("homoglyphs", "misspellings")
OPINIONS = 3000
LEARNED = {TRAINED: {"strength": "0.2,0.4"}}
MEASURED = {TRAINED: {"strength": "0.3"}}
"""Shares of the words with a typo, in opinions to train on and to measure with."""
SETTINGS = {"batch_size": 16, "learning_rate": 3e-4}
ALPHA = 0.025
"""Of either side, as for the targets and guards of `harness align`."""
GUARDS = ("sst2.accuracy", "squad.f1")
GATE = {
    "alpha": ALPHA,
    "rule": [{"metric": each, "max_drop": 0.0, "pass_unless_broken": True} for each in GUARDS],
}


@dataclass(frozen=True, slots=True)
class Hardened:
    """What came of it: the alignment, the guards, and of each probe the verdict on its flips."""

    aligned: AlignResult
    guards: GateVerdict
    flips: Mapping[str, GateVerdict]

    @property
    def verdict(self) -> GateVerdict:
        """Fewer flips by typos are wanted, and no guard lost; of other noise it is only told."""
        return join_verdicts([self.flips[TRAINED], self.guards])


def mined(opinions: Path, folder: Path, seed: int) -> Path:
    """Writes what typos broke, and the same opinions without them, as pairs of labels."""
    run = folder / "run"
    evaluate(
        weights_folder(), ["sst2"], {"sst2": opinions}, probes=[TRAINED], seed=seed, out=run,
        task_settings=LEARNED, formats=(),
    )  # fmt: skip
    found = failures.mine(run, "perturbation")
    rows = [row for each in found for row in each.rows]
    broken = {each.record.sample.id for each in found}
    for record in read_samples(run, "sst2"):
        if record.probe is None and record.sample.id in broken:
            rows += conversion.rows_of_sample("sst2", record.sample, record.requests, len(rows))
    path = folder / "pairs.jsonl"
    return training_rows.write(path, Rows("preference", tuple(rows), str(path)))


def probed(model: Path | str, opinions: Path, out: Path, seed: int) -> Path:
    """Asks a model about opinions as they are and with noise; the run's folder."""
    evaluate(
        model, ["sst2"], {"sst2": opinions}, probes=[TRAINED, *OTHERS], seed=seed, out=out,
        task_settings=MEASURED, formats=(),
    )  # fmt: skip
    return out


def flips(run: Path, probe: str) -> dict[str, float]:
    """Sample → share of the probe's variants that are judged otherwise than the sample itself."""
    judged: dict[str, str] = {}
    variants: dict[str, list[str]] = defaultdict(list)
    for record in read_samples(run, "sst2"):
        if record.probe is None:
            judged[record.sample.id] = judgement(record)
        elif record.probe == probe:
            variants[record.sample.id].append(judgement(record))
    return {name: fmean(each != judged[name] for each in found) for name, found in variants.items()}


def judgement(record: SampleRecord) -> str:
    """The likelier label."""
    known = predictions.of_record(record)
    assert known is not None
    return max(known, key=known.__getitem__)


def fewer_flips(before: Path, after: Path, probe: str) -> GateVerdict:
    """Whether fewer variants flip than did, paired by sample."""
    old, new = flips(before, probe), flips(after, probe)
    steady = [[1 - each[name] for name in old] for each in (old, new)]
    rule = Rule(f"judgements that {probe} leave as they are", "min_gain", 0.0)
    return gate_scores(*steady, rule, alpha=ALPHA)


def harden(
    out: Path,
    seed: int = 0,
    rows: Learned = "all",
    rehearse: bool = False,
    steps: int = 800,
    learned: int = OPINIONS,
    judged: int = 400,
) -> Hardened:
    """Runs the loop, on so many opinions to learn from and to be judged by."""
    part: Part = "development" if rehearse else "test"
    folder = out / f"{rows}-{part}-{seed}"
    sets = out / f"sets-{folder.name}"
    opinions = write_task("sst2", "train", learned, sets)
    asked = write_task("sst2", part, judged, sets)
    more: dict[str, Any] = {"augment": (TRAINED,), "augment_settings": LEARNED}
    aligned = align(
        "sft",
        str(weights_folder()),
        str(mined(opinions, sets / "mined", seed)) if rows == "mined" else f"sst2={opinions}",
        folder,
        guard=GUARDS,
        eval_data={"sst2": str(asked), "squad": str(write_task("squad", part, judged, sets))},
        settings={**SETTINGS, "steps": steps},
        seed=seed,
        quiet=False,
        **(more if rows == "all" else {}),
    )
    before, after = (
        probed(model, asked, folder / place, seed)
        for model, place in ((weights_folder(), "probed-before"), (aligned.checkpoint, "probed"))
    )
    guards = gate(load_run(folder / "after"), load_run(folder / "before"), config=parse_gate(GATE))
    return Hardened(
        aligned, guards, {probe: fewer_flips(before, after, probe) for probe in (TRAINED, *OTHERS)}
    )


def main() -> int:
    """The exit code is the gate's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", choices=("all", "mined", "plain"), default="all")
    parser.add_argument("--rehearse", action="store_true", help="on the development set")
    given = parser.parse_args()
    result = harden(given.out, given.seed, given.rows, given.rehearse)
    for verdict in (*result.flips.values(), result.guards, result.verdict):
        print(f"{verdict.verdict}: {verdict.sentence}")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
