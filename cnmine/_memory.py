"""How much memory this process may take: the machine, its control group and its own limits."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

# Version 2 of control groups, then version 1; both as a container sees them.
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_HUGE_PAGE_BYTES = 2 << 20
_NO_LIMIT = 1 << 60  # version 1 writes a number as large as this for "none"


def release_pages(array: np.ndarray, start: int | None = None, stop: int | None = None) -> None:
    """Let go of the memory behind an array that is mapped from a file; what is used again is read again.

    What was read of a map counts as memory of this process until the system is short of it. Nothing happens to
    other arrays, nor where the system has no such call. The contents stay as they are.

    Parameters
    ----------
    array
        A map that is read-only or writes to its file, or a view of one.
    start, stop
        Bytes of the array to let go of; without them the whole map.
    """
    mapped: Any = array
    while mapped is not None and not isinstance(mapped, mmap.mmap):
        mapped = mapped.obj if isinstance(mapped, memoryview) else getattr(mapped, "base", None)
    if mapped is None or not hasattr(mapped, "madvise"):
        return
    if start is None or stop is None:
        mapped.madvise(mmap.MADV_DONTNEED)
        return
    offset = array.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    # The system maps up to a huge page around what is read.
    first = max(0, offset + start - _HUGE_PAGE_BYTES) // mmap.PAGESIZE * mmap.PAGESIZE
    end = min(offset + stop + _HUGE_PAGE_BYTES, len(mapped))
    if first < end:
        mapped.madvise(mmap.MADV_DONTNEED, first, end - first)


def trim_heap() -> None:
    """Give memory that was freed back to the system, where its allocator would keep it for later (GNU)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def available_memory() -> int | None:
    """Bytes that may be taken: the smallest of the free memory and the limits of control group and process.

    None if the system tells nothing.
    """
    amounts = [_free_memory(), _cgroup_limit(), *_process_limits()]
    return min((amount for amount in amounts if amount is not None), default=None)


def _free_memory() -> int | None:
    """What Linux calls available: free pages and caches that can be dropped; elsewhere all of the memory."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").split("\n"):
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _cgroup_limit() -> int | None:
    for path in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            limit = int(Path(path).read_text(encoding="ascii"))  # "max" is no number
            return limit if limit < _NO_LIMIT else None
    return None


def _process_limits() -> list[int]:
    try:
        import resource
    except ImportError:  # Windows
        return []
    limits = []
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            limits.append(soft)
    return limits
