"""Other models than the one evaluated, for probes that have a model write their variants.

What they answer comes from, and goes into, the same response store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from harness.config import ModelConfig
from harness.plugins import Registry
from harness.protocols import Answers, Deadline, ModelBackend
from harness.run import models
from harness.run.ask import ask
from harness.run.closing import Closing
from harness.types import Request


class OtherModels(Closing):
    """Opens each model once, and closes all of them at the end.

    Args:
        config: The run's own model, which is not opened a second time.
        registry: The loaded plugins.
        backend: The run's own model, open.
        stored_only: Ask nothing, and answer from the response store alone.
        deadline: When the run ends; None: never.
    """

    def __init__(
        self,
        config: ModelConfig,
        registry: Registry,
        backend: ModelBackend,
        stored_only: bool = False,
        deadline: Deadline | None = None,
    ) -> None:
        self._config, self._registry, self._stored_only = config, registry, stored_only
        self._own, self._deadline = backend, deadline
        self._open: dict[tuple[str, tuple[tuple[str, str], ...]], ModelBackend] = {}
        self._closing = ExitStack()

    def ask(
        self,
        task: str,
        model: str,
        settings: Mapping[str, str],
        requests: Sequence[tuple[str, Request]],
    ) -> Answers:
        """Asks a model about samples of ``task``; see ``harness.protocols.AskModel``.

        Raises:
            UnknownNameError: There is no such backend, or it lacks one of the settings.
            UsageError: The model does not answer such requests.
            ModelError: The model cannot be used.
        """
        backend = self._backend(model, settings)
        responses = ask(
            backend,
            [request for _, request in requests],
            task=task,
            sample_ids=[sample_id for sample_id, _ in requests],
            cache=self._config.cache,
            stored_only=self._stored_only,
            name=model,
        )
        return Answers(backend.fingerprint, tuple(responses))

    def _backend(self, model: str, settings: Mapping[str, str]) -> ModelBackend:
        if model == self._config.model and settings in ({}, self._config.settings):
            return self._own
        key = (model, tuple(sorted(settings.items())))
        if key not in self._open:
            config = replace(self._config, model=model, settings=settings, executor=models.LOCAL)
            opened = models.open_backend(config, self._registry, self._deadline)
            self._open[key] = self._closing.enter_context(closing(opened))
        return self._open[key]

    def close(self) -> None:
        """Closes what was opened."""
        self._closing.close()
