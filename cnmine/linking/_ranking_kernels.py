"""Loops over candidates: what text and record share, scores of trees, the best of every row."""

from __future__ import annotations

import math

import numpy as np

from cnmine._jit import kernel

LINE_END = np.uint32(10)
LOW = np.uint32(0xFFFF)
HALF = np.uint32(16)
SLOT_MASK = np.uint32(0x1FFF)  # 8,192 slots
SLOT_MIX = np.uint32(0x9E3779B1)
SLOT_SHIFT = np.uint32(19)
MIX_A = np.uint64(0x9E3779B97F4A7C15)
MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
FOLD = np.uint64(31)
TOP = np.uint64(46)  # leaves 18 bits
PAIR = np.uint64(21)
NEAR = 6  # characters on each side that tell of the type


@kernel
def slot_of(key):  # u4 -> 0 .. 8191
    return np.int64(np.uint32(np.uint32(key) * SLOT_MIX) >> SLOT_SHIFT)


@kernel
def put(slots, key, epoch):  # u4[8192, 2], u4, u4
    """Note a key; full tables forget the rest."""
    place = slot_of(key)
    for _ in range(16):
        if slots[place, 1] != epoch:
            slots[place, 0] = key
            slots[place, 1] = epoch
            return
        if slots[place, 0] == key:
            return
        place = (place + 1) & 8191


@kernel
def has(slots, key, epoch):  # u4[8192, 2], u4, u4
    place = slot_of(key)
    for _ in range(16):
        if slots[place, 1] != epoch:
            return False
        if slots[place, 0] == key:
            return True
        place = (place + 1) & 8191
    return False


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
def note_context(texts, span, width, state, epoch):
    """Note what stands around a span: pairs, characters with their distances, keys; return the sum of idfs.

    ``texts``: codes u4[n], char idfs f4[65536], spans i4[m, >= 3]; ``state``: pairs u4[8192, 2], chars i8[65536, 2],
    keys u4[8192, 2].
    """
    codes, idfs, spans = texts
    pairs, chars, keys = state
    start = np.int64(spans[span, 0])
    stop = start + spans[span, 1]
    low, high = find_window(codes, start, stop, width)
    total = 0.0
    for side in range(2):
        first, last = (low, start) if side == 0 else (stop, high)
        for i in range(first, last):
            c = np.int64(codes[i] & LOW)
            distance = start - 1 - i if side == 0 else i - stop
            if chars[c, 0] != epoch:
                chars[c, 0], chars[c, 1] = epoch, distance
                total += idfs[c]
            elif distance < chars[c, 1]:
                chars[c, 1] = distance
            if i + 1 < last:
                put(pairs, np.uint32((codes[i] << HALF) | (codes[i + 1] & LOW)), np.uint32(epoch))
    for i in range(start, stop):  # the mention itself tells nothing
        chars[np.int64(codes[i] & LOW), 0] = 0
    i = span - 1
    while i >= 0 and spans[i, 0] >= low:
        if spans[i, 1] > 1 and spans[i, 0] + spans[i, 1] <= start:
            put(keys, np.uint32(spans[i, 2]), np.uint32(epoch))
        i -= 1
    i = span + 1
    while i < spans.shape[0] and spans[i, 0] < high:
        if spans[i, 1] > 1 and spans[i, 0] >= stop and spans[i, 0] + spans[i, 1] <= high:
            put(keys, np.uint32(spans[i, 2]), np.uint32(epoch))
        i += 1
    return total


@kernel
def compare_texts(entity, kb, idfs, state, epoch, out):
    """What one entity shares with the context noted: pairs, characters, characters nearby.

    ``kb``: offsets i8[n + 1], pair keys u4, weights u1 of the entities. ``out`` f4[>= 3].
    """
    offsets, keys, weights = kb
    pairs, chars = state[0], state[1]
    shared, single, near = 0.0, 0.0, 0.0
    seen = epoch + 1  # epochs are even; an odd one marks a character that has been counted
    for j in range(offsets[entity], offsets[entity + 1]):
        key = keys[j]
        if has(pairs, key, np.uint32(epoch)):
            shared += weights[j]
        for half in range(2):
            c = np.int64(key >> HALF) if half == 0 else np.int64(key & LOW)
            if chars[c, 0] == epoch:
                single += idfs[c]
                near += idfs[c] / (1.0 + 0.25 * chars[c, 1])
                chars[c, 0] = seen
    for j in range(offsets[entity], offsets[entity + 1]):
        for half in range(2):
            c = np.int64(keys[j] >> HALF) if half == 0 else np.int64(keys[j] & LOW)
            if chars[c, 0] == seen:
                chars[c, 0] = epoch
    out[0], out[1], out[2] = shared / 8.0, single, near


@kernel
def compare_names(entity, kb, key_weights, keys, epoch, out):
    """Values and names of others in the record that stand around the mention.

    ``kb``: offsets i8[n + 1] and values i4 of attribute values, then of co-mentions. ``out`` f4[>= 2].
    """
    value_offsets, values, mention_offsets, mentions = kb
    n_values, total = 0, 0.0
    for j in range(value_offsets[entity], value_offsets[entity + 1]):
        if values[j] >= 0 and has(keys, np.uint32(values[j]), np.uint32(epoch)):
            n_values += 1
    for j in range(mention_offsets[entity], mention_offsets[entity + 1]):
        if has(keys, np.uint32(mentions[j]), np.uint32(epoch)):
            total += key_weights[mentions[j]]
    out[0], out[1] = n_values, total


@kernel
def measure_candidates(texts, rows, kb, state, width, out):
    """Overlaps of every candidate with the context of its span.

    ``rows``: numbers of spans i8[r], offsets i8[r + 1] to candidates, entities i4[c]; ``kb``: the tables of
    `compare_texts` and `compare_names` and weights of keys f4. ``out`` f4[c, 6], the last the sum of the context's
    idfs.
    """
    spans, offsets, entities = rows
    epoch = np.int64(0)
    for r in range(spans.shape[0]):
        if offsets[r] == offsets[r + 1]:
            continue
        epoch += 2
        total = note_context(texts, spans[r], width, state, epoch)
        for c in range(offsets[r], offsets[r + 1]):
            compare_texts(np.int64(entities[c]), kb[0], texts[1], state, epoch, out[c, :3])
            compare_names(np.int64(entities[c]), kb[1], kb[2], state[2], epoch, out[c, 3:5])
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
