"""Scores of words and gaps → the best ways to read a line, and ways drawn by their scores."""

import numpy as np

from cnmine._jit import kernel

LOWEST = -1e30


@kernel
def insert_path(scores, origins, score, length, rank):  # f8[K], i4[K, 2], f8, i8, i8
    """Put a path into a list that falls by score; equals stay behind. Whether there was room."""
    last = scores.shape[0] - 1
    if score <= scores[last]:
        return False
    i = last
    while i > 0 and scores[i - 1] < score:
        scores[i] = scores[i - 1]
        origins[i, 0], origins[i, 1] = origins[i - 1, 0], origins[i - 1, 1]
        i -= 1
    scores[i] = score
    origins[i, 0], origins[i, 1] = length, rank
    return True


@kernel
def find_best(words, gaps, scores, origins, is_start):  # f8[n, L], f8[n], f8[n + 1, K], i4[n + 1, K, 2], u1[K, n]
    """Mark the first units of the words of the best ways to read a line; the number of ways."""
    n, longest = words.shape
    n_best = scores.shape[1]
    scores[:] = LOWEST
    scores[0, 0] = 0.0
    for stop in range(1, n + 1):
        for length in range(min(longest, stop), 0, -1):
            start = stop - length
            word = words[start, length - 1]
            if word <= LOWEST:
                continue
            for rank in range(n_best):
                before = scores[start, rank]
                if before <= LOWEST:
                    break
                if not insert_path(scores[stop], origins[stop], before + gaps[start] + word, length, rank):
                    break
    n_found = 0
    for best in range(n_best):
        if scores[n, best] <= LOWEST:
            break
        k, rank = n, np.int64(best)
        while k > 0:
            length, rank = np.int64(origins[k, rank, 0]), np.int64(origins[k, rank, 1])
            k -= length
            is_start[best, k] = 1
        n_found += 1
    return n_found


@kernel
def draw(words, gaps, alpha, draws, sums, out):  # f8[n, L], f8[n], f8, f8[m, n], f8[n + 1], (f8[m], u1[m, n])
    """Draw ways to read a line with probabilities in proportion to exp(alpha * score); their scores and first units.

    ``sums`` takes the logarithm of the sum over all ways to read what stands before each position.
    """
    n, longest = words.shape
    scores, is_start = out
    sums[0] = 0.0
    for stop in range(1, n + 1):
        top = LOWEST
        for length in range(1, min(longest, stop) + 1):
            if words[stop - length, length - 1] > LOWEST:
                weight = alpha * (gaps[stop - length] + words[stop - length, length - 1])
                top = max(top, sums[stop - length] + weight)
        total = 0.0
        for length in range(1, min(longest, stop) + 1):
            if words[stop - length, length - 1] > LOWEST:
                weight = alpha * (gaps[stop - length] + words[stop - length, length - 1])
                total += np.exp(sums[stop - length] + weight - top)
        sums[stop] = top + np.log(total)
    for i in range(draws.shape[0]):
        scores[i] = 0.0
        stop = n
        while stop > 0:
            left = draws[i, stop - 1]
            chosen = 0
            for length in range(1, min(longest, stop) + 1):
                if words[stop - length, length - 1] > LOWEST and left >= 0.0:
                    weight = alpha * (gaps[stop - length] + words[stop - length, length - 1])
                    left -= np.exp(sums[stop - length] + weight - sums[stop])
                    chosen = length
            stop -= chosen
            scores[i] += gaps[stop] + words[stop, chosen - 1]
            is_start[i, stop] = 1
