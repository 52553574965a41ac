"""Answers stream out of the event loop's thread; whoever stops early leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from harness_backends.api.loop import BackgroundLoop


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    background = BackgroundLoop()
    yield background
    if not background.closed:
        background.close()


class Producer:
    """Hands out numbers; notes whether it could clean up."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error, self.cleaned = count, error, False

    async def __call__(self, deliver: Callable[[int], None]) -> None:
        try:
            for number in range(self.count):
                deliver(number)
                await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
            if self.count < 5:
                await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            self.cleaned = True


def test_items_come_in_order(loop: BackgroundLoop) -> None:
    assert list(loop.stream(Producer(100))) == list(range(100))


def test_an_error_comes_after_what_was_delivered(loop: BackgroundLoop) -> None:
    got = []
    with pytest.raises(KeyError):
        for item in loop.stream(Producer(7, KeyError("x"))):
            got.append(item)
    assert got == list(range(7))


def test_stopping_early_cancels_and_waits(loop: BackgroundLoop) -> None:
    producer = Producer(3)
    stream = loop.stream(producer)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert producer.cleaned


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A Ctrl-C interrupts, though the tests were started in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_cancels_and_waits(loop: BackgroundLoop) -> None:
    producer = Producer(3)
    stream = loop.stream(producer)
    assert next(stream) == 0, "the interrupt must not come before there is something to cancel"
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        list(stream)
    timer.join()
    assert producer.cleaned
    assert list(loop.stream(Producer(9))) == list(range(9))


def test_closing_under_an_open_stream_cleans_up_too(loop: BackgroundLoop) -> None:
    producer = Producer(3)
    stream = loop.stream(producer)
    next(stream)
    loop.close()
    assert producer.cleaned
    stream.close()  # type: ignore[attr-defined]


def test_calls_return_or_raise(loop: BackgroundLoop) -> None:
    async def fail() -> None:
        raise ValueError("no")

    assert loop.call(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="no"):
        loop.call(fail())
