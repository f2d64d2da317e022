"""What only a real process shows: signals, closed pipes, full devices, foreign locales, read-only installs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from process.outcomes import LAUNCHER, ROOT, finish, wait_until

COMPAT = ("newwords", "--compat-2019", "--min-count", "4", "-q")
needs_signals = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["newwords", "--help"], ["evaluate", "newwords", "-h"]])
def test_help__imports_nothing_heavy(args):
    code = (
        "import sys; sys.argv = ['cnmine', *sys.argv[1:]]\n"
        "from cnmine.cli import main\n"
        "try: main()\n"
        "finally: print(*sorted({'numpy', 'numba', 'sklearn', 'tqdm', 'jieba'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, cwd=ROOT, check=True)
    assert result.stderr.strip() == b""
    assert result.stdout


@pytest.mark.parametrize("args", [("count", "CORPUS", "-o", "STORE", "-q"), (*COMPAT, "CORPUS")])
def test_cnmine__does_without_scipy_where_it_can(corpus, tmp_path, args):
    """Numba would import it, which takes a fifth of a second and may never end under a limit of memory."""
    args = [{"CORPUS": corpus, "STORE": tmp_path / "store"}.get(arg, arg) for arg in args]
    command = [sys.executable, "-X", "importtime", LAUNCHER, *args]
    imported = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL).stderr
    assert b"numba.np.arraymath" in imported
    assert b"scipy._lib" not in imported


def test_newwords__closed_pipe_is_no_failure(start, corpus):
    process = start(*COMPAT, corpus)
    process.stdout.close()
    process.stdout = None
    assert finish(process) == (0, None, b"")


def test_newwords__head_takes_the_first_line(start, corpus):
    process = start(*COMPAT, corpus)
    first = subprocess.run(["head", "-1"], stdin=process.stdout, capture_output=True, check=True).stdout
    assert first == b"word\tcount\n"
    process.stdout.close()
    process.stdout = None
    assert finish(process) == (0, None, b"")


@needs_signals
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("options", [["--compat-2019"], ["--examples", "1", "--no-dict"]])
def test_newwords__signals_leave_nothing_behind(start, tmp_path, number, code, options):
    temporary, target = tmp_path / "tmp", tmp_path / "out.tsv"
    temporary.mkdir()
    target.write_bytes(b"old")
    env = {"TMPDIR": str(temporary)}
    process = start("newwords", *options, "-o", target, env=env, stdin=subprocess.PIPE)
    process.stdin.write("区块链。".encode() * 100)
    process.stdin.flush()
    wait_until(lambda: list(tmp_path.glob("out.tsv.partial-*")))
    time.sleep(0.3)  # into the reading, which waits for more
    process.send_signal(number)
    _, out, err = finish(process, timeout=60)
    assert (process.returncode, out) == (code, b"")
    assert err.strip().split(b"\n")[-1] in (b"cnmine: error: interrupted", b"cnmine: error: terminated")
    assert b"Traceback" not in err
    assert sorted(os.listdir(tmp_path)) == ["out.tsv", "tmp"]
    assert os.listdir(temporary) == []
    assert target.read_bytes() == b"old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("args", "code"),
    [([*COMPAT, "CORPUS"], 5), (["--help"], 5), (["evaluate", "hide-half", "--dict", "CORPUS"], 5)],
)
def test_cnmine__full_device_is_a_failure(start, corpus, args, code):
    with open("/dev/full", "wb") as full:
        process = start(*[corpus if arg == "CORPUS" else arg for arg in args], stdout=full)
        returncode, _, err = finish(process)
    assert returncode == code
    assert err.decode().lower().startswith("cnmine: error: standard output: no space left on device")
    assert err.count(b"\n") == 1


@needs_signals
def test_newwords__closed_streams(start, corpus):
    script = f'"{sys.executable}" "{ROOT}/cli.py"'
    run = {"shell": True, "capture_output": True, "check": False}
    result = subprocess.run(f"{script} newwords --no-dict <&-", **run)
    assert (result.returncode, b"standard input is closed" in result.stderr) == (2, True)
    result = subprocess.run(f'{script} {" ".join(COMPAT)} "{corpus}" >&-', **run)
    assert (result.returncode, b"Traceback" in result.stderr, result.stderr.count(b"\n")) == (3, False, 1)
    assert subprocess.run(f"{script} newwords --nonsense 2>&-", **run).returncode == 2


@pytest.mark.parametrize(
    "env", [{"LC_ALL": "C", "PYTHONIOENCODING": "gbk"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_newwords__writes_utf8_in_any_locale(start, corpus, env):
    expected = finish(start(*COMPAT, corpus))
    assert finish(start(*COMPAT, corpus, env=env)) == expected
    assert expected[0] == 0
    assert len(expected[1].decode("utf-8").split("\n")) > 100
    help_text = finish(start("newwords", "--help", env=env))[1].decode("utf-8")
    assert "1, 2, 3 …" in " ".join(help_text.split())


def test_newwords__read_only_install_without_home(start, corpus, tmp_path):
    copy = tmp_path / "install"
    shutil.copytree(ROOT / "cnmine", copy / "cnmine", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "cli.py", copy)
    # A file in the place of the cache directory stops the superuser as well, whom modes do not.
    for path in [copy, *filter(Path.is_dir, list(copy.rglob("*")))]:
        (path / "__pycache__").write_bytes(b"")
    nowhere = os.path.join(os.devnull, "home")
    env = {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "LOCALAPPDATA": nowhere, "NUMBA_CACHE_DIR": ""}
    args = ("newwords", "--compat-2019", "--min-count", "2")
    process = start(*args, env=env, launcher=copy / "cli.py", stdin=subprocess.PIPE)
    small = corpus.read_text(encoding="utf-8")[:3000]
    out, err = process.communicate(small.encode(), timeout=300)
    assert process.returncode == 0, err
    assert out.startswith(b"word\tcount\n")
    assert b"no writable cache directory: compiling kernels in memory" in err
    assert err.count(b"\n") == 2


@pytest.mark.parametrize(
    "command",
    [COMPAT, ("newwords", "-q", "--min-score", "0", "--all", "--examples", "2", "--dict", "DICT")],
    ids=["compat", "default"],
)
def test_newwords__same_bytes_for_any_threads_and_file_order(start, corpus, lexicon, tmp_path, command):
    lines = corpus.read_text(encoding="utf-8").split("\n")[:1500]
    paths = [tmp_path / f"{i}.txt" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_text("\n".join(lines[i::3]), encoding="utf-8")
    known = tmp_path / "dict.txt"
    known.write_text("\n".join(lexicon[::2]), encoding="utf-8")
    command = [known if arg == "DICT" else arg for arg in command]
    runs = [(1, paths), (2, paths), (3, paths[::-1]), (2, [paths[1], paths[2], paths[0]])]
    if command[1] != COMPAT[1]:
        runs = runs[::3]  # the learner takes its time
    results = {finish(start(*command, "-t", threads, *files)) for threads, files in runs}
    assert len(results) == 1
    code, out, err = results.pop()
    assert (code, err) == (0, b"")
    assert len(out) > 1000


def test_completion__prints_the_script_of_the_shell(start):
    code, out, err = finish(start(env={"_CNMINE_COMPLETE": "bash_source"}))
    assert (code, err) == (0, b"")
    assert b"_CNMINE_COMPLETE=bash_complete" in out
