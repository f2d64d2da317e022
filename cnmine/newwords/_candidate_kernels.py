"""Mark the rows of the table that may be words, by the kinds of their units."""

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
