"""Counts of links against those of neleval 3.1.1, which does not start on a Python of today: written down."""

from __future__ import annotations

import random
from pathlib import Path

import cnmine
from cnmine.evaluation.linking import MEASURES, pair_texts, score_links
from cnmine.io.paths import find_sources
from cnmine.linking.records import Mention, Record, read_records

GOLD = Path(cnmine.__file__).parents[1] / "data" / "linking" / "sample_test.jsonl"


def spoil(records):
    """The records with a mistake of some kind in every fourth mention; without the last three."""
    source = random.Random(0)
    for record in records[:-3]:
        kept = []
        for mention in record.mentions:
            chance = source.random()
            source.random()
            if chance < 0.05:
                continue
            if chance < 0.1:
                mention.mention = record.text[mention.offset : mention.offset + len(mention.mention) + 1]
            elif chance < 0.25:
                mention.kb_id = "10001" if chance < 0.15 else "NIL" if chance < 0.2 else "10002"
            kept.append(mention)
        if source.random() < 0.1:
            kept.append(Mention(0, record.text[0], "10003"))
        yield Record(record.text_id, record.text, kept)


def read_gold():
    return list(read_records(find_sources([str(GOLD)])))


def test_score_links__counts_of_neleval():
    # From: link eval --tac, then neleval evaluate -m strong_mention_match and so on.
    expected = {"mention": [552, 548, 484], "link": [461, 462, 353], "all": [552, 548, 424], "nil": [91, 86, 71]}
    score = score_links(pair_texts(read_gold(), spoil(read_gold())).pairs)
    assert dict(zip(MEASURES, score.counts.sum(axis=0).tolist(), strict=True)) == expected
