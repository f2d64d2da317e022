"""Building a store: the bytes of the obvious builder, whatever the memory, the threads, the order or the parts."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_store import Span, spans_of_text, write_reference_store

from cnmine.errors import CorpusError, StoreError, UsageError
from cnmine.io.paths import find_sources
from cnmine.ngrams import build
from cnmine.ngrams.build import count_corpus, merge_stores
from cnmine.ngrams.corpus import load_corpus
from cnmine.ngrams.lookup import open_ngrams
from cnmine.sorting import spill

CHARACTERS = "我你他的了在𠮷一5aZ，。“”（）《》 \n.-"
texts = st.lists(st.text(CHARACTERS, max_size=30), min_size=0, max_size=6).map("\n".join)


def _count(directory: Path, text: str | list[str], name: str = "a.store", **options) -> bytes:
    paths = []
    for i, part in enumerate([text] if isinstance(text, str) else text):
        path = directory / f"{name}.{i}.txt"
        path.write_text(part, encoding="utf-8", newline="")
        paths.append(str(path))
    target = directory / name
    count_corpus(find_sources(paths), str(target), **options)
    return target.read_bytes()


def _expected(directory: Path, parts: list[str], **options) -> bytes:
    spans: list[Span] = [span for part in parts for span in spans_of_text(part)]
    sizes = {"n_bytes": sum(len(part.encode()) for part in parts), "n_characters": sum(map(len, parts))}
    write_reference_store(str(directory / "expected.store"), spans, **sizes, **options)
    return (directory / "expected.store").read_bytes()


@pytest.fixture
def tiny_budget(monkeypatch):
    monkeypatch.setattr(build, "MIN_BUDGET_BYTES", 0)
    return 14 * 40  # stretches of 40 units


def _sample_text(n_lines: int, seed: int) -> str:
    rng = random.Random(seed)
    words = ["天气", "今天", "很好", "我们", "出去", "走走", "“好的”", "，", "。", "ABC", "2024", "的", "了", "《书》"]
    return "\n".join("".join(rng.choices(words, k=rng.randint(0, 12))) for _ in range(n_lines))


@given(texts, st.integers(1, 7))
@settings(max_examples=60)
def test_count_corpus__bytes_of_the_reference(tmp_path_factory, text, max_order):
    directory = tmp_path_factory.mktemp("store")
    assert _count(directory, text, max_order=max_order) == _expected(directory, [text], max_order=max_order)


@given(st.lists(texts, min_size=1, max_size=4), st.randoms())
@settings(max_examples=40)
def test_merge_stores__bytes_of_counting_all(tmp_path_factory, parts, rng):
    directory = tmp_path_factory.mktemp("store")
    for i, part in enumerate(parts):
        _count(directory, part, f"{i}.store")
    stores = [str(directory / f"{i}.store") for i in range(len(parts))]
    rng.shuffle(stores)
    merge_stores(stores, str(directory / "all.store"))
    assert (directory / "all.store").read_bytes() == _expected(directory, parts)
    # … and associative: a store that was merged is like any other.
    merge_stores(stores[:2], str(directory / "two.store"))
    merge_stores([*stores[2:], str(directory / "two.store")], str(directory / "all.store"))
    assert (directory / "all.store").read_bytes() == _expected(directory, parts)


@pytest.mark.parametrize("block_bytes", [50, 1 << 22])
def test_count_corpus__same_bytes_with_a_tiny_budget(tmp_path, tiny_budget, threads, block_bytes, monkeypatch):
    parts = [_sample_text(60, seed) for seed in range(3)]
    whole = _expected(tmp_path, parts)
    spilled = []
    monkeypatch.setattr(spill, "spill_run", lambda run, path, f=spill.spill_run: spilled.append(path) or f(run, path))
    options = {"threads": threads, "temp_dir": str(tmp_path), "block_bytes": block_bytes}
    assert _count(tmp_path, parts, budget_bytes=tiny_budget, **options) == whole
    assert len(spilled) > (20 if block_bytes == 50 else 2)
    assert _count(tmp_path, parts[::-1], **options) == whole
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".store"] * 2 + [".txt"] * 3


def test_merge_stores__same_bytes_with_a_tiny_budget(tmp_path, tiny_budget, threads):
    parts = [_sample_text(60, seed) + "\n全新的" + chr(0x4E00 + seed) for seed in range(4)]
    for i, part in enumerate(parts):
        _count(tmp_path, part, f"{i}.store")
    stores = [str(tmp_path / f"{i}.store") for i in range(4)]
    merge_stores(stores, stores[0], budget_bytes=tiny_budget, temp_dir=str(tmp_path), threads=threads)
    assert (tmp_path / "0.store").read_bytes() == _expected(tmp_path, parts)


def test_count_corpus__a_span_that_never_ends(tmp_path, tiny_budget, monkeypatch):
    monkeypatch.setattr("cnmine.counting.codes.MAX_SPAN", 64)
    monkeypatch.setattr("cnmine.sorting.spans.MAX_SPAN", 64)
    text = "".join(chr(0x4E00 + i * 7 % 50) for i in range(1000)) + "”。“" + "天" * 64 + "”" + "地" * 65
    expected = _expected(tmp_path, [text], max_span=64)
    for block_bytes in (30, 300, 1 << 22):
        assert _count(tmp_path, text, budget_bytes=tiny_budget, block_bytes=block_bytes) == expected


def test_count_corpus__vocabulary_beyond_sixteen_bits(tmp_path, tiny_budget):
    rng = random.Random(1)
    text = "\n".join("".join(f"词{rng.randrange(150_000)}，" for _ in range(20)) for _ in range(5_000))
    whole = _count(tmp_path, text)
    assert _count(tmp_path, text, threads=2, budget_bytes=14 * 60_000) == whole
    with open_ngrams(str(tmp_path / "a.store")) as store:
        assert store.n_units > 1 << 16
        assert store.counts(["词", "词1"]).sum() > 100_000


def test_count_corpus__settings_tell_what_was_counted(tmp_path):
    text = "天气好。Hello天气\n"
    _count(tmp_path, text, max_order=3, fold_case=True)
    with open_ngrams(str(tmp_path / "a.store")) as store:
        assert {name: store.settings[name] for name in ("max_order", "fold_case", "n_bytes", "n_characters")} == {
            "max_order": 3, "fold_case": True, "n_bytes": len(text.encode()), "n_characters": len(text)
        }  # fmt: skip
        assert store.counts(["天气", "hello天气", "好", "没有"]).tolist() == [2, 1, 1, 0]


def test_count_corpus__failure_leaves_the_old_store(tmp_path):
    old = _count(tmp_path, "天气")
    (tmp_path / "bad.txt").write_bytes("天气".encode() + b"\xff\xfe\xff")
    with pytest.raises(CorpusError, match="bad.txt"):
        count_corpus(find_sources([str(tmp_path / "bad.txt")]), str(tmp_path / "a.store"))
    assert (tmp_path / "a.store").read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("max_order", [0, 8])
def test_count_corpus__order_out_of_range(tmp_path, max_order):
    with pytest.raises(UsageError, match="max_order"):
        _count(tmp_path, "天气", max_order=max_order)


def test_merge_stores__refuses_what_was_counted_otherwise(tmp_path):
    _count(tmp_path, "天气", "a.store")
    _count(tmp_path, "天气", "b.store", max_order=3)
    with pytest.raises(UsageError, match=r"b\.store: max_order is 3, and 6 in .*a\.store"):
        merge_stores([str(tmp_path / "a.store"), str(tmp_path / "b.store")], str(tmp_path / "c.store"))
    with pytest.raises(UsageError, match="nothing to merge"):
        merge_stores([], str(tmp_path / "c.store"))
    with pytest.raises(StoreError, match="expected a store"):
        merge_stores([str(tmp_path / "nothing.store")], str(tmp_path / "c.store"))


def test_load_corpus__the_corpus_that_was_counted(tmp_path):
    from cnmine.counting.corpus import read_corpus

    text = _sample_text(300, 5)
    _count(tmp_path, text)
    with open_ngrams(str(tmp_path / "a.store")) as store:
        loaded = load_corpus(store)
    corpus = read_corpus(find_sources([str(tmp_path / "a.store.0.txt")]))
    assert loaded.vocabulary == corpus.vocabulary
    assert len(loaded.units) == len(corpus.units)
    assert (loaded.n_bytes, loaded.n_characters, loaded.n_rare_units) == (corpus.n_bytes, corpus.n_characters, 0)
    assert sorted(_spans(loaded.units)) == sorted(_spans(corpus.units))


def _spans(units) -> list[tuple[int, ...]]:
    """Every span with the halves of the boundaries around it that belong to it."""
    values = units.tolist()
    edges = [i for i, unit in enumerate(values) if unit < 4]
    return [(values[a] & 2, *values[a + 1 : b], values[b] & 1) for a, b in pairwise(edges) if b > a + 1]
