"""Inputs → blocks of UTF-8 that can be encoded independently, in bounded memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cnmine.errors import CorpusError, UsageError
from cnmine.io import _kernels
from cnmine.io.compression import ByteReader
from cnmine.io.encoding import (
    SAMPLE_BYTES,
    BadBytes,
    Utf8Converter,
    bad_bytes_error,
    codec_name,
    detect_encoding,
    find_bom,
    repair_utf8,
)
from cnmine.io.paths import Source, find_sources, open_source
from cnmine.io.units import MAX_RUN_BYTES, character_tables

__all__ = ["Block", "Source", "find_sources", "read_blocks"]

BLOCK_BYTES = 1 << 22
_WINDOW_BYTES = 256
_LONG_BYTES = 1024
_OVERLONG = b"x" * (MAX_RUN_BYTES + 1)

# Up to the last character of a kind that is never part of a run, whatever stands beside it:
# ASCII other than letters, digits and . + # _ - ; then most of what three bytes can write.
_HARMLESS = re.compile(
    rb"(?s).*(?:[\x00-\x22\x24-\x2a\x2c\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]|[\xe1-\xee][\x80-\xbf][\x80-\xbf])"
)


@dataclass(frozen=True)
class Block:
    """Text read at once, never cut inside a character or a run of letters and digits.

    Attributes
    ----------
    data
        UTF-8, not validated yet if the source is UTF-8 itself.
    source
        Where it comes from.
    offset
        Of ``data[0]`` in the decompressed text: in the source's own bytes if it is UTF-8, else in the UTF-8
        made from it. If the block begins with an overlong run, which is shortened, it suits what follows the run.
    starts_source
        Whether this is the first block of its source.
    n_bytes_read
        Bytes on disk consumed since the previous block of the source.
    joins_previous
        True if this continues the line that the previous block began; otherwise a boundary stands between.
    """

    data: bytes
    source: Source
    offset: int
    starts_source: bool
    n_bytes_read: int
    joins_previous: bool = False


def read_blocks(
    sources: Iterable[Source],
    *,
    encoding: str = "utf-8",
    jsonl_field: str | None = None,
    column: int | None = None,
    bad_bytes: str = "stop",
    block_bytes: int = BLOCK_BYTES,
    on_notice: Callable[[str], None] = lambda text: None,
    on_bad: Callable[[int], None] = lambda n: None,
) -> Iterator[Block]:
    """Read sources block by block, decompressed and as UTF-8.

    Memory is bounded by a few blocks however long the lines are; only ``jsonl_field`` and ``column`` have
    to hold a whole line. A source without text gives no block. The units do not depend on ``block_bytes``.

    Parameters
    ----------
    sources
        From `find_sources`.
    encoding
        A key of ``encoding.CODECS``; "auto" decides for each source. A byte order mark overrules it.
    jsonl_field
        Every line is a JSON object and this field is the text; ``a.b`` looks into the object ``a``.
    column
        Every line is a TSV row and this column, counted from 1, is the text.
    bad_bytes
        "stop", "skip" or "replace". The latter two put U+FFFD, a boundary, in the place of what does not fit
        the encoding, and leave out lines without the field or column. Plain UTF-8 is left to `encode_block`.
    block_bytes
        Length aimed at; a block may be somewhat longer.
    on_notice
        Called with one line about each source that needs one: encoding found, bad bytes passed over.
    on_bad
        Called at the end of a source with the number of byte sequences and lines passed over in it, if any;
        those of plain UTF-8 are `encode_block`'s to count.

    Raises
    ------
    CorpusError
        If a source is missing, damaged or, with ``bad_bytes="stop"``, malformed.
    UsageError
        If an option is out of its range.
    """
    codec = codec_name(encoding)
    if bad_bytes not in ("stop", "skip", "replace"):
        raise UsageError(f"bad_bytes is {bad_bytes!r}; choose stop, skip or replace")
    if block_bytes < 1:
        raise UsageError(f"block_bytes is {block_bytes}; at least 1 is needed")
    extract = _extractor(jsonl_field, column)
    # A generator of its own, so that wrong options raise at the call.
    return _read_all(sources, codec, extract, bad_bytes, block_bytes, on_notice, on_bad)


Extract = Callable[[bytes], bytes | None]


def _extractor(jsonl_field: str | None, column: int | None) -> Extract | None:
    """What finds the text in a line; None if the line is the text."""
    if jsonl_field is not None and column is not None:
        raise UsageError("jsonl_field and column exclude each other")
    if jsonl_field is not None:
        return partial(_json_text, field=jsonl_field)
    if column is None:
        return None
    if column < 1:
        raise UsageError(f"column is {column}; columns are counted from 1")
    return partial(_column_text, column=column)


def _read_all(
    sources: Iterable[Source],
    codec: str,
    extract: Extract | None,
    bad_bytes: str,
    block_bytes: int,
    on_notice: Callable[[str], None],
    on_bad: Callable[[int], None],
) -> Iterator[Block]:
    for source in sources:
        tally, n_seen, is_first = BadBytes(), 0, True
        with open_source(source) as file:
            reader = ByteReader(file, source.name)
            base, pieces = utf8_pieces(reader, codec, bad_bytes, tally, block_bytes, on_notice)
            if extract is None:
                cuts = _cut_blocks(pieces, base)
            else:
                cuts = _extract_records(pieces, base, source.name, extract, bad_bytes, tally, on_notice, on_bad)
            for data, offset, joins_previous in cuts:
                n_bytes_read, n_seen = reader.n_bytes_read - n_seen, reader.n_bytes_read
                yield Block(data, source, offset, is_first, n_bytes_read, joins_previous)
                is_first = False
        if tally.count:
            on_notice(tally.report(source.name, bad_bytes))
            on_bad(tally.count)


def utf8_pieces(
    reader: ByteReader,
    codec: str,
    bad_bytes: str,
    tally: BadBytes,
    block_bytes: int,
    on_notice: Callable[[str], None],
) -> tuple[int, Iterator[bytes]]:
    """The text as UTF-8 in pieces of any length, and the offset of the first one."""
    head = reader.read(SAMPLE_BYTES if codec == "auto" else 4)
    marked, n_mark = find_bom(head)
    if marked:
        is_expected = codec in (marked, "utf-16") or (codec == "auto" and marked == "utf-8")
        if not is_expected:
            on_notice(f"{reader.name}: read as {marked}, because of its byte order mark")
        codec = marked
    elif codec == "auto":
        codec = detect_encoding(head, is_whole=len(head) < SAMPLE_BYTES)
        if codec != "utf-8":
            on_notice(f"{reader.name}: read as {'big5' if codec == 'big5hkscs' else codec}")
    elif codec == "utf-16":
        codec = "utf-16-le"  # without a mark, Windows is the likelier origin
    head = head[n_mark:]

    def read() -> Iterator[bytes]:
        first = head + reader.read(max(0, block_bytes - len(head)))
        if first:
            yield first
        while data := reader.read(block_bytes):
            yield data

    if codec == "utf-8":
        return n_mark, read()
    converter = Utf8Converter(codec, reader.name, stop=bad_bytes == "stop", tally=tally, base=n_mark)

    def convert() -> Iterator[bytes]:
        for data in read():
            yield converter.convert(data, is_last=False)
        yield converter.convert(b"", is_last=True)

    return 0, convert()


def _cut_blocks(pieces: Iterable[bytes], base: int) -> Iterator[tuple[bytes, int, bool]]:
    """Regroup pieces so that no unit is cut; blocks with their offset and whether they join the previous one.

    What is left over of the last line goes with the block before it, so that only the last block of a line
    can be shorter than a piece.
    """
    pending, end, joins = b"", base, False
    held: tuple[bytes, int, bool] | None = None
    for piece in pieces:
        end += len(piece)
        cut = piece.rfind(b"\n") + 1
        pending = pending + piece if pending else piece
        if cut:
            cut += len(pending) - len(piece)
            is_line_end = True
        else:
            cut, is_line_end = _cut_line(pending), False
            if cut < 0:
                pending = _shorten_run(pending)
                cut = 0
        if cut:
            if held:
                yield held
            held = (pending[:cut], end - len(pending), joins)
            pending, joins = pending[cut:], not is_line_end
    # What was shortened stands further on in the source than behind its block.
    if held and joins and held[1] + len(held[0]) == end - len(pending):
        held, pending = (held[0] + pending, *held[1:]), b""
    if held:
        yield held
    if pending:
        yield pending, end - len(pending), joins


def _cut_line(line: bytes) -> int:
    """Last harmless cut in part of a line; 0 to wait for more, -1 if it is one run of enormous length."""
    start = max(0, len(line) - _WINDOW_BYTES)
    found = _HARMLESS.match(line, start)
    if found:
        return found.end()
    if len(line) < _LONG_BYTES:
        return 0
    scratch = np.empty(2 * MAX_RUN_BYTES, np.uint8)
    cut = _kernels.find_cut(np.frombuffer(line, np.uint8), *character_tables(False, True), scratch)
    return int(cut) or -1


def _shorten_run(run: bytes) -> bytes:
    """A shorter run that is too long as well and ends in the same way, which is all that matters of it."""
    start = len(run) - _WINDOW_BYTES
    while run[start] & 0xC0 == 0x80:
        start += 1
    return _OVERLONG + run[start:]


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Regroup pieces so that each ends with a line, or with the text."""
    parts: list[bytes] = []
    for piece in pieces:
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield b"".join([*parts, piece[:cut]])
            parts = []
        if cut < len(piece):
            parts.append(piece[cut:])
    if parts:
        yield b"".join(parts)


def _extract_records(
    pieces: Iterable[bytes],
    offset: int,
    name: str,
    extract: Extract,
    bad_bytes: str,
    tally: BadBytes,
    on_notice: Callable[[str], None],
    on_bad: Callable[[int], None],
) -> Iterator[tuple[bytes, int, bool]]:
    """Blocks of the texts that ``extract`` finds in the lines, each text ended by a line end."""
    n_lines, bad_lines, first_bad = 0, 0, 0
    for data in whole_lines(pieces):
        valid = data
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as err:
            if bad_bytes == "stop":
                raise bad_bytes_error(name, offset + err.start, data[err.start : err.start + 2]) from err
            valid = repair_utf8(data, tally, base=offset)
        texts = []
        for line in valid[: -1 if valid.endswith(b"\n") else None].split(b"\n"):
            n_lines += 1
            if not line.strip():
                continue
            text = extract(line)
            if text is not None:
                texts.append(text + b"\n")
            elif bad_bytes == "stop":
                raise CorpusError(f"{name}: line {n_lines} {_lack(extract)}; mend it, or --bad-bytes skip")
            else:
                bad_lines += 1
                first_bad = first_bad or n_lines
        if texts:
            yield b"".join(texts), offset, False
        offset += len(data)
    if bad_lines:
        on_notice(f"{name}: skipped {bad_lines} bad {'line' if bad_lines == 1 else 'lines'}, first at line {first_bad}")
        on_bad(bad_lines)


def _lack(extract: Extract) -> str:
    wanted = extract.keywords  # type: ignore[attr-defined]
    if "field" in wanted:
        return f"is not a JSON object with a text in {wanted['field']!r}"
    return f"has no column {wanted['column']}"


def _json_text(line: bytes, *, field: str) -> bytes | None:
    try:
        value = json.loads(line, strict=False)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict) and field in value:
        value = value[field]
    else:
        for key in field.split("."):
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
    # A lone surrogate, which JSON can write and UTF-8 cannot, becomes a question mark.
    return value.encode("utf-8", "replace") if isinstance(value, str) else None


def _column_text(line: bytes, *, column: int) -> bytes | None:
    values = line.split(b"\t", column)
    return values[column - 1] if len(values) >= column else None


def total_bytes(sources: Sequence[Source]) -> int | None:
    """Bytes on disk of all sources, for progress; None if one is not known."""
    sizes = [source.n_bytes for source in sources]
    return None if None in sizes else sum(size for size in sizes if size is not None)
