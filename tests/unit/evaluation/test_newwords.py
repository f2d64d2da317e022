"""Scores of ranked lists against cases counted by hand."""

import importlib.util
import logging
import sys
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.evaluation.newwords import (
    GoldWords,
    Ranking,
    evaluate_all,
    evaluate_hidden_half,
    evaluate_new,
    evaluate_new_words,
    gold_from_counts,
    gold_from_list,
    gold_word_counts,
    hide_half,
    is_candidate,
    published_protocol,
    score_ranking,
)

words = st.text(st.sampled_from("甲乙丙丁"), min_size=2, max_size=3)
word_sets = st.sets(words, max_size=20)


@pytest.mark.parametrize(
    "word", ["新词", "人人人人人人", "〇八", "等々", "㐀㐁", "\U00020000\U0003134a", "\uf900\u9fff"]
)
def test_is_candidate__takes_two_to_six_han_characters(word):
    assert is_candidate(word)


@pytest.mark.parametrize("word", ["", "新", "人人人人人人人", "T恤", "新 词", "12", "新词\n", "，。"])
def test_is_candidate__refuses_everything_else(word):
    assert not is_candidate(word)


def test_gold_word_counts__counts_candidates_only():
    assert gold_word_counts(["我 爱 北京  北京　天安门", "", "北京 ， 2008"]) == {"北京": 3, "天安门": 1}


def test_gold_from_counts__rare_words_are_neutral():
    gold = gold_from_counts({"新词": 5, "旧词": 4, "的": 100})
    assert (gold.relevant, gold.neutral) == ({"新词"}, {"旧词"})
    assert gold_from_counts({"新词": 5, "旧词": 4}, min_count=4).neutral == frozenset()


def test_gold_from_list__asks_the_corpus_if_there_is_one():
    listed = ["新词", "旧词", "的", "C语言"]
    assert gold_from_list(listed).relevant == {"新词", "旧词"}
    assert gold_from_list(listed, corpus_counts={"新词": 1, "旧词": 0}).relevant == {"新词"}


def test_score_ranking__by_hand():
    report = score_ranking(["好词", "坏词", "中性", "好词", "新词"], {"好词", "新词", "没有"}, {"中性"})
    assert report["n_ranked"] == 3
    assert report["n_relevant"] == 3
    assert report["average_precision"] == round((1 / 1 + 2 / 3) / 3, 4)
    assert report["recall"] == 0.6667
    assert (report["best_f1"], report["best_f1_rank"]) == (0.6667, 3)
    assert report["precision_at"] == {"100": 0.6667, "500": 0.6667, "1000": 0.6667, "5000": 0.6667}
    assert report["calibration"] is None


def test_score_ranking__precision_at_rank():
    ranked = [f"{i}" for i in range(1200)]
    report = score_ranking(ranked, set(ranked[:50]) | set(ranked[600:]))
    assert report["precision_at"] == {"100": 0.5, "500": 0.1, "1000": 0.45, "5000": 0.5417}


@pytest.mark.parametrize(("ranked", "relevant"), [([], {"新词"}), (["新词"], set()), ([], set())])
def test_score_ranking__nothing_to_share(ranked, relevant):
    report = score_ranking(ranked, relevant, scores=[0.5] * len(ranked))
    assert report["best_f1"] is None
    assert (report["average_precision"] is None) == (not relevant)
    assert (report["precision_at"]["100"] is None) == (not ranked)


def test_score_ranking__calibration_by_hand():
    report = score_ranking(["甲", "乙", "丙", "丁"], {"甲", "丙"}, {"丁"}, scores=[1.0, 0.75, 0.25, 0.9])
    assert report["calibration"] == {
        "ece": round((0 + 0.75 + 0.75) / 3, 4),
        "brier": round((0 + 0.75**2 + 0.75**2) / 3, 4),
        "precision_from_half": 0.5,
        "n_from_half": 2,
    }


def test_score_ranking__scores_that_are_no_probabilities_are_not_calibrated():
    assert score_ranking(["甲", "乙"], {"甲"}, scores=[3.5, 0.1])["calibration"] is None


def test_score_ranking__needs_a_score_for_each_word():
    with pytest.raises(UsageError, match="1 scores for 2 words"):
        score_ranking(["甲", "乙"], {"甲"}, scores=[0.5])


@given(st.permutations(["甲", "乙", "丙", "丁", "戊"]), st.sets(st.sampled_from("甲乙丙丁戊己")))
def test_score_ranking__is_bounded_and_finds_the_best_f1(ranked, relevant):
    report = score_ranking(ranked, relevant)
    if not relevant:
        assert report["average_precision"] is None
        return
    assert 0 <= report["average_precision"] <= report["recall"] <= 1
    f1 = [2 * len(relevant & set(ranked[:n])) / (n + len(relevant)) for n in range(1, 6)]
    assert report["best_f1"] == round(max(f1), 4)
    assert report["best_f1_rank"] == f1.index(max(f1)) + 1


@given(word_sets.filter(bool), word_sets)
def test_score_ranking__perfect_ranking_has_ap_one(relevant, others):
    ranked = [*sorted(relevant), *sorted(others - relevant)]
    report = score_ranking(ranked, relevant)
    assert (report["average_precision"], report["recall"], report["best_f1"]) == (1, 1, 1)
    assert report["best_f1_rank"] == len(relevant)


@given(st.lists(words), word_sets, word_sets)
def test_score_ranking__neutral_words_and_repetitions_change_nothing(ranked, relevant, neutral):
    clean = list(dict.fromkeys(word for word in ranked if word not in neutral))
    assert score_ranking(ranked, relevant, neutral) == score_ranking(clean, relevant - neutral)


@given(st.lists(st.tuples(words, st.floats(0, 1)), min_size=1, unique_by=lambda pair: pair[0]), word_sets)
def test_score_ranking__calibration_is_bounded(pairs, relevant):
    calibration = score_ranking([w for w, _ in pairs], relevant, scores=[s for _, s in pairs])["calibration"]
    assert 0 <= calibration["ece"] <= 1
    assert 0 <= calibration["brier"] <= 1


GOLD = GoldWords(frozenset({"新词", "发现", "人民"}), frozenset({"少见"}))
RANKING = Ranking(["的", "发现", "新词", "少见", "C语言", "的新", "人民"], [0.99, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])


def test_evaluate_all__measures_candidates_only():
    report = evaluate_all(RANKING, GOLD)
    assert (report["n_ranked"], report["n_relevant"]) == (4, 3)
    assert report["average_precision"] == round((1 + 1 + 3 / 4) / 3, 4)
    assert report["calibration"]["n_from_half"] == 3


def test_evaluate_new__removes_known_words_from_both_sides():
    report = evaluate_new(RANKING, GOLD, {"发现"})
    assert (report["n_ranked"], report["n_relevant"]) == (3, 2)
    assert report["average_precision"] == round((1 + 2 / 3) / 2, 4)
    assert evaluate_new(RANKING, GOLD, set()) == evaluate_all(RANKING, GOLD)


def test_evaluate_hidden_half__equals_new_with_the_visible_half():
    dictionary = ["新词", "发现", "人民", "少见", "的新"]
    visible, hidden = hide_half(dictionary, seed=3)
    assert visible and hidden
    assert evaluate_hidden_half(RANKING, GOLD, dictionary, seed=3) == evaluate_new(RANKING, GOLD, visible)


def test_evaluate_new_words__runs_the_tasks_asked_for():
    report = evaluate_new_words(RANKING, GOLD, dictionary_words={"发现"}, tasks=("new", "all"))
    assert list(report) == ["new", "all"]
    assert report == {"new": evaluate_new(RANKING, GOLD, {"发现"}), "all": evaluate_all(RANKING, GOLD)}
    hidden = evaluate_new_words(RANKING, GOLD, dictionary_words={"发现"}, tasks=("hidden-half",), seed=2)
    assert hidden == {"hidden-half": evaluate_hidden_half(RANKING, GOLD, {"发现"}, seed=2)}


def test_evaluate_new_words__refuses_an_unknown_task():
    with pytest.raises(UsageError, match="unknown task some; choose from all, new, hidden-half"):
        evaluate_new_words(RANKING, GOLD, tasks=("all", "some"))


@given(st.lists(words, max_size=20), st.integers(0, 5))
def test_hide_half__depends_on_word_and_seed_only(dictionary, seed):
    visible, hidden = hide_half(dictionary, seed)
    assert visible | hidden == set(dictionary)
    assert not visible & hidden
    assert hide_half(reversed(dictionary), seed) == (visible, hidden)
    assert all(hide_half([word], seed)[0] <= visible for word in dictionary)


def test_hide_half__halves_and_stays_the_same():
    dictionary = [chr(0x4E00 + i) + chr(0x5E00 + i) for i in range(4000)]
    visible, hidden = hide_half(dictionary, 0)
    assert abs(len(visible) - len(hidden)) < 250
    assert hide_half(dictionary, 1)[0] != visible
    assert hide_half(["发展", "中国", "国家", "人民", "社会", "经济"], 0)[0] == {"发展", "国家", "人民", "经济"}


jieba_only = pytest.mark.skipif(importlib.util.find_spec("jieba") is None, reason="needs jieba")


@jieba_only
def test_published_protocol__scores_jieba_with_these_words_only():
    gold = ["我们 在 野生 动物园", "", "野生 动物 很 多"]
    score = published_protocol([("野生", 5), ("动物园", 3), ("我们", 9)], gold)
    # 我们 在 野生 动物园 / 野生 动 物 很 多: nothing known about 动物
    assert (score.n_gold, score.n_system, score.n_correct) == (8, 9, 7)


@jieba_only
def test_published_protocol__takes_the_top_and_passes_over_blanks():
    entries = [(" ", 99), ("\n", 9), ("", 8), ("无数", 0), ("动物", 2), ("野生", 1)]
    score = published_protocol(entries, ["野生 动物", "无数"], top=1)
    assert (score.n_system, score.n_correct) == (5, 1)


@jieba_only
def test_published_protocol__leaves_no_files_and_no_log(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    level = logging.getLogger("jieba").level
    published_protocol([("动物", 2)], ["野生 动物"])
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("jieba").level in (level, logging.DEBUG)


def test_published_protocol__needs_words():
    with pytest.raises(UsageError, match="no word with a count above 0"):
        published_protocol([(" ", 3)], ["野生 动物"])


def test_published_protocol__says_how_to_install_jieba(monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(UsageError, match="pip install jieba"):
        published_protocol([("动物", 2)], ["野生 动物"])
