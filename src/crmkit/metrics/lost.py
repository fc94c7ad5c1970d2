"""Why deals are lost: how often, how much money, at which stage, to whom, by whom, and whether that changes (T7).

`losses` finds them in a journal; `by` counts them by whatever they differ in, `trend` over periods, and `chances` says
how likely a new deal is to be lost for each reason, open deals counted. A reason nobody gave is a row of its own.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, Self, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import UNKNOWN, Coded, Finding, Journal
from crmkit.metrics._cases import LOST, cases_of
from crmkit.metrics._losing import Losing, found_losses
from crmkit.metrics._lost_tables import (
    Chance,
    Chances,
    LostRow,
    LostTable,
    LostTrend,
    LostTrendRow,
    chances_of,
    tabled,
    trended,
)
from crmkit.metrics._trends import TrendTest, cochran_armitage, poisson_trend
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.policy import StageOrder, definition_id
from crmkit.values import Every, Period, from_micros, zone
from crmkit.values.display import ROWS, Display, Lang, Shown, Table

__all__ = [
    "Chance",
    "Chances",
    "Losses",
    "LostRow",
    "LostTable",
    "LostTrend",
    "LostTrendRow",
    "Reopened",
    "TrendTest",
    "cochran_armitage",
    "losses",
    "poisson_trend",
]

Ints = npt.NDArray[np.int64]
#: Which losses count: that of a case which stands lost, or each one, also of cases that were reopened.
Reopened: TypeAlias = Literal["as it stands", "each loss"]

_US = timedelta(microseconds=1)
# Causes: 0 open, 1 won, then the values.
_FIRST = 2


@attrs.frozen(eq=False)
class Losses(Shown):
    """The losses of a journal, one row each.

    Attributes:
        journal: where they are from.
        order: the stages, and which of them mean lost.
        rows: the row of the journal by which each is known: the stay in the lost stage, or the one before it.
        at: when, int64 microseconds UTC, shape (n,).
        columns: "reason", "competitor", "stage" (the one it was lost from), "who" (who held it there), "currency" and
            the journal's further `dims`.
        amount: the last amount of the case that was known then, in hundredths; `UNKNOWN` without one.
        n_reopened: losses that do not count, for the case was reopened.
        policies: what was decided, in words.
        findings: what is not known of them.
    """

    journal: Journal = attrs.field(repr=False)
    order: StageOrder = attrs.field(repr=False)
    rows: Ints
    at: Ints
    columns: Mapping[str, Coded]
    amount: Ints
    n_reopened: int
    policies: dict[str, str]
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Self:
        columns = {name: column[rows] for name, column in self.columns.items()}
        return attrs.evolve(self, rows=self.rows[rows], at=self.at[rows], columns=columns, amount=self.amount[rows])

    def dimension(self, name: str) -> Coded:
        """A column to group by.

        Raises:
            NotFound: if there is no such column.
        """
        if name not in self.columns:
            raise NotFound("column", name, tuple(self.columns), "the losses")
        return self.columns[name]

    def where(self, **wanted: str | None) -> Self:
        """The losses behind a figure: those with given values; None is the one nobody gave.

        Raises:
            NotFound: if there is no such column.
        """
        kept = np.ones(len(self), np.bool_)
        for name, value in wanted.items():
            column = self.dimension(name)
            number = -1 if value is None else column.values.index(value) if value in column.values else -2
            kept &= column.codes == number
        return self[kept]

    def to_dict(self) -> dict[str, list[Any]]:
        """The losses as columns: case, when, and all that is known of them."""
        columns = {name: column.decode() for name, column in self.columns.items()}
        amounts = [None if minor == UNKNOWN else Decimal(minor).scaleb(-2) for minor in self.amount.tolist()]
        cases, at = self.journal.cases[self.rows].decode(), [from_micros(at) for at in self.at.tolist()]
        return {"case": cases, "at": at, **columns, "amount": amounts}

    def to_frame(self, backend: Any = "pandas") -> Any:
        """The same as a frame of the named library: "pandas", "polars" or "pyarrow"."""
        import narwhals as nw

        return nw.from_dict(self.to_dict(), backend=backend).to_native()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The first losses as a table; see `Shown.display`."""
        first = self if most is None else self[:most]
        table = Table.of(first.to_dict(), n=len(self), most=most, caption="Losses", lang=lang)
        return Display.of(table, lang=lang)

    def by(self, *names: str, level: float = 0.95) -> LostTable:
        """Losses by reason, competitor, stage, person ..., or by several of these at once.

        Args:
            names: the columns.
            level: the confidence of the Wilson limits of the shares.

        Raises:
            NotFound: if there is no such column.
            InvalidValue: if none is named.
        """
        if not names:
            raise InvalidValue("by", names, "names no column, such as 'reason'")
        columns = {name: self.dimension(name) for name in names}
        definition = definition_id("lost", by=list(names), level=level, **self.policies)
        table = tabled(columns, self.columns["currency"], self.amount, level)
        return LostTable(table, len(self), self.n_reopened, definition, self.findings)

    def trend(
        self, by: str = "reason", *, every: Every = "quarter", over: Period | None = None, tz: Any = "UTC",
        level: float = 0.95,
    ) -> LostTrend:  # fmt: skip
        """The share of each value among the losses of each period, and whether it changes.

        Only periods that are over are tested: by Cochran and Armitage whether the share rises or falls, and whether
        there are more or fewer of them a day (Poisson). Shares of values are tests of one table, and their q values are
        Benjamini and Hochberg's.

        Args:
            by: the column.
            every: the unit of the periods.
            over: what is cut into them; all losses, in whole units, if None.
            tz: the zone whose civil days make up the periods.
            level: the confidence of the Wilson limits.

        Raises:
            NotFound: if there is no such column.
            InvalidValue: without a loss, if `over` is not given.
        """
        column = self.dimension(by)
        if over is None and not len(self):
            raise InvalidValue("trend", "no losses", "have no span of time; give over=")
        if over is None:
            buckets = Buckets.around(int(self.at.min()), int(self.at.max()), every, zone(tz))
        else:
            buckets = Buckets.of(over, every, zone(tz))
        definition = definition_id(
            "lost trend", by=by, every=every, over=over, tz=str(tz), level=level, **self.policies
        )
        return trended(column, self.at, buckets, self.journal.until, (by, level, definition))

    def chances(self, by: str = "reason", *, days: float, level: float = 0.95) -> Chances:
        """How likely a new deal is to be lost for each value within so many days of opening.

        Aalen-Johansen with winning and each value as competing causes; open deals are censored. A share of the losses
        so far favours what is quick; this does not. Losses that are not among these (see `where`) are a cause of their
        own that is not shown.

        Args:
            by: the column.
            days: by when.
            level: the confidence of the complementary log-log limits.

        Raises:
            NotFound: if there is no such column.
            InvalidValue: if losses of reopened cases were counted, of which a case may have several.
        """
        if self.policies["reopened"] != "as it stands":
            raise InvalidValue("chances", self.policies["reopened"], "counts a case twice; take 'as it stands'")
        column, cases = self.dimension(by), cases_of(self.journal, self.order)
        # A last place for losses that are not among these.
        why = np.full(len(self.journal.cases.values), len(column.values) + 1, np.int64)
        why[self.journal.cases.codes[self.rows]] = np.where(column.codes < 0, len(column.values), column.codes)
        given = why[self.journal.cases.codes[cases.first]]
        cause = np.where(cases.outcome == LOST, given + _FIRST, cases.outcome)
        definition = definition_id("chance of losing", by=by, days=days, level=level, **self.policies)
        rows = chances_of(
            cases.spent(self.journal.until), cause, (*column.values, None), timedelta(days=days) // _US, level
        )
        return Chances(rows, len(cause), int((cause == 0).sum()), days, definition)


def losses(
    journal: Journal,
    *,
    reason: str | None = "reason",
    competitor: str | None = "competitor",
    stages: Any = None,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    currency: str | None = None,
    reopened: Reopened = "as it stands",
    over: Period | None = None,
    tz: Any = "UTC",
) -> Losses:
    """The losses of a journal.

    The reason and the competitor are those of the stay in the lost stage, or where that says nothing, of the stay it
    was lost from; the person and all other columns are those of the stay it was lost from.

    Args:
        journal: the stays.
        reason: the column of `dims` with the reason; None if there is none.
        competitor: the column with who got the deal; None if there is none.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        currency: the currency of the amounts, where the journal has no column "currency" among its `dims`.
        reopened: which losses of reopened cases count.
        over: the period; all losses if None.
        tz: the zone whose civil days make up the period.

    Raises:
        NotFound: if the journal lacks a column named; the default names may be lacking.
        InvalidValue: if no stage means lost.
    """
    order = StageOrder.of(stages, journal, won, lost)
    if not order.lost:
        raise InvalidValue("lost", ", ".join(order.names), "names no stage that means lost; give lost=")
    found = found_losses(journal, order.lost)
    kept = found.stands if reopened == "as it stands" else np.ones(len(found.at), np.bool_)
    inside = np.ones(len(kept), np.bool_)
    if over is not None:
        start, end = over.instants(zone(tz))
        inside = (found.at >= start) & (found.at < end)
    chosen = found[kept & inside]
    columns = _columns(journal, chosen, {"reason": reason, "competitor": competitor}, currency)
    within = "all" if over is None else f"{over.start} .. {over.end} {tz}"
    policies = {"reopened": reopened, "losing": ", ".join(sorted(order.lost)), "within": within}
    findings = _unknown(journal, columns, chosen)
    left = int((inside & ~kept).sum())
    return Losses(journal, order, chosen.row, chosen.at, columns, chosen.amount, left, policies, findings)


def _columns(
    journal: Journal, chosen: Losing, named: Mapping[str, str | None], currency: str | None
) -> dict[str, Coded]:
    none = Coded(np.full(len(chosen.at), -1, np.int32), ())
    columns: dict[str, Coded] = {}
    for name, given in named.items():
        # A name that was asked for must be there; the usual ones need not be.
        there = given is not None and (given != name or given in journal.dims)
        columns[name] = chosen.last_said(journal.dimension(given)) if there and given is not None else none
    columns["stage"] = Coded(np.where(chosen.left >= 0, journal.stages.codes[chosen.left], -1), journal.stages.values)
    columns["who"] = chosen.before(journal.who)
    columns["currency"] = none if currency is None else Coded(np.zeros(len(chosen.at), np.int32), (currency,))
    used = {*named.values()}
    columns |= {name: chosen.before(column) for name, column in journal.dims.items() if name not in used}
    return columns


def _unknown(journal: Journal, columns: Mapping[str, Coded], chosen: Losing) -> tuple[Finding, ...]:
    found: list[Finding] = []
    lacking = {name: int(columns[name].missing.sum()) for name in ("reason", "stage")}
    found += [Finding(None, name, "is not known of a loss", n, dropped=False) for name, n in lacking.items() if n]
    unpriced = int((chosen.amount == UNKNOWN).sum())
    if journal.amount is not None and columns["currency"].missing.any():
        n = int(columns["currency"].missing.sum())
        found.append(Finding(None, "amount", "has no currency; in no sum; give currency=", n, dropped=False))
    elif journal.amount is not None and unpriced:
        found.append(Finding(None, "amount", "is not known of a loss; in no sum", unpriced, dropped=False))
    twins: dict[str, set[str]] = {}
    for value in columns["reason"].values:
        twins.setdefault(" ".join(value.casefold().split()), set()).add(value)
    for alike in (sorted(one) for one in twins.values() if len(one) > 1):
        told = f"reasons differ in case or blanks only and were kept apart: {', '.join(map(repr, alike))}"
        found.append(Finding(None, "reason", told, len(alike), dropped=False))
    return tuple(found)
