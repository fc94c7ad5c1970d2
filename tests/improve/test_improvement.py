"""Improvement cases: none opens twice, and what each wants is said."""

from datetime import UTC, date, datetime, timedelta

import pytest

from crmkit.errors import InvalidValue
from crmkit.improve import Hypothesis, Problem, Problems, methods
from crmkit.improve.improvement import Improvement, due, sort
from crmkit.metrics.kpi.conversion import StageConversion
from crmkit.values import Fields, Period

FIRST, SECOND = Period.quarter(2026, 1), Period.quarter(2026, 2)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
CLAIM = Hypothesis("stage_conversion", {"stage": "proposal"}, effect=0.1, before=FIRST, after=SECOND)


def problem(who="wei", over=FIRST):
    """Somebody is weak in a stage."""
    return Problem(kind="coach", where={"stage": "proposal", "who": who}, over=over, at=APRIL, definition="d")


def improvement(one, stage="opened", **fields):
    """Its case, in a stage of coaching."""
    pipeline = methods.get("coaching")
    opened = pipeline.open(one.case, at=APRIL, fields={**one.to_fields()}).case
    case = opened._replace(stage=stage, fields=Fields({**opened.fields, **fields}))
    return Improvement(case, pipeline, "coaching")


def test_no_problem_opens_two_cases():
    """Seen again while its case is open; seen in the quarter of a case that is closed; and in a later one."""
    open_, closed = improvement(problem("wei")), improvement(problem("bo"), "undone")
    found = Problems((problem("wei", SECOND), problem("bo"), problem("bo", SECOND), problem("an")))
    sorted_ = sort(found, [open_, closed])
    assert [(row.where["who"], before) for row, before in sorted_.new] == [("bo", 1), ("an", 0)]
    assert [(row.where["who"], one.case.id) for row, one in sorted_.again] == [("wei", open_.case.id)]
    assert [one.case.id for _, one in sorted_.known] == [closed.case.id]
    assert sort(found, []).again == ()


def test_what_a_case_is():
    """Its problem, its hypothesis and what it came to are read from its facts."""
    one = improvement(problem(), hypothesis=CLAIM.to_fields())
    assert one.problem == problem()
    assert one.hypothesis() == CLAIM
    assert (one.outcome, one.acting) == (None, False)
    assert improvement(problem(), "practice").acting
    assert improvement(problem(), "standardised").outcome == "won"
    assert improvement(problem()).hypothesis() is None
    with pytest.raises(InvalidValue, match="lack"):
        _ = Improvement(one.case._replace(fields=Fields({})), one.pipeline, "coaching").problem


OTHER = Hypothesis(StageConversion(30), {"stage": "proposal"}, effect=0.1, before=FIRST, after=SECOND)
TODAY = date(2026, 5, 1)


@pytest.mark.parametrize(("stage", "fields", "today", "want"), [
    ("opened", {}, TODAY, "an owner"),
    ("opened", {"owner": "li"}, TODAY, "a hypothesis"),
    ("opened", {"owner": "li", "hypothesis": CLAIM.to_fields()}, TODAY, None),
    ("practice", {"hypothesis": CLAIM.to_fields(), "due": date(2026, 4, 20)}, TODAY, "to be done"),
    ("practice", {"hypothesis": CLAIM.to_fields(), "due": date(2026, 4, 20), "actions": [{"done": False}]}, TODAY, "to be done"),
    ("practice", {"hypothesis": CLAIM.to_fields(), "due": date(2026, 4, 20), "actions": [{"done": True}]}, TODAY, None),
    ("practice", {"hypothesis": CLAIM.to_fields(), "due": date(2026, 6, 20)}, TODAY, None),
    ("practice", {"hypothesis": CLAIM.to_fields()}, SECOND.end, "a verdict"),
    ("practice", {"hypothesis": OTHER.to_fields()}, SECOND.end, "a verdict"),
    ("practice", {"hypothesis": OTHER.to_fields()}, TODAY, None),
    ("practice", {"hypothesis": {"metric": "gone", "after": "soon"}}, TODAY, "a verdict"),
    ("practice", {}, TODAY, "a verdict"),
    ("dropped", {}, TODAY, None),
])  # fmt: skip
def test_what_a_case_wants(stage, fields, today, want):
    """An owner, then a hypothesis; what is late; a verdict, also where the hypothesis cannot be read any more."""
    one = improvement(problem(), stage, **fields)
    assert [row.want for row in due([one], today)] == ([want] if want else [])


def test_the_longest_first():
    """What waits longest stands first, with whose it is and what it is about."""
    old, new = improvement(problem("bo")), improvement(problem("an"), owner="li")
    old = Improvement(old.case._replace(entered=APRIL - timedelta(days=9)), old.pipeline, "coaching")
    rows = due([new, old], TODAY).rows
    assert [(row.case, row.owner, row.since) for row in rows] == [
        (old.case.id, None, date(2026, 3, 23)), (new.case.id, "li", date(2026, 4, 1)),
    ]  # fmt: skip
    assert rows[0].problem[0].startswith("Conversion is low")
    assert due([new], TODAY).to_dict()["want"] == ["a hypothesis"]
