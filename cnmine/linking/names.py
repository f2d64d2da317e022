"""A knowledge base and what labels teach of names → the names in a text, and the entities that each may mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from cnmine.dtypes import CODEPOINT
from cnmine.errors import StoreError
from cnmine.linking.build import MAX_NAME
from cnmine.linking.kb import KnowledgeBase
from cnmine.linking.normalize import code_points
from cnmine.linking.trie import N_SYMBOLS, Trie, build_trie

NIL_ENTITY = (1 << 31) - 1
MIN_LABELS = 3  # from which a label is no slip


def _no_pairs() -> np.ndarray:
    return np.zeros(0, np.int64)


def _no_priors() -> np.ndarray:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class LearnedNames:
    """What labels say of names beyond the knowledge base.

    Attributes
    ----------
    texts
        Names that are no key of it, normalized, ascending; their keys are numbered behind its own.
    pairs
        ``int64[p]``, key << 32 | entity, ascending: entities that it does not list under a key.
    priors
        ``float32[p]``, n / (N + 1): n labels with this name for the entity, N in all.
    """

    texts: Sequence[str] = ()
    pairs: np.ndarray = field(default_factory=_no_pairs)
    priors: np.ndarray = field(default_factory=_no_priors)


def learn_names(kb: KnowledgeBase, labels: Counter[tuple[str, int]]) -> LearnedNames:
    """Gather names, and entities of names, that the knowledge base does not have.

    Parameters
    ----------
    kb
        The knowledge base.
    labels
        How often each normalized name was marked as each entity: a number, `NIL_ENTITY`, or below 0 for one that the
        knowledge base does not have. Names that were marked, and entities that a name was marked as, `MIN_LABELS` times
        or more are learned.
    """
    totals: Counter[str] = Counter()
    for (text, _), n in labels.items():
        totals[text] += n
    often = sorted(text for text, n in totals.items() if n >= MIN_LABELS and _is_possible(text))
    ends = np.cumsum([0, *map(len, often)], dtype=np.int64)
    found = kb.trie.find_all(code_points("".join(often)), ends).tolist()
    texts = [text for text, key in zip(often, found, strict=True) if key < 0]
    keys = {text: key for text, key in zip(often, found, strict=True) if key >= 0}
    keys |= {text: kb.n_keys + i for i, text in enumerate(texts)}
    known = {text: set(_listed(kb, key)) for text, key in keys.items()}
    pairs = sorted(
        (keys[text] << 32 | entity, n / (totals[text] + 1))
        for (text, entity), n in labels.items()
        if n >= MIN_LABELS and text in keys and 0 <= entity < NIL_ENTITY and entity not in known[text]
    )
    return LearnedNames(
        texts, np.array([pair for pair, _ in pairs], np.int64), np.array([prior for _, prior in pairs], np.float32)
    )


def _is_possible(text: str) -> bool:
    return not text.isspace() and "\n" not in text and len(text) <= MAX_NAME and ord(max(text)) < N_SYMBOLS


def _listed(kb: KnowledgeBase, key: int) -> list[int]:
    """The entities of a key; none for one that is not the knowledge base's."""
    if key >= kb.n_keys:
        return []
    return kb.key_entities[kb.key_offsets[key] : kb.key_offsets[key + 1]].tolist()


class Names:
    """The keys of a knowledge base and behind them those that were learned, with the entities that they may mean.

    Parameters
    ----------
    kb
        The knowledge base.
    learned
        From `learn_names`. With none the arrays are those of the knowledge base; else copies, 16 bytes for each key and
        8 for each of its entities.

    Attributes
    ----------
    n_keys
        Number of all keys.

    Raises
    ------
    StoreError
        If a pair has a key or an entity that there is not.
    """

    def __init__(self, kb: KnowledgeBase, learned: LearnedNames | None = None) -> None:
        self.kb = kb
        self.learned = learned or LearnedNames()
        self.n_keys = kb.n_keys + len(self.learned.texts)
        self._trie = Trie(*build_trie(self.learned.texts)) if self.learned.texts else None
        keys, entities = self.learned.pairs >> 32, self.learned.pairs & 0xFFFFFFFF
        if len(keys) and not (0 <= keys.min() <= keys.max() < self.n_keys and entities.max() < kb.n_entities):
            raise StoreError(
                "the model has learned names of entities that the knowledge base does not have; "
                "train it again: cnmine link train"
            )

    def match(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every key that occurs in normalized code points; see `cnmine.linking.trie.Trie.match`."""
        found = self.kb.match(codes)
        if self._trie is None:
            return found
        starts, lengths, keys = self._trie.match(codes)
        if not len(starts):
            return found
        places = np.searchsorted(found[0] << 32 | found[1], starts << 32 | lengths)
        added = starts, lengths, keys + np.int32(self.kb.n_keys)
        merged = [np.insert(array, places, other) for array, other in zip(found, added, strict=True)]
        return merged[0], merged[1], merged[2]

    @cached_property
    def is_name(self) -> np.ndarray:
        """``bool[n_keys]``; whether each key names an entity."""
        return np.diff(self.key_offsets) > 0

    @cached_property
    def key_log_freqs(self) -> np.ndarray:
        """``float32[n_keys]``; see `KnowledgeBase.key_log_freqs`. Names that were learned are no words."""
        freqs = self.kb.key_log_freqs
        n_learned = len(self.learned.texts)
        return np.append(freqs, np.full(n_learned, self.kb.log_freq_floor, np.float32)) if n_learned else freqs

    @cached_property
    def lowest_log_freq(self) -> float:
        """The lowest of `key_log_freqs`, which stands for what is no key as well."""
        return float(self.key_log_freqs.min())

    @property
    def key_offsets(self) -> np.ndarray:
        """``int64[n_keys + 1]``; the entities of key ``i`` are ``key_entities[key_offsets[i]:key_offsets[i + 1]]``."""
        return self._entities[0]

    @property
    def key_entities(self) -> np.ndarray:
        """``int32[n]``; numbers of entities, for each key by falling prior."""
        return self._entities[1]

    @property
    def key_priors(self) -> np.ndarray:
        """``float32[n]``; P(entity given the name): the knowledge base's, or that of labels where it has none."""
        return self._entities[2]

    @cached_property
    def _entities(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kb, learned = self.kb, self.learned
        if not len(learned.pairs) and not learned.texts:
            return kb.key_offsets, kb.key_entities, kb.key_priors
        offsets = np.append(kb.key_offsets, np.full(len(learned.texts), kb.key_offsets[-1]))
        keys, entities = learned.pairs >> 32, (learned.pairs & 0xFFFFFFFF).astype(np.int32)
        order = np.lexsort([-learned.priors, keys])
        keys, entities, priors = keys[order], entities[order], learned.priors[order]
        places = [
            start + int(np.searchsorted(-kb.key_priors[start:stop], -prior, side="right"))
            for start, stop, prior in zip(offsets[keys].tolist(), offsets[keys + 1].tolist(), priors, strict=True)
        ]
        offsets[1:] += np.cumsum(np.bincount(keys, minlength=self.n_keys))
        where = np.array(places, np.int64)
        return offsets, np.insert(kb.key_entities, where, entities), np.insert(kb.key_priors, where, priors)


def encode_names(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code points of names one behind the other, ``uint32[n]``, and where each begins, ``int64[k + 1]``."""
    return code_points("".join(texts)), np.cumsum([0, *map(len, texts)], dtype=np.int64)


def decode_names(codes: np.ndarray, offsets: np.ndarray) -> list[str]:
    """The names that `encode_names` wrote.

    Raises
    ------
    ValueError
        If these are none: not ascending, empty, or with characters that no name has.
    """
    ends = offsets.tolist()
    if not ends or ends[0] != 0 or ends[-1] != len(codes) or any(b <= a for a, b in pairwise(ends)):
        raise ValueError("names do not end where they should")
    if len(codes) and int(codes.max()) >= N_SYMBOLS:
        raise ValueError("a name has a character that no name has")
    text = np.ascontiguousarray(codes, CODEPOINT).tobytes().decode("utf-32-le", "surrogatepass")
    names = [text[a:b] for a, b in pairwise(ends)]
    if any(b <= a for a, b in pairwise(names)):
        raise ValueError("names do not ascend")
    return names
