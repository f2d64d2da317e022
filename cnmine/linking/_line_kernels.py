"""Loops of linking without context: retrieval by shared n-grams, and how alike two short strings are."""

from __future__ import annotations

import math

import numpy as np

from cnmine._jit import kernel

MAX_TEXT = 128  # characters of a string that are compared


@kernel
def collect_grams(codes, offsets, out, out_offsets):  # u4[n], i8[k + 1], u8[m], i8[k + 1]
    """Write the single characters, pairs and triples of every string, one code each, with repetitions."""
    n = 0
    for i in range(offsets.shape[0] - 1):
        for j in range(offsets[i], offsets[i + 1]):
            gram = np.uint64(0)
            for width in range(min(3, offsets[i + 1] - j)):
                gram = (gram << np.uint64(21)) | np.uint64(codes[j + width] + np.uint32(1))
                out[n] = gram
                n += 1
        out_offsets[i + 1] = n
    return n


@kernel
def add_postings(grams, offsets, owners, weights, out):  # i8[q], i8[g + 1], i4[p], f4[p], f4[n]
    """Add the weights of each gram's owners to their scores."""
    for i in range(grams.shape[0]):
        for j in range(offsets[grams[i]], offsets[grams[i] + 1]):
            out[owners[j]] += weights[j]
    return 0


@kernel
def compare_strings(a, b, out):  # u4[n], u4[m], i8[2]
    """Longest common run of characters, and longest common subsequence."""
    runs = np.zeros((2, MAX_TEXT + 1), np.int64)
    common = np.zeros((2, MAX_TEXT + 1), np.int64)
    best = 0
    n, m = min(a.shape[0], MAX_TEXT), min(b.shape[0], MAX_TEXT)
    for i in range(n):
        now, before = i & 1, 1 - (i & 1)
        for j in range(m):
            if a[i] == b[j]:
                runs[now, j + 1] = runs[before, j] + 1
                best = max(best, runs[now, j + 1])
                common[now, j + 1] = common[before, j] + 1
            else:
                runs[now, j + 1] = 0
                common[now, j + 1] = max(common[before, j + 1], common[now, j])
    out[0], out[1] = best, common[1 - (n & 1), m] if n > 0 else 0


@kernel
def compare_names(query, names, rows, grams, out):  # u4[n], (u4[c], i8[k + 1]), i8[r], (...), f4[r, 8]
    """How alike a string and the names with these numbers are.

    ``grams``: numbers i8[g] and offsets i8[k + 1] of the names' n-grams, their idfs f4[v], whether the string has
    them u1[v], its mass and those of the names f4[k].
    """
    codes, offsets = names
    ids, gram_offsets, idfs, has, mass, masses = grams
    pair = np.zeros(2, np.int64)
    n = query.shape[0]
    for r in range(rows.shape[0]):
        row = rows[r]
        name = codes[offsets[row] : offsets[row + 1]]
        size = name.shape[0]
        shared = 0.0
        for j in range(gram_offsets[row], gram_offsets[row + 1]):
            if has[ids[j]]:
                shared += idfs[ids[j]]
        compare_strings(query, name, pair)
        out[r, 0] = shared / masses[row]
        out[r, 1] = shared / mass
        out[r, 2] = shared / math.sqrt(mass * masses[row])
        out[r, 3] = pair[0]
        out[r, 4] = pair[0] / size
        out[r, 5] = pair[1] / size
        out[r, 6] = pair[1] / n
        out[r, 7] = 2 * (name[0] == query[0]) + (name[size - 1] == query[n - 1])
    return 0
