"""Files, globs, directories."""

from __future__ import annotations

import gzip
import os

import pytest

from cnmine.errors import CorpusError, UsageError
from cnmine.io.paths import Source, find_sources


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ["d/b.txt", "d/a.txt", "d/.hidden", "d/sub/c.txt", "d/.git/x.txt", "empty/e/f.txt"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"text")
    return tmp_path


def names(paths, **options):
    return [source.name.replace(os.sep, "/") for source in find_sources(paths, **options)]


def test_find_sources__file_and_standard_input(tree):
    assert find_sources(["d/b.txt", "-"]) == [Source("d/b.txt", "d/b.txt", 4), Source("stdin", None, None)]


def test_find_sources__directory(tree):
    assert names(["d"]) == ["d/a.txt", "d/b.txt"]
    assert names(["d"], recursive=True) == ["d/a.txt", "d/b.txt", "d/sub/c.txt"]


def test_find_sources__glob(tree):
    assert names(["d/*.txt"]) == ["d/a.txt", "d/b.txt"]
    assert names(["d/**/*.txt"], recursive=True) == ["d/a.txt", "d/b.txt", "d/sub/c.txt"]
    (tree / "[1].txt").write_bytes(b"")
    assert names(["[1].txt"]) == ["[1].txt"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("corpus.txt", "corpus.txt: no such file; check"),
        ("*.nothing", r"\*.nothing: no file matches"),
        ("empty", "empty: no text file in this directory; --recursive"),
    ],
)
def test_find_sources__nothing_there(tree, path, message):
    with pytest.raises(CorpusError, match=message):
        find_sources([path])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_find_sources__unreadable(tree):
    os.chmod("d/a.txt", 0)
    with pytest.raises(CorpusError, match="no permission"):
        find_sources(["d/a.txt"])


def test_find_sources__no_path_or_two_standard_inputs():
    with pytest.raises(UsageError, match="no input"):
        find_sources([])
    with pytest.raises(UsageError, match="named twice"):
        find_sources(["-", "-"])


def test_find_sources__binary_files_in_directories(tree):
    (tree / "d/z.bin").write_bytes(b"a" * 4096 + b"\0")
    (tree / "d/z.gz").write_bytes(gzip.compress(b"\0" * 9))
    (tree / "d/late").write_bytes(b"a" * 8192 + b"\0")
    (tree / "d/utf16").write_bytes("中a".encode("utf-16"))
    notices: list[str] = []
    assert names(["d"], on_notice=notices.append) == ["d/a.txt", "d/b.txt", "d/late", "d/utf16"]
    assert [notice.replace(os.sep, "/") for notice in notices] == [
        "d/z.bin: passed over, a binary file",
        "d/z.gz: passed over, a binary file",
    ]
    assert names(["d/z.bin"]) == ["d/z.bin"]


def test_find_sources__links(tree):
    os.link("d/a.txt", "d/same.txt")
    os.symlink("b.txt", "d/to_b.txt")
    os.symlink("nowhere", "d/dangling")
    os.symlink("..", "d/loop")
    notices: list[str] = []
    assert names(["d"], recursive=True, on_notice=notices.append) == ["d/a.txt", "d/b.txt", "d/sub/c.txt"]
    assert notices == [
        "d/same.txt: passed over, the same file as d/a.txt",
        "d/to_b.txt: passed over, the same file as d/b.txt",
    ]
    assert names(["d/a.txt", "d"]) == ["d/a.txt", "d/b.txt"]
    assert names(["d/a.txt", "d/a.txt"]) == ["d/a.txt", "d/a.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_find_sources__pipe_only_when_named(tree):
    os.mkfifo("d/pipe")
    assert names(["d"]) == ["d/a.txt", "d/b.txt"]
    assert find_sources(["d/pipe"]) == [Source("d/pipe", "d/pipe", None)]
