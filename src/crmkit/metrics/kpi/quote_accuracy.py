"""Quotation accuracy (K6): how what was ordered, or invoiced, compares with what was quoted."""

from collections.abc import Iterator
from typing import ClassVar, Literal, Self, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding, Ledger
from crmkit.metrics._estimates import shares_of
from crmkit.metrics.estimators import quantile_interval
from crmkit.metrics.kpi._checks import at_least_nothing, one_of
from crmkit.metrics.kpi._ledgers import latest, periods_of, tallied
from crmkit.metrics.kpi._ratios import ratios_of
from crmkit.metrics.metric import UNUSABLE, About, Cells, Estimate, Metric, Part
from crmkit.metrics.states import exact_sums
from crmkit.metrics.view import View

__all__ = ["Actual", "QuoteAccuracy", "QuoteBias", "QuoteRatio", "Unrevised", "WhichQuote"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: What a quotation came to: the orders that refer to it, or the invoices, net of credit notes, also through an order.
Actual: TypeAlias = Literal["order", "invoice"]
#: Which revision is the quotation: the first, or the last before the actual.
WhichQuote: TypeAlias = Literal["first", "last"]

_TRAPS = (
    "only quotations that became something have an actual: those without are counted as open, as the selection",
    "which revision is the quotation is a policy",
    "amounts of other currencies are compared after conversion only; without it they are unusable",
)
# A log ratio is counted in steps of a thousandth, from -10 to 10: e^10 is a factor of 22,026.
_STEP = 1000
_MOST = 10 * _STEP


@attrs.frozen(eq=False)
class _Pairs:
    """Quotations and what they came to.

    Attributes:
        rows: the row of the ledger in which each was first issued, shape (k,).
        quoted: minor units of the revision that counts.
        actual: minor units of what refers to it.
        unit: the currency of both.
        closed: whether anything refers to it.
        usable: whether both amounts are known, in one currency, and the quoted one is above 0.
        early: rows of the ledger that are dated before the quotation that they refer to.
    """

    rows: Ints
    quoted: Ints
    actual: Ints
    unit: Coded
    closed: Bools
    usable: Bools
    early: Ints

    @classmethod
    def of(cls, view: View, metric: str, actual: Actual, which: WhichQuote) -> Self:
        return view.once(("quotes", actual, which), lambda: cls._of(view, metric, actual, which))

    @classmethod
    def _of(cls, view: View, metric: str, actual: Actual, which: WhichQuote) -> Self:
        ledger = view.ledger(metric)
        quotes = view.of("quote", metric)
        quotes = quotes[np.lexsort((ledger.at[quotes], ledger.revision[quotes], ledger.ids.codes[quotes]))]
        ids, first, number = np.unique(ledger.ids.codes[quotes], return_index=True, return_inverse=True)
        rows, target = _actuals(view, metric, actual, ids.astype(np.int64))
        when = np.full(len(ids), np.iinfo(np.int64).max)
        np.minimum.at(when, target, ledger.at[rows])
        chosen = quotes[first]
        if which == "last":
            before = np.flatnonzero(ledger.at[quotes] <= when[number])
            # Written in the order of revisions, so that the last one stays.
            chosen[number[before]] = quotes[before]
        quoted, unit, _ = view.money(chosen)
        minor, other, _ = view.money(rows)
        alike = other.recode(unit.values).codes == unit.codes[target]
        strange = np.zeros(len(ids), np.bool_)
        strange[target[~alike | other.missing]] = True
        closed = np.zeros(len(ids), np.bool_)
        closed[target] = True
        return cls(
            rows=quotes[first],
            quoted=quoted,
            actual=exact_sums(target, minor, len(ids)),
            unit=unit,
            closed=closed,
            usable=~strange & ~unit.missing & (quoted > 0),
            early=rows[ledger.at[rows] < ledger.at[quotes[first]][target]],
        )

    def lost(self, view: View) -> Iterator[Part | Finding]:
        """Closed quotations that cannot be compared, and actuals from before their quotation."""
        for row in self.early[:1].tolist():
            ids = view.ledger("quotes").ids
            reason = "dated before the quotation that it refers to; counted as it is"
            yield Finding(None, "at", reason, len(self.early), ids.values[ids.codes[row]], dropped=False)
        bad = np.flatnonzero(self.closed & ~self.usable)
        if len(bad):
            yield tallied(view, self.rows[bad], UNUSABLE)
            reason = "quotation and actual have no amounts of one currency, or nothing was quoted"
            yield Finding(None, "amount", reason, len(bad))


def _actuals(view: View, metric: str, actual: Actual, quotes: Ints) -> tuple[Ints, Ints]:
    """Rows that refer to a quotation, and the place of that quotation."""
    ledger = view.ledger(metric)
    refers = view.referred(metric).codes
    of_quote = np.full(len(ledger.ids.values) + 1, -1, np.int64)
    of_quote[quotes] = np.arange(len(quotes))
    orders = latest(view, "order", metric)
    if actual == "order":
        return _known(orders, of_quote[refers[orders]])
    of_order = _through(ledger, orders, of_quote[refers[orders]])
    rows = view.of("invoice", metric)
    found = np.where(of_quote[refers[rows]] >= 0, of_quote[refers[rows]], of_order[refers[rows]])
    of_invoice = _through(ledger, rows, found)
    credit = (found < 0) & (ledger.minor[rows] < 0)
    return _known(rows, np.where(credit, of_invoice[refers[rows]], found))


def _through(ledger: Ledger, rows: Ints, target: Ints) -> Ints:
    place = np.full(len(ledger.ids.values) + 1, -1, np.int64)
    place[ledger.ids.codes[rows]] = target
    return place


def _known(rows: Ints, target: Ints) -> tuple[Ints, Ints]:
    kept = target >= 0
    return rows[kept], target[kept]


@attrs.frozen
class _Compared(Metric):
    """Quotations compared with what they came to.

    Attributes:
        actual: what they came to.
        quote: which revision counts.
    """

    actual: Actual = attrs.field(default="order", validator=one_of("order", "invoice"))
    quote: WhichQuote = attrs.field(default="last", validator=one_of("first", "last"))


@attrs.frozen
class QuoteAccuracy(_Compared):
    """The share of quotations that came to what was quoted.

    Attributes:
        tolerance_percent: by how much of the quoted amount the actual may differ.
    """

    about: ClassVar[About] = About(
        key="quote_accuracy",
        en="Quotation accuracy",
        zh="报价准确率",
        mission="K6",
        unit="share",
        better="more",
        grain="quotation that became something, by the period of its first issue",
        formula="Quotations whose actual differs by at most the tolerance / quotations with an actual.",
        source="proportion; Wilson 1927",
        needs=("quote", "order"),
        traps=_TRAPS,
    )

    tolerance_percent: int = attrs.field(default=10, validator=at_least_nothing)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Quotations by whether they were near enough."""
        pairs = _Pairs.of(view, self.key, self.actual, self.quote)
        yield from pairs.lost(view)
        # In whole percents of minor units, so that the edge is exact.
        near = np.abs(pairs.actual - pairs.quoted) <= pairs.quoted // 100 * self.tolerance_percent + (
            pairs.quoted % 100 * self.tolerance_percent // 100
        )
        kept = np.flatnonzero(~pairs.closed | pairs.usable)
        codes = np.where(pairs.closed, near, -1)[kept].astype(np.int32)
        yield tallied(view, pairs.rows[kept], "quotes", {"end": Coded(codes, ("off", "near"))})

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        near, still = cells.ended("quotes", "near"), cells.lasting("quotes")
        return shares_of(near, cells.sum("quotes") - still, level, n_open=still)


@attrs.frozen
class QuoteRatio(_Compared):
    """What quotations came to, as a share of what was quoted."""

    about: ClassVar[About] = About(
        key="quote_ratio",
        en="Actual to quoted",
        zh="实际与报价金额比",
        mission="K6",
        unit="ratio",
        better="neither",
        grain="quotation that became something, by the period of its first issue; customers are the clusters",
        formula="Sum of actual amounts / sum of quoted amounts.",
        source="Fieller 1954, over customers",
        needs=("quote", "order"),
        traps=(*_TRAPS, "a ratio of sums, not a mean of ratios", "quotations of one customer are not independent"),
        within=("money",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Both sums by customer, and how many quotations there are."""
        pairs = _Pairs.of(view, self.key, self.actual, self.quote)
        yield from pairs.lost(view)
        held = np.flatnonzero(pairs.closed & pairs.usable)
        rows = pairs.rows[held]
        money = {"money": pairs.unit[held]}
        cluster = {"cluster": _customer_or_id(view.ledger(self.key), rows)}
        for name, weights in (("actual", pairs.actual), ("quoted", pairs.quoted)):
            yield attrs.evolve(tallied(view, rows, name, {**money, **cluster}), weights=weights[held])
        waiting = np.flatnonzero(~pairs.closed & ~pairs.unit.missing)
        yield tallied(view, rows, "n", money)
        yield tallied(view, pairs.rows[waiting], "open", {"money": pairs.unit[waiting]})

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Fieller."""
        return ratios_of(cells, ("actual", "quoted"), cells.sum("n"), level, n_open=cells.sum("open"))


def _customer_or_id(ledger: Ledger, rows: Ints) -> Coded:
    """The customer, or the quotation itself where none is named."""
    customers, ids = ledger.customers[rows], ledger.ids[rows]
    if not customers.missing.any():
        return customers
    codes = np.where(customers.codes >= 0, customers.codes, len(customers.values) + ids.codes).astype(np.int32)
    # A blank in front keeps the ids apart from customers of the same name.
    return Coded(codes, (*customers.values, *(f" {value}" for value in ids.values)))


@attrs.frozen
class QuoteBias(_Compared):
    """Whether quotations are usually too low or too high."""

    about: ClassVar[About] = About(
        key="quote_bias",
        en="Quotation bias",
        zh="报价偏差（对数比中位数）",
        mission="K6",
        unit="log ratio",
        better="neither",
        grain="quotation that became something, by the period of its first issue",
        formula="Median of ln(actual / quoted): above 0 more was ordered than quoted, 0.1 being about a tenth.",
        source="median with order-statistic limits, Conover 1999 section 3.2; counted to a thousandth",
        needs=("quote", "order"),
        traps=(*_TRAPS, "a median of log ratios: twice and half cancel, and one blunder does not carry it"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Log ratios in thousandths."""
        pairs = _Pairs.of(view, self.key, self.actual, self.quote)
        yield from pairs.lost(view)
        good = pairs.usable & (pairs.actual > 0)
        cancelled = np.flatnonzero(pairs.closed & pairs.usable & ~good)
        if len(cancelled):
            yield tallied(view, pairs.rows[cancelled], UNUSABLE)
            yield Finding(None, "amount", "the actual came to nothing, which has no logarithm", len(cancelled))
        held = np.flatnonzero(pairs.closed & good)
        logs = np.log(pairs.actual[held]) - np.log(pairs.quoted[held])
        bins = np.clip(np.rint(logs * _STEP), -_MOST, _MOST).astype(np.int64) + _MOST
        yield attrs.evolve(tallied(view, pairs.rows[held], "ratios"), bins=bins)
        yield tallied(view, pairs.rows[np.flatnonzero(~pairs.closed)], "open")

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Order statistics."""
        n = cells.sum("ratios")
        made = np.full((3, len(cells)), np.nan)
        where, counts = cells.entries("ratios")
        bins, times = counts.bins, counts.n
        order = np.lexsort((bins, where))
        edges = np.searchsorted(where[order], np.arange(len(cells) + 1))
        for cell in np.flatnonzero(n).tolist():
            mine = order[edges[cell] : edges[cell + 1]]
            sample = (np.repeat(bins[mine], times[mine]) - _MOST) / _STEP
            low, high, _ = quantile_interval(len(sample), 0.5, level)
            made[0, cell] = np.median(sample)
            made[1, cell] = sample[low - 1] if low >= 1 else np.nan
            made[2, cell] = sample[high - 1] if high <= len(sample) else np.nan
        return Estimate(
            value=made[0], low=made[1], high=made[2], n=n, n_open=cells.sum("open"), method="median, order statistics"
        )


@attrs.frozen
class Unrevised(Metric):
    """The share of quotations that were right the first time."""

    about: ClassVar[About] = About(
        key="quotes_unrevised",
        en="Quotations without a revision",
        zh="一次报价率",
        mission="K6",
        unit="share",
        better="more",
        grain="quotation, by the period of its first issue",
        formula="Quotations that have one revision only / quotations.",
        source="proportion; Wilson 1927",
        needs=("quote",),
        traps=("a recent quotation may be revised yet: compare periods of one age",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Quotations by whether they were revised."""
        ledger = view.ledger(self.key)
        rows = view.of("quote", self.key)
        times = np.bincount(ledger.ids.codes[rows], minlength=len(ledger.ids.values))
        first = rows[np.lexsort((ledger.at[rows], ledger.revision[rows], ledger.ids.codes[rows]))]
        _, place = np.unique(ledger.ids.codes[first], return_index=True)
        first = first[place]
        revised = (times[ledger.ids.codes[first]] > 1) | (ledger.revision[first] > 1)
        keys = {"end": Coded(revised.astype(np.int32), ("unrevised", "revised"))}
        yield Part(name="quotes", table="ledger", rows=first, period=periods_of(view, first), keys=keys)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        return shares_of(cells.ended("quotes", "unrevised"), cells.sum("quotes"), level)
