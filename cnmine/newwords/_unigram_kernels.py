"""Forward-backward over the lattice of words that stand at every position of the corpus."""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

# Posteriors are summed as integers, so that the sums do not depend on the order of the text or on threads.
ONE = np.float64(1 << 30)
MAX_WORD = 8  # slots for the words that begin at one position; their lengths stay below it
MAX_SPAN = 4096  # a longer span is read as several
HASH_START = np.uint64(14695981039346656037)
HASH_FACTOR = np.uint64(1099511628211)
HASH_SHIFT = np.uint64(32)


@kernel
def end_of_span(units, start):  # u2[n], i8
    """The position behind the span that begins at ``start``, which is no boundary."""
    stop = start + 1
    while stop - start < MAX_SPAN and units[stop] >= N_BOUNDARIES:
        stop += 1
    return stop


@kernel
def is_sampled(units, start, stop, threshold):  # u2[n], i8, i8, u8
    """Whether a hash of the span falls below ``threshold`` (of 2³²); equal spans get equal answers."""
    value = HASH_START
    for i in range(start, stop):
        value = (value ^ np.uint64(units[i])) * HASH_FACTOR
    return (value ^ (value >> HASH_SHIFT)) & np.uint64(0xFFFFFFFF) < threshold


@kernel
def read_backwards(node_at, lattice, start, stop, step):  # i4[n], lattice, i8, i8, f8[MAX_SPAN, MAX_WORD]
    """Write to ``step[k, length]`` how likely the next word has that length, given a boundary at ``start + k``.

    ``lattice`` is (up, lengths, weights, weight of an unknown unit). The inverse of the sum over all ways
    to read the rest stays in ``step[k, 0]``, relative to that of the next position, so nothing underflows.
    """
    up, lengths, weights, unknown = lattice
    for k in range(stop - start - 1, -1, -1):
        for length in range(1, MAX_WORD):
            step[k, length] = 0.0
        node = node_at[start + k]
        total = 0.0
        while node >= 0:
            length = np.int64(lengths[node])
            if start + k + length <= stop:
                weight = weights[node]
                for x in range(k + 1, k + length):
                    weight *= step[x, 0]
                step[k, length] = weight
                total += weight
            node = up[node]
        if step[k, 1] == 0.0:
            step[k, 1] = unknown
            total += unknown
        inverse = 1.0 / total
        for length in range(1, MAX_WORD):
            step[k, length] *= inverse
        step[k, 0] = inverse


@kernel
def read_forwards(n, step, edges):  # i8, f8[MAX_SPAN, MAX_WORD], f8[MAX_SPAN + MAX_WORD]
    """Write the probability of a word boundary in front of every unit of a span of ``n`` units, and behind it."""
    for k in range(n + 1):
        edges[k] = 0.0
    edges[0] = 1.0
    for k in range(n):
        for length in range(1, min(MAX_WORD, n - k + 1)):
            edges[k + length] += edges[k] * step[k, length]


@kernel
def draw_spans(units, deepest, nearest, threshold, drawn):  # u2[n + 1], i4[n], i4[rows], u8, (u2[m], i4[m])
    """Copy the sampled spans, each with a boundary behind it, and their nodes; return how much that is.

    With no room in ``drawn`` nothing is copied.
    """
    drawn_units, drawn_nodes = drawn
    n = 0
    start = 0
    while start < deepest.shape[0]:
        if units[start] < N_BOUNDARIES:
            start += 1
            continue
        stop = end_of_span(units, start)
        if is_sampled(units, start, stop, threshold):
            if drawn_units.shape[0] > 0:
                drawn_units[n : n + stop - start] = units[start:stop]
                drawn_units[n + stop - start] = 0
                place_nodes(deepest[start:stop], nearest, drawn_nodes[n : n + stop - start])
                drawn_nodes[n + stop - start] = -1
            n += stop - start + 1
        start = stop
    return n


@kernel
def add_posteriors(units, node_at, lattice, sums):  # u2[n + 1], i4[n], lattice, (i8[m], i8[m])
    """Add to ``sums`` = (expected, seen) how often every word is read, and stands, in a stretch of whole spans."""
    up, lengths, _, _ = lattice
    expected, seen = sums
    step = np.zeros((MAX_SPAN, MAX_WORD))
    edges = np.zeros(MAX_SPAN + MAX_WORD)
    start = 0
    while start < node_at.shape[0]:
        if units[start] < N_BOUNDARIES:
            start += 1
            continue
        stop = end_of_span(units, start)
        read_backwards(node_at, lattice, start, stop, step)
        read_forwards(stop - start, step, edges)
        for k in range(stop - start):
            node = node_at[start + k]
            while node >= 0:
                length = np.int64(lengths[node])
                if start + k + length <= stop:
                    seen[node] += 1
                    expected[node] += np.int64(edges[k] * step[k, length] * ONE + 0.5)
                node = up[node]
        start = stop


@kernel
def add_edges(units, node_at, lattice, sums):  # u2[n + 1], i4[n], lattice, i8[m, 4]
    """Add to ``sums`` of every word of two units and more how likely, at all its places, it is read as a
    word, a boundary stands at its left edge, at its right edge, and how likely the likeliest one inside is."""
    up, lengths, _, _ = lattice
    step = np.zeros((MAX_SPAN, MAX_WORD))
    edges = np.zeros(MAX_SPAN + MAX_WORD)
    start = 0
    while start < node_at.shape[0]:
        if units[start] < N_BOUNDARIES:
            start += 1
            continue
        stop = end_of_span(units, start)
        read_backwards(node_at, lattice, start, stop, step)
        read_forwards(stop - start, step, edges)
        for k in range(stop - start):
            node = node_at[start + k]
            while node >= 0 and lengths[node] > 1:
                length = np.int64(lengths[node])
                if start + k + length <= stop:
                    inside = 0.0
                    for x in range(k + 1, k + length):
                        inside = max(inside, edges[x])
                    sums[node, 0] += np.int64(edges[k] * step[k, length] * ONE + 0.5)
                    sums[node, 1] += np.int64(edges[k] * ONE + 0.5)
                    sums[node, 2] += np.int64(edges[k + length] * ONE + 0.5)
                    sums[node, 3] += np.int64(inside * ONE + 0.5)
                node = up[node]
        start = stop


@kernel
def link_nodes(rows, nearest, parents, up):  # (i8, i8), i4[n], i4[n], i4[m]
    """Link the nodes upwards, and write for every row the longest node among its prefixes, itself included.

    For the rows ``start, stop = rows``. ``nearest`` has the node of every row, or -1, to begin with. Rows come by
    order, so parents are done before their extensions.
    """
    for row in range(rows[0], rows[1]):
        above = nearest[parents[row]] if parents[row] >= 0 else -1
        node = nearest[row]
        if node >= 0:
            up[node] = above
        else:
            nearest[row] = above


@kernel
def place_nodes(deepest, nearest, node_at):  # i4[n], i4[rows], i4[n]
    """Write the longest node that starts at every position, -1 where none does."""
    for i in range(deepest.shape[0]):
        row = deepest[i]
        node_at[i] = nearest[row] if row >= 0 else -1
