"""``--model anthropic:MODEL``: the Messages API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import anthropic

from harness.errors import UsageError
from harness.protocols import BackendOptions
from harness.types import Completion, Generate, Prompt, Request, Response, Sampling
from harness_backends.api import answers
from harness_backends.api.backend import ApiBackend, new_meter
from harness_backends.api.budget import Meter
from harness_backends.api.counting import ByBytes, TokenCounter
from harness_backends.api.prompts import as_messages
from harness_backends.api.sdk import Server, http_client, read_key, translate
from harness_backends.api.settings import ApiSettings, choice

DEFAULT_URL = "https://api.anthropic.com"


def open_backend(options: BackendOptions) -> ApiBackend:
    """Makes the client; nothing is asked yet.

    Raises:
        UsageError: An option's value is not one of those expected.
        ModelError: The key is missing.
    """
    settings = ApiSettings.read(options.values)
    if not options.model:
        raise UsageError("--model anthropic: names no model", "Expected anthropic:MODEL")
    variable = settings.key_variable or "ANTHROPIC_API_KEY"
    key = read_key(variable, True, f"anthropic:{options.model}")
    server = Server(settings.base_url or DEFAULT_URL, options.model, variable, key)
    meter = new_meter("anthropic", options, settings)
    send_sampling = choice(options.values, "sampling", ("off", "on")) == "on"
    return ApiBackend(AnthropicProvider(server, settings, meter, send_sampling), settings, meter)


class AnthropicProvider:
    """Implements ``harness_backends.api.backend.Provider``; it answers by text alone.

    Args:
        server: Whom to ask.
        settings: Time-outs and parameters.
        meter: Counts what answers took.
        send_sampling: Whether temperature and top_p are sent.
    """

    supports = frozenset({Generate})

    def __init__(
        self, server: Server, settings: ApiSettings, meter: Meter, send_sampling: bool
    ) -> None:
        self._server, self._settings, self._meter = server, settings, meter
        self._send_sampling = send_sampling
        self._client = anthropic.AsyncAnthropic(
            api_key=server.key,
            base_url=server.address,
            max_retries=0,
            http_client=http_client(anthropic, settings.timeout),
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
    def facts(self) -> Mapping[str, object]:
        """For reports."""
        return {
            "backend": "anthropic",
            "name": self._server.model,
            "base_url": self._server.address,
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

    async def ask(self, request: Request) -> Response:
        """One try at one request."""
        assert isinstance(request, Generate), "the only kind it supports"
        sampling = request.sampling
        parameters = {**_prompt(request.prompt), **_stop(sampling)}
        if self._send_sampling:
            parameters["temperature"] = sampling.temperature
            if sampling.temperature > 0:
                parameters["top_p"] = sampling.top_p
        answer = await self._call(max_tokens=sampling.max_tokens, **parameters)
        text, reason = answers.message_text(answer)
        spent = answers.message_usage(answer)
        tokens = spent.completion if spent is not None else None
        completion: Completion = answers.completion(text, reason, sampling.stop, tokens)
        return completion

    async def _call(self, **parameters: Any) -> dict[str, Any]:
        """One call, JSON in and out, so that parameters the SDK no longer types can be sent."""
        body = self._settings.body(model=self._server.model, **parameters)
        try:
            # The SDK's time-out is for silence; this one is for the whole, drop by drop.
            async with asyncio.timeout(self._settings.timeout):
                content = await self._client.post("/v1/messages", cast_to=object, body=body)
        except (anthropic.AnthropicError, TimeoutError, ValueError) as error:
            raise translate(error, anthropic, self._server) from None
        answer = answers.as_object(content)
        self._meter.add(answers.message_usage(answer))
        return answer


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
