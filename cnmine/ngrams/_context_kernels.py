"""Tally what stands beside n-grams, given as ranges of the sorted windows of a store.

Tables of a store and DAMAGED: see _lookup_kernels.
"""

import math

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

DONE, DAMAGED = -1, -2
# Columns of the neighbour tallies, as in cnmine.counting.
VARIETY, BOUNDARY, QUOTED, TOP = 0, 1, 2, 3
CLOSING, OPENING = 1, 2
ONE, ALL, LAST_BIT = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(63)
PAIRS, QUADS, BYTES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
LOW_BYTE = np.uint64(0xFF)
# Columns of the state of `tally_windows`, which is carried from call to call.
ROW, WINDOW, PLACE, SYMBOL, GROUP, TOUCHED, N_STATE = 0, 1, 2, 3, 4, 5, 6
GATHERED = 128  # windows whose neighbours are fetched together, so that the fetches overlap


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
def gather_counts(place, n, occurrences, counts):  # i8, i8, …, i8[]
    """Write how often each of ``n`` windows occurs, the first of which begins at ``place``; return where they end."""
    bits, _, _, n_tokens, _ = occurrences
    i = place >> 6
    word = bits[i] & (ALL << np.uint64(place & 63))
    word &= word - ONE  # that of the first window itself
    for j in range(n):
        while word == 0:
            i += 1
            if i >= bits.shape[0]:
                break
            word = bits[i]
        # The zeros below the lowest 1 are its place.
        following = i << 6 | count_ones((word - ONE) & ~word) if i < bits.shape[0] else n_tokens
        counts[j] = following - place
        place = following
        if word != 0:
            word &= word - ONE
    return place


@kernel
def gather_neighbours(window, n, order, tables, beside):  # i8, i8, i8, …, (i8[], i8[])
    """Write the symbols before and behind an n-gram in ``n`` windows; return DONE or DAMAGED."""
    (units, bits, length), (pointers, pointer_bits, _, _, _, _) = tables[0], tables[1]
    lefts, rights = beside
    is_bad = False
    for j in range(n):
        pointer = packed_item(pointers, pointer_bits, window + j)
        is_bad |= (pointer < 1) | (pointer + order >= length)
        # Bounds instead of a way out, so that nothing waits for the fetches.
        lefts[j] = min(max(pointer, 1), length) - 1
    # Few steps for each, so that the processor has many fetches under way; then all is near at hand.
    for j in range(n):
        rights[j] = units[lefts[j] * bits >> 6]
    for j in range(n):
        place = lefts[j]
        lefts[j] = packed_item(units, bits, place)
        rights[j] = packed_item(units, bits, min(place + 1 + order, length - 1))
    return DAMAGED if is_bad else DONE


@kernel
def group_rights(symbols, counts, group, out):  # i8[n], i8[n], (i8, i8), (i8[n], i8[n])
    """Add the counts of like symbols in turn; ``group`` is the symbol before and its sum, 0 if there is none.

    Returns how many sums are complete and written, and the last one, which is not.
    """
    units, sums = out
    symbol, total = group
    n = 0
    for i in range(symbols.shape[0]):
        right = symbols[i] if symbols[i] >= N_BOUNDARIES else symbols[i] & CLOSING
        if right != symbol and total > 0:
            units[n], sums[n] = symbol, total
            n += 1
            total = 0
        symbol = right
        total += counts[i]
    return n, symbol, total


@kernel
def add_neighbours(neighbours, sums, row, side, out):  # i8[n], i8[n], i8, i8, (i8[m, 4], f8[m], u4[m, k], i8[m, k])
    """Add the places with each of some neighbours to the tallies of a row and to its most frequent neighbours."""
    tallies, spreads, units, counts = out
    for at in range(neighbours.shape[0]):
        unit, n = neighbours[at], sums[at]
        if unit < N_BOUNDARIES:
            tallies[row, BOUNDARY] += n
            if unit & side:
                tallies[row, QUOTED] += n
            continue
        tallies[row, VARIETY] += 1
        tallies[row, TOP] = max(tallies[row, TOP], n)
        if n > 1:
            spreads[row] += n * math.log(n)
        i = counts.shape[1]
        # Most frequent first, then by unit; right neighbours come in order, left ones do not.
        while i > 0 and (n > counts[row, i - 1] or (n == counts[row, i - 1] and unit < units[row, i - 1])):
            i -= 1
        for j in range(counts.shape[1] - 1, i, -1):
            counts[row, j], units[row, j] = counts[row, j - 1], units[row, j - 1]
        if i < counts.shape[1]:
            counts[row, i], units[row, i] = n, unit


@kernel
def finish_row(row, state, scratch, sides, group):  # i8, i8[N_STATE], (i8[v], u4[v]), …, (i8[g], i8[g])
    """Enter the last right neighbour and all left neighbours of a row; make ready for the next one."""
    beside, touched = scratch
    units, sums = group
    if state[GROUP] > 0:
        units[0], sums[0] = state[SYMBOL], state[GROUP]
        add_neighbours(units[:1], sums[:1], row, CLOSING, sides[1])
    for at in range(0, state[TOUCHED], units.shape[0]):
        n = min(units.shape[0], state[TOUCHED] - at)
        for i in range(n):
            unit = np.int64(touched[at + i])
            units[i], sums[i] = unit, beside[unit]
            beside[unit] = 0
        add_neighbours(units[:n], sums[:n], row, OPENING, sides[0])
    state[ROW] += 1
    state[WINDOW] = -1
    state[GROUP] = state[TOUCHED] = 0


@kernel
def touch_lefts(symbols, counts, n_touched, scratch):  # i8[n], i8[n], i8, (i8[v], u4[v])
    """Add counts to ``beside``, and symbols that were not there to ``touched``; return their number or DAMAGED."""
    beside, touched = scratch
    for i in range(symbols.shape[0]):
        symbol = symbols[i]
        if symbol >= beside.shape[0] or counts[i] <= 0:
            return np.int64(DAMAGED)
        touched[n_touched] = symbol
        n_touched += beside[symbol] == 0
        beside[symbol] += counts[i]
    return n_touched


@kernel
def tally_windows(ranges, budget, state, scratch, sides, tables):
    # (first, stop, place, order: i8[m]), i8, i8[N_STATE], (i8[v], u4[v]), two of `add_neighbours`' out, …
    """Tally the neighbours of rows, at most about ``budget`` windows; goes on at ``state``.

    Returns DONE or DAMAGED; all rows are done when ``state[ROW]`` is their number.
    """
    firsts, stops, places, orders = ranges
    lefts, rights, counts = np.empty(GATHERED, np.int64), np.empty(GATHERED, np.int64), np.empty(GATHERED, np.int64)
    units, sums = np.empty(GATHERED, np.int64), np.empty(GATHERED, np.int64)
    while state[ROW] < firsts.shape[0] and budget > 0:
        row = state[ROW]
        if state[WINDOW] < 0:
            state[WINDOW], state[PLACE] = firsts[row], places[row]
        n = min(stops[row] - state[WINDOW], GATHERED)
        budget -= n + 1
        if gather_neighbours(state[WINDOW], n, orders[row], tables, (lefts, rights)) == DAMAGED:
            return DAMAGED
        state[PLACE] = gather_counts(state[PLACE], n, tables[3], counts)
        state[WINDOW] += n
        state[TOUCHED] = touch_lefts(lefts[:n], counts[:n], state[TOUCHED], scratch)
        if state[TOUCHED] == DAMAGED:
            return DAMAGED
        before = (state[SYMBOL], state[GROUP])
        n, state[SYMBOL], state[GROUP] = group_rights(rights[:n], counts[:n], before, (units, sums))
        add_neighbours(units[:n], sums[:n], row, CLOSING, sides[1])
        if state[WINDOW] == stops[row]:
            finish_row(row, state, scratch, sides, (units, sums))
    return DONE
