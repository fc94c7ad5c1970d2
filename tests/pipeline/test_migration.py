"""Versions of a definition, and cases that change over from one to another."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.errors import DefinitionErrors, InvalidValue, NotFound
from crmkit.journal import Journal
from crmkit.pipeline import Approval, Clock, Link, Panel, Pipeline, Stage
from crmkit.pipeline.clocks import Calendars
from crmkit.pipeline.commands import Submit
from crmkit.pipeline.migration import Migration, Postponed
from crmkit.pipeline.versions import Versions

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OLD = Pipeline(
    "deals",
    stages=["lead", Stage("talk", limit="2 days"), Stage("offer"), Stage("won", "won"), Stage("lost", "lost")],
    moves={"lead": {"on": "talk"}, "talk": {"on": "offer", "lose": "lost"}, "offer": {"sign": "won", "back": "talk"}},
)
NEW = Pipeline(
    "deals 2",
    stages=[
        Stage("contact"), Stage("talk", limit="2 business days"), Stage("proposal", requires="amount"),
        Stage("won", "won"), Stage("lost", "lost"),
    ],
    moves={
        "contact": {"on": "talk"}, "talk": {"on": "proposal", "lose": "lost"},
        "proposal": {"sign": "won", "lose": "lost"},
    },
)  # fmt: skip
WAYS = {"lead": "contact", "offer": "proposal"}
OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"})


def history(case, *moves):
    """The facts of a case that took some moves, an hour apart."""
    step = OLD.open(case, who="wei", at=NOW)
    events = [*step.events]
    for number, move in enumerate(moves, 1):
        step = OLD.move(step.case, move, who="li", at=NOW + timedelta(hours=number))
        events += step.events
    return events


def test_the_plan_says_what_would_become_of_each_case():
    """Mapped by name or by the map, blocked with every reason, closed ones and those of other versions passed over."""
    cases = [history("a"), history("b", "on"), history("c", "on", "on"), history("d", "on", "lose")]
    other = NEW.open("e", at=NOW).case
    plan = Migration(OLD, NEW, WAYS).plan([*cases, other], calendars=OFFICE)
    assert [(one.case.id, one.stage, one.blocked) for one in plan.changeovers] == [
        ("a", "contact", ()), ("b", "talk", ()), ("c", "proposal", ("stage 'proposal' needs 'amount'",)),
    ]  # fmt: skip
    assert [one.case.id for one in plan.mapped] == ["a", "b"]
    assert [one.case.id for one in plan.blocked] == ["c"]
    assert str(plan).splitlines() == [
        "deals: 2 of 3 cases can change over to deals 2",
        "  1 cases: lead becomes contact",
        "  1 cases: talk",
        "  c cannot: stage 'proposal' needs 'amount'",
    ]


def test_deadlines_that_move_are_shown():
    """Two days become two business days: over a weekend that is another instant."""
    friday = datetime(2026, 3, 6, 10, tzinfo=UTC)
    case = OLD.move(OLD.open("f", at=friday).case, "on", at=friday).case
    (one,) = Migration(OLD, NEW, WAYS).plan([case], calendars=OFFICE).deadlines
    assert "  1 of them get another deadline" in str(Migration(OLD, NEW, WAYS).plan([case], calendars=OFFICE))
    assert (one.due, one.due_after) == (friday + timedelta(days=2), friday + timedelta(days=4))
    with pytest.raises(InvalidValue, match="needs calendar="):
        Migration(OLD, NEW, WAYS).plan([case])


def test_deadlines_of_clocks_that_move_are_shown():
    """A clock that is on in either version and due at another instant; whose facts are missing is said, not assumed."""
    promises = {
        "old": [Clock("reply", "4 hours", stop="replied"), Clock("solve", "2 days", stop='stage = "won"')],
        "new": [Clock("reply", "2 hours", stop="replied"), Clock("solve", "2 days", stop='stage = "won"'),
                Clock("audit", "1 business day", stop="audited")],
    }  # fmt: skip
    stages, moves = ["a", Stage("won", "won")], {"a": {"go": "won"}}
    old, new = (Pipeline("p", stages, moves, clocks=clocks) for clocks in promises.values())
    step = old.open("P", at=NOW, who="wei")
    replied = [*step.events, *old.edit(step.case, at=NOW + timedelta(hours=1), replied=True).events]
    migration, hour = Migration(old, new), timedelta(hours=1)
    plan = migration.plan([[*step.events], replied], calendars=Calendars(OFFICE))
    assert [one.clocks for one in plan.deadlines] == [
        (Postponed("reply", NOW + 4 * hour, NOW + 2 * hour), Postponed("audit", None, NOW + 24 * hour)),
        (Postponed("audit", None, NOW + 24 * hour),),
    ]
    blind = migration.plan([step.case], calendars=OFFICE)
    assert blind.changeovers[0].unseen == ("reply", "solve", "audit")
    assert "1 of them have clocks that nobody looked at: give their facts" in str(blind)
    with pytest.raises(InvalidValue, match="in business time"):
        migration.plan([replied])
    # Two days on, the clocks of the old version have said what they had to say; those of the new one count from then.
    (late,) = migration.plan([[*step.events]], calendars=OFFICE, at=NOW + 48 * hour).changeovers
    assert late.clocks[0].due_after == NOW + 2 * hour


def test_a_case_whose_clocks_cannot_be_read_is_blocked():
    """What the new version cannot read of a case is the reason, and stops no other case."""
    stages, moves = ["a", Stage("won", "won")], {"a": {"go": "won"}}
    old = Pipeline("p", stages, moves)
    new = Pipeline("p", stages, moves, clocks=[Clock("c", "1 hour", stop="n > 5")])
    bad, good = old.open("bad", at=NOW, n="many"), old.open("good", at=NOW, n=1)
    plan = Migration(old, new).plan([[*bad.events], [*good.events]])
    assert [one.case.id for one in plan.mapped] == ["good"]
    assert "its clocks cannot be read" in plan.blocked[0].blocked[0]


def test_a_case_changes_over_with_one_fact():
    """Stage and definition change, its stay goes on, and what it lacked is filled in."""
    events = history("c", "on", "on")
    migration = Migration(OLD, NEW, WAYS, {"amount": 5})
    (fact,) = migration.plan([events], calendars=OFFICE).events(at=NOW + timedelta(days=1), who="boss")
    before, after = OLD.replay(events), NEW.replay([*events, fact])
    assert (fact.origin, fact.stage, fact.previous, fact.definition) == (
        "offer", "proposal", OLD.definition, NEW.definition,
    )  # fmt: skip
    assert (after.stage, after.definition, after.fields) == ("proposal", NEW.definition, {"amount": 5})
    assert (after.entered, after.held_by, after.version) == (before.entered, before.held_by, before.version + 1)
    assert NEW.move(after, "sign", at=NOW + timedelta(days=2)).case.stage == "won"
    assert [visit.stage for visit in NEW.timeline([*events, fact])] == ["lead", "talk", "proposal"]
    journal = Journal.from_events([*events, fact])
    assert [row[1] for row in journal.rows()] == ["lead", "talk", "proposal"]


def test_only_legal_histories_move_if_told_so():
    """With "if legal" every move the case made must lead from stage to stage in the new version too."""
    migration = Migration(OLD, NEW, WAYS, {"amount": 5}, "if legal")
    back = history("c", "on", "on", "back")
    plan = migration.plan([history("b", "on"), back, OLD.replay(back)], calendars=OFFICE)
    assert [one.blocked for one in plan.changeovers] == [
        (), ("c#4: the new version has no move from 'offer' to 'talk'",),
        ("whether its moves were legal cannot be told without its facts",),
    ]  # fmt: skip
    assert Migration(OLD, NEW, WAYS).plan([back], calendars=OFFICE).mapped


def test_what_the_new_version_lacks_blocks():
    """A stage without a name there, an approval that is being decided, a child without a link."""
    child = Pipeline("c", ["a", Stage("void", "cancelled")], {"a": {"drop": "void"}})
    old = Pipeline("p", ["a", "x", Stage("won", "won")], {"a": {"go": "won", "on": "x"}, "x": {"go": "won"}},
                   approvals=[Approval("ok", Panel(["li"]))], links=[Link("check", child)])  # fmt: skip
    new = Pipeline("q", ["a", Stage("won", "won")], {"a": {"go": "won"}})
    case = old.open("P", at=NOW).case
    case = old.decide(case, Submit("ok", who="wei"), NOW).case
    from crmkit.pipeline.commands import OpenChild

    case = old.decide(case, OpenChild("check", "C"), NOW).case
    case = old.move(case, "on", at=NOW).case
    (one,) = Migration(old, new).plan([case]).blocked
    assert one.blocked == (
        "stage 'x' is not mapped, and the new version has no such stage",
        "approval 'ok' is being decided, and the new version has none",
        "its check 'C' has no link in the new version",
    )
    same = Pipeline("r", ["a", "x", Stage("won", "won")], {"a": {"on": "x"}, "x": {"go": "won"}},
                    approvals=old.approvals, links=old.links)  # fmt: skip
    assert Migration(old, same).plan([case]).mapped


@given(moves=st.lists(st.sampled_from(["on", "lose", "sign", "back"]), max_size=6), closed=st.booleans())
def test_there_and_back_again(moves, closed):
    """Forward and back is the case as it was, but for two facts more."""
    step = OLD.open("x", who="wei", at=NOW, amount=1)
    for move in moves:
        if move in OLD.moves_from(step.case.stage):
            step = OLD.move(step.case, move, at=NOW)
    migration = Migration(OLD, NEW, WAYS)
    there = migration.plan([step.case], calendars=OFFICE, closed=closed)
    case = step.case
    for plan in (there, None):
        made = migration.reversed().plan([case], calendars=OFFICE, closed=closed) if plan is None else plan
        for fact in made.events(at=NOW, recorded=NOW):
            case = NEW.evolve(case, fact)
    open_ = OLD.stage(step.case.stage).outcome is None
    assert case._replace(version=step.case.version) == step.case
    assert case.version == step.case.version + (2 if open_ or closed else 0)


@given(
    moves=st.lists(st.sampled_from(["on", "sign", "back"]), max_size=4),
    had=st.sampled_from([{}, {"amount": None}, {"amount": " "}, {"amount": 7}]),
    said=st.sampled_from([{}, {"amount": 5}, {"amount": 9}, {"note": "x"}]),
)
def test_what_was_filled_in_is_taken_back(moves, had, said):
    """There and back is the case as it was, but for what somebody has said since."""
    step = OLD.open("x", who="wei", at=NOW, fields=had)
    facts = [*step.events]
    for move in moves:
        if move in OLD.moves_from(step.case.stage):
            step = OLD.move(step.case, move, at=NOW)
            facts += step.events
    before, there = step.case, Migration(OLD, NEW, WAYS, {"amount": 5, "unit": "EUR"})
    facts += there.plan([facts], calendars=OFFICE, closed=True).events(at=NOW)
    filled = OLD.replay(facts)
    assert filled.fields["unit"] == "EUR"
    assert filled.fields["amount"] == (7 if had.get("amount") == 7 else 5)
    facts += NEW.edit(filled, at=NOW, fields=said).events if said else ()
    plan = there.reversed().plan([facts], calendars=OFFICE, closed=True)
    after = OLD.replay([*facts, *plan.events(at=NOW)])
    held = {name: value for name, value in after.fields.items() if value is not None}
    assert held == {name: value for name, value in {**before.fields, **said}.items() if value is not None}
    assert after._replace(fields=before.fields, version=before.version) == before
    # Nobody can tell from a case without its facts.
    (bare,) = there.reversed().plan([OLD.replay(facts)], calendars=OFFICE, closed=True).changeovers
    assert bare.fills == {}


def test_what_the_old_version_needs_by_now_stays():
    """A field that was filled in, and is required in the stage that the case has come to meanwhile, is not emptied."""
    old = Pipeline("o", ["a", Stage("won", "won", requires="amount")], {"a": {"go": "won"}})
    new = Pipeline("n", ["a", Stage("won", "won")], {"a": {"go": "won"}})
    facts = [*old.open("x", at=NOW).events]
    there = Migration(old, new, fields={"amount": 5})
    facts += there.plan([facts]).events(at=NOW)
    facts += new.move(old.replay(facts), "go", at=NOW).events
    (back,) = there.reversed().plan([facts], closed=True).changeovers
    assert (back.fills, back.blocked) == ({}, ())
    assert there.reversed().reversed().fields == there.fields


def test_two_stages_that_became_one_have_no_way_back():
    """Nobody could tell which it was; a stage that was left out has no way back either, and needs none."""
    assert Migration(NEW, Pipeline("m", ["contact", Stage("won", "won")], {"contact": {"s": "won"}})).reversed()
    narrow = Pipeline("n", ["talk", Stage("won", "won"), Stage("lost", "lost")], {"talk": {"s": "won", "l": "lost"}})
    with pytest.raises(DefinitionErrors) as caught:
        Migration(OLD, narrow, {"lead": "talk", "offer": "talk"}).reversed()
    assert "was lead and talk and offer: nobody can tell which" in str(caught.value)


def test_a_migration_that_cannot_be_used_says_why():
    """Stages that neither version has, with the nearest name, and a policy that there is not."""
    with pytest.raises(DefinitionErrors) as caught:
        Migration(OLD, NEW, {"leed": "contact", "lead": "contakt"}, {}, "now")
    text = str(caught.value)
    assert "the old version has no such stage (did you mean 'lead'?)" in text
    assert "the new version has no such stage (did you mean 'contact'?)" in text
    assert "'now' is none of" in text


def test_versions_follow_each_other():
    """Each instant has one version, each hash its definition, and what nobody knows is refused."""
    later = NOW + timedelta(days=9)
    versions = Versions(OLD).put(NEW, start=NOW)
    assert versions.at(NOW - timedelta.resolution) is OLD
    assert versions.at(NOW) is versions.at(later) is NEW
    assert versions.of(OLD.definition) is OLD
    with pytest.raises(NotFound, match="no definition 'x'"):
        versions.of("x")
    with pytest.raises(NotFound, match="in force at"):
        Versions([(NOW, OLD)]).at(NOW - timedelta(1))
    with pytest.raises(InvalidValue, match="is not after"):
        versions.put(OLD, start=NOW)
    for eras in ([], [(NOW, OLD), (None, NEW)], [(later, OLD), (NOW, NEW)]):
        with pytest.raises(DefinitionErrors):
            Versions(eras)
