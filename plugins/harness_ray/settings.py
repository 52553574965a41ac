"""The executor's options, declared once: ``--set KEY=VALUE`` as typed values."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _gpus(number: float) -> float:
    # Ray shares one GPU between workers, but gives a worker whole ones beyond that.
    if not (0 <= number <= 1 or (number > 0 and number.is_integer())):
        raise ValueError("expected a whole number, or a share of one GPU: 0.5")
    return number


class Settings(BaseModel):
    """``--set KEY=VALUE`` of the executor; None lets the cluster decide."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    workers: int | None = Field(
        None,
        ge=1,
        description="copies of the model (default: one a GPU; without GPUs, one a machine)",
    )
    gpus_per_worker: Annotated[float, AfterValidator(_gpus)] | None = Field(
        None,
        description="GPUs of each, or a share of one (default: 1 where there are any, else 0)",
    )
    cpus_per_worker: int | None = Field(
        None, ge=1, description="CPU cores of each (default: an equal share of its machine's)"
    )
    address: Annotated[str | None, BeforeValidator(lambda text: text or None)] = Field(
        None,
        description="HOST:PORT of a running Ray cluster, or auto (default: Ray is started here)",
    )
