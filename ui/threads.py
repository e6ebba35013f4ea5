"""Threads under an event loop that outlives what is done on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def threads_joined() -> AsyncIterator[None]:
    """What the block began in threads is over when it ends, as at the end of `asyncio.run`.

    A cancelled await gives up waiting, but its thread works on: a scan would go on writing.
    """
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(thread_name_prefix="xcluster run")
    loop.set_default_executor(threads)
    try:
        yield
    finally:
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="xcluster"))
        await to_the_end(threads.shutdown)


async def to_the_end(act: Callable[[], T]) -> T:
    """Do it in a thread; a cancel takes effect when it is done."""
    task = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
