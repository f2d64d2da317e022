"""Inputs → batches of whole lines as text, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cnmine.errors import UsageError
from cnmine.io.compression import ByteReader
from cnmine.io.encoding import BadBytes, bad_bytes_error, codec_name, repair_utf8
from cnmine.io.paths import Source, open_source
from cnmine.io.source import utf8_pieces, whole_lines

BATCH_BYTES = 1 << 20


@dataclass(frozen=True)
class Lines:
    r"""Lines of one source, one after another.

    Attributes
    ----------
    source
        Where they come from.
    first_number
        Of the first of them in the source, from 1.
    texts
        Without line ends, which are ``\n`` or ``\r\n`` and nothing else.
    n_bytes_read
        Bytes on disk consumed since the previous batch.
    """

    source: Source
    first_number: int
    texts: list[str]
    n_bytes_read: int


def read_lines(
    sources: Iterable[Source],
    *,
    encoding: str = "utf-8",
    bad_bytes: str = "stop",
    batch_bytes: int = BATCH_BYTES,
    on_notice: Callable[[str], None] = lambda text: None,
    on_bad: Callable[[int], None] = lambda n: None,
) -> Iterator[Lines]:
    """Read sources line by line, decompressed, decoded and without byte order marks.

    Parameters
    ----------
    sources
        From `cnmine.io.paths.find_sources`.
    encoding, bad_bytes
        As for `cnmine.io.source.read_blocks`; "skip" and "replace" both put U+FFFD in the place of bad bytes.
    batch_bytes
        Length of a batch aimed at. Memory: some batches, or the longest line.
    on_notice, on_bad
        Called with one line about each source that needs one, and with the number of its bad byte sequences.

    Raises
    ------
    CorpusError
        If a source is missing, damaged or, with ``bad_bytes="stop"``, not in the encoding; names the byte.
    UsageError
        At once, if an option is out of its range.
    """
    codec = codec_name(encoding)
    if bad_bytes not in ("stop", "skip", "replace"):
        raise UsageError(f"bad_bytes is {bad_bytes!r}; choose stop, skip or replace")
    return _read_all(sources, codec, bad_bytes, batch_bytes, on_notice, on_bad)


def _read_all(
    sources: Iterable[Source],
    codec: str,
    bad_bytes: str,
    batch_bytes: int,
    on_notice: Callable[[str], None],
    on_bad: Callable[[int], None],
) -> Iterator[Lines]:
    for source in sources:
        tally, n_seen, number = BadBytes(), 0, 1
        with open_source(source) as file:
            reader = ByteReader(file, source.name)
            offset, pieces = utf8_pieces(reader, codec, bad_bytes, tally, batch_bytes, on_notice)
            for data in whole_lines(pieces):
                text = _decode(data, offset, source.name, bad_bytes, tally)
                lines = text.removesuffix("\n").split("\n")
                if "\r" in text:
                    lines = [line.removesuffix("\r") for line in lines]
                n_bytes_read, n_seen = reader.n_bytes_read - n_seen, reader.n_bytes_read
                yield Lines(source, number, lines, n_bytes_read)
                number += len(lines)
                offset += len(data)
        if tally.count:
            on_notice(tally.report(source.name, bad_bytes))
            on_bad(tally.count)


def _decode(data: bytes, offset: int, name: str, bad_bytes: str, tally: BadBytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as err:
        if bad_bytes == "stop":
            raise bad_bytes_error(name, offset + err.start, data[err.start : err.start + 2]) from err
        return repair_utf8(data, tally, base=offset).decode("utf-8")
