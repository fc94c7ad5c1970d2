"""Composing a page: every source has its panels, what is missing says so, and what matters comes first."""

import json
import re

import attrs
import numpy as np
import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve.review import review
from crmkit.journal import Journal
from crmkit.metrics import Facts
from crmkit.report import build
from crmkit.report.composing import compose
from crmkit.report.page import drawn, to_html
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.values import Period

from . import pages

ALL = {
    "funnel", "conversion", "flow", "curve", "times", "people", "forecast", "open", "composition", "change", "lost", "swot",
    "collections", "response", "backlog", "complaints", "charts", "rules", "overrides", "knowledge", "unanswered", "agenda",
    "improvement", "quality",
}  # fmt: skip


def panels(page):
    """The panels of a page by their ids."""
    return {panel.id: panel for section in page.sections for panel in section.panels}


def test_a_company_has_every_panel():
    """Sales, service, knowledge and the loop are all there, and nothing is silent."""
    page = pages.page()
    assert {*panels(page)} == ALL
    assert [one for section in page.sections for one in section.silent] == []
    assert len([panel.id for section in page.sections for panel in section.panels]) == len(ALL)


def test_every_panel_can_be_believed():
    """Each has a sentence, a definition, n, a method, and figures or a chart, in both languages."""
    for panel in panels(pages.page()).values():
        assert panel.n > 0, panel.id
        assert panel.method, panel.id
        assert panel.table or panel.chart or panel.id in ("quality", "swot"), panel.id
        for text in (panel.title, panel.says, panel.about):
            assert text.en, panel.id
            assert re.search("[\u4e00-\u9fff]|SWOT", text.zh), (panel.id, text.zh)
            assert "{" not in text.en + text.zh, panel.id


def test_rows_behind_a_figure_are_shown_and_counted():
    """The rows are those of the facts; what is not shown is counted."""
    shown = panels(pages.page())["funnel"].rows
    journal = pages.firm().facts.journal
    assert len(shown.rows) + shown.left_out == len(journal)
    cases = {row[0] for row in shown.rows}
    assert cases <= {*journal.cases.values}


def test_the_overview_finds_what_was_put_in():
    """Gus, who became weak; answers that take longer; payments that come late; prices that lose deals."""
    page = pages.firm().page()
    said = " ".join(alert.says.en for alert in page.alerts)
    assert "gus" in said or "First response" in said
    assert {alert.panel for alert in page.alerts} <= ALL
    weights = [(alert.weight >= 1.0, not alert.good) for alert in page.alerts]
    assert weights == sorted(weights, reverse=True)


def test_facts_alone_are_a_page_with_silence():
    """A ledger without deals: no panel of deals, and each missing one says why."""
    ledger = pages.firm().facts.ledger
    page = compose(facts=Facts(ledger=ledger), over=Period.quarter(2025, 4))
    assert "funnel" not in panels(page)
    assert page.report is None
    silent = {one.title.en: one.why for section in page.sections for one in section.silent}
    assert "no stays of deals" in silent["Funnel"].en
    assert "have no deals" in silent["Forecast"].en
    assert {"composition", "collections"} <= {*panels(page)}
    assert "<main>" in drawn(page, name="x")


def test_deals_alone_are_the_page_of_the_deals():
    """A report alone makes the page it always made: no silence, no counters, and the same figures."""
    made = build(simulate(n=1500, rng=np.random.default_rng(1), people=dict.fromkeys("abcde", 1.0)).journal)
    page = compose(sales=made)
    assert page.over is None
    assert page.states == {}
    assert [one for section in page.sections for one in section.silent] == []
    assert {"funnel", "flow", "people", "quality"} <= {*panels(page)}
    assert to_html(made, name="x") == page.to_html(name="x")


def test_a_page_of_deals_says_what_it_cannot_say():
    """Without persons or ends the page says so, and is silent about sources that nobody promised."""
    frame = {"c": ["a"], "s": ["lead"], "t": ["2026-01-01"]}
    page = compose(sales=build(Journal.from_frame(frame, case="c", stage="s", at="t")))
    silent = {one.title.en: one.why.en for section in page.sections for one in section.silent}
    assert "name no person" in silent["Stage x person"]
    assert "--won" in silent["Win curve"]
    assert "Forecast" not in silent


def test_the_agenda_of_a_report_is_on_its_page():
    """What was reviewed elsewhere is shown, and told by its problems."""
    people = {f"p{i}": 1.0 for i in range(6)} | {"weak": 0.2}
    journal = simulate(n=3000, rng=np.random.default_rng(3), people=people).journal
    facts = Facts(journal=journal, stages=sales_pipeline())
    made = attrs.evolve(
        build(journal, stages=sales_pipeline()), agenda=review(facts, Period.quarter(2025, 3), metrics=[])
    )
    page = compose(sales=made)
    assert "agenda" in panels(page)
    assert "weak" in " ".join(alert.says.en for alert in page.alerts)


def test_a_truth_is_beside_its_estimates():
    """What a simulation knows is a panel; of real data there is none, and no silence about it."""
    rows = [{"figure": "won ≤ 90 d", "truth": 0.2, "estimate": 0.21, "low": 0.18, "high": 0.24, "closed_only": 0.3}]
    made = build(simulate(n=300, rng=np.random.default_rng(1)).journal, truth={"rows": rows})
    assert panels(compose(sales=made))["truth"].says.en == "1 of 1 intervals hold the truth."


def test_panels_by_their_id():
    """A panel is found by its id; a name near it is named."""
    assert pages.page().panel("funnel").id == "funnel"
    with pytest.raises(NotFound, match="did you mean 'funnel'"):
        pages.page().panel("funel")


def test_nothing_at_all_is_no_page():
    """Without facts and without deals there is nothing to look at."""
    with pytest.raises(InvalidValue, match="nothing"):
        compose()


def test_names_do_not_become_markup():
    """What data say is text, also in the counters and in charts."""
    evil = "</script><script>alert(1)</script>"
    frame = {"c": ["a", "a", "b"], "s": ["lead", "won", "lead"], "t": ["2026-01-01", "2026-02-01", "2026-01-05"],
             "w": [evil, evil, "b"]}  # fmt: skip
    journal = Journal.from_frame(frame, case="c", stage="s", at="t", who="w")
    page = compose(facts=Facts(journal=journal), over=Period.quarter(2026, 1), filters=("who",))
    html = page.to_html(name=evil)
    assert "<script>alert" not in html
    packed = re.search(r'<script type="application/json" id="states">(.*?)</script>', html, flags=re.DOTALL)
    assert packed is None or evil in json.loads(packed[1])["dims"][0]["values"]


def test_a_page_is_small():
    """A company fits into a mail."""
    assert len(pages.html().encode()) < 1_000_000
