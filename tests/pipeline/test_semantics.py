"""What processes must get right, row by row: each test is one rule, and what breaks it elsewhere.

The long tests of each rule are in the files of their parts; here it can be read at a glance what holds.
"""

from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from crmkit.adapters.memory import MemoryEventStore
from crmkit.calendars import BusinessCalendar, CalendarHistory
from crmkit.desk import Desk
from crmkit.errors import KeyReused, MoveNotAllowed, NaiveDatetime, NotFound
from crmkit.events import Unknown, from_json, to_json
from crmkit.journal import Journal
from crmkit.metrics.conversion import conversion
from crmkit.metrics.funnel import Route, funnel, step_rates
from crmkit.metrics.lost import losses
from crmkit.pipeline import Approval, Around, Clock, Directory, Link, Move, Panel, Pipeline, Refused, Stage
from crmkit.pipeline.clocks import Calendars, due, states, tick
from crmkit.pipeline.commands import AddApprover, Approve, OpenChild, SendBack, Submit, Take
from crmkit.pipeline.conform import conform
from crmkit.pipeline.directory import Delegation
from crmkit.pipeline.flow import directly_follows
from crmkit.pipeline.migration import Migration
from crmkit.pipeline.versions import Versions

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DEALS = Pipeline(
    "deals", ["lead", "talk", "offer", Stage("won", "won"), Stage("lost", "lost", requires="lost reason")],
    {
        "lead": {"on": "talk", "jump": "offer", "lose": "lost"},
        "talk": {"on": "offer", "back": Move("lead", requires="why back"), "lose": "lost"},
        "offer": {"sign": Move("won", effects=["mail", "task"]), "lose": "lost"},
        "lost": {"reopen": Move("lead", requires="why again")},
    },
)  # fmt: skip
OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"}, holidays=[date(2024, 1, 2)])


def run(pipeline, case, *moves, start=NOW):
    """The facts of a case that takes moves, a day apart; each with the fields it sets."""
    step = pipeline.open(case, at=start, who="wei")
    facts = [*step.events]
    for number, (move, fields) in enumerate(moves, 1):
        step = pipeline.move(step.case, move, who="wei", at=start + number * DAY, fields=fields)
        facts += step.events
    return facts


def sale(definition, *moves):
    """A desk on a store of its own with one case that took some moves."""
    desk = Desk(MemoryEventStore(), definition, lambda: NOW)
    desk.open("D-1", who="wei")
    for move in moves:
        desk.move("D-1", move)
    return desk


def test_atomic_move():
    """Deciding changes nothing and runs nothing; effects are data; what one decision leads to is stored all or none."""
    case = DEALS.replay(run(DEALS, "D-1", ("jump", {})))
    verdict = DEALS.decide(case, Take("sign"), NOW + 9 * DAY)
    assert (case.stage, verdict.case.stage) == ("offer", "won")
    assert [effect.kind for effect in verdict.effects] == ["mail", "task"]
    assert DEALS.evolve(case, verdict.events[0]) == verdict.case

    def fails(_):
        raise RuntimeError("mail server is down")

    broken = Pipeline("p", ["a", Stage("won", "won")], {"a": {"go": Move("won", guard=fails)}})
    desk = sale(broken)
    with pytest.raises(RuntimeError):
        desk.move("D-1", "go")
    assert desk.case("D-1").stage == "a"
    odd = Unknown(id="D-1#3", case="D-1", at=NOW, recorded=NOW, named="Scored")
    assert DEALS.evolve(case, odd).stage == case.stage


def test_idempotency_key():
    """The same key and payload gives the first result, later too; another payload is an error; replay rebuilds keys."""
    desk = sale(DEALS)
    first = desk.move("D-1", "on", key="k")
    desk.move("D-1", "on")
    assert desk.move("D-1", "on", key="k") == first
    with pytest.raises(KeyReused):
        desk.move("D-1", "lose", key="k")
    copied = MemoryEventStore()
    copied.append([from_json(to_json(event)) for event in desk.history("D-1")])
    assert Desk(copied, DEALS, lambda: NOW).move("D-1", "on", key="k") == first


class Meanwhile(MemoryEventStore):
    """A store in which somebody else is faster, once."""

    act = None

    def append(self, events, *, unless=None, after=0):
        act, self.act = self.act, None
        if act is not None and unless is not None:
            act()
        return super().append(events, unless=unless, after=after)


def test_optimistic_concurrency():
    """On a conflict the command is decided again on the fresh case: what is no longer legal is refused, not forced."""
    store = Meanwhile()
    desk = Desk(store, DEALS, lambda: NOW)
    desk.open("D-1")
    store.act = lambda: desk.move("D-1", "lose", fields={"lost reason": "price"})
    with pytest.raises(MoveNotAllowed, match="is in stage 'lost'"):
        desk.move("D-1", "on")
    assert [event.type for event in desk.history("D-1")] == ["Opened", "Moved"]


def test_definition_version():
    """A definition is hashed; a case carries its hash, stays with it, and a hash that nobody knows is refused."""
    newer = Pipeline("deals", DEALS.stages, {**DEALS.moves, "won": {"undo": Move("lead")}})
    assert newer.definition != DEALS.definition
    desk = sale(DEALS)
    assert desk.case("D-1").definition == DEALS.definition
    both = Desk(desk.store, Versions(DEALS).put(newer, start=NOW), lambda: NOW)
    both.open("D-2")
    assert (both.case("D-1").definition, both.case("D-2").definition) == (DEALS.definition, newer.definition)
    assert isinstance(newer.decide(desk.case("D-1"), Take("on"), NOW), Refused)
    with pytest.raises(NotFound, match="no definition"):
        Desk(desk.store, newer, lambda: NOW).move("D-1", "on")


def test_in_flight_migration():
    """A dry run says who can and why not; each case gets one fact; and there is a way back."""
    newer = Pipeline("deals", ["contact", *DEALS.stages[1:]], {
        "contact": DEALS.moves["lead"], "talk": {"on": Move("offer")}, "offer": DEALS.moves["offer"],
        "lost": {"reopen": Move("contact")},
    })  # fmt: skip
    desk, there = sale(DEALS), Migration(DEALS, newer, stages={"lead": "contact"})
    before = desk.case("D-1")
    assert str(there.plan([before])).splitlines()[1] == "  1 cases: lead becomes contact"
    desk.migrate(there)
    assert desk.case("D-1").stage == "contact"
    desk.migrate(there.reversed())
    assert [event.type for event in desk.history("D-1")] == ["Opened", "Migrated", "Migrated"]
    assert desk.case("D-1")._replace(version=before.version) == before
    (blocked,) = Migration(DEALS, newer).plan([before]).blocked
    assert blocked.blocked == ("stage 'lead' is not mapped, and the new version has no such stage",)


def test_backward():
    """Going back is a move of its own, where the table has it, and asks for its reason; the second entry is told apart."""
    case = DEALS.replay(run(DEALS, "D-1", ("on", {})))
    assert DEALS.try_move(case, "back", at=NOW + 9 * DAY).missing == ("why back",)
    facts = run(DEALS, "D-1", ("on", {}), ("back", {"why back": "wrong need"}), ("on", {}))
    assert [visit.stage for visit in DEALS.timeline(facts)] == ["lead", "talk", "lead", "talk"]
    offered = DEALS.replay(run(DEALS, "D-2", ("jump", {})))
    assert "has no move 'back'" in DEALS.try_move(offered, "back", at=NOW + 9 * DAY).reasons[0]
    journal = Journal.from_events([*facts, *run(DEALS, "D-2", ("jump", {}))])
    assert conform(journal, DEALS).counts["deviating"] == 0
    # The first entry and coming again are told apart, and whoever counts every move has every one.
    begun = [step_rates(journal, steps=["lead", "talk"], route=Route(entry=entry)).rows[0].n
             for entry in ("first", "each visit")]  # fmt: skip
    assert begun == [2, 3]
    every = {(edge.stage, edge.next): edge.n for edge in directly_follows(journal).rows}
    assert every == {("lead", "talk"): 2, ("talk", "lead"): 1, ("lead", "offer"): 1}


def test_skip():
    """A stage that was passed over was never visited: it has no stay, and no time."""
    facts = run(DEALS, "D-1", ("jump", {}), ("sign", {}))
    journal = Journal.from_events(facts, stages=[stage.name for stage in DEALS.stages])
    assert journal.stages.decode() == ["lead", "offer", "won"]
    steps = {step.stage: (step.cases, step.skipped) for step in funnel(journal, stages=DEALS)}
    assert steps == {"lead": (1, 0), "talk": (0, 1), "offer": (1, 0), "won": (1, 0)}
    assert conversion(journal, stages=DEALS).stage("talk").entered == 0
    strict = {"lead": {"on": "talk"}, "talk": {"on": "offer"}, "offer": {"sign": "won", "lose": "lost"}}
    found = conform(journal, Pipeline("deals", DEALS.stages, strict))
    assert [(one.kind, one.detail) for one in found.deviations] == [
        ("skip", "skips 'talk'"),
    ]


def test_closed_is_not_final():
    """A lost case may be opened again if a move says so; the closed stay ends then, and the loss stays in history."""
    facts = run(DEALS, "D-1", ("lose", {"lost reason": "price"}), ("reopen", {"why again": "new budget"}))
    stays = [(visit.stage, visit.sojourn) for visit in DEALS.timeline(facts)]
    assert stays == [("lead", DAY), ("lost", DAY), ("lead", None)]
    assert DEALS.state(facts, at=NOW + DAY).stage == "lost"
    journal = Journal.from_events(facts)
    # Whether a loss counts that was taken back is a choice, printed with the figure; as of then, nobody knew better.
    assert [len(losses(journal, stages=DEALS, reopened=how)) for how in ("as it stands", "each loss")] == [0, 1]
    assert len(losses(journal.as_of(NOW + DAY), stages=DEALS)) == 1
    won = DEALS.replay(run(DEALS, "D-2", ("jump", {}), ("sign", {})))
    assert isinstance(DEALS.try_move(won, "reopen", at=NOW + 9 * DAY), Refused)


CREDIT = Pipeline(
    "credit", ["asked", Stage("good", "won"), Stage("void", "cancelled")], {"asked": {"grant": "good", "drop": "void"}}
)


def test_parallel_sub_process():
    """A child case has its own definition; the parent reads its outcome, moves meanwhile, and cancels it on closing."""
    parent = Pipeline(
        "parent", ["a", "b", Stage("won", "won"), Stage("lost", "lost")],
        {"a": {"on": "b", "lose": "lost"}, "b": {"sign": Move("won", guard='credit.outcome = "won"'), "lose": "lost"}},
        links=[Link("credit", CREDIT)],
    )  # fmt: skip
    desk = sale(parent)
    checks = Desk(desk.store, CREDIT, lambda: NOW)
    desk.do("D-1", OpenChild("credit", "C-1"))
    assert desk.move("D-1", "on").stage == "b"
    with pytest.raises(MoveNotAllowed, match="needs credit"):
        desk.move("D-1", "sign")
    desk.move("D-1", "lose")
    assert checks.case("C-1").stage == "void"


def test_timers():
    """State comes from the facts; a breach is told once, dated when it came about, and a stop before it tells none."""
    pipeline = Pipeline(
        "p", ["a", Stage("won", "won")], {"a": {"go": "won"}},
        clocks=[Clock("reply", "4 hours", stop="replied", pause="hold", warn=[50])],
    )  # fmt: skip
    opened = [*pipeline.open("T-1", at=NOW).events]
    assert due(states(pipeline, opened, now=NOW)) == NOW + 4 * HOUR
    late = tick(pipeline, opened, now=NOW + 99 * HOUR).events
    assert [(fact.type, fact.at, fact.key) for fact in late] == [
        ("Warned", NOW + 2 * HOUR, "T-1:reply:1:50"), ("Breached", NOW + 4 * HOUR, "T-1:reply:1:breach"),
    ]  # fmt: skip
    assert tick(pipeline, [*opened, *late], now=NOW + 99 * HOUR).events == ()
    answered = [*opened, *pipeline.edit(pipeline.replay(opened), at=NOW + HOUR, replied=True).events]
    assert tick(pipeline, answered, now=NOW + 99 * HOUR).events == ()


def promised(opened, calendars=OFFICE, *, limit="4 business hours"):
    """When a promise of some business hours is due."""
    pipeline = Pipeline("p", ["a", Stage("won", "won")], {"a": {"go": "won"}}, clocks=[Clock("c", limit, stop="done")])
    return due(states(pipeline, pipeline.open("T", at=opened, who="li").events, now=opened, calendars=calendars))


def test_four_hours_from_a_saturday_at_sixteen():
    """Elsewhere: Tuesday at 12:00, since a day off was added with its time of day. It is Monday at 13:00."""
    assert promised(datetime(2024, 3, 23, 16, tzinfo=UTC)) == datetime(2024, 3, 25, 13, tzinfo=UTC)


def test_four_hours_from_a_holiday_at_fourteen():
    """Elsewhere: the day after next at 10:00. It is the next working day at 13:00."""
    assert promised(datetime(2024, 1, 2, 14, tzinfo=UTC)) == datetime(2024, 1, 3, 13, tzinfo=UTC)


def test_business_calendar():
    """Many slots a day, make-up workdays, layers of person, team and company, and rules that change at a date."""
    lunch = BusinessCalendar(
        "lunch", tz="Asia/Shanghai", week={"mon-fri": "09:00-12:00 13:00-18:00"}, workdays={date(2026, 10, 10): "mon"}
    )
    assert promised(datetime(2026, 10, 9, 8, tzinfo=UTC), lunch) == datetime(2026, 10, 10, 3, tzinfo=UTC)
    short = BusinessCalendar("short", tz="UTC", week={"mon-fri": "09:00-11:00"})
    layers = Calendars(OFFICE, teams={"night": short}, people={"li": lunch}, team_of={"zoe": "night"})
    assert [layers.of(who) for who in ("li", "zoe", "wei", None)] == [lunch, short, OFFICE, OFFICE]
    changed = CalendarHistory([(None, OFFICE), (date(2026, 3, 3), short)])
    # Seven hours of the old Monday and then half of the new day: what was measured before the change stays.
    assert promised(NOW, changed, limit="9 business hours") == datetime(2026, 3, 3, 10, tzinfo=UTC)


def approving(case, *commands, pipeline, people):
    """The case after answers, each by whom it names."""
    for command in commands:
        verdict = pipeline.decide(case, command, NOW, around=Around(directory=people))
        assert verdict, verdict
        case = verdict.case
    return case


def test_approval():
    """Modes, add-sign, return, and the content that was approved: a later change of a covered field voids it."""
    panels = [Panel(["li", "bo"], mode="quorum", quorum=2), Panel(["chen"])]
    pipeline = Pipeline(
        "p", ["a", Stage("won", "won")], {"a": {"go": Move("won", approval="ok")}},
        approvals=[Approval("ok", panels, covers="discount", separate=True)],
    )  # fmt: skip
    case = pipeline.open("D", at=NOW, who="wei", discount=5).case
    case = approving(
        case, Submit("ok", who="wei"), AddApprover("ok", "max", who="li"), Approve("ok", who="max"),
        Approve("ok", who="li"), Approve("ok", who="bo"), SendBack("ok", who="chen", panel=2), Approve("ok", who="li"),
        Approve("ok", who="bo"), Approve("ok", who="chen"), pipeline=pipeline, people=Directory(),
    )  # fmt: skip
    assert pipeline.try_move(case, "go", at=NOW)
    assert "needs approval 'ok' again" in pipeline.try_move(case, "go", at=NOW, discount=6).reasons[0]
    assert pipeline.try_move(case, "go", at=NOW, note="a field that is not covered")


def test_delegation():
    """From its start and until before its end, in its scope, told as who for whom, and never for one's own request."""
    people = Directory(delegations=[
        Delegation("li", "fang", NOW, NOW + DAY, scope="ok"), Delegation("li", "wei", NOW, NOW + DAY),
    ])  # fmt: skip
    pipeline = Pipeline(
        "p",
        ["a", Stage("won", "won")],
        {"a": {"go": Move("won", approval="ok")}},
        approvals=[Approval("ok", Panel("li"))],
    )
    case = approving(
        pipeline.open("D", at=NOW, who="wei").case, Submit("ok", who="wei"), pipeline=pipeline, people=people
    )
    around = Around(directory=people)
    own = pipeline.decide(case, Approve("ok", who="wei"), NOW, around=around)
    assert own.reasons == ("wei asked for it and may not decide for li",)
    (fact,) = pipeline.decide(case, Approve("ok", who="fang"), NOW, around=around).events
    assert (fact.who, fact.on_behalf_of) == ("fang", "li")
    assert not pipeline.decide(case, Approve("ok", who="fang"), NOW + DAY, around=around)


def test_event_sourcing_and_replay():
    """Replay is deterministic; unknown facts are kept; what was true at an instant, and what was known then."""
    step = DEALS.open("D-1", at=NOW)
    moved = DEALS.move(step.case, "on", at=NOW + DAY, recorded=NOW + 5 * DAY)
    odd = Unknown(id="D-1#3", case="D-1", at=NOW + DAY, recorded=NOW + DAY, named="Scored", extra='{"n":1}')
    facts = [step.event, moved.event, odd]
    assert DEALS.replay(facts) == DEALS.replay(from_json(to_json(event)) for event in facts)
    assert from_json(to_json(odd)).extra == odd.extra
    # A case that was kept somewhere is a cache: the facts since then, or all of them, lead to the same.
    assert DEALS.evolve(deepcopy(moved.case), odd) == DEALS.replay(facts)
    caused = DEALS.move(step.case, "on", at=NOW + DAY, who="li", cause="mail-7").event
    assert (caused.cause, caused.who, caused.definition) == ("mail-7", "li", DEALS.definition)
    then = NOW + 2 * DAY
    assert DEALS.state(facts, at=then).stage == "talk"
    assert DEALS.state([step.event, moved.event], at=then, known_at=then).stage == "lead"


def test_clock():
    """Time is an argument with a zone; what happens in one instant keeps its order."""
    with pytest.raises(NaiveDatetime):
        DEALS.open("D-1", at=NOW.replace(tzinfo=None))
    step = DEALS.open("D-1", at=NOW)
    facts = [*step.events]
    for move in ("on", "on", "sign"):
        step = DEALS.move(step.case, move, at=NOW)
        facts += step.events
    assert all(before.left == after.entered == NOW for before, after in pairwise(DEALS.timeline(facts)))
    journal = Journal.from_events(facts)
    assert journal.stages.decode() == ["lead", "talk", "offer", "won"]
    assert len(conform(journal, DEALS)) == 0
