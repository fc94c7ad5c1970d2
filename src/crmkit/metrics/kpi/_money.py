"""Figures that are not in money but of one currency."""

from collections.abc import Iterable, Iterator

import attrs

from crmkit.journal import Finding
from crmkit.metrics.metric import UNUSABLE, Part

__all__ = ["by_money"]


def by_money(parts: Iterable[Part | Finding]) -> Iterator[Part | Finding]:
    """Parts whose currency is a group of its own, "money": those of figures that are in days, or a share."""
    for part in parts:
        if not isinstance(part, Part) or part.name == UNUSABLE:
            yield part
        else:
            named = {"money" if name == "currency" else name: column for name, column in part.keys.items()}
            yield attrs.evolve(part, keys=named)
