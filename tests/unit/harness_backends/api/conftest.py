"""Servers on loopback, and backends connected to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.protocols import BackendOptions, ModelBackend
from harness_backends.api import open_anthropic, open_openai
from harness_backends.hf import open_hf
from support.servers import KEY, Call, Faithful, Loopback, Reply, build, chat_reply


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def chat() -> Callable[..., Reply]:
    return chat_reply


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """A key in the environment, which must never be seen anywhere else."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    return KEY


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Call], Reply]], Loopback]]:
    """Starts servers that answer as a function says."""
    started: list[Loopback] = []

    def start(answer: Callable[[Call], Reply]) -> Loopback:
        started.append(Loopback(answer))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def connect(key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModelBackend]]:
    """Opens backends with quick retries; ``--set`` values as keyword arguments."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    opened: list[ModelBackend] = []

    def open_one(
        url: str,
        scheme: str = "openai",
        model: str = "m",
        prices: dict[str, float] | None = None,
        **values: str,
    ) -> ModelBackend:
        quick = {"retry_delay": "0.01", "base_url": url}
        if scheme == "openai":
            quick |= {"endpoint": "chat"}
        options = BackendOptions(model, values=quick | values, prices=prices or {})
        opener = open_openai if scheme == "openai" else open_anthropic
        opened.append(opener(options))
        return opened[-1]

    yield open_one
    for backend in opened:
        backend.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("with-bos"), adds_bos=True)


@pytest.fixture(scope="session")
def checkpoint_without_bos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("without-bos"), adds_bos=False)


@pytest.fixture(scope="session")
def opened() -> dict[object, Any]:
    """Models that were loaded before: loading takes longer than asking."""
    return {}


@pytest.fixture
def faithful(serve: Any, opened: dict[object, Any]) -> Callable[[Path, str], Any]:
    """Starts a server of a checkpoint."""

    def start(folder: Path, kind: str) -> Any:
        if (folder, kind) not in opened:
            opened[folder, kind] = Faithful(folder, kind)
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
