"""Hashed features of names, of their places and of their neighbours, against integers that cannot overflow."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import reference_hashing as reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.linking import _mention_kernels as kernels
from cnmine.linking import _ranking_kernels as ranking
from cnmine.linking import mentions
from cnmine.linking.normalize import normalize

ALPHABET = "天地人《》(,1a"
words = st.text(ALPHABET, min_size=1, max_size=4)
lines = st.text(ALPHABET + "的\n😀", max_size=16)


@given(st.integers(0, 60), st.integers(0, 2**40), st.integers(0, 2**40))
def test_hashed__matches_reference(feature, a, b):
    assert kernels.hashed(feature, a, b) == reference.hashed(feature, a, b) < mentions.N_WEIGHTS


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.binary(min_size=8, max_size=8)), max_size=6), st.data())
def test_hash_keys__matches_reference(keys, data):
    names, infos = [name for name, _ in keys], np.array([list(info) for _, info in keys], np.uint8).reshape(-1, 8)
    numbers = np.array(data.draw(st.lists(st.integers(-1, 2**31), min_size=len(keys), max_size=len(keys))), np.int64)
    n_keys = len(keys)
    table = mentions.describe_keys(names, np.zeros(n_keys, np.float32), np.zeros(n_keys, np.int64), -20.0)
    chars, classes, infos = table.chars[:n_keys], infos[:, 7].copy(), infos[:, :7].copy()
    for array in (chars, classes, infos, numbers):
        array.flags.writeable = False
    out = np.empty((n_keys, mentions.N_KEY_FEATURES), np.int32)
    kernels.hash_keys(chars, classes, infos, numbers, out)
    expected = map(reference.hash_key, names, classes.tolist(), infos.tolist(), numbers.tolist())
    assert out.tolist() == list(expected)


@given(lines, st.lists(words, min_size=1, max_size=6, unique=True), st.data())
def test_hash_contexts__matches_reference(text, keys, data):
    text = f"\n{text.lower()}\n"
    found = [(i, len(key), k) for i in range(len(text)) for k, key in enumerate(keys) if text.startswith(key, i)]
    columns = [np.array([row[k] for row in sorted(found)], np.int64) for k in range(3)]
    spans = mentions.find_spans(normalize(text), tuple(columns), np.full(len(keys), -8.0, np.float32))
    pair = st.tuples(st.integers(0, 40), st.integers(0, 255))
    traits = data.draw(st.lists(pair, min_size=len(found), max_size=len(found)))
    table = spans.table.copy()
    table.flags.writeable = False
    rows, out = np.arange(len(found)), np.empty((len(found), mentions.N_CONTEXT_FEATURES), np.int32)
    numbers, given_traits = rows.astype(np.int32), np.array(traits, np.uint8).reshape(-1, 2)
    kernels.hash_contexts(spans.texts, table, spans.marks, numbers, given_traits, rows, out)
    classes, marks = spans.texts[1].tolist(), spans.marks.tolist()
    for i, row in enumerate(out.tolist()):
        assert row == reference.hash_context(text, classes, table.tolist(), i, traits, *marks)


@given(lines, st.lists(words, min_size=1, max_size=4, unique=True), st.data())
def test_score_spans__adds_what_key_and_context_weigh(text, keys, data):
    text = f"\n{text.lower() * 40}\n"  # more spans than are scored together
    found = [(i, len(key), k) for i in range(len(text)) for k, key in enumerate(keys) if text.startswith(key, i)]
    columns = [np.array([row[k] for row in sorted(found)], np.int64) for k in range(3)]
    spans = mentions.find_spans(normalize(text), tuple(columns), np.full(len(keys), -8.0, np.float32))
    scores = np.array(data.draw(st.lists(st.integers(-5, 5), min_size=len(keys), max_size=len(keys))), np.float32)
    weights = np.random.default_rng(len(text)).integers(-9, 9, mentions.N_WEIGHTS).astype(np.float32)
    traits = np.arange(3 * len(keys), dtype=np.uint8).reshape(-1, 3)
    model = mentions.MentionModel(scores, traits, weights, -1.0)
    number = spans.table[:, 2].copy()
    hashes = np.empty((len(number), mentions.N_CONTEXT_FEATURES), np.int32)
    arrays = spans.texts, spans.table, spans.marks, number, traits
    kernels.hash_contexts(*arrays, np.arange(len(number)), hashes)
    expected = np.where(scores[number] >= -1, scores[number] + weights[hashes].sum(axis=1), mentions.NEVER)
    npt.assert_array_equal(model.score(spans), expected)


rows_of_features = st.lists(st.lists(st.integers(0, 7), min_size=3, max_size=3), min_size=1, max_size=6)


@given(rows_of_features, st.data())
def test_sum_weights__adds_those_of_each_row(rows, data):
    weights = data.draw(st.lists(st.integers(-9, 9), min_size=8, max_size=8))
    out = np.arange(len(rows)).astype(np.float32)
    kernels.sum_weights(np.array(rows, np.int32), np.array(weights, np.float32), out)
    assert out.tolist() == [i + sum(weights[place] for place in row) for i, row in enumerate(rows)]


@given(rows_of_features, st.data())
def test_learn_weights__matches_reference(rows, data):
    labels = data.draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows)))
    order = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=12))
    weights, squares = [0.25 * i - 1 for i in range(8)], [1.0 + i for i in range(8)]
    got = np.array(weights, np.float32), np.array(squares, np.float32)
    numbers = np.array(rows, np.int32), np.array(labels, np.uint8), np.array(order, np.int64)
    kernels.learn_weights(*numbers, *got, np.array([0.5, 0.01]))
    reference.learn_weights(rows, labels, order, weights, squares, 0.5, 0.01)
    npt.assert_allclose(got[0], weights, rtol=1e-4, atol=1e-5)
    npt.assert_allclose(got[1], squares, rtol=1e-4)


@given(st.text(ALPHABET + "\n😀", min_size=1, max_size=30), st.data())
def test_gather_near__matches_reference(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start + 1, min(len(text), start + 4)))
    if "\n" in text[start:stop]:
        return
    out, sizes = np.zeros((1, 4 * ranking.NEAR), np.uint64), np.zeros(1, np.int64)
    ranking.gather_near(normalize(text), np.array([[start, stop - start]], np.int32), out, sizes)
    assert out[0, : sizes[0]].tolist() == reference.list_near(text, start, stop)


grams = st.lists(st.integers(0, 2**42), max_size=4)


@given(st.lists(st.tuples(grams, st.integers(0, 300), st.integers(-9, 9)), max_size=5))
def test_add_type_weights__matches_reference(rows):
    table, sizes = np.zeros((len(rows), 4), np.uint64), np.array([len(found) for found, _, _ in rows], np.int64)
    for i, (found, _, _) in enumerate(rows):
        table[i, : len(found)] = found
    kinds, values = (np.array([row[k] for row in rows], kind) for k, kind in ((1, np.int32), (2, np.float32)))
    weights, expected = np.zeros(1 << 18, np.float32), {}
    ranking.add_type_weights(table, sizes, kinds, values, weights)
    for found, kind, value in rows:
        for gram in found:
            slot = reference.near_slot(kind, gram)
            expected[slot] = expected.get(slot, 0) + value
    assert dict(zip(np.flatnonzero(weights).tolist(), weights[weights != 0].tolist(), strict=True)) == {
        slot: value for slot, value in expected.items() if value
    }


@given(st.text(ALPHABET, min_size=1, max_size=12), st.lists(st.integers(0, 5), max_size=4), st.integers(0, 9))
def test_score_types__matches_reference(text, kinds, start):
    start = min(start, len(text) - 1)
    weights = np.random.default_rng(1).integers(-9, 9, 1 << 18).astype(np.float32)
    rows = np.zeros(1, np.int64), np.array([0, len(kinds)])
    out = np.zeros(len(kinds), np.float32)
    spans = np.array([[1 + start, 1]], np.int32)
    ranking.score_types(normalize(f"\n{text}\n"), spans, rows, np.array(kinds, np.int32), weights, out)
    grams = reference.list_near(f"\n{text}\n", 1 + start, 2 + start)
    assert out.tolist() == [sum(weights[reference.near_slot(kind, gram)] for gram in grams) for kind in kinds]


@given(st.lists(st.lists(st.floats(-20, 20, width=32), max_size=4), min_size=1, max_size=5))
def test_share_best__is_that_of_a_softmax(rows):
    offsets = np.append(0, np.cumsum(list(map(len, rows)))).astype(np.int64)
    best = np.array([start + row.index(max(row)) if row else -1 for start, row in zip(offsets, rows, strict=False)])
    chosen, out = np.arange(len(rows))[::-1].copy(), np.zeros(len(rows))
    ranking.share_best(offsets, np.array([score for row in rows for score in row], np.float32), best, chosen, out)
    for i, share in zip(chosen.tolist(), out.tolist(), strict=True):
        exponentials = np.exp(np.array(rows[i]) - max(rows[i], default=0))
        npt.assert_allclose(share, exponentials.max() / exponentials.sum() if rows[i] else 1.0)
