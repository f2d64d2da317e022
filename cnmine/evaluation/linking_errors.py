"""Gold and system mentions of the same texts in; every difference, with its kind and a likely cause, out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cnmine.evaluation.linking import Span, TextPair, split_answers
from cnmine.linking.records import NIL, Mention

KINDS = ("not_found", "wrong_span", "wrong_entity", "nil", "spurious")
CONTEXT_CHARACTERS = 16

# Whether a mention is a name of an entity: "yes", "of others" (only of others), or "no".
NameCheck = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class LinkingError:
    """One difference between gold and system.

    Attributes
    ----------
    kind
        not_found: nothing of the mention was found. wrong_span: another span that overlaps it was found in its place.
        wrong_entity: the span is right, the entity is not. nil: the span is right, and one side says NIL. spurious: a
        span that gold does not have, and none of gold is in its place.
    cause
        What can be told of the reason, in words of which there are few.
    text_id, context
        The text, and the characters around the mention, which stands between 【 and 】.
    gold, system
        The mentions; None for the side that has none.
    gold_rank
        Place of the gold entity among the candidates of the system, from 1; None if it is not there.
    """

    kind: str
    cause: str
    text_id: str
    context: str
    gold: Mention | None
    system: Mention | None
    gold_rank: int | None = None


def find_errors(pairs: Iterable[TextPair], *, name_check: NameCheck | None = None) -> Iterator[LinkingError]:
    """Yield every difference, in the order of the texts and of the offsets.

    Parameters
    ----------
    pairs
        From `cnmine.evaluation.linking.pair_texts`.
    name_check
        Tells from a knowledge base whether a mention is a name of an entity; without it causes that need it are
        not told apart.
    """
    for pair in pairs:
        found = [*_compare_common(pair, name_check), *_compare_others(pair, name_check)]
        found.sort(key=lambda item: (item[0], KINDS.index(item[1].kind)))
        yield from (error for _, error in found)


def count_errors(errors: Iterable[LinkingError]) -> list[tuple[str, str, int]]:
    """Kind, cause and number of errors: kinds in the order of ``KINDS``, in each the commonest cause first."""
    counts = Counter((error.kind, error.cause) for error in errors)
    ordered = sorted(counts.items(), key=lambda item: (KINDS.index(item[0][0]), -item[1], item[0][1]))
    return [(kind, cause, n) for (kind, cause), n in ordered]


def _compare_common(pair: TextPair, name_check: NameCheck | None) -> Iterator[tuple[Span, LinkingError]]:
    """Differences on spans that both sides have."""
    for span in pair.gold.keys() & pair.system.keys():
        gold, system = pair.gold[span], pair.system[span]
        wanted, answers = split_answers(gold.kb_id), split_answers(system.kb_id)
        if wanted == answers:
            continue
        rank = _rank(wanted, system)
        if NIL in wanted:
            kind, cause = "nil", "linked, gold is NIL"
        elif answers == {NIL}:
            kind, cause = "nil", _explain_nil(gold, system, rank, name_check)
        elif len(wanted) > 1 and wanted & answers:
            kind, cause = "wrong_entity", "some answers right"
        else:
            kind, cause = "wrong_entity", _explain_choice(gold, system, rank, name_check)
        yield span, LinkingError(kind, cause, pair.text_id, _context(pair.text, span), gold, system, rank)


def _compare_others(pair: TextPair, name_check: NameCheck | None) -> Iterator[tuple[Span, LinkingError]]:
    """Spans of one side only: paired where they overlap, longest overlap first; the rest alone."""
    gold, system = sorted(pair.gold.keys() - pair.system.keys()), sorted(pair.system.keys() - pair.gold.keys())
    overlaps = ((_overlap(ours, theirs), ours, theirs) for ours in gold for theirs in system)
    taken: set[tuple[str, Span]] = set()
    for size, ours, theirs in sorted(overlaps, key=lambda item: (-item[0], *item[1:])):
        if size <= 0 or ("gold", ours) in taken or ("system", theirs) in taken:
            continue
        taken |= {("gold", ours), ("system", theirs)}
        cause, context = _explain_span(ours, theirs), _context(pair.text, ours)
        yield ours, LinkingError("wrong_span", cause, pair.text_id, context, pair.gold[ours], pair.system[theirs])
    for span in gold:
        if ("gold", span) not in taken:
            mention, context = pair.gold[span], _context(pair.text, span)
            within = any(_overlap(span, other) for other in pair.system)
            cause = _explain_missing(mention, within, name_check)
            yield span, LinkingError("not_found", cause, pair.text_id, context, mention, None)
    for span in system:
        if ("system", span) not in taken:
            mention, context = pair.system[span], _context(pair.text, span)
            within = any(_overlap(span, other) for other in pair.gold)
            cause = "overlaps a mention that was found" if within else "no mention in gold"
            yield span, LinkingError("spurious", cause, pair.text_id, context, None, mention)


def _overlap(a: Span, b: Span) -> int:
    return max(0, min(a[0] + a[1], b[0] + b[1]) - max(a[0], b[0]))


def _rank(wanted: frozenset[str], system: Mention) -> int | None:
    listed = [kb_id for kb_id, _ in system.candidates or ()]
    ranks = [listed.index(answer) + 1 for answer in wanted if answer in listed]
    return min(ranks, default=None)


def _explain_nil(gold: Mention, system: Mention, rank: int | None, name_check: NameCheck | None) -> str:
    if rank is not None:
        return "entity ranked first, below the threshold" if rank == 1 else "entity ranked lower, below the threshold"
    return _explain_absence(gold, system, name_check) or "said NIL"


def _explain_choice(gold: Mention, system: Mention, rank: int | None, name_check: NameCheck | None) -> str:
    if rank is not None:
        return "entity ranked lower"
    return _explain_absence(gold, system, name_check) or "another entity"


def _explain_absence(gold: Mention, system: Mention, name_check: NameCheck | None) -> str | None:
    """Why the gold entity is not among the candidates; None if there is nothing to tell it by."""
    known = _check_name(gold, name_check)
    if known is not None and known != "yes":
        return "name unknown to the knowledge base" if known == "no" else "name of other entities only"
    return None if system.candidates is None else "entity not among the candidates"


def _explain_missing(gold: Mention, within: bool, name_check: NameCheck | None) -> str:
    if within:
        return "overlaps a mention that was found"
    if split_answers(gold.kb_id) == {NIL}:
        return "gold is NIL"
    known = _check_name(gold, name_check)
    if known is None:
        return "passed over"
    texts = {"yes": "name passed over", "of others": "name of other entities only"}
    return texts.get(known, "name unknown to the knowledge base")


def _check_name(gold: Mention, name_check: NameCheck | None) -> str | None:
    if name_check is None:
        return None
    checks = [name_check(gold.mention, answer) for answer in split_answers(gold.kb_id) - {NIL}]
    return next((check for check in ("yes", "of others") if check in checks), "no" if checks else None)


def _explain_span(gold: Span, system: Span) -> str:
    (start, length), (other_start, other_length) = gold, system
    stop, other_stop = start + length, other_start + other_length
    if other_start <= start and stop <= other_stop:
        return "too long"
    return "too short" if start <= other_start and other_stop <= stop else "across a border"


def _context(text: str, span: Span) -> str:
    start, stop = span[0], span[0] + span[1]
    left, right = text[max(0, start - CONTEXT_CHARACTERS) : start], text[stop : stop + CONTEXT_CHARACTERS]
    return f"{left}【{text[start:stop]}】{right}"
