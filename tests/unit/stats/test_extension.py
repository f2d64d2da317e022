"""Shares of neighbours against the plain version."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting.counter import count_ngrams
from cnmine.errors import UsageError
from cnmine.stats.extension import boundary_shares, extension_shares, quotation_shares, take_rows

corpora = st.lists(st.integers(0, 7), max_size=150).map(lambda units: [0, *units, *[0] * 8])
options = st.fixed_dictionaries({"max_order": st.integers(1, 7), "min_count": st.integers(1, 4)})


@given(corpora, options, st.sampled_from(["left", "right"]))
def test_shares__match_reference(units, options, side):
    table = count_ngrams(np.array(units, np.uint16), **options)
    beside = reference.count_neighbours(units, max_order=options["max_order"])
    bit = reference.OPENING if side == "left" else reference.CLOSING
    values = np.stack([boundary_shares(table, side), quotation_shares(table, side), extension_shares(table, side)])
    for ngram, shares in reference.by_ngram(table, values.T).items():
        neighbours = getattr(beside[ngram], side)
        _, boundaries, quoted, top = reference.tally(neighbours, bit)
        npt.assert_allclose(shares, np.array([boundaries, quoted, top]) / neighbours.total())


def test_extension_shares__of_a_fragment():
    units = np.array([0, 4, 5, 6, 0, 4, 5, 6, 0, 4, 5, 7, 0, 4, 5, *[0] * 8], np.uint16)
    table = count_ngrams(units, max_order=2, min_count=1)
    assert extension_shares(table, "right")[table.find([4, 5])] == 0.5
    assert extension_shares(table, "right")[table.find([4])] == 1.0
    assert extension_shares(table, "left")[table.find([4])] == 0.0


@pytest.mark.parametrize("function", [extension_shares, boundary_shares, quotation_shares])
def test_shares__refuse_an_unknown_side_and_accept_an_empty_table(function):
    table = count_ngrams(np.zeros(9, np.uint16), max_order=3, min_count=1)
    assert function(table, "right").shape == (0,)
    with pytest.raises(UsageError):
        function(table, "both")


def test_take_rows__is_the_table_at_these_rows(make_units):
    table = count_ngrams(make_units(), max_order=3, min_count=2)
    rows = np.array([7, 0, len(table) - 1])
    taken = take_rows(table, rows)
    for name, values in vars(taken).items():
        npt.assert_array_equal(values, getattr(table, name)[rows], err_msg=name)
    npt.assert_array_equal(extension_shares(taken, "left"), extension_shares(table, "left")[rows])
