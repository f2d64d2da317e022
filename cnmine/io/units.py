"""Blocks of UTF-8 → arrays of unit codes, and back.

A unit is one Han character or one run of letters and digits; a stretch of anything else is one
boundary code. Where punctuation is kept, everything but white space is part of a unit and line ends
alone are boundaries. The codes are provisional: run ``j`` of a block is ``RUN_BASE + j`` in that block only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.dtypes import CODEPOINT, N_BOUNDARIES, OFFSET, RUN_BASE
from cnmine.errors import UsageError
from cnmine.io import _kernels
from cnmine.io.encoding import BadBytes, bad_bytes_error, repair_utf8

if TYPE_CHECKING:
    from cnmine.io.paths import Source
    from cnmine.io.source import Block

# Codes below N_BOUNDARIES are boundaries: 0 plain, +1 begins with a closing quote, +2 ends with an opening one.
CLOSING_BIT, OPENING_BIT = 1, 2
MAX_RUN_BYTES = _kernels.MAX_RUN_BYTES

_MIN_SLOTS = 1024  # of the table of runs; grown when half full
_LETTER_RANGES = ((0xC0, 0x250), (0x370, 0x400), (0x400, 0x530))
_HAN_RANGES = ((0x3005, 0x3006), (0x3007, 0x3008), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x30000))
_COMPATIBILITY_RANGES = ((0xF900, 0xFB00), (0x2F800, 0x2FA20))
_WIDE = 0xFEE0  # distance between a full-width character and its ASCII form
_SPACE_CATEGORIES = ("Cc", "Zs", "Zl", "Zp")  # where punctuation is kept; control characters tell nothing either
_BOUNDARY_CLASSES = {"Pe": _kernels.CLOSING, "Pf": _kernels.CLOSING, "Ps": _kernels.OPENING, "Pi": _kernels.OPENING}


@dataclass(frozen=True)
class UnitBlock:
    """The units of one block.

    Attributes
    ----------
    codes
        ``uint32[n]``; below ``N_BOUNDARIES`` a boundary, else the code point of a Han character (or of
        punctuation, where that is kept), or ``RUN_BASE + j`` for run ``j`` of this block.
    runs
        Distinct folded texts of the runs, in order of first appearance.
    starts
        ``int64[n]``, byte offset of each unit or boundary stretch in the block, or None if not asked for.
    n_bad
        Byte sequences that were not UTF-8 and count as boundaries.
    bad_offset
        Where the first one stands in the block; -1 if there is none.
    """

    codes: np.ndarray
    runs: list[bytes]
    starts: np.ndarray | None = None
    n_bad: int = 0
    bad_offset: int = -1


@cache
def character_tables(fold_case: bool, fold_width: bool, punctuation: str = "drop") -> tuple[np.ndarray, np.ndarray]:
    """Class of every code point, and the form it is folded to, as the kernel wants them."""
    classes = np.zeros(_kernels.N_CLASSES, np.uint8)
    fold = np.concatenate([np.arange(0x10000), np.arange(0x2F800, 0x2FA20)]).astype(CODEPOINT)
    for code in range(0x10000):
        classes[code] = _BOUNDARY_CLASSES.get(unicodedata.category(chr(code)), _kernels.PLAIN)
    for start, stop in _LETTER_RANGES:
        for code in range(start, stop):
            if unicodedata.category(chr(code)).startswith("L"):
                classes[code] = _kernels.LETTER
    for start, stop in _HAN_RANGES:
        classes[start:stop] = _kernels.HAN
    for start, stop in _COMPATIBILITY_RANGES:
        classes[start:stop] = _kernels.COMPATIBILITY
        for code in range(start, stop):
            folded = unicodedata.normalize("NFKC", chr(code))
            fold[code if code < 0x10000 else code - 0x2F800 + 0x10000] = ord(folded) if len(folded) == 1 else code
    for shift in (0, _WIDE):  # ASCII last would do as well: the two ranges do not meet
        _classify_ascii(classes, shift)
    for code in np.flatnonzero(classes[:0x10000] >= _kernels.LETTER).tolist():
        fold[code] = _fold_run_character(code, fold_case, fold_width)
    if punctuation == "keep":
        classes[classes <= _kernels.STRAIGHT] = _kernels.HAN  # a unit as it is
        for code in range(0x10000):
            if unicodedata.category(chr(code)) in _SPACE_CATEGORIES:
                classes[code] = _kernels.SPACE
        classes[0xFFFD] = _kernels.SPACE  # stands for bytes that were no text
        classes[ord("\n")] = _kernels.PLAIN
    classes.flags.writeable = fold.flags.writeable = False
    return classes, fold


def _classify_ascii(classes: np.ndarray, shift: int) -> None:
    for characters, value in (
        ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", _kernels.LETTER),
        ("0123456789", _kernels.DIGIT),
        ("._-", _kernels.INNER),
        ("+", _kernels.PLUS),
        ("#", _kernels.HASH),
        ('"', _kernels.STRAIGHT),
        ("<", _kernels.OPENING),
        (">", _kernels.CLOSING),
    ):
        for character in characters:
            classes[ord(character) + shift] = value


def _fold_run_character(code: int, fold_case: bool, fold_width: bool) -> int:
    if fold_width and code > _WIDE:
        code -= _WIDE
    if fold_case:
        lower = chr(code).lower()
        # A few capitals have no small form that is itself a run letter (İ, Ⱥ); they stay.
        if len(lower) == 1 and (ord(lower) < 0x530 or code > _WIDE):
            return ord(lower)
    return code


def encode_block(
    data: bytes,
    *,
    fold_case: bool = False,
    fold_width: bool = True,
    punctuation: str = "drop",
    with_offsets: bool = False,
    bad_bytes: str = "stop",
    name: str = "<bytes>",
    offset: int = 0,
) -> UnitBlock:
    """Encode the units of one block of UTF-8.

    The first and the last boundary of a block carry the flags they would have beside a unit;
    `join_blocks` takes back what turns out otherwise.

    Parameters
    ----------
    data
        Cut as `read_blocks` does: not inside a character nor inside a run.
    fold_case, fold_width
        Whether runs are written in small letters, and in half-width characters.
    punctuation
        ``drop`` takes it for boundaries. ``keep`` takes every character outside runs for a unit but white space
        and control characters, which only part units; line ends alone are boundaries, and the characters of a
        run of more than ``MAX_RUN_BYTES`` bytes are units of their own.
    with_offsets
        Whether to fill ``starts``.
    bad_bytes
        ``stop`` raises; ``skip`` and ``replace`` turn each bad sequence into a boundary and count it.
    name, offset
        Of the source and of the block in it, for the error.

    Raises
    ------
    CorpusError
        If ``bad_bytes`` is "stop" and the data is not UTF-8.
    """
    if bad_bytes not in ("stop", "skip", "replace"):
        raise UsageError(f"bad_bytes is {bad_bytes!r}; choose stop, skip or replace")
    if punctuation not in ("drop", "keep"):
        raise UsageError(f"punctuation is {punctuation!r}; choose drop or keep")
    tables = character_tables(fold_case, fold_width, punctuation)
    result = _encode(data, tables, with_offsets)
    if isinstance(result, UnitBlock):
        return result
    if bad_bytes == "stop":
        raise bad_bytes_error(name, offset + result, data[result : result + 2])
    tally = BadBytes()
    repaired = _encode(repair_utf8(data, tally, keep_length=True), tables, with_offsets)
    assert isinstance(repaired, UnitBlock)
    return replace(repaired, n_bad=tally.count, bad_offset=tally.first_offset)


def _encode(data: bytes, tables: tuple[np.ndarray, np.ndarray], with_offsets: bool) -> UnitBlock | int:
    """The units, or the position of the first bad byte."""
    n_bytes = len(data)
    codes = np.empty(n_bytes, CODEPOINT)
    starts = np.empty(n_bytes if with_offsets else 0, OFFSET)
    # Room behind the last run for one that turns out too long or known already.
    run_bytes = np.empty(n_bytes + 2 * MAX_RUN_BYTES, np.uint8)
    sizes = np.zeros(2, np.int64)
    n_slots, status = _MIN_SLOTS << max(0, (n_bytes // (32 * _MIN_SLOTS)).bit_length()), _kernels.TABLE_FULL
    while status == _kernels.TABLE_FULL:
        runs = (np.zeros(n_slots, np.int32), np.empty(n_slots // 2 + 1, np.int64), run_bytes)
        status = _kernels.encode_units(np.frombuffer(data, np.uint8), tables, codes, starts, runs, sizes)
        n_slots *= 8
    if status != _kernels.DONE:
        return int(status)
    n_units, n_runs = sizes.tolist()
    bounds = [0, *runs[1][:n_runs].tolist()]
    text = run_bytes[: bounds[-1]].tobytes()
    texts = [text[start:stop] for start, stop in pairwise(bounds)]
    # Copies, so that a kept block does not hold the whole worst-case buffer.
    return UnitBlock(codes[:n_units].copy(), texts, starts[:n_units].copy() if with_offsets else None)


def encode_blocks(
    blocks: Iterable[Block],
    *,
    fold_case: bool = False,
    fold_width: bool = True,
    punctuation: str = "drop",
    with_offsets: bool = False,
    bad_bytes: str = "stop",
    threads: int = 1,
    on_notice: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[Block, UnitBlock]]:
    """Encode blocks on threads, in input order; report bad bytes once per source, at its end.

    Parameters are those of `encode_block`.
    """
    options: dict[str, Any] = {
        "fold_case": fold_case,
        "fold_width": fold_width,
        "punctuation": punctuation,
        "with_offsets": with_offsets,
        "bad_bytes": bad_bytes,
    }
    source: Source | None = None
    tally = BadBytes()
    for block, units in map_ordered(partial(_encode_one, **options), blocks, threads=threads):
        if block.source is not source or block.starts_source:
            if source is not None and tally.count:
                on_notice(tally.report(source.name, bad_bytes))
            source, tally = block.source, BadBytes()
        tally.add(units.n_bad, block.offset + units.bad_offset)
        yield block, units
    if source is not None and tally.count:
        on_notice(tally.report(source.name, bad_bytes))


def _encode_one(block: Block, **options: Any) -> tuple[Block, UnitBlock]:
    return block, encode_block(block.data, name=block.source.name, offset=block.offset, **options)


def merge_boundaries(first: int, second: int) -> int:
    """The one boundary for two that meet: how the first begins, how the second ends."""
    return first & CLOSING_BIT | second & OPENING_BIT


def join_blocks(blocks: Iterable[tuple[np.ndarray, bool]]) -> Iterator[np.ndarray]:
    """Turn the codes of successive blocks into one stream with exactly one boundary between spans.

    Works on any integers of which those below ``N_BOUNDARIES`` are boundaries, so on vocabulary ids too.

    Parameters
    ----------
    blocks
        Pairs of codes and ``joins_previous``. Blocks that do not join are parted by a line end.

    Yields
    ------
    Pieces of the stream, which begins and ends with a boundary. It is the same however the text was
    cut into blocks. Without any block it is one boundary.
    """
    pending = 0  # boundary at the end of the stream so far; -1 if a unit stands there
    dtype: np.dtype = np.dtype(CODEPOINT)
    for codes, joins_previous in blocks:
        dtype = codes.dtype
        if not joins_previous:
            pending = merge_boundaries(pending, 0) if pending >= 0 else 0
        if len(codes) == 0:
            continue
        start, stop = 0, len(codes)
        if codes[0] < N_BOUNDARIES:
            first = int(codes[0])
            pending = merge_boundaries(pending, first) if pending >= 0 else first
            start = 1
        if start == stop:
            continue
        if pending >= 0:
            yield np.array([pending], dtype)
        pending = -1
        if codes[-1] < N_BOUNDARIES:
            pending = int(codes[-1])
            stop -= 1
        yield codes[start:stop]
    yield np.array([merge_boundaries(pending, 0) if pending >= 0 else 0], dtype)


def concatenate_blocks(blocks: Iterable[tuple[np.ndarray, bool]]) -> np.ndarray:
    """`join_blocks` in one array."""
    return np.concatenate(list(join_blocks(blocks)))


def decode_units(codes: np.ndarray, runs: list[bytes]) -> list[str]:
    """Text of every unit; a boundary is the empty string."""
    texts = [run.decode("utf-8") for run in runs]
    return [
        "" if code < N_BOUNDARIES else chr(code) if code < RUN_BASE else texts[code - RUN_BASE]
        for code in codes.tolist()
    ]
