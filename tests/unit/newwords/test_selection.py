"""Which candidates are shown, and why none is."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.newwords.selection import explain_empty, select_words, take_words


def make_table(rows):
    """A table of (word, score, is_known)."""
    words, scores, known = zip(*rows, strict=True) if rows else ([], [], [])
    return SimpleNamespace(
        words=list(words),
        scores=np.array(scores, dtype=np.float64),
        is_known=np.array(known, dtype=np.bool_),
        counts=np.ones(len(words), dtype=np.int64),
    )


TABLE = make_table(
    [
        ("区块链", 0.9, False),
        ("发展", 0.8, True),
        ("5G手机", 0.7, False),
        ("𠮷A野", 0.6, False),
        ("的新", 0.2, False),
        ("iPhone15", 0.1, False),
    ]
)


def chosen(**options):
    return [TABLE.words[row] for row in select_words(TABLE, **options)]


def test_select_words__default_is_everything_unknown():
    assert chosen() == ["区块链", "5G手机", "𠮷A野", "的新", "iPhone15"]
    assert chosen(include_known=True) == TABLE.words


def test_select_words__filters():
    assert chosen(min_score=0.6) == ["区块链", "5G手机", "𠮷A野"]
    assert chosen(top=2) == ["区块链", "5G手机"]
    assert chosen(exclude={"5G手机", "的新"}) == ["区块链", "𠮷A野", "iPhone15"]
    assert chosen(include_pattern="[A-Z]", top=2) == ["5G手机", "𠮷A野"]
    assert chosen(include_pattern=re.compile("^区")) == ["区块链"]


def test_select_words__length_counts_a_run_once():
    assert chosen(min_len=2) == ["区块链", "5G手机", "𠮷A野", "的新"]
    assert chosen(min_len=3, max_len=3) == ["区块链", "5G手机", "𠮷A野"]
    assert chosen(max_len=1) == ["iPhone15"]


def test_select_words__refuses_nonsense():
    for options in ({"top": 0}, {"min_len": 0}, {"min_len": 3, "max_len": 2}):
        with pytest.raises(UsageError):
            select_words(TABLE, **options)


@given(
    st.lists(st.tuples(st.text("区块链A1", min_size=1, max_size=4), st.floats(0, 1), st.booleans()), max_size=8),
    st.floats(0, 1),
    st.integers(1, 5),
    st.booleans(),
)
def test_select_words__matches_a_plain_loop(rows, min_score, top, include_known):
    expected = [i for i, (_, score, known) in enumerate(rows) if score >= min_score and (include_known or not known)]
    got = select_words(make_table(rows), min_score=min_score, top=top, include_known=include_known)
    assert got.tolist() == expected[:top]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {"n_characters": 0}, "no word: the input is empty"),
        ([], {"n_characters": 1203}, "no candidate reached --min-count 5 in 1,203 characters"),
        ([("发展", 0.9, True)], {}, "the only candidate is in the dictionary: use --all"),
        ([("发展", 0.9, True)] * 12, {}, "all 12 candidates are in the dictionary: use --all"),
        ([("的新", 0.31, False)], {"min_score": 0.5}, "no candidate reached --min-score 0.5: the best has 0.31"),
        ([("的新", 0.9, False)], {"min_score": 0.5}, "none of the 1 candidates passed --exclude"),
    ],
)
def test_explain_empty__names_the_option(rows, options, message):
    assert message in explain_empty(make_table(rows), **{"n_characters": 9, "min_count": 5, **options})


def test_take_words__lists_and_lazy_words():
    class Lazy:
        def __getitem__(self, rows):
            return [TABLE.words[row] for row in rows]

    rows = np.array([4, 0])
    assert take_words(TABLE, rows) == ["的新", "区块链"]
    assert take_words(SimpleNamespace(words=Lazy()), rows) == ["的新", "区块链"]
