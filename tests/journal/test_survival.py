"""The product-limit estimate, beside its definition written as a loop."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.journal import ProductLimit

STAYS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=25)


def share(stays, age):
    """The estimated share that lasts at least `age`, exactly: the product over the ends before it."""
    found = Fraction(1)
    for time in sorted({duration for duration, ended in stays if ended and duration < age}):
        at_risk = sum(duration >= time for duration, _ in stays)
        found *= 1 - Fraction(sum(ended and duration == time for duration, ended in stays), at_risk)
    return found


def estimate(stays):
    """The estimate of (duration, ended) pairs."""
    return ProductLimit.of(np.array([d for d, _ in stays]), np.array([ended for _, ended in stays], dtype=np.bool_))


@given(STAYS)
def test_the_estimate_is_the_product(stays):
    """At every age the estimate is the exact product."""
    limit = estimate(stays)
    ages = np.arange(15)
    assert limit.beyond(ages) == pytest.approx([float(share(stays, int(age))) for age in ages])
    assert (limit.n, limit.n_open) == (len(stays), sum(not ended for _, ended in stays))


@given(STAYS)
def test_the_others_are_those_without_it(stays):
    """For a stay that goes on, the estimate of the others is that of all stays but this one."""
    limit = estimate(stays)
    for number, (age, ended) in enumerate(stays):
        if not ended:
            others = [*stays[:number], *stays[number + 1 :]]
            assert limit.beyond(np.array([age]), others=True) == pytest.approx([float(share(others, age))])


@given(STAYS)
def test_the_median_is_where_half_have_ended(stays):
    """It is the first duration by which the estimate is at most a half; None if it never is."""
    wanted = next((age for age in range(13) if share(stays, age + 1) <= Fraction(1, 2)), None)
    assert estimate(stays).median == wanted
