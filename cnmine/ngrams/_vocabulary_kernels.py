"""Texts of units → ids, by binary search; and ids → text."""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE

DONE, DAMAGED, NO_ROOM = -1, -2, -3
# What a line is: an n-gram that may occur, one with a unit that does not, too long a one, none at all.
COUNTABLE, UNKNOWN, TOO_LONG, NO_NGRAM = 0, 1, 2, 3
FIRST_HAN_BYTE = 0xE3  # no run of letters begins with a byte as high
BLANK, LINE_END, COLON, ZERO = 32, 10, 58, 48
MAX_UNIT_BYTES = 64
ONE, LAST_BIT = np.uint64(1), np.uint64(63)


@kernel
def packed_item(words, bits, i):  # u8[], i8 (at most 63), i8
    """Value ``i`` of a packed array.

    The word behind is read in any case, as the last value has the word to spare: without a branch, the compiler
    drops the counting of references to ``words``, which would take ten times as long.
    """
    at = np.int64(i) * bits
    word, shift = at >> 6, np.uint64(at & 63)
    value = words[word] >> shift | words[word + 1] << ONE << (LAST_BIT - shift)
    return np.int64(value & ((ONE << np.uint64(bits)) - ONE))


@kernel
def text_bounds(rank, vocabulary):  # i8, (u1[], u8[], i8, i8)
    """Where the text of a unit begins and ends; both DAMAGED if that cannot be."""
    texts, offsets, bits, _ = vocabulary
    start, stop = packed_item(offsets, bits, rank), packed_item(offsets, bits, rank + 1)
    if start >= stop or stop > texts.shape[0] or stop - start > MAX_UNIT_BYTES:
        return np.int64(DAMAGED), np.int64(DAMAGED)
    return start, stop


@kernel
def number_characters(vocabulary, ids):  # (u1[], u8[], i8, i8), u4[code points]
    """Write the ids of characters from U+3000 on, Han among them; return the rank of the first one, or DAMAGED."""
    texts = vocabulary[0]
    for rank in range(vocabulary[3] - 1, -1, -1):
        start, stop = text_bounds(rank, vocabulary)
        if stop == DAMAGED:
            return DAMAGED
        lead = np.int64(texts[start])
        if lead < FIRST_HAN_BYTE:
            return rank + 1
        code = lead & (0x0F if lead < 0xF0 else 0x07)
        for i in range(start + 1, stop):
            code = (code << 6 | (texts[i] & 0x3F)) & 0x1FFFFF
        if stop - start != (3 if lead < 0xF0 else 4) or code >= ids.shape[0]:
            return DAMAGED
        ids[code] = N_BOUNDARIES + rank
    return 0


@kernel
def number_runs(runs, run_offsets, n_texts, vocabulary, ids):  # u1[], i8[n + 1], i8, (u1[], u8[], i8, i8), u4[n]
    """Write the id of every run, 0 for one that is not among the first ``n_texts`` units; return DONE or DAMAGED."""
    texts = vocabulary[0]
    for run in range(ids.shape[0]):
        begin, n_bytes = run_offsets[run], run_offsets[run + 1] - run_offsets[run]
        low, high = 0, n_texts
        ids[run] = 0
        while low < high:
            middle = (low + high) // 2
            start, stop = text_bounds(middle, vocabulary)
            if stop == DAMAGED:
                return DAMAGED
            i = 0
            while i < n_bytes and start + i < stop and texts[start + i] == runs[begin + i]:
                i += 1
            if i == n_bytes and start + i == stop:
                ids[run] = N_BOUNDARIES + middle
                break
            if start + i == stop or (i < n_bytes and texts[start + i] < runs[begin + i]):
                low = middle + 1
            else:
                high = middle
    return DONE


@kernel
def number_lines(codes, starts, lines, unit_ids, max_order, out):
    # u4[m], i8[m], i8[n + 1], (u4[], u4[], b1), i8, (u4[m], i8[n + 1], u1[n])
    """Write the ids of the units of every line, row pointers, and what the line is.

    ``lines[i]`` is the byte where line ``i`` begins; a line end stands before the next one. ``unit_ids`` ends with
    whether punctuation is kept, so that line ends alone are boundaries.
    """
    character_ids, run_ids, is_kept = unit_ids
    ids, offsets, kinds = out
    at, n = 0, 0
    offsets[0] = 0
    for line in range(kinds.shape[0]):
        begin, end = lines[line], lines[line + 1] - 1
        while at < codes.shape[0] and starts[at] < begin:
            at += 1
        # A line that begins with a boundary shares it with the line end before.
        is_clean = at < codes.shape[0] and (starts[at] == begin or is_kept) and starts[at] < end
        kind = COUNTABLE if is_clean else NO_NGRAM
        n_units = 0
        while at < codes.shape[0] and starts[at] < end:
            code = codes[at]
            unit = np.uint32(0)
            if code < N_BOUNDARIES:
                kind = NO_NGRAM
            elif code >= RUN_BASE:
                unit = run_ids[code - RUN_BASE]
            elif code < character_ids.shape[0]:
                unit = character_ids[code]
            if unit == 0 and kind == COUNTABLE:
                kind = UNKNOWN
            if n_units < max_order:
                ids[n + n_units] = unit
            n_units += 1
            at += 1
        if kind != NO_NGRAM and n_units > max_order:
            kind = TOO_LONG
        kinds[line] = kind
        if kind == COUNTABLE:
            n += n_units
        offsets[line + 1] = n


@kernel
def append_text(unit, vocabulary, out, end):  # i8, (u1[], u8[], i8, i8), u1[], i8
    """Write the text of a unit; return the new end, DAMAGED or NO_ROOM."""
    if unit < N_BOUNDARIES or unit >= N_BOUNDARIES + vocabulary[3]:
        return np.int64(DAMAGED)
    start, stop = text_bounds(unit - N_BOUNDARIES, vocabulary)
    if stop == DAMAGED:
        return np.int64(DAMAGED)
    if end + stop - start > out.shape[0]:
        return np.int64(NO_ROOM)
    for i in range(start, stop):
        out[end] = vocabulary[0][i]
        end += 1
    return end


@kernel
def append_number(number, out, end):  # i8 >= 0, u1[], i8
    """Write a number in decimal; return the new end. There is room."""
    power = 1
    while number // power >= 10:
        power *= 10
    while power > 0:
        out[end] = ZERO + number // power % 10
        end += 1
        power //= 10
    return end


@kernel
def spell_ngrams(ids, is_kept, n_low, vocabulary, out):  # u4[n, order], b1, i8, (u1[], u8[], i8, i8), u1[]
    """Write the text of every n-gram and a line end; return the number of bytes, DAMAGED or NO_ROOM.

    Where punctuation is kept, there may be a blank between two of the ``n_low`` units that runs are among.
    """
    end = np.int64(0)
    high = N_BOUNDARIES + n_low
    for row in range(ids.shape[0]):
        for i in range(ids.shape[1]):
            if is_kept and i > 0 and ids[row, i - 1] < high and ids[row, i] < high and end < out.shape[0]:
                out[end] = BLANK
                end += 1
            end = append_text(np.int64(ids[row, i]), vocabulary, out, end)
            if end < 0:
                return end
        if end == out.shape[0]:
            return np.int64(NO_ROOM)
        out[end] = LINE_END
        end += 1
    return end


@kernel
def spell_counted(units, counts, vocabulary, out):  # u4[n, k], i8[n, k], (u1[], u8[], i8, i8), u1[]
    """Write ``unit:count`` of every row with blanks between, up to the first count of 0, and a line end.

    Returns the number of bytes, DAMAGED or NO_ROOM.
    """
    end = np.int64(0)
    for row in range(units.shape[0]):
        for i in range(units.shape[1]):
            if counts[row, i] == 0:
                break
            end = append_text(np.int64(units[row, i]), vocabulary, out, end)
            if end < 0:
                return end
            if end + 24 > out.shape[0]:
                return np.int64(NO_ROOM)
            out[end] = COLON
            end = append_number(counts[row, i], out, end + 1)
            out[end] = BLANK
            end += 1
        if end == out.shape[0]:
            return np.int64(NO_ROOM)
        if units.shape[1] > 0 and counts[row, 0] > 0:
            end -= 1  # the last blank
        out[end] = LINE_END
        end += 1
    return end
