"""Units → word boundaries, by look-ups in a table of scores and dynamic programming over words."""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

# Fields of a record of 24 bytes: key (2 words of 32 bits), then four scores.
STRIDE, WORD, BEFORE, AFTER, ACROSS = 6, 2, 3, 4, 5
KEYS = 3  # records are so many words of 64 bits apart
CONTEXT_ORDER = 3
HASH_NODE, HASH_UNIT = 0x2F0B4C47, 0x5D1A8BE3  # products stay below 2⁶³
HASH_SHIFT = 17
UNIT_BITS = 16
STRETCH = 1024  # units of which the records are looked up together, so that the memory serves several at once
LOWEST = -1e30
# Of the shape of a table.
MASK, MAX_PROBES, DEPTH = 0, 1, 2


@kernel
def find_record(keys, node, unit, shape):  # i8[3 * slots], i8, i8, i8[3] → slot or -1
    """The record of the n-gram of record ``node`` extended by a unit."""
    key = (node + 1) << UNIT_BITS | unit
    slot = (node + 1) * HASH_NODE + unit * HASH_UNIT >> HASH_SHIFT & shape[MASK]
    for _ in range(shape[MAX_PROBES]):
        found = keys[slot * KEYS]
        if found == key:
            return slot
        if found == 0:
            return np.int64(-1)
        slot = (slot + 1) & shape[MASK]
    return np.int64(-1)


@kernel
def insert_record(keys, node, unit, shape):  # i8[3 * slots], i8, i8, i8[3] → slot
    """The record of an n-gram, made if there is none; updates the greatest number of probes."""
    key = (node + 1) << UNIT_BITS | unit
    slot = (node + 1) * HASH_NODE + unit * HASH_UNIT >> HASH_SHIFT & shape[MASK]
    n_probes = 1
    while keys[slot * KEYS] != 0 and keys[slot * KEYS] != key:
        slot = (slot + 1) & shape[MASK]
        n_probes += 1
    keys[slot * KEYS] = key
    shape[MAX_PROBES] = max(shape[MAX_PROBES], n_probes)
    return slot


@kernel
def fill_table(rows, scores, roots, keys, values, shape):  # (i4[n], u2[n]), 4 f4[n], i4[65536], i8[], f4[], i8[3]
    """Write the records of all rows; the parents of a row come before it."""
    parents, last_units = rows
    words, before, after, across = scores
    slots = np.empty(parents.shape[0], np.int64)
    for r in range(parents.shape[0]):
        node = slots[parents[r]] if parents[r] >= 0 else -1
        slot = insert_record(keys, node, np.int64(last_units[r]), shape)
        slots[r] = slot
        if parents[r] < 0:
            roots[last_units[r]] = slot
        values[slot * STRIDE + WORD] = words[r]
        values[slot * STRIDE + BEFORE] = before[r]
        values[slot * STRIDE + AFTER] = after[r]
        values[slot * STRIDE + ACROSS] = across[r]


@kernel
def add_words(
    words, bonuses, unknown, roots, keys, shape
):  # (u2[m], i8[k + 1]), f4[k], f4[u], i4[65536], (i8[], f4[]), i8
    """Raise the scores of words; those that have no record get one, with the score of an unknown word."""
    units, offsets = words
    table, values = keys
    for w in range(offsets.shape[0] - 1):
        slot = np.int64(-1)
        for i in range(offsets[w], offsets[w + 1]):
            length = i - offsets[w]
            found = np.int64(roots[units[i]]) if length == 0 else find_record(table, slot, np.int64(units[i]), shape)
            if found < 0:
                found = insert_record(table, slot, np.int64(units[i]), shape)
                values[found * STRIDE + WORD] = unknown[min(length, unknown.shape[0] - 1)]
                if length >= unknown.shape[0]:
                    values[found * STRIDE + WORD] = LOWEST
                if length == 0:
                    roots[units[i]] = found
            slot = found
        base = max(values[slot * STRIDE + WORD], unknown[min(offsets[w + 1] - offsets[w], unknown.shape[0]) - 1])
        values[slot * STRIDE + WORD] = base + bonuses[w]


@kernel
def find_records(units, stretch, keys, roots, shape, records):  # u2[n], (i8, i8), i8[], i4[65536], i8[3], i4[n, DEPTH]
    """Write the records of the n-grams that begin at every position of a stretch, by length; -1 for none.

    Length after length, so that many look-ups are under way at once.
    """
    start, stop = stretch
    n = stop - start
    for k in range(n):
        records[k, 0] = roots[units[start + k]]
    for length in range(1, shape[DEPTH]):
        for k in range(n):
            node = np.int64(records[k, length - 1])
            found = np.int64(-1)
            if node >= 0 and k + length < n:
                unit = np.int64(units[start + k + length])
                if unit >= N_BOUNDARIES:
                    found = find_record(keys, node, unit, shape)
            records[k, length] = found


@kernel
def score_gap(values, records, first, k):  # f4[], i4[n, DEPTH], i8, i8
    """Score of a word boundary in front of position ``k`` of a stretch, in the span that begins at ``first``."""
    value = 0.0
    for length in range(CONTEXT_ORDER, 0, -1):
        if length <= k - first and records[k - length, length - 1] >= 0:
            value += values[records[k - length, length - 1] * STRIDE + BEFORE]
            break
    for length in range(CONTEXT_ORDER, 0, -1):
        if records[k, length - 1] >= 0:
            value += values[records[k, length - 1] * STRIDE + AFTER]
            break
    if records[k - 1, 1] >= 0:
        value += values[records[k - 1, 1] * STRIDE + ACROSS]
    return value


@kernel
def decode_span(records, bounds, scorer, bias, paths, is_start):  # i4[n, DEPTH], (i8, i8), …, f8, (f8[], u1[]), u1[n]
    """Mark the first units of the words of one span in the best way to read it.

    ``scorer`` is (values, unknown).
    """
    values, unknown = scorer
    scores, back = paths
    first, stop = bounds
    for k in range(first, stop + 1):
        scores[k], back[k] = LOWEST, 1
    scores[first] = 0.0
    for k in range(first, stop):
        here = scores[k]
        if k > first:
            here += bias + score_gap(values, records, first, k)
        for length in range(1, min(records.shape[1], stop - k) + 1):
            slot = np.int64(records[k, length - 1])
            if slot >= 0:
                score = here + values[slot * STRIDE + WORD]
            elif length <= unknown.shape[0]:
                score = here + unknown[length - 1]
            else:
                break
            if score > scores[k + length]:
                scores[k + length], back[k + length] = score, length
    k = stop
    while k > first:
        k -= np.int64(back[k])
        is_start[k] = 1


@kernel
def decode(units, table, bias, is_start):  # u2[n + 1], (i8[], f4[], i4[65536], f4[u], i8[3]), f8, u1[n]
    """Mark the first unit of every word, and every boundary; behind the last unit stands a boundary."""
    keys, values, roots, unknown, shape = table
    n = units.shape[0] - 1
    records = np.empty((n + 1, shape[DEPTH]), np.int32)
    paths = (np.empty(n + 1), np.empty(n + 1, np.uint8))
    start = 0
    while start < n:
        stop = min(start + STRETCH, n)
        while units[stop] >= N_BOUNDARIES:
            stop += 1
        find_records(units, (start, stop), keys, roots, shape, records)
        starts = is_start[start:stop]
        k = 0
        while k < stop - start:
            if units[start + k] < N_BOUNDARIES:
                starts[k] = 1
                k += 1
                continue
            first = k
            while units[start + k] >= N_BOUNDARIES:
                k += 1
            decode_span(records, (first, k), (values, unknown), bias, paths, starts)
        start = stop


@kernel
def move_records(table, roots, keys, values, shape):  # as for decode, i4[65536], i8[], f4[], i8[3]
    """Insert all records of a table into an empty one, prefixes before what they begin."""
    old_keys, old_values, _, _, old_shape = table
    n = old_shape[MASK] + 1
    new_of = np.full(n, -1, np.int64)
    chain = np.empty(old_shape[DEPTH] + 1, np.int64)
    for slot in range(n):
        at, length = np.int64(slot), 0
        while at >= 0 and old_keys[at * KEYS] != 0 and new_of[at] < 0 and length < chain.shape[0]:
            chain[length] = at
            length += 1
            at = (old_keys[at * KEYS] >> UNIT_BITS) - 1
        for i in range(length - 1, -1, -1):
            at = chain[i]
            key = old_keys[at * KEYS]
            parent, unit = (key >> UNIT_BITS) - 1, key & ((1 << UNIT_BITS) - 1)
            place = insert_record(keys, new_of[parent] if parent >= 0 else -1, unit, shape)
            new_of[at] = place
            for field in range(WORD, STRIDE):
                values[place * STRIDE + field] = old_values[at * STRIDE + field]
            if parent < 0:
                roots[unit] = place


@kernel
def score_lattice(units, table, bias, words, gaps):  # u2[n + 1], as for decode, f8, f8[n, DEPTH], f8[n]
    """Write the score of every word by first unit and length, and that of a boundary in front of every unit.

    A boundary is a word of its own, of score 0.
    """
    keys, values, roots, unknown, shape = table
    n = units.shape[0] - 1
    records = np.empty((n + 1, shape[DEPTH]), np.int32)
    find_records(units, (0, n), keys, roots, shape, records)
    first = stop = 0
    for k in range(n):
        gaps[k] = 0.0
        for length in range(1, words.shape[1] + 1):
            words[k, length - 1] = LOWEST
        if units[k] < N_BOUNDARIES:
            words[k, 0] = 0.0
            continue
        if k >= stop:
            first, stop = k, k
            while units[stop] >= N_BOUNDARIES:
                stop += 1
        if k > first:
            gaps[k] = bias + score_gap(values, records, first, k)
        for length in range(1, min(words.shape[1], stop - k) + 1):
            slot = np.int64(records[k, length - 1])
            if slot >= 0:
                words[k, length - 1] = values[slot * STRIDE + WORD]
            elif length <= unknown.shape[0]:
                words[k, length - 1] = unknown[length - 1]
