"""Code points → tokens that are found by rule, and the code of each for counting."""

import numpy as np

from cnmine._jit import kernel

# Classes of characters.
OTHER, HAN, DIGIT, LETTER, INNER, PERCENT, SPACE, REPEATED, APOSTROPHE = 0, 1, 2, 3, 4, 5, 6, 7, 8
NUMERAL, MAGNITUDE = 16, 32  # flags on HAN
HAN_MASK = 15
# Codes of tokens: below 4 a boundary; classes of runs; a Han character is its own code.
PLAIN, BLANK = 0, 1
NUMBER, WORD, MIXED, CHINESE_NUMBER = 4, 5, 6, 7
DOT, WIDE_DOT = 0x2E, 0xFF0E  # of class INNER
MAX_LOCAL = 64  # characters before the @ of an address


@kernel
def is_ascii(code, flags, flag):  # i8, u1[128], u1
    """Whether a code point is ASCII and has a flag: 1 in an address, 2 in front of @, 4 behind it, 8 at the end."""
    return code < 128 and flags[code] & flag != 0


@kernel
def end_of_address(codes, i, run, flags):  # u4[n], i8, (stop, kinds), u1[128]
    """Where the web or mail address that begins at ``i`` ends; ``i`` if there is none. ``run`` is from `end_of_run`."""
    n = codes.shape[0]
    stop, kinds = run
    at = stop
    if kinds != 2:
        pass
    elif stop + 2 < n and codes[stop] == 58 and codes[stop + 1] == 47 and codes[stop + 2] == 47:  # ://
        at = stop + 3
    elif stop - i == 3 and stop < n and codes[stop] == 46 and codes[i] | 32 == 119:  # www.
        if codes[i + 1] | 32 == 119 and codes[i + 2] | 32 == 119:
            at = stop + 1
    if at > stop:
        end = at
        while end < n and is_ascii(codes[end], flags, 1):
            end += 1
        while end > at and is_ascii(codes[end - 1], flags, 8):
            end -= 1
        return end if end > at else i
    while at < n and at - i <= MAX_LOCAL and is_ascii(codes[at], flags, 2):
        at += 1
    if at < n and codes[at] == 64:  # @
        end, last_dot = at + 1, np.int64(-1)
        while end < n and is_ascii(codes[end], flags, 4):
            if codes[end] == 46 and end > at + 1:
                last_dot = end
            end += 1
        while end > at and codes[end - 1] < 128 and (codes[end - 1] == 46 or codes[end - 1] == 45):
            end -= 1
        if last_dot > 0 and end > last_dot + 1:
            return end
    return i


@kernel
def end_of_run(codes, i, classes):  # u4[n], i8, u1[0x110000] → stop, 1 for digits + 2 for letters + 4 for %
    """Where the run of digits and letters that begins at ``i`` ends."""
    n = codes.shape[0]
    kinds, j, previous = 0, i, 0
    while j < n:
        this = classes[codes[j]]
        if this == DIGIT:
            kinds |= 1
        elif this == LETTER:
            kinds |= 2
        elif j + 1 == n or (this != INNER and this != APOSTROPHE):
            break
        elif this == INNER and not (previous == DIGIT and classes[codes[j + 1]] == DIGIT):
            break
        elif this == APOSTROPHE and not (previous == LETTER and classes[codes[j + 1]] == LETTER):
            break
        previous = this
        j += 1
    if j < n and classes[codes[j]] == PERCENT:
        j += 1
        kinds |= 4
    return j, kinds


@kernel
def find_tokens(codes, classes, flags, units, starts):  # u4[n], u1[0x110000], u1[128], u4[n], i4[n]
    """Write code and start of every token; white space is one, of code BLANK. Returns their number."""
    n = codes.shape[0]
    m, i = 0, 0
    while i < n:
        code = codes[i]
        this = classes[code]
        starts[m] = i
        unit = np.uint32(PLAIN)
        j = i + 1
        if this & HAN_MASK == HAN:
            unit = code
            if this & NUMERAL:
                while j < n and classes[codes[j]] & NUMERAL:
                    j += 1
                if j - i > 1:
                    unit = np.uint32(CHINESE_NUMBER)
        elif this == DIGIT or this == LETTER:
            j, kinds = end_of_run(codes, i, classes)
            end = end_of_address(codes, i, (j, kinds), flags) if code < 128 else i
            if end > i:
                j = end  # joins nothing, so it is a boundary
            elif kinds & 3 == 1:
                unit = np.uint32(NUMBER)
                while j < n and classes[codes[j]] & MAGNITUDE:
                    j += 1
            else:
                unit = np.uint32(WORD if kinds & 3 == 2 else MIXED)
        elif this == SPACE:
            unit = np.uint32(BLANK)
        elif this == REPEATED or code == DOT or code == WIDE_DOT:
            while j < n and codes[j] == code:
                j += 1
        units[m] = unit
        m += 1
        i = j
    return m


@kernel
def merge_numbers(codes, is_numeral, is_magnitude, out):  # u4[n], b1[k], b1[k], u4[n]
    """Join Chinese numerals, and a number with the magnitude behind it, as `find_tokens` does; the new length."""
    n = codes.shape[0]
    m, i = 0, 0
    while i < n:
        unit = codes[i]
        j = i + 1
        if unit < is_numeral.shape[0] and is_numeral[unit]:
            while j < n and codes[j] < is_numeral.shape[0] and is_numeral[codes[j]]:
                j += 1
            if j - i > 1:
                unit = np.uint32(CHINESE_NUMBER)
        elif unit == NUMBER:
            while j < n and codes[j] < is_magnitude.shape[0] and is_magnitude[codes[j]]:
                j += 1
        out[m] = unit
        m += 1
        i = j
    return m
