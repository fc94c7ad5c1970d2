"""Every public result shows itself: as text, and in a notebook as a table."""

import importlib
import inspect

import attrs
import pytest
from tree import home, public_names, report

from crmkit.values.display import Shown

# What makes a class a result: it gives a table, a text for people, or a chart.
GIVES = ("to_frame", "to_text", "plot")
# Results that give none of these.
ALSO = {
    "crmkit.improve.causes": {"CauseGraph"},
    "crmkit.improve.standards": {"Trial"},
    "crmkit.improve.tally": {"Gain", "Part"},
    "crmkit.journal": {"Ledger", "ProductLimit", "Table"},
    "crmkit.kb.cards": {"Card"},
    "crmkit.kb.discussions": {"Discussion"},
    "crmkit.kb.feedback": {"Collected"},
    "crmkit.kb.mail.filing": {"Filed"},
    "crmkit.kb.mail.threads": {"Thread"},
    "crmkit.kb.proposals": {"Proposal"},
    "crmkit.kb.results": {"Results"},
    "crmkit.metrics.backtest": {"Drift"},
    "crmkit.metrics.churn": {"BgNbd", "GammaGamma", "ParetoNbd", "ShiftedBetaGeometric"},
    "crmkit.metrics.curves": {"CycleTime"},
    "crmkit.metrics.dispersion": {"Dispersion"},
    "crmkit.metrics.lost": {"TrendTest"},
    "crmkit.metrics.scores": {"CalibrationLine", "Murphy"},
    "crmkit.metrics.spc": {"RunLength"},
    "crmkit.metrics.survival": {
        "CumulativeIncidence", "LogRank", "Quantile", "RestrictedMean", "StateProbabilities", "SurvivalCurve",
    },
    "crmkit.pipeline.attention": {"Attention", "Concern", "Issue"},
    "crmkit.pipeline.case": {"Accepted", "Case", "Refused"},
    "crmkit.pipeline.clocks": {"ClockState"},
    "crmkit.pipeline.conform": {"Impacts"},
    "crmkit.pipeline.definition": {"Pipeline"},
    "crmkit.pipeline.discover": {"Discovery", "Draft"},
    "crmkit.pipeline.flow": {"Rework"},
    "crmkit.pipeline.migration": {"MigrationPlan"},
    "crmkit.pipeline.progress": {"Progress"},
    "crmkit.pipeline.staffing": {"Choice", "Fit", "Load", "Plan"},
    "crmkit.privacy.erasing": {"Erased"},
    "crmkit.report.figures": {"Report", "Totals"},
    "crmkit.report.publishing": {"Site"},
    "crmkit.rules.analysis": {"TableDiff"},
    "crmkit.rules.backtest": {"TableEffect"},
    "crmkit.rules.coverage": {"Coverage", "MutationScore"},
    "crmkit.rules.explain": {"Explanation", "TableExplanation"},
    "crmkit.rules.relations": {"Relations"},
    "crmkit.rules.ruleset": {"RuleSet", "Verdict"},
    "crmkit.rules.table": {"DecisionTable"},
    "crmkit.rules.versions": {"RuleDiff"},
    "crmkit.testing.checking": {"Checks"},
}  # fmt: skip
# What results are shown by.
NOT = {("crmkit.values.display", "Display"), ("crmkit.values.display", "Table")}


def results():
    """The public classes that are results, by their home."""
    for module, name in public_names():
        if home(module.name, name) != module.name or (module.name, name) in NOT:
            continue
        thing = getattr(importlib.import_module(module.name), name)
        if inspect.isclass(thing) and (name in ALSO.get(module.name, ()) or any(hasattr(thing, one) for one in GIVES)):
            yield f"{module.name}.{name}", thing


RESULTS = dict(results())


def test_the_list_names_what_is_there():
    """No class is listed that is gone, or that gives a table, a text or a chart and so need not be listed."""
    listed = {f"{module}.{name}" for module, names in ALSO.items() for name in names}
    assert listed <= {*RESULTS}, listed - {*RESULTS}
    needless = [name for name in listed if any(one in vars(RESULTS[name]) for one in GIVES)]
    assert not needless, report(needless)
    assert len(RESULTS) > 100


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_shows_itself(name):
    """It has an HTML form, and a plain one that is no dump of its attributes."""
    thing = RESULTS[name]
    assert callable(getattr(thing, "_repr_html_", None))
    assert callable(getattr(thing, "display", None))
    assert thing.__str__ not in {object.__str__, tuple.__str__}


@pytest.mark.parametrize("name", [name for name, thing in RESULTS.items() if issubclass(thing, Shown)])
def test_there_is_one_declaration(name):
    """`display` says what there is to see; text and HTML come from it, and no class writes its own."""
    for form in ("__str__", "_repr_html_", "_repr_mimebundle_", "to_html"):
        assert getattr(RESULTS[name], form) is getattr(Shown, form), form


@pytest.mark.parametrize("name", [name for name, thing in RESULTS.items() if hasattr(thing, "plot")])
def test_a_chart_needs_no_argument(name):
    """A notebook asks for the chart without one."""
    required = [one for one in inspect.signature(RESULTS[name].plot).parameters.values() if one.default is one.empty]
    assert [one.name for one in required] == ["self"]
    assert attrs.has(RESULTS[name])
