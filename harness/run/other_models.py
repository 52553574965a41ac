"""Other models than the one evaluated, for probes that have a model write their variants.

What they answer comes from, and goes into, the same response store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from types import TracebackType

from harness.config import RunSpec
from harness.errors import UsageError
from harness.plugins import Registry
from harness.protocols import Answers, ModelBackend
from harness.run import models, scheduler
from harness.run.cache import ResponseStore, store_path
from harness.types import KeyedRequest, Request, Response


class OtherModels:
    """Opens each model once, and closes all of them at the end.

    Args:
        spec: The run; its own model is not opened a second time.
        registry: The loaded plugins.
        backend: The run's own model.
        stored_only: Ask nothing, and answer what is in the response store alone.
    """

    def __init__(
        self, spec: RunSpec, registry: Registry, backend: ModelBackend, stored_only: bool = False
    ) -> None:
        self._spec, self._registry, self._stored_only = spec, registry, stored_only
        self._own = backend
        self._open: dict[tuple[str, tuple[tuple[str, str], ...]], ModelBackend] = {}
        self._closing = ExitStack()

    def ask(
        self,
        task: str,
        model: str,
        settings: Mapping[str, str],
        requests: Sequence[tuple[str, Request]],
    ) -> Answers:
        """Asks a model about samples of ``task``; see ``harness.protocols.Ask``.

        Raises:
            UnknownNameError: There is no such backend, or it lacks one of the settings.
            UsageError: The model does not answer such requests.
            ModelError: The model cannot be used.
        """
        backend = self._backend(model, settings)
        for _, request in requests:
            if type(request) not in backend.supports:
                raise UsageError(
                    f"{model} was asked for {type(request).__name__}, which it cannot answer",
                    f"It answers {', '.join(sorted(each.__name__ for each in backend.supports))}.",
                )
        work = [
            KeyedRequest(
                scheduler.key_of(backend, task, sample_id, index, request), request, task, sample_id
            )
            for index, (sample_id, request) in enumerate(requests)
        ]
        found: dict[str, Response] = {}
        with ResponseStore(store_path(self._spec.cache, backend)) as store:
            if self._stored_only:
                found = scheduler.stored(work, backend, store)
            else:
                for answer in scheduler.answers(work, backend, store):
                    found[answer.key] = answer.response
        return Answers(backend.fingerprint, tuple(found.get(each.key) for each in work))

    def _backend(self, model: str, settings: Mapping[str, str]) -> ModelBackend:
        if model == self._spec.model and settings in ({}, self._spec.backend_settings):
            return self._own
        key = (model, tuple(sorted(settings.items())))
        if key not in self._open:
            spec = replace(
                self._spec, model=model, backend_settings=settings, executor=models.LOCAL
            )
            opened = models.open_backend(spec, self._registry)
            self._open[key] = self._closing.enter_context(closing(opened))
        return self._open[key]

    def __enter__(self) -> OtherModels:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.close()
