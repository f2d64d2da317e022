"""``cnmine info``: a store in, what it holds out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from reference_store import spans_of_text, write_reference_store

from cnmine.store.writing import create_store

TEXT = "他说“你好”。5G手机，5G手机很好！"


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "text.store"
    write_reference_store(path, spans_of_text(TEXT), max_order=3, n_bytes=len(TEXT.encode()))
    return path


def test_info__table(invoke, store):
    got = invoke("info", store)
    assert (got.code, got.stderr) == (0, "")
    fields, sections = got.stdout.split("\n\n")
    values = dict(line.split(maxsplit=1) for line in fields.split("\n"))
    assert values["kind"] == "ngrams"
    assert values["bytes"] == str(store.stat().st_size)
    assert values["max_order"] == "3"
    assert values["bytes_per_byte_of_text"] == f"{round(store.stat().st_size / len(TEXT.encode()), 3)}"
    assert sections.split("\n")[0].split() == ["section", "bytes", "bits", "values"]
    assert "windows" in sections


@pytest.mark.parametrize("verify", [(), ("--verify",)])
def test_info__json(invoke, store, verify):
    got = invoke("info", store, "--format", "json", *verify)
    report = json.loads(got.stdout)
    assert (report["kind"], report["version"], report["settings"]["n_tokens"]) == ("ngrams", 1, 12)
    assert {"settings", "text", "windows"} < {section["section"] for section in report["sections"]}
    assert report.get("verified", False) is bool(verify)


def test_info__of_another_kind(invoke, tmp_path):
    path = tmp_path / "other.store"
    with create_store(path, kind="other", version=7) as writer:
        writer.add("numbers", np.arange(5), bits=3)
        writer.add("settings", b"no JSON")
    got = invoke("info", path, "--verify")
    assert got.code == 0
    assert "other" in got.stdout
    assert json.loads(invoke("info", path, "-f", "json").stdout)["settings"] == {}


def test_info__damage_has_exit_code_4(invoke, store, tmp_path):
    assert invoke("info", tmp_path / "none").code == 4
    foreign = tmp_path / "text.txt"
    foreign.write_text(TEXT, encoding="utf-8")
    assert invoke("info", foreign).code == 4
    flipped = tmp_path / "flipped.store"
    data = bytearray(store.read_bytes())
    data[300] ^= 1
    flipped.write_bytes(data)
    got = invoke("info", flipped, "--verify")
    assert (got.code, got.stdout) == (4, "")
    odd = tmp_path / "odd.store"
    sections = write_reference_store(odd, spans_of_text(TEXT), max_order=3)
    bits, values = sections["windows"]
    write_reference_store(odd, spans_of_text(TEXT), max_order=3, change={"windows": (bits, values[::-1])})
    assert invoke("info", odd).code == 0
    got = invoke("info", odd, "--verify")
    assert (got.code, got.stdout) == (4, "")
    assert "windows are not in order" in got.stderr
    assert invoke("info", store, "-o", store).code == 2
