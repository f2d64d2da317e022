"""Processes that are measured from outside: their time, their memory, and the disk they take on the way.

The process that measures must stay small: Linux hands the peak of whoever starts a process down to it.
Hence all that needs memory (texts, sorts, counters in Python) runs in a process of its own, see `run_apart`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import runs

T = TypeVar("T")
LOOK_SECONDS = 0.02  # between two looks at a process that runs


@dataclass(frozen=True)
class Usage:
    """What one process took.

    Attributes
    ----------
    seconds, cpu_seconds
        From start to end, by the clock and on all processors.
    peak_bytes
        Most resident memory, pages of mapped files among it, as the system reports it at the end.
    private_bytes
        Most resident memory without the pages of files, which can be dropped at any time. Seen from outside
        every 20 ms; 0 where the system has no ``/proc``.
    temp_bytes
        Most bytes of files in the directory that was watched, seen in the same way; removed files that the process
        still has open are among them.
    output
        Standard output, unless it went somewhere else.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    private_bytes: int
    temp_bytes: int
    output: bytes


def launcher() -> list[str]:
    """The command line of the checkout."""
    return [sys.executable, str(runs.ROOT / "cli.py")]


def run_process(
    command: Sequence[str],
    *,
    stdin: Path | None = None,
    is_piped: bool = False,
    discard: bool = False,
    watched: Path | None = None,
) -> Usage:
    """Run a process to its end; its output is kept, its messages only if it fails.

    Parameters
    ----------
    command
        Program and arguments.
    stdin, is_piped
        File that is standard input, itself or through a pipe.
    discard
        Whether the output is thrown away.
    watched
        Directory for temporary files.
    """
    with ExitStack() as stack:
        messages = stack.enter_context(tempfile.TemporaryFile())
        output = stack.enter_context(tempfile.TemporaryFile())
        source = stack.enter_context(_opened(stdin, is_piped))
        started = time.perf_counter()
        sink = subprocess.DEVNULL if discard else output
        process = subprocess.Popen(command, stdin=source, stdout=sink, stderr=messages)
        watcher = stack.enter_context(_Watcher(process.pid, watched))
        # Not RUSAGE_CHILDREN: that is the largest peak of all children so far.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            messages.seek(0)
            raise SystemExit(f"{' '.join(command)}: exit {process.returncode}\n{messages.read().decode()}")
        output.seek(0)
        return Usage(
            seconds,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            watcher.private_bytes,
            watcher.temp_bytes,
            output.read(),
        )


@contextmanager
def _opened(path: Path | None, is_piped: bool) -> Iterator[Any]:
    if path is None:
        yield subprocess.DEVNULL
    elif is_piped:
        with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as cat:
            yield cat.stdout
    else:
        with open(path, "rb") as file:
            yield file


class _Watcher(threading.Thread):
    """Looks at a process and at a directory every now and then and keeps the largest figures."""

    def __init__(self, pid: int, directory: Path | None) -> None:
        super().__init__(daemon=True)
        self._pid, self._directory = pid, directory
        self._ended = threading.Event()
        self.private_bytes = self.temp_bytes = 0

    def __enter__(self) -> _Watcher:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.private_bytes = max(self.private_bytes, _private_bytes(self._pid))
            if self._directory is not None:
                self.temp_bytes = max(self.temp_bytes, _file_bytes(self._directory, self._pid))


def _private_bytes(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").split("\n"):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _file_bytes(directory: Path, pid: int) -> int:
    """Of all files below a directory, and of those that the process has removed from it and not closed."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(folder, name)).st_size
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                name = os.readlink(entry.path)
                if name.endswith(" (deleted)") and name.startswith(f"{directory}{os.sep}"):
                    total += os.stat(entry.path).st_size
    return total


def run_apart(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function of a module in a new process; its result comes back, its memory goes."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()
