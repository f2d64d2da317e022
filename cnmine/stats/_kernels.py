"""Walk the prefixes and suffixes of every n-gram of a table."""

import math

import numpy as np

from cnmine._jit import kernel


@kernel
def min_split_pmi(rows, orders, table, n_tokens, out):  # i8[m], u1[m], (i4[n], i4[n], i8[n]), f8, f8[m]
    """Write the PMI of the weakest binary split of some rows, 0 for those of order 1.

    ``table`` is (parents, suffixes, counts).
    """
    parents, suffixes, counts = table
    prefix_counts = np.empty(256, np.float64)
    for i in range(rows.shape[0]):
        order = np.int64(orders[i])
        prefix = rows[i]
        for length in range(order - 1, 0, -1):
            prefix = parents[prefix]
            prefix_counts[length] = counts[prefix]
        suffix = rows[i]
        largest = 0.0
        for length in range(1, order):  # of the prefix that the suffix leaves
            suffix = suffixes[suffix]
            largest = max(largest, prefix_counts[length] * counts[suffix])
        # min over xy of ln(N c(w) / (c(x) c(y)))
        out[i] = math.log(n_tokens * counts[rows[i]] / largest) if order > 1 else 0.0
