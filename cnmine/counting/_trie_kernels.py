"""Walk the table of n-grams as a trie: spell rows, link suffixes, find the words of a dictionary."""

from cnmine._jit import kernel


@kernel
def spell_rows(rows, orders, parents, last_units, units):  # i8[m], u1[m], i4[n], u2[n], u2[m, max_order]
    """Write the unit ids of every row of ``rows``."""
    for i in range(rows.shape[0]):
        row = rows[i]
        for j in range(orders[i] - 1, -1, -1):
            units[i, j] = last_units[row]
            row = parents[row]


@kernel
def child_of(row, unit, last_units, child_offsets):  # i8, u2, u2[n], i8[n + 1]
    """The row of the n-gram of ``row`` extended by ``unit``, -1 if there is none; ``row`` -1 is the empty n-gram."""
    if row < 0:
        low, high = 0, child_offsets[0]
    else:
        low, high = child_offsets[row], child_offsets[row + 1]
    stop = high
    while low < high:
        middle = (low + high) // 2
        if last_units[middle] < unit:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and last_units[low] == unit else -1


@kernel
def link_suffixes(start, stop, parents, last_units, offsets, suffixes):  # i8, i8, i4[n], u2[n], i8[n + 1], i4[n]
    """Write the suffix rows of the rows ``start:stop`` of one order; lower orders are done already."""
    for row in range(start, stop):
        suffixes[row] = child_of(suffixes[parents[row]], last_units[row], last_units, offsets)


@kernel
def mark_words(units, is_boundary, line_ends, trie, is_known):  # u2[n + 1], b1[n], 2 b1[n], (u2[m], i8[m + 1]), b1[m]
    """Mark the row of every line that is one span of units and stands in the table.

    ``line_ends`` tells of every boundary whether it begins, and whether it ends, with a line end.
    """
    last_units, child_offsets = trie
    closes, opens = line_ends
    row = -1
    is_whole = True
    for i in range(is_boundary.shape[0]):
        if is_boundary[i]:
            if closes[i] and is_whole and row >= 0:
                is_known[row] = True
            row = -1
            is_whole = opens[i]
        elif is_whole:
            row = child_of(row, units[i], last_units, child_offsets)
            is_whole = row >= 0
    if is_whole and row >= 0:
        is_known[row] = True
