"""Integers of any width from 1 to 64 bits, one behind the other in a stream of words, lowest bit first.

Value ``i`` of width ``bits`` occupies bits ``[i * bits, (i + 1) * bits)``. A stream ends with a word to spare,
so that reading the word behind a value needs no test.
"""

import numpy as np

from cnmine._jit import kernel

ONE, SIX, LAST_BIT, WORD_BITS = np.uint64(1), np.uint64(6), np.uint64(63), np.uint64(64)
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def pack_values(values, bits, state, words):  # u?[n], u8, u8[3], u8[w]
    """Append ``values`` to ``words``; return how many words are full.

    ``state`` is carried from call to call: the word begun, how many bits of it are taken, the bits seen in any value.
    """
    word, taken, seen = state[0], state[1], state[2]
    n_words = 0
    for i in range(values.shape[0]):
        value = np.uint64(values[i])
        seen |= value
        word |= value << taken
        taken += bits
        if taken >= WORD_BITS:
            words[n_words] = word
            n_words += 1
            taken -= WORD_BITS
            # value >> (bits - taken); by 64 it would not be defined
            word = (value >> (bits - taken - ONE)) >> ONE
    state[0], state[1], state[2] = word, taken, seen
    return n_words


@kernel
def decode_values(words, bits, start, out):  # u8[w], u8, i8, u?[n]
    """Write the values from number ``start`` on to ``out``."""
    mask = ALL_BITS >> (WORD_BITS - bits)
    for i in range(out.shape[0]):
        position = np.uint64(start + i) * bits
        j = position >> SIX
        shift = position & LAST_BIT
        # words[j + 1] << (64 - shift); by 64 it would not be defined
        out[i] = ((words[j] >> shift) | ((words[j + ONE] << ONE) << (LAST_BIT - shift))) & mask


@kernel
def get(words, bits, i):  # u8[w], u8, i8
    """Value number ``i``."""
    position = np.uint64(i) * bits
    j = position >> SIX
    shift = position & LAST_BIT
    value = (words[j] >> shift) | ((words[j + ONE] << ONE) << (LAST_BIT - shift))
    return value & (ALL_BITS >> (WORD_BITS - bits))
