"""Loops of the 2019 algorithm: characters → windows of four → counts → solid n-grams → words.

A string of one to four characters is one uint64: its UTF-16 codes from the highest 16 bits down, zeros
after its end. A prefix is a mask, a suffix a shift, and sorted numbers are sorted strings.

A table is ``u8[m, 2]``, rows of (string, value), open addressing, ``m`` a power of two, string 0 = free.
"""

import numpy as np

from cnmine._jit import kernel

DOCUMENT_END = np.uint16(0)  # in the text; the end of a line in a window
SENTENCE_START = np.uint64(1)  # in windows only
LINE_END = np.uint16(10)
BLANK = np.uint16(32)  # every code up to this one separates words
ALL_STARTS = np.uint64(0x0001_0001_0001_0001)
CODE_BITS = np.uint64(16)
FIRST_SHIFT = np.uint64(48)
HALF_BITS = np.uint64(32)
LOW_HALF = np.uint64(0xFFFF_FFFF)
HIGH_FACTOR = np.uint64(0x9E37_79B1)  # odd, 32 bits: a product with half a key cannot overflow
LOW_FACTOR = np.uint64(0x85EB_CA77)
ALL_BITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
NONE = np.uint64(0)


@kernel
def _is_kept(code):  # u2
    """Whether a UTF-16 code is a blank, an ASCII digit or letter, or in U+4E00…U+9FA5."""
    return (
        0x4E00 <= code <= 0x9FA5
        or code == BLANK
        or 0x30 <= code <= 0x39
        or 0x61 <= code <= 0x7A
        or 0x41 <= code <= 0x5A
    )


@kernel
def clean_documents(codes, offsets, out):  # u2[n], i8[d + 1], u2[n + d]
    """Write every document with its foreign stretches as one line end each; return how much was written."""
    n_out = 0
    for document in range(offsets.shape[0] - 1):
        is_in_stretch = False
        for i in range(offsets[document], offsets[document + 1]):
            if _is_kept(codes[i]):
                out[n_out] = codes[i]
                n_out += 1
                is_in_stretch = False
            elif not is_in_stretch:
                out[n_out] = LINE_END
                n_out += 1
                is_in_stretch = True
        out[n_out] = DOCUMENT_END
        n_out += 1
    return n_out


@kernel
def gather_windows(text, first, last, out):  # u2[n], i8, i8, u8[windows + 1]
    """Collect the windows whose first token is in ``first … last - 1``; return how many there are.

    One window ends at every token of a line and one at its end; blanks are no tokens. The entry behind
    the last window is scratch.
    """
    low, high = np.uint64(first), np.uint64(last)
    n_out = 0
    window = ALL_STARTS
    for i in range(text.shape[0]):
        code = text[i]
        if code == BLANK:
            continue
        is_line_end = code <= LINE_END
        window = window << CODE_BITS
        if not is_line_end:
            window |= np.uint64(code)
        token = window >> FIRST_SHIFT
        out[n_out] = window  # written always and kept or overwritten: no branch to mispredict
        n_out += np.int64((token >= low) & (token < high))
        if is_line_end:
            window = ALL_STARTS
    return n_out


@kernel
def count_runs(keys, min_count, out_keys, out_counts):  # u8[n] sorted, i8, u8[n // min_count], i8[same]
    """Count equal keys and write those with at least ``min_count``; return how many there are."""
    n_out = 0
    start = 0
    for i in range(1, keys.shape[0] + 1):
        if i < keys.shape[0] and keys[i] == keys[start]:
            continue
        if i - start >= min_count:
            out_keys[n_out] = keys[start]
            out_counts[n_out] = i - start
            n_out += 1
        start = i
    return n_out


@kernel
def drop_starts(windows, out):  # u8[n], u8[n]
    """Shift the sentence starts out of every window, which leaves its string."""
    for i in range(windows.shape[0]):
        window = windows[i]
        while window >> FIRST_SHIFT == SENTENCE_START:
            window = window << CODE_BITS
        out[i] = window
    return 0


@kernel
def sum_prefixes(keys, counts, length, out_keys, out_counts):  # u8[n] sorted, i8[n], i8, u8[n], i8[n]
    """Sum the counts of the strings by their first ``length`` characters; return the number of prefixes."""
    shift = CODE_BITS * np.uint64(4 - length)
    mask = (ALL_BITS >> shift) << shift
    n_out = 0
    for i in range(keys.shape[0]):
        if (keys[i] >> shift) & np.uint64(0xFFFF) == NONE:  # shorter than ``length``
            continue
        prefix = keys[i] & mask
        if n_out == 0 or out_keys[n_out - 1] != prefix:
            out_keys[n_out] = prefix
            out_counts[n_out] = 0
            n_out += 1
        out_counts[n_out - 1] += counts[i]
    return n_out


@kernel
def _mix(key):  # u8
    """Hash of a number whose lower bits depend on all of its bits."""
    mixed = ((key >> HALF_BITS) * HIGH_FACTOR) ^ ((key & LOW_HALF) * LOW_FACTOR)
    return mixed ^ (mixed >> HALF_BITS)


@kernel
def _find_row(key, table):  # u8, u8[m, 2]
    """Return the row of ``key``, or the free row where it belongs."""
    mask = np.uint64(table.shape[0] - 1)
    row = _mix(key) & mask
    while table[row, 0] != NONE and table[row, 0] != key:
        row = (row + np.uint64(1)) & mask
    return row


@kernel
def add_values(keys, values, table):  # u8[n], i8[n], u8[m, 2]
    """Add to the table the value of every string."""
    for i in range(keys.shape[0]):
        row = _find_row(keys[i], table)
        table[row, 0] = keys[i]
        table[row, 1] += np.uint64(values[i])
    return 0


@kernel
def find_solid(keys, length, total, min_ratio, table, out):  # u8[n], i8, f8, f8, u8[m, 2], u1[n]
    """Mark the strings of ``length`` characters whose weakest split reaches ``min_ratio``.

    The order of operations is the original's: (total * count) / (left * right). A part without a count
    has the count ``total``, which makes its factor 1.
    """
    for i in range(keys.shape[0]):
        count = float(table[_find_row(keys[i], table), 1])
        is_solid = True
        for split in range(1, length):
            tail = CODE_BITS * np.uint64(4 - split)
            left = float(table[_find_row((keys[i] >> tail) << tail, table), 1])
            right = float(table[_find_row(keys[i] << (CODE_BITS * np.uint64(split)), table), 1])
            if left == 0.0:
                left = total
            if right == 0.0:
                right = total
            if total * count / (left * right) < min_ratio:
                is_solid = False
                break
        out[i] = is_solid
    return 0


@kernel
def _solid_length(text, pos, nodes):  # u2[n], i8, u8[m, 2]
    """Length of the longest solid n-gram at ``pos``, or 1. Needs a separator at the end of the text."""
    longest = 1
    if text[pos] <= BLANK:
        return longest
    key = np.uint64(text[pos]) << FIRST_SHIFT
    shift = FIRST_SHIFT
    for length in range(2, 5):
        code = text[pos + length - 1]
        if code <= BLANK:
            break
        shift -= CODE_BITS
        key |= np.uint64(code) << shift
        row = _find_row(key, nodes)
        if nodes[row, 0] == NONE:
            break
        if nodes[row, 1] != NONE:
            longest = length
    return longest


@kernel
def _is_confirmed(text, start, stop, nodes):  # u2[n], i8, i8, u8[m, 2]
    """Whether a word is shorter than three, solid itself, or all its windows of four are solid."""
    width = min(stop - start, 4)
    if width < 3:
        return True
    for pos in range(start, stop - width + 1):
        key = NONE
        for i in range(4):
            key = key << CODE_BITS
            if i < width:
                key |= np.uint64(text[pos + i])
        row = _find_row(key, nodes)
        if nodes[row, 0] == NONE or nodes[row, 1] == NONE:
            return False
    return True


@kernel
def cut_words(text, start, stop, nodes, words):  # u2[n], i8, i8, u8[m, 2], i8[w, 2]
    """Cut ``text[start:stop]`` wherever no solid n-gram covers the gap, into words (start, stop).

    The part must end behind a separator. Returns the number of confirmed words.
    """
    n_words = 0
    word_start, word_stop = start, start + 1
    for pos in range(start, stop + 1):
        if pos == word_stop:
            is_document_end = text[word_start] == DOCUMENT_END
            if not is_document_end and _is_confirmed(text, word_start, word_stop, nodes):
                words[n_words, 0] = word_start
                words[n_words, 1] = word_stop
                n_words += 1
            word_start, word_stop = pos, pos + 1
        if pos < stop:
            word_stop = max(word_stop, pos + _solid_length(text, pos, nodes))
    return n_words
