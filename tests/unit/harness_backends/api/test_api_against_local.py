"""A server over a real model, in vLLM's and in OpenAI's format: same answers as the local backend.

The formats: vLLM, "OpenAI-Compatible Server", extra parameter ``prompt_logprobs`` and its field
in a completion's choice; OpenAI's completions with ``echo`` and ``logprobs``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import plugins, runner
from harness.config import RunSpec
from harness.errors import ModelError, UsageError
from harness.protocols import BackendOptions
from harness.testing import check_backend, keyed
from harness.types import (
    Completion,
    Failed,
    Generate,
    Loglikelihood,
    Logprob,
    Message,
    Request,
    Response,
    RollingLoglikelihood,
    Sampling,
)
from harness_backends.hf import open_hf

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LENGTH = 1024
TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
CORPUS = [
    "The quick brown fox jumps over the lazy dog. Question: who? Answer: the fox.",
    "Is this sentence positive or negative? The film is a joy, and the ending is not.",
    "Once upon a time there was a small town by a river; time went by, year by year.",
] * 20


def build(folder: Path, adds_bos: bool) -> Path:
    """A tiny random Llama with a byte-level BPE tokenizer and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(CORPUS, trainer)
    if adds_bos:
        raw.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", model_max_length=LENGTH
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=380,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
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


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("with-bos"), adds_bos=True)


@pytest.fixture(scope="module")
def checkpoint_without_bos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("without-bos"), adds_bos=False)


class Faithful:
    """Answers as a server of the model in ``folder`` does, in the format of ``kind``."""

    def __init__(self, folder: Path, kind: str, reply: Any) -> None:
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
        self._model = transformers.AutoModelForCausalLM.from_pretrained(str(folder)).eval()
        self._kind, self._reply = kind, reply
        self._lock = threading.Lock()

    def __call__(self, call: Any) -> Any:
        with self._lock, torch.no_grad():
            return self._answer(call.path, call.body)

    def _answer(self, path: str, body: dict[str, Any]) -> Any:
        if path.endswith("/chat/completions"):
            if self._kind == "text-only":
                return self._reply({"error": {"message": "no chat template"}}, 400)
            text = self._tokenizer.apply_chat_template(
                body["messages"], tokenize=False, add_generation_prompt=True
            )
            ids = self._tokenizer(text)["input_ids"]
        else:
            if "prompt_logprobs" in body and self._kind != "vllm":
                message = "Unrecognized request argument supplied: prompt_logprobs"
                return self._reply({"error": {"message": message}}, 400)
            prompt = body["prompt"]
            ids = self._tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt
        if len(ids) + body["max_tokens"] > LENGTH:
            return self._reply({"error": {"message": "maximum context length is 1024"}}, 400)
        fed = torch.tensor([ids])
        new = self._model.generate(
            fed,
            attention_mask=torch.ones_like(fed),
            max_new_tokens=body["max_tokens"],
            do_sample=False,
        )[0, len(ids) :].tolist()
        text = self._cut(self._tokenizer.decode(new, skip_special_tokens=True), body)
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(new)}
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length" if new[-1] != 1 else "stop"}
        if path.endswith("/chat/completions"):
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice |= {"text": text, **self._logprobs(ids, new, body)}
        return self._reply({"object": "x", "choices": [choice], "usage": usage})

    def _logprobs(self, ids: list[int], new: list[int], body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        tokens = ids + new
        table = torch.log_softmax(self._model(torch.tensor([tokens])).logits[0].float(), -1)
        if body.get("prompt_logprobs"):
            found["prompt_logprobs"] = [None] + [
                self._position(table[place], ids[place + 1]) for place in range(len(ids) - 1)
            ]
        if body.get("echo") and body.get("logprobs") and self._kind != "silent":
            names = [self._tokenizer.decode([token]) for token in tokens]
            best = [row.max(-1) for row in table]
            found["logprobs"] = {
                "tokens": names,
                "text_offset": [len("".join(names[:place])) for place in range(len(names))],
                "token_logprobs": [None]
                + [table[place, tokens[place + 1]].item() for place in range(len(tokens) - 1)],
                "top_logprobs": [None]
                + [
                    {self._tokenizer.decode([row.indices.item()]): row.values.item()}
                    for row in best[:-1]
                ],
            }
        return found

    def _position(self, row: Any, token: int) -> dict[str, Any]:
        """vLLM's map: token id → logprob, rank, text; the best token and the prompt's own."""
        best = int(row.argmax())
        return {
            str(each): {
                "logprob": row[each].item(),
                "rank": int((row > row[each]).sum()) + 1,
                "decoded_token": self._tokenizer.decode([each]),
            }
            for each in dict.fromkeys((token, best))
        }

    @staticmethod
    def _cut(text: str, body: dict[str, Any]) -> str:
        places = [text.find(stop) for stop in body.get("stop", ()) if stop in text]
        return text[: min(places)] if places else text


@pytest.fixture(scope="module")
def opened() -> dict[object, Any]:
    """Models that were loaded before: loading takes longer than asking."""
    return {}


@pytest.fixture
def faithful(serve: Any, reply: Any, opened: dict[object, Any]) -> Callable[[Path, str], Any]:
    """Starts a server of a checkpoint."""

    def start(folder: Path, kind: str) -> Any:
        if (folder, kind) not in opened:
            opened[folder, kind] = Faithful(folder, kind, reply)
        return serve(opened[folder, kind])

    return start


@pytest.fixture
def local(opened: dict[object, Any]) -> Callable[..., Any]:
    """The local backend of a checkpoint."""

    def open_one(folder: Path, **values: str) -> Any:
        name = (folder, *sorted(values.items()))
        if name not in opened:
            plain = {"engine": "plain", **values}  # the quicker one for so small a model
            options = BackendOptions(str(folder), dtype="float32", device="cpu", values=plain)
            opened[name] = open_hf(options)
        return opened[name]

    return open_one


def ask(backend: Any, requests: list[Request]) -> list[Response]:
    work = keyed(requests)
    answers = dict(backend.run(work))
    return [answers[each.key] for each in work]


def assert_same(ours: list[Response], expected: list[Response]) -> None:
    assert len(ours) == len(expected)
    for one, other in zip(ours, expected, strict=True):
        if isinstance(other, Failed):
            assert one == other
            continue
        assert isinstance(one, Logprob)
        assert isinstance(other, Logprob)
        assert one.total == pytest.approx(other.total, abs=1e-4)
        assert (one.token_count, one.is_greedy) == (other.token_count, other.is_greedy)


PAIRS: list[Request] = [
    Loglikelihood("The quick brown", " fox"),
    Loglikelihood("The quick brown ", "fox"),
    Loglikelihood("The quick brown\n\n", "\tfox jumps"),
    Loglikelihood("Once upon a tim", "e"),  # one token with what is before it: nothing to score
    Loglikelihood("Überraschung 你", "好 — 42 %"),
    Loglikelihood("Answer:", " the fox."),
    Loglikelihood("Answer:", " the dog."),
    Loglikelihood("", "The quick brown fox"),
    Loglikelihood("  ", "The lazy dog"),
    Loglikelihood("", " time"),
]
# The boundary falls into a token of the whole. By the field's rule the model is fed the context's
# own tokens then; a server that encodes the whole as one string feeds others.
INSIDE_A_TOKEN: list[Request] = [
    Loglikelihood("Once upon a ti", "me there was"),
    Loglikelihood("A", "nswer"),
]
TEXTS: list[Request] = [RollingLoglikelihood(CORPUS[0]), RollingLoglikelihood("a")]


def greedy_pairs(backend: Any) -> list[Request]:
    """What the model would say itself after some words of the corpus."""
    contexts = [" ".join(CORPUS[0].split()[:count]) for count in range(1, 14)]
    texts = ask(backend, [Generate(context, Sampling(1)) for context in contexts])
    return [
        Loglikelihood(context, text.text)
        for context, text in zip(contexts, texts, strict=True)
        if isinstance(text, Completion) and text.text.isascii() and text.text.strip()
    ]


@pytest.mark.parametrize("kind", ["vllm", "text-only"])
@pytest.mark.parametrize("by_tokens", [False, True], ids=["by-text", "by-tokens"])
def test_log_likelihoods_are_those_of_the_local_backend(
    kind: str, by_tokens: bool, checkpoint: Path, faithful: Any, connect: Any, local: Any
) -> None:
    values = {"tokenizer": str(checkpoint)} if by_tokens else {}
    backend = connect(
        faithful(checkpoint, kind).url, endpoint="completions", logprobs="auto", **values
    )
    assert backend.describe()["logprobs"] == ("prompt_logprobs" if kind == "vllm" else "echo")
    requests = [*PAIRS, *greedy_pairs(local(checkpoint, chat_template="off"))]
    if by_tokens:
        requests += INSIDE_A_TOKEN + TEXTS
    expected = ask(local(checkpoint, chat_template="off"), requests)
    assert sum(isinstance(response, Failed) for response in expected) >= 1
    assert any(isinstance(each, Logprob) and each.is_greedy for each in expected)
    assert_same(ask(backend, requests), expected)


def test_a_context_is_counted_once_for_all_its_continuations(
    checkpoint: Path, faithful: Any, connect: Any
) -> None:
    server = faithful(checkpoint, "vllm")
    backend = connect(server.url, endpoint="completions", logprobs="prompt_logprobs")
    ask(backend, [Loglikelihood("Answer:", f" {word}") for word in ["the", "fox", "and", "dog"]])
    assert len(server.calls) == 5


def test_chat_models_are_scored_through_their_template(
    checkpoint: Path, faithful: Any, connect: Any, local: Any
) -> None:
    server = faithful(checkpoint, "vllm")
    backend = connect(server.url, endpoint="auto", tokenizer=str(checkpoint))
    assert backend.describe()["endpoint"] == "chat"
    chat = (Message("user", "Who?"), Message("assistant", "The dog."), Message("user", "Sure?"))
    requests = [*PAIRS, *TEXTS, Loglikelihood(chat, " Yes")]
    assert_same(ask(backend, requests), ask(local(checkpoint), requests))


def test_without_a_bos_token_the_tokenizer_is_needed_for_empty_contexts(
    checkpoint_without_bos: Path, faithful: Any, connect: Any, local: Any
) -> None:
    server = faithful(checkpoint_without_bos, "vllm")
    by_text = connect(server.url, endpoint="completions", logprobs="auto")
    with_context = [
        pair for pair in PAIRS if isinstance(pair, Loglikelihood) and pair.context.strip()
    ]  # type: ignore[union-attr]
    expected = ask(local(checkpoint_without_bos, chat_template="off"), PAIRS + TEXTS)
    assert_same(
        ask(by_text, list(with_context)),
        [each for each, pair in zip(expected, PAIRS, strict=False) if pair in with_context],
    )
    with pytest.raises(ModelError, match=r"puts no BOS token.*\n.*tokenizer=FOLDER"):
        ask(by_text, [Loglikelihood("", "The")])
    by_tokens = connect(
        server.url,
        endpoint="completions",
        logprobs="auto",
        tokenizer=str(checkpoint_without_bos),
    )
    assert_same(ask(by_tokens, PAIRS + TEXTS), expected)


def test_long_texts_are_cut_on_the_left_or_windowed_by_tokens(
    checkpoint: Path, faithful: Any, connect: Any, local: Any
) -> None:
    server = faithful(checkpoint, "vllm")
    long = " ".join(CORPUS)
    requests: list[Request] = [Loglikelihood(long, " fox"), RollingLoglikelihood(long)]
    backend = connect(
        server.url, endpoint="completions", logprobs="auto", tokenizer=str(checkpoint)
    )
    room = str(LENGTH - 2)  # a server is sent the last token, too, and makes one more
    expected = ask(local(checkpoint, chat_template="off", max_length=room), requests)
    assert_same(ask(backend, requests), expected)
    by_text = connect(server.url, endpoint="completions", logprobs="auto")
    reason = "refused: status 400: maximum context length is 1024"
    assert ask(by_text, requests[:1]) == [Failed(reason)]
    assert by_text.supports == {Generate, Loglikelihood}


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_texts_are_those_of_the_local_backend(
    endpoint: str, checkpoint: Path, faithful: Any, connect: Any, local: Any
) -> None:
    requests: list[Request] = [
        Generate("Question: who? Answer:", Sampling(max_tokens=12)),
        Generate("The", Sampling(max_tokens=30, stop=("e", "zz"))),
        Generate("Once upon a time ", Sampling(max_tokens=5)),
    ]
    switch = "on" if endpoint == "chat" else "off"
    expected = ask(local(checkpoint, chat_template=switch), requests)
    ours = ask(connect(faithful(checkpoint, "vllm").url, endpoint=endpoint), requests)
    assert [each.text for each in ours] == [each.text for each in expected]  # type: ignore[union-attr]


def test_a_server_that_ignores_the_question_gives_no_log_probabilities(
    checkpoint: Path, faithful: Any, connect: Any
) -> None:
    backend = connect(faithful(checkpoint, "silent").url, endpoint="completions", logprobs="auto")
    assert backend.describe()["logprobs"] == "none"
    assert backend.supports == {Generate}


def test_chat_endpoints_without_a_tokenizer_give_none(
    checkpoint: Path, faithful: Any, connect: Any
) -> None:
    url = faithful(checkpoint, "vllm").url
    assert connect(url, endpoint="chat").supports == {Generate}
    with pytest.raises(UsageError, match="with a chat endpoint"):
        connect(url, endpoint="chat", logprobs="echo")


def test_a_tokenizer_that_cannot_be_loaded_is_named(tmp_path: Path, connect: Any) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        connect("http://127.0.0.1:1/v1", tokenizer=str(tmp_path))


def test_the_tokenizer_is_part_of_what_identifies_the_answers(
    checkpoint: Path, checkpoint_without_bos: Path, faithful: Any, connect: Any
) -> None:
    url = faithful(checkpoint, "vllm").url
    settings = [
        {},
        {"tokenizer": str(checkpoint)},
        {"tokenizer": str(checkpoint_without_bos)},
        {"tokenizer": str(checkpoint), "max_length": "64"},
    ]
    fingerprints = {
        connect(url, endpoint="completions", logprobs="echo", **each).fingerprint
        for each in settings
    }
    assert len(fingerprints) == len(settings)


@pytest.mark.parametrize("kind", ["vllm", "text-only"])
def test_the_contract(kind: str, checkpoint: Path, faithful: Any, connect: Any) -> None:
    backend = connect(faithful(checkpoint, kind).url, endpoint="completions", logprobs="auto")
    texts = [Generate("The quick", Sampling(max_tokens=4)), Generate("A", Sampling(max_tokens=2))]
    check_backend(backend, [*PAIRS, *texts])


QUESTIONS = [
    {"question": "Who jumps over the dog?", "choices": ["the fox", "a town"], "answer": 0},
    {"question": "Where is the town?", "choices": ["by a river", "upon a time"], "answer": 0},
    {"question": "Is the film a joy?", "choices": ["no", "yes", "it is not"], "answer": 1},
]


def test_a_run_scores_as_the_local_one(
    checkpoint: Path, faithful: Any, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = tmp_path / "questions.jsonl"
    rows.write_text("\n".join(map(json.dumps, QUESTIONS)), encoding="utf-8")
    server = faithful(checkpoint, "vllm")
    registry = plugins.load()
    results = []
    for model, values in (
        (str(checkpoint), {"chat_template": "off"}),
        ("openai:tiny", {"base_url": server.url, "endpoint": "completions"}),
        ("openai:tiny", {"base_url": server.url, "endpoint": "chat"}),
        ("openai:tiny", {"base_url": server.url, "endpoint": "completions"}),
    ):
        spec = RunSpec(
            model,
            ("multiple_choice",),
            data={"multiple_choice": str(rows)},
            dtype="float32",
            device="cpu",
            formats=(),
            backend_settings=values,
            prices={"tiny": {"prompt": 1.0, "completion": 2.0}},
        )
        results.append(runner.run(spec, registry).result)
    local_run, by_text, by_chat, again = results
    assert {result.status for result in results} == {"complete"}
    theirs, ours = (run.tasks["multiple_choice"].metrics for run in (local_run, by_text))
    assert ours.keys() == theirs.keys()
    for name, metric in ours.items():
        assert metric.estimate.value == pytest.approx(theirs[name].estimate.value, abs=1e-4)
    assert by_text.usage.cost is not None
    assert by_text.usage.cost > 0
    # Without log-likelihoods, choices are asked for in words; and nothing is asked twice.
    assert by_chat.usage.requests == len(QUESTIONS)
    assert (again.usage.cached, again.usage.requests) == (7, 7)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or key not in path.read_text("utf-8", "replace")
