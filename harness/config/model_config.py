"""How a model is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.config.values import Settings, at_least, texts


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """All that it takes to open a model.

    Attributes:
        model: ``--model``: a checkpoint folder or hub id, or ``SCHEME:REST``.
        batch_size: Sequences a forward pass; None lets the backend choose.
        dtype: ``auto`` or a torch dtype's name.
        device: ``auto`` or a torch device's name.
        executor: ``local``, or the executor that spreads the work.
        seed: Of what the backend draws.
        settings: ``--set KEY=VALUE``, of the backend and the executor.
        prices: Model → US dollars per million tokens: ``prompt``, ``completion`` and, where
            the provider re-uses prompts, ``cached_prompt``. Prices of other models are ignored.
        cache: Whether answers are kept in, and taken from, the response store.
    """

    model: str
    batch_size: int | None = None
    dtype: str = "auto"
    device: str = "auto"
    executor: str = "local"
    seed: int = 0
    settings: Settings = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    cache: bool = True

    def __post_init__(self) -> None:
        """Takes paths and settings in the forms in which Python has them; checks ranges.

        Raises:
            UsageError: A number is out of range.
        """
        object.__setattr__(self, "model", str(self.model))
        object.__setattr__(self, "settings", texts(self.settings))
        at_least("batch_size", self.batch_size, 1)
