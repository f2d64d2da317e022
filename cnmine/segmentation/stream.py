"""Inputs → blocks of text that can be segmented one by one, as soon as they are there."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from cnmine.errors import CorpusError
from cnmine.io.compression import HEAD_BYTES, ByteReader
from cnmine.io.encoding import BadBytes, bad_bytes_error, codec_name, repair_utf8
from cnmine.io.paths import Source, open_source
from cnmine.io.source import read_blocks, utf8_pieces

BLOCK_CHARACTERS = 1 << 18
BLOCK_BYTES = 3 * BLOCK_CHARACTERS
# Of a line that is cut: characters that are segmented on both sides of the cut, so that it does not show.
CONTEXT = 1000
PATIENCE = 0.005  # seconds without new input after which the lines that are there go on
_BYTE_ORDER_MARK = "\ufeff"

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class TextBlock:
    """Text read at once.

    Attributes
    ----------
    text
        Whole lines, or part of one that is too long.
    before, after
        What stands beside it in its line, as far as it matters; empty at line ends.
    prefix
        To be written in front, whatever is done with the text: a byte order mark.
    first_line
        Number of its first line, from 0 over all sources.
    n_bytes_read
        Bytes on disk consumed since the block before.
    is_last_for_now
        Whether the next block may let wait for itself.
    """

    text: str
    before: str = ""
    after: str = ""
    prefix: str = ""
    first_line: int = 0
    n_bytes_read: int = 0
    is_last_for_now: bool = False


class PromptReader:
    """Bytes of a source, decompressed; those of a pipe as soon as they come."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.is_short = False  # whether there was less to read than was asked for
        self._inner = ByteReader(file, name)
        self._file = file
        self._n_waiting = HEAD_BYTES
        self._n_read = 0
        self._is_prompt = not self._inner.format and hasattr(file, "read1")

    @property
    def n_bytes_read(self) -> int:
        """Bytes on disk so far."""
        return self._inner.n_bytes_read + self._n_read

    def read(self, n_bytes: int) -> bytes:
        """Up to ``n_bytes`` bytes; none only at the end."""
        if not self._is_prompt:
            return self._inner.read(n_bytes)
        if self._n_waiting:
            head = self._inner.read(min(n_bytes, self._n_waiting))
            self._n_waiting = max(0, self._n_waiting - n_bytes)
            if head:
                return head
        pieces: list[bytes] = []
        missing = n_bytes
        while missing and (not pieces or self._is_ready()):
            try:
                piece = self._file.read1(missing)  # type: ignore[attr-defined]
            except OSError as err:
                raise CorpusError(f"{self.name}: cannot be read: {err.strerror or err}") from err
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        self._n_read += n_bytes - missing
        self.is_short = missing > 0
        return b"".join(pieces)

    def _is_ready(self) -> bool:
        try:
            return bool(select.select([self._file], [], [], PATIENCE)[0])
        except (OSError, ValueError):  # nothing to wait for
            return True


def read_text(
    sources: Iterable[Source],
    *,
    encoding: str = "utf-8",
    jsonl_field: str | None = None,
    column: int | None = None,
    bad_bytes: str = "stop",
    whole_lines: bool = False,
    block_characters: int = BLOCK_CHARACTERS,
    on_notice: Callable[[str], None] = lambda text: None,
    on_bad: Callable[[int], None] = lambda n: None,
) -> Iterator[TextBlock]:
    """Read sources in blocks that together are the text, character by character.

    Parameters
    ----------
    sources, encoding, jsonl_field, column, on_notice, on_bad
        As for `cnmine.io.source.read_blocks`.
    bad_bytes
        "stop", "skip" to leave them out, "replace" to put U+FFFD in their place.
    whole_lines
        Whether a line is never cut, however long it is.
    block_characters
        Most characters of a block. Where a line is cut depends on it.

    Raises
    ------
    CorpusError
        If a source cannot be read or is malformed.
    """
    n_lines = 0
    for source in sources:
        tally = BadBytes()
        pieces = _pieces(source, encoding, jsonl_field, column, bad_bytes, tally, on_notice, on_bad)
        limit = None if whole_lines else block_characters
        for block in _cut(pieces, limit, n_lines):
            yield block
            n_lines = block.first_line + block.text.count("\n")
        if tally.count:
            on_notice(tally.report(source.name, bad_bytes))
            on_bad(tally.count)


@dataclass
class _Piece:
    text: str
    n_bytes_read: int
    is_short: bool
    prefix: str = ""


def _pieces(
    source: Source,
    encoding: str,
    jsonl_field: str | None,
    column: int | None,
    bad_bytes: str,
    tally: BadBytes,
    on_notice: Callable[[str], None],
    on_bad: Callable[[int], None],
) -> Iterator[_Piece]:
    if jsonl_field is not None or column is not None:
        options: dict[str, Any] = {"jsonl_field": jsonl_field, "column": column, "on_bad": on_bad}
        blocks = read_blocks([source], encoding=encoding, bad_bytes=bad_bytes, on_notice=on_notice, **options)
        for block in blocks:
            yield _Piece(block.data.decode("utf-8"), block.n_bytes_read, False)
        return
    codec = codec_name(encoding)
    with open_source(source) as file:
        reader = PromptReader(file, source.name)
        base, chunks = utf8_pieces(reader, codec, bad_bytes, tally, BLOCK_BYTES, on_notice)  # type: ignore[arg-type]
        n_seen, prefix, rest = 0, _BYTE_ORDER_MARK if base == 3 else "", b""
        for chunk in chunks:
            data = rest + chunk if rest else chunk
            stop = _whole_characters(data)
            text = _decode(data[:stop], base, source.name, bad_bytes, tally)
            base, rest = base + stop, data[stop:]
            n_read, n_seen = reader.n_bytes_read - n_seen, reader.n_bytes_read
            yield _Piece(text, n_read, reader.is_short, prefix)
            prefix = ""
        yield _Piece(_decode(rest, base, source.name, bad_bytes, tally), 0, False, prefix)


def _whole_characters(data: bytes) -> int:
    """Length without the first bytes of a character at the end."""
    for i in range(1, min(3, len(data)) + 1):
        byte = data[-i]
        if byte & 0xC0 != 0x80:
            size = 2 if byte >> 5 == 6 else 3 if byte >> 4 == 14 else 4 if byte >> 3 == 30 else 1
            return len(data) - i if size > i else len(data)
    return len(data)


def _decode(data: bytes, offset: int, name: str, bad_bytes: str, tally: BadBytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as err:
        if bad_bytes == "stop":
            raise bad_bytes_error(name, offset + err.start, data[err.start : err.start + 2]) from err
        repaired = repair_utf8(data, tally, base=offset)
        return data.decode("utf-8", "ignore") if bad_bytes == "skip" else repaired.decode("utf-8")


def _cut(pieces: Iterable[_Piece], limit: int | None, first_line: int) -> Iterator[TextBlock]:
    """Cut at line ends; a line beyond ``limit`` characters every ``limit`` of them, counted from its beginning."""
    pending: list[str] = []
    before, prefix, n_read = "", "", 0

    def block(text: str, after: str, is_last: bool) -> TextBlock:
        nonlocal before, prefix, n_read, first_line
        made = TextBlock(text, before, after, prefix, first_line, n_read, is_last)
        before = (before + text)[-CONTEXT:] if not text.endswith("\n") else ""
        prefix, n_read, first_line = "", 0, first_line + text.count("\n")
        return made

    for piece in pieces:
        prefix, n_read = prefix + piece.prefix, n_read + piece.n_bytes_read
        pending.append(piece.text)
        if limit is None and "\n" not in piece.text:
            continue
        text = "".join(pending)
        while limit is not None and len(text) >= limit + CONTEXT:
            cut = text.rfind("\n", 0, limit) + 1 or limit
            after = "" if text[cut - 1] == "\n" else text[cut : cut + CONTEXT].partition("\n")[0]
            yield block(text[:cut], after, False)
            text = text[cut:]
        cut = text.rfind("\n") + 1
        if cut and (limit is None or piece.is_short):
            yield block(text[:cut], "", piece.is_short)
            text = text[cut:]
        pending = [text]
    text = "".join(pending)
    if text or prefix:
        yield block(text, "", False)


def map_prompt(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, is_last: Callable[[T], bool]
) -> Iterator[R]:
    """`cnmine._parallel.map_ordered`, but results do not wait for an item that may let wait for itself."""
    if threads <= 1:
        yield from map(function, items)
        return
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                while pending and (len(pending) >= 2 * threads or is_last(item)):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
