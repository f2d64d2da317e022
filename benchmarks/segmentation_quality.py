"""How well words are found without a dictionary: F of the segmenter beside the published decoder, nVBE and jieba.

    python benchmarks/segmentation_quality.py --data ../shared/data --jsonl quality.jsonl
    python benchmarks/segmentation_quality.py --data ../shared/data --sets pku msr --methods cnmine published

Training text is raw: for the news sets, all news-like texts and the text of the set itself; for the others, their
own. All methods that train have the same text; ``alone`` has nothing but the text of the set. The weights that come
with cnmine were learned on february, zhuxian, gsd and gsd-simplified, so figures on these say nothing about other
texts; ``fit_segmentation.py --held-out`` measures weights on what they were not learned on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain, pairwise
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import runs
from segmentation_sets import read_gold, read_raw

from cnmine.counting.counter import count_ngrams
from cnmine.evaluation.segmentation import score_segmentation
from cnmine.io.paths import find_sources
from cnmine.lm.arpa import export_arpa
from cnmine.lm.model import LanguageModel, open_model
from cnmine.lm.train import train_model
from cnmine.segmentation.experience import Scores, load_experience
from cnmine.segmentation.published import TRANSITIONS, PublishedDecoder
from cnmine.segmentation.segmenter import GRANULARITIES, Segmenter, build_segmenter, tokens_of
from cnmine.segmentation.tokens import FIRST_CHARACTER, code_points, encode_text, find_tokens
from cnmine.segmentation.training import train_segmenter
from cnmine.stats.entropy import autonomy

NEWS = ("february", "pku", "msr", "weibo", "gsd-simplified", "zhuxian")
# Set → texts to train on.
SETS = {
    "pku": NEWS,
    "msr": NEWS,
    "gsd": ("gsd", "gsd-dev"),
    "gsd-dev": ("gsd", "gsd-dev"),
    "gsd-simplified": NEWS,
    "february": NEWS,
    "zhuxian": NEWS,
}
METHODS = (
    *("cnmine", "fine", "coarse", "stage 2", "stage 1", "alone"),
    *("published", "kenlm cut", "kenlm", "nvbe", "jieba"),
)
DEFAULT_SETS = ("pku", "msr", "gsd", "gsd-dev")
HEADER = ("set", "method", "F", "P", "R", "seconds")
LM_ORDER = 4
NVBE_UNKNOWN = (-1.0, -20.0, -30.0, -40.0, -50.0, -60.0)

Segment = Callable[[list[str]], list[str]]


class Bench:
    """Models that several methods and sets share, each made once."""

    def __init__(self, data: Path, folder: Path, threads: int) -> None:
        self.data, self.folder, self.threads = data, folder, threads

    @cache  # noqa: B019  (lives as long as the run)
    def segmenter(self, texts: tuple[str, ...], n_stages: int = 3) -> Segmenter:
        stages = load_experience()[:n_stages]
        return train_segmenter(self._encode(texts), stages=stages, threads=self.threads)

    @cache  # noqa: B019
    def nvbe(self, texts: tuple[str, ...]) -> Segmenter:
        """Normalized variation of branching entropy (Magistry & Sagot 2012): sums of length times autonomy."""
        text = self._encode(texts)
        table = count_ngrams(text.units, max_order=6, min_count=2, threads=self.threads)
        left, right = autonomy(table, boundary="distinct")
        nothing = np.zeros(len(table), np.float32)
        words = (table.orders() * (left + right)).astype(np.float32)
        unknown = np.array(NVBE_UNKNOWN, np.float32)
        return build_segmenter(table, Scores(words, nothing, nothing, nothing, unknown), text.characters, {})

    @cache  # noqa: B019
    def language_model(self, texts: tuple[str, ...]) -> LanguageModel:
        path = self.folder / f"{len(texts)}-{texts[0]}"
        lines = [line for text in texts for line in read_raw(text, self.data)]
        path.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
        sources = find_sources([str(path.with_suffix(".txt"))])
        train_model(sources, str(path.with_suffix(".lm")), order=LM_ORDER, fallback=(0.5, 1.0, 1.5))
        return open_model(str(path.with_suffix(".lm")))

    @cache  # noqa: B019
    def kenlm_model(self, texts: tuple[str, ...]) -> Any:
        import kenlm

        path = self.folder / f"{len(texts)}-{texts[0]}.arpa"
        with open(path, "wb") as file:
            export_arpa(self.language_model(texts), file.write)
        return kenlm.Model(str(path))

    def _encode(self, texts: tuple[str, ...]) -> Any:
        return encode_text("\n".join(read_raw(text, self.data)) for text in texts)

    def method(self, name: str, set_name: str) -> Segment | None:
        """What segments lines, trained; None if something that it needs is not installed."""
        texts = SETS[set_name]
        if name in ("cnmine", "fine", "coarse"):
            bias = GRANULARITIES["default" if name == "cnmine" else name]
            return by_lines(self.segmenter(texts), bias)
        if name.startswith("stage"):
            return by_lines(self.segmenter(texts, int(name[-1])))
        if name == "alone":
            return by_lines(self.segmenter((set_name,)))
        if name == "nvbe":
            return by_lines(self.nvbe(texts))
        if name == "published":
            return by_marks(PublishedDecoder(self.language_model(texts)))
        try:
            if name == "jieba":
                return jieba_segment()
            return kenlm_segment(self.kenlm_model(texts), is_cut=name == "kenlm cut")
        except ImportError as err:
            runs.report(f"{name}: skipped, {err}")
            return None


def by_lines(segmenter: Segmenter, bias: float = 0.0) -> Segment:
    return lambda lines: [" ".join(segmenter.tokenize(line, bias=bias)) for line in lines]


def by_marks(decoder: PublishedDecoder) -> Segment:
    def segment(lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        found = tokens_of(decoder.mark(code_points(text)))
        out, end = [], 0
        for start, stop in zip(found.starts.tolist(), found.stops.tolist(), strict=True):
            out.append(text[end:start] or " ")
            out.append(text[start:stop])
            end = stop
        return "".join([*out, text[end:]]).split("\n")

    return segment


def jieba_segment() -> Segment:
    import jieba

    jieba.setLogLevel(60)
    jieba.initialize()
    return lambda lines: [" ".join(jieba.cut(line)) for line in lines]


def kenlm_segment(model: Any, *, is_cut: bool) -> Segment:
    """The published decoder as it was written: a path is a string, a probability two calls of the model."""
    pairs = ("bb", "bc", "cb", "cd", "db", "de", "eb", "ee")
    transitions = {pair: log10(value) for pair, value in zip(pairs, TRANSITIONS, strict=True)}

    def score(characters: str) -> float:
        return model.score(" ".join(characters), bos=False, eos=False) if characters else 0.0

    @cache
    def conditional(history: str, character: str) -> float:
        return score(history + character) - score(history)

    def decode(text: str) -> Iterator[str]:
        paths = {"b": (conditional("", text[0]), "b")}
        for k in range(1, len(text)):
            now = {}
            for i, state in enumerate("bcde"):
                allowed = [last for last in paths if last + state in transitions]
                if allowed:
                    before, path = max((paths[last][0] + transitions[last + state], paths[last][1]) for last in allowed)
                    now[state] = (before + conditional(text[max(0, k - i) : k], text[k]), path + state)
            paths = now
        tags = max(paths.values())[1]
        starts = [i for i, tag in enumerate(tags) if tag == "b"]
        for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
            yield text[start:stop]

    def segment(lines: list[str]) -> list[str]:
        if not is_cut:
            return [" ".join(decode(line)) if line else "" for line in lines]
        found = [[decode(span) if is_han else [span] for span, is_han in join_spans(line)] for line in lines]
        return [" ".join(chain.from_iterable(words)) for words in found]

    return segment


def join_spans(line: str) -> list[tuple[str, bool]]:
    """Stretches of Han characters, and every other token by itself; and which is which."""
    codes, starts = find_tokens(code_points(line))
    bounds = [*starts.tolist(), len(line)]
    spans: list[tuple[str, bool]] = []
    is_open = False
    for code, (start, stop) in zip(codes.tolist(), pairwise(bounds), strict=True):
        is_han = code >= FIRST_CHARACTER
        if is_han and is_open:
            spans[-1] = (spans[-1][0] + line[start:stop], True)
        elif code != 1:
            spans.append((line[start:stop], is_han))
        is_open = is_han
    return spans


def measure(bench: Bench, set_name: str, method: str) -> dict | None:
    """Figures of one method on one set."""
    segment = bench.method(method, set_name)
    if segment is None:
        return None
    lines = read_raw(set_name, bench.data)
    started = time.perf_counter()
    found = segment(lines)
    seconds = time.perf_counter() - started
    score = score_segmentation([" ".join(words) for words in read_gold(set_name, bench.data)], found)
    return {"set": set_name, "method": method, "seconds": round(seconds, 2), **score.as_dict()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure segmentation without a dictionary against gold words.")
    runs.add_common_options(parser)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=DEFAULT_SETS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    recorder = runs.Recorder("segmentation_quality", arguments.jsonl)
    with tempfile.TemporaryDirectory(prefix="cnmine-") as folder:
        bench = Bench(arguments.data, Path(folder), arguments.threads)
        for set_name in arguments.sets:
            for method in arguments.methods:
                if record := measure(bench, set_name, method):
                    recorder.add(record)
    rows = [
        (r["set"], r["method"], f"{r['f1']:.4f}", f"{r['precision']:.4f}", f"{r['recall']:.4f}", r["seconds"])
        for r in recorder.records
    ]
    runs.print_table(HEADER, rows)


if __name__ == "__main__":
    main()
