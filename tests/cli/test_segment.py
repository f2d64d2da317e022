"""``cnmine segment``: what it writes, what it refuses."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parents[1] / "golden" / "segment"
SAMPLE = ROOT / "data" / "sample.txt"
IS_REGOLD = os.environ.get("CNMINE_REGOLD") == "1"
N_GOLDEN_LINES = 40


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("segment") / "text.txt"
    path.write_text("".join(SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:200]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(text):
    from cnmine.segmentation.storage import save_segmenter
    from cnmine.segmentation.tokens import encode_text
    from cnmine.segmentation.training import train_segmenter

    path = text.with_name("text.model")
    save_segmenter(train_segmenter(encode_text([text.read_text(encoding="utf-8")])), str(path))
    return path


def test_segment__golden(invoke, threads):
    """The sample, trained on itself: nearly all of it is as when it was looked at."""
    got = invoke("segment", "--train", SAMPLE, "--threads", threads, "-q")
    assert (got.code, got.stderr) == (0, "")
    lines = "".join(got.stdout.splitlines(keepends=True)[:N_GOLDEN_LINES])
    path = GOLDEN / "sample.txt"
    if IS_REGOLD:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines, encoding="utf-8", newline="\n")
    expected = path.read_text(encoding="utf-8")
    words, expected_words = lines.split(), expected.split()
    assert "".join(words) == "".join(expected_words)
    # Scores are sums of numbers of single precision, which may differ in their last digits between processors.
    from cnmine.evaluation.segmentation import score_segmentation

    assert score_segmentation([" ".join(expected_words)], [" ".join(words)]).f1 > 0.998


def test_segment__without_separator_is_the_input(invoke, model, text, threads):
    content = b"\xef\xbb\xbf" + text.read_bytes() + "\r\n甲 乙\0　終".encode()
    (text.parent / "crlf").write_bytes(content)
    got = invoke("segment", "--model", model, "--sep", "", "-t", threads, text.parent / "crlf")
    assert got.code == 0
    assert got.stdout.encode() == content
    got = invoke("segment", "--model", model, "--sep", r"\x1f", "-", stdin=content)
    assert got.stdout.replace("\x1f", "").encode() == content
    assert "\x1f" in got.stdout


def test_segment__saved_model_segments_alike(invoke, text, tmp_path):
    trained = invoke("segment", "--train", "--save-model", tmp_path / "saved", text, "-v")
    assert trained.code == 0
    assert "reading the text (2 of 2)" in trained.stderr and "tokens in" in trained.stderr
    used = invoke("segment", "--model", tmp_path / "saved", "-", stdin=text.read_bytes())
    assert used.stdout == trained.stdout
    info = invoke("info", tmp_path / "saved", "--format", "json")
    assert json.loads(info.stdout)["kind"] == "segmenter"


def test_segment__from_a_store(invoke, text, tmp_path):
    assert invoke("count", text, "-o", tmp_path / "store", "-q").code == 0
    got = invoke("segment", "--model", tmp_path / "store", text, "--save-model", tmp_path / "saved", "-q")
    assert (got.code, got.stderr) == (0, "")
    own = invoke("segment", "--train", text, "-q").stdout
    from cnmine.evaluation.segmentation import score_segmentation

    assert score_segmentation(own.split("\n"), got.stdout.split("\n")).f1 > 0.98


def test_segment__with_a_language_model(invoke, text, tmp_path):
    assert invoke("lm", "train", text, "-o", tmp_path / "lm", "--order", "3", "-q").code == 0
    got = invoke("segment", "--model", tmp_path / "lm", text)
    assert got.code == 0
    assert got.stdout.replace(" ", "") == text.read_text(encoding="utf-8").replace(" ", "")
    short = invoke("segment", "--model", tmp_path / "lm", text, "--transitions", "1,1e-9")
    assert len(short.stdout) > len(got.stdout)
    for option in (["--nbest", 2], ["--lexicon", text], ["--save-model", tmp_path / "x"]):
        refused = invoke("segment", "--model", tmp_path / "lm", text, *option)
        assert refused.code == 2 and "language model" in refused.stderr
    refused = invoke("segment", "--model", tmp_path / "lm", text, "--transitions", "1,0")
    assert refused.code == 2 and "positive" in refused.stderr


def test_segment__formats(invoke, model):
    line = "他不怕雾潮。\n".encode()
    got = invoke("segment", "--model", model, "-f", "jsonl", stdin=line)
    record = json.loads(got.stdout)
    assert record["text"] == "他不怕雾潮。"
    assert record["tokens"][-1] == {"text": "。", "start": 5, "stop": 6}
    got = invoke("segment", "--model", model, "--bmes", stdin=line)
    assert len(got.rows) == 7 and got.rows[-2:] == [["。", "S"], [""]]
    got = invoke("segment", "--model", model, "--nbest", 2, stdin=line)
    assert [row[0] for row in got.rows] == ["1", "1"]
    got = invoke("segment", "--model", model, "--sample", 3, "--alpha", "0.1", "--seed", 3, "-f", "jsonl", stdin=line)
    assert len(json.loads(got.stdout)["alternatives"]) == 3


def test_segment__granularity(invoke, model, text):
    n_words = [
        len(invoke("segment", "--model", model, "--granularity", value, text).stdout.split())
        for value in ("coarse", "-1.5", "default", "0", "fine", "1.5")
    ]
    assert n_words[0] == n_words[1] < n_words[2] == n_words[3] < n_words[4] == n_words[5]
    refused = invoke("segment", "--model", model, "--granularity", "rough", text)
    assert refused.code == 2 and "granularity" in refused.stderr


def test_segment__takes_what_newwords_found(invoke, model, tmp_path):
    (tmp_path / "words.tsv").write_text("word\tscore\n怕雾潮\t1\n", encoding="utf-8")
    line = "他不怕雾潮。\n".encode()
    assert "怕雾潮" not in invoke("segment", "--model", model, stdin=line).stdout.split()
    (tmp_path / "more").write_text("".join(f"{word}\n" for word in ("怕雾潮",)), encoding="utf-8")
    lists = ["--lexicon", tmp_path / "words.tsv", "--lexicon", tmp_path / "more"]
    got = invoke("segment", "--model", model, *lists, "--lexicon-bonus", 20, stdin=line)
    assert got.code == 0
    assert "怕雾潮" in got.stdout.split()
    got = invoke("segment", "--model", model, *lists, "--lexicon-bonus", 0, stdin=line)
    assert got.stdout == invoke("segment", "--model", model, stdin=line).stdout


def test_segment__bad_bytes(invoke, model):
    data = "他不".encode() + b"\xff" + "怕".encode()
    got = invoke("segment", "--model", model, stdin=data)
    assert got.code == 3 and "byte 6 is not UTF-8" in got.stderr
    got = invoke("segment", "--model", model, "--sep", "", "--bad-bytes", "skip", stdin=data)
    assert (got.code, got.stdout) == (3, "他不怕")
    got = invoke("segment", "--model", model, "--sep", "", "--bad-bytes", "replace", stdin=data)
    assert (got.code, got.stdout) == (3, "他不\ufffd怕")


@pytest.mark.parametrize(
    "args, code, message",
    [
        ([], 2, "--train learns from the input itself"),
        (["--train", "--model", "MODEL"], 2, "exclude each other"),
        (["--model", "TEXT"], 4, "TEXT"),
        (["--model", "none"], 4, "does not exist"),
        (["--train", "--bmes", "-f", "jsonl"], 2, "exclude each other"),
        (["--train", "--nbest", "2", "--sample", "2"], 2, "exclude each other"),
        (["--train", "--nbest", "2", "--bmes"], 2, "bmes"),
        (["--train", "--jsonl-field", "a", "--column", "2"], 2, "exclude each other"),
        (["--train", "-o", "TEXT"], 2, "input and output at once"),
        (["--train", "--save-model", "TEXT"], 2, "input and output at once"),
        (["--model", "MODEL", "-o", "MODEL"], 2, "input and output at once"),
        (["--model", "MODEL", "--lexicon", "none"], 3, "none"),
    ],
)
def test_segment__refuses(invoke, model, text, args, code, message):
    names = {"MODEL": str(model), "TEXT": str(text)}
    got = invoke("segment", text, *(names.get(arg, arg) for arg in args))
    assert got.code == code, got.stderr
    assert names.get(message, message) in got.stderr
    assert got.stdout == ""


def test_segment__documented_defaults(invoke, model, text, monkeypatch):
    from cnmine.segmentation import lexicon, published, writing

    seen = {}
    original = writing.segment_blocks

    def spy(blocks, decoder, layout, **options):
        seen.update(options, layout=layout)
        return original(blocks, decoder, layout, **options)

    monkeypatch.setattr(writing, "segment_blocks", spy)
    assert invoke("segment", "--model", model, text).code == 0
    assert seen["layout"] == writing.Layout()
    assert seen["bias"] == 0.0
    assert default_of("lexicon_bonus") == lexicon.BONUS
    assert default_of("transitions") == published.TRANSITIONS


def default_of(name):
    from cnmine.cli.segment import command

    return next(parameter.default for parameter in command.params if parameter.name == name)


@pytest.mark.process
def test_segment__lines_come_as_they_are_written(model):
    args = [sys.executable, str(ROOT / "cli.py"), "segment", "--model", str(model), "--threads", "2"]
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert isinstance(process.stdin, io.BufferedWriter) and process.stdout is not None
        process.stdin.write("他不怕雾潮，他不怕。\n".encode())
        process.stdin.flush()
        assert process.stdout.readline().decode().replace(" ", "") == "他不怕雾潮，他不怕。\n"
        process.stdin.write("明天".encode())
        process.stdin.close()
        assert process.stdout.read().decode().replace(" ", "") == "明天"
    assert process.returncode == 0
