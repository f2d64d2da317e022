from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.io.paths import find_sources
from cnmine.segmentation import stream
from cnmine.segmentation.stream import TextBlock, read_text
from cnmine.segmentation.writing import Layout, segment_blocks


def write(segmenter, text, layout=None, **options):
    outputs = segment_blocks([TextBlock(text)], segmenter, layout or Layout(), **options)
    return b"".join(output.data for output in outputs).decode()


@given(st.text())
def test_segment_blocks__without_separator_is_the_input(segmenter, text):
    assert write(segmenter, text, Layout(separator="")) == text


@given(st.text())
def test_segment_blocks__a_separator_that_is_not_in_the_text_can_be_undone(segmenter, text):
    text = text.replace("\x1f", "")
    assert write(segmenter, text, Layout(separator="\x1f")).replace("\x1f", "") == text


@given(st.text(st.sampled_from("我们去北京看书，a1.% \t\r\u3000\n"), max_size=40))
def test_segment_blocks__separators_part_what_is_adjacent(segmenter, text):
    got = write(segmenter, text, Layout(separator="|"))
    assert [word for line in got.split("|") for word in line.split()] == segmenter.tokenize(text)
    assert "| " not in got and " |" not in got and "||" not in got
    assert not got.startswith("|") and not got.endswith("|")


@given(st.text())
def test_segment_blocks__objects_have_the_places_of_tokens(segmenter, text):
    got = write(segmenter, text, Layout("jsonl"))
    records = [json.loads(line) for line in got.split("\n")[:-1]]
    assert "\n".join(record["text"] for record in records) == text.removesuffix("\n")
    for record in records:
        assert all(record["text"][token["start"] : token["stop"]] == token["text"] for token in record["tokens"])
        assert [token["text"] for token in record["tokens"]] == segmenter.tokenize(record["text"])


def test_segment_blocks__tags(segmenter):
    assert write(segmenter, "我，看 x\n书", Layout("bmes")) == "我\tS\n，\tS\n看\tS\nx\tS\n\n书\tS\n"
    assert write(segmenter, "abc 12", Layout("bmes")) == "a\tB\nb\tM\nc\tE\n1\tB\n2\tE\n"


def test_segment_blocks__alternatives(segmenter):
    rows = write(segmenter, "我们看书\n\n去", Layout(n_best=3, separator="/")).split("\n")[:-1]
    assert [row.split("\t")[0] for row in rows] == ["1"] * 3 + ["2"] + ["3"]
    assert all(row.split("\t")[2].replace("/", "") == "我们看书" for row in rows[:3])
    scores = [float(row.split("\t")[1]) for row in rows[:3]]
    assert scores == sorted(scores, reverse=True)
    drawn = [
        json.loads(line) for line in write(segmenter, "我们看书\n去", Layout("jsonl", n_samples=4)).split("\n")[:-1]
    ]
    assert [len(record["alternatives"]) for record in drawn] == [4, 4]
    layouts = [Layout(n_samples=9, alpha=0.1, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (write(segmenter, "我们明天去北京看书", layout) for layout in layouts)
    assert first == again != other


@pytest.mark.parametrize("layout", [Layout(), Layout("jsonl"), Layout("bmes"), Layout(n_samples=2, alpha=0.3)])
def test_segment_blocks__same_for_any_threads_and_blocks(segmenter, small_text, tmp_path, monkeypatch, layout, threads):
    path = tmp_path / "text"
    path.write_text(small_text + small_text.replace("\n", "") + "我们 " * 99, encoding="utf-8")
    monkeypatch.setattr(stream, "CONTEXT", 60)
    results = set()
    for size in (1 << 20, 300, 170):
        blocks = read_text(find_sources([str(path)]), block_characters=size, whole_lines=layout.needs_whole_lines)
        results.add(b"".join(output.data for output in segment_blocks(blocks, segmenter, layout, threads=threads)))
    assert len(results) == 1


def test_segment_blocks__counts(segmenter):
    [output] = segment_blocks([TextBlock("我 12，书", prefix="\ufeff")], segmenter)
    assert (output.n_tokens, output.n_characters, output.n_ambiguous) == (4, 6, 1)
    assert output.data.decode() == "\ufeff我 12 ， 书"


def test_layout__refuses_contradictions():
    for options in ({"kind": "xml"}, {"n_best": 2, "n_samples": 2}, {"kind": "bmes", "n_best": 2}):
        with pytest.raises(UsageError):
            Layout(**options)
