"""Loops over candidates: what text and record share, scores of trees, the best of every row."""

from __future__ import annotations

import math

import numpy as np

from cnmine._jit import kernel

LINE_END = np.uint32(10)
LOW = np.uint32(0xFFFF)
HALF = np.uint32(16)
SLOTS = 8192
SLOT_MIX = np.uint32(0x9E3779B1)
SLOT_SHIFT = np.uint32(19)  # leaves 13 bits
MIX_A = np.uint64(0x9E3779B97F4A7C15)
MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
FOLD = np.uint64(31)
TOP = np.uint64(46)  # leaves 18 bits
PAIR = np.uint64(21)
NOWHERE = np.int32(0x7FFFFFFF)
NEAR = 6  # characters on each side that tell of the type


@kernel
def slot_of(key):  # u4 -> 0 .. 8191
    return np.int64(np.uint32(np.uint32(key) * SLOT_MIX) >> SLOT_SHIFT)


@kernel
def pair_at(codes, i):
    return np.uint32((codes[i] << HALF) | (codes[i + 1] & LOW))


@kernel
def find_window(codes, start, stop, width):
    """First and last place around a mention that belong to its context: in its line, ``width`` characters away."""
    low, high = start, stop
    while low > 0 and start - low < width and codes[low - 1] != LINE_END:
        low -= 1
    while high < codes.shape[0] and high - stop < width and codes[high] != LINE_END:
        high += 1
    return low, high


@kernel
def note_characters(codes, i, stop, state):
    """Note the characters from ``i`` on, and the pairs that begin with them; each leads to the one before like it."""
    last_chars, chars_before, last_pairs, pairs_before = state[:4]
    chars_after = state[7]
    while i < stop:
        c = np.int64(codes[i] & LOW)
        before = last_chars[c]
        chars_before[i] = before
        chars_after[i] = NOWHERE
        if before >= 0:
            chars_after[before] = i
        last_chars[c] = i
        if i + 1 < codes.shape[0]:
            slot = slot_of(pair_at(codes, i))
            pairs_before[i] = last_pairs[slot]
            last_pairs[slot] = i
        i += 1
    return i


@kernel
def note_keys(spans, i, stop, state):
    """Note the keys of two characters or more from span ``i`` on that begin before ``stop``; return the next span."""
    last_keys, keys_before = state[4], state[5]
    while i < spans.shape[0] and spans[i, 0] < stop:
        if spans[i, 1] > 1:
            slot = slot_of(spans[i, 2])
            keys_before[i] = last_keys[slot]
            last_keys[slot] = i
        i += 1
    return i


@kernel
def slide(codes, idfs, sums, low, high, state):  # f8[3]: first and last place of the window before, its sum
    """Sum of the idfs of the different characters from ``low`` to ``high``, from that of the window before."""
    chars_before, chars_after = state[1], state[7]
    first, last, total = np.int64(sums[0]), np.int64(sums[1]), sums[2]
    if low >= last:
        first, last, total = low, low, 0.0
    while last > high:
        last -= 1
        if chars_before[last] < first:
            total -= idfs[np.int64(codes[last] & LOW)]
    while first < low:
        if chars_after[first] >= last:
            total -= idfs[np.int64(codes[first] & LOW)]
        first += 1
    while last < high:
        if chars_before[last] < first:
            total += idfs[np.int64(codes[last] & LOW)]
        last += 1
    sums[0], sums[1], sums[2] = first, last, total
    return total


@kernel
def sum_own(codes, idfs, window, state):
    """Sum of the idfs of the characters that stand in a mention, but not around it."""
    low, start, stop, high = window
    total = 0.0
    for i in range(start, stop):
        if state[1][i] < low:
            after = state[7][i]
            while after < stop:
                after = state[7][after]
            if after >= high:
                total += idfs[np.int64(codes[i] & LOW)]
    return total


@kernel
def find_character(c, window, state):
    """How far from the mention the nearest such character of its context is; -1: none, or one in the mention."""
    low, start, stop, high = window
    i = state[0][c]
    distance = np.int64(-1)
    while i >= stop:
        if i < high:
            distance = i - stop
        i = state[1][i]
    if i >= start:
        return np.int64(-1)  # the mention itself tells nothing
    if i >= low and (distance < 0 or start - 1 - i < distance):
        distance = start - 1 - i
    return distance


@kernel
def has_pair(codes, key, window, state):
    low, start, stop, high = window
    i = state[2][slot_of(key)]
    while i >= low:
        if (i + 1 < start or stop <= i < high - 1) and pair_at(codes, i) == key:
            return True
        i = state[3][i]
    return False


@kernel
def has_key(spans, key, window, state):
    low, start, stop, high = window
    i = state[4][slot_of(key)]
    while i >= 0 and spans[i, 0] >= low:
        if spans[i, 2] == key:
            end = spans[i, 0] + spans[i, 1]
            if end <= start or (spans[i, 0] >= stop and end <= high):
                return True
        i = state[5][i]
    return False


@kernel
def compare_texts(entity, texts, kb, window, state, stamp, out):
    """What one entity shares with a context: pairs, characters, characters nearby.

    ``kb``: offsets i8[n + 1], pair keys u4, weights u1 of the entities; ``stamp``: of this comparison. ``out``
    f4[>= 3].
    """
    codes, idfs = texts[0], texts[1]
    offsets, keys, weights = kb
    last_chars, stamps = state[0], state[6]
    low = window[0]
    shared, single, near = 0.0, 0.0, 0.0
    for j in range(offsets[entity], offsets[entity + 1]):
        key = keys[j]
        first, second = np.int64(key >> HALF), np.int64(key & LOW)
        has_first, has_second = last_chars[first] >= low, last_chars[second] >= low
        if has_first and has_second and has_pair(codes, key, window, state):
            shared += weights[j]
        for half in range(2):
            c = first if half == 0 else second
            if (has_first if half == 0 else has_second) and stamps[c] != stamp:
                stamps[c] = stamp
                distance = find_character(c, window, state)
                if distance >= 0:
                    single += idfs[c]
                    near += idfs[c] / (1.0 + 0.25 * distance)
    out[0], out[1], out[2] = shared / 8.0, single, near


@kernel
def compare_names(entity, spans, kb, key_weights, window, state, out):
    """Values and names of others in the record that stand around the mention.

    ``kb``: offsets i8[n + 1] and values i4 of attribute values, then of co-mentions. ``out`` f4[>= 2].
    """
    value_offsets, values, mention_offsets, mentions = kb
    n_values, total = 0, 0.0
    for j in range(value_offsets[entity], value_offsets[entity + 1]):
        if values[j] >= 0 and has_key(spans, values[j], window, state):
            n_values += 1
    for j in range(mention_offsets[entity], mention_offsets[entity + 1]):
        if has_key(spans, mentions[j], window, state):
            total += key_weights[mentions[j]]
    out[0], out[1] = n_values, total


@kernel
def measure_candidates(texts, rows, kb, state, width, out):
    """Overlaps of every candidate with the context of its span.

    ``texts``: codes u4[n], idfs of characters f4[65536], spans i4[m, >= 3] by their starts; ``rows``: numbers of
    spans i8[r], ascending, offsets i8[r + 1] to candidates, entities i4[c]; ``kb``: the tables of `compare_texts` and
    `compare_names` and weights of keys f4; ``state``, all -1: the last place of every character i4[65536], the place
    before each i4[n], likewise for pairs i4[8192] and i4[n], for spans i4[8192] and i4[m]; i8[65536]; the place of the
    character after each i4[n]. ``out`` f4[c, 6], the last the sum of the context's idfs.

    Characters and spans are noted once, from left to right; what a context holds is found by going back from the last.
    """
    codes, idfs, spans = texts
    numbers, offsets, entities = rows
    next_char, next_span, line_start, line_stop, seen = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    sums = np.zeros(3)
    for r in range(numbers.shape[0]):
        if offsets[r] == offsets[r + 1]:
            continue
        start = np.int64(spans[numbers[r], 0])
        stop = start + spans[numbers[r], 1]
        while seen < start:
            seen += 1
            if codes[seen - 1] == LINE_END:
                line_start = seen
        line_stop = max(line_stop, stop)
        while line_stop < codes.shape[0] and codes[line_stop] != LINE_END:
            line_stop += 1
        low, high = max(line_start, start - width), min(line_stop, stop + width)
        next_char = note_characters(codes, next_char, high, state)
        next_span = note_keys(spans, next_span, high, state)
        window = (low, start, stop, high)
        total = slide(codes, idfs, sums, low, high, state) - sum_own(codes, idfs, window, state)
        for c in range(offsets[r], offsets[r + 1]):
            entity = np.int64(entities[c])
            compare_texts(entity, texts, kb[0], window, state, c, out[c, :3])
            compare_names(entity, spans, kb[1], kb[2], window, state, out[c, 3:5])
            out[c, 5] = total
    return 0


@kernel
def near_slot(kind, gram):  # i8, u8 -> 0 .. 2**18 - 1
    x = (np.uint64(kind + 1) * MIX_A) ^ (gram * MIX_B)
    x = (x ^ (x >> FOLD)) * MIX_A
    return np.int64(x >> TOP)


@kernel
def list_near(codes, start, stop, out):  # u4[n], i8, i8, u8[4 * NEAR]
    """Characters and pairs next to a mention, left ones and right ones alike; return their number."""
    low, high = find_window(codes, start, stop, NEAR)
    n = 0
    for side in range(2):
        first, last = (low, start) if side == 0 else (stop, high)
        for i in range(first, last):
            out[n] = np.uint64(codes[i])
            n += 1
            if i + 1 < last:
                out[n] = (np.uint64(codes[i]) << PAIR) | np.uint64(codes[i + 1])
                n += 1
    return n


@kernel
def gather_near(codes, spans, out, sizes):  # u4[n], i4[r, >= 2], u8[r, 4 * NEAR], i8[r]
    """`list_near` of every span."""
    for r in range(spans.shape[0]):
        start = np.int64(spans[r, 0])
        sizes[r] = list_near(codes, start, start + spans[r, 1], out[r])
    return 0


@kernel
def score_types(grams, sizes, offsets, kinds, weights, out):  # u8[r, k], i8[r], i8[r + 1], i4[c], f4[2**18], f4[c]
    """Sum of what the neighbouring characters say for the type of every candidate."""
    for r in range(sizes.shape[0]):
        for c in range(offsets[r], offsets[r + 1]):
            total = 0.0
            for j in range(sizes[r]):
                total += weights[near_slot(kinds[c], grams[r, j])]
            out[c] = total
    return 0


@kernel
def add_type_weights(grams, sizes, kinds, values, weights):  # u8[r, k], i8[r], i4[r], f4[r], f4[2**18]
    """Add ``values[r]`` to the slot of every neighbouring character with the kind of its row."""
    for r in range(sizes.shape[0]):
        for j in range(sizes[r]):
            weights[near_slot(kinds[r], grams[r, j])] += values[r]
    return 0


@kernel
def pick_best(offsets, scores, best, seconds):  # i8[r + 1], f4[c], i8[r], f4[r]
    """Best candidate of every row, -1 for none, the first of equals; and the score of the next, -12 for none."""
    for r in range(best.shape[0]):
        best[r] = -1
        first, second = -math.inf, -12.0
        for c in range(offsets[r], offsets[r + 1]):
            if scores[c] > first:
                if best[r] >= 0 and first > second:
                    second = first
                first, best[r] = scores[c], c
            elif scores[c] > second:
                second = scores[c]
        seconds[r] = second
    return 0


@kernel
def share_best(offsets, scores, best, rows, out):  # i8[r + 1], f4[c], i8[r], i8[k], f8[k]
    """Share of the best candidate among all of its row, for the rows with these numbers; 1 for none."""
    for i in range(rows.shape[0]):
        start, stop = offsets[rows[i]], offsets[rows[i] + 1]
        total = 0.0
        for c in range(start, stop):
            total += math.exp(np.float64(scores[c]) - np.float64(scores[best[rows[i]]]))
        out[i] = 1.0 / total if stop > start else 1.0
    return 0


@kernel
def predict_trees(rows, nodes, limits, values, roots, out):  # f4[n, f], i4[k, 3], f4[k], f4[k], i8[t], f4[n]
    """Sum of the leaves that each row reaches; nodes hold feature (-1 for a leaf), left and right child."""
    for i in range(rows.shape[0]):
        total = 0.0
        for t in range(roots.shape[0]):
            node = roots[t]
            while nodes[node, 0] >= 0:
                node = np.int64(nodes[node, 1] if rows[i, nodes[node, 0]] <= limits[node] else nodes[node, 2])
            total += values[node]
        out[i] += total
    return 0
