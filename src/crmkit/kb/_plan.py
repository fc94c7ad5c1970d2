"""Plans: what a question comes to in one state of an index, in terms with their weights."""

import math
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from crmkit.kb._snapshot import TermStats

__all__ = ["Both", "Either", "Everything", "Inverse", "Plan", "Row", "Slot", "Sum", "Weighted", "rarity"]


@attrs.frozen
class Weighted:
    """A term that scores.

    Attributes:
        stats: the term.
        weight: what its part of BM25F is multiplied by: rarity, boosts, doubt.
        field: the number of the only field to look in; None: all.
    """

    stats: TermStats
    weight: float
    field: int | None


@attrs.frozen
class Slot:
    """One word of the question.

    Attributes:
        terms: what may stand for it; none: the word is unknown.
        counts: whether it counts as a word where some or all are required; pairs and sounds only score.
    """

    terms: tuple[Weighted, ...]
    counts: bool = True


@attrs.frozen
class Sum:
    """Words, so many of which must be there.

    Attributes:
        slots: the words.
        need: how many of those that count; 0: any one, also of those that do not count.
    """

    slots: tuple[Slot, ...]
    need: int = 0


@attrs.frozen
class Row:
    """Terms in their order.

    Attributes:
        terms: each with its place in the phrase, rising.
        slop: how many others may stand between them.
        weight: what BM25F of the number of such rows is multiplied by.
        field: the number of the only field to look in; None: all.
    """

    terms: tuple[tuple[TermStats, int], ...]
    slop: int
    weight: float
    field: int | None


@attrs.frozen
class Everything:
    """Every document."""


@attrs.frozen
class Both:
    """All parts; none: everything."""

    parts: "tuple[Plan, ...]"


@attrs.frozen
class Either:
    """One of the parts."""

    parts: "tuple[Plan, ...]"


@attrs.frozen
class Inverse:
    """Not the part."""

    part: "Plan"


Plan: TypeAlias = Sum | Row | Everything | Both | Either | Inverse


def rarity(documents: int, size: int) -> float:
    """The inverse document frequency of BM25 (Robertson and Sparck Jones, kept positive as in Lucene)."""
    return math.log1p((size - documents + 0.5) / (documents + 0.5))


def best(candidates: Sequence[tuple[TermStats, int]], most: int) -> list[tuple[TermStats, float]]:
    """The candidates in most documents, with the weight that doubt leaves them.

    0.8 for one wrong letter, 0.6 for two; times the root of a candidate's share of the documents.
    """
    kept = sorted(candidates, key=_frequent)[:most]
    total = sum(stats.documents for stats, _ in kept)
    return [(stats, (1, 0.8, 0.6)[edits] * math.sqrt(stats.documents / total)) for stats, edits in kept]


def _frequent(candidate: tuple[TermStats, int]) -> tuple[int, str]:
    return -candidate[0].documents, candidate[0].term
