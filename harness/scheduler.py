"""From requests to responses: each distinct request is answered exactly once.

Equal requests are merged, known answers come from the store, and the rest goes to the backend
in one call, because a backend that shares prefixes must see everything to share most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness import codec
from harness.errors import PluginError
from harness.protocols import ModelBackend
from harness.responses import ResponseStore
from harness.types import KeyedRequest, Request, Response


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to the request of that key; ``cached`` when it came from the store."""

    key: str
    response: Response
    cached: bool


def key_of(backend: ModelBackend, task: str, sample_id: str, index: int, request: Request) -> str:
    """The key of a sample's ``index``-th request: what is asked, whoever asks it.

    For a backend that answers by sample it holds the sample too.
    """
    if getattr(backend, "by_sample", False):
        return codec.canonical_hash([task, sample_id, index, codec.request_to_json(request)])
    return codec.request_key(request)


def unique(requests: Iterable[KeyedRequest]) -> list[KeyedRequest]:
    """The first request of each key, in order."""
    seen: dict[str, KeyedRequest] = {}
    for request in requests:
        seen.setdefault(request.key, request)
    return list(seen.values())


def answers(
    requests: Sequence[KeyedRequest], backend: ModelBackend, store: ResponseStore
) -> Iterator[Answer]:
    """Answers every distinct key exactly once: stored ones first, then as the backend gives them.

    Each new response is in the store before it is yielded.

    Raises:
        PluginError: The backend answered a key twice, one it was not asked, or left one out.
    """
    distinct = unique(requests)
    known = store.get_many(backend.fingerprint, [request.key for request in distinct])
    for key, response in known.items():
        yield Answer(key, response, cached=True)
    open_keys = {request.key for request in distinct} - known.keys()
    if not open_keys:
        return
    pending = [request for request in distinct if request.key in open_keys]
    for key, response in backend.run(pending):
        if key not in open_keys:
            raise PluginError(f"the backend answered {key!r} twice or unasked")
        open_keys.remove(key)
        store.put(backend.fingerprint, key, response)
        yield Answer(key, response, cached=False)
    if open_keys:
        raise PluginError(
            f"the backend left {len(open_keys)} of {len(pending)} requests unanswered"
        )
