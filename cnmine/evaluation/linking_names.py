"""A knowledge base in; what the evaluation asks of it out: does it have an entity, a name, what are the types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnmine.evaluation.linking import TextPair, measure_coverage
from cnmine.linking.records import is_nil

if TYPE_CHECKING:
    from cnmine.linking.kb import KnowledgeBase


class EntityNames:
    """Questions about the entities of an open knowledge base, by their ids."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb

    def has_entity(self, kb_id: str) -> bool:
        """Whether there is such an entity."""
        return not is_nil(kb_id) and self._kb.entity_number(kb_id) >= 0

    def has_name(self, mention: str, kb_id: str) -> bool:
        """Whether a mention is one of the names of an entity, after normalisation."""
        return self.check(mention, kb_id) == "yes"

    def check(self, mention: str, kb_id: str) -> str:
        """Whether a mention is a name of an entity: "yes", "of others" or "no"; see `find_errors`."""
        key = self._kb.find_key(mention)
        if key < 0:
            return "no"
        start, stop = int(self._kb.key_offsets[key]), int(self._kb.key_offsets[key + 1])
        if start == stop:  # a word of the dictionary and nothing else
            return "no"
        number = -1 if is_nil(kb_id) else self._kb.entity_number(kb_id)
        return "yes" if number >= 0 and (self._kb.key_entities[start:stop] == number).any() else "of others"

    def types_of(self, kb_id: str) -> Sequence[str]:
        """Types of an entity; none if there is no such entity."""
        return self._kb.types(self._kb.entity_number(kb_id)) if self.has_entity(kb_id) else []

    def title(self, kb_id: str) -> str | None:
        """Title of an entity, or None."""
        return self._kb.title(self._kb.entity_number(kb_id)) if self.has_entity(kb_id) else None

    def measure_coverage(self, pairs: Sequence[TextPair]) -> dict[str, float | None]:
        """Shares of the gold links that the knowledge base allows; see `cnmine.evaluation.linking`."""
        return measure_coverage(pairs, self.has_entity, self.has_name)
