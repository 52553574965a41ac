"""``--model openai:MODEL``: any server that speaks OpenAI's protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import openai

from harness.authoring import option_models
from harness.authoring.answers import thinking
from harness.authoring.chat import encoding
from harness.authoring.chat.encoding import Encoder
from harness.errors import HarnessError, MissingExtraError, ModelError, UsageError
from harness.protocols import BackendOptions
from harness.types import (
    Generate,
    Loglikelihood,
    Prompt,
    Request,
    Response,
    RollingLoglikelihood,
    Sampling,
)
from harness_backends.api import answers, probing
from harness_backends.api.adapting import Adaptations
from harness_backends.api.answers import TokenLogprob, Written
from harness_backends.api.backend import ApiBackend, new_meter
from harness_backends.api.budget import Meter, Spent
from harness_backends.api.counting import ByBytes, ByTokenizer, TokenCounter
from harness_backends.api.failures import RequestError
from harness_backends.api.loglikelihood import Scorer, TextScorer, TokenIds, TokenScorer
from harness_backends.api.prompts import as_messages, as_text, check_open, size
from harness_backends.api.remarks import Remarks
from harness_backends.api.sdk import http_client, post
from harness_backends.api.server import Server, read_key
from harness_backends.api.settings import OpenAISettings

DEFAULT_URL = "https://api.openai.com/v1"
MOST_STOPS = 4
"""Stop strings that the protocol takes; the text is cut at all of them in any case."""
_NO_LIMIT = 1 << 30


def open_backend(options: BackendOptions) -> ApiBackend:
    """Connects to the server and finds out what it offers.

    Raises:
        UsageError: An option's value is not one of those expected.
        ModelError: The key is missing, or the server cannot be used.
    """
    settings = option_models.read(OpenAISettings, options.values, "the openai backend")
    if not options.model:
        raise UsageError("--model openai: names no model", "Expected openai:MODEL")
    variable = settings.api_key_env or "OPENAI_API_KEY"
    own_server = settings.base_url is not None
    needed = not own_server or settings.api_key_env is not None
    key = read_key(variable, needed, f"openai:{options.model}")
    server = Server(settings.base_url or DEFAULT_URL, options.model, variable, key)
    meter = new_meter("openai", options, settings)
    provider = OpenAIProvider(server, settings, meter)
    return ApiBackend(provider, settings, meter, options.deadline)


class OpenAIProvider:
    """Implements ``harness_backends.api.backend.Provider``.

    Args:
        server: Whom to ask.
        settings: Time-outs, parameters, and how it is asked.
        meter: Counts what answers took.
    """

    def __init__(self, server: Server, settings: OpenAISettings, meter: Meter) -> None:
        self._server, self._settings, self._meter = server, settings, meter
        self._endpoint: str = settings.endpoint
        self._logprobs: str = settings.logprobs
        name = settings.tokenizer
        self._tokenizer = None if name is None else _load_tokenizer(name)
        self._max_length = settings.max_length
        self._scorer: Scorer | None = None
        self._several: bool | None = None
        self._adaptations, self._remarks = Adaptations(), Remarks()
        self._prompt_counter: TokenCounter | None = None
        self._client = openai.AsyncOpenAI(
            api_key=server.key or "none",  # servers without keys ignore it; the SDK wants one
            base_url=server.address,
            max_retries=0,
            http_client=http_client(openai, settings.timeout, server),
        )

    # ---- what it is

    @property
    def supports(self) -> frozenset[type]:
        """Text; and log-likelihoods where prompts' log-probabilities can be had."""
        text: frozenset[type] = frozenset({Generate})
        return text if self._scorer is None else text | self._scorer.supports

    @property
    def identity(self) -> Mapping[str, object]:
        """Server, model, and how it is asked."""
        return {
            "backend": "openai",
            "base_url": self._server.address,
            "model": self._server.model,
            "endpoint": self._endpoint,
            "logprobs": self._logprobs,
            "tokenizer": _tokenizer_hash(self._tokenizer),
            "encoding": None if self._tokenizer is None else encoding.VERSION,
            "max_length": self._max_length,
            **self._settings.identity,
            **self._adaptations.identity,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the answers."""
        return self._adaptations.notes + self._remarks.notes

    @property
    def facts(self) -> Mapping[str, object]:
        """For reports."""
        facts: dict[str, object] = {
            "backend": "openai",
            "name": self._server.model,
            "base_url": self._server.shown,
            "endpoint": self._endpoint,
            "logprobs": self._logprobs,
        }
        if self._scorer is not None:
            by_tokens = self._tokenizer is not None
            facts["continuations_found_by"] = "token ids" if by_tokens else "the server's encoding"
        return facts

    @property
    def counter(self) -> TokenCounter:
        """By the model's tokenizer, unless the chat format that the server adds is unknown."""
        chat = self._endpoint == "chat"
        if self._tokenizer is None:
            return ByBytes(chat, "; --set tokenizer=FOLDER counts exactly")
        if chat and self._tokenizer.chat_template is None:
            return ByBytes(chat, ", as the tokenizer has no chat template")
        return ByTokenizer(Encoder(self._tokenizer, _NO_LIMIT, chat), self._scoring_encoder())

    async def prepare(self) -> None:
        """Settles what is ``auto`` by asking for a token or two."""
        await self._settle()
        self._adaptations.opening = False

    async def _settle(self) -> None:
        if self._endpoint == "auto":
            self._endpoint = await probing.find_endpoint(self._probe_chat, self._probe_text)
        if self._endpoint == "chat" and self._tokenizer is None:
            if self._logprobs not in ("auto", "none"):
                raise UsageError(
                    f"logprobs = {self._logprobs!r} with a chat endpoint",
                    "Servers put prompts through a chat template there. Set endpoint=completions, "
                    "or give the model's tokenizer: --set tokenizer=FOLDER.",
                )
            self._logprobs = "none"
        if self._logprobs == "auto":
            self._logprobs = await probing.find_logprobs(self._probe_logprobs)
        if self._logprobs != "none":
            self._scorer = self._new_scorer()

    def _new_scorer(self) -> Scorer:
        if self._tokenizer is None:
            return TextScorer(self._prompt_logprobs)
        return TokenScorer(self._prompt_logprobs, self._scoring_encoder())

    def _scoring_encoder(self) -> Encoder:
        assert self._tokenizer is not None, "without it, the server encodes"
        own: int = getattr(self._tokenizer, "model_max_length", _NO_LIMIT)
        # Scoring feeds one token fewer than it keeps, but a server is sent them all and makes
        # one more.
        longest = min(self._max_length or own, _NO_LIMIT) - 2
        chat = self._endpoint == "chat" and self._tokenizer.chat_template is not None
        return Encoder(self._tokenizer, longest, chat)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    # ---- requests

    async def ask(self, request: Request) -> Response:
        """One try at one request."""
        if isinstance(request, Generate):
            (response,) = await self.ask_several([request])
            return response
        try:
            match request:
                case Loglikelihood() | RollingLoglikelihood() if self._scorer is not None:
                    return await self._scorer.score(request)
        except RequestError as error:
            self._remarks.failure(error)
            raise
        raise AssertionError(f"{request} is not among what this backend supports")

    async def several(self) -> bool:
        """Whether the server draws several answers to one prompt in one request (``n``).

        Asked once, with two short answers to two letters.
        """
        if self._several is None:
            asked = Sampling(16, temperature=1.0)
            try:
                _, written = await probing.persist(lambda: self._write("Hi", asked, 2))
            except RequestError:  # strict servers refuse what they do not know
                written = []
            self._several = len(written) == 2
        return self._several

    async def ask_several(self, requests: Sequence[Generate]) -> Sequence[Response]:
        """One try at requests that differ in their seeds alone, in one request of the server.

        A server that takes seeds draws by those that follow the first one's.
        """
        first, count = requests[0], len(requests)
        stop = first.sampling.stop
        try:
            answer, written = await self._write(first.prompt, first.sampling, count)
            if self._endpoint != "chat" and any(
                thinking.needs_whole(each.text, each.finish_reason, stop) for each in written
            ):
                whole = replace(first.sampling, stop=())
                answer, written = await self._write(first.prompt, whole, count)
        except RequestError as error:
            self._remarks.failure(error)
            raise
        spent = answers.openai_usage(answer)
        self._remark(first, written, spent)
        tokens = spent.completion if spent is not None and count == 1 else None
        return [answers.completion(each, stop, tokens, self._server) for each in written]

    async def _write(
        self, prompt: Prompt, sampling: Sampling, count: int = 1
    ) -> tuple[dict[str, Any], list[Written]]:
        """The server's whole answer to a prompt, and what the model wrote, at most so often."""
        parameters = self._sampling(sampling)
        if count > 1:
            parameters["n"] = count
        if self._endpoint == "chat":
            check_open(prompt)
            answer = await self._chat(messages=as_messages(prompt), **parameters)
            read = answers.chat_text
        else:
            answer = await self._text(prompt=as_text(prompt), **parameters)
            read = answers.text_of
        if count == 1:
            return answer, [read(answers.openai_choice(answer))]
        return answer, [read(each) for each in answers.openai_choices(answer)[:count]]

    def _remark(self, request: Generate, written: Sequence[Written], spent: Spent | None) -> None:
        for each in written:
            self._remarks.answer(each)
        if spent is None:
            return
        if self._prompt_counter is None:
            self._prompt_counter = self.counter
        exact = self._prompt_counter.basis is None
        expected = self._prompt_counter.prompts([request]) if exact else None
        self._remarks.prompt(size(request.prompt), spent.prompt, expected)

    async def _prompt_logprobs(self, prompt: str | TokenIds) -> list[TokenLogprob | None]:
        ids = None if isinstance(prompt, str) else list(prompt)
        parameters: dict[str, Any] = {"prompt": prompt if ids is None else ids, "max_tokens": 1}
        if self._logprobs == "echo":
            answer = await self._text(**parameters, echo=True, logprobs=1, temperature=0)
            text = prompt if isinstance(prompt, str) else None
            return answers.echoed_logprobs(answer, None if ids is None else len(ids), text)
        answer = await self._text(**parameters, temperature=0, prompt_logprobs=1)
        return answers.vllm_logprobs(answer)

    def _sampling(self, sampling: Sampling) -> dict[str, Any]:
        """Decoding parameters; what only says "as usual" is not sent, since some servers balk.

        Nor are stop strings sent to a chat endpoint: servers look for them in the model's
        thinking, too. A chat model ends its turn itself, and the answer is cut here.
        """
        parameters: dict[str, Any] = {
            self._limit_name(self._endpoint): sampling.max_tokens,
            "temperature": sampling.temperature,
        }
        stop = [text for text in sampling.stop if text]
        if stop and self._endpoint != "chat":
            parameters["stop"] = stop[:MOST_STOPS]
        if sampling.temperature > 0:
            parameters |= {"top_p": sampling.top_p, "seed": sampling.seed}
        return parameters

    def _limit_name(self, endpoint: str) -> str:
        """OpenAI's own chat endpoint has renamed ``max_tokens``; elsewhere that is the name."""
        renamed = endpoint == "chat" and self._server.address == DEFAULT_URL
        return "max_completion_tokens" if renamed else "max_tokens"

    # ---- probing

    async def _probe_chat(self, tokens: int) -> None:
        limit = {self._limit_name("chat"): tokens}
        await self._chat(messages=as_messages("Hi"), temperature=0, **limit)

    async def _probe_text(self) -> None:
        await self._text(prompt="Hi", max_tokens=1, temperature=0, stop=["\n\n"])

    async def _probe_logprobs(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        return await self._text(
            prompt=probing.PROMPT, max_tokens=1, temperature=0, echo=True, logprobs=1, **extra
        )

    # ---- the SDK

    async def _chat(self, **parameters: Any) -> dict[str, Any]:
        return await self._call("/chat/completions", parameters)

    async def _text(self, **parameters: Any) -> dict[str, Any]:
        return await self._call("/completions", parameters)

    async def _call(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """One call, in the form that the server takes; what it is found not to take is changed."""
        given = self._settings.extra_body
        while True:
            body = self._settings.body(
                **self._adaptations.apply({"model": self._server.model, **parameters})
            )
            try:
                answer = await post(
                    self._client, openai, self._server, path, body, self._settings.timeout
                )
            except RequestError as error:
                if not self._adaptations.learn(error, body, given):
                    raise
            else:
                self._meter.add(answers.openai_usage(answer))
                return answer


def _load_tokenizer(name: str) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError(f"tokenizer={name}", "hf") from error
    try:
        return AutoTokenizer.from_pretrained(name)
    except Exception as error:  # the library raises whatever its parsers raise
        if isinstance(error, HarnessError):
            raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"the tokenizer {name!r} cannot be loaded: {lines[0]}",
            "Expected a folder with tokenizer files, or a hub id.",
        ) from error


def _tokenizer_hash(tokenizer: Any) -> str | None:
    """Identifies what a tokenizer does, wherever it was loaded from."""
    if tokenizer is None:
        return None
    fast = getattr(tokenizer, "backend_tokenizer", None)
    rules: Sequence[str] = (
        fast.to_str() if fast is not None else str(sorted(tokenizer.get_vocab().items())),
        str(tokenizer.special_tokens_map),
        str(tokenizer.chat_template),
    )
    return hashlib.sha256("\0".join(rules).encode()).hexdigest()
