"""Verdicts: what worked is called so, and chance, the choice of the case and early looks are not."""

from datetime import UTC, date, datetime, timedelta

import attrs
import numpy as np
import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve import Hypothesis, verify
from crmkit.journal import Journal, Ledger
from crmkit.metrics import Facts, measure
from crmkit.metrics.estimators import newcombe
from crmkit.testing import companies
from crmkit.values import Period

BEFORE, AFTER = (
    Period(date(2026, 1, 1), date(2026, 3, 1), "before"),
    Period(date(2026, 3, 1), date(2026, 5, 1), "after"),
)
END = datetime(2026, 7, 1, tzinfo=UTC)


def journal(counts, *, days=10):
    """Deals from {(person, period): (won, lost)}: each begins in its period and ends after some days."""
    rows = []
    for (who, period), (won, lost) in counts.items():
        length = (period.end - period.start).days - days - 1
        for number in range(won + lost):
            begun = datetime.combine(period.start, datetime.min.time(), UTC) + timedelta(days=number % length, hours=1)
            case = f"{who}-{period.start}-{number}"
            end = "won" if number < won else "lost"
            rows += [(case, "offer", begun, who), (case, end, begun + timedelta(days=days), who)]
    names = ("case", "stage", "at", "who")
    frame = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return Journal.from_frame(frame, case="case", stage="stage", at="at", who="who", as_of=END)


def facts(counts, **more):
    """Such deals as facts."""
    return Facts(journal=journal(counts, **more), stages=["offer", "won", "lost"])


def claim(**changes):
    """That wei wins more of his offers."""
    said = {"where": {"who": "wei", "stage": "offer"}, "effect": 0.15, "before": BEFORE, "after": AFTER} | changes
    return Hypothesis("stage_conversion", **said)


TEAM = {(f"p{number}", period): (20, 20) for number in range(6) for period in (BEFORE, AFTER)}
WEI = {("wei", BEFORE): (16, 44), ("wei", AFTER): (34, 26)}


def test_what_worked():
    """The gain is that of the two shares, its limits are Newcombe's, and the words say so."""
    verdict = verify(claim(), facts(TEAM | WEI), now=END)
    low, high = newcombe(34, 60, 16, 60)
    assert verdict.answer == "worked"
    assert (verdict.before, verdict.after) == pytest.approx((16 / 60, 34 / 60))
    assert verdict.gain == verdict.naive == pytest.approx(0.3)
    assert (verdict.low, verdict.high) == pytest.approx((low, high), abs=0.02)
    assert (verdict.n_before, verdict.n_after, verdict.fraction, verdict.level) == (60, 60, 1.0, pytest.approx(0.95))
    assert verdict.promised is None
    assert str(verdict).startswith("It worked: Stage conversion (who wei, stage offer) rises by at least 0.15")
    assert verdict.to_text("zh").startswith("有效：")


def test_what_made_it_worse_did_not_work():
    """And neither did what changed nothing, once there are enough cases to say so."""
    worse = verify(claim(), facts(TEAM | {("wei", BEFORE): (34, 26), ("wei", AFTER): (16, 44)}), now=END)
    assert (worse.answer, worse.promised) == ("did not", False)
    assert worse.high < 0
    same = verify(claim(), facts(TEAM | {("wei", BEFORE): (400, 400), ("wei", AFTER): (400, 400)}), now=END)
    assert (same.answer, same.promised) == ("did not", False)


def test_a_promise_that_is_kept():
    """Where even the lower limit is above what was promised."""
    many = {("wei", BEFORE): (100, 300), ("wei", AFTER): (300, 100)}
    assert verify(claim(), facts(TEAM | many), now=END).promised is True


def test_less_is_better():
    """A claim that says so is held to it: what fell then worked."""
    counts = TEAM | {("wei", BEFORE): (44, 16), ("wei", AFTER): (16, 44)}
    assert verify(claim(better="less"), facts(counts), now=END).answer == "worked"
    assert verify(claim(), facts(counts), now=END).answer == "did not"


def test_too_early_and_how_long_to_wait():
    """Before the end, with the days until the promised effect would be seen; afterwards it cannot be told."""
    few = facts(TEAM | {("wei", BEFORE): (80, 120), ("wei", AFTER): (12, 12)})
    early = verify(claim(), few, now=datetime(2026, 4, 1, tzinfo=UTC))
    assert early.answer == "too early"
    assert early.fraction == pytest.approx(31 / 61)
    assert early.level > 0.99
    late = verify(claim(), few, now=END)
    assert (late.answer, late.promised) == ("cannot tell", None)
    assert 61 < late.days_needed < 400
    assert f"after {late.days_needed} days in all" in str(late)
    assert "天" in late.to_text("zh")


def test_without_anything_after():
    """As if cases came and varied as before; without anything before nobody knows."""
    only = verify(claim(), facts(TEAM | {("wei", BEFORE): (200, 200)}), now=END)
    assert (only.answer, only.gain, only.after, only.n_after) == ("cannot tell", None, None, 0)
    assert only.days_needed > 0
    nothing = verify(claim(), facts(TEAM), now=END)
    assert (nothing.answer, nothing.days_needed, nothing.before) == ("cannot tell", None, None)
    assert "Before - (n = 0), after - (n = 0)" in str(nothing)


def test_a_second_look_costs():
    """Looks share the error that is allowed; looking twice on one day leaves nothing for the second."""
    known = facts(TEAM | WEI)
    first = verify(claim(), known, now=END)
    second = verify(claim(), known, now=END, looked=date(2026, 4, 20))
    assert second.level > first.level
    assert second.high - second.low > first.high - first.low
    assert verify(claim(), known, now=END, looked=date(2026, 6, 30)).answer == "cannot tell"


def test_looks_that_are_none():
    """Before anything can have come of it, or before the look that was."""
    for now in (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)):
        with pytest.raises(InvalidValue, match="before anything can have come of it"):
            verify(claim(), facts(TEAM), now=now)
    with pytest.raises(InvalidValue, match="later than this look"):
        verify(claim(), facts(TEAM), now=END, looked=date(2027, 1, 1))
    with pytest.raises(InvalidValue):
        verify(claim(), facts(TEAM), now=datetime(2026, 7, 1))  # noqa: DTZ001 - what is refused


# -- the choice of the case


def test_an_extreme_figure_is_drawn_to_where_it_would_have_gone():
    """With people who do not differ, all of its distance is chance; the naive gain takes that for success."""
    counts = TEAM | {("wei", BEFORE): (10, 30), ("wei", AFTER): (20, 20)}
    verdict = verify(claim(found_in=BEFORE), facts(counts), now=END)
    assert verdict.naive == pytest.approx(0.25)
    assert 0.3 < verdict.settled < 0.5
    assert verdict.gain == pytest.approx(verdict.after - verdict.settled)
    assert verdict.answer == "cannot tell"
    assert verify(claim(), facts(counts), now=END).answer == "worked"
    assert "picked for being extreme" in str(verdict)
    assert "因极端而被选中" in verdict.to_text("zh")


def test_too_few_others_to_tell():
    """Of three others nobody knows how much persons differ, and the verdict says so."""
    counts = {key: value for key, value in TEAM.items() if key[0] in ("p0", "p1", "p2")}
    counts |= {("new", BEFORE): (2, 3)}  # who has hardly begun says nothing
    verdict = verify(claim(found_in=BEFORE), facts(counts | WEI), now=END)
    assert (verdict.answer, verdict.gain) == ("cannot tell", None)
    assert "too few others" in str(verdict)


def test_regression_to_the_mean_is_not_success():
    """Of 120 quarters without any effect, judged for the worst of forty persons: at most 5 % "worked"; 19 % naively."""
    worked = naive = 0
    for seed in range(120):
        made = companies.team(rng=np.random.default_rng(seed), people=40, stages=1, quarters=2)
        known = Facts(journal=made.journal, stages=["stage 1", "won", "lost"])
        first, second = Period(date(2023, 1, 1), date(2023, 4, 2)), Period(date(2023, 4, 2), date(2023, 7, 2))
        rows = [row for row in measure(known, "stage_conversion", by=["who"], over=first) if row.n >= 15]
        worst = min(rows, key=lambda row: (row.value - 0.55) / (row.high - row.low))
        one = Hypothesis("stage_conversion", worst.group, effect=0.12, before=first, after=second, found_in=first)
        now = datetime(2023, 7, 2, tzinfo=UTC)
        worked += verify(one, known, now=now).answer == "worked"
        naive += verify(attrs.evolve(one, found_in=None), known, now=now).answer == "worked"
    assert worked / 120 <= 0.05
    assert naive / 120 > 0.15


# -- against others


def test_what_got_better_everywhere_is_no_success():
    """Against the others the gain is what they did not have, too."""
    up = {(f"p{n}", period): share for n in range(6) for period, share in ((BEFORE, (15, 45)), (AFTER, (35, 25)))}
    counts = up | {("wei", BEFORE): (16, 44), ("wei", AFTER): (36, 24)}
    assert verify(claim(), facts(counts), now=END).answer == "worked"
    for group in ("others", {"who": "p3"}):
        one = claim(design="against others", against=group)
        verdict = verify(one, facts(counts), now=END)
        assert verdict.answer in ("cannot tell", "did not")
        assert verdict.gain == pytest.approx(0.0, abs=0.01)
        assert verdict.method.endswith("less that of others")


def test_against_others_finds_what_they_did_not_have():
    """The pooled difference of the others is taken away; more of them make the limits narrower."""
    one, few = claim(design="against others", against="others"), claim(design="against others", against={"who": "p1"})
    whole, single = (verify(each, facts(TEAM | WEI), now=END) for each in (one, few))
    assert whole.answer == "worked"
    assert whole.gain == single.gain == pytest.approx(0.3)
    assert whole.high - whole.low < single.high - single.low


def test_a_group_that_was_changed_too_is_nothing_to_compare_with():
    """A named one is refused; among all others it is left out; if nobody is left that is said."""
    also = claim(where={"who": "p1", "stage": "offer"})
    with pytest.raises(InvalidValue, match="changed at the same time"):
        verify(claim(design="against others", against={"who": "p1"}), facts(TEAM | WEI), now=END, others=[also])
    one = claim(design="against others", against="others")
    counts = TEAM | WEI | {("p1", AFTER): (40, 0)}
    assert verify(one, facts(counts), now=END, others=[also]).gain == pytest.approx(0.3)
    everybody = [claim(where={"who": f"p{n}", "stage": "offer"}) for n in range(6)]
    alone = verify(one, facts(TEAM | WEI), now=END, others=everybody)
    assert (alone.answer, alone.gain) == ("cannot tell", None)
    assert "Nobody else has enough cases" in str(alone)
    elsewhere = attrs.evolve(also, before=Period.quarter(2024, 1), after=Period.quarter(2024, 2))
    assert verify(one, facts(TEAM | WEI), now=END, others=[one, elsewhere]).answer == "worked"


def test_a_group_without_cases():
    """A named group that has none before leaves nothing to compare with."""
    known = facts(TEAM | WEI | {("new", AFTER): (20, 20)})
    verdict = verify(claim(design="against others", against={"who": "new"}), known, now=END)
    assert verdict.gain is None
    assert "Nobody else" in str(verdict)


# -- a series


def weekly(kind, counts):
    """A ledger with so many facts in each week, and an amount that grows with them."""
    rows = [(f"{week}-{n}", date(2026, 1, 5) + timedelta(weeks=week), 100 + number) for week, number in enumerate(counts)
            for n in range(number)]  # fmt: skip
    frame = {name: [row[place] for row in rows] for place, name in enumerate(("id", "at", "amount"))}
    return Facts(ledger=Ledger.from_frame(
        frame, kind=kind, id="id", at="at", amount="amount", currency="EUR", customer="id", tz="UTC"))  # fmt: skip


def series(**changes):
    """That complaints fall from the eleventh week on."""
    said = {
        "where": {}, "effect": 3.0, "before": Period(date(2026, 1, 5), date(2026, 3, 16)),
        "after": Period(date(2026, 3, 16), date(2026, 5, 25)), "design": "series",
    } | changes  # fmt: skip
    return Hypothesis(said.pop("metric", "complaints"), **said)


COUNTS = [12, 14, 11, 13, 15, 12, 14, 13, 12, 14, 6, 7, 5, 8, 6, 7, 5, 6, 8, 6]


def test_a_step_in_a_series():
    """Complaints that fall by half are seen; without a step nothing is."""
    verdict = verify(series(), weekly("complaint", COUNTS), now=END, every="week")
    assert verdict.answer == "worked"
    assert 4 < verdict.gain < 10
    assert "segmented regression" in verdict.method
    flat = verify(series(), weekly("complaint", [*COUNTS[:10], *COUNTS[:10]]), now=END, every="week")
    assert flat.answer != "worked"


def test_a_trend_is_no_step():
    """What fell steadily all along is no success of the tenth week; before and after alone would say so."""
    falling = [40 - 2 * week + (week % 3) for week in range(20)]
    verdict = verify(series(), weekly("complaint", falling), now=END, every="week")
    assert verdict.answer != "worked"
    assert verdict.naive > 15


def test_money_by_a_series():
    """A figure without an interval is told by its series only; its currency is part of where."""
    known = weekly("order", [*(3 + week % 2 for week in range(10)), *(6 + week % 2 for week in range(10))])
    one = series(metric="booked", where={"currency": "EUR"}, effect=100.0)
    assert verify(one, known, now=END, every="week").answer == "worked"
    plain = attrs.evolve(one, design="before and after")
    with pytest.raises(InvalidValue, match="take the design 'series'"):
        verify(plain, known, now=END)


def test_shares_by_a_series():
    """A share is told by its odds, in the unit of the share."""
    rates = [6, 7, 5, 6, 7, 6, 5, 7, 6, 14, 13, 14, 15, 13, 14, 15, 14, 13]
    weeks = [Period(date(2026, 1, 5) + timedelta(weeks=n), date(2026, 1, 12) + timedelta(weeks=n)) for n in range(18)]
    known = facts({("wei", week): (won, 20 - won) for week, won in zip(weeks, rates, strict=True)}, days=2)
    one = claim(
        design="series",
        before=Period(date(2026, 1, 5), date(2026, 3, 9)),
        after=Period(date(2026, 3, 9), date(2026, 5, 11)),
    )
    verdict = verify(one, known, now=END, every="week")
    assert verdict.answer == "worked"
    assert 0.2 < verdict.gain < 0.7
    nobody = verify(attrs.evolve(one, where={"who": "li", "stage": "offer"}), known, now=END, every="week")
    assert (nobody.answer, nobody.before, nobody.n_before) == ("cannot tell", None, 0)


def test_series_that_tell_nothing():
    """Too short, with a gap, cut across a period, without an event at all: said or refused, never guessed."""
    short = verify(series(), weekly("complaint", COUNTS[:14]), now=datetime(2026, 4, 14, tzinfo=UTC), every="week")
    assert (short.answer, short.gain) == ("too early", None)
    assert "8 periods" in str(short)
    known = weekly("complaint", COUNTS)
    with pytest.raises(InvalidValue, match="a series has no gaps"):
        verify(series(after=Period(date(2026, 3, 23), date(2026, 5, 25))), known, now=END, every="week")
    with pytest.raises(InvalidValue, match="begins within a period"):
        verify(series(before=Period(date(2026, 1, 5), date(2026, 3, 18)), after=Period(date(2026, 3, 18), date(2026, 5, 25))),
               known, now=END, every="week")  # fmt: skip
    none = verify(
        series(metric="complaints"), weekly("complaint", [*COUNTS[:10], 1, *[0] * 8, 1]), now=END, every="week"
    )
    assert none.answer == "worked"
    empty = verify(series(), weekly("order", COUNTS), now=END, every="week")
    assert (empty.answer, empty.before) == ("cannot tell", 0.0)
    assert "let the effect have no limit" in str(empty)


# -- which figure


def test_where_must_name_one_figure():
    """A claim that fits several figures says which of their keys it lacks; a column nobody has is refused."""
    rows = [("D-1", "lead", 1), ("D-1", "offer", 9), ("D-1", "won", 12), ("D-2", "lead", 2), ("D-2", "offer", 8)]
    frame = {"case": [row[0] for row in rows], "stage": [row[1] for row in rows],
             "at": [datetime(2026, 1, row[2], tzinfo=UTC) for row in rows], "who": ["wei"] * len(rows)}  # fmt: skip
    two = Journal.from_frame(frame, case="case", stage="stage", at="at", who="who", as_of=END)
    known = Facts(journal=two, stages=["lead", "offer", "won", "lost"])
    with pytest.raises(InvalidValue, match="fits 2 figures of stage_conversion; say which: stage"):
        verify(claim(where={"who": "wei"}), known, now=END)
    one = claim(where={"who": "wei"}, design="series", before=Period(date(2025, 10, 1), date(2026, 1, 1)),
                after=Period(date(2026, 1, 1), date(2026, 4, 1)))  # fmt: skip
    with pytest.raises(InvalidValue, match="fits several figures of stage_conversion"):
        verify(one, known, now=END)
    with pytest.raises(NotFound, match="branch"):
        verify(claim(where={"branch": "North", "stage": "offer"}), facts(TEAM), now=END)
