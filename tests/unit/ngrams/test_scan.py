"""Windows one after another, from a store and from a text in memory, against the plain list of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_store import spans_of_text, write_reference_store

from cnmine.errors import StoreError, UsageError
from cnmine.ngrams import scan
from cnmine.ngrams.lookup import open_ngrams
from cnmine.ngrams.scan import gather_windows, iter_windows
from cnmine.sorting.windows import sort_windows

texts = st.lists(st.tuples(st.lists(st.integers(4, 7), min_size=1, max_size=6), st.integers(0, 3)), min_size=1)


def plain_windows(text: list[int], n_symbols: int) -> list[tuple]:
    """Symbols, left neighbour and count of every distinct window, sorted."""
    windows: Counter = Counter()
    for position, unit in enumerate(text):
        if unit >= 4:
            symbols: list[int] = []
            while len(symbols) < n_symbols and (following := text[position + len(symbols)]) >= 4:
                symbols.append(following)
            if len(symbols) < n_symbols:
                symbols.append(following & 1)
            symbols += [0] * (n_symbols - len(symbols))
            left = text[position - 1]
            windows[(*symbols, left if left >= 4 else left & 2)] += 1
    return sorted((*window, count) for window, count in windows.items())


def listed(blocks) -> list[tuple]:
    return [
        (*symbols, left, count)
        for block in blocks
        for symbols, left, count in zip(*(part.tolist() for part in block), strict=True)
    ]


@settings(max_examples=60)
@given(texts, st.integers(2, 5), st.sampled_from([np.uint16, np.uint32]))
def test_gather_windows__matches_plain_list(spans, n_symbols, dtype):
    text = [0]
    for units, boundary in spans:
        text += [*units, boundary]
    ids = np.array(text, dtype)
    blocks = sort_windows(ids, max_order=n_symbols - 1, id_bits=3, budget_bytes=1 << 20)
    found = listed(gather_windows(ids, ((block.pointers, block.counts) for block in blocks), n_symbols))
    assert found == plain_windows(text, n_symbols)


def test_gather_windows__pointers_that_are_at_no_unit():
    text = np.array([0, 4, 5, 0], np.uint16)
    for pointer in (0, 3, 4, 1000):
        with pytest.raises(StoreError):
            list(gather_windows(text, [(np.array([pointer], np.uint32), np.array([1]))], 2))


@pytest.mark.parametrize("n_symbols", [1, 2, 4])
def test_iter_windows__matches_the_text_of_the_store(tmp_path, monkeypatch, threads, n_symbols):
    monkeypatch.setattr(scan, "BLOCK_WINDOWS", 256)
    path = tmp_path / "text.store"
    words = "他说你好”。5G手机，“5G手机很好！（完）他们说的很好，你好你好。" * 3
    lines = ["".join(words[i % 7 :: i % 5 + 1]) for i in range(60)]
    write_reference_store(path, spans_of_text("\n".join(lines)), max_order=3)
    with open_ngrams(str(path)) as store:
        text = store.store.packed("text").decode().tolist()
        found: Counter = Counter()
        previous: tuple = ()
        for *window, count in listed(iter_windows(store, n_symbols, threads=threads)):
            assert tuple(window[:-1]) >= previous
            previous = tuple(window[:-1])
            found[tuple(window)] += count
        assert sorted((*window, count) for window, count in found.items()) == plain_windows(text, n_symbols)
        with pytest.raises(UsageError, match="count again with --max-order 4"):
            list(iter_windows(store, 5))
