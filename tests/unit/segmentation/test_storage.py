from __future__ import annotations

import json

import numpy as np
import pytest

from cnmine.errors import StoreError
from cnmine.segmentation.storage import KIND, VERSION, open_segmenter, save_segmenter
from cnmine.segmentation.tokens import code_points
from cnmine.store.writing import create_store


@pytest.fixture
def saved(segmenter, tmp_path):
    path = tmp_path / "small.model"
    save_segmenter(segmenter, str(path))
    return path


def write(path, segmenter, **changes):
    """A file with some sections replaced."""
    settings = {
        "n_slots": len(segmenter.keys) // 3,
        "n_probes": 9,
        "depth": 6,
        "n_characters": len(segmenter.characters),
    }
    sections = {
        "settings": json.dumps(settings | changes.pop("settings", {})).encode(),
        "characters": segmenter.characters,
        "unknown": segmenter.unknown,
        "roots": segmenter.roots,
        "records": segmenter.keys,
    }
    with create_store(str(path), kind=KIND, version=VERSION) as writer:
        for name, values in (sections | changes).items():
            writer.add(name, values)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_slots": 7},
        {"n_slots": 1 << 40},
        {"n_probes": 0},
        {"depth": 99},
        {"depth": 2},
        {"n_characters": -1},
        {"depth": "6"},
    ],
)
def test_open_segmenter__refuses_settings_without_sense(segmenter, tmp_path, settings):
    write(tmp_path / "bad", segmenter, settings=settings)
    with pytest.raises(StoreError, match="damaged"):
        open_segmenter(str(tmp_path / "bad"))


@pytest.mark.parametrize(
    "change",
    [
        {"records": np.zeros(6, np.int64)},
        {"roots": np.full(1 << 16, 1 << 30, np.int32)},
        {"roots": np.zeros(4, np.int32)},
        {"characters": np.zeros(2, np.uint32)},
        {"unknown": np.zeros(0, np.float32)},
    ],
)
def test_open_segmenter__refuses_sections_that_do_not_fit(segmenter, tmp_path, change):
    write(tmp_path / "bad", segmenter, **change)
    with pytest.raises(StoreError, match="damaged"):
        open_segmenter(str(tmp_path / "bad"))


def test_open_segmenter__wrong_records_do_no_harm(segmenter, tmp_path):
    generator = np.random.default_rng(0)
    records = generator.integers(-(1 << 62), 1 << 62, len(segmenter.keys))
    write(tmp_path / "wild", segmenter, records=records)
    opened = open_segmenter(str(tmp_path / "wild"))
    assert "".join(opened.tokenize("我们去北京看电影")) == "我们去北京看电影"
    full = segmenter.keys.copy()
    full[::3] = 12345
    write(tmp_path / "full", segmenter, records=full)
    assert open_segmenter(str(tmp_path / "full")).mark(code_points("我们去北京")).sum() > 0


def test_open_segmenter__notices_any_changed_byte(saved):
    data = bytearray(saved.read_bytes())
    for place in range(40, len(data), len(data) // 23):
        changed = bytearray(data)
        changed[place] ^= 0x10
        saved.write_bytes(changed)
        with pytest.raises(StoreError):
            open_segmenter(str(saved))


def test_open_segmenter__refuses_what_is_none(tmp_path):
    with create_store(str(tmp_path / "other"), kind="other", version=1) as writer:
        writer.add("settings", b"{}")
    with pytest.raises(StoreError, match="kind other"):
        open_segmenter(str(tmp_path / "other"))
    with pytest.raises(StoreError, match="does not exist"):
        open_segmenter(str(tmp_path / "none"))
