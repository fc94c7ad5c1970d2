"""Facts made up for the tests of KPIs, and the slow and obvious way to say in which month something is."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from crmkit.journal import Ledger
from crmkit.metrics.facts import Facts
from crmkit.metrics.figures import Figures
from crmkit.metrics.measure import measure
from crmkit.model import Invoice, Order, Quote
from crmkit.values import Money

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = "Asia/Shanghai"
KINDS = {"invoice": Invoice, "order": Order, "quote": Quote}


def month(at, tz=ZONE):
    """The civil month of an instant, as its name."""
    return f"{at.astimezone(ZoneInfo(tz)):%Y-%m}"


def rows(kind, *, least=-50, revisions=False):
    """Lists of facts of one kind: few customers and persons, whole days, small amounts in two currencies."""
    row = st.builds(
        lambda day, customer, who, cents, unit, known: (day, customer, who, Money.from_minor(cents, unit) if known else None),
        st.integers(0, 120), st.sampled_from(["Acme", "Beta", "Cato", None]), st.sampled_from(["wei", "li", None]),
        st.integers(least, 400), st.sampled_from(["EUR", "USD"]), st.integers(0, 9),
    )  # fmt: skip
    return st.lists(row, min_size=1, max_size=25).map(lambda listed: _facts(kind, listed, revisions=revisions))


def _facts(kind, listed, *, revisions):
    seen = Counter()
    made = []
    for number, (day, customer, who, amount) in enumerate(sorted(listed, key=lambda row: row[0])):
        key = f"{kind}{number % 6 if revisions else number}"
        seen[key] += 1
        made.append(
            KINDS[kind](
                id=key, at=START + timedelta(days=day), customer=customer, who=who, amount=amount, revision=seen[key]
            )
        )
    return made


def measured(facts, metric, **how) -> Figures:
    """Figures of facts of the model, by month of Shanghai."""
    how.setdefault("every", "month")
    return measure(Facts(ledger=Ledger.from_facts(facts), tz=ZONE), [metric], **how)


def values(figures, *, exact=True):
    """{(groups ..., period, currency or unit): value}, without the cells in which nothing was counted."""
    return {(*row.group.values(), row.period, row.unit): row.exact if exact else row.value for row in figures if row.n}
