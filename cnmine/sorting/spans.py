"""Text in any order → its spans in sorted order.

Spans are dealt out to shards by their first units; then each shard is sorted on its own, in the
processor's cache. A pass sorts integer keys that hold the group of spans equal so far, their next few
symbols and the place, so NumPy's SIMD sort does the moving. Spans that are still equal after some passes,
most of them whole duplicates, are compared symbol by symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.counting.codes import MAX_SPAN
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE
from cnmine.errors import UsageError
from cnmine.io.units import CLOSING_BIT, OPENING_BIT
from cnmine.sorting import _span_kernels as kernels

BLOCK_SLOTS = 1 << 22  # slots of text that one call goes through: some hundredths of a second
SHARD_SLOTS = 1 << 18  # text and keys of a shard stay in the second-level cache
MAX_SHARDS = 1 << 10
SAMPLES_PER_SHARD = 64
BATCH_BITS = 16  # spans of one sort of keys, as a power of two
MIN_BATCH_BITS = 12  # rather one symbol a pass than smaller batches
KEY_SYMBOLS = 14  # that keys compare; what is equal that far is compared symbol by symbol
SORT_STEPS = 1 << 24  # of that comparison in one call


@dataclass
class _Deal:
    """Which shard every span goes to.

    Attributes
    ----------
    shards
        Shard of every span, block by block.
    block_starts
        The boundary that each block begins with.
    block_slots
        ``int64[n_blocks, n_shards]``; units and boundaries.
    n_spans, offsets, is_large
        By shard: spans; where it lies in the result; whether it is sorted from the text itself, because a copy
        of it would take too much memory.
    """

    id_bits: int
    shards: list[np.ndarray]
    block_starts: list[int]
    block_slots: np.ndarray
    n_spans: np.ndarray
    offsets: np.ndarray = field(init=False)
    is_large: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        sizes = self.block_slots.sum(axis=0)
        self.offsets = np.concatenate([[0], np.cumsum(sizes)])
        limit = max(8 * SHARD_SLOTS, int(self.offsets[-1]) // 16)
        self.is_large = sizes > limit if self.n_shards > 1 else np.ones(1, bool)

    @property
    def n_shards(self) -> int:
        return len(self.n_spans)


def sort_spans(
    text: np.ndarray, *, threads: int = 1, on_progress: Callable[[int], None] = lambda n: None
) -> np.ndarray:
    """Sort the spans of a text.

    Parameters
    ----------
    text
        ``uint16[n]`` or ``uint32[n]``; unit ids, those below 4 are boundaries. Begins and ends with a boundary,
        with one boundary between spans, as `cnmine.io.units.join_blocks` makes it; or empty.
    threads
        Worker threads; the result does not depend on it.
    on_progress
        Called with the number of ids sorted since the last call; ``len(text)`` in all.

    Returns
    -------
    A new array of the same type: the same spans in the order of their units, then of the CLOSING flag behind
    them, then of the OPENING flag in front; boundaries put together anew. Empty if there is no span. Spans of
    more than ``MAX_SPAN`` units come in pieces of that length, parted by plain boundaries.

    Raises
    ------
    UsageError
        If the text is not of this form.

    Notes
    -----
    Time: linear for spans of ordinary length, one sort of 64-bit keys for every two or three symbols that it
    takes to tell spans apart. Memory: the result and a few MB a thread. If a sixteenth of the text or more
    begins with the same four units, 24 bytes for each of these spans are added; if a span is cut, a copy.
    """
    _check_text(text)
    n_slots = len(text)
    if n_slots < 2:
        on_progress(n_slots)
        return text[:0].copy()
    text = _frozen(cut_spans(text))
    deal = _deal_spans(text, threads)
    out = np.empty(len(text), text.dtype)
    _scatter(text, deal, out, threads)
    closing = done = 0
    sort = partial(_sort_shard, text, deal, out)
    for shard, closing_behind in enumerate(map_ordered(sort, range(deal.n_shards), threads=threads)):
        if deal.n_spans[shard]:
            # The boundary between two shards belongs to both; each worker has written its own half only.
            out[deal.offsets[shard]] |= closing
            closing = closing_behind
        # In ids of the text as it came: cutting may have made it longer.
        finished = int(deal.offsets[shard + 1]) * n_slots // len(text)
        on_progress(finished - done)
        done = finished
    out[-1] = closing
    on_progress(n_slots - done)
    return out


def rank_units(counts: np.ndarray, run_texts: Sequence[bytes]) -> tuple[np.ndarray, list[bytes]]:
    """Give ids to the provisional codes that occur, in the byte order of their units.

    Parameters
    ----------
    counts
        ``int64[m]``; occurrences of every code: boundaries, code points, then ``RUN_BASE + j`` for run j.
    run_texts
        UTF-8 of every run.

    Returns
    -------
    ``uint32[m]``, the id of every code that occurs, 0 for the others; boundaries stay what they are. And the
    units in the order of their ids, which begin at ``N_BOUNDARIES``.

    Notes
    -----
    Time: that of sorting the runs, a second for a million.
    """
    codes = np.flatnonzero(counts[N_BOUNDARIES:]) + N_BOUNDARIES
    han = codes[codes < RUN_BASE].tolist()  # the order of code points is that of UTF-8
    runs = sorted((codes[len(han) :] - RUN_BASE).tolist(), key=run_texts.__getitem__)
    texts = [chr(code).encode("utf-8") for code in han] + [run_texts[run] for run in runs]
    ranked = sorted(range(len(texts)), key=texts.__getitem__)  # two sorted stretches: Python merges them
    codes[len(han) :] = np.array(runs, np.int64) + RUN_BASE
    id_of_code = np.zeros(len(counts), np.uint32)
    id_of_code[:N_BOUNDARIES] = np.arange(N_BOUNDARIES)
    id_of_code[codes[ranked]] = np.arange(N_BOUNDARIES, N_BOUNDARIES + len(texts))
    return id_of_code, [texts[i] for i in ranked]


def _check_text(text: np.ndarray) -> None:
    if text.ndim != 1 or text.dtype not in (np.uint16, np.uint32):
        raise UsageError(f"a text is uint16[n] or uint32[n], not {text.dtype}{list(text.shape)}")
    if len(text) and (text[0] >= N_BOUNDARIES or text[-1] >= N_BOUNDARIES):
        raise UsageError("a text must begin and end with a boundary")


def _frozen(array: np.ndarray) -> np.ndarray:
    """A contiguous, read-only view: kernels are compiled for one kind of array, memory maps included."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def cut_spans(text: np.ndarray) -> np.ndarray:
    """Cut spans of more than ``MAX_SPAN`` units; the text itself if there is none.

    Parameters
    ----------
    text
        As for `sort_spans`, not empty.
    """
    text = _frozen(text)
    if kernels.long_span(text, MAX_SPAN) < 0:
        return text
    out = np.empty(len(text) + len(text) // MAX_SPAN, text.dtype)
    state = np.zeros(2, np.int64)
    for start in range(0, len(text), BLOCK_SLOTS):
        kernels.cut_long_spans(text, start, min(start + BLOCK_SLOTS, len(text)), MAX_SPAN, out, state)
    return out[: state[0]]


def _cut_blocks(text: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of the text from one boundary to another."""
    start, last = 0, len(text) - 1
    while start < last:
        stop = int(kernels.next_boundary(text, min(start + BLOCK_SLOTS, last)))
        yield start, stop
        start = stop


def _plan_shards(text: np.ndarray) -> tuple[int, tuple[np.ndarray, np.ndarray, int, int]]:
    """Bits of an id, and what the kernel deals by: (first shard by first unit, splitters, id_bits, n_symbols).

    Splitters come from a sample. Where it does not cost balance, all spans of a first unit stay together.
    """
    highest = max(int(text.max()), N_BOUNDARIES)
    id_bits = highest.bit_length()
    n_symbols = 64 // id_bits
    n_shards = min(len(text) // SHARD_SLOTS, MAX_SHARDS)
    splitters = np.empty(0, np.uint64)
    if n_shards > 1:
        keys = np.empty(n_shards * SAMPLES_PER_SHARD, np.uint64)
        keys = keys[: kernels.sample_keys(text, max(1, len(text) // len(keys)), id_bits, n_symbols, keys)]
        keys.sort()
        splitters = _choose_splitters(keys, n_shards, (n_symbols - 1) * id_bits)
    # first_shards[u] = how many splitters lie below every span that begins with u
    shift = np.uint64((n_symbols - 1) * id_bits)
    first_shards = np.zeros(highest + 2, np.int32)
    counts = np.bincount((splitters >> shift).astype(np.int64), minlength=highest + 1)
    np.cumsum(counts, out=first_shards[1:])
    # A splitter without further symbols lies at the first span of its unit, not behind it.
    is_whole = splitters == splitters >> shift << shift
    np.add.at(first_shards, (splitters[is_whole] >> shift).astype(np.int64), 1)
    return id_bits, (first_shards, splitters, id_bits, n_symbols)


def _choose_splitters(keys: np.ndarray, n_shards: int, shift: int) -> np.ndarray:
    """Quantiles of sorted keys, moved to the first span of their unit unless that would fill two shards."""
    quantiles = keys[len(keys) * np.arange(1, n_shards) // n_shards]
    firsts = quantiles >> np.uint64(shift) << np.uint64(shift)
    lasts = firsts | np.uint64((1 << shift) - 1)
    n_alike = np.searchsorted(keys, lasts, side="right") - np.searchsorted(keys, firsts)
    return np.unique(np.where(n_alike < 2 * len(keys) // n_shards, firsts, quantiles))


def _deal_spans(text: np.ndarray, threads: int) -> _Deal:
    """Choose a shard for every span."""
    id_bits, plan = _plan_shards(text)
    blocks = list(_cut_blocks(text))
    counts = [int(kernels.count_boundaries(text[start:stop])) for start, stop in blocks]
    block_offsets = np.concatenate([[0], np.cumsum(counts)])
    shards = np.empty(block_offsets[-1], np.uint16)
    sizes = np.zeros((len(blocks), len(plan[1]) + 1, 2), np.int64)

    def choose(block: int) -> int:
        mine = shards[block_offsets[block] : block_offsets[block + 1]]
        return int(kernels.choose_shards(text, *blocks[block], plan, mine, sizes[block]))

    for place in map_ordered(choose, range(len(blocks)), threads=threads):
        if place >= 0:
            raise UsageError(f"a text must have one boundary between spans, but has two at {place}")
    return _Deal(
        id_bits=id_bits,
        shards=[shards[start:stop] for start, stop in pairwise(block_offsets.tolist())],
        block_starts=[start for start, _ in blocks],
        block_slots=sizes[:, :, 0],
        n_spans=sizes[:, :, 1].sum(axis=0),
    )


def _scatter(text: np.ndarray, deal: _Deal, out: np.ndarray, threads: int) -> None:
    """Copy the spans to their shards' places in ``out``, each behind a boundary with both its flags."""
    if deal.is_large.all():
        return
    cursors = deal.offsets[:-1] + np.cumsum(deal.block_slots, axis=0) - deal.block_slots
    cursors[:, deal.is_large] = -1

    def scatter(block: int) -> None:
        kernels.scatter_spans(text, deal.block_starts[block], deal.shards[block], cursors[block], out)

    for _ in map_ordered(scatter, range(len(cursors)), threads=threads):
        pass


def _sort_shard(text: np.ndarray, deal: _Deal, out: np.ndarray, shard: int) -> int:
    """Sort one shard in its place in ``out``; return the flag behind its last span."""
    n = int(deal.n_spans[shard])
    place = out[deal.offsets[shard] : deal.offsets[shard + 1]]
    if not n:
        return 0
    if deal.is_large[shard]:
        spans = text, OPENING_BIT, CLOSING_BIT
        starts = np.empty(n, np.uint32 if len(text) < 1 << 32 else np.int64)
        filled = 0
        for start, shards in zip(deal.block_starts, deal.shards, strict=True):
            filled += kernels.collect_spans(text, start, shards, shard, starts[filled:])
    else:
        copy = np.zeros(len(place) + 1, text.dtype)
        copy[:-1] = place
        spans = _frozen(copy), OPENING_BIT | CLOSING_BIT, 0
        starts = np.empty(n, np.uint32)
        kernels.list_spans(spans[0], starts)
    _order_spans(spans, starts, deal.id_bits)
    state = np.zeros(2, np.int64)
    for first in range(0, n, SHARD_SLOTS):
        kernels.write_spans(spans, starts[first : first + SHARD_SLOTS], place, state)
    return int(state[1])


def _order_spans(spans: tuple[np.ndarray, int, int], starts: np.ndarray, id_bits: int) -> None:
    """Put the starts of spans into the order of the spans."""
    n = len(starts)
    slots = np.arange(n, dtype=np.uint32 if n < 1 << 32 else np.int64)
    bounds = np.array([0, n])
    index_bits = max(1, (n - 1).bit_length())
    depth, n_symbols = 0, (64 - index_bits) // id_bits
    while len(bounds) > 1 and depth < KEY_SYMBOLS:
        slots, bounds = _refine(spans, starts, slots, bounds, (depth, n_symbols, id_bits))
        depth += n_symbols
        n_symbols = _symbols_a_pass(id_bits, bounds)
    if len(bounds) > 1:
        # Slots of a group lie side by side.
        stack = np.zeros((len(slots) // 2 + 2, 3), np.int64)
        stack[: len(bounds) - 1, 0] = slots[bounds[:-1]]
        stack[: len(bounds) - 1, 1] = slots[bounds[1:] - 1] + 1
        stack[: len(bounds) - 1, 2] = depth
        stack[-1, 0] = len(bounds) - 1
        while kernels.sort_groups(spans, starts, stack, SORT_STEPS):
            pass


def _batch_bits(id_bits: int) -> int:
    """Bits of the group and of the place in the key of a pass."""
    bits = min(BATCH_BITS, (64 - 2 * id_bits) // 2)
    return bits if bits >= min(MIN_BATCH_BITS, BATCH_BITS) else BATCH_BITS


def _symbols_a_pass(id_bits: int, bounds: np.ndarray) -> int:
    """How many symbols fit beside group and place; a group larger than a batch has more places, but no number."""
    bits = _batch_bits(id_bits)
    largest = int(np.diff(bounds).max(initial=1))
    key_bits = 64 - 2 * bits if largest <= 1 << bits else 64 - (largest - 1).bit_length()
    return max(1, min(key_bits, 64 - 2 * bits) // id_bits)


def _refine(
    spans: tuple[np.ndarray, int, int],
    starts: np.ndarray,
    slots: np.ndarray,
    bounds: np.ndarray,
    symbols: tuple[int, int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Sort groups of equal spans by their next symbols; return the groups that are still equal."""
    going_on = slots, np.zeros(len(slots) // 2 + 2, np.int64), np.zeros(2, np.int64)
    bits = _batch_bits(symbols[2])
    start, n_groups = 0, len(bounds) - 1
    while start < n_groups:
        stop = int(np.searchsorted(bounds, bounds[start] + (1 << bits), side="right")) - 1
        stop = min(max(stop, start + 1), start + (1 << bits))
        batch = bounds[start : stop + 1]
        n = int(batch[-1] - batch[0])
        layout = *symbols, max(1, (n - 1).bit_length())
        keys = np.empty(n, np.uint64)
        members = np.empty(n, starts.dtype)
        for part in [batch] if stop - start > 1 else _cut_group(batch):
            kernels.write_span_keys(spans, starts, (slots, part, int(batch[0])), layout, members, keys)
        keys.sort()
        kernels.place_spans(keys, (slots, int(batch[0]), members), starts, layout, going_on)
        start = stop
    n_slots, n_kept = going_on[2].tolist()
    return slots[:n_slots], going_on[1][: n_kept + 1]


def _cut_group(bounds: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of a group, which may be larger than a batch."""
    start, stop = bounds.tolist()
    for first in range(start, stop, BLOCK_SLOTS):
        yield np.array([first, min(first + BLOCK_SLOTS, stop)])
