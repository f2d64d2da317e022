"""Whatever is asked of a store is what a count of the text by hand gives."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_store import Span, spans_of_text, store_sections, write_reference_store

from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.ngrams import contexts, listing, lookup
from cnmine.ngrams.contexts import WordMeter
from cnmine.ngrams.listing import iter_ngrams, most_frequent
from cnmine.ngrams.lookup import open_ngrams
from cnmine.ngrams.vocabulary import COUNTABLE, NO_NGRAM, TOO_LONG, UNKNOWN
from cnmine.stats.entropy import branching_entropy

UNITS = ["5G", "C++", "a", "ab", "中", "国", "人", "𠮷"]
TEXT = "他说“你好”。5G手机，5G手机很好！（完）他们说的很好，你好你好。"

spans_of_units = st.lists(
    st.builds(Span, st.lists(st.sampled_from(UNITS), min_size=1, max_size=9).map(tuple), st.booleans(), st.booleans()),
    max_size=30,
)
few_examples = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Plain:
    """Everything about the n-grams of some spans, by counting them one by one."""

    def __init__(self, spans, max_order):
        self.counts, self.beside = Counter(), {}
        self.n_tokens = sum(len(span.units) for span in spans)
        for units, closing, opening in spans:
            edges = [2 * opening, *units, 1 * closing]
            for start in range(1, len(units) + 1):
                for stop in range(start + 1, min(start + max_order, len(units) + 1) + 1):
                    ngram = tuple(edges[start:stop])
                    self.counts[ngram] += 1
                    left, right = self.beside.setdefault(ngram, (Counter(), Counter()))
                    left[edges[start - 1]] += 1
                    right[edges[stop]] += 1

    def cohesion(self, ngram):
        products = [self.counts[ngram[:i]] * self.counts[ngram[i:]] for i in range(1, len(ngram))]
        return math.log(self.n_tokens * self.counts[ngram] / max(products)) if products else 0.0

    def neighbours(self, ngram, side):
        """Distinct units, boundaries, quotations, top; entropy; (unit, count) by falling count, then by bytes."""
        found = self.beside[ngram][side]
        units = {unit: n for unit, n in found.items() if isinstance(unit, str)}
        boundaries = {unit: n for unit, n in found.items() if not isinstance(unit, str)}
        tallies = [len(units), sum(boundaries.values()), sum(n for bit, n in boundaries.items() if bit)]
        entropy = reference.entropy([*units.values(), *[1] * tallies[1]])
        best = sorted(units.items(), key=lambda item: (-item[1], item[0].encode()))
        return [*tallies, max(units.values(), default=0)], entropy, best

    def of_order(self, order):
        ngrams = [ngram for ngram in self.counts if len(ngram) == order]
        return sorted(ngrams, key=lambda ngram: [unit.encode() for unit in ngram])


@pytest.fixture
def make_store(tmp_path):
    """Writes a reference store and opens it."""
    opened = []

    def make(spans, **options):
        path = tmp_path / f"{len(opened)}.store"
        write_reference_store(path, spans, **options)
        opened.append(open_ngrams(path))
        return opened[-1]

    yield make
    for ngrams in opened:
        ngrams.close()


def random_spans(n=400, seed=0):
    """Words of a small lexicon, so that n-grams repeat."""
    source = random.Random(seed)
    lexicon = [source.choices(UNITS, k=source.randint(1, 4)) for _ in range(12)]
    return [
        Span(
            tuple(unit for _ in range(source.randint(1, 4)) for unit in source.choice(lexicon)),
            source.random() < 0.2,
            source.random() < 0.2,
        )
        for _ in range(n)
    ]


def is_written_apart(ngram):
    """Whether a reader of text finds these units again: runs of letters that meet are one."""
    return not any(a.isascii() and b.isascii() for a, b in pairwise(ngram))


def check_store(ngrams, plain, max_order, threads, n_neighbours):
    spellable = [ngram for ngram in plain.counts if is_written_apart(ngram)]
    words = ["".join(ngram) for ngram in spellable] + ["国国国", "龙", "Z"]
    expected = [plain.counts[ngram] for ngram in spellable]
    expected += [plain.counts.get(("国",) * 3, 0) if max_order >= 3 else -1, 0, 0]
    assert ngrams.counts(words, threads=threads).tolist() == expected
    meter = WordMeter(ngrams, n_neighbours=n_neighbours, threads=threads)
    for _ in range(2):  # the second time some are remembered
        measured = meter.measure(words * 2)
        assert measured.counts.tolist() == expected * 2
        for row, ngram in enumerate(spellable * 2):
            row += 3 * (row >= len(spellable))
            assert measured.cohesion[row] == pytest.approx(plain.cohesion(ngram), abs=1e-12)
            for index, side in enumerate(("left", "right")):
                tallies, entropy, best = plain.neighbours(ngram, index)
                assert getattr(measured, side)[row].tolist() == tallies
                assert branching_entropy(measured, side, boundary="distinct")[row] == pytest.approx(entropy, abs=1e-9)
                shown = ngrams.vocabulary.spell_counted(
                    getattr(measured, f"{side}_units")[row : row + 1],
                    getattr(measured, f"{side}_counts")[row : row + 1],
                )
                assert shown == [" ".join(f"{unit}:{n}" for unit, n in best[:n_neighbours])]


def listed(ngrams, blocks):
    return [pair for ids, counts in blocks for pair in zip(ngrams.vocabulary.spell(ids), counts.tolist(), strict=True)]


@few_examples
@given(spans_of_units, st.integers(1, 5), st.sampled_from([1, 2]), st.integers(0, 3))
def test_store__answers_are_those_of_a_count_by_hand(make_store, spans, max_order, threads, n_neighbours):
    check_store(make_store(spans, max_order=max_order), Plain(spans, max_order), max_order, threads, n_neighbours)


@few_examples
@given(spans_of_units, st.integers(1, 5), st.integers(1, 3), st.sampled_from([1, 2]))
def test_iter_ngrams__lists_each_once_in_order(make_store, spans, max_order, min_count, threads):
    ngrams, plain = make_store(spans, max_order=max_order), Plain(spans, max_order)
    for order in range(1, max_order + 1):
        expected = [("".join(w), plain.counts[w]) for w in plain.of_order(order) if plain.counts[w] >= min_count]
        assert listed(ngrams, iter_ngrams(ngrams, order, min_count=min_count, threads=threads)) == expected


@pytest.mark.parametrize("max_order", [2, 6])
def test_store__with_many_windows(make_store, monkeypatch, threads, max_order):
    """So many that samples, keys, slices and seams all matter."""
    spans = random_spans()
    ngrams, plain = make_store(spans, max_order=max_order), Plain(spans, max_order)
    assert ngrams.n_windows > 3 * lookup.SAMPLED_WINDOWS or max_order == 2
    monkeypatch.setattr(lookup, "BATCH_WORDS", 50)
    monkeypatch.setattr(contexts, "_BATCH_WINDOWS", 300)
    monkeypatch.setattr(contexts, "_CALL_WINDOWS", 7)
    monkeypatch.setattr(contexts, "_REMEMBERED_WINDOWS", 3)
    monkeypatch.setattr(contexts, "MAX_REMEMBERED", 20)
    check_store(ngrams, plain, max_order, threads, 3)
    for block_windows in (1, 64, 100, 192):
        monkeypatch.setattr(listing, "BLOCK_WINDOWS", block_windows)
        for order in range(1, max_order + 1):
            expected = [("".join(w), plain.counts[w]) for w in plain.of_order(order) if plain.counts[w] >= 2]
            assert listed(ngrams, iter_ngrams(ngrams, order, min_count=2, threads=threads)) == expected


def test_store__of_one_span_repeated(make_store):
    """All occurrences are of few windows: the samples stand far apart."""
    spans = [Span(tuple("中国人"))] * 5000 + [Span(("国", "人"), True, True)] * 3
    ngrams = make_store(spans, max_order=3)
    assert ngrams.counts(["中国人", "国人", "人", "人中"]).tolist() == [5000, 5003, 5003, 0]
    measured = WordMeter(ngrams, n_neighbours=2).measure(["国人", "国"])
    assert measured.left.tolist() == [[1, 3, 3, 5000], [1, 3, 3, 5000]]
    assert measured.right.tolist() == [[0, 5003, 3, 0], [1, 0, 0, 5003]]


def test_most_frequent__sorts_by_count_then_text(make_store, monkeypatch):
    spans = random_spans(100)
    ngrams, plain = make_store(spans, max_order=3), Plain(spans, 3)
    expected = sorted((("".join(w), plain.counts[w]) for w in plain.of_order(2)), key=lambda pair: -pair[1])
    assert listed(ngrams, most_frequent(ngrams, 2)) == expected
    monkeypatch.setattr(listing, "BLOCK_WINDOWS", 64)
    monkeypatch.setattr(listing, "_SPARE_ROWS", 3)
    monkeypatch.setattr(listing, "BLOCK_ROWS", 2)
    assert listed(ngrams, most_frequent(ngrams, 2, top=5)) == expected[:5]
    assert listed(ngrams, most_frequent(ngrams, 2, min_count=10**6)) == []
    with pytest.raises(ResourceError, match=rf"sorting {len(expected)} n-grams .* --memory allows 0 MB"):
        list(most_frequent(ngrams, 2, budget_bytes=1000))


def test_encode_words__as_text_is_read(make_store):
    ngrams = make_store(spans_of_text(TEXT), max_order=3)
    words = ["你好", "５Ｇ手机", "5g手机", "5G手机很好", "你，好", "你好 ", "", "你\n好", "好" * 70, "x" * 70, "\ud800"]
    encoded = ngrams.encode_words(words)
    expected = [COUNTABLE, COUNTABLE, UNKNOWN, TOO_LONG] + [NO_NGRAM] * 4 + [TOO_LONG] + [NO_NGRAM] * 2
    assert encoded.kinds.tolist() == expected
    assert np.diff(encoded.offsets).tolist() == [2, 3] + [0] * 9
    assert ngrams.vocabulary.spell(encoded.ids[2:].reshape(1, 3)) == ["5G手机"]
    assert ngrams.counts(words).tolist() == [3, 2, 0] + [-1] * 8
    assert ngrams.counts([]).tolist() == []
    folded = make_store(spans_of_text(TEXT, fold_case=True), max_order=3, fold_case=True)
    assert folded.counts(["5g手机", "5G手机", "５ｇ"]).tolist() == [2, 2, 2]


def test_store__with_punctuation_kept(make_store):
    text = "他说：“你好”。\nHello, world! 5 人; 10%。\n“你好 ”。󰀀·\n"
    spans = spans_of_text(text, punctuation="keep")
    ngrams = make_store(spans, max_order=4, punctuation="keep")
    words = ["“你好", " “ 你 好", "Hello,", "Hello world", "! 5人", "%。", "·", "󰀀", "", " ", "？", "说：“你好"]
    assert ngrams.counts(words).tolist() == [2, 2, 1, 0, 1, 1, 1, 1, -1, -1, 0, -1]
    plain = Plain(spans, 4)
    for order in range(1, 5):
        shown = listed(ngrams, iter_ngrams(ngrams, order))
        assert sorted(count for _, count in shown) == sorted(plain.counts[w] for w in plain.of_order(order))
        assert ngrams.counts([text for text, _ in shown]).tolist() == [count for _, count in shown]
    measured = WordMeter(ngrams, n_neighbours=9).measure(["你好"])
    assert ngrams.vocabulary.spell_counted(measured.left_units, measured.left_counts) == ["“:2"]


def test_ranges__refuse_what_is_no_ngram(make_store):
    ngrams = make_store(spans_of_text(TEXT), max_order=3)
    for ids, offsets in [
        ([4], [0, 2]),
        ([4] * 4, [0, 4]),
        ([3], [0, 1]),
        ([99], [0, 1]),
        ([4], []),
        ([4, 4], [0, 2, 1, 2]),
    ]:
        with pytest.raises(UsageError):
            ngrams.ranges(np.array(ids, np.uint32), np.array(offsets, np.int64))
    with pytest.raises(UsageError, match="orders 1 … 3"):
        iter_ngrams(ngrams, 4)


def test_open__of_an_empty_store(make_store):
    ngrams = make_store([], max_order=2)
    assert ngrams.counts(["好", "5G", "好好好"]).tolist() == [0, 0, -1]
    assert listed(ngrams, iter_ngrams(ngrams, 1)) == []
    assert listed(ngrams, most_frequent(ngrams, 2)) == []
    assert WordMeter(ngrams).measure(["好"]).counts.tolist() == [0]


def contradictions():
    """(section, bits, values) that do not go together with the rest."""
    sections = store_sections(spans_of_text(TEXT), max_order=3)
    for name, (bits, values) in sections.items():
        if name in ("settings", "occurrences"):
            continue
        yield name, bits + 1 if bits not in (8, 64) else 32, values & np.uint64(2**31 - 1)
        yield name, bits, values[:-1]
        yield name, bits, np.append(values, values[:1])
    settings_text = bytes(sections["settings"][1].astype(np.uint8))
    for old, new in [
        (b'"n_tokens":23', b'"n_tokens":99'),
        (b'"n_units":11', b'"n_units":-1'),
        (b'"max_order":3', b'"max_order":"3"'),
        (b'"max_order":3', b'"max_order":99'),
        (b'"fold_case":false', b'"fold_case":0'),
        (b'"n_windows"', b'"n_win"'),
        (b'"drop"', b'"skip"'),
        (b"{", b"["),
    ]:
        assert old in settings_text
        yield "settings", 8, np.frombuffer(settings_text.replace(old, new), np.uint8)
    yield "settings", 8, np.frombuffer(b"\xff" * 9, np.uint8)
    yield "settings", 8, np.frombuffer(b"[" * 100_000, np.uint8)
    for name in ("unit_offsets", "first_windows"):
        bits, values = sections[name]
        yield name, bits, values[::-1]


@pytest.mark.parametrize("change", list(contradictions()), ids=lambda change: change[0])
def test_open__refuses_sections_that_contradict_each_other(tmp_path, change):
    name, bits, values = change
    path = tmp_path / "bad.store"
    write_reference_store(path, spans_of_text(TEXT), max_order=3, change={name: (bits, values)})
    with pytest.raises(StoreError, match=r"bad\.store: is damaged"):
        open_ngrams(path)


@few_examples
@given(st.data())
def test_store__with_wrong_values_gives_an_error_or_an_answer(tmp_path, data):
    """Right lengths and checksums, wrong values: kernels must never read beyond the arrays."""
    sections = store_sections(random_spans(40), max_order=3)
    names = [name for name in sections if name != "settings"]
    change = {}
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)):
        bits, values = sections[name]
        values = values.copy()
        n_changes = data.draw(st.integers(1, 8))
        for _ in range(n_changes):
            value = data.draw(st.one_of(st.just(2**bits - 1), st.integers(0, 2**bits - 1)))
            values[data.draw(st.integers(0, len(values) - 1))] = value
        change[name] = (bits, values)
    path = tmp_path / "odd.store"
    write_reference_store(path, random_spans(40), max_order=3, change=change)
    words = ["".join(pair) for pair in zip(UNITS, UNITS[::-1], strict=True)] + UNITS + ["中国人"]
    try:
        with open_ngrams(path) as ngrams:
            for ask in (
                lambda: ngrams.counts(words),
                lambda: WordMeter(ngrams, n_neighbours=2).measure(words),
                lambda: listed(ngrams, iter_ngrams(ngrams, 1)),
                lambda: listed(ngrams, most_frequent(ngrams, 3)),
            ):
                try:
                    ask()
                except StoreError as err:
                    assert "odd.store: is damaged" in str(err)
    except StoreError as err:
        assert "odd.store: is damaged" in str(err)
