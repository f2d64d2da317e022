"""The sample knowledge base and texts agree with what is said of them."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import cnmine

DATA = Path(cnmine.__file__).parents[1] / "data" / "linking"


def test_sample_data__has_no_fault(capsys):
    check = runpy.run_path(str(DATA / "check.py"))
    assert check["main"]([str(DATA)]) == 0, capsys.readouterr().out


def test_sample_data__is_large_enough():
    sizes = {name: (DATA / f"sample_{name}.jsonl").read_bytes().count(b"\n") for name in ("kb", "train", "test")}
    assert sizes["kb"] >= 200
    assert sizes["train"] + sizes["test"] >= 300
    rows = [json.loads(line) for line in (DATA / "sample_test.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert sum(mention["kb_id"] == "NIL" for row in rows for mention in row["mention_data"]) >= 50
