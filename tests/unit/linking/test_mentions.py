"""Spans: segmentation, covers, features, learning and choosing, against plain versions."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.testing as npt
import reference_linking as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmine.linking import _mention_kernels as kernels
from cnmine.linking import mentions
from cnmine.linking.normalize import normalize

N = 9
ranges = st.tuples(st.integers(0, N - 1), st.integers(1, 4)).filter(lambda span: sum(span) <= N)
span_lists = st.lists(ranges, max_size=7, unique=True).map(sorted)


def table_of(spans, width=3):
    table = np.zeros((len(spans), width), np.int32)
    for i, span in enumerate(spans):
        table[i, : len(span)] = span
    table.flags.writeable = False
    return table


def spans_of(text, keys):
    """Spans of a text with these words for keys, all of them names."""
    codes = np.concatenate([[10], normalize(text), [10]]).astype(np.uint32)
    found = sorted(
        (i + 1, len(key), number)
        for number, key in enumerate(keys)
        for i in range(len(text))
        if text.startswith(key, i)
    )
    columns = [np.array([row[k] for row in found], np.int64) for k in range(3)]
    return mentions.find_spans(codes, tuple(columns), np.full(len(keys), -8.0, np.float32), np.ones(len(keys), bool))


@given(span_lists, st.data())
def test_segment__finds_the_most_probable(spans, data):
    values = data.draw(st.lists(st.integers(-20, -1), min_size=len(spans), max_size=len(spans)))
    bounds = np.zeros(N + 1, np.uint8)
    numbered = table_of([(*span, i) for i, span in enumerate(spans)])
    kernels.segment(numbered, np.array(values, np.float32), -12.0, np.empty(N + 1), bounds)
    places = np.flatnonzero(bounds).tolist()
    costs = dict(zip(spans, values, strict=True))
    total = sum(
        max(costs.get((a, b - a), -np.inf), -12.0 if b - a == 1 else -np.inf) for a, b in itertools.pairwise(places)
    )
    assert total == reference.segment(spans, values, -12.0, N)[0]


@given(span_lists)
def test_find_covers__matches_reference(spans):
    covers, flags = np.zeros(len(spans), np.int32), np.zeros(len(spans), np.uint8)
    kernels.find_covers(table_of(spans), covers, flags)
    covered, expected = reference.find_covers(spans)
    assert (covers >= 0).tolist() == covered
    assert flags.tolist() == expected
    for i, cover in enumerate(covers.tolist()):
        if cover >= 0:
            assert spans[cover][0] <= spans[i][0] and sum(spans[i]) <= sum(spans[cover]) and cover != i


@given(st.text("《》\n天地", max_size=12), st.integers(1, 5))
def test_mark_titles__matches_reference(text, reach):
    out, titles = np.zeros(len(text), np.uint8), np.zeros((text.count("《"), 2), np.int32)
    n = kernels.mark_titles(normalize(text), reach, out, titles)
    expected = reference.find_titles(text, reach)
    assert [tuple(title) for title in titles[:n].tolist()] == expected
    assert out.tolist() == [int(any(a <= i < a + size for a, size in expected)) for i in range(len(text))]


@given(
    st.text("《》南湖路街\n", max_size=14),
    st.sets(st.sampled_from(["南湖", "湖", "南湖路", "路街", "湖路街"])),
    st.data(),
)
def test_find_spans__adds_what_no_key_covers(text, keys, data):
    keys = sorted(keys)
    is_name = data.draw(st.lists(st.booleans(), min_size=len(keys), max_size=len(keys)))
    text = f"\n{text}\n"
    found = sorted((i, len(key), k) for i in range(len(text)) for k, key in enumerate(keys) if text.startswith(key, i))
    columns = tuple(np.array([row[k] for row in found], kind) for k, kind in enumerate((np.int64, np.int32, np.int32)))
    spans = mentions.find_spans(normalize(text), columns, np.full(len(keys), -8, np.float32), np.array(is_name, bool))
    titles = reference.find_titles(text, mentions.TITLE_REACH)
    expected = reference.tabulate(text, found, titles, is_name, mentions.SUFFIXES)
    assert [tuple(row) for row in spans.table[:, :3].tolist()] == expected
    assert spans.table.flags.c_contiguous


def test_segment__a_span_that_is_no_key_is_likelier_than_its_characters():
    bounds = np.zeros(N + 1, np.uint8)
    kernels.segment(table_of([(2, 4, 5)]), np.zeros(5, np.float32), -12.0, np.empty(N + 1), bounds)
    assert np.flatnonzero(bounds == 0).tolist() == [3, 4, 5]


@given(span_lists, st.data())
def test_choose_spans__is_the_best_set_without_overlap(spans, data):
    gains = data.draw(st.lists(st.integers(-8, 8), min_size=len(spans), max_size=len(spans)))
    out = np.full(len(spans), 7, np.uint8)
    kernels.choose_spans(table_of(spans), np.array(gains, np.float32), np.empty(N + 1), out)
    chosen = np.flatnonzero(out).tolist()
    assert sum(gains[i] for i in chosen) == reference.best_gain(spans, gains)
    assert all(sum(spans[a]) <= spans[b][0] for a, b in itertools.pairwise(chosen))


@given(span_lists, st.data())
def test_choose_nested__adds_only_what_lies_inside(spans, data):
    scores = np.array(data.draw(st.lists(st.integers(-8, 8), min_size=len(spans), max_size=len(spans))), np.float32)
    out = np.zeros(len(spans), np.uint8)
    kernels.choose_spans(table_of(spans), scores, np.empty(N + 1), out)
    outer = out.copy()
    kernels.choose_nested(table_of(spans), scores, 1.0, out)
    npt.assert_array_equal(out == 1, outer == 1)
    assert np.flatnonzero(out == 2).tolist() == reference.nested(spans, scores, 1.0, np.flatnonzero(outer))
    inner = [(spans[i][0], sum(spans[i])) for i in np.flatnonzero(out == 2)]
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(inner))
    for i in np.flatnonzero(out == 2):
        assert scores[i] >= 1
        assert any(
            spans[j][0] <= spans[i][0] and sum(spans[i]) <= sum(spans[j]) and spans[i] != spans[j]
            for j in np.flatnonzero(outer)
        )


@given(span_lists)
def test_cover_text__leaves_least_with_fewest_pieces(spans):
    out = np.zeros(len(spans), np.uint8)
    kernels.cover_text(table_of(spans), np.empty((N + 1, 2), np.int64), out)
    chosen = np.flatnonzero(out).tolist()
    assert (N - sum(spans[i][1] for i in chosen), len(chosen)) == reference.best_cover(spans, N)


def test_find_spans__adds_titles_and_names_with_a_suffix():
    spans = spans_of("他在《夜行》里走过南湖路", ["南湖", "走过"])
    found = {(start - 1, length): key for start, length, key in spans.table[:, :3].tolist()}
    assert found[3, 2] == 2
    assert found[9, 3] == 2 + 1 + mentions.SUFFIXES.index("路")


def test_find_spans__no_title_across_lines():
    codes = normalize("\n《夜\n行》\n")
    none = np.zeros(0, np.int64)
    spans = mentions.find_spans(codes, (none, none, none), np.zeros(1, np.float32), np.ones(1, bool))
    assert len(spans.table) == 0


@given(st.integers(0, 40), st.integers(0, 40))
def test_link_classes__zero_only_for_what_never_occurred(n_linked, n_more):
    counts = np.array([n_linked]), np.array([n_linked + n_more])
    assert (mentions.link_classes(*counts)[0] == 0) == (n_linked + n_more == 0)


def learned(n=60):
    """A model that has seen 南湖 marked after 去 and not after 说."""
    keys = ["南湖", "去", "说", "湖"]
    texts = ["我去南湖", "他说南湖"] * n
    blocks = []
    for number, text in enumerate(texts):
        spans = spans_of(text, keys)
        labels = ((spans.table[:, 2] == 0) & ("去" in text)).astype(np.uint8)
        blocks.append((spans, labels, np.full(len(labels), number)))
    table = mentions.describe_keys(keys, np.full(4, -8.0, np.float32), np.array([1, 0, 0, 0]), -20.0)
    return mentions.train_mentions(blocks, table), keys


def test_train_mentions__learns_from_the_neighbours():
    model, keys = learned()
    for text, expected in (("我去南湖", ["南湖"]), ("他说南湖", [])):
        spans = spans_of(text, keys)
        chosen = mentions.choose_mentions(spans, model.score(spans), 0.0)
        assert [keys[key] for key in spans.table[chosen, 2].tolist()] == expected


def test_train_mentions__same_seed_same_weights():
    first, second = learned(5)[0], learned(5)[0]
    npt.assert_array_equal(first.weights, second.weights)
    npt.assert_array_equal(first.key_scores, second.key_scores)


def test_learn_weights__moves_towards_the_labels():
    rows = np.array([[1, 2], [1, 3]], np.int32)
    labels = np.array([1, 0], np.uint8)
    weights, squares = np.zeros(8, np.float32), np.ones(8, np.float32)
    for _ in range(50):
        kernels.learn_weights(rows, labels, np.arange(2), weights, squares, np.array([0.5, 0.0]))
    scores = np.zeros(2, np.float32)
    kernels.sum_weights(rows, weights, scores)
    assert scores[0] > 1 and scores[1] < -1


@settings(max_examples=30)
@given(st.integers(0, 60), st.integers(0, 2**32), st.integers(0, 2**32))
def test_hashed__fits_the_table(feature, a, b):
    assert 0 <= kernels.hashed(np.int64(feature), np.int64(a), np.int64(b)) < mentions.N_WEIGHTS


def test_score__read_only_arrays_pass():
    model, keys = learned(5)
    spans = spans_of("我去南湖", keys)
    expected = model.score(spans)
    for array in (model.key_scores, model.key_traits, model.weights):
        array.flags.writeable = False
    npt.assert_array_equal(model.score(spans), expected)
