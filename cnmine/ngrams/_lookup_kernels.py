"""Find n-grams among the sorted windows of a store, count them, and list them.

Nothing that a store says is believed: every pointer and id is checked before it is used as an index, and
what is out of bounds makes a kernel return DAMAGED.

The tables of a store, as the kernels take them:
``text`` = (packed ids, bits, length); ``windows`` = (packed pointers, bits, n_windows, packed first windows,
bits, n_units); ``occurrences`` = (bits, packed samples, bits of a sample, n_tokens, n_windows);
``keys`` = (key of every 64th window, bits of an id, symbols in a key).
"""

import math

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

DONE, DAMAGED = -1, -2
ONE, ALL = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
LAST_BIT = np.uint64(63)
GROUP = 16  # n-grams that are looked for together
PAIRS, QUADS, BYTES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
LOW_BYTE = np.uint64(0xFF)


@kernel
def packed_item(words, bits, i):  # u8[], i8 (at most 63), i8
    """Value ``i`` of a packed array.

    The word behind is read in any case, as the last value has the word to spare: without a branch, the compiler
    drops the counting of references to ``words``, which would take ten times as long.
    """
    at = np.int64(i) * bits
    word, shift = at >> 6, np.uint64(at & 63)
    value = words[word] >> shift | words[word + 1] << ONE << (LAST_BIT - shift)
    return np.int64(value & ((ONE << np.uint64(bits)) - ONE))


@kernel
def count_ones(word):  # u8
    """Number of bits that are set."""
    word -= (word >> ONE) & PAIRS
    word = (word & QUADS) + ((word >> np.uint64(2)) & QUADS)
    word = (word + (word >> np.uint64(4))) & BYTES
    word += word >> np.uint64(8)
    word += word >> np.uint64(16)
    return np.int64((word + (word >> np.uint64(32))) & LOW_BYTE)


@kernel
def select_one(word, rank):  # u8, i8
    """Place of the set bit number ``rank``, from 0; there are more than ``rank``."""
    place, width = np.int64(0), np.int64(32)
    while width > 0:
        n = count_ones((word >> np.uint64(place)) & ((ONE << np.uint64(width)) - ONE))
        if n <= rank:
            rank -= n
            place += width
        width >>= 1
    return place


@kernel
def place_after(place, rank, occurrences):  # i8, i8
    """Place of the 1 that is number ``rank`` counted from ``place`` on; n_tokens behind the last, DAMAGED beyond."""
    bits, _, _, n_tokens, _ = occurrences
    i = place >> 6
    while i < bits.shape[0]:
        word = bits[i]
        if i == place >> 6:
            word &= ALL << np.uint64(place & 63)
        n = count_ones(word)
        if rank < n:
            if rank > 1:
                return i << 6 | select_one(word, rank)
            if rank == 1:
                word &= word - ONE
            return i << 6 | count_ones((word - ONE) & ~word)
        rank -= n
        i += 1
    return n_tokens if rank == 0 else np.int64(DAMAGED)


@kernel
def place_of(window, occurrences):  # i8
    """Number of the first occurrence of a window among all occurrences; DAMAGED if it cannot be."""
    _, samples, sample_bits, n_tokens, n_windows = occurrences
    if window == n_windows:
        return n_tokens
    place = packed_item(samples, sample_bits, window >> 8)
    if place >= n_tokens:
        return np.int64(DAMAGED)
    return place_after(place, window & 255, occurrences)


@kernel
def compare_window(window, ids, start, stop, text, windows):  # i8, u4[], i8, i8
    """-1, 0, 1: the window stands before, begins with, stands behind ``ids[start:stop]``; DAMAGED."""
    units, bits, length = text
    pointers, pointer_bits, _, _, _, _ = windows
    ahead = packed_item(pointers, pointer_bits, window) - start
    end = min(stop, length - ahead)
    order, i = 0, start
    while order == 0 and i < end:
        # A boundary, with which the text ends, stands before every unit.
        symbol = packed_item(units, bits, ahead + i)
        order = int(symbol > ids[i]) - int(symbol < ids[i])
        i += 1
    return DAMAGED if order == 0 and i < stop else order


@kernel
def bisect_windows(bounds, below, ids, word, text, windows):  # (i8, i8), i8, u4[], (i8, i8)
    """First window in ``bounds`` that compares greater than ``below``; DAMAGED."""
    low, high = bounds
    while low < high:
        middle = (low + high) // 2
        order = compare_window(middle, ids, word[0], word[1], text, windows)
        if order == DAMAGED:
            return np.int64(DAMAGED)
        if order <= below:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def bisect_keys(keys, low, high, key, is_right):  # u8[], i8, i8, u8, b1
    """First key in ``low:high`` that is not less than ``key``, or is greater if ``is_right``."""
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key or (is_right and keys[middle] == key):
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def narrow(ids, start, stop, windows, keys):  # u4[], i8, i8
    """Between which windows the first one of ``ids[start:stop]`` lies, and the one behind its last; DAMAGED all."""
    every_64th, id_bits, n_symbols = keys
    rank = np.int64(ids[start]) - N_BOUNDARIES
    low, high = packed_item(windows[3], windows[4], rank), packed_item(windows[3], windows[4], rank + 1)
    if low > high or high > windows[2]:
        return np.int64(DAMAGED), np.int64(DAMAGED), np.int64(DAMAGED), np.int64(DAMAGED)
    if stop - start == 1:
        return low, low, high, high
    n_in_key = min(stop - start, n_symbols)
    key = np.uint64(0)
    for i in range(n_in_key):
        key |= np.uint64(ids[start + i]) << np.uint64(64 - (i + 1) * id_bits)
    last_key = key | ((ONE << np.uint64(64 - n_in_key * id_bits)) - ONE)
    key_stop = (high + 63) >> 6
    lower = bisect_keys(every_64th, (low + 63) >> 6, key_stop, key, False)
    upper = lower
    if lower < key_stop and every_64th[lower] <= last_key:
        upper = bisect_keys(every_64th, lower + 1, key_stop, last_key, True)
    low, high = max(low, 64 * lower - 63), min(high, 64 * upper)
    if n_in_key < stop - start:
        return low, high, low, high
    # The key before ``upper`` is one of the n-gram, unless it is also the one before ``lower``.
    return low, min(high, 64 * lower), 64 * upper - 63 if upper > lower else low, high


@kernel
def find_range(ids, start, stop, text, windows, keys):  # u4[], i8, i8
    """The windows that begin with ``ids[start:stop]``: first and stop; both DAMAGED."""
    low, first_high, stop_low, high = narrow(ids, start, stop, windows, keys)
    word = (start, stop)
    first = bisect_windows((low, first_high), -1, ids, word, text, windows) if high != DAMAGED else high
    if first == DAMAGED:
        return first, first
    # Most n-grams have few windows: double the step, then bisect.
    low = max(first, stop_low)
    last, step = low, np.int64(1)
    while last < high:
        order = compare_window(last, ids, start, stop, text, windows)
        if order == DAMAGED:
            return np.int64(DAMAGED), np.int64(DAMAGED)
        if order > 0:
            break
        low, last, step = last + 1, min(high, last + step), 2 * step
    return first, bisect_windows((low, last), 0, ids, word, text, windows)


@kernel
def bisect_together(bounds, below, ids, words, text, windows):  # (i8[g], i8[g]), i8, u4[], (i8[g], i8[g])
    """`bisect_windows` for a group of n-grams, a step of each in turn, so that their fetches overlap.

    The results are both bounds; returns DONE or DAMAGED.
    """
    lows, highs = bounds
    starts, stops = words
    units, bits, length = text
    pointers, pointer_bits, _, _, _, _ = windows
    n_open, n_bad = 1, 0
    while n_open > 0:
        n_open = 0
        for i in range(lows.shape[0]):
            if lows[i] >= highs[i]:
                continue
            middle = (lows[i] + highs[i]) // 2
            # As `compare_window`. Called, it would count references to its arrays each time, which takes as
            # long as the comparison and keeps the fetches from overlapping: a quarter more time.
            ahead = packed_item(pointers, pointer_bits, middle) - starts[i]
            end = min(stops[i], length - ahead)
            order, j = 0, starts[i]
            while order == 0 and j < end:
                symbol = packed_item(units, bits, ahead + j)
                order = int(symbol > ids[j]) - int(symbol < ids[j])
                j += 1
            n_bad += order == 0 and j < stops[i]
            if order <= below:
                lows[i] = middle + 1
            else:
                highs[i] = middle
            n_open += 1
    return DAMAGED if n_bad > 0 else DONE


@kernel
def count_range(first, stop, occurrences):  # i8, i8
    """Number of occurrences of the windows ``first:stop``; DAMAGED."""
    if first == stop:
        return np.int64(0)
    place = place_of(first, occurrences)
    if place == DAMAGED:
        return place
    if stop - first < 256:
        end = place_after(place, stop - first, occurrences)
    else:
        end = place_of(stop, occurrences)
    return end - place if end > place else np.int64(DAMAGED)


@kernel
def sort_keys(ids, offsets, id_bits, out):  # u4[], i8[n + 1], i8, u8[n]
    """Write the first ids of every n-gram as one number, so that sorting these brings like ones together."""
    for row in range(out.shape[0]):
        key = np.uint64(0)
        n = min(offsets[row + 1] - offsets[row], 64 // id_bits)
        for i in range(n):
            key |= np.uint64(ids[offsets[row] + i]) << np.uint64(64 - (i + 1) * id_bits)
        out[row] = key


@kernel
def find_repeated(ids, offsets, rows, firsts):  # u4[], i8[n + 1], i8[m], i8[m]
    """Write for each of some rows the first one of equal rows in turn."""
    for i in range(rows.shape[0]):
        start, stop = offsets[rows[i]], offsets[rows[i] + 1]
        before = firsts[i - 1] if i > 0 else rows[0]
        is_same = i > 0 and offsets[before + 1] - offsets[before] == stop - start
        j = 0
        while is_same and j < stop - start:
            is_same = ids[start + j] == ids[offsets[before] + j]
            j += 1
        firsts[i] = before if is_same else rows[i]


@kernel
def find_words(ids, offsets, rows, out, tables):  # u4[], i8[n + 1], i8[m], (i8[n], i8[n], i8[n])
    """Write first window, stop window and count of some rows, which are not empty; return DONE or DAMAGED."""
    firsts, stops, counts = out
    text, windows, keys, occurrences = tables
    group = np.empty((5, GROUP), np.int64)
    for at in range(0, rows.shape[0], GROUP):
        n = min(GROUP, rows.shape[0] - at)
        starts, ends, lows, highs, stop_highs = group[0, :n], group[1, :n], group[2, :n], group[3, :n], group[4, :n]
        for i in range(n):
            row = rows[at + i]
            starts[i], ends[i] = offsets[row], offsets[row + 1]
            lows[i], highs[i], stops[row], stop_highs[i] = narrow(ids, starts[i], ends[i], windows, keys)
            if stop_highs[i] == DAMAGED:
                return DAMAGED
        if bisect_together((lows, highs), -1, ids, (starts, ends), text, windows) == DAMAGED:
            return DAMAGED
        for i in range(n):
            row = rows[at + i]
            firsts[row] = lows[i]
            lows[i], highs[i] = max(lows[i], stops[row]), stop_highs[i]
        if bisect_together((lows, highs), 0, ids, (starts, ends), text, windows) == DAMAGED:
            return DAMAGED
        for i in range(n):
            row = rows[at + i]
            stops[row] = lows[i]
            counts[row] = count_range(firsts[row], stops[row], occurrences)
            if counts[row] == DAMAGED:
                return DAMAGED
    return DONE


@kernel
def weakest_splits(ids, offsets, rows, counts, out, tables):  # u4[], i8[n + 1], i8[m], i8[n], f8[m]
    """Write the PMI of the weakest binary split of some rows that occur; return DONE or DAMAGED."""
    text, windows, keys, occurrences = tables
    n_tokens = occurrences[3]
    for i in range(rows.shape[0]):
        start, stop = offsets[rows[i]], offsets[rows[i] + 1]
        largest = 0.0
        for middle in range(start + 1, stop):
            first, last = find_range(ids, start, middle, text, windows, keys)
            if last == DAMAGED:
                return DAMAGED
            prefix_count = count_range(first, last, occurrences)
            first, last = find_range(ids, middle, stop, text, windows, keys)
            if last == DAMAGED:
                return DAMAGED
            suffix_count = count_range(first, last, occurrences)
            if prefix_count <= 0 or suffix_count <= 0:
                return DAMAGED
            largest = max(largest, float(prefix_count) * float(suffix_count))
        # min over xy of ln(N c(w) / (c(x) c(y)))
        out[i] = math.log(float(n_tokens) * float(counts[rows[i]]) / largest) if stop - start > 1 else 0.0
    return DONE


@kernel
def find_places(windows, occurrences, places):  # i8[n], …, i8[n]
    """Write the number of the first occurrence of every window among all occurrences; return DONE or DAMAGED."""
    for i in range(windows.shape[0]):
        places[i] = place_of(windows[i], occurrences)
        if places[i] == DAMAGED:
            return DAMAGED
    return DONE


@kernel
def read_symbols(window, symbols, text, windows):  # i8, i8[order]
    """Write the first symbols of a window; return 1 if all are units, else 0, or DAMAGED."""
    units, bits, length = text
    pointer = packed_item(windows[0], windows[1], window)
    for i in range(symbols.shape[0]):
        if pointer + i >= length:
            return DAMAGED
        symbols[i] = packed_item(units, bits, pointer + i)
        if symbols[i] < N_BOUNDARIES:
            return 0
    return 1


@kernel
def scan_windows(bounds, order, found, tables):  # (i8, i8), i8, (i8[n], i8[n])
    """Write (window, its place) wherever the first ``order`` symbols change within ``bounds``.

    Windows with a boundary among these symbols count as all alike and are written as -1 - window. Returns how
    many, or DAMAGED.
    """
    text, windows, (every_64th, id_bits, n_symbols), occurrences = tables
    before, current = np.empty(order, np.int64), np.empty(order, np.int64)
    window, n = bounds[0], 0
    was_units = read_symbols(window - 1, before, text, windows) if window > 0 else -1
    place = place_of(window, occurrences)
    drop = np.uint64(max(0, 64 - order * id_bits))
    while window < bounds[1]:
        is_units = read_symbols(window, current, text, windows)
        if is_units == DAMAGED or was_units == DAMAGED or place < 0:
            return DAMAGED
        is_new = is_units != was_units
        for i in range(order):
            is_new = is_new or (is_units == 1 and current[i] != before[i])
        if is_new:
            found[0][n] = window if is_units == 1 else -1 - window
            found[1][n] = place
            n += 1
            before[:] = current
        was_units = is_units
        j, step = window >> 6, 1
        # Where two keys agree, so do all windows between.
        if window & 63 == 0 and order <= n_symbols and window + 64 < bounds[1]:
            if every_64th[j] >> drop == every_64th[j + 1] >> drop:
                step = 64
        place = place_after(place, step, occurrences)
        window += step
    return n


@kernel
def read_ngrams(chosen, ids, text, windows):  # i8[m], u4[m, order]
    """Write the first units of every chosen window; return DONE or DAMAGED."""
    symbols = np.empty(ids.shape[1], np.int64)
    for row in range(chosen.shape[0]):
        if read_symbols(chosen[row], symbols, text, windows) != 1:
            return DAMAGED
        for i in range(ids.shape[1]):
            ids[row, i] = symbols[i]
    return DONE
