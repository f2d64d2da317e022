"""Reading a corpus: numbering of units, boundaries, files and blocks."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import numpy as np
import numpy.testing as npt
import pytest
import reference
import reference_units
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmine.counting import corpus as corpus_module
from cnmine.counting.corpus import PADDING, read_corpus
from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import CorpusError
from cnmine.io.paths import Source
from cnmine.sorting.pool import ArrayPool

TEXT = "中国人民，“中国”\nPM2.5和5G：中国的iPhone\n的的的人"
pieces = st.sampled_from(["中", "国", "的", "，", "“", "”", "\n", " ", "ab", "AB", "C++", "1.5", "𠮷", "a" * 70])
texts = st.lists(pieces, max_size=30).map("".join)
on_disk = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def write(tmp_path):
    def write_files(*texts):
        sources = []
        for i, text in enumerate(texts):
            path = tmp_path / f"{i}.txt"
            path.write_bytes(text.encode())
            sources.append(Source(path.name, str(path), path.stat().st_size))
        return sources

    return write_files


def spans(corpus):
    """The text of every stretch between boundaries, in order."""
    is_text = corpus.units >= N_BOUNDARIES
    stream = zip(corpus.units.tolist(), is_text.tolist(), strict=True)
    return [
        [corpus.vocabulary[unit] for unit, _ in group]
        for is_unit, group in groupby(stream, lambda pair: pair[1])
        if is_unit
    ]


def assert_single_boundaries(units):
    is_boundary = units[: len(units) - PADDING] < N_BOUNDARIES
    assert not (is_boundary[1:] & is_boundary[:-1]).any()


def reference_spans(text):
    groups = groupby(reference_units.units(text), lambda unit: isinstance(unit, str))
    return [list(group) for is_unit, group in groups if is_unit]


@on_disk
@given(texts)
def test_read_corpus__holds_every_unit_of_the_text(write, text):
    corpus = read_corpus(write(text))
    assert spans(corpus) == reference_spans(text)
    counts = Counter(unit for span in spans(corpus) for unit in span)
    ranked = sorted(counts, key=lambda unit: (-counts[unit], unit))
    assert corpus.vocabulary == [""] * N_BOUNDARIES + ranked
    assert corpus.ids() == {unit: i for i, unit in enumerate(ranked, N_BOUNDARIES)}
    assert (corpus.n_bytes, corpus.n_characters) == (len(text.encode()), len(text))
    assert (corpus.n_rare_units, corpus.n_rare_tokens) == (0, 0)


@on_disk
@given(texts, st.integers(1, 40))
def test_read_corpus__same_arrays_for_any_block_and_thread_count(write, text, block_bytes):
    sources = write(text, TEXT)
    whole = read_corpus(sources)
    cut = read_corpus(sources, block_bytes=block_bytes, threads=2)
    npt.assert_array_equal(cut.units, whole.units)
    assert cut.vocabulary == whole.vocabulary
    assert (cut.n_bytes, cut.n_characters) == (whole.n_bytes, whole.n_characters)


@on_disk
@given(st.lists(texts, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_read_corpus__order_of_files_changes_nothing_but_the_order(write, texts, source):
    sources = write(*texts)
    corpus = read_corpus(sources)
    source.shuffle(sources)
    shuffled = read_corpus(sources)
    assert shuffled.vocabulary == corpus.vocabulary
    assert Counter(map(tuple, spans(shuffled))) == Counter(map(tuple, spans(corpus)))


def test_read_corpus__frame_and_single_boundaries(write):
    corpus = read_corpus(write(TEXT, "，", "。" + TEXT + "！", ""), block_bytes=7)
    units = corpus.units
    assert units.dtype == np.uint16
    assert units[0] < N_BOUNDARIES
    assert (units[-PADDING - 1 :] < N_BOUNDARIES).all()
    assert_single_boundaries(units)


def test_read_corpus__files_are_parted(write):
    assert spans(read_corpus(write("中国", "人民"))) == [["中", "国"], ["人", "民"]]


def test_read_corpus__runs_are_not_cut_by_blocks_nor_told_apart(write):
    text = "iPhone15和PM2.5和iPhone15" * 20
    corpus = read_corpus(write(text), block_bytes=3)
    assert spans(corpus) == reference_spans(text)
    assert set(corpus.vocabulary[N_BOUNDARIES:]) == {"和", "iPhone15", "PM2.5", "iPhone15iPhone15"}


def test_read_corpus__folds_case_on_request(write):
    assert read_corpus(write("Ab中AB"), fold_case=True).vocabulary[N_BOUNDARIES:] == ["ab", "中"]
    assert read_corpus(write("Ab中AB")).vocabulary[N_BOUNDARIES:] == ["AB", "Ab", "中"]


def test_read_corpus__quotations_reach_the_boundaries(write):
    units = read_corpus(write("说“好”吧。")).units
    assert units[units < N_BOUNDARIES].tolist() == [0, 2, 1, 0, *[0] * PADDING]


@pytest.mark.parametrize("texts", [[], [""], ["，。\n"], ["", ""]])
def test_read_corpus__of_nothing(write, texts):
    corpus = read_corpus(write(*texts))
    assert (corpus.units < N_BOUNDARIES).all()
    assert len(corpus.units) > PADDING
    assert corpus.vocabulary == [""] * N_BOUNDARIES


@on_disk
@given(texts, st.integers(1, 3))
def test_read_corpus__rare_units_act_as_boundaries(write, text, max_units):
    sources = write(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_module, "MAX_UNITS", max_units)
        corpus = read_corpus(sources)
    counts = Counter(unit for span in reference_spans(text) for unit in span)
    ranked = sorted(counts, key=lambda unit: (-counts[unit], unit))
    kept, rare = ranked[:max_units], ranked[max_units:]
    assert corpus.vocabulary[N_BOUNDARIES:] == kept
    assert corpus.n_rare_units == len(rare)
    assert corpus.n_rare_tokens == sum(counts[unit] for unit in rare)
    assert reference.n_tokens(corpus.units.tolist()) == sum(counts[unit] for unit in kept)


@on_disk
@given(texts, st.integers(1, 3), st.integers(1, 20))
def test_read_corpus__same_arrays_for_any_block_with_rare_units(write, text, max_units, block_bytes):
    sources = write(text, TEXT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_module, "MAX_UNITS", max_units)
        whole = read_corpus(sources).units
        npt.assert_array_equal(read_corpus(sources, block_bytes=block_bytes).units, whole)
    assert_single_boundaries(whole)


def test_read_corpus__a_rare_unit_takes_no_quotation_from_its_neighbours(write, monkeypatch):
    monkeypatch.setattr(corpus_module, "MAX_UNITS", 1)
    units = read_corpus(write("中“甲中乙”中“甲”中")).units
    assert units.tolist() == [0, 4, 0, 4, 0, 4, 0, 4, 0, *[0] * PADDING]
    units = read_corpus(write("中”甲中乙“中")).units
    assert units.tolist() == [0, 4, 1, 4, 2, 4, 0, *[0] * PADDING]


def test_read_corpus__progress_sums_to_the_size_of_the_files(write, threads):
    sources = write(TEXT, "", TEXT * 50)
    progress = []
    read_corpus(sources, block_bytes=64, threads=threads, on_progress=progress.append)
    assert sum(progress) == sum(source.n_bytes for source in sources)
    assert len(progress) > 2


def test_read_corpus__bad_bytes(tmp_path):
    path = tmp_path / "bad.txt"
    path.write_bytes("中国".encode() + b"\xff" + "人".encode())
    sources = [Source("bad.txt", str(path), path.stat().st_size)]
    with pytest.raises(CorpusError, match=r"bad\.txt.*6"):
        read_corpus(sources)
    notices = []
    corpus = read_corpus(sources, bad_bytes="skip", on_notice=notices.append)
    assert spans(corpus) == [["中", "国"], ["人"]]
    assert corpus.n_bad == 1
    assert read_corpus([*sources, *sources], bad_bytes="replace").n_bad == 2
    assert len(notices) == 1


@pytest.mark.parametrize("budget", [0, 100, 10**6])
@pytest.mark.parametrize("block_bytes", [7, 64, 1 << 22])
def test_read_corpus__same_units_over_the_disk(write, tmp_path, budget, block_bytes):
    sources = write(TEXT, "，", "。" + TEXT + "！", "", "Ab中AB“好”" * 50)
    whole = read_corpus(sources)
    with ArrayPool(budget, str(tmp_path)) as space:
        corpus = read_corpus(sources, block_bytes=block_bytes, space=space)
    npt.assert_array_equal(corpus.units, whole.units)
    assert corpus.vocabulary == whole.vocabulary
