"""Who shares stored answers: the same model asked the same way, and nobody else.

Real checkpoints, adapters and servers, and one store on disk that all of them write to.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness import plugins
from harness.config import ModelConfig
from harness.run import models, scheduler
from harness.run.cache import ResponseStore, default_path
from harness.testing import keyed
from harness.types import Generate, Loglikelihood, Request, Sampling

torch = pytest.importorskip("torch")
REGISTRY = plugins.load()
TEXTS: list[Request] = [Generate("The cat", Sampling(max_tokens=3))]
ALL: list[Request] = [*TEXTS, Loglikelihood("The cat", " sat")]
Model = Callable[..., ModelConfig]


def spec(model: Path | str, dtype: str = "float32", batch_size: int | None = None, **values: str):
    return ModelConfig(str(model), dtype=dtype, batch_size=batch_size, settings=values)


def ask(model: ModelConfig, requests: list[Request]) -> list[bool]:
    """Asks anew opened models, and says of each request whether the store knew the answer."""
    with (
        closing(models.open_backend(model, REGISTRY)) as backend,
        ResponseStore(default_path()) as store,
    ):
        return [answer.cached for answer in scheduler.answers(keyed(requests), backend, store)]


def assert_apart(one: ModelConfig, other: ModelConfig, requests: list[Request] = ALL) -> None:
    assert not any(ask(one, requests))
    assert not any(ask(other, requests)), "took the answers of another model"
    assert all(ask(one, requests)), "did not find its own"
    assert all(ask(other, requests)), "did not find its own"


def assert_shared(one: ModelConfig, other: ModelConfig, requests: list[Request] = ALL) -> None:
    assert not any(ask(one, requests))
    assert all(ask(other, requests))


# --------------------------------------------------------------------------- checkpoints


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    from harness_backends import demo

    demo.save(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


@pytest.fixture
def other(checkpoint: Path) -> Path:
    """A copy whose last layer's norm is a little different."""
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(checkpoint, checkpoint.with_name("other"))
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] += 1e-3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_models(checkpoint: Path, other: Path) -> None:
    assert_apart(spec(checkpoint), spec(other))


def test_dtypes(checkpoint: Path) -> None:
    assert_apart(spec(checkpoint), spec(checkpoint, "bfloat16"))


@pytest.fixture
def repository(checkpoint: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's ``someone/model`` as it lies in the local cache, in two revisions."""
    from huggingface_hub import constants

    hub = checkpoint.with_name("hub")
    repository = hub / "models--someone--model"
    for number, (name, folder) in enumerate((("main", checkpoint), ("v2", other)), start=1):
        commit = f"{number:040x}"
        shutil.copytree(folder, repository / "snapshots" / commit)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / name).write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return repository


def test_revisions(repository: Path) -> None:
    assert_apart(spec("someone/model"), spec("someone/model", revision="v2"))
    assert all(ask(spec("someone/model", revision="main"), ALL))


@pytest.mark.parametrize("way", ["of the tokenizer", "switched off"])
def test_chat_templates(checkpoint: Path, way: str) -> None:
    second = spec(checkpoint, chat_template="off")
    if way == "of the tokenizer":
        folder = shutil.copytree(checkpoint, checkpoint.with_name("other-template"))
        template = folder / "chat_template.jinja"
        template.write_text(template.read_text("utf-8") + "{# #}!", encoding="utf-8")
        second = spec(folder)
    assert_apart(spec(checkpoint), second)


def test_lengths(checkpoint: Path) -> None:
    assert_apart(spec(checkpoint), spec(checkpoint, max_length="64"))


def test_a_model_is_the_same_wherever_it_lies_and_however_it_is_computed(checkpoint: Path) -> None:
    copy = shutil.copytree(checkpoint, checkpoint.with_name("copy"))
    assert_shared(spec(checkpoint), spec(copy, batch_size=1, engine="plain"))
    assert all(ask(spec("demo"), ALL))


# --------------------------------------------------------------------------- adapters


def adapter(base: Path, name: str, seed: int) -> Path:
    """A LoRA adapter with random weights, saved as PEFT does."""
    import peft
    import transformers

    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_pretrained(str(base))
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    folder = base.with_name(name)
    peft.get_peft_model(model, config).save_pretrained(str(folder))
    return folder


@pytest.mark.filterwarnings("ignore")  # PEFT's own
def test_adapters(checkpoint: Path, other: Path) -> None:
    pytest.importorskip("peft")
    first, second = adapter(checkpoint, "first", 1), adapter(checkpoint, "second", 2)
    assert_apart(spec(f"peft:{first}"), spec(f"peft:{second}"))
    assert not any(ask(spec(checkpoint), ALL)), "the base is not its adapter"
    moved = shutil.copytree(first, checkpoint.with_name("moved"))
    assert all(ask(spec(f"peft:{moved}"), ALL))
    text = (moved / "adapter_config.json").read_text("utf-8")
    (moved / "adapter_config.json").write_text(text.replace(str(checkpoint), str(other)))
    assert not any(ask(spec(f"peft:{moved}"), ALL)), "the same adapter on another base"


@pytest.mark.filterwarnings("ignore")
def test_an_adapter_whose_base_on_the_hub_moves_on(checkpoint: Path, repository: Path) -> None:
    pytest.importorskip("peft")
    folder = adapter(checkpoint, "first", 1)
    text = (folder / "adapter_config.json").read_text("utf-8")
    (folder / "adapter_config.json").write_text(text.replace(str(checkpoint), "someone/model"))
    assert not any(ask(spec(f"peft:{folder}"), ALL))
    assert all(ask(spec(f"peft:{folder}"), ALL))
    shutil.copy(repository / "refs" / "v2", repository / "refs" / "main")
    assert not any(ask(spec(f"peft:{folder}"), ALL))


# --------------------------------------------------------------------------- what is asked

DECODING = {
    "max_tokens": 4,
    "stop": ("\n",),
    "temperature": 0.5,
    "top_p": 0.5,
    "seed": 1,
    "n": 2,
}


def test_decoding_parameters(checkpoint: Path) -> None:
    assert set(DECODING) == set(Sampling.__dataclass_fields__)
    first: dict[str, Any] = {"max_tokens": 3, "temperature": 1.0}
    variants = [Sampling(**first), *(Sampling(**(first | {k: v})) for k, v in DECODING.items())]
    for number, sampling in enumerate(variants):
        assert ask(spec(checkpoint), [Generate("The cat", sampling)]) == [False], number
    kept = [sampling for sampling in variants if sampling.n == 1]  # a failure is not stored
    assert all(ask(spec(checkpoint), [Generate("The cat", sampling) for sampling in kept]))


# --------------------------------------------------------------------------- servers


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Addresses of two servers on loopback that say who they are."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            text = f"server {self.server.server_address[1]}"
            choice = {"message": {"content": text}, "finish_reason": "stop", "text": text}
            message = {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
            body = json.dumps({"choices": [choice], **message}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    started = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    threads = [threading.Thread(target=each.serve_forever, args=(0.02,)) for each in started]
    for thread in threads:
        thread.start()
    yield [f"http://127.0.0.1:{each.server_address[1]}/v1" for each in started]
    for server, thread in zip(started, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def test_servers(servers: list[str]) -> None:
    pytest.importorskip("openai")
    one, two = (spec("openai:m", base_url=url, endpoint="chat") for url in servers)
    assert_apart(one, two, TEXTS)
    for changed in (
        spec("openai:n", base_url=servers[0], endpoint="chat"),
        spec("openai:m", base_url=servers[0], endpoint="completions", logprobs="none"),
        spec("openai:m", base_url=servers[0], endpoint="chat", extra_body='{"top_k": 1}'),
        spec("openai:m", base_url=servers[0], endpoint="chat", omit="temperature"),
        spec("anthropic:m", base_url=servers[0]),
    ):
        assert not any(ask(changed, TEXTS))
    again = spec("openai:m", base_url=f"{servers[0]}/", endpoint="chat", max_concurrency="3")
    assert all(ask(again, TEXTS))
