"""Panels, their tables and texts, and which alert comes first."""

import math

import pytest

from crmkit.report.panels import Alert, Grid, Panel, Section, Text, between, figure


def test_texts_are_filled_in_both_languages():
    """A text within a text speaks the same language."""
    made = Text("{n} of {what}", "{what}{n} 个").format(n=3, what=Text("deals", "商机"))
    assert made == Text("3 of deals", "商机3 个")
    assert Text("a {0}", "b {0}").format("x") == Text("a x", "b x")


def test_numbers_that_are_none():
    """What is not known is a dash, what has no bound says so."""
    assert [figure(value) for value in (None, math.nan, math.inf, -math.inf)] == ["–", "–", "∞", "-∞"]
    assert between(None, 2.0) == "– … 2"
    assert between(math.nan, None) == "–"


def test_rows_that_are_not_shown_are_counted():
    """A table is capped, and says by how much; a column of nothing is left out."""
    grid = Grid.columns({"a": list(range(20)), "b": [None] * 20, "c": ["x", None] * 10}, most=5)
    assert grid.heads == ("a", "c")
    assert len(grid.rows) == 5
    assert grid.left_out == 15
    assert grid.rows[1] == ("1", "–")
    assert Grid.columns({}) == Grid((), (), 0, 0)


def alert(says, weight, **more):
    """An alert of some weight."""
    return Alert(says=Text.of(says), value="1", weight=weight, **more)


def test_what_is_bad_and_inferred_comes_first():
    """Bad before good before counted, the heaviest first among each."""
    ranked = Alert.ranked([
        alert("counted", 0.9), alert("good", 8.0, good=True), alert("bad", 1.5), alert("worse", 3.0),
        alert("few", 0.1),
    ])  # fmt: skip
    assert [one.says.en for one in ranked] == ["worse", "bad", "good", "counted", "few"]


def test_one_alert_about_one_thing():
    """Several alerts about one thing are the heaviest of them, and how many others there are."""
    ranked = Alert.ranked([alert("light", 1.0, about="fay"), alert("heavy", 2.0, about="fay"), alert("other", 1.5)])
    assert [(one.says.en, one.also) for one in ranked] == [("heavy", 1), ("other", 0)]


def test_alerts_know_their_panel():
    """A section tells of each alert in which panel it is."""
    panel = Panel(id="p", title=Text.of("t"), says=Text.of("s"), about=Text.of("a"), n=1, alerts=(alert("x", 1.0),))
    assert [one.panel for one in Section("s", Text.of("s"), (panel,)).alerts] == ["p"]


@pytest.mark.parametrize(("value", "unit", "said"), [
    (0.0, "share", "0.0%"), (12.0, "", "12"), (-3.14159, "", "-3.14"), (999.6, "", "1,000"), (12345.6, "days", "12,346"),
])  # fmt: skip
def test_numbers_have_three_digits_that_count(value, unit, said):
    """Shares have one digit, large numbers none."""
    assert figure(value, unit) == said
