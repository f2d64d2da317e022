"""Arrays in memory within a budget, and in files beyond it."""

from __future__ import annotations

import os
from contextlib import ExitStack

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine._memory import release_pages
from cnmine._space import MEMORY
from cnmine.errors import ResourceError
from cnmine.sorting import pool as pool_module
from cnmine.sorting.pool import ArrayPool

arrays = st.lists(
    st.tuples(st.sampled_from(["u1", "u2", "i4", "f8"]), st.lists(st.integers(0, 255), max_size=40)), max_size=12
).map(lambda found: [np.array(values, dtype) for dtype, values in found])


@pytest.fixture
def pool_of(tmp_path):
    """Makes pools that are closed at the end."""
    with ExitStack() as stack:
        yield lambda budget, folder=tmp_path: stack.enter_context(ArrayPool(budget, str(folder)))


def is_mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


@given(arrays, st.integers(0, 600), st.randoms(use_true_random=False))
def test_put_aside__comes_back_in_any_order(found, budget, source):
    with ArrayPool(budget) as pool:
        waiting = [(array, pool.put_aside(array.copy(), "values")) for array in found]
        source.shuffle(waiting)
        for array, take in waiting:
            taken = take()
            npt.assert_array_equal(taken, array)
            assert taken.dtype == array.dtype
            taken[:] = 0  # its own memory
        again = pool.put_aside(np.arange(50), "values")
        npt.assert_array_equal(again(), np.arange(50))
        assert pool.take(budget)  # all of it is free again


@given(arrays, st.integers(0, 600))
def test_keep__holds_the_same_values(found, budget):
    with pytest.MonkeyPatch.context() as patch, ArrayPool(budget) as pool:
        patch.setattr(pool_module, "KEPT_BYTES", 100)
        kept = [pool.keep(array.copy(), "values") for array in found]
    for array, copy in zip(found, kept, strict=True):
        npt.assert_array_equal(copy, array)
        assert copy.dtype == array.dtype
    assert sum(copy.nbytes for copy in kept if not is_mapped(copy)) <= budget


def test_space__arrays_of_any_shape(pool_of):
    for space in (MEMORY, *map(pool_of, (None, 0, 100, 10**6))):
        for shape in (5, (5,), (4, 3), 0, (0, 4)):
            array = space.new_array(shape, np.uint16, "values")
            assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
            array[:] = 7
            release_pages(array)
            assert (array == 7).all()
        npt.assert_array_equal(space.keep(np.arange(9), "values"), np.arange(9))
        npt.assert_array_equal(space.put_aside(np.arange(6).reshape(2, 3), "values")(), [[0, 1, 2], [3, 4, 5]])


def test_new_array__is_mapped_where_the_budget_ends(pool_of):
    pool = pool_of(100)
    assert [is_mapped(pool.new_array(40, np.uint8, "values")) for _ in range(3)] == [False, False, True]
    assert pool.n_taken == 80
    assert not is_mapped(pool_of(None).new_array(40, np.uint8, "values"))


def test_array_pool__leaves_no_files(tmp_path, pool_of):
    pool = pool_of(0)
    held = [pool.new_array(9, np.uint8, "values"), pool.keep(np.arange(9), "values"), pool.put_aside(np.arange(9), "")]
    assert len(held) == 3
    assert os.listdir(tmp_path) == []  # they have no name even while they are in use


@pytest.mark.parametrize("ask", ["new_array", "keep", "put_aside"])
def test_array_pool__no_place(tmp_path, pool_of, ask):
    pool = pool_of(0, tmp_path / "none")
    with pytest.raises(ResourceError, match="none: no room.*--temp-dir, or raise --memory"):
        pool.new_array(9, np.uint8, "values") if ask == "new_array" else getattr(pool, ask)(np.arange(9), "values")


def test_put_aside__of_a_file_that_was_cut(pool_of):
    pool = pool_of(0)
    take = pool.put_aside(np.arange(1000), "values")
    os.truncate(pool._spool.file.fileno(), 10)
    with pytest.raises(ResourceError, match="cut short by another process"):
        take()
