"""Linking in real processes: the same bytes whatever the threads, and links that do not depend on where a text is cut."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from process.outcomes import LAUNCHER, ROOT, finish, run_to_end, wait_until

DATA = ROOT / "data" / "linking"
CONTEXT_CHARACTERS = 2000  # beyond this a mention does not see


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("link")
    kb, model = folder / "sample.kb", folder / "sample.linker"
    run_to_end("kb", "build", DATA / "sample_kb.jsonl", "-o", kb)
    run_to_end("link", "train", kb, DATA / "sample_train.jsonl", "-o", model)
    return kb, model


@pytest.fixture(scope="module")
def texts():
    lines = (DATA / "sample_train.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line)["text"] for line in lines]


def links(line, shift=0):
    return {(m["offset"] - shift, m["mention"], m["kb_id"], m["score"]) for m in json.loads(line)["mention_data"]}


def test_link_run__same_bytes_for_any_threads_and_source(start, made, texts, tmp_path):
    kb, model = made
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts * 20) + "\n", encoding="utf-8")
    results = []
    for flag, threads in (("--threads", 1), ("-j", 2), ("-t", 3)):
        results.append(finish(start("link", "run", kb, "-m", model, path, flag, threads)))
    with open(path, "rb") as stream:
        results.append(finish(start("link", "run", kb, "-m", model, "-", "--threads", 2, stdin=stream)))
    halves = [tmp_path / "first.txt", tmp_path / "second.txt"]
    halves[0].write_text("\n".join(texts * 10) + "\n", encoding="utf-8")
    halves[1].write_text("\n".join(texts * 10) + "\n", encoding="utf-8")
    results.append(finish(start("link", "run", kb, "-m", model, *halves)))
    for code, out, err in results:
        assert (code, out) == (0, results[0][1]), err
    rows = results[0][1].decode("utf-8").split("\n")[:-1]
    assert len(rows) == 20 * len(texts)
    # A text gets the same links wherever it stands.
    for i, row in enumerate(rows[len(texts) : 2 * len(texts)]):
        assert links(row) == links(rows[i])


@pytest.mark.skipif(not shutil.which("bash"), reason="commands of a shell")
@pytest.mark.parametrize(
    ("document", "heading"), [("README.md", "**Entity linking.**"), ("docs/linking.md", "## From")]
)
def test_documents__commands_run_as_written(tmp_path, document, heading):
    text = (ROOT / document).read_text(encoding="utf-8").partition(heading)[2]
    (tmp_path / "data").symlink_to(ROOT / "data")
    commands = re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1]
    shim = 'cnmine() { "$PYTHON" "$LAUNCHER" "$@"; }; set -euo pipefail\n'
    places = {"PYTHON": sys.executable, "LAUNCHER": str(LAUNCHER)}
    done = subprocess.run(
        ["bash", "-c", shim + commands], cwd=tmp_path, env=os.environ | places, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert commands.count("cnmine ") >= 7
    assert done.stdout.count(b"wrong_entity") >= 1


def test_link_run__a_text_alone_is_linked_as_among_others(start, made, texts, tmp_path):
    kb, model = made
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    rows = finish(start("link", "run", kb, "-m", model, path))[1].decode("utf-8").split("\n")
    for i in (0, 7, 300, len(texts) - 1):
        path.write_text(texts[i] + "\n", encoding="utf-8")
        assert links(finish(start("link", "run", kb, "-m", model, path))[1].decode("utf-8")) == links(rows[i])


def test_link_run__links_do_not_depend_on_what_is_far_away(start, made, texts, tmp_path):
    kb, model = made
    body = "。".join(texts)
    while len(body) < 60_000:
        body += "。" + body
    results = []
    for head in ("", "好", "。".join(texts[:300]) + "。", "无" * 7001):
        path = tmp_path / f"{len(head)}.txt"
        path.write_text(head + body + "\n", encoding="utf-8")
        code, out, err = finish(start("link", "run", kb, "-m", model, path))
        assert code == 0, err
        found = links(out.decode("utf-8").split("\n")[0], shift=len(head))
        results.append({link for link in found if CONTEXT_CHARACTERS < link[0] < len(body) - CONTEXT_CHARACTERS})
    assert len(results[0]) > 1000
    for found in results[1:]:
        assert found == results[0]


def test_link_run__reader_that_stops_early(start, made, texts, tmp_path):
    kb, model = made
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts * 200) + "\n", encoding="utf-8")
    process = start("link", "run", kb, "-m", model, path)
    assert json.loads(process.stdout.readline())["text_id"] == "1"
    process.stdout.close()
    process.stdout = None
    assert finish(process) == (0, None, b"")


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_link_run__signals_leave_nothing_behind(start, made, tmp_path, number, code):
    kb, model = made
    process = start("link", "run", kb, "-m", model, "-o", tmp_path / "out.jsonl", "-j", 2, stdin=subprocess.PIPE)
    process.stdin.write("苹果今天发布了新手机\n".encode() * 1000)
    process.stdin.flush()
    wait_until(lambda: list(tmp_path.glob("out.jsonl.partial-*")))
    process.send_signal(number)
    _, _, err = finish(process, timeout=60)
    assert process.returncode == code
    assert err.strip().split(b"\n")[-1] in (b"cnmine: error: interrupted", b"cnmine: error: terminated")
    assert os.listdir(tmp_path) == []


def test_link_run__failure_leaves_no_output(start, made, tmp_path):
    kb, model = made
    target = tmp_path / "out.jsonl"
    target.write_bytes(b"old")
    process = start("link", "run", kb, "-m", model, "-o", target, stdin=subprocess.PIPE)
    _, err = process.communicate("好\n".encode() * 3 + b"\xff\n", timeout=300)
    assert process.returncode == 3
    assert b"stdin: byte 12 is not UTF-8" in err
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.jsonl"]


def test_link_run__model_of_another_knowledge_base(start, made, tmp_path):
    _, model = made
    lines = (DATA / "sample_kb.jsonl").read_text(encoding="utf-8").split("\n")[:-2]
    (tmp_path / "less.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run_to_end("kb", "build", tmp_path / "less.jsonl", "-o", tmp_path / "less.kb")
    code, out, err = finish(start("link", "run", tmp_path / "less.kb", "-m", model, DATA / "sample_test.jsonl"))
    assert (code, out) == (4, b"")
    assert err.startswith(b"cnmine: error: ") and err.count(b"\n") == 1
