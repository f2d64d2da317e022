"""Map a function over blocks on threads and yield the results in input order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def available_threads() -> int:
    """Processors that this process may run on (affinity respected where the system has it)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ordered(function: Callable[[T], R], items: Iterable[T], *, threads: int = 1, ahead: int = 2) -> Iterator[R]:
    """Yield ``function(item)`` for every item, in input order, computed on ``threads`` threads.

    Worth its while for functions that release the GIL (kernels, NumPy sorts, decompression).

    Parameters
    ----------
    function
        Called from worker threads; must not touch shared state.
    items
        Consumed lazily, in the calling thread, at most ``ahead * threads`` items before the results are used.
    threads
        1 runs everything in the calling thread, lazily.
    ahead
        How many items per thread are in flight.

    Raises
    ------
    Whatever ``function`` or ``items`` raises, at the place of the item that raised it; the items in
    flight are finished or dropped first, so no thread is left behind.
    """
    if threads <= 1:
        yield from map(function, items)
        return
    pending: deque = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= ahead * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
