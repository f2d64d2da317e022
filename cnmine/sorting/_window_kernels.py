"""Sort the windows of a text: keys of several symbols at once, and what the sorted keys tell.

The symbols of a window are numbered 0 … max_order + 1 in the order in which they are compared: its units
up to the first boundary or the last one of ``max_order + 1``, then what stands to the left, then zeros.
That is the order (units, zeros after the boundary, left), because zeros after a boundary decide nothing.
"""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

CLOSING, OPENING = 1, 2  # the flags of a boundary that are seen from the span in front of it, and behind it
WITHIN, AT_LEFT, BEYOND = 0, 1, 2  # which part of the window comes next
INDEX_BITS = np.uint64(16)  # of a member of a block
INDEX_MASK = np.uint64(0xFFFF)
AHEAD = 256  # windows that are fetched before the first of them is read
ONE = np.uint64(1)
WORD_BITS = 64


@kernel
def count_units(text, start, stop, step, counts):  # u2[n] or u4[n], i8, i8, i8, i8[m]
    """Count the units and boundaries at ``range(start, stop, step)``."""
    for i in range(start, stop, step):
        counts[text[i]] += 1


@kernel
def scatter_keys(text, stretch, plan, shard_of_unit, cursors, keys):  # u2[n], 4 i8, 4 u8[s], u2[m], i8[s], u8[k]
    """Write the keys of the windows at ``range(start, stop, step)`` where the cursors of their shards stand.

    The key is (first unit, second symbol where there is room, position). A cursor that does not advance is that of
    the units that are left out: cheaper than a branch that no processor foresees.
    """
    start, stop, step, position_bits = stretch
    firsts, shifts, second_masks, advances = plan
    bits = np.uint64(position_bits)
    last = text.shape[0] - 1
    for i in range(start, stop, step):
        unit = text[i]
        shard = shard_of_unit[unit]
        second = np.int64(text[min(i + 1, last)])
        second &= -np.int64(second >= N_BOUNDARIES) | CLOSING
        head = (np.uint64(unit) - firsts[shard]) << shifts[shard]
        cursor = cursors[shard]
        keys[cursor] = head | ((np.uint64(second) & second_masks[shard]) << bits) | np.uint64(i)
        cursors[shard] = cursor + np.int64(advances[shard])


@kernel
def window_symbol(text, position, place, max_order):  # u2[n] or u4[n], i8, i8, i8
    """Symbol number ``place`` of the window at ``position``."""
    left_place = max_order + 1
    for k in range(1, min(place, left_place)):
        if text[position + k] < N_BOUNDARIES:
            left_place = k + 1
            break
    if place > left_place:
        return 0
    if place == left_place:
        unit = np.int64(text[position - 1])
        return unit if unit >= N_BOUNDARIES else unit & OPENING
    unit = np.int64(text[position + place])
    return unit if unit >= N_BOUNDARIES else unit & CLOSING


@kernel
def continues(text, position, prefix, max_order):  # u2[n] or u4[n], i8, i8[p], i8
    """The symbol behind ``prefix`` in the window at ``position``, -1 if it does not begin with it."""
    for place in range(prefix.shape[0]):
        if window_symbol(text, position, place, max_order) != prefix[place]:
            return -1
    return window_symbol(text, position, prefix.shape[0], max_order)


@kernel
def count_symbols(text, stretch, prefix, max_order, counts):  # u2[n] or u4[n], 3 i8, i8[p], i8, i8[m]
    """Count the symbols behind ``prefix`` in the windows at ``range(*stretch)``; return the first position, or -1."""
    start, stop, step = stretch
    first = -1
    for i in range(start, stop, step):
        if text[i] == prefix[0]:
            symbol = continues(text, i, prefix, max_order)
            if symbol >= 0:
                counts[symbol] += 1
                if first < 0:
                    first = i
    return first


@kernel
def collect_positions(text, stretch, prefix, symbols, max_order, positions):  # …, 3 i8, i8[p], 2 i8, i8, u8[k]
    """Write the positions of the windows with ``prefix`` and a symbol in ``symbols`` behind it; return how many."""
    start, stop, step = stretch
    lowest, limit = symbols
    n = 0
    for i in range(start, stop, step):
        if text[i] == prefix[0]:
            symbol = continues(text, i, prefix, max_order)
            if lowest <= symbol < limit:
                positions[n] = i
                n += 1
    return n


@kernel
def fetch_words(text, keys, slots, shape, words):  # u2[n] or u4[n], u8[k], u2[s], 5 i8, u8[k, n_words]
    """Write all symbols from ``depth`` on of the windows in some slots, several to a word.

    Returns a number without meaning: a loop whose result nobody gets would be left out.
    """
    depth, max_order, id_bits, per_word, position_bits = shape
    mask = (ONE << np.uint64(position_bits)) - ONE
    shift = np.uint64(id_bits)
    last = text.shape[0] - 1
    touched = 0
    for start in range(0, slots.shape[0], AHEAD):
        stop = min(start + AHEAD, slots.shape[0])
        # Misses of the cache overlap in a loop that does nothing else.
        for j in range(start, stop):
            position = np.int64(keys[slots[j]] & mask)
            touched += np.int64(text[position - 1]) + np.int64(text[min(position + max_order, last)])
        for j in range(start, stop):
            slot = slots[j]
            position = np.int64(keys[slot] & mask)
            left = np.int64(text[position - 1])
            left &= -np.int64(left >= N_BOUNDARIES) | OPENING
            # -1 until a boundary was met, then 0; arithmetic, because a branch here is one that no processor foresees.
            within = np.int64(-1)
            for place in range(1, depth):
                left &= within
                within &= -np.int64(text[min(position + place, last)] >= N_BOUNDARIES)
            place = depth
            for q in range(words.shape[1]):
                word = np.uint64(0)
                for _ in range(per_word):
                    unit = np.int64(text[min(position + place, last)])
                    is_unit = -np.int64(unit >= N_BOUNDARIES)
                    within &= -np.int64(place <= max_order)
                    symbol = (unit & (is_unit | CLOSING) & within) | (left & ~within)
                    left &= within
                    within &= is_unit
                    word = (word << shift) | np.uint64(symbol)
                    place += 1
                words[slot, q] = word
    return touched


@kernel
def rewrite_keys(keys, words, position_bits):  # u8[k], u8[k, 1], i8
    """Replace the symbols of keys by other ones of the same windows."""
    bits = np.uint64(position_bits)
    mask = (ONE << bits) - ONE
    for i in range(keys.shape[0]):
        keys[i] = (words[i, 0] << bits) | (keys[i] & mask)


@kernel
def end_of_block(keys, start, limit, position_bits):  # u8[k] sorted, i8, i8, i8
    """Where the groups end that begin at ``start`` and together have ``limit`` members at most, but one group at least.

    A group are the keys with the same symbols.
    """
    bits = np.uint64(position_bits)
    n = keys.shape[0]
    if n - start <= limit:
        return n
    stop = start + limit
    while stop > start and keys[stop] >> bits == keys[stop - 1] >> bits:
        stop -= 1
    if stop > start:
        return stop
    head = keys[start] >> bits
    low, high = start + limit, n
    while low < high:
        middle = (low + high) // 2
        if keys[middle] >> bits == head:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def open_block(keys, position_bits, is_first, order, slots):  # u8[k] sorted, i8, u1[k], u2[k], u2[k]
    """Mark where the groups of a block begin; write the slots of the groups of two or more; return how many.

    A slot is a place in the sorted block; ``order`` tells which key stands in it.
    """
    bits = np.uint64(position_bits)
    n = keys.shape[0]
    n_slots = 0
    is_same = False
    for i in range(n):
        goes_on = i + 1 < n and keys[min(i + 1, n - 1)] >> bits == keys[i] >> bits
        is_first[i] = not is_same
        order[i] = i
        slots[n_slots] = i
        n_slots += is_same | goes_on
        is_same = goes_on
    return n_slots


@kernel
def write_batch(slots, is_first, order, words, group_bits, batch):  # u2[s], u1[k], u2[k], u8[k], i8, u8[s]
    """Write the keys (group, symbols, index in the block) of whole groups; return how many groups' slots had room.

    ``group_bits`` limit the number of groups.
    """
    shift = np.uint64(WORD_BITS - group_bits)
    limit = np.int64(1) << group_bits
    group = -1
    for j in range(slots.shape[0]):
        slot = slots[j]
        group += is_first[slot]
        if group == limit:
            return j
        index = order[slot]
        batch[j] = (np.uint64(group) << shift) | (words[index] << INDEX_BITS) | np.uint64(index)
    return slots.shape[0]


@kernel
def read_batch(batch, slots, is_first, order, kept):  # u8[s] sorted, u2[s], u1[k], u2[k], u2[s]
    """Put the members of a sorted batch into their slots; write the slots of groups of two or more to ``kept``.

    ``kept`` may begin where ``slots`` does. Returns how many are kept.
    """
    n = batch.shape[0]
    n_kept = 0
    is_same = False
    for j in range(n):
        goes_on = j + 1 < n and batch[min(j + 1, n - 1)] >> INDEX_BITS == batch[j] >> INDEX_BITS
        slot = slots[j]
        order[slot] = batch[j] & INDEX_MASK
        is_first[slot] = not is_same
        kept[n_kept] = slot
        n_kept += is_same | goes_on
        is_same = goes_on
    return n_kept


@kernel
def write_windows(keys, is_first, order, position_bits, windows):  # u8[k], u1[k], u2[k], i8, u8[k]
    """Write (number of members, least position) of every group of a block; return how many there are."""
    bits = np.uint64(position_bits)
    mask = (ONE << bits) - ONE
    one = ONE << bits
    window = np.uint64(0)
    n_windows = 0
    for i in range(keys.shape[0]):
        # Equal windows were sorted by their positions all the way.
        window = (keys[order[i]] & mask) | one if is_first[i] else window + one
        n_windows += is_first[i]
        windows[n_windows - 1] = window
    return n_windows


@kernel
def join_equal(keys, position_bits, windows):  # u8[k] sorted, i8, u8[k]
    """Write (number of members, least position) of every group of equal symbols; ``windows`` may begin at ``keys``."""
    bits = np.uint64(position_bits)
    mask = (ONE << bits) - ONE
    one = ONE << bits
    n_windows = -1
    head = np.uint64(0)
    window = np.uint64(0)
    for i in range(keys.shape[0]):
        key = keys[i]
        is_first = i == 0 or key >> bits != head
        head = key >> bits
        window = (key & mask) | one if is_first else window + one
        n_windows += is_first
        windows[n_windows] = window
    return n_windows + 1


@kernel
def unpack_windows(windows, position_bits, pointers, counts):  # u8[w], i8, u4[w] or u8[w], u4[w] or i8[w]
    """Take positions and numbers of members apart."""
    bits = np.uint64(position_bits)
    mask = (ONE << bits) - ONE
    for i in range(windows.shape[0]):
        pointers[i] = windows[i] & mask
        counts[i] = windows[i] >> bits


@kernel
def write_window_keys(text, positions, n_symbols, id_bits, keys):  # u2[n], i8[w], i8, i8, u8[w]
    """Write the first symbols of some windows, the first one highest."""
    for i in range(positions.shape[0]):
        word = np.uint64(0)
        is_within = True
        for k in range(n_symbols):
            symbol = np.uint64(0)
            if is_within:
                unit = np.int64(text[positions[i] + k])
                is_within = unit >= N_BOUNDARIES
                symbol = np.uint64(unit if is_within else unit & CLOSING)
            word |= symbol << np.uint64(WORD_BITS - (k + 1) * id_bits)
        keys[i] = word
