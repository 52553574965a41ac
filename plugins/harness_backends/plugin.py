"""What this package registers."""

from __future__ import annotations

from harness import hookimpl
from harness.protocols import BackendOptions, BackendSpec, ModelBackend
from harness_backends import replay


@hookimpl
def harness_register_backends() -> list[BackendSpec]:
    """The backends that ship with the harness."""
    return [
        BackendSpec("replay", "saved outputs: JSON, JSONL or text", _open_replay, replay.OPTIONS)
    ]


def _open_replay(options: BackendOptions) -> ModelBackend:
    return replay.open_replay(options)
