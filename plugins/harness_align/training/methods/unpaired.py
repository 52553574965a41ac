"""Learning from answers that are marked good or bad, without pairs."""

from __future__ import annotations

from typing import Any

from harness_align.dataset.training_rows import Kind
from harness_align.training.setup import Setup


class KahnemanTversky:
    """KTO (Ethayarajh et al. 2024): gains and losses are weighed apart, against the mean KL."""

    kind: Kind = "label"
    learning_rate = 1e-6
    classifier = False
    sequential = False

    def config(self) -> Any:
        """TRL's KTOConfig."""
        from trl import KTOConfig

        return KTOConfig

    def trainer(self, setup: Setup) -> Any:
        """TRL's KTOTrainer; the KL term pairs neighbours, so it wants two rows a batch."""
        from trl import KTOTrainer

        spec = setup.spec
        config = setup.config(
            self.config(),
            per_device_train_batch_size=max(2, spec.batch_size),
            # KTO pairs each answer with a neighbour's prompt once, so the order stays as it is.
            train_sampling_strategy="sequential",
            max_length=setup.max_length,
            beta=0.1 if spec.beta is None else spec.beta,
            desirable_weight=spec.desirable_weight,
            undesirable_weight=spec.undesirable_weight,
        )
        rows = setup.rows.shuffle(seed=spec.seed)
        return KTOTrainer(args=config, **{**setup.common, "train_dataset": rows})
