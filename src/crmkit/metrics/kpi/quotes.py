"""Quotations: how many were issued (K7)."""

from collections.abc import Iterator
from typing import ClassVar

import attrs
import numpy as np

from crmkit.journal import Finding
from crmkit.metrics._estimates import counts_of
from crmkit.metrics.kpi._ledgers import Summed, amounts, tallied
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["QuotesIssued", "QuotesValue"]


@attrs.frozen
class QuotesIssued(Metric):
    """Quotations by the period of their first issue."""

    about: ClassVar[About] = About(
        key="quotes",
        en="Quotations issued",
        zh="报价单数",
        mission="K7",
        unit="quotations",
        better="more",
        grain="quotation at its first issue",
        formula="Number of quotations first issued in the period; revisions are not counted again.",
        source="count; exact Poisson interval, Garwood 1936",
        needs=("quote",),
        absent="zero",
        traps=("a revision is no new quotation", "a quotation counts when it was first issued, not when last revised"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """First issues."""
        ledger = view.ledger(self.key)
        rows = view.of("quote", self.key)
        yield tallied(view, rows[ledger.revision[rows] == 1])
        yield tallied(view, rows[ledger.revision[rows] > 1], "revisions")

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        return counts_of(cells.sum("n"), level)


@attrs.frozen
class QuotesValue(Summed):
    """What was quoted, at the first issue."""

    about: ClassVar[About] = About(
        key="quoted",
        en="Value quoted",
        zh="报价金额",
        mission="K7",
        unit="money",
        better="more",
        grain="quotation at its first issue",
        formula="Sum of the amounts of quotations first issued in the period.",
        source="exact sum; no sampling error",
        needs=("quote",),
        absent="zero",
        traps=("revisions are not added up",),
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """First issues."""
        ledger = view.ledger(self.key)
        rows = view.of("quote", self.key)
        yield from amounts(view, rows[np.flatnonzero(ledger.revision[rows] == 1)])
