"""The report: what it says, in two languages, and what it shows."""

import json
import math
import re

import attrs
import numpy as np
import pytest

from crmkit.errors import NotFound
from crmkit.journal import Journal
from crmkit.report import build, charts, summary
from crmkit.report.page import to_html
from crmkit.report.text import headlines, horizon
from crmkit.report.words import LANGUAGES, days, percent, span, words
from crmkit.testing.simulate import sales_pipeline, simulate

LINE = sales_pipeline()


@pytest.fixture(scope="module")
def made():
    """A simulated year with one star and one weak seller."""
    people = {f"p{i}": 1.0 for i in range(6)} | {"star": 3.0, "weak": 0.3}
    return build(simulate(LINE, 2500, rng=np.random.default_rng(3), people=people).journal, stages=LINE)


def lone():
    """One open case, no person: the least that can be reported."""
    frame = {"c": ["a"], "s": ["lead"], "t": ["2026-01-01"]}
    return build(Journal.from_frame(frame, case="c", stage="s", at="t"))


def test_both_languages_have_the_same_words():
    """Every text exists in English and in Chinese, with the same places to fill."""
    en, zh = LANGUAGES["en"], LANGUAGES["zh"]
    assert en.keys() == zh.keys()
    for key in en:
        assert sorted(part for part in en[key].split("{")[1:]) is not None
        assert {part.split("}")[0] for part in en[key].split("{")[1:]} == {
            part.split("}")[0] for part in zh[key].split("{")[1:]
        }
    with pytest.raises(NotFound, match="no language 'fr'"):
        words("fr")


def test_numbers_in_words():
    """Percentages and spans in the unit a reader thinks in; nothing known is a dash."""
    en = words("en")
    assert (percent(0.5234), percent(0.5234, 1), percent(math.nan), percent(None)) == ("52%", "52.3%", "–", "–")
    assert (days(12.3, en), days(3.21, en), days(0.5, en), days(0.01, en), days(0.0001, en)) == (
        "12 days", "3.2 days", "12.0 h", "14.4 min", "9 s")  # fmt: skip
    assert (days(math.nan, en), days(math.inf, en), span(3.0, 4.0, en), span(0.5, 4.0, en)) == (
        "–", "∞", "3.0–4.0 days", "12.0 h–4.0 days")  # fmt: skip


def test_headlines_name_the_star_the_weak_and_the_bias(made):
    """What a manager should read: who, how much, how sure; and what ignoring open cases would say."""
    text = "\n".join(headlines(made))
    assert "star" in text
    assert "weak" in text
    assert "may be chance" in text
    assert "Won / closed says" in text
    assert "“lead”" in text
    assert "star" in "\n".join(headlines(made, "zh"))
    assert f"{made.totals.cases} cases" in summary(made)


def test_the_least_that_can_be_reported():
    """One open case, no person, no outcome: every part says so instead of failing."""
    made = lone()
    assert "--won" in "\n".join(headlines(made))
    assert made.totals.won_amount is None
    json.dumps(made.to_dict(), allow_nan=False)
    assert "lead" in to_html(made, name="x")
    assert horizon(made) == 0


def test_data_are_finite_and_complete(made):
    """Plain data without NaN; open, won and lost add up; every figure has n, n_open, method and definition."""
    plain = made.to_dict()
    json.dumps(plain, allow_nan=False)
    assert plain["totals"]["cases"] == plain["totals"]["open"] + plain["totals"]["won"] + plain["totals"]["lost"]
    for part in ("conversion", "funnel", "win_curve", "time_in_stage", "signals"):
        assert plain[part]
        assert all({"n", "n_open", "method", "definition"} <= row.keys() for row in plain[part])
        assert {row["definition"] for row in plain[part]} <= plain["definitions"].keys()
    assert sum(row["cases"] for row in plain["open_cases"]) == plain["totals"]["open"]
    assert all(sum(row["ages"].values()) == row["cases"] for row in plain["open_cases"])


def test_amounts_add_up_exactly():
    """The won amount is the exact sum of the last amounts of the won cases."""
    frame = {"c": ["a", "a", "b", "b", "c"], "s": ["lead", "won", "lead", "won", "lead"],
             "t": ["2026-01-01", "2026-01-02", "2026-01-01", "2026-01-02", "2026-01-01"], "m": ["1", "0.10", "5", "0.20", "9"]}  # fmt: skip
    journal = Journal.from_frame(frame, case="c", stage="s", at="t", amount="m")
    assert build(journal).totals.won_amount == "0.30"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_has_every_part(made, language):
    """All sections, a drawing in each figure, marks that do not rely on colour, a row for every finding."""
    page = to_html(made, name="a <name>", language=language)
    say = words(language)
    for part in ("funnel", "conversion", "curve", "times", "people", "open_cases", "quality", "to_look_at"):
        assert say[part] in page
    assert page.count("<svg") == 6
    assert "a &lt;name&gt;" in page
    assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}">' in page
    for word in (words("en"), words("zh")):
        assert re.search(f"<em>▲ .*{word['share']}", page)
        assert re.search(f"<em>▼ .*{word['coach']}", page)
    assert made.rates.definition in page


def test_charts_are_data_of_the_report(made):
    """The chart's values are the report's figures, not a second computation."""
    say = words("en")
    spec = charts.funnel_chart(made, say)
    assert [row["cases"] for row in spec["data"]["values"]] == [row.cases for row in made.funnel]
    spec = charts.conversion_chart(made, say)
    assert [row["value"] for row in spec["data"]["values"]] == [row.value for row in made.rates if row.who is None]
    assert charts.times_chart(made, say)["layer"][0]["encoding"]["x"]["scale"] == {"zero": True}


def test_spans_of_seconds_and_months_share_a_log_axis(made):
    """Where sojourns differ fifty-fold the axis is logarithmic."""
    rows = list(made.times.rows)
    rows[0] = attrs.evolve(rows[0], median=0.0001, low=0.0, high=0.001)
    odd = attrs.evolve(made, times=attrs.evolve(made.times, rows=tuple(rows)))
    spec = charts.times_chart(odd, words("en"))
    assert spec["layer"][0]["encoding"]["x"]["scale"] == {"type": "log"}
    assert "<svg" in charts.to_svg(spec)


def test_many_people_and_findings_are_cut_with_a_count():
    """A page of 80 sellers shows those with data and counts the rest."""
    people = {f"p{i:02}": 1.0 for i in range(80)}
    journal = simulate(LINE, 6000, rng=np.random.default_rng(3), people=people).journal
    page = to_html(build(journal, stages=LINE), name="x")
    assert "+ 20 people" in page


def test_a_stage_with_a_page_for_a_name():
    """Labels of charts are cut, and two that begin alike stay two."""
    frame = {"c": ["a", "b"], "s": ["very " * 2000 + "long", "very " * 2000 + "wide"], "t": ["2026-01-01"] * 2}
    chart = charts.open_chart(build(Journal.from_frame(frame, case="c", stage="s", at="t")), words("en"))
    names = {row["stage"] for row in chart["data"]["values"]}
    assert len(names) == 2
    assert max(map(len, names)) < 80
    assert {*chart["encoding"]["y"]["sort"]} == names
