"""Header and table of a mapped file → the list of its sections; whatever does not fit together is refused and named."""

from __future__ import annotations

import codecs
import contextlib
import mmap
from typing import NoReturn

import numpy as np

from cnmine.errors import StoreError
from cnmine.store import layout
from cnmine.store.layout import CHECKED_BYTES, ENTRY, HEADER, TRAILER, Section, aligned
from cnmine.store.packing import MAX_BITS

AGAIN = "make the store again, or copy it again if it is a copy"
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


def read_header(path: str, mapped: mmap.mmap) -> tuple[str, int]:
    """Kind and its version; StoreError if this is no store that can be read here."""
    start = mapped[: HEADER.size]
    if not start.startswith(layout.MAGIC[: len(start)]):
        raise StoreError(f"{path}: is {_describe(start)}, expected a store of cnmine; name another file")
    if len(mapped) < HEADER.size + TRAILER.size:
        _fail_incomplete(path, f"has {len(mapped)} bytes, expected {HEADER.size + TRAILER.size} at least")
    _, container_version, mark, version, kind_bytes = HEADER.unpack(start)
    if mark == int.from_bytes(layout.BYTE_ORDER_MARK.to_bytes(2, "big"), "little"):
        raise StoreError(f"{path}: was written on a big-endian machine, expected little-endian; make it again here")
    if container_version > layout.CONTAINER_VERSION:
        fail_newer(path, f"version {container_version} of the file format", layout.CONTAINER_VERSION)
    kind = kind_bytes.rstrip(b"\0").decode("latin-1")
    if not layout.NAME.fullmatch(kind) or version == 0 or layout.pack_header(kind, version) != start:
        _fail_damaged(path, f"its header is {start[8:32].hex()}")
    return kind, version


def read_sections(path: str, mapped: mmap.mmap) -> list[Section]:
    """All sections, in the order of the file; StoreError unless they and the zeros between them fill it exactly."""
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


def fail_newer(path: str, found: str, known: int) -> NoReturn:
    """Refuse what a later version has written."""
    raise StoreError(f"{path}: was written by a newer cnmine ({found}, known up to {known}); update cnmine")


def _fail_incomplete(path: str, found: str) -> NoReturn:
    raise StoreError(f"{path}: is incomplete: it {found}; {AGAIN}")


def _fail_damaged(path: str, found: str) -> NoReturn:
    raise StoreError(f"{path}: is damaged: {found}; {AGAIN}")
