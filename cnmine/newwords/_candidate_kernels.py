"""Mark rows of the table: candidates by the kinds of their units, words of a dictionary by walking the trie."""

from cnmine._jit import kernel

HAS_NUMBER = 1
HAS_NO_HAN = 2
HAS_HAN = 3


@kernel
def mark_candidates(parents, last_units, is_number, is_han, keeps):  # i4[n], u2[n], b1[v], b1[v], u1[n]
    """Write for every row what its units are: any bare number; else any Han character; else neither."""
    for row in range(parents.shape[0]):
        unit = last_units[row]
        kind = HAS_NUMBER if is_number[unit] else HAS_HAN if is_han[unit] else HAS_NO_HAN
        if parents[row] >= 0 and kind != HAS_NUMBER:
            above = keeps[parents[row]]
            if above == HAS_NUMBER or kind == HAS_NO_HAN:
                kind = above
        keeps[row] = kind


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
