"""Hypotheses: what cannot be told is refused when it is stated, and what a case keeps says the same when it is read."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve import Hypothesis
from crmkit.metrics.kpi.conversion import StageConversion
from crmkit.values import Fields, Period

BEFORE, AFTER = Period.quarter(2026, 1), Period.quarter(2026, 2)
WHERE = {"who": "wei", "stage": "proposal"}


def claim(**changes):
    """A hypothesis with some things said otherwise."""
    said = {"metric": "stage_conversion", "where": WHERE, "effect": 0.1, "before": BEFORE, "after": AFTER} | changes
    return Hypothesis(**said)


@pytest.mark.parametrize(("changes", "told"), [
    ({"effect": 0}, "say by how much"), ({"effect": float("nan")}, "say by how much"),
    ({"after": Period.quarter(2025, 4)}, "overlap or are in the wrong order"), ({"after": BEFORE}, "overlap"),
    ({"metric": "open_deals", "where": {}}, "says no way that is better"),
    ({"design": "against others"}, "does not go with the design"), ({"against": "others"}, "does not go with"),
    ({"design": "against others", "against": "everyone"}, "is no group"),
    ({"design": "against others", "against": {"region": "North"}}, "must name other values of what `where` names"),
    ({"design": "against others", "against": {}}, "must name other values"),
    ({"design": "against others", "against": {"who": "wei"}}, "is the group itself"),
    ({"design": "series", "found_in": BEFORE}, "end the series before it"),
])  # fmt: skip
def test_what_cannot_be_told_is_refused(changes, told):
    """Before anybody acts on it, with what to say instead."""
    with pytest.raises(InvalidValue, match=told):
        claim(**changes)


def test_names_that_nobody_knows():
    """Another metric and another design are refused with the nearest name."""
    with pytest.raises(NotFound, match="stage_conversion"):
        claim(metric="stage_conversoin")
    with pytest.raises(NotFound, match="before and after"):
        claim(design="before and aftre")


def test_in_words():
    """Both languages say the figure, whose it is, the way, how much and when."""
    assert str(claim()) == "Stage conversion (who wei, stage proposal) rises by at least 0.1 from 2026-Q1 to 2026-Q2"
    assert (
        claim(metric="sales_expense", where={}, better="less")
        .to_text("zh")
        .endswith("从 2026-Q1 到 2026-Q2 至少下降 0.1")
    )
    with pytest.raises(NotFound, match="language"):
        claim().to_text("fr")


def test_picked_is_what_overlaps_the_figure_that_opened_the_case():
    """A fresh period before is taken at its word; the one that opened the case is not."""
    assert claim(found_in=BEFORE).picked
    assert not claim(found_in=Period.quarter(2025, 4)).picked
    assert not claim().picked


texts = st.text(min_size=1, max_size=5)


@given(
    where=st.dictionaries(texts, texts, min_size=1, max_size=3), effect=st.floats(1e-6, 1e6), data=st.data(),
    found_in=st.none() | st.just(BEFORE), better=st.sampled_from([None, "more", "less"]),
)  # fmt: skip
def test_what_a_case_keeps_is_the_same_hypothesis(where, effect, data, found_in, better):
    """`from_fields` of `to_fields` is the identity, and so is the id of its definition."""
    design = data.draw(st.sampled_from(["before and after", "against others", "series"]))
    groups = st.just("others") | st.just({next(iter(where)): where[next(iter(where))] + "x"})
    against = data.draw(groups) if design == "against others" else None
    found = None if design == "series" else found_in
    one = claim(where=where, effect=effect, design=design, against=against, found_in=found, better=better)
    kept = Hypothesis.from_fields(Fields(one.to_fields()))
    assert kept == one
    assert kept.definition == one.definition


def test_a_definition_tells_other_hypotheses_apart():
    """Whatever is said otherwise makes another definition."""
    others = [claim(), claim(effect=0.2), claim(better="less"), claim(found_in=BEFORE), claim(metric="win_rate"),
              claim(design="series"), claim(after=Period.quarter(2026, 3)), claim(metric=StageConversion(30))]  # fmt: skip
    assert len({one.definition for one in others}) == len(others)


def test_a_case_that_kept_something_else():
    """A metric that changed since, a missing field and a broken period are named."""
    own = claim(metric=StageConversion(30))
    with pytest.raises(InvalidValue, match="give metric= with the policies it had"):
        Hypothesis.from_fields(own.to_fields())
    assert Hypothesis.from_fields(own.to_fields(), metric=StageConversion(30)) == own
    fields = dict(claim().to_fields())
    for name in ("metric", "effect", "where", "design"):
        with pytest.raises(InvalidValue, match=f"lack '{name}'"):
            Hypothesis.from_fields({key: value for key, value in fields.items() if key != name})
    with pytest.raises(InvalidValue, match="lack the period before or after"):
        Hypothesis.from_fields({key: value for key, value in fields.items() if key != "after"})
    for broken in ("2026-01-01", "soon .. later", 7):
        with pytest.raises(InvalidValue, match="the end not included"):
            Hypothesis.from_fields(fields | {"before": broken})


def test_it_is_a_value():
    """Frozen, and equal by what it says."""
    assert claim() == claim()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        claim().effect = 1
