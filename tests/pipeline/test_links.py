"""Child cases: opened inside a case, read by its guards, cancelled with it."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from crmkit.errors import DefinitionErrors, NotFound
from crmkit.pipeline import Around, Link, Move, Pipeline, Refused, Stage
from crmkit.pipeline.commands import Open, OpenChild, Take

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CREDIT = Pipeline(
    "credit",
    stages=["asked", Stage("good", "won"), Stage("bad", "lost"), Stage("void", "cancelled")],
    moves={"asked": {"grant": "good", "deny": "bad", "drop": "void"}},
)
DEALS = Pipeline(
    "deals",
    stages=["open", "offered", Stage("won", "won"), Stage("lost", "lost")],
    moves={
        "open": {"offer": "offered", "lose": "lost"},
        "offered": {"sign": Move("won", guard='credit check.outcome = "won"'), "lose": "lost"},
        "lost": {"reopen": "open"},
    },
    links=[Link("credit check", CREDIT, stages=["offered"])],
)


def deal():
    """An offered deal, and its credit check."""
    case = DEALS.decide("D-1", Open(who="wei"), NOW).case
    case = DEALS.decide(case, Take("offer", who="wei"), NOW).case
    return DEALS.decide(case, OpenChild("credit check", "C-1", who="wei", fields={"sum": 5}), NOW)


def test_a_child_is_opened_with_a_fact_in_each_case():
    """The parent says which child it has, the child which parent; both facts are of one decision."""
    verdict = deal()
    linked, opened = verdict.events
    assert (linked.case, linked.child, linked.link) == ("D-1", "C-1", "credit check")
    assert (opened.case, opened.parent, opened.cause) == ("C-1", "D-1", linked.id)
    assert opened.data == {"sum": 5}
    assert verdict.case.child("credit check") == "C-1"
    assert verdict.case.child("other") is None
    assert CREDIT.replay([opened]).parent == "D-1"
    assert verdict.case.fields == {}


def test_a_guard_reads_the_outcome_of_the_child():
    """Open, denied, granted: only the last one lets the parent pass."""
    case, child = deal().case, CREDIT.open("C-1", at=NOW, parent="D-1").case
    for move, passes in ((None, False), ("deny", False), ("grant", True)):
        now = child if move is None else CREDIT.move(child, move, at=NOW).case
        verdict = DEALS.decide(case, Take("sign"), NOW, around=Around(children={"C-1": now}))
        assert bool(verdict) is passes
    assert "nobody can tell without credit check" in DEALS.decide(case, Take("sign"), NOW).reasons[0]


def test_a_case_that_closes_cancels_its_open_children():
    """The child's own move into a cancelled stage is taken, caused by the parent's; a closed child is left alone."""
    case, child = deal().case, CREDIT.open("C-1", at=NOW + timedelta(hours=2), parent="D-1").case
    verdict = DEALS.decide(
        case, Take("lose", who="wei"), NOW + timedelta(hours=1), around=Around(children={"C-1": child})
    )
    moved, cancelled = verdict.events
    assert (cancelled.case, cancelled.move, cancelled.stage, cancelled.cause) == ("C-1", "drop", "void", moved.id)
    assert CREDIT.evolve(child, cancelled).stage == "void"
    # A child that was opened after the parent closed, by the clock of another host, is not cancelled before that.
    assert cancelled.at == child.at
    closed = CREDIT.move(child, "grant", at=NOW + timedelta(hours=3)).case
    again = DEALS.decide(case, Take("lose"), NOW + timedelta(hours=4), around=Around(children={"C-1": closed}))
    assert len(again.events) == 1


def test_a_case_does_not_close_over_children_that_nobody_looked_at():
    """Without the state of its children a case cannot know whether they are open."""
    verdict = DEALS.decide(deal().case, Take("lose"), NOW)
    assert isinstance(verdict, Refused)
    assert verdict.reasons == ("credit check 'C-1' may still be open: its state was not given",)


def test_a_child_by_a_link_that_is_not_there_is_not_forgotten():
    """A history from elsewhere may name a link that this definition does not have."""
    opened = DEALS.decide("D-1", Open(who="wei"), NOW).events
    offered = DEALS.decide(DEALS.replay(opened), Take("offer", who="wei"), NOW).events
    linked, *_ = deal().events
    case = DEALS.replay([*opened, *offered, evolve(linked, link="visa check")])
    child = CREDIT.open("C-1", at=NOW, parent="D-1").case
    verdict = DEALS.decide(case, Take("lose"), NOW, around=Around(children={"C-1": child}))
    assert verdict == Refused(
        ("visa check 'C-1' may still be open: this definition has no link of that name",), nearest=verdict.nearest
    )


def test_a_child_is_opened_where_and_when_the_definition_says():
    """Unknown links, the wrong stage, a child that is still open, and a child that its own definition refuses."""
    early = DEALS.decide("D-1", Open(), NOW).case
    wrong = DEALS.decide(early, OpenChild("credit check", "C-1"), NOW)
    assert wrong.reasons == ("a credit check may be opened in offered, and the case is in open",)
    assert "did you mean 'credit check'" in DEALS.decide(early, OpenChild("credit chek", "C-1"), NOW).reasons[0]
    case, child = deal().case, CREDIT.open("C-1", at=NOW).case
    second = DEALS.decide(case, OpenChild("credit check", "C-2"), NOW, around=Around(children={"C-1": child}))
    assert second.reasons == ("its credit check 'C-1' is still open",)
    done = CREDIT.move(child, "deny", at=NOW).case
    third = DEALS.decide(case, OpenChild("credit check", "C-2"), NOW, around=Around(children={"C-1": done}))
    assert third.case.child("credit check") == "C-2"
    strict = Pipeline(
        "strict", [Stage("a", requires="sum"), Stage("x", "cancelled")], {"a": {"drop": "x"}}
    )  # fmt: skip
    parent = Pipeline("p", ["open", Stage("won", "won")], {"open": {"go": "won"}}, links=[Link("s", strict)])
    refused = parent.decide(parent.open("P", at=NOW).case, OpenChild("s", "S"), NOW)
    assert refused.reasons == ("stage 'a' needs 'sum'",)


def test_a_link_is_found_by_name():
    """With the nearest name where there is none."""
    assert DEALS.link("credit check").pipeline is CREDIT
    with pytest.raises(NotFound, match="did you mean"):
        DEALS.link("credit chk")
    with pytest.raises(NotFound, match="no approval"):
        DEALS.approval("x")


@pytest.mark.parametrize(("links", "part"), [
    ([Link("x", Pipeline("c", ["a", Stage("w", "won")], {"a": {"go": "w"}}))], "has no move into a cancelled stage"),
    ([Link("x", Pipeline("c", ["a", Stage("x", "cancelled", requires="why")], {"a": {"go": "x"}}))], "that asks for nothing"),
    ([Link("x", Pipeline("c", ["a", Stage("x", "cancelled")], {"a": {"go": Move("x", roles="boss")}}))], "that asks for nothing"),
    ([Link("x", CREDIT), Link("x", CREDIT)], "is there 2 times"),
    ([Link("x", CREDIT, stages="opne")], "did you mean 'open'"),
    ([Link("", CREDIT)], "is no name"),
])  # fmt: skip
def test_what_a_link_must_not_be(links, part):
    """Each mistake in a link has its place and its reason."""
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline("p", ["open", Stage("won", "won")], {"open": {"go": "won"}}, links=links)
    assert part in str(caught.value)


def test_without_a_child_there_is_no_outcome():
    """A guard that asks for the outcome of a child that was never opened does not pass."""
    case = DEALS.open("D-1", at=NOW).case
    case = DEALS.move(case, "offer", at=NOW).case
    refused = DEALS.decide(case, Take("sign"), NOW)
    assert "credit check" in refused.reasons[0]


def test_a_child_that_changed_over_to_another_version_is_not_guessed_at():
    """In a stage that the link does not know it is neither read nor cancelled; in one that it knows it is read."""
    case, child = deal().case, CREDIT.open("C-1", at=NOW, parent="D-1").case
    lose, sign = Take("lose", who="wei"), Take("sign", who="wei")
    strange = Around(children={"C-1": child._replace(stage="weighed", definition="f00")})
    assert "nobody can tell without credit check" in DEALS.decide(case, sign, NOW, around=strange).reasons[0]
    (why,) = DEALS.decide(case, lose, NOW, around=strange).reasons
    assert why == "credit check 'C-1' is under definition f00, which the link does not know; migrate this case too"
    again = DEALS.decide(case, OpenChild("credit check", "C-2"), NOW, around=strange)
    assert again.reasons == ("its credit check 'C-1' is still open",)
    newer = Around(children={"C-1": child._replace(definition="f00")})
    assert DEALS.decide(case, lose, NOW, around=newer).reasons == (why,)
    good = Around(children={"C-1": child._replace(stage="good", definition="f00")})
    assert DEALS.decide(case, sign, NOW, around=good).case.stage == "won"
    assert len(DEALS.decide(case, lose, NOW, around=good).events) == 1
