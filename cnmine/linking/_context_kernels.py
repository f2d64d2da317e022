"""Loops over contexts and records: what stands around a span, and what of it stands in a record, too."""

from __future__ import annotations

import numpy as np

from cnmine._jit import kernel, prefetch

LINE_END = np.uint32(10)
LOW = np.uint32(0xFFFF)
HALF = np.uint32(16)
SLOTS = 8192
SLOT_MIX = np.uint32(0x9E3779B1)
SLOT_SHIFT = np.uint32(19)  # leaves 13 bits
HITS = 1024  # pairs of a record that are looked at together
NOWHERE = np.int32(0x7FFFFFFF)
AHEAD = 4  # candidates whose records are asked for, so that they are there in time


@kernel
def slot_of(key):  # u4 -> 0 .. 8191
    return np.int64(np.uint32(np.uint32(key) * SLOT_MIX) >> SLOT_SHIFT)


@kernel
def pair_at(codes, i):
    return np.uint32((codes[i] << HALF) | (codes[i + 1] & LOW))


@kernel
def note_characters(codes, i, stop, notes):
    """Note the characters from ``i`` on, and the pairs that begin with them; each leads to the one before like it."""
    while i < stop:
        c = np.int64(codes[i] & LOW)
        before = notes.last_chars[c]
        notes.near_chars[c] = 1
        notes.chars_before[i] = before
        notes.chars_after[i] = NOWHERE
        if before >= 0:
            notes.chars_after[before] = i
        notes.last_chars[c] = i
        if i + 1 < codes.shape[0]:
            slot = slot_of(pair_at(codes, i))
            notes.pairs_before[i] = notes.last_pairs[slot]
            notes.last_pairs[slot] = i
        i += 1
    return i


@kernel
def drop_characters(codes, i, low, notes):
    """Unmark the characters from ``i`` on that do not stand at ``low`` or behind."""
    while i < low:
        c = np.int64(codes[i] & LOW)
        if notes.last_chars[c] < low:
            notes.near_chars[c] = 0
        i += 1
    return i


@kernel
def note_keys(spans, i, stop, notes):
    """Note the keys of two characters or more from span ``i`` on that begin before ``stop``; return the next span."""
    while i < spans.shape[0] and spans[i, 0] < stop:
        if spans[i, 1] > 1:
            slot = slot_of(spans[i, 2])
            notes.keys_before[i] = notes.last_keys[slot]
            notes.last_keys[slot] = i
            notes.near_keys[slot] = 1
        i += 1
    return i


@kernel
def drop_keys(spans, i, low, notes):
    """Unmark the keys from span ``i`` on that do not begin at ``low`` or behind; return the next span."""
    while i < spans.shape[0] and spans[i, 0] < low:
        if spans[i, 1] > 1:
            slot = slot_of(spans[i, 2])
            last = notes.last_keys[slot]
            if last < 0 or spans[last, 0] < low:
                notes.near_keys[slot] = 0
        i += 1
    return i


@kernel
def slide(codes, idfs, sums, low, high, notes):  # f8[3]: first and last place of the window before, its sum
    """Sum of the idfs of the different characters from ``low`` to ``high``, from that of the window before."""
    chars_before, chars_after = notes.chars_before, notes.chars_after
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
def sum_own(codes, idfs, window, notes):
    """Sum of the idfs of the characters that stand in a mention, but not around it."""
    low, start, stop, high = window
    total = 0.0
    for i in range(start, stop):
        if notes.chars_before[i] < low:
            after = notes.chars_after[i]
            while after < stop:
                after = notes.chars_after[after]
            if after >= high:
                total += idfs[np.int64(codes[i] & LOW)]
    return total


@kernel
def find_character(c, window, notes):
    """How far from the mention the nearest such character of its context is; -1: none, or one in the mention."""
    low, start, stop, high = window
    i = notes.last_chars[c]
    distance = np.int64(-1)
    while i >= stop:
        if i < high:
            distance = i - stop
        i = notes.chars_before[i]
    if i >= start:
        return np.int64(-1)  # the mention itself tells nothing
    if i >= low and (distance < 0 or start - 1 - i < distance):
        distance = start - 1 - i
    return distance


@kernel
def has_pair(codes, key, window, notes):
    low, start, stop, high = window
    i = notes.last_pairs[slot_of(key)]
    while i >= low:
        if (i + 1 < start or stop <= i < high - 1) and pair_at(codes, i) == key:
            return True
        i = notes.pairs_before[i]
    return False


@kernel
def has_key(spans, key, window, notes):
    low, start, stop, high = window
    i = notes.last_keys[slot_of(key)]
    while i >= 0 and spans[i, 0] >= low:
        if spans[i, 2] == key:
            end = spans[i, 0] + spans[i, 1]
            if end <= start or (spans[i, 0] >= stop and end <= high):
                return True
        i = notes.keys_before[i]
    return False


@kernel
def compare_texts(entity, texts, kb, window, notes, out):
    """What one entity shares with a context: pairs, characters, characters nearby.

    ``kb``: offsets i8[n + 1], pair keys u4, weights u1 of the entities. ``out`` f4[>= 3]. Few pairs have a character of
    the context: they are gathered without a branch, a stretch at a time.
    """
    codes, idfs = texts[0], texts[1]
    offsets, keys, weights = kb
    is_near, is_counted, counted = notes.near_chars, notes.counted_chars, notes.counted
    firsts, seconds, both = notes.hits[0], notes.hits[1], notes.hits[2]
    shared, single, near, n_counted = 0.0, 0.0, 0.0, 0
    j, end = offsets[entity], offsets[entity + 1]
    while j < end:
        n_firsts, n_seconds, n_both, before = 0, 0, 0, np.int64(-1)
        start, stop = j, min(end, j + HITS)
        for j in range(start, stop):
            first, second = np.int64(keys[j] >> HALF), np.int64(keys[j] & LOW)
            firsts[n_firsts], seconds[n_seconds], both[n_both] = first, second, j
            has_first, has_second = np.int64(is_near[first]), np.int64(is_near[second])
            n_firsts += has_first & np.int64(first != before)
            n_seconds += has_second
            n_both += has_first & has_second
            before = first
        for h in range(n_both):
            if has_pair(codes, keys[both[h]], window, notes):
                shared += weights[both[h]]
        for h in range(n_firsts + n_seconds):
            c = firsts[h] if h < n_firsts else seconds[h - n_firsts]
            if is_counted[c] == 0:
                is_counted[c] = 1
                counted[n_counted] = c
                n_counted += 1
                distance = find_character(c, window, notes)
                if distance >= 0:
                    single += idfs[c]
                    near += idfs[c] / (1.0 + 0.25 * distance)
        j = stop
    for h in range(n_counted):
        is_counted[counted[h]] = 0
    out[0], out[1], out[2] = shared / 8.0, single, near


@kernel
def compare_names(entity, spans, kb, key_weights, window, notes, out):
    """Values and names of others in the record that stand around the mention.

    ``kb``: offsets i8[n + 1] and values i4 of attribute values, then of co-mentions. ``out`` f4[>= 2].
    """
    value_offsets, values, mention_offsets, mentions = kb
    n_values, total = 0, 0.0
    for j in range(value_offsets[entity], value_offsets[entity + 1]):
        if values[j] >= 0 and notes.near_keys[slot_of(values[j])] != 0 and has_key(spans, values[j], window, notes):
            n_values += 1
    for j in range(mention_offsets[entity], mention_offsets[entity + 1]):
        if notes.near_keys[slot_of(mentions[j])] != 0 and has_key(spans, mentions[j], window, notes):
            total += key_weights[mentions[j]]
    out[0], out[1] = n_values, total


@kernel
def fetch_records(entities, c, kb):
    """Begin to fetch the record of the candidate some places behind ``c``, and where those further behind begin."""
    if c + 2 * AHEAD < entities.shape[0]:
        entity = np.int64(entities[c + 2 * AHEAD])
        prefetch(kb[0][0], entity)
        prefetch(kb[1][0], entity)
        prefetch(kb[1][2], entity)
    if c + AHEAD < entities.shape[0]:
        entity = np.int64(entities[c + AHEAD])
        first, stop = kb[0][0][entity], min(kb[0][0][entity + 1], kb[0][0][entity] + 256)
        for i in range(first, stop, 16):
            prefetch(kb[0][1], i)
        for i in range(first, stop, 64):
            prefetch(kb[0][2], i)
        prefetch(kb[1][1], kb[1][0][entity])
        prefetch(kb[1][3], kb[1][2][entity])


@kernel
def measure_candidates(texts, rows, kb, notes, width, out):
    """Overlaps of every candidate with the context of its span.

    ``texts``: codes u4[n], idfs of characters f4[65536], spans i4[m, >= 3] by their starts; ``rows``: numbers of
    spans i8[r], ascending, offsets i8[r + 1] to candidates, entities i4[c]; ``kb``: the tables of `compare_texts` and
    `compare_names` and weights of keys f4; ``notes``: from `cnmine.linking.disambiguation.make_notes`. ``out``
    f4[c, 6], the last the sum of the context's idfs.

    Characters and spans are noted once, from left to right; what a context holds is found by going back from the last.
    """
    codes, idfs, spans = texts
    numbers, offsets, entities = rows
    next_char, next_span, past_char, past_span = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    line_start, line_stop, seen = np.int64(0), np.int64(0), np.int64(0)
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
        next_char = note_characters(codes, next_char, high, notes)
        past_char = drop_characters(codes, past_char, low, notes)
        next_span = note_keys(spans, next_span, high, notes)
        past_span = drop_keys(spans, past_span, low, notes)
        window = (low, start, stop, high)
        total = slide(codes, idfs, sums, low, high, notes) - sum_own(codes, idfs, window, notes)
        for c in range(offsets[r], offsets[r + 1]):
            entity = np.int64(entities[c])
            fetch_records(entities, c, kb)
            compare_texts(entity, texts, kb[0], window, notes, out[c, :3])
            compare_names(entity, spans, kb[1], kb[2], window, notes, out[c, 3:5])
            out[c, 5] = total
    return 0
