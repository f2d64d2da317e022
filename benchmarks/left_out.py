"""Weights for a data set that were fitted without it: otherwise its own gold would have taught the system.

The weights that come with cnmine were fitted on the gold of five of the sets (fit_experience.py). Measured
on one of these, they say how well the fit went and not how well a new text will do.
"""

from __future__ import annotations

import functools
from pathlib import Path

import fit_experience
import runs
from fit_experience import SEGMENTED, Example

from cnmine.newwords.dictionary import load_dictionary
from cnmine.newwords.experience import Experience

FITTED_AS = {"pfr199802": "february"}  # sets that fit_experience.py calls by another name
# Left out together: both are People's Daily of early 1998, one would teach the other's names and habits.
FAMILIES = (frozenset({"pku", "february"}),)


def is_fitted(name: str) -> bool:
    """Whether the gold of a set is in the weights that come with cnmine."""
    return FITTED_AS.get(name, name) in SEGMENTED


def family_of(name: str) -> frozenset[str]:
    """The set itself, and those like it."""
    fitted = FITTED_AS.get(name, name)
    return next((family for family in FAMILIES if fitted in family), frozenset({fitted}))


@functools.cache
def fit_without(family: frozenset[str], data: Path) -> Experience | None:
    """Weights from all segmented corpora at hand but those of a family; None if fewer than two are left."""
    others = [name for name in SEGMENTED if name not in family and (data / SEGMENTED[name]).is_file()]
    if len(others) < 2:
        return None
    runs.report(f"fitting on {', '.join(others)} …")
    return fit_experience.fit_experience({name: load_example(name, data) for name in others})


@functools.cache
def load_example(name: str, data: Path) -> Example:
    return fit_experience.load_example(data / SEGMENTED[name], load_dictionary())
