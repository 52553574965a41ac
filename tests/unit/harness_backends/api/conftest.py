"""Servers on loopback that answer as told, and backends connected to them."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.protocols import BackendOptions, ModelBackend
from harness_backends.api import open_anthropic, open_openai

KEY = "sk-very-secret-0123456789"


@dataclass(frozen=True)
class Reply:
    """What a server sends: ``body`` as JSON or as raw bytes; or it drops the connection."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    delay: float = 0.0


@dataclass(frozen=True)
class Call:
    """What a server was sent."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]


class Loopback:
    """A real HTTP server on 127.0.0.1.

    Attributes:
        calls: What it was sent, in order.
        most_open: Most requests that were open at a time.
    """

    def __init__(self, answer: Callable[[Call], Reply]) -> None:
        self.calls: list[Call] = []
        self.most_open = self._open = 0
        self._lock = threading.Lock()
        self._answer = answer
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = json.loads(self.rfile.read(length))
                call = Call(self.path, body, {k.lower(): v for k, v in self.headers.items()})
                with outer._lock:
                    outer.calls.append(call)
                    outer._open += 1
                    outer.most_open = max(outer.most_open, outer._open)
                try:
                    reply = outer._answer(call)
                    time.sleep(reply.delay)
                finally:
                    with outer._lock:
                        outer._open -= 1
                self._send(reply)

            def _send(self, reply: Reply) -> None:
                if reply.drop:  # a reset, as when a server is killed
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.close_connection = True
                    self.connection.close()
                    return
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body)
                content = body if isinstance(body, bytes) else body.encode()
                self.send_response(reply.status)
                headers = {"content-type": "application/json", **reply.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def finish(self) -> None:
                with contextlib.suppress(OSError):  # the connection was dropped on purpose
                    super().finish()

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:  # clients that hang up
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """What ``base_url`` is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        """Stops it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def chat_reply(text: str | None, reason: str = "stop", **usage: Any) -> Reply:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    counts = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, **usage}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return Reply(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        | {"choices": [choice], "usage": counts}
    )


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
