"""Loops over candidates: their types and features, scores of trees, the best of every row."""

from __future__ import annotations

import math

import numpy as np

from cnmine._jit import kernel

LINE_END = np.uint32(10)
OPEN_TITLE, CLOSE_TITLE = np.uint32(0x300A), np.uint32(0x300B)
LOW_32 = np.int64(0xFFFFFFFF)
NIL_ENTITY = np.int64((1 << 31) - 1)
LOG_UNSEEN = math.log(0.2 / 0.5)  # log odds of NIL where nothing is known
MIX_A = np.uint64(0x9E3779B97F4A7C15)
MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
FOLD = np.uint64(31)
TOP = np.uint64(46)  # leaves 18 bits
PAIR = np.uint64(21)
ONE = np.uint32(1)
ROWS = 64  # that walk down a tree together
NEAR = 6  # characters on each side that tell of the type


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
def score_types(codes, spans, rows, kinds, weights, out):
    """Sum of what the neighbouring characters say for the type of every candidate.

    Types: u4[n], i4[m, >= 2], (numbers of spans i8[r], offsets i8[r + 1]), i4[c], f4[2**18], f4[c].
    """
    numbers, offsets = rows
    grams = np.empty(4 * NEAR, np.uint64)
    for r in range(numbers.shape[0]):
        if offsets[r] == offsets[r + 1]:
            continue
        start = np.int64(spans[numbers[r], 0])
        n = list_near(codes, start, start + spans[numbers[r], 1], grams)
        for c in range(offsets[r], offsets[r + 1]):
            total = 0.0
            for j in range(n):
                total += weights[near_slot(kinds[c], grams[j])]
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
def count_pair(key, entity, counts):  # i8, i8
    """How often labels linked a key to an entity; ``counts`` as for `fill_features`."""
    firsts, pairs, pair_counts = counts[0], counts[1], counts[2]
    if key + 1 < firsts.shape[0]:
        for i in range(firsts[key], firsts[key + 1]):
            if (pairs[i] & LOW_32) == entity:
                return np.int64(pair_counts[i])
    return np.int64(0)


@kernel
def highest(values, column, start, stop):  # f4[c, >= 1]
    """Place of the highest value of a row, and the highest of the others; 0 where there is none above."""
    place, first, second = np.int64(-1), np.float32(0.0), np.float32(0.0)
    for c in range(start, stop):
        if values[c, column] > first:
            place, first, second = c, values[c, column], first
        elif values[c, column] > second:
            second = values[c, column]
    return place, first, second


@kernel
def fill_features(texts, rows, candidates, tables, counts, out):
    """The features of every candidate, in the order of `cnmine.linking.disambiguation.FEATURES`.

    ``texts``: codes u4[n], spans i4[m, >= 3]; ``rows``: numbers of spans i8[r], offsets i8[r + 1]; ``candidates``:
    entities i4[c], priors and their logarithms f4[c], what `measure_candidates` found f4[c, 6], scores of types f4[c];
    ``tables``, of entities: logarithms of sizes f4 three times, kinds i4, keys of titles i4; logarithms of how likely
    each kind is f4; ``counts``, of labels: where the pairs of every key begin i8, pairs i8, their counts i4, totals of
    keys i8, logarithms of the counts of entities f4. ``out`` f4[c, 22].
    """
    codes, spans = texts
    numbers, offsets = rows
    entities, priors, log_priors, overlaps, nearby = candidates
    kinds, title_keys, type_priors = tables[3], tables[4], tables[5]
    key_counts, entity_logs = counts[3], counts[4]
    for r in range(numbers.shape[0]):
        first, end = offsets[r], offsets[r + 1]
        if first == end:
            continue
        start, key = np.int64(spans[numbers[r], 0]), np.int64(spans[numbers[r], 2])
        stop = start + spans[numbers[r], 1]
        titled = np.float32(codes[start - 1] == OPEN_TITLE and codes[stop] == CLOSE_TITLE)
        total = 1.0 + (key_counts[key] if key < key_counts.shape[0] else 0)
        log_size, log_total = math.log(end - first), math.log(total)
        pair_best = highest(overlaps, 0, first, end)
        char_best = highest(overlaps, 1, first, end)
        for c in range(first, end):
            entity, row = np.int64(entities[c]), out[c]
            linked = count_pair(key, entity, counts)
            pairs, chars = overlaps[c, 0], overlaps[c, 1]
            row[0] = math.log(linked + np.float64(priors[c])) - log_total
            row[1] = log_priors[c]
            row[2] = entity_logs[entity] if entity < entity_logs.shape[0] else 0.0
            row[3] = log_size
            row[4], row[5], row[6] = tables[0][entity], tables[1][entity], tables[2][entity]
            row[7] = np.float32(title_keys[entity] == key)
            for j in range(5):
                row[8 + j] = overlaps[c, j]
            row[13] = pairs / math.log(19.0 + math.exp(tables[1][entity]))
            row[14] = chars / (5.0 + overlaps[c, 5])
            row[15], row[16] = type_priors[kinds[entity]], nearby[c]
            row[17], row[18] = titled, titled * type_priors[kinds[entity]]
            row[19] = log_total
            row[20] = pairs - (pair_best[2] if pair_best[0] == c else pair_best[1])
            row[21] = chars - (char_best[2] if char_best[0] == c else char_best[1])
    return 0


@kernel
def fill_decisions(spans, rows, ranked, counts, log_freqs, out):
    """What decides on every span; see `cnmine.linking.disambiguation.decision_features`.

    ``rows``: numbers of spans i8[r], offsets to candidates i8[r + 1], log odds f4[r]; ``ranked``: scores of candidates
    f4[c], their features f4[c, f], the best of each row i8[r], the second score f4[r], columns of features i8[k];
    ``counts`` as for `fill_features`, with totals of keys fourth; ``log_freqs``: of keys f4, and of others f8.
    ``out`` f4[r, 7 + k].
    """
    numbers, offsets, log_odds = rows
    scores, features, best, seconds, columns = ranked
    key_counts = counts[3]
    for r in range(numbers.shape[0]):
        key = np.int64(spans[numbers[r], 2])
        total = key_counts[key] if key < key_counts.shape[0] else 0
        nils = count_pair(key, NIL_ENTITY, counts) if total > 0 else 0
        out[r, 0] = log_odds[r]
        out[r, 1] = math.log((nils + 0.2) / (total + 0.5)) if total > 0 else LOG_UNSEEN
        out[r, 2] = spans[numbers[r], 1]
        out[r, 3] = log_freqs[0][key] if key < log_freqs[0].shape[0] else log_freqs[1]
        c = best[r]
        if c >= 0:
            out[r, 4] = scores[c]
            out[r, 5] = min(scores[c] - seconds[r], np.float32(12.0))
            out[r, 6] = math.log(offsets[r + 1] - offsets[r])
            for j in range(columns.shape[0]):
                out[r, 7 + j] = features[c, columns[j]]
    return 0


@kernel
def score_rows(rows, weights, bias, out):  # f4[n, f], f8[f], f8, f4[n]
    """Bias and weighted sum of every row: always added in the same order."""
    for i in range(rows.shape[0]):
        total = bias
        for j in range(weights.shape[0]):
            total += weights[j] * np.float64(rows[i, j])
        out[i] = total
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
def predict_trees(rows, nodes, limits, values, trees, out):
    """Add the leaves that each row reaches.

    Types: f4[n, f]; u4[k, 3] feature, left and right child, a leaf its own child; f4[k]; f4[k]; u4[t, 2] root and
    depth; f4[n]. Rows walk down together, without a branch, so that no step waits for the one before.
    """
    at, totals = np.empty(ROWS, np.uint32), np.empty(ROWS, np.float64)
    for first in range(0, rows.shape[0], ROWS):
        n = min(ROWS, rows.shape[0] - first)
        totals[:] = 0.0
        for t in range(trees.shape[0]):
            at[:] = trees[t, 0]
            for _ in range(trees[t, 1]):
                for i in range(n):
                    node = at[i]
                    is_right = np.uint32(not rows[first + i, nodes[node, 0]] <= limits[node])
                    at[i] = nodes[node, ONE + is_right]
            for i in range(n):
                totals[i] += values[at[i]]
        for i in range(n):
            out[first + i] += totals[i]
    return 0
