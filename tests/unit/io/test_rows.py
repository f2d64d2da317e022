"""Row writers."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.io.rows import BATCH_ROWS, Column, display_width, make_writer

COLUMNS = [Column("word"), ("count", None), Column("score", 3)]
ROWS = [("中国", 12, 0.12345), ("PM2.5", np.int64(3), np.float64(-0.00001)), ('说"', 1, float("nan"))]


def written(output_format, columns, rows, **options):
    file = io.BytesIO()
    n_rows = make_writer(file, output_format, columns, **options).write(rows)
    assert n_rows == len(rows)
    return file.getvalue().decode()


def test_tsv_writer__rows():
    assert written("tsv", COLUMNS, ROWS) == 'word\tcount\tscore\n中国\t12\t0.123\nPM2.5\t3\t0.000\n说"\t1\tnan\n'
    assert written("tsv", COLUMNS, ROWS[:1], header=False) == "中国\t12\t0.123\n"


def test_tsv_writer__cleans_values_and_leaves_gaps():
    rows = [("a\tb\nc\rd", None, None), ("None", 1, 2)]
    assert written("tsv", COLUMNS, rows, header=False) == "a b c d\t\t\nNone\t1\t2.000\n"


def test_jsonl_writer__rows():
    lines = [json.loads(line) for line in written("jsonl", COLUMNS, ROWS).split("\n")[:-1]]
    assert lines == [
        {"word": "中国", "count": 12, "score": 0.123},
        {"word": "PM2.5", "count": 3, "score": 0.0},
        {"word": '说"', "count": 1, "score": None},
    ]
    text = written(
        "jsonl", [("100%", None), ("x", None)], [("中", [1, "国"]), (None, True), (np.float32(0.5), float("inf"))]
    )
    assert text == '{"100%": "中", "x": [1, "国"]}\n{"100%": null, "x": true}\n{"100%": 0.5, "x": null}\n'


def test_table_writer__aligns_wide_characters():
    assert written("table", COLUMNS, ROWS) == (
        "word   count  score\n"
        "中国      12  0.123\n"
        "PM2.5      3  0.000\n"
        '说"        1    nan\n'
    )  # fmt: skip
    assert display_width("e\u0301ａ") == 3


@pytest.mark.parametrize("output_format", ["tsv", "jsonl", "table"])
def test_row_writer__no_rows_and_several_calls(output_format):
    empty = written(output_format, [("a", None), ("b", None)], [])
    assert empty.split() == ([] if output_format == "jsonl" else ["a", "b"])
    file = io.BytesIO()
    writer = make_writer(file, output_format, [("a", None)])
    writer.write([("x",)])
    writer.write(("y",) for _ in range(BATCH_ROWS + 1))
    lines = file.getvalue().decode().splitlines()
    assert len(lines) == BATCH_ROWS + 2 + (output_format != "jsonl")


def test_row_writer__undecodable_names_are_escaped():
    assert written("tsv", [("a", None)], [("b\udcff",)], header=False) == "b\\udcff\n"


def test_make_writer__unknown_format():
    with pytest.raises(UsageError, match="choose one of tsv, jsonl, table"):
        make_writer(io.BytesIO(), "xml", [])


values = st.one_of(st.none(), st.integers(), st.text(st.characters(exclude_categories=["Cs"])))


@given(st.lists(st.tuples(values, values)))
def test_row_writers__round_trip(rows):
    columns = [("a", None), ("b", None)]
    lines = written("jsonl", columns, rows).split("\n")[:-1]
    assert [tuple(json.loads(line).values()) for line in lines] == rows
    table = written("tsv", columns, rows, header=False).split("\n")[:-1]
    clean = [tuple("" if v is None else str(v).translate({9: 32, 10: 32, 13: 32}) for v in row) for row in rows]
    assert [tuple(line.split("\t")) for line in table] == clean
    assert len(list(csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE))) == len(rows)
