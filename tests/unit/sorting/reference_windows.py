"""The windows of a text as the glossary defines them, one at a time."""

from collections import Counter

N_BOUNDARIES = 4


def window(text, position, max_order):
    """The symbols that are compared: units, the first boundary, zeros behind it, and last what stands to the left."""
    symbols = []
    for unit in text[position : position + max_order + 1]:
        if unit < N_BOUNDARIES:
            symbols.append(unit & 1)
            break
        symbols.append(unit)
    symbols += [0] * (max_order + 1 - len(symbols))
    left = text[position - 1]
    return (*symbols, left if left >= N_BOUNDARIES else left & 2)


def sort_windows(text, max_order):
    """(least position, count) of every distinct window, in sorted order."""
    positions = [i for i, unit in enumerate(text) if unit >= N_BOUNDARIES]
    counts = Counter(window(text, i, max_order) for i in positions)
    least = {window(text, i, max_order): i for i in reversed(positions)}
    return [(least[symbols], counts[symbols]) for symbols in sorted(counts)]


def window_keys(text, positions, id_bits, n_symbols, max_order=7):
    """The first symbols of windows, the first one in the highest bits of 64."""
    keys = []
    for position in positions:
        symbols = window(text, position, max_order)[:n_symbols]
        keys.append(sum(symbol << 64 - (i + 1) * id_bits for i, symbol in enumerate(symbols)))
    return keys
