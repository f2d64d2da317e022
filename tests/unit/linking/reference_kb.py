"""A knowledge base in plain Python: what each array of the store must hold."""

from __future__ import annotations

import math
import re
from collections import Counter

import reference_trie

from cnmine.linking.normalize import bigram_keys, normalize, normalize_text


class ReferenceKb:
    """``rows``: id, names, types, attributes."""

    def __init__(self, rows, words):
        self.rows = rows
        self.names = [list(dict.fromkeys(map(normalize_text, names))) for _, names, _, _ in rows]
        self.keys = sorted({name for names in self.names for name in names} | set(words))
        self.counters = [Counter(bigram_keys(normalize(text))[1].tolist()) for text in map(self.text, rows)]

    def text(self, row):
        """Parts never join to a pair of characters."""
        _, names, _, attributes = row
        return "\n".join([*names, *(part for pair in attributes for part in pair)])

    def candidates(self, name):
        """Numbers of entities by falling prior, and the priors, without anchors."""
        shares = {}
        for i in range(len(self.rows)):
            if name in self.names[i]:
                shares[i] = math.log2(2 + self.n_spooled(i))
        total = sum(shares.values())
        return sorted(((i, share / total) for i, share in shares.items()), key=lambda pair: (-pair[1], pair[0]))

    def n_spooled(self, i):
        _, names, _, attributes = self.rows[i]
        lines = ["\x1f".join(names), *("\x1f".join(pair) for pair in attributes)]
        return len(("\n".join(lines) + "\n\n").encode())

    def bigrams(self, i):
        """Key → BM25 weight in nats."""
        lengths = [sum(counter.values()) for counter in self.counters]
        mean = max(1, sum(lengths) / len(lengths))
        n = len(self.rows)
        weights = {}
        for key, tf in sorted(self.counters[i].items()):
            df = sum(key in counter for counter in self.counters)
            idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
            weights[key] = idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * lengths[i] / mean))
        return weights

    def mentions(self, i):
        """Keys of two characters or more that occur in its text and name others only."""
        others = {name for j, names in enumerate(self.names) for name in names if j != i and len(name) > 1}
        found = reference_trie.match_keys(normalize_text(self.text(self.rows[i])), self.keys)
        own = set(self.names[i])
        return sorted({key for _, _, key in found if self.keys[key] in others and self.keys[key] not in own})

    def values(self, i):
        """Keys, or complements of hashes, of short values."""
        values = [value for name, value in self.rows[i][3] if name != "摘要"]
        parts = [part.strip("《》 ") for value in values for part in re.split("[、，]|  +", value)]
        short = [normalize_text(part) for part in parts if 2 <= len(part) <= 16]
        return sorted(set(reference_trie.find_keys(short, self.keys)))
