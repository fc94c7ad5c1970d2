"""The loop on a store: a signal becomes one case, follows its method, is judged by facts, and can be looked up as of any day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import attrs
import numpy as np
import pytest

from crmkit import Desk, Pipeline, Stage
from crmkit.adapters.memory import MemoryEventStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import InvalidValue, MoveNotAllowed, NotFound
from crmkit.improve import Hypothesis, Problem, Problems, choose, methods
from crmkit.loop import Loop
from crmkit.metrics.kpi.conversion import StageConversion
from crmkit.pipeline import Directory
from crmkit.pipeline.commands import Approve, Submit, Take
from crmkit.pipeline.versions import Versions
from crmkit.testing.planted import planted
from crmkit.values import Period

YEAR, FIRST = Period.year(2025), Period.quarter(2026, 1)
HALF = Period(date(2026, 4, 1), date(2026, 10, 1), "half-year")
WHERE = {"stage": "proposal", "who": "wei"}


class Clock:
    """A clock that is set by hand."""

    def __init__(self, day=date(2026, 4, 1)):
        self.now = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)

    def __call__(self):
        return self.now

    def set(self, day):
        """Go to a day."""
        self.now = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)


def problem(kind="coach", where=None, over=FIRST):
    """Something out of line."""
    return Problem(kind=kind, where=where or WHERE, over=over, at=datetime(2026, 4, 1, tzinfo=UTC), definition="d",
                   metric="stage_conversion", found={"value": 0.3, "expected": 0.5, "n": 60})  # fmt: skip


def claim(where=None, **changes):
    """What is to be seen."""
    said = {"effect": 0.10, "before": YEAR, "after": HALF, "found_in": FIRST} | changes
    return Hypothesis("stage_conversion", where or WHERE, **said)


@pytest.fixture
def clock():
    """April 1, 2026."""
    return Clock()


@pytest.fixture
def loop(clock):
    """A loop on an empty store."""
    return Loop(MemoryEventStore(), clock)


def act(loop, case, hypothesis):
    """Take a case of coaching to where somebody acts."""
    loop.move(case, "observe", fields={"coach": "li", "coachee": "wei"})
    loop.move(case, "diagnose", fields={"observed": 3, "gap": "skill", "strength": "calm"})
    plan = {
        "owner": "li",
        "due": date(2026, 9, 30),
        "actions": [{"what": "practise", "who": "wei", "due": date(2026, 9, 30)}],
    }
    loop.claim(case, hypothesis, who="li", **plan)
    return loop.move(case, "act", who="li", fields={"goal": "as the others", "agreed": True})


def test_a_problem_opens_one_case(loop, clock):
    """However often it is found; seen again while the case is open, the case says so; after it closed another opens."""
    made = loop.open(Problems((problem(), problem("share")), 0.4), who="li")
    assert [one.method for one in made.new] == ["coaching", "practice-sharing"]
    assert made.false_alarms == 0.4
    case = made.new[0].case
    assert (case.id, case.fields["kind"], case.fields["recurrence"]) == (problem().case, "coach", 0)
    assert loop.case(case.id).problem == problem()
    same = loop.open(Problems((problem(),)))
    assert (same.new, [one.case.id for one in same.again]) == ((), [case.id])
    assert "seen again" not in loop.case(case.id).case.fields
    second = Period.quarter(2026, 2)
    for _ in range(2):
        loop.open(Problems((problem(over=second),)))
    assert loop.case(case.id).case.fields["seen again"] == ("2026-Q2",)
    assert len(loop.history(case.id)) == 2
    loop.move(case.id, "drop", fields={"drop reason": "left the company"})
    assert [one.case.id for one in loop.open(Problems((problem(),))).known] == [case.id]
    clock.set(date(2026, 10, 1))
    (again,) = loop.open(Problems((problem(over=Period.quarter(2026, 3)),))).new
    assert again.case.fields["recurrence"] == 1
    assert len(loop.cases()) == 3


def test_two_who_open_at_once_open_one_case(tmp_path, clock):
    """Whoever is slower finds the case of whoever was faster."""
    path = tmp_path / "cases.db"
    with SqliteStore(path):
        pass

    def one(who):
        with SqliteStore(path) as store:
            return [found.case.id for found in Loop(store.events, clock).open(Problems((problem(),)), who=who).new]

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(one, ["a", "b", "c", "d"])]
    with SqliteStore(path) as store:
        assert [found.case.id for found in Loop(store.events, clock).cases()] == [problem().case]
    assert any(found)


def test_who_looked_before_another_opened_finds_that_case(clock):
    """Between looking and opening somebody else opens it, with other words; nothing is said twice."""
    store = MemoryEventStore()
    loop, other = Loop(store, clock), Loop(store, clock)

    def meanwhile(one):
        other.open(Problems((one,)), who="other")
        return {"owner": "li"}

    (late,) = loop.open(Problems((problem(),)), who="late", fields=meanwhile).new
    assert [late.case.id] == [found.case.id for found in loop.cases()]
    assert "owner" not in late.case.fields


def test_the_method_is_chosen_by_the_kind_of_problem(clock):
    """With what the team knows of it; your own choice may be none, which is said."""

    def known(_problem):
        return {"severity": "critical", "cause known": False, "owner": "li"}

    loop = Loop(MemoryEventStore(), clock)
    chart = problem("chart", {"stage": "demo"})
    (one,) = loop.open(Problems((chart,)), fields=known).new
    assert (one.method, one.case.fields["owner"]) == ("8d", "li")
    with pytest.raises(NotFound, match="'8d' in the loop"):
        Loop(MemoryEventStore(), clock, methods={"pdca": methods.get("pdca")}).open(Problems((chart,)), fields=known)
    undecided = Loop(MemoryEventStore(), clock, choose=lambda fields: loop.choose({"kind": fields["kind"]}))
    assert undecided.open(Problems((chart,))).new[0].method == "8d"

    with pytest.raises(InvalidValue, match="settles no method"):
        Loop(MemoryEventStore(), clock, choose=choose).open(Problems((chart,)))


def test_a_hypothesis_is_stated_beforehand(loop):
    """Not while it is tried, not afterwards; without one there is no action and nothing to judge."""
    (one,) = loop.open(Problems((problem(),))).new
    id_ = one.case.id
    with pytest.raises(InvalidValue, match="where there is nothing to judge yet"):
        loop.judge(id_, planted(rng=np.random.default_rng(1), people=3).facts())
    with pytest.raises(InvalidValue, match="nothing can be verified"):
        loop.verify(id_, planted(rng=np.random.default_rng(1), people=3).facts())
    loop.move(id_, "observe", fields={"coach": "li", "coachee": "wei"})
    loop.move(id_, "diagnose", fields={"observed": 3, "gap": "skill", "strength": "calm"})
    with pytest.raises(MoveNotAllowed, match="hypothesis"):
        loop.move(id_, "act", fields={"goal": "g", "agreed": True, "owner": "li", "due": date(2026, 9, 30)})
    act_ = {"owner": "li", "due": date(2026, 9, 30), "actions": [{"what": "w", "who": "wei", "due": date(2026, 9, 1)}]}
    torn = {**claim().to_fields(), "after": "soon"}
    with pytest.raises(InvalidValue, match="it is written 2026-01-01"):
        loop.move(id_, "act", fields={"goal": "g", "agreed": True, "hypothesis": torn, **act_})
    with pytest.raises(InvalidValue, match="give the fields of a Hypothesis"):
        loop.do(id_, Take("act", fields={"goal": "g", "agreed": True, "hypothesis": "it gets better", **act_}))
    assert loop.case(id_).case.stage == "diagnosis"
    loop.claim(id_, claim(), **act_)
    assert loop.move(id_, "act", fields={"goal": "g", "agreed": True}).acting
    with pytest.raises(InvalidValue, match="stated beforehand"):
        loop.claim(id_, claim(effect=0.01))
    loop.move(id_, "drop", fields={"drop reason": "none"})
    with pytest.raises(InvalidValue, match="comes too late"):
        loop.claim(id_, claim())


@pytest.fixture(scope="module")
def company():
    """A company with a weak person, coached from April on, half a year later."""
    made = planted("weak", rng=np.random.default_rng(4)).quarter()
    return made.coached(*made.truth["weak"]).quarter().quarter()


def test_from_the_signal_to_the_standard(company, clock):
    """A case is judged when its time has come: a look is noted, a verdict moves it on, and all of it is one timeline."""
    stage, who = company.truth["weak"]
    where = {"stage": stage, "who": who}
    loop = Loop(MemoryEventStore(), clock)
    (one,) = loop.open(Problems((problem(where=where),)), who="li").new
    id_ = act(loop, one.case.id, claim(where)).case.id
    facts = company.facts()
    clock.set(date(2026, 4, 20))
    early = loop.judge(id_, facts, who="li")
    assert (early.answer, loop.case(id_).case.fields["looked"]) == ("too early", date(2026, 4, 20))
    assert loop.judge(id_, facts, who="li").answer == "too early"
    assert len(loop.history(id_)) == 6
    clock.set(date(2026, 10, 1))
    asked = loop.verify(id_, facts)
    verdict = loop.judge(id_, facts, who="li")
    assert verdict == asked
    kept = loop.case(id_).case.fields
    assert (kept["verdict"], kept["gain"], kept["judged"]["text"]) == ("worked", verdict.gain, str(verdict))
    done = loop.move(id_, "standardise", who="li", fields={"standard": "one skill a week"})
    assert done.outcome == "won"
    stages = [stay.stage for stay in loop.timeline(id_)]
    assert stages == ["opened", "observation", "diagnosis", "practice", "review", "standardised"]
    counted = loop.tally()
    assert (counted.n, counted.n_open, counted.worked.n) == (1, 0, 1)
    assert loop.tally(at=datetime(2026, 4, 2, tzinfo=UTC)).n_open == 1
    before = loop.case(id_, at=datetime(2026, 4, 2, tzinfo=UTC))
    assert before.acting
    assert "verdict" not in before.case.fields
    assert [one.case.stage for one in loop.cases(at=datetime(2026, 4, 2, tzinfo=UTC))] == ["practice"]
    assert loop.cases(at=datetime(2026, 3, 1, tzinfo=UTC)) == ()
    with pytest.raises(NotFound, match="case"):
        loop.case(id_, at=datetime(2026, 3, 1, tzinfo=UTC))


def test_what_is_done_at_once_is_told(company, clock):
    """Another action about the same figure: a note says that what came of each cannot be told apart."""
    stage, who = company.truth["weak"]
    loop = Loop(MemoryEventStore(), clock)
    others = {"stage": stage}, {"stage": stage, "who": who}, {"stage": "stage 1" if stage != "stage 1" else "stage 2"}
    ids = []
    for where in others:
        (one,) = loop.open(Problems((problem(where=where),))).new
        ids.append(act(loop, one.case.id, claim(where)).case.id)
    clock.set(date(2026, 10, 1))
    notes = {id_: [note[0] for note in loop.verify(id_, company.facts()).notes] for id_ in ids}
    assert [any("cannot be told apart" in note for note in notes[id_]) for id_ in ids] == [True, True, False]


def test_own_metrics(company, clock):
    """A hypothesis about a figure with other policies than the catalogue's is read with yours."""
    own = StageConversion(30)
    stage, who = company.truth["weak"]
    loop = Loop(MemoryEventStore(), clock, metrics={"stage_conversion": own})
    (one,) = loop.open(Problems((problem(where={"stage": stage, "who": who}),))).new
    said = Hypothesis(own, {"stage": stage, "who": who}, effect=0.1, before=YEAR, after=HALF)
    id_ = act(loop, one.case.id, said).case.id
    clock.set(date(2026, 10, 1))
    assert loop.verify(id_, company.facts()).claim.metric == own
    with pytest.raises(InvalidValue, match="give metric="):
        Loop(loop.store, clock).verify(id_, company.facts())


def test_versions_of_a_method_and_strange_cases(clock):
    """Cases of every version are there; those of deals in the same store are none."""
    store = MemoryEventStore()
    old, new = methods.get("coaching"), methods.get("a3")
    both = Versions(((None, old), (datetime(2026, 5, 1, tzinfo=UTC), new)))
    loop = Loop(store, clock, methods={"coaching": both})
    loop.open(Problems((problem(),)))
    clock.set(date(2026, 6, 1))
    loop.open(Problems((problem(where={"stage": "demo", "who": "wei"}),)))
    assert [one.pipeline.name for one in loop.cases()] == ["coaching", "a3"]
    Desk(store, Pipeline("deal", ["open", Stage("closed", "won")], {"open": {"close": "closed"}}), clock).open("D-1")
    assert len(loop.cases()) == 2
    with pytest.raises(NotFound, match="D-1"):
        loop.case("D-1")
    with pytest.raises(NotFound):
        loop.case("nobody")


def test_cases_of_a_version_that_is_gone_are_not_passed_over(loop, clock):
    """They would be opened again: the loop asks for the version instead, and names the case."""
    loop.open(Problems((problem(),)))
    changed = Loop(loop.store, clock, methods={"coaching": methods.get("a3")})
    with pytest.raises(NotFound, match=r"for case .coach proposal wei 2026-Q1 .*all versions of coaching"):
        changed.open(Problems((problem(),)))
    both = Versions(((None, methods.get("coaching")), (datetime(2026, 5, 1, tzinfo=UTC), methods.get("a3"))))
    assert len(attrs.evolve(changed, methods={"coaching": both}).open(Problems((problem(),))).again) == 1


def test_approvals(clock):
    """Any command goes through, such as asking the mentor of a sheet."""
    loop = Loop(MemoryEventStore(), clock, directory=Directory({"mentor": ["bo"]}))
    (one,) = loop.open(
        Problems((problem("chart", {"stage": "demo"}),)),
        fields=lambda _: {"severity": "minor", "cause known": False, "cross team": True, "cost": 10},
    ).new
    assert one.method == "a3"
    id_ = one.case.id
    loop.move(id_, "grasp", fields={"background": "b", "mentor": "bo"})
    loop.move(id_, "analyse", fields={"went and saw": True, "current condition": "c", "goal": "g"})
    loop.claim(id_, claim({"stage": "demo"}), owner="li", due=date(2026, 9, 30), **{
        "root cause": "form", "countermeasures": "new form", "actions": [{"what": "w", "who": "li", "due": date(2026, 9, 1)}],
    })  # fmt: skip
    loop.do(id_, Submit("mentor", who="li"))
    assert loop.do(id_, Approve("mentor", who="bo"), roles=["mentor"]).case.request("mentor") is not None
    assert loop.move(id_, "act", who="li", fields={"consulted": ["sales"]}).acting


def test_the_agenda(company, clock):
    """The same for everybody who asks; problems with a case are told with it; as known at an earlier day it is shorter."""
    loop = Loop(MemoryEventStore(), clock)
    facts = company.facts()
    first = loop.review(facts, FIRST, metrics=["win_rate"])
    assert first == loop.review(facts, FIRST, metrics=["win_rate"])
    assert [row.kind for row in first.problems] == ["coach"]
    assert len(loop.sort(first.problems).new) == 1
    loop.open(first.problems, who="li")
    clock.set(date(2026, 4, 3))
    later = loop.review(facts, FIRST, metrics=["win_rate"])
    assert (len(later.problems), len(later.again), later.open) == (0, 1, 1)
    assert [row.want for row in later.due] == ["an owner"]
    back = loop.review(facts, FIRST, at=clock.now - timedelta(days=2, hours=4), metrics=["win_rate"])
    assert (len(back.problems), back.open) == (1, 0)
