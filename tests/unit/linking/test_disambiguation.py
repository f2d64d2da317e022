"""Candidates: what text and record share, counts of labels, and the models that rank, against plain versions."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import numpy.testing as npt
import pytest
import reference_linking as reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.io.paths import find_sources
from cnmine.linking import _context_kernels as contexts
from cnmine.linking import _ranking_kernels as kernels
from cnmine.linking import disambiguation, scorers
from cnmine.linking.build import build_kb
from cnmine.linking.kb import open_kb
from cnmine.linking.mentions import find_spans
from cnmine.linking.normalize import normalize

ALPHABET = "天地人山水\n"
pairs = st.text("天地人山水", min_size=2, max_size=2)


def key_of(pair):
    return ord(pair[0]) << 16 | ord(pair[1])


@given(st.text(ALPHABET, min_size=1, max_size=24), st.data())
def test_compare_texts__matches_reference(text, data):
    inside = [(i, j) for i, j in combinations(range(len(text) + 1), 2) if "\n" not in text[i:j]]
    cuts = sorted(data.draw(st.sets(st.sampled_from(inside), max_size=6))) if inside else []
    width = data.draw(st.integers(1, 8))
    record = data.draw(st.dictionaries(pairs, st.integers(1, 255), max_size=8))
    idfs = np.zeros(1 << 16, np.float32)
    idfs[[ord(character) for character in ALPHABET]] = np.arange(1, 7)
    spans = np.array([[i, j - i, 0] for i, j in cuts], np.int32).reshape(-1, 3)
    ordered = sorted(record, key=key_of)
    keys = np.array([key_of(pair) for pair in ordered], np.uint32)
    weights = np.array([record[pair] for pair in ordered], np.uint8)
    for array in (keys, weights, idfs):
        array.flags.writeable = False
    codes, offsets, out = normalize(text), np.array([0, len(keys)], np.int64), np.zeros((len(cuts), 6), np.float32)
    rows = np.arange(len(cuts)), np.arange(len(cuts) + 1), np.zeros(len(cuts), np.int32)
    none = np.zeros(2, np.int64), np.zeros(0, np.int32)
    tables = (offsets, keys, weights), (*none, *none), np.zeros(1, np.float32)
    notes = disambiguation.make_notes(len(codes), len(spans))
    contexts.measure_candidates((codes, idfs, spans), rows, tables, notes, width, out)
    for (start, stop), found in zip(cuts, out, strict=True):
        expected = reference.overlaps(text, start, stop, width, record, idfs)
        total = sum(idfs[ord(c)] for c in set("".join(reference.window(text, start, stop, width))))
        npt.assert_allclose(found[[0, 1, 2, 5]], [*expected, total], rtol=1e-5)


PEOPLE = [
    ("王山", "作家", ["天河", "《地书》"], "与李水同游人海，见王山。"),
    ("李水", "歌手", ["人海", "天河、地书"], "唱天河的人。"),
    ("天河", "河", ["长", "王山"], "流过地书。"),
    ("地书", "书", [], "王山、李水写的。"),
    ("人海", "海", ["天河"], "无"),
]


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    """Entities whose records name one another."""
    folder = tmp_path_factory.mktemp("people")
    rows = []
    for i, (title, kind, values, text) in enumerate(PEOPLE):
        data = [{"predicate": "相关", "object": value} for value in values]
        data.append({"predicate": "摘要", "object": text})
        rows.append(json.dumps({"subject_id": str(i), "subject": title, "alias": [], "type": [kind], "data": data}))
    (folder / "source").write_text("\n".join(rows), encoding="utf-8")
    build_kb(find_sources([str(folder / "source")]), str(folder / "kb"))
    with open_kb(str(folder / "kb")) as opened:
        yield opened


@given(st.lists(st.sampled_from(["王山", "李水", "天河", "地书", "人海", "王", "河", "的", "\n"]), max_size=14))
def test_compare_names__matches_reference(kb, words):
    text = "\n" + "".join(words) + "\n"
    codes = normalize(text)
    names = [title for title, *_ in PEOPLE]
    values = [[part.strip("《》") for value in row[2] for part in value.split("、")] for row in PEOPLE]
    others = [{name for name in names if name != row[0] and name in "\n".join([row[3], *row[2]])} for row in PEOPLE]
    counts = {name: sum(name in found for found in others) for name in names}
    spans = find_spans(codes, kb.match(codes), kb.key_log_freqs)
    candidates = disambiguation.find_candidates(kb, spans, np.arange(len(spans.table)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disambiguation, "CONTEXT", 5)
        overlaps = disambiguation.FeatureMaker(kb, np.ones(1 << 16, np.float32)).overlaps(spans, candidates)
    for found, owner, entity in zip(overlaps, candidates.owners, candidates.entities.tolist(), strict=True):
        start, length = spans.table[owner, :2].tolist()
        weights = {name: np.log(1 + len(PEOPLE) / (1 + counts[name])) for name in others[entity]}
        known = {value for value in values[entity] if value in names}
        expected = reference.shared_names(text, start, start + length, 5, known, weights)
        npt.assert_allclose(found[3:5], expected, rtol=1e-5)


@given(st.lists(st.lists(st.integers(-5, 5), max_size=4), min_size=1, max_size=5))
def test_pick_best__matches_sorting(rows):
    offsets = np.append(0, np.cumsum(list(map(len, rows)))).astype(np.int64)
    scores = np.array([score for row in rows for score in row], np.float32)
    best, seconds = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.float32)
    kernels.pick_best(offsets, scores, best, seconds)
    for row, start, place, second in zip(rows, offsets.tolist(), best.tolist(), seconds.tolist(), strict=False):
        assert place == (start + row.index(max(row)) if row else -1)
        ordered = sorted(row, reverse=True)
        assert second == (max(ordered[1], -12) if len(row) > 1 else -12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_count_links__counts(links):
    keys, entities = (np.array(column, np.int64) for column in zip(*links, strict=True))
    near = np.zeros((len(links), 4), np.uint64), np.zeros(len(links), np.int64)
    counts = disambiguation.count_links(keys, entities, np.zeros(4, np.int32), 2, near)
    for key, entity in {*links, (9, 9)}:
        assert kernels.count_pair(key, entity, counts.tables) == links.count((key, entity))
    totals = counts.tables[3].tolist()
    assert totals == [sum(key == other for other, _ in links) for key in range(max(key for key, _ in links) + 1)]
    expected = [np.log1p(sum(entity == other for _, other in links)) for entity in range(len(counts.entity_logs))]
    npt.assert_allclose(counts.entity_logs, expected, rtol=1e-6)
    assert len(counts.entity_logs) == 1 + max(entity for _, entity in links)


def test_score_types__prefers_the_type_of_alike_contexts():
    texts = ["吃苹果", "吃香蕉", "买手机", "买电脑"]
    codes = normalize("\n" + "\n".join(texts) + "\n")
    spans = np.array([[2 + 4 * i, 2, 0] for i in range(4)], np.int32)
    grams, sizes = np.zeros((4, 24), np.uint64), np.zeros(4, np.int64)
    kernels.gather_near(codes, spans, grams, sizes)
    assert sizes.tolist() == [1, 1, 1, 1]
    kinds = np.array([0, 1], np.int32)
    counts = disambiguation.count_links(np.zeros(4, np.int64), np.array([0, 0, 1, 1]), kinds, 3, (grams, sizes))
    out = np.zeros(2, np.float32)
    kernels.score_types(codes, spans, (np.zeros(1, np.int64), np.array([0, 2])), kinds, counts.type_weights, out)
    assert out[0] > out[1]


def test_fit_logistic__recovers_the_odds():
    source = np.random.default_rng(1)
    rows = source.normal(size=(4000, 2)).astype(np.float32)
    labels = source.random(4000) < scorers.sigmoid(2 * rows[:, 0] - rows[:, 1] + 0.5)
    model = scorers.fit_logistic(rows, labels.astype(float), penalty=1e-6)
    npt.assert_allclose(model.weights / model.scales, [2, -1], atol=0.25)
    npt.assert_allclose(model.score(rows), rows @ (model.weights / model.scales) + model.score(rows * 0)[0], atol=1e-4)


def test_fit_choice__learns_which_is_chosen():
    source = np.random.default_rng(2)
    rows = source.normal(size=(900, 3)).astype(np.float32)
    offsets = np.arange(0, 901, 3)
    chosen = np.array([start + int(np.argmax(rows[start : start + 3, 1])) for start in offsets[:-1]])
    scores = scorers.fit_choice(rows, offsets, chosen).score(rows)
    right = [start + int(np.argmax(scores[start : start + 3])) for start in offsets[:-1]]
    assert np.mean(np.array(right) == chosen) > 0.95


def test_fit_choice__stays_near_the_guess_where_rows_are_few():
    rows, offsets, chosen = np.array([[1.0, 5.0], [0.0, 3.0]]), np.array([0, 2]), np.array([0])
    guess = np.array([0.5, -0.25])
    model = scorers.fit_choice(rows, offsets, chosen, guess=guess, penalty=1e6)
    npt.assert_allclose(model.weights / model.scales, guess, atol=1e-4)
    free = scorers.fit_choice(rows, offsets, chosen, penalty=1e6)
    npt.assert_allclose(free.weights, 0, atol=1e-4)


def test_fit_trees__predicts_what_scikit_learn_does():
    from sklearn.ensemble import HistGradientBoostingClassifier

    source = np.random.default_rng(3)
    rows = np.round(source.normal(size=(600, 4)), 1).astype(np.float32)
    labels = (rows[:, 0] * rows[:, 1] > 0).astype(np.uint8)
    trees = scorers.fit_trees(rows, labels, n_trees=20, n_leaves=8)
    options = {"learning_rate": 0.06, "max_leaf_nodes": 8, "min_samples_leaf": 20, "l2_regularization": 1.0}
    model = HistGradientBoostingClassifier(max_iter=20, early_stopping=False, random_state=0, **options)
    expected = model.fit(rows, labels).decision_function(rows)
    npt.assert_allclose(trees.score(rows), expected, atol=1e-5)
    plain = reference.predict_trees(
        rows[:50].tolist(), trees.nodes.tolist(), trees.limits.tolist(), trees.values.tolist(), trees.roots.tolist()
    )
    npt.assert_allclose(trees.score(rows[:50]) - trees.base, plain, atol=1e-5)


@pytest.mark.parametrize("log_odds", [-1000.0, 0.0, 1000.0])
def test_sigmoid__stays_between_0_and_1(log_odds):
    assert 0 <= scorers.sigmoid(np.array([log_odds]))[0] <= 1
