"""Sorted windows → the n-grams of all orders as levels of a trie; modified Kneser–Ney on these levels.

Level ``n`` holds the n-grams of order n, sorted by their ids, so that the children of a row are a range of the
next level. The n-grams that begin with <s> stand behind all others. Row ``i`` of level 1 is unit id ``i``.
"""

import math

import numpy as np

from cnmine._jit import kernel

UNKNOWN, END = 0, 1  # ids of <unk> and </s>; that of <s> is one above the last unit
N_BOUNDARIES = 4
DONE = -1
SEARCHED = 16  # children; a shorter range is walked through


@kernel
def add_windows(windows, from_starts, state, words, firsts, counts):
    # (u4[n, k], u4[n], i8[n]), bool, (i8[N], i8[N], i8[N], i8[N], i8[1]), u4[N, m], i8[N, m], i8[N, m]
    """Add sorted windows to the levels; with ``from_starts`` only those at the beginning of a span.

    ``state`` is carried on: the open n-gram, its counts, how many rows of each level were opened and closed, and
    the depth of the open one. Opened rows go to ``words`` and ``firsts`` (first child), closed ones to ``counts``.
    """
    symbols, lefts, occurrences = windows
    path, open_counts, n_opened, n_closed, depth = state
    opened, closed = n_opened.copy(), n_closed.copy()
    order = path.shape[0]
    for i in range(symbols.shape[0]):
        if from_starts and lefts[i] >= N_BOUNDARIES:
            continue
        same, is_known = 0, False
        while same < depth[0] and not is_known:
            word = np.int64(symbols[i, same])
            if word < N_BOUNDARIES:
                word = END
            if word != path[same]:
                break
            same += 1
            is_known = same == order or word == END
        if not is_known:
            for level in range(same, depth[0]):
                counts[level, n_closed[level] - closed[level]] = open_counts[level]
                n_closed[level] += 1
            level, word = same, -1
            while level < order and word != END:
                word = np.int64(symbols[i, level])
                if word < N_BOUNDARIES:
                    word = END
                words[level, n_opened[level] - opened[level]] = word
                firsts[level, n_opened[level] - opened[level]] = n_opened[level + 1] if level + 1 < order else 0
                n_opened[level] += 1
                path[level] = word
                open_counts[level] = 0
                level += 1
            depth[0] = level
        for level in range(depth[0]):
            open_counts[level] += occurrences[i]


@kernel
def find_child(words, start, stop, word):  # u4[n], i8, i8, i8
    """Row of ``word`` among sorted rows, or the row in front of which it would stand."""
    while stop - start > SEARCHED:
        middle = (start + stop) >> 1
        if words[middle] < word:
            start = middle + 1
        else:
            stop = middle
    while start < stop and words[start] < word:
        start += 1
    return start


@kernel
def link_suffixes(parents, words, firsts, upper, links):
    # (i8, i8, i8), u4[n], i8|u4[p + 1], (u4[p] links, i8|u4[] firsts, u4[p] words), u4[n]
    """Write the suffix (all but the first unit) of the children of some rows; return DONE or a row without one.

    ``parents`` are the range of rows and the number of all; ``upper`` are the suffixes of the rows, the first
    children of the level above them, and their own words, among which the suffixes of the children stand.
    """
    start_row, stop_row = parents
    row_links, suffix_firsts, suffix_words = upper
    for row in range(start_row, stop_row):
        start, stop = np.int64(firsts[row]), np.int64(firsts[row + 1])
        if start == stop:
            continue
        suffix = np.int64(row_links[row])
        place, end = np.int64(suffix_firsts[suffix]), np.int64(suffix_firsts[suffix + 1])
        for child in range(start, stop):
            place = find_child(suffix_words, place, end, np.int64(words[child]))
            if place >= end or suffix_words[place] != words[child]:
                return child
            links[child] = place
            place += 1
    return DONE


@kernel
def count_suffixes(links, rows, counts):  # u4[n], (i8, i8), u4|i8[m]
    """Add one to the count of the suffix of each row of a range: the number of its left neighbours."""
    for row in range(rows[0], rows[1]):
        counts[links[row]] += 1


@kernel
def count_counts(counts, rows, tally):  # u4|i8[n], (i8, i8), i8[5]
    """Add up how many rows of a range have the counts 0 … 4."""
    for row in range(rows[0], rows[1]):
        if counts[row] < 5:
            tally[counts[row]] += 1


@kernel
def interpolate(parents, discounts, level, lower, probs, backoffs):
    # (i8, i8), f8[4], (u4[p + 1] firsts, u4|i8[n] counts, u1[n|0] pruned), (u4[n] links, f4[m] probs), f4[n], f4[p]
    """Write the probabilities of the children of some rows, and the logarithms of the back-offs of these rows.

    ``probs`` may lie over the counts: those of all children are read before the first is overwritten, save the
    one that is.
    """
    firsts, counts, pruned = level
    links, lower_probs = lower
    for row in range(parents[0], parents[1]):
        start, stop = np.int64(firsts[row]), np.int64(firsts[row + 1])
        total, mass = 0.0, 0.0
        for child in range(start, stop):
            count = np.int64(counts[child])
            total += count
            if pruned.shape[0] > 0 and pruned[child] != 0:
                mass += count
            else:
                mass += discounts[min(count, 3)]
        if total == 0.0:
            backoffs[row] = 0.0
            continue
        # Chen & Goodman 1998, p. 20, with what was pruned given to the lower order.
        gamma = mass / total
        backoffs[row] = math.log10(gamma) if gamma > 0.0 else -np.inf
        for child in range(start, stop):
            count = np.int64(counts[child])
            probs[child] = (count - discounts[min(count, 3)]) / total + gamma * lower_probs[links[child]]


@kernel
def take_logarithms(probs):  # f4[n]
    """Natural numbers → base 10 logarithms, in place; never above 0, as rounding could make them."""
    for i in range(probs.shape[0]):
        probs[i] = min(0.0, math.log10(probs[i])) if probs[i] > 0.0 else -np.inf


@kernel
def find_first(codes, places, offset):  # u4[n], i8[m], i8
    """Write where each unit code occurs first, plus an offset, unless it has a place already."""
    for i in range(codes.shape[0]):
        if places[codes[i]] < 0 and codes[i] >= N_BOUNDARIES:
            places[codes[i]] = offset + i
