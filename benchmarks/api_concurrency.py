"""How close the API backends come to the ideal: 1,000 requests of 200 ms each, 64 at a time.

    python benchmarks/api_concurrency.py [--requests 1000] [--seconds 0.2] [--limit 64]

A server in a process of its own answers each request after 200 ms. Two ways to keep 64 open:

* the server refuses what is over 64 with status 429, and the backend has to find the limit;
* the user sets ``max_concurrency=64``.

Ideal: ⌈requests / limit⌉ × seconds. Prints the ratio to it, and ends with 1 where it is over 1.15.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import os
import time
from multiprocessing.connection import Connection

from harness.protocols import BackendOptions
from harness.testing import keyed
from harness.types import Completion, Generate, Sampling
from harness_backends.api import open_openai

GOAL = 1.15


def serve(pipe: Connection, seconds: float, limit: int) -> None:
    """Answers chat requests after ``seconds``; refuses those over ``limit`` at a time."""
    busy = 0
    answer = _response(200, {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]})
    refusal = _response(429, {"error": {"message": "too many requests"}})

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal busy
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = head.lower().split(b"content-length: ")
                await reader.readexactly(int(fields[1].split(b"\r\n")[0]))
                if busy >= limit:
                    writer.write(refusal)
                    continue
                busy += 1
                await asyncio.sleep(seconds)
                busy -= 1
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=512)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def _response(status: int, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


def measure(name: str, port: int, count: int, ideal: float, **values: str) -> float:
    """Seconds relative to the ideal for ``count`` requests through a fresh backend."""
    options = {"base_url": f"http://127.0.0.1:{port}/v1", "endpoint": "chat", **values}
    backend = open_openai(BackendOptions("bench", values=options))
    requests = keyed([Generate(f"{name} {i}", Sampling(max_tokens=1)) for i in range(count)])
    list(backend.run(requests[:1]))  # opens the first connection and loads what loads late
    started = time.perf_counter()
    answers = list(backend.run(requests))
    seconds = time.perf_counter() - started
    facts = backend.describe()
    backend.close()
    assert all(isinstance(response, Completion) for _, response in answers), "not all answered"
    print(
        f"{name}: {count:,} requests in {seconds:.2f} s, ideal {ideal:.2f} s, "
        f"ratio {seconds / ideal:.3f} (highest concurrency {facts['highest_concurrency']}, "
        f"failed tries {facts['failed_tries']})"
    )
    return seconds / ideal


def main() -> int:
    """Runs both ways and judges them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--limit", type=int, default=64)
    given = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = "none"
    ideal = math.ceil(given.requests / given.limit) * given.seconds
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, given.seconds, given.limit), daemon=True
    )
    server.start()
    try:
        port = ours.recv()
        ratios = [
            measure("server refuses over 64", port, given.requests, ideal),
            measure(
                "max_concurrency=64",
                port,
                given.requests,
                ideal,
                max_concurrency=str(given.limit),
            ),
        ]
    finally:
        server.terminate()
        server.join()
    return int(max(ratios) > GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
