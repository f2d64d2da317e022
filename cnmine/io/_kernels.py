"""UTF-8 bytes → unit codes in one pass, and the table of distinct runs that goes with it."""

import numpy as np

from cnmine._jit import kernel

# Classes 0 … 3 are boundary characters and equal the flag bits that they contribute.
PLAIN, CLOSING, OPENING, STRAIGHT = 0, 1, 2, 3
HAN, COMPATIBILITY, LETTER, DIGIT = 4, 5, 6, 7
INNER, PLUS, HASH = 8, 9, 10
SPACE = 11  # white space, only where every other character is a unit

N_CLASSES = 0x30000  # code points with an entry in the class table
HAN_STOP = 0x40000  # planes 2 and 3 are ideographs throughout
COMPATIBILITY_START = 0x2F800  # second part of the fold table; the first is the whole BMP
MAX_RUN_BYTES = 64

DONE, TABLE_FULL = -1, -2

# FNV-1a of 32 bits; in an int64 no product overflows.
FNV_OFFSET = 0x811C9DC5
FNV_PRIME = 0x01000193
FNV_MASK = 0xFFFFFFFF


@kernel
def decode_character(data, i):  # u1[n] → code point * 8 + length in bytes
    """Decode the character at byte ``i``; 0 if the bytes there are not valid UTF-8."""
    n = data.shape[0]
    b0 = np.int64(data[i])
    if b0 < 0x80:
        return b0 << 3 | 1
    if b0 < 0xC2 or b0 > 0xF4 or i + 1 >= n:
        return 0
    b1 = np.int64(data[i + 1]) ^ 0x80
    if b1 >= 0x40:
        return 0
    if b0 < 0xE0:
        return ((b0 & 0x1F) << 6 | b1) << 3 | 2
    if i + 2 >= n:
        return 0
    b2 = np.int64(data[i + 2]) ^ 0x80
    if b2 >= 0x40:
        return 0
    if b0 < 0xF0:
        code = (b0 & 0x0F) << 12 | b1 << 6 | b2
        if code < 0x800 or 0xD800 <= code <= 0xDFFF:
            return 0
        return code << 3 | 3
    if i + 3 >= n:
        return 0
    b3 = np.int64(data[i + 3]) ^ 0x80
    code = (b0 & 0x07) << 18 | b1 << 12 | b2 << 6 | b3
    if b3 >= 0x40 or code < 0x10000 or code > 0x10FFFF:
        return 0
    return code << 3 | 4


@kernel
def class_at(data, i, classes):  # u1[n], u1[N_CLASSES]
    """Class of the character at byte ``i``; PLAIN beyond the end and for bad bytes."""
    if i >= data.shape[0]:
        return np.int64(PLAIN)
    return class_of(decode_character(data, i) >> 3, classes)


@kernel
def class_of(code, classes):  # u1[N_CLASSES]
    """Class of a code point."""
    if code < N_CLASSES:
        return np.int64(classes[code])
    return np.int64(HAN if code < HAN_STOP else PLAIN)


@kernel
def append_wide(code, run_bytes, end):  # u1[]
    """Write a code point between U+0080 and U+FFFF as UTF-8; return the new end."""
    if code < 0x800:
        run_bytes[end] = 0xC0 | code >> 6
        run_bytes[end + 1] = 0x80 | code & 0x3F
        return end + 2
    run_bytes[end] = 0xE0 | code >> 12
    run_bytes[end + 1] = 0x80 | code >> 6 & 0x3F
    run_bytes[end + 2] = 0x80 | code & 0x3F
    return end + 3


@kernel
def scan_run(data, i, classes, fold, run_bytes, used):  # u1[n], u1[], u4[], u1[]
    """Copy the run that starts at byte ``i`` behind ``used``; return its stop and its folded length.

    A length above MAX_RUN_BYTES only says that the run is too long.
    """
    n = data.shape[0]
    previous, n_plus, n_characters = PLAIN, 0, 0
    end = used
    while i < n:
        code, size = np.int64(data[i]), 1
        if code >= 0x80:
            packed = decode_character(data, i)
            code, size = packed >> 3, packed & 7
        # A bad byte has size 0 and, as code point 0, the class of a boundary.
        this = np.int64(classes[code]) if code < N_CLASSES else PLAIN
        if this != LETTER and this != DIGIT:
            if this == INNER:
                following = class_at(data, i + size, classes)
                if previous != LETTER and previous != DIGIT or following != LETTER and following != DIGIT:
                    break
            elif this == PLUS:
                # C++ and C++11, but neither 1+1 nor a third plus sign.
                n_plus = n_plus + 1 if previous == PLUS else 1
                if previous != LETTER and previous != PLUS or n_plus > 2:
                    break
            elif this != HASH or previous != LETTER or n_characters != 1:
                # C# and F#, but not the #…# around a topic: only after a single letter, and nothing follows.
                break
        if end - used <= MAX_RUN_BYTES:
            folded = np.int64(fold[code])
            if folded < 0x80:
                run_bytes[end] = folded
                end += 1
            else:
                end = append_wide(folded, run_bytes, end)
        previous = this
        n_characters += 1
        i += size
        if this == HASH:
            break
    return i, end - used


@kernel
def may_continue_run(byte, classes):  # u1[N_CLASSES]
    """Whether a run can go on with a character that begins with this byte; true if in doubt."""
    if byte < 0x80:
        return LETTER <= classes[byte] <= HASH
    return byte < 0xE1 or byte > 0xEE  # most of what three bytes can write is Han or punctuation


@kernel
def fold_letters(data, i, classes, fold, run_bytes, used):  # u1[n], u1[], u4[], u1[]
    """Copy ASCII letters and digits behind ``used``, one more than a run may have at most; return where they stop.

    The simple start of `scan_run`, and nearly always all of it. Loops with few branches spare the
    reference counts of the arrays, which cost more than the work itself.
    """
    stop = min(data.shape[0], i + MAX_RUN_BYTES + 1)
    while i < stop and data[i] < 0x80 and (classes[data[i]] == LETTER or classes[data[i]] == DIGIT):
        run_bytes[used] = fold[data[i]]
        used += 1
        i += 1
    return i


@kernel
def find_run(slots, stops, run_bytes, n_runs, used, length):  # i4[2^k], i8[], u1[]
    """Number of the run whose bytes stand at ``used``; a run not seen before gets number ``n_runs``."""
    value = np.int64(FNV_OFFSET)
    for j in range(used, used + length):
        value = (value ^ np.int64(run_bytes[j])) * FNV_PRIME & FNV_MASK
    mask = slots.shape[0] - 1
    slot = (value ^ value >> 15) & mask
    while slots[slot] != 0:
        run = np.int64(slots[slot]) - 1
        start = stops[run - 1] if run > 0 else 0
        if stops[run] - start == length:
            j = 0
            while j < length and run_bytes[start + j] == run_bytes[used + j]:
                j += 1
            if j == length:
                return run
        slot = (slot + 1) & mask
    slots[slot] = n_runs + 1
    stops[n_runs] = used + length
    return n_runs


@kernel
def spell_run(data, bounds, tables, codes, runs, sizes):  # u1[n], (i8, i8), (u1[], u4[]), u4[n], …, (i8, i8, i8)
    """Add every character between ``bounds`` as a unit; return the new numbers of codes, runs and bytes of runs.

    The number of runs is TABLE_FULL if there is no more room.
    """
    classes, fold = tables
    slots, stops, run_bytes = runs
    n, n_runs, used = sizes
    i, stop = bounds
    while i < stop:
        packed = decode_character(data, i)
        code = packed >> 3
        i += packed & 7
        this = class_of(code, classes)
        codes[n] = code
        n += 1
        if this == LETTER or this == DIGIT:
            folded = np.int64(fold[code])
            end = used + 1 if folded < 0x80 else append_wide(folded, run_bytes, used)
            if folded < 0x80:
                run_bytes[used] = folded
            run = find_run(slots, stops, run_bytes, n_runs, used, end - used)
            codes[n - 1] = 0x110000 + run
            if run == n_runs:
                n_runs += 1
                used = end
                if 2 * n_runs > slots.shape[0]:
                    return n, np.int64(TABLE_FULL), used
    return n, n_runs, used


@kernel
def put_boundary(codes, n, bits):  # u4[]
    """Add a boundary character to the stretch that ends at ``n``, or open one; return the new end."""
    if n > 0 and codes[n - 1] <= STRAIGHT:
        codes[n - 1] = codes[n - 1] & CLOSING | bits & OPENING
        return n
    codes[n] = bits
    return n + 1


@kernel
def encode_units(
    data, tables, codes, starts, runs, sizes
):  # u1[n], (u1[], u4[]), u4[n], i8[n or 0], (i4[], i8[], u1[]), i8[2]
    """Write unit codes; return DONE, TABLE_FULL or the position of the first bad byte.

    ``sizes`` receives the number of codes and the number of distinct runs.
    """
    classes, fold = tables
    keeps_all = classes[0x20] == SPACE
    slots, stops, run_bytes = runs
    n = np.int64(0)
    n_runs, used, i = np.int64(0), np.int64(0), np.int64(0)
    while i < data.shape[0]:
        if starts.shape[0] > 0:
            starts[n] = i  # stays if this character opens a unit or a stretch
        b0 = np.int64(data[i])
        if 0xE4 <= b0 <= 0xE9 and i + 2 < data.shape[0]:  # nearly all of a Chinese text
            b1, b2 = np.int64(data[i + 1]) ^ 0x80, np.int64(data[i + 2]) ^ 0x80
            code = (b0 & 0x0F) << 12 | b1 << 6 | b2
            if (b1 | b2) < 0x40 and code >= 0x4E00:
                codes[n] = code
                n += 1
                i += 3
                continue
        packed = b0 << 3 | 1 if b0 < 0x80 else decode_character(data, i)
        if packed == 0:
            return i
        code = packed >> 3
        this = class_of(code, classes)
        if this <= STRAIGHT and not (keeps_all and code != 0x0A):
            n = put_boundary(codes, n, this)
        elif this <= HAN or keeps_all and INNER <= this <= HASH:
            codes[n] = code
            n += 1
        elif this == COMPATIBILITY:
            codes[n] = fold[code if code < COMPATIBILITY_START else code - COMPATIBILITY_START + 0x10000]
            n += 1
        elif this >= INNER:
            if not keeps_all:
                n = put_boundary(codes, n, PLAIN)
        else:
            start, i = i, fold_letters(data, i, classes, fold, run_bytes, used)
            length = i - start
            if i < data.shape[0] and (length > MAX_RUN_BYTES or may_continue_run(data[i], classes)):
                i, length = scan_run(data, start, classes, fold, run_bytes, used)
            if length > MAX_RUN_BYTES:
                if keeps_all:
                    n, n_runs, used = spell_run(data, (start, i), tables, codes, runs, (n, n_runs, used))
                    if n_runs == TABLE_FULL:
                        return TABLE_FULL
                else:
                    n = put_boundary(codes, n, PLAIN)
                continue
            run = find_run(slots, stops, run_bytes, n_runs, used, length)
            if run == n_runs:
                n_runs += 1
                used += length
                if 2 * n_runs > slots.shape[0]:
                    return TABLE_FULL
            codes[n] = 0x110000 + run
            n += 1
            continue
        i += packed & 7
    sizes[0], sizes[1] = n, n_runs
    return DONE


@kernel
def find_cut(data, classes, fold, scratch):  # u1[n], u1[], u4[], u1[2 * MAX_RUN_BYTES]
    """Last place where the text may be cut without a change in its units; 0 if it is all one run.

    ``data`` begins at such a place. What follows its end cannot move a place 8 bytes before it.
    """
    cut, i, n_continuation = np.int64(0), np.int64(0), np.int64(0)
    while i < data.shape[0] - 7:
        packed = decode_character(data, i)
        if packed == 0:
            # A sequence cut short counts as one, so only its first byte or a stray one is a place to cut.
            n_continuation = n_continuation + 1 if np.int64(data[i]) & 0xC0 == 0x80 else 0
            if n_continuation == 0 or n_continuation > 3:
                cut = i
            i += 1
            continue
        n_continuation = 0
        cut = i
        this = class_of(packed >> 3, classes)
        if this == LETTER or this == DIGIT:
            i, _ = scan_run(data, i, classes, fold, scratch, 0)
        else:
            i += packed & 7
    return cut
