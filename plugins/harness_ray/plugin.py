"""What this package registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl
from harness.authoring import option_models
from harness.authoring.options import lazily
from harness.errors import MissingExtraError
from harness.protocols import ExecutorOptions, ExecutorSpec, ModelBackend, ModelSource

if TYPE_CHECKING:
    from harness_ray.settings import Settings


@hookimpl
def harness_register_executors() -> list[ExecutorSpec]:
    """The executor ``ray``."""
    told = "copies of the model on several machines or GPUs"
    return [ExecutorSpec("ray", told, _open, lazily("harness_ray.settings", "Settings"))]


class RayExecutor:
    """Implements ``harness.protocols.Executor``.

    Args:
        settings: How many workers, and where.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self, source: ModelSource) -> ModelBackend:
        """Starts Ray and the workers, each of which opens the model.

        Raises:
            MissingExtraError: Ray is not installed.
            UsageError: The cluster has no room for the workers.
            ModelError: The cluster cannot be reached, or the model not be used.
        """
        try:
            import ray  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("the ray executor", "ray") from error
        from harness_ray.backend import RayBackend

        return RayBackend(source, self._settings)


def _open(options: ExecutorOptions) -> RayExecutor:
    from harness_ray.settings import Settings

    return RayExecutor(option_models.read(Settings, options.values, "--executor ray"))
