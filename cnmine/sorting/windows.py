"""Sorted text → its distinct windows in sorted order, each with its least position and its count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import UsageError
from cnmine.sorting import _window_kernels as kernels
from cnmine.sorting.parts import Layout, n_scans, scan_windows, split_windows
from cnmine.sorting.window_sorter import WindowSorter

MAX_ORDER = 7
KEY_BITS = 64
WIDE_POSITIONS = 1 << 32  # a text of that many or more has 64-bit pointers
MAX_SCANS = 64  # of a text that is not in memory; more take longer than writing its windows to disk
MAX_PASSES = 16  # over a text in memory; more take longer than the way over the disk
SLICE_POSITIONS = 1 << 23  # of one call of a kernel, and of one block


@dataclass(frozen=True)
class WindowBlock:
    """Successive windows of the sorted order, one at least.

    Attributes
    ----------
    pointers
        ``uint32[n]``, or ``uint64[n]`` for a text of 2³² units or more; the least position of each window.
    counts
        ``uint32[n]``, or ``int64[n]`` likewise; how many positions have it.
    text, places
        An array in memory in which the windows can be looked at, and where each begins there: the text itself, or
        a part of its windows.
    """

    pointers: np.ndarray
    counts: np.ndarray
    text: np.ndarray
    places: np.ndarray


def sort_windows(
    text: Any,
    *,
    max_order: int,
    id_bits: int,
    budget_bytes: int,
    temp_dir: str | None = None,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
) -> Iterator[WindowBlock]:
    """Sort the windows at all units of a text, and count equal ones.

    A window at a position are the ``max_order + 1`` units from there, or those up to the first boundary; whether
    that one closes a quotation; and the unit to the left, or whether the boundary there opens one. Windows are
    sorted by units, then by what stands to the left.

    Parameters
    ----------
    text
        Ids, those below 4 are boundaries; begins and ends with a boundary, or is empty. ``uint16[n]`` or
        ``uint32[n]``, in memory or mapped; or a `cnmine.store.packing.Packed`.
    max_order
        One less than the units of the longest window, 1 … 7.
    id_bits
        How many bits hold every id.
    budget_bytes
        Memory to take; that of a mapped or packed text is part of it, that of an array in memory is not.
    temp_dir
        Directory for the windows of a mapped or packed text that does not fit the budget; `temp_bytes` tells how
        much goes there. None sorts such a text in the memory it takes.
    threads
        Worker threads.
    on_progress
        Called with the number of units sorted since the last call; in all as many as there are.

    Yields
    ------
    The windows, block after block. They depend neither on the budget nor on the threads; how they are cut into
    blocks may.

    Raises
    ------
    UsageError
        If ``max_order`` or ``id_bits`` is out of range, the text lacks its boundaries, or an id has more bits.
    ResourceError
        If the text has so many positions that one and an id do not fit 64 bits together, or the disk is full.

    Notes
    -----
    Time is linear in the text: one SIMD sort of a 64-bit key for every unit and every second symbol by which its
    window differs from others. Memory besides the text: 5 bytes a unit; if the budget is below that, down to a
    quarter of a byte a unit at the price of more passes over the text, or what a part on disk takes; per thread
    3 MB and 16 bytes for each unit id.
    """
    if not 1 <= max_order <= MAX_ORDER:
        raise UsageError(f"max_order must be 1 to {MAX_ORDER}, not {max_order}")
    if not 1 <= id_bits <= KEY_BITS // 2:
        raise UsageError(f"id_bits must be 1 to {KEY_BITS // 2}, not {id_bits}")
    if len(text) and max(text[0], text[len(text) - 1]) >= N_BOUNDARIES:
        raise UsageError("text must begin and end with a boundary (an id below 4)")
    layout = Layout(len(text), max_order, id_bits, np.uint64 if len(text) >= WIDE_POSITIONS else np.uint32)
    if isinstance(text, np.ndarray) and not _is_mapped(text):
        room = budget_bytes
    else:
        room = budget_bytes - len(text) * layout.id_dtype().nbytes
        if temp_dir is not None and room < 8 * len(text) // MAX_PASSES:
            yield from _sort_parts(text, layout, budget_bytes, temp_dir, threads, on_progress)
            return
    ids = text if isinstance(text, np.ndarray) else text.decode(0, len(text), dtype=layout.id_dtype)
    sorter = WindowSorter(np.asarray(ids), range(len(text)), max_order, id_bits, room, threads, on_progress)
    for pointers, counts in _unpack(sorter, layout.pointer_dtype, layout.count_dtype):
        yield WindowBlock(pointers, counts, ids, pointers)


def temp_bytes(text_length: int, *, max_order: int, id_bits: int) -> int:
    """How many bytes `sort_windows` writes to ``temp_dir`` at most, for a text that does not fit the memory.

    A part that one sequence of symbols makes too large is written a second time, which this does not count.
    """
    dtype = np.uint64 if text_length >= WIDE_POSITIONS else np.uint32
    return text_length * Layout(text_length, max_order, id_bits, dtype).n_bytes


def window_keys(text: np.ndarray, pointers: np.ndarray, id_bits: int, n_symbols: int) -> np.ndarray:
    """First symbols of windows as numbers that sort as the windows do.

    Parameters
    ----------
    text
        As for `sort_windows`.
    pointers
        Positions of units in it.
    id_bits
        Bits of one symbol.
    n_symbols
        How many symbols; ``n_symbols * id_bits`` is at most 64.

    Returns
    -------
    ``uint64[len(pointers)]``; the first symbol in the highest bits, the bits below the last one 0.

    Raises
    ------
    UsageError
        If the symbols do not fit.
    """
    if n_symbols * id_bits > KEY_BITS:
        raise UsageError(f"{n_symbols} symbols of {id_bits} bits do not fit a key of {KEY_BITS}")
    text = np.asarray(text)
    keys = np.empty(len(pointers), np.uint64)
    for start in range(0, len(keys), SLICE_POSITIONS):
        stretch = slice(start, start + SLICE_POSITIONS)
        kernels.write_window_keys(text, pointers[stretch], n_symbols, id_bits, keys[stretch])
    return keys


def _is_mapped(text: np.ndarray) -> bool:
    """Whether an array, or what it is a view of, is a memory map."""
    base: Any = text
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


def _sort_parts(
    text: Any, layout: Layout, budget_bytes: int, temp_dir: str, threads: int, on_progress: Callable[[int], None]
) -> Iterator[WindowBlock]:
    """Windows of a text, part after part, each sorted in memory."""
    if n_scans(layout, budget_bytes) <= MAX_SCANS:
        parts = scan_windows(text, layout, budget_bytes=budget_bytes, threads=threads)
    else:
        parts = split_windows(text, layout, budget_bytes=budget_bytes, temp_dir=temp_dir, threads=threads)
    for part in parts:
        room = budget_bytes - len(part.pointers) * layout.n_bytes
        # The first symbol of a record stands behind what is to its left.
        places = range(1, len(part.records), layout.width)
        sorter = WindowSorter(
            np.asarray(part.records), places, layout.max_order, layout.id_bits, room, threads, on_progress
        )
        for found, counts in _unpack(sorter, np.uint64, layout.count_dtype):
            yield WindowBlock(part.pointers[found // np.uint64(layout.width)], counts, part.records, found)


def _unpack(
    sorter: WindowSorter, pointer_dtype: type[np.unsignedinteger], count_dtype: type[np.integer]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Least positions and counts of the windows that a sorter finds."""
    for windows in sorter.sort():
        for start in range(0, len(windows), SLICE_POSITIONS):
            stretch = windows[start : start + SLICE_POSITIONS]
            pointers, counts = np.empty(len(stretch), pointer_dtype), np.empty(len(stretch), count_dtype)
            kernels.unpack_windows(stretch, sorter.position_bits, pointers, counts)
            yield pointers, counts
