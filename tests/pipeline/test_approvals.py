"""Approvals: who has to agree, to what, for whom, and what becomes of it."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.events import Approved, Edited
from crmkit.pipeline import Accepted, Approval, Around, Directory, Move, Panel, Pipeline, Refused, Stage
from crmkit.pipeline.approvals import Sitting, content_of
from crmkit.pipeline.commands import AddApprover, Approve, Edit, Open, Reject, SendBack, Submit, Take, Withdraw
from crmkit.pipeline.directory import Delegation
from crmkit.rules import Field, Schema
from crmkit.values import Fields, Money

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DIRECTORY = Directory(
    roles={"manager": ["li", "zhang"], "director": ["chen"]},
    superiors={"wei": "li", "li": "chen"},
    delegations=[Delegation("li", "fang", NOW, NOW + timedelta(days=7), scope="discount")],
)
AROUND = Around(directory=DIRECTORY)


def pipeline(*panels, **options):
    """A process whose one interesting move needs the approval "discount"."""
    return Pipeline(
        "deals",
        stages=["open", Stage("won", "won")],
        moves={"open": {"sign": Move("won", approval="discount")}},
        approvals=[Approval("discount", panels, **options)],
    )


class Process:
    """A case that commands are given to, and the facts that they led to."""

    def __init__(self, definition, **fields):
        self.definition = definition
        first = definition.decide("D-1", Open(who="wei", fields=fields), NOW)
        self.case, self.events = first.case, [*first.events]

    def do(self, command, at=NOW):
        """Give a command; take the step if it is accepted."""
        verdict = self.definition.decide(self.case, command, at, around=AROUND)
        if isinstance(verdict, Accepted):
            self.events += verdict.events
            self.case = verdict.case
            assert self.definition.replay(self.events) == self.case
        return verdict

    def refused(self, command, at=NOW):
        """The reasons why a command is refused."""
        verdict = self.do(command, at)
        assert isinstance(verdict, Refused)
        return " / ".join(verdict.reasons)

    @property
    def request(self):
        """The request."""
        return self.case.request("discount")


def test_a_move_waits_for_its_approval():
    """Not asked for, waiting, granted: the move says which, and passes only at the end."""
    process = Process(pipeline(Panel(["li"])), discount=0.2)
    assert process.refused(Take("sign", who="wei")) == "needs approval 'discount', which nobody asked for"
    assert process.do(Submit("discount", who="wei"))
    assert process.refused(Take("sign", who="wei")) == "needs approval 'discount', which waits for li"
    assert process.do(Approve("discount", who="li"))
    assert process.request.status == "granted"
    assert process.do(Take("sign", who="wei"))


def test_a_covered_field_that_changes_voids_the_grant():
    """What was approved is the content of the covered fields; others may change; back to the old content is fine."""
    process = Process(pipeline(Panel(["li"]), covers=["discount"]), discount=0.2)
    process.do(Submit("discount", who="wei"))
    process.do(Approve("discount", who="li"))
    process.do(Edit(who="wei", fields={"note": "x"}))
    assert process.do(Edit(who="wei", fields={"discount": 0.3}))
    reason = process.refused(Take("sign", who="wei"))
    assert reason == "needs approval 'discount' again: discount changed since it was asked for"
    assert "discount changed" in process.refused(Take("sign", who="wei", fields={"discount": 0.25}))
    assert process.do(Take("sign", who="wei", fields={"discount": 0.2}))


def test_nobody_answers_what_has_changed():
    """A request whose content changed while it waits must be asked for again, and can be."""
    process = Process(pipeline(Panel(["li"])), discount=0.2)
    process.do(Submit("discount", who="wei"))
    process.do(Edit(who="wei", fields={"discount": 0.5}))
    assert "has changed since" in process.refused(Approve("discount", who="li"))
    assert process.do(Submit("discount", who="wei"))
    assert process.do(Approve("discount", who="li"))
    assert process.request.status == "granted"


@pytest.mark.parametrize(("mode", "quorum", "answers", "status"), [
    ("any", 1, "y", "granted"), ("any", 1, "nny", "granted"), ("any", 1, "nnn", "rejected"),
    ("all", 1, "yyy", "granted"), ("all", 1, "yn", "rejected"), ("all", 1, "yy", "pending"),
    ("sequence", 1, "yyy", "granted"), ("sequence", 1, "yn", "rejected"),
    ("quorum", 2, "yy", "granted"), ("quorum", 2, "ynn", "rejected"), ("quorum", 2, "nyy", "granted"),
    ("weighted", 3, "y", "granted"), ("weighted", 3, "n", "rejected"), ("weighted", 2, "nyy", "granted"),
])  # fmt: skip
def test_each_mode_decides_in_its_own_way(mode, quorum, answers, status):
    """One is enough, all are needed, one after the other, k of n, by weight (the first has three)."""
    people = ["li", "zhang", "chen"]
    process = Process(pipeline(Panel(people, mode=mode, quorum=quorum, weights={"li": 3})), amount=Money("5", "EUR"))
    assert process.do(Submit("discount", who="wei"))
    for who, answer in zip(people, answers, strict=False):
        assert process.do(Approve("discount", who=who) if answer == "y" else Reject("discount", who=who, reason="no"))
    assert process.request.status == status


@given(
    mode=st.sampled_from(["any", "all", "sequence", "quorum", "weighted"]),
    weights=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    quorum=st.integers(1, 6),
    answers=st.lists(st.sampled_from([None, True, False]), min_size=4, max_size=4),
)
def test_a_panel_has_decided_exactly_when_the_open_answers_no_longer_matter(mode, weights, quorum, answers):
    """A verdict stands if and only if every way to answer what is still open leads to it."""
    people = tuple("abcd"[: len(weights)])
    answers = answers[: len(people)]

    def sitting(given):
        yes = tuple(one for one, answer in zip(people, given, strict=True) if answer is True)
        no = tuple(one for one, answer in zip(people, given, strict=True) if answer is False)
        return Sitting(people, mode, quorum, Fields(dict(zip(people, weights, strict=True))), yes, no)

    def agreed(given):
        count = sum(w if mode == "weighted" else 1 for w, answer in zip(weights, given, strict=True) if answer)
        total = sum(weights) if mode == "weighted" else len(people)
        return count >= {"any": 1, "quorum": quorum, "weighted": quorum}.get(mode, total)

    ways = product(*([answer] if answer is not None else [True, False] for answer in answers))
    outcomes = {agreed(way) for way in ways}
    assert sitting(answers).verdict == (outcomes.pop() if len(outcomes) == 1 else None)


def test_a_sequence_asks_one_after_the_other():
    """Who is not next is not due yet."""
    process = Process(pipeline(Panel(["li", "zhang"], mode="sequence")))
    process.do(Submit("discount", who="wei"))
    assert process.request.due == ("li",)
    assert "li may decide now, and zhang is none" in process.refused(Approve("discount", who="zhang"))


def test_panels_follow_each_other():
    """The second panel sits when the first has agreed."""
    process = Process(pipeline(Panel(roles="manager"), Panel(roles="director")))
    process.do(Submit("discount", who="wei"))
    assert process.request.due == ("li", "zhang")
    process.do(Approve("discount", who="zhang"))
    assert process.request.due == ("chen",)
    process.do(Approve("discount", who="chen"))
    assert process.request.granted(process.case.fields)


@pytest.mark.parametrize(
    ("own", "due"), [("skip", ("zhang",)), ("allow", ("li", "zhang")), ("superior", ("zhang", "chen"))]
)
def test_whoever_asks_may_not_decide_unless_told_so(own, due):
    """Asking for what one decides oneself: passed over, allowed, or passed on to the superior."""
    process = Process(pipeline(Panel(roles="manager", own=own, mode="all")))
    assert process.do(Submit("discount", who="li"))
    assert process.request.due == due


def test_an_empty_panel_is_refused_passed_over_or_asks_deputies():
    """Nobody to decide: the request is refused, the panel passed over, or its deputies asked."""
    none = {"people": (), "roles": "auditor"}
    refusing = Process(pipeline(Panel(**none)))
    assert "nobody is found to decide (asked for role 'auditor')" in refusing.refused(Submit("discount", who="wei"))
    passing = Process(pipeline(Panel(**none, empty="pass"), Panel(["li"])))
    passing.do(Submit("discount", who="wei"))
    assert passing.request.due == ("li",)
    alone = Process(pipeline(Panel(**none, empty="pass")))
    alone.do(Submit("discount", who="wei"))
    assert alone.request.status == "granted"
    asking = Process(pipeline(Panel(**none, empty="ask", deputies=["zhang"])))
    asking.do(Submit("discount", who="wei"))
    assert asking.request.due == ("zhang",)


@pytest.mark.parametrize(("repeated", "due"), [("each", ("li",)), ("first", ()), ("consecutive", ("li",))])
def test_people_in_several_panels(repeated, due):
    """Who agreed already decides again each time, never again, or again only after another panel sat between."""
    process = Process(pipeline(Panel(["li"]), Panel(["zhang"]), Panel(["li"]), repeated=repeated))
    process.do(Submit("discount", who="wei"))
    process.do(Approve("discount", who="li"))
    process.do(Approve("discount", who="zhang"))
    assert process.request.due == due
    following = Process(pipeline(Panel(["li"]), Panel(["li"]), repeated="consecutive"))
    following.do(Submit("discount", who="wei"))
    following.do(Approve("discount", who="li"))
    assert following.request.status == "granted"


def test_a_delegate_decides_and_both_are_recorded():
    """Within the period and the scope; the fact says who did it and in whose place."""
    process = Process(pipeline(Panel(["li"])))
    process.do(Submit("discount", who="wei"))
    late = NOW + timedelta(days=7)
    assert "fang is none of them" in process.refused(Approve("discount", who="fang"), at=late)
    assert process.do(Approve("discount", who="fang"))
    assert (process.events[-1].who, process.events[-1].on_behalf_of) == ("fang", "li")
    assert process.request.status == "granted"


def test_who_acts_for_several_says_for_whom():
    """A delegate of two who may decide must name one; naming one who may not, or whom one does not act for, fails."""
    both = Directory(delegations=[Delegation("li", "fang", NOW), Delegation("zhang", "fang", NOW)])
    definition = pipeline(Panel(["li", "zhang"], mode="all"))
    case = definition.decide("D-1", Open(who="wei"), NOW).case
    around = Around(directory=both)
    case = definition.decide(case, Submit("discount", who="wei"), NOW, around=around).case
    unclear = definition.decide(case, Approve("discount", who="fang"), NOW, around=around)
    assert unclear.reasons == ("fang acts for li, zhang: say for whom, with on_behalf_of=",)
    wrong = definition.decide(case, Approve("discount", who="fang", on_behalf_of="chen"), NOW, around=around)
    assert wrong.reasons == ("chen is not to decide now, but li, zhang",)
    nobody = definition.decide(case, Approve("discount", who="bo", on_behalf_of="li"), NOW, around=around)
    assert "bo does not act for li" in nobody.reasons[0]
    case = definition.decide(case, Approve("discount", who="fang", on_behalf_of="zhang"), NOW, around=around).case
    assert case.request("discount").due == ("li",)


def test_nobody_approves_their_own_request_through_a_delegation():
    """Whoever asks may hold the authority of a superior, and still not use it for this."""
    definition = pipeline(Panel(["li"]))
    around = Around(directory=Directory(delegations=[Delegation("li", "wei", NOW)]))
    case = definition.decide("D-1", Open(who="wei"), NOW).case
    case = definition.decide(case, Submit("discount", who="wei"), NOW, around=around).case
    refused = definition.decide(case, Approve("discount", who="wei"), NOW, around=around)
    assert refused.reasons == ("wei asked for it and may not decide for li",)


def test_separate_duties_are_done_by_different_people():
    """With separate, nobody answers in two panels, be it in another's place; without, they may."""
    around = Around(directory=Directory(delegations=[Delegation("chen", "li", NOW)]))
    for separate in (False, True):
        definition = pipeline(Panel(["li"]), Panel(["chen"]), separate=separate)
        case = definition.decide("D-1", Open(who="wei"), NOW).case
        for command in (Submit("discount", who="wei"), Approve("discount", who="li")):
            case = definition.decide(case, command, NOW, around=around).case
        second = definition.decide(case, Approve("discount", who="li"), NOW, around=around)
        assert bool(second) is not separate
    assert second.reasons == ("li has answered already, and nobody may answer twice",)


def test_another_is_called_in_before_or_after():
    """Before: they decide first and the panel waits. After: they decide once the panel has."""
    for before, due in ((True, [("bo",), ("li",)]), (False, [("li",), ("bo",)])):
        process = Process(pipeline(Panel(["li"])))
        process.do(Submit("discount", who="wei"))
        assert process.do(AddApprover("discount", "bo", who="li", before=before))
        for people in due:
            assert process.request.due == people
            process.do(Approve("discount", who=people[0]))
        assert process.request.status == "granted"
    again = Process(pipeline(Panel(["li", "zhang"])))
    again.do(Submit("discount", who="wei"))
    assert "'zhang' is to decide already" in again.refused(AddApprover("discount", "zhang", who="li"))
    assert "wei asked for it and cannot be called in" in again.refused(AddApprover("discount", "wei", who="li"))
    assert "approver= is empty" in again.refused(AddApprover("discount", " ", who="li"))


def test_a_request_goes_back_to_a_panel_or_to_whoever_asked():
    """An earlier panel decides again and its answers are gone; 0 ends the request, and it can be asked for anew."""
    process = Process(pipeline(Panel(["li"]), Panel(["chen"])))
    process.do(Submit("discount", who="wei"))
    process.do(Approve("discount", who="li"))
    assert "panel 3 has not sat yet" in process.refused(SendBack("discount", who="chen", panel=3))
    assert process.do(SendBack("discount", who="chen", panel=1, reason="why so much?"))
    assert process.request.due == ("li",)
    assert process.do(SendBack("discount", who="li"))
    assert process.request.status == "returned"
    assert "which was returned" in process.refused(Take("sign", who="wei"))
    assert process.do(Submit("discount", who="wei"))
    assert process.request.due == ("li",)


def test_a_request_is_withdrawn_by_whoever_asked():
    """Nobody else may, and what is no longer pending cannot be."""
    process = Process(pipeline(Panel(["li"])))
    process.do(Submit("discount", who="wei"))
    assert "only they may withdraw it" in process.refused(Withdraw("discount", who="li"))
    assert process.do(Withdraw("discount", who="wei"))
    assert process.refused(Approve("discount", who="li")) == "approval 'discount' is withdrawn"
    assert process.refused(Withdraw("discount", who="wei")) == "approval 'discount' is withdrawn"


def test_what_cannot_be_asked_or_answered_says_why():
    """Unknown approvals, nobody who asks or answers, asking twice, a quorum that can never be met, answers with fields."""
    process = Process(pipeline(Panel(["li"])))
    assert "did you mean 'discount'" in process.refused(Submit("discoun", who="wei"))
    assert "give who=" in process.refused(Submit("discount"))
    assert process.refused(Approve("discount", who="li")) == "approval 'discount' was not asked for"
    process.do(Submit("discount", who="wei"))
    assert process.refused(Submit("discount", who="wei")) == "approval 'discount' waits for li already"
    assert process.refused(Approve("discount")) == "somebody must answer; give who="
    assert "sets no fields" in process.refused(Approve("discount", who="li", fields={"a": 1}))
    assert "before its last event" in process.refused(Approve("discount", who="li", at=NOW - timedelta(1)))
    process.do(Approve("discount", who="li"))
    assert process.refused(Submit("discount", who="wei")) == "approval 'discount' is granted already"
    few = Process(pipeline(Panel(["li"], mode="quorum", quorum=2)))
    assert "needs 2 people and has 1" in few.refused(Submit("discount", who="wei"))
    light = Process(pipeline(Panel(["li"], mode="weighted", quorum=2)))
    assert "needs weight 2 and has 1" in light.refused(Submit("discount", who="wei"))


def test_approvers_may_be_named_by_fields():
    """A field of the case names who decides; what the request itself sets counts."""
    process = Process(pipeline(Panel(fields="sales manager")))
    assert "asked for 'sales manager'" in process.refused(Submit("discount", who="wei"))
    assert process.do(Submit("discount", who="wei", fields={"sales manager": "li"}))
    assert process.request.due == ("li",)
    assert process.request.valid(process.case.fields)


def test_an_approval_may_be_needed_only_sometimes():
    """Where its condition is false the move needs none; where nobody can tell, it does."""
    definition = pipeline(Panel(["li"]), when="discount > 0.15")
    small = Process(definition, discount=0.1)
    assert small.do(Take("sign", who="wei"))
    assert "nobody asked for" in Process(definition, discount=0.2).refused(Take("sign", who="wei"))
    assert "nobody asked for" in Process(definition).refused(Take("sign", who="wei"))


def test_guards_may_ask_whether_anything_was_approved():
    """`approved` is true once a request is granted for what the fields hold."""
    definition = Pipeline(
        "deals",
        stages=["open", Stage("won", "won")],
        moves={"open": {"sign": Move("won", guard="discount <= 0.15 or approved")}},
        approvals=[Approval("discount", [Panel(["li"])])],
    )
    process = Process(definition, discount=0.2)
    assert "discount is 0.2, approved is false" in process.refused(Take("sign", who="wei"))
    process.do(Submit("discount", who="wei"))
    process.do(Approve("discount", who="li"))
    assert process.do(Take("sign", who="wei"))


def test_facts_that_do_not_fit_change_nothing():
    """Evolving is total: an answer of a stranger, and one without a request, only count."""
    process = Process(pipeline(Panel(["li"])))
    process.do(Submit("discount", who="wei"))
    stranger = Approved(id="D-1#9", case="D-1", at=NOW, recorded=NOW, who="bo", approval="discount")
    assert process.definition.evolve(process.case, stranger).requests == process.case.requests
    unrelated = Edited(id="D-1#9", case="D-1", at=NOW, recorded=NOW)
    assert process.definition.evolve(process.case, unrelated).requests == process.case.requests


@given(st.dictionaries(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(), st.text(max_size=3))))
def test_the_hash_of_a_content_depends_on_the_covered_fields_alone(fields):
    """Other fields, the order of names and empty fields do not matter; every covered value does."""
    covers = ["b", "a"]
    same = {name: value for name, value in reversed(fields.items()) if name in covers and value is not None}
    assert content_of(fields, covers) == content_of(same, ["a", "b"])
    assert content_of({**fields, "a": "something else"}, covers) != content_of(fields, covers)


class Praised(Edited):
    """A host's own fact, which happens to speak of an approval."""

    type = "Praised"
    approval = "discount"


def test_facts_of_the_host_are_no_answers():
    """A fact of another type that has an `approval` changes no request."""
    process = Process(pipeline(Panel(["li"])))
    process.do(Submit("discount", who="wei"))
    praise = Praised(id="D-1#9", case="D-1", at=NOW, recorded=NOW, who="li")
    assert process.definition.evolve(process.case, praise).requests == process.case.requests


def test_a_condition_that_lacks_a_field_asks_for_the_approval():
    """Where the schema demands a field and the case has none, nobody can tell, and the approval is needed."""
    definition = Pipeline(
        "deals", ["open", Stage("won", "won")], {"open": {"sign": Move("won", approval="discount")}},
        approvals=[Approval("discount", Panel(["li"]), when="discount > 0.15")],
        schema=Schema([Field("discount", "decimal")]),
    )  # fmt: skip
    assert "nobody asked for" in Process(definition).refused(Take("sign", who="wei"))
