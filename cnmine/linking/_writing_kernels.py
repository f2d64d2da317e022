"""Loops that write linked texts as JSON Lines."""

from __future__ import annotations

import numpy as np

from cnmine._jit import kernel

HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
QUOTE, BACKSLASH = np.uint32(0x22), np.uint32(0x5C)
SPACE = np.uint32(0x20)
SHORT = np.zeros(32, np.uint8)  # letters that stand for control characters
SHORT[[8, 9, 10, 12, 13]] = list(b"btnfr")
HEAD, TEXT, DATA, TAIL = 0, 1, 2, 3  # fixed parts of a line
MENTION, OFFSET, ID, SCORE, END, NIL = 4, 5, 6, 7, 8, 9
BYTES_PER_CODE = 6  # at most


@kernel
def put_code(out, n, code):  # u1[k], i8, u4 -> i8
    """Write a character of a string of JSON as UTF-8, a lone surrogate as a question mark; return the next place."""
    if code < np.uint32(0x80):
        if code < SPACE:
            out[n] = BACKSLASH
            if SHORT[code]:
                out[n + 1] = SHORT[code]
                return n + 2
            out[n + 1] = 0x75  # u
            out[n + 2] = out[n + 3] = 0x30
            out[n + 4], out[n + 5] = HEX[code >> np.uint32(4)], HEX[code & np.uint32(15)]
            return n + 6
        if code == QUOTE or code == BACKSLASH:
            out[n] = BACKSLASH
            n += 1
        out[n] = code
        return n + 1
    low = np.uint32(0x80) | (code & np.uint32(0x3F))
    if code < np.uint32(0x800):
        out[n], out[n + 1] = np.uint32(0xC0) | (code >> np.uint32(6)), low
        return n + 2
    middle = np.uint32(0x80) | ((code >> np.uint32(6)) & np.uint32(0x3F))
    if code < np.uint32(0x10000):
        if np.uint32(0xD800) <= code < np.uint32(0xE000):
            out[n] = 0x3F
            return n + 1
        out[n], out[n + 1], out[n + 2] = np.uint32(0xE0) | (code >> np.uint32(12)), middle, low
        return n + 3
    high = np.uint32(0x80) | ((code >> np.uint32(12)) & np.uint32(0x3F))
    out[n], out[n + 1], out[n + 2], out[n + 3] = np.uint32(0xF0) | (code >> np.uint32(18)), high, middle, low
    return n + 4


@kernel
def put_bytes(out, n, source, start, stop):  # u1[k], i8, u1[m], i8, i8 -> i8
    for i in range(start, stop):
        out[n] = source[i]
        n += 1
    return n


@kernel
def put_id(out, n, source, start, stop):  # u1[k], i8, u1[m], i8, i8 -> i8
    """Write UTF-8 as a string of JSON, without its quotes."""
    i = start
    while i < stop:
        byte = source[i]
        if byte == 0xED and i + 2 < stop and source[i + 1] >= 0xA0:  # a lone surrogate
            out[n] = 0x3F
            n += 1
            i += 3
        elif byte < 0x80:
            n = put_code(out, n, np.uint32(byte))
            i += 1
        else:
            out[n] = byte
            n += 1
            i += 1
    return n


@kernel
def put_number(out, n, number):  # u1[k], i8, i8 -> i8
    size, rest = 1, number
    while rest >= 10:
        rest //= 10
        size += 1
    for i in range(n + size - 1, n - 1, -1):
        out[i] = 0x30 + number % 10
        number //= 10
    return n + size


@kernel
def put_score(out, n, score):  # u1[k], i8, i8 -> i8
    """Write ten thousandths with four digits behind the point."""
    n = put_number(out, n, score // 10000)
    out[n] = 0x2E
    for i in range(4, 0, -1):
        out[n + i] = 0x30 + score % 10
        score //= 10
    return n + 5


@kernel
def write_lines(texts, names, mentions, ids, parts, out):
    """Write texts with their mentions; return the number of bytes.

    Parameters
    ----------
    texts
        Code points u4[n] of all texts, and where each begins i8[t + 1].
    names
        Ids of the texts as they are to be written u1[k], and where each begins i8[t + 1].
    mentions
        Where those of each text begin i8[t + 1]; for each i8[m, 4] its place in the text, its length, its entity or -1
        for NIL, and its score in ten thousandths.
    ids
        UTF-8 u1 and where the id of each entity begins i8.
    parts
        Fixed parts of a line u1, where each begins i8[11], and whether the id comes first and scores are left out.
    out
        u1, long enough.
    """
    codes, starts = texts
    name_bytes, name_starts = names
    firsts, table = mentions
    id_bytes, id_starts = ids
    fixed, places, is_ccks = parts
    n = np.int64(0)
    for t in range(starts.shape[0] - 1):
        n = put_bytes(out, n, fixed, places[HEAD], places[HEAD + 1])
        n = put_bytes(out, n, name_bytes, name_starts[t], name_starts[t + 1])
        n = put_bytes(out, n, fixed, places[TEXT], places[TEXT + 1])
        for i in range(starts[t], starts[t + 1]):
            n = put_code(out, n, codes[i])
        n = put_bytes(out, n, fixed, places[DATA], places[DATA + 1])
        for m in range(firsts[t], firsts[t + 1]):
            if m > firsts[t]:
                out[n] = 0x2C
                n += 1
            for step in range(3):
                what = (step + 2) % 3 if is_ccks else step
                if what == 0:
                    n = put_bytes(out, n, fixed, places[MENTION], places[MENTION + 1])
                    first = starts[t] + table[m, 0]
                    for i in range(first, min(first + table[m, 1], starts[t + 1])):
                        n = put_code(out, n, codes[i])
                elif what == 1:
                    n = put_bytes(out, n, fixed, places[OFFSET], places[OFFSET + 1])
                    n = put_number(out, n, table[m, 0])
                else:
                    n = put_bytes(out, n, fixed, places[ID], places[ID + 1])
                    entity = table[m, 2]
                    if entity < 0:
                        n = put_bytes(out, n, fixed, places[NIL], places[NIL + 1])
                    else:
                        n = put_id(out, n, id_bytes, id_starts[entity], id_starts[entity + 1])
            if not is_ccks:
                n = put_bytes(out, n, fixed, places[SCORE], places[SCORE + 1])
                n = put_score(out, n, table[m, 3])
            n = put_bytes(out, n, fixed, places[END], places[END + 1])
        n = put_bytes(out, n, fixed, places[TAIL], places[TAIL + 1])
    return n
