"""The ledger: dated facts with exact amounts, as columns."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal._coded import Coded, Longs, Micros, code
from crmkit.journal._findings import Finding, summarise
from crmkit.journal._minor import minor_units
from crmkit.journal._rows import OPEN, UNKNOWN
from crmkit.journal._shown import dated
from crmkit.journal._sources import Source, open_source
from crmkit.model import Dated
from crmkit.values import Currency, Money, Period, from_micros, to_micros, zone
from crmkit.values.display import ROWS, Display, Lang, Shown

if TYPE_CHECKING:
    from crmkit.journal._sources import Dates, Zone

__all__ = ["Ledger"]


@attrs.frozen(eq=False)
class Ledger(Shown):
    """Dated facts as columns: quotes and their revisions, orders, invoices, payments, expenses, visits, complaints.

    Attributes:
        kinds: "quote", "invoice" ... of each row.
        ids: the host's key of each row.
        at: int64 microseconds UTC, shape (n,).
        customers: the customer of each row.
        cases: the deal or ticket of each row.
        who: the person of each row.
        minor: int64 minor units of the row's currency, shape (n,); 0 where there is no amount.
        currencies: the currency of each row; missing where there is no amount.
        refers_to: the fact it follows from.
        revision: int32, shape (n,).
        dims: further columns to group by, by name: region, product, channel ...
        quantity: int64 in hundredths of a unit, shape (n,), `UNKNOWN` where a row says none; None without any.
        due: int64 microseconds UTC: when it is to be paid or done; `OPEN` where nothing was agreed; None without any.
        recorded: int64 microseconds UTC: when it became known; None if that is when it happened.
        findings: what could not be used, and why.
    """

    kinds: Coded
    ids: Coded
    at: Micros
    customers: Coded
    cases: Coded
    who: Coded
    minor: Longs
    currencies: Coded
    refers_to: Coded
    revision: npt.NDArray[np.int32]
    dims: Mapping[str, Coded] = attrs.field(factory=dict[str, Coded])
    quantity: Longs | None = None
    due: Micros | None = None
    recorded: Micros | None = None
    findings: tuple[Finding, ...] = ()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """How much there is, and the first facts; see `Shown.display`."""
        return dated(self, lang, most)

    @classmethod
    def from_frame(  # noqa: PLR0913 - each names a column of the host's table
        cls,
        frame: Any,
        *,
        id: str,  # noqa: A002 - the field's word
        at: str,
        kind: str | None = None,
        kinds: str | None = None,
        amount: str | None = None,
        currency: str | Currency | None = None,
        currencies: str | None = None,
        customer: str | None = None,
        case: str | None = None,
        who: str | None = None,
        refers_to: str | None = None,
        dims: Sequence[str] = (),
        quantity: str | None = None,
        due: str | None = None,
        recorded: str | None = None,
        tz: "Zone" = None,
        dates: "Dates" = None,
        name: str = "frame",
    ) -> Self:
        """A ledger from a table; revisions of one id are numbered in the order of time.

        Args:
            frame: whatever `Journal.from_frame` takes.
            id: the column with the host's key.
            at: the column with the time.
            kind: "quote", "invoice" ...: what each row is.
            kinds: the column that says what a row is, if that differs from row to row.
            amount: the column with the amount; a row whose amount cannot be read is kept without one, with a finding.
            currency: the currency of all rows.
            currencies: the column with the currency, if it differs from row to row.
            customer: the column with the customer.
            case: the column with the deal or ticket.
            who: the column with the person.
            refers_to: the column with the id of the fact it follows from.
            dims: further columns to group by.
            quantity: the column with the number of units sold, hours spent ..., read to hundredths.
            due: the column with the time by which it is to be paid or done.
            recorded: the column with the time at which it was entered; rows without one were entered as they happened.
            tz: the zone of times that carry none.
            dates: "dmy", "mdy" or "ymd".
            name: how the user knows the table.

        Raises:
            InputError: if a column cannot be used at all.
            NotFound: if a column is not there.
            InvalidValue: if amounts come without a currency, a currency is no ISO code, or no kind is said.
        """
        source = open_source(frame, name)
        instants, ids, sort = source.instants(at, tz, dates), source.text(id), _sorts(source, kind, kinds)
        missed = _left_out(source, ids.missing, id, "has no id") + _left_out(source, sort.missing, kinds, "has no kind")
        missed += _left_out(source, source.empty(at) & ~ids.missing, at, "has no time")
        kept = _in_order(instants.micros, np.flatnonzero(instants.ok & ~ids.missing & ~sort.missing))
        minor, units, unpriced = _money(source, amount, currency, currencies)
        units_sold, uncounted = _quantities(source, quantity)
        promised, entered = (_optional(source, column, tz, dates) for column in (due, recorded))
        findings = [*source.findings, *instants.findings, *missed, *unpriced, *uncounted, *promised[1], *entered[1]]
        column = partial(_texts, source, kept)
        return cls(
            kinds=sort[kept],
            ids=ids[kept],
            at=instants.micros[kept],
            customers=column(customer),
            cases=column(case),
            who=column(who),
            minor=minor[kept],
            currencies=units[kept],
            refers_to=column(refers_to),
            revision=_revisions(ids.codes[kept] + sort.codes[kept].astype(np.int64) * len(ids.values)),
            dims={name: column(name) for name in dims},
            quantity=None if units_sold is None else units_sold[kept],
            due=None if promised[0] is None else promised[0][kept],
            recorded=None if entered[0] is None else _or_else(entered[0], instants.micros)[kept],
            findings=summarise(findings),
        )

    @classmethod
    def from_facts(cls, facts: Iterable[Dated]) -> Self:
        """A ledger from facts of the model, in any order.

        An activity has its channel among `dims`; one that is only planned is of the kind "planned activity".
        """
        rows = list(facts)
        dims = [_dims(row) for row in rows]
        names = dict.fromkeys(name for given in dims for name in given)
        counted = any(row.quantity is not None for row in rows)
        late, dated = any(row.recorded for row in rows), any(row.due for row in rows)
        return cls(
            kinds=code(_kind(row) for row in rows),
            ids=code(row.id for row in rows),
            at=np.array([to_micros(row.at) for row in rows], np.int64),
            customers=code(row.customer for row in rows),
            cases=code(row.case for row in rows),
            who=code(row.who for row in rows),
            minor=np.array([row.amount.minor if row.amount else 0 for row in rows], np.int64),
            currencies=code(row.amount.currency.code if row.amount else None for row in rows),
            refers_to=code(row.refers_to for row in rows),
            revision=np.array([row.revision for row in rows], np.int32),
            dims={name: code(_text(given.get(name)) for given in dims) for name in names},
            quantity=np.array([_hundredths(row) for row in rows], np.int64) if counted else None,
            due=np.array([to_micros(row.due) if row.due else OPEN for row in rows], np.int64) if dated else None,
            recorded=np.array([to_micros(row.recorded or row.at) for row in rows], np.int64) if late else None,
        )

    @classmethod
    def joined(cls, ledgers: Iterable[Self]) -> Self:
        """Several ledgers as one: the rows of each, one after the other; a column that one lacks is missing there."""
        parts = list(ledgers)
        names = dict.fromkeys(name for part in parts for name in part.dims)
        joined: dict[str, Any] = {
            field: Coded.joined([getattr(part, field) for part in parts])
            for field in ("kinds", "ids", "customers", "cases", "who", "currencies", "refers_to")
        }
        columns: dict[str, Any] = {
            field: np.concatenate([getattr(part, field) for part in parts]) for field in ("at", "minor", "revision")
        }
        late = any(part.recorded is not None for part in parts)
        known = [part.at if part.recorded is None else part.recorded for part in parts]
        return cls(
            **joined,
            **columns,
            quantity=_filled([(part.quantity, len(part)) for part in parts], UNKNOWN),
            due=_filled([(part.due, len(part)) for part in parts], OPEN),
            dims={name: Coded.joined([part.dims.get(name, _absent(len(part))) for part in parts]) for name in names},
            recorded=np.concatenate(known) if late else None,
            findings=tuple(finding for part in parts for finding in part.findings),
        )

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Any) -> Self:
        names = [field.name for field in attrs.fields(Ledger) if field.name not in ("findings", "dims")]
        columns = {name: getattr(self, name) for name in names}
        kept: dict[str, Any] = {name: None if column is None else column[rows] for name, column in columns.items()}
        return attrs.evolve(self, dims={name: column[rows] for name, column in self.dims.items()}, **kept)

    def dimension(self, name: str) -> Coded:
        """A column to group by: "who", "customer", "kind", "currency", or one of `dims`.

        Raises:
            NotFound: if there is no such column.
        """
        columns = {
            "who": self.who,
            "customer": self.customers,
            "kind": self.kinds,
            "currency": self.currencies,
            **self.dims,
        }
        if name not in columns:
            raise NotFound("column", name, tuple(columns), "the ledger")
        return columns[name]

    def to_dict(self) -> dict[str, list[Any]]:
        """The rows as lists: times in UTC, exact money, None where unknown."""
        units = self.currencies.decode()
        return {
            "kind": self.kinds.decode(),
            "id": self.ids.decode(),
            "at": [from_micros(at) for at in self.at.tolist()],
            "customer": self.customers.decode(),
            "case": self.cases.decode(),
            "who": self.who.decode(),
            "amount": [
                None if unit is None else Money.from_minor(minor, unit)
                for minor, unit in zip(self.minor.tolist(), units, strict=True)
            ],
            "refers_to": self.refers_to.decode(),
            "revision": self.revision.tolist(),
            **{name: column.decode() for name, column in self.dims.items()},
        }

    def of(self, kind: str) -> Self:
        """The rows of one kind; none if there are none."""
        wanted = self.kinds.values.index(kind) if kind in self.kinds.values else -2
        return self[self.kinds.codes == wanted]

    def within(self, period: Period, tz: str) -> Self:
        """The rows of a period, by civil days of a zone."""
        start, end = period.instants(zone(tz))
        return self[(self.at >= start) & (self.at < end)]

    def total(self, by: str | None = None) -> dict[tuple[str | None, str], Money]:
        """Exact sums, one for each key and currency: currencies are never added up.

        Args:
            by: "who", "customers", "cases" or "kinds"; None for one sum a currency.

        Returns:
            From (key, currency code) to the sum; the key is None for rows without one, and where `by` is None.

        Raises:
            NotFound: if there is no such column.
        """
        keys = self._keys(by)
        rows = np.flatnonzero(self.currencies.codes >= 0)
        pair = (keys.codes[rows].astype(np.int64) + 1) * len(self.currencies.values) + self.currencies.codes[rows]
        distinct, inverse = np.unique(pair, return_inverse=True)
        sums = np.zeros(len(distinct), np.int64)
        np.add.at(sums, inverse, self.minor[rows])
        names: list[str | None] = [None, *keys.values]
        result: dict[tuple[str | None, str], Money] = {}
        for packed, minor in zip(distinct.tolist(), sums.tolist(), strict=True):
            key, currency = divmod(packed, len(self.currencies.values))
            unit = self.currencies.values[currency]
            result[names[key], unit] = Money.from_minor(minor, unit)
        return result

    def _keys(self, by: str | None) -> Coded:
        if by is None:
            return Coded(np.full(len(self), -1, np.int32), ())
        columns = {"who": self.who, "customers": self.customers, "cases": self.cases, "kinds": self.kinds}
        if by not in columns:
            raise NotFound("column", by, tuple(columns), "the ledger")
        return columns[by]


def _kind(fact: Dated) -> str:
    # What is only planned did not happen: it must not be counted as a contact.
    return fact.kind if getattr(fact, "done", True) else f"planned {fact.kind}"


def _dims(fact: Dated) -> Mapping[str, Any]:
    channel = getattr(fact, "channel", None)
    return fact.dims if channel is None else {"channel": channel, **fact.dims}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _hundredths(fact: Dated) -> int:
    if fact.quantity is None:
        return UNKNOWN
    scaled = fact.quantity * 100
    if scaled != int(scaled):
        raise InvalidValue("quantity", str(fact.quantity), f"of {fact.kind} {fact.id!r} has more than two decimals")
    return int(scaled)


def _absent(size: int) -> Coded:
    return Coded(np.full(size, -1, np.int32), ())


def _filled(columns: Sequence[tuple[Longs | None, int]], nothing: int) -> Longs | None:
    if all(column is None for column, _ in columns):
        return None
    return np.concatenate([np.full(size, nothing) if column is None else column for column, size in columns])


def _quantities(source: Source, column: str | None) -> tuple[Longs | None, tuple[Finding, ...]]:
    if column is None:
        return None, ()
    read = source.amounts(column)
    return np.where(read.known, read.hundredths, UNKNOWN), read.findings


def _optional(
    source: Source, column: str | None, tz: "Zone", dates: "Dates"
) -> tuple[Micros | None, Iterable[Finding]]:
    """A column of instants that rows may lack; `OPEN` where they do."""
    if column is None:
        return None, ()
    read = source.instants(column, tz, dates)
    return np.where(read.ok, read.micros, OPEN), [attrs.evolve(one, dropped=False) for one in read.findings]


def _or_else(times: Micros, otherwise: Micros) -> Micros:
    return np.where(times == OPEN, otherwise, times)


def _in_order(at: Micros, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return rows[np.argsort(at[rows], kind="stable")]


def _left_out(source: Source, rows: npt.NDArray[np.bool_], column: str | None, reason: str) -> list[Finding]:
    which = np.flatnonzero(rows)
    return [Finding(int(source.rows[first]), column, reason, len(which)) for first in which[:1]]


def _unpriced(source: Source, rows: npt.NDArray[np.bool_], column: str) -> list[Finding]:
    found = _left_out(source, rows, column, "has no currency, or cents that it does not have")
    return [attrs.evolve(finding, dropped=False) for finding in found]


def _units(source: Source, currency: str | Currency | None, currencies: str | None) -> Coded:
    """The currency of each row."""
    if currencies is not None:
        units = source.text(currencies)
        return Coded(units.codes, tuple(Currency(text).code for text in units.values))
    if currency is None:
        raise InvalidValue("ledger", source.name, "has amounts but no currency; give currency= or currencies=")
    unit = currency if isinstance(currency, Currency) else Currency(currency)
    return Coded(np.zeros(len(source), np.int32), (unit.code,))


def _money(
    source: Source, amount: str | None, currency: str | Currency | None, currencies: str | None
) -> tuple[Longs, Coded, list[Finding]]:
    """Minor units and currency of each row, none where there is no amount, and what could not be read."""
    if amount is None:
        return np.zeros(len(source), np.int64), _absent(len(source)), []
    read = source.amounts(amount)
    minor, units = minor_units(np.where(read.known, read.hundredths, UNKNOWN), _units(source, currency, currencies))
    return minor, units, [*read.findings, *_unpriced(source, read.known & units.missing, amount)]


def _sorts(source: Source, kind: str | None, kinds: str | None) -> Coded:
    """What each row is."""
    if (kind is None) == (kinds is None):
        raise InvalidValue("ledger", source.name, "needs kind= for all rows, or kinds= for the column that says it")
    return Coded(np.zeros(len(source), np.int32), (kind,)) if kind is not None else source.text(kinds or "")


def _texts(source: Source, rows: npt.NDArray[np.int64], column: str | None) -> Coded:
    return (_absent(len(source)) if column is None else source.text(column))[rows]


def _revisions(ids: Longs) -> npt.NDArray[np.int32]:
    """1 for the first row of an id, 2 for the second ..., in the order of the rows."""
    order = np.argsort(ids, kind="stable")
    starts = np.append(True, ids[order][1:] != ids[order][:-1])[: len(ids)]
    place = np.arange(len(ids))
    number = np.empty(len(ids), np.int32)
    number[order] = place - np.maximum.accumulate(np.where(starts, place, 0)) + 1
    return number
