"""Scores of links against counts made by hand and a plain version of each measure."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import CorpusError
from cnmine.evaluation.linking import (
    MEASURES,
    measure_coverage,
    pair_texts,
    score_bands,
    score_links,
    score_types,
    split_answers,
    tac_rows,
    trace_curve,
)
from cnmine.evaluation.linking_errors import KINDS, count_errors, find_errors
from cnmine.evaluation.linking_names import EntityNames
from cnmine.linking.records import Mention, Record

TEXT = "天地玄黄宇宙洪荒"
IDS = st.sampled_from(["1", "2", "3", "NIL", "NIL_Work", "1##2", "2##3"])
SCORES = st.none() | st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.73, 1.0])
LISTED = st.none() | st.lists(st.tuples(st.sampled_from("123"), st.just(0.5)), max_size=2)


@st.composite
def mentions(draw):
    start = draw(st.integers(0, 6))
    stop = draw(st.integers(start + 1, 8))
    return Mention(start, TEXT[start:stop], draw(IDS), draw(SCORES), draw(LISTED))


SIDES = st.dictionaries(st.sampled_from("abcde"), st.lists(mentions(), max_size=4), min_size=1)


def as_records(side):
    return [Record(text_id, TEXT, found) for text_id, found in side.items()]


def pairs_of(gold, system):
    return pair_texts(as_records(gold), as_records(system)).pairs


def plain_items(side, measure):
    """What counts of a text, each as it is looked at by one of the measures."""
    items = []
    for mention in side:
        for answer in mention.kb_id.split("##"):
            is_nil = answer.startswith("NIL")
            place = (mention.offset, mention.mention)
            if measure == "mention" or (measure == "nil" and is_nil):
                items.append(place)
            elif (measure == "link" and not is_nil) or measure == "all":
                items.append((place, "NIL" if is_nil else answer))
    return set(items)


@given(SIDES, SIDES)
def test_score_links__counts_are_those_of_plain_sets(gold, system):
    score = score_links(pairs_of(gold, system))
    totals = score.counts.sum(axis=0).tolist()
    for measure, row in zip(MEASURES, totals, strict=True):
        expected = [0, 0, 0]
        for text_id in {*gold, *system}:
            ours, theirs = (plain_items(side.get(text_id, []), measure) for side in (gold, system))
            expected = [a + b for a, b in zip(expected, [len(ours), len(theirs), len(ours & theirs)], strict=True)]
        assert row == expected, measure


@given(SIDES)
def test_score_links__gold_against_itself_is_perfect(gold):
    pairs = pairs_of(gold, gold)
    report = score_links(pairs).as_dict(bootstrap=3)
    for measure in MEASURES:
        figures = report[measure]
        assert figures["gold"] == figures["system"] == figures["correct"]
        assert {figures["f1"], figures["macro"]["f1"]} == ({1.0} if figures["gold"] else {None})
        assert figures["interval"]["f1"] in ([1.0, 1.0], None)
    assert report["hits"]["accuracy"] in (1.0, None)
    assert list(find_errors(pairs)) == []


@given(SIDES, SIDES)
def test_score_links__swapping_the_sides_swaps_precision_and_recall(gold, system):
    one, other = (score_links(pairs_of(*sides)).as_dict() for sides in ((gold, system), (system, gold)))
    for measure in MEASURES:
        assert one[measure]["precision"] == other[measure]["recall"]
        assert one[measure]["f1"] == other[measure]["f1"]


def example():
    """Two texts: one link right, one wrong, one NIL right, one missing, one too many."""
    gold = [
        Mention(0, "天", "1"),
        Mention(1, "地", "2"),
        Mention(2, "玄", "NIL_Work"),
        Mention(4, "宇宙", "3"),
    ]
    system = [
        Mention(0, "天", "1", 0.95, [("1", 0.95)]),
        Mention(1, "地", "3", 0.55, [("3", 0.55), ("2", 0.4)]),
        Mention(2, "玄", "NIL", 0.3, []),
        Mention(6, "洪荒", "1", 0.2, [("1", 0.2)]),
    ]
    return pairs_of({"a": gold, "b": [Mention(0, "天地", "1")]}, {"a": system, "b": []})


def test_score_links__figures_by_hand():
    report = score_links(example()).as_dict()
    assert report["mention"] | {"macro": None} == {
        "gold": 5,
        "system": 4,
        "correct": 3,
        "precision": 0.75,
        "recall": 0.6,
        "f1": 0.6667,
        "macro": None,
    }
    assert [report["link"][name] for name in ("gold", "system", "correct")] == [4, 3, 1]
    assert [report["all"][name] for name in ("gold", "system", "correct")] == [5, 4, 2]
    assert [report["nil"][name] for name in ("gold", "system", "correct")] == [1, 1, 1]
    assert report["link"]["macro"] == {"precision": 0.1667, "recall": 0.1667, "f1": 0.1667}
    assert report["hits"] == {"mentions": 2, "accuracy": 0.5, "candidate_recall": 1.0}
    assert report["calibration"]["n_from_half"] == 2


def test_score_links__mentions_without_candidates_do_not_count_for_their_recall():
    gold = [Mention(0, "天", "1##2"), Mention(1, "地", "2")]
    system = [Mention(0, "天", "1", 0.5, [("1", 0.5)]), Mention(1, "地", "2", 0.5)]
    report = score_links(pairs_of({"a": gold}, {"a": system})).as_dict()
    assert report["hits"] == {"mentions": 2, "accuracy": 0.5, "candidate_recall": 0.5}
    assert report["link"]["recall"] == 0.6667


def test_score_links__nothing_gives_no_figures():
    report = score_links(pairs_of({"a": []}, {"a": []})).as_dict(bootstrap=10)
    assert report["link"]["f1"] is None
    assert report["link"]["macro"]["f1"] is None
    assert report["link"]["interval"] == {"precision": None, "recall": None, "f1": None}
    assert report["calibration"] is None


def test_score_links__intervals_hold_the_figure_and_depend_on_the_seed_alone():
    source = np.random.default_rng(0)
    gold = {str(i): [Mention(0, "天", "1"), Mention(1, "地", "2")] for i in range(200)}
    system = {i: [m for m in found if source.random() < 0.7] for i, found in gold.items()}
    score = score_links(pairs_of(gold, system))
    first, again, other = (score.as_dict(bootstrap=100, seed=seed)["link"] for seed in (1, 1, 2))
    low, high = first["interval"]["recall"]
    assert low < first["recall"] < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.7 * 0.3 / 400), rel=0.4)
    assert first == again != other


@given(SIDES, SIDES)
def test_score_bands__hold_every_scored_link_once(gold, system):
    score = score_links(pairs_of(gold, system))
    rows, curve = score_bands(score), trace_curve(score)
    assert sum(row["system"] for row in rows) == len(score.scores)
    if rows:
        assert [row["score_from"] for row in rows] == sorted((row["score_from"] for row in rows), reverse=True)
        for row in rows[:-1]:
            kept = score.scores >= row["score_from"]
            point = next(point for point in curve if point["threshold"] == row["score_from"])
            assert point["system"] == kept.sum()
            assert point["precision"] == row["precision_above"]
            assert point["recall"] == row["recall_above"]
    assert (rows == []) == (curve == []) == (len(score.scores) == 0)


def test_score_bands__borders():
    found = [Mention(i, TEXT[i], "1", score) for i, score in enumerate([0.0, 0.1, 0.3, 0.7, 0.9, 1.0, 1.3])]
    rows = score_bands(score_links(pairs_of({"a": []}, {"a": found})))
    assert {row["score_from"]: row["system"] for row in rows if row["system"]} == {
        0.9: 3,
        0.7: 1,
        0.3: 1,
        0.1: 1,
        0.0: 1,
    }


def test_pair_texts__tells_what_does_not_fit():
    gold = [Record("1", "天地", [Mention(0, "天", "1"), Mention(0, "地", "2")]), Record("2", "天", [])]
    system = [Record("3", "玄", [Mention(0, "玄", "1")]), Record("1", "天地。", None)]
    pairing = pair_texts(gold, system)
    assert [pair.text_id for pair in pairing.pairs] == ["1", "2", "3"]
    assert (pairing.missing, pairing.extra) == (["2"], ["3"])
    assert (pairing.n_different, pairing.n_outside) == (1, 1)
    assert score_links(pairing.pairs).as_dict()["link"]["system"] == 1
    with pytest.raises(CorpusError, match="system: two texts have the id '1'"):
        pair_texts(gold, [gold[0], gold[0]])
    with pytest.raises(CorpusError, match="no labelled text"):
        pair_texts([], system)


def test_pair_texts__the_same_mention_twice_counts_once():
    twice = [Mention(0, "天", "1", 0.9), Mention(0, "天", "1", 0.9)]
    report = score_links(pairs_of({"a": twice}, {"a": twice + twice})).as_dict()
    assert [report["link"][name] for name in ("gold", "system", "correct")] == [1, 1, 1]
    differing = [Mention(0, "天", "1"), Mention(0, "天", "2")]
    report = score_links(pairs_of({"a": twice}, {"a": differing})).as_dict()
    assert [report["link"][name] for name in ("gold", "system", "correct")] == [1, 2, 1]


def test_split_answers():
    assert split_answers("A##B") == {"A", "B"}
    assert split_answers("A##A##") == {"A"}
    assert split_answers("NIL_Person") == {"NIL"}


def test_score_types__entities_of_several_types_and_of_none():
    types = {"1": ["Person", "Work"], "2": [], "3": ["Person"]}
    figures = score_types(example(), lambda kb_id: types.get(kb_id, []))
    assert {name: (row["gold"], row["system"], row["correct"]) for name, row in figures.items()} == {
        "Person": (3, 3, 1),
        "Work": (2, 2, 1),
        "NIL": (1, 1, 1),
        "other": (1, 0, 0),
    }
    assert next(iter(figures)) == "Person"


def test_measure_coverage():
    coverage = measure_coverage(example(), lambda kb_id: kb_id != "3", lambda mention, kb_id: mention == "天")
    assert coverage == {"entities": 0.75, "names": 0.25}


def test_tac_rows__last_character_belongs_to_the_mention():
    rows = list(tac_rows(example(), "gold"))
    assert rows[3] == ("a", 4, 5, "3", "1.0", "KB")
    assert rows[2][3:] == ("NIL", "1.0", "NIL")
    assert next(iter(tac_rows(example(), "system")))[4] == "0.9500"


# --- errors


def kinds_and_causes(pairs, **options):
    return [(error.kind, error.cause) for error in find_errors(pairs, **options)]


def test_find_errors__kinds_of_the_example():
    assert kinds_and_causes(example()) == [
        ("wrong_entity", "entity ranked lower"),
        ("not_found", "passed over"),
        ("spurious", "no mention in gold"),
        ("not_found", "passed over"),
    ]
    first = next(iter(find_errors(example())))
    assert (first.text_id, first.gold_rank, first.context) == ("a", 2, "天【地】玄黄宇宙洪荒")


@given(SIDES, SIDES)
def test_find_errors__every_difference_is_one_row(gold, system):
    pairs = pairs_of(gold, system)
    errors = list(find_errors(pairs))
    for pair in pairs:
        ours = [error for error in errors if error.text_id == pair.text_id]
        of_gold = [(e.gold.offset, len(e.gold.mention)) for e in ours if e.gold]
        of_system = [(e.system.offset, len(e.system.mention)) for e in ours if e.system]
        wrong = {
            span
            for span in {*pair.gold, *pair.system}
            if span not in pair.gold
            or span not in pair.system
            or split_answers(pair.gold[span].kb_id) != split_answers(pair.system[span].kb_id)
        }
        assert sorted(of_gold) == sorted(wrong & pair.gold.keys())
        assert sorted(of_system) == sorted(wrong & pair.system.keys())
    assert all(error.cause and error.kind in KINDS for error in errors)
    assert sum(n for *_, n in count_errors(errors)) == len(errors)


@pytest.mark.parametrize(
    ("gold", "system", "expected"),
    [
        ((0, 4, "1"), (0, 2, "1"), ("wrong_span", "too short")),
        ((0, 2, "1"), (0, 4, "1"), ("wrong_span", "too long")),
        ((0, 3, "1"), (2, 4, "1"), ("wrong_span", "across a border")),
        ((0, 2, "1"), (2, 4, "1"), ("not_found", "passed over")),
        ((0, 2, "NIL"), (0, 2, "1"), ("nil", "linked, gold is NIL")),
        ((0, 2, "1"), (0, 2, "NIL"), ("nil", "said NIL")),
        ((0, 2, "1##2"), (0, 2, "2"), ("wrong_entity", "some answers right")),
    ],
)
def test_find_errors__spans_and_nil(gold, system, expected):
    sides = [[Mention(start, TEXT[start:stop], kb_id)] for start, stop, kb_id in (gold, system)]
    assert kinds_and_causes(pairs_of({"a": sides[0]}, {"a": sides[1]}))[0] == expected


def test_find_errors__what_is_inside_of_a_right_mention():
    outer, inner = Mention(0, "天地玄", "1"), Mention(0, "天", "2")
    assert kinds_and_causes(pairs_of({"a": [outer]}, {"a": [outer, inner]})) == [
        ("spurious", "overlaps a mention that was found")
    ]
    assert kinds_and_causes(pairs_of({"a": [outer, inner]}, {"a": [outer]})) == [
        ("not_found", "overlaps a mention that was found")
    ]


class Names:
    """A knowledge base of two names: 天 of entity 7, 地 of entities 7 and 8; 玄 is a word."""

    key_offsets = np.array([0, 1, 3, 3])
    key_entities = np.array([0, 0, 1], np.int32)

    def find_key(self, text):
        return "天地玄".find(text)

    def entity_number(self, kb_id):
        return {"7": 0, "8": 1}.get(kb_id, -1)

    def types(self, number):
        return [["Person"], []][number]

    def title(self, number):
        return ["天", "地"][number]


def test_entity_names__answers_from_a_knowledge_base():
    names = EntityNames(Names())
    asked = [("天", "7"), ("天", "8"), ("地", "8"), ("地", "9"), ("玄", "7"), ("黄", "7"), ("天", "NIL")]
    assert [names.check(*pair) for pair in asked] == ["yes", "of others", "yes", "of others", "no", "no", "of others"]
    assert [names.types_of(kb_id) for kb_id in ("7", "8", "9", "NIL")] == [["Person"], [], [], []]
    assert [names.title(kb_id) for kb_id in ("7", "9", "NIL")] == ["天", None, None]
    pairs = pairs_of({"a": [Mention(0, "天", "7"), Mention(1, "地", "9"), Mention(2, "玄", "8")]}, {"a": []})
    assert names.measure_coverage(pairs) == {"entities": 0.6667, "names": 0.3333}


def test_find_errors__causes_that_a_knowledge_base_knows():
    check = EntityNames(Names()).check
    gold = [Mention(0, "天", "7"), Mention(1, "地", "9"), Mention(2, "玄", "8"), Mention(3, "黄", "NIL")]
    system = [SimpleNamespace(offset=0, mention="天", kb_id="8", score=None, candidates=[("8", 0.5)])]
    assert kinds_and_causes(pairs_of({"a": gold}, {"a": []}), name_check=check) == [
        ("not_found", "name passed over"),
        ("not_found", "name of other entities only"),
        ("not_found", "name unknown to the knowledge base"),
        ("not_found", "gold is NIL"),
    ]
    assert kinds_and_causes(pairs_of({"a": gold[:1]}, {"a": system}), name_check=check) == [
        ("wrong_entity", "entity not among the candidates")
    ]
    nil = [Mention(0, "天", "NIL", 0.1, [("7", 0.1)])]
    assert kinds_and_causes(pairs_of({"a": gold[:1]}, {"a": nil}), name_check=check) == [
        ("nil", "entity ranked first, below the threshold")
    ]
