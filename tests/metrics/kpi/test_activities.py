"""Contacts, against a loop over accounts and seconds."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.errors import InvalidValue
from crmkit.journal import Ledger
from crmkit.metrics import Facts, measure
from crmkit.metrics.estimators import garwood, wilson
from crmkit.metrics.kpi.activities import ContactDispersion, ContactInterval, ContactRate, Contacts, Untouched
from crmkit.metrics.survival import kaplan_meier
from crmkit.model import Activity, Order
from crmkit.values import Money, Period

from .oracle import START, ZONE, measured, month, values

END = START + timedelta(days=100)


def visit(key, day, customer="Acme", *, who="wei", channel="visit", done=True):
    """An activity."""
    return Activity(id=key, at=START + timedelta(days=day), customer=customer, who=who, channel=channel, done=done)


row = st.tuples(
    st.integers(0, 90), st.sampled_from(["Acme", "Beta", "Cato", "Dada", None]), st.sampled_from(["wei", "li", None]),
    st.sampled_from(["visit", "proposal", "mail"]), st.sampled_from(["done", "done", "planned", "order"]), st.integers(0, 8),
)  # fmt: skip


def _facts(rows):
    made = []
    for number, (day, customer, who, channel, what, again) in enumerate(sorted(rows, key=lambda one: one[0])):
        key = f"A{number - 1 if again == 0 and number else number}"
        if what == "order":
            made.append(
                Order(id=key, at=START + timedelta(days=day), customer=customer, who=who, amount=Money(1, "EUR"))
            )
        else:
            made.append(visit(key, day, customer, who=who, channel=channel, done=what == "done"))
    return made


diaries = st.lists(row, min_size=1, max_size=20).map(_facts)


def test_part_time_and_leave():
    """Half of the hours is half of the exposure, a month of leave none; who is not named works all of them."""
    week = {"mon-fri": "09:00-17:00"}
    full = BusinessCalendar("office", tz=ZONE, week=week)
    half = BusinessCalendar("mornings", tz=ZONE, week={"mon-fri": "09:00-13:00"})
    first = Period.month(START.year, START.month)
    away = BusinessCalendar(
        "away", tz=ZONE, week=week, holidays=[date(2026, 1, 1) + timedelta(days=n) for n in range(400)]
    )
    rows = [visit(f"{who}{day}", day, who=who) for who in ("wei", "li", "an", "bo") for day in range(90)]
    known = {"wei": half, "li": away, "an": full}

    def rates(**more):
        facts = Facts(ledger=Ledger.from_facts(rows), tz=ZONE, hours=full, **more)
        found = measure(facts, ContactRate(exposure="person"), by=["who"], over=first)
        return {row.group["who"]: row.value for row in found}

    plain, fair = rates(), rates(attendance=known)
    assert len(set(plain.values())) == 1
    assert fair["wei"] == pytest.approx(2 * plain["wei"], rel=1e-4)
    assert (fair["an"], fair["bo"]) == (plain["an"], plain["bo"])
    assert fair.get("li") is None
    accounts = Facts(ledger=Ledger.from_facts(rows), tz=ZONE, hours=full, attendance=known)
    assert measure(accounts, ContactRate(), over=first).rows[0].value == pytest.approx(4 * 7, rel=0.2)
    with pytest.raises(InvalidValue, match="needs hours="):
        Facts(attendance=known)


def done(facts, channels=("visit", "proposal", "mail")):
    """What was done, each id once: its last row."""
    last = {fact.id: fact for fact in facts if isinstance(fact, Activity) and fact.done}
    return [fact for fact in last.values() if fact.channel in channels]


def bounds(period):
    """The instants of a month of Shanghai, within observation."""
    start = datetime.strptime(period, "%Y-%m").replace(tzinfo=ZoneInfo(ZONE))
    return start, min((start + timedelta(days=32)).replace(day=1), END + timedelta(microseconds=1))


@given(diaries)
def test_contacts_are_what_was_done_once(facts):
    """Planned ones do not count, and one that is listed twice is one; of some channels, if they are named."""
    for metric, wanted in ((Contacts(), ("visit", "proposal", "mail")), (Contacts(channels="visit"), ("visit",))):
        expected = {}
        for fact in done(facts, wanted):
            key = (fact.who, month(fact.at), "contacts")
            expected[key] = expected.get(key, 0) + 1
        if any(isinstance(fact, Activity) for fact in facts):
            assert values(measured(facts, metric, by=["who"], as_of=END)) == expected


def at_risk(facts, unit, period):
    """{account or person: seconds at risk in a month}."""
    start, stop = bounds(period)
    made = {}
    for name in {getattr(fact, unit) for fact in facts} - {None}:
        mine = [fact.at for fact in facts if getattr(fact, unit) == name]
        end = END if unit == "customer" else min(max(mine) + timedelta(days=1), END + timedelta(microseconds=1))
        span = int((min(end, stop) - max(min(mine), start)).total_seconds())
        if span > 0:
            made[name] = span
    return made


@given(diaries, st.sampled_from([("customer", "account"), ("who", "person")]))
def test_rate_is_by_time_at_risk(facts, exposure):
    """Accounts without a contact have time, too; limits are widened by the over-dispersion."""
    unit, word = exposure
    rates = measured(facts, ContactRate(exposure=word, per_days=10), as_of=END)
    spread = measured(facts, ContactDispersion(exposure=word), as_of=END)
    for line, phi_line in zip(rates, spread, strict=True):
        time = at_risk(facts, unit, line.period)
        counts = dict.fromkeys(time, 0)
        for fact in done(facts):
            if getattr(fact, unit) is not None and month(fact.at) == line.period:
                counts[getattr(fact, unit)] = counts.get(getattr(fact, unit), 0) + 1
        n, total = sum(counts.values()), sum(time.values())
        assert line.n == n
        if not total:
            assert line.value is None
            continue
        days = total / 86400 / 10
        assert line.value == pytest.approx(n / days)
        phi = 1.0
        if len(time) > 1 and n:
            share = {name: seconds * sum(counts[one] for one in time) / total for name, seconds in time.items()}
            phi = (
                sum((counts[name] - want) ** 2 / want for name, want in share.items()) / (len(time) - 1) if share else 1
            )
            assert phi_line.value == pytest.approx(phi)
        low, high = garwood(n / max(phi, 1), days / max(phi, 1))
        assert (line.low, line.high) == pytest.approx((low, high))


@given(diaries)
def test_untouched_are_accounts_without_a_contact(facts):
    """At the end of each month, of all accounts that had any fact by then."""
    for line in measured(facts, Untouched(days=20), as_of=END):
        _, end = bounds(line.period)
        accounts = {fact.customer for fact in facts if fact.at < end} - {None}
        touched = {fact.customer for fact in done(facts) if end - timedelta(days=20) <= fact.at < end}
        left = len(accounts - touched)
        assert (line.n, line.value) == (len(accounts), left / len(accounts))
        assert (line.low, line.high) == pytest.approx(wilson(left, len(accounts)))


@given(diaries)
def test_interval_is_kaplan_meier_over_gaps(facts):
    """From each contact of an account to its next; after the last it still waits."""
    stays = {}
    for name in {fact.customer for fact in facts} - {None}:
        mine = sorted(fact.at for fact in done(facts) if fact.customer == name)
        for at, then in zip(mine, [*mine[1:], *([None] if mine else [])], strict=True):
            stays.setdefault(month(at), []).append((((then or END) - at).days, then is not None))
    figures = measured(facts, "contact_interval", as_of=END)
    assert {line.period for line in figures} == set(stays)
    for line in figures:
        curve = kaplan_meier(*(np.array(column) for column in zip(*stays[line.period], strict=True)))
        wanted = curve.quantile(0.5, 0.95, method="log-log")
        got = [line.value, line.low, line.high]
        assert got == [None if np.isnan(x) else pytest.approx(x) for x in (wanted.value, wanted.low, wanted.high)]
        assert line.n_open == sum(not ended for _, ended in stays[line.period])


@given(diaries, st.sampled_from(["Acme", "Beta"]))
def test_parts_of_the_diaries_add_up(facts, where):
    """Accounts measured apart and merged."""
    halves = [[fact for fact in facts if (fact.customer == where) is side] for side in (True, False)]
    if all(halves):
        how = {"as_of": END, "over": Period.year(2026)}
        for key in ("contacts", "contact_rate", "contact_dispersion", "untouched", "contact_interval"):
            if len({fact.id for fact in halves[0]} & {fact.id for fact in halves[1]}) == 0:
                one, other, both = (measured(part, key, **how) for part in (*halves, facts))
                assert list(one.merge(other)) == list(both)


def test_clustered_contacts_have_wider_limits():
    """Ten accounts: one with twenty contacts tells less than ten with two each."""
    even = [visit(f"{n}.{i}", i * 10, f"C{n}") for n in range(10) for i in range(2)]
    uneven = [visit(str(i), i, "C0") for i in range(20)] + [
        Order(id=f"O{n}", at=START, customer=f"C{n}", amount=Money(1, "EUR")) for n in range(10)
    ]
    over = {"over": Period.month(2026, 1), "every": None, "as_of": END}
    one, other = (measured(facts, "contact_rate", **over)["contact_rate"] for facts in (even, uneven))
    assert one.value == pytest.approx(other.value, rel=0.03)
    assert other.high - other.low > 1.5 * (one.high - one.low)


def test_nobody_at_risk_is_no_data():
    """A contact of no account has no exposure: it is unusable, and there is no rate."""
    figures = measured([visit("1", 0, None)], "contact_rate")
    assert [line.value for line in figures] == []
    assert "activity without account" in figures.findings[0].reason


@pytest.mark.parametrize(
    ("make", "name"),
    [(lambda: ContactRate(exposure="team"), "exposure"), (lambda: ContactRate(per_days=0), "per_days"),
     (lambda: Untouched(days=0), "days"), (lambda: ContactInterval(share=0.0), "share")],
)  # fmt: skip
def test_policies_out_of_range_are_refused(make, name):
    """With their name."""
    with pytest.raises(InvalidValue, match=name):
        make()


def test_northwind_has_nine_persons(shared):
    """Orders of a sample company as contacts: each of 9 persons has its own, and all of them add up."""
    import sqlite3
    from contextlib import closing

    from crmkit.journal import Ledger
    from crmkit.metrics.facts import Facts
    from crmkit.metrics.measure import measure

    path = shared("data", "erp", "northwind.sqlite")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("select OrderID, OrderDate, CustomerID, EmployeeID from Orders").fetchall()
    frame = {
        name: [str(value) for value in column]
        for name, column in zip(("id", "at", "customer", "who"), zip(*rows, strict=True), strict=True)
    }
    ledger = Ledger.from_frame(frame, kind="activity", id="id", at="at", customer="customer", who="who", tz="UTC")
    figures = measure(Facts(ledger=ledger), ["contacts", "contact_rate"], by=["who"])
    contacts = [line for line in figures if line.metric == "contacts"]
    assert len(contacts) == 9
    assert sum(line.n for line in contacts) == len(rows)
