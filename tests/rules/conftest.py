"""What the tests of rules share: a schema of deals, and a rule set over it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crmkit.rules import Field, Rule, RuleSet, Schema

DEAL = Schema([
    Field("amount", "decimal", nullable=True, low=0, unit="CNY", labels={"en": "deal amount", "zh": "金额"}),
    Field("discount", "decimal", low=0, high=1),
    Field("rate", "float", nullable=True),
    Field("role", values=["rep", "manager", "director"]),
    Field("contacts", "integer", low=0, nullable=True),
    Field("strategic", "boolean", nullable=True),
    Field("region", nullable=True),
    Field("opened", "date"),
    Field("touched", "date and time", nullable=True),
    Field("items", "list", fields=[Field("sku"), Field("qty", "integer", nullable=True)], nullable=True),
])  # fmt: skip

RULES = (
    Rule("discount", 'discount <= 0.15 or (role = "manager" and contacts >= 3 and not(strategic))'),
    Rule("size", 'amount < 100000 or role in ("manager", "director")', on_null="pass"),
    Rule("territory", 'starts with(region, "N") or contains(region, "south") or ends with(region, "W")', kind="validation"),
    Rule("stock", "some i in items satisfies i.qty > 10", kind="validation", severity="warning"),
    Rule("priced", "every i in items satisfies i.qty >= 1", kind="validation"),
    Rule("fresh", 'opened >= @"2026-01-01" and touched > @"2026-01-01T00:00:00Z"', on_null="fail"),
    Rule("margin", "if strategic then rate * 2 > 0.3 else rate / 2 > 0.1"),
    Rule("reach", "contacts between 1 and 5 and count(items) > 1 and region != null"),
    Rule("old", 'opened - @"2025-06-01" > @"P30D"'),
    Rule("double", "amount * (1 - discount) - 10.5 >= 0.2 * amount"),
)  # fmt: skip


def deal(**changes):
    """A deal, with something changed."""
    plain = {
        "amount": Decimal(5000), "discount": Decimal("0.18"), "rate": 0.25, "role": "rep", "contacts": 4, "strategic": False,
        "region": "North", "opened": date(2026, 2, 1), "touched": datetime(2026, 2, 2, tzinfo=UTC),
        "items": [{"sku": "A", "qty": 12}, {"sku": "B", "qty": None}],
    }  # fmt: skip
    return {**plain, **changes}


@pytest.fixture(scope="session")
def rules():
    """The rule set."""
    return RuleSet("deals", DEAL, RULES)


@pytest.fixture
def make():
    """A deal, with something changed."""
    return deal
