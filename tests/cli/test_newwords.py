"""``cnmine newwords``: options in, rows out; the ranking itself is a stand-in here."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import os
from pathlib import Path

import pytest

from cnmine._space import MEMORY
from cnmine.cli import memory, room
from cnmine.cli import newwords as newwords_module
from cnmine.cli.newwords import Settings, command
from cnmine.sorting.pool import ArrayPool

SAMPLE = Path(__file__).parents[2] / "data" / "sample.txt"

TEXT = "区块链好。" * 6 + "发展，发展，发展，发展，发展！" + "5G手机\n" * 5
COLUMNS = ["word", "score", "count", "cohesion", "left_entropy", "right_entropy", "autonomy", "share"]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "dict.txt"
    path.write_text("发展 3 v\n手机 2 n\n", encoding="utf-8")
    return path


def test_newwords__rows_and_header(invoke, discovery, corpus, words):
    got = invoke("newwords", corpus, "--dict", words)
    assert got.code == 0
    assert got.rows == [
        COLUMNS,
        ["区块", "0.8333", "6", "1.5000", "", "", "", ""],
        ["块链", "0.8333", "6", "1.5000", "", "", "", ""],
        ["链好", "0.8333", "6", "1.5000", "", "", "", ""],
        ["5G手", "0.8000", "5", "1.5000", "", "", "", ""],
    ]
    assert "cnmine: a note\n" in got.stderr
    assert "70 characters, 6 candidates, 4 words, " in got.stderr


def test_newwords__calls_the_library_with_the_documented_defaults(invoke, discovery, corpus):
    assert invoke("newwords", corpus, "--no-dict", "-t", "1").code == 0
    assert discovery.calls == [
        {
            "method": "distant",
            "dictionary": None,
            "min_count": 5,
            "min_len": 2,
            "max_len": 6,
            "seed": 0,
            "threads": 1,
            "budget_bytes": None,
            "space": MEMORY,
        }
    ]


def test_newwords__hands_on_what_the_method_takes(invoke, discovery, corpus, words):
    options = ["--method", "cut", "--cut-thresholds", "0,1,2.5", "--back-check", "none", "--min-count", "2"]
    got = invoke("newwords", corpus, "--dict", words, *options, "--max-len", "4", "-t", "2")
    assert got.code == 0
    assert got.rows[1][:3] == ["区块", "6", "6"]
    assert discovery.calls[0]["cut_thresholds"] == (0.0, 1.0, 2.5)
    assert discovery.calls[0]["back_check"] == "none"
    assert discovery.calls[0]["dictionary"] == {"发展", "手机"}
    assert (discovery.calls[0]["min_count"], discovery.calls[0]["max_len"]) == (2, 4)


def test_newwords__parameters_and_settings_are_the_same():
    names = {parameter.name for parameter in command.params}
    # The store is not an option: it is what the source turns out to be.
    assert names | {"store"} == {field.name for field in dataclasses.fields(Settings)}


def test_newwords__selection(invoke, discovery, corpus, words, tmp_path):
    exclude = tmp_path / "exclude.txt"
    exclude.write_text("块链\n", encoding="utf-8")
    base = ("newwords", corpus, "--dict", words, "--format", "words")
    assert invoke(*base, "--all").stdout.split() == ["区块", "块链", "链好", "5G手", "发展", "手机"]
    assert invoke(*base, "--top", "2").stdout.split() == ["区块", "块链"]
    assert invoke(*base, "--min-score", ".82").stdout.split() == ["区块", "块链", "链好"]
    assert invoke(*base, "--exclude", exclude).stdout.split() == ["区块", "链好", "5G手"]
    assert invoke(*base, "--include-pattern", "[A-Z]|好$").stdout.split() == ["链好", "5G手"]


def test_newwords__known_column_with_all(invoke, discovery, corpus, words):
    got = invoke("newwords", corpus, "--dict", words, "--all", "--no-header")
    assert {row[0]: row[-1] for row in got.rows}["发展"] == "1"
    assert {row[0]: row[-1] for row in got.rows}["区块"] == "0"
    line = json.loads(invoke("newwords", corpus, "--dict", words, "--all", "-f", "jsonl").stdout.split("\n")[0])
    assert line["known"] is False
    assert line["share"] is None


@pytest.mark.parametrize(
    ("output_format", "first"),
    [
        ("words", "区块\n"),
        ("ik", "区块\n"),
        ("jieba", "区块 6 n\n"),
        ("hanlp", "区块 n 6\n"),
        ("jsonl", '{"word": "区块"'),
    ],
)
def test_newwords__formats(invoke, discovery, corpus, words, output_format, first):
    got = invoke("newwords", corpus, "--dict", words, "--format", output_format)
    assert got.code == 0
    assert got.stdout.startswith(first)


def test_newwords__table_is_aligned(invoke, discovery, corpus, words):
    lines = invoke("newwords", corpus, "--dict", words, "--format", "table").stdout.split("\n")
    assert lines[0].split() == COLUMNS
    assert lines[1].startswith("区块  0.8333")


def test_newwords__tells_what_a_segmenter_cannot_find(invoke, discovery, tmp_path, words):
    path = tmp_path / "a.txt"
    path.write_text("䓬虫。" * 6, encoding="utf-8")
    got = invoke("newwords", path, "--dict", words, "--format", "jieba")
    assert got.stdout == "䓬虫 6 n\n"
    assert "1 of the words hold characters that jieba never finds in a text: 䓬虫" in got.stderr


@pytest.mark.parametrize("is_piped", [False, True])
def test_newwords__examples(invoke, discovery, corpus, words, is_piped):
    source, stdin = ("-", TEXT.encode()) if is_piped else (corpus, b"")
    args = ("newwords", source, "--dict", words, "--examples", "2", "--top", "1")
    rows = invoke(*args, stdin=stdin).rows
    assert rows[0][-1] == "examples"
    assert all("区块" in text for text in rows[1][-1].split(" | "))
    found = json.loads(invoke(*args, "-f", "jsonl", stdin=stdin).stdout)["examples"]
    assert found == rows[1][-1].split(" | ")
    assert len(found) <= 2


def test_newwords__inputs(invoke, discovery, words, tmp_path):
    texts = tmp_path / "texts"
    (texts / "deep").mkdir(parents=True)
    (texts / "a.txt").write_bytes(TEXT.encode("gb18030"))
    (texts / "deep" / "b.gz").write_bytes(gzip.compress(TEXT.encode("gb18030")))
    base = ("newwords", "--dict", words, "--encoding", "auto", "--top", "1", "--no-header")
    assert invoke(*base, texts).rows[0][2] == "6"
    assert invoke(*base, texts, "--recursive").rows[0][2] == "12"
    assert invoke(*base, texts / "*.txt").rows[0][2] == "6"
    assert invoke(*base, texts / "a.txt", texts / "a.txt").rows[0][2] == "12"
    assert invoke(*base, stdin=TEXT.encode("gb18030")).rows[0][2] == "6"
    lines = "".join(json.dumps({"a": {"b": text}}) + "\n" for text in TEXT.split("\n")).encode()
    assert invoke(*base, "--jsonl-field", "a.b", stdin=lines).rows[0][2] == "6"
    rows = "".join(f"x\t{text}\n" for text in TEXT.split("\n")).encode()
    assert invoke(*base, "--column", "2", stdin=rows).rows[0][2] == "6"


def test_newwords__output_file_is_complete_or_absent(invoke, discovery, corpus, words, tmp_path):
    target = tmp_path / "out.tsv"
    got = invoke("newwords", corpus, "--dict", words, "-o", target)
    assert (got.code, got.stdout) == (0, "")
    assert target.read_text(encoding="utf-8").startswith("word\tscore")
    bad = tmp_path / "bad.txt"
    bad.write_bytes("好\n".encode() + b"\xff\n")
    before = sorted(os.listdir(tmp_path))
    got = invoke("newwords", bad, "--dict", words, "-o", tmp_path / "new.tsv")
    assert got.code == 3
    assert got.stderr.endswith(f"cnmine: error: {bad}: byte 4 is not UTF-8 (0xFF 0x0A); "
                               "try --encoding auto, or --bad-bytes skip\n")  # fmt: skip
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", [], "no word: the input is empty"),
        ("好的。", [], "no candidate reached --min-count 5 in 3 characters"),
        ("区块。" * 6, ["--min-score", "0.9"], "no candidate reached --min-score 0.9: the best has 0.83"),
        ("发展。" * 6, [], "the only candidate is in the dictionary: use --all"),
    ],
)
def test_newwords__empty_result_says_why(invoke, discovery, words, text, options, reason):
    got = invoke("newwords", "--dict", words, *options, stdin=text.encode())
    assert got.code == 0
    assert got.rows == [COLUMNS]
    assert f"cnmine: {reason}\n" in got.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dict", "x", "--no-dict"], "--dict and --no-dict exclude each other"),
        (["--column", "1", "--jsonl-field", "a"], "--jsonl-field and --column exclude each other"),
        (["--min-len", "4", "--max-len", "3"], "--max-len 3 is less than --min-len 4"),
        (["--cut-thresholds", "0,2"], "--cut-thresholds applies to --method cut only"),
        (["--method", "entropy", "--back-check", "none"], "--back-check applies to --method cut only"),
        (["--method", "cut", "--seed", "1"], "--seed applies to --method distant only"),
        (["--compat-2019", "--all"], "--all does not apply to --compat-2019"),
        (["--compat-2019", "--method", "cut"], "--method does not apply to --compat-2019"),
        (["--compat-2019", "--cut-thresholds", "1"], "--cut-thresholds needs 4 numbers"),
        (["--examples", "1", "-f", "jieba"], "--examples has no place in --format jieba"),
        (["--cut-thresholds", "a"], "'a' is no list of numbers"),
        (["--include-pattern", "["], "'[' is no regular expression"),
        (["--memory", "lots"], "'lots' is no size"),
        (["--min-count", "0"], "0 is not in the range x>=1"),
        (["--max-len", "8"], "8 is not in the range 1<=x<=7"),
        (["--min-len", "8", "--max-len", "8"], "8 is not in the range 1<=x<=7"),
        (["--top", "0"], "0 is not in the range x>=1"),
        (["--method", "magic"], "'magic' is not one of"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_newwords__refuses(invoke, discovery, corpus, options, message):
    got = invoke("newwords", corpus, *options)
    assert (got.code, got.stdout) == (2, "")
    assert got.stderr.startswith("cnmine: error: ")
    assert message in got.stderr
    assert got.stderr.count("\n") == 1
    assert discovery.calls == []


def test_newwords__refuses_a_terminal(invoke, monkeypatch):
    monkeypatch.setattr(
        "cnmine.cli.options.sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})()
    )
    with pytest.raises(Exception, match="no input; name a file"):
        newwords_module.options.open_sources((), recursive=False, output="-", on_notice=print)


def test_newwords__refuses_to_overwrite_its_input(invoke, discovery, corpus):
    got = invoke("newwords", corpus, "--no-dict", "-o", corpus)
    assert got.code == 2
    assert "is input and output at once" in got.stderr
    assert corpus.read_text(encoding="utf-8") == TEXT


def test_newwords__missing_file_and_directory(invoke, discovery, tmp_path):
    got = invoke("newwords", tmp_path / "none.txt", "--no-dict")
    assert (got.code, got.stderr) == (3, f"cnmine: error: {tmp_path}/none.txt: no such file; "
                                         "check the spelling and the working directory\n")  # fmt: skip
    got = invoke("newwords", "--no-dict", "-o", tmp_path / "no" / "out", stdin=b"x")
    assert got.code == 2


def test_newwords__memory_of_cut_is_checked_before_and_after_reading(invoke, discovery, tmp_path):
    """The other methods go over the disk."""
    plain, packed = tmp_path / "a.txt", tmp_path / "a.gz"
    plain.write_bytes("好\n".encode() * 300_000)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        got = invoke("newwords", path, "--no-dict", "-m", "355M", "--method", "cut")
        assert got.code == 5
        assert "1 MB of text need about 358 MB of memory and --memory allows 355 MB" in got.stderr
    assert discovery.calls == []
    assert invoke("newwords", packed, "--no-dict", "-m", "355M").code == 0
    assert discovery.calls[0]["budget_bytes"] < 5_000_000
    assert isinstance(discovery.calls[0]["space"], ArrayPool)
    assert invoke("newwords", packed, "--no-dict", "-m", "1GiB", "--method", "cut").code == 0
    assert invoke("newwords", packed, "--no-dict", "-m", "1GiB").code == 0
    assert [(call["budget_bytes"], call["space"]) for call in discovery.calls[1:]] == [(None, MEMORY)] * 2


def test_newwords__text_that_fits_does_not_touch_the_disk(invoke, discovery, monkeypatch, tmp_path):
    """Also where its size is not known before it is read."""
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress("好，好，".encode() * 100_000))
    monkeypatch.setattr(ArrayPool, "new_file", None)
    got = invoke("newwords", packed, "--no-dict", "-m", "358M")
    assert (got.code, discovery.calls[0]["space"], discovery.calls[0]["budget_bytes"]) == (0, MEMORY, None)


def test_newwords__memory_that_the_text_takes_is_not_given_twice(invoke, discovery, tmp_path):
    """A packed text turns out too large when it is read; its units are in memory already."""
    plain, packed = tmp_path / "a.txt", tmp_path / "a.gz"
    plain.write_bytes("好，好，".encode() * 100_000)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        assert invoke("newwords", path, "--no-dict", "-m", "354M").code == 0
    budgets = [call["budget_bytes"] for call in discovery.calls]
    assert budgets[0] == 2_800_000
    assert 2_000_000 < budgets[1] < budgets[0]


def test_newwords__too_little_memory_for_any_text(invoke, discovery, corpus):
    got = invoke("newwords", corpus, "--no-dict", "-m", "100M")
    assert (got.code, got.stdout) == (5, "")
    assert "--memory allows 100 MB, and 350 MB are taken before any text is read; raise it" in got.stderr


def test_newwords__a_place_for_temporary_files_that_is_none(invoke, discovery, corpus, tmp_path):
    got = invoke("newwords", corpus, "--no-dict", "-T", tmp_path / "none")
    assert got.code == 2
    assert "none: is no directory that can be written to; choose another --temp-dir" in got.stderr


@pytest.mark.parametrize("source", ["text", "stdin", "store"])
@pytest.mark.parametrize(
    "options", [["--examples", "2"], ["--method", "cohesion"], ["--method", "entropy", "--all"], ["--min-score", "0"]]
)
def test_newwords__same_bytes_over_the_disk(invoke, monkeypatch, tmp_path, source, options):
    """The sample as if it were larger than the memory."""
    if source != "text" and options[0] == "--examples":
        options = ["--all"]
    stdin = SAMPLE.read_bytes() if source == "stdin" else b""
    store = tmp_path / "sample.store"
    if source == "store":
        assert invoke("count", SAMPLE, "-o", store, "-q").code == 0
    args = ["newwords", {"text": SAMPLE, "stdin": "-", "store": store}[source], "--no-dict", "-q", *options]
    whole = invoke(*args, stdin=stdin)
    assert (whole.code, whole.stdout.count("\n") > 10) == (0, True)
    pools = []

    class Pool(ArrayPool):
        def __init__(self, *args):
            super().__init__(*args)
            pools.append(self)
            self.n_files = 0

        def new_file(self):
            self.n_files += 1
            return super().new_file()

    monkeypatch.setattr(room, "ArrayPool", Pool)
    monkeypatch.setattr(memory, "NEEDED_BYTES", (350_000_000, 1e6))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    for limit in ("350M", "352M"):
        assert invoke(*args, "-m", limit, "-T", temporary, "-t", "2", stdin=stdin) == whole
    assert sum(pool.n_files for pool in pools) > 20
    assert list(temporary.iterdir()) == []


def test_newwords__quiet_and_verbose(invoke, discovery, corpus):
    assert invoke("newwords", corpus, "--no-dict", "-q").stderr == ""
    got = invoke("newwords", corpus, "--no-dict", "-v").stderr
    for step in ("reading", "counting", "writing"):
        assert f"s  {step}\n" in got


def test_newwords__options_from_the_environment(invoke, discovery, corpus):
    env = {"CNMINE_NEWWORDS_MIN_COUNT": "6", "CNMINE_NEWWORDS_SEED": "3", "CNMINE_NEWWORDS_NO_DICT": "1"}
    got = invoke("newwords", corpus, "--method", "cut", env=env)
    assert got.code == 0
    assert discovery.calls[0]["min_count"] == 6


def test_newwords__variables_are_called_as_the_flags_are(invoke, discovery, corpus, words, tmp_path):
    more = tmp_path / "more.txt"
    more.write_text("区块\n", encoding="utf-8")
    env = {
        "CNMINE_NEWWORDS_DICT": os.pathsep.join([str(words), str(more)]),
        "CNMINE_NEWWORDS_ALL": "1",
        "CNMINE_NEWWORDS_FORMAT": "jsonl",
        "CNMINE_NEWWORDS_TOP": "1",
    }
    got = invoke("newwords", corpus, env=env)
    assert got.code == 0
    assert discovery.calls[0]["dictionary"] == {"发展", "手机", "区块"}
    line = json.loads(got.stdout)
    assert (line["word"], line["known"]) == ("区块", True)
    assert invoke("newwords", corpus, "--format", "words", env=env).stdout == "区块\n"
    got = invoke("newwords", corpus, env={"CNMINE_NEWWORDS_FORMAT": "xml"})
    assert (got.code, "'xml' is not one of" in got.stderr) == (2, True)
    ignored = {"CNMINE_NEWWORDS_DICT_PATHS": "none", "CNMINE_NEWWORDS_OUTPUT_FORMAT": "xml"}
    assert invoke("newwords", corpus, "--no-dict", env=ignored).code == 0


@pytest.mark.parametrize("action", ["skip", "replace"])
@pytest.mark.parametrize("options", [[], ["--method", "cut"], ["--quiet"]])
def test_newwords__bad_bytes_passed_over_give_the_result_and_exit_code_3(
    invoke, discovery, words, tmp_path, action, options
):
    bad, target = tmp_path / "bad.txt", tmp_path / "out.tsv"
    bad.write_bytes(TEXT.encode() + b"\xff\n")
    args = ("newwords", bad, "--dict", words, "--bad-bytes", action, *options)
    got = invoke(*args)
    assert got.code == 3
    assert got.rows[1][0] == "区块"
    assert "error" not in got.stderr
    is_told = f"{'skipp' if action == 'skip' else 'replac'}ed 1 bad byte sequence" in got.stderr
    assert is_told == (options != ["--quiet"])
    assert invoke(*args, "-o", target).code == 3
    assert target.read_text(encoding="utf-8") == got.stdout
    bad.write_bytes(TEXT.encode())
    assert invoke(*args).code == 0


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (TEXT.encode("gb18030") + b"\xff\n", ["--encoding", "gb18030"]),
        (f"x\t{TEXT}".replace("\n", "\nx\t").encode(), ["--column", "3"]),
        (f"x\t{TEXT}".replace("\n", "\nx\t").encode() + b"\xff\n", ["--column", "2"]),
    ],
)
def test_newwords__bad_bytes_of_other_encodings_and_bad_lines(invoke, discovery, tmp_path, data, options):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(data)
    got = invoke("newwords", bad, "--no-dict", "--bad-bytes", "skip", *options)
    assert "skipped" in got.stderr
    assert got.code == 3


def test_newwords__inputs_without_words(invoke, discovery, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, data, reason in [
        ("empty.txt", b"", "no word: the input is empty"),
        ("nul.txt", b"\0" * 1000, "no candidate reached --min-count 5 in 1,000 characters"),
        ("three.txt", "区块链".encode(), "no candidate reached --min-count 5 in 3 characters"),
    ]:
        path = tmp_path / name
        path.write_bytes(data)
        got = invoke("newwords", path, "--no-dict", "--format", "table")
        assert (got.code, got.stdout.split()) == (0, COLUMNS)
        assert f"cnmine: {reason}\n" in got.stderr
        assert invoke("newwords", path, "--no-dict", "--format", "jsonl").stdout == ""


def test_newwords__inputs_that_are_no_text(invoke, discovery, tmp_path):
    (tmp_path / "nothing").mkdir()
    program, blank = tmp_path / "program", tmp_path / "blank.txt"
    program.write_bytes(b"\x7fELF\x02\x01\x01\0\xd0\x61")
    blank.write_bytes(b"")
    for args, reason in [
        ([tmp_path / "nothing"], f"{tmp_path}/nothing: no text file in this directory; --recursive searches"),
        ([program], f"{program}: byte 8 is not UTF-8 (0xD0 0x61); try --encoding auto"),
        ([program, tmp_path / "none"], f"{tmp_path}/none: no such file"),
        ([program, "--dict", blank], f"{blank}: holds no word"),
    ]:
        got = invoke("newwords", *args, *([] if "--dict" in args else ["--no-dict"]))
        assert (got.code, got.stdout) == (3, "")
        assert f"cnmine: error: {reason}" in got.stderr
        assert got.stderr.count("error") == 1


def test_newwords__compat_2019(invoke, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes("区块链。".encode() * 20)
    second.write_bytes("\ufeff区块链\r\n".encode() * 20)
    base = ("newwords", "--compat-2019", "--cut-thresholds", "0,-9,-9,-9")
    got = invoke(*base, first, second)
    assert got.code == 0
    assert got.rows == [["word", "count"], ["区块链", "40"]]
    assert invoke(*base, first, second, "-f", "jieba").stdout == "区块链 40 n\n"
    got = invoke(*base, first)
    assert got.rows == [["word", "count"]]
    assert "no word reached --min-count 32 in 80 characters" in got.stderr
    bad = tmp_path / "c"
    bad.write_bytes("区块链".encode() + b"\xff")
    got = invoke("newwords", "--compat-2019", bad)
    assert (got.code, got.stdout) == (3, "")
    got = invoke("newwords", "--compat-2019", bad, "--bad-bytes", "skip")
    assert (got.code, got.stdout) == (3, "word\tcount\n")
    assert "skipped 1 bad byte sequence" in got.stderr
