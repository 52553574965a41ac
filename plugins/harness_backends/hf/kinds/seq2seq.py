"""Encoder-decoders: each distinct source through the encoder once, then the decoder over it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from harness.authoring.chat.encoding import Encoder, EncodingError, Tokens
from harness.types import (
    Failed,
    Generate,
    KeyedRequest,
    Loglikelihood,
    Logprob,
    Request,
    Usage,
)
from harness_backends.hf.kinds.backend import Answered
from harness_backends.hf.kinds.encoding import Pair, PairEncoder, Source
from harness_backends.hf.kinds.languages import set_languages
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import Continue, Rows, score_rows
from harness_backends.hf.settings import Settings
from harness_backends.hf.stopping import StopRules

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Encoded:
    """Sources after the encoder; padded on the right, where the mask hides it.

    Attributes:
        places: Source → row.
        states: Shape [sources, longest, width].
        mask: Shape [sources, longest].
    """

    places: Mapping[Tokens, int]
    states: torch.Tensor
    mask: torch.Tensor


class Seq2SeqAnswerer:
    """Implements ``Answerer`` for encoder-decoders.

    Args:
        checkpoint: The model.
        settings: Languages.
        budget: How many tokens and rows one pass may have.

    Raises:
        UsageError: A language cannot be set.
    """

    supports: frozenset[type] = frozenset({Loglikelihood, Generate})

    def __init__(self, checkpoint: Checkpoint, settings: Settings, budget: Budget) -> None:
        self.computed_tokens = 0
        self._checkpoint, self._budget = checkpoint, budget
        self._languages = set_languages(checkpoint, settings)
        encoder = Encoder(checkpoint.tokenizer, checkpoint.max_length, chat=False, ends=True)
        self._encoder = PairEncoder(encoder, self._languages)
        self._stops = StopRules(checkpoint.tokenizer, checkpoint.eos_ids)

    @property
    def identity(self) -> Mapping[str, object]:
        """See ``Answerer``."""
        return {"source_lang": self._languages.source, "target_lang": self._languages.target}

    def check(self, requests: Sequence[Request]) -> None:
        """Raises where chat messages come without a chat template.

        Raises:
            ModelError: The tokenizer has none.
        """
        for request in requests:
            match request:
                case Loglikelihood(context=prompt) | Generate(prompt=prompt):
                    self._encoder.render(prompt)

    def answer(self, requests: Sequence[KeyedRequest]) -> Iterator[Answered]:
        """See ``Answerer``."""
        pairs, sources, failed = self._encode(requests)
        yield from failed
        yield from self._score(pairs)
        yield from self._generate(sources)

    def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
        """See ``Answerer``; tokens that are generated are counted at their most."""
        pairs, sources, _ = self._encode(requests)
        decoded = sum(len(pair.target.tokens) - 1 for _, pair in pairs)
        every = [pair.source for _, pair in pairs] + [source.tokens for _, source in sources]
        scored = {pair.source for _, pair in pairs if pair.target.targets}
        continued = {source.tokens for _, source in sources}
        return Usage(
            prompt_tokens=sum(map(len, every)) + decoded,
            completion_tokens=sum(source.sampling.max_tokens for _, source in sources),
            computed_tokens=sum(map(len, scored)) + sum(map(len, continued)) + decoded,
        )

    def _encode(
        self, requests: Sequence[KeyedRequest]
    ) -> tuple[list[tuple[str, Pair]], list[tuple[str, Source]], list[Answered]]:
        asked: list[tuple[str, Loglikelihood]] = []
        prompts: list[tuple[str, Generate]] = []
        failed: list[Answered] = []
        for item in requests:
            match item.request:
                case Loglikelihood() as request:
                    asked.append((item.key, request))
                case Generate(sampling=sampling) as prompt if sampling.n == 1:
                    prompts.append((item.key, prompt))
                case Generate():
                    failed.append(
                        Answered(item.key, Failed("one completion a request: n must be 1"))
                    )
        pairs = self._encoder.pairs([request for _, request in asked])
        sources = self._encoder.sources([prompt for _, prompt in prompts])
        return (
            _good([key for key, _ in asked], pairs, failed),
            _good([key for key, _ in prompts], sources, failed),
            failed,
        )

    def _passes(
        self,
        items: Sequence[Item],
        length: Callable[[Item], int],
        forward: Callable[[list[Item]], Result],
    ) -> Iterator[tuple[list[Item], Result]]:
        """(batch, ``forward(batch)``) of all items, in their order, within the budget."""
        for batch, result in self._budget.run(
            range(len(items)),
            lambda index: length(items[index]),
            lambda batch: forward([items[index] for index in batch]),
        ):
            yield [items[index] for index in batch], result

    # ---- scoring

    def _score(self, pairs: Sequence[tuple[str, Pair]]) -> Iterator[Answered]:
        users: dict[Tokens, list[tuple[str, Pair]]] = defaultdict(list)
        for key, pair in pairs:
            if pair.target.targets:
                users[pair.source].append((key, pair))
            else:
                yield Answered(key, Logprob(0.0, 0, True))
        sources = sorted(users, key=len, reverse=True)
        for batch, encoded in self._passes(sources, len, self._run_encoder):
            self.computed_tokens += sum(map(len, batch))
            rows = [row for source in batch for row in users[source]]
            rows.sort(key=lambda row: -len(row[1].target.tokens))
            for part, scores in self._passes(
                rows,
                # The decoder's own tokens, and the source's that each row attends to.
                lambda row: len(row[1].target.tokens) + len(row[1].source),
                lambda part: self._score_rows(encoded, [pair for _, pair in part]),  # noqa: B023
            ):
                for (key, pair), score in zip(part, scores, strict=True):
                    fed = len(pair.target.tokens) - 1
                    self.computed_tokens += fed
                    yield Answered(key, score, len(pair.source) + fed, truncated=pair.truncated)

    @torch.inference_mode()
    def _run_encoder(self, sources: Sequence[Tokens]) -> _Encoded:
        device = self._checkpoint.device
        ids = torch.zeros(len(sources), max(map(len, sources)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, source in enumerate(sources):
            ids[row, : len(source)] = torch.tensor(source)
            mask[row, : len(source)] = 1
        mask = mask.to(device)
        states = self._checkpoint.model.get_encoder()(
            input_ids=ids.to(device), attention_mask=mask
        ).last_hidden_state
        return _Encoded({source: row for row, source in enumerate(sources)}, states, mask)

    def _for_rows(self, encoded: _Encoded, sources: Sequence[Tokens]) -> dict[str, Any]:
        """The encoder's part of a call of the whole model, one row for each of ``sources``."""
        from transformers.modeling_outputs import BaseModelOutput

        longest = max(map(len, sources))
        places = torch.tensor([encoded.places[source] for source in sources])
        places = places.to(encoded.mask.device)
        return {
            "encoder_outputs": BaseModelOutput(last_hidden_state=encoded.states[places, :longest]),
            "attention_mask": encoded.mask[places, :longest],
        }

    @torch.inference_mode()
    def _score_rows(self, encoded: _Encoded, pairs: Sequence[Pair]) -> list[Logprob]:
        """One pass of the decoder, padded on the right, where it cannot see it."""
        width = max(len(pair.target.tokens) for pair in pairs) - 1
        ids = torch.zeros(len(pairs), width, dtype=torch.long)
        for row, pair in enumerate(pairs):
            ids[row, : len(pair.target.tokens) - 1] = torch.tensor(pair.target.tokens[:-1])
        logits = self._checkpoint.model(
            **self._for_rows(encoded, [pair.source for pair in pairs]),
            decoder_input_ids=ids.to(self._checkpoint.device),
            use_cache=False,
        ).logits
        scores = []
        for row, pair in enumerate(pairs):
            fed = len(pair.target.tokens) - 1
            scores.append(score_rows(logits[row, fed - pair.target.targets : fed], pair.target))
        return scores

    # ---- generation

    def _generate(self, sources: Sequence[tuple[str, Source]]) -> Iterator[Answered]:
        order = sorted(sources, key=lambda item: -len(item[1].tokens))
        for batch, said in self._passes(
            order,
            lambda item: len(item[1].tokens) + item[1].sampling.max_tokens,
            lambda batch: self._generate_rows([source for _, source in batch]),
        ):
            self.computed_tokens += sum(map(len, {source.tokens for _, source in batch}))
            for (key, source), (tokens, logprob) in zip(batch, said, strict=True):
                self.computed_tokens += len(tokens)
                yield Answered(
                    key,
                    self._stops.completion(tokens, source.sampling.stop, logprob),
                    len(source.tokens),
                    len(tokens),
                    source.truncated,
                )

    @torch.inference_mode()
    def _generate_rows(self, sources: Sequence[Source]) -> list[tuple[Tokens, float]]:
        from transformers import LogitsProcessorList, StoppingCriteriaList

        encoded = self._run_encoder(list(dict.fromkeys(source.tokens for source in sources)))
        rows = Rows([Continue(source.tokens, source.sampling) for source in sources], self._stops)
        self._checkpoint.model.generate(
            **self._for_rows(encoded, [source.tokens for source in sources]),
            max_new_tokens=max(source.sampling.max_tokens for source in sources),
            do_sample=False,
            logits_processor=LogitsProcessorList([rows.choose]),
            stopping_criteria=StoppingCriteriaList([rows.all_done]),
        )
        return [(said.tokens, said.logprob) for said in rows.continued()]


def _good(
    keys: Sequence[str], encoded: Sequence[Item | EncodingError], failed: list[Answered]
) -> list[tuple[str, Item]]:
    """What could be encoded; the rest is added to ``failed``."""
    good: list[tuple[str, Item]] = []
    for key, item in zip(keys, encoded, strict=True):
        if isinstance(item, EncodingError):
            failed.append(Answered(key, Failed(str(item))))
        else:
            good.append((key, item))
    return good
