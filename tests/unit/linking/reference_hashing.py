"""Hashed features and what is learned with them, in plain Python with integers of any size."""

from __future__ import annotations

import math

MIX_A, MIX_B, MIX_C = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
ALL = (1 << 64) - 1
NEAR = 6


def hashed(feature, a, b):
    """Place of a feature among 2**20."""
    x = (feature << 42) ^ (a * MIX_A & ALL) ^ (b * MIX_B & ALL)
    x = (x ^ (x >> 29)) * MIX_C & ALL
    x = (x ^ (x >> 29)) * MIX_A & ALL
    return x >> 44


def hash_key(name, link_class, info, number):
    """Features of a key; ``number`` is its own, -1 if it is too rare to be a feature itself."""
    length, freq, n_entities, script, kind, tag, n_values = info
    first, second, last_but_one, last = (ord(c) for c in (name[0], name[:2][-1], name[-2:][0], name[-1]))
    is_alias = int(n_entities > 0)
    pairs = [
        (link_class, n_entities),
        (freq, length),
        (number + 1, 0),
        (first, length),
        (last, length),
        (first, second),
        (last_but_one, last),
        (n_entities * 64 + freq, link_class),
        (script, length),
        (kind, link_class),
        (kind, freq),
        (tag, length * 8 + n_entities),
        (tag, link_class),
        (n_values, is_alias * 256 + tag),
        (n_values * 64 + freq, is_alias),
    ]
    return [hashed(feature, a, b) for feature, (a, b) in enumerate(pairs, start=1)]


def hash_context(text, classes, spans, i, traits, bounds, titles):
    """Features of span ``i`` of ``spans`` (start, length, key, cover, taken) in its place; ``text`` has line ends
    around every line, ``traits`` the link class and the kind of each span's key."""
    start, length, _, cover, is_taken = spans[i]
    stop, size = start + length, min(length, 8)
    link_class, kind = traits[i]
    left, right = ord(text[start - 1]), ord(text[stop])
    left_2 = left if text[start - 1] == "\n" else ord(text[start - 2])
    right_2 = right if text[stop] == "\n" else ord(text[stop + 1])
    brackets = classes[start - 1] * 32 + classes[stop]
    cut = bounds[start] * 4 + bounds[stop] * 2 + int(any(bounds[start + 1 : stop]))
    title = titles[start]
    inside, cover_class, extra = 0, 255, 0
    if cover >= 0:
        cover_start, cover_length = spans[cover][:2]
        inside = 1 + (cover_start == start) + 2 * (cover_start + cover_length == stop)
        cover_class, extra = traits[cover][0], min(cover_length - length, 8)
    pairs = [
        (left, 0),
        (right, 0),
        (left, left_2),
        (right, right_2),
        (brackets, size),
        (brackets, title),
        (cut, size),
        (cut, link_class),
        (inside * 2 + is_taken, link_class),
        (cover_class, link_class),
        (inside * 16 + extra, size * 2 + is_taken),
        (title * 2 + is_taken, size * 64 + link_class),
        (left, size),
        (right, ord(text[stop - 1])),
        (brackets, kind),
        (cut * 8 + inside * 2 + is_taken, kind),
    ]
    return [hashed(feature, a, b) for feature, (a, b) in enumerate(pairs, start=20)]


def learn_weights(rows, labels, order, weights, squares, rate, decay):
    """AdaGrad, example by example; a feature that a row has twice is moved twice."""
    for i in order:
        probability = 1 / (1 + math.exp(-sum(weights[place] for place in rows[i])))
        for place in rows[i]:
            slope = probability - labels[i] + decay * weights[place]
            squares[place] += slope**2
            weights[place] -= rate * slope / math.sqrt(squares[place])


def near_slot(kind, gram):
    """Place of a type with a neighbouring character, or pair of them, among 2**18."""
    x = ((kind + 1) * MIX_A & ALL) ^ (gram * MIX_B & ALL)
    return ((x ^ (x >> 31)) * MIX_A & ALL) >> 46


def list_near(text, start, stop):
    """Characters and pairs on both sides of a mention, in its line."""
    left = text[max(0, start - NEAR) : start].rpartition("\n")[2]
    right = text[stop : stop + NEAR].partition("\n")[0]
    found = []
    for side in (left, right):
        for i, character in enumerate(side):
            found.append(ord(character))
            if i + 1 < len(side):
                found.append(ord(character) << 21 | ord(side[i + 1]))
    return found
