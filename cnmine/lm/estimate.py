"""Levels of counted n-grams → interpolated modified Kneser–Ney probabilities and back-off weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.dtypes import COUNT, N_BOUNDARIES
from cnmine.errors import CorpusError, StoreError, UsageError
from cnmine.lm import _kernels as kernels
from cnmine.lm.levels import END, ROW, SLICE_ROWS, UNKNOWN, ArrayPool, Level, release_pages

FALLBACK = (0.5, 1.0, 1.5)
LOG_PROB = np.float32
IMPOSSIBLE = -99.0  # log10 probability that stands for none
N_COUNTS = 5  # counts of counts 0 … 4


@dataclass
class Estimate:
    """The n-grams of one order with their probabilities.

    Attributes
    ----------
    words, links, firsts
        As in `Level`.
    log10_probs
        ``float32[n]``.
    log10_backoffs
        ``float32[n]``; empty at the highest order.
    """

    words: np.ndarray
    links: np.ndarray
    firsts: np.ndarray
    log10_probs: np.ndarray
    log10_backoffs: np.ndarray

    def __len__(self) -> int:
        return len(self.words)


@dataclass
class Model:
    """What was estimated.

    Attributes
    ----------
    orders
        From 1 on.
    discounts
        ``float64[order, 4]``; of the counts 0 … 3, for each order.
    is_kept
        ``bool[n_units]``; which units are left in the vocabulary. The ids are those among them.
    """

    orders: list[Estimate]
    discounts: np.ndarray
    is_kept: np.ndarray


def parse_thresholds(prune: Sequence[int], order: int) -> list[int]:
    """One threshold for each order: the last one goes for all orders above.

    Raises
    ------
    UsageError
        If there are more than orders, or one is smaller than the one before.
    """
    thresholds = [*prune] or [0]
    if len(thresholds) > order:
        raise UsageError(f"{len(thresholds)} thresholds for pruning and only {order} orders; leave some out")
    if thresholds != sorted(thresholds) or thresholds[0] < 0:
        raise UsageError(
            f"thresholds for pruning must not fall from one order to the next, as {' '.join(map(str, prune))} do"
        )
    return thresholds + thresholds[-1:] * (order - len(thresholds))


def estimate(
    levels: list[Level],
    order: int,
    *,
    prune: Sequence[int] = (),
    fallback: Sequence[float] | None = None,
    appearance: np.ndarray | None = None,
    pool: ArrayPool,
    threads: int = 1,
) -> Model:
    """Estimate an interpolated modified Kneser–Ney model (Chen & Goodman 1998, Heafield et al. 2013).

    Parameters
    ----------
    levels
        From `build_levels`; taken apart.
    order
        Of the model.
    prune
        For each order, the n-grams that occur so often or less are left out; the last goes for all orders above.
    fallback
        Discounts for the counts 1, 2, 3 and more, where those of an order cannot be computed.
    appearance
        ``int64[n_ids]``, when each unit was seen first; see `_correct_counts`.
    pool
        Where arrays are kept.
    threads
        Worker threads; the result does not depend on them.

    Raises
    ------
    CorpusError
        If counts are so few or odd that they give no discounts, and there is no ``fallback``.

    Notes
    -----
    Lower orders are estimated from the number of different left neighbours, n-grams behind <s> and those of the
    highest order from how often they occur. The probabilities lie where the counts were.
    """
    thresholds = parse_thresholds(prune, order)
    for level in levels[1:order]:
        _link(levels, level.order, pool, threads)
    pruned = [_mark_pruned(level, threshold) for level, threshold in zip(levels, thresholds, strict=False)]
    originals = _adjust_counts(levels, order, appearance)
    discounts = _discounts(levels[:order], originals, fallback)
    probs, backoffs = _interpolate(levels, order, discounts, pruned, pool, threads)
    result = []
    for level, logs, weights in zip(levels[:order], probs, backoffs, strict=True):
        list(map_ordered(partial(_take_logarithms, logs), _slices(len(logs)), threads=threads))
        release_pages(logs)
        firsts = level.firsts[: len(level) + 1 if level.order < order else 0]
        result.append(Estimate(level.words, level.links, firsts, logs, weights))
    result[0].log10_probs[[2, 3, -1]] = IMPOSSIBLE, IMPOSSIBLE, 0.0  # <s> as lmplz has it
    is_kept = ~pruned[0] if len(pruned[0]) else np.ones(len(levels[0]), np.bool_)
    if any(thresholds):
        _remove(result, pruned)
    return Model(result, discounts, is_kept[N_BOUNDARIES:-1])


def _slices(n_rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n_rows, SLICE_ROWS):
        yield start, min(start + SLICE_ROWS, n_rows)


def _take_logarithms(probs: np.ndarray, rows: tuple[int, int]) -> None:
    kernels.take_logarithms(probs[rows[0] : rows[1]])


def _link(levels: list[Level], order: int, pool: ArrayPool, threads: int) -> None:
    """Find the suffixes of all rows of one order."""
    level, parents = levels[order - 1], levels[order - 2]
    if order == 2:
        level.links = level.words
        return
    level.links = pool.empty(len(level), ROW)
    upper = (parents.links, levels[order - 3].firsts, parents.words)

    def link(rows: tuple[int, int]) -> None:
        failed = kernels.link_suffixes(rows, level.words, parents.firsts, upper, level.links)
        if failed != kernels.DONE:
            raise StoreError(f"{order}-gram number {failed} has no suffix: the windows do not belong to one text")

    list(map_ordered(link, _slices(len(parents)), threads=threads))
    release_pages(level.words, level.links, parents.firsts, parents.links)


def _mark_pruned(level: Level, threshold: int) -> np.ndarray:
    """``bool[n]``, of what is left out; empty if nothing can be."""
    if not threshold:
        return np.zeros(0, np.bool_)
    marks = level.counts <= threshold
    if level.order == 1:
        marks[:N_BOUNDARIES] = marks[-1] = False
    return marks


def _adjust_counts(levels: list[Level], order: int, appearance: np.ndarray | None) -> list[tuple[int, int]]:
    """Replace the counts of lower orders by numbers of left neighbours.

    Returns pairs of an adjusted count and the count that takes its place in the counts of counts; see `_last_rows`.
    """
    last_rows = _last_rows(levels, order, appearance) if appearance is not None else []
    originals = [int(levels[n].counts[row]) for n, row in enumerate(last_rows)]
    for level in levels[: order - 1]:
        level.counts[: level.n_inner] = 0
        above = levels[level.order]
        for rows in _slices(len(above)):
            kernels.count_suffixes(above.links, rows, level.counts)
        release_pages(above.links, level.counts)
    levels[0].counts[[UNKNOWN, -1]] = 0
    return [
        (int(levels[n].counts[row]), original)
        for n, (row, original) in enumerate(zip(last_rows, originals, strict=True))
    ]


def _last_rows(levels: list[Level], order: int, appearance: np.ndarray) -> list[int]:
    """The last n-gram of each lower order when sorted by the first appearance of its last, last but one, … unit.

    KenLM's lmplz enters these few n-grams with the number of their occurrences, not of their neighbours, into the
    counts of counts. That moves the discounts of a small corpus by more than the precision of its output, so we
    do the same where the order of the text is known.
    """
    row = int(np.argmax(appearance))
    rows = [row]
    for level in levels[1 : order - 1]:
        longer = np.flatnonzero(level.links == row)
        longer = longer[longer < level.n_inner]
        if not len(longer):
            break
        heads = longer
        for shorter in levels[level.order - 2 :: -1]:
            heads = np.searchsorted(shorter.firsts, heads, side="right") - 1
        row = int(longer[np.argmax(appearance[heads])])
        rows.append(row)
    return rows


def _discounts(levels: list[Level], originals: list[tuple[int, int]], fallback: Sequence[float] | None) -> np.ndarray:
    """``float64[order, 4]``; the discounts of the counts 0 … 3 (Chen & Goodman 1998, equation 26)."""
    discounts = np.zeros((len(levels), 4))
    for i, level in enumerate(levels):
        tally = np.zeros(N_COUNTS, COUNT)
        for rows in [(END, END + 1), (N_BOUNDARIES, len(level) - 1)] if i == 0 else _slices(len(level)):
            kernels.count_counts(level.counts, rows, tally)
        if i < len(originals):
            for count, change in zip(originals[i], (-1, 1), strict=True):
                tally[min(count, N_COUNTS - 1)] += change if count < N_COUNTS else 0
        problem = _discount(tally.tolist(), discounts[i])
        if problem and fallback is None:
            raise CorpusError(
                f"the {level.order}-grams give no discounts: {problem}; the text is very small, repetitive or "
                "artificial: take more or remove duplicates, or set the discounts with --discount-fallback"
            )
        if problem and fallback is not None:
            discounts[i, 1:] = fallback
    return discounts


def _discount(tally: list[int], out: np.ndarray) -> str | None:
    """Compute the discounts of one order; return what is wrong, if anything is."""
    for count in (1, 2, 3):
        if tally[count] == 0:
            return f"none has adjusted count {count}"
    y = tally[1] / (tally[1] + 2 * tally[2])
    for count in (1, 2, 3):
        out[count] = count - (count + 1) * y * tally[count + 1] / tally[count]
        if not 0 <= out[count] <= count:
            return f"that of adjusted count {count} would be {out[count]:.3f}"
    return None


def _interpolate(
    levels: list[Level],
    order: int,
    discounts: np.ndarray,
    pruned: list[np.ndarray],
    pool: ArrayPool,
    threads: int,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Probabilities (not their logarithms) and logarithms of back-offs of all orders."""
    probs = [_unit_probs(levels[0], discounts[0], pruned[0])]
    backoffs = []
    for parents, level, marks in zip(levels, levels[1:order], pruned[1:], strict=False):
        # The probabilities take the place of the counts, which nobody asks for any more.
        fits = level.counts.dtype.itemsize == np.dtype(LOG_PROB).itemsize
        out = level.counts.view(LOG_PROB) if fits else pool.empty(len(level), LOG_PROB)
        weights = pool.empty(len(parents), LOG_PROB)
        run = partial(
            _interpolate_rows,
            discounts=discounts[level.order - 1],
            level=(parents.firsts, level.counts, marks.view(np.uint8)),
            lower=(level.links, probs[-1]),
            out=(out, weights),
        )
        list(map_ordered(run, _slices(len(parents)), threads=threads))
        release_pages(parents.firsts, level.counts, level.links, out, weights)
        probs.append(out)
        backoffs.append(weights)
    return probs, [*backoffs, np.zeros(0, LOG_PROB)]


def _interpolate_rows(
    rows: tuple[int, int], *, discounts: np.ndarray, level: tuple, lower: tuple, out: tuple[np.ndarray, np.ndarray]
) -> None:
    kernels.interpolate(rows, discounts, level, lower, *out)


def _unit_probs(level: Level, discounts: np.ndarray, pruned: np.ndarray) -> np.ndarray:
    """Probabilities of the units, interpolated with the uniform distribution over them, </s> and <unk>."""
    counts = level.counts.astype(np.float64)
    taken = discounts[np.minimum(level.counts, 3).astype(np.int64)]
    is_kept = ~pruned if len(pruned) else np.ones(len(counts), np.bool_)
    mass = (taken[is_kept].sum() + counts[~is_kept].sum()) / counts.sum()
    n_predicted = int(is_kept[N_BOUNDARIES:-1].sum()) + 2
    probs = (counts - taken) / counts.sum() + mass / n_predicted
    return probs.astype(LOG_PROB)


def _remove(orders: list[Estimate], pruned: list[np.ndarray]) -> None:
    """Take the pruned n-grams out of all orders and number the rest anew."""
    renumbered: list[np.ndarray | None] = [None] * len(orders)
    for i, (marks, level) in enumerate(zip(pruned, orders, strict=True)):
        if not marks.any():
            continue
        new_rows = np.zeros(len(marks) + 1, ROW)
        np.cumsum(~marks, out=new_rows[1:])
        renumbered[i] = new_rows
        kept = np.flatnonzero(~marks)
        for name in ("words", "links", "log10_probs", "log10_backoffs"):
            column = getattr(level, name)
            setattr(level, name, column[kept] if len(column) else column)
        if len(level.firsts):
            level.firsts = level.firsts[np.append(kept, len(marks))]
    for i, level in enumerate(orders):
        ids = renumbered[0]
        if ids is not None:
            level.words = ids[level.words]
        lower = renumbered[i - 1] if i else None
        if lower is not None:
            level.links = lower[level.links]
        upper = renumbered[i + 1] if i + 1 < len(orders) else None
        if upper is not None:
            level.firsts = upper[level.firsts]
