"""From requests to responses: each distinct request is answered once.

Equal requests are merged, known answers come from the store, and the rest goes to the backend
in one call, because a backend that shares prefixes must see everything to share most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.authoring.answers import thinking
from harness.authoring.io import serialization
from harness.errors import PluginError, UsageError
from harness.protocols import ModelBackend, answers_by_sample, doubts_of
from harness.run.cache import ResponseStore
from harness.scoring import validity
from harness.types import Failed, KeyedRequest, Request, Response


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to the request of that key; ``cached`` when it came from the store."""

    key: str
    response: Response
    cached: bool


def key_of(backend: ModelBackend, task: str, sample_id: str, index: int, request: Request) -> str:
    """The key of a sample's ``index``-th request: a hash of the request, whichever task has it.

    For a backend that answers by sample it holds the sample too.
    """
    if answers_by_sample(backend):
        return serialization.canonical_hash(
            [task, sample_id, index, serialization.request_to_json(request)]
        )
    return serialization.request_key(request)


def check_supported(
    backend: ModelBackend, requests: Iterable[Request], asker: str, model: str = "this model"
) -> None:
    """Refuses a request that the backend does not answer.

    Args:
        backend: Who is to answer.
        requests: What it is to be asked.
        asker: Who asks, for the message.
        model: What the user calls the model.

    Raises:
        UsageError: It does not answer requests of this type.
    """
    for kind in {type(request): None for request in requests}:
        if kind not in backend.supports:
            raise UsageError(
                f"{asker} asks for {kind.__name__}, which {model} cannot answer",
                f"It answers {', '.join(sorted(each.__name__ for each in backend.supports))}.",
            )


def unique(requests: Iterable[KeyedRequest]) -> list[KeyedRequest]:
    """The first request of each key, in order."""
    seen: dict[str, KeyedRequest] = {}
    for request in requests:
        seen.setdefault(request.key, request)
    return list(seen.values())


def answers(
    requests: Sequence[KeyedRequest], backend: ModelBackend, store: ResponseStore
) -> Iterator[Answer]:
    """Answers every distinct key: stored ones first, then as the backend gives them.

    Each new response is in the store before it is yielded, and free of thinking. One that holds
    not-a-number is a failure, and a stored one that its request cannot have is computed again.
    Where the backend finds that earlier answers of its are wrong, stored ones among them, all keys
    are answered once more: the last answer of a key is the one that holds.

    Raises:
        PluginError: The backend answered a key twice, one that was not requested, one with a
            response of another kind, or left one out.
    """
    distinct = unique(requests)
    known = stored(distinct, backend, store)
    for key, response in known.items():
        yield Answer(key, thinking.set_aside(response), cached=True)
    left = [each for each in distinct if each.key not in known]
    doubted = True
    while doubted:
        seen = doubts_of(backend)
        try:
            yield from _asked(left, backend, store)
        finally:  # a run that is stopped here must not go on from wrong answers either
            doubted = doubts_of(backend) > seen
            if doubted:
                store.forget(backend.fingerprint)
        left = distinct


def _asked(
    requests: Sequence[KeyedRequest], backend: ModelBackend, store: ResponseStore
) -> Iterator[Answer]:
    pending = {request.key: request for request in requests}
    by_sample = answers_by_sample(backend)  # saved outputs need no store
    if not pending:
        return
    for key, given in backend.run(list(pending.values())):
        request = pending.pop(key, None)
        if request is None:
            raise PluginError(f"the backend answered {key!r} twice or unasked")
        if not validity.fits(request.request, given):
            raise PluginError(
                f"the backend answered a {type(request.request).__name__} request of sample "
                f"{request.sample_id!r} of {request.task} with {given!r:.200}"
            )
        response = validity.checked(thinking.set_aside(given))
        if not by_sample:
            store.put(backend.fingerprint, key, response)
        yield Answer(key, response, cached=False)
    if pending:
        asked = len(requests)
        raise PluginError(f"the backend left {len(pending)} of {asked} requests unanswered")


def stored(
    requests: Sequence[KeyedRequest], backend: ModelBackend, store: ResponseStore
) -> dict[str, Response]:
    """The stored responses, by key, in the order of the requests.

    A row that its request cannot have, or that holds not-a-number, is as good as absent.
    """
    if answers_by_sample(backend):
        return {}
    rows = store.get_many(backend.fingerprint, [request.key for request in requests])
    usable = {
        request.key: rows[request.key]
        for request in requests
        if request.key in rows and _usable(request.request, rows[request.key])
    }
    store.rejected += len(rows) - len(usable)
    return usable


def _usable(request: Request, response: Response) -> bool:
    return validity.fits(request, response) and not isinstance(validity.checked(response), Failed)
