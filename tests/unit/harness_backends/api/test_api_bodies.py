"""Answers whose bytes are wrong, missing or without end: a counted failure, and the run goes on."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from harness.testing import keyed
from harness.types import Completion, Failed, Generate, Response
from harness_backends.api import sdk

GOOD = b'{"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}'


def head(length: int | None) -> bytes:
    how = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
    # Each connection serves one answer: a client that tried it again would meet its end instead.
    return (
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n%s\r\n\r\n"
        % how
    )


def nothing(connection: socket.socket) -> None:
    """Accepts the request, and never says a word."""
    time.sleep(3)


def drop_by_drop(connection: socket.socket) -> None:
    """Keeps sending, but never comes to an end."""
    connection.sendall(head(len(GOOD)))
    for byte in GOOD[:30]:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def endless(connection: socket.socket) -> None:
    """Sends for as long as somebody reads."""
    connection.sendall(head(None))
    chunk = b"%x\r\n" % (1 << 20) + b"x" * (1 << 20) + b"\r\n"
    while True:
        connection.sendall(chunk)


def invalid_utf8(connection: socket.socket) -> None:
    body = GOOD.replace(b"fine", b"\xff\xfe\x80")
    connection.sendall(head(len(body)) + body)


def cut_off(connection: socket.socket) -> None:
    connection.sendall(head(len(GOOD)) + GOOD[:20])


def answer(body: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(head(len(body)) + body)


def raw(content: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(content)


def packed(body: bytes) -> Callable[[socket.socket], None]:
    """A body that says it is gzip, whether or not it is."""
    start = head(len(body)).replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    return raw(start + body)


BAD_HTTP = {
    "bad-status-line": (raw(b"HTTP/1.1 two hundred\r\n\r\n"), "malformed answer"),
    "no-http": (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "malformed answer"),
    "bad-chunk": (raw(head(None) + b"zz\r\n{}\r\n0\r\n\r\n"), ""),
    "cut-chunk": (raw(head(None) + b"ff\r\n{}"), ""),
    "large-header": (
        raw(head(2).replace(b"\r\n\r\n", b"\r\nx-long: " + b"x" * 100_000 + b"\r\n\r\n{}")),
        "malformed answer",
    ),
    "negative-length": (raw(head(-1) + b"{}"), "malformed answer"),
    "two-lengths": (
        raw(head(2).replace(b"\r\n\r\n", b"\r\ncontent-length: 7\r\n\r\n{}")),
        "malformed answer",
    ),
    "deep-json": (answer(b"[" * 200_000), "nested too deeply"),
    "long-number": (answer(b'{"choices": %s}' % (b"9" * 5_000)), "too many digits"),
    "truncated-gzip": (packed(gzip.compress(GOOD)[:-20]), "malformed answer"),
    "no-gzip": (packed(GOOD), "malformed answer"),
    "gzip-bomb": (packed(gzip.compress(b" " * (32 << 20))), "more than"),
    "latin-1": (answer(GOOD.replace(b"fine", b"f\xfcr")), "malformed answer"),
    "events": (answer(b'data: {"choices": []}\n\ndata: [DONE]\n\n'), "streams its answer"),
    "page": (
        answer(b"<!doctype html><title>Chat</title><script>x()</script><p>Log in"),
        "a web page instead of JSON: Chat Log in",
    ),
}


@pytest.fixture
def serve_bytes() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Starts servers on loopback that answer "bad" as told, byte by byte, and all else well."""
    listening: list[socket.socket] = []

    def start(bad: Callable[[socket.socket], None]) -> str:
        server = socket.create_server(("127.0.0.1", 0), backlog=64)
        listening.append(server)

        def talk(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                request = b""
                while b"\r\n\r\n" not in request or not request.rstrip().endswith(b"}"):
                    request += connection.recv(1 << 16)
                bad(connection) if b'"bad"' in request else answer(GOOD)(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=talk, args=server.accept()[:1], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"

    yield start
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (nothing, "time-out"),
        (drop_by_drop, "time-out"),
        (endless, "more than"),
        (invalid_utf8, "malformed answer"),
        (cut_off, "connection"),
        (answer(b""), "malformed answer"),
        (answer(b"null"), "malformed answer"),
        (answer(b'{"choices": []}'), "malformed answer"),
        (answer(b'{"choices": [{"finish_reason": "stop"}]}'), "malformed answer"),
        (answer(b'{"choices": [{"message": {"content": 7}}]}'), "malformed answer"),
        (answer(b'{"error": {"message": "none today"}}'), "malformed answer"),
        (answer(b"<html>gateway</html>"), "malformed answer"),
        *(pytest.param(*case, id=name) for name, case in BAD_HTTP.items()),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_bad_answer_is_one_failure_among_good_ones(
    bad: Callable[[socket.socket], None],
    reason: str,
    serve_bytes: Any,
    connect: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sdk, "LARGEST_ANSWER", 4 << 20)  # reached well before the time-out
    url = serve_bytes(bad)
    backend = connect(url, max_retries="1", timeout="0.8", patience="20")
    work = keyed([Generate("good"), Generate("bad"), Generate("good too")])
    started = time.monotonic()
    answers: dict[str, Response] = dict(backend.run(work))
    assert time.monotonic() - started < 10
    assert answers[work[0].key] == answers[work[2].key] == Completion("fine")
    failure = answers[work[1].key]
    assert isinstance(failure, Failed), failure
    assert reason in failure.reason
