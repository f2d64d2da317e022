"""Lines and whole texts scored."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cnmine.io.paths import find_sources
from cnmine.lm import scoring
from cnmine.lm.model import open_model
from cnmine.lm.scoring import measure_perplexity, score_lines

LINES = ["天地人和。", "人大天大地大", "", "大人和小人"]


@pytest.fixture(scope="module")
def model(train_lines):
    with open_model(str(train_lines(LINES * 3, "score", order=3))) as opened:
        yield opened


def test_score_lines__each_line_by_itself(model, tmp_path, monkeypatch, threads):
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    paths[0].write_text("天地人和。\n\n鹅大", encoding="utf-8")
    paths[1].write_text("人" * 100 + "\n大\n", encoding="utf-8")
    lines = ["天地人和。", "", "鹅大", "人" * 100, "大"]
    for n_bytes in (1 << 20, 64):
        monkeypatch.setattr(scoring, "BLOCK_BYTES", n_bytes)
        blocks = list(score_lines(model, find_sources([str(path) for path in paths]), threads=threads))
        found = [
            np.concatenate([getattr(block, name) for block in blocks])
            for name in ("log10_probs", "n_tokens", "n_unknown")
        ]
        expected = [
            model.score_ids(model.encode(line.encode() + b"\n").ids, np.array([0, len(line)])).sum() for line in lines
        ]
        np.testing.assert_allclose(found[0], expected, atol=1e-4)
        assert found[1].tolist() == [5, 0, 2, 100, 1] and found[2].tolist() == [0, 0, 1, 0, 0]


def test_measure_perplexity__by_hand(model, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("人大鹅\n天 地\n", encoding="utf-8")
    text = model.encode(path.read_bytes())
    scores = model.score_ids(text.ids, text.offsets).astype(float).tolist()
    report = measure_perplexity(model, find_sources([str(path)]))
    total = sum(scores)
    assert {name: report[name] for name in ("sentences", "tokens", "unknown", "characters")} == {
        "sentences": 2,
        "tokens": 5,
        "unknown": 1,
        "characters": 5,
    }
    assert report["log10_prob"] == pytest.approx(total)
    assert report["perplexity"] == pytest.approx(10 ** (-total / 7))
    assert report["perplexity_known"] == pytest.approx(10 ** (-(total - scores[2]) / 6))
    assert report["bits_per_character"] == pytest.approx(-total * math.log2(10) / 5)


def test_measure_perplexity__nothing(model, tmp_path):
    path = tmp_path / "empty.txt"
    path.write_bytes(b"")
    report = measure_perplexity(model, find_sources([str(path)]))
    assert report["sentences"] == 0 and report["perplexity"] is report["bits_per_character"] is None
