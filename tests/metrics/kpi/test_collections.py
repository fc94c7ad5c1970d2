"""Collections: cash, on time, and days to pay, against invoices settled unit by unit in a loop."""

from datetime import timedelta

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.metrics.kpi.collections import DaysToPay, OnTime, TrueDaysSales
from crmkit.metrics.survival import kaplan_meier
from crmkit.model import Invoice, Payment
from crmkit.model.deals import Dated
from crmkit.values import Money, Period

from .oracle import START, measured, month, values

END = START + timedelta(days=150)


class WriteOff(Dated):
    """A debt that is given up."""

    kind = "write-off"


def invoice(key, day, amount, *, due=None, refers_to=None, unit="EUR", customer="Acme", who="wei"):
    """An invoice or a credit note."""
    until = None if due is None else START + timedelta(days=due)
    return Invoice(
        id=key, at=START + timedelta(days=day), amount=None if amount is None else Money.from_minor(amount, unit),
        due=until, refers_to=refers_to, customer=customer, who=who,
    )  # fmt: skip


def payment(key, day, amount, refers_to=None, *, unit="EUR", kind=Payment):
    """A payment or a write-off."""
    return kind(id=key, at=START + timedelta(days=day), amount=Money.from_minor(amount, unit), refers_to=refers_to)


@st.composite
def accounts(draw, *, refunds=True):
    """Invoices with credit notes, payments (partial, excessive, early, astray) and write-offs."""
    facts = [
        invoice(
            f"I{number}", draw(st.integers(0, 120)), draw(st.integers(1, 60)),
            due=draw(st.one_of(st.none(), st.integers(0, 160))), unit=draw(st.sampled_from(["EUR", "USD"])),
            who=draw(st.sampled_from(["wei", "li"])),
        )
        for number in range(draw(st.integers(1, 8)))
    ]  # fmt: skip
    for number in range(draw(st.integers(0, 16))):
        to = draw(st.sampled_from([f"I{n}" for n in range(9)] + [None]))
        day, unit = draw(st.integers(0, 140)), draw(st.sampled_from(["EUR", "USD"]))
        what = draw(st.sampled_from(["pay", "pay", "pay", "credit", "loss"]))
        amount = draw(st.integers(-20 if refunds and what == "pay" else 1, 40)) or 1
        if what == "credit":
            facts.append(invoice(f"X{number}", day, -amount, refers_to=to, unit=unit))
        else:
            facts.append(payment(f"X{number}", day, amount, to, unit=unit, kind=Payment if what == "pay" else WriteOff))
    return facts


def settled(facts):
    """For each invoice its settlements in the order of time: (day, units, how), at most to its amount, at least to 0."""
    made = {}
    for fact in facts:
        if isinstance(fact, Invoice) and fact.amount is not None and fact.amount.minor > 0:
            made[fact] = []
            reached = total = 0
            for other in sorted(facts, key=lambda one: one.at):
                if other.refers_to != fact.id or other.amount is None or other.amount.currency != fact.amount.currency:
                    continue
                sign = -1 if isinstance(other, Invoice) else 1
                how = "credit" if isinstance(other, Invoice) else "loss" if isinstance(other, WriteOff) else "paid"
                total += sign * other.amount.minor
                now = min(max(total, 0), fact.amount.minor)
                made[fact].append((max(other.at, fact.at), now - reached, how))
                reached = now
    return made


def units(facts):
    """Each unit of money of each invoice as (invoice, when it was settled for good or None, how)."""
    made = []
    for one, steps in settled(facts).items():
        stack = []
        for at, change, how in steps:
            stack = stack[:change] if change < 0 else stack + [(at, how)] * change
        made += [(one, at, how) for at, how in stack]
        made += [(one, None, "open")] * (one.amount.minor - len(stack))
    return made


@given(accounts())
def test_cash_is_what_refers_to_an_invoice(facts):
    """Payments by month; what refers to nothing is apart, and together they are all payments."""
    expected = {"collected": {}, "unapplied": {}}
    for fact in facts:
        if isinstance(fact, Payment):
            cell = expected["unapplied" if fact.refers_to is None else "collected"]
            key = (month(fact.at), fact.amount.currency.code)
            cell[key] = cell.get(key, Money.from_minor(0, key[1])) + fact.amount
    for key, cells in expected.items():
        assert values(measured(facts, key, as_of=END)) == cells


@given(accounts())
def test_on_time_is_a_share_of_what_has_fallen_due(facts):
    """By the month of the due time; credited money need not be paid, and what is not due yet is open."""
    cells = {}
    for one in settled(facts):
        due = one.due or one.at + timedelta(days=30)
        mine = [(at, how) for other, at, how in units(facts) if other is one and how != "credit"]
        if mine:
            good = all(how == "paid" and at <= due + timedelta(days=5) for at, how in mine)
            cells.setdefault(month(due), []).append(None if due + timedelta(days=5) > END else good)
    figures = measured(facts, OnTime(grace_days=5), as_of=END)
    for row in figures:
        decided = [good for good in cells[row.period] if good is not None]
        assert (row.n, row.n_open) == (len(decided), cells[row.period].count(None))
        assert row.value == (sum(decided) / len(decided) if decided else None)
    assert {row.period for row in figures} <= set(cells)


@given(accounts())
def test_days_to_pay_is_kaplan_meier_over_units_of_money(facts):
    """Each cent is a stay: paid, or open (written off, too) so far; credited money never was a debt."""
    cells = {}
    for one, at, how in units(facts):
        if how != "credit":
            age = ((at if how == "paid" else END) - one.at).days
            cells.setdefault((month(one.at), one.amount.currency.code), []).append((age, how == "paid"))
    for metric in (DaysToPay(), DaysToPay(share=0.2), TrueDaysSales(horizon_days=40)):
        figures = measured(facts, metric, as_of=END)
        assert {(row.period, row.group["money"]) for row in figures} == set(cells)
        for row in figures:
            curve = kaplan_meier(
                *(np.array(column) for column in zip(*cells[row.period, row.group["money"]], strict=True))
            )
            wanted = curve.rmst(40).value if isinstance(metric, TrueDaysSales) else curve.quantile(metric.share).value
            assert row.value is None if np.isnan(wanted) else row.value == pytest.approx(wanted)
            assert (row.low is None) or (row.high is None) or row.low <= row.high


def test_days_to_pay_by_hand():
    """Half of 100 was paid after 10 days, a fifth after 20; the credit note shortens the debt to 80: the median is 10."""
    facts = [
        invoice("1", 0, 100), payment("p", 10, 50, "1"), payment("q", 20, 20, "1"), invoice("c", 5, -20, refers_to="1"),
    ]  # fmt: skip
    row = measured(facts, "days_to_pay", as_of=END)["days_to_pay"]
    assert (row.value, row.n, row.n_open, row.unit) == (10.0, 1, 1, "days")
    assert measured(facts, DaysToPay(share=0.9), as_of=END)["days_to_pay"].value is None
    true = measured(facts, TrueDaysSales(horizon_days=40), as_of=END)["true_dso"]
    assert true.value == pytest.approx((50 * 10 + 20 * 20 + 10 * 40) / 80)


def test_behind_days_to_pay_are_invoices_and_what_settled_them():
    """Each invoice once, however often it was paid; payments, credit notes and write-offs of these invoices alone."""
    facts = [
        invoice("1", 0, 100), payment("p", 10, 50, "1"), payment("q", 20, 20, "1"), invoice("c", 5, -20, refers_to="1"),
        payment("w", 30, 5, "1", kind=WriteOff), invoice("2", 40, 10), payment("r", 41, 10, "2"), payment("s", 42, 9),
    ]  # fmt: skip
    for key in ("days_to_pay", "true_dso"):
        figures = measured(facts, key, as_of=END, every="month")
        (january,) = (row for row in figures if row.period == "2026-01" and row.n)
        rows = figures.explain(january).rows
        assert {name: columns["id"] for name, columns in rows.items()} == {
            "money": ["1"], "invoices": ["1"], "settlements": ["p", "q", "c", "w"],
        }  # fmt: skip


def test_what_was_written_off_is_never_paid():
    """It goes on being unpaid, and does not make the others look faster."""
    facts = [invoice("1", 0, 60), payment("p", 10, 30, "1"), payment("w", 20, 30, "1", kind=WriteOff)]
    assert measured(facts, DaysToPay(share=0.4), as_of=END)["days_to_pay"].value == 10
    assert measured(facts, DaysToPay(share=0.6), as_of=END)["days_to_pay"].value is None
    assert measured(facts, "paid_on_time", as_of=END)["paid_on_time"].value == 0.0


def test_what_does_not_fit_together_is_a_finding():
    """Cash before the invoice, more than the invoice, for no invoice, and in another currency."""
    facts = [
        invoice("1", 10, 100), invoice("2", 10, 10), payment("early", 5, 40, "1"), payment("over", 20, 90, "1"),
        payment("astray", 20, 1, "9"), payment("dollars", 20, 1, "2", unit="USD"),
    ]  # fmt: skip
    found = {finding.reason: (finding.count, finding.example) for finding in measured(facts, "collected").findings}
    assert found == {
        "payment before its invoice; counted as paid on the day of the invoice": (1, "early"),
        "more is allocated to the invoice than its amount; what exceeds it settles nothing": (1, "1"),
        "refers to no invoice of its currency; counted as unapplied": (2, "astray"),
    }


def test_the_interval_is_that_of_invoices():
    """One invoice tells nothing, however large; many tell the more."""
    one = [invoice("1", 0, 10_000), payment("p", 10, 10_000, "1")]
    row = measured(one, "days_to_pay", as_of=END)["days_to_pay"]
    assert row.value == 10
    widths = []
    for size in (10, 200):
        facts = [invoice(f"I{n}", 0, 100) for n in range(size)]
        facts += [payment(f"P{n}", n * 37 % 60, 100, f"I{n}") for n in range(size)]
        row = measured(facts, "days_to_pay", as_of=END)["days_to_pay"]
        assert row.low <= row.value <= row.high
        widths.append(row.high - row.low)
    assert widths[1] < widths[0]


@given(accounts(), st.integers(0, 8))
def test_parts_of_the_accounts_add_up(facts, where):
    """Invoices with their settlements, measured apart and merged, give the figures and the intervals of all."""
    apart = [f"I{n}" for n in range(where)]
    halves = [[f for f in facts if (f.id in apart or f.refers_to in apart) is side] for side in (True, False)]
    how = {"as_of": END, "by": ["who"], "over": Period.year(2026)}
    for key in (
        "collected",
        "paid_on_time",
        "days_to_pay",
        "true_dso",
        "receivables",
        "overdue",
        "ageing",
        "dso",
        "cei",
    ):
        if all(halves):
            one, other, both = (measured(part, key, **how) for part in (*halves, facts))
            merged = one.merge(other)
            assert [attrs.evolve(row, n_unusable=0) for row in merged] == [
                attrs.evolve(row, n_unusable=0) for row in both
            ]


def test_no_invoices_no_data():
    """Payments alone settle nothing, and give no figure."""
    facts = [payment("p", 0, 10)]
    for key in ("paid_on_time", "days_to_pay", "true_dso"):
        assert len(measured(facts, key)) == 0
    assert measured(facts, "unapplied")["unapplied"].exact == Money.from_minor(10, "EUR")


@pytest.mark.parametrize(
    "wrong", [lambda: DaysToPay(share=1.0), lambda: OnTime(grace_days=-1), lambda: TrueDaysSales(horizon_days=0)]
)
def test_policies_out_of_range_are_refused(wrong):
    """With the name of the policy."""
    with pytest.raises(InvalidValue, match=r"share|grace_days|horizon_days"):
        wrong()
