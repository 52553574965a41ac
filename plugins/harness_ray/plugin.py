"""What this package registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl

if TYPE_CHECKING:
    from harness.protocols import Executor, ExecutorOptions, ExecutorSpec


@hookimpl
def harness_register_executors() -> list[ExecutorSpec]:
    """The executor ``ray``."""
    from harness.authoring.options import lazily
    from harness.protocols import ExecutorSpec

    told = "copies of the model on several machines or GPUs"
    return [ExecutorSpec("ray", told, _open, lazily("harness_ray.settings", "Settings"))]


def _open(options: ExecutorOptions) -> Executor:
    from harness_ray.executor import open_executor

    return open_executor(options)
