"""The tests' upstream beside a test that has no event loop of its own: it runs in a thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from tests.upstream import Received, Upstream


class Beside:
    """A running upstream and the loop it runs on."""

    def __init__(self, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> None:
        self.upstream = upstream
        self._loop = loop

    def hung_up(self, received: Received) -> Future[float]:
        """When the client of this request hangs up: seconds since 1970."""

        async def moment() -> float:
            await received.hung_up.wait()
            return time.time()

        return asyncio.run_coroutine_threadsafe(moment(), self._loop)


@contextmanager
def upstream_beside() -> Iterator[Beside]:
    """An upstream that listens while the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    upstream = asyncio.run_coroutine_threadsafe(Upstream().__aenter__(), loop).result(5)
    try:
        yield Beside(upstream, loop)
    finally:
        asyncio.run_coroutine_threadsafe(_closed(upstream), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _closed(upstream: Upstream) -> None:
    await upstream.__aexit__(None, None, None)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # the connections' transports close their sockets in the loop's next round
