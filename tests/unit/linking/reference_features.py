"""Features of candidates and decisions, in plain Python."""

from __future__ import annotations

import math


def others(values, i):
    """Highest of the other values, not below 0."""
    return max([0.0, *values[:i], *values[i + 1 :]])


def features(text, span, candidates, links):
    """Features of the candidates of one span.

    Candidates are dictionaries of what is known of each; links are the entities that labels link the key to.
    """
    start, length, key = span
    rows = []
    pairs, chars = ([c["overlaps"][k] for c in candidates] for k in (0, 1))
    titled = float(text[start - 1] == "《" and text[start + length] == "》")
    for i, c in enumerate(candidates):
        rows.append(
            [
                math.log((links.count(c["entity"]) + c["prior"]) / (len(links) + 1)),
                math.log(c["prior"] + 1e-6),
                math.log(1 + c["n_links"]),
                math.log(len(candidates)),
                *(math.log(1 + size) for size in c["sizes"]),
                float(c["title_key"] == key),
                *c["overlaps"][:5],
                pairs[i] / math.log(20 + c["sizes"][1]),
                chars[i] / (5 + c["overlaps"][5]),
                c["type_prior"],
                c["nearby"],
                titled,
                titled * c["type_prior"],
                math.log(1 + len(links)),
                pairs[i] - others(pairs, i),
                chars[i] - others(chars, i),
            ]
        )
    return rows


def decision(length, log_odds, log_freq, links, scored):
    """What decides on a span; ``scored`` has score and columns of features of each candidate."""
    nils = links.count(None)
    row = [log_odds, math.log((nils + 0.2) / (len(links) + 0.5)), length, log_freq]
    if scored:
        best, *rest = sorted((score for score, _ in scored), reverse=True)
        second = max([-12.0, *rest[:1]])
        row += [best, min(best - second, 12.0), math.log(len(scored)), *max(scored, key=lambda item: item[0])[1]]
    return row
