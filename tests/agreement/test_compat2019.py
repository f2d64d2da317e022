"""compat2019 against KenLM itself: windows counted by the program ``count_ngrams``, the rest spelled out."""

import math
import os
import random
import re
import struct
import subprocess
from collections import Counter

import pytest

from cnmine.newwords.compat2019 import discover_compat_2019

PROGRAM = os.environ.get("CNMINE_COUNT_NGRAMS")
MIN_RATIOS = {2: 2.0, 3: 4.0, 4: 6.0}  # nats

pytestmark = pytest.mark.skipif(
    not PROGRAM, reason="CNMINE_COUNT_NGRAMS does not name KenLM's program count_ngrams; build it and set the variable"
)


def kenlm_windows(texts, folder):
    """Windows of four tokens without ``<s>`` and ``</s>``, with their counts, in KenLM's binary output."""
    vocabulary = folder / "vocabulary"
    corpus = "".join(" ".join(text) + "\n" for text in texts)
    command = [PROGRAM, "-o", "4", "--memory=512M", "-T", str(folder / "temp"), "--write_vocab_list", str(vocabulary)]
    output = subprocess.run(command, input=corpus.encode(), capture_output=True, check=True).stdout
    tokens = vocabulary.read_bytes().decode().split("\0")
    for *ids, count in struct.iter_unpack("=4Iq", output):
        yield "".join(tokens[i] for i in ids if i > 2), count


def words_by_kenlm(documents, min_count, folder):
    texts = [re.sub("[^\u4e00-\u9fa50-9a-zA-Z ]+", "\n", text.replace("\u3000", " ").strip()) for text in documents]
    windows = [(string, count) for string, count in kenlm_windows(texts, folder) if count >= min_count]
    total = float(sum(count for _, count in windows))
    counts = Counter()
    for string, count in windows:
        for stop in range(1, len(string) + 1):
            counts[string[:stop]] += count
    solid = set()
    for string, count in counts.items():
        parts = [(counts.get(string[:i], total), counts.get(string[i:], total)) for i in range(1, len(string))]
        if parts and math.log(min(total * count / (x * y) for x, y in parts)) >= MIN_RATIOS[len(string)]:
            solid.add(string)
    words = Counter(word for text in texts for word in cut(text, solid))
    return sorted(
        ((word, n) for word, n in words.items() if n >= min_count and is_confirmed(word, solid)),
        key=lambda pair: (-pair[1], pair[0]),
    )


def cut(text, solid):
    start, stop = 0, 1
    for i in range(len(text)):
        if i == stop:
            yield text[start:stop]
            start, stop = i, i + 1
        stop = max([stop, *(i + length for length in (2, 3, 4) if text[i : i + length] in solid)])
    yield text[start:stop]


def is_confirmed(word, solid):
    return len(word) < 3 or all(word[i : i + 4] in solid for i in range(max(1, len(word) - 3)))


def invented_documents(seed):
    """Text with a skewed vocabulary of invented words, blanks, punctuation and lines of every length."""
    source = random.Random(seed)
    characters = [chr(0x4E00 + i) for i in range(300)] + list("abcXYZ0189")
    words = ["".join(source.choices(characters, k=source.choice((1, 2, 2, 3, 4, 6)))) for _ in range(400)]
    marks = ["，", "。\n", "\n", " ", "\u3000", "", "", "", ""]
    for _ in range(300):
        picks = [words[int(len(words) * source.random() ** 3)] for _ in range(source.randrange(120))]
        yield "".join(word + source.choice(marks) for word in picks)


@pytest.mark.parametrize("min_count", [1, 4, 32])
def test_discover_compat_2019__equals_kenlm(tmp_path, min_count):
    documents = list(invented_documents(seed=2019))
    expected = words_by_kenlm(documents, min_count, tmp_path)
    assert len(expected) > 50
    assert discover_compat_2019(documents, min_count=min_count, keep_blanks=True) == expected
