"""A small text and what is learned of it."""

from __future__ import annotations

import pytest
from reference_segmentation import make_text

from cnmine.segmentation.tokens import encode_text
from cnmine.segmentation.training import train_segmenter


@pytest.fixture(scope="session")
def small_text():
    return make_text()


@pytest.fixture(scope="session")
def segmenter(small_text):
    return train_segmenter(encode_text([small_text]))
