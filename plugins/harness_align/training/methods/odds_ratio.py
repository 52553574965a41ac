"""Learning answers and preferences at once."""

from __future__ import annotations

from typing import Any

from harness_align.dataset.training_rows import Kind
from harness_align.training.setup import Setup


class OddsRatio:
    """NLL(chosen) − β·log σ(log odds ratio) (Hong et al. 2024, ORPO, eq. 6; λ there is β)."""

    kind: Kind = "preference"
    learning_rate = 5e-6
    classifier = False
    sequential = False

    def config(self) -> Any:
        """TRL's ORPOConfig."""
        from trl.experimental.orpo import ORPOConfig

        return ORPOConfig

    def trainer(self, setup: Setup) -> Any:
        """TRL's ORPOTrainer (experimental there)."""
        from trl.experimental.orpo import ORPOTrainer

        beta = setup.spec.beta
        config = setup.config(
            self.config(),
            max_length=setup.max_length,
            beta=0.1 if beta is None else beta,
        )
        return ORPOTrainer(args=config, **setup.common)
