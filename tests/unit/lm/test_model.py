"""Queries against plain back-off, and files that are damaged."""

from __future__ import annotations

import numpy as np
import pytest
import reference_lm as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmine.errors import StoreError, UsageError
from cnmine.lm import model as lm
from cnmine.lm.model import END, UNKNOWN, open_model
from cnmine.lm.storage import damaged

LINES = ["天地人和。", "人大天大地大", "", "大人和小人", "人和人不和", "小天小地 小人小", "天天大大"] * 3
SENTENCES = [list(line.replace(" ", "")) for line in LINES]
FALLBACK = (0.5, 1.0, 1.5)
queries = st.lists(st.lists(st.sampled_from("天地人和大小。不鹅"), max_size=9), max_size=8)


@pytest.fixture(scope="module", params=[(1, (0,)), (2, (0,)), (3, (0, 1)), (4, (0,)), (4, (3, 3, 4)), (5, (0, 0, 2))])
def models(request, train_lines):
    order, prune = request.param
    path = train_lines(LINES, "query", order=order, prune=prune)
    with open_model(str(path)) as opened:
        yield opened, reference.train(SENTENCES, order, prune=prune, fallback=FALLBACK)


def encoded(model, sentences):
    ids = [model.ids.get(token.encode(), UNKNOWN) for sentence in sentences for token in sentence]
    return np.array(ids, np.uint32), np.cumsum([0, *map(len, sentences)])


@settings(max_examples=40)
@given(queries)
def test_score_ids__matches_back_off(models, sentences):
    model, plain = models
    expected = [
        reference.log10_prob(plain, tuple([reference.START, *tokens][:i]), tokens[i - 1])
        for tokens in ([*sentence, reference.END] for sentence in sentences)
        for i in range(1, len(tokens) + 1)
    ]
    np.testing.assert_allclose(model.score_ids(*encoded(model, sentences)), expected, atol=2e-5)


@settings(max_examples=20)
@given(queries)
def test_score_ids__without_ends_and_beginnings(models, sentences):
    model, plain = models
    expected = [
        reference.log10_prob(plain, tuple(sentence[:i]), token)
        for sentence in sentences
        for i, token in enumerate(sentence)
    ]
    scores = model.score_ids(*encoded(model, sentences), begin=False, end=False)
    np.testing.assert_allclose(scores, expected, atol=2e-5)


@settings(max_examples=20)
@given(queries)
def test_conditionals__match_back_off(models, sentences):
    model, plain = models
    expected = [
        [reference.log10_prob(plain, tuple(sentence[max(0, i - h) : i]), token) for h in range(model.order)]
        for sentence in sentences
        for i, token in enumerate(sentence)
    ]
    found = model.conditionals(*encoded(model, sentences))
    np.testing.assert_allclose(found, np.array(expected).reshape(-1, model.order), atol=2e-5)


def test_score_ids__long_sequences_are_cut_without_a_trace(models, monkeypatch, threads):
    model, _ = models
    sentences = [list("天地人和大小。不鹅" * 20), [], list("人和" * 50)]
    ids, offsets = encoded(model, sentences)
    whole = model.score_ids(ids, offsets)
    monkeypatch.setattr(lm, "JOB_IDS", 7)
    monkeypatch.setattr(lm, "JOBS_PER_CALL", 5)
    np.testing.assert_array_equal(model.score_ids(ids, offsets, threads=threads), whole)
    monkeypatch.setattr(lm, "SEQUENCES_PER_CALL", 2)
    np.testing.assert_array_equal(model.conditionals(ids, offsets, threads=threads), model.conditionals(ids, offsets))


def test_score_ids__read_only_and_foreign_ids(models):
    model, _ = models
    ids = np.array([0, 2, 3, END, 10_000, 2**32 - 1, model.n_units + 4], np.uint32)
    ids.flags.writeable = False
    assert np.isfinite(model.score_ids(ids, np.array([0, 7]))).all()
    with pytest.raises(UsageError, match="offsets must ascend from 0 to 7"):
        model.score_ids(ids, np.array([0, 8]))
    with pytest.raises(UsageError, match="offsets"):
        model.conditionals(ids, np.array([0, 5, 3, 7]))


def test_probabilities__sum_to_one(models):
    model, _ = models
    n = model.n_units + 4
    for history in ([], ["人"], list("天地"), list("小人小"), list("鹅人")):
        sentences = [[*history, chr(0)] for _ in range(n)]
        ids, offsets = encoded(model, sentences)
        ids[offsets[1:] - 1] = np.arange(n)
        probs = 10.0 ** model.score_ids(ids, offsets, end=False)[offsets[1:] - 1].astype(np.float64)
        assert probs[[UNKNOWN, END, *range(4, n)]].sum() == pytest.approx(1, abs=1e-5)


def test_encode__lines_as_the_model_was_trained(train_lines):
    with open_model(str(train_lines(["人大ABC。", "PM2.5大"], "encode", order=2))) as model:
        text = model.encode("人鹅 ABC。\n\n大 abc\nPM2.5".encode())
        names = [b"", b"", b"", b"", *model.unit_texts]
        assert [names[i].decode() for i in text.ids] == ["人", "", "ABC", "。", "大", "", "PM2.5"]
        assert text.offsets.tolist() == [0, 4, 4, 6, 7]
        assert text.n_characters.tolist() == [6, 0, 4, 5]
        assert model.encode(b"").offsets.tolist() == [0]
        assert model.encode(b"\n").offsets.tolist() == [0, 0]


def test_open_model__in_no_time_and_knows_its_settings(train_lines):
    with open_model(str(train_lines(LINES, "settings", order=3, prune=(0, 0, 1)))) as model:
        assert model.order == 3 and model.settings["prune"] == [0, 0, 1]
        assert model.settings["n_tokens"] == sum(map(len, SENTENCES))
        assert model.settings["n_sentences"] == len(LINES)
        assert len(model.settings["discounts"]) == 3


def test_open_model__foreign_files(tmp_path):
    for name, content in (("a.txt", "人大".encode()), ("a.arpa", b"\\data\\\nngram 1=3\n"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StoreError, match=name):
            open_model(str(tmp_path / name))
    with pytest.raises(StoreError, match="does not exist"):
        open_model(str(tmp_path / "none"))


def test_open_model__damaged_files_never_pass(train_lines, tmp_path):
    data = train_lines(LINES[:4], "damage", order=3).read_bytes()
    path = tmp_path / "damaged.lm"
    for place in range(0, len(data), 97):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        with pytest.raises(StoreError):
            open_model(str(path))
        path.write_bytes(data[:place])
        with pytest.raises(StoreError):
            open_model(str(path))


@settings(max_examples=150)
@given(st.data())
def test_queries__survive_records_that_point_anywhere(train_lines, data):
    """Large files are not verified when opened: what is in them must not lead outside."""
    with open_model(str(train_lines(LINES, "wild", order=4))) as model:
        records = np.array(model.tables[0])
        for _ in range(data.draw(st.integers(1, 30))):
            place = data.draw(st.integers(0, len(records) - 1))
            records[place] = data.draw(st.sampled_from([0, 1, 7, len(records), 2**31, 2**32 - 1]))
        model.tables = (records, records.view(np.float32), model.shape)
        ids, offsets = encoded(model, SENTENCES)
        for query in (model.score_ids, model.conditionals):
            try:
                assert len(query(ids, offsets)) >= len(ids)
            except StoreError as err:
                assert "points beyond" in str(err)


def test_damaged__names_the_file(models):
    assert models[0].store.path in str(damaged(models[0].store, "x"))
