"""ARPA out and in, and everything that may be wrong with it."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import reference_lm as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmine.errors import CorpusError
from cnmine.lm.arpa import import_arpa
from cnmine.lm.model import open_model

LINES = ["天地人和。ABC", "人大天大地大", "", "大人和小人", "人和人不和"] * 2
WORDS = """
\\data\\
ngram 1=5
ngram 2 = 3
ngram 3=1

\\1-grams:
-1\t<s>\t-0.3
-1.5\t</s>
-0.7\t我们\t-0.2
-0.9\tnew-word\t-0.1
-1.1\t天气

\\2-grams:
-0.4\t<s> 我们\t-0.05
-0.5 我们 天气
-0.6\tnew-word 天气

\\3-grams:
-0.2\t我们 new-word 天气

\\end\\
"""


@settings(max_examples=25)
@given(st.lists(st.text("天地人和。a1", max_size=6), min_size=1, max_size=12), st.integers(1, 4))
def test_export_import__same_model(tmp_path_factory, train_lines, arpa_of, lines, order):
    path = train_lines([*lines, "人"], "arpa", order=order)
    directory = tmp_path_factory.mktemp("arpa")
    (directory / "a.arpa").write_text(arpa_of(path), encoding="utf-8")
    settings = import_arpa(str(directory / "a.arpa"), str(directory / "b.lm"))
    assert settings["tokenization"] == "units"
    assert arpa_of(directory / "b.lm") == arpa_of(path)
    with open_model(str(path)) as first, open_model(str(directory / "b.lm")) as second:
        text = first.encode("天地人和。\na1天鹅\n".encode())
        again = second.encode("天地人和。\na1天鹅\n".encode())
        np.testing.assert_array_equal(text.ids, again.ids)
        np.testing.assert_allclose(
            first.score_ids(text.ids, text.offsets), second.score_ids(text.ids, text.offsets), atol=1e-5
        )


def test_import_arpa__words_and_gaps(tmp_path, arpa_of):
    """SRILM leaves out beginnings and ends of n-grams that it pruned; back-off finds them all the same."""
    with gzip.open(tmp_path / "w.arpa.gz", "wt", encoding="utf-8") as file:
        file.write(WORDS)
    settings = import_arpa(str(tmp_path / "w.arpa.gz"), str(tmp_path / "w.lm"))
    assert settings["tokenization"] == "tokens"
    with open_model(str(tmp_path / "w.lm")) as model:
        text = model.encode("我们 new-word 天气\n我们 下雨\n\n".encode())
        assert text.offsets.tolist() == [0, 3, 5, 5] and text.n_characters.tolist() == [12, 4, 0]
        scores = model.score_ids(text.ids, text.offsets).tolist()
    expected = [-0.4, -0.05 - 0.2 - 0.9, -0.2, 0 + 0 - 1.5, -0.4, -0.05 - 0.2 - 100, -1.5, -0.3 - 1.5]
    assert scores == pytest.approx(expected, abs=1e-4)
    found = reference.read_arpa(arpa_of(tmp_path / "w.lm"))
    assert found[1][("我们", "new-word")][0] == pytest.approx(-0.2 - 0.9)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("\\data\\", "data", 23, "there is no"),
        ("ngram 1=5", "ngram 1=6", 14, "5 1-grams, 6 were announced"),
        ("ngram 1=5\nngram 2 = 3\nngram 3=1\n", "", 4, "0 orders are announced"),
        ("\\2-grams:", "\\4-grams:", 14, "expected"),
        ("\\end\\", "", 23, "expected"),
        ("-0.5 我们 天气", "-0.5 我们 天气 1 2", 16, "a 2-gram has 5 fields"),
        ("-0.5 我们 天气", "0.5 我们 天气", 16, "no logarithm"),
        ("-0.5 我们 天气", "nan 我们 天气", 16, "no logarithm"),
        ("-0.5 我们 天气", "x 我们 天气", 16, "is no number"),
        ("-0.5 我们 天气", "-0.5 我们 下雨", 16, "'下雨' is not among the 1-grams"),
        ("-1.1\t天气", "-1.1\t我们", 12, "'我们' stands there twice"),
    ],
)
def test_import_arpa__names_the_line_that_is_wrong(tmp_path, old, new, line, message):
    path = tmp_path / "bad.arpa"
    path.write_text(WORDS.replace(old, new), encoding="utf-8")
    with pytest.raises(CorpusError, match=f"bad.arpa: line {line}: .*{message}"):
        import_arpa(str(path), str(tmp_path / "bad.lm"))
    assert [found.name for found in tmp_path.iterdir()] == ["bad.arpa"]
