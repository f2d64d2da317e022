"""Walk the prefixes and suffixes of every n-gram of a table."""

import math

import numpy as np

from cnmine._jit import kernel


@kernel
def min_split_pmi(rows, order, table, n_tokens, out):  # (i8, i8), i8, (i4[n], i4[n], i8[n]), f8, f8[n]
    """Write the PMI of the weakest binary split of the rows ``start, stop = rows`` of one order.

    ``table`` is (parents, suffixes, counts).
    """
    parents, suffixes, counts = table
    prefix_counts = np.empty(order, np.float64)
    for row in range(rows[0], rows[1]):
        prefix = row
        for length in range(order - 1, 0, -1):
            prefix = parents[prefix]
            prefix_counts[length] = counts[prefix]
        suffix = row
        largest = 0.0
        for length in range(1, order):  # of the prefix that the suffix leaves
            suffix = suffixes[suffix]
            largest = max(largest, prefix_counts[length] * counts[suffix])
        # min over xy of ln(N c(w) / (c(x) c(y)))
        out[row] = math.log(n_tokens * counts[row] / largest)
