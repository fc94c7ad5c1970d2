"""Amounts that are no row's own, and figures that are not in money but of one currency."""

from collections.abc import Iterable, Iterator

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding
from crmkit.metrics.metric import UNUSABLE, Part
from crmkit.metrics.view import View

__all__ = ["by_money", "converted"]

Ints = npt.NDArray[np.int64]


def converted(view: View, rows: Ints, minor: Ints) -> tuple[Ints, Coded, list[Finding]]:
    """Amounts of which each is a part of that of a row of the ledger, as `View.money` gives whole ones."""
    ledger = view.facts.ledger
    assert ledger is not None  # noqa: S101 - `rows` are rows of it
    facts = attrs.evolve(view.facts, ledger=attrs.evolve(ledger[rows], minor=minor))
    return View(facts, view.buckets, view.by, view.until).money(np.arange(len(rows)))


def by_money(parts: Iterable[Part | Finding]) -> Iterator[Part | Finding]:
    """Parts whose currency is a group of its own, "money": those of figures that are in days, or a share."""
    for part in parts:
        if not isinstance(part, Part) or part.name == UNUSABLE:
            yield part
        else:
            named = {"money" if name == "currency" else name: column for name, column in part.keys.items()}
            yield attrs.evolve(part, keys=named)
