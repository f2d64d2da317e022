"""Obvious versions of the kernels of linking, in plain Python."""

from __future__ import annotations

import math
import re
from itertools import combinations, pairwise


def segment(spans, log_probs, unknown, n):
    """Boundaries of the most probable segmentation: trying all ways from the left."""
    best = [(0.0, [0])] + [(-math.inf, [])] * n
    for i in range(n):
        steps = [(i + 1, unknown)]
        steps += [(s + length, p) for (s, length, *_), p in zip(spans, log_probs, strict=True) if s == i]
        for stop, log_prob in steps:
            if best[i][0] + log_prob > best[stop][0]:
                best[stop] = (best[i][0] + log_prob, [*best[i][1], stop])
    return best[n]


def best_gain(spans, gains):
    """Highest sum of gains of spans that do not overlap, by trying all sets."""
    best = 0.0
    for size in range(len(spans) + 1):
        for chosen in combinations(range(len(spans)), size):
            taken = sorted((spans[i][0], spans[i][0] + spans[i][1]) for i in chosen)
            if all(a[1] <= b[0] for a, b in pairwise(taken)):
                best = max(best, sum(gains[i] for i in chosen))
    return best


def nested(spans, scores, least, chosen):
    """Spans inside chosen ones, from the left, at every place the longest that crosses none before it."""
    found = []
    for i in chosen:
        start, stop = spans[i][0], sum(spans[i])
        free = start
        for place in range(start, stop):
            fitting = [
                j
                for j, (first, length) in enumerate(spans)
                if first == place >= free and first + length <= stop and j != i and scores[j] >= least
            ]
            if fitting:
                found.append(max(fitting, key=lambda j: spans[j][1]))
                free = sum(spans[found[-1]])
    return found


def best_cover(spans, n):
    """Fewest characters left over, then fewest pieces, by trying all sets."""
    best = (n, 0)
    for size in range(len(spans) + 1):
        for chosen in combinations(range(len(spans)), size):
            taken = sorted((spans[i][0], spans[i][0] + spans[i][1]) for i in chosen)
            if all(a[1] <= b[0] for a, b in pairwise(taken)):
                best = min(best, (n - sum(b - a for a, b in taken), len(taken)))
    return best


def find_covers(spans):
    """Whether each span lies inside a longer-reaching other one, and what maximum matching takes."""
    ends = [(start, start + length) for start, length, *_ in spans]
    covered = [any(a <= start and stop <= b and (a, b) != (start, stop) for a, b in ends) for start, stop in ends]
    flags, free = [0] * len(spans), 0
    for i, (start, stop) in enumerate(ends):
        if start >= free and stop == max(b for a, b in ends if a == start):
            flags[i], free = 1, stop
    return covered, flags


def find_titles(text, reach):
    """Starts and lengths of what stands between two title marks that follow one another."""
    return [
        (found.start() + 1, len(found[1])) for found in re.finditer("《([^《》\n]+)》", text) if len(found[1]) <= reach
    ]


def tabulate(text, matches, titles, is_name, suffixes):
    """Spans with their keys; titles and names with a suffix behind them where there is no key."""
    n_keys, known = len(is_name), {(start, length): key for start, length, key in matches}
    guessed = dict.fromkeys(titles, n_keys)
    for start, length, key in matches:
        character = text[start + length]
        if is_name[key] and length > 1 and character in suffixes:
            guessed.setdefault((start, length + 1), n_keys + 1 + suffixes.index(character))
    return sorted((*place, key) for place, key in (guessed | known).items())


def window(text, start, stop, width):
    """Context of a mention on both sides, within its line."""
    left = text[max(0, start - width) : start].rpartition("\n")[2]
    right = text[stop : stop + width].partition("\n")[0]
    return left, right


def overlaps(text, start, stop, width, record, idfs):
    """Weights of shared pairs, idfs of shared characters, and the same divided by distance."""
    left, right = window(text, start, stop, width)
    own = set(text[start:stop])
    pairs = {side[i : i + 2] for side in (left, right) for i in range(len(side) - 1)}
    distances = {}
    for character, distance in [
        *((c, i) for i, c in enumerate(reversed(left))),
        *((c, i) for i, c in enumerate(right)),
    ]:
        distances[character] = min(distance, distances.get(character, distance))
    shared = {c for pair in record for c in pair} & (distances.keys() - own)
    return (
        sum(weight for pair, weight in record.items() if pair in pairs) / 8,
        sum(idfs[ord(c)] for c in shared),
        sum(idfs[ord(c)] / (1 + distances[c] / 4) for c in shared),
    )


def shared_names(text, start, stop, width, values, weights):
    """Of a record, how many values stand around a mention, and the weights of the names that do, by their strings."""
    sides = window(text, start, stop, width)
    return (
        sum(any(value in side for side in sides) for value in values),
        sum(weight for name, weight in weights.items() if any(name in side for side in sides)),
    )


def predict_trees(rows, nodes, limits, values, roots):
    """Sum of the leaves that each row reaches."""
    out = []
    for row in rows:
        total = 0.0
        for root in roots:
            node = root
            while nodes[node][0] >= 0:
                feature, left, right = nodes[node]
                node = left if row[feature] <= limits[node] else right
            total += values[node]
        out.append(total)
    return out


def longest_run(a, b):
    """Longest common run of characters."""
    return max((j - i for i in range(len(a)) for j in range(i + 1, len(a) + 1) if a[i:j] in b), default=0)


def longest_subsequence(a, b):
    """Longest common subsequence."""
    if not a or not b:
        return 0
    if a[0] == b[0]:
        return 1 + longest_subsequence(a[1:], b[1:])
    return max(longest_subsequence(a[1:], b), longest_subsequence(a, b[1:]))


def collect_grams(text):
    """Single characters, pairs and triples."""
    return [text[i : i + n] for i in range(len(text)) for n in (1, 2, 3) if i + n <= len(text)]
