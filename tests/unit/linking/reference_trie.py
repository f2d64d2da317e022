"""Plain versions of the kernels of the trie, on strings and dictionaries."""

from __future__ import annotations

import unicodedata


def count_nodes(keys):
    return len({""} | {key[:i] for key in keys for i in range(len(key) + 1)})


def _kind(character):
    if character in "0123456789":
        return "digit"
    is_letter = unicodedata.category(character).startswith("L")
    code = ord(character)
    return "letter" if is_letter and (code < 0x250 or 0x370 <= code < 0x530 or 0x1E00 <= code < 0x2000) else ""


def is_inside(text, i):
    """Whether place ``i`` is inside a word of letters or a number."""
    if i in (0, len(text)):
        return False
    if _kind(text[i - 1]) and _kind(text[i]):
        return True
    if text[i - 1] in ",." and i >= 2:
        return _kind(text[i - 2]) == _kind(text[i]) == "digit"
    if text[i] in ",." and i + 1 < len(text):
        return _kind(text[i - 1]) == _kind(text[i + 1]) == "digit"
    return False


def match_keys(text, keys):
    """Start, length and key id of every key that occurs, by start, then length."""
    ids = {key: i for i, key in enumerate(keys)}
    return [
        (start, stop - start, ids[text[start:stop]])
        for start in range(len(text))
        for stop in range(start + 1, len(text) + 1)
        if text[start:stop] in ids and not is_inside(text, start) and not is_inside(text, stop)
    ]


def find_key(text, keys):
    return keys.index(text) if text in keys else -1


def hash_codes(text):
    value = 2166136261
    for character in text:
        value = (value ^ ord(character)) * 16777619 % 2**32
    return value >> 1


def find_keys(texts, keys):
    return [find_key(text, keys) if text in keys else ~hash_codes(text) for text in texts]
