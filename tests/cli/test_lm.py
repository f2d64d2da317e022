"""``cnmine lm``: models made, exchanged and asked."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "lm"
TEXT = GOLDEN / "text.txt"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from cnmine.io.paths import find_sources
    from cnmine.lm.train import train_model

    path = tmp_path_factory.mktemp("lm") / "text.lm"
    train_model(find_sources([str(TEXT)]), str(path), order=3)
    return path


def test_lm_train__from_text_and_from_standard_input(invoke, model, tmp_path):
    got = invoke("lm", "train", TEXT, "-o", tmp_path / "a.lm", "--order", "3")
    assert (got.code, got.stdout) == (0, "")
    assert "1,508 units in 62 sentences, n-grams 341 + 1,083 + " in got.stderr
    got = invoke("lm", "train", "-", "-o", tmp_path / "b.lm", "--order", "3", "-q", stdin=TEXT.read_bytes())
    assert (got.code, got.stdout, got.stderr) == (0, "", "")
    assert (tmp_path / "a.lm").read_bytes() == (tmp_path / "b.lm").read_bytes() == model.read_bytes()


def test_lm_train__from_a_store(invoke, tmp_path):
    assert invoke("count", TEXT, "-o", tmp_path / "text.store", "--max-order", "2", "-q").code == 0
    train = ("lm", "train", tmp_path / "text.store", "-o", tmp_path / "a.lm")
    got = invoke(*train, "--order", "3", "--discount-fallback", "-q")
    assert (got.code, got.stderr) == (0, "")
    got = invoke(*train)
    assert got.code == 2 and "count again with --max-order 3" in got.stderr
    got = invoke(*train, "--order", "3", "--encoding", "gbk")
    assert got.code == 2 and "--encoding does not apply to a store" in got.stderr
    got = invoke("lm", "train", tmp_path / "text.store", "-o", tmp_path / "text.store")
    assert got.code == 2 and "input and output at once" in got.stderr


def test_lm_train__documented_defaults(invoke, tmp_path, monkeypatch):
    from cnmine.lm import train

    calls = []

    def train_model(sources, path, **options):
        calls.append(options)
        shutil.copy(TEXT, path)
        return {"n_tokens": 1, "n_sentences": 1, "n_ngrams": [1]}

    monkeypatch.setattr(train, "train_model", train_model)
    assert invoke("lm", "train", TEXT, "-o", tmp_path / "a.lm", "--memory", "1G", "-t", "1").code == 0
    expected = {"order": 4, "prune": (), "fallback": None, "fold_case": False, "temp_dir": None, "threads": 1}
    expected |= {"encoding": "utf-8", "jsonl_field": None, "column": None, "bad_bytes": "stop"}
    assert {name: calls[0][name] for name in expected} == expected
    assert 0.7e9 < calls[0]["budget_bytes"] < 1e9
    options = ("--prune", "0 0 1", "--discount-fallback", "0.4,0.9")
    assert invoke("lm", "train", TEXT, "-o", tmp_path / "a.lm", *options).code == 0
    assert (calls[1]["prune"], calls[1]["fallback"]) == ((0, 0, 1), (0.4, 0.9, 0.9))


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--order", "5"), 3, "the 5-grams give no discounts"),
        (("--order", "9"), 2, "--order"),
        (("--prune", "1 0"), 2, "must not fall"),
        (("--prune", "x"), 2, "is no list of counts"),
        (("--discount-fallback", "2"), 2, "are no discounts"),
        (("--jsonl-field", "a", "--column", "1"), 2, "exclude each other"),
    ],
)
def test_lm_train__failures_leave_nothing(invoke, tmp_path, options, code, message):
    got = invoke("lm", "train", TEXT, "-o", tmp_path / "a.lm", *options)
    assert got.code == code and message in got.stderr
    assert list(tmp_path.iterdir()) == []


def test_lm_train__text_with_bad_bytes(invoke, tmp_path):
    (tmp_path / "bad.txt").write_bytes(TEXT.read_bytes() + b"\xff\xfe\n")
    train = ("lm", "train", tmp_path / "bad.txt", "-o", tmp_path / "a.lm", "--order", "2")
    assert invoke(*train).code == 3 and not (tmp_path / "a.lm").exists()
    got = invoke(*train, "--bad-bytes", "skip")
    assert got.code == 3 and "skipped 2 bad byte sequences" in got.stderr and (tmp_path / "a.lm").exists()


def test_lm_export_import__round_trip(invoke, model, tmp_path):
    written = invoke("lm", "export", model)
    assert written.code == 0 and written.stdout.startswith("\\data\\\nngram 1=")
    assert written.stdout.endswith("\n\\end\\\n")
    assert invoke("lm", "export", model, "-o", tmp_path / "a.arpa.gz", "-q").code == 0
    assert gzip.decompress((tmp_path / "a.arpa.gz").read_bytes()).decode() == written.stdout
    got = invoke("lm", "import", tmp_path / "a.arpa.gz", "-o", tmp_path / "b.lm")
    assert got.code == 0 and "n-grams" in got.stderr
    assert invoke("lm", "export", tmp_path / "b.lm").stdout == written.stdout
    got = invoke("lm", "import", "-", "-o", tmp_path / "c.lm", "-q", stdin=written.stdout.encode())
    assert got.code == 0 and (tmp_path / "c.lm").read_bytes() == (tmp_path / "b.lm").read_bytes()


def test_lm_import__what_is_no_model(invoke, tmp_path):
    got = invoke("lm", "import", TEXT, "-o", tmp_path / "a.lm")
    assert got.code == 3 and "text.txt: line" in got.stderr
    got = invoke("lm", "import", tmp_path / "none.arpa", "-o", tmp_path / "a.lm")
    assert got.code == 3 and "none.arpa" in got.stderr
    assert list(tmp_path.iterdir()) == []


def test_lm_score__a_row_for_every_line(invoke, model):
    got = invoke("lm", "score", model, "-", stdin="老师说。\n\n龘人".encode())
    assert got.code == 0
    assert got.rows[0] == ["log10_prob", "tokens", "unknown", "perplexity"]
    assert [row[1:3] for row in got.rows[1:]] == [["4", "0"], ["0", "0"], ["2", "1"]]
    assert float(got.rows[1][3]) == pytest.approx(10 ** (-float(got.rows[1][0]) / 5), rel=1e-3)
    lines = invoke("lm", "score", model, "-f", "jsonl", stdin="老师说。\n".encode()).stdout.split("\n")
    assert json.loads(lines[0])["tokens"] == 4 and lines[1:] == [""]
    assert invoke("lm", "score", model, "--no-header", stdin=b"").stdout == ""


def test_lm_perplexity__table_and_json(invoke, model):
    got = invoke("lm", "perplexity", model, TEXT, "-f", "json")
    report = json.loads(got.stdout)
    assert got.code == 0 and report["sentences"] == 62 and report["unknown"] == 0
    assert report["perplexity"] == report["perplexity_known"] < 20
    table = invoke("lm", "perplexity", model, TEXT).stdout
    assert f"{report['bits_per_character']:.4f}" in table and "perplexity_known" in table


def test_lm__files_that_are_no_models(invoke, tmp_path):
    for name in ("export", "score", "perplexity"):
        arguments = () if name == "export" else (TEXT,)
        got = invoke("lm", name, TEXT, *arguments)
        assert got.code == 4 and "is a text, expected a store" in got.stderr
    assert invoke("count", TEXT, "-o", tmp_path / "text.store", "-q").code == 0
    got = invoke("lm", "score", tmp_path / "text.store", TEXT)
    assert got.code == 4 and "kind ngrams, expected lm" in got.stderr
