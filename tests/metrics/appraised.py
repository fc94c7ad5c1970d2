"""A small sales team for the tests of appraisals: invoices, complaints and deals of two years."""

from datetime import UTC, datetime, timedelta

from crmkit.journal import Journal, Ledger
from crmkit.metrics.appraisal import Absolute, Scheme, Target
from crmkit.metrics.facts import Facts
from crmkit.model import Invoice
from crmkit.values import Money, Period

START = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC) - timedelta(microseconds=1)
QUARTER = Period.quarter(2026, 1)
#: Day of 2026, who, customer, euros.
SALES = [
    (5, "wei", "Acme", "600"), (40, "wei", "Beta", "300"), (70, "wei", "Cato", "100.50"),
    (20, "li", "Dido", "500"), (30, "li", "Acme", "250"),
]  # fmt: skip


def invoice(number, day, who, customer, amount, *, year=2026, recorded=None):
    """One invoice."""
    at = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day)
    late = None if recorded is None else at + timedelta(days=recorded)
    return Invoice(
        id=f"R{year}-{number}", at=at, who=who, customer=customer, amount=Money(amount, "EUR"), recorded=late
    )


def invoices(rows=SALES, *, year=2026, recorded=None):
    """Invoices of a year."""
    return [invoice(number, *row, year=year, recorded=recorded) for number, row in enumerate(rows)]


def deals(n=40, won=3):
    """Deals of wei and li, opened in January 2026; of four, `won` are won within three weeks."""
    rows = []
    for number in range(n):
        opened = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number % 20)
        who = "wei" if number % 2 else "li"
        rows.append((f"D{number}", "lead", opened, who))
        end = "won" if number % 4 < won else "lost"
        rows.append((f"D{number}", end, opened + timedelta(days=3 + number % 17), who))
    case, stage, at, who = zip(*rows, strict=True)
    columns = {"c": list(case), "s": list(stage), "t": list(at), "w": list(who)}
    return Journal.from_frame(
        columns, case="c", stage="s", at="t", who="w", stages=["lead", "won", "lost"], as_of=END
    )  # fmt: skip


def facts(rows=None, **more):
    """Facts of invoices."""
    return Facts(ledger=Ledger.from_facts(invoices() if rows is None else rows), **more)


def scheme(*targets, **how):
    """A scheme of given targets, or of 1,000 euros for everybody."""
    return Scheme("Q1", targets or (Target("invoiced", Absolute("1000", team="2000")),), **how)
