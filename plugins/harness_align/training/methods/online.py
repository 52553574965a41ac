"""Learning from rewards of answers that the model samples itself."""

from __future__ import annotations

from typing import Any

from harness_align.dataset.training_rows import Kind
from harness_align.spec import AlignSpec
from harness_align.training.setup import Setup

KL = 0.05
"""The usual weight of the KL term; never 0, which is what GRPO's own default would be."""


def groups(spec: AlignSpec) -> int:
    """Prompts in a batch of a device.

    It holds whole groups: the baseline is made of the other answers to the same prompt.
    """
    return max(1, round(spec.batch_size / spec.generations))


def _config(setup: Setup, kind: Any) -> Any:
    spec = setup.spec
    return setup.config(
        kind,
        per_device_train_batch_size=groups(spec) * spec.generations,
        num_generations=spec.generations,
        max_completion_length=min(spec.max_new_tokens, setup.max_length - 1),
        temperature=spec.temperature,
        beta=KL if spec.beta is None else spec.beta,
        reward_weights=[weight for _, weight in setup.rewards],
        remove_unused_columns=False,
    )


class LeaveOneOut:
    """RLOO (Ahmadian et al. 2024): REINFORCE with the other answers' mean as the baseline."""

    kind: Kind = "prompt"
    learning_rate = 1e-6
    classifier = False
    sequential = False

    def config(self) -> Any:
        """TRL's RLOOConfig."""
        from trl import RLOOConfig

        return RLOOConfig

    def trainer(self, setup: Setup) -> Any:
        """TRL's RLOOTrainer."""
        from trl import RLOOTrainer

        functions = [function for function, _ in setup.rewards]
        config = _config(setup, self.config())
        return RLOOTrainer(args=config, reward_funcs=functions, **setup.common)


class GroupRelative:
    """GRPO (Shao et al. 2024): advantages relative to the group's mean and spread."""

    kind: Kind = "prompt"
    learning_rate = 1e-6
    classifier = False
    sequential = False

    def config(self) -> Any:
        """TRL's GRPOConfig."""
        from trl import GRPOConfig

        return GRPOConfig

    def trainer(self, setup: Setup) -> Any:
        """TRL's GRPOTrainer."""
        from trl import GRPOTrainer

        functions = [function for function, _ in setup.rewards]
        config = _config(setup, self.config())
        return GRPOTrainer(args=config, reward_funcs=functions, **setup.common)
