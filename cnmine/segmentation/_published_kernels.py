"""Probabilities of characters given those before them → word boundaries, by states within the word."""

import numpy as np

from cnmine._jit import kernel


@kernel
def decode_span(
    probs, bounds, transitions, paths, is_start
):  # f4[n, N], (i8, i8), f8[N, 2], (2 f8[N], i4[m, 2]), u1[n]
    """Mark the first characters of the words of a span in the likeliest way to read it; there are two states at least.

    State j is the character number j of a word, the last state all that follow. ``transitions`` are log10 of the
    factors of ending the word behind a state, and of going on.
    """
    first, stop = bounds
    now, then, back = paths
    n_states = probs.shape[1]
    for j in range(n_states):
        then[j] = -np.inf
    then[0] = probs[first, 0]
    for k in range(first + 1, stop):
        best = 0
        for j in range(1, n_states):
            if then[j] + transitions[j, 0] > then[best] + transitions[best, 0]:
                best = j
        now[0] = then[best] + transitions[best, 0] + probs[k, 0]
        back[k - first, 0] = best
        for j in range(1, n_states):
            now[j] = then[j - 1] + transitions[j - 1, 1] + probs[k, j]
        last = n_states - 1
        stays = then[last] + transitions[last, 1] + probs[k, last]
        back[k - first, 1] = last - 1
        if stays > now[last]:
            back[k - first, 1] = last
            now[last] = stays
        for j in range(n_states):
            then[j] = now[j]
    state = 0
    for j in range(1, n_states):
        if then[j] > then[state]:
            state = j
    for k in range(stop - 1, first - 1, -1):
        if state == 0:
            is_start[k] = 1
            state = np.int64(back[k - first, 0])
        elif state == n_states - 1:
            state = np.int64(back[k - first, 1])
        else:
            state -= 1


@kernel
def decode_spans(probs, offsets, transitions, is_start):  # f4[n, N], i8[m + 1], f8[N, 2], u1[n]
    """`decode_span` for one span after another."""
    n_states = probs.shape[1]
    longest = 0
    for i in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    paths = (np.empty(n_states), np.empty(n_states), np.empty((longest, 2), np.int32))
    for i in range(offsets.shape[0] - 1):
        if offsets[i + 1] > offsets[i]:
            decode_span(probs, (offsets[i], offsets[i + 1]), transitions, paths, is_start)
