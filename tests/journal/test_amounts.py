"""Amounts as people write them."""

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.journal import code
from crmkit.journal._amounts import parse_amounts


def read(*texts):
    """Hundredths and findings of some cells."""
    found = parse_amounts(code(texts), rows=np.arange(2, 2 + len(texts)), column="value")
    return found.hundredths.tolist(), found.findings


@pytest.mark.parametrize(("text", "hundredths"), [
    ("1234.5", 123450), ("1,234.50", 123450), ("1.234,50", 123450), ("1 234,5", 123450), ("$1,234", 123400),
    ("¥ 1,234,567.89", 123456789), ("-12", -1200), ("(12.30)", -1230), ("€5", 500), ("0.07", 7), ("1'000", 100000),
    ("1.5", 150), ("12,5", 1250), ("1.234.567", 123456700), ("1,234", 123400),
])  # fmt: skip
def test_forms(text, hundredths):
    """Grouping, decimal comma, currency signs and accountants' brackets."""
    assert read(text) == ([hundredths], ())


def test_words_and_rounding_are_told():
    """A word counts as unknown and says so; a third decimal is rounded half to even."""
    values, findings = read("Invoiced Separately", "1.005", "1.015", None, "Invoiced Separately")
    assert values == [0, 100, 102, 0, 0]
    assert [(f.row, f.count, f.dropped) for f in findings] == [(2, 2, False), (3, 2, False)]


@given(st.decimals(-(10**12), 10**12, allow_nan=False, places=4))
def test_exact_against_decimal(amount):
    """The same as Decimal's rounding, for every amount."""
    expected = int((amount * 100).quantize(Decimal(1), ROUND_HALF_EVEN))
    assert read(f"{amount:f}")[0] == [expected]


def test_a_column_that_proves_the_decimal_comma():
    """1.234 is one thousand where other rows write 1.234,50, and one and a bit where they write 1.50."""
    assert read("1.234,50", "1.234") == ([123450, 123400], ())
    assert read("1,50", "2.000") == ([150, 200000], ())
    assert read("1.50", "1.234")[0] == [150, 123]
