"""Whether the sections of a store of n-grams say the same; the tables are those of _lookup_kernels.

Every kernel returns DONE or the place of the first contradiction.
"""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

DONE = -1
CLOSING, OPENING = 1, 2
ONE, WORD = np.uint64(1), np.uint64(64)
PREVIOUS, N_SPANS, N_UNITS, N_STATE = 0, 1, 2, 3  # columns of the state of `check_text`


@kernel
def packed_item(words, bits, i):  # u8[], i8 (at most 63), i8
    """Value ``i`` of a packed array. A value within one word needs no word behind it."""
    at = np.int64(i) * bits
    word, shift = at >> 6, at & 63
    value = words[word] >> np.uint64(shift)
    if shift + bits > 64:
        value |= words[word + 1] << (WORD - np.uint64(shift))
    return np.int64(value & ((ONE << np.uint64(bits)) - ONE))


@kernel
def check_units(texts, offsets, bits, n_units, max_bytes):  # u1[], u8[], i8, i8, i8
    """Units are not empty, begin with the first byte of a character, and each is greater than the one before."""
    before, start = np.int64(0), np.int64(0)
    for rank in range(n_units):
        stop = packed_item(offsets, bits, rank + 1)
        if stop <= start or stop - start > max_bytes or stop > texts.shape[0] or texts[start] & 0xC0 == 0x80:
            return rank
        i = 0
        while before + i < start and start + i < stop and texts[before + i] == texts[start + i]:
            i += 1
        if rank > 0 and before + i < start and (start + i == stop or texts[before + i] > texts[start + i]):
            return rank
        before, start = start, stop
    return DONE


@kernel
def spans_are_ordered(first, second, text):  # i8, i8
    """Whether the span at ``first`` may stand before the one at ``second``: units, closing flag, opening flag."""
    units, bits, _ = text
    i = 0
    while True:
        a, b = packed_item(units, bits, first + i), packed_item(units, bits, second + i)
        if a < N_BOUNDARIES:
            a &= CLOSING
        if b < N_BOUNDARIES:
            b &= CLOSING
        if a != b:
            return a < b
        if a < N_BOUNDARIES:
            break
        i += 1
    return packed_item(units, bits, first - 1) & OPENING <= packed_item(units, bits, second - 1) & OPENING


@kernel
def check_text(start, stop, text, max_span, counts, state):  # i8, i8, …, i8, i8[n_units], i8[N_STATE]
    """Spans are in order with one boundary between, and not too long; counts the units. Ends are checked before."""
    units, bits, length = text
    for i in range(start, stop):
        unit = packed_item(units, bits, i)
        if unit >= N_BOUNDARIES:
            if unit >= N_BOUNDARIES + counts.shape[0]:
                return i
            counts[unit - N_BOUNDARIES] += 1
            state[N_UNITS] += 1
            continue
        begin = i + 1
        if begin == length:
            break
        if packed_item(units, bits, begin) < N_BOUNDARIES or i - state[PREVIOUS] > max_span:
            return i
        if state[PREVIOUS] > 0 and not spans_are_ordered(state[PREVIOUS], begin, text):
            return begin
        state[PREVIOUS] = begin
        state[N_SPANS] += 1
    return DONE


@kernel
def read_window(window, text, windows, symbols):  # i8, …, i8[max_order + 2]
    """Write symbols and left neighbour of a window; return whether it stands at a unit."""
    units, bits, length = text
    pointer = packed_item(windows[0], windows[1], window)
    if pointer < 1 or pointer >= length - 1 or packed_item(units, bits, pointer) < N_BOUNDARIES:
        return False
    last = symbols.shape[0] - 1
    symbols[:] = 0
    for i in range(last):
        symbols[i] = packed_item(units, bits, pointer + i)
        if symbols[i] < N_BOUNDARIES:
            symbols[i] &= CLOSING
            break
    left = packed_item(units, bits, pointer - 1)
    symbols[last] = left if left >= N_BOUNDARIES else left & OPENING
    return True


@kernel
def check_windows(start, stop, text, windows, keys, max_order):  # i8, i8, …, i8
    """Windows are in order, keys are theirs, and first windows are the first of their units."""
    every_64th, id_bits, n_symbols = keys
    before, current = np.zeros(max_order + 2, np.int64), np.zeros(max_order + 2, np.int64)
    if start > 0 and not read_window(start - 1, text, windows, before):
        return start - 1
    for window in range(start, stop):
        if not read_window(window, text, windows, current):
            return window
        i = 0
        while i < current.shape[0] - 1 and current[i] == before[i]:
            i += 1
        if current[i] <= before[i] and window > 0:
            return window
        rank = current[0] - N_BOUNDARIES
        if window == 0 or before[0] != current[0]:
            if packed_item(windows[3], windows[4], rank) != window:
                return window
        if window & 63 == 0:
            key = np.uint64(0)
            for j in range(n_symbols):
                key |= np.uint64(current[j]) << np.uint64(64 - (j + 1) * id_bits)
            if every_64th[window >> 6] != key:
                return window
        before[:] = current
    return DONE


@kernel
def check_occurrences(start, stop, occurrences, windows, counts, state):
    # i8, i8 (words), …, …, i8[n_units], i8[3]
    """Samples are where they say, and every unit has as many occurrences as in the text.

    ``state``: 1s so far, unit that is being counted, where its occurrences begin.
    """
    bits, samples, sample_bits, n_tokens, n_windows = occurrences
    for i in range(start, stop):
        word = bits[i]
        for j in range(64):
            if word >> np.uint64(j) == 0:
                break
            if (word >> np.uint64(j)) & ONE == 0:
                continue
            place, window = i << 6 | j, state[0]
            if place >= n_tokens or window >= n_windows:
                return place
            if window & 255 == 0 and packed_item(samples, sample_bits, window >> 8) != place:
                return place
            if window == packed_item(windows[3], windows[4], state[1] + 1):
                if place - state[2] != counts[state[1]]:
                    return place
                state[1] += 1
                state[2] = place
            state[0] += 1
    return DONE
