"""Tables of the host, and what is asked of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.policy import StageOrder
from crmkit.metrics.view import TableName
from crmkit.values import Currency, Every, Period, to_micros, zone

__all__ = ["Asked", "Columns", "JournalTable", "LedgerTable", "Tables"]

#: Our names of columns, and what the host calls them; or names that are the same.
Columns: TypeAlias = Mapping[str, str] | Sequence[str]

_LEDGER = (
    "kind", "id", "at", "seq", "customer", "case", "who", "amount", "minor", "currency", "refers_to", "revision", "due",
    "quantity",
)  # fmt: skip
_JOURNAL = ("case", "stage", "entered", "left", "next", "who", "seq", "amount")
_JOURNALS: tuple[TableName, ...] = ("journal", "service", "complaints")
_STAGES = {"journal": "stages", "service": "service_stages", "complaints": "complaint_stages"}


def _parts(name: str | Sequence[str]) -> tuple[str, ...]:
    return (name,) if isinstance(name, str) else tuple(name)


def _columns(given: Columns) -> dict[str, str]:
    return dict(given) if isinstance(given, Mapping) else {name: name for name in given}


def _unit(given: str | Currency | None) -> Currency | None:
    return Currency(given) if isinstance(given, str) else given


def _groups(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@attrs.frozen
class LedgerTable:
    """A table of the host whose rows are dated facts.

    Attributes:
        name: its name; several parts if it is qualified: ("sales", "invoices").
        columns: which of its columns are "id" and "at" (a timestamp with a zone), and, as far as there are such,
            "kind", "customer", "case", "who", "amount" (DECIMAL) or "minor" (BIGINT, minor units), "currency",
            "refers_to", "revision" (numbered in the order of time if there is none), "due", "quantity" (DECIMAL), and
            "seq", a number that orders what is dated alike. Any other name is a column to group by.
        kind: what all rows are, where no column says it.
        currency: of all amounts, where no column says it.
    """

    name: tuple[str, ...] = attrs.field(converter=_parts)
    columns: dict[str, str] = attrs.field(converter=_columns)
    kind: str | None = None
    currency: Currency | None = attrs.field(default=None, converter=_unit)

    def __attrs_post_init__(self) -> None:
        _has(self, "id", "at", *(["kind"] if self.kind is None else []))
        if {"amount", "minor"} <= self.columns.keys():
            raise InvalidValue("columns", ".".join(self.name), "have the amount twice: as amount and in minor units")

    @property
    def dims(self) -> tuple[str, ...]:
        """The columns to group by that have no name of ours."""
        return tuple(name for name in self.columns if name not in _LEDGER)


@attrs.frozen
class JournalTable:
    """A table of the host whose rows are stays of cases in stages.

    Attributes:
        name: as of `LedgerTable`.
        columns: which of its columns are "case", "stage", "entered" and "left" (timestamps with a zone; NULL while the
            stay lasts) and "next" (the stage that followed), and, if there are such, "who", "seq", and "amount"
            (DECIMAL, known to hundredths). Any other name is a column to group by, and so is "currency".
        of: "journal" for deals, "service" for tickets, "complaints".
        currency: of all amounts, where no column says it.
    """

    name: tuple[str, ...] = attrs.field(converter=_parts)
    columns: dict[str, str] = attrs.field(converter=_columns)
    of: TableName = "journal"
    currency: Currency | None = attrs.field(default=None, converter=_unit)

    def __attrs_post_init__(self) -> None:
        _has(self, "case", "stage", "entered", "left", "next")
        if self.of not in _JOURNALS:
            raise NotFound("journal", self.of, _JOURNALS, "of=")

    @property
    def dims(self) -> tuple[str, ...]:
        """The columns to group by that have no name of ours."""
        return tuple(name for name in self.columns if name not in _JOURNAL)


def _has(table: LedgerTable | JournalTable, *needed: str) -> None:
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise InvalidValue("columns", ".".join(table.name), f"do not say which is {', '.join(missing)}")


def _listed(given: Iterable[LedgerTable | JournalTable]) -> tuple[LedgerTable | JournalTable, ...]:
    return tuple(given)


@attrs.frozen(slots=False)
class Tables:
    """The tables of the host by what they hold."""

    listed: tuple[LedgerTable | JournalTable, ...] = attrs.field(converter=_listed)

    def __attrs_post_init__(self) -> None:
        journals = [table.of for table in self.listed if isinstance(table, JournalTable)]
        for of in set(journals):
            if journals.count(of) > 1:
                raise InvalidValue("tables", of, "is given twice; make one view of both")

    def __iter__(self) -> Iterator[LedgerTable | JournalTable]:
        return iter(self.listed)

    @property
    def ledger(self) -> tuple[LedgerTable, ...]:
        """Those of dated facts: together they are the ledger."""
        return tuple(table for table in self.listed if isinstance(table, LedgerTable))

    @property
    def journals(self) -> dict[TableName, JournalTable]:
        """Those of stays."""
        return {table.of: table for table in self.listed if isinstance(table, JournalTable)}

    @cached_property
    def dims(self) -> tuple[str, ...]:
        """The columns of the ledger to group by."""
        return tuple(dict.fromkeys(name for table in self.ledger for name in table.dims))


@attrs.frozen(kw_only=True, slots=False)
class Asked:
    """What is asked of tables, as `measure` is asked of facts.

    Attributes:
        over: the period.
        as_of: the end of observation (aware, inclusive); what came later is not there.
        every: "day", "week", "month", "quarter" or "year": the buckets.
        by: columns to group by, as of `measure`: of the row, or of the case as it was opened.
        tz: the zone whose civil days make up periods.
        stages: the order of the deals' stages: a `Pipeline`, or names in order.
        service_stages: likewise of tickets.
        complaint_stages: likewise of complaints.
        since: the first instant that was observed (aware); the start of the period if None.
        versus: as of `measure`.
        level: the confidence of the intervals.
    """

    over: Period
    as_of: datetime
    every: Every | None = None
    by: tuple[str, ...] = attrs.field(default=(), converter=_groups)
    tz: str = "UTC"
    stages: Any = None
    service_stages: Any = None
    complaint_stages: Any = None
    since: datetime | None = None
    versus: Any = None
    level: float = 0.95

    def __attrs_post_init__(self) -> None:
        to_micros(self.as_of, "as_of")

    @cached_property
    def buckets(self) -> Buckets:
        """The periods."""
        there = zone(self.tz)
        cut = Buckets.of(self.over, self.every, there)
        return cut.one_earlier(there) if self.versus == "previous" else cut

    @property
    def until(self) -> int:
        """The end of observation, in microseconds UTC."""
        return to_micros(self.as_of)

    @property
    def begun(self) -> int:
        """The first instant that was observed, in microseconds UTC."""
        return int(self.buckets.edges[0]) if self.since is None else to_micros(self.since, "since")

    def order(self, which: TableName) -> StageOrder:
        """The order of the stages of a journal.

        Raises:
            InvalidValue: if it was not given.
        """
        stages = getattr(self, _STAGES[which])
        if stages is None:
            raise InvalidValue(_STAGES[which], "None", "are not given, and a database does not know their order")
        return StageOrder.given(stages)
