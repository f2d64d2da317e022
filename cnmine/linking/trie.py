"""Names → a double-array trie that finds all of them in a text in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnmine.dtypes import CODEPOINT, OFFSET
from cnmine.errors import UsageError
from cnmine.linking import _trie_kernels as kernels
from cnmine.linking.normalize import run_classes

N_SYMBOLS = 0x30000  # code points beyond stand in no key
MAX_SYMBOLS = (1 << 16) - 1
_ROOM = 1.1  # slots for each node at first
_MATCHES_PER_CODE = 1.5  # room for matches at first


def build_trie(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Arrange keys in a trie.

    Parameters
    ----------
    texts
        Normalized, sorted, all different, none empty; without code points from U+30000 on. Key ids are their places.

    Returns
    -------
    ``uint16[0x30000]``, the symbol of every code point, 0 for those that stand in no key, the most frequent ones
    lowest; and ``int32[n, 3]``, the nodes, see `cnmine.linking._trie_kernels`.

    Raises
    ------
    UsageError
        If the keys are not as they should be, or have more than 65,535 different characters.

    Notes
    -----
    Memory: 4 bytes a character and 48 a node; a second for a million keys.
    """
    offsets = np.zeros(len(texts) + 1, OFFSET)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    if any(not text or text <= before for before, text in zip(["", *texts], texts, strict=False)):
        raise UsageError("the keys of a trie must be sorted, all different and not empty")
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), CODEPOINT)
    if codes.size and codes.max() >= N_SYMBOLS:
        raise UsageError(f"a key of a trie has the character U+{codes.max():X}; keys end below U+{N_SYMBOLS:X}")
    counts = np.bincount(codes, minlength=N_SYMBOLS)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    if order.size > MAX_SYMBOLS:
        raise UsageError(f"the keys of a trie have {order.size} different characters; {MAX_SYMBOLS} are possible")
    symbol_of_code = np.zeros(N_SYMBOLS, np.uint16)
    symbol_of_code[order] = np.arange(1, order.size + 1)
    symbols = symbol_of_code[codes]
    n_nodes = kernels.count_nodes(symbols, offsets)
    room = int(n_nodes * _ROOM) + 2 * order.size + 2
    while True:
        nodes = np.full((room, 3), -1, np.int32)
        nodes[:, kernels.BASE] = 0
        queue = np.empty((n_nodes, 4), np.int32)
        n_slots = kernels.build_trie(symbols, offsets, nodes, np.empty((room, 2), np.int32), queue)
        if n_slots > 0:
            return symbol_of_code, nodes[:n_slots].copy()
        room = int(1.3 * room)


class Trie:
    """Finds keys in text.

    Attributes
    ----------
    tables
        What the kernels take: symbols, classes of characters, nodes; all read-only.

    Examples
    --------
    >>> from cnmine.linking.normalize import normalize
    >>> trie = Trie(*build_trie(["nba", "上海", "上海市", "海市蜃楼"]))
    >>> starts, lengths, key_ids = trie.match(normalize("上海市的NBA，NBAs"))
    >>> starts.tolist(), lengths.tolist(), key_ids.tolist()
    ([0, 0, 4], [2, 3, 3], [1, 2, 0])
    """

    def __init__(self, symbols: np.ndarray, nodes: np.ndarray) -> None:
        self.tables = tuple(_read_only(array) for array in (symbols, run_classes(), nodes))

    def match(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every key that occurs in a text.

        Parameters
        ----------
        codes
            ``uint32[n]``; normalized code points. Texts may be joined by line ends: no key has one.

        Returns
        -------
        ``int64[m]`` starts, ``int32[m]`` lengths and ``int32[m]`` key ids, by start, then length. No key begins or ends
        inside a word of letters, or a number, of which a point or comma between two digits is part.

        Notes
        -----
        Cost: one pass, as many steps for each character as the longest beginning of a key there is long.
        """
        codes = _read_only(np.ascontiguousarray(codes, CODEPOINT))
        room = int(_MATCHES_PER_CODE * len(codes)) + 64
        while True:
            starts, lengths, keys = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int32)
            n = int(kernels.match_keys(codes, self.tables, starts, lengths, keys))
            if n >= 0:
                return starts[:n], lengths[:n], keys[:n]
            reached = -n
            room = int(1.2 * room * len(codes) / reached) + 64

    def find(self, codes: np.ndarray) -> int:
        """Id of the key that these normalized code points are; -1 if there is none."""
        return int(kernels.find_key(_read_only(np.ascontiguousarray(codes, CODEPOINT)), self.tables))

    def find_all(self, codes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Ids of the keys that stretches of text are.

        Parameters
        ----------
        codes
            ``uint32[n]``; normalized code points.
        offsets
            ``int64[k + 1]``, ascending; stretch ``i`` is ``codes[offsets[i]:offsets[i + 1]]``.

        Returns
        -------
        ``int32[k]``; for what is no key ``~h``, h the upper 31 bits of the 32 of FNV-1a over its code points.
        """
        out = np.empty(len(offsets) - 1, np.int32)
        codes = _read_only(np.ascontiguousarray(codes, CODEPOINT))
        kernels.find_keys(codes, _read_only(np.ascontiguousarray(offsets, OFFSET)), self.tables, out)
        return out


def _read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written to: one compiled variant of each kernel serves."""
    view = array.view()
    view.flags.writeable = False
    return view
