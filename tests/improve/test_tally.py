"""The loop's own figures: what became of cases, how fast, and what they brought."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NaiveDatetime, NotFound
from crmkit.improve import tally
from crmkit.improve.reuse import Reuse
from crmkit.improve.tally import Part
from crmkit.metrics.estimators import wilson
from crmkit.metrics.survival import kaplan_meier
from crmkit.pipeline import Pipeline, Stage
from crmkit.pipeline.case import Case
from crmkit.values import Fields, Money

START, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
ENDS = {"standardised": "won", "undone": "lost", "dropped": "cancelled", "measure": None}


def case(name, stage, days=30, opened=0, **fields):
    """A case that was opened after some days and entered its stage so many days later."""
    begun = START + timedelta(days=opened)
    return Case(
        name,
        stage,
        begun,
        begun + timedelta(days=days),
        begun,
        fields=Fields({k.replace("_", " "): v for k, v in fields.items()}),
    )


def test_what_became_of_cases():
    """Shares of the closed, of the verified, with Wilson's limits."""
    cases = [
        case("1", "standardised", verdict="worked"), case("2", "standardised", verdict="cannot tell"),
        case("3", "undone", verdict="did not"), case("4", "dropped"), case("5", "measure", verdict="worked"),
        case("6", "measure"), case("7", "undone", verdict="worked"),
    ]  # fmt: skip
    found = tally(cases, ENDS, now=NOW)
    assert (found.n, found.n_open) == (7, 2)
    assert found.verified == Part(3, 5, *wilson(3, 5))
    assert found.worked == Part(2, 3, *wilson(2, 3))
    assert found.undone == Part(2, 5, *wilson(2, 5))
    assert found.dropped == Part(1, 5, *wilson(1, 5))
    assert found.verified.value == 0.6
    assert (found.unmeasured, found.gains) == (2, ())


def test_without_cases():
    """Nothing is known, and that is said."""
    found = tally([], ENDS, now=NOW)
    assert (found.n, found.days, found.days_low, found.worked.value) == (0, None, None, None)
    assert str(found).startswith("0 cases, 0 of them open; half are closed after - days (limits - to -).")
    assert found.to_text("zh").startswith("案例 0 个")


@given(st.lists(st.tuples(st.sampled_from([*ENDS]), st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=20))
def test_how_long_they_take(rows):
    """The median of Kaplan and Meier with open cases censored, as lists of days give it."""
    cases = [case(str(n), stage, days, opened) for n, (stage, days, opened) in enumerate(rows)]
    found = tally(cases, ENDS, now=NOW)
    spans = [float(days) if ENDS[stage] else 181.0 - opened for stage, days, opened in rows]
    median = kaplan_meier(spans, [bool(ENDS[stage]) for stage, *_ in rows]).median(0.95, method="log-log")
    for got, wanted in zip(
        (found.days, found.days_low, found.days_high), (median.value, median.low, median.high), strict=True
    ):
        assert got == pytest.approx(None if wanted != wanted else wanted)


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 20), st.integers(0, 20), st.integers(1, 900)), min_size=1)
)
def test_what_they_brought(rows):
    """The sum of gains, and limits from independent halves, each side by itself."""
    cases = [
        case(str(n), "standardised", gain=Decimal(gain), low=Decimal(gain - down), high=Decimal(gain + up),
             value_a_unit=Money(worth, "EUR"))
        for n, (gain, down, up, worth) in enumerate(rows)
    ]  # fmt: skip
    [found] = tally(cases, ENDS, now=NOW).gains
    value = sum(gain * worth for gain, _, _, worth in rows)
    assert found.value == Money(value, "EUR").rounded()
    assert float(found.low.amount) == pytest.approx(
        value - hypot(*(down * worth for _, down, _, worth in rows)), abs=0.01
    )
    assert float(found.high.amount) == pytest.approx(value + hypot(*(up * worth for _, _, up, worth in rows)), abs=0.01)
    assert (found.n, found.n_bare) == (len(rows), 0)


def test_gains_of_several_kinds():
    """Currencies stay apart; those without limits are counted; what was undone or is open brings nothing."""
    euro, yuan = Money("10", "EUR"), Money("100", "CNY")
    cases = [
        case("1", "standardised", gain=2.5, low=1.5, high=4.5, value_a_unit=euro),
        case("2", "standardised", gain=1.0, value_a_unit=euro), case("3", "standardised", gain=3.0, value_a_unit=yuan),
        case("4", "standardised", gain=9.0), case("5", "standardised", value_a_unit=euro),
        case("6", "undone", gain=7.0, value_a_unit=euro), case("7", "measure", gain=7.0, value_a_unit=euro),
    ]  # fmt: skip
    found = tally(cases, ENDS, now=NOW)
    assert [(one.value, one.n, one.n_bare) for one in found.gains] == [
        (Money("300.00", "CNY"), 1, 1), (Money("35.00", "EUR"), 2, 1),
    ]  # fmt: skip
    assert (found.gains[0].low, found.gains[1].low) == (None, Money("25.00", "EUR"))
    assert found.gains[1].high == Money("55.00", "EUR")
    assert found.unmeasured == 2
    assert "Gain: 300.00 CNY (no limits)." in str(found)
    assert "Gain: 35.00 EUR (25.00 to 55.00, 1 of 2 without limits)." in str(found)
    assert "rather too high" in str(found)
    assert "Standardised without a gain in money: 2." in str(found)
    chinese = found.to_text("zh")
    assert "收益：300.00 CNY（无区间）。" in chinese
    assert "收益：35.00 EUR（25.00 至 55.00，其中 1/2 无区间）。" in chinese
    assert "已标准化但无货币收益：2 个。" in chinese
    assert "往往偏高" in chinese


def test_practices_that_were_taken_up():
    """How many people did, over all that were shared."""
    reused = [
        Reuse(rows=(), used={}, taken_up=names, verdict=None, why=("", "")) for names in (("li", "bo"), (), ("li",))
    ]
    found = tally([], ENDS, now=NOW, reuses=reused)
    assert found.reused == 3
    assert "Practices were taken up 3 times." in str(found)
    assert "做法被采用 3 次。" in found.to_text("zh")


def test_stages_of_pipelines():
    """What closed stages mean may be taken from the methods themselves."""
    pipeline = Pipeline(
        "pdca",
        [Stage("plan"), Stage("kept", "won"), Stage("off", "cancelled")],
        {"plan": {"keep": "kept", "stop": "off"}},
    )
    cases = [case("1", "kept", verdict="worked"), case("2", "off"), case("3", "plan")]
    found = tally(cases, pipeline.stages, now=NOW)
    assert (found.n_open, found.dropped.n, found.worked.n) == (1, 1, 1)
    assert found.definition == tally([], {"off": "cancelled", "kept": "won"}, now=NOW).definition
    assert found.definition != tally([], ENDS, now=NOW).definition


@pytest.mark.parametrize(
    ("fields", "error", "why"),
    [
        ({"verdict": "fine"}, NotFound, "verdict"),
        ({"gain": "much"}, InvalidValue, "is no number"),
        ({"gain": True}, InvalidValue, "is no number"),
        ({"gain": 1.0, "low": 0.0}, InvalidValue, "do not enclose"),
        ({"gain": 1.0, "low": 2.0, "high": 3.0}, InvalidValue, "do not enclose"),
        ({"low": 2.0, "high": 3.0}, InvalidValue, "do not enclose"),
        ({"value_a_unit": 12}, InvalidValue, "is no money"),
    ],
)
def test_fields_that_are_none(fields, error, why):
    """With the case and the field."""
    with pytest.raises(error, match=why) as caught:
        tally([case("I-7", "standardised", **fields)], ENDS, now=NOW)
    assert "I-7" in str(caught.value)


def test_times_that_are_none():
    """A case from after the end of observation, and an end without a zone."""
    with pytest.raises(InvalidValue, match="later than the end of observation"):
        tally([case("I-7", "measure", days=300)], ENDS, now=NOW)
    with pytest.raises(NaiveDatetime):
        tally([], ENDS, now=datetime(2026, 7, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(NotFound, match="language"):
        tally([], ENDS, now=NOW).to_text("fr")
