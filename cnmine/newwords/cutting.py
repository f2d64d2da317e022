"""Corpus and its table of n-grams in, the segments that are left when the text is cut at loose gaps out.

The method that Su Jianlin published in 2017, with exact counts. An n-gram is solid if its cohesion reaches
the threshold of its length. The gap between two neighbouring units is cut unless a solid n-gram covers it.
What stands between cuts, of any length, is a word if it is frequent and passes the back-check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.counting.corpus import Corpus
from cnmine.counting.table import NgramTable
from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import UsageError
from cnmine.newwords import _cut_kernels as kernels
from cnmine.stats.association import min_split_pmi

THRESHOLDS = (0.0, 2.0, 4.0, 6.0)
BACK_CHECKS = ("strict", "textual", "none")
UNITS_PER_SPAN = 1 << 16  # units that one task cuts into segments

Span = tuple[int, int]


def cut_words(
    corpus: Corpus,
    table: NgramTable,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    min_count: int | None = None,
    back_check: str = "strict",
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
) -> list[tuple[str, int]]:
    """Find words by cutting the text wherever no solid n-gram covers a gap.

    Parameters
    ----------
    corpus, table
        A corpus and its `count_ngrams`, at least as long as there are thresholds.
    thresholds
        Least `min_split_pmi`, in nats, of the solid n-grams of 1, 2, 3 … units; the first is never used.
    min_count
        Least count of a solid n-gram, and of a word; None for that of the table.
    back_check
        What a segment of three units and more must prove. "strict", as the code of 2017: all its windows
        of three units and more, up to the longest solid n-grams, are solid. "textual", as the text of 2017
        and the code of 2019: it is solid itself or, if longer than the longest solid n-grams, all its
        windows of that length are. "none": nothing.
    threads
        Worker threads; the result does not depend on it.
    on_progress
        Called with the number of units cut since the last call.

    Returns
    -------
    (word, count) pairs, count descending, then word. Single units are among them, as in the published
    vocabulary; the count is that of the segment, not that of the n-gram.

    Raises
    ------
    UsageError
        If an option is out of its range or the table too short or too sparse for it.

    Notes
    -----
    A cohesion equal to the threshold is enough, as in the code of 2019; the text of 2017 asks for more.
    A run of letters and digits is one unit here, as many as it has characters there.

    One pass over the units. Memory: about 20 bytes for a row of the table and 100 for a distinct segment.
    """
    min_count = table.min_count if min_count is None else min_count
    _check_options(table, thresholds, min_count, back_check)
    is_solid = find_solid(table, thresholds, min_count)
    lengths = _solid_lengths(table, is_solid)

    def cut(start: int, stop: int) -> np.ndarray:
        segments = np.empty((stop - start, 2), dtype=np.int64)
        return segments[: kernels.cut_segments(corpus.units, start, stop, table.deepest, lengths, segments)]

    spans = split_text(corpus.units, N_BOUNDARIES - 1, UNITS_PER_SPAN)
    segments = count_segments(corpus.units, spans, cut, threads=threads, on_progress=on_progress)
    segments = segments[segments[:, 2] >= min_count]
    if back_check != "none":
        trie = (table.orders(), table.parents, is_solid)
        is_confirmed = np.empty(len(segments), dtype=np.bool_)
        kernels.confirm_segments(segments, table.deepest, trie, len(thresholds), back_check == "strict", is_confirmed)
        segments = segments[is_confirmed]
    words = [
        ("".join(corpus.vocabulary[unit] for unit in corpus.units[start : start + length].tolist()), count)
        for start, length, count in segments.tolist()
    ]
    return sorted(words, key=lambda pair: (-pair[1], pair[0]))


def _check_options(table: NgramTable, thresholds: Sequence[float], min_count: int, back_check: str) -> None:
    if back_check not in BACK_CHECKS:
        raise UsageError(f"back_check is {back_check!r}; choose {', '.join(BACK_CHECKS)}")
    if not thresholds or any(math.isnan(threshold) for threshold in thresholds):
        raise UsageError(f"thresholds are {tuple(thresholds)}; give one number for each length from 1 on")
    if len(thresholds) > table.max_order:
        raise UsageError(
            f"{len(thresholds)} thresholds need n-grams of {len(thresholds)} units, "
            f"the table ends at {table.max_order}; count with a larger max_order"
        )
    if min_count < table.min_count:
        raise UsageError(
            f"min_count is {min_count}, but the table holds n-grams from {table.min_count} occurrences on; "
            "count with a smaller min_count"
        )


def find_solid(table: NgramTable, thresholds: Sequence[float], min_count: int) -> np.ndarray:
    """``bool[n]``; the rows of two units and more that are frequent and reach the threshold of their length."""
    least = np.full(table.max_order, np.inf)  # out of reach, also for single units
    least[1 : len(thresholds)] = thresholds[1:]
    is_cohesive = min_split_pmi(table) >= np.repeat(least, np.diff(table.order_offsets))
    return is_cohesive & (table.counts >= min_count)


def _solid_lengths(table: NgramTable, is_solid: np.ndarray) -> np.ndarray:
    """``uint8[n]``; the length of the longest solid beginning of every row, or 1."""
    lengths = np.empty(len(table), dtype=np.uint8)
    for order in range(1, table.max_order + 1):
        rows = table.rows_of_order(order)
        kernels.find_solid_lengths((rows.start, rows.stop), order, table.parents, is_solid, lengths)
    return lengths


def split_text(text: np.ndarray, last_separator: int, size: int) -> Iterator[Span]:
    """Consecutive spans of at least ``size``, each ending behind a code up to ``last_separator``."""
    start = 0
    while start < len(text):
        stop = start + size
        while stop < len(text) and text[stop - 1] > last_separator:
            stop += 1
        yield start, min(stop, len(text))
        start = stop


def count_segments(
    text: np.ndarray,
    spans: Iterable[Span],
    cut: Callable[[int, int], np.ndarray],
    *,
    threads: int = 1,
    on_progress: Callable[[int], object] = lambda n: None,
) -> np.ndarray:
    """Count what a text is cut into, span by span.

    Parameters
    ----------
    text
        ``uint16[n]``; codes of any kind.
    spans
        Parts of the text that no segment crosses.
    cut
        Given a span, returns its segments, ``int64[m, 2]`` (start, stop); called on threads.
    threads, on_progress
        As for `cut_words`.

    Returns
    -------
    ``int64[m, 3]``; (start of one occurrence, length, count) of every distinct segment, in an order that
    depends on nothing but the text and the spans.
    """

    def count_span(span: Span) -> tuple[Span, np.ndarray]:
        segments = cut(*span)
        counted = _new_segment_table(len(segments))
        kernels.count_segments(text, segments, counted)
        return span, counted[counted[:, 2] > 0]

    total = _new_segment_table(0)
    n_distinct = 0
    for (start, stop), counted in map_ordered(count_span, spans, threads=threads):
        if 2 * (n_distinct + len(counted)) > len(total):
            smaller, total = total, _new_segment_table(2 * (n_distinct + len(counted)))
            kernels.merge_segments(text, smaller, total)
        n_distinct += kernels.merge_segments(text, counted, total)
        on_progress(stop - start)
    return total[total[:, 2] > 0]


def _new_segment_table(n_segments: int) -> np.ndarray:
    return np.zeros((n_table_rows(n_segments), 3), dtype=np.int64)


def n_table_rows(n_keys: int) -> int:
    """Power of two that leaves at least half of the rows of a hash table free."""
    return 1 << (2 * n_keys + 1).bit_length()
