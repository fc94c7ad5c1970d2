"""Customers who leave: days and spells, laws of merging and of periods, and what is refused."""

import datetime as dt
import pathlib
from itertools import pairwise
from math import isnan

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NaiveDatetime
from crmkit.journal import Ledger, code
from crmkit.metrics import churn
from crmkit.metrics.survival import kaplan_meier
from crmkit.model import Invoice
from crmkit.values import Money, Period

CDNOW = pathlib.Path(__file__).parents[2].parent / "shared" / "data" / "sales" / "cdnow" / "CDNOW_sample.txt"
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
JAN, MONTH = dt.date(2026, 1, 1), dt.timedelta(days=30)


def day(number):
    """The first of January 2026, and so many days."""
    return JAN + dt.timedelta(days=number)


def bought(*rows, as_of=None, **more):
    """Purchases from (customer, day) rows, seen for a hundred days."""
    return churn.purchases([who for who, _ in rows], [day(at) for _, at in rows], as_of=as_of or day(100), **more)


# -- state


LIVES = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 40), st.integers(0, 900)), min_size=3, max_size=30)


@given(LIVES, st.integers(1, 29), st.integers(1, 29))
def test_merging_is_associative_whatever_the_split(rows, one, two):
    """Three parts, merged either way and in any order, are the whole: the same keyed integers, the same counts."""

    def made(part):
        who, at, cents = zip(*part, strict=True)
        return churn.purchases(
            who, [day(n) for n in at], list(cents), currency="EUR", as_of=day(60), calibration=day(45)
        )

    cuts = sorted({0, min(one, len(rows)), min(two, len(rows)), len(rows)})
    parts = [made(rows[i:j]) for i, j in pairwise(cuts)]
    left = parts[0]
    for part in parts[1:]:
        left = left.merge(part)
    right = parts[-1]
    for part in parts[-2::-1]:
        right = part.merge(right)
    whole = made(rows)
    assert left.table() == right.table() == whole.table()
    assert left.counts().table() == right.counts().table() == whole.counts().table()
    slow = {}
    for who, at, cents in rows:
        slow[who, at] = slow.get((who, at), 0) + cents
    for i, who in enumerate(whole.names):
        days = sorted(at for name, at in slow if name == who)
        assert (whole.frequency[i], whole.recency[i], whole.age[i]) == (len(days) - 1, days[-1] - days[0], 45 - days[0])
        assert whole.repeat_minor[i] == sum(slow[who, at] for at in days[1:])


@given(LIVES, st.integers(0, 4))
def test_counts_of_disjoint_customers_add_up(rows, cut):
    """The tables of two sets of customers, added up, are the table of all."""
    halves = [[row for row in rows if (row[0] < "abcde"[cut]) is side] for side in (True, False)]
    tables = [bought(*((who, at) for who, at, _ in half)).counts() for half in halves if half]
    whole = bought(*((who, at) for who, at, _ in rows)).counts()
    merged = tables[0]
    for table in tables[1:]:
        merged = merged.merge(table)
    assert merged.table() == whole.table()


def test_rows_of_one_day_are_one_purchase_in_the_zone():
    """Two purchases of one civil day are one with their sum; which day it is depends on the zone."""
    at = np.array([0, 3_600_000_000 * 17, 3_600_000_000 * 20])
    made = {
        tz: churn.purchases(["a"] * 3, at, [1, 2, 4], currency="EUR", as_of=dt.date(1970, 1, 9), tz=tz)
        for tz in ("UTC", "Asia/Shanghai", "America/New_York")
    }
    assert made["UTC"].table() == [("a", 0, 7)]
    assert made["Asia/Shanghai"].table() == [("a", 0, 1), ("a", 1, 6)]
    assert made["America/New_York"].table() == [("a", -1, 1), ("a", 0, 6)]
    aware = [dt.datetime(1970, 1, 1, 17, tzinfo=dt.UTC)]
    assert churn.purchases(["a"], aware, as_of=dt.date(1970, 1, 9)).table() == [("a", 0, 0)]
    assert churn.purchases(["a"], [0], as_of=dt.date(1970, 1, 9)).table() == [("a", 0, 0)]


def test_ledgers_give_purchases():
    """Of a ledger the last revision of each id counts; rows without a customer or an amount are counted as such."""
    first = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)

    def invoice(number, customer, at, amount, revision=1):
        money = None if amount is None else Money.from_minor(amount, "EUR")
        return Invoice(id=number, customer=customer, at=first + dt.timedelta(days=at), amount=money, revision=revision)

    facts = [
        invoice("1", "a", 0, 100),
        invoice("1", "a", 0, 90, 2),
        invoice("2", "a", 5, None),
        invoice("3", None, 6, 5),
    ]
    made = churn.Purchases.of_ledger(Ledger.from_facts(facts), as_of=day(30))
    assert made.table() == [("a", 20454, 90), ("a", 20459, 0)]
    assert (made.currency, made.n_unusable, made.n_unpriced) == ("EUR", 1, 1)
    with pytest.raises(InvalidValue, match="'1 purchases' have no amount"):
        churn.gamma_gamma(made)
    plain = churn.Purchases.of_ledger(Ledger.from_facts([facts[2]]), as_of=day(30))
    assert plain.currency is None
    other = Invoice(id="9", customer="b", at=first, amount=Money.from_minor(1, "USD"))
    with pytest.raises(InvalidValue, match="'EUR, USD' are several currencies"):
        churn.Purchases.of_ledger(Ledger.from_facts([facts[0], other]), as_of=day(30))


# -- contracts


def contracts(*rows, **more):
    """Spells from (customer, first day, end) rows, seen for four hundred days."""
    who, start, end = zip(*rows, strict=True)
    ends = [None if last is None else day(last) for last in end]
    return churn.subscriptions(list(who), [day(first) for first in start], ends, as_of=day(400), **more)


SPELLS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers(0, 90), st.integers(1, 60) | st.none()), min_size=1, max_size=12
)


@given(SPELLS, st.integers(0, 60), st.integers(1, 40))
def test_churn_is_what_counting_day_by_day_gives(rows, start, length):
    """Active, lost, returned and new agree with sets of days, and the books balance."""
    spells = contracts(*((who, at, None if lasts is None else at + lasts) for who, at, lasts in rows))
    days = {who: set() for who, _, _ in rows}
    for who, at, lasts in rows:
        days[who] |= set(range(at, 600 if lasts is None else at + lasts))
    stop = start + length
    at_start = {who for who in days if start - 1 in days[who]}
    at_end = {who for who in days if stop - 1 in days[who]}
    away = {who for who in days if any(d - 1 in days[who] and d not in days[who] for d in range(start, stop))}
    # An end on the last day is told from the day before; a start on that same day is a renewal.
    period = Period(day(start), day(stop))
    for returning in ("kept", "churned"):
        (row,) = churn.churned(spells, over=period, returning=returning)
        lost = (at_start & away) - at_end if returning == "kept" else at_start & away
        assert (row.base, row.lost, row.returned) == (len(at_start), len(lost), len(at_start & away & at_end))
        assert row.new == len(at_end - at_start)
        if returning == "kept":
            assert row.base + row.new - row.lost == len(at_end)
    (wide,) = churn.churned(spells, over=period, base="active at start or new")
    begins = {who for who in days if any(d in days[who] and d - 1 not in days[who] for d in range(start, stop))}
    assert wide.base == len(at_start | begins)
    assert wide.lost == len(((at_start | begins) & away) - at_end)


def test_churn_at_the_edges_of_a_period():
    """An end on the first day belongs to the period, one on the day after the last to the next; renewals are no end."""
    spells = contracts(("a", 0, 31), ("b", 0, 59), ("c", 0, 20), ("c", 20, None), ("d", 31, None))
    january, february, march = (churn.churned(spells, over=Period.month(2026, month)).rows[0] for month in (1, 2, 3))
    assert (january.base, january.lost, january.new) == (0, 0, 3)
    assert isnan(january.value)
    assert (february.base, february.lost, february.new) == (3, 1, 1)
    assert (march.base, march.lost) == (3, 1)
    assert (january.low, january.high) == (0, 1)
    both = churn.churned(spells, over=Period(day(0), day(59)).split("month"))
    assert [row.lost for row in both] == [0, 1]
    assert "half-open" in str(both)


def test_revenue_churn_counts_leaving_and_paying_less():
    """Of 100 paid as the month began 30 left and 15 was cut; a rise elsewhere does not make up for it."""
    rows = [("a", 0, 40), ("b", 0, 45), ("b", 45, None), ("c", 0, None), ("c", 50, None), ("new", 40, None)]
    spells = contracts(*rows, amounts=[30, 50, 35, 20, 9, 7], currency="EUR")
    people, money = churn.churned(spells, over=Period.month(2026, 2))
    assert (people.base, people.lost, money.base, money.lost, money.new) == (3, 1, 100, 45, 7)
    assert money.value == 0.45
    assert 0 <= money.low < 0.45 < money.high <= 1
    alone = contracts(("a", 0, 40), amounts=[30], currency="EUR")
    assert churn.churned(alone, over=Period.month(2026, 2)).rows[1].value == 1
    nothing = churn.churned(alone, over=Period.month(2026, 5)).rows[1]
    assert isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0, 1)


def test_retention_is_kaplan_meier_by_renewal():
    """With open and late-coming spells the hazards multiply to the product-limit estimate."""
    rng = np.random.default_rng(5)
    start = rng.integers(0, 300, 400)
    renewals = rng.geometric(rng.beta(1, 3, 400))
    end = [int(first + 30 * last - rng.integers(30)) for first, last in zip(start, renewals, strict=True)]
    rows = [(f"c{i}", int(first), last) for i, (first, last) in enumerate(zip(start, end, strict=True))]
    for since in (None, day(120)):
        spells = contracts(*rows, since=since)
        curve = churn.retention(spells, every=30)
        days, entry = spells.end - spells.start, np.maximum((-(10**6) if since is None else 20574) - spells.start, 0)
        last = np.where(spells.ended, np.ceil(days / 30), days // 30).astype(int)
        first = np.ceil(entry / 30).astype(int)
        came = last > first
        slow = kaplan_meier(last[came], spells.ended[came], entry=first[came])
        ages = np.array([row.age for row in curve])
        assert [row.survival for row in curve] == pytest.approx(slow.at(ages))
        for row in curve:
            assert row.at_risk == ((first < row.age) & (row.age <= last))[came].sum()
        seen = days > entry
        by_day = kaplan_meier(days[seen], spells.ended[seen], entry=entry[seen])
        assert churn.lasting(spells).survival == pytest.approx(by_day.survival)
        assert (spells.n_unusable > 0) is (since is not None)
        assert churn.shifted_beta_geometric(curve).fit.n == len(spells)


def test_rows_that_tell_nothing_are_counted():
    """No customer, no start, no length, or a start in the future: unusable, and said so."""
    spells = churn.subscriptions(
        ["a", None, "c", "d", "e"], [day(0), day(0), None, day(3), day(500)], [None, None, None, day(3), None],
        as_of=day(400),
    )  # fmt: skip
    assert (len(spells), spells.n_unusable) == (1, 4)
    assert churn.churned(spells, over=Period.month(2026, 2)).rows[0].n_unusable == 4


# -- the gap rule


def test_gaps_are_judged_by_the_customers_own():
    """A slow buyer is kept where a quick one with the same silence has left; who has few gaps has those of all."""
    quick = [("quick", 2 * n) for n in range(31)]
    slow = [("slow", 30 * n) for n in range(7)]
    spells = churn.lapses(bought(*quick, *slow, ("rare", 0), as_of=day(200)))
    ended = {
        spells.customers[who]: (int(end) - 20454, bool(over))
        for who, end, over in zip(spells.who, spells.end, spells.ended, strict=True)
    }
    assert ended["quick"] == (63, True)
    assert ended["slow"] == (201, False)
    gaps = [2] * 30 + [30] * 6
    assert ended["rare"] == (int(np.ceil(np.quantile(gaps, 0.95))) + 1, True)


@example([("a", 0, 0), ("a", 1, 0), ("a", 2, 0), ("a", 3, 0), ("d", 5, 0), ("d", 36, 0)], 0.9, 2)
@given(LIVES, st.sampled_from([0.5, 0.9, 1.0]), st.integers(1, 3))
def test_gap_spells_are_what_walking_through_them_gives(rows, q, least):
    """Each spell goes on while gaps are within the limit, and ends on the day after it."""
    made = bought(*((who, at) for who, at, _ in rows), as_of=day(50))
    days = {who: sorted({at for name, at, _ in rows if name == who}) for who, _, _ in rows}
    gaps = {who: list(np.diff(at)) for who, at in days.items()}
    every = [gap for own in gaps.values() for gap in own]
    if not every:
        with pytest.raises(InvalidValue, match="nobody bought twice"):
            churn.lapses(made, q=q, least=least)
        return
    slow = []
    for who, at in days.items():
        limit = int(np.ceil(np.quantile(gaps[who] if len(gaps[who]) >= least else every, q) - 1e-9))
        first = at[0]
        for now, then in zip(at, [*at[1:], 10**6], strict=True):
            if then - now > limit:
                slow.append((who, first, min(now + limit + 1, 51), now + limit + 1 < 51))
                first = then
    spells = churn.lapses(made, q=q, least=least)
    names = [spells.customers[who] for who in spells.who]
    found = zip(
        names, (spells.start - 20454).tolist(), (spells.end - 20454).tolist(), spells.ended.tolist(), strict=True
    )
    assert sorted(found) == sorted(slow)


# -- what is refused


PLAIN = bought(("a", 1), ("a", 5), ("b", 2))
PAID = churn.purchases(["a"] * 3, [day(0), day(3), day(5)], [5, 7, 9], currency="EUR", as_of=day(9))
CONTRACT = contracts(("a", 0, 90), since=day(10))
MODEL = churn.BgNbd(1, 1, 1, 1)
REFUSED = {
    "nobody": (lambda: churn.purchases([], [], as_of=day(1)), "no row"),
    "late": (lambda: bought(("a", 200)), "'a on 2026-07-20' is after as_of"),
    "calibration after": (lambda: bought(("a", 1), calibration=day(101)), "is after as_of"),
    "calibration before": (lambda: bought(("a", 5), calibration=day(4)), "before the first purchase"),
    "as of": (lambda: bought(("a", 5), as_of=dt.datetime(2026, 3, 1, tzinfo=dt.UTC)), "no civil day"),
    "lengths": (lambda: churn.purchases(["a"], [day(1), day(2)], as_of=day(3)), "'1 rows' do not match the 2"),
    "no currency": (lambda: churn.purchases(["a"], [day(1)], [5], as_of=day(3)), "without a currency"),
    "float": (lambda: churn.purchases(["a"], [day(1)], [5.0], currency="EUR", as_of=day(3)), "minor units"),
    "amounts": (lambda: churn.purchases(["a"], [day(1)], [5, 6], currency="EUR", as_of=day(3)), "do not match the 1"),
    "matrix": (lambda: churn.purchases(["a"], np.zeros((1, 1), int), as_of=day(3)), "no column"),
    "hours": (lambda: churn.purchases(["a"], np.array(["2026-01-01T05"], "M8[h]"), as_of=day(3)), "neither int64"),
    "seconds": (lambda: churn.purchases(["a", "b"], [0, 10**17], as_of=day(3)), "too wide"),
    "naive": (lambda: churn.purchases(["a"], [dt.datetime(2026, 1, 1)], as_of=day(3)), "no time zone"),  # noqa: DTZ001 - refused for it
    "merge": (lambda: PLAIN.merge(PAID), "cannot be merged"),
    "counts float": (lambda: churn.BuyerCounts.of([0.5], [0], [3]), "whole numbers"),
    "counts": (lambda: churn.BuyerCounts([1], [4], [3], [1]), r"\(1, 4, 3, 1\) is no"),
    "columns": (lambda: churn.BuyerCounts([1], [4, 5], [3], [1]), "different lengths"),
    "unit": (lambda: churn.bg_nbd(PLAIN, unit=0), "whole number of days"),
    "no money": (lambda: churn.gamma_gamma(PLAIN), "have no amount"),
    "refund": (lambda: churn.gamma_gamma(attrs_minor(-5)), "'a: -5' minor units"),
    "free": (lambda: churn.gamma_gamma(attrs_minor(0)), "nobody paid twice"),
    "other currency": (lambda: churn.GammaGamma(1, 2, 3, "USD").of(PAID), "are not in USD"),
    "parameter": (lambda: churn.BgNbd(1, 0.0, 1, 1), "alpha: 0.0"),
    "history": (lambda: MODEL.alive(0, 3, 5), "without one after the first"),
    "horizon": (lambda: churn.outlook(MODEL, PLAIN, days=0), "at least a day"),
    "quantile": (lambda: churn.lapses(PLAIN, q=0), "outside 0..1"),
    "least": (lambda: churn.lapses(PLAIN, least=0), "below 1"),
    "backwards": (lambda: contracts(("a", 5, 4)), "'2026-01-05' is before its start, 2026-01-06"),
    "ends": (lambda: churn.subscriptions(["a"], [day(0)], [], as_of=day(9)), "'0 rows' do not match"),
    "spell currency": (lambda: contracts(("a", 0, 5), amounts=[5]), "without a currency"),
    "negative": (lambda: contracts(("a", 0, 5), amounts=[-5], currency="EUR"), "at least 0"),
    "all unusable": (lambda: contracts((None, 0, 5)), "all unusable"),
    "base": (lambda: churn.churned(CONTRACT, over=Period.month(2026, 2), base="all"), "neither 'active at start'"),
    "returning": (lambda: churn.churned(CONTRACT, over=Period.month(2026, 2), returning="?"), "neither 'kept'"),
    "no period": (lambda: churn.churned(CONTRACT, over=[]), "was given"),
    "unfinished": (lambda: churn.churned(CONTRACT, over=Period.year(2027)), "is not over by"),
    "too early": (lambda: churn.churned(CONTRACT, over=Period.month(2026, 1)), "begins before the records"),
    "every": (lambda: churn.retention(CONTRACT, every=0), "whole number of days"),
    "young": (lambda: churn.retention(contracts(("a", 399, None)), every=30), "none has come up"),
    "unseen": (lambda: churn.lasting(contracts(("a", 0, None), since=day(401))), "none was observed"),
    "survivors": (lambda: churn.Retention.of_survivors([5, 6]), "never rise"),
    "cohort": (lambda: churn.Retention.of_survivors([0, 0]), "begin with nobody"),
    "renewal": (lambda: churn.ShiftedBetaGeometric(1, 1).rate(0), "below 1"),
}  # fmt: skip


def attrs_minor(cents):
    """Three days of one customer, each with the same sum."""
    return churn.purchases(["a"] * 3, [day(0), day(3), day(5)], [cents] * 3, currency="EUR", as_of=day(9))


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_a_reason(case):
    """Each mistake is named in words, whatever was asked."""
    call, words = REFUSED[case]
    with pytest.raises((InvalidValue, NaiveDatetime), match=words):
        call()


def test_contracts_without_a_row_are_refused():
    """An empty column of instants has no days, and no spells come of it."""
    none = np.zeros(0, np.int64)
    with pytest.raises(InvalidValue, match="all unusable"):
        churn.subscriptions([], none, none, as_of=day(5))


def test_empty_counts_merge_to_empty():
    """A table of nobody is the neutral element."""
    nobody = churn.BuyerCounts([], [], [], [])
    assert nobody.merge(nobody).table() == []
    assert PLAIN.counts().merge(nobody).table() == PLAIN.counts().table()
    assert churn.purchases(code(["a"]), [day(1)], as_of=day(2)).names == ["a"]
