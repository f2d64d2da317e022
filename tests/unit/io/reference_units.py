"""The text model in its most obvious form: one character at a time, regular expressions, no blocks."""

from __future__ import annotations

import re
import unicodedata

WIDE = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}

LETTERS = "A-Za-z" + "".join(
    re.escape(chr(code)) for code in [*range(0xC0, 0x250), *range(0x370, 0x530)] if chr(code).isalpha()
)
ALNUM = f"[{LETTERS}0-9]"
RUN = re.compile(
    f"[{LETTERS}]#"  # C#
    f"|{ALNUM}+(?:(?<={ALNUM})[._-]{ALNUM}+|(?<=[{LETTERS}])\\+{{1,2}}{ALNUM}*)*"  # PM2.5, x86_64, C++11
)
# A single letter takes a # only if nothing but the # follows it.
HAN = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def is_closing(character: str) -> bool:
    return character in '">＂＞' or unicodedata.category(character) in ("Pe", "Pf")


def is_opening(character: str) -> bool:
    return character in '"<＂＜' or unicodedata.category(character) in ("Ps", "Pi")


def fold_case_of(character: str) -> str:
    lower = character.lower()
    if len(lower) > 1 or (lower > "\u052f" and character not in WIDE):
        return character
    return lower


def units(text: str, *, fold_case: bool = False, fold_width: bool = True) -> list[int | str]:
    """Units of a text: a boundary is its code, a Han character or a run is a string."""
    narrow = "".join(WIDE.get(character, character) for character in text)
    out: list[int | str] = []
    stretch = ""

    def close_stretch() -> None:
        nonlocal stretch
        if stretch:
            out.append(is_closing(stretch[0]) + 2 * is_opening(stretch[-1]))
        stretch = ""

    i = 0
    while i < len(text):
        run = RUN.match(narrow, i)
        if run:
            surface = run.group() if fold_width else text[i : run.end()]
            if fold_case:
                surface = "".join(map(fold_case_of, surface))
            if len(surface.encode()) <= 64:
                close_stretch()
                out.append(surface)
            else:
                stretch += "\0"
            i = run.end()
        elif HAN.match(text[i]):
            close_stretch()
            folded = unicodedata.normalize("NFKC", text[i])
            out.append(folded if len(folded) == 1 else text[i])
            i += 1
        else:
            stretch += text[i]
            i += 1
    close_stretch()
    return out


def is_space(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Zs", "Zl", "Zp")


def kept_units(text: str, *, fold_case: bool = False, fold_width: bool = True) -> list[int | str]:
    """Units of a text where punctuation is kept: everything but white space, with boundaries at line ends alone."""
    narrow = "".join(WIDE.get(character, character) for character in text)

    def fold(start: int, stop: int) -> str:
        surface = narrow[start:stop] if fold_width else text[start:stop]
        return "".join(map(fold_case_of, surface)) if fold_case else surface

    out: list[int | str] = []
    i = 0
    while i < len(text):
        run = RUN.match(narrow, i)
        stop = run.end() if run else i + 1
        if run and len(fold(i, stop).encode()) <= 64:
            out.append(fold(i, stop))
        elif run:
            out += [fold(j, j + 1) if re.match(ALNUM, narrow[j]) else text[j] for j in range(i, stop)]
        elif text[i] == "\n":
            if out[-1:] != [0]:
                out.append(0)
        elif not is_space(text[i]):
            folded = unicodedata.normalize("NFKC", text[i]) if HAN.match(text[i]) else text[i]
            out.append(folded if len(folded) == 1 else text[i])
        i = stop
    return out


def stream(texts: list[str], **options: bool) -> list[int | str]:
    """Units of several sources, each as if it stood between line ends."""
    whole = "\n" + "\n".join(texts) + "\n"
    return units(whole, **options)
