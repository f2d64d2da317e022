from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from reference_segmentation import make_text

from cnmine.segmentation.storage import open_segmenter, save_segmenter
from cnmine.segmentation.tokens import code_points, encode_text
from cnmine.segmentation.training import train_segmenter

EMPTY = ["", "，。\n", "hello world 12", "\0"]


@pytest.mark.parametrize("text", EMPTY)
def test_train_segmenter__a_text_without_chinese_passes(text):
    segmenter = train_segmenter(encode_text([text]))
    assert segmenter.tokenize("hello, 世界") == ["hello", ",", "世界"] or "".join(segmenter.tokenize("世界")) == "世界"
    assert "".join(segmenter.tokenize(text)) == text.replace("\n", "").replace(" ", "")


def test_train_segmenter__same_for_any_threads_and_order(small_text, segmenter, threads):
    lines = small_text.split("\n")
    other = train_segmenter(encode_text(["\n".join(lines[::-1])]), threads=threads)
    npt.assert_array_equal(other.characters, segmenter.characters)
    npt.assert_array_equal(other.keys, segmenter.keys)


def test_train_segmenter__tells_of_its_steps(small_text):
    steps, done = [], []
    train_segmenter(
        encode_text([small_text]),
        on_step=lambda text, **options: steps.append((text, options["total"])),
        on_progress=done.append,
    )
    assert len(steps) == 6
    assert sum(done) == sum(total for _, total in steps)


def test_save_segmenter__opens_equal(segmenter, tmp_path):
    path = str(tmp_path / "small.model")
    settings = save_segmenter(segmenter, path)
    opened = open_segmenter(path)
    for name in ("keys", "roots", "unknown", "characters", "shape"):
        npt.assert_array_equal(getattr(opened, name), getattr(segmenter, name))
    assert opened.settings == settings
    text = make_text(20, seed=9)
    npt.assert_array_equal(opened.mark(code_points(text)), segmenter.mark(code_points(text)))
    again = opened.with_lexicon(["电影书"], np.full(1, 30.0))
    assert again.tokenize("看电影书") == ["看", "电影书"]


def test_save_segmenter__equal_segmenters_give_equal_files(small_text, segmenter, tmp_path):
    save_segmenter(segmenter, str(tmp_path / "one"))
    save_segmenter(train_segmenter(encode_text([small_text])), str(tmp_path / "two"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
