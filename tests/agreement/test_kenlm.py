"""Language models against KenLM: its program lmplz, and its Python module reading what we write."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import reference_lm as reference

from cnmine.cli.lm import DiscountsType
from cnmine.errors import CorpusError
from cnmine.io.paths import find_sources
from cnmine.io.units import decode_units, encode_block
from cnmine.lm.arpa import export_arpa, import_arpa
from cnmine.lm.model import open_model
from cnmine.lm.train import train_model

PROGRAM = os.environ.get("CNMINE_LMPLZ")
GOLDEN = Path(__file__).parents[1] / "golden" / "lm"
FALLBACK = DiscountsType().convert("0.5,1,1.5", None, None)
needs_program = pytest.mark.skipif(
    not PROGRAM, reason="CNMINE_LMPLZ does not name KenLM's program lmplz; build it and set the variable"
)


def spaced(text: bytes) -> bytes:
    """The units of every line with blanks between them."""
    lines = []
    for line in text.split(b"\n"):
        block = encode_block(line, punctuation="keep")
        lines.append(" ".join(decode_units(block.codes, block.runs)))
    return "\n".join(lines).encode()


def lmplz(text: bytes, order: int, prune, fallback, folder) -> str | None:
    """The model in ARPA format; None if it refuses."""
    command = [PROGRAM, "-o", str(order), "-S", "64M", "-T", str(folder / "temp"), "--prune", *map(str, prune)]
    if fallback:
        command += ["--discount_fallback", *map(str, fallback)]
    done = subprocess.run(command, input=spaced(text), capture_output=True)
    return done.stdout.decode() if done.returncode == 0 else None


def exported(path) -> str:
    pieces: list[bytes] = []
    with open_model(str(path)) as model:
        export_arpa(model, pieces.append)
    return b"".join(pieces).decode()


def random_text(seed: int) -> bytes:
    source = random.Random(seed)
    units = [*"天地人和大小上下来去。，", "ABC", "5G"][: source.choice([3, 6, 14])]
    weights = [1 / rank for rank in range(1, len(units) + 1)]
    phrases = ["".join(source.choices(units, weights, k=source.randint(1, 4))) for _ in range(30)]
    lines = ["".join(source.choices(phrases, k=source.randint(0, 6))) for _ in range(source.randint(1, 150))]
    return "".join(f"{line}\n" for line in lines).encode()


@needs_program
@pytest.mark.parametrize("seed", range(24))
def test_train_model__every_entry_is_that_of_lmplz(tmp_path, seed):
    text = (GOLDEN / "text.txt").read_bytes() if seed < 8 else random_text(seed)
    order, prune = 2 + seed % 4, [(0,), (0, 1), (0, 0, 1), (1, 1, 2), (0, 2)][seed % 5][: 2 + seed % 4]
    fallback = FALLBACK if seed % 3 else None
    source, path = tmp_path / "text.txt", tmp_path / "text.lm"
    source.write_bytes(text)
    expected = lmplz(text, order, prune, fallback, tmp_path)
    if expected is None:
        with pytest.raises(CorpusError, match="give no discounts"):
            train_model(find_sources([str(source)]), str(path), order=order, prune=prune)
        return
    train_model(find_sources([str(source)]), str(path), order=order, prune=prune, fallback=fallback)
    reference.assert_same_model(reference.read_arpa(exported(path)), reference.read_arpa(expected), 1e-5)
    (tmp_path / "theirs.arpa").write_text(expected, encoding="utf-8")
    import_arpa(str(tmp_path / "theirs.arpa"), str(tmp_path / "theirs.lm"))
    assert_same_scores(path, tmp_path / "theirs.lm", text)


def assert_same_scores(first, second, text: bytes) -> None:
    with open_model(str(first)) as mine, open_model(str(second)) as theirs:
        lines = mine.encode(text)
        np.testing.assert_allclose(
            mine.score_ids(lines.ids, lines.offsets), theirs.score_ids(lines.ids, lines.offsets), atol=1e-4
        )


@pytest.mark.parametrize(("order", "prune"), [(2, (0,)), (3, (0, 0, 1)), (4, (0,))])
def test_export_arpa__kenlm_reads_it_and_scores_alike(tmp_path, order, prune):
    kenlm = pytest.importorskip("kenlm", reason="the Python module kenlm is not installed (pip install cnmine[kenlm])")
    path, arpa = tmp_path / "text.lm", tmp_path / "text.arpa"
    train_model(find_sources([str(GOLDEN / "text.txt")]), str(path), order=order, prune=prune, fallback=FALLBACK)
    arpa.write_text(exported(path), encoding="utf-8")
    theirs = kenlm.Model(str(arpa))
    held_out = "老师说明天有小雨。\n\n图书馆的API也借出去了，真奇怪！\n月亮月亮月亮\n".encode()
    with open_model(str(path)) as mine:
        text = mine.encode(held_out)
        scores = mine.score_ids(text.ids, text.offsets).tolist()
    expected = [
        score for line in spaced(held_out).decode().split("\n")[:-1] for score, _, _ in theirs.full_scores(line)
    ]
    assert scores == pytest.approx(expected, abs=1e-4)
