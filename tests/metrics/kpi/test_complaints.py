"""Complaints, against loops over complaints and their stays."""

import gzip
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, Ledger, decode_csv
from crmkit.metrics.estimators import garwood, wilson
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi._durations import bin_of, value_of
from crmkit.metrics.kpi.complaints import ComplaintRate, Confirmed, Recurrence, Reopening, Resolved
from crmkit.metrics.measure import measure
from crmkit.metrics.survival import aalen_johansen, kaplan_meier
from crmkit.model import Complaint, Order, Payment
from crmkit.pipeline import Pipeline, Stage
from crmkit.values import Money, Period

from .oracle import START, measured, month, values

END = START + timedelta(days=200)
STAGES = ["open", "answered", "won", "confirmed", "lost"]


PIPELINE = Pipeline(
    "complaints",
    stages=["open", "answered", Stage("won", "won"), Stage("confirmed", "won"), Stage("lost", "lost")],
    moves={"open": {"a": "answered"}, "answered": {"w": "won", "l": "lost"}, "won": {"c": "confirmed"}},
)

row = st.tuples(
    st.sampled_from(["complaint", "complaint", "order", "payment"]), st.integers(0, 100),
    st.sampled_from(["Acme", "Beta", None]), st.sampled_from(["late", "broken", None]), st.integers(0, 7),
)  # fmt: skip


def _facts(rows):
    made = []
    for number, (kind, day, customer, cause, again) in enumerate(sorted(rows, key=lambda one: one[1])):
        common = {"at": START + timedelta(days=day), "customer": customer, "dims": {"cause": cause}}
        key = f"{number - 1 if again == 0 and number else number}"
        if kind == "complaint":
            made.append(Complaint(id=f"C{key}", **common))
        else:
            cls = Order if kind == "order" else Payment
            made.append(cls(id=f"X{number}", amount=Money(1, "EUR"), **common))
    return made


books = st.lists(row, min_size=1, max_size=20).map(_facts)


def once(facts):
    """Complaints, each id as it stands last."""
    return list({fact.id: fact for fact in facts if isinstance(fact, Complaint)}.values())


@given(books)
def test_complaints_and_their_rate_by_a_loop(facts):
    """Each id once; per thousand orders, and per thousand customers who did anything in the month."""
    expected = {}
    for fact in once(facts):
        key = (month(fact.at), "complaints")
        expected[key] = expected.get(key, 0) + 1
    assert values(measured(facts, "complaints", as_of=END)) == expected
    for base in ("order", "customer"):
        for line in measured(facts, ComplaintRate(base=base), as_of=END):
            n = expected.get((line.period, "complaints"), 0)
            inside = [f for f in facts if not isinstance(f, Complaint) and month(f.at) == line.period]
            size = len([f for f in inside if isinstance(f, Order)])
            if base == "customer":
                size = len({f.customer for f in inside} - {None})
            assert line.n == n
            if size == 0:
                assert (line.value, line.low, line.high) == (None, None, None)
            else:
                low, high = garwood(n, size / 1000)
                assert (line.value, line.low, line.high) == pytest.approx((1000 * n / size, low, high))


@given(books, st.sampled_from(["cause", None]))
def test_recurrence_by_a_loop(facts, column):
    """The next complaint of the customer and cause within 60 days; those too recent to tell are censored."""
    stays = {}
    listed = sorted((fact for fact in once(facts) if fact.customer), key=lambda fact: fact.at)
    for number, fact in enumerate(listed):
        later = [
            other.at for other in listed[number + 1 :]
            if other.customer == fact.customer
            and (column is None or (fact.dims["cause"] is not None and other.dims["cause"] == fact.dims["cause"]))
        ]  # fmt: skip
        stays.setdefault(month(fact.at), []).append(((min(later, default=END) - fact.at).days, int(bool(later))))
    figures = measured(facts, Recurrence(within_days=60, cause=column), as_of=END)
    assert {line.period for line in figures} == set(stays)
    for line in figures:
        ages, ends = (np.array(part) for part in zip(*stays[line.period], strict=True))
        wanted = aalen_johansen(ages, ends, causes=1).at(60)[0]
        assert line.value is None if np.isnan(wanted) else line.value == pytest.approx(wanted, abs=1e-12)
        assert line.n == len(ages)


case = st.tuples(st.integers(0, 60), st.lists(st.tuples(st.integers(1, 30), st.sampled_from(STAGES)), max_size=5))
histories = st.lists(case, min_size=1, max_size=12)


def stays_of(listed):
    """[[(stage, day entered, day left or None)]]."""
    for day, steps in listed:
        mine = [["open", day, None]]
        for wait, stage in steps:
            mine[-1][2] = mine[-1][1] + wait
            mine.append([stage, mine[-1][2], None])
        yield mine


def facts_of(listed, prefix=""):
    """Facts with a journal of complaints."""
    rows = [
        (f"{prefix}{n}", stage, START + timedelta(days=day))
        for n, mine in enumerate(stays_of(listed))
        for stage, day, _ in mine
    ]
    cases, stages, at = zip(*rows, strict=True)
    columns = {"c": cases, "s": stages, "at": at}
    return Facts(
        complaints=Journal.from_frame(columns, case="c", stage="s", at="at", stages=STAGES, as_of=END),
        complaint_stages=PIPELINE,
    )


def standing(listed, done):
    """For each complaint: (days, 0 open, 1 done, 2 withdrawn) as it stands."""
    for mine in stays_of(listed):
        stage, day, _ = mine[-1]
        how = 1 if stage in done else 2 if stage == "lost" else 0
        yield (day if how else 200) - mine[0][1], how


@given(histories, st.sampled_from([10, 45]))
def test_resolved_is_aalen_johansen(listed, horizon):
    """Withdrawal competes; a reopened complaint is open."""
    ages, how = (np.array(part) for part in zip(*standing(listed, ("won", "confirmed")), strict=True))
    (line,) = measure(facts_of(listed), [Resolved(horizon_days=horizon)])
    wanted = aalen_johansen(ages, how, causes=2).at(horizon)[0]
    assert line.value is None if np.isnan(wanted) else line.value == pytest.approx(wanted, abs=1e-12)


@given(histories)
def test_confirmed_is_not_resolved(listed):
    """Until the customer says so, if that has a stage of its own."""
    for stage, done in ((None, ("won", "confirmed")), ("confirmed", ("confirmed",))):
        ages, how = (np.array(part) for part in zip(*standing(listed, done), strict=True))
        found = kaplan_meier(value_of(bin_of(ages)), how == 1).quantile(0.5, 0.95, method="log-log")
        (line,) = measure(facts_of(listed), [Confirmed(stage=stage)])
        got = [line.value, line.low, line.high]
        assert got == [None if np.isnan(x) else pytest.approx(x) for x in (found.value, found.low, found.high)]
        assert line.n_open == sum(how == 0)


@given(histories)
def test_reopening_by_a_loop(listed):
    """Of those that were ever resolved, those that went on to a stage that is not."""
    ever = back = 0
    for mine in stays_of(listed):
        names = [stage for stage, _, _ in mine]
        good = [name in ("won", "confirmed") for name in names]
        ever += any(good)
        back += any(a and not b for a, b in pairwise(good))
    lines = list(measure(facts_of(listed), ["complaints_reopened"]))
    assert [(line.n, line.value) for line in lines] == ([(ever, back / ever)] if ever else [])
    if ever:
        assert (lines[0].low, lines[0].high) == pytest.approx(wilson(back, ever))


@given(histories, st.sampled_from([1, 7, 30]))
def test_reopening_within_days_is_kaplan_meier(listed, within):
    """Those that were resolved so lately that they may come back yet are censored."""
    ages, came = [], []
    for mine in stays_of(listed):
        good = [stage in ("won", "confirmed") for stage, _, _ in mine]
        if any(good):
            at = mine[good.index(True)][1]
            back = [
                left
                for (_, _, left), here, then in zip(mine, good, [*good[1:], True], strict=True)
                if here and not then
            ]
            ages.append((back[0] if back else 200) - at)
            came.append(bool(back))
    lines = list(measure(facts_of(listed), [Reopening(within_days=within)]))
    if not ages:
        assert not lines
        return
    (line,) = lines
    assert line.n == len(ages)
    if line.value is not None:
        assert line.value == pytest.approx(1.0 - float(kaplan_meier(ages, came).at([within + 0.5])[0]))
    else:
        assert max(ages) < within
    with pytest.raises(InvalidValue, match="within_days"):
        Reopening(within_days=0)


@given(histories, histories)
def test_parts_of_the_histories_add_up(one, other):
    """Complaints measured apart and merged."""
    a, b = facts_of(one, "a"), facts_of(other, "b")
    rows = [journal.to_dict() for journal in (a.complaints, b.complaints)]
    joined = {name: [*rows[0][name], *rows[1][name]] for name in ("case", "stage", "entered", "left", "next")}
    whole = Journal.from_frame(
        joined, case="case", stage="stage", entered="entered", left="left", next="next", stages=STAGES, as_of=END
    )
    metrics = ["complaints_resolved", "complaint_resolution_time", "complaints_reopened"]
    how = {"over": Period.year(2026), "as_of": END}
    made = [measure(facts, metrics, **how) for facts in (a, b, Facts(complaints=whole, complaint_stages=PIPELINE))]
    assert list(made[0].merge(made[1])) == list(made[2])


@given(books, st.sampled_from(["Acme", "Beta"]))
def test_parts_of_the_books_add_up(facts, name):
    """Customers measured apart and merged."""
    halves = [[fact for fact in facts if (fact.customer == name) is side] for side in (True, False)]
    shared_ids = {f.id for f in halves[0]} & {f.id for f in halves[1]}
    if all(halves) and not shared_ids:
        how = {"as_of": END, "over": Period.year(2026)}
        for metric in ("complaints", "complaint_rate", ComplaintRate(base="customer"), Recurrence(cause=None)):
            one, other, both = (measured(part, metric, **how) for part in (*halves, facts))
            assert list(one.merge(other)) == list(both)


def test_policies_out_of_range_are_refused():
    """With what there is."""
    with pytest.raises(InvalidValue, match="base"):
        ComplaintRate(base="visit")
    with pytest.raises(InvalidValue, match="horizon_days"):
        Resolved(horizon_days=0)
    with pytest.raises(NotFound, match="confirmer"):
        measure(facts_of([(0, [])]), [Confirmed(stage="confirmer")])
    with pytest.raises(NotFound, match="reason"):
        measured([Complaint(id="1", at=START, customer="A", dims={"cause": "late"})], Recurrence(cause="reason"))
    found = measured([Complaint(id="1", at=START)], Recurrence(cause=None)).findings
    assert "cannot recur" in found[0].reason


def test_real_complaints(shared):
    """A public register: 3,186 rows, each a complaint; per company they add up, and 97.08 % were answered in time."""
    path = next(shared("data", "service", "cfpb").glob("*.gz"))
    table = decode_csv(gzip.decompress(path.read_bytes()), name="cfpb")
    frame = {name: table.column(name).decode() for name in ("Date received", "Company", "Issue", "Timely response?")}
    frame["id"] = [str(number) for number in range(len(table))]
    ledger = Ledger.from_frame(
        frame, kind="complaint", id="id", at="Date received", customer="Company",
        dims=["Issue", "Timely response?"], tz="UTC", dates="mdy",
    )  # fmt: skip
    facts = Facts(ledger=ledger)
    assert measure(facts, ["complaints"], as_of=datetime(2020, 1, 1, tzinfo=UTC))["complaints"].n == 3_186
    by = {line.group["Timely response?"]: line.n for line in measure(facts, ["complaints"], by=["Timely response?"])}
    assert round(100 * by["Yes"] / sum(by.values()), 2) == 97.08
    line = measure(facts, [Recurrence(within_days=30, cause="Issue")])["complaint_recurrence"]
    assert 0 < line.low < line.value < line.high < 1
