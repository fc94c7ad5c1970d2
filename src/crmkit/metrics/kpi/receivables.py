"""Receivables (K5): what customers owe at the end of a period, how old it is, and how well it is collected."""

from collections.abc import Iterator
from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import OPEN, Coded, Finding
from crmkit.metrics._estimates import major, none
from crmkit.metrics.kpi._checks import at_least_nothing
from crmkit.metrics.kpi._ledgers import amounts
from crmkit.metrics.kpi._money import by_money
from crmkit.metrics.kpi._receivables import Receivables, levels, stock
from crmkit.metrics.metric import UNUSABLE, About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["Ageing", "CollectionEffectiveness", "DaysSales", "Overdue", "Receivable"]

Ints = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000
_NEEDS = ("invoice", "payment")
_TRAPS = (
    "a stock is that of the end of its period: it is added up over customers, never over periods",
    "partial payments settle a part; what exceeds the invoice settles nothing, and is a finding",
    "credit notes are negative invoices, and take away from the one that they refer to",
)


def _ascending(_metric: object, field: "attrs.Attribute[tuple[int, ...]]", value: tuple[int, ...]) -> None:
    if not value or list(value) != sorted({0, *value})[1:]:
        raise InvalidValue(field.name, value, "are no days past due in ascending order, such as (30, 60, 90)")


@attrs.frozen
class _Stock(Metric):
    """What is there at the end of a period.

    Attributes:
        terms_days: after how many days an invoice is due that does not say when.
    """

    terms_days: int = attrs.field(default=30, validator=at_least_nothing)

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - a stock has no sampling error
        """Exact stocks."""
        minor = levels(cells, "amount")[0]
        return Estimate(
            value=major(cells, minor), low=none(len(cells)), high=none(len(cells)), n=levels(cells, "invoices")[0],
            exact=minor, method="exact stock at the end of the period",
        )  # fmt: skip


def _owed(
    view: View, owed: Receivables, span: tuple[Ints, Ints], keys: dict[str, Coded] | None = None
) -> Iterator[Part | Finding]:
    """The stock of pieces, in money, and of the invoices that they are of."""
    rows = owed.rows[owed.invoice]
    yield from stock(view, rows, owed.minor, span, name="amount", keys=keys)
    last = np.zeros(len(owed.rows), np.int64)
    np.maximum.at(last, owed.invoice, span[1])
    first = np.full(len(owed.rows), OPEN)
    np.minimum.at(first, owed.invoice, span[0])
    named = None if keys is None else {key: _of_first(column, owed) for key, column in keys.items()}
    # What could not be converted was already said of the amounts.
    yield from (
        part for part in stock(view, owed.rows, None, (first, last), name="invoices", keys=named) if _is_use(part)
    )


def _of_first(column: Coded, owed: Receivables) -> Coded:
    codes = np.full(len(owed.rows), -1, np.int32)
    codes[owed.invoice] = column.codes
    return Coded(codes, column.values)


def _is_use(part: Part | Finding) -> bool:
    return isinstance(part, Part) and part.name != UNUSABLE


@attrs.frozen
class Receivable(_Stock):
    """What customers owe at the end of a period."""

    about: ClassVar[About] = About(
        key="receivables",
        en="Receivables at the end of the period",
        zh="期末应收账款余额",
        mission="K5",
        unit="money",
        better="neither",
        grain="invoice that is not settled at the end of the period, or at that of observation",
        formula="Invoices less credit notes, payments and write-offs allocated to them by the end of the period.",
        source="exact stock; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=_TRAPS,
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """What comes and goes."""
        owed = Receivables.of(view, self.key, self.terms_days)
        yield from owed.findings
        yield from _owed(view, owed, (_begun(view, owed), owed.settled))


@attrs.frozen
class Overdue(_Stock):
    """What customers should have paid by the end of a period, and have not."""

    about: ClassVar[About] = About(
        key="overdue",
        en="Overdue at the end of the period",
        zh="期末逾期应收账款",
        mission="K5",
        unit="money",
        better="less",
        grain="invoice that is due and not settled at the end of the period",
        formula="Receivables at the end of the period whose due time has passed.",
        source="exact stock; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(*_TRAPS, "without a due time, an invoice is due after stated terms"),
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """What becomes overdue, and what is settled thereafter."""
        owed = Receivables.of(view, self.key, self.terms_days)
        yield from owed.findings
        yield from _owed(view, owed, (_fallen_due(view, owed), owed.settled))


@attrs.frozen
class Ageing(_Stock):
    """Receivables by how long they are overdue.

    Attributes:
        edges: the days past due that part the buckets.
    """

    about: ClassVar[About] = About(
        key="ageing",
        en="Ageing of receivables",
        zh="应收账款账龄",
        mission="K5",
        unit="money",
        better="less",
        grain="invoice that is not settled at the end of the period, by days past due",
        formula="Receivables at the end of the period whose time past due is above one edge and up to the next.",
        source="exact stock; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(*_TRAPS, "age counts from the due time, not from the invoice"),
        within=("currency", "age"),
    )

    edges: tuple[int, ...] = attrs.field(default=(30, 60, 90), validator=_ascending)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Each bucket as a stock: entered as the piece grows into it, left as it is settled or grows out."""
        owed = Receivables.of(view, self.key, self.terms_days)
        yield from owed.findings
        due = _fallen_due(view, owed)
        names = ("not due", *(f"{a + 1}-{b} days" for a, b in zip((0, *self.edges), self.edges, strict=False)))
        names = (*names, f"over {self.edges[-1]} days")
        start = _begun(view, owed)
        for number, edge in enumerate((0, *self.edges, None)):
            grown = None if edge is None else due + edge * _DAY_US
            end = owed.settled if grown is None else np.minimum(owed.settled, grown)
            age = {"age": Coded(np.full(len(start), number, np.int32), names)}
            yield from (
                part for part in _owed(view, owed, (start, end), age) if number == 0 or _is_use(part)
            )  # fmt: skip
            start = end if grown is None else grown


@attrs.frozen
class DaysSales(Metric):
    """Days sales outstanding.

    Attributes:
        terms_days: as in `Receivable`.
    """

    about: ClassVar[About] = About(
        key="dso",
        en="Days sales outstanding",
        zh="应收账款周转天数",
        mission="K5",
        unit="days",
        better="less",
        grain="period",
        formula="Receivables at its end / net invoices of the period x its days, so far as they were observed.",
        source="exact ratio of sums; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(*_TRAPS, "it falls as sales grow, though nobody pays earlier: read true_dso and days_to_pay beside it"),
        within=("money",),
    )

    terms_days: int = attrs.field(default=30, validator=at_least_nothing)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """What comes and goes, and sales by the length of their period in microseconds."""
        yield from by_money(_with_sales(view, self.key, self.terms_days))

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - no sampling error
        """Ratios."""
        where, counts = cells.entries("sales")
        days = np.zeros(len(cells))
        days[where] = counts.bins
        sales = cells.sum("sales").astype(np.float64)
        known = sales > 0
        value = np.where(known, levels(cells, "amount")[0] * days / np.where(known, sales, 1.0), np.nan)
        return Estimate(
            value=value, low=none(len(cells)), high=none(len(cells)), n=cells.sum("n"), method="exact ratio of sums"
        )


@attrs.frozen
class CollectionEffectiveness(Metric):
    """How much of what could be collected in a period was.

    Attributes:
        terms_days: as in `Receivable`.
    """

    about: ClassVar[About] = About(
        key="cei",
        en="Collection effectiveness index",
        zh="回款效率指数",
        mission="K5",
        unit="share",
        better="more",
        grain="period",
        formula="(receivables before + net invoices - receivables after) / (receivables before + net invoices - "
        "receivables after that are not due).",
        source="the usual CEI of credit management; exact ratio of sums, no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(*_TRAPS, "unlike DSO it does not move with sales; over several months it is not the mean of theirs"),
        within=("money",),
    )

    terms_days: int = attrs.field(default=30, validator=at_least_nothing)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """What comes and goes, what of it is not due, and sales."""
        yield from by_money(_with_sales(view, self.key, self.terms_days))
        owed = Receivables.of(view, self.key, self.terms_days)
        span = _begun(view, owed), np.minimum(owed.settled, _fallen_due(view, owed))
        yield from by_money(filter(_is_use, stock(view, owed.rows[owed.invoice], owed.minor, span, name="current")))

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - no sampling error
        """Ratios."""
        after, before = levels(cells, "amount")
        could = before + cells.sum("sales")
        below = could - levels(cells, "current")[0]
        value = np.where(below > 0, (could - after) / np.where(below > 0, below, 1), np.nan)
        return Estimate(
            value=value, low=none(len(cells)), high=none(len(cells)), n=cells.sum("n"), method="exact ratio of sums"
        )


def _begun(view: View, owed: Receivables) -> Ints:
    """When the invoice of each piece is dated."""
    ledger = view.ledger("receivables")
    return ledger.at[owed.rows[owed.invoice]]


def _fallen_due(view: View, owed: Receivables) -> Ints:
    """When each piece falls due, which is not before its invoice."""
    return np.maximum(owed.due[owed.invoice], _begun(view, owed))


def _with_sales(view: View, metric: str, terms_days: int) -> Iterator[Part | Finding]:
    """The stock of receivables, and net invoices by the observed days of their period."""
    owed = Receivables.of(view, metric, terms_days)
    yield from owed.findings
    yield from filter(
        _is_use, stock(view, owed.rows[owed.invoice], owed.minor, (_begun(view, owed), owed.settled), name="amount")
    )
    edges = view.buckets.edges
    seen = np.minimum(edges[1:], view.until + 1) - edges[:-1]
    days = np.append(-(-np.maximum(seen, 0) // _DAY_US), 0)
    for part in amounts(view, view.of("invoice", metric), name="sales"):
        if isinstance(part, Part) and part.name == "sales":
            yield attrs.evolve(part, bins=days[part.period.codes])
        else:
            yield part
