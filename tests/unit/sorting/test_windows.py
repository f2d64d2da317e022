"""Sorted windows: against the plain version, for every way of cutting up the work, and for texts that repeat."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
import reference_windows as reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.sorting import parts, window_sorter, windows
from cnmine.sorting.windows import WindowBlock, sort_windows, temp_bytes, window_keys
from cnmine.store.packing import Packed, pack

PLENTY = 1 << 30
CUTS = {  # every bound that decides how the work is cut up, at its smallest, and a few in between
    "small blocks": {"BLOCK_POSITIONS": 3},
    "small shards": {"SHARD_POSITIONS": 2, "BLOCK_POSITIONS": 8},
    "small slices": {"SLICE_POSITIONS": 5},
    "few groups in a key": {"WORD_BITS": 44, "BLOCK_POSITIONS": 16},
    "many passes": {"MIN_POSITIONS": 5, "PASS_POSITIONS": 5},
    "one position": {"MIN_POSITIONS": 1, "PASS_POSITIONS": 1, "BLOCK_POSITIONS": 1, "SLICE_POSITIONS": 1},
}


@st.composite
def texts(draw, *, max_units=5):
    """Spans of few units, so that windows repeat, with any flags at the boundaries."""
    spans = draw(st.lists(st.lists(st.integers(4, 3 + max_units), min_size=1, max_size=9), max_size=25))
    flags = draw(st.lists(st.integers(0, 3), min_size=len(spans) + 1, max_size=len(spans) + 1))
    text = []
    for flag, span in zip(flags, spans, strict=False):
        text += [flag, *span]
    return [*text, flags[-1]] if spans else []


def sort_all(text, max_order, *, dtype=np.uint16, id_bits=3 + 1, budget_bytes=PLENTY, **options):
    text = np.array(text, dtype) if isinstance(text, list) else text
    blocks = list(sort_windows(text, max_order=max_order, id_bits=id_bits, budget_bytes=budget_bytes, **options))
    return [pair for block in blocks for pair in zip(block.pointers.tolist(), block.counts.tolist(), strict=True)]


@given(texts(), st.integers(1, 7), st.sampled_from([np.uint16, np.uint32]), st.sampled_from([4, 9, 16, 19, 20, 32]))
def test_sort_windows__matches_reference(text, max_order, dtype, id_bits):
    if id_bits > 16:
        dtype = np.uint32
    assert sort_all(text, max_order, dtype=dtype, id_bits=id_bits) == reference.sort_windows(text, max_order)


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@given(text=texts(max_units=3), max_order=st.integers(1, 7), threads=st.sampled_from([1, 3]))
def test_sort_windows__does_not_depend_on_how_the_work_is_cut(cut, text, max_order, threads):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cut.items():
            patch.setattr(window_sorter, name, value)
        pairs = sort_all(text, max_order, threads=threads, budget_bytes=1)
    assert pairs == reference.sort_windows(text, max_order)


@pytest.mark.parametrize("id_bits", [16, 17, 19, 20, 22])
def test_sort_windows__wide_ids(make_units, id_bits, threads):
    units = make_units(300).astype(np.uint32)
    # Spread over all bits, and still in order.
    units[units >= 4] = (units[units >= 4] * (((1 << id_bits) - 1) // 15)).astype(np.uint32)
    expected = reference.sort_windows(units.tolist(), 5)
    assert sort_all(units, 5, id_bits=id_bits, threads=threads) == expected


def test_sort_windows__more_groups_than_one_key_tells_apart(threads):
    source = np.random.default_rng(0)
    units = np.tile(source.integers(4, 3000, 8000), 3)
    units[::50] = 0
    text = np.append(units, [5, 0]).astype(np.uint16)
    assert sort_all(text, 5, id_bits=19, threads=threads) == reference.sort_windows(text.tolist(), 5)


def test_sort_windows__every_unit_only_once(threads):
    text = [0, *range(4, 3000), 2, *range(3000, 5000), 0]
    expected = [(i, 1) for i, unit in enumerate(text) if unit >= 4]
    assert sort_all(text, 4, id_bits=13, threads=threads) == expected


@pytest.mark.parametrize("budget_bytes", [PLENTY, 1])
def test_sort_windows__one_repeated_unit(budget_bytes, monkeypatch, threads):
    monkeypatch.setattr(window_sorter, "MIN_POSITIONS", 1000)
    n = 200_000
    text = np.full(n + 2, 7, np.uint16)
    text[[0, -1]] = 0
    # One window at each place near the end, one at the start, and one for all between.
    pairs = sort_all(text, 3, budget_bytes=budget_bytes, threads=threads)
    assert pairs == [(n, 1), (n - 1, 1), (n - 2, 1), (1, 1), (2, n - 4)]


def test_sort_windows__one_sentence_many_times(threads):
    sentence = [0, 9, 5, 6, 5, 8, 1]
    n = 20_000
    text = np.tile(np.array(sentence, np.uint16), n)
    once = sort_all(sentence, 4)
    assert sort_all(text, 4, threads=threads) == [(pointer, count * n) for pointer, count in once]


def test_sort_windows__text_in_a_read_only_map(tmp_path, make_units):
    units = make_units(500)
    units.tofile(tmp_path / "text")
    mapped = np.memmap(tmp_path / "text", np.uint16, "r")
    assert sort_all(mapped, 4) == sort_all(units, 4)
    npt.assert_array_equal(window_keys(mapped, np.array([1, 2]), 4, 5), window_keys(units, np.array([1, 2]), 4, 5))


def test_sort_windows__wide_positions(monkeypatch, make_units):
    units = make_units(200)
    expected = sort_all(units, 4)
    monkeypatch.setattr(windows, "WIDE_POSITIONS", 100)
    blocks = list(sort_windows(units, max_order=4, id_bits=4, budget_bytes=PLENTY))
    assert {block.pointers.dtype for block in blocks} == {np.dtype(np.uint64)}
    assert sort_all(units, 4) == expected


def as_packed(text, id_bits=4):
    return Packed(pack(np.array(text, np.uint32), id_bits), id_bits, len(text))


def as_mapped(text, directory):
    path = directory / "text"
    np.array(text, np.uint16).tofile(path)
    return np.memmap(path, np.uint16, "r") if text else np.zeros(0, np.uint16)


@given(
    text=texts(max_units=3),
    max_order=st.integers(1, 7),
    threads=st.sampled_from([1, 2]),
    budget=st.integers(1, 900),
    max_scans=st.sampled_from([0, 10_000]),
)
def test_sort_windows__in_parts_as_in_memory(tmp_path_factory, text, max_order, threads, budget, max_scans):
    directory = tmp_path_factory.mktemp("windows")
    options = {"budget_bytes": budget, "temp_dir": str(directory), "threads": threads}
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (parts, "MIN_BLOCK_POSITIONS", 3),
            (parts, "SLICE_POSITIONS", 2),
            (parts, "SAMPLE_POSITIONS", 5),
            (window_sorter, "MIN_POSITIONS", 2),
            (windows, "MAX_SCANS", max_scans),
        ):
            patch.setattr(module, name, value)
        pairs = sort_all(as_packed(text), max_order, **options)
    assert pairs == reference.sort_windows(text, max_order)
    assert list(directory.iterdir()) == []


def test_sort_windows__mapped_text_on_disk(tmp_path, monkeypatch, make_units, threads):
    monkeypatch.setattr(windows, "MAX_SCANS", 0)
    units = make_units(800).tolist()
    monkeypatch.setattr(parts, "MIN_BLOCK_POSITIONS", 100)
    calls = []
    split = windows.split_windows
    monkeypatch.setattr(windows, "split_windows", lambda *args, **options: calls.append(1) or split(*args, **options))
    mapped = as_mapped(units, tmp_path)
    assert sort_all(mapped, 5, budget_bytes=1000, temp_dir=str(tmp_path), threads=threads) == sort_all(units, 5)
    assert sort_all(mapped, 5, temp_dir=str(tmp_path), threads=threads) == sort_all(units, 5)
    assert calls == [1]  # the second time it fitted
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_sort_windows__wide_positions_on_disk(tmp_path, monkeypatch, make_units):
    monkeypatch.setattr(windows, "MAX_SCANS", 0)
    units = make_units(200).tolist()
    monkeypatch.setattr(windows, "WIDE_POSITIONS", 100)
    assert sort_all(as_packed(units), 3, budget_bytes=500, temp_dir=str(tmp_path)) == sort_all(units, 3)


def test_sort_windows__removes_its_files_when_it_is_left_early(tmp_path, make_units, monkeypatch):
    monkeypatch.setattr(windows, "MAX_SCANS", 0)
    packed = as_packed(make_units(500).tolist())
    blocks = sort_windows(packed, max_order=3, id_bits=4, budget_bytes=100, temp_dir=str(tmp_path))
    next(blocks)
    assert list(tmp_path.iterdir())
    blocks.close()
    assert list(tmp_path.iterdir()) == []


def test_sort_windows__packed_text_without_a_directory(make_units):
    units = make_units(200).tolist()
    assert sort_all(as_packed(units), 3, budget_bytes=1) == sort_all(units, 3)


def test_temp_bytes__is_what_is_written(tmp_path, make_units, monkeypatch):
    monkeypatch.setattr(windows, "MAX_SCANS", 0)
    units = make_units(500).tolist()
    blocks = sort_windows(as_packed(units), max_order=3, id_bits=4, budget_bytes=4000, temp_dir=str(tmp_path))
    next(blocks)
    written = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 0.5 < written / temp_bytes(len(units), max_order=3, id_bits=4) <= 1


def test_sort_windows__reports_every_unit(make_units, threads):
    units = make_units(3000)
    seen = []
    for block in sort_windows(units, max_order=3, id_bits=4, budget_bytes=1, threads=threads, on_progress=seen.append):
        assert isinstance(block, WindowBlock)
    assert sum(seen) == np.count_nonzero(units >= 4)


def test_sort_windows__empty_text():
    assert sort_all([], 4) == []


@pytest.mark.parametrize(
    ("text", "max_order", "id_bits", "message"),
    [
        ([0, 5, 0], 0, 4, "max_order"),
        ([0, 5, 0], 8, 4, "max_order"),
        ([5, 0], 3, 4, "boundary"),
        ([0, 5], 3, 4, "boundary"),
        ([0, 16, 0], 3, 4, "4 bits"),
        ([0, 5, 0], 3, 33, "id_bits"),
    ],
)
def test_sort_windows__refuses(text, max_order, id_bits, message):
    with pytest.raises(UsageError, match=message):
        sort_all(text, max_order, id_bits=id_bits)


@given(texts(), st.sampled_from([(4, 8), (4, 16), (13, 4), (16, 4), (32, 2), (64, 1)]))
def test_window_keys__match_reference(text, shape):
    id_bits, n_symbols = shape
    n_symbols = min(n_symbols, 8)
    positions = [i for i, unit in enumerate(text) if unit >= 4]
    keys = window_keys(np.array(text, np.uint16), np.array(positions, np.uint32), id_bits, n_symbols)
    assert keys.tolist() == reference.window_keys(text, positions, id_bits, n_symbols)


def test_window_keys__refuses_what_does_not_fit():
    with pytest.raises(UsageError, match="64"):
        window_keys(np.array([0, 5, 0], np.uint16), np.array([1]), 17, 4)
