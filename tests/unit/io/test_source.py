"""Reading: encodings, compression, block cuts, records."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import types

import numpy as np
import pytest
import reference_units as reference
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnmine.errors import CorpusError, UsageError
from cnmine.io import source as source_module
from cnmine.io.paths import Source
from cnmine.io.source import find_sources, read_blocks, total_bytes
from cnmine.io.units import RUN_BASE, encode_block, join_blocks

BLOCK_SIZES = [1, 2, 3, 7, 64, 1 << 22]
PIECES = st.sampled_from(
    ["中", "国", "，", "“", "”", '"', "\n", "\r\n", " ", "ab", "C++", "C#", "1+1", "PM2.5", ".", "-", "+", "#", "_"]
    + [
        "Ａ",
        "．",
        "é",
        "あ",
        "😂",
        "𠮷",
        "\0",
        "a" * 70,
        "-" * 70,
        "+" * 5,
        "a" * 2000,
        "a.b+" * 500,
        "-" * 1500,
        "1+" * 700,
    ]
    + ["Ａ" * 600, "C#" * 600, "é" * 700, "\ufffd" * 400, "ɐ" * 600]
)
texts = st.lists(PIECES, max_size=8).map("".join)


def put(directory, data, name="corpus.txt"):
    path = directory / name
    path.write_bytes(data)
    return Source(name, str(path), len(data))


def text_of(source, **options):
    return b"".join(block.data for block in read_blocks([source], **options)).decode()


def stream_of(sources, **options):
    """The unit stream as the reference writes it."""
    bad_bytes = options.get("bad_bytes", "stop")
    numbers: dict[bytes, int] = {}

    def numbered():
        for block in read_blocks(sources, **options):
            units = encode_block(block.data, name=block.source.name, offset=block.offset, bad_bytes=bad_bytes)
            codes = units.codes.copy()
            for j in np.flatnonzero(codes >= RUN_BASE):
                codes[j] = RUN_BASE + numbers.setdefault(units.runs[codes[j] - RUN_BASE], len(numbers))
            yield codes, block.joins_previous

    codes = [code for piece in join_blocks(numbered()) for code in piece.tolist()]
    names = [run.decode() for run in numbers]
    return [code if code < 4 else chr(code) if code < RUN_BASE else names[code - RUN_BASE] for code in codes]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("texts")


@settings(deadline=None, max_examples=200)
@given(texts, st.sampled_from(BLOCK_SIZES))
@example("中" + "a" * 3000 + "文", 1)
@example("a" * 1500 + "-" + "b" * 1500 + "。" + "C++" * 900, 64)
def test_read_blocks__any_block_size_gives_the_stream_of_the_whole_text(directory, text, block_bytes):
    sources = [put(directory, text.encode())]
    assert stream_of(sources, block_bytes=block_bytes) == reference.stream([text])


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from([b"\xe4\xb8\xad", b"\xe4\xb8", b"\xe4", b"\xf0\x9f", b"\x80", b"\xff" * 1500, b"\x80" * 1500])
             | st.sampled_from([b"\xe4" * 1500, b"\xe4\xb8" * 800, b"\n", b"a" * 1100, b"-", b"\xed\xa0\x80"]), max_size=6).map(b"".join),
    st.sampled_from([1, 5, 64]),
)  # fmt: skip
def test_read_blocks__bad_bytes_do_not_depend_on_the_block_size(directory, data, block_bytes):
    sources = [put(directory, data)]
    assert stream_of(sources, block_bytes=block_bytes, bad_bytes="skip") == reference.stream(
        [data.decode("utf-8", "replace")]
    )
    counts = []
    for size in (block_bytes, 1 << 22):
        blocks = list(read_blocks(sources, block_bytes=size))
        found = [(encode_block(block.data, bad_bytes="skip"), block.offset) for block in blocks]
        bad = [(units.n_bad, offset + units.bad_offset) for units, offset in found if units.n_bad]
        counts.append((sum(n for n, _ in bad), bad[:1] and bad[0][1]))
    assert counts[0] == counts[1]


def test_read_blocks__sources_are_parted(tmp_path):
    sources = [put(tmp_path, "中”".encode(), "a"), put(tmp_path, b"", "b"), put(tmp_path, "“国".encode(), "c")]
    assert stream_of(sources) == [0, "中", 3, "国", 0]
    assert [block.starts_source for block in read_blocks(sources)] == [True, True]
    assert stream_of([]) == [0]
    assert total_bytes(sources) == 12
    assert total_bytes([*sources, Source("stdin", None, None)]) is None


def test_read_blocks__blocks_end_with_lines(tmp_path):
    data = "".join(f"第{i}行\r\n" for i in range(1000)).encode()
    blocks = list(read_blocks([put(tmp_path, data)], block_bytes=100))
    assert all(block.data.endswith(b"\n") and not block.joins_previous for block in blocks)
    assert b"".join(block.data for block in blocks) == data
    assert [block.offset for block in blocks] == np.cumsum([0] + [len(block.data) for block in blocks])[:-1].tolist()
    assert sum(block.n_bytes_read for block in blocks) == len(data)


@pytest.mark.parametrize("unit", ["中文，abc", "Zm9vYmFy", "1+1-", "。"])
def test_read_blocks__one_huge_line_comes_in_small_blocks(tmp_path, unit):
    n_units = 20_000_000 // len(unit.encode())
    source = put(tmp_path, (unit * n_units).encode())
    block_bytes, n_total = 1 << 18, 0
    for block in read_blocks([source], block_bytes=block_bytes):
        assert len(block.data) <= 2 * block_bytes
        block.data.decode()
        n_total += len(block.data)
    assert n_total == source.n_bytes or unit == "Zm9vYmFy"


def test_read_blocks__offset_holds_behind_an_overlong_run(tmp_path):
    data = b"a" * 50_000 + b" \xff"
    blocks = list(read_blocks([put(tmp_path, data)], block_bytes=1000))
    with pytest.raises(CorpusError, match="byte 50001 "):
        for block in blocks:
            encode_block(block.data, offset=block.offset)


ENCODINGS = ["utf-8", "gb18030", "gbk", "gb2312", "big5", "utf-16-le", "utf-16-be", "utf-16"]
CODEC = {"big5": "big5hkscs", "utf-16": "utf-16-le"}


@pytest.mark.parametrize("block_bytes", BLOCK_SIZES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_read_blocks__decodes(tmp_path, encoding, block_bytes):
    text = "中文在此，\r\n人人有之。PM2.5" + ("😂𠮷" if encoding[:2] in ("ut", "gb") else "")
    source = put(tmp_path, text.encode(CODEC.get(encoding, "gb18030" if encoding[0] == "g" else encoding)))
    assert text_of(source, encoding=encoding, block_bytes=block_bytes) == text


@pytest.mark.parametrize("block_bytes", BLOCK_SIZES)
@pytest.mark.parametrize("asked", ["utf-8", "auto", "gb18030"])
@pytest.mark.parametrize("marked", ["utf-8", "utf-16-le", "utf-16-be"])
def test_read_blocks__byte_order_mark_decides(tmp_path, marked, asked, block_bytes):
    notices: list[str] = []
    source = put(tmp_path, "\ufeff中文\ufeff\n".encode(marked))
    got = text_of(source, encoding=asked, block_bytes=block_bytes, on_notice=notices.append)
    assert got == "中文\ufeff\n"
    is_silent = marked == "utf-8" and asked != "gb18030"
    assert notices == ([] if is_silent else [f"corpus.txt: read as {marked}, because of its byte order mark"])


def test_read_blocks__mark_alone_is_empty(tmp_path):
    assert list(read_blocks([put(tmp_path, b"\xef\xbb\xbf")])) == []
    assert next(read_blocks([put(tmp_path, b"\xef\xbb\xbfa")])).offset == 3


@pytest.mark.parametrize(("codec", "label"), [("gb18030", "gb18030"), ("big5hkscs", "big5")])
def test_read_blocks__auto_is_announced(tmp_path, codec, label):
    text = "我們在這裡說的話，大家都沒有聽過。\n" * 3
    notices: list[str] = []
    source = put(tmp_path, text.encode(codec))
    assert text_of(source, encoding="auto", on_notice=notices.append) == text
    assert notices == [f"corpus.txt: read as {label}"]


def test_read_blocks__auto_stops_at_later_bytes_that_do_not_fit(tmp_path):
    good = "这是一个例子，\n".encode("gb18030") * 10_000
    source = put(tmp_path, good + b"\xff\xff\n" + good)
    with pytest.raises(CorpusError, match=rf"corpus.txt: byte {len(good)} is not gb18030 \(0xFF 0xFF\); try"):
        list(read_blocks([source], encoding="auto", block_bytes=1000))


@pytest.mark.parametrize("block_bytes", BLOCK_SIZES)
@pytest.mark.parametrize(("action", "verb"), [("skip", "skipped"), ("replace", "replaced")])
def test_read_blocks__bad_bytes_of_other_encodings_are_counted(tmp_path, block_bytes, action, verb):
    data = "中".encode("gb18030") + b"\xff" + "国".encode("gb18030") + b"\xff\n\xd6"
    notices: list[str] = []
    source = put(tmp_path, data)
    got = text_of(source, encoding="gbk", bad_bytes=action, block_bytes=block_bytes, on_notice=notices.append)
    assert got == "中\ufffd国\ufffd\n\ufffd"
    assert notices == [f"corpus.txt: {verb} 3 bad byte sequences, first at byte 2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "latin-1"}, "unknown encoding"),
        ({"bad_bytes": "drop"}, "choose stop, skip or replace"),
        ({"column": 0}, "counted from 1"),
        ({"column": 1, "jsonl_field": "a"}, "exclude each other"),
        ({"block_bytes": 0}, "at least 1"),
    ],
)
def test_read_blocks__impossible_options_fail_at_the_call(options, message):
    with pytest.raises(UsageError, match=message):
        read_blocks([], **options)


def test_read_blocks__reads_standard_input(monkeypatch):
    data = gzip.compress("中文\n".encode())
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(data)))
    (block,) = read_blocks(find_sources(["-"]))
    assert block.data.decode() == "中文\n"
    assert block.n_bytes_read == len(data)


def test_read_blocks__file_that_went_away(tmp_path):
    with pytest.raises(CorpusError, match="gone.txt: no such file"):
        list(read_blocks([Source("gone.txt", str(tmp_path / "gone.txt"), 1)]))


JSONL = '{"id": 1, "text": "中文\\n第二行"}\r\n\n{"text": "国😂", "meta": {"title": "题"}}\n{"text": "末"}'


@pytest.mark.parametrize("block_bytes", BLOCK_SIZES)
def test_read_blocks__jsonl_field(tmp_path, block_bytes):
    source = put(tmp_path, JSONL.encode())
    assert text_of(source, jsonl_field="text", block_bytes=block_bytes) == "中文\n第二行\n国😂\n末\n"


@pytest.mark.parametrize("line", ['{"text": 5}', "[1]", "{", '{"other": "a"}', '{"text": null}', "[" * 100_000])
@pytest.mark.parametrize("block_bytes", BLOCK_SIZES[2:])
def test_read_blocks__jsonl_bad_line(tmp_path, line, block_bytes):
    source = put(tmp_path, f'{{"text": "a"}}\n\n{line}\n{{"text": "b"}}\n{line}\n'.encode())
    with pytest.raises(CorpusError, match="corpus.txt: line 3 is not a JSON object with a text in 'text'"):
        list(read_blocks([source], jsonl_field="text", block_bytes=block_bytes))
    notices: list[str] = []
    options = {"jsonl_field": "text", "bad_bytes": "skip", "block_bytes": block_bytes}
    assert text_of(source, **options, on_notice=notices.append) == "a\nb\n"
    assert notices == ["corpus.txt: skipped 2 bad lines, first at line 3"]


def test_read_blocks__jsonl_nested_field_and_lone_surrogate(tmp_path):
    source = put(tmp_path, b'{"a": {"b": "x\\ud800y"}, "c.d": "z"}\n')
    assert text_of(source, jsonl_field="a.b") == "x?y\n"
    assert text_of(source, jsonl_field="c.d") == "z\n"


@pytest.mark.parametrize("block_bytes", BLOCK_SIZES)
def test_read_blocks__column(tmp_path, block_bytes):
    source = put(tmp_path, "1\t中文\tx\r\n2\t国\n".encode())
    assert text_of(source, column=2, block_bytes=block_bytes) == "中文\n国\n"
    with pytest.raises(CorpusError, match="corpus.txt: line 2 has no column 3"):
        list(read_blocks([source], column=3, block_bytes=block_bytes))


def test_read_blocks__records_with_bad_bytes(tmp_path):
    source = put(tmp_path, b"\xef\xbb\xbf1\tab\n2\tc\xffd\n")
    with pytest.raises(CorpusError, match="corpus.txt: byte 11 is not UTF-8"):
        list(read_blocks([source], column=2))
    notices: list[str] = []
    assert text_of(source, column=2, bad_bytes="skip", on_notice=notices.append) == "ab\nc\ufffdd\n"
    assert notices == ["corpus.txt: skipped 1 bad byte sequence, first at byte 11"]


def test_read_blocks__records_in_another_encoding(tmp_path):
    source = put(tmp_path, "1\t中文\n".encode("utf-16"))
    assert text_of(source, column=2, encoding="auto") == "中文\n"


def zstd_compress(data):
    return pytest.importorskip("zstandard").ZstdCompressor(write_checksum=True).compress(data)


COMPRESSORS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd_compress}


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("block_bytes", BLOCK_SIZES[3:])
def test_read_blocks__decompresses_members(tmp_path, kind, block_bytes):
    compress = COMPRESSORS[kind]
    first, second = "甲乙丙，\n" * 3000, "丁戊己。\n" * 3000
    data = compress(first.encode()) + compress(b"") + compress(second.encode())
    source = put(tmp_path, data, "no-telling-name")
    blocks = list(read_blocks([source], block_bytes=block_bytes))
    assert b"".join(block.data for block in blocks).decode() == first + second
    assert sum(block.n_bytes_read for block in blocks) == len(data)


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_read_blocks__truncated_compressed_data(tmp_path, kind):
    rng = np.random.default_rng(1)
    data = COMPRESSORS[kind](rng.integers(65, 90, 5000, np.uint8).tobytes())
    for n_kept in [11, 12, len(data) // 2, len(data) - 9, len(data) - 1]:
        if kind == "zstd" and n_kept > len(data) // 2:
            continue
        with pytest.raises(CorpusError, match=f"c: unexpected end of {kind} data after {n_kept} bytes"):
            list(read_blocks([put(tmp_path, data[:n_kept], "c")]))


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_read_blocks__damaged_compressed_data(tmp_path, kind):
    data = bytearray(COMPRESSORS[kind](np.random.default_rng(1).integers(0, 99, 5000, np.uint8).tobytes()))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    with pytest.raises(CorpusError, match=f"c: (damaged|unexpected end of) {kind} data"):
        list(read_blocks([put(tmp_path, bytes(data), "c")], encoding="auto"))
    with pytest.raises(CorpusError, match=f"c: foreign bytes after the {kind} data"):
        list(read_blocks([put(tmp_path, COMPRESSORS[kind](b"a\n") + b"garbage, not a member", "c")]))


@pytest.mark.parametrize("kind", ["gzip", "xz"])
def test_read_blocks__zero_padding_between_members(tmp_path, kind):
    data = COMPRESSORS[kind](b"a\n") + bytes(40) + COMPRESSORS[kind](b"b\n") + bytes(400_000)
    assert text_of(put(tmp_path, data)) == "a\nb\n"


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_read_blocks__bomb_streams(tmp_path, kind):
    source = put(tmp_path, COMPRESSORS[kind](b" " * 30_000_000))
    assert source.n_bytes < 100_000
    sizes = [len(block.data) for block in read_blocks([source], block_bytes=1 << 18)]
    assert sum(sizes) == 30_000_000
    assert max(sizes) <= 1 << 19


def test_read_blocks__zstd_package_missing(tmp_path, monkeypatch):
    for name in ("zstandard", "compression"):
        monkeypatch.setitem(sys.modules, name, None)
    source = put(tmp_path, b"\x28\xb5\x2f\xfd........")
    with pytest.raises(UsageError, match=r"cnmine\[zstd\]"):
        list(read_blocks([source]))


def test_cut_line__window_pattern_never_needed_for_short_lines():
    assert source_module._cut_line(b"abc") == 0
    assert source_module._cut_line("中a".encode()) == 3
    assert source_module._cut_line(b"a" * 2000) == -1
