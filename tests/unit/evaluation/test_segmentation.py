"""Segmentation scores against cases counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import CorpusError
from cnmine.evaluation.segmentation import score_segmentation, split_words

GOLD = ["我们 在 野生 动物园 玩", "", "中国人民　站 起来 了"]
SYSTEM = ["我们 在野 生动 物 园 玩", "", "中国 人民 站 起来 了"]


def cut(text, is_cut):
    """The text with a blank before every character for which ``is_cut`` says so."""
    return "".join(" " * flag + character for character, flag in zip(text, is_cut, strict=True))


texts = st.text(st.sampled_from("甲乙丙丁哈"), max_size=30)
pairs = texts.flatmap(
    lambda text: st.tuples(
        *(st.lists(st.booleans(), min_size=len(text), max_size=len(text)).map(lambda f: cut(text, f)) for _ in "ab")
    )
)


def test_score_segmentation__counts_spans():
    score = score_segmentation(GOLD, SYSTEM)
    assert (score.n_gold, score.n_system, score.n_correct) == (9, 11, 5)
    report = score.as_dict()
    assert (report["precision"], report["recall"], report["f1"]) == (0.4545, 0.5556, 0.5)
    assert "oov_recall" not in report


def test_score_segmentation__splits_recall_by_training_words():
    score = score_segmentation(GOLD, SYSTEM, training_words={"我们", "在", "了", "玩", "起来"})
    assert (score.n_oov, score.n_oov_correct) == (4, 1)  # 野生 动物园 中国人民 站
    report = score.as_dict()
    assert (report["oov_rate"], report["oov_recall"], report["iv_recall"]) == (0.4444, 0.25, 0.8)


def test_score_segmentation__reports_lengths_and_confusions():
    report = score_segmentation(GOLD, SYSTEM).as_dict(top_confusions=5)
    assert report["by_length"]["2"] == {"gold_words": 3, "precision": 0.3333, "recall": 0.6667, "f1": 0.4444}
    assert report["by_length"]["5+"] == {"gold_words": 0, "precision": None, "recall": None, "f1": None}
    assert report["confusions"] == [
        {"gold": "中国人民", "system": "中国 人民", "count": 1},
        {"gold": "在 野生 动物园", "system": "在野 生动 物 园", "count": 1},
    ]


def test_score_segmentation__equal_word_elsewhere_is_wrong():
    assert score_segmentation(["哈 哈哈"], ["哈哈 哈"]).n_correct == 0


def test_score_segmentation__of_nothing_has_no_shares():
    report = score_segmentation([], [], training_words=set()).as_dict()
    assert {report[name] for name in ("precision", "recall", "f1", "oov_rate", "oov_recall", "iv_recall")} == {None}


@pytest.mark.parametrize(
    ("gold", "system", "message"),
    [
        (["甲"], ["甲", "乙"], "gold: ends before line 2"),
        (["甲", "乙"], ["甲"], "system: ends before line 2"),
        (["甲", "乙 丙"], ["甲", "乙丁"], "line 2: gold and system differ"),
    ],
)
def test_score_segmentation__refuses_different_texts(gold, system, message):
    with pytest.raises(CorpusError, match=message):
        score_segmentation(gold, system)


@given(pairs)
def test_score_segmentation__is_symmetric_and_bounded(pair):
    gold, system = pair
    forth, back = score_segmentation([gold], [system]), score_segmentation([system], [gold])
    assert (forth.precision, forth.recall, forth.f1) == (back.recall, back.precision, back.f1)
    assert forth.n_correct <= min(forth.n_gold, forth.n_system)
    assert (forth.n_correct == forth.n_gold == forth.n_system) == (split_words(gold) == split_words(system))


@given(pairs)
def test_score_segmentation__confusions_hold_all_wrong_words(pair):
    score = score_segmentation([pair[0]], [pair[1]])
    wrong = sum(len(gold.split()) * n for (gold, _), n in score.confusions.items())
    assert wrong == score.n_gold - score.n_correct


@given(st.lists(pairs, max_size=5))
def test_score_segmentation__lines_add_up(lines):
    whole = score_segmentation([gold for gold, _ in lines], [system for _, system in lines], training_words={"甲"})
    parts = [score_segmentation([gold], [system], training_words={"甲"}) for gold, system in lines]
    for name in ("n_gold", "n_system", "n_correct", "n_oov", "n_oov_correct"):
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts)
