"""Plain versions of the fast code: same names, a list of unit ids in, dictionaries of n-grams out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

N_BOUNDARIES = 4
CLOSING, OPENING = 1, 2  # bits of a boundary: what it begins and what it ends with

Ngram = tuple[int, ...]


@dataclass
class Neighbours:
    """The units and boundaries beside one n-gram, with their counts."""

    left: Counter
    right: Counter


def by_ngram(table, values: Sequence) -> dict[Ngram, object]:
    """What a fast function returns for the rows of an `NgramTable`, in the form the plain one returns."""
    spelled = table.units_of(range(len(table))).tolist()
    return {tuple(unit for unit in ngram if unit): value for ngram, value in zip(spelled, values, strict=True)}


def is_boundary(unit: int) -> bool:
    return unit < N_BOUNDARIES


def occurrences(units: Sequence[int], max_order: int) -> list[tuple[int, Ngram]]:
    """(position, n-gram) of everything between boundaries."""
    return [
        (start, tuple(units[start : start + order]))
        for start in range(len(units))
        for order in range(1, max_order + 1)
        if start + order <= len(units) and not any(map(is_boundary, units[start : start + order]))
    ]


def count_ngrams(units: Sequence[int], *, max_order: int, min_count: int) -> dict[Ngram, int]:
    counts = Counter(ngram for _, ngram in occurrences(units, max_order))
    return {ngram: count for ngram, count in counts.items() if count >= min_count}


def count_neighbours(units: Sequence[int], *, max_order: int) -> dict[Ngram, Neighbours]:
    beside: dict[Ngram, Neighbours] = {}
    for start, ngram in occurrences(units, max_order):
        mine = beside.setdefault(ngram, Neighbours(Counter(), Counter()))
        mine.left[units[start - 1]] += 1
        mine.right[units[start + len(ngram)]] += 1
    return beside


def tally(neighbours: Counter, quotation_bit: int) -> list[int]:
    """Distinct units, occurrences at a boundary, at a quotation mark, with the most frequent unit."""
    units = [n for unit, n in neighbours.items() if not is_boundary(unit)]
    boundaries = {unit: n for unit, n in neighbours.items() if is_boundary(unit)}
    quoted = sum(n for unit, n in boundaries.items() if unit & quotation_bit)
    return [len(units), sum(boundaries.values()), quoted, max(units, default=0)]


def spread(neighbours: Counter) -> float:
    return sum(n * math.log(n) for unit, n in neighbours.items() if not is_boundary(unit))


def deepest(units: Sequence[int], *, max_order: int, min_count: int) -> list[Ngram]:
    """The longest frequent n-gram at every position, () if there is none."""
    counts = count_ngrams(units, max_order=max_order, min_count=min_count)
    longest: list[Ngram] = [()] * len(units)
    for start, ngram in occurrences(units, max_order):
        if ngram in counts and len(ngram) > len(longest[start]):
            longest[start] = ngram
    return longest


def n_tokens(units: Sequence[int]) -> int:
    return sum(not is_boundary(unit) for unit in units)


# --- statistics ---------------------------------------------------------------------------------------


def splits(ngram: Ngram) -> list[tuple[Ngram, Ngram]]:
    return [(ngram[:i], ngram[i:]) for i in range(1, len(ngram))]


def min_split_pmi(units: Sequence[int], *, max_order: int, min_count: int) -> dict[Ngram, float]:
    counts = count_ngrams(units, max_order=max_order, min_count=min_count)
    total = n_tokens(units)
    return {
        ngram: min(
            (math.log(total * count / (counts[left] * counts[right])) for left, right in splits(ngram)), default=0.0
        )
        for ngram, count in counts.items()
    }


def npmi(units: Sequence[int], *, max_order: int, min_count: int) -> dict[Ngram, float]:
    counts = count_ngrams(units, max_order=max_order, min_count=min_count)
    pmi = min_split_pmi(units, max_order=max_order, min_count=min_count)
    total = n_tokens(units)
    return {w: pmi[w] / -math.log(counts[w] / total) if len(w) > 1 else 0.0 for w in counts}


def conditional_probabilities(units: Sequence[int], *, max_order: int, min_count: int) -> dict[Ngram, tuple]:
    counts = count_ngrams(units, max_order=max_order, min_count=min_count)
    return {w: (counts[w] / counts[w[:-1]], counts[w] / counts[w[1:]]) if len(w) > 1 else (1, 1) for w in counts}


def entropy(counts: Sequence[int]) -> float:
    total = sum(counts)
    return -sum(n / total * math.log(n / total) for n in counts)


def branching_entropy(neighbours: Counter, boundary: str) -> float:
    counts = [n for unit, n in neighbours.items() if not is_boundary(unit)]
    n_boundaries = sum(n for unit, n in neighbours.items() if is_boundary(unit))
    if boundary == "single" and n_boundaries:
        counts.append(n_boundaries)
    if boundary == "distinct":
        counts += [1] * n_boundaries
    return entropy(counts)


def accessor_variety(neighbours: Counter) -> int:
    return sum(n if is_boundary(unit) else 1 for unit, n in neighbours.items())


def autonomy(units: Sequence[int], *, max_order: int, min_count: int, boundary: str) -> dict[Ngram, tuple]:
    counts = count_ngrams(units, max_order=max_order, min_count=min_count)
    beside = count_neighbours(units, max_order=max_order)
    left = {w: branching_entropy(beside[w].left, boundary) for w in counts}
    right = {w: branching_entropy(beside[w].right, boundary) for w in counts}
    left_rises = normalize({w: left[w] - left.get(w[1:], 0.0) for w in counts}, counts)
    right_rises = normalize({w: right[w] - right.get(w[:-1], 0.0) for w in counts}, counts)
    return {w: (left_rises[w], right_rises[w]) for w in counts}


def normalize(rises: dict[Ngram, float], counts: dict[Ngram, int]) -> dict[Ngram, float]:
    """Distance from the mean of all occurrences of n-grams of the same order, in standard deviations."""
    normalized = {}
    for order in {len(w) for w in rises}:
        mine = [w for w in rises if len(w) == order]
        n = sum(counts[w] for w in mine)
        mean = sum(counts[w] * rises[w] for w in mine) / n
        deviation = math.sqrt(sum(counts[w] * (rises[w] - mean) ** 2 for w in mine) / n)
        normalized.update({w: (rises[w] - mean) / deviation if deviation > 1e-12 else 0.0 for w in mine})
    return normalized


# --- cutting ------------------------------------------------------------------------------------------


def cut_words(
    units: Sequence[int], *, thresholds: Sequence[float], min_count: int, back_check: str
) -> dict[Ngram, int]:
    longest = len(thresholds)
    pmi = min_split_pmi(units, max_order=longest, min_count=min_count)
    solid = {w for w in pmi if len(w) > 1 and pmi[w] >= thresholds[len(w) - 1]}
    closed = {start + i for start, ngram in occurrences(units, longest) if ngram in solid for i in range(1, len(ngram))}
    # A gap is the position behind it; boundaries are cut off on both sides.
    gaps = [0, *(i for i in range(1, len(units)) if i not in closed), len(units)]
    segments = Counter(tuple(units[start:stop]) for start, stop in pairwise(gaps))
    return {
        segment: count
        for segment, count in segments.items()
        if count >= min_count and not is_boundary(segment[0]) and is_confirmed(segment, solid, longest, back_check)
    }


def is_confirmed(segment: Ngram, solid: set[Ngram], longest: int, back_check: str) -> bool:
    widths = {
        "strict": range(3, longest + 1),
        "textual": [min(len(segment), longest)],
        "none": [],
    }[back_check]
    windows = [segment[i : i + width] for width in widths for i in range(len(segment) - width + 1)]
    return len(segment) < 3 or all(window in solid for window in windows)


# --- ranking ------------------------------------------------------------------------------------------


def spell(ngram: Ngram, vocabulary: Sequence[str]) -> str:
    return "".join(vocabulary[unit] for unit in ngram)


def find_candidates(
    units: Sequence[int], vocabulary: Sequence[str], *, min_len: int, max_len: int, max_order: int, min_count: int
) -> set[Ngram]:
    return {
        ngram
        for ngram in count_ngrams(units, max_order=max_order, min_count=min_count)
        if min_len <= len(ngram) <= max_len
        and any(vocabulary[unit] > "\u3000" and len(vocabulary[unit]) == 1 for unit in ngram)
        and all(any(character.isalpha() for character in vocabulary[unit]) for unit in ngram)
    }


def measure(units: Sequence[int], *, max_order: int, min_count: int) -> dict[str, dict[Ngram, float]]:
    """Every feature of a table of n-grams, by name."""
    limits = {"max_order": max_order, "min_count": min_count}
    counts = count_ngrams(units, **limits)
    beside = count_neighbours(units, max_order=max_order)
    total = n_tokens(units)
    rises = autonomy(units, boundary="single", **limits)
    probabilities = conditional_probabilities(units, **limits)
    columns = {
        "log_count": {w: math.log(n) for w, n in counts.items()},
        "log_freq": {w: math.log(n / total) for w, n in counts.items()},
        "length": {w: len(w) for w in counts},
        "cohesion": min_split_pmi(units, **limits),
        "npmi": npmi(units, **limits),
        "forward_probability": {w: probabilities[w][0] for w in counts},
        "backward_probability": {w: probabilities[w][1] for w in counts},
    }
    for index, (side, bit) in enumerate([("left", OPENING), ("right", CLOSING)]):
        tallies = {w: tally(getattr(beside[w], side), bit) for w in counts}
        entropies = {w: branching_entropy(getattr(beside[w], side), "distinct") for w in counts}
        columns[f"{side}_entropy"] = entropies
        columns[f"{side}_evenness"] = {w: entropies[w] / math.log(n) if n > 1 else 0.0 for w, n in counts.items()}
        for column, name in enumerate(["variety", "boundary", "quotation", "extension"]):
            columns[f"{side}_{name}"] = {w: tallies[w][column] / n for w, n in counts.items()}
        columns[f"{side}_autonomy"] = {w: rises[w][index] for w in counts}
    for name, kind, weaker in [
        ("freedom", "entropy", min),
        ("evenness", "evenness", min),
        ("autonomy", "autonomy", min),
        ("extension", "extension", max),
    ]:
        columns[name] = {w: weaker(columns[f"left_{kind}"][w], columns[f"right_{kind}"][w]) for w in counts}
    return columns


# --- reading ------------------------------------------------------------------------------------------


def spans(units: Sequence[int]) -> list[Ngram]:
    """What stands between boundaries."""
    found: list[list[int]] = [[]]
    for unit in units:
        if is_boundary(unit):
            found.append([])
        else:
            found[-1].append(unit)
    return [tuple(span) for span in found if span]


def segmentations(span: Ngram, words: Sequence[Ngram] | set[Ngram] | dict) -> list[list[Ngram]]:
    """All ways to cut a span into words and single units."""
    if not span:
        return [[]]
    return [
        [span[:n], *rest]
        for n in range(1, len(span) + 1)
        if n == 1 or span[:n] in words
        for rest in segmentations(span[n:], words)
    ]


def readings_of_span(span: Ngram, weights: dict[Ngram, float], unknown: float) -> tuple[dict, list[float]]:
    """Probability of every word by (start, stop), and of a word boundary at every position of the span."""
    ways = segmentations(span, weights)
    likelihoods = [math.prod(weights.get(word, unknown) for word in way) for way in ways]
    as_word: Counter = Counter()
    edges = [0.0] * (len(span) + 1)
    edges[0] = 1.0
    for way, likelihood in zip(ways, likelihoods, strict=True):
        start = 0
        for word in way:
            stop = start + len(word)
            as_word[start, stop] += likelihood / sum(likelihoods)
            edges[stop] += likelihood / sum(likelihoods)
            start = stop
    return as_word, edges


def read_candidates(
    units: Sequence[int], counts: dict[Ngram, int], guesses: dict[Ngram, float], *, n_iterations: int
) -> dict[Ngram, tuple[float, float, float, float]]:
    """Share, left edge, right edge and break of every candidate; ``counts`` as of `count_ngrams`."""
    priors = {w: 1.0 for w in counts if len(w) == 1} | guesses
    shares = dict(priors)
    for iteration in range(n_iterations + 1):
        expected_counts = {w: max(counts[w] * shares[w], 1e-3) for w in priors}
        total = sum(expected_counts.values()) + 0.5
        weights = {w: n / total for w, n in expected_counts.items()}
        sums = {w: [0.0] * 4 for w in priors}
        for span in spans(units):
            as_word, edges = readings_of_span(span, weights, 0.5 / total)
            for start in range(len(span)):
                for stop in range(start + 1, len(span) + 1):
                    if span[start:stop] in sums:
                        inside = max(edges[start + 1 : stop], default=0.0)
                        values = (as_word[start, stop], edges[start], edges[stop], inside)
                        mine = sums[span[start:stop]]
                        sums[span[start:stop]] = [a + b for a, b in zip(mine, values, strict=True)]
        if iteration < n_iterations:
            shares = {w: (sums[w][0] + priors[w]) / (counts[w] + 1.0) for w in priors}
    return {w: tuple(value / counts[w] for value in sums[w]) for w in guesses}
