"""The definition: what it decides, and what it refuses to be."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest

from crmkit.errors import DefinitionErrors, InvalidValue, MoveNotAllowed, NaiveDatetime, NotFound
from crmkit.pipeline import Accepted, Approval, Move, Panel, Pipeline, Refused, Stage
from crmkit.pipeline.commands import Edit, Submit, Take


def test_open_and_move_return_the_case_and_the_fact(sales, now):
    """A step holds the new case and the event; the old case is untouched."""
    first = sales.open("D-1", customer="Acme", who="wei", at=now)
    later = now + timedelta(days=1)
    case, event, *_ = sales.move(first.case, "qualify", who="li", at=later, budget=150_000)
    assert (first.case.stage, case.stage, case.version) == ("lead", "qualified", 2)
    assert (event.origin, event.stage, event.entered, event.held_by) == ("lead", "qualified", now, "wei")
    assert (event.id, event.who, event.definition) == ("D-1#2", "li", sales.definition)
    assert case.fields == {"customer": "Acme", "budget": 150_000}


def test_unknown_move_names_stage_moves_and_nearest(sales, now):
    """The refusal says where the case is, what it may do, and what was probably meant."""
    case = sales.move(sales.open("D-1", at=now).case, "qualify", at=now).case
    with pytest.raises(MoveNotAllowed) as caught:
        sales.move(case, "proposs", at=now)
    assert str(caught.value) == (
        "case 'D-1' is in stage 'qualified', which has no move 'proposs'; its moves are lose, propose "
        "(did you mean 'propose'?)"
    )


def test_every_reason_at_once(sales, now):
    """Missing fields, a failed guard and a wrong time are all reported together."""
    case = sales.move(sales.open("D-1", at=now).case, "qualify", at=now).case
    verdict = sales.try_move(case, "propose", at=now - timedelta(hours=1), discount=0.3)
    assert isinstance(verdict, Refused)
    assert not verdict
    assert verdict.missing == ("amount", "decision maker")
    assert len(verdict.reasons) == 4
    assert any("small_discount" in reason for reason in verdict.reasons)
    with pytest.raises(MoveNotAllowed, match="is refused:"):
        sales.move(case, "propose", at=now - timedelta(hours=1), discount=0.3)


def test_accepted_is_true_and_carries_the_step(sales, now):
    """A legal move is accepted; its step is the one `move` gives."""
    case = sales.open("D-1", at=now).case
    verdict = sales.try_move(case, "qualify", at=now)
    assert isinstance(verdict, Accepted)
    assert verdict
    assert verdict.step == sales.move(case, "qualify", at=now)


@pytest.mark.parametrize(
    ("asked", "way"), [("sign", ("qualify", "propose", "sign")), ("proposal", ("qualify", "propose"))]
)
def test_nearest_legal_way(sales, now, asked, way):
    """For a move, or a stage, that lies further on, the shortest run of moves is given."""
    verdict = sales.try_move(sales.open("D-1", at=now).case, asked, at=now)
    assert verdict.nearest[0] == way
    assert " → ".join(way) in verdict.reasons[0]


def test_closed_is_not_an_end(sales, now):
    """A lost case may be reopened if a move says so; losing needs its reason."""
    case = sales.open("D-1", at=now).case
    assert sales.try_move(case, "lose", at=now).missing == ("lost reason",)
    lost = sales.move(case, "lose", at=now, fields={"lost reason": "price"}).case
    assert sales.move(lost, "reopen", at=now).case.stage == "lead"


@pytest.mark.parametrize("blank", [None, "", "   "])
def test_blank_is_no_value(sales, now, blank):
    """A required field must say something."""
    case = sales.open("D-1", at=now).case
    assert not sales.try_move(case, "lose", at=now, fields={"lost reason": blank})


@pytest.mark.parametrize(("answer", "reasons"), [
    (True, ()), (None, ()), (1, ()), (False, ("guard 'judge' does not allow 'go'",)), ("no", ("no",)),
    (["a", "b"], ("a", "b")), ([], ()),
])  # fmt: skip
def test_what_a_guard_may_answer(now, answer, reasons):
    """True, None and whatever is true let pass; a text or several are the reasons."""

    def judge(attempt):
        assert (attempt.move, attempt.to, attempt.who, attempt.at) == ("go", "won", "wei", now)
        return answer

    line = Pipeline("line", ["a", Stage("won", "won")], {"a": {"go": Move("won", guard=judge)}})
    verdict = line.try_move(line.open("x", at=now).case, "go", at=now, who="wei")
    assert getattr(verdict, "reasons", ()) == reasons


def test_a_guard_that_fails_surfaces_with_its_place(now):
    """A defect in the host's guard is neither a refusal nor a move; the traceback says which guard."""

    def broken(attempt):
        return attempt["amount"] > 3

    line = Pipeline("line", ["a", Stage("won", "won")], {"a": {"go": Move("won", guard=broken)}})
    with pytest.raises(TypeError) as caught:
        line.move(line.open("x", at=now).case, "go", at=now)
    assert "guard 'broken' of move 'go', case 'x'" in caught.value.__notes__[0]


def test_all_definition_errors_at_once():
    """Six mistakes, six messages, one exception."""
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline(
            "",
            [Stage("lead"), Stage("lead"), Stage("won", "wn"), Stage("late", limit="soon")],
            {"leed": {"go": "won"}, "lead": {"win": "wonn", "": "won"}},
            start="laed",
        )
    text = str(caught.value)
    for part in ("name: is empty", "is there 2 times", "outcome 'wn'", "limit 'soon'", "no stage 'leed' (did you mean 'lead'?)",
                 "no stage 'wonn' (did you mean 'won'?)", "no stage 'laed'", "has no name"):  # fmt: skip
        assert part in text


@pytest.mark.parametrize(("stages", "moves", "part"), [
    ([], {}, "there are none"),
    (["a", "b"], {"a": {"go": "b"}}, "none is closed"),
    (["a", "b", Stage("won", "won")], {"a": {"go": "won"}}, "no run of moves leads there"),
    (["a", "b", Stage("won", "won")], {"a": {"go": "won", "trap": "b"}}, "is a trap"),
    ([Stage("won", "won")], {}, "is closed"),
    (["a", Stage("won", "won")], {"a": {"go": Move("won", guard=3)}}, "is no text, no rule and no function"),
    (["a", Stage("won", "won")], {"a": {"go": Move("won", guard="discount <")}}, "line 1, column 11"),
    (["a", Stage("won", "won", requires=["", "x"])], {"a": {"go": "won"}}, "no field name"),
    (["", Stage("won", "won")], {"": {"go": "won"}}, "'' is no name"),
])  # fmt: skip
def test_what_a_pipeline_must_not_be(stages, moves, part):
    """Empty, endless, unreachable, trapped, closed from the start: refused when it is built."""
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline("p", stages, moves)
    assert part in str(caught.value)


def test_times_must_be_aware_and_in_order(sales, now):
    """A naive time and an edit before the last event are errors."""
    case = sales.open("D-1", at=now).case
    with pytest.raises(NaiveDatetime):
        sales.move(case, "qualify", at=datetime(2026, 3, 3))  # noqa: DTZ001 - the point
    with pytest.raises(NaiveDatetime):
        sales.move(case, "qualify", at=now.date())
    with pytest.raises(MoveNotAllowed, match="before its last event"):
        sales.edit(case, at=now - timedelta(days=1), amount=1)


def test_hand_over_changes_the_owner_at_the_next_entry(sales, now):
    """The owner at entry is who held the case when it entered the stage, not who moved it."""
    case = sales.open("D-1", who="wei", at=now).case
    case = sales.edit(case, at=now, who="boss", owner="li").case
    assert (case.owner, case.held_by) == ("li", "wei")
    case, event, *_ = sales.move(case, "qualify", who="boss", at=now)
    assert (event.held_by, case.held_by) == ("wei", "li")


def test_case_in_a_stage_the_pipeline_lacks(sales, now):
    """A case of another definition is refused with the nearest stage, not with a KeyError."""
    case = sales.open("D-1", at=now).case._replace(stage="leads")
    assert "did you mean 'lead'" in sales.try_move(case, "qualify", at=now).reasons[0]


def test_open_refuses_what_is_missing(now):
    """A start stage may require fields; an empty id is no id."""
    line = Pipeline("line", [Stage("a", requires="customer"), Stage("won", "won")], {"a": {"go": "won"}})
    with pytest.raises(MoveNotAllowed, match="needs 'customer'"):
        line.open("x", at=now)
    with pytest.raises(InvalidValue, match="case id"):
        line.open("", at=now, customer="Acme")


def test_equal_definitions_are_equal_and_lookups_name_the_nearest(sales):
    """Definitions compare by content; stages are found by name."""
    again = Pipeline(sales.name, sales.stages, sales.moves)
    assert again == sales
    assert hash(again) == hash(sales)
    assert sales != Pipeline("other", sales.stages, sales.moves)
    assert sales.stage("won").outcome == "won"
    with pytest.raises(NotFound, match="did you mean 'proposal'"):
        sales.stage("propsal")
    assert sales.moves_from("lead") == ("qualify", "lose")


def test_errors_and_cases_cross_process_pools(sales, now):
    """What a worker returns or raises can be pickled."""
    step = sales.open("D-1", at=datetime.now(UTC), who="w")
    assert pickle.loads(pickle.dumps(step)) == step  # noqa: S301 - our own bytes
    with pytest.raises(MoveNotAllowed) as caught:
        sales.move(step.case, "sign", at=step.case.at)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - same


def test_a_case_of_another_version_is_refused(now):
    """A case is pinned to the definition that opened it: no other decides about it, whatever their stages are called."""
    old = Pipeline("p", ["a", Stage("won", "won")], {"a": {"go": "won"}}, approvals=[Approval("ok", Panel("li"))])
    new = Pipeline("p", ["a", Stage("won", "won")], {"a": {"go": "won", "sell": "won"}}, approvals=old.approvals)
    case = old.open("D-1", at=now).case
    told = f"and under definition {old.definition}, not {new.definition}: decide with the version it is under"
    for command in (Take("go"), Edit(fields={"x": 1}), Submit("ok", who="wei")):
        assert told in new.decide(case, command, now).reasons[0]
        assert old.decide(case, command, now)
    with pytest.raises(MoveNotAllowed, match="is in stage 'a', and under definition"):
        new.move(case, "go", at=now)
    with pytest.raises(MoveNotAllowed, match="or migrate it first"):
        new.edit(case, at=now, x=1)
    # A case that was imported without a definition is under whichever decides first.
    assert new.move(case._replace(definition=None), "go", at=now).case.definition == new.definition
