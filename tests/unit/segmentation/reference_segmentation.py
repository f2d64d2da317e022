"""Plain versions of the kernels of segmentation: everything by enumeration, or straight from the definition."""

from __future__ import annotations

import math
import random
import re
from itertools import pairwise

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af〇〆々○"
NUMERALS = "一二三四五六七八九十百千万亿零〇两○萬億兩"
PATTERN = re.compile(
    r"(?P<address>[A-Za-z]+(?:['’][A-Za-z]+)*://[\w.~:/?#\[\]@!$&'()*+,;=%-]+|[wW]{3}\.[\w.~:/?#\[\]@!$&'()*+,;=%-]+)"
    rf"|(?P<numeral>[{NUMERALS}]{{2,}})"
    r"|(?P<run>(?:[0-9]|[A-Za-z]|(?<=[0-9])[.．·/∶](?=[0-9])|(?<=[A-Za-z])['’](?=[A-Za-z]))+[%％‰]?)(?P<more>[万亿萬億]*)"
    rf"|(?P<han>[{HAN}])"
    r"|(?P<space>[ \t\n\r\f\v\u3000])"
    r"|(?P<repeated>(?P<one>[…—－．.～~-])(?P=one)*)"
    r"|(?P<other>.)",
    re.ASCII | re.DOTALL,
)
PLAIN = re.compile(
    PATTERN.pattern.partition("|(?P<numeral>")[2].join(["(?P<address>$.)|(?P<numeral>", ""]), PATTERN.flags
)


def find_tokens(text):
    """Codes and starts of tokens of a text of Chinese and ASCII, without mail addresses."""
    found, i = [], 0
    while i < len(text):
        match = PATTERN.match(text, i)
        address = (match["address"] or "").rstrip(".,;:!?'()[]")
        if match["address"] and not re.fullmatch(r"(\w+|\w+://|www\.|www|WWW)", address, re.IGNORECASE | re.ASCII):
            found.append((0, i))
            i += len(address)
            continue
        if match["address"]:
            match = PLAIN.match(text, i)
        kind, stop = match.lastgroup, match.end()
        if match["numeral"]:
            code = 7
        elif match["run"]:
            has_digit, has_letter = re.search("[0-9]", match["run"]), re.search("[A-Za-z]", match["run"])
            code = 6 if has_digit and has_letter else 4 if has_digit else 5
            if code != 4:
                stop = i + len(match["run"])
        else:
            code = {"han": ord(text[i]), "space": 1}.get(kind, 0)
        found.append((code, i))
        i = stop
    return found


def all_segmentations(n, longest):
    """Every way to cut n units into words, as starts."""
    if n == 0:
        return [[]]
    return [
        [*starts, n - length]
        for length in range(1, min(longest, n) + 1)
        for starts in all_segmentations(n - length, longest)
    ]


def spans_of(units):
    """Starts and stops of the stretches without a boundary."""
    found, start = [], None
    for i, unit in enumerate([*units, 0]):
        if unit < 4 and start is not None:
            found.append((start, i))
            start = None
        elif unit >= 4 and start is None:
            start = i
    return found


def gap_score(span, k, before, after, across, n_context=3):
    """Score of a word boundary in front of unit ``k`` of a span, by dictionaries from n-grams to scores."""
    left = [before[span[k - n : k]] for n in range(1, min(n_context, k) + 1) if span[k - n : k] in before]
    right = [after[span[k : k + n]] for n in range(1, min(n_context, len(span) - k) + 1) if span[k : k + n] in after]
    return (left or [0.0])[-1] + (right or [0.0])[-1] + across.get(span[k - 1 : k + 1], 0.0)


def score_reading(span, starts, words, gaps, unknown):
    """Score of one way to read a span; ``gaps[k]`` is that of a boundary in front of unit k."""
    total = 0.0
    for start, stop in pairwise([*starts, len(span)]):
        total += words.get(span[start:stop], unknown[stop - start - 1] if stop - start <= len(unknown) else -math.inf)
        total += gaps[start] if start else 0.0
    return total


def score_readings(span, tables, unknown, longest=6, bias=0.0):
    """All ways to read a span with their scores, the best first."""
    words, before, after, across = tables
    gaps = [0.0] + [bias + gap_score(span, k, before, after, across) for k in range(1, len(span))]
    found = [
        (score_reading(span, starts, words, gaps, unknown), starts) for starts in all_segmentations(len(span), longest)
    ]
    return sorted(found, reverse=True)


def read_span(span, tables, unknown):
    """Probability of a boundary in front of every unit, and of every word (start, length)."""
    scored = score_readings(span, tables, unknown)
    top = scored[0][0]
    weights = [math.exp(score - top) for score, _ in scored]
    total = sum(weights)
    edges, words = [0.0] * (len(span) + 1), {}
    for weight, (_, starts) in zip(weights, scored, strict=True):
        for start, stop in pairwise([*starts, len(span)]):
            edges[start] += weight / total
            words[start, stop - start] = words.get((start, stop - start), 0.0) + weight / total
    edges[len(span)] = 1.0
    return edges, words


def published(probs, transitions):
    """Starts of words of a span: the best of all, by log10 probabilities [unit][history] and (end, go on) by state."""
    n, n_states = len(probs), len(probs[0])
    best = None
    for starts in all_segmentations(n, n):
        score, begins = 0.0, set(starts)
        state = 0
        for k in range(n):
            if k:
                score += transitions[state][0 if k in begins else 1]
            state = 0 if k in begins else min(state + 1, n_states - 1)
            score += probs[k][state]
        if best is None or score > best[0] + 1e-9:
            best = (score, starts)
    return best[1]


WORDS = [
    "我们",
    "他们",
    "明天",
    "去",
    "北京",
    "上海",
    "看",
    "电影",
    "图书馆",
    "的",
    "书",
    "很",
    "好看",
    "和",
    "朋友",
    "2024",
]


def make_text(n_sentences=60, seed=4):
    source = random.Random(seed)
    sentences = ["".join(source.choices(WORDS, k=source.randint(3, 8))) for _ in range(n_sentences)]
    return "".join(sentence + source.choice("，。！\n") for sentence in sentences)
