"""Sequential tests: lines and limits as published, decisions of the likelihoods, errors as asked for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics import spc

CHANCES = st.floats(0.02, 0.98)


def test_the_lines_of_nist():
    """NIST 6.2.6: 0.01 against 0.10 with errors 0.05 and 0.10 has h1 0.939, h2 1.205, slope 0.0397; Wald's limits."""
    test = spc.sprt([], 0.01, 0.10, alpha=0.05, beta=0.10)
    assert -test.usual_intercept == pytest.approx(0.939, abs=5e-4)
    assert test.suspected_intercept == pytest.approx(1.205, abs=5e-4)
    assert test.slope == pytest.approx(0.0397, abs=5e-5)
    assert (test.upper, test.lower) == pytest.approx((2.890, -2.251), abs=5e-4)


def test_acceptance_and_rejection_numbers():
    """That plan accepts no defective in 24, not in 23, and rejects two within 19, or three at 24."""
    assert spc.sprt([0] * 23, 0.01, 0.10).verdict == "continue"
    assert spc.sprt([0] * 24, 0.01, 0.10).verdict == "usual"
    assert spc.sprt([1], 0.01, 0.10).verdict == "continue"
    for n in range(2, 20):
        test = spc.sprt([1, *[0] * (n - 2), 1], 0.01, 0.10)
        assert (test.verdict, test.decided_at) == ("suspected", n - 1)
    assert spc.sprt([1, *[0] * 18, 1], 0.01, 0.10).verdict == "continue"
    assert spc.sprt([1, *[0] * 21, 1, 1], 0.01, 0.10).verdict == "suspected"


@given(
    st.lists(st.sampled_from([0, 1, None]), max_size=80), CHANCES, CHANCES, st.floats(0.01, 0.3), st.floats(0.01, 0.3)
)
def test_decisions_are_those_of_the_likelihoods(outcomes, p0, p1, alpha, beta):
    """Case by case: the likelihood of what was seen, by the suspected chance and by the usual one."""
    if p0 == p1:
        return
    test = spc.sprt(outcomes, p0, p1, alpha=alpha, beta=beta)
    total, decided = 0.0, None
    for row, y in zip(test, outcomes, strict=True):
        if y is None or decided is not None:
            assert row.sum is None
            continue
        total += math.log(p1 / p0) if y else math.log((1 - p1) / (1 - p0))
        assert row.sum == pytest.approx(total, abs=1e-9)
        if min(abs(total - test.lower), abs(total - test.upper)) < 1e-9:
            return
        if total <= math.log(beta / (1 - alpha)) or total >= math.log((1 - beta) / alpha):
            decided = row.index
    assert test.decided_at == decided
    assert test.verdict == ("continue" if decided is None else "usual" if total < 0 else "suspected")
    assert [row.verdict for row in test] == [
        "continue" if decided is None or i < decided else test.verdict for i in range(len(outcomes))
    ]


@given(st.lists(st.sampled_from([0, 1]), min_size=1, max_size=80), st.floats(0.05, 0.95), st.floats(0.2, 5))
def test_lines_and_sums_decide_alike(outcomes, p, odds_ratio):
    """Events by cases against the two lines: the first to cross one decides, whichever direction is suspected."""
    if abs(odds_ratio - 1) < 0.01:
        return
    test = spc.risk_adjusted_sprt(outcomes, [p] * len(outcomes), odds_ratio)
    sign, events = (1 if odds_ratio > 1 else -1), 0
    for n, y in enumerate(outcomes, start=1):
        events += y
        usual, suspected = test.slope * n + test.usual_intercept, test.slope * n + test.suspected_intercept
        if min(abs(events - usual), abs(events - suspected)) < 1e-9:
            return
        if sign * (events - usual) < 0 or sign * (events - suspected) > 0:
            assert test.decided_at == n - 1
            assert test.verdict == ("usual" if sign * (events - usual) < 0 else "suspected")
            return
    assert test.verdict == "continue"


@pytest.mark.parametrize("odds_ratio", [2.0, 0.5])
def test_errors_are_those_asked_for(odds_ratio):
    """1,000 simulated tests of unlike cases: neither error is above Wald's bound, and both sample numbers are as told."""
    rng = np.random.default_rng(2)
    p = rng.uniform(0.2, 0.7, 1500)
    shifted = odds_ratio * p / (1 - p + odds_ratio * p)
    for chance, right, bound in ((p, "usual", 0.05 / 0.90), (shifted, "suspected", 0.10 / 0.95)):
        wrong = length = 0
        for _ in range(500):
            order = rng.permutation(len(p))
            y = (rng.random(len(p)) < chance[order]).astype(float)
            test = spc.risk_adjusted_sprt(y[:600], p[order][:600], odds_ratio)
            wrong += test.verdict not in (right, "continue")
            length += test.decided_at + 1 if test.decided_at is not None else 600
        # Three standard errors of 500 runs beyond the bound.
        assert wrong / 500 < bound + 3 * (bound / 500) ** 0.5
        told = spc.risk_adjusted_sprt(np.zeros(len(p)), p, odds_ratio).average_n[right == "suspected"]
        # Wald's approximation leaves out by how much the sum oversteps a limit.
        assert told * 0.9 < length / 500 < told * 1.25


def test_cases_that_differ_have_no_lines():
    """Lines are of one chance; the sum decides where cases have their own."""
    test = spc.risk_adjusted_sprt([1, 0], [0.2, 0.4])
    assert all(math.isnan(one) for one in (test.slope, test.usual_intercept, test.suspected_intercept))
    assert not math.isnan(spc.risk_adjusted_sprt([1, None], [0.2, None]).slope)


def test_nothing_is_known():
    """Without outcomes a test goes on, and says nothing of how long it would take."""
    test = spc.risk_adjusted_sprt([None], [0.5])
    assert (test.verdict, test.decided_at) == ("continue", None)
    assert all(math.isnan(n) for n in test.average_n)
    assert "It takes - cases" in str(test)


def test_a_sequential_test_is_told_and_drawn_in_two_languages():
    """With its verdict, where it was decided, its limits and its sample numbers."""
    test = spc.sprt([0, 0, 1, 0, 0, 1, 0], 0.01, 0.10, labels=[f"D{i}" for i in range(7)])
    assert "The chances are the suspected ones, decided at D5." in str(test)
    assert "decides at -2.251 (as usual) and at 2.890 (suspected)" in str(test)
    assert "概率为所怀疑的水平，于 D5 判定。" in test.to_text("zh")
    assert "not decided yet" in str(spc.sprt([0], 0.01, 0.10)).lower()
    assert (test.plot()["title"], test.plot("zh")["title"]) == ("Sequential probability ratio test", "序贯概率比检验")
    assert [row["sum"] is None for row in test.plot()["data"]["values"]] == [False] * 6 + [True]
    with pytest.raises(NotFound):
        test.to_text("de")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: spc.sprt([0], 0, 0.1), "p0.*is no probability"),
        (lambda: spc.sprt([0], 0.1, 1), "p1.*is no probability"),
        (lambda: spc.sprt([0], 0.1, 0.1), "nothing to decide"),
        (lambda: spc.sprt([2], 0.1, 0.2), "2 at index 0.*neither 0 nor 1"),
        (lambda: spc.sprt([0], 0.1, 0.2, alpha=0.6, beta=0.5), "alpha and beta.*0.6 and 0.5"),
        (lambda: spc.sprt([0], 0.1, 0.2, beta=0), "alpha and beta"),
        (lambda: spc.risk_adjusted_sprt([0], [0.1], 1.0), "odds ratio"),
        (lambda: spc.risk_adjusted_sprt([0], [0.1], math.inf), "odds ratio"),
        (lambda: spc.risk_adjusted_sprt([0], [1.1]), "no probability"),
        (lambda: spc.sprt([0], 0.1, 0.2, labels=["a", "b"]), "do not fit 1 points"),
    ],
)
def test_tests_that_cannot_be_made_are_refused(make, reason):
    """With the name of what is wrong."""
    with pytest.raises(InvalidValue, match=reason):
        make()
