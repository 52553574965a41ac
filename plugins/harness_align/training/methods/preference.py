"""Learning from pairs, with a reference (DPO) or without (SLiC, SimPO)."""

from __future__ import annotations

from typing import Any

from harness_align.dataset.training_rows import Kind
from harness_align.training.setup import Method, Setup


class DirectPreference:
    """DPO (Rafailov et al. 2023) with any of its losses: −log σ(β·Δlogratio) by default."""

    kind: Kind = "preference"
    learning_rate = 1e-6
    classifier = False
    sequential = False

    def config(self) -> Any:
        """TRL's DPOConfig."""
        from trl import DPOConfig

        return DPOConfig

    def trainer(self, setup: Setup) -> Any:
        """TRL's DPOTrainer; its reference is the checkpoint, or the adapter switched off."""
        from trl import DPOTrainer

        spec = setup.spec
        config = setup.config(
            self.config(),
            max_length=setup.max_length,
            loss_type=[spec.loss or "sigmoid"],
            beta=0.1 if spec.beta is None else spec.beta,
            label_smoothing=spec.label_smoothing,
        )
        return DPOTrainer(args=config, **setup.common)


LOSSES = (
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sigmoid_norm",
)


def _contrastive_config() -> Any:
    """TRL's CPOConfig (experimental there)."""
    from trl.experimental.cpo import CPOConfig

    return CPOConfig


def _contrastive_preference(setup: Setup, **options: Any) -> Any:
    from trl.experimental.cpo import CPOTrainer

    config = setup.config(_contrastive_config(), max_length=setup.max_length, **options)
    return CPOTrainer(args=config, **setup.common)


class _Contrastive:
    """A loss of TRL's CPOTrainer, which knows no reference."""

    kind: Kind = "preference"
    learning_rate = 1e-6
    classifier = False
    sequential = False

    def config(self) -> Any:
        """TRL's CPOConfig."""
        return _contrastive_config()


class SequenceLikelihoodCalibration(_Contrastive):
    """max(0, δ − log p(chosen) + log p(rejected)) + λ·NLL (Zhao et al. 2023, SLiC-HF, eq. 1).

    It is CPO's hinge max(0, 1 − β·Δlogp) + α·NLL divided by δ: β = 1/δ, α = λ/δ. DPO's hinge
    is another thing, being relative to a reference. The NLL is the mean over tokens.
    """

    def trainer(self, setup: Setup) -> Any:
        """TRL's CPOTrainer (experimental there)."""
        delta = setup.spec.slic_delta
        return _contrastive_preference(
            setup,
            loss_type="hinge",
            beta=1 / delta,
            cpo_alpha=setup.spec.slic_lambda / delta,
        )


class SimplePreference(_Contrastive):
    """−log σ(β·Δ(log p / length) − γ) (Meng et al. 2024, SimPO, eq. 6)."""

    def trainer(self, setup: Setup) -> Any:
        """TRL's CPOTrainer (experimental there)."""
        beta = setup.spec.beta
        return _contrastive_preference(
            setup,
            loss_type="simpo",
            beta=2.0 if beta is None else beta,
            cpo_alpha=0.0,
            simpo_gamma=setup.spec.simpo_gamma,
        )


class Contrastive:
    """Pairs in the order of a curriculum (Xu et al. 2023); DPO or SLiC learns from them."""

    kind: Kind = "preference"
    learning_rate = 1e-6
    classifier = False
    sequential = True

    def config(self) -> Any:
        """That of its usual objective, TRL's DPOConfig."""
        return DirectPreference().config()

    def trainer(self, setup: Setup) -> Any:
        """The trainer of the chosen objective; the rows come ordered."""
        from harness_align.training.methods.supervised import SupervisedFineTuning

        objectives: dict[str, Method] = {
            "dpo": DirectPreference(),
            "slic": SequenceLikelihoodCalibration(),
            "sft": SupervisedFineTuning(),
        }
        return objectives[setup.spec.objective].trainer(setup)
