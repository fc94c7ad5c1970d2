"""What figures are made from: the ledger of dated facts, the journals of deals and tickets, and how to read them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Self

import attrs
import numpy as np

from crmkit.calendars import WorkingTime
from crmkit.errors import InvalidValue
from crmkit.events import Event
from crmkit.journal import OPEN, Coded, Journal, Ledger
from crmkit.values import Currency, RateTable, to_micros

__all__ = ["Facts"]

# The journals, and the facts that they are made of, if these are given.
_TOLD_BY = {"journal": "events", "service": "service_events", "complaints": "complaint_events"}


def _ledger(given: Ledger | Iterable[Ledger] | None) -> Ledger | None:
    return given if given is None or isinstance(given, Ledger) else Ledger.joined(given)


def _currency(given: str | Currency | None) -> Currency | None:
    return Currency(given) if isinstance(given, str) else given


def _events(given: Iterable[Event] | None) -> tuple[Event, ...] | None:
    return None if given is None else tuple(given)


def _resolved(given: Mapping[str, str]) -> dict[str, str]:
    """Each name with that at the end of its chain.

    Raises:
        InvalidValue: for a chain that comes back to where it began.
    """
    ends: dict[str, str] = {}
    for name in given:
        seen, end = {name}, given[name]
        while end in given and end not in seen:
            seen.add(end)
            end = given[end]
        if end in seen:
            raise InvalidValue("merged", name, "counts under itself in the end; name the customer that stays")
        ends[name] = end
    return ends


def _under(column: Coded, merged: Mapping[str, str]) -> Coded:
    """A column of customers under the names that stay."""
    if not merged.keys() & column.values:
        return column
    return column.recode_by({name: merged.get(name, name) for name in column.values})


@attrs.frozen(eq=False)
class Facts:
    """The facts of a company, from which `measure` makes its figures; leave out what there is none of.

    Attributes:
        ledger: quotes, orders, invoices, payments, expenses, activities, complaints; several ledgers become one.
        journal: the stays of deals in their stages; made from `events` if that is given instead.
        service: the stays of tickets; made from `service_events` if those are given instead.
        complaints: the stays of complaints, whose cases are the `case` of the ledger's complaints; made from
            `complaint_events` if those are given instead.
        tz: the zone whose civil days make up periods.
        stages: the order of the deals' stages: a `Pipeline`, names in order, or None for the journal's own.
        service_stages: likewise of tickets.
        complaint_stages: likewise of complaints.
        currency: what amounts are converted to; without it, currencies stay apart.
        rates: the rates to convert by; an amount without a rate is counted, and is in no sum.
        hours: the working time of those who answer; without it, elapsed time is wall time.
        attendance: the working time of each person, for exposure: who works half of `hours`, or is on leave, has as
            much less time for contacts. Persons without an entry work as `hours` says.
        customers: what to group customers by: from the name of a column to {customer: value}.
        merged: customers that are one, as duplicates or the companies of a group: from each name to that under which it
            counts, in the ledger and in journals with a column "customer".
        events: crmkit's own facts of the deals, which know when they were recorded.
        service_events: likewise of the tickets.
        complaint_events: likewise of the complaints.
    """

    ledger: Ledger | None = attrs.field(default=None, converter=_ledger)
    journal: Journal | None = None
    service: Journal | None = None
    complaints: Journal | None = None
    tz: str = "UTC"
    stages: Any = None
    service_stages: Any = None
    complaint_stages: Any = None
    currency: Currency | None = attrs.field(default=None, converter=_currency)
    rates: RateTable | None = None
    hours: WorkingTime | None = None
    attendance: Mapping[str, WorkingTime] = attrs.field(factory=dict[str, WorkingTime])
    customers: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict[str, Mapping[str, str]])
    merged: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_resolved)
    events: tuple[Event, ...] | None = attrs.field(default=None, converter=_events)
    service_events: tuple[Event, ...] | None = attrs.field(default=None, converter=_events)
    complaint_events: tuple[Event, ...] | None = attrs.field(default=None, converter=_events)

    def __attrs_post_init__(self) -> None:
        for name, told in _TOLD_BY.items():
            if getattr(self, told) and getattr(self, name) is None:
                object.__setattr__(self, name, Journal.from_events(getattr(self, told)))
        if self.merged:
            self._merge()
        if self.attendance and self.hours is None:
            why = "needs hours=: the time of somebody who works all of it, to which that of each person is compared"
            raise InvalidValue("attendance", ", ".join(self.attendance), why)
        if self.currency is not None and self.rates is None and self._foreign():
            others = ", ".join(self._foreign())
            raise InvalidValue("currency", str(self.currency), f"needs rates= to convert {others}; or leave it out")

    def _merge(self) -> None:
        if self.ledger is not None:
            under = _under(self.ledger.customers, self.merged)
            object.__setattr__(self, "ledger", attrs.evolve(self.ledger, customers=under))
        for name in _TOLD_BY:
            journal: Journal | None = getattr(self, name)
            if journal is not None and "customer" in journal.dims:
                dims = {**journal.dims, "customer": _under(journal.dims["customer"], self.merged)}
                object.__setattr__(self, name, attrs.evolve(journal, dims=dims))

    def _foreign(self) -> tuple[str, ...]:
        if self.ledger is None or self.currency is None:
            return ()
        used = np.unique(self.ledger.currencies.codes)
        codes = [self.ledger.currencies.values[code] for code in used.tolist() if code >= 0]
        return tuple(code for code in codes if code != self.currency.code)

    def as_of(self, at: datetime) -> Self:
        """The facts as they stood at an instant (inclusive): what had not happened yet is not there."""
        moment = to_micros(at, "as_of")
        deals, service, complaints = (
            None if journal is None else journal.as_of(at) for journal in (self.journal, self.service, self.complaints)
        )
        ledger = None if self.ledger is None else self.ledger[self.ledger.at <= moment]
        return attrs.evolve(self, ledger=ledger, journal=deals, service=service, complaints=complaints)

    def known_at(self, at: datetime) -> Self:
        """The facts that were recorded by an instant (inclusive), whenever they happened.

        A ledger without times of recording knew its facts as they happened. The journals are made anew from the facts
        that they are made of.

        Raises:
            InvalidValue: if there is a journal without the facts that tell when its stays were recorded.
        """
        moment = to_micros(at, "as_known_at")
        known: dict[str, Any] = {}
        for name, told in _TOLD_BY.items():
            events: tuple[Event, ...] | None = getattr(self, told)
            if events is None:
                if getattr(self, name) is not None:
                    raise InvalidValue("as_known_at", name, f"does not know when its stays were recorded; give {told}=")
                continue
            kept = tuple(event for event in events if to_micros(event.recorded) <= moment)
            known |= {told: kept, name: Journal.from_events(kept, as_of=at) if kept else None}
        ledger = self.ledger
        if ledger is not None:
            ledger = ledger[(ledger.at if ledger.recorded is None else ledger.recorded) <= moment]
        return attrs.evolve(self, ledger=ledger, **known)

    def recorded(self) -> int | None:
        """The last instant at which a fact was recorded, in microseconds UTC; None if the facts cannot tell."""
        latest: list[int] = []
        for name, told in _TOLD_BY.items():
            events: tuple[Event, ...] = getattr(self, told) or ()
            if not events and getattr(self, name) is not None:
                return None
            latest += [to_micros(event.recorded) for event in events]
        if self.ledger is not None and self.ledger.recorded is not None and len(self.ledger):
            latest.append(int(self.ledger.recorded.max()))
        return max(latest, default=None)

    def until(self) -> int:
        """The last instant that was observed, in microseconds UTC.

        Raises:
            InvalidValue: if there are no facts.
        """
        journals = [one for one in (self.journal, self.service, self.complaints) if one is not None and len(one)]
        ends = [journal.until for journal in journals]
        if self.ledger is not None and len(self.ledger):
            ends.append(int(self.ledger.at.max()))
        if not ends:
            raise InvalidValue("facts", "no rows", "cannot be measured; give a ledger or a journal")
        return max(ends)

    def since(self) -> int:
        """The first instant that was observed, in microseconds UTC; `OPEN` without facts."""
        journals = [one for one in (self.journal, self.service, self.complaints) if one is not None and len(one)]
        starts = [int(journal.entered.min()) for journal in journals]
        if self.ledger is not None and len(self.ledger):
            starts.append(int(self.ledger.at.min()))
        return min(starts, default=OPEN)
