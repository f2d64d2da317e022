"""Terms without context: the loops that retrieve and compare names, against plain versions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.testing as npt
import pytest
import reference_linking as reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.linking import _line_kernels as kernels
from cnmine.linking import lines
from cnmine.linking.normalize import normalize

names = st.text("天地人山", min_size=1, max_size=7)


def pack(texts):
    return normalize("".join(texts)), np.append(0, np.cumsum(list(map(len, texts)))).astype(np.int64)


def gram_code(gram):
    return sum((ord(character) + 1) << 21 * i for i, character in enumerate(reversed(gram)))


@given(st.lists(st.text("天a😀\n", max_size=7), max_size=4))
def test_collect_grams__codes_of_reference(texts):
    codes, offsets = pack(texts)
    out, stops = np.zeros(3 * len(codes), np.uint64), np.zeros(len(texts) + 1, np.int64)
    n = kernels.collect_grams(codes, offsets, out, stops)
    folded = ["".join(map(chr, codes[a:b].tolist())) for a, b in pairwise(offsets)]
    found = [out[a:b].tolist() for a, b in pairwise(stops)]
    assert found == [[gram_code(gram) for gram in reference.collect_grams(text)] for text in folded]
    assert n == sum(map(len, found))


short = st.text("天地人山", max_size=7)


@given(short, short)
def test_compare_strings__matches_reference(a, b):
    out = np.zeros(2, np.int64)
    kernels.compare_strings(normalize(a), normalize(b), out)
    assert out.tolist() == [reference.longest_run(a, b), reference.longest_subsequence(a, b)]


rows_of_owners = st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 9)), max_size=4), max_size=5)


@given(rows_of_owners, st.data())
def test_add_postings__adds_the_weights_of_owners(rows, data):
    grams = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)) if rows else []
    offsets = np.append(0, np.cumsum(list(map(len, rows)))).astype(np.int64)
    owners = np.array([owner for row in rows for owner, _ in row], np.int32)
    weights = np.array([weight for row in rows for _, weight in row], np.float32)
    for array in (owners, weights):
        array.flags.writeable = False
    out = np.arange(5).astype(np.float32)
    kernels.add_postings(np.array(grams, np.int64), offsets, owners, weights, out)
    expected = list(range(5))
    for gram in grams:
        for owner, weight in rows[gram]:
            expected[owner] += weight
    assert out.tolist() == expected


@given(names, st.lists(names, min_size=1, max_size=4), st.data())
def test_compare_names__matches_reference(query, texts, data):
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=4)), np.int64)
    packed = pack(texts)
    grams = lines._Grams(*packed)
    idfs = np.array([1 + i / 8 for i in range(len(grams.vocabulary))], np.float32)
    own = set(reference.collect_grams(query))
    known = {gram for text in texts for gram in reference.collect_grams(text)}
    idf_of = dict(zip(sorted(known, key=gram_code), idfs.tolist(), strict=True))
    assert grams.vocabulary.tolist() == sorted(map(gram_code, known))
    has = np.array([gram in own for gram in idf_of], np.uint8)
    mass, masses = 2.5, np.array([sum(idf_of[gram] for gram in set(reference.collect_grams(text))) for text in texts])
    out = np.zeros((len(rows), 8), np.float32)
    tables = (grams.ids, grams.offsets, idfs, has, mass, masses.astype(np.float32))
    kernels.compare_names(normalize(query), packed, rows, tables, out)
    for row, found in zip(rows.tolist(), out, strict=True):
        name = texts[row]
        shared = sum(idf_of[gram] for gram in own & set(reference.collect_grams(name)))
        run, common = reference.longest_run(query, name), reference.longest_subsequence(query, name)
        expected = [shared / masses[row], shared / mass, shared / math.sqrt(mass * masses[row]), run]
        expected += [run / len(name), common / len(name), common / len(query)]
        expected.append(2 * (name[0] == query[0]) + (name[-1] == query[-1]))
        npt.assert_allclose(found, expected, rtol=1e-5)


@given(st.lists(st.integers(-2, 3), max_size=9), st.integers(1, 9))
def test_highest__best_first_and_of_equals_the_lower_number(values, n):
    ordered = sorted((-value, i) for i, value in enumerate(values) if value > 0)
    assert lines._highest(np.array(values, np.float32), n).tolist() == [i for _, i in ordered[:n]]


@pytest.mark.parametrize("size", [127, 128, 400])
def test_compare_strings__long_ones_are_compared_by_their_beginnings(size):
    out = np.zeros(2, np.int64)
    kernels.compare_strings(normalize("天" * size), normalize("天" * size), out)
    assert out.tolist() == [min(size, kernels.MAX_TEXT)] * 2
