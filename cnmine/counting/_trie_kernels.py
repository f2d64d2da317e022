"""Walk the table of n-grams as a trie: spell rows, link suffixes."""

from cnmine._jit import kernel


@kernel
def spell_rows(rows, orders, parents, last_units, units):  # i8[m], u1[n], i4[n], u2[n], u2[m, max_order]
    """Write the unit ids of every row of ``rows``."""
    for i in range(rows.shape[0]):
        row = rows[i]
        for j in range(orders[row] - 1, -1, -1):
            units[i, j] = last_units[row]
            row = parents[row]


@kernel
def link_suffixes(start, stop, parents, last_units, offsets, suffixes):  # i8, i8, i4[n], u2[n], i8[n + 1], i4[n]
    """Write the suffix rows of the rows ``start:stop`` of one order; lower orders are done already."""
    for row in range(start, stop):
        unit = last_units[row]
        grandparent = suffixes[parents[row]]
        if grandparent < 0:
            low, high = 0, offsets[0]  # suffix of a bigram: a row of order 1
        else:
            low, high = offsets[grandparent], offsets[grandparent + 1]
        while low < high:
            middle = (low + high) // 2
            if last_units[middle] < unit:
                low = middle + 1
            else:
                high = middle
        suffixes[row] = low


@kernel
def number_rows(units, shard_of_unit, bases, deepest, rows):  # u2[n], u1[65536], i8[s, 8], u4[n], i4[n]
    """Turn (order << 29 | row within shard and order) into rows of the whole table, -1 where there is none."""
    for i in range(units.shape[0]):
        shard = shard_of_unit[units[i]]
        if shard == 255:
            rows[i] = -1
        else:
            rows[i] = bases[shard, deepest[i] >> 29] + (deepest[i] & 0x1FFFFFFF)
