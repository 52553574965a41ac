"""The model backend: requests → token ids → engine → responses, with the books kept."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

from harness.authoring.chat.encoding import Encoder, EncodingError, Prefix, Scored
from harness.errors import UsageError
from harness.types import (
    Failed,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    Request,
    Response,
    RollingLoglikelihood,
    Usage,
)
from harness_backends.hf import fingerprint
from harness_backends.hf.batches import cut_batches
from harness_backends.hf.engine.checked import CheckedEngine
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.plain import Continue
from harness_backends.hf.prefix_tree.tree import build_tree
from harness_backends.hf.settings import Settings
from harness_backends.hf.stopping import StopRules
from harness_backends.hf.usage import UsageCounter

SUPPORTS: frozenset[type] = frozenset({Loglikelihood, RollingLoglikelihood, Generate})


class HuggingFaceBackend:
    """Implements ``harness.protocols.ModelBackend`` for a causal language model.

    Args:
        checkpoint: The loaded model.
        engine: What computes.
        chat: Whether string prompts go through the chat template.
    """

    supports = SUPPORTS

    def __init__(self, checkpoint: Checkpoint, engine: CheckedEngine, chat: bool) -> None:
        self.checkpoint = checkpoint
        self._engine = engine
        self._chat = chat
        # A copy, as a fast tokenizer cannot encode in one thread and decode in another.
        tokenizer = copy.deepcopy(checkpoint.tokenizer)
        self._encoder = Encoder(tokenizer, checkpoint.max_length, chat)
        self._stops = StopRules(checkpoint.tokenizer, checkpoint.eos_ids)
        self._books = UsageCounter()

    @classmethod
    def open(
        cls, checkpoint: Checkpoint, settings: Settings, rows: int | None
    ) -> HuggingFaceBackend:
        """The backend of a loaded model, with at most ``rows`` sequences in a pass.

        Raises:
            UsageError: The settings want the chat template, and the tokenizer has none.
        """
        engine = CheckedEngine(checkpoint, settings, rows)
        return cls(checkpoint, engine, _use_chat(checkpoint, settings))

    # ---- what it is

    @cached_property
    def fingerprint(self) -> str:
        """Identifies weights, tokenizer, dtype, chat switch and length."""
        return fingerprint.of_checkpoint(self.checkpoint, self._chat)

    @property
    def doubts(self) -> int:
        """How often answers that were given earlier turned out to be wrong."""
        return self._engine.doubts

    @property
    def wrong_paths(self) -> Sequence[str]:
        """The engine's paths that gave wrong answers, here or in another worker."""
        return tuple(self._engine.wrong_paths)

    def distrust(self, paths: Collection[str]) -> None:
        """Leaves paths that another worker saw to be wrong."""
        self._engine.distrust(paths)

    @property
    def usage(self) -> Usage:
        """Tokens so far; those asked for are the computed and the reused ones."""
        return self._books.usage(self._engine.computed_tokens)

    def describe(self) -> Mapping[str, object]:
        """Facts for reports.

        ``truncated`` counts prompts cut on the left to fit the model; ``rounding_error`` is how far
        half precision puts a token's log-probability off (``Reference.error``), where it was seen.
        """
        facts: dict[str, object] = {
            **self.checkpoint.describe(),
            "chat_template": self._chat,
            "engine": self._engine.name,
            "engine_notes": list(self._engine.notes),
            "truncated": self._books.truncated,
        }
        if self._engine.rounding_error is not None:
            facts["rounding_error"] = float(f"{self._engine.rounding_error:.2g}")
        return facts

    def close(self) -> None:
        """Frees the model; it answers nothing from then on."""
        self._engine.close()
        self.checkpoint.release()

    # ---- what it does

    def check(self, requests: Sequence[Request]) -> None:
        """Finds before the first answer what the chat template refuses.

        Raises:
            ModelError: It refuses a form of conversation, such as one with a system turn.
        """
        self._encoder.check_turns(requests)

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """Answers each request once, as soon as its batch ends.

        Batches are encoded in a thread of their own, while the one before computes.
        """
        first, *others = cut_batches(requests) or [()]
        batch = self._encode(first)  # nothing computes yet
        with ThreadPoolExecutor(max_workers=1) as encoding:
            for following in [*others, None]:
                encoded = None if following is None else encoding.submit(self._encode, following)
                for key, response in self._answer(batch):
                    self._books.requests += 1
                    yield key, response
                if encoded is not None:
                    batch = encoded.result()

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
        """The tokens of these requests, and how few are computed where beginnings are shared.

        Nothing is run. Completion tokens are the most that may come; sharing is that of the
        tree engine, whatever engine this architecture turns out to need.
        """
        prompt = computed = completion = 0
        for part in cut_batches(requests):
            batch = self._encode(part)
            rows = [window.tokens[:-1] for _, window in batch.scored]
            rows += [item.tokens for _, item in batch.continued]
            rows = [row for row in rows if row]
            prompt += sum(map(len, rows))
            computed += len(build_tree(rows))
            completion += sum(item.sampling.max_tokens for _, item in batch.continued)
        return Usage(
            requests=len(requests),
            prompt_tokens=prompt,
            completion_tokens=completion,
            computed_tokens=computed,
            reused_tokens=prompt - computed,
        )

    def prompt_texts(self, requests: Sequence[KeyedRequest]) -> Mapping[str, str]:
        """Key → the tokens that the model reads, decoded; what is scored of them is in ⟦ ⟧."""
        found: dict[str, str] = {}
        decode = self.checkpoint.tokenizer.decode
        batch = self._encode(requests)
        for key, window in batch.scored:
            context, scored = window.tokens[: -window.targets], window.tokens[-window.targets :]
            found[key] = found.get(key, "") + f"{decode(context)}⟦{decode(scored)}⟧"
        for key, item in batch.continued:
            found[key] = decode(item.tokens)
        return found

    def _encode(self, requests: Sequence[KeyedRequest]) -> _Batch:
        batch = _Batch()
        pairs: list[tuple[str, Loglikelihood]] = []
        texts: list[tuple[str, RollingLoglikelihood]] = []
        prompts: list[tuple[str, Generate]] = []
        for item in requests:
            match item.request:
                case Loglikelihood() as pair:
                    pairs.append((item.key, pair))
                case RollingLoglikelihood() as text:
                    texts.append((item.key, text))
                case Generate(sampling=sampling) as prompt if sampling.n == 1:
                    prompts.append((item.key, prompt))
                case Generate():
                    batch.failed(item.key, "one completion a request: n must be 1")
                case other:
                    batch.failed(item.key, f"{type(other).__name__} is not supported by hf")
        encoder = self._encoder
        for (key, _), scored in zip(
            pairs, encoder.loglikelihoods([pair for _, pair in pairs]), strict=True
        ):
            if isinstance(scored, EncodingError):
                batch.failed(key, str(scored))
            else:
                batch.score(key, (scored,))
        for (key, _), windows in zip(
            texts, encoder.rolling([text for _, text in texts]), strict=True
        ):
            batch.score(key, windows)
        for (key, generate), prefix in zip(
            prompts, encoder.prompts([prompt for _, prompt in prompts]), strict=True
        ):
            if isinstance(prefix, EncodingError):
                batch.failed(key, str(prefix))
            else:
                batch.generate(key, prefix, generate, self._stops.opening(prefix.tokens))
        return batch

    def _answer(self, batch: _Batch) -> Iterator[tuple[str, Response]]:
        self._books.truncated += batch.truncated
        yield from batch.ready
        sums: dict[str, list[Logprob]] = {key: [] for key in batch.windows}
        for index, score in self._engine.score([window for _, window in batch.scored]):
            key, window = batch.scored[index]
            self._books.prompt_tokens += len(window.tokens) - 1
            sums[key].append(score)
            if len(sums[key]) == batch.windows[key]:
                yield key, _total(sums.pop(key))
        for index, said in self._engine.generate([item for _, item in batch.continued]):
            key, item = batch.continued[index]
            self._books.prompt_tokens += len(item.tokens)
            self._books.completion_tokens += len(said.tokens)
            yield (
                key,
                self._stops.completion(said.tokens, item.sampling.stop, said.logprob, item.opening),
            )


@dataclass(slots=True)
class _Batch:
    """Encoded requests: those answered already, those to score and those to continue."""

    ready: list[tuple[str, Response]] = field(default_factory=list)
    windows: dict[str, int] = field(default_factory=dict)
    scored: list[tuple[str, Scored]] = field(default_factory=list)
    continued: list[tuple[str, Continue]] = field(default_factory=list)
    truncated: int = 0

    def failed(self, key: str, reason: str) -> None:
        self.ready.append((key, Failed(reason)))

    def score(self, key: str, windows: tuple[Scored, ...]) -> None:
        windows = tuple(window for window in windows if window.targets)
        if not windows:
            self.ready.append((key, Logprob(0.0, 0, True)))
            return
        self.windows[key] = len(windows)
        self.scored.extend((key, window) for window in windows)
        self.truncated += sum(window.truncated for window in windows)

    def generate(self, key: str, prefix: Prefix, request: Generate, opening: str) -> None:
        self.continued.append((key, Continue(prefix.tokens, request.sampling, opening)))
        self.truncated += prefix.truncated


def _total(scores: Sequence[Logprob]) -> Logprob:
    return Logprob(
        sum(score.total for score in scores),
        sum(score.token_count for score in scores),
        all(score.is_greedy for score in scores),
    )


def _use_chat(checkpoint: Checkpoint, settings: Settings) -> bool:
    has_template = checkpoint.tokenizer.chat_template is not None
    if settings.chat_template == "on" and not has_template:
        raise UsageError(
            "chat_template = 'on', and the tokenizer has no chat template",
            "Save one with the tokenizer (chat_template.jinja), or leave the option out",
        )
    return has_template and settings.chat_template != "off"
