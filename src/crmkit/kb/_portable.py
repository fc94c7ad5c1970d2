"""The tables of an analyzer as plain data, for a search that runs where no Python is."""

from functools import cache
from typing import Any

from crmkit.kb import _english, _folding
from crmkit.kb._simplified import SIMPLIFIED

__all__ = ["folding", "stemming"]


def folding(*, simplify: bool) -> dict[str, Any]:
    """What `fold` looks up; normal forms and lower case are those of the language that reads it.

    Args:
        simplify: whether traditional characters become simplified ones.
    """
    return {
        "marks": _folding.MARKS.pattern,
        "composing": _folding.COMPOSING.pattern,
        "casefold": [list(pair) for pair in _casefold()],
        "simpler": [list(pair) for pair in _folding.SIMPLER.items()],
        "simplified": [[chr(one), other] for one, other in SIMPLIFIED.items()] if simplify else [],
    }


def stemming() -> dict[str, Any]:
    """What `stem` looks up, in the order in which it does."""
    return {
        "irregular": [list(pair) for pair in _english.IRREGULAR.items()],
        "region": _english.REGION.pattern,
        "first": _english.FIRST_REGION.pattern,
        "short": _english.SHORT.pattern,
        "untouched": sorted(_english.UNTOUCHED_ING),
        "doubles": list(_english.DOUBLES),
        "second": [list(pair) for pair in _english.SECOND.items()],
        "third": [list(pair) for pair in _english.THIRD.items()],
        "fourth": list(_english.FOURTH),
    }


@cache
def _casefold() -> tuple[tuple[str, str], ...]:
    """The characters whose folded case is not their lower case."""
    every = map(chr, range(0x110000))
    return tuple((one, one.casefold()) for one in every if one.casefold() != one.lower())
