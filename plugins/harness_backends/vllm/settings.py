"""The backend's options: those of a checkpoint, and the engine's own."""

from __future__ import annotations

from pydantic import Field

from harness_backends.hf.settings import CheckpointSettings


class VLLMSettings(CheckpointSettings):
    """``--set KEY=VALUE`` of the vllm backend."""

    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share the model")
    gpu_memory_utilization: float = Field(
        0.9, gt=0, le=1, description="share of a GPU's memory to use"
    )
