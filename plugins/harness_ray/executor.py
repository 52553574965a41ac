"""The executor ``ray``; Ray is imported when a model is opened with it."""

from __future__ import annotations

from harness.authoring import option_models
from harness.errors import MissingExtraError
from harness.protocols import Deadline, ExecutorOptions, ModelBackend, ModelSource
from harness_ray.settings import Settings


class RayExecutor:
    """Implements ``harness.protocols.Executor``.

    Args:
        settings: How many workers, and where.
        deadline: When the run ends; None: never.
    """

    def __init__(self, settings: Settings, deadline: Deadline | None = None) -> None:
        self._settings, self._deadline = settings, deadline

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

        return RayBackend(source, self._settings, self._deadline)


def open_executor(options: ExecutorOptions) -> RayExecutor:
    """The executor with what the user set.

    Raises:
        UsageError: A value does not fit.
    """
    settings = option_models.read(Settings, options.values, "--executor ray")
    return RayExecutor(settings, options.deadline)
