"""A store on disk → its sections as read-only maps, every field checked before it is used."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import stat
import sys
from collections.abc import Callable
from types import TracebackType

import numpy as np

from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.store import layout
from cnmine.store.layout import CHECKED_BYTES, Section
from cnmine.store.packing import PLAIN_BITS, Packed
from cnmine.store.parsing import AGAIN, fail_newer, read_header, read_sections

SMALL_BYTES = 16 << 20  # a store up to this size is verified when opened: that takes a few milliseconds


class Store:
    """An open store.

    Arrays that were handed out stay valid after `close` and after the file has been replaced or removed;
    only cutting it short in place, which cnmine never does, takes the data away from under them.

    Attributes
    ----------
    path, kind, version
        Where it was opened, what its sections mean, and the version of that.
    sections
        By name, in the order of the file.
    n_bytes
        Length of the file.
    """

    def __init__(self, path: str, mapped: mmap.mmap, kind: str, version: int, sections: list[Section]) -> None:
        self.path, self.kind, self.version = path, kind, version
        self.sections = {section.name: section for section in sections}
        self.n_bytes = len(mapped)
        self._map: mmap.mmap | None = mapped

    def array(self, name: str, dtype: np.typing.DTypeLike | None = None) -> np.ndarray:
        """A section whose values have 8, 16, 32 or 64 bits, as ``dtype[n_items]``, read-only.

        ``dtype`` must have that width; without it the values are unsigned integers.

        Raises
        ------
        StoreError
            If there is no such section, or its values have another width.
        """
        section = self._section(name)
        if section.bits not in PLAIN_BITS or (dtype is not None and 8 * np.dtype(dtype).itemsize != section.bits):
            expected = "8, 16, 32 or 64" if dtype is None else 8 * np.dtype(dtype).itemsize
            raise StoreError(f"{self.path}: section {name} has values of {section.bits} bits, expected {expected}")
        return np.frombuffer(self._mapped(), dtype or f"<u{section.bits // 8}", section.n_items, section.offset)

    def packed(self, name: str) -> Packed:
        """A section of any width; StoreError if there is none of that name."""
        section = self._section(name)
        words = np.frombuffer(self._mapped(), "<u8", section.n_bytes // 8, section.offset)
        return Packed(words, section.bits, section.n_items)

    def verify(self, on_progress: Callable[[int], object] = lambda n: None) -> None:
        """Read everything and compare the checksums.

        Parameters
        ----------
        on_progress
            Called with the number of bytes read since the last call.

        Raises
        ------
        StoreError
            If a section is damaged; names it and the place in the file.
        """
        for name in self.sections:
            self.verify_section(name, on_progress)

    def verify_section(self, name: str, on_progress: Callable[[int], object] = lambda n: None) -> None:
        """`verify` one section."""
        section = self._section(name)
        data = np.frombuffer(self._mapped(), np.uint8, section.n_bytes, section.offset)
        for start, expected in zip(range(0, section.n_bytes, CHECKED_BYTES), section.hashes.tolist(), strict=True):
            block = data[start : start + CHECKED_BYTES]
            if layout.block_hash(block.data) != expected:
                raise StoreError(
                    f"{self.path}: section {name} is damaged between bytes {section.offset + start} and "
                    f"{section.offset + start + len(block)} of the file; {AGAIN}"
                )
            on_progress(len(block))

    def close(self) -> None:
        """Let go of the file; the map itself ends with the last array that was handed out."""
        if self._map is not None:
            with contextlib.suppress(BufferError):
                self._map.close()
            self._map = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _section(self, name: str) -> Section:
        if name not in self.sections:
            raise StoreError(
                f"{self.path}: has no section {name}, expected in a store of kind {self.kind}; "
                f"it has {', '.join(self.sections) or 'none'}"
            )
        return self.sections[name]

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            raise UsageError(f"{self.path}: the store is closed")
        return self._map


def open_store(path: str, *, kind: str | None = None, version: int | None = None, verify: str = "small") -> Store:
    """Map a store into memory.

    The time does not depend on the size, but for the verification of small stores.

    Parameters
    ----------
    path
        Of the file.
    kind
        The kind that is expected; any if not given.
    version
        The newest version of the kind that the caller understands; older ones are opened as well.
    verify
        ``small`` compares the checksums of stores up to 16 MiB, ``all`` of any, ``none`` of none.
        Header, table and the padding between sections are always checked.

    Raises
    ------
    StoreError
        If the file is missing, foreign, of another kind, too new, incomplete or damaged.
    ResourceError
        If the address space is too small.
    """
    path = os.fspath(path)
    if verify not in ("small", "all", "none"):
        raise UsageError(f"verify is {verify!r}; choose small, all or none")
    if sys.byteorder != "little":
        raise StoreError(f"{path}: this machine is big-endian; stores are used on little-endian machines only")
    mapped = _map(path)
    try:
        found_kind, found_version = read_header(path, mapped)
        sections = read_sections(path, mapped)
        if kind not in (None, found_kind):
            raise StoreError(f"{path}: is a store of kind {found_kind}, expected {kind}; name another file")
        if version is not None and found_version > version:
            fail_newer(path, f"version {found_version} of kind {found_kind}", version)
        store = Store(path, mapped, found_kind, found_version, sections)
        if verify == "all" or (verify == "small" and len(mapped) <= SMALL_BYTES):
            store.verify()
    except BaseException:
        # A traceback may hold a view; then the map ends with it.
        with contextlib.suppress(BufferError):
            mapped.close()
        raise
    return store


def is_store(path: str) -> bool:
    """Whether a regular file begins like a store; what it is worth, `open_store` tells."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(len(layout.MAGIC)) == layout.MAGIC
    except OSError:
        return False


def _map(path: str) -> mmap.mmap:
    try:
        # Opening a pipe would wait for its writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise StoreError(f"{path}: is not a regular file, expected a store; name one, or make it first")
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise StoreError(f"{path}: is empty, expected a store; {AGAIN}")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as err:
        raise StoreError(f"{path}: does not exist, expected a store; check the name, or make it first") from err
    except OSError as err:
        if err.errno == errno.ENOMEM:
            raise ResourceError(
                f"{path}: the store does not fit into the address space; raise its limit (ulimit -v)"
            ) from err
        raise StoreError(f"{path}: cannot be read: {err.strerror or err}; check the file and its mode") from err
