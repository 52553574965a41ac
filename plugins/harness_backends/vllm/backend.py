"""Requests → token ids → vLLM's engine → responses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from harness.authoring import option_models
from harness.authoring.answers import thinking
from harness.authoring.answers.decoding import Decoder
from harness.authoring.chat.encoding import Encoder, EncodingError, Scored, Tokens, end_of_turn
from harness.errors import MissingExtraError, ModelError, UsageError
from harness.protocols import BackendOptions, Deadline
from harness.types import (
    Completion,
    Failed,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    Request,
    Response,
    RollingLoglikelihood,
    Sampling,
    Usage,
)
from harness_backends.hf.prefix_tree.tree import build_tree
from harness_backends.vllm.scoring import Scorer, Token
from harness_backends.vllm.settings import VLLMSettings

_BATCH = 1024
"""Requests handed to the engine at a time; answers are stored after each batch."""


class LanguageModel(Protocol):
    """What is used of ``vllm.LLM``."""

    def generate(self, prompts: Any, sampling_params: Any, *, use_tqdm: bool) -> Sequence[Any]:
        """One ``vllm.RequestOutput`` for each prompt, in their order."""
        ...


class SamplingParams(Protocol):
    """What is used of ``vllm.SamplingParams``: its constructor."""

    def __call__(self, **parameters: Any) -> Any:
        """Decoding parameters of one prompt."""
        ...


def open_backend(options: BackendOptions) -> VLLMBackend:
    """Loads a checkpoint folder or hub id into vLLM.

    Raises:
        UsageError: An option's value is not one of those expected.
        MissingExtraError: vLLM is not installed.
        ModelError: The model cannot be used.
    """
    settings = option_models.read(VLLMSettings, options.values, "the vllm backend")
    try:
        import vllm
    except ImportError as error:
        raise MissingExtraError("the vllm backend", "vllm") from error
    from harness_backends.hf import fingerprint
    from harness_backends.hf.checkpoint.files import find_folder

    folder = find_folder(options.model, settings)
    try:
        model = vllm.LLM(
            model=str(folder),
            dtype=options.dtype,
            seed=options.seed,
            max_model_len=settings.max_length,
            tensor_parallel_size=settings.tensor_parallel_size,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            enable_prefix_caching=True,
            trust_remote_code=settings.trust_remote_code,
        )
    except Exception as error:  # unreadable weights, unknown architecture, too little memory
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"vLLM cannot load {options.model}: {lines[0]}") from error
    tokenizer = model.get_tokenizer()
    longest: int = model.llm_engine.model_config.max_model_len
    chat = _use_chat(tokenizer, settings)
    identity = fingerprint.fingerprint(folder, options.dtype, chat, longest)
    return VLLMBackend(
        options.model,
        model,
        vllm.SamplingParams,
        tokenizer,
        longest,
        chat,
        identity,
        options.deadline,
    )


class VLLMBackend:
    """Implements ``harness.protocols.ModelBackend``.

    Args:
        name: What the user called the model.
        model: A ``vllm.LLM``.
        sampling_params: ``vllm.SamplingParams``.
        tokenizer: The model's ``transformers`` tokenizer.
        max_length: Longest sequence of the engine, prompt and new tokens together.
        chat: Whether string prompts go through the chat template.
        fingerprint: Of the checkpoint and of what changes its answers.
        deadline: When the run ends, at the end of a batch; None: never.
    """

    checks_deadline = True
    supports: frozenset[type] = frozenset({Loglikelihood, RollingLoglikelihood, Generate})

    def __init__(
        self,
        name: str,
        model: LanguageModel,
        sampling_params: SamplingParams,
        tokenizer: Any,
        max_length: int,
        chat: bool,
        fingerprint: str,
        deadline: Deadline | None = None,
    ) -> None:
        self._name, self._model, self._sampling_params = name, model, sampling_params
        self._max_length, self._chat, self._deadline = max_length, chat, deadline
        self.fingerprint = f"vllm:{fingerprint}"
        self._decoder = Decoder(tokenizer)
        end = end_of_turn(tokenizer)
        self._ends = [] if end is None else [end]
        self._continuing = Encoder(tokenizer, max_length, chat)
        # Scoring keeps one token more than it feeds, but the engine is fed them all, and has to
        # have room for one new token.
        self._scoring = Encoder(tokenizer, max_length - 2, chat)
        self._scorer = Scorer(self._generate, sampling_params)
        self._requests = self._prompt_tokens = self._completion_tokens = self._reused = 0

    @property
    def usage(self) -> Usage:
        """Tokens so far; the reused ones are those found in the prefix cache."""
        total = self._prompt_tokens + self._completion_tokens
        return Usage(
            requests=self._requests,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            computed_tokens=total - self._reused,
            reused_tokens=max(0, self._reused),  # prompts computed twice may outweigh them
        )

    def describe(self) -> Mapping[str, object]:
        """Facts for reports."""
        return {
            "backend": "vllm",
            "name": self._name,
            "max_length": self._max_length,
            "chat_template": self._chat,
        }

    def close(self) -> None:
        """Lets the engine go, which frees the GPU's memory."""
        del self._model

    def check(self, requests: Sequence[Request]) -> None:
        """Finds before the first answer what the chat template refuses.

        Raises:
            ModelError: It refuses a form of conversation, such as one with a system turn.
        """
        self._continuing.check_turns(requests)

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request once, batch by batch.

        Raises:
            TimeIsUpError: The run's time is up before a batch.
        """
        for start in range(0, len(requests), _BATCH):
            if self._deadline is not None:
                self._deadline.check()
            for key, response in self._answer(requests[start : start + _BATCH]):
                self._requests += 1
                yield key, response

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
        """The tokens of these requests, and those computed where every beginning is found again.

        Nothing is run. The engine finds whole blocks of tokens again, and as many as its memory
        holds, so it computes a little more.
        """
        rows: list[Tokens] = []
        completion = 0
        for item in requests:
            try:
                match item.request:
                    case Loglikelihood() | RollingLoglikelihood() as request:
                        rows += [window.tokens for window in self._windows(request)]
                    case Generate(sampling=sampling) as request:
                        rows.append(self._prompt(request))
                        completion += sampling.max_tokens
            except EncodingError:
                continue  # answered as a failure, without the model
        prompt, computed = sum(map(len, rows)), len(build_tree(rows))
        return Usage(
            requests=len(requests),
            prompt_tokens=prompt,
            completion_tokens=completion,
            computed_tokens=computed,
            reused_tokens=prompt - computed,
        )

    def _answer(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        scored: list[tuple[str, Scored]] = []
        continued: list[tuple[str, Tokens, Sampling]] = []
        for item in requests:
            try:
                match item.request:
                    case Loglikelihood() | RollingLoglikelihood() as request:
                        windows = self._windows(request)
                        scored.extend((item.key, window) for window in windows)
                        if not windows:
                            yield item.key, Logprob(0.0, 0, True)
                    case Generate(sampling=sampling) as request if sampling.n == 1:
                        continued.append((item.key, self._prompt(request), sampling))
                    case Generate():
                        yield item.key, Failed("one completion a request: n must be 1")
                    case other:
                        yield item.key, Failed(f"{type(other).__name__} is not supported here")
            except EncodingError as error:
                yield item.key, Failed(str(error))
        yield from self._score(scored)
        yield from self._continue(continued)

    def _windows(self, request: Loglikelihood | RollingLoglikelihood) -> list[Scored]:
        if isinstance(request, RollingLoglikelihood):
            (windows,) = self._scoring.rolling([request])
            return [window for window in windows if window.targets]
        (scored,) = self._scoring.loglikelihoods([request])
        if isinstance(scored, EncodingError):
            raise scored
        return [scored] if scored.targets else []

    def _prompt(self, request: Generate) -> Tokens:
        (prefix,) = self._continuing.prompts([request])
        if isinstance(prefix, EncodingError):
            raise prefix
        return prefix.tokens

    def _score(self, scored: Sequence[tuple[str, Scored]]) -> Iterator[tuple[str, Response]]:
        entries: dict[str, list[Token]] = defaultdict(list)
        found = self._scorer.score([window for _, window in scored])
        for (key, _), tokens in zip(scored, found, strict=True):
            entries[key].extend(tokens)
        for key, tokens in entries.items():
            total, greedy = sum(value for value, _ in tokens), all(best for _, best in tokens)
            yield key, Logprob(total, len(tokens), greedy)

    def _continue(
        self, continued: Sequence[tuple[str, Tokens, Sampling]]
    ) -> Iterator[tuple[str, Response]]:
        """Continues all prompts, and those again that the engine stopped before an answer.

        The engine looks for stop strings in all that it writes. A chat model may think first, so
        it is sent none.
        """
        again = []
        stops = not self._chat
        for item, text, answer in self._continuations(continued, stops):
            key, _, sampling = item
            reason = answer.finish_reason or "stop"
            if stops and thinking.needs_whole(text, reason, sampling.stop):
                again.append(item)
            else:
                yield key, _completion(text, answer, sampling)
        for (key, _, sampling), text, answer in self._continuations(again, stops=False):
            yield key, _completion(text, answer, sampling)

    def _continuations(
        self, continued: Sequence[tuple[str, Tokens, Sampling]], stops: bool
    ) -> Iterator[tuple[tuple[str, Tokens, Sampling], str, Any]]:
        """(what was asked, the text with the marks of thinking, the engine's answer) of each."""
        parameters = [
            self._sampling_params(
                max_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                seed=sampling.seed,
                stop_token_ids=self._ends,
                stop=[text for text in sampling.stop if text] if stops else [],
            )
            for _, _, sampling in continued
        ]
        outputs = self._generate([tokens for _, tokens, _ in continued], parameters)
        for item, output in zip(continued, outputs, strict=True):
            (answer,) = output.outputs
            ids = answer.token_ids
            self._completion_tokens += len(ids)
            text = self._decoder.text(ids) if self._decoder.has_marks(ids) else answer.text
            yield item, self._decoder.opening(item[1]) + text, answer

    def _generate(
        self, prompts: Sequence[Sequence[int]], parameters: Any, asked: int | None = None
    ) -> Sequence[Any]:
        """One output a prompt; ``asked`` is how many tokens they stand for, if not their own."""
        if not prompts:
            return []
        inputs = [{"prompt_token_ids": list(tokens)} for tokens in prompts]
        outputs = self._model.generate(inputs, parameters, use_tqdm=False)
        own = sum(map(len, prompts))
        asked = own if asked is None else asked
        self._prompt_tokens += asked
        self._reused += asked - own + sum(output.num_cached_tokens or 0 for output in outputs)
        return outputs


def _completion(text: str, answer: Any, sampling: Sampling) -> Completion:
    reason = answer.finish_reason or "stop"
    return thinking.completion(text, reason, sampling.stop, len(answer.token_ids))


def _use_chat(tokenizer: Any, settings: VLLMSettings) -> bool:
    has_template = tokenizer.chat_template is not None
    if settings.chat_template == "on" and not has_template:
        raise UsageError(
            "chat_template = 'on', and the tokenizer has no chat template",
            "Save one with the tokenizer (chat_template.jinja), or leave the option out.",
        )
    return has_template and settings.chat_template != "off"
