"""Fit the weights of cnmine/newwords/experience.py on segmented corpora, and measure them on corpora left out.

    python benchmarks/fit_experience.py --data ../shared/data            prints the weights as Python
    python benchmarks/fit_experience.py --data ../shared/data --measure  prints AP on each corpus, fitted on the others

Every corpus weighs the same. Gold words with 5 and more occurrences are words, rarer ones are left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnmine.counting.corpus import Corpus, read_corpus
from cnmine.counting.counter import count_ngrams
from cnmine.evaluation.newwords import gold_from_counts, gold_word_counts, is_candidate
from cnmine.evaluation.reading import read_lines
from cnmine.io.paths import find_sources
from cnmine.newwords.candidates import Texts, find_candidates, find_known_rows
from cnmine.newwords.dictionary import load_dictionary
from cnmine.newwords.experience import GUESS_FEATURES, JUDGE_FEATURES, Experience, LogisticWeights, expand
from cnmine.newwords.features import Features, Statistics, reading_features, stack
from cnmine.newwords.learner import DICTIONARY_WEIGHT, MIN_GUESS
from cnmine.newwords.unigram import read_candidates
from cnmine.newwords.wordhood import judge_by_dictionary

SEGMENTED = {
    "zhuxian": "seg/zhuxian.seg.utf8",
    "gsd": "seg/zh_gsd-ud-train.v1-old.seg.utf8",
    "msr": "seg/liweitj47_msr_dev.seg.utf8",
    "pku": "seg/liweitj47_pku_dev.seg.utf8",
    "february": "seg/pfr199802_seg.utf8.xz",
}
# The newspaper counts once, or there would seem to be hardly any unknown words in the world.
CALIBRATION_SETS = ("zhuxian", "gsd", "february")
GUESS_PENALTY, JUDGE_PENALTY = 1e-5, 1e-4


@dataclass
class Example:
    """A segmented corpus, counted."""

    corpus: Corpus
    features: Features
    table: object
    rows: np.ndarray
    is_word: np.ndarray
    is_used: np.ndarray
    is_known: np.ndarray


def load_example(path: Path, dictionary: frozenset[str]) -> Example:
    """Strip the blanks of a segmented corpus, count it, and mark its words."""
    lines = list(read_lines(path))
    gold = gold_from_counts(gold_word_counts(lines))
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder) / "text"
        stripped.write_text("\n".join("".join(line.split()) for line in lines), encoding="utf-8")
        corpus = read_corpus(find_sources([str(stripped)]))
    table = count_ngrams(corpus.units)
    rows = find_candidates(corpus, table)
    words = list(Texts(corpus, table, rows))
    return Example(
        corpus,
        Statistics(table).measure(rows),
        table,
        rows,
        np.array([word in gold.relevant for word in words]),
        np.array([is_candidate(word) and word not in gold.neutral for word in words]),
        find_known_rows(corpus, table, dictionary)[rows],
    )


def fit_logistic(
    names: tuple[str, ...], examples: list[tuple[Features, np.ndarray, np.ndarray]], penalty: float
) -> LogisticWeights:
    """Logistic regression on (features, is_word, is_used) of several corpora, each with the same weight.

    Maximum likelihood with a squared penalty. Holding the slopes to the signs of `DIRECTIONS` costs AP on
    every kind of text but law (novel .70 to .66).
    """
    from scipy.optimize import minimize

    matrix = np.concatenate([stack(features, names)[used] for features, _, used in examples]).astype(np.float64)
    labels = np.concatenate([words[used] for _, words, used in examples]).astype(np.float64)
    weights = np.concatenate([np.full(used.sum(), 1.0 / used.sum()) for _, _, used in examples]) / len(examples)
    center = np.average(matrix, axis=0, weights=weights)
    spread = np.sqrt(np.average((matrix - center) ** 2, axis=0, weights=weights))
    expanded = np.hstack([expand(matrix, center, spread), np.ones((len(matrix), 1))])

    def loss(slopes: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = expanded @ slopes
        probabilities = 1 / (1 + np.exp(-log_odds))
        value = weights @ (np.logaddexp(0, log_odds) - labels * log_odds) + penalty * slopes[:-1] @ slopes[:-1]
        gradient = expanded.T @ (weights * (probabilities - labels))
        gradient[:-1] += 2 * penalty * slopes[:-1]
        return float(value), gradient

    slopes = minimize(loss, np.zeros(expanded.shape[1]), jac=True, method="L-BFGS-B").x

    def rounded(values: np.ndarray) -> tuple[float, ...]:
        return tuple(float(f"{value:.4g}") for value in values)

    n = len(names)
    return LogisticWeights(
        names, rounded(center), rounded(spread), rounded(slopes[:n]), rounded(slopes[n:-1]), rounded(slopes[-1:])[0]
    )


def read_example(example: Example, guess: LogisticWeights) -> tuple[Features, np.ndarray]:
    """The features of the candidates that pass the first guess, and which ones these are."""
    guesses = 1 / (1 + np.exp(-guess.log_odds(example.features)))
    kept = np.flatnonzero(guesses > MIN_GUESS)
    readings = read_candidates(example.corpus.units, example.table, example.rows[kept], guesses[kept])
    features = {name: column[kept] for name, column in example.features.items()}
    return features | reading_features(readings), kept


def fit_experience(examples: dict[str, Example]) -> Experience:
    """Fit guess and judge, then the calibration on corpora left out one at a time."""
    guess = fit_logistic(GUESS_FEATURES, [(e.features, e.is_word, e.is_used) for e in examples.values()], GUESS_PENALTY)
    read = {name: read_example(example, guess) for name, example in examples.items()}

    def judge_without(left_out: str | None) -> LogisticWeights:
        chosen = [
            (read[name][0], e.is_word[read[name][1]], e.is_used[read[name][1]])
            for name, e in examples.items()
            if name != left_out
        ]
        return fit_logistic(JUDGE_FEATURES, chosen, JUDGE_PENALTY)

    calibrated = calibrate(examples, read, {name: judge_without(name) for name in examples})
    return Experience(guess, judge_without(None), *calibrated)


def calibrate(
    examples: dict[str, Example],
    read: dict[str, tuple[Features, np.ndarray]],
    judges: dict[str, LogisticWeights],
) -> tuple[float, float, float]:
    """Scale and offsets of the combined log odds, by logistic regression on corpora the judge has not seen."""
    from sklearn.linear_model import LogisticRegression

    inputs, labels, weights = [], [], []
    for name, example in examples.items():
        if name not in CALIBRATION_SETS:
            continue
        features, kept = read[name]
        used, known = example.is_used[kept], example.is_known[kept]
        combined = judges[name].log_odds(features) + DICTIONARY_WEIGHT * judge_by_dictionary(features, known)
        inputs.append(np.stack([combined, known], axis=1)[used])
        labels.append(example.is_word[kept][used])
        # Known and unknown candidates of every corpus weigh the same.
        balance = np.where(known, 1 / max(known[used].sum(), 1), 1 / max((~known)[used].sum(), 1))
        weights.append(1e3 * balance[used])
    model = LogisticRegression(C=1e6, max_iter=1000).fit(
        np.concatenate(inputs), np.concatenate(labels), sample_weight=np.concatenate(weights)
    )
    scale, known_shift = model.coef_[0]
    offset = model.intercept_[0]
    return tuple(float(f"{value:.4g}") for value in (scale, offset, offset + known_shift))


def main() -> None:
    """Fit, and print the weights or what they are worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--measure", action="store_true", help="leave every corpus out once")
    options = parser.parse_args()
    dictionary = load_dictionary()
    missing = [path for path in SEGMENTED.values() if not (options.data / path).exists()]
    if missing:
        parser.exit(0, f"skipped: {options.data} lacks {', '.join(missing)}\n")
    examples = {name: load_example(options.data / path, dictionary) for name, path in SEGMENTED.items()}
    if not options.measure:
        sys.stdout.write(f"EXPERIENCE = {fit_experience(examples)!r}\n")
        return
    from cnmine.evaluation.newwords import Ranking, evaluate_new
    from cnmine.newwords.discovery import discover_words

    for name, example in examples.items():
        experience = fit_experience({other: examples[other] for other in examples if other != name})
        found = discover_words(example.corpus, dictionary=dictionary, experience=experience)
        ranking = Ranking([word for word in found.words if is_candidate(word)])
        gold = gold_from_counts(gold_word_counts(read_lines(options.data / SEGMENTED[name])))
        figures = evaluate_new(ranking, gold, dictionary)
        sys.stdout.write(
            f"{name:10s} AP {figures['average_precision']:.3f}  P@100 {figures['precision_at']['100']:.2f}\n"
        )


if __name__ == "__main__":
    main()
