"""What type checkers see of events, pipelines and the desk: run by mypy and pyright, never executed."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import assert_type

import crmkit as crm
from crmkit.events import Edited, Event, Moved, from_json, to_json
from crmkit.pipeline import Attempt, Visit
from crmkit.pipeline.case import Verdict

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def small(attempt: Attempt) -> bool:
    """A guard is any function of an attempt."""
    return bool(attempt["discount"])


def moves() -> None:
    """A step is a case and its fact; a verdict is one of two things, told apart by type."""
    sales = crm.Pipeline(
        "sales",
        stages=[crm.Stage("lead"), crm.Stage("won", outcome="won")],
        moves={"lead": {"sign": crm.Move("won", guard=small)}},
    )
    step = sales.open("D-1", at=NOW, amount=crm.Money("120000", "CNY"))
    assert_type(step, crm.Step)
    assert_type(step.case, crm.Case)
    case, event, *_ = sales.move(step.case, "sign", who="wei", at=NOW)
    assert_type(case, crm.Case)
    narrowed: Event = event
    verdict = sales.try_move(case, "sign", at=NOW)
    assert_type(verdict, Verdict)
    if isinstance(verdict, crm.Refused):
        assert_type(verdict.reasons, tuple[str, ...])
    else:
        assert_type(verdict, crm.Accepted)
    assert_type(sales.replay([narrowed]), crm.Case | None)
    assert_type(sales.timeline([narrowed]), tuple[Visit, ...])
    assert_type(crm.Pipeline.from_toml(sales.to_toml()), crm.Pipeline)


def facts() -> None:
    """Facts have their own fields and one text form."""
    edited = Edited(id="D-1#2", case="D-1", at=NOW, recorded=NOW)
    assert_type(edited.who, str | None)
    assert_type(to_json(edited), str)
    fact = from_json(to_json(edited))
    assert_type(fact, Event)
    if isinstance(fact, Moved):
        assert_type(fact.entered, datetime)
    edited.case = "D-2"  # type: ignore[misc] # facts never change


def desk(store: crm.EventStore) -> None:
    """A desk takes any store and a clock, and answers in cases."""
    at_work = crm.Desk(store, crm.Pipeline("x", stages=["a"], moves={}), clock=lambda: NOW)
    assert_type(at_work.open("D-1"), crm.Case)
    assert_type(at_work.move("D-1", "go"), crm.Case)
    assert_type(at_work.history("D-1"), tuple[Event, ...])


def names(values: Iterable[str]) -> Mapping[str, Iterable[str]]:
    """Definitions take plain collections."""
    return {"stages": crm.Pipeline("x", stages=list(values), moves={}).moves_from("a")}
