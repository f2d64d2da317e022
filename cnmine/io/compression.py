"""A binary file, compressed or not → its decompressed bytes, in bounded memory.

The format is told by the first bytes, never by the name, so pipes work the same as files.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from cnmine.errors import CorpusError, UsageError

READ_BYTES = 1 << 17
OUTPUT_BYTES = 1 << 20
HEAD_BYTES = 16  # enough to know every format

_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)", re.DOTALL),
}
_PADDED = ("gzip", "xz")  # zero bytes may stand between and after members


class ByteReader:
    """Decompressed bytes of one open file.

    Parameters
    ----------
    file
        Binary file object open for reading.
    name
        For messages.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.n_bytes_read = 0
        self._file = file
        head = self._read_file(HEAD_BYTES)
        self.format = next((kind for kind, magic in _MAGIC.items() if magic.match(head)), "")
        self._waiting = b"" if self.format else head
        self._pieces = self._members(head) if self.format else iter(())

    def read(self, n_bytes: int) -> bytes:
        """The next ``n_bytes`` bytes; fewer only at the end.

        Raises
        ------
        CorpusError
            If the file cannot be read, or its compressed data is damaged or incomplete.
        """
        pieces, missing = [self._waiting], n_bytes - len(self._waiting)
        while missing > 0:
            piece = next(self._pieces, b"") if self.format else self._read_file(missing)
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        got = b"".join(pieces) if len(pieces) > 1 else pieces[0]
        self._waiting = got[n_bytes:]
        return got[:n_bytes]

    def _read_file(self, n_bytes: int) -> bytes:
        try:
            got = self._file.read(n_bytes)
        except OSError as err:
            raise CorpusError(f"{self.name}: cannot be read: {err.strerror or err}") from err
        self.n_bytes_read += len(got)
        return got

    def _members(self, head: bytes) -> Iterator[bytes]:
        """Decompress one member after another until the file ends."""
        new_engine = _engine(self.format, self.name)
        data = head
        while data:
            if not _MAGIC[self.format].match(data):
                raise CorpusError(
                    f"{self.name}: foreign bytes after the {self.format} data, before byte {self.n_bytes_read}"
                )
            engine = new_engine()
            yield from self._member(engine, data)
            data = engine.unused_data
            while len(data) < HEAD_BYTES:
                if self.format in _PADDED:
                    data = data.lstrip(b"\0")
                more = self._read_file(READ_BYTES)
                if not more:
                    break
                data += more
            if self.format in _PADDED:
                data = data.lstrip(b"\0")

    def _member(self, engine: Any, data: bytes) -> Iterator[bytes]:
        try:
            while not engine.eof:
                if not data and engine.needs_input:
                    data = self._read_file(READ_BYTES)
                    is_end = not data
                else:
                    is_end = False
                piece = engine.decompress(data, OUTPUT_BYTES)
                data = b""
                if piece:
                    yield piece
                elif is_end and not engine.eof:
                    raise CorpusError(
                        f"{self.name}: unexpected end of {self.format} data after {self.n_bytes_read} bytes; "
                        "the file is incomplete, copy or download it again"
                    )
        except CorpusError:
            raise
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as err:
            raise self._damaged(err) from err
        except Exception as err:
            # The two zstd packages have exception classes of their own.
            if type(err).__name__ == "ZstdError":
                raise self._damaged(err) from err
            raise

    def _damaged(self, err: Exception) -> CorpusError:
        return CorpusError(f"{self.name}: damaged {self.format} data before byte {self.n_bytes_read} ({err})")


def _engine(kind: str, name: str) -> Callable[[], Any]:
    """Maker of decompressors with the interface of ``bz2.BZ2Decompressor``."""
    if kind == "gzip":
        return _GzipEngine
    if kind == "bzip2":
        return bz2.BZ2Decompressor
    if kind == "xz":
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # Python 3.14

        return zstd.ZstdDecompressor
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError as err:
        raise UsageError(f"{name}: reading zstd needs the extra cnmine[zstd]: pip install 'cnmine[zstd]'") from err
    return lambda: _ZstandardEngine(zstandard)


class _GzipEngine:
    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._object.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._object.decompress(self._object.unconsumed_tail + data, max_length)


class _ZstandardEngine:
    """The package cannot limit its output, so it is fed little at a time."""

    FEED_BYTES = 1 << 12

    def __init__(self, zstandard: Any) -> None:
        self._object = zstandard.ZstdDecompressor().decompressobj()
        self._data = b""
        self._start = 0

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data + self._data[self._start :]

    @property
    def needs_input(self) -> bool:
        return self._start >= len(self._data)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            self._data = self._data[self._start :] + data
            self._start = 0
        pieces, n_bytes = [], 0
        while n_bytes < max_length and self._start < len(self._data) and not self._object.eof:
            feed = self._data[self._start : self._start + self.FEED_BYTES]
            self._start += len(feed)
            pieces.append(self._object.decompress(feed))
            n_bytes += len(pieces[-1])
        return b"".join(pieces)
