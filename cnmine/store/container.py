"""A store on disk → its sections as read-only maps, every field checked before it is used."""

from __future__ import annotations

import codecs
import contextlib
import errno
import mmap
import os
import stat
import sys
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn

import numpy as np

from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.store import layout
from cnmine.store.layout import CHECKED_BYTES, ENTRY, HEADER, TRAILER, Section, aligned
from cnmine.store.packing import MAX_BITS, PLAIN_BITS, Packed

SMALL_BYTES = 16 << 20  # a store up to this size is verified when opened: that takes a few milliseconds

_AGAIN = "make the store again, or copy it again if it is a copy"
_FOREIGN = (
    (b"mmap lm http://kheafield.com/code", "a binary language model of KenLM"),
    (b"\\data\\", "a language model in ARPA format"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"SQLite format 3", "a database of SQLite"),
    (b"\x80", "a pickle, which is never read"),
)


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
                    f"{section.offset + start + len(block)} of the file; {_AGAIN}"
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
        found_kind, found_version = _read_header(path, mapped)
        sections = _read_sections(path, mapped)
        if kind not in (None, found_kind):
            raise StoreError(f"{path}: is a store of kind {found_kind}, expected {kind}; name another file")
        if version is not None and found_version > version:
            _fail_newer(path, f"version {found_version} of kind {found_kind}", version)
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
                raise StoreError(f"{path}: is empty, expected a store; {_AGAIN}")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as err:
        raise StoreError(f"{path}: does not exist, expected a store; check the name, or make it first") from err
    except OSError as err:
        if err.errno == errno.ENOMEM:
            raise ResourceError(
                f"{path}: the store does not fit into the address space; raise its limit (ulimit -v)"
            ) from err
        raise StoreError(f"{path}: cannot be read: {err.strerror or err}; check the file and its mode") from err


def _read_header(path: str, mapped: mmap.mmap) -> tuple[str, int]:
    """Kind and its version, if this is a store of ours."""
    start = mapped[: HEADER.size]
    if not start.startswith(layout.MAGIC[: len(start)]):
        raise StoreError(f"{path}: is {_describe(start)}, expected a store of cnmine; name another file")
    if len(mapped) < HEADER.size + TRAILER.size:
        _fail_incomplete(path, f"has {len(mapped)} bytes, expected {HEADER.size + TRAILER.size} at least")
    _, container_version, mark, version, kind_bytes = HEADER.unpack(start)
    if mark == int.from_bytes(layout.BYTE_ORDER_MARK.to_bytes(2, "big"), "little"):
        raise StoreError(f"{path}: was written on a big-endian machine, expected little-endian; make it again here")
    if container_version > layout.CONTAINER_VERSION:
        _fail_newer(path, f"version {container_version} of the file format", layout.CONTAINER_VERSION)
    kind = kind_bytes.rstrip(b"\0").decode("latin-1")
    if not layout.NAME.fullmatch(kind) or version == 0 or layout.pack_header(kind, version) != start:
        _fail_damaged(path, f"its header is {start[8:32].hex()}")
    return kind, version


def _read_sections(path: str, mapped: mmap.mmap) -> list[Section]:
    offset, n_sections, footer = _read_footer(path, mapped)
    entries = [ENTRY.unpack_from(footer, i * ENTRY.size) for i in range(n_sections)]
    hashes = np.frombuffer(footer, "<u8", offset=n_sections * ENTRY.size)
    sections: list[Section] = []
    end, n_hashes = HEADER.size, 0
    for name_bytes, bits, n_items, start, n_bytes in entries:
        name = name_bytes.rstrip(b"\0").decode("latin-1")
        if not layout.NAME.fullmatch(name) or any(name == section.name for section in sections):
            _fail_damaged(path, f"its sections have the names {[entry[0].rstrip(bytes(1)) for entry in entries[:9]]}")
        if not 1 <= bits <= MAX_BITS or n_bytes != layout.section_bytes(n_items, bits):
            _fail_damaged(path, f"section {name} has {n_items} values of {bits} bits in {n_bytes} bytes")
        if start != aligned(end) or start + n_bytes > offset:
            _fail_damaged(
                path, f"section {name} reaches from byte {start} to {start + n_bytes}, not from {aligned(end)} on"
            )
        _check_padding(path, mapped, end, start)
        n_blocks = -(-n_bytes // CHECKED_BYTES)
        sections.append(Section(name, bits, n_items, start, hashes[n_hashes : n_hashes + n_blocks]))
        end, n_hashes = start + n_bytes, n_hashes + n_blocks
    if offset != aligned(end) or n_hashes != hashes.size:
        _fail_damaged(
            path, f"its table is at byte {offset}, expected {aligned(end)}, with {hashes.size} checksums of {n_hashes}"
        )
    _check_padding(path, mapped, end, offset)
    return sections


def _read_footer(path: str, mapped: mmap.mmap) -> tuple[int, int, bytes]:
    """Where it begins, how many sections it lists, and its bytes, of which only the checksum is known to be right."""
    trailer_at = len(mapped) - TRAILER.size
    offset, n_sections, length, _, magic = TRAILER.unpack(mapped[trailer_at:])
    if magic != layout.END_MAGIC:
        _fail_incomplete(path, "does not end with the mark of a complete store")
    if length != len(mapped):
        _fail_incomplete(path, f"has {len(mapped)} bytes, expected {length}")
    if n_sections > layout.MAX_SECTIONS or not HEADER.size <= offset <= trailer_at - n_sections * ENTRY.size:
        _fail_damaged(path, f"its table of {n_sections} sections is at byte {offset} of {length}")
    footer = mapped[offset:trailer_at]
    if len(footer) % 8 or layout.pack_trailer(mapped[: HEADER.size], footer, offset, n_sections) != mapped[trailer_at:]:
        _fail_damaged(path, "the checksum of header and table is wrong")
    return offset, n_sections, footer


def _check_padding(path: str, mapped: mmap.mmap, start: int, stop: int) -> None:
    if any(mapped[start:stop]):
        _fail_damaged(path, f"there is something between bytes {start} and {stop}, where nothing belongs")


def _describe(start: bytes) -> str:
    """What a file that begins so may be."""
    if start.startswith(layout.MAGIC[:4]):
        return "a store whose line ends were converted like those of a text; copy it as it is"
    for magic, description in _FOREIGN:
        if start.startswith(magic):
            return description
    with contextlib.suppress(UnicodeDecodeError):
        # The last character may be cut.
        if "\0" not in codecs.getincrementaldecoder("utf-8")().decode(start):
            return "a text"
    return f"something that begins with {start[:8].hex(' ')}"


def _fail_newer(path: str, found: str, known: int) -> NoReturn:
    raise StoreError(f"{path}: was written by a newer cnmine ({found}, known up to {known}); update cnmine")


def _fail_incomplete(path: str, found: str) -> NoReturn:
    raise StoreError(f"{path}: is incomplete: it {found}; {_AGAIN}")


def _fail_damaged(path: str, found: str) -> NoReturn:
    raise StoreError(f"{path}: is damaged: {found}; {_AGAIN}")
