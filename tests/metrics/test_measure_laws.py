"""Laws of all figures: money is exact and in no order, rows may come in any, groups add up, periods leave no gap."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.journal import Coded, Journal, Ledger
from crmkit.metrics import Facts, measure
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.estimators import clopper_pearson, wilson
from crmkit.metrics.kpi import CATALOGUE, conversion
from crmkit.model import Activity, Complaint, Expense, Invoice, Order, Payment, Quote
from crmkit.testing import simulate
from crmkit.testing.simulate import sales_pipeline
from crmkit.testing.strategies import histories
from crmkit.values import Money, Period, to_micros

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=200)
ABOUT = {metric.key: metric.about for metric in CATALOGUE}
# What reads the ledger alone, and what of it is a sum of money.
OF_LEDGER = [
    key for key, about in ABOUT.items()
    if not {"journal", "service", "complaints"} & {*about.needs} and "contract" not in about.needs
]  # fmt: skip
SUMS = ("booked", "invoiced", "collected", "unapplied", "quoted", "sales_expense", "receivables", "overdue")
KINDS = (Quote, Order, Invoice, Payment, Expense, Activity, Complaint)


CENTS = st.integers(1, 10**6)
LINE = sales_pipeline()


@st.composite
def books(draw, cents=CENTS):
    """Facts of all kinds, no two at one instant; some follow from an earlier one."""
    made = []
    for number, (kind, day, customer, who) in enumerate(draw(st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(0, 150), st.sampled_from("ABC"), st.sampled_from(["wei", "li"])),
        min_size=1, max_size=20,
    ))):  # fmt: skip
        at = START + timedelta(days=day, seconds=number)
        more = {} if kind in (Activity, Complaint) else {"amount": Money.from_minor(draw(cents), "EUR")}
        before = [one.id for one in made if one.at < at and isinstance(one, _follows(kind))]
        if before and draw(st.booleans()):
            more["refers_to"] = draw(st.sampled_from(before))
        if kind is Activity:
            more["channel"] = "visit"
        made.append(kind(id=f"{kind.__name__}{number}", at=at, customer=customer, who=who, **more))
    return made


def _follows(kind):
    return {Order: Quote, Invoice: Order, Payment: Invoice}.get(kind, ())


def lines(figures):
    """The figures, without those of cells in which nothing is."""
    return {
        (row.metric, *row.group.values(), row.period, row.unit): (row.value, row.exact, row.low, row.high, row.n)
        for row in figures if row.n or row.value
    }  # fmt: skip


def asked(ledger, keys, **how):
    """Figures by person and month."""
    given_ = {"by": ["who"], "every": "month", "over": Period(date(2026, 1, 1), date(2026, 8, 1)), "as_of": END} | how
    return measure(Facts(ledger=ledger), keys, **given_)


def needed(facts, keys):
    """The metrics of which the facts have a row."""
    there = {type(one).__name__.lower() for one in facts}
    return [key for key in keys if {*ABOUT[key].needs} <= there]


def same(one, other):
    """Whether two tables are alike: whole numbers to the last digit, floats but for rounding."""
    assert one.keys() == other.keys()
    for place, row in one.items():
        assert row[1] == other[place][1], place
        assert row == pytest.approx(other[place], nan_ok=True) if row[1] is None else row[4] == other[place][4], place


@settings(max_examples=30, deadline=None)
@given(books(), st.randoms(use_true_random=False))
def test_rows_may_come_in_any_order(facts, random):
    """Law: no figure of the ledger hangs on the order of its rows."""
    keys, ledger = needed(facts, OF_LEDGER), Ledger.from_facts(facts)
    # The column that recurrence asks for is not in these books.
    keys = [key for key in keys if key != "complaint_recurrence"]
    order = np.array(random.sample(range(len(ledger)), len(ledger)))
    same(lines(asked(ledger, keys)), lines(asked(ledger[order], keys)))


# Odd numbers beyond 2^53, which no float holds.
HUGE = st.integers(2**53, 2**55).map(lambda n: 2 * n + 1)


@settings(max_examples=30, deadline=None)
@given(books(HUGE), st.randoms(use_true_random=False))
def test_no_total_passes_through_a_float(facts, random):
    """Law: sums of money are those of whole numbers, in any order, where a float would lose the last digits."""
    ledger = Ledger.from_facts(facts)
    order = np.array(random.sample(range(len(ledger)), len(ledger)))
    for key, kind, counts in (
        ("invoiced", Invoice, lambda _: True),
        ("booked", Order, lambda _: True),
        ("quoted", Quote, lambda _: True),
        ("sales_expense", Expense, lambda _: True),
        ("collected", Payment, lambda one: one.refers_to is not None),
        ("unapplied", Payment, lambda one: one.refers_to is None),
    ):
        wanted = sum(one.amount.minor for one in facts if isinstance(one, kind) and counts(one))
        for rows in (ledger, ledger[order]):
            found = [row.exact for row in asked(rows, key) if row.exact is not None]
            assert sum(one.minor for one in found) == wanted
            assert all(isinstance(one, Money) for one in found)
    totals = ledger.total("who")
    assert sum(one.minor for one in totals.values()) == sum(one.amount.minor for one in facts if one.amount)


@settings(max_examples=30, deadline=None)
@given(books(HUGE))
def test_groups_and_periods_add_up_to_the_whole(facts):
    """Law: the sums of persons are the sum of all; and of months that of the period, but for stocks."""
    ledger = Ledger.from_facts(facts)
    for key in needed(facts, SUMS):
        last = {row.group["who"]: row.exact.minor for row in asked(ledger, key)}
        by_person = asked(ledger, key)
        months = {row.period: row.exact.minor for row in asked(ledger, key, by=[])}
        for month, total in months.items():
            assert total == sum(row.exact.minor for row in by_person if row.period == month)
        whole = sum(row.exact.minor for row in asked(ledger, key, by=[], every=None))
        ends = [*months.values()][-1:] if key in ("receivables", "overdue") else [*months.values()]
        assert whole == sum(ends)
        assert len(last) <= 2


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe"]),
       st.sampled_from(["day", "week", "month", "quarter"]), st.lists(st.integers(0, 400 * 86_400), min_size=1))  # fmt: skip
def test_buckets_leave_no_gap(tz, every, seconds):
    """Law: across changes of the clock each instant is in the one bucket that has its civil day."""
    zone = ZoneInfo(tz)
    cut = Buckets.of(Period(date(2018, 1, 1), date(2019, 3, 1)), every, zone)
    given_ = [datetime(2018, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=second) for second in seconds]
    for at, place in zip(given_, cut.place(np.array([to_micros(at) for at in given_])).tolist(), strict=True):
        holding = [i for i, one in enumerate(cut.periods) if one.start <= at.astimezone(zone).date() < one.end]
        assert holding == [place]
    assert (np.diff(cut.edges) > 0).all()


@given(st.integers(0, 60), st.integers(1, 60), st.integers(2, 20), st.floats(0.5, 0.99))
def test_limits_widen_as_n_falls(x, more, factor, level):
    """Law: the same share of more trials has narrower limits."""
    n = x + more
    for interval in (wilson, clopper_pearson):
        few, many = (np.subtract(*interval(x * times, n * times, level)[::-1]) for times in (1, factor))
        assert many < few


@settings(max_examples=25, deadline=None)
@given(st.data(), st.randoms(use_true_random=False))
def test_a_row_that_comes_late_or_twice_counts_once(data, random):
    """Law: repeated rows of an export, in any order, change nothing."""
    events = [e for i in range(3) for e in data.draw(histories(LINE, case=f"D-{i}", apart=1))[1]]
    names = [stage.name for stage in LINE.stages]
    rows = Journal.from_events(events, stages=names).to_dict()
    table = [*zip(rows["case"], rows["stage"], rows["entered"], rows["who"], strict=True)]
    twice = table + random.sample(table, len(table) // 2)
    random.shuffle(twice)
    until = max(row[2] for row in table) + timedelta(days=1)
    once, again = (
        Journal.from_frame(
            dict(zip(("case", "stage", "at", "who"), map(list, zip(*listed, strict=True)), strict=True)),
            case="case", stage="stage", at="at", who="who", stages=names, as_of=until,
        )
        for listed in (table, twice)
    )  # fmt: skip
    assert once == again


@settings(max_examples=15, deadline=None)
@given(books())
def test_kpis_measured_together_are_what_they_are_alone(facts):
    """Law: what KPIs share, and what was let go of between them, changes no counter."""
    keys, ledger = needed(facts, OF_LEDGER), Ledger.from_facts(facts)
    keys = [key for key in keys if key != "complaint_recurrence"]
    if keys:
        together = asked(ledger, keys)
        for key in keys:
            alone = asked(ledger, key)
            assert together.states[key] == alone.states[key], key
            assert lines(row for row in together if row.metric == key).keys() == lines(alone).keys()


def test_a_kpi_with_parts_of_its_own_is_counted_by_itself():
    """KPIs that read the same have the same counters, the very same; one that only inherits from them has not."""

    class Of2027(conversion.WinRate):
        about = attrs.evolve(conversion.WinRate.about, key="win_rate_2027")

        def parts(self, view):
            for part in super().parts(view):
                yield attrs.evolve(part, period=Coded(np.full(len(part.period), -1, np.int32), part.period.values))

    journal = simulate(n=50, rng=np.random.default_rng(1), days=200.0).journal
    found = measure(Facts(journal=journal), ["win_rate", Of2027(), "conversion_cycle"])
    assert found.states["win_rate"]["cases"] is found.states["conversion_cycle"]["cases"]
    assert int(found.states["win_rate"]["cases"].n.sum()) == 50
    assert not len(found.states["win_rate_2027"]["cases"])
