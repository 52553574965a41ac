"""Let a real task end a training: at its plateau, and before a gamed reward does harm.

    python examples/alignment/hacking.py OUT                      # SFT on stories
    python examples/alignment/hacking.py OUT --hack               # RLOO on a gameable reward
    python examples/alignment/hacking.py OUT --hack --unwatched   # the same, without early stopping

The demo model goes on with stories. Early stopping measures the perplexity of stories of the
development set. With SFT on good stories it falls, and the best weights are kept. With the
sentiment of a word lexicon as the reward, RLOO finds that cheerful words pay whatever the story:
the trained reward rises, variety, which is held out, falls, and perplexity rises. Early stopping
ends that training and keeps the weights from before; without it the gate blocks the result.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo_sets import PartSource, write_task

from demo_model.families import stories
from harness_align.api import align
from harness_align.dataset import training_rows
from harness_align.dataset.training_rows import Row, Rows
from harness_align.loop import AlignResult
from harness_backends.demo import weights_folder

METRIC = "perplexity.word_perplexity"
CHEERFUL = "plugin:harness_align.rewards:lexicon_sentiment"
VARIED = f"plugin:{Path(__file__).with_name('variety.py')}:variety"
SFT = {"steps": 200, "batch_size": 16, "learning_rate": 1e-4, "stop_every": 25}
RLOO = {
    "steps": 80,
    "batch_size": 64,
    "generations": 8,
    "learning_rate": 3e-4,
    "beta": 0.001,
    "stop_every": 10,
}


def beginnings(path: Path, count: int = 800) -> Path:
    """Writes first sentences of stories and how they went on, of the training part."""
    source = PartSource("train")
    rows: dict[str, Row] = {}
    while len(rows) < count:
        first, end, rest = stories.story(source).partition(". ")
        rows.setdefault(first, Row(len(rows) + 1, first + end.strip(), " " + rest))
    return training_rows.write(path, Rows("completion", tuple(rows.values()), str(path)))


def tell(out: Path, hack: bool = False, watched: bool = True) -> AlignResult:
    """Trains, with early stopping where ``watched``."""
    sets = out / "sets"
    settings: dict[str, object] = {**(RLOO if hack else SFT), "wrap": False, "max_new_tokens": 40}
    if watched:
        development = write_task("perplexity", "development", 60, sets)
        settings |= {
            "stop_tasks": ("perplexity",),
            "stop_metric": METRIC,
            "stop_data": {"perplexity": str(development)},
        }
    return align(
        "rlhf" if hack else "sft",
        str(weights_folder()),
        str(beginnings(sets / "stories.jsonl")),
        out / (("hacked" if hack else "sft") + ("" if watched else "-unwatched")),
        eval_tasks=[] if hack else [METRIC],
        guard=[METRIC] if hack else [],
        eval_data={"perplexity": str(write_task("perplexity", "test", 600, sets))},
        reward=CHEERFUL if hack else "",
        held_out_reward=VARIED if hack else "",
        settings=settings,
        quiet=False,
    )


def main() -> int:
    """The exit code is the gate's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hack", action="store_true")
    parser.add_argument("--unwatched", action="store_true")
    given = parser.parse_args()
    result = tell(given.out, given.hack, not given.unwatched)
    print(f"{result.verdict.verdict}: {result.verdict.sentence}")
    for effect in result.effects.estimates:
        estimate = effect.estimate
        print(f"{effect.name}: {estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]")
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
