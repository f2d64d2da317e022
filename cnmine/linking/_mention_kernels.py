"""Loops over spans: segmentation, hashed features, logistic regression, the best set of spans."""

from __future__ import annotations

import math

import numpy as np

from cnmine._jit import kernel, prefetch

MIX_A = np.uint64(0x9E3779B97F4A7C15)
MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
MIX_C = np.uint64(0x165667B19E3779F9)
FOLD = np.uint64(29)
TOP = np.uint64(44)  # leaves 20 bits
BITS_21 = np.uint64(21)
FEATURE = np.uint64(42)
CAP_LENGTH = np.int64(8)
LINE_END = np.uint32(10)
LAST_CODE = np.uint32(0xFFFF)
N_CONTEXT = 16  # features of a span in its place
BLOCK = 256  # spans
AHEAD = 16  # spans whose weights are asked for, so that they are there in time


@kernel
def hashed(feature, a, b):  # three integers from 0 on -> 0 .. 2**20 - 1
    """Place of one feature in the table of weights."""
    x = (np.uint64(feature) << FEATURE) ^ (np.uint64(a) * MIX_A) ^ (np.uint64(b) * MIX_B)
    x = (x ^ (x >> FOLD)) * MIX_C
    x = (x ^ (x >> FOLD)) * MIX_A
    return np.int64(x >> TOP)


@kernel
def tabulate(codes, matches, titles, names, table):
    """Write the spans of keys and those that no key covers, by start, then length; return their number.

    ``matches``: starts i8[m], lengths i4[m] and keys i4[m], in order; ``titles``: starts and lengths i4[k, 2];
    ``names``: which keys are names u1[n_keys], and the number of each suffix by code u1[65536], 0 for none. Key
    ``n_keys`` is a title, ``n_keys + i`` a name with suffix ``i`` behind it. ``table`` i4[>= 2 m + k, 5].
    """
    starts, lengths, keys = matches
    is_name, suffixes = names
    m, n_keys, n, t = starts.shape[0], is_name.shape[0], 0, 0
    for i in range(m):
        start, length = starts[i], lengths[i]
        # Titles that end before this span does; one that is no longer than a key is that key.
        while t < titles.shape[0] and (titles[t, 0] < start or (titles[t, 0] == start and titles[t, 1] <= length)):
            if titles[t, 0] < start or titles[t, 1] < length:
                table[n, 0], table[n, 1], table[n, 2] = titles[t, 0], titles[t, 1], n_keys
                n += 1
            t += 1
        table[n, 0], table[n, 1], table[n, 2] = start, length, keys[i]
        n += 1
        if length < 2 or is_name[keys[i]] == 0:
            continue
        suffix = suffixes[min(codes[start + length], LAST_CODE)]
        is_key = i + 1 < m and starts[i + 1] == start and lengths[i + 1] == length + 1
        is_title = t < titles.shape[0] and titles[t, 0] == start and titles[t, 1] == length + 1
        if suffix > 0 and not is_key and not is_title:
            table[n, 0], table[n, 1], table[n, 2] = start, length + 1, n_keys + suffix
            n += 1
    while t < titles.shape[0]:
        table[n, 0], table[n, 1], table[n, 2] = titles[t, 0], titles[t, 1], n_keys
        n += 1
        t += 1
    return n


@kernel
def segment(spans, log_probs, unknown, best, bounds):  # i4[m, >= 3], f4[n_keys], f8, f8[n + 1], u1[n + 1]
    """Mark the word boundaries of the most probable segmentation; spans are sorted by their starts.

    A character that is no word has the log probability ``unknown``, a span with a key beyond ``log_probs`` one less.
    """
    n = bounds.shape[0] - 1
    back = np.zeros(n + 1, np.int64)
    best[0] = 0.0
    for i in range(1, n + 1):
        best[i] = -math.inf
    j = 0
    for i in range(n):
        if best[i] + unknown > best[i + 1]:
            best[i + 1] = best[i] + unknown
            back[i + 1] = i
        while j < spans.shape[0] and spans[j, 0] == i:
            stop = i + spans[j, 1]
            key = spans[j, 2]
            value = best[i] + (np.float64(log_probs[key]) if key < log_probs.shape[0] else unknown - 1.0)
            if value > best[stop]:
                best[stop] = value
                back[stop] = i
            j += 1
    for i in range(n + 1):
        bounds[i] = 0
    i = n
    while i > 0:
        bounds[i] = 1
        i = back[i]
    bounds[0] = 1
    return 0


@kernel
def mark_titles(codes, reach, out, titles):  # u4[n], i8, u1[n], i4[>= number of opening marks, 2]
    """Mark and list what stands between title marks, at most ``reach`` characters; return how many there are."""
    opened, n = np.int64(-1), 0
    for i in range(codes.shape[0]):
        out[i] = 0
        if codes[i] == 0x300A:
            opened = i
        elif codes[i] == 0x300B:
            if opened >= 0 and 1 < i - opened <= reach + 1:
                titles[n, 0], titles[n, 1] = opened + 1, i - opened - 1
                n += 1
                for j in range(opened + 1, i):
                    out[j] = 1
            opened = -1
        elif codes[i] == LINE_END:
            opened = -1
    return n


@kernel
def find_covers(spans, covers, flags):  # i4[m, 3], i4[m], u1[m]
    """Write for every span the longest-reaching other span around it, or -1, and 1 if maximum matching takes it."""
    m = spans.shape[0]
    far = np.int64(-1)
    free = np.int64(0)
    i = 0
    while i < m:
        j = i
        while j + 1 < m and spans[j + 1, 0] == spans[i, 0]:
            j += 1
        start = np.int64(spans[i, 0])
        if far < 0 or start + spans[j, 1] > spans[far, 0] + spans[far, 1]:
            far = j
        for k in range(i, j + 1):
            covers[k] = -1
            flags[k] = 0
            if far != k and spans[far, 0] + spans[far, 1] >= start + spans[k, 1]:
                covers[k] = far
        if start >= free:
            flags[j] = 1
            free = start + spans[j, 1]
        i = j + 1
    return 0


@kernel
def hash_keys(chars, classes, infos, ids, out):  # u4[m, 4], u1[m], u1[m, 7], i8[m], i4[m, 15]
    """Features of keys by themselves; the columns are those of `cnmine.linking.mentions.KeyTable`."""
    for i in range(chars.shape[0]):
        length, freq, n_entities = np.int64(infos[i, 0]), np.int64(infos[i, 1]), np.int64(infos[i, 2])
        script, kind, tag = infos[i, 3], np.int64(infos[i, 4]), np.int64(infos[i, 5])
        out[i, 0] = hashed(1, classes[i], n_entities)
        out[i, 1] = hashed(2, freq, length)
        out[i, 2] = hashed(3, ids[i] + 1, 0)
        out[i, 3] = hashed(4, chars[i, 0], length)
        out[i, 4] = hashed(5, chars[i, 3], length)
        out[i, 5] = hashed(6, chars[i, 0], chars[i, 1])
        out[i, 6] = hashed(7, chars[i, 2], chars[i, 3])
        out[i, 7] = hashed(8, n_entities * 64 + freq, classes[i])
        out[i, 8] = hashed(9, script, length)
        out[i, 9] = hashed(10, kind, classes[i])
        out[i, 10] = hashed(11, kind, freq)
        out[i, 11] = hashed(12, tag, length * 8 + n_entities)
        out[i, 12] = hashed(13, tag, classes[i])
        out[i, 13] = hashed(14, infos[i, 6], np.int64(n_entities > 0) * 256 + tag)
        out[i, 14] = hashed(15, np.int64(infos[i, 6]) * 64 + freq, np.int64(n_entities > 0))
    return 0


@kernel
def hash_contexts(texts, spans, marks, keys, traits, rows, out):
    """Features of the spans with these numbers in their places.

    ``texts`` holds codes and character classes, a line's end around every line; ``spans`` holds start, length,
    key, cover and whether maximum matching takes it; ``marks`` word boundaries and titles; ``keys`` the rows of
    ``traits``. Types: u4[2, n], i4[m, 5], u1[2, n + 1], i4[m], u1[t, >= 2], i8[r], i4[>= r, 16].
    """
    for r in range(rows.shape[0]):
        i = rows[r]
        start, length = np.int64(spans[i, 0]), np.int64(spans[i, 1])
        stop = start + length
        size = min(length, CAP_LENGTH)
        c, what = np.int64(traits[keys[i], 0]), np.int64(traits[keys[i], 1])
        left, right = texts[0, start - 1], texts[0, stop]
        # Nothing is seen beyond the end of a line, or links would depend on the neighbours of a text.
        left_2 = left if left == LINE_END else texts[0, start - 2]
        right_2 = right if right == LINE_END else texts[0, stop + 1]
        brackets = np.int64(texts[1, start - 1]) * 32 + np.int64(texts[1, stop])
        inner = np.int64(0)
        for j in range(start + 1, stop):
            inner |= np.int64(marks[0, j] != 0)
        cut = np.int64(marks[0, start]) * 4 + np.int64(marks[0, stop]) * 2 + inner
        title = np.int64(marks[1, start])
        cover, kind = np.int64(spans[i, 3]), np.int64(0)
        cover_class, extra = np.int64(255), np.int64(0)
        if cover >= 0:
            kind = 1 + (spans[cover, 0] == start) + 2 * (spans[cover, 0] + spans[cover, 1] == stop)
            cover_class = np.int64(traits[keys[cover], 0])
            extra = min(np.int64(spans[cover, 1]) - length, CAP_LENGTH)
        match = np.int64(spans[i, 4])
        out[r, 0] = hashed(20, left, 0)
        out[r, 1] = hashed(21, right, 0)
        out[r, 2] = hashed(22, left, left_2)
        out[r, 3] = hashed(23, right, right_2)
        out[r, 4] = hashed(24, brackets, size)
        out[r, 5] = hashed(25, brackets, title)
        out[r, 6] = hashed(26, cut, size)
        out[r, 7] = hashed(27, cut, c)
        out[r, 8] = hashed(28, kind * 2 + match, c)
        out[r, 9] = hashed(29, cover_class, c)
        out[r, 10] = hashed(30, kind * 16 + extra, size * 2 + match)
        out[r, 11] = hashed(31, title * 2 + match, size * 64 + c)
        out[r, 12] = hashed(32, left, size)
        out[r, 13] = hashed(33, right, texts[0, stop - 1])
        out[r, 14] = hashed(34, brackets, what)
        out[r, 15] = hashed(35, cut * 8 + kind * 2 + match, what)
    return 0


@kernel
def learn_weights(rows, labels, order, weights, squares, rates):  # i4[m, f], u1[m], i8[k], f4[2**20], f4[2**20], f8[2]
    """One pass of AdaGrad over spans in some order: logistic loss, weights drawn to 0 where they are used."""
    rate, decay = rates[0], rates[1]
    for k in range(order.shape[0]):
        i = order[k]
        total = 0.0
        for j in range(rows.shape[1]):
            total += weights[rows[i, j]]
        error = 1.0 / (1.0 + math.exp(-total)) - labels[i]
        for j in range(rows.shape[1]):
            place = rows[i, j]
            slope = error + decay * weights[place]
            squares[place] += slope * slope
            weights[place] -= rate * slope / math.sqrt(squares[place])
    return 0


@kernel
def sum_weights(rows, weights, out):  # i4[m, f], f4[2**20], f4[m]
    """Add the weights of each row's features to ``out``."""
    for i in range(rows.shape[0]):
        total = np.float64(out[i])
        for j in range(rows.shape[1]):
            total += weights[rows[i, j]]
        out[i] = total
    return 0


@kernel
def score_spans(texts, spans, marks, keys, traits, model):
    """Log odds of spans: the scores of their keys and the weights of their contexts.

    ``model``: scores of keys f4[t], weights f4[2**20], the least score of a key f8, what spans with less get f8, out
    f4[m]; the other arrays are those of `hash_contexts`. Some spans at a time, so that their features stay in cache.
    """
    key_scores, weights, floor, never, out = model
    rows, hashes = np.empty(BLOCK, np.int64), np.empty((BLOCK, N_CONTEXT), np.int32)
    i = 0
    while i < spans.shape[0]:
        n = 0
        while i < spans.shape[0] and n < BLOCK:
            rows[n] = i
            prefetch(traits, keys[i] * traits.shape[1])
            is_likely = key_scores[keys[i]] >= floor
            out[i] = key_scores[keys[i]] if is_likely else never
            n += np.int64(is_likely)
            i += 1
        hash_contexts(texts, spans, marks, keys, traits, rows[:n], hashes)
        for r in range(n):
            total = np.float64(out[rows[r]])
            for j in range(N_CONTEXT):
                prefetch(weights, hashes[min(r + AHEAD, BLOCK - 1), j])
            for j in range(N_CONTEXT):
                total += weights[hashes[r, j]]
            out[rows[r]] = total
    return 0


@kernel
def mark_way(spans, back, out):  # i4[m, >= 2], i8[n + 1], u1[m]
    """Mark the spans of the best way, from its end: ``back`` has the span that ends at each place, or -1."""
    i = back.shape[0] - 1
    while i > 0:
        if back[i] >= 0:
            out[back[i]] = 1
            i = np.int64(spans[back[i], 0])
        else:
            i -= 1


@kernel
def choose_spans(spans, gains, best, out):  # i4[m, >= 2], f4[m], f8[n + 1], u1[m]
    """Mark the spans without overlap whose gains add up to most; of equals those found first from the left."""
    n = best.shape[0] - 1
    back = np.full(n + 1, -1, np.int64)
    for i in range(n + 1):
        best[i] = 0.0
    j = 0
    for i in range(n):
        if best[i] > best[i + 1]:
            best[i + 1] = best[i]
            back[i + 1] = -1
        while j < spans.shape[0] and spans[j, 0] == i:
            stop = i + np.int64(spans[j, 1])
            if gains[j] > 0.0 and best[i] + gains[j] > best[stop]:
                best[stop] = best[i] + gains[j]
                back[stop] = j
            out[j] = 0
            j += 1
    mark_way(spans, back, out)
    return 0


@kernel
def choose_nested(spans, scores, least, out):  # i4[m, >= 2], f4[m], f8, u1[m]
    """Mark with 2 the spans of at least that score inside chosen ones, the longest first, none across another."""
    m = spans.shape[0]
    i = 0
    while i < m:
        if out[i] != 1:
            i += 1
            continue
        start = np.int64(spans[i, 0])
        stop = start + spans[i, 1]
        first = i
        while first > 0 and spans[first - 1, 0] >= start:
            first -= 1
        free = start
        j = first
        while j < m and spans[j, 0] < stop:
            k = j  # the longest at this start that fits
            pick = np.int64(-1)
            while k < m and spans[k, 0] == spans[j, 0]:
                inside = spans[k, 0] + spans[k, 1] <= stop and spans[k, 1] < stop - start
                if inside and spans[k, 0] >= free and scores[k] >= least:
                    pick = k
                k += 1
            if pick >= 0:
                out[pick] = 2
                free = np.int64(spans[pick, 0]) + spans[pick, 1]
            j = k
        i += 1
    return 0


@kernel
def cover_text(spans, best, out):  # i4[m, >= 2], i8[n + 1, 2], u1[m]
    """Mark the spans of the cover that leaves the fewest characters over, then takes the fewest pieces."""
    n = best.shape[0] - 1
    back = np.full(n + 1, -1, np.int64)
    for i in range(n + 1):
        best[i, 0] = n + 1
        best[i, 1] = n + 1
    best[0, 0] = best[0, 1] = 0
    j = 0
    for i in range(n):
        left, pieces = best[i, 0] + 1, best[i, 1]
        if left < best[i + 1, 0] or (left == best[i + 1, 0] and pieces < best[i + 1, 1]):
            best[i + 1, 0], best[i + 1, 1], back[i + 1] = left, pieces, -1
        while j < spans.shape[0] and spans[j, 0] == i:
            stop = i + np.int64(spans[j, 1])
            left, pieces = best[i, 0], best[i, 1] + 1
            if left < best[stop, 0] or (left == best[stop, 0] and pieces < best[stop, 1]):
                best[stop, 0], best[stop, 1], back[stop] = left, pieces, j
            out[j] = 0
            j += 1
    mark_way(spans, back, out)
    return 0
