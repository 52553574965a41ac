"""Asking a model outside a run's plan: through the response store, answered in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, overload

from harness import plugins
from harness.config import ModelConfig
from harness.plugins import Registry
from harness.protocols import ModelBackend
from harness.run import models, scheduler
from harness.run.cache import ResponseStore, store_path
from harness.types import KeyedRequest, Request, Response


@overload
def ask(
    model: ModelBackend | ModelConfig | Path | str,
    requests: Sequence[Request],
    *,
    task: str = ...,
    sample_ids: Sequence[str] | None = ...,
    cache: bool = ...,
    stored_only: Literal[False] = ...,
    registry: Registry | None = ...,
    name: str = ...,
) -> list[Response]: ...


@overload
def ask(
    model: ModelBackend | ModelConfig | Path | str,
    requests: Sequence[Request],
    *,
    task: str = ...,
    sample_ids: Sequence[str] | None = ...,
    cache: bool = ...,
    stored_only: bool,
    registry: Registry | None = ...,
    name: str = ...,
) -> list[Response | None]: ...


def ask(
    model: ModelBackend | ModelConfig | Path | str,
    requests: Sequence[Request],
    *,
    task: str = "ask",
    sample_ids: Sequence[str] | None = None,
    cache: bool = True,
    stored_only: bool = False,
    registry: Registry | None = None,
    name: str = "this model",
) -> list[Response] | list[Response | None]:
    """Asks a model, and returns its responses in the order of the requests.

    Equal requests are asked once. Responses come from, and go into, the response store. A request
    that the model could not answer has the response ``Failed``.

        from harness import ask
        from harness.types import Generate

        (answer,) = ask("demo", [Generate("The capital of France is")])

    Args:
        model: What ``--model`` takes; or a ``ModelConfig``, which also says how to open it; or a
            model that ``open_model`` opened, which stays open.
        requests: What to ask.
        task: On whose behalf; for messages, and for backends that answer by sample.
        sample_ids: The sample of each request; None numbers the requests from 0. Backends that
            answer by sample find their answers by it.
        cache: Whether the response store is used.
        stored_only: Ask nothing: None stands for every response that is not stored.
        registry: The loaded plugins; None loads those that are installed.
        name: What the user calls an open model, for messages.

    Raises:
        UnknownNameError: There is no such backend, or it lacks one of the settings.
        UsageError: The model does not answer such a request; nothing was asked.
        ModelError: The model cannot be used.
        PluginError: The backend left a request out or answered one with another kind of response.
    """
    if isinstance(model, Path | str):
        model = ModelConfig(str(model), cache=cache)
    if not isinstance(model, ModelConfig):
        return _ask(model, requests, task, sample_ids, cache, stored_only, name)
    registry = plugins.load() if registry is None else registry
    keep = cache and model.cache
    with closing(models.open_backend(model, registry)) as opened:
        return _ask(opened, requests, task, sample_ids, keep, stored_only, model.model)


def _ask(
    backend: ModelBackend,
    requests: Sequence[Request],
    task: str,
    sample_ids: Sequence[str] | None,
    cache: bool,
    stored_only: bool,
    name: str,
) -> list[Response] | list[Response | None]:
    scheduler.check_supported(backend, requests, task, name)
    check = getattr(backend, "check", None)
    if check is not None:
        check(requests)
    ids = list(map(str, range(len(requests)))) if sample_ids is None else sample_ids
    places: Counter[str] = Counter()
    work: list[KeyedRequest] = []
    for sample_id, request in zip(ids, requests, strict=True):
        key = scheduler.key_of(backend, task, sample_id, places[sample_id], request)
        places[sample_id] += 1
        work.append(KeyedRequest(key, request, task, sample_id))
    with ResponseStore(store_path(cache, backend)) as store:
        if stored_only:
            kept = scheduler.stored(work, backend, store)
            return [kept.get(each.key) for each in work]
        # The last answer of a key is the one that holds; see ``scheduler.answers``.
        found = {each.key: each.response for each in scheduler.answers(work, backend, store)}
    return [found[each.key] for each in work]
