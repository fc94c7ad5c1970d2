"""What is counted: complaints, warnings, questions and requirements that come again, each against a loop."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.events import Found
from crmkit.improve.counting import gaps, late, overrides, repeats, unanswered
from crmkit.journal import Ledger
from crmkit.kb.usage import Searched, in_vain
from crmkit.metrics import Facts
from crmkit.model import Activity, Complaint
from crmkit.pipeline.attention import Concern
from crmkit.values import Period

QUARTER = Period.quarter(2026, 1)
START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.tuples(
    st.sampled_from(["a", "b", None]), st.sampled_from(["late", "rude", None]), st.integers(-120, 100),
), max_size=25), st.integers(1, 3))  # fmt: skip
def test_repeats_are_those_of_a_loop(rows, least):
    """Of a customer and cause, within 90 days of the one before, in the quarter; unknown ones are like no other."""
    facts = [
        Complaint(id=str(n), at=START + timedelta(days=day, seconds=n), customer=customer,
                  dims={} if cause is None else {"cause": cause})
        for n, (customer, cause, day) in enumerate(rows)
    ]  # fmt: skip
    facts += [
        Complaint(id="x", at=START, customer="z", dims={"cause": "late"}),
        Activity(id="v", at=START, customer="a"),
    ]
    found = repeats(Facts(ledger=Ledger.from_facts(facts)), QUARTER, least=least)
    expected = Counter()
    for one in facts:
        earlier = [
            other.at for other in facts[:-1]
            if one.customer and one.dims.get("cause") and one is not other and other.kind == "complaint"
            and (other.customer, other.dims.get("cause")) == (one.customer, one.dims.get("cause")) and other.at <= one.at
        ]  # fmt: skip
        if one.kind == "complaint" and earlier and one.at - max(earlier) <= timedelta(days=90):
            expected[one.dims["cause"]] += one.at.date() in QUARTER
    assert {row.where["cause"]: row.found["n"] for row in found} == {k: n for k, n in expected.items() if n >= least}
    assert found.false_alarms == 0


def test_complaints_without_a_cause_or_a_ledger():
    """Nobody knows whether they are alike; and where nothing was recorded there is nothing to count."""
    none = repeats(Facts(ledger=Ledger.from_facts([Complaint(id="1", at=START, customer="a")])), QUARTER)
    assert none.notes[0][0] == "complaints have no column 'cause'"
    with pytest.raises(InvalidValue, match="no complaints to look at"):
        repeats(Facts(), QUARTER)


def warned(case, rule, day, **more):
    """A rule was passed over."""
    at = START + timedelta(days=day)
    return Found(id=f"{case} {rule} {day}", case=case, at=at, recorded=at, rule=rule, rules="v1", **more)


def test_rules_that_are_passed_over():
    """Warnings that people saw and went on; not those in shadow, those that nobody could judge, or those of last year."""
    events = [
        *(warned(f"D{n}", "discount", n) for n in range(5)), warned("D1", "discount", 9), warned("D1", "margin", 1),
        warned("D9", "discount", 3, shadow=True), warned("D9", "discount", 4, verdict="unknown"), warned("D9", "discount", -4),
    ]  # fmt: skip
    (row,) = overrides(events, QUARTER)
    assert (row.kind, dict(row.where), dict(row.found)) == ("override", {"rule": "discount"}, {"n": 6, "cases": 5})
    assert str(row) == "A rule is passed over often (rule discount) in 2026-Q1: 6 times by 5 cases"
    assert len(overrides(events, QUARTER, least=1)) == 2


def test_work_that_piles_up():
    """Cases that are late, by stage, each once however many reasons there are."""

    def concern(case, stage, kind="breached", owner="li"):
        return Concern(kind, case, stage, owner, "because", {}, 1.0)

    given_ = [
        concern("T1", "triage"), concern("T1", "triage", "stalled"), concern("T2", "triage", "old", None),
        concern("T3", "triage", "stalled"), concern("T4", "triage", "near"), concern("T5", "repair"),
    ]  # fmt: skip
    (row,) = late(given_, QUARTER, at=START)
    assert (dict(row.where), row.found["n"], dict(row.found["owners"])) == (
        {"stage": "triage"},
        3,
        {"li": 2, "nobody": 1},
    )
    assert row.to_text("zh") == "工作积压（stage triage），2026-Q1：3 个个案逾期"


def test_questions_without_an_answer():
    """The same question, however it is spaced and cased; what was found counts if nothing of it was used."""
    asked = [
        *(Searched(id=f"{n}", at=START + timedelta(days=n), question=q)
          for n, q in enumerate(["Printer on  fire", "printer on fire", "PRINTER on fire", "toner", ""])),
        Searched(id="f", at=START, question="printer on fire", found=3),
        Searched(id="o", at=START - timedelta(days=1), question="printer on fire"),
    ]  # fmt: skip
    (row,) = unanswered(in_vain(asked), QUARTER)
    assert (dict(row.where), row.found["n"]) == ({"question": "printer on fire"}, 3)
    assert unanswered(in_vain(asked, []), QUARTER).rows[0].found["n"] == 4


@attrs.frozen
class Wanted:
    """As much of a gap as is looked at."""

    id: str
    at: datetime
    requirement: object


@attrs.frozen
class Text:
    """As much of a requirement."""

    text: str


def test_what_the_library_lacks():
    """Each requirement, as often as it was asked; the demand of last year is not that of this quarter."""
    found = [Wanted("g1", START, Text("works offline")), Wanted("g1", START + timedelta(days=5), Text("works offline")),
             Wanted("g2", START - timedelta(days=5), Text("speaks Latin"))]  # fmt: skip
    (row,) = gaps(found, QUARTER)
    assert (row.kind, dict(row.where), row.found["n"]) == ("gap", {"requirement": "works offline"}, 2)


def test_nothing_at_all_is_no_problem():
    """A least of 0 is refused; of nothing there is nothing."""
    with pytest.raises(InvalidValue, match="below 1"):
        gaps([], QUARTER, least=0)
    assert len(unanswered([], Period(date(2026, 1, 1), date(2026, 1, 2)))) == 0
    assert np.isfinite(overrides([], QUARTER).false_alarms)
