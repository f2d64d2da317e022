"""compat2019: the kernels against a plain reading of the published algorithm."""

import math
import random
import re
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.newwords import compat2019
from cnmine.newwords.compat2019 import discover_compat_2019

LOOSE = (0.0, 0.5, 1.0, 1.5)  # small texts have no cohesion of 6 nats


def clean(document):
    """The text between the original's regular expression and its two consumers."""
    return re.sub("[^\u4e00-\u9fa50-9a-zA-Z ]+", "\n", document.replace("\u3000", " ").strip())


def reference_ngrams(documents, min_count):
    """Counts of the strings of 1–4 characters, summed from the frequent windows only, and their total."""
    windows = Counter()
    for document in documents:
        for line in clean(document).split("\n"):
            tokens = ["<s>"] * 3 + list(line.replace(" ", "")) + ["</s>"]
            windows.update(tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3))
    frequent = {window: count for window, count in windows.items() if count >= min_count}
    counts = Counter()
    for window, count in frequent.items():
        string = "".join(token for token in window if token not in ("<s>", "</s>"))
        for stop in range(1, len(string) + 1):
            counts[string[:stop]] += count
    return counts, sum(frequent.values())


def reference_solid(counts, total, min_pmi):
    solid = set()
    for string, count in counts.items():
        ratios = [
            float(total) * count / (counts.get(string[:i], float(total)) * counts.get(string[i:], float(total)))
            for i in range(1, len(string))
        ]
        if ratios and math.log(min(ratios)) >= min_pmi[len(string) - 1]:
            solid.add(string)
    return solid


def reference_cut(text, solid):
    """A gap is closed when one solid n-gram lies on both of its sides."""
    closed = set()
    for start in range(len(text)):
        for length in (2, 3, 4):
            if text[start : start + length] in solid:
                closed.update(range(start + 1, start + length))
    cuts = [0, *(gap for gap in range(1, len(text)) if gap not in closed), len(text)]
    return [text[start:stop] for start, stop in pairwise(cuts)]


def reference_words(documents, min_count, min_pmi):
    documents = list(documents)
    solid = reference_solid(*reference_ngrams(documents, min_count), min_pmi)
    words = Counter(word for document in documents for word in reference_cut(clean(document), solid))

    def is_confirmed(word):
        if len(word) < 3:
            return True
        return all(word[i : i + 4] in solid for i in range(max(1, len(word) - 3)))

    kept = [(word, count) for word, count in words.items() if count >= min_count and is_confirmed(word)]
    return sorted(kept, key=lambda pair: (-pair[1], pair[0]))


characters = st.sampled_from("新词发现发现a7 \n，\u3000\u4e00\u9fa5\u9fa6\U00020000\x00\t")
corpora = st.lists(
    st.one_of(
        st.text(characters, max_size=60),
        st.text(st.sampled_from("新词发 \n"), max_size=200),
        st.lists(st.sampled_from(["新词", "发现", "人工智能", "，", "\n", " ", "的"]), max_size=60).map("".join),
    ),
    max_size=6,
)


@given(corpora, st.integers(1, 5), st.sampled_from([LOOSE, (0.0, 2.0, 4.0, 6.0), (0.0, 0.0, 0.0, 0.0)]))
def test_discover_compat_2019__matches_reference(documents, min_count, min_pmi):
    found = discover_compat_2019(documents, min_count=min_count, min_pmi=min_pmi, keep_blanks=True)
    assert found == reference_words(documents, min_count, min_pmi)


@given(corpora, st.integers(1, 3))
def test_discover_compat_2019__same_words_for_any_thread_count_and_block(documents, min_count):
    whole = discover_compat_2019(documents, min_count=min_count, min_pmi=LOOSE, keep_blanks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compat2019, "BATCH_CHARACTERS", 11)
        patch.setattr(compat2019, "WINDOWS_PER_RANGE", 7)
        patch.setattr(compat2019, "CHARACTERS_PER_BLOCK", 5)
        cut = discover_compat_2019(documents, min_count=min_count, min_pmi=LOOSE, keep_blanks=True, threads=2)
    assert cut == whole


def shuffled_documents(words, n_documents=200):
    source = random.Random(1)
    return ["".join(source.choices(words, k=30)) for _ in range(n_documents)]


def test_discover_compat_2019__finds_words_and_sorts():
    words = ["人工智能", "世界", "机器学习", "好", "的", "改变", "中华人民共和国"]
    documents = shuffled_documents(words)
    found = discover_compat_2019(documents, min_count=5, min_pmi=(0.0, 1.0, 1.5, 2.0))
    assert {word for word, _ in found} == set(words)
    assert found == sorted(found, key=lambda pair: (-pair[1], pair[0]))
    assert found == reference_words(documents, 5, (0.0, 1.0, 1.5, 2.0))


def test_discover_compat_2019__threshold_applies_before_summing():
    """的 occurs four times but each of its windows once, so it leaves the total and is a part of nothing."""
    documents = ["甲的乙", "丙的丁", "戊的己", "庚的辛"]
    counts, total = reference_ngrams(documents, 2)
    assert (counts, total) == ({}, 0)
    assert discover_compat_2019(documents, min_count=2) == [("的", 4)]


def test_discover_compat_2019__blanks_vanish_for_counting_and_cut_the_text():
    documents = shuffled_documents(["新 词", "天", "地", "玄", "黄", "宇宙", "洪荒"])
    found = discover_compat_2019(documents, min_count=2, min_pmi=(0, 1, 2, 3))
    assert dict(found).keys() == set("新词天地玄黄") | {"宇宙", "洪荒"}
    documents.append("新词" * 2)  # 新词 is solid though it never stood unbroken before
    assert ("新词", 2) in discover_compat_2019(documents, min_count=2, min_pmi=(0, 1, 2, 3))


def test_discover_compat_2019__drops_pseudo_words_by_default():
    documents = ["", " ", "，新 词，"] * 3
    assert discover_compat_2019(documents, min_count=3, min_pmi=(0, 9, 9, 9)) == [("新", 3), ("词", 3)]
    kept = discover_compat_2019(documents, min_count=3, min_pmi=(0, 9, 9, 9), keep_blanks=True)
    assert kept == [("", 6), ("\n", 6), (" ", 3), ("新", 3), ("词", 3)]


def test_discover_compat_2019__word_longer_than_four_needs_all_windows():
    documents = ["中华人民共和国"] * 4
    assert discover_compat_2019(documents, min_count=4, min_pmi=(0, 0, 0, 0)) == [("中华人民共和国", 4)]


@pytest.mark.parametrize("documents", [[], [""], ["，。"], ["\ud800"]])
def test_discover_compat_2019__nothing_to_find(documents):
    assert discover_compat_2019(documents) == []


def test_discover_compat_2019__reads_an_iterator_once_and_reports_characters():
    progress = []
    found = discover_compat_2019(iter(["新词", "新词发现"]), min_count=2, min_pmi=LOOSE, on_progress=progress.append)
    assert sum(progress) == 6
    assert found == discover_compat_2019(["新词", "新词发现"], min_count=2, min_pmi=LOOSE)


@pytest.mark.parametrize("options", [{"min_count": 0}, {"min_pmi": (0, 1)}, {"min_pmi": (0, 1, 2, math.nan)}])
def test_discover_compat_2019__refuses_impossible_options(options):
    with pytest.raises(UsageError):
        discover_compat_2019(["新词"], **options)


@given(st.floats(-30, 700))
def test_min_ratio__is_the_boundary_of_the_logarithm(min_pmi):
    ratio = compat2019._min_ratio(min_pmi)
    assert math.log(ratio) >= min_pmi > math.log(math.nextafter(ratio, 0.0))


@pytest.mark.parametrize(("min_pmi", "ratio"), [(0.0, 1.0), (1e4, math.inf), (math.inf, math.inf)])
def test_min_ratio__at_special_values(min_pmi, ratio):
    assert compat2019._min_ratio(min_pmi) == ratio


def test_min_ratio__of_minus_infinity_lets_everything_pass():
    assert compat2019._min_ratio(-math.inf) <= 5e-324
