"""An event loop in a thread of its own: answers keep coming while the caller works on one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()
_CLEAN_UP_SECONDS = 10.0


class BackgroundLoop:
    """Runs coroutines for code that is not asynchronous."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon, so that a program that forgets close() can still end.
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        """Runs a coroutine to its end, for ``seconds`` at most.

        Raises:
            TimeoutError: It took longer, and is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        finally:
            future.cancel()

    def stream(self, produce: Callable[[Callable[[T], None]], Awaitable[None]]) -> Iterator[T]:
        """Yields what a coroutine hands to the function it is given, as it comes.

        An error of the coroutine is raised after what came before it. When the caller stops
        early, the coroutine is cancelled, and has cleaned up before this returns.
        """
        outbox: SimpleQueue[Any] = SimpleQueue()
        ended = threading.Event()

        async def work() -> None:
            try:
                await produce(outbox.put)
            finally:
                outbox.put(_END)
                ended.set()

        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            while (item := outbox.get()) is not _END:
                yield item
            future.result()
        finally:
            if not ended.is_set():
                future.cancel()
                ended.wait(_CLEAN_UP_SECONDS)

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._loop.is_closed()

    def close(self) -> None:
        """Cancels what still runs, lets it clean up, and stops the thread."""
        self.call(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CLEAN_UP_SECONDS)
