from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import reference_segmentation as reference

from cnmine.errors import UsageError
from cnmine.io.paths import find_sources
from cnmine.lm.model import open_model
from cnmine.lm.train import train_model
from cnmine.segmentation import _published_kernels as kernels
from cnmine.segmentation.published import PublishedDecoder
from cnmine.segmentation.tokens import code_points


@pytest.mark.parametrize("order", [2, 3, 4, 6])
def test_decode_spans__is_the_best_of_all(order):
    generator = np.random.default_rng(order)
    offsets = np.array([0, 1, 1, 6, 14], np.int64)
    probs = generator.normal(-2, 1, (14, order)).astype(np.float32)
    transitions = np.log10(generator.uniform(0.01, 1, (order, 2)))
    found = np.zeros(14, np.uint8)
    kernels.decode_spans(probs, offsets, transitions, found)
    for start, stop in pairwise(offsets):
        expected = reference.published(probs[start:stop].tolist(), transitions.tolist()) if stop > start else []
        assert np.flatnonzero(found[start:stop]).tolist() == expected


@pytest.fixture(scope="module")
def model(tmp_path_factory, small_text):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text").write_text(small_text, encoding="utf-8")
    train_model(find_sources([str(folder / "text")]), str(folder / "lm"), order=3, fallback=(0.5, 1.0, 1.5))
    with open_model(str(folder / "lm")) as opened:
        yield opened


def test_mark__uses_the_probabilities_of_the_model(model):
    text = "我们去北京，看2024电影"
    marks = PublishedDecoder(model).mark(code_points(text))
    starts = []
    transitions = np.log10([[1, 0.15], [1, 0.01], [1, 0.01]]).tolist()
    for at, span in ((0, "我们去北京"), (6, "看"), (11, "电影")):
        ids = np.array([model.ids[unit.encode()] for unit in span], np.uint32)
        starts += [at + i for i in reference.published(model.conditionals(ids).tolist(), transitions)]
    assert np.flatnonzero(marks).tolist() == sorted([*starts, 5, 7])


def test_mark__transitions_and_bias_are_knobs(model):
    codes = code_points("我们去北京看电影和朋友明天去图书馆")
    default = PublishedDecoder(model).mark(codes).sum()
    assert PublishedDecoder(model, transitions=(1, 1e-9)).mark(codes).sum() == len(codes)
    assert PublishedDecoder(model).mark(codes, bias=50.0).sum() == len(codes)
    assert PublishedDecoder(model).mark(codes, bias=-50.0).sum() < default


def test_mark__text_without_units(model):
    assert PublishedDecoder(model).mark(code_points(" ，\n")).tolist() == [2, 1, 2]


def test_published_decoder__refuses_wrong_use(model):
    for transitions in ((), (1,), (1, 0.5, 1), (1, 0), (1, -1)):
        with pytest.raises(UsageError):
            PublishedDecoder(model, transitions=transitions)
    with pytest.raises(UsageError, match="n-best"):
        PublishedDecoder(model).propose(code_points("我"), n_best=2)
