"""The schema of harness.toml; imported on use, because pydantic is slow to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeFloat


class Strict(BaseModel):
    """Keys that are not named are errors."""

    model_config = ConfigDict(extra="forbid")


class Run(Strict):
    """[run]: what the command line's options of the same names say."""

    model: str | None = None
    tasks: tuple[str, ...] | None = None
    probes: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None
    limit: int | None = None
    sample: int | None = None
    num_fewshot: int | None = None
    batch_size: int | None = None
    dtype: str | None = None
    device: str | None = None
    executor: str | None = None
    seed: int | None = None
    group_by: tuple[str, ...] | None = None
    baseline: str | None = None
    formats: tuple[str, ...] | None = None
    out: Path | None = None
    cache: bool | None = None
    system: str | None = None
    repeats: int | None = None
    reducers: tuple[str, ...] | None = None
    temperature: float | None = None


class Role(Strict):
    """[judge] and [roles.NAME]: a model beside the run's."""

    model: str | None = None
    batch_size: int | None = None
    dtype: str | None = None
    device: str | None = None
    executor: str | None = None
    set: dict[str, str | int | float | bool] | None = None


class Price(Strict):
    """US dollars per million tokens."""

    prompt: NonNegativeFloat
    completion: NonNegativeFloat
    cached_prompt: NonNegativeFloat | None = None


class Prices(BaseModel):
    """[prices]: of a machine's hour, and of models by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Price]
    machine_hour: NonNegativeFloat | None = None


class Energy(Strict):
    """[energy]: what the machine uses is measured; ``country`` is three letters."""

    country: str


class File(Strict):
    """The whole file; what tasks, probes, gates and alignments take is checked by these."""

    run: Run | None = None
    data: dict[str, str] | None = None
    set: dict[str, str | int | float | bool] | None = None
    tasks: dict[str, dict[str, Any]] | None = None
    probes: dict[str, dict[str, Any]] | None = None
    gate: dict[str, Any] | None = None
    align: dict[str, Any] | None = None
    prices: Prices | None = None
    energy: Energy | None = None
    judge: Role | list[Role] | None = None
    roles: dict[str, Role] | None = None
