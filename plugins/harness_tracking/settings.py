"""The exporters' options, declared once: ``--set NAME.KEY=VALUE`` as typed values."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True)


class EveryEvalEverSettings(_Settings):
    """Of ``eee``."""

    organization: str = Field("unknown", description="who evaluated")
    relationship: Literal["first_party", "third_party", "collaborative", "other"] = Field(
        "other", description="of the evaluator to the model"
    )
    model_id: str | None = Field(
        None, description="the model's id, as ORGANIZATION/NAME (default: the run's model)"
    )
    samples: Literal["yes", "no"] = Field(
        "yes", description="write the instances, with prompts and answers"
    )


class HuggingFaceSettings(_Settings):
    """Of ``hf``."""

    model_id: str | None = Field(
        None, description="the model's name in its card (default: the run's model)"
    )
    source_url: str | None = Field(None, description="where the evaluation can be seen")
    source_name: str | None = Field(None, description="what that is called (needs source_url)")


class MlflowSettings(_Settings):
    """Of ``mlflow``."""

    uri: str | None = Field(
        None,
        description="the tracking server or store, such as http://host:5000 or sqlite:///runs.db "
        "(default: $MLFLOW_TRACKING_URI, else MLflow's own)",
    )
    experiment: str = Field("evalign", description="the experiment's name")


class WandbSettings(_Settings):
    """Of ``wandb``."""

    project: str = Field("evalign", description="the project")
    entity: str | None = Field(None, description="the user or team that owns it")
    mode: Literal["offline", "online"] = Field(
        "offline", description="offline writes files that `wandb sync` uploads"
    )
    dir: str | None = Field(
        None, description="where offline files go (default: the working folder)"
    )
