"""The facts of one measurement: cut at its instant, with its periods, its groups and its money."""

from collections.abc import Callable, Hashable
from typing import Any, Literal, TypeAlias, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN, Coded, Finding, Journal, Ledger, minor_units
from crmkit.metrics._blocks import Whole
from crmkit.metrics._cases import Cases, cases_of
from crmkit.metrics._exchange import exchanged
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.facts import Facts
from crmkit.metrics.policy import StageOrder
from crmkit.values import Currency

__all__ = ["Cases", "Rows", "TableName", "View"]

Ints = npt.NDArray[np.int64]
T = TypeVar("T")
#: Where rows come from.
TableName: TypeAlias = Literal["ledger", "journal", "service", "complaints"]
#: Which rows: all of them, or their numbers.
Rows: TypeAlias = slice | Whole

_ORDERS = {"journal": "stages", "service": "service_stages", "complaints": "complaint_stages"}


@attrs.frozen(eq=False)
class View:
    """What a metric sees.

    Attributes:
        facts: cut at the instant of the measurement.
        buckets: the periods asked for.
        by: the columns to group by.
        until: the end of observation, int64 microseconds UTC.
    """

    facts: Facts
    buckets: Buckets
    by: tuple[str, ...]
    until: int
    _seen: dict[Any, Any] = attrs.field(factory=dict[Any, Any])
    _idle: dict[Any, int] = attrs.field(factory=dict[Any, int])

    def ledger(self, metric: str) -> Ledger:
        """The ledger.

        Raises:
            InvalidValue: if there is none.
        """
        if self.facts.ledger is None:
            raise InvalidValue(metric, "facts", "have no ledger, which it needs; give Facts(ledger=...)")
        return self.facts.ledger

    def journal(self, name: TableName, metric: str) -> Journal:
        """A journal.

        Raises:
            InvalidValue: if there is none.
        """
        journal: Journal | None = getattr(self.facts, name)
        if journal is None:
            raise InvalidValue(metric, "facts", f"have no {name} journal, which it needs; give Facts({name}=...)")
        return journal

    def of(self, kind: str, metric: str) -> Ints:
        """The rows of the ledger that are of a kind, in its order."""
        ledger = self.ledger(metric)
        number = ledger.kinds.values.index(kind) if kind in ledger.kinds.values else -2
        return self.once(("kind", kind), lambda: np.flatnonzero(ledger.kinds.codes == number))

    def referred(self, metric: str) -> Coded:
        """What each row of the ledger refers to, in the codes of the ledger's ids."""
        ledger = self.ledger(metric)
        return self.once("referred", lambda: ledger.refers_to.recode(ledger.ids.values))

    def order(self, name: TableName, metric: str) -> StageOrder:
        """The order of the stages of a journal."""
        return StageOrder.of(getattr(self.facts, _ORDERS[name]), self.journal(name, metric))

    def in_open_stages(self, name: TableName, metric: str) -> Whole:
        """The rows of a journal that are stays in stages that are not closed."""
        stages, order = self.journal(name, metric).stages, self.order(name, metric)
        is_open = np.array([*(stage in order.open for stage in stages.values), False])
        return np.flatnonzero(is_open[stages.codes]).astype(np.int32)

    def cases(self, name: TableName, metric: str) -> Cases:
        """The cases of a journal as they stand at the end of observation."""
        return self.once(("cases", name), lambda: cases_of(self.journal(name, metric), self.order(name, metric)))

    def table(self, name: TableName) -> Ledger | Journal:
        """The ledger or a journal, known to be there."""
        table: Ledger | Journal = getattr(self.facts, name)
        return table

    def periods(self, at: Ints, of: Any = None) -> Coded:
        """The period of each instant; missing outside all of them.

        Args:
            at: the instants.
            of: names a column of the facts, so that it is placed once for all metrics.
        """
        if of is None:
            return Coded(self.buckets.place(at), self.buckets.names)
        return self.once(("period", of), lambda: Coded(self.buckets.place(at), self.buckets.names))

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """What several metrics make of the facts, made by the first of them.

        Args:
            name: what it is, with all that it depends on beside the view.
            make: makes it.
        """
        self._idle[name] = 0
        if name not in self._seen:
            self._seen[name] = make()
        found: T = self._seen[name]
        return found

    def forget(self, after: int = 0) -> None:
        """Let go of what `once` made and nobody has asked for since so many calls of this before."""
        for name in [*self._idle]:
            self._idle[name] += 1
            if self._idle[name] > after:
                del self._idle[name], self._seen[name]

    def key(self, table: TableName, name: str) -> Coded:
        """A column to group the rows of a table by: its own, or one of its customers, or one of its cases.

        Raises:
            NotFound: if there is none.
        """
        return self.once(("key", table, name), lambda: self._key(table, name))

    def _key(self, table: TableName, name: str) -> Coded:
        rows = self.table(table)
        own = _columns(rows)
        if name in own:
            return own[name]
        if name in self.facts.customers and "customer" in own:
            return own["customer"].recode_by(self.facts.customers[name])
        through = self._through(table, name, rows)
        if through is None:
            known = (*own, *self.facts.customers)
            raise NotFound("column", name, tuple(dict.fromkeys(known)), f"the {table} that a metric groups")
        return through

    def _through(self, table: TableName, name: str, rows: Ledger | Journal) -> Coded | None:
        """The column of the case that a row belongs to, as the case was opened."""
        for other in ("journal", "service", "complaints"):
            journal: Journal | None = getattr(self.facts, other)
            if journal is None or other == table or name not in _columns(journal):
                continue
            column = _columns(journal)[name]
            first = _first_rows(journal)
            # A last place of "nothing" for rows of unknown cases.
            codes = np.append(np.where(first >= 0, column.codes[np.maximum(first, 0)], -1), -1)
            return Coded(codes[rows.cases.recode(journal.cases.values).codes].astype(np.int32), column.values)
        return None

    def money(self, rows: Ints, minor: Ints | None = None, at: Ints | None = None) -> tuple[Ints, Coded, list[Finding]]:
        """Amounts of rows of the ledger in minor units, and their currency; converted, if the facts say to what.

        An amount is converted at one day, once, rounded half to even. Without a rate it has no currency.

        Args:
            rows: the rows.
            minor: parts of their amounts, instead of the whole ones.
            at: the instant at whose day each is converted; as it is dated if None.
        """
        ledger = self.facts.ledger
        assert ledger is not None  # noqa: S101 - `rows` are rows of it
        minor, currencies = ledger.minor[rows] if minor is None else minor, ledger.currencies[rows]
        if self.facts.currency is None:
            return minor, currencies, []
        return self._converted(minor, currencies, ledger.at[rows] if at is None else at)

    def worth(self, table: TableName, rows: Whole, at: Ints, metric: str) -> tuple[Ints, Coded, list[Finding]]:
        """Amounts of rows of a journal in minor units, and their currency, as `money` of the ledger.

        They are in the currency of the journal's column "currency", or in that of the facts.

        Args:
            table: the journal.
            rows: its rows.
            at: the instant at whose day each is converted.
            metric: who asks.

        Raises:
            InvalidValue: if the journal has no amounts, or they have no currency.
        """
        journal = self.journal(table, metric)
        if journal.amount is None:
            raise InvalidValue(metric, "facts", f"have a {table} journal without amounts; give from_frame(amount=...)")
        if "currency" not in journal.dims and self.facts.currency is None:
            reason = 'have amounts without a currency; give Facts(currency=...) or a column "currency" among the dims'
            raise InvalidValue(metric, "facts", reason)
        hundredths = journal.amount[rows]
        units = (
            journal.dims["currency"][rows] if "currency" in journal.dims else _all_in(self.facts.currency, len(rows))
        )
        minor, units = minor_units(hundredths, units)
        return (minor, units, []) if self.facts.currency is None else self._converted(minor, units, at)

    def _converted(self, minor: Ints, currencies: Coded, at: Ints) -> tuple[Ints, Coded, list[Finding]]:
        to, rates, tz = self.facts.currency, self.facts.rates, self.facts.tz
        assert to is not None  # noqa: S101 - the caller asked
        return exchanged(minor, currencies, at, to=to, rates=rates, tz=tz)


def _all_in(currency: Currency | None, size: int) -> Coded:
    return Coded(np.zeros(size, np.int32), (str(currency),))


def _columns(table: Ledger | Journal) -> dict[str, Coded]:
    if isinstance(table, Journal):
        return {"who": table.who, "stage": table.stages, **table.dims}
    return {
        "who": table.who, "customer": table.customers, "kind": table.kinds, "currency": table.currencies, **table.dims
    }  # fmt: skip


def _first_rows(journal: Journal) -> Ints:
    """The row in which each case was opened, -1 for unused codes."""
    size = len(journal.cases.values)
    opened = np.full(size, OPEN)
    np.minimum.at(opened, journal.cases.codes, journal.entered)
    rows = np.flatnonzero(journal.entered == opened[journal.cases.codes])[::-1]
    first = np.full(size, -1, np.int64)
    # Written last to first, so that the first of equals stays.
    first[journal.cases.codes[rows]] = rows
    return first
