"""The vLLM backend over a stand-in engine: a real model behind the interface vLLM publishes.

vLLM itself needs a GPU. What is tested here is all that is ours: encoding, what is asked for,
and reading the outputs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MissingExtraError, TimeIsUpError, UsageError
from harness.protocols import BackendOptions, Deadline, checks_deadline
from harness.testing import check_backend, keyed
from harness.types import (
    Classify,
    Completion,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    Request,
    Response,
    RollingLoglikelihood,
    Sampling,
)
from harness_backends.hf import open_hf
from harness_backends.vllm import backend as module
from harness_backends.vllm import open_vllm
from harness_backends.vllm.backend import VLLMBackend

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LENGTH = 96


@dataclass
class Entry:
    """``vllm.logprobs.Logprob``."""

    logprob: float
    rank: int
    decoded_token: str | None = None


@dataclass
class Answer:
    """``vllm.CompletionOutput``."""

    text: str
    token_ids: Sequence[int]
    finish_reason: str | None
    logprobs: list[dict[int, Entry]] | None = None


@dataclass
class Output:
    """``vllm.RequestOutput``."""

    outputs: list[Answer]
    prompt_logprobs: list[dict[int, Entry] | None] | None
    num_cached_tokens: int | None = None


@dataclass
class Parameters:
    """``vllm.SamplingParams``."""

    max_tokens: int = 16
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    stop_token_ids: list[int] = field(default_factory=list)
    prompt_logprobs: int | None = None
    logprob_token_ids: list[int] | None = None
    skip_reading_prefix_cache: bool | None = None
    detokenize: bool = True


BLOCK = 4


class Engine:
    """``vllm.LLM`` as far as it is used, with its prefix cache of whole blocks.

    What is read from the cache has no log-probabilities; others stand in their place.
    """

    def __init__(self, folder: Path, tokenizer: Any) -> None:
        self._model = transformers.AutoModelForCausalLM.from_pretrained(str(folder)).eval()
        self._tokenizer = tokenizer
        self._blocks: set[tuple[int, ...]] = set()
        self.prompts: list[list[int]] = []

    def generate(self, prompts: Any, sampling_params: Any, *, use_tqdm: bool) -> list[Output]:
        several = isinstance(sampling_params, list)
        each = sampling_params if several else [sampling_params] * len(prompts)
        return [
            self._one(prompt["prompt_token_ids"], parameters)
            for prompt, parameters in zip(prompts, each, strict=True)
        ]

    def _one(self, ids: list[int], parameters: Parameters) -> Output:
        assert len(ids) + parameters.max_tokens <= LENGTH, "the engine refuses longer ones"
        assert parameters.temperature == 0.0
        fed = torch.tensor([ids])
        cached = self._cached(ids, parameters)
        self.prompts.append(ids)
        with torch.no_grad():
            table = torch.log_softmax(self._model(fed).logits[0].float(), -1)
            new = self._model.generate(
                fed,
                attention_mask=torch.ones_like(fed),
                max_new_tokens=parameters.max_tokens,
                do_sample=False,
                eos_token_id=[1, *parameters.stop_token_ids],
            )[0, len(ids) :].tolist()
        logprobs: list[dict[int, Entry] | None] | None = None
        if parameters.prompt_logprobs:
            logprobs = [None, *map(self._position, table[:-1], ids[1:])]
            logprobs[1 : cached + 1] = [{-1: Entry(-0.5, 1)}] * cached
        text = self._tokenizer.decode(new, skip_special_tokens=True)
        places = [text.find(stop) for stop in parameters.stop if stop in text]
        reason = "stop" if places or new[-1] == 1 else "length"
        text = text[: min(places)] if places else text
        text = text if parameters.detokenize else ""
        asked = [*(parameters.logprob_token_ids or ()), new[0]]
        following = [{each: Entry(table[-1, each].item(), 1) for each in asked}]
        return Output([Answer(text, new, reason, following)], logprobs, cached)

    def _cached(self, ids: list[int], parameters: Parameters) -> int:
        """How many tokens are found in the cache, which then holds these."""
        skip = parameters.skip_reading_prefix_cache
        skip = bool(parameters.prompt_logprobs) if skip is None else skip
        blocks = [tuple(ids[:end]) for end in range(BLOCK, len(ids), BLOCK)]
        found = 0 if skip else BLOCK * sum(each in self._blocks for each in blocks)
        self._blocks.update(blocks)
        return found

    def _position(self, row: Any, token: int) -> dict[int, Entry]:
        best = int(row.argmax())
        return {
            each: Entry(row[each].item(), int((row > row[each]).sum()) + 1)
            for each in dict.fromkeys((token, best))
        }


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model over bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("model")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate(["<s>", "</s>", *alphabet])}
    raw = Tokenizer(models.BPE(vocabulary, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}] {{ m.content }} {% endfor %}"
    torch.manual_seed(5)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=LENGTH,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    model = transformers.LlamaForCausalLM(config)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def vllm_backend(folder: Path, chat: bool = False) -> VLLMBackend:
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    engine = Engine(folder, tokenizer)
    return VLLMBackend("tiny", engine, Parameters, tokenizer, LENGTH, chat, "abc")


def ask(backend: Any, requests: Sequence[Request]) -> list[Response]:
    work = keyed(requests)
    answers = dict(backend.run(work))
    return [answers[each.key] for each in work]


SCORED: list[Request] = [
    Loglikelihood("The fox", " jumps"),
    Loglikelihood("The fox ", "jumps"),
    Loglikelihood("", "Whole"),
    Loglikelihood("x" * 150, " cut on the left"),
    Loglikelihood("a", "b" * 150),
    RollingLoglikelihood("A text that is longer than the model, so that it takes windows. " * 4),
    RollingLoglikelihood(""),
]
CONTINUED: list[Request] = [
    Generate("The fox", Sampling(max_tokens=8)),
    Generate("y" * 150, Sampling(max_tokens=8)),
    Generate("no room", Sampling(max_tokens=LENGTH)),
]


@pytest.mark.parametrize("chat", [False, True])
def test_answers_are_those_of_the_hf_backend(checkpoint: Path, chat: bool) -> None:
    ours = vllm_backend(checkpoint, chat)
    switch = {"chat_template": "on" if chat else "off", "engine": "plain"}
    for requests, room in ((SCORED, LENGTH - 2), (CONTINUED, LENGTH)):
        values = {**switch, "max_length": str(room)}
        options = BackendOptions(str(checkpoint), dtype="float32", device="cpu", values=values)
        theirs = ask(open_hf(options), requests)
        for one, other in zip(ask(ours, requests), theirs, strict=True):
            match one, other:
                case Logprob(), Logprob():
                    assert one.total == pytest.approx(other.total, abs=1e-4)
                    assert (one.token_count, one.is_greedy) == (other.token_count, other.is_greedy)
                case Completion(), Completion():
                    assert (one.text, one.finish_reason) == (other.text, other.finish_reason)
                case _:
                    assert isinstance(one, Failed)
                    assert isinstance(other, Failed)


def test_options_of_one_token_are_one_prompt(checkpoint: Path) -> None:
    backend = vllm_backend(checkpoint)
    ask(backend, [Loglikelihood("Which one?", letter) for letter in "ABCD"])
    ask(backend, [Loglikelihood("Which one?", letter) for letter in "AB"])
    engine = backend._model
    assert isinstance(engine, Engine)
    assert len(engine.prompts) == 2
    assert backend.usage.prompt_tokens == 6 * 12
    assert backend.usage.computed_tokens == 11 + 11 - 8


def test_a_prompt_whose_scored_tokens_lie_in_the_cache_is_computed_whole(checkpoint: Path) -> None:
    requests = [
        Loglikelihood("Once", " upon a time there was a fox"),
        Loglikelihood("Once", " upon"),
    ]
    backend = vllm_backend(checkpoint)
    first = ask(backend, requests)
    assert backend.usage.computed_tokens == backend.usage.prompt_tokens - 8 + 10
    assert backend.usage.reused_tokens == 0
    again = ask(backend, requests)
    assert again == first
    engine = backend._model
    assert isinstance(engine, Engine)
    assert len(engine.prompts) == 3 + 4


def test_a_version_that_names_no_tokens_scores_prompts(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ask(vllm_backend(checkpoint), SCORED)
    monkeypatch.delattr(Parameters, "logprob_token_ids")
    old = vllm_backend(checkpoint)
    assert isinstance(old._model, Engine)
    for one, other in zip(ask(old, SCORED), expected, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Logprob) and isinstance(other, Logprob):
            assert one.total == pytest.approx(other.total, abs=1e-5)


def test_the_text_is_cut_at_the_first_stop_string(checkpoint: Path) -> None:
    backend = vllm_backend(checkpoint)
    (whole,) = ask(backend, [Generate("The fox", Sampling(max_tokens=20))])
    assert isinstance(whole, Completion)
    stop = whole.text[3:5]
    (cut,) = ask(backend, [Generate("The fox", Sampling(max_tokens=20, stop=(stop, "")))])
    assert isinstance(cut, Completion)
    assert cut.text == whole.text[: whole.text.find(stop)]
    assert cut.finish_reason == "stop"


def test_what_it_cannot_answer(checkpoint: Path) -> None:
    requests: list[Request] = [Generate("x", Sampling(n=2)), Classify("x", ("a",))]
    assert all(isinstance(each, Failed) for each in ask(vllm_backend(checkpoint), requests))


def test_the_contract(checkpoint: Path) -> None:
    check_backend(vllm_backend(checkpoint), [*SCORED, *CONTINUED])


def test_a_batch_is_finished_when_the_time_is_up(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(checkpoint))
    engine = Engine(checkpoint, tokenizer)
    deadline = Deadline(60, time.monotonic())
    backend = VLLMBackend("tiny", engine, Parameters, tokenizer, LENGTH, False, "abc", deadline)
    assert checks_deadline(backend)
    answers = backend.run(keyed(CONTINUED))
    first = next(answers)
    object.__setattr__(deadline, "seconds", 0.0)
    assert len({first[0], next(answers)[0]}) == 2
    with pytest.raises(TimeIsUpError):
        next(answers)


def test_usage(checkpoint: Path) -> None:
    backend = vllm_backend(checkpoint)
    ask(backend, [Generate("abc", Sampling(max_tokens=2))])
    assert (backend.usage.prompt_tokens, backend.usage.requests) == (4, 1)


def test_the_forecast_is_what_the_run_then_takes(checkpoint: Path) -> None:
    backend = vllm_backend(checkpoint)
    work = keyed([*SCORED, *CONTINUED])
    forecast = backend.forecast(work)
    assert backend.usage.prompt_tokens == 0
    list(backend.run(work))
    assert forecast.prompt_tokens == backend.usage.prompt_tokens
    assert forecast.completion_tokens == 8 + 8
    assert forecast.computed_tokens + forecast.reused_tokens == forecast.prompt_tokens
    assert forecast.reused_tokens > 0


def test_without_vllm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingExtraError, match=r"evalign\[vllm\]"):
        open_vllm(BackendOptions("somewhere"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tensor_parallel_size", "0"),
        ("gpu_memory_utilization", "2"),
        ("gpu_memory_utilization", "much"),
        ("max_length", "1"),
        ("chat_template", "maybe"),
    ],
)
def test_bad_options_are_named(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{key} (is )?'{value}'"):
        open_vllm(BackendOptions("m", values={key: value}))
