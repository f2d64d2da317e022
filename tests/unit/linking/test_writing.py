"""Lines written from arrays, against those written from records."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cnmine.linking.records import NIL, Mention, Record, format_records
from cnmine.linking.writing import format_arrays, round_scores

texts = st.text(st.sampled_from('天地é𠀀"\\\n\t\x00\x1f\x7f\ud800a'), max_size=12)
scores = st.one_of(st.floats(0, 1), st.integers(0, 20_000).map(lambda i: i / 20_000))


@given(st.lists(st.tuples(texts, texts), max_size=4), st.lists(texts, min_size=1, max_size=3), st.data())
def test_format_arrays__as_records(pairs, names, data):
    records, rows, sure, firsts = [], [], [], [0]
    for text_id, text in pairs:
        mentions = []
        for start in data.draw(st.sets(st.integers(0, len(text) - 1), max_size=3)) if text else ():
            length = data.draw(st.integers(1, len(text) - start))
            entity, score = data.draw(st.integers(-1, len(names) - 1)), data.draw(scores)
            rows.append((start, length, entity))
            sure.append(score)
            mentions.append(Mention(start, text[start : start + length], NIL if entity < 0 else names[entity], score))
        firsts.append(len(rows))
        records.append(Record(text_id, text, mentions))
    encoded = [name.encode("utf-8", "surrogatepass") for name in names]
    ids = np.append(0, np.cumsum(list(map(len, encoded)))), np.frombuffer(b"".join(encoded), np.uint8)
    arrays = np.array(firsts), np.array(rows, np.int64).reshape(-1, 3), np.array(sure, np.float64)
    for ccks in (False, True):
        assert format_arrays(records, *arrays, ids, ccks=ccks) == format_records(records, ccks=ccks)


@given(st.lists(scores, max_size=20))
def test_round_scores__as_formatting_does(values):
    assert round_scores(np.array(values, np.float64)).tolist() == [int(f"{v:.4f}".replace(".", "")) for v in values]
