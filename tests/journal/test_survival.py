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


@given(STAYS, st.sampled_from([Fraction(1, 4), Fraction(1, 2), Fraction(2, 3)]))
def test_a_quantile_is_where_so_many_have_ended(stays, part):
    """It is the first duration by which the estimate is down to the rest, or the middle of where it rests there."""
    down = [age for age in range(13) if share(stays, age + 1) <= 1 - part]
    below = [age for age in range(13) if share(stays, age + 1) < 1 - part]
    longest = max(duration for duration, _ in stays)
    wanted = (down[0] + (below[0] if below else longest)) / 2 if down else None
    assert estimate(stays).quantile(float(part)) == wanted
