"""vLLM's offline engine in this process, for large models on GPUs.

Encoding is the hf backend's, so the rules for boundaries, truncation, windows and chat templates
are the same; vLLM computes, batches and re-uses prefixes. Nothing heavy is imported until
``open_vllm`` is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.protocols import BackendOptions, ModelBackend


def open_vllm(options: BackendOptions) -> ModelBackend:
    """Loads a checkpoint folder or hub id into vLLM.

    Raises:
        UsageError: An option's value is not one of those expected.
        MissingExtraError: vLLM is not installed.
        ModelError: The model cannot be used.
    """
    from harness_backends.vllm.backend import open_backend

    return open_backend(options)
