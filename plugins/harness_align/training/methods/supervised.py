"""Learning from answers, and learning which answers are better."""

from __future__ import annotations

from typing import Any

from harness_align.dataset.training_rows import Kind
from harness_align.training.setup import Setup


class SupervisedFineTuning:
    """Cross-entropy on the answer's tokens; the prompt's are not trained."""

    kind: Kind = "completion"
    learning_rate = 2e-5
    classifier = False
    sequential = False

    def config(self) -> Any:
        """TRL's SFTConfig."""
        from trl import SFTConfig

        return SFTConfig

    def trainer(self, setup: Setup) -> Any:
        """TRL's SFTTrainer."""
        from trl import SFTTrainer

        config = setup.config(self.config(), max_length=setup.max_length)
        return SFTTrainer(args=config, **setup.common)


class RewardModel:
    """−log σ(r(chosen) − r(rejected)) (Bradley–Terry; Ouyang et al. 2022, section 3.5)."""

    kind: Kind = "preference"
    learning_rate = 1e-4
    classifier = True
    sequential = False

    def config(self) -> Any:
        """TRL's RewardConfig."""
        from trl import RewardConfig

        return RewardConfig

    def trainer(self, setup: Setup) -> Any:
        """TRL's RewardTrainer."""
        from trl import RewardTrainer

        config = setup.config(self.config(), max_length=setup.max_length)
        return RewardTrainer(args=config, **setup.common)
