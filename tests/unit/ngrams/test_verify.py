"""A store that contradicts itself is found out, whatever of it is wrong."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import numpy as np
import pytest
from reference_store import Span, spans_of_text, store_sections, write_reference_store

from cnmine.errors import StoreError
from cnmine.ngrams import verify
from cnmine.ngrams.lookup import open_ngrams
from cnmine.ngrams.verify import verify_ngrams

MAX_ORDER = 3


def some_spans(n=150, seed=0):
    source = random.Random(seed)
    return [
        Span(tuple(source.choices("天地人大小", k=source.randint(1, 6))), source.random() < 0.2, source.random() < 0.2)
        for _ in range(n)
    ]


SPANS = some_spans()
SECTIONS = store_sections(SPANS, max_order=MAX_ORDER)


def check(path, change=None):
    write_reference_store(path, SPANS, max_order=MAX_ORDER, change=change)
    seen = []
    with open_ngrams(path) as ngrams:
        verify_ngrams(ngrams, seen.append)
    return sum(seen)


@pytest.mark.parametrize("slice_length", [1, 64, 1 << 20])
def test_verify__a_good_store(tmp_path, monkeypatch, slice_length):
    for name in ("_SLICE_UNITS", "_SLICE_WINDOWS", "_SLICE_WORDS"):
        monkeypatch.setattr(verify, name, slice_length)
    assert check(tmp_path / "good.store") == len(SECTIONS["windows"][1])


@pytest.mark.parametrize("text", ["", "。", "好", "“5G手机”，（好）5G！"])
def test_verify__small_stores(tmp_path, text):
    write_reference_store(tmp_path / "small.store", spans_of_text(text), max_order=2)
    with open_ngrams(tmp_path / "small.store") as ngrams:
        verify_ngrams(ngrams)


@pytest.mark.parametrize("name", [name for name in SECTIONS if name not in ("settings", "windows")])
def test_verify__finds_every_wrong_value(tmp_path, name):
    """But pointers to another place with the same window, and flags of a boundary no pointer leads to."""
    source = random.Random(name)
    bits, values = SECTIONS[name]
    for _ in range(25):
        wrong = values.copy()
        i = source.choice(np.flatnonzero(values >= 4) if name == "text" else range(len(wrong)))
        wrong[i] ^= np.uint64(1 << source.randrange(bits))
        if name == "unit_texts":
            wrong[i] = 0xFF
        with pytest.raises(StoreError, match=r"odd\.store: is damaged"):
            check(tmp_path / "odd.store", {name: (bits, wrong)})


def test_verify__finds_pointers_to_other_windows(tmp_path):
    bits, values = SECTIONS["windows"]
    for i, j in [(0, 1), (5, 100), (len(values) - 1, 3)]:
        wrong = values.copy()
        wrong[i] = wrong[j]
        with pytest.raises(StoreError, match="windows are not in order at window"):
            check(tmp_path / "odd.store", {"windows": (bits, wrong)})


def test_verify__finds_spans_out_of_order(tmp_path):
    """The same units in the same numbers, and flags that are swapped."""
    bits, values = SECTIONS["text"]
    text = values.tolist()
    edges = [i for i, unit in enumerate(text) if unit < 4]
    parts = [text[a + 1 : b] for a, b in pairwise(edges)]
    i = next(i for i in range(len(parts) - 1) if len(parts[i]) == len(parts[i + 1]) and parts[i] != parts[i + 1])
    a, b = edges[i] + 1, edges[i + 1] + 1
    swapped = text.copy()
    swapped[a : a + len(parts[i])], swapped[b : b + len(parts[i])] = parts[i + 1], parts[i]
    with pytest.raises(StoreError, match="text is not in order at unit"):
        check(tmp_path / "odd.store", {"text": (bits, np.array(swapped, np.uint64))})


def test_verify__compares_the_settings(tmp_path):
    settings = json.loads(bytes(SECTIONS["settings"][1].astype(np.uint8)))
    settings["n_spans"] += 1
    settings["n_tokens"] -= 1
    written = np.frombuffer(json.dumps(settings).encode(), np.uint8)
    with pytest.raises(StoreError, match="is damaged"):
        check(tmp_path / "odd.store", {"settings": (8, written)})
