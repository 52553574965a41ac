"""``transformers serve`` over a local checkpoint: the texts of the local backend."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.protocols import BackendOptions
from harness.testing import check_backend, keyed
from harness.types import Completion, Generate, Message, Request, Sampling
from harness_backends.hf import open_hf

transformers = pytest.importorskip("transformers")
pytest.importorskip("uvicorn", reason="needs transformers[serving]")
pytest.importorskip("fastapi", reason="needs transformers[serving]")

START_SECONDS = 120
SERVE = "from transformers.cli.transformers import main; main()"


@contextmanager
def serving(checkpoint: Path, log: Path) -> Iterator[str]:
    """A server process; gives its base URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-c", SERVE, "serve", str(checkpoint), *address, "--device", "cpu"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            with opener.open(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"the server did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def chat_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model whose tokenizer has a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("chat-model")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate(["<s>", "</s>", *alphabet])}
    raw = Tokenizer(models.BPE(vocabulary, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", model_max_length=512
    )
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant] {% endif %}"
    )
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    model = transformers.LlamaForCausalLM(config)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.2)
    # Bytes that are no text would be replaced on both sides, which proves less.
    with torch.no_grad():
        for token, place in vocabulary.items():
            if not (len(token) == 1 and (token.isascii() or token == "Ġ")):
                model.lm_head.weight[place] = 0.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


PROMPTS = ("Once upon a time", "The little dog", "Who are you?", "One day, Lily and Tom")
REQUESTS: list[Request] = [
    *(Generate(prompt, Sampling(max_tokens=16)) for prompt in PROMPTS),
    *(Generate(prompt, Sampling(max_tokens=40, stop=(".", "e t", "\n"))) for prompt in PROMPTS),
]
CHAT: list[Request] = [
    *REQUESTS,
    Generate((Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "Who?"))),
]


def texts(backend: Any, requests: list[Request]) -> list[str]:
    work = keyed(requests)
    answers = dict(backend.run(work))
    backend.close()
    found = [answers[each.key] for each in work]
    assert all(isinstance(each, Completion) for each in found), found
    return [each.text for each in found if isinstance(each, Completion)]


def expected(checkpoint: Path, requests: list[Request], chat_template: str) -> list[str]:
    values = {"chat_template": chat_template, "engine": "plain"}
    options = BackendOptions(str(checkpoint), dtype="float32", device="cpu", values=values)
    return texts(open_hf(options), requests)


@pytest.mark.slow
def test_chat_and_completions_give_the_local_texts(
    chat_checkpoint: Path, connect: Any, tmp_path: Path
) -> None:
    with serving(chat_checkpoint, tmp_path / "log") as url:
        model = str(chat_checkpoint)
        chat = connect(url, model=model, endpoint="auto", max_concurrency="4")
        assert chat.describe()["endpoint"] == "chat"
        assert texts(chat, CHAT) == expected(chat_checkpoint, CHAT, "on")
        plain = connect(url, model=model, endpoint="completions", logprobs="auto")
        assert plain.describe()["logprobs"] == "none"  # this server has none to give
        assert texts(plain, REQUESTS) == expected(chat_checkpoint, REQUESTS, "off")
        check_backend(connect(url, model=model, endpoint="completions"), REQUESTS[:3])


@pytest.mark.slow
@pytest.mark.shared
def test_a_real_model_without_a_chat_template(shared: Path, connect: Any, tmp_path: Path) -> None:
    checkpoint = shared / "models" / "stories260k"
    with serving(checkpoint, tmp_path / "log") as url:
        backend = connect(url, model=str(checkpoint), endpoint="auto", max_concurrency="4")
        assert backend.describe()["endpoint"] == "completions"
        assert texts(backend, REQUESTS) == expected(checkpoint, REQUESTS, "off")
