"""Stores appear complete or not at all, whatever happens on the way."""

from __future__ import annotations

import os

import numpy as np
import pytest

from cnmine.errors import UsageError
from cnmine.store.container import open_store
from cnmine.store.writing import create_store


def write(path, value=1, **options):
    """A small store that holds ``value``."""
    with create_store(str(path), kind="test", version=1, **options) as store:
        store.add("value", np.array([value], np.uint64))


def read(path):
    with open_store(str(path), kind="test") as store:
        return int(store.array("value")[0])


def test_create_store__appears_when_complete(tmp_path):
    path = tmp_path / "store"
    write(path, 1)
    with create_store(str(path), kind="test", version=1) as store:
        store.add("value", np.array([2], np.uint64))
        assert read(path) == 1
        assert len(os.listdir(tmp_path)) == 3  # old, partial, lock
    assert read(path) == 2
    assert os.listdir(tmp_path) == ["store"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_create_store__nothing_is_left_after_an_exception(tmp_path, error):
    path = tmp_path / "store"
    write(path, 1)
    before = path.read_bytes()
    with (
        pytest.raises(error),
        create_store(str(path), kind="test", version=1) as store,
        store.section("value", 64) as part,
    ):
        part.append(np.array([2]))
        raise error
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["store"]


def test_create_store__refuses_bad_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("-", ".", "no/store", "store/", os.devnull):
        with pytest.raises(UsageError), create_store(path, kind="test", version=1):
            pytest.fail("was opened")
    assert os.listdir(tmp_path) == []
