"""Finding: what is planted is found, nothing else is made up, and each figure is that of a loop over the rows."""

from datetime import UTC, datetime, timedelta

import attrs
import numpy as np
import pytest

from crmkit.errors import InvalidValue
from crmkit.improve import find
from crmkit.improve.finding import charts, shifted, stage_breaks, stage_signals
from crmkit.journal import Journal, Ledger
from crmkit.metrics import Facts, measure
from crmkit.metrics.kpi.conversion import StageConversion
from crmkit.metrics.shifts import shifts
from crmkit.metrics.spc import chart
from crmkit.model import Complaint
from crmkit.testing.planted import planted
from crmkit.values import Period, from_micros


@pytest.fixture(scope="module")
def company():
    """A company with everything planted, half a year into the watched year."""
    return planted("weak", "star", "ailing", rng=np.random.default_rng(0)).quarter().quarter()


@pytest.fixture(scope="module")
def found(company):
    """What is out of line in its last quarter."""
    return find(company.facts(), company.period)


def test_what_is_planted_is_found(company, found):
    """Each of them, and nothing else, with the figure it shows in."""
    where = {row.kind: tuple(row.where.values()) for row in found}
    assert where == {"coach": company.truth["weak"], "share": company.truth["star"], "chart": company.truth["ailing"]}
    assert {row.metric for row in found} == {"stage_conversion"}
    assert {row.at for row in found} == {datetime(2026, 7, 1, tzinfo=UTC)}


def ended(journal, start, end, stage, who=None):
    """How many stays of a stage ended in a span, and how many of them advanced, by a loop over the rows."""
    names, n, advanced = journal.stages.values, 0, 0
    for case_stage, owner, left, next_ in zip(
        journal.stages.decode(), journal.who.decode(), journal.left.tolist(), journal.next.tolist(), strict=True
    ):
        mine = case_stage == stage and who in (None, owner) and next_ >= 0
        if mine and start <= from_micros(left, UTC) < end:
            n, advanced = n + 1, advanced + (names[next_] == "won")
    return n, advanced


def test_the_figures_are_those_of_a_loop(company, found):
    """The share of the persons in the quarter, that of the stage in its worst month."""
    journal = company.facts().journal
    start, end = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    for row in found.of("coach", "share"):
        n, advanced = ended(journal, start, end, row.where["stage"], row.where["who"])
        assert (row.found["n"], row.found["value"]) == (n, pytest.approx(advanced / n))
    (row,) = found.of("chart")
    month = datetime.strptime(row.found["months"][-1] + "-01 +0000", "%Y-%m-%d %z")
    shares = {}
    for name in row.found["months"]:
        month = datetime.strptime(name + "-01 +0000", "%Y-%m-%d %z")
        n, advanced = ended(journal, month, (month + timedelta(days=32)).replace(day=1), row.where["stage"])
        shares[advanced / n] = n
    assert row.found["value"] == pytest.approx(min(shares))
    assert row.found["n"] == shares[min(shares)]
    assert row.found["value"] < row.found["low"] < row.found["expected"] < row.found["high"]


def test_two_who_look_find_the_same(company, found):
    """Whoever asks the same of the same facts gets the same, as of an earlier instant what there was then."""
    assert find(company.facts(), company.period) == found
    earlier = find(company.facts(), company.period, at=datetime(2026, 5, 1, tzinfo=UTC))
    assert {row.at for row in earlier} <= {datetime(2026, 5, 1, tzinfo=UTC)}
    assert [row.case for row in earlier] != [row.case for row in found]


def test_nothing_is_made_up():
    """Of twelve quarters in which nothing is out of line few open a case, as the lists themselves say."""
    alarms, said = 0, 0.0
    for seed in range(6):
        company = planted(rng=np.random.default_rng(seed))
        for _ in range(2):
            company = company.quarter()
            found = find(company.facts(), company.period)
            alarms, said = alarms + len(found), said + found.false_alarms
    assert alarms <= 8
    assert 2.0 < said < 5.0


def test_what_is_not_there_is_said():
    """Too few months, too few cases, no journal, nothing at all."""
    first = planted(rng=np.random.default_rng(1), people=3, stages=2)
    short = stage_breaks(first.facts(), Period.quarter(2025, 2))
    assert (len(short), short.notes[0][0]) == (0, "0 months before tell no usual range of a stage; 8 do")
    for unseen in (Period.quarter(2024, 1), Period.quarter(2027, 1)):
        none = stage_breaks(first.facts(), unseen)
        assert (len(none), none.notes[0][0][:35]) == (0, "no month of the period was observed")
    two = stage_signals(planted(rng=np.random.default_rng(1), people=2).quarter().facts(), Period.quarter(2026, 1))
    assert "too little to judge" in two.notes[0][0]
    with pytest.raises(InvalidValue, match="give a journal"):
        find(Facts(), Period.quarter(2026, 1))
    tickets = find(Facts(service=first.facts().journal), Period.quarter(2026, 1))
    assert (len(tickets), tickets.notes[0][0][:13]) == (0, "there are nei")
    for look in (stage_signals, stage_breaks):
        with pytest.raises(InvalidValue, match="no stages to look at"):
            look(Facts(), Period.quarter(2026, 1))


def test_complaints_are_looked_at_too():
    """By `find`, if there are any; a journal is not needed for that."""
    facts = [
        Complaint(id=f"{customer}{n}", at=datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=n), customer=customer,
                  dims={"cause": "late"})
        for customer in ("a", "b", "c") for n in range(2)
    ]  # fmt: skip
    found = find(Facts(ledger=Ledger.from_facts(facts)), Period.quarter(2026, 1))
    assert [(row.kind, dict(row.where), row.found["n"]) for row in found] == [("recurrence", {"cause": "late"}, 3)]


def test_as_known_at():
    """Facts that were not recorded yet are not there; a journal that cannot tell is refused."""
    company = planted("weak", rng=np.random.default_rng(0)).quarter()
    with pytest.raises(InvalidValue, match="does not know when its stays were recorded"):
        find(company.facts(), company.period, as_known_at=datetime(2026, 5, 1, tzinfo=UTC))


def test_control_charts(company):
    """A chart that breaks to the worse side in the period is a problem; one that breaks before it is none."""
    facts = company.facts()
    figures = measure(facts, StageConversion(30), over=Period(datetime(2025, 4, 1).date(), datetime(2026, 7, 1).date()),  # noqa: DTZ001 - days
                      every="month")  # fmt: skip
    made = chart(figures, baseline=11)
    found = charts(made, Period.quarter(2026, 2), worse={"stage_conversion": "below"})
    assert [row.where["stage"] for row in found] == [*company.truth["ailing"]]
    assert found.rows[0].found["value"] < found.rows[0].found["low"]
    assert 0.0 < found.false_alarms < 1.0
    assert len(charts(made, Period.quarter(2025, 3), worse={"stage_conversion": "below"})) == 0
    assert not charts(made, Period.quarter(2026, 2), worse={"stage_conversion": "above"}).of("chart")
    with pytest.raises(InvalidValue, match="is no side for stage_conversion"):
        charts(made, Period.quarter(2026, 2), worse={})


def test_a_chart_of_the_whole_is_about_its_metric():
    """Without a group there is nothing else that it could be about."""
    case, rng = {"case": [], "stage": [], "at": []}, np.random.default_rng(1)
    for n, day in enumerate(range(0, 360, 3)):
        start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day)
        for k in range(10):
            won = rng.random() < (0.2 if day > 330 else 0.7)
            for stage, at in (("offer", start), ("won" if won else "lost", start + timedelta(hours=5))):
                case["case"].append(f"{n} {k}")
                case["stage"].append(stage)
                case["at"].append(at)
    facts = Facts(journal=Journal.from_frame(case, case="case", stage="stage", at="at",
                                             as_of=datetime(2026, 3, 1, tzinfo=UTC)), stages=["offer", "won", "lost"])  # fmt: skip
    figures = measure(facts, "win_rate", over=Period.year(2025), every="month")
    found = charts(chart(figures, baseline=10), Period.quarter(2025, 4), worse={"win_rate": "below"})
    assert [dict(row.where) for row in found] == [{"metric": "win_rate"}]


def test_shifts():
    """Who was first signalled in the last period that was watched, with what was expected of them."""
    company = planted("weak", rng=np.random.default_rng(3), people=12, stages=2).quarter()
    watched = shifts(company.facts().journal, rng=np.random.default_rng(1), stages=[*company.stages, "won", "lost"])
    first = attrs.evolve(
        watched, periods=watched.periods[: 1 + [row.period for row in watched.periods].index(watched.rows[0].first)]
    )
    new = shifted(first, company.period)
    assert {tuple(row.where.values()) for row in new} == {(row.stage, row.who) for row in first.new}
    assert company.truth["weak"] in {tuple(row.where.values()) for row in new.of("coach")}
    told = {(row.stage, row.who): row for row in first.new}
    for row in new:
        shift = told[row.where["stage"], row.where["who"]]
        assert row.kind == shift.kind
        assert row.found["value"] == pytest.approx(shift.observed / shift.n)
        assert row.found["expected"] == pytest.approx(shift.expected / shift.n)
    assert new.false_alarms == pytest.approx(first.periods[-1].cells / first.run_length)
