"""Sorting spans against sorting tuples, with shards and batches of a few spans."""

from __future__ import annotations

import numpy as np
import pytest
import reference_spans as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmine.dtypes import N_BOUNDARIES, RUN_BASE
from cnmine.errors import UsageError
from cnmine.sorting import spans
from cnmine.sorting.spans import rank_units, sort_spans

narrow = st.integers(4, 6)
wide = st.sampled_from([4, 5, 6, 300, 301, 40_000, 65_534, 65_535])
huge = st.sampled_from([4, 5, 70_000, (1 << 17) + 1, (1 << 19) + 5, (1 << 20) - 1])


def texts(units=narrow, max_size=40):
    """Texts of random spans, some of them many times."""
    span = st.lists(units, min_size=1, max_size=8)
    repeated = st.tuples(span, st.integers(1, 5)).map(lambda pair: pair[0] * pair[1])
    flagged = st.tuples(repeated, st.integers(0, 3))
    return (
        st.lists(flagged, max_size=max_size)
        .flatmap(lambda some: st.lists(st.sampled_from(some), max_size=max_size) if some else st.just([]))
        .flatmap(lambda chosen: st.integers(0, 3).map(lambda last: join(chosen, last)))
    )


def join(flagged, last):
    text = []
    for span, flag in flagged:
        text += [flag, *span]
    return [*text, last]


def shrink(monkeypatch, shard_slots=12, batch_bits=3, key_symbols=3):
    monkeypatch.setattr(spans, "SHARD_SLOTS", shard_slots)
    monkeypatch.setattr(spans, "BLOCK_SLOTS", 16)
    monkeypatch.setattr(spans, "BATCH_BITS", batch_bits)
    monkeypatch.setattr(spans, "KEY_SYMBOLS", key_symbols)
    monkeypatch.setattr(spans, "SORT_STEPS", 7)


@pytest.mark.parametrize("units, dtype", [(narrow, np.uint16), (wide, np.uint16), (wide, np.uint32), (huge, np.uint32)])
@pytest.mark.parametrize("shard_slots", [3, 12, 1 << 18])
@pytest.mark.parametrize("key_symbols", [0, 3, 100])
def test_sort_spans__equals_sorting_tuples(units, dtype, shard_slots, key_symbols):
    @settings(max_examples=25)
    @given(texts(units))
    def check(text):
        expected = reference.sort_spans(text)
        with pytest.MonkeyPatch.context() as monkeypatch:
            shrink(monkeypatch, shard_slots, key_symbols=key_symbols)
            result = sort_spans(np.array(text, dtype))
        assert result.tolist() == expected
        assert result.dtype == dtype

    check()


@given(texts(max_size=20), st.integers(1, 6), st.integers(1, 2))
def test_sort_spans__cuts_long_spans(text, max_span, threads):
    with pytest.MonkeyPatch.context() as monkeypatch:
        shrink(monkeypatch)
        monkeypatch.setattr(spans, "MAX_SPAN", max_span)
        done = []
        result = sort_spans(np.array(text, np.uint16), threads=threads, on_progress=done.append)
    assert result.tolist() == reference.sort_spans(text, max_span)
    assert sum(done) == len(text)


@given(texts(wide, max_size=100))
def test_sort_spans__large_shards_are_sorted_from_the_text(text):
    with pytest.MonkeyPatch.context() as monkeypatch:
        shrink(monkeypatch, shard_slots=2)
        assert sort_spans(np.array(text, np.uint16), threads=2).tolist() == reference.sort_spans(text)


@pytest.mark.parametrize("text", [[], [0], [3]])
def test_sort_spans__nothing_to_sort(text):
    assert sort_spans(np.array(text, np.uint16)).tolist() == []


def test_sort_spans__terminator_sorts_before_units_and_closing_before_opening():
    # 甲 with all four pairs of flags, and 甲乙
    text = [2, 4, 3, 4, 2, 4, 5, 0, 4, 1, 4, 0]
    # neither, opening, closing, both; then 甲乙 with opening
    expected = [0, 4, 2, 4, 0, 4, 1 | 2, 4, 1 | 2, 4, 5, 0]
    assert sort_spans(np.array(text, np.uint16)).tolist() == expected == reference.sort_spans(text)


def test_sort_spans__accepts_read_only_and_strided_texts_and_leaves_them_alone():
    text = np.array([0, 5, 1, 4, 2, 5, 4, 0], np.uint16)
    strided = np.repeat(text, 2)[::2]
    text.flags.writeable = False
    assert sort_spans(text).tolist() == sort_spans(strided).tolist() == reference.sort_spans(text.tolist())


def test_sort_spans__full_size_shards(threads):
    source = np.random.default_rng(7)
    text = (source.zipf(1.3, 700_000) % 3000 + 3).astype(np.uint16)
    text[source.random(len(text)) < 0.15] = 2
    text = np.concatenate([[0], text[~((text < 4) & (np.roll(text, 1) < 4))], [1]]).astype(np.uint16)
    text = text[~((text < 4) & np.append(text[1:] < 4, False))]
    assert sort_spans(text, threads=threads).tolist() == reference.sort_spans(text.tolist())


@pytest.mark.parametrize(
    "text, message",
    [
        (np.array([4, 0], np.uint16), "begin and end"),
        (np.array([0, 4], np.uint16), "begin and end"),
        (np.array([0, 4, 0, 1, 4, 0], np.uint16), "two at 2"),
        (np.array([0, 4, 0], np.int64), "int64"),
        (np.zeros((2, 2), np.uint16), "uint16"),
    ],
)
def test_sort_spans__refuses_what_is_no_text(text, message):
    with pytest.raises(UsageError, match=message):
        sort_spans(text)


def test_sort_spans__equal_spans_take_linear_time():
    # A comparison of all pairs, or a pass of keys for every symbol, would take minutes.
    long = np.full(400_000, 7, np.uint16)
    text = np.concatenate([[0], long, [0], long, [1], np.tile(np.array([5, 6, 7, 8, 9] * 6 + [0], np.uint16), 30_000)])
    result = sort_spans(text.astype(np.uint16))
    assert result[: 31 * 30_000].reshape(-1, 31)[:, 1:].tolist() == [[5, 6, 7, 8, 9] * 6] * 30_000
    assert result[31 * 30_000 :].tolist() == [0, *long.tolist(), 0, *long.tolist(), 1]


def test_rank_units__byte_order():
    runs = ["b", "中", "Ａ", "é", "a1"]  # a full-width letter stands behind Han characters
    counts = np.zeros(RUN_BASE + 9, np.int64)
    counts[[1, ord("甲"), ord("中"), ord("𠮷"), RUN_BASE, RUN_BASE + 2, RUN_BASE + 3, RUN_BASE + 4]] = 2
    id_of_code, units = rank_units(counts, [run.encode() for run in runs])
    assert units == sorted(text.encode() for text in ["甲", "中", "𠮷", "b", "Ａ", "é", "a1"])
    assert id_of_code.dtype == np.uint32
    assert id_of_code[:N_BOUNDARIES].tolist() == [0, 1, 2, 3]
    assert id_of_code[RUN_BASE + 1] == 0  # does not occur
    for code, text in [
        (ord("甲"), "甲"),
        (ord("𠮷"), "𠮷"),
        (RUN_BASE, "b"),
        (RUN_BASE + 2, "Ａ"),
        (RUN_BASE + 4, "a1"),
    ]:
        assert units[id_of_code[code] - N_BOUNDARIES] == text.encode()
    assert np.count_nonzero(id_of_code[N_BOUNDARIES:]) == len(units)


def test_rank_units__nothing():
    id_of_code, units = rank_units(np.zeros(RUN_BASE, np.int64), [])
    assert units == [] and id_of_code[:5].tolist() == [0, 1, 2, 3, 0]
