"""Find ranges of spans in sorted runs, plain or packed, and translate them into merged ids."""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

ONE, SIX, LAST_BIT, WORD_BITS = np.uint64(1), np.uint64(6), np.uint64(63), np.uint64(64)
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def packed_item(source, bits, i):  # u2[n], u4[n] or u8[w], i8, i8
    """Value ``i`` of a plain array (``bits`` 0) or of a stream of words, see cnmine.store."""
    if bits == 0:
        return np.int64(source[i])
    position = np.uint64(i) * np.uint64(bits)
    j = position >> SIX
    shift = position & LAST_BIT
    # source[j + 1] << (64 - shift); by 64 it would not be defined
    value = (np.uint64(source[j]) >> shift) | ((np.uint64(source[j + ONE]) << ONE) << (LAST_BIT - shift))
    return np.int64(value & (ALL_BITS >> (WORD_BITS - np.uint64(bits))))


@kernel
def prefix_symbol(run, i):  # (source, i8, u4[V + 4]), i8
    """Merged id of the unit at ``i`` of a run; 0 for a boundary, and for an id that no unit has."""
    source, bits, id_map = run
    unit = packed_item(source, bits, i)
    return np.int64(id_map[unit]) if N_BOUNDARIES <= unit < id_map.shape[0] else np.int64(0)


@kernel
def boundary_before(run, i, low):  # run, i8, i8
    """The last boundary at ``i`` or in front of it, but not in front of ``low``."""
    while i > low and packed_item(run[0], run[1], i) >= N_BOUNDARIES:
        i -= 1
    return i


@kernel
def compare_prefix(run, i, splitter):  # run, i8, u4[p] with zeros behind the end of its span
    """-1, 0 or 1 as the span behind boundary ``i`` is below, equal, above in its first p units."""
    for d in range(splitter.shape[0]):
        symbol = prefix_symbol(run, i + 1 + d)
        if symbol != splitter[d]:
            return -1 if symbol < splitter[d] else 1
        if symbol == 0:
            return 0
    return 0


@kernel
def first_span(run, low, high, splitter, limit):  # run, i8, i8, u4[p], i8
    """The boundary of the first span from ``low`` on that compares as ``limit`` or above; ``high`` if none does."""
    while low < high:
        middle = (low + high) // 2
        boundary = boundary_before(run, middle, low)
        if compare_prefix(run, boundary, splitter) >= limit:
            high = boundary
        else:
            low = middle + 1
            while low < high and packed_item(run[0], run[1], low) >= N_BOUNDARIES:
                low += 1
    return low


@kernel
def write_prefixes(run, low, places, prefixes):  # run, i8, i8[m] ascending, u4[m, p]
    """Write the first units of the spans that reach over ``places``, zeros behind their ends."""
    for j in range(places.shape[0]):
        boundary = boundary_before(run, places[j], low)
        if j > 0 and boundary == low and packed_item(run[0], run[1], low) >= N_BOUNDARIES:
            prefixes[j] = prefixes[j - 1]  # a long span that reaches over both places
        else:
            is_open = True
            for d in range(prefixes.shape[1]):
                symbol = prefix_symbol(run, boundary + 1 + d) if is_open else np.int64(0)
                is_open = symbol > 0
                prefixes[j, d] = symbol
        low = places[j]


@kernel
def translate_text(run, start, out):  # run, i8, u2[n] or u4[n]
    """Write the ids of a run from ``start`` on in merged ids; return the place of one that no unit has, or -1."""
    source, bits, id_map = run
    for j in range(out.shape[0]):
        unit = packed_item(source, bits, start + j)
        if unit >= id_map.shape[0]:
            return start + j
        out[j] = id_map[unit]
    return -1
