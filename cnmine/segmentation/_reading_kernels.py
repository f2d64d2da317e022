"""Forward-backward over all ways to read the spans of a text, by the scores of rows."""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

MAX_WORD = 6
MAX_SPAN = 4096  # a longer span is read as several
CONTEXT_ORDER = 3
ONE = np.float64(1 << 20)
# FNV-1a of 32 bits; in an int64 no product overflows.
FNV_OFFSET = 0x811C9DC5
FNV_PRIME = 0x01000193
FNV_MASK = 0xFFFFFFFF


@kernel
def end_of_span(units, start):  # u2[n], i8
    """The position behind the span that begins at ``start``, which is no boundary."""
    stop = start + 1
    while stop - start < MAX_SPAN and units[stop] >= N_BOUNDARIES:
        stop += 1
    return stop


@kernel
def is_sampled(units, start, stop, threshold):  # u2[n], i8, i8, i8
    """Whether a hash of the span falls below ``threshold`` (of 2³²); equal spans get equal answers."""
    value = np.int64(FNV_OFFSET)
    for i in range(start, stop):
        value = (value ^ np.int64(units[i])) * FNV_PRIME & FNV_MASK
    return value ^ value >> 15 < threshold


@kernel
def rows_of_span(deepest, rows_table, start, stop, rows):  # i4[n], (i4[n], u1[n]), i8, i8, i4[MAX_SPAN, MAX_WORD]
    """Write the row of every n-gram of the span by its position and length less one, -1 where there is none."""
    parents, orders = rows_table
    for k in range(stop - start):
        for n in range(MAX_WORD):
            rows[k, n] = -1
        row = deepest[start + k]
        while row >= 0:
            n = np.int64(orders[row])
            if start + k + n <= stop:
                rows[k, n - 1] = row
            row = parents[row]


@kernel
def factor_of_gap(rows, n, k, factors):  # i4[.., MAX_WORD], i8, i8, factors
    """Factor of a word boundary between the units ``k - 1`` and ``k`` of a span of ``n``."""
    _, before, after, across, _ = factors
    value = 1.0
    for length in range(CONTEXT_ORDER, 0, -1):
        if length <= k and rows[k - length, length - 1] >= 0:
            value *= before[rows[k - length, length - 1]]
            break
    for length in range(CONTEXT_ORDER, 0, -1):
        if length <= n - k and rows[k, length - 1] >= 0:
            value *= after[rows[k, length - 1]]
            break
    pair = rows[k - 1, 1]
    return value * across[pair] if pair >= 0 else value


@kernel
def read_span(rows, n, factors, step, edges):  # i4[.., 6], i8, factors, f8[MAX_SPAN, 7], f8[MAX_SPAN + 7]
    """Write the probability of a boundary in front of every unit, and of each length of the word that begins there
    if there is one.

    The ratio of the sums over all ways to read the rest from ``k`` and from ``k + 1`` stays in ``step[k, 0]``, so
    nothing overflows.
    """
    words, unknown = factors[0], factors[4]
    for k in range(n - 1, -1, -1):
        gap = factor_of_gap(rows, n, k, factors) if k > 0 else 1.0
        total, rest = 0.0, 1.0
        top = min(MAX_WORD, n - k)
        for length in range(1, top + 1):
            row = rows[k, length - 1]
            weight = (words[row] if row >= 0 else unknown[length - 1]) * rest
            step[k, length] = weight
            total += weight
            if length < top:
                rest /= step[k + length, 0]
        for length in range(1, top + 1):
            step[k, length] /= total
        step[k, 0] = total * gap
    for k in range(n + 1):
        edges[k] = 0.0
    edges[0] = 1.0
    for k in range(n):
        for length in range(1, min(MAX_WORD, n - k) + 1):
            edges[k + length] += edges[k] * step[k, length]


@kernel
def read_text(units, deepest, rows_table, factors, task, out):  # …, (i8, i8, i8), (f4[n + 1], f4[n, MAX_WORD])
    """Write boundaries and words of all sampled spans between two positions; -1 for what is not read.

    ``task`` is (start, stop, threshold). ``edges[i]`` belongs to the gap in front of unit ``start + i``.
    """
    first, end, threshold = task
    edges_out, words_out = out
    rows = np.empty((MAX_SPAN, MAX_WORD), np.int32)
    step = np.zeros((MAX_SPAN, MAX_WORD + 1))
    edges = np.zeros(MAX_SPAN + MAX_WORD + 1)
    start = first
    while start < end:
        if units[start] < N_BOUNDARIES:
            edges_out[start - first] = -1
            start += 1
            continue
        stop = end_of_span(units, start)
        if is_sampled(units, start, stop, threshold):
            rows_of_span(deepest, rows_table, start, stop, rows)
            read_span(rows, stop - start, factors, step, edges)
            for k in range(stop - start):
                edges_out[start - first + k] = edges[k]
                for length in range(1, MAX_WORD + 1):
                    is_inside = start + k + length <= stop
                    words_out[start - first + k, length - 1] = edges[k] * step[k, length] if is_inside else 0.0
        else:
            for k in range(stop - start):
                edges_out[start - first + k] = -1
        start = stop


@kernel
def add_reading(
    units, deepest, rows_table, task, read, sums
):  # …, (i8, i8), (f4[n], f4[n, 6]), (i8[rows, 8], i8[rows])
    """Add what `read_text` wrote to the rows that stand at each position; the number of units that were read."""
    parents, orders = rows_table
    edges, words = read
    totals, seen = sums
    first, end = task
    n_read = 0
    start = first
    while start < end:
        if units[start] < N_BOUNDARIES or edges[start - first] < 0:
            start += 1
            continue
        stop = end_of_span(units, start)
        n_read += stop - start
        for i in range(start, stop):
            row = deepest[i]
            while row >= 0:
                n = np.int64(orders[row])
                if i + n <= stop:
                    seen[row] += 1
                    for cut in range(n + 1):
                        value = 1.0 if i + cut == stop else np.float64(edges[i - first + cut])
                        totals[row, cut] += np.int64(value * ONE + 0.5)
                    totals[row, 7] += np.int64(np.float64(words[i - first, n - 1]) * ONE + 0.5)
                row = parents[row]
        start = stop
    return n_read
