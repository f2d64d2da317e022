"""Sorted runs, in memory, on disk or in stores → one sorted text, a range of spans at a time.

Every range is read from all runs at once, sorted anew and handed on, so any number of runs is merged in one
pass, and each is read from its beginning to its end.
"""

from __future__ import annotations

import errno
import mmap
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, pairwise

import numpy as np

from cnmine._memory import release_pages
from cnmine._parallel import map_ordered
from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import CorpusError, ResourceError, StoreError, UsageError
from cnmine.io.output import reserve
from cnmine.io.units import CLOSING_BIT, OPENING_BIT, join_blocks
from cnmine.sorting import _spill_kernels as kernels
from cnmine.sorting.spans import BLOCK_SLOTS, SHARD_SLOTS, sort_spans
from cnmine.store.container import Store
from cnmine.store.packing import Packed

PREFIX_UNITS = 16  # that tell ranges apart
MAX_SPLITTERS = 256  # of one round
SAMPLES_PER_SPLITTER = 16
SAMPLES_PER_CALL = 256
WRITE_BYTES = 8 << 20  # that one call writes
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

Bounds = np.ndarray  # int64[n_runs]: a boundary of every run


@dataclass(frozen=True)
class SortedRun:
    """A sorted text with its vocabulary.

    Attributes
    ----------
    unit_texts
        UTF-8 of all units in byte order: a list, or one array of bytes and the ``V + 1`` places where units begin
        and the last ends.
    text
        Spans as `sort_spans` puts them; id ``N_BOUNDARIES + i`` is unit i. An array or a memory map of uint16 or
        uint32, or packed.
    name
        What messages call it.
    """

    unit_texts: Sequence[bytes] | tuple[np.ndarray, np.ndarray]
    text: np.ndarray | Packed
    name: str = "sorted text"

    @classmethod
    def from_store(cls, store: Store) -> SortedRun:
        """The text of a store of kind "ngrams", where it stands on disk."""
        return cls((store.array("unit_texts"), store.packed("unit_offsets").decode()), store.packed("text"), store.path)

    def list_units(self) -> list[bytes]:
        """The texts of all units."""
        if not isinstance(self.unit_texts, tuple):
            return list(self.unit_texts)
        data, offsets = self.unit_texts
        texts = data.tobytes()
        return [texts[start:stop] for start, stop in pairwise(offsets.tolist())]


@dataclass(frozen=True)
class _Reader:
    """A run as the kernels read it: (array or words, bits or 0, merged id of every id), and its last boundary."""

    kernel: tuple[np.ndarray, int, np.ndarray]
    last: int
    name: str

    def release(self, start: int, stop: int) -> None:
        """Let go of the memory that holds a part of a mapped text; it is read again if need be."""
        source, bits, _ = self.kernel
        bits = bits or 8 * source.itemsize
        release_pages(source, start * bits // 8, stop * bits // 8)


def spill_bytes(run: SortedRun) -> int:
    """Size of the file that `spill_run` makes of a run in memory."""
    if isinstance(run.unit_texts, tuple):
        n_units, unit_bytes = len(run.unit_texts[1]) - 1, len(run.unit_texts[0])
    else:
        n_units, unit_bytes = len(run.unit_texts), sum(map(len, run.unit_texts))
    return 8 * (n_units + 1) + _plain_text(run).nbytes + unit_bytes


def spill_run(run: SortedRun, path: str) -> SortedRun:
    """Write a run to a file; return it as a map of the file.

    The file holds the plain arrays of this process and is of no use to another one. It belongs into a directory
    that the caller removes; until then removing the file alone does no harm where the system allows it.

    Parameters
    ----------
    run
        From memory; ``text`` is an array.
    path
        Of a file that does not exist yet.

    Raises
    ------
    ResourceError
        If the disk is too small; nothing is left of the file.
    CorpusError
        If the system refuses for another reason.
    """
    arrays = _spilled_arrays(run)
    n_bytes = sum(array.nbytes for array in arrays)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            reserve(descriptor, n_bytes)
            for array in arrays:
                write_all(descriptor, array)
            mapped = mmap.mmap(descriptor, n_bytes, access=mmap.ACCESS_READ)
        except BaseException:
            with suppress(OSError):
                os.unlink(path)
            raise
        finally:
            os.close(descriptor)
    except OSError as err:
        reason = err.strerror or str(err)
        if err.errno in _FULL:
            raise ResourceError(
                f"{path}: {reason.lower()}: a sorted part of the text takes {n_bytes / 1e6:,.1f} MB here; "
                "make room or choose another place with --temp-dir"
            ) from err
        raise CorpusError(f"{path}: cannot be written: {reason}; choose another place with --temp-dir") from err
    offsets, text, units = arrays
    text_map = np.frombuffer(mapped, text.dtype, len(text), offsets.nbytes)
    unit_map = np.frombuffer(mapped, np.uint8, len(units), offsets.nbytes + text.nbytes)
    return SortedRun((unit_map, np.frombuffer(mapped, np.int64, len(offsets))), text_map, path)


def _spilled_arrays(run: SortedRun) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets of the units, text, bytes of the units: in the order of the file, so that each is aligned."""
    if isinstance(run.unit_texts, tuple):
        units, offsets = run.unit_texts
        return offsets.astype(np.int64), _plain_text(run), units
    offsets = np.zeros(len(run.unit_texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, run.unit_texts), np.int64, len(run.unit_texts)), out=offsets[1:])
    return offsets, _plain_text(run), np.frombuffer(b"".join(run.unit_texts), np.uint8)


def _plain_text(run: SortedRun) -> np.ndarray:
    if isinstance(run.text, Packed):
        raise UsageError(f"{run.name}: is packed, so it is on disk already")
    return run.text


def write_all(descriptor: int, array: np.ndarray) -> None:
    """Write an array, however little of it the system takes at once."""
    view = np.ascontiguousarray(array).view(np.uint8).data
    while len(view):
        view = view[os.write(descriptor, view[:WRITE_BYTES]) :]


def merge_vocabularies(runs: Sequence[SortedRun]) -> tuple[list[bytes], list[np.ndarray]]:
    """All units of all runs in byte order, and for every run the merged id of each of its ids, ``uint32[V + 4]``.

    Time: 1 to 2 s for a million units. Memory: some 200 bytes a unit.

    Raises
    ------
    StoreError
        If the units of a run are not sorted, or one occurs twice.
    """
    known: set[bytes] = set()
    for run in runs:
        units = run.list_units()
        if any(map(operator.ge, units, islice(units, 1, None))):
            raise StoreError(f"{run.name}: its units are not in order; count the text again")
        known.update(units)
    vocabulary = sorted(known)
    ids = {unit: i for i, unit in enumerate(vocabulary, N_BOUNDARIES)}
    id_maps = []
    for run in runs:
        units = run.list_units()
        id_map = np.arange(N_BOUNDARIES + len(units), dtype=np.uint32)
        id_map[N_BOUNDARIES:] = np.fromiter(map(ids.__getitem__, units), np.uint32, len(units))
        id_maps.append(id_map)
    return vocabulary, id_maps


def merge_runs(
    runs: Sequence[SortedRun],
    *,
    budget_bytes: int = 1 << 30,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
) -> tuple[list[bytes], Iterator[np.ndarray]]:
    """Merge sorted runs.

    Parameters
    ----------
    runs
        In any order; the result does not depend on it, nor on how the spans are spread over them.
    budget_bytes
        Memory for texts, besides the vocabularies. Spans that are equal in their first 16 units stay together,
        also if they exceed it.
    threads
        Worker threads; the text does not depend on them, but where it is cut into pieces may.
    on_progress
        Called with the number of ids merged since the last call.

    Returns
    -------
    The vocabulary of all runs, and the sorted text of all their spans in its ids, in pieces: each begins and
    ends with a boundary, as `sort_spans` makes it, and `join_pieces` puts them together. No piece is empty.
    uint16 if the ids allow it, else uint32.

    Raises
    ------
    StoreError
        If the units of a run are not sorted, or a text has an id that no unit has.

    Notes
    -----
    One pass over every run, from its beginning to its end, besides some probing. Time: that of sorting the text.
    """
    vocabulary, id_maps = merge_vocabularies(runs)
    readers = [_open_run(run, id_map) for run, id_map in zip(runs, id_maps, strict=True)]
    readers = [reader for reader in readers if reader.last > 0]
    dtype = np.dtype(np.uint16 if len(vocabulary) + N_BOUNDARIES <= 1 << 16 else np.uint32)
    # What is read, a piece, its sorted form, and what the sort takes in the worst case: 24 bytes a span of two ids.
    n_ids = budget_bytes // ((threads + 1) * (3 * dtype.itemsize + 12))
    if threads > 1:  # ranges for every thread
        n_ids = min(n_ids, max(SHARD_SLOTS, sum(reader.last for reader in readers) // (4 * threads)))
    return vocabulary, _merge(readers, dtype, max(1, n_ids), threads, on_progress)


def _open_run(run: SortedRun, id_map: np.ndarray) -> _Reader:
    text = run.text
    source, bits = (text.words, text.bits) if isinstance(text, Packed) else (np.ascontiguousarray(text), 0)
    if len(text) and (text[0] >= N_BOUNDARIES or text[len(text) - 1] >= N_BOUNDARIES):
        raise StoreError(f"{run.name}: its text does not begin and end with a boundary; count the text again")
    source = source.view()
    source.flags.writeable = False
    return _Reader((source, bits, id_map), len(text) - 1, run.name)


def _merge(
    readers: list[_Reader], dtype: np.dtype, n_ids: int, threads: int, on_progress: Callable[[int], None]
) -> Iterator[np.ndarray]:
    ranges = _choose_ranges(readers, n_ids)
    # One piece a thread is in flight, and the caller has one.
    for piece in map_ordered(partial(_merge_range, readers, dtype), ranges, threads=threads, ahead=1):
        on_progress(len(piece) - 1)
        yield piece


def join_pieces(pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Put sorted pieces together: what this yields is one text, each boundary once; nothing if there is no piece."""
    pieces = iter(pieces)
    for first in pieces:  # once: the rest is for the join
        joined = join_blocks((piece, True) for piece in chain([first], pieces))
        del first
        yield from joined


def _choose_ranges(readers: list[_Reader], n_ids: int) -> Iterator[tuple[Bounds, Bounds]]:
    """Ranges of spans of ``n_ids`` at most, in order: in every run, the boundaries where each begins and ends."""
    lows = np.zeros(len(readers), np.int64)
    highs = np.array([reader.last for reader in readers], np.int64)
    waiting = [(lows, highs)]
    while waiting:
        lows, highs = waiting.pop()
        parts = _split_range(readers, lows, highs, n_ids) if (highs - lows).sum() > n_ids else []
        if len(parts) > 1:
            waiting.extend(reversed(parts))
        elif (highs > lows).any():
            yield lows, highs


def _split_range(readers: list[_Reader], lows: Bounds, highs: Bounds, n_ids: int) -> list[tuple[Bounds, Bounds]]:
    """Cut a range at quantiles of its spans, into parts of ``n_ids`` where it can be told so."""
    n_splitters = min(MAX_SPLITTERS, 2 * int((highs - lows).sum() // n_ids) + 1)
    prefixes = _sample_prefixes(readers, lows, highs, n_splitters * SAMPLES_PER_SPLITTER)
    quantiles = [prefixes[len(prefixes) * i // (n_splitters + 1)] for i in range(1, n_splitters + 1)]
    edges = [lows]
    for splitter in sorted(set(quantiles)):
        prefix = np.array(splitter, np.uint32)
        # Behind frequent ones there is an edge as well: they may be a range by themselves.
        for limit in (0, 1) if quantiles.count(splitter) > 1 else (0,):
            edges.append(_find_edge(readers, edges[-1], highs, prefix, limit))
    edges.append(highs)
    # Parts that are small go together.
    kept = [edges[0]]
    for edge, following in pairwise(edges[1:]):
        if (following - kept[-1]).sum() > n_ids and (edge > kept[-1]).any():
            kept.append(edge)
    if (highs > kept[-1]).any():
        kept.append(highs)
    return list(pairwise(kept))


def _find_edge(readers: list[_Reader], lows: Bounds, highs: Bounds, prefix: np.ndarray, limit: int) -> Bounds:
    """In every run, the boundary in front of the first span that compares with the prefix as ``limit`` or above."""
    edge = np.empty_like(lows)
    for i, (reader, low, high) in enumerate(zip(readers, lows.tolist(), highs.tolist(), strict=True)):
        edge[i] = kernels.first_span(reader.kernel, low, high, prefix, limit)
        reader.release(low, high)
    return edge


def _sample_prefixes(readers: list[_Reader], lows: Bounds, highs: Bounds, n_samples: int) -> list[tuple[int, ...]]:
    """Sorted first units of spans from evenly spaced places of every run."""
    sizes = highs - lows
    prefixes: list[tuple[int, ...]] = []
    for reader, low, high, size in zip(readers, lows.tolist(), highs.tolist(), sizes.tolist(), strict=True):
        n = min(size, max(1, n_samples * size // int(sizes.sum()))) if size else 0
        places = low + size * np.arange(n) // max(1, n)
        for first in range(0, n, SAMPLES_PER_CALL):
            some = places[first : first + SAMPLES_PER_CALL]
            mine = np.empty((len(some), PREFIX_UNITS), np.uint32)
            kernels.write_prefixes(reader.kernel, low, some, mine)
            reader.release(low, high)
            prefixes += map(tuple, mine.tolist())
    return sorted(prefixes)


def _merge_range(readers: list[_Reader], dtype: np.dtype, bounds: tuple[Bounds, Bounds]) -> np.ndarray:
    """The spans of a range from all runs, sorted."""
    lows, highs = bounds
    text = np.empty(int((highs - lows).sum()) + 1, dtype)
    stop = closing = n_runs = 0
    for reader, low, high in zip(readers, lows.tolist(), highs.tolist(), strict=True):
        if low == high:
            continue
        start, stop = stop, stop + high - low
        _translate(reader, low, text[start:stop])
        text[start] = (text[start] & OPENING_BIT) | closing
        closing = int(kernels.packed_item(*reader.kernel[:2], high)) & CLOSING_BIT
        reader.release(low, high)
        n_runs += 1
    text[-1] = closing
    return text if n_runs == 1 else sort_spans(text)


def _translate(reader: _Reader, low: int, out: np.ndarray) -> None:
    for first in range(0, len(out), BLOCK_SLOTS):
        place = kernels.translate_text(reader.kernel, low + first, out[first : first + BLOCK_SLOTS])
        if place >= 0:
            raise StoreError(f"{reader.name}: no unit has the id at place {place} of its text; count the text again")
