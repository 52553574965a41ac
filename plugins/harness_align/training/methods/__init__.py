"""One class a trainer, all of the shape ``harness_align.training.setup.Method``."""

from __future__ import annotations

from harness.errors import UnknownNameError
from harness_align.training.methods import odds_ratio, online, preference, supervised, unpaired
from harness_align.training.setup import Method

TRAINERS: dict[str, Method] = {
    "sft": supervised.SupervisedFineTuning(),
    "reward": supervised.RewardModel(),
    "dpo": preference.DirectPreference(),
    "slic": preference.SequenceLikelihoodCalibration(),
    "simpo": preference.SimplePreference(),
    "contrastive": preference.Contrastive(),
    "kto": unpaired.KahnemanTversky(),
    "orpo": odds_ratio.OddsRatio(),
    "rloo": online.LeaveOneOut(),
    "grpo": online.GroupRelative(),
}


def trainer_named(name: str) -> Method:
    """The trainer of a stage.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in TRAINERS:
        raise UnknownNameError("trainer", name, TRAINERS)
    return TRAINERS[name]
