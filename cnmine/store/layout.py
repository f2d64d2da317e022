"""The bytes around the sections of a store: header in front; table, checksums and trailer behind."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import xxhash

from cnmine.store.packing import n_words_for

# No text, and changed by whatever converts line ends or drops the eighth bit.
MAGIC, END_MAGIC = b"\x89cnm\r\n\x1a\n", b"\n\x1a\r\nmnc\x89"
CONTAINER_VERSION = 1
BYTE_ORDER_MARK = 0xFEFF
ALIGNMENT = 64  # of sections and footer
CHECKED_BYTES = 1 << 20  # every so many bytes of a section have a checksum of their own
MAX_SECTIONS = 1024
NAME = re.compile("[a-z][a-z0-9_]*")

HEADER = struct.Struct("<8sHHI16s32x")  # magic, container version, byte order mark, version of the kind, kind
ENTRY = struct.Struct("<32s4Q")  # name, bits, n_items, offset, n_bytes
TRAILER = struct.Struct("<4Q8s")  # offset of the footer, number of sections, length of the file, checksum, magic
_TRAILER_CHECKED = 24  # bytes of the trailer before its checksum


@dataclass(frozen=True, eq=False)
class Section:
    """One array of the file.

    Attributes
    ----------
    name
        ASCII, at most 32 characters.
    bits, n_items
        Width and number of the values.
    offset
        Where the array begins in the file; a multiple of `ALIGNMENT`.
    hashes
        ``uint64[ceil(n_bytes / CHECKED_BYTES)]``, XXH3 of each block of `CHECKED_BYTES` bytes.
    """

    name: str
    bits: int
    n_items: int
    offset: int
    hashes: np.ndarray

    @property
    def n_bytes(self) -> int:
        """Length, with the word to spare."""
        return section_bytes(self.n_items, self.bits)


def section_bytes(n_items: int, bits: int) -> int:
    """Length of a section: whole words of 64 bits, and one to spare, for any width."""
    return 8 * n_words_for(n_items, bits)


def aligned(offset: int) -> int:
    """The next place where a section may begin."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def pack_header(kind: str, version: int) -> bytes:
    """The first bytes of a file."""
    return HEADER.pack(MAGIC, CONTAINER_VERSION, BYTE_ORDER_MARK, version, kind.encode("ascii"))


def pack_footer(sections: Sequence[Section]) -> bytes:
    """The table of sections, and behind it their checksums."""
    entries = [ENTRY.pack(s.name.encode("ascii"), s.bits, s.n_items, s.offset, s.n_bytes) for s in sections]
    return b"".join(entries + [s.hashes.astype("<u8").tobytes() for s in sections])


def pack_trailer(header: bytes, footer: bytes, offset: int, n_sections: int) -> bytes:
    """The last bytes of a file; their checksum covers header, footer and trailer."""
    length = offset + len(footer) + TRAILER.size
    start = TRAILER.pack(offset, n_sections, length, 0, END_MAGIC)[:_TRAILER_CHECKED]
    return TRAILER.pack(offset, n_sections, length, _checksum((header, footer, start)), END_MAGIC)


def _checksum(parts: Iterable[bytes]) -> int:
    state = xxhash.xxh3_64()
    for part in parts:
        state.update(part)
    return state.intdigest()


def block_hash(data: memoryview) -> int:
    """XXH3 (64 bits, no seed) of one block of a section."""
    return xxhash.xxh3_64_intdigest(data)
