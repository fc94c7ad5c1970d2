"""Results of every room in a notebook: both languages, safe, small, the same each time, and never an error."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

import crmkit as crm
from crmkit import metrics
from crmkit.adapters.memory import MemoryBlobStore
from crmkit.improve import fishbone
from crmkit.journal import Ledger, ProductLimit, decode_csv
from crmkit.kb.discussions import Discussion
from crmkit.kb.feedback import Feedback, collect
from crmkit.kb.index import SegmentIndex
from crmkit.kb.mail import Book, Message, file_mail, threads
from crmkit.kb.mail.addresses import Address
from crmkit.kb.proposals import Aim, Brief, Library, propose
from crmkit.kb.results import Document
from crmkit.metrics import survival
from crmkit.metrics.churn import BgNbd
from crmkit.metrics.funnel import paths
from crmkit.model import Contact
from crmkit.pipeline.discover import discover
from crmkit.rules import DecisionTable, Field, Rule, RuleSet, Schema, explain, explain_table
from crmkit.rules.analysis import diff
from crmkit.rules.backtest import backtest, backtest_table
from crmkit.rules.relations import relations
from crmkit.rules.ruleset import rule
from crmkit.rules.versions import diff_rules
from crmkit.testing import simulate

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
COMPANY = simulate(n=300, rng=np.random.default_rng(1), people={HOSTILE: 1.0, "wei": 2.0})
LEDGER = Ledger.from_frame(
    {"id": ["1", "2"], "at": ["2026-01-02", "soon"], "sum": ["9.50", "1"], "who": [HOSTILE, "li"]},
    kind="invoice", id="id", at="at", who="who", amount="sum", currency="EUR",
)  # fmt: skip
DEAL = Schema([Field("discount", "decimal", low=0, high=1), Field("role", values=["rep", "manager"])])
WHO = Field("approver", values=["nobody", "boss"])
TABLE = DecisionTable("who", DEAL, ["discount"], [WHO], [["<= 0.1", '"nobody"']], defaults=['"boss"'])
WIDER = DecisionTable("who", DEAL, ["discount"], [WHO], [["<= 0.2", '"nobody"']], defaults=['"boss"'])


@rule(version="2")
def polite(record):
    """A rule in Python."""
    return bool(record)


RULES = RuleSet("deals", DEAL, [Rule("cap", 'discount <= 0.1 or role = "manager"'), polite], tables=[TABLE])
LATER = RuleSet("deals", DEAL, [Rule("cap", 'discount <= 0.05 or role = "manager"')])
PAST = [{"discount": share, "role": "rep"} for share in (0.01, 0.07, 0.15, 0.3)]


def searched():
    """Hits, with a facet and a word that was corrected."""
    index = SegmentIndex(MemoryBlobStore())
    index.add([Document("1", {"title": HOSTILE, "text": "invoice tax"}, {"product": "ERP"})])
    return index.search("invoise", facets=["product"])


def mails():
    """What is filed, and a thread."""
    eva = Address("eva@acme.example", "Eva")
    one = Message("1@x", NOW, HOSTILE, sender=eva, to=(Address("us@us.example"),))
    other = Message("2@x", NOW, "?", sender=Address("who@gmail.com"), to=(Address("us@us.example"),))
    book = Book([Contact(id="c", customer="acme", emails=("eva@acme.example",), name="Eva")], ours=["us.example"])
    return file_mail([one, other], book), threads([one])[0]


def made():
    """Results by name."""
    journal, pipeline = COMPANY.journal, COMPANY.pipeline
    rates = metrics.conversion(journal, stages=pipeline, by="who")
    filed, thread = mails()
    step = pipeline.open("D-1", at=NOW, who="wei", customer=HOSTILE)
    curve = metrics.win_curve(journal, stages=pipeline)
    ends = survival.aalen_johansen([1.0, 2.0, 3.0, 4.0], [1, 2, 0, 1], causes=2)
    yield from {
        "journal": journal, "ledger": LEDGER, "no ledger": LEDGER[:0], "pipeline": pipeline, "case": step.case,
        "bare case": step.case._replace(fields={}), "accepted": pipeline.try_move(step.case, "lose", at=NOW, who="wei"),
        "refused": pipeline.try_move(step.case, "sign", at=NOW, who="wei"), "rates": rates, "curve": curve,
        "signals": metrics.signals(rates), "funnel": metrics.funnel(journal, stages=pipeline),
        "ways": paths(journal, stages=pipeline), "log": discover(journal), "incidence": ends,
        "lasting": survival.kaplan_meier([1.0, 2.0, 3.0], [1, 0, 1]),
        "stays": ProductLimit.of(np.array([1, 2]), np.array([True, False])), "model": BgNbd(1.0, 2.0, 1.0, 2.0),
        "export": decode_csv(b"a;b\n1;<b>\n", name=HOSTILE), "rules": RULES, "no rules": RuleSet("none", DEAL, []),
        "table": TABLE, "why": explain(RULES, "cap", {"discount": 0.2, "role": "rep"}),
        "kept": explain(RULES, "cap", {"discount": 0.02, "role": "rep"}), "waits": explain(RULES, "cap", {"role": "rep"}),
        "decided": explain_table(TABLE, {"discount": 0.2}), "undecided": explain_table(TABLE, {}),
        "relations": relations(RULES), "rule diff": diff_rules(RULES, LATER), "one diff": diff_rules(RULES, LATER)[0],
        "table diff": diff(TABLE, WIDER), "effects": backtest(LATER, PAST, before=RULES),
        "weighed": backtest(LATER, PAST, before=RULES, weight="discount")[0].judged and backtest_table(
            TABLE, WIDER, PAST, weight="discount"),
        "same": backtest_table(TABLE, TABLE, PAST), "hits": searched(), "filed": filed, "thread": thread,
        "talk": Discussion.start("T", HOSTILE, who="wei", at=NOW),
        "collected": collect([Feedback("1", HOSTILE, at=NOW, handling="we rang", outcome="solved")]),
        "proposal": propose(Brief("1.1 Complaints shall be answered by phone\n"), Library([]),
                            SegmentIndex(MemoryBlobStore()), aim=Aim(NOW)),
        "causes": fishbone("late", {"people": ["new", "few"], "machines": [{"old": ["no money"]}]}),
        "forecast": metrics.forecast(journal, stages=pipeline),
    }.items()  # fmt: skip


RESULTS = dict(made())


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_in_a_notebook(name):
    """Both forms in both languages, always the same, without a name that acts; nothing large, nothing but JSON."""
    result = RESULTS[name]
    for lang in ("en", "zh"):
        text, html = result.display(lang).to_text(), result.display(lang).to_html()
        assert text
        assert len(html) < 60_000
        for found in (text, html):
            assert not {"\u202e", "\x1b"} & {*found}
        assert "<script>" not in html
        assert result.display(lang, most=None).to_html() == result.display(lang, most=None).to_html()
    assert str(result) == result.display().to_text()
    assert result._repr_html_() == result.display().to_html()
    assert not str(result).startswith(f"{type(result).__name__}(")
    if not isinstance(result, crm.Case):
        bundle = result._repr_mimebundle_(include=None, exclude=None)
        assert json.loads(json.dumps(bundle, allow_nan=False)) == bundle


def test_many_curves_are_named_by_their_number():
    """One of them has a table."""
    counts = np.array([[[1, 2], [0, 3]], [[2, 1], [1, 1]]])
    many = survival.grouped_km(counts)
    assert str(many) == "2 curves of 2 times; index one"
    assert str(many[0]).startswith("time  n_risk  n_event")
    assert str(survival.grouped_aj(counts)) == "2 sets of 2 times; index one"


def test_a_large_journal_is_shown_by_its_first_rows():
    """A million stays take no longer than a few, and are counted."""
    rows = np.resize(np.arange(len(COMPANY.journal)), 1_000_000)
    large = COMPANY.journal[rows]
    assert "1,000,000 stays" in str(large)
    assert "999,940 more rows" in str(large)
    assert len(large._repr_html_()) < 60_000


def test_a_decision_table_is_drawn_as_in_dmn():
    """The hit policy in the corner, a number a row, results behind an arrow, the default last; a long one is cut."""
    assert str(TABLE) == 'decision table \'who\'\nU  discount  → approver\n1  <= 0.1    "nobody"\n*            "boss"'
    assert "<tfoot>" in TABLE.display(most=0).to_html()
