"""Reports as rows."""

from cnmine.evaluation.newwords import score_ranking
from cnmine.evaluation.report import format_report
from cnmine.evaluation.segmentation import score_segmentation


def test_format_report__flattens_and_aligns_columns():
    report = {"a": {"x": {"y": 0.25, "z": None}, "n": 3}, "b": {"n": 0, "list": [1]}}
    assert format_report(report) == [("measure", "a", "b"), ("x y", "0.2500", ""), ("n", "3", "0")]


def test_format_report__of_nothing_is_a_header():
    assert format_report({}) == [("measure",)]


def test_format_report__takes_both_kinds_of_reports():
    ranking = format_report({"all": score_ranking(["新词"], {"新词"}, scores=[0.5])})
    assert ("precision_at 100", "1.0000") in ranking
    assert ("calibration brier", "0.2500") in ranking
    segmentation = format_report({"system": score_segmentation(["新 词"], ["新词"]).as_dict(top_confusions=1)})
    assert ("f1", "0.0000") in segmentation
    assert ("by_length 2 precision", "0.0000") in segmentation
