"""Asking a model outside a run: answers to prompts, and log-probabilities of texts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from harness.config import RunSpec
from harness.errors import ModelError
from harness.plugins import Registry
from harness.results import serialization
from harness.run import models, scheduler
from harness.run.cache import ResponseStore, default_path
from harness.types import Completion, Failed, Generate, KeyedRequest, Logprob, Request, Response


def ask(
    spec: RunSpec,
    registry: Registry,
    requests: Sequence[Request],
    otherwise: Sequence[Request] = (),
) -> list[Response]:
    """The responses of ``spec.model`` in the order of the requests; equal ones asked once.

    Args:
        spec: Names the model.
        registry: The loaded plugins.
        requests: What to ask.
        otherwise: What to ask in their place where the model cannot answer such requests.

    Raises:
        ModelError: The model cannot answer such a request.
        HarnessError: The model cannot be opened.
    """
    with closing(models.open_backend(spec, registry)) as backend:
        if otherwise and not {type(request) for request in requests} <= backend.supports:
            requests = otherwise
        keyed = [
            KeyedRequest(serialization.request_key(request), request, "alignment", str(index))
            for index, request in enumerate(requests)
        ]
        for request in requests:
            if type(request) not in backend.supports:
                raise ModelError(f"{spec.model} cannot answer {type(request).__name__}")
        with ResponseStore(default_path() if spec.cache else None) as store:
            found = {
                answer.key: answer.response for answer in scheduler.answers(keyed, backend, store)
            }
    return [found[each.key] for each in keyed]


def texts(
    spec: RunSpec, registry: Registry, requests: Sequence[Generate]
) -> list[Completion | None]:
    """The completions; None where the model failed.

    Raises:
        ModelError: It failed everywhere; says why it did the first time.
    """
    answers = ask(spec, registry, requests)
    failed = [each.reason for each in answers if isinstance(each, Failed)]
    if failed and len(failed) == len(answers):
        raise ModelError(f"{spec.model} answered none of {len(failed):,} prompts: {failed[0]}")
    return [each if isinstance(each, Completion) else None for each in answers]


def logprobs(
    spec: RunSpec, registry: Registry, requests: Sequence[Request]
) -> list[Logprob | None]:
    """The log-probabilities; None where the model failed."""
    answers = ask(spec, registry, requests)
    return [each if isinstance(each, Logprob) else None for each in answers]
