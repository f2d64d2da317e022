"""Arrays in memory as long as they fit a budget, beyond it in files that have no name and are gone at the end."""

from __future__ import annotations

import math
import mmap
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from cnmine._space import Space
from cnmine.errors import ResourceError
from cnmine.sorting.scratch import map_array
from cnmine.sorting.spill import write_all

KEPT_BYTES = 64 << 20  # of one file of arrays that are kept


class ArrayPool(Space):
    """Arrays that lie in memory as long as they fit a budget, else in files without a name.

    A context manager where `keep` or `put_aside` are used: what has been put aside is gone at its end.

    Parameters
    ----------
    budget_bytes
        Memory for all arrays together; None for no limit.
    temp_dir
        Directory for the files; the system's by default.
    """

    def __init__(self, budget_bytes: int | None = None, temp_dir: str | None = None) -> None:
        self._budget_bytes = self._free_bytes = budget_bytes
        self._temp_dir = temp_dir
        self._spool: _Spool | None = None
        self._kept: Any = None
        self._n_kept = self._n_resident = 0

    def __enter__(self) -> ArrayPool:
        return self

    def __exit__(self, *error: object) -> None:
        self._close(self._kept)
        if self._spool is not None:
            self._close(self._spool.file)

    def take(self, n_bytes: int) -> bool:
        """Whether so many bytes more may be taken; a negative number gives some back."""
        if self._free_bytes is None:
            return True
        if n_bytes > self._free_bytes:
            return False
        self._free_bytes -= n_bytes
        return True

    def empty(self, n_items: int, dtype: np.typing.DTypeLike, what: str = "") -> np.ndarray:
        """An array of any content."""
        n_bytes = n_items * np.dtype(dtype).itemsize
        if self.take(n_bytes) or n_items == 0:
            array: np.ndarray = np.empty(n_items, dtype)
            return array
        with self.new_file() as file, self.named_errors(n_bytes, what):
            return map_array(file, n_items, dtype).view(np.ndarray)

    @staticmethod
    def _close(file: Any) -> None:
        """Close a file; maps of it live on."""
        if file is not None:
            file.close()

    @property
    def n_taken(self) -> int:
        """Bytes of memory that are in use."""
        return 0 if self._budget_bytes is None or self._free_bytes is None else self._budget_bytes - self._free_bytes

    def new_array(self, shape: int | tuple[int, ...], dtype: np.typing.DTypeLike, what: str) -> np.ndarray:
        """An array of any shape and content; ``what`` it holds is for the message if there is no room."""
        shape = (shape,) if isinstance(shape, int) else shape
        return self.empty(math.prod(shape), dtype, what).reshape(shape)

    def keep(self, array: np.ndarray, what: str) -> np.ndarray:
        """The array itself if there is room for it in memory, or a copy of it in a file, mapped.

        For what is gone before the budget is needed: all kept arrays together take as much as all others.
        """
        if self._budget_bytes is None or self._n_resident + array.nbytes <= self._budget_bytes or not array.size:
            self._n_resident += array.nbytes
            return array
        if self._kept is None or self._n_kept >= KEPT_BYTES:  # the room of a file is free when nothing of it is in use
            self._close(self._kept)
            self._kept, self._n_kept = self.new_file(), 0
        start = self._n_kept
        with self.named_errors(array.nbytes, what):
            self._kept.seek(start)
            write_all(self._kept.fileno(), array.reshape(-1))
            # The next one begins where a map may.
            self._n_kept = -(-self._kept.tell() // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
            return np.memmap(self._kept, array.dtype, "r", start, array.shape).view(np.ndarray)

    def put_aside(self, array: np.ndarray, what: str) -> Callable[[], np.ndarray]:
        """Keep an array until it is asked for again, once: in memory, or behind others in a file."""
        if self.take(array.nbytes) or not array.size:
            return partial(self._give_back, [array])
        if self._spool is None:
            self._spool = _Spool(self.new_file())
        with self.named_errors(array.nbytes, what):
            place = self._spool.write(array)
        return partial(self._read, place, array.dtype, array.shape, what)

    def _give_back(self, kept: list[np.ndarray]) -> np.ndarray:
        array = kept.pop()
        self.take(-array.nbytes)
        return array

    def _read(self, place: int, dtype: np.dtype, shape: tuple[int, ...], what: str) -> np.ndarray:
        array = np.empty(shape, dtype)
        assert self._spool is not None
        with self.named_errors(0, what):
            self._spool.read(place, array)
        return array

    def new_file(self) -> Any:
        """A file that is gone when it is closed."""
        with self.named_errors(0):
            return tempfile.TemporaryFile(prefix="cnmine-", dir=self._temp_dir, buffering=0)

    @contextmanager
    def named_errors(self, n_bytes: int, what: str = "") -> Iterator[None]:
        """Failures of the disk as errors that name it."""
        try:
            yield
        except OSError as err:
            place = self._temp_dir or tempfile.gettempdir()
            wanted = f" for {n_bytes / 1e6:,.0f} MB" if n_bytes else ""
            wanted += f" of {what}" if n_bytes and what else ""
            raise ResourceError(
                f"{place}: no room{wanted}: {err.strerror or err}; make room, choose another place with --temp-dir, "
                "or raise --memory"
            ) from err


class _Spool:
    """A file of arrays one behind the other; emptied when all of them have been read."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self._n_bytes = self._n_waiting = 0

    def write(self, array: np.ndarray) -> int:
        """Append an array; return where it begins."""
        start = self._n_bytes
        self.file.seek(start)
        write_all(self.file.fileno(), array.reshape(-1))
        self._n_bytes += array.nbytes
        self._n_waiting += 1
        return start

    def read(self, start: int, array: np.ndarray) -> None:
        """Fill an array with what was written at a place."""
        view = array.reshape(-1).view(np.uint8).data
        self.file.seek(start)
        while len(view):
            n = self.file.readinto(view)
            if not n:
                raise OSError("a temporary file was cut short by another process")
            view = view[n:]
        self._n_waiting -= 1
        if not self._n_waiting:
            self._n_bytes = 0
            self.file.truncate(0)
