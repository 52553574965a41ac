"""What this package registers."""

from __future__ import annotations

from collections.abc import Iterable

from harness import hookimpl
from harness.protocols import BackendSpec
from harness_backends.hf import HF_OPTIONS, open_hf


@hookimpl
def harness_register_backends() -> Iterable[BackendSpec]:
    """The backends that ship with the harness."""
    return [
        BackendSpec(
            scheme="hf",
            description="A Hugging Face causal language model: a checkpoint folder or a hub id",
            open=open_hf,
            options=HF_OPTIONS,
        ),
    ]
