"""Merging runs against sorting everything at once."""

from __future__ import annotations

import errno
import os
import re
import sys

import numpy as np
import pytest
import reference_spans as reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine._memory import release_pages
from cnmine.errors import CorpusError, ResourceError, StoreError
from cnmine.sorting import _spill_kernels as kernels
from cnmine.sorting import spill
from cnmine.sorting.spill import SortedRun, join_pieces, merge_runs, spill_bytes, spill_run
from cnmine.store.packing import Packed, bits_for, pack

LETTERS = "天地玄黄宇宙洪荒"
words = st.lists(st.sampled_from(LETTERS[:3]), min_size=1, max_size=20).map(tuple)
all_words = st.one_of(words, st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3).map(tuple))
flagged = st.tuples(all_words, st.sampled_from([0, 1]), st.sampled_from([0, 2]))
partitions = st.lists(st.lists(flagged, max_size=12), max_size=5)
forms = st.sampled_from(["memory", "wide", "packed", "spilled"])


def make_run(spans, form="memory", directory=None, extra=()):
    """A sorted run of spans of characters, with units that may not occur in it."""
    units = sorted({unit.encode() for span, _, _ in spans for unit in span} | {unit.encode() for unit in extra})
    ids = {unit: i for i, unit in enumerate(units, 4)}
    numbered = [(tuple(ids[unit.encode()] for unit in span), *flags) for span, *flags in spans]
    text = np.array(reference.join_spans(sorted(numbered)), np.uint32 if form == "wide" else np.uint16)
    run = SortedRun(units, text)
    if form == "packed":
        bits = bits_for(len(units) + 3)
        offsets = np.cumsum([0, *map(len, units)])
        return SortedRun((np.frombuffer(b"".join(units), np.uint8), offsets), Packed(pack(text, bits), bits, len(text)))
    return spill_run(run, os.path.join(directory, f"{len(os.listdir(directory))}.run")) if form == "spilled" else run


def merged_text(runs, **options):
    vocabulary, pieces = merge_runs(runs, **options)
    pieces = list(pieces)
    assert all(len(piece) > 2 and piece[0] in (0, 2) and piece[-1] in (0, 1) for piece in pieces)
    joined = list(join_pieces(pieces))
    return vocabulary, np.concatenate(joined).tolist() if joined else []


def expected_text(spans, extra=()):
    run = make_run(spans, extra=extra)
    return run.unit_texts, run.text.tolist()


@given(partitions, st.lists(forms, min_size=5, max_size=5), st.integers(0, 3000), st.integers(1, 2))
def test_merge_runs__equals_sorting_everything(tmp_path_factory, partition, some_forms, budget, threads):
    directory = tmp_path_factory.mktemp("runs")
    runs = [make_run(spans, form, directory) for spans, form in zip(partition, some_forms, strict=False)]
    done = []
    everything = [span for spans in partition for span in spans]
    result = merged_text(runs, budget_bytes=budget, threads=threads, on_progress=done.append)
    assert result == expected_text(everything)
    assert sum(done) == sum(max(0, len(run.text) - 1) for run in runs)


def test_merge_runs__pieces_keep_to_the_budget(threads):
    spans = [(tuple(LETTERS[i >> shift & 7] for shift in (9, 6, 3, 0)), i & 1, 0) for i in range(4096)]
    runs = [make_run(spans[start::3]) for start in range(3)]
    budget = 60_000
    _, pieces = merge_runs(runs, budget_bytes=budget, threads=threads)
    sizes = [len(piece) - 1 for piece in pieces]
    assert max(sizes) * (threads + 1) * 16 <= budget
    assert len(sizes) < 4 * sum(sizes) * (threads + 1) * 16 // budget
    assert merged_text(runs, budget_bytes=budget, threads=threads) == expected_text(spans)


def test_merge_runs__equal_spans_stay_together():
    spans = [(("天", "地"), 0, 0)] * 500 + [(("天",), 0, 0), (("地",), 1, 2)]
    runs = [make_run(spans[start::2]) for start in range(2)]
    _, pieces = merge_runs(runs, budget_bytes=0)
    assert [len(piece) for piece in pieces] == [3, 3, 1501]  # 地 天 天地
    assert merged_text(runs, budget_bytes=0) == expected_text(spans)


def test_merge_runs__long_spans_that_differ_late():
    spans = [(("天",) * 40 + (letter,), 0, 0) for letter in LETTERS * 3]
    runs = [make_run(spans[start::4]) for start in range(4)]
    assert merged_text(runs, budget_bytes=0) == expected_text(spans)


def test_merge_runs__units_that_do_not_occur_stay():
    runs = [make_run([], extra="黄"), make_run([(("天",), 0, 0)], extra="地")]
    assert merged_text(runs) == expected_text([(("天",), 0, 0)], extra="黄地")
    assert merged_text([]) == ([], [])
    assert merged_text(runs[:1]) == (["黄".encode()], [])


def test_merge_runs__more_units_than_16_bits():
    units = [f"{i:05}" for i in range(70_000)]
    halves = [[((unit,), 0, 0) for unit in units[start::2]] for start in range(2)]
    vocabulary, pieces = merge_runs([make_run(half) for half in halves])
    (text,) = pieces
    assert text.dtype == np.uint32
    assert vocabulary == [unit.encode() for unit in units]
    assert text[1::2].tolist() == list(range(4, 70_004))


@pytest.mark.parametrize(
    "run, message",
    [
        (SortedRun([b"b", b"a"], np.array([0, 4, 0], np.uint16), "old.cnm"), "old.cnm: its units are not in order"),
        (SortedRun([b"a", b"a"], np.array([0, 4, 0], np.uint16)), "not in order"),
        (SortedRun([b"a"], np.array([0, 5, 0], np.uint16)), "no unit has the id at place 1"),
        (SortedRun([b"a"], np.array([0, 4], np.uint16)), "begin and end"),
    ],
)
def test_merge_runs__damaged_runs(run, message):
    with pytest.raises(StoreError, match=message):
        list(merge_runs([run, make_run([(("天",), 0, 0)])])[1])


@given(st.lists(flagged, max_size=20))
def test_spill_run__is_the_same_run(tmp_path_factory, spans):
    path = tmp_path_factory.mktemp("spill") / "1.run"
    run = make_run(spans)
    spilled = spill_run(run, str(path))
    assert spilled.list_units() == run.unit_texts
    assert spilled.text.tolist() == run.text.tolist() and spilled.text.dtype == run.text.dtype
    assert not spilled.text.flags.writeable
    assert path.stat().st_size == spill_bytes(run)


@pytest.mark.parametrize("failing", ["posix_fallocate", "write"])
def test_spill_run__full_disk(monkeypatch, tmp_path, failing):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spill.os, failing, fail, raising=False)
    path = tmp_path / "1.run"
    with pytest.raises(ResourceError, match=r"1\.run: no space left on device: .* 0\.0 MB .* --temp-dir"):
        spill_run(make_run([(("天",), 0, 0)]), str(path))
    assert not path.exists()


def test_spill_run__writes_in_parts_and_where_nothing_can_be_reserved(monkeypatch, tmp_path):
    def refuse(*arguments):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    write = os.write
    monkeypatch.setattr(spill.os, "posix_fallocate", refuse, raising=False)
    monkeypatch.setattr(spill.os, "write", lambda descriptor, data: write(descriptor, data[:5]))
    run = make_run([(tuple(LETTERS), 0, 0)] * 9)
    assert spill_run(run, str(tmp_path / "1.run")).text.tolist() == run.text.tolist()


def test_spill_run__keeps_other_files(tmp_path):
    path = tmp_path / "1.run"
    path.write_bytes(b"mine")
    with pytest.raises(CorpusError, match="File exists"):
        spill_run(make_run([]), str(path))
    assert path.read_bytes() == b"mine"
    with pytest.raises(CorpusError, match="cannot be written"):
        spill_run(make_run([]), str(tmp_path / "missing" / "1.run"))


@given(partitions, st.integers(1, 40))
def test_write_prefixes__of_the_spans_at_the_places(partition, n_places):
    run = make_run([span for spans in partition for span in spans] + [(("天",) * 300, 0, 0)])
    text = run.text.tolist()
    places = np.arange(n_places) * (len(text) - 1) // n_places
    prefixes = np.full((n_places, 5), 99, np.uint32)
    id_map = np.arange(4 + len(run.unit_texts), dtype=np.uint32)
    kernels.write_prefixes((run.text, 0, id_map), 0, places, prefixes)
    spans = [[units] * (len(units) + 1) for units, _, _ in reference.spans_of(text)]
    span_at = [units for repeated in spans for units in repeated]
    assert prefixes.tolist() == [[*span_at[place][:5], *[0] * (5 - len(span_at[place]))] for place in places.tolist()]


def mapped_bytes(path):
    """Bytes of a file that are in the memory of this process."""
    total, is_file = 0, False
    with open("/proc/self/smaps", encoding="ascii", errors="replace") as lines:
        for line in lines:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                is_file = line.rstrip().endswith(path)
            elif is_file and line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
    return total


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_merge_runs__lets_go_of_what_is_read(tmp_path):
    path = str(tmp_path / "1.run")
    text = np.concatenate([[0], np.column_stack([np.arange(4, 204).repeat(20_000), np.zeros(4_000_000)]).ravel()])
    units = [f"{i:03}".encode() for i in range(200)]
    run = spill_run(SortedRun(units, text.astype(np.uint16)), path)
    assert int(run.text.sum()) > 0 and mapped_bytes(path) > 15_000_000
    release_pages(run.text, 0, run.text.nbytes)
    assert mapped_bytes(path) < 1_000_000
    peak = 0
    for piece in merge_runs([run, run], budget_bytes=4 << 20)[1]:
        assert len(piece)
        peak = max(peak, mapped_bytes(path))
    assert peak < 6_000_000


def test_release_pages__of_what_is_no_map():
    array = np.arange(9)
    release_pages(array, 0, array.nbytes)
    assert array.tolist() == list(range(9))
