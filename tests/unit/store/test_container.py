"""What comes back from a store, and what is refused: cut, flipped, hostile and foreign files."""

from __future__ import annotations

import ast
import errno
import mmap
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnmine
from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.store import container, layout
from cnmine.store.container import is_store, open_store
from cnmine.store.layout import ENTRY, HEADER, TRAILER
from cnmine.store.packing import pack
from cnmine.store.writing import create_store

MIB = 1 << 20


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The bytes of a store with an empty section, a plain and a packed one."""
    path = tmp_path_factory.mktemp("tiny") / "store"
    with create_store(str(path), kind="test", version=2) as store:
        store.add("none", b"")
        store.add("settings", '{"名":1}'.encode())
        store.add("text", np.array([1, 5, 7]), bits=3)
    return path.read_bytes()


@st.composite
def sections(draw):
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True), unique=True, max_size=5))
    found = {}
    for name in names:
        bits = draw(st.integers(1, 64))
        found[name] = (bits, draw(st.lists(st.integers(0, (1 << bits) - 1), max_size=50)))
    return found


@settings(max_examples=40)  # each waits for the disk
@given(sections(), st.from_regex("[a-z][a-z0-9_]{0,15}", fullmatch=True), st.integers(1, (1 << 32) - 1))
def test_store__round_trip(tmp_path_factory, written, kind, version):
    path = str(tmp_path_factory.mktemp("round") / "store")
    with create_store(path, kind=kind, version=version) as writer:
        for name, (bits, values) in written.items():
            with writer.section(name, bits) as section:
                section.append(np.array(values[:7], np.uint64))
                section.append(np.array(values[7:], np.uint64))
    with open_store(path, kind=kind, version=version) as store:
        assert (store.path, store.kind, store.version, store.n_bytes) == (path, kind, version, os.path.getsize(path))
        assert list(store.sections) == list(written)
        for name, (bits, values) in written.items():
            assert store.packed(name).decode(dtype=np.uint64).tolist() == values
            if bits in (8, 16, 32, 64):
                assert store.array(name).tolist() == values
                assert store.array(name).dtype.itemsize * 8 == bits
        n_bytes = []
        store.verify(n_bytes.append)
        assert sum(n_bytes) == sum(section.n_bytes for section in store.sections.values())


@pytest.mark.parametrize("dtype", ["i1", "u2", "i4", "f4", "u8", "i8", "f8", ">i4"])
def test_array__elements_of_any_type_come_back_by_a_view(tmp_path, dtype):
    path, values = str(tmp_path / "store"), np.array([-1, 0, 3]).astype(dtype)
    with create_store(path, kind="test", version=1) as writer:
        writer.add("values", values)
    with open_store(path) as store:
        array = store.array("values", dtype.replace(">", "<"))
        assert array.tolist() == values.tolist()
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(StoreError, match="values has values of .* bits, expected"):
            store.array("values", "f4" if values.itemsize != 4 else "f8")


def test_packed__takes_sections_of_plain_width(tmp_path):
    path, values = str(tmp_path / "store"), np.arange(9, dtype=np.uint16)
    with create_store(path, kind="test", version=1) as writer:
        writer.add("values", values)
    with open_store(path) as store:
        assert store.packed("values").words.tolist() == pack(values, 16).tolist()


def test_store__names_what_is_missing_or_closed(tmp_path, tiny):
    path = tmp_path / "store"
    path.write_bytes(tiny)
    store = open_store(str(path))
    with pytest.raises(StoreError, match="no section words, expected .* it has none, settings, text"):
        store.packed("words")
    with pytest.raises(StoreError, match="text has values of 3 bits, expected 8, 16, 32 or 64"):
        store.array("text")
    settings = store.array("settings")
    store.close()
    store.close()
    assert settings.tobytes().decode() == '{"名":1}'  # the map lives as long as its arrays
    with pytest.raises(UsageError, match="is closed"):
        store.array("settings")


def test_store__equal_content_is_equal_bytes(tmp_path, tiny):
    path = tmp_path / "other"
    with create_store(str(path), kind="test", version=2, expected_bytes=MIB) as store:
        store.add("none", np.array([], np.uint8))
        with store.section("settings", 8) as section:
            for byte in '{"名":1}'.encode():
                section.append(bytes([byte]))
        store.add("text", np.array([1, 5, 7], np.uint8), bits=3)
    assert path.read_bytes() == tiny


def test_open_store__every_cut_is_found(tmp_path, tiny):
    path = tmp_path / "store"
    path.write_bytes(tiny)
    for n_bytes in range(len(tiny) - 1, -1, -1):
        os.truncate(path, n_bytes)
        with pytest.raises(StoreError, match="is empty" if n_bytes == 0 else "is incomplete: "):
            open_store(str(path))
    path.write_bytes(tiny + b"\0")
    with pytest.raises(StoreError, match="incomplete"):
        open_store(str(path))


def test_open_store__every_flipped_bit_is_found(tmp_path, tiny):
    path = tmp_path / "store"
    path.write_bytes(tiny)
    with open(path, "r+b", buffering=0) as file:
        for i, byte in enumerate(tiny):
            for flipped in (*(byte ^ 1 << bit for bit in range(8)), byte ^ 0xFF, byte):
                os.lseek(file.fileno(), i, os.SEEK_SET)
                file.write(bytes([flipped]))
                if flipped == byte:
                    continue
                with pytest.raises(StoreError):
                    open_store(str(path))
    assert open_store(str(path)).kind == "test"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A store of two and a half blocks in its second section."""
    path = tmp_path_factory.mktemp("large") / "store"
    with create_store(str(path), kind="test", version=1) as store:
        store.add("first", b"abc")
        store.add("second", np.arange(MIB * 5 // 16, dtype=np.uint64))
    return path


def test_open_store__every_cut_of_a_larger_store_is_found(large, tmp_path):
    path = tmp_path / "cut"
    path.write_bytes(large.read_bytes())
    for n_bytes in range(os.path.getsize(path) - 1, 0, -4096):
        os.truncate(path, n_bytes)
        with pytest.raises(StoreError, match="is incomplete: "):
            open_store(str(path))


def test_verify__names_section_and_place(large, tmp_path, monkeypatch):
    path = tmp_path / "damaged"
    data = bytearray(large.read_bytes())
    start = open_store(str(large)).sections["second"].offset
    data[start + MIB + 5] ^= 1
    path.write_bytes(data)
    message = rf"second is damaged between bytes {start + MIB} and {start + 2 * MIB} "
    for verify in ("small", "all"):
        with pytest.raises(StoreError, match=message):
            open_store(str(path), verify=verify)
    monkeypatch.setattr(container, "SMALL_BYTES", MIB)
    for verify in ("small", "none"):
        with open_store(str(path), verify=verify) as store:
            store.verify_section("first")
            with pytest.raises(StoreError, match=message):
                store.verify()
    with pytest.raises(UsageError, match="small, all or none"):
        open_store(str(path), verify="some")


def test_open_store__checks_kind_and_version(tmp_path, tiny):
    path = tmp_path / "store"
    path.write_bytes(tiny)
    with pytest.raises(StoreError, match="is a store of kind test, expected ngrams"):
        open_store(str(path), kind="ngrams")
    with pytest.raises(StoreError, match="newer cnmine .version 2 of kind test, known up to 1.; update"):
        open_store(str(path), kind="test", version=1)
    assert open_store(str(path), kind="test", version=3).version == 2
    for offset, field, message in [(8, "<H", "newer cnmine .version 2 of the file format"), (10, ">H", "big-endian")]:
        data = bytearray(tiny)
        struct.pack_into(field, data, offset, 2 if offset == 8 else layout.BYTE_ORDER_MARK)
        path.write_bytes(data)
        with pytest.raises(StoreError, match=message):
            open_store(str(path))


def test_open_store__needs_a_little_endian_machine(tmp_path, tiny, monkeypatch):
    path = tmp_path / "store"
    path.write_bytes(tiny)
    monkeypatch.setattr("sys.byteorder", "big")
    with pytest.raises(StoreError, match="big-endian"):
        open_store(str(path))
    with pytest.raises(StoreError, match="big-endian"), create_store(str(path), kind="test", version=1):
        pytest.fail("was opened")


EDGES = [0, 1, 7, 8, 63, 64, 65, 1 << 31, 1 << 32, (1 << 60) + 1, 1 << 61, 1 << 63, (1 << 64) - 64, (1 << 64) - 1]
u64 = st.sampled_from(EDGES) | st.integers(0, (1 << 64) - 1) | st.integers(0, 600)


def assemble(header, body, footer, trailer_fields=None):
    """A file whose checksum of header and table is right, whatever they say."""
    offset, n_sections, length = trailer_fields or (HEADER.size + len(body), 0, 0)
    length = length or HEADER.size + len(body) + len(footer) + TRAILER.size
    start = struct.pack("<3Q", offset, n_sections, length)
    return (
        header
        + body
        + footer
        + start
        + struct.pack("<Q8s", layout._checksum((header, footer, start)), layout.END_MAGIC)
    )


def open_or_refuse(path, data):
    """Open a hostile file; whatever it offers must lie inside it."""
    path.write_bytes(data)
    try:
        store = open_store(str(path), verify="none")
    except StoreError:
        return None
    for name, section in store.sections.items():
        assert HEADER.size <= section.offset <= section.offset + section.n_bytes <= len(data)
        store.packed(name).decode()
    return store


names = st.sampled_from([b"text", b"", b"text\0x", b"Text", b"\xff", b"1", b"a" * 32]) | st.binary(max_size=32)


@given(
    st.lists(st.tuples(names, u64, u64, u64, u64), max_size=4),
    st.binary(max_size=300),
    st.none() | st.tuples(u64, u64, st.just(0) | u64),
    st.integers(0, 40),
)
def test_open_store__hostile_tables_are_refused(tmp_path_factory, entries, body, trailer_fields, n_hash_bytes):
    footer = b"".join(ENTRY.pack(*entry) for entry in entries) + bytes(n_hash_bytes)
    fields = trailer_fields or (HEADER.size + len(body), len(entries), 0)
    data = assemble(layout.pack_header("test", 1), body, footer, fields)
    open_or_refuse(tmp_path_factory.mktemp("hostile") / "store", data)


@given(st.integers(0, 2), st.integers(0, 4), u64, st.binary(max_size=32))
def test_open_store__one_hostile_field_is_refused(tmp_path_factory, tiny, row, column, number, name):
    offset, n_sections, length, _, _ = TRAILER.unpack(tiny[-TRAILER.size :])
    footer = bytearray(tiny[offset : -TRAILER.size])
    entry = list(ENTRY.unpack_from(footer, row * ENTRY.size))
    before = entry[column]
    entry[column] = name.ljust(32, b"\0") if column == 0 else number
    ENTRY.pack_into(footer, row * ENTRY.size, *entry)
    data = assemble(tiny[: HEADER.size], tiny[HEADER.size : offset], bytes(footer), (offset, n_sections, length))
    store = open_or_refuse(tmp_path_factory.mktemp("hostile") / "store", data)
    # Another name or number of values may fit as well; nothing else does.
    assert store is None or entry[column] == before or column in (0, 1, 2)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"kind": b"Test"}, "its header is"),
        ({"kind": b"te\0t"}, "its header is"),
        ({"version": 0}, "its header is"),
        ({"container": 0}, "its header is"),
        ({"mark": 7}, "its header is"),
    ],
)
def test_open_store__hostile_headers_are_refused(tmp_path, fields, message):
    values = {
        "magic": layout.MAGIC,
        "container": 1,
        "mark": layout.BYTE_ORDER_MARK,
        "version": 1,
        "kind": b"test",
        **fields,
    }
    path = tmp_path / "store"
    path.write_bytes(assemble(HEADER.pack(*values.values()), b"", b""))
    with pytest.raises(StoreError, match=message):
        open_store(str(path))


def entry(name, bits, n_items, offset):
    return ENTRY.pack(name, bits, n_items, offset, layout.section_bytes(n_items, bits))


@pytest.mark.parametrize(
    "entries, body, message",
    [
        ([entry(b"a", 8, 3, 64), entry(b"a", 8, 3, 128)], bytes(128), "have the names"),
        ([entry(b"a", 8, 3, 64), entry(b"b", 8, 3, 64)], bytes(128), "not from 128 on"),
        ([entry(b"a", 8, 3, 128)], bytes(128), "not from 64 on"),
        ([entry(b"a", 8, 100, 64)], bytes(64), "reaches from byte 64 to"),
        ([entry(b"a", 0, 3, 64)], bytes(64), "3 values of 0 bits"),
        ([entry(b"a", 65, 3, 64)], bytes(64), "3 values of 65 bits"),
        ([ENTRY.pack(b"a", 64, 1 << 58, 64, 8)], bytes(64), "in 8 bytes"),
        ([entry(b"a", 8, 3, 64)], bytes(63) + b"x", "something between bytes 80 and 128"),
        ([entry(b"a", 8, 3, 64)], bytes(128), "its table is at byte 192, expected 128"),
        ([entry(b"a", 8, 3, 64)] * 1025, bytes(64), "1025 sections"),
    ],
)
def test_open_store__says_what_is_wrong(tmp_path, entries, body, message):
    footer = b"".join(entries) + bytes(8 * len(entries))
    path = tmp_path / "store"
    path.write_bytes(assemble(layout.pack_header("test", 1), body, footer, (HEADER.size + len(body), len(entries), 0)))
    with pytest.raises(StoreError, match=f"is damaged: .*{message}"):
        open_store(str(path))


@pytest.mark.parametrize(
    "data, message",
    [
        ("中文的文章。".encode() * 20, "a text"),
        (b"\\data\\\nngram 1=3\n", "ARPA"),
        (b"mmap lm http://kheafield.com/code format version 5\n\0", "KenLM"),
        (b"\x80\x04\x95" + bytes(90), "pickle, which is never read"),
        (b"\0" * 200, "something that begins with 00 00"),
        (b"\xff\xfe" + bytes(90), "something that begins with ff fe"),
        (b"\x1f\x8b\x08" + bytes(90), "gzip"),
        (b"\x89cnm\n\x1a\n" + bytes(200), "line ends were converted"),
    ],
)
def test_open_store__says_what_a_foreign_file_is(tmp_path, data, message):
    path = tmp_path / "foreign"
    path.write_bytes(data)
    with pytest.raises(StoreError, match=f"foreign: is .*{message}.*, expected a store of cnmine"):
        open_store(str(path))


def test_open_store__never_reads_a_pickle(tmp_path):
    path = tmp_path / "array.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(StoreError, match="an array of NumPy, expected a store"):
        open_store(str(path))


def test_open_store__says_why_a_file_cannot_be_opened(tmp_path, tiny, monkeypatch):
    for path, message in [
        (tmp_path / "no", "does not exist"),
        (tmp_path, "not a regular file"),
        (os.devnull, "not a regular"),
    ]:
        with pytest.raises(StoreError, match=message):
            open_store(str(path))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(StoreError, match="not a regular file"):
            open_store(str(tmp_path / "pipe"))
    path = tmp_path / "store"
    path.write_bytes(tiny)
    path.chmod(0o400)
    assert open_store(str(path)).kind == "test"

    def fail(number):
        def mapping(*_, **__):
            raise OSError(number, os.strerror(number))

        return mapping

    monkeypatch.setattr(mmap, "mmap", fail(errno.ENOMEM))
    with pytest.raises(ResourceError, match="address space"):
        open_store(str(path))
    monkeypatch.setattr("builtins.open", fail(errno.EACCES))
    with pytest.raises(StoreError, match="cannot be read: Permission denied"):
        open_store(str(path))


def test_is_store__looks_at_the_beginning_only(tmp_path, tiny):
    path = tmp_path / "file"
    for data, expected in [(tiny, True), (tiny[:8], True), (tiny[:7], False), (b"", False), ("中文".encode(), False)]:
        path.write_bytes(data)
        assert is_store(str(path)) is expected
    for other in (str(tmp_path), str(tmp_path / "no"), "-", os.devnull):
        assert not is_store(other)


def test_package__runs_no_code_out_of_data():
    for path in Path(cnmine.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "marshal", "shelve", "dill", "joblib"} & {name.split(".")[0] for name in imported}, (
                path
            )
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "compile", "__import__"), path
                if called.endswith("np.load"):
                    assert "allow_pickle=False" in ast.unparse(node), path
