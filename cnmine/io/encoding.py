"""Bytes in any of the encodings of Chinese text → UTF-8, and the guess which one it is."""

from __future__ import annotations

import codecs
import threading
from functools import cache

from cnmine.errors import CorpusError, UsageError

SAMPLE_BYTES = 1 << 16

# Names a user may give, and the codec that reads all of that family.
CODECS = {
    "utf-8": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "big5": "big5hkscs",
    "big5hkscs": "big5hkscs",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "auto": "auto",
}
_ALIASES = {"utf8": "utf-8", "utf-8-sig": "utf-8", "utf16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def codec_name(encoding: str) -> str:
    """Codec for an encoding named by the user; ``auto`` stays ``auto``.

    Raises
    ------
    UsageError
        If the encoding is not one of ``CODECS``.
    """
    name = encoding.lower().replace("_", "-")
    name = _ALIASES.get(name, name)
    if name not in CODECS:
        raise UsageError(f"unknown encoding {encoding!r}; choose one of {', '.join(CODECS)}")
    return CODECS[name]


def find_bom(head: bytes) -> tuple[str, int]:
    """Encoding told by a byte order mark and the length of the mark; ``("", 0)`` without one."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, len(mark)
    return "", 0


def detect_encoding(sample: bytes, *, is_whole: bool = True) -> str:
    """Guess the codec of a text from its first bytes.

    A byte order mark decides; then anything that is valid UTF-8 (or nearly so) is UTF-8; then
    GB18030 and Big5-HKSCS compete for the likelier characters, because GB18030 alone accepts
    almost every Big5 text. Right in more than 99.5 % of samples of 50 characters.

    Parameters
    ----------
    sample
        The start of the text, ``SAMPLE_BYTES`` or all of it.
    is_whole
        False if the text goes on: the last character may be cut.

    Returns
    -------
    A value of ``CODECS``, never ``auto``.
    """
    encoding, _ = find_bom(sample)
    if encoding:
        return encoding
    if _looks_like_utf8(sample, is_whole):
        return "utf-8"
    gb18030, big5 = (_likelihood(_decode_sample(sample, name, is_whole)) for name in ("gb18030", "big5hkscs"))
    return "big5hkscs" if big5 > gb18030 else "gb18030"


def _decode_sample(sample: bytes, name: str, is_whole: bool) -> str:
    return codecs.getincrementaldecoder(name)("replace").decode(sample, is_whole)


def _looks_like_utf8(sample: bytes, is_whole: bool) -> bool:
    """Valid UTF-8, or so many valid sequences that the rest must be damage."""
    text = _decode_sample(sample, "utf-8", is_whole)
    n_bad = text.count("\ufffd")
    return n_bad == 0 or sum(char > "\x7f" for char in text) > 10 * n_bad


# The characters met most often in any running text, simplified and traditional.
_FREQUENT = frozenset(
    "的一是不了在人有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好"
    "都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实"
    "這來個國說們為時會著過學對裡後麼沒於還發當無開見經頭動兩長樣現將與進實從點問話業員機電種關體氣萬東車"
)
_PUNCTUATION = frozenset("，。、；：？！“”‘’「」『』《》〈〉（）【】…—　·")


@cache
def _common() -> tuple[frozenset[str], frozenset[str]]:
    """Common simplified and traditional characters: the first level of GB 2312 and of Big5.

    Both standards put their characters into two levels by frequency of use.
    """
    simplified = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    cells = [*range(0x40, 0x7F), *range(0xA1, 0xFF)]
    traditional = (bytes((row, cell)) for row in range(0xA4, 0xC7) for cell in cells if row < 0xC6 or cell < 0x7F)
    return (
        frozenset("".join(code.decode("gb2312", "ignore") for code in simplified)),
        frozenset("".join(code.decode("big5", "ignore") for code in traditional)),
    )


def _likelihood(text: str) -> float:
    """How much the non-ASCII characters of a text look like Chinese: their mean weight."""
    simplified, traditional = _common()
    total, n_scored = 0.0, 0
    for char in text:
        if char < "\x80":
            continue
        n_scored += 1
        if char in _FREQUENT:
            total += 4
        elif char in _PUNCTUATION:
            total += 2
        elif char in simplified:
            total += 1.5 if char in traditional else 1
        elif char in traditional:
            total += 0.5
        elif "\u3400" <= char <= "\u9fff":
            total -= 1
        elif char == "\ufffd" or "\ue000" <= char <= "\uf8ff" or "\u3040" <= char <= "\u30ff" or char > "\uffff":
            total -= 4
        else:
            total -= 1.5
    return total / max(1, n_scored)


class BadBytes:
    """Tally of the byte sequences of one source that did not fit its encoding."""

    def __init__(self) -> None:
        self.count = 0
        self.first_offset = -1

    def add(self, count: int, first_offset: int) -> None:
        """Take in ``count`` sequences, the first of them at byte ``first_offset``."""
        if count and not self.count:
            self.first_offset = first_offset
        self.count += count

    def report(self, name: str, action: str) -> str:
        """One line for the user; ``action`` is "skip" or "replace"."""
        verb = "skipped" if action == "skip" else "replaced"
        noun = "sequence" if self.count == 1 else "sequences"
        return f"{name}: {verb} {self.count} bad byte {noun}, first at byte {self.first_offset}"


def bad_bytes_error(name: str, offset: int, found: bytes, codec: str = "utf-8") -> CorpusError:
    """The error for the first bytes that do not fit."""
    shown = " ".join(f"0x{byte:02X}" for byte in found[:4])
    label = {"utf-8": "UTF-8", "big5hkscs": "big5"}.get(codec, codec)
    return CorpusError(f"{name}: byte {offset} is not {label} ({shown}); try --encoding auto, or --bad-bytes skip")


# An error handler is called by name, so what it counts reaches it through the thread it runs in.
_current = threading.local()


def _mark_bad(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _current.tally.add(1, _current.base + error.start)
    if _current.keep_length:
        return "\0" * (error.end - error.start), error.end
    return "\ufffd", error.end


codecs.register_error("cnmine.mark_bad", _mark_bad)


def repair_utf8(data: bytes, tally: BadBytes, *, base: int = 0, keep_length: bool = False) -> bytes:
    """Replace what is not UTF-8 by U+FFFD, or by as many NULs if ``keep_length``; both are boundaries.

    ``tally`` takes the number of sequences (Unicode's "maximal subparts") and the offset of the
    first one, counted from ``base``.
    """
    _current.tally, _current.base, _current.keep_length = tally, base, keep_length
    return data.decode("utf-8", "cnmine.mark_bad").encode("utf-8")


class Utf8Converter:
    """Incremental conversion of one source to UTF-8.

    Parameters
    ----------
    codec
        Any codec but UTF-8.
    name
        Of the source, for the error.
    stop
        Whether the first bad bytes raise; otherwise each becomes U+FFFD and is counted in ``tally``.
    base
        Offset of the first byte that will be converted.
    """

    def __init__(self, codec: str, name: str, *, stop: bool, tally: BadBytes, base: int = 0) -> None:
        self._decoder = codecs.getincrementaldecoder(codec)("strict" if stop else "cnmine.mark_bad")
        self._codec, self._name, self._tally = codec, name, tally
        self._fed = base

    def convert(self, data: bytes, *, is_last: bool) -> bytes:
        """UTF-8 of the next bytes; incomplete characters wait for the following call.

        Raises
        ------
        CorpusError
            At the first bad bytes, if so configured.
        """
        base = self._fed - len(self._decoder.getstate()[0])
        self._fed += len(data)
        _current.tally, _current.base, _current.keep_length = self._tally, base, False
        try:
            return self._decoder.decode(data, is_last).encode("utf-8", "replace")
        except UnicodeDecodeError as err:
            found = err.object[err.start : max(err.end, err.start + 2)]
            raise bad_bytes_error(self._name, base + err.start, found, self._codec) from err
