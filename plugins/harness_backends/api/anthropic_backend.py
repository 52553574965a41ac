"""``--model anthropic:MODEL``: the Messages API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anthropic

from harness.authoring import option_models
from harness.errors import UsageError
from harness.protocols import BackendOptions
from harness.types import Generate, Prompt, Request, Response, Sampling
from harness_backends.api import answers
from harness_backends.api.backend import ApiBackend, new_meter
from harness_backends.api.budget import Meter
from harness_backends.api.counting import ByBytes, TokenCounter
from harness_backends.api.failures import RequestError
from harness_backends.api.prompts import as_messages
from harness_backends.api.remarks import Remarks
from harness_backends.api.sdk import http_client, post
from harness_backends.api.server import Server, read_key
from harness_backends.api.settings import AnthropicSettings

DEFAULT_URL = "https://api.anthropic.com"


def open_backend(options: BackendOptions) -> ApiBackend:
    """Makes the client; nothing is asked yet.

    Raises:
        UsageError: An option's value is not one of those expected.
        ModelError: The key is missing.
    """
    settings = option_models.read(AnthropicSettings, options.values, "the anthropic backend")
    if not options.model:
        raise UsageError("--model anthropic: names no model", "Expected anthropic:MODEL")
    variable = settings.api_key_env or "ANTHROPIC_API_KEY"
    key = read_key(variable, True, f"anthropic:{options.model}")
    server = Server(settings.base_url or DEFAULT_URL, options.model, variable, key)
    meter = new_meter("anthropic", options, settings)
    provider = AnthropicProvider(server, settings, meter)
    return ApiBackend(provider, settings, meter, options.deadline)


class AnthropicProvider:
    """Implements ``harness_backends.api.backend.Provider``; it answers by text alone.

    Args:
        server: Whom to ask.
        settings: Time-outs, parameters, and whether temperature and top_p are sent.
        meter: Counts what answers took.
    """

    supports = frozenset({Generate})

    def __init__(self, server: Server, settings: AnthropicSettings, meter: Meter) -> None:
        self._server, self._settings, self._meter = server, settings, meter
        self._send_sampling, self._remarks = settings.sampling == "on", Remarks()
        self._client = anthropic.AsyncAnthropic(
            api_key=server.key,
            base_url=server.address,
            max_retries=0,
            http_client=http_client(anthropic, settings.timeout, server),
        )

    @property
    def identity(self) -> Mapping[str, object]:
        """Server, model, and how it is asked."""
        return {
            "backend": "anthropic",
            "base_url": self._server.address,
            "model": self._server.model,
            "sampling": self._send_sampling,
            **self._settings.identity,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the answers."""
        return self._remarks.notes

    @property
    def facts(self) -> Mapping[str, object]:
        """For reports."""
        return {
            "backend": "anthropic",
            "name": self._server.model,
            "base_url": self._server.shown,
            "endpoint": "messages",
            "sampling": "as requested" if self._send_sampling else "the provider's own",
        }

    @property
    def counter(self) -> TokenCounter:
        """By the text's length: the tokenizer is not published."""
        return ByBytes(chat=True)

    async def prepare(self) -> None:
        """There is one endpoint, and it gives no log-probabilities."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def several(self) -> bool:
        """Never: the protocol has one answer a request."""
        return False

    async def ask_several(self, requests: Sequence[Generate]) -> Sequence[Response]:
        """The answer to the first."""
        return [await self.ask(requests[0])]

    async def ask(self, request: Request) -> Response:
        """One try at one request."""
        assert isinstance(request, Generate), "the only kind it supports"
        sampling = request.sampling
        parameters = {**_prompt(request.prompt), **_stop(sampling)}
        if self._send_sampling:
            parameters["temperature"] = sampling.temperature
            if sampling.temperature > 0:
                parameters["top_p"] = sampling.top_p
        body = self._settings.body(
            model=self._server.model, max_tokens=sampling.max_tokens, **parameters
        )
        seconds = self._settings.timeout
        try:
            answer = await post(
                self._client, anthropic, self._server, "/v1/messages", body, seconds
            )
        except RequestError as error:
            self._remarks.failure(error)
            raise
        spent = answers.message_usage(answer)
        self._meter.add(spent)
        written = answers.message_text(answer)
        self._remarks.answer(written)
        tokens = spent.completion if spent is not None else None
        return answers.completion(written, sampling.stop, tokens, self._server)


def _prompt(prompt: Prompt) -> dict[str, Any]:
    """Messages; what the system says has a parameter of its own."""
    messages = as_messages(prompt)
    system = "\n\n".join(turn["content"] for turn in messages if turn["role"] == "system")
    turns = [turn for turn in messages if turn["role"] != "system"]
    return {"messages": turns, **({"system": system} if system else {})}


def _stop(sampling: Sampling) -> dict[str, Any]:
    """Stop strings the API takes: not those of white space alone, at which only we cut."""
    stop = [text for text in sampling.stop if text.strip()]
    return {"stop_sequences": stop} if stop else {}
