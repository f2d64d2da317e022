"""Features of candidates and decisions, against plain versions."""

from __future__ import annotations

import math

import numpy as np
import numpy.testing as npt
import reference_features as reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.linking import _ranking_kernels as kernels
from cnmine.linking import disambiguation
from cnmine.linking.disambiguation import FEATURES, NIL_ENTITY
from cnmine.linking.normalize import normalize

N_ENTITIES, N_KEYS, N_KINDS = 6, 4, 3
entities = st.integers(0, N_ENTITIES - 1)
spans = st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(0, N_KEYS))
rows = st.lists(st.tuples(spans, st.lists(entities, max_size=4)), min_size=1, max_size=4)
links = st.lists(st.tuples(st.integers(0, N_KEYS - 1), st.one_of(st.just(NIL_ENTITY), entities)), max_size=12)


def count(links):
    keys, found = (np.array([link[k] for link in links], np.int64) for k in (0, 1))
    near = np.zeros((len(links), 4), np.uint64), np.zeros(len(links), np.int64)
    return disambiguation.count_links(keys, found, np.zeros(N_ENTITIES, np.int32), N_KINDS, near)


@given(st.text("《》天地", min_size=10, max_size=10), rows, links, st.integers(0, 99))
def test_fill_features__matches_reference(text, rows, links, seed):
    text = f"\n{text}\n"
    source, counts = np.random.default_rng(seed), count(links)
    asked = np.array([entity for _, found in rows for entity in found], np.int32)
    offsets = np.append(0, np.cumsum([len(found) for _, found in rows])).astype(np.int64)
    sizes = [source.integers(0, 50, N_ENTITIES) for _ in range(3)]
    kinds, title_keys = (source.integers(0, n, N_ENTITIES).astype(np.int32) for n in (N_KINDS, N_KEYS))
    type_priors, nearby = (source.normal(size=n).astype(np.float32) for n in (N_KINDS, len(asked)))
    priors, overlaps = source.random(len(asked)).astype(np.float32), source.random((len(asked), 6)).astype(np.float32)
    out = np.full((len(asked), len(FEATURES)), np.nan, np.float32)
    kernels.fill_features(
        (normalize(text), np.array([span for span, _ in rows], np.int32)),
        (np.arange(len(rows)), offsets),
        (asked, priors, np.log(priors + np.float32(1e-6)), overlaps, nearby),
        (*(np.log1p(size.astype(np.float32)) for size in sizes), kinds, title_keys, type_priors),
        (*counts.tables, counts.entity_logs),
        out,
    )
    for (span, found), first in zip(rows, offsets.tolist(), strict=False):
        known = [
            {
                "entity": entity,
                "prior": float(priors[c]),
                "n_links": sum(entity == other for _, other in links),
                "sizes": [int(size[entity]) for size in sizes],
                "title_key": title_keys[entity],
                "overlaps": overlaps[c].tolist(),
                "type_prior": type_priors[kinds[entity]],
                "nearby": nearby[c],
            }
            for c, entity in enumerate(found, start=first)
        ]
        expected = reference.features(text, span, known, [entity for key, entity in links if key == span[2]])
        got = out[first : first + len(found)]
        npt.assert_allclose(got, np.array(expected).reshape(-1, len(FEATURES)), rtol=1e-4, atol=1e-4)


@given(rows, links, st.integers(0, 99))
def test_fill_decisions__matches_reference(rows, links, seed):
    source = np.random.default_rng(seed)
    offsets = np.append(0, np.cumsum([len(found) for _, found in rows])).astype(np.int64)
    scores = source.normal(size=offsets[-1]).astype(np.float32)
    features = source.normal(size=(offsets[-1], 4)).astype(np.float32)
    best, seconds = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.float32)
    kernels.pick_best(offsets, scores, best, seconds)
    log_odds, log_freqs = source.normal(size=len(rows)).astype(np.float32), -np.arange(N_KEYS, dtype=np.float32)
    out = np.zeros((len(rows), 9), np.float32)
    kernels.fill_decisions(
        np.array([span for span, _ in rows], np.int32),
        (np.arange(len(rows)), offsets, log_odds),
        (scores, features, best, seconds, np.array([2, 0])),
        count(links).tables,
        (log_freqs, -77.0),
        out,
    )
    for i, ((_, length, key), _) in enumerate(rows):
        first, stop = offsets[i : i + 2]
        scored = [(float(scores[c]), features[c, [2, 0]].tolist()) for c in range(first, stop)]
        linked = [None if entity == NIL_ENTITY else entity for other, entity in links if other == key]
        expected = reference.decision(length, log_odds[i], -float(key) if key < N_KEYS else -77.0, linked, scored)
        npt.assert_allclose(out[i], expected + [0.0] * (9 - len(expected)), rtol=1e-5, atol=1e-5)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1), st.integers(-5, 5))
def test_score_rows__adds_up(rows, bias):
    out = np.zeros(len(rows), np.float32)
    kernels.score_rows(np.array(rows, np.float32), np.array([0.5, -1.0, 2.0]), float(bias), out)
    assert out.tolist() == [bias + a / 2 - b + 2 * c for a, b, c in rows]


def test_fill_decisions__nothing_known_of_nil():
    assert math.isclose(kernels.LOG_UNSEEN, math.log((0 + 0.2) / (0 + 0.5)))
