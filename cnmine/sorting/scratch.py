"""A directory for what does not fit into the memory, gone at the end; leftovers of killed runs are swept."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import numpy as np

from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.io.output import reserve
from cnmine.sorting.spill import write_all
from cnmine.store.locking import exclusive_lock

ZEROS = np.zeros(1 << 20, np.uint8)
_NAME = re.compile(r"cnmine-scratch-[0-9a-f]{8}")


def map_array(file: Any, n_items: int, dtype: np.typing.DTypeLike) -> np.memmap:
    """An array in an empty file, with room on the disk for all of it; OSError if there is none."""
    n_bytes = n_items * np.dtype(dtype).itemsize
    if not reserve(file.fileno(), n_bytes):
        # Never sparse: a full disk must show here and not as a bus error.
        for _ in range(0, n_bytes, ZEROS.nbytes):
            write_all(file.fileno(), ZEROS)
    return np.memmap(file, dtype, "r+", shape=(n_items,))


def check_temp_dir(path: str) -> None:
    """Raise a UsageError if this is no directory that can be written to."""
    if not os.path.isdir(path) or not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: is no directory that can be written to; choose another --temp-dir")


class Scratch:
    """A context manager; the directory itself is made when it is first needed.

    Parameters
    ----------
    parent
        Directory to put it in; None for the system's directory for temporary files.
    on_notice
        Told of leftovers that were removed.

    Raises
    ------
    UsageError
        At entry, if the parent is no directory that can be written to.
    """

    def __init__(self, parent: str | None, on_notice: Callable[[str], None] = lambda text: None) -> None:
        self.parent = parent or tempfile.gettempdir()
        self._on_notice = on_notice
        self._path: str | None = None
        self._n_files = 0
        self.n_bytes = 0
        self._stack = ExitStack()

    def __enter__(self) -> Scratch:
        check_temp_dir(self.parent)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
        self._stack.close()

    def new_path(self) -> str:
        """A path for one more file."""
        if self._path is None:
            self._sweep()
            path = os.path.join(self.parent, f"cnmine-scratch-{secrets.token_hex(4)}")
            # Locked before it is there: whoever finds it unlocked may remove it.
            self._stack.enter_context(exclusive_lock(path, self.parent))
            self._path = path
            os.mkdir(path, 0o700)
        self._n_files += 1
        return os.path.join(self._path, str(self._n_files))

    def new_directory(self) -> str:
        """A directory of its own for a step that makes files itself."""
        path = self.new_path()
        os.mkdir(path, 0o700)
        return path

    def map_array(self, n_items: int, dtype: np.typing.DTypeLike, what: str) -> np.memmap:
        """An array in a file, with room on the disk taken for all of it; ResourceError if there is none."""
        n_bytes = n_items * np.dtype(dtype).itemsize
        self.require(n_bytes, what)
        path = self.new_path()
        try:
            with open(path, "xb+") as file:
                return map_array(file, n_items, dtype)
        except OSError as err:
            raise ResourceError(
                f"{path}: {(err.strerror or str(err)).lower()}: {what} takes {n_bytes / 1e6:,.1f} MB here; "
                "make room or choose another place with --temp-dir"
            ) from err

    def require(self, n_bytes: int, what: str) -> None:
        """Note that a file of that size is about to be made; ResourceError if the disk has less room."""
        self.n_bytes += n_bytes
        free = shutil.disk_usage(self.parent).free
        if n_bytes > free:
            raise ResourceError(
                f"{self.parent}: {what} takes about {n_bytes / 1e6:,.0f} MB here and {free / 1e6:,.0f} MB are free; "
                "make room, choose another place with --temp-dir, or raise --memory"
            )

    def _sweep(self) -> None:
        """Remove directories whose owner was killed; those of living processes are locked."""
        for name in sorted(filter(_NAME.fullmatch, os.listdir(self.parent))):
            path = os.path.join(self.parent, name)
            with contextlib.suppress(StoreError, UsageError, OSError), exclusive_lock(path, path) as is_locked:
                if is_locked and os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                    self._on_notice(f"{path}: removed; an interrupted run had left it")
