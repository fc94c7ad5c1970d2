"""The agenda: its statements hold when they are computed again, on simulated and on real data."""

import json
from datetime import UTC, date, datetime

import attrs
import numpy as np
import pytest

from crmkit import Pipeline, Stage
from crmkit.adapters.files import read_table
from crmkit.errors import InvalidValue, NotFound
from crmkit.improve import Hypothesis, Problem, Problems, find, methods, review
from crmkit.improve.improvement import Improvement
from crmkit.journal import Journal
from crmkit.metrics import Facts, measure
from crmkit.metrics.kpi import CATALOGUE
from crmkit.testing.planted import planted
from crmkit.values import Fields, Period

SECOND = Period.quarter(2026, 2)


@pytest.fixture(scope="module")
def company():
    """A company with everything planted, half a year into the watched year."""
    return planted("weak", "star", "ailing", rng=np.random.default_rng(0)).quarter().quarter()


@pytest.fixture(scope="module")
def made(company):
    """The agenda of its last quarter, with what else somebody found."""
    asked = Problem(kind="no result", where={"question": "toner"}, over=SECOND, at=datetime(2026, 7, 1, tzinfo=UTC),
                    definition="d", found={"n": 4})  # fmt: skip
    return review(company.facts(), SECOND, more=[Problems((asked,))])


def test_what_is_out_of_line_is_what_is_found(company, made):
    """Nothing is added and nothing left out; stars are practices."""
    found = find(company.facts(), SECOND)
    assert [row for row in made.problems if row.kind != "no result"] == [*found]
    assert made.problems.false_alarms == found.false_alarms
    assert made.practices == found.of("share")
    assert [str(row) for row in made.problems if row.kind == "no result"] == [
        "A question finds no answer (question toner) in 2026-Q2: 4 times"
    ]


def test_changes_hold_at_the_level_of_all_of_them(company, made):
    """What changed is what `measure` says with limits as wide as so many comparisons ask for, metric by metric."""
    facts, moved, compared = company.facts(), [], 0
    usual = [metric for metric in CATALOGUE if metric.key not in made.silent]
    there = [metric for metric in usual if set(metric.about.needs) <= {"journal", "activity"}]
    for metric in there:
        compared += sum(row.change_low is not None for row in measure(facts, metric, over=SECOND, versus="previous"))
    for metric in there:
        figures = measure(facts, metric, over=SECOND, versus="previous", level=1 - 0.05 / compared)
        moved += [row for row in figures if row.change_low is not None and not row.change_low <= 0 <= row.change_high]
    assert made.compared == compared
    assert [attrs.asdict(row) for row in made.changed] == [attrs.asdict(row) for row in moved]
    assert "open_pipeline" in made.silent


def test_nothing_changes_in_a_company_that_does_not():
    """Of twenty quarters with twelve comparisons each, few say that something changed."""
    wrong = 0
    for seed in range(10):
        company = planted(rng=np.random.default_rng(seed), people=8, stages=3).quarter()
        wrong += bool(review(company.facts(), company.period).changed)
    assert wrong <= 2


def cased(row, stage, **fields):
    """The case of a problem."""
    pipeline = methods.get("coaching")
    opened = pipeline.open(row.case, at=datetime(2026, 4, 2, tzinfo=UTC), fields=row.to_fields()).case
    return Improvement(opened._replace(stage=stage, fields=Fields({**opened.fields, **fields})), pipeline, "coaching")


def test_cases_on_the_agenda(company, made):
    """What is out of line and has a case stands with it; a verdict is due; what was closed in the quarter is told."""
    claim = Hypothesis(
        "stage_conversion", {"stage": "x"}, effect=0.1, before=Period.year(2025), after=Period.month(2026, 4)
    )
    weak = made.problems.of("coach")[0]
    old = attrs.evolve(weak, where={"stage": "demo", "who": "bo"}, over=Period.quarter(2025, 4))
    cases = [cased(weak, "practice", hypothesis=claim.to_fields(), owner="li"), cased(old, "standardised"),
             cased(attrs.evolve(old, over=Period.quarter(2025, 3)), "dropped")]  # fmt: skip
    held = review(company.facts(), SECOND, cases=cases, metrics=[])
    assert held.again == ((weak, weak.case),)
    assert held.problems.of("coach") == ()
    assert [(row.case, row.want, row.since) for row in held.due] == [(weak.case, "a verdict", date(2026, 5, 1))]
    assert held.open == 1
    assert held.closed == ((old.case, "won"), (cases[2].case.id, "cancelled"))
    text = held.to_text()
    assert f"- {weak} -> {weak.case}" in text
    assert f"- {weak.case} (li): wants a verdict, since 2026-05-01" in text
    assert f"- {old.case}: it worked and is the standard now" in text
    chinese = held.to_text("zh")
    assert f"- {weak.case}（li）：需作出结论，自 2026-05-01" in chinese
    assert f"- {old.case}：有效，已标准化" in chinese
    assert f"- {weak.to_text('zh')} → {weak.case}" in chinese
    nobody = review(company.facts(), SECOND, cases=[cased(weak, "opened")], metrics=[])
    assert "(nobody): wants an owner" in nobody.to_text()
    assert "（无人负责）：需指定负责人" in nobody.to_text("zh")


def test_as_text_and_as_data(made):
    """Every part has its lines, in both languages; the data are fit for JSON and say the same."""
    text, chinese = made.to_text(), made.to_text("zh")
    assert text.startswith("Review of 2026-Q2, as of 2026-07-01")
    assert str(made) == text
    assert chinese.startswith("2026-Q2 回顾，截至 2026-07-01")
    assert [title for title, _ in made.parts()] == [line for line in text.splitlines() if line in dict(made.parts())]
    assert "- nothing" in text
    assert "- 无" in chinese
    assert "stage_conversion" not in text
    plain = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert [one["text"] for one in plain["problems"]] == [str(row) for row in made.problems]
    assert plain["known_at"] is None
    assert plain["definition"] == made.definition
    with pytest.raises(NotFound, match="language"):
        made.to_text("fr")


def test_a_quiet_quarter():
    """Of deals alone, in which nothing is out of line, the agenda says nothing in so many words."""
    facts = planted(rng=np.random.default_rng(3), people=4, stages=1).facts()
    quiet = review(Facts(journal=facts.journal, stages=facts.stages), Period.quarter(2025, 4))
    assert [(title, lines) for title, lines in quiet.parts() if title in ("Out of line, without a case", "Worth sharing")] == [
        ("Out of line, without a case", ("5 months before tell no usual range of a stage; 8 do",)),
        ("Worth sharing", ("nothing",)),
    ]  # fmt: skip
    assert quiet.title("zh") == quiet.to_text("zh").splitlines()[0]


def test_what_cannot_be_asked(company):
    """A period that has not begun; a metric of facts that are not there, if it was asked for by name."""
    with pytest.raises(InvalidValue, match="the period begins 2026-04-01"):
        review(company.facts(), SECOND, at=datetime(2026, 4, 1, tzinfo=UTC))
    with pytest.raises(InvalidValue, match="first_response"):
        review(company.facts(), SECOND, metrics=["first_response"])
    with pytest.raises(NotFound, match="win_rate"):
        review(company.facts(), SECOND, metrics=["win_rat"])
    known = review(company.facts(), SECOND, at=datetime(2026, 5, 1, tzinfo=UTC), metrics=[])
    assert known.at == datetime(2026, 5, 1, tzinfo=UTC)


def test_facts_that_know_when_they_were_recorded(events_of):
    """As known at an earlier instant, what was entered later is not there, and the agenda says as of when it knew."""
    facts = Facts(events=events_of)
    now = review(facts, Period.quarter(2026, 1), metrics=["win_rate"])
    then = review(facts, Period.quarter(2026, 1), metrics=["win_rate"], as_known_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert then.known_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert then.to_dict()["known_at"].startswith("2026-02-01")
    assert now.known_at is None


@pytest.fixture
def events_of():
    """Facts of a few deals, those of March recorded in April."""
    pipeline = Pipeline("deal", ["offer", Stage("won", "won"), Stage("lost", "lost")],
                        {"offer": {"sign": "won", "lose": "lost"}})  # fmt: skip
    events = []
    for n in range(12):
        at = datetime(2026, 1 + n % 3, 3, 9, tzinfo=UTC)
        step = pipeline.open(f"D{n}", at=at, who="li", now=at)
        events += step.events
    return events


def incidents(shared):
    """A service desk's log, read as deals."""
    path = next(shared("data", "service", "uci_incidents").glob("*.gz"))
    journal = Journal.from_frame(
        read_table(str(path)), case="number", stage="incident_state", at="sys_updated_at", who="assignment_group",
        tz="UTC", dates="dmy", repeats="merge",
    )  # fmt: skip
    order = ["New", "Active", "Awaiting User Info", "Awaiting Problem", "Awaiting Vendor", "Awaiting Evidence", "Resolved",
             "Closed"]  # fmt: skip
    return Facts(journal=journal, stages=[name for name in order if name in journal.stages.values])


def loans(shared):
    """The development slice of the BPI Challenge 2012: what people at a bank do with applications for loans."""
    path = shared("data", "sales", "bpic2012", "slice_dev_registered_before_2011-12-01.csv.gz")
    return Facts(journal=Journal.from_frame(
        read_table(str(path)), case="case", stage="concept:name", at="time:timestamp", who="org:resource", repeats="merge",
    ))  # fmt: skip


@pytest.mark.parametrize(("facts_of", "over"), [
    (incidents, Period(date(2016, 3, 1), date(2016, 5, 1), "spring")),
    (loans, Period(date(2011, 11, 1), date(2011, 12, 1), "November")),
])  # fmt: skip
def test_statements_about_real_logs_hold(shared, facts_of, over):
    """What the agenda says of an incident log and of a bank is what a loop over the rows says; all but chance at 10 %."""
    facts = facts_of(shared)
    journal, held = facts.journal, review(facts, over, metrics=[])
    rank = {name: place for place, name in enumerate(facts.stages or journal.stages.values)}
    first, last = over.instants(UTC)
    rows = [
        *zip(journal.stages.decode(), journal.who.decode(), journal.left.tolist(), journal.next.tolist(), strict=True)
    ]
    assert held.problems.of("coach", "share")
    for row in held.problems.of("coach", "share"):
        mine = [
            journal.stages.values[next_] for stage, who, left, next_ in rows
            if (stage, who) == (row.where["stage"], row.where["who"]) and next_ >= 0 and first <= left < last
        ]  # fmt: skip
        ahead = sum(rank[name] > rank[row.where["stage"]] for name in mine)
        assert row.found["n"] == len(mine)
        assert row.found["value"] == pytest.approx(ahead / len(mine))
        assert row.found["q"] <= 0.10
    assert held == review(facts, over, metrics=[])
