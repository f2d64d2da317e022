"""``cnmine count`` and ``merge``: what the options become, what is refused; and newwords from a store."""

from __future__ import annotations

import random

import pytest

from cnmine.ngrams.build import StoreSummary
from cnmine.ngrams.lookup import open_ngrams


@pytest.fixture
def corpus(tmp_path):
    rng = random.Random(3)
    words = ["天气", "今天", "我们", "出去", "区块链", "很", "的", "好", "，", "。", "“你好”", "5G"]
    path = tmp_path / "corpus.txt"
    lines = ("".join(rng.choices(words, k=rng.randint(1, 15))) for _ in range(2000))
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    return path


SETTINGS = {"n_bad": 0, "n_tokens": 3, "n_windows": 2, "n_bytes": 9}


def test_count__calls_the_library_with_the_documented_defaults(invoke, corpus, tmp_path, monkeypatch):
    calls = []

    def count_corpus(sources, path, **options):
        calls.append(options)
        (tmp_path / "a.store").write_bytes(b"")
        return StoreSummary(SETTINGS, 0)

    monkeypatch.setattr("cnmine.ngrams.build.count_corpus", count_corpus)
    result = invoke("count", corpus, "-o", tmp_path / "a.store", "-t", "2", "-m", "2G")
    assert result.code == 0
    assert "3 units, 2 distinct windows" in result.stderr
    (options,) = calls
    plain = {name: value for name, value in options.items() if not name.startswith("on_")}
    assert plain == {
        "max_order": 6, "fold_case": False, "punctuation": "drop", "budget_bytes": 2_000_000_000 - 220_000_000,
        "temp_dir": None, "threads": 2, "encoding": "utf-8", "jsonl_field": None, "column": None, "bad_bytes": "stop",
    }  # fmt: skip


def test_merge__calls_the_library_with_the_documented_defaults(invoke, tmp_path, monkeypatch):
    calls = []

    def merge_stores(paths, path, **options):
        calls.append((paths, options))
        (tmp_path / "c.store").write_bytes(b"")
        return StoreSummary(SETTINGS, 5_000_000)

    monkeypatch.setattr("cnmine.ngrams.build.merge_stores", merge_stores)
    result = invoke("merge", "a.store", "b.store", "-o", tmp_path / "c.store", "-t", "1", "-T", tmp_path)
    assert result.code == 0
    assert "5 MB spilled" in result.stderr
    ((paths, options),) = calls
    assert paths == ("a.store", "b.store")
    assert (options["temp_dir"], options["threads"]) == (str(tmp_path), 1)


def test_count__and_merge_round_trip(invoke, corpus, tmp_path):
    first, second = tmp_path / "a.store", tmp_path / "b.store"
    assert invoke("count", corpus, "-o", first, "--max-order", "3").code == 0
    assert invoke("merge", first, first, "-o", second, "-q").stderr == ""
    with open_ngrams(str(first)) as one, open_ngrams(str(second)) as two:
        words = ["区块链", "天气", "的"]
        assert (two.counts(words) == 2 * one.counts(words)).all()
        assert one.max_order == 3
    # An input may be the output.
    before = second.read_bytes()
    assert invoke("merge", second, "-o", second).code == 0
    assert second.read_bytes() == before


def test_count__empty_input_makes_an_empty_store(invoke, tmp_path):
    result = invoke("count", "-", "-o", tmp_path / "a.store", stdin=b"")
    assert result.code == 0
    assert "the store is empty" in result.stderr
    assert invoke("ngrams", tmp_path / "a.store", "--no-header").stdout == ""


def test_count__bad_bytes_that_were_passed_over_show_in_the_exit_code(invoke, tmp_path):
    (tmp_path / "bad.txt").write_bytes("天气\n".encode() + b"\xff\xff")
    assert invoke("count", tmp_path / "bad.txt", "-o", tmp_path / "a.store").code == 3
    assert not (tmp_path / "a.store").exists()
    assert invoke("count", tmp_path / "bad.txt", "-o", tmp_path / "a.store", "--bad-bytes", "skip").code == 3
    with open_ngrams(str(tmp_path / "a.store")) as store:
        assert store.counts(["天气"]).tolist() == [1]


@pytest.mark.parametrize(
    "args, message",
    [
        (("--jsonl-field", "text", "--column", "1"), "exclude each other"),
        (("--max-order", "8"), "8 is not in the range"),
        (("--temp-dir", "nowhere"), "nowhere: is no directory that can be written to"),
    ],
)
def test_count__refuses(invoke, corpus, tmp_path, args, message):
    result = invoke("count", corpus, "-o", tmp_path / "a.store", *args)
    assert (result.code, list(tmp_path.glob("a.store*"))) == (2, [])
    assert message in result.stderr


def test_count__output_must_not_be_the_input(invoke, corpus):
    result = invoke("count", corpus, "-o", corpus)
    assert result.code == 2
    assert "is input and output at once" in result.stderr


@pytest.mark.parametrize("options", [(), ("--method", "cut", "--all"), ("--method", "entropy", "--no-dict", "--all")])
def test_newwords__same_words_from_a_store_as_from_the_text(invoke, corpus, tmp_path, options):
    assert invoke("count", corpus, "-o", tmp_path / "a.store").code == 0
    common = ("--min-score", "0", *options)
    from_text, from_store = invoke("newwords", corpus, *common), invoke("newwords", tmp_path / "a.store", *common)
    assert from_text.code == from_store.code == 0
    assert from_store.stdout == from_text.stdout
    assert len(from_text.stdout.split("\n")) > 3


def test_newwords__what_a_store_cannot_do(invoke, corpus, tmp_path):
    store, kept = tmp_path / "a.store", tmp_path / "kept.store"
    invoke("count", corpus, "-o", store)
    invoke("count", corpus, "-o", kept, "--punctuation", "keep")
    for args, message in (
        ((store, corpus), "a store is to be the only input; count the text first"),
        ((store, kept), "a store is to be the only input; merge them first"),
        ((store, "--examples", "2"), "--examples does not apply to a store"),
        ((store, "--compat-2019"), "--compat-2019 reads text"),
        ((store, "-o", store), "is input and output at once"),
        ((kept,), "punctuation was kept, as for language models"),
    ):
        result = invoke("newwords", *args)
        assert result.code == 2
        assert message in result.stderr
