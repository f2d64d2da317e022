"""Documents in, the vocabulary that the program published in 2019 would have found out.

Kept for comparison with published figures, defects included; the other methods of this package find more
and better words. What sets this algorithm apart from exact counts:

- the threshold applies to windows of four *before* they are summed to shorter n-grams, so a frequent word
  in varied company loses most of its count;
- the total is the sum of the windows that passed, empty lines included;
- blanks vanish when n-grams are counted but separate words when the text is cut;
- a part that was never counted takes the total as its count.

Four characters of 16 bits make one 64-bit number, so counting is sorting numbers. Digits, ASCII letters
and U+4E00…U+9FA5 are all that the original keeps: 16 bits are always enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.errors import UsageError
from cnmine.newwords import _compat_kernels as kernels
from cnmine.newwords.cutting import count_segments, n_table_rows, split_text

ORDER = 4
BATCH_CHARACTERS = 1 << 20  # characters that are cleaned in one kernel call
WINDOWS_PER_RANGE = 1 << 23  # 64 MB to sort at a time …
MAX_RANGES = 16  # … but no more passes over the text than this
CHARACTERS_PER_BLOCK = 1 << 17  # characters that one task cuts into words
N_CODES = 1 << 16


def discover_compat_2019(
    documents: Iterable[str],
    *,
    min_count: int = 32,
    min_pmi: Sequence[float] = (0.0, 2.0, 4.0, 6.0),
    keep_blanks: bool = False,
    threads: int = 1,
    on_progress: Callable[[int], object] = lambda n: None,
) -> list[tuple[str, int]]:
    """Words and counts exactly as the 2019 ``word_discovery.py`` with KenLM's ``count_ngrams -o 4`` gives them.

    Parameters
    ----------
    documents
        Texts, read once. A document is what the original reads as one file; its edges are stripped.
    min_count
        Least count of a window of four characters, and of a word.
    min_pmi
        Least cohesion, in nats, of n-grams of 1, 2, 3 and 4 characters; the first is never used.
    keep_blanks
        Also return what the original lists as words though it is none: the blank, the line end and, for
        documents without text, the empty string.
    threads
        Worker threads; the result does not depend on it.
    on_progress
        Called with the number of characters read since the last call.

    Returns
    -------
    (word, count) pairs, count descending, then word.

    Raises
    ------
    UsageError
        If ``min_count`` is below 1 or ``min_pmi`` is not four numbers.

    Notes
    -----
    Time grows linearly with the text. Memory: two bytes per character; per thread 64 MB, or half a byte per
    character if that is more (three times that if ``min_count`` is 1); about 100 bytes per frequent n-gram
    and per word.
    """
    if min_count < 1:
        raise UsageError(f"min_count is {min_count}; it must be at least 1")
    min_ratios = [_min_ratio(bound) for bound in min_pmi]
    if len(min_ratios) != ORDER:
        raise UsageError(f"min_pmi has {len(min_ratios)} numbers; it needs {ORDER}, one for each length 1…{ORDER}")
    text, n_empty = _read_text(documents, on_progress)
    windows, counts = _count_windows(text, min_count, threads)
    nodes = _find_solid(windows, counts, min_ratios)
    words = _count_words(text, nodes, threads)
    found = [(_decode(text, start, length), count) for start, length, count in words[words[:, 2] >= min_count].tolist()]
    if not keep_blanks:
        found = [(word, count) for word, count in found if word not in (" ", "\n")]
    elif n_empty >= min_count:
        found.append(("", n_empty))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def _min_ratio(min_pmi: float) -> float:
    """Smallest float whose natural logarithm is not below ``min_pmi``: the comparison without the logarithm."""
    if math.isnan(min_pmi):
        raise UsageError("min_pmi contains a value that is not a number")
    try:
        ratio = math.exp(min_pmi)
    except OverflowError:
        return math.inf
    while ratio > 0.0 and math.log(ratio) >= min_pmi:
        ratio = math.nextafter(ratio, 0.0)
    while ratio == 0.0 or math.log(ratio) < min_pmi:
        ratio = math.nextafter(ratio, math.inf)
    return ratio


def _read_text(documents: Iterable[str], on_progress: Callable[[int], object]) -> tuple[np.ndarray, int]:
    """All cleaned documents in one ``uint16`` array, each with a document end; the number of empty ones."""
    text = bytearray()
    n_empty = 0
    for batch in _batches(documents):
        on_progress(sum(map(len, batch)))
        # UTF-16: a character beyond U+FFFF becomes two foreign codes in place of one, the same stretch.
        stripped = [document.replace("\u3000", " ").strip() for document in batch]
        encoded = [document.encode("utf-16-le", "surrogatepass") for document in stripped]
        n_empty += sum(not document for document in stripped)
        codes = np.frombuffer(b"".join(encoded), dtype="<u2")
        offsets = np.cumsum([0, *(len(document) // 2 for document in encoded)], dtype=np.int64)
        out = np.empty(len(codes) + len(encoded), dtype=np.uint16)
        n_out = kernels.clean_documents(codes, offsets, out)
        text += out[:n_out].data
    return np.frombuffer(text, dtype=np.uint16), n_empty


def _batches(documents: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document) + 1
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _count_windows(text: np.ndarray, min_count: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted windows of four tokens that occur at least ``min_count`` times, and their counts."""

    def count_range(bounds: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        first, last, capacity = bounds
        windows = np.empty(capacity + 1, dtype=np.uint64)
        windows = windows[: kernels.gather_windows(text, first, last, windows)]
        windows.sort()
        keys = np.empty(len(windows) // min_count, dtype=np.uint64)
        counts = np.empty(len(keys), dtype=np.int64)
        n_keys = kernels.count_runs(windows, min_count, keys, counts)
        return keys[:n_keys].copy(), counts[:n_keys].copy()

    parts = list(map_ordered(count_range, _token_ranges(text), threads=threads))
    keys, counts = zip(*parts, strict=True) if parts else ([], [])
    return (
        np.concatenate([np.empty(0, np.uint64), *keys]),
        np.concatenate([np.empty(0, np.int64), *counts]),
    )


def _token_ranges(text: np.ndarray) -> list[tuple[int, int, int]]:
    """Ranges (first, last, capacity) of first tokens with about as many windows each.

    A character begins no more windows than it has occurrences, the sentence start no more than three a line.
    """
    bounds = np.zeros(N_CODES, dtype=np.int64)
    for start in range(0, len(text), BATCH_CHARACTERS):
        bounds += np.bincount(text[start : start + BATCH_CHARACTERS], minlength=N_CODES)
    bounds[int(kernels.SENTENCE_START)] = 3 * (bounds[kernels.DOCUMENT_END] + bounds[kernels.LINE_END])
    bounds[[kernels.DOCUMENT_END, kernels.LINE_END, kernels.BLANK]] = 0
    sums = np.concatenate([[0], np.cumsum(bounds)])
    n_ranges = min(MAX_RANGES, -(-int(sums[-1]) // WINDOWS_PER_RANGE))
    cuts = np.searchsorted(sums, np.linspace(0, sums[-1], n_ranges + 1)).tolist() if n_ranges else [0]
    cuts[-1] = N_CODES
    return [(first, last, int(sums[last] - sums[first])) for first, last in pairwise(cuts) if sums[last] > sums[first]]


def _find_solid(windows: np.ndarray, counts: np.ndarray, min_ratios: list[float]) -> np.ndarray:
    """Table of the solid n-grams (value 1) and the prefixes that lead to them (value 0)."""
    strings = np.empty_like(windows)
    kernels.drop_starts(windows, strings)
    order = np.argsort(strings, kind="stable")
    strings, string_counts = strings[order], counts[order]
    levels = [_sum_prefixes(strings, string_counts, length) for length in range(1, ORDER + 1)]
    table = _new_table(sum(len(keys) for keys, _ in levels))
    for keys, key_counts in levels:
        kernels.add_values(keys, key_counts, table)
    total = float(counts.sum())
    solid = []
    for length in range(2, ORDER + 1):
        keys = levels[length - 1][0]
        is_solid = np.empty(len(keys), dtype=np.bool_)
        kernels.find_solid(keys, length, total, min_ratios[length - 1], table, is_solid)
        solid.append(keys[is_solid])
    keys = np.concatenate(solid)
    nodes = _new_table(3 * len(keys))
    kernels.add_values(keys, np.ones(len(keys), np.int64), nodes)
    for n_bits in (32, 16):
        prefixes = (keys >> np.uint64(n_bits)) << np.uint64(n_bits)
        kernels.add_values(prefixes, np.zeros(len(keys), np.int64), nodes)
    return nodes


def _sum_prefixes(strings: np.ndarray, counts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    keys = np.empty_like(strings)
    sums = np.empty_like(counts)
    n_keys = kernels.sum_prefixes(strings, counts, length, keys, sums)
    return keys[:n_keys].copy(), sums[:n_keys].copy()


def _new_table(n_keys: int) -> np.ndarray:
    return np.zeros((n_table_rows(n_keys), 2), dtype=np.uint64)


def _count_words(text: np.ndarray, nodes: np.ndarray, threads: int) -> np.ndarray:
    """Rows (start of one occurrence, length, count) of all words that pass the back-check."""

    def cut(start: int, stop: int) -> np.ndarray:
        words = np.empty((stop - start, 2), dtype=np.int64)
        return words[: kernels.cut_words(text, start, stop, nodes, words)]

    # No word crosses a separator.
    return count_segments(text, split_text(text, int(kernels.BLANK), CHARACTERS_PER_BLOCK), cut, threads=threads)


def _decode(text: np.ndarray, start: int, length: int) -> str:
    return text[start : start + length].tobytes().decode("utf-16-le")
