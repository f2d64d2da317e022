"""Sections, one after another → a store that appears under its name complete or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import xxhash

from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.io.output import OutputFile, open_replacement, reserve, resolve_target
from cnmine.store.layout import (
    CHECKED_BYTES,
    HEADER,
    MAX_SECTIONS,
    NAME,
    Section,
    aligned,
    pack_footer,
    pack_header,
    pack_trailer,
)
from cnmine.store.locking import exclusive_lock
from cnmine.store.packing import PackedWriter

_HANDED_BYTES = 8 << 20  # so much is handed to the disk at a time: the last sync of 250 MB waits 0.01 s, not 0.1


class SectionWriter:
    """Takes the values of one section, in any number of pieces."""

    def __init__(self, bits: int, write: Callable[[Any], object]) -> None:
        self._packer = PackedWriter(bits, write)

    def append(self, values: np.ndarray | bytes) -> None:
        """Append integers, or bytes as integers of eight bits.

        Raises
        ------
        UsageError
            If one is negative or needs more bits than the section has.
        """
        self._packer.append(np.frombuffer(values, np.uint8) if isinstance(values, bytes) else values)

    def close(self) -> int:
        """End the section; return the number of its values."""
        return self._packer.close()


class StoreWriter:
    """Writes the sections of one store; made by `create_store`."""

    def __init__(self, output: OutputFile, kind: str, version: int) -> None:
        self._output = output
        self._header = pack_header(kind, version)
        self._sections: list[Section] = []
        self._open_name: str | None = None
        self._n_bytes = self._n_handed = 0
        self._write(self._header)

    def require(self, n_bytes: int) -> None:
        """Raise a ResourceError if the disk has no room for so many more bytes: as soon as that is known."""
        _require_room(self._output.name, resolve_target(self._output.name), n_bytes, "at least")

    def add(self, name: str, values: np.ndarray | bytes, bits: int | None = None) -> None:
        """Write a whole section.

        Parameters
        ----------
        name
            At most 32 small letters, digits and underscores; every section has another one.
        values
            One-dimensional.
        bits
            1 to 64. If not given, the elements are kept as they are, also signed integers and floats:
            the reader gets their bits as unsigned integers and takes a view.

        Raises
        ------
        UsageError
            If a value is negative or needs more bits, or the name is bad.
        ResourceError, StoreError
            If the disk is full, or writing fails for another reason.
        """
        array = np.frombuffer(values, np.uint8) if isinstance(values, bytes) else values
        if bits is None:
            bits = 8 * array.dtype.itemsize
            array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).view(f"<u{array.dtype.itemsize}")
        with self.section(name, bits) as section:
            section.append(array)

    @contextmanager
    def section(self, name: str, bits: int) -> Iterator[SectionWriter]:
        """Begin a section that is written piece by piece; parameters and errors are those of `add`."""
        if not NAME.fullmatch(name) or len(name) > 32 or any(name == section.name for section in self._sections):
            raise UsageError(f"{name!r} is no name for a section, or there is one of that name already")
        if self._open_name is not None or len(self._sections) == MAX_SECTIONS:
            raise UsageError(f"section {name!r} begins inside section {self._open_name!r}, or is one too many")
        self._open_name = name
        self._write(bytes(aligned(self._n_bytes) - self._n_bytes))
        offset, hasher = self._n_bytes, _BlockHasher()

        def write(data: np.ndarray) -> None:
            hasher.update(data.data)
            self._write(data)

        writer = SectionWriter(bits, write)
        yield writer
        n_items = writer.close()
        self._sections.append(Section(name, bits, n_items, offset, hasher.finish()))
        self._open_name = None

    def finish(self) -> None:
        """Write what makes the file complete; called by `create_store`."""
        if self._open_name is not None:
            raise UsageError(f"section {self._open_name!r} was begun and not ended")
        self._write(bytes(aligned(self._n_bytes) - self._n_bytes))
        offset, footer = self._n_bytes, pack_footer(self._sections)
        self._write(footer)
        self._write(pack_trailer(self._header, footer, offset, len(self._sections)))
        self._output.flush()
        with self._output.named_errors():
            os.ftruncate(self._output.fileno(), self._n_bytes)  # what was reserved and not needed

    def _write(self, data: Any) -> None:
        self._n_bytes += self._output.write(data)
        if self._n_bytes - self._n_handed >= _HANDED_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        """Have the system write to the disk what it only keeps in memory so far, without waiting for it."""
        start, self._n_handed = self._n_handed, self._n_bytes
        if hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):  # errors of the disk are kept for the last sync
                # "Not needed" drops no page that is still to be written, but makes Linux begin to write it.
                os.posix_fadvise(self._output.fileno(), start, self._n_bytes - start, os.POSIX_FADV_DONTNEED)


class _BlockHasher:
    """Checksums of every `CHECKED_BYTES` bytes of what comes in pieces."""

    def __init__(self) -> None:
        self._hashes: list[int] = []
        self._state = xxhash.xxh3_64()
        self._room = CHECKED_BYTES

    def update(self, data: memoryview) -> None:
        while len(data):
            piece, data = data[: self._room], data[self._room :]
            self._state.update(piece)
            self._room -= len(piece)
            if self._room == 0:
                self._end_block()

    def finish(self) -> np.ndarray:
        if self._room < CHECKED_BYTES:
            self._end_block()
        return np.array(self._hashes, np.uint64)

    def _end_block(self) -> None:
        self._hashes.append(self._state.intdigest())
        self._state.reset()
        self._room = CHECKED_BYTES


@contextmanager
def create_store(
    path: str,
    *,
    kind: str,
    version: int,
    expected_bytes: int | None = None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> Iterator[StoreWriter]:
    """Write a store, complete or not at all.

    It is written beside its place as ``<name>.partial-<random>``, made durable and renamed when the block ends
    without an exception; else nothing is left, and an older store of that name stays, with the maps of its readers.
    Equal sections give equal bytes.

    Parameters
    ----------
    path
        A regular file, or none yet. The caller sees to it that it is not one of the inputs.
    kind, version
        What the sections mean, in at most 16 small letters, digits and underscores; and the version of that, from 1 on.
    expected_bytes
        How long the file will be at most, if that is known: room for it is reserved at the beginning.
    on_notice
        Told of leftovers of writers that were killed, which are removed.

    Raises
    ------
    UsageError
        At entry, if the place cannot take a file.
    StoreError
        At entry, if another process is writing this store; later, if the system refuses to write.
    ResourceError
        At entry, if the disk has less room than expected; later, if it fills up.
    """
    path = os.fspath(path)
    if sys.byteorder != "little":
        raise StoreError(f"{path}: this machine is big-endian; stores are used on little-endian machines only")
    if not NAME.fullmatch(kind) or len(kind) > 16 or not 1 <= version < 1 << 32:
        raise UsageError(f"{kind!r}, {version} is no kind and version of a store")
    target = resolve_target(path)
    if path == "-" or (os.path.exists(target) and not os.path.isfile(target)):
        raise UsageError(f"{path}: a store needs a regular file; name one with --output")
    with exclusive_lock(target, path) as is_locked:
        if is_locked:
            _sweep(target, on_notice)
        with open_replacement(path, StoreError) as output:
            _reserve(output, path, target, expected_bytes or 0)
            writer = StoreWriter(output, kind, version)
            yield writer
            writer.finish()


def _sweep(target: str, on_notice: Callable[[str], None]) -> None:
    """Remove what killed writers left; living ones would hold the lock."""
    directory, name = os.path.split(target)
    leftover = re.compile(re.escape(name) + r"\.partial-[0-9a-f]{8}")
    for found in sorted(entry for entry in os.listdir(directory) if leftover.fullmatch(entry)):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(directory, found))
            on_notice(f"{os.path.join(directory, found)}: removed; an interrupted run had left it")


def _reserve(output: OutputFile, path: str, target: str, expected_bytes: int) -> None:
    """Fail before the work if the disk is too small; take the room now, so that nobody else does."""
    _require_room(path, target, expected_bytes, "up to")
    if expected_bytes > HEADER.size:
        with output.named_errors():
            reserve(output.fileno(), expected_bytes)


def _require_room(path: str, target: str, n_bytes: int, bound: str) -> None:
    directory = os.path.dirname(target)
    free = shutil.disk_usage(directory).free
    if n_bytes > free:
        raise ResourceError(
            f"{path}: takes {bound} {_megabytes(n_bytes)}, and {directory} has {_megabytes(free)} free; "
            "make room or choose another place with --output"
        )


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"
