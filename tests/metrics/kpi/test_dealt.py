"""Intervals over groups of units: against derivatives taken one by one, and against what is drawn again and again."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.special import stdtrit

from crmkit.journal import Coded, Ledger
from crmkit.metrics import Facts, measure
from crmkit.metrics.kpi._dealt import deal
from crmkit.metrics.kpi.collections import DaysToPay, TrueDaysSales
from crmkit.metrics.survival import kaplan_meier
from crmkit.model import Invoice, Payment
from crmkit.values import Money, Period

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=100)
TAU = 60


def books(rng, size=12):
    """Invoices, most of them paid in two pieces; and for each piece the invoice, days, whether paid, and cents."""
    facts, pieces = [], []
    for number in range(size):
        cents, days = int(rng.integers(1_000, 90_000)), np.sort(rng.integers(1, 130, 2)).tolist()
        facts.append(Invoice(id=f"I{number}", at=START, customer="Acme", amount=Money.from_minor(cents, "EUR")))
        for part, (day, minor) in enumerate(zip(days, (cents // 3, cents - cents // 3), strict=True)):
            paid = day <= 100
            pieces.append((number, min(day, 100), paid, minor))
            if paid:
                facts.append(Payment(
                    id=f"P{number}-{part}", at=START + timedelta(days=day), customer="Acme",
                    amount=Money.from_minor(minor, "EUR"), refers_to=f"I{number}",
                ))  # fmt: skip
    return facts, tuple(map(np.array, zip(*pieces, strict=True)))


def curve_with(pieces, number, more):
    """The curve if one invoice weighed more by a share."""
    unit, days, paid, cents = pieces
    return kaplan_meier(days, paid, weights=cents * np.where(unit == number, 1.0 + more, 1.0))


def error_of(pieces, figure, size):
    """The standard error by the derivative of a figure by the weight of each invoice."""
    step = 1e-6
    moved = [
        (figure(curve_with(pieces, i, step)) - figure(curve_with(pieces, i, -step))) / (2 * step) for i in range(size)
    ]
    return np.sqrt(size / (size - 1) * np.sum(np.square(moved)))


@pytest.mark.parametrize("seed", range(4))
def test_limits_are_those_of_derivatives_one_by_one(seed):
    """The restricted mean by t; the median by the log-log band at it, both over invoices and not over their pieces."""
    size = 12
    facts, pieces = books(np.random.default_rng(seed), size)
    groups = deal(Coded(np.arange(size, dtype=np.int32), tuple(f"I{number}" for number in range(size))))
    assert len(set(groups.codes.tolist())) == size
    given = {"over": Period.year(2026), "as_of": END}
    row, median = (
        measure(Facts(ledger=Ledger.from_facts(facts)), metric, **given)[metric.key]
        for metric in (TrueDaysSales(horizon_days=TAU), DaysToPay())
    )
    reach = stdtrit(size - 1, 0.975)
    curve = curve_with(pieces, 0, 0.0)
    error = error_of(pieces, lambda one: one.rmst(TAU).value, size)
    assert row.value == pytest.approx(curve.rmst(TAU).value)
    assert row.low == pytest.approx(max(row.value - reach * error, 0.0), rel=1e-5)
    assert row.high == pytest.approx(min(row.value + reach * error, TAU), rel=1e-5)
    at = curve.time[np.argmax(curve.survival <= 0.5)]
    height, spread = curve.at(at), error_of(pieces, lambda one: one.at(at), size)
    factor = np.exp(reach * spread / (-height * np.log(height)))
    for limit, power in ((median.low, 1 / factor), (median.high, factor)):
        below = np.flatnonzero(curve.survival <= 0.5**power + 1e-9)
        assert limit == (curve.time[below[0]] if len(below) else None)


def test_limits_hold_what_they_say():
    """Of 60 companies with 60 invoices each, about 19 of 20 intervals hold the truth."""
    rng = np.random.default_rng(1)
    _, many = books(rng, 20_000)
    truth = kaplan_meier(many[1], many[2], weights=many[3].astype(float)).rmst(TAU).value
    inside = 0
    for _ in range(60):
        facts, _ = books(rng, 60)
        row = measure(Facts(ledger=Ledger.from_facts(facts)), TrueDaysSales(horizon_days=TAU), as_of=END)["true_dso"]
        inside += row.low <= truth <= row.high
    assert 52 <= inside <= 60


def test_one_invoice_tells_nothing():
    """Nor does none."""
    facts, _ = books(np.random.default_rng(1), 1)
    row = measure(Facts(ledger=Ledger.from_facts(facts)), TrueDaysSales(horizon_days=TAU), as_of=END)["true_dso"]
    assert (row.low, row.high) == (None, None)
    assert len(deal(Coded(np.zeros(0, np.int32), ()))) == 0


def test_groups_hang_on_names_alone():
    """Whatever the code, and whoever else is there; a unit without a name has no group."""
    one = deal(Coded(np.array([0, 1, -1], np.int32), ("a", "b")))
    other = deal(Coded(np.array([2, 0, 0], np.int32), ("b", "x", "a")))
    assert one.decode()[:2] == other.decode()[:2]
    assert one.decode()[2] is None
    many = deal(Coded(np.arange(25_600, dtype=np.int32), tuple(f"R-{number:05}" for number in range(25_600))))
    sizes = np.bincount(many.codes, minlength=256)
    assert 50 < sizes.min() <= sizes.max() < 150
