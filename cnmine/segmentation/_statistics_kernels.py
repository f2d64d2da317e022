"""Statistics of n-grams → columns of features, one row of the table after another."""

import numpy as np

from cnmine._jit import kernel

# Columns of the statistics.
LC, HL, HR, AL, AR, BL, BR, XL, XR, LMF, LMB, CF, CB, COH, EL, ER = range(16)
N_STATISTICS = 16
# Columns of what a reading tells: cuts 0 … 6 of the n-gram, then whether it is a word.
WORD = 7
CONTEXT_ORDER = 3
DISCOUNT = 0.75


@kernel
def chain_probabilities(table, varieties, n_roots, total, stats):  # (i4[n], i4[n], i8[n]), (u4[n], u4[n]), i8, f8, f4
    """Write the probability of the last unit given the others, of the first given the others, and both chains.

    Interpolated absolute discounting; lower orders by plain counts.
    """
    parents, suffixes, counts = table
    left, right = varieties
    for r in range(parents.shape[0]):
        if r < n_roots:
            p = np.log(counts[r] / total)
            stats[r, CF] = stats[r, CB] = stats[r, LMF] = stats[r, LMB] = p
            continue
        p, s = parents[r], suffixes[r]
        reduced = counts[r] - DISCOUNT
        stats[r, CF] = np.log(reduced / counts[p] + DISCOUNT * right[p] / counts[p] * np.exp(np.float64(stats[s, CF])))
        stats[r, CB] = np.log(reduced / counts[s] + DISCOUNT * left[s] / counts[s] * np.exp(np.float64(stats[p, CB])))
        stats[r, LMF] = stats[p, LMF] + stats[r, CF]
        stats[r, LMB] = stats[s, LMB] + stats[r, CB]


@kernel
def log_odds(reading, row, column):  # (f4[n, 8], f4[n], f4), i8, i8
    """Log odds of one of the means of a reading."""
    sums, seen, _ = reading
    p = (sums[row, column] + np.float32(0.5)) / (seen[row] + np.float32(1.0))
    return np.log(p / (np.float32(1.0) - p))


@kernel
def context_features(rows, is_left, table, stats, reading, out):  # (i8, i8), b1, table, f4[n, 16], reading, f4[m, k]
    """Features of n-grams as what stands left, or right, of a gap."""
    orders, parents, suffixes, log_total = table
    shorter = suffixes if is_left else parents
    entropy, edge, share, rise = (HR, BR, XR, AR) if is_left else (HL, BL, XL, AL)
    for x in range(rows[1] - rows[0]):
        r = np.int64(rows[0] + x)
        out[x, orders[r] - 1] = 1
        while r >= 0:
            n = np.int64(orders[r])
            j = CONTEXT_ORDER + (n - 1) * 5
            out[x, j] = stats[r, entropy]
            out[x, j + 1] = stats[r, edge]
            out[x, j + 2] = stats[r, share]
            out[x, j + 3] = stats[r, LC]
            out[x, j + 4] = stats[r, rise]
            if out.shape[1] > 19:
                out[x, 18 + n] = log_odds(reading, r, n if is_left else 0)
            r = np.int64(shorter[r])
        out[x, 18] = log_total - np.float32(14)


@kernel
def pair_features(rows, table, stats, reading, out):  # (i8, i8), table, f4[n, 16], reading, f4[m, k]
    """Features of pairs of units that stand on both sides of a gap."""
    _, parents, suffixes, log_total = table
    for x in range(rows[1] - rows[0]):
        r = rows[0] + x
        a, b = parents[r], suffixes[r]
        out[x, 0] = stats[r, LC] - stats[a, LC] - stats[b, LC] + log_total
        out[x, 1] = stats[r, LC]
        out[x, 2] = stats[a, LC] - log_total
        out[x, 3] = stats[b, LC] - log_total
        out[x, 4], out[x, 5] = stats[r, CF], stats[r, CB]
        out[x, 6], out[x, 7] = stats[a, HR], stats[b, HL]
        out[x, 8], out[x, 9] = stats[a, BR], stats[b, BL]
        out[x, 10], out[x, 11] = stats[a, BL], stats[b, BR]
        out[x, 12], out[x, 13] = stats[r, HL], stats[r, HR]
        out[x, 14] = log_total - np.float32(14)
        if out.shape[1] > 15:
            out[x, 15] = log_odds(reading, r, 1)
            out[x, 16] = log_odds(reading, r, 0)
            out[x, 17] = log_odds(reading, r, 2)
            out[x, 18] = log_odds(reading, a, 1)
            out[x, 19] = log_odds(reading, b, 0)


@kernel
def word_features(rows, table, ends, stats, reading, out):  # (i8, i8), table, (i4[n], i4[n]), f4[n, 16], reading, f4
    """Features of n-grams as words."""
    orders, parents, suffixes, log_total = table
    firsts, lasts = ends
    for x in range(rows[1] - rows[0]):
        r = rows[0] + x
        n = np.int64(orders[r])
        row, f = stats[r], out[x]
        f[n - 1] = 1
        f[6], f[7] = row[LC], row[LC] - log_total
        f[8], f[9], f[10] = row[HL], row[HR], min(row[HL], row[HR])
        f[11], f[12], f[13], f[14], f[15], f[16] = row[EL], row[ER], row[AL], row[AR], row[BL], row[BR]
        f[17], f[18], f[19] = row[XL], row[XR], max(row[XL], row[XR])
        f[20], f[21], f[22] = row[COH], row[LMF] / np.float32(n), row[LMB] / np.float32(n)
        f[23], f[24] = row[LMF] + row[LMB], abs(row[LMF] - row[LMB])
        f[25], f[26] = row[CF], row[CB]
        if n > 1:
            p, s, a, b = parents[r], suffixes[r], firsts[r], lasts[r]
            f[27], f[28], f[29], f[30] = stats[p, HR], stats[s, HL], stats[p, BR], stats[s, BL]
            f[31], f[32], f[33] = stats[a, BL], stats[b, BR], stats[a, LC] - log_total
        if out.shape[1] > 34:
            add_word_reading((r, n, firsts[r], lasts[r]), reading, f)


@kernel
def add_word_reading(place, reading, f):  # (row, order, first, last), reading, f4[41]
    """What a reading tells of an n-gram as a word."""
    r, n, a, b = place
    sums, seen, log_seen = reading
    half = np.float32(0.5)
    f[34] = log_odds(reading, r, WORD)
    f[35] = log_odds(reading, r, 0)
    f[36] = log_odds(reading, r, n)
    if n > 1:
        inside = 1
        for cut in range(2, n):
            if sums[r, cut] > sums[r, inside]:
                inside = cut
        f[37] = log_odds(reading, r, inside)
        f[38] = np.log((sums[a, WORD] + half) / max(seen[a], np.float32(1)))
        f[39] = np.log((sums[b, WORD] + half) / max(seen[b], np.float32(1)))
    f[40] = np.log(sums[r, WORD] + half) - log_seen


@kernel
def first_and_last(parents, suffixes, firsts, lasts):  # i4[n], i4[n], i4[n], i4[n]
    """Write the rows of the first and of the last unit of every n-gram."""
    for r in range(parents.shape[0]):
        firsts[r] = r if parents[r] < 0 else firsts[parents[r]]
        lasts[r] = r if suffixes[r] < 0 else lasts[suffixes[r]]


@kernel
def evaluate(
    features, scale, hidden, linear, out
):  # f4[m, k], (f4[k], f4[k]), (f4[k, h], f4[h], f4[h]), (f4[k], f4), f4
    """Add up a net of one hidden layer of rectified units and a linear one, for every row of features."""
    means, deviations = scale
    weights, biases, factors = hidden
    slopes, constant = linear
    layer = np.empty(biases.shape[0], np.float32)
    for r in range(features.shape[0]):
        for j in range(layer.shape[0]):
            layer[j] = biases[j]
        value = constant
        for i in range(features.shape[1]):
            x = (features[r, i] - means[i]) / deviations[i]
            x = min(max(x, np.float32(-4)), np.float32(4))
            value += x * slopes[i]
            for j in range(layer.shape[0]):
                layer[j] += x * weights[i, j]
        for j in range(layer.shape[0]):
            value += max(layer[j], np.float32(0)) * factors[j]
        out[r] = value
