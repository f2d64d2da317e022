"""Interpolated modified Kneser–Ney with dictionaries, as lmplz does it; n-grams are tuples of tokens."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
Ngram = tuple[str, ...]


class NoDiscountsError(Exception):
    """The counts of counts give no discounts."""


def count_ngrams(sentences: list[list[str]], order: int) -> list[Counter[Ngram]]:
    """Occurrences of the n-grams of all orders; <s> is never a unigram."""
    counts: list[Counter[Ngram]] = [Counter() for _ in range(order)]
    for sentence in sentences:
        tokens = [START, *sentence, END]
        for i in range(len(tokens)):
            for n in range(1, min(order, len(tokens) - i) + 1):
                counts[n - 1][tuple(tokens[i : i + n])] += 1
    del counts[0][(START,)]
    return counts


def adjusted_counts(counts: list[Counter[Ngram]], sentences: list[list[str]]) -> list[Counter[Ngram]]:
    """Numbers of left neighbours, but for the highest order and for what begins with <s>."""
    order = len(counts)
    adjusted = [*(Counter() for _ in range(order - 1)), counts[-1]]
    before: list[dict[Ngram, set[str]]] = [defaultdict(set) for _ in range(order)]
    for sentence in sentences:
        tokens = [START, *sentence, END]
        for i in range(1, len(tokens)):
            for n in range(1, min(order, len(tokens) - i) + 1):
                before[n - 1][tuple(tokens[i : i + n])].add(tokens[i - 1])
    for n in range(order - 1):
        for ngram, count in counts[n].items():
            adjusted[n][ngram] = count if ngram[0] == START else len(before[n][ngram])
    return adjusted


def find_discounts(
    counts: list[Counter[Ngram]], adjusted: list[Counter[Ngram]], sentences: list[list[str]], fallback, in_order: bool
) -> list[list[float]]:
    """Discounts of the counts 0 … 3 for each order.

    ``in_order`` enters the last n-gram of each lower order with its occurrences, as lmplz does; last by the first
    appearance of its last, its last but one, … token.
    """
    rank = {}
    for sentence in sentences:
        for token in sentence:
            rank.setdefault(token, len(rank) + 1)
    rank |= {START: -1, END: 0}
    discounts = []
    last: Ngram = ()
    for n, values in enumerate(adjusted):
        tally = Counter(values.values())
        if in_order and n < len(adjusted) - 1:
            longer = [ngram for ngram in values if ngram[1:] == last]
            ending = max(longer, key=lambda ngram: rank[ngram[0]], default=None)
            in_order = ending is not None and ending[0] != START
            if in_order:
                last = ending
                tally[values[last]] -= 1
                tally[counts[n][last]] += 1
        try:
            if not all(tally[count] for count in (1, 2, 3)):
                raise NoDiscountsError(n + 1)
            y = tally[1] / (tally[1] + 2 * tally[2])
            found = [0.0] + [count - (count + 1) * y * tally[count + 1] / tally[count] for count in (1, 2, 3)]
            if not all(0 <= discount <= count for count, discount in enumerate(found)):
                raise NoDiscountsError(n + 1)
        except NoDiscountsError:
            if fallback is None:
                raise
            found = [0.0, *fallback]
        discounts.append(found)
    return discounts


def train(
    sentences: list[list[str]], order: int, *, prune=(0,), fallback=None, in_order: bool = True
) -> list[dict[Ngram, tuple[float, float]]]:
    """Log10 probability and back-off of every n-gram that is left."""
    counts = count_ngrams(sentences, order)
    adjusted = adjusted_counts(counts, sentences)
    discounts = find_discounts(counts, adjusted, sentences, fallback, in_order)
    thresholds = list(prune) + [prune[-1]] * (order - len(prune))
    kept = [
        {ngram for ngram, count in counts[n].items() if count > thresholds[n] or ngram == (END,)} for n in range(order)
    ]

    def discount(n: int, count: int) -> float:
        return discounts[n][min(count, 3)]

    backoffs: dict[Ngram, float] = {}
    totals: Counter[Ngram] = Counter()
    for n in range(order):
        mass: dict[Ngram, float] = defaultdict(float)
        for ngram, count in adjusted[n].items():
            totals[ngram[:-1]] += count
            mass[ngram[:-1]] += discount(n, count) if ngram in kept[n] else count
        backoffs |= {context: value / totals[context] for context, value in mass.items()}
    uniform = 1 / (len(kept[0]) + 1)
    probs: dict[Ngram, float] = {(UNKNOWN,): backoffs[()] * uniform}
    for n in range(order):
        for ngram in kept[n]:
            count = adjusted[n][ngram]
            lower = probs[ngram[1:]] if n else uniform
            probs[ngram] = (count - discount(n, count)) / totals[ngram[:-1]] + backoffs[ngram[:-1]] * lower
    probs[(START,)] = 1.0
    model: list[dict[Ngram, tuple[float, float]]] = [{} for _ in range(order)]
    for ngram, prob in probs.items():
        weight = backoffs.get(ngram, 1.0) if len(ngram) < order else 1.0
        model[len(ngram) - 1][ngram] = (log10(min(prob, 1.0)), log10(weight))
    return model


def log10(value: float) -> float:
    return math.log10(value) if value > 0 else -math.inf


def log10_prob(model: list[dict[Ngram, tuple[float, float]]], history: Ngram, token: str) -> float:
    """Of a token behind a history, by backing off."""
    known = {ngram[0] for ngram in model[0]}
    token = token if token in known else UNKNOWN
    history = tuple(word if word in known else UNKNOWN for word in history)[max(0, len(history) - len(model) + 1) :]
    ngram = (*history, token)
    if ngram in model[len(ngram) - 1]:
        return model[len(ngram) - 1][ngram][0]
    weight = model[len(history) - 1].get(history, (0.0, 0.0))[1]
    return weight + log10_prob(model, history[1:], token)


def read_arpa(data: str) -> list[dict[Ngram, tuple[float, float]]]:
    """The n-grams of a model in ARPA format."""
    model: list[dict[Ngram, tuple[float, float]]] = []
    for line in data.split("\n"):
        if line.endswith("-grams:"):
            model.append({})
        elif model and line and not line.startswith("\\"):
            prob, ngram, *weight = line.split("\t")
            model[-1][tuple(ngram.split(" "))] = (float(prob), float(weight[0]) if weight else 0.0)
    return model


def assert_same_model(found, expected, tolerance: float) -> None:
    """The same n-grams with the same values."""
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.keys() == theirs.keys()
        for ngram, values in theirs.items():
            for value, wanted in zip(mine[ngram], values, strict=True):
                assert value == wanted or abs(value - wanted) <= tolerance, (ngram, mine[ngram], values)
