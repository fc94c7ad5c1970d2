"""Random facts as tables of databases: what the twins are tested with, in each of the three."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN, UNKNOWN, Journal, Ledger, code
from crmkit.metrics import Facts, measure
from crmkit.metrics.kpi import (
    CATALOGUE,
    activities,
    backlog,
    collections,
    complaints,
    customers,
    expense,
    open_deals,
    quote_accuracy,
    resolution,
    sales,
    service,
    service_cost,
)
from crmkit.metrics.sql import WITHOUT_TWIN, Asked, JournalTable, LedgerTable, twin
from crmkit.values import Money, Period, from_micros

# Clocks change in Berlin at 01:00 UTC on both days, and a day has 23 or 25 hours.
START = datetime(2026, 3, 27, 22, 59, 59, 999_999, tzinfo=UTC)
STEPS = [
    timedelta(microseconds=1),
    timedelta(0),
    timedelta(minutes=17, seconds=3),
    timedelta(hours=1),
    timedelta(hours=13),
    timedelta(days=1),
]
AS_OF = datetime(2026, 4, 2, 21, 30, tzinfo=UTC)
KINDS = ("quote", "order", "invoice", "payment", "write-off", "expense", "activity", "complaint")
STAGES = ("new", "offer", "it's \\ back", "won", "lost")
#: Every metric with a twin, and its other policies.
METRICS = (
    *(metric for metric in CATALOGUE if metric.key not in WITHOUT_TWIN),
    customers.NewCustomers(first="order", history_days=1),
    customers.ReactivatedCustomers(gap_days=0),
    sales.Invoiced(credit_notes="with the invoice"),
    collections.OnTime(terms_days=1, grace_days=1),
    quote_accuracy.QuoteAccuracy(actual="invoice", quote="first", tolerance_percent=7),
    quote_accuracy.QuoteRatio(actual="invoice"),
    expense.SalesExpense(categories=("travel", "o'clock")),
    expense.AcquisitionCost(lag_days=1, history_days=1),
    activities.Contacts(channels="visit"),
    activities.ContactRate(exposure="person"),
    activities.Untouched(days=1),
    service.FirstResponse(waiting=("new", "offer")),
    service.ResolutionTime(paused=("offer",), reopened="first"),
    service.ResolvedWithin(limit_minutes=90, paused=("new",)),
    service_cost.ServiceCost(hourly=Money("33.35", "EUR")),
    service_cost.CostPerTicket(hourly=Money("33.35", "EUR")),
    complaints.ComplaintRate(base="customer"),
    complaints.Confirmed(stage="it's \\ back"),
    complaints.Recurrence(cause=None),
    complaints.Reopening(within_days=1),
    backlog.BacklogAge(edges_days=(1, 2)),
    backlog.BacklogByLimit(limit_minutes=90, paused=("offer",)),
    resolution.FirstContact(contacts=("offer",), resolved=("it's \\ back",), within_days=1),
    resolution.TicketsReopened(resolved=("offer",)),
    resolution.Escalation(stages=("offer",)),
    open_deals.PipelineHerfindahl(of="who"),
    open_deals.PipelineTopShare(of="category", top=1),
    open_deals.PipelineTopShare(of="region"),
)  # fmt: skip


@st.composite
def ledgers(draw, size=25):
    """Facts of all kinds with few ids, so that they meet; in the order of time, with ties."""
    count = draw(st.integers(0, size))
    at, moment = [], START
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=count, max_size=count)):
        moment += step
        at.append(moment)
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=count, max_size=count))
    pick = {
        "ids": st.sampled_from(["1", "2", "3"]), "customers": st.sampled_from(["A", "B", "Ü '", None]),
        "who": st.sampled_from(["x", "y", None]), "cases": st.sampled_from(["c1", "c2", "c9", None]),
        "minor": st.integers(-500, 1500), "currencies": st.sampled_from(["EUR", "EUR", "JPY", None]),
        "refers_to": st.sampled_from(["1", "2", "3", "7", None]), "due": st.sampled_from([None, *STEPS]),
        "channel": st.sampled_from(["visit", "call", None]), "category": st.sampled_from(["travel", "o'clock", None]),
        "cause": st.sampled_from(["late", None]), "quantity": st.sampled_from([UNKNOWN, 0, 50, 125, -75]),
    }  # fmt: skip
    rows = {name: draw(st.lists(one, min_size=count, max_size=count)) for name, one in pick.items()}
    currencies = code(rows["currencies"])
    seen, revision = {}, []
    for kind, id_ in zip(kinds, rows["ids"], strict=True):
        seen[kind, id_] = seen.get((kind, id_), 0) + 1
        revision.append(seen[kind, id_])
    micros = np.array([(one - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for one in at], np.int64)
    due = [
        OPEN if step is None else int(m) + step // timedelta(microseconds=1)
        for m, step in zip(micros, rows["due"], strict=True)
    ]
    return Ledger(
        kinds=code(kinds), ids=code(rows["ids"]), at=micros, customers=code(rows["customers"]), cases=code(rows["cases"]),
        who=code(rows["who"]), minor=np.where(currencies.codes < 0, 0, np.array(rows["minor"], np.int64)),
        currencies=currencies, refers_to=code(rows["refers_to"]), revision=np.array(revision, np.int32),
        dims={name: code(rows[name]) for name in ("channel", "category", "cause")},
        quantity=np.array(rows["quantity"], np.int64), due=np.array(due, np.int64),
    )  # fmt: skip


@st.composite
def journals(draw, size=15):
    """Stays of a few cases in few stages, back and forth, with ties."""
    count = draw(st.integers(1, size))
    moment, rows = START, []
    for _ in range(count):
        moment += draw(st.sampled_from(STEPS))
        rows.append((draw(st.sampled_from(["c1", "c2", "c3"])), draw(st.sampled_from(STAGES)), moment,
                     draw(st.sampled_from(["x", "y", None])), draw(st.sampled_from(["north", None])),
                     draw(st.sampled_from([None, "12.34", "500", "-3"])),
                     draw(st.sampled_from(["EUR", "JPY", "KWD", None]))))  # fmt: skip
    names = ("case", "stage", "at", "who", "region", "amount", "currency")
    frame = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return Journal.from_frame(frame, case="case", stage="stage", at="at", who="who", amount="amount",
                              dims=["region", "currency"], stages=STAGES)  # fmt: skip


@st.composite
def facts(draw, rows=25, stays=15):
    """A ledger and three journals, of so many rows at most."""
    deals, tickets, complained = draw(journals(stays)), draw(journals(stays)), draw(journals(stays))
    return Facts(ledger=draw(ledgers(rows)), journal=deals, service=tickets, complaints=complained, tz="Europe/Berlin",
                 stages=STAGES, service_stages=STAGES, complaint_stages=STAGES)  # fmt: skip


def asked(**changes):
    """What is asked: days around the change of clocks, by a person, or by what the case has."""
    usual = {
        "over": Period(datetime(2026, 3, 28).date(), datetime(2026, 4, 4).date()), "as_of": AS_OF, "every": "day",  # noqa: DTZ001 - days
        "tz": "Europe/Berlin", "stages": STAGES, "service_stages": STAGES, "complaint_stages": STAGES,
    }  # fmt: skip
    return Asked(**(usual | changes))


LEDGER_COLUMNS = (
    "kind", "id", "at", "customer", "case", "who", "amount", "currency", "refers_to", "revision", "due", "quantity",
    "channel", "category", "cause",
)  # fmt: skip
STAY_COLUMNS = ("case", "stage", "entered", "left", "next", "who", "region", "amount", "currency")
TABLES = (
    LedgerTable('led`g"er', {**{name: f"{name} of" for name in LEDGER_COLUMNS}, "seq": "nth"}),
    *(JournalTable(f"{of}_t", (*STAY_COLUMNS, "seq"), of=of) for of in ("journal", "service", "complaints")),
)
#: By what figures are grouped.
GROUPS = [(), ("who",), ("customer", "who"), ("region",), ("category",)]
TYPES = {"at": "moment", "due": "moment", "entered": "moment", "left": "moment", "amount": "decimal(18, 4)",
         "quantity": "decimal(12, 2)", "revision": "int", "seq": "bigint", "nth": "bigint"}  # fmt: skip


def tables(given):
    """The rows of each table, and the names of its columns."""
    ledger = given.ledger.to_dict()
    ledger["amount"] = [None if money is None else money.amount for money in ledger["amount"]]
    ledger["currency"] = given.ledger.currencies.decode()
    ledger["due"] = [None if due == OPEN else from_micros(due) for due in given.ledger.due.tolist()]
    ledger["quantity"] = [None if n == UNKNOWN else f"{n / 100:.2f}" for n in given.ledger.quantity.tolist()]
    yield 'led`g"er', {**{f"{name} of": ledger[name] for name in LEDGER_COLUMNS}, "nth": [*range(len(given.ledger))]}
    for of in ("journal", "service", "complaints"):
        journal = getattr(given, of)
        rows = journal.to_dict()
        rows["amount"] = [None if n == UNKNOWN else f"{n / 100:.2f}" for n in journal.amount.tolist()]
        yield f"{of}_t", {**{name: rows[name] for name in STAY_COLUMNS}, "seq": [*range(len(journal))]}


def kernel(given, metric, wanted):
    """The counters of the kernels."""
    made = measure(given, [metric], by=wanted.by, over=wanted.over, every=wanted.every, as_of=wanted.as_of)
    return made.states[metric.key]


def plain(state):
    """A state as rows; parts of which nothing was counted are left out."""
    return {name: (counts.dims, counts.table()) for name, counts in state.items() if len(counts.n)}


def gathered(strategy, size):
    """Examples of a strategy, always the same."""
    found = []

    @settings(max_examples=size, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=[*HealthCheck])  # fmt: skip
    @given(strategy)
    def gather(one):
        found.append(one)

    gather()
    return found


def twins(given_, by):
    """Each metric that can be grouped so, with what the kernels count; both refuse the others.

    With None come metrics that are refused for what the facts are, by a twin as its rows are read.
    """
    for metric in METRICS:
        try:
            yield metric, plain(kernel(given_, metric, asked(by=by)))
        except InvalidValue:
            yield metric, None
        except NotFound:
            with pytest.raises(NotFound):
                twin(metric, asked(by=by), tables=TABLES)


def agree(query, rows, expected):
    """Whether the rows of a statement are what the kernels count, or are refused where these refuse."""
    if expected is None:
        with pytest.raises(InvalidValue, match="of several currencies"):
            query.read(rows)
        return True
    return plain(query.read(rows)) == expected
