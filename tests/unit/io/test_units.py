"""The unit encoder against the obvious reference."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import reference_units as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmine.errors import CorpusError, UsageError
from cnmine.io import _kernels, units
from cnmine.io.paths import Source
from cnmine.io.source import Block
from cnmine.io.units import concatenate_blocks, decode_units, encode_block, encode_blocks, join_blocks

ALPHABET = (
    "ab1Z9.+#_-\"'<>() \n\r\t\0中国人的〇々㐀龥鿿豈〈《》「」“”，。、！あカ한éßİȺǅαΩЖ×÷ªµ"
    "ＡｚＺ０９．＋＃＿－＂＜（）😂𠮷𪛟\U0002f800\U0003ffff\U00040000\U0010ffff\u0301\u200d\ufe0f\ufeff\ufffd\u2028"
)
texts = st.text(
    st.one_of(st.sampled_from(ALPHABET), st.sampled_from("a1.+#-C中"), st.characters(exclude_categories=["Cs"]))
)
options = st.fixed_dictionaries({"fold_case": st.booleans(), "fold_width": st.booleans()})


def listed(block: units.UnitBlock) -> list[int | str]:
    decoded = decode_units(block.codes, block.runs)
    return [
        code if code < units.N_BOUNDARIES else text for code, text in zip(block.codes.tolist(), decoded, strict=True)
    ]


@settings(max_examples=500, deadline=None)
@given(texts, options)
def test_encode_block__matches_reference(text, options):
    assert listed(encode_block(text.encode(), **options)) == reference.units(text, **options)


@settings(max_examples=500, deadline=None)
@given(texts, options)
def test_encode_block__keeps_punctuation_as_in_reference(text, options):
    assert listed(encode_block(text.encode(), punctuation="keep", **options)) == reference.kept_units(text, **options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("他说：“好。”\n", ["他", "说", "：", "“", "好", "。", "”", 0]),
        ("\n\n 中\u3000文\t1 + 1\r\n", [0, "中", "文", "1", "+", "1", 0]),
        ("A/B Ｃ＃😂\U0010ffff\0", ["A", "/", "B", "C#", "😂", "\U0010ffff"]),
        ("ab." * 22 + "c。", [*"ab." * 22, "c", "。"]),
        ("１．" + "é" * 32 + "中", ["1", "．", *"é" * 32, "中"]),
    ],
)
def test_encode_block__keeps_punctuation(text, expected):
    assert listed(encode_block(text.encode(), punctuation="keep")) == expected == reference.kept_units(text)


def test_encode_block__keeps_many_different_runs_and_letters_of_long_ones():
    letters = [
        chr(code) for code in range(0x100, 0x530) if chr(code).isalpha() and encode_block(chr(code).encode()).runs
    ]
    text = "".join(letters) + " " + " ".join(f"w{i}" for i in range(3000))
    assert listed(encode_block(text.encode(), punctuation="keep")) == letters + [f"w{i}" for i in range(3000)]


def test_encode_block__unknown_treatment_of_punctuation():
    with pytest.raises(UsageError, match="choose drop or keep"):
        encode_block(b"a", punctuation="some")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("PM2.5和5G", ["PM2.5", "和", "5G"]),
        ("C++11 C# F#语", ["C++11", 0, "C#", 0, "F#", "语"]),
        ("#iPhone#", [0, "iPhone", 0]),
        ("Wi-Fi x86_64. v2.", ["Wi-Fi", 0, "x86_64", 0, "v2", 0]),
        ("1+1=2", ["1", 0, "1", 0, "2"]),
        ("a..b", ["a", 0, "b"]),
        ("ＡＢ１．５", ["AB1.5"]),
        ("说：“好”，他", ["说", 2, "好", 1, "他"]),
        ('说"好"他', ["说", 3, "好", 3, "他"]),
        ("甲》、《乙", ["甲", 3, "乙"]),
        ("a" * 64 + "中", ["a" * 64, "中"]),
        ("中" + "a" * 65 + "文", ["中", 0, "文"]),
        ("中" + "Ａ" * 64 + "文", ["中", "A" * 64, "文"]),
        ("吴\U0002f80a\uf900", ["吴", "僧", "豈"]),
        ("中あ文", ["中", 0, "文"]),
    ],
)
def test_encode_block__examples(text, expected):
    assert listed(encode_block(text.encode())) == expected == reference.units(text)


def test_encode_block__folds_case_on_request():
    assert encode_block("iPhoneÉΩЖＡ".encode(), fold_case=True).runs == ["iphoneéωжa".encode()]
    assert encode_block("ＡＢ".encode(), fold_width=False).runs == ["ＡＢ".encode()]


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=12), st.lists(st.sampled_from([b"\xe4\xb8\xad", b"\xf0\x9f\x98\x82", b"a", b"\xc3\xa9",
       b"\xed\xa0\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xe4\xb8", b"\xff", b"\x80"])).map(b"".join)))  # fmt: skip
def test_encode_block__accepts_exactly_what_python_decodes(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as err:
        with pytest.raises(CorpusError, match=f"f.txt: byte {100 + err.start} is not UTF-8"):
            encode_block(data, name="f.txt", offset=100)
        block = encode_block(data, bad_bytes="skip", with_offsets=True)
        text = data.decode("utf-8", "replace")
        assert listed(block) == reference.units(text)
        assert block.n_bad == text.count("\ufffd") - data.count("\ufffd".encode())
        assert block.bad_offset == err.start
    else:
        assert encode_block(data).n_bad == 0


def test_encode_block__unknown_policy():
    with pytest.raises(UsageError, match="choose stop, skip or replace"):
        encode_block(b"\xff", bad_bytes="ignore")


@settings(deadline=None)
@given(texts)
def test_encode_block__starts_are_where_the_units_are(text):
    data = text.encode()
    block = encode_block(data, with_offsets=True)
    assert len(block.starts) == len(block.codes)
    assert np.all(np.diff(block.starts) > 0)
    bounds = [*block.starts.tolist(), len(data)]
    assert bounds[0] == 0
    again = [listed(encode_block(data[start:stop])) for start, stop in pairwise(bounds)]
    assert [piece[0] for piece in again if len(piece) == 1] == listed(block)


def test_encode_block__bad_bytes_keep_the_offsets():
    block = encode_block(b"\xe4\xb8\xad\xe4\xb8\xe4\xba\xba", with_offsets=True, bad_bytes="replace")
    assert block.starts.tolist() == [0, 3, 5]


def test_encode_block__many_distinct_runs_grow_the_table():
    words = [f"w{i}" for i in range(20_000)]
    block = encode_block(" ".join(words * 2).encode())
    assert block.runs == [word.encode() for word in words]
    assert np.array_equal(block.codes[::2] - units.RUN_BASE, np.tile(np.arange(20_000), 2))


def test_encode_block__all_ideograph_blocks_are_units():
    for code in [0x3400, 0x4DBF, 0x4E00, 0x9FFF, 0x20000, 0x2A6DF, 0x2A700, 0x2EBF0, 0x30000, 0x323AF, 0x3FFFF, 0xFA0E]:
        assert encode_block(chr(code).encode()).codes.tolist() == [code]
    for code in [0x33FF, 0x4DC0, 0xA000, 0x1FFFF, 0x40000, 0x2F00, 0x3006]:
        assert encode_block(chr(code).encode()).codes.tolist() == [0]


@settings(deadline=None)
@given(texts, st.data())
def test_find_cut__does_not_change_the_units(text, data):
    encoded = data.draw(st.sampled_from([text, text * 3])).encode()
    scratch = np.empty(2 * units.MAX_RUN_BYTES, np.uint8)
    cut = _kernels.find_cut(np.frombuffer(encoded, np.uint8), *units.character_tables(False, True), scratch)
    parts = [encoded[:cut], encoded[cut:]]
    for part in parts:
        part.decode()
    joined = concatenate_blocks(codes_of(parts, [False, True]))
    assert np.array_equal(joined, concatenate_blocks(codes_of([encoded], [False])))


def codes_of(parts, joins):
    """Codes of blocks under one numbering of the runs, as a vocabulary would give it."""
    numbers: dict[bytes, int] = {}
    for part, join in zip(parts, joins, strict=True):
        block = encode_block(part)
        codes = block.codes.copy()
        for j in np.flatnonzero(codes >= units.RUN_BASE):
            run = block.runs[codes[j] - units.RUN_BASE]
            codes[j] = units.RUN_BASE + numbers.setdefault(run, len(numbers))
        yield codes, join


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from('中文，“”" \n')), max_size=4))
def test_join_blocks__parts_sources_as_line_ends_do(parts):
    joined = concatenate_blocks(codes_of([part.encode() for part in parts], [False] * len(parts)))
    expected = reference.stream(parts)
    assert [code if code < 4 else chr(code) for code in joined.tolist()] == expected


@settings(deadline=None)
@given(st.text(st.sampled_from('中文，“”" \n')), st.lists(st.integers(0, 30), max_size=5))
def test_join_blocks__any_cut_gives_the_same_stream(text, cuts):
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [text[start:stop].encode() for start, stop in pairwise(bounds)]
    joined = concatenate_blocks(codes_of(parts, [False] + [True] * (len(parts) - 1)))
    assert [code if code < 4 else chr(code) for code in joined.tolist()] == reference.stream([text])


def test_join_blocks__nothing_is_one_boundary():
    assert [piece.tolist() for piece in join_blocks([])] == [[0]]


@pytest.mark.parametrize("threads", [1, 2])
def test_encode_blocks__reports_bad_bytes_once_per_source(threads):
    first, second = Source("a.txt", None, None), Source("b.txt", None, None)
    blocks = [
        Block(b"a\n", first, 0, True, 2),
        Block(b"\xff\xfe\n", first, 2, False, 3),
        Block(b"\xff\n", first, 5, False, 2),
        Block(b"ok\n", second, 0, True, 3),
    ]
    notices: list[str] = []
    got = list(encode_blocks(blocks, bad_bytes="skip", threads=threads, on_notice=notices.append))
    assert [block for block, _ in got] == blocks
    assert notices == ["a.txt: skipped 3 bad byte sequences, first at byte 2"]
    with pytest.raises(CorpusError, match="a.txt: byte 2 is not UTF-8 .0xFF 0xFE.; try --encoding auto"):
        list(encode_blocks(blocks, threads=threads))
