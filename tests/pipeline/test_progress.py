"""Progress: milestones, the time that was used, and what remains."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.events import Opened
from crmkit.pipeline import Clock, Pipeline, Stage
from crmkit.pipeline.progress import progress

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TASKS = Pipeline(
    "tasks",
    ["new", Stage("planned", limit="10 hours"), Stage("checked", requires=["result", "by"]), Stage("done", "won"),
     Stage("dropped", "cancelled")],
    clocks=[Clock("first", "2 hours", stop='stage != "new"')],
)  # fmt: skip


def told(*moves):
    """The facts of a task that takes a move each hour."""
    step = TASKS.open("T-1", at=START)
    facts = [*step.events]
    for hour, move in enumerate(moves, 1):
        step = TASKS.move(step.case, move, at=START + hour * HOUR, result="fine", by="wei")
        facts += step.events
    return facts


def test_a_task_on_its_way():
    """Step, milestones ahead, what the next one needs, and the share of the limit that was used."""
    facts = [*told(), *TASKS.move(TASKS.replay(told()), "planned", at=START + HOUR, result="fine").events]
    found = progress(TASKS, facts, now=START + 7 * HOUR)
    assert (found.step, found.path, found.ahead, found.share) == (
        2,
        ("new", "planned", "checked", "done"),
        ("checked", "done"),
        0.5,
    )
    assert (found.outcome, found.lacks) == (None, ("by",))
    (clock,) = found.clocks
    assert (clock.clock, clock.elapsed, clock.remaining) == ("planned", 6 * HOUR, 4 * HOUR)
    assert str(found) == (
        "T-1: step 2 of 4, 'planned'; then checked, done; 'checked' needs by; 60% of the time of 'planned' used"
    )
    plain = json.loads(json.dumps(found.to_dict()))
    assert (plain["lacks"], plain["clocks"][0]["remaining"]) == (["by"], 4 * 3600.0)


def test_a_task_that_is_closed():
    """A task that is done has reached every milestone; one that was dropped those that it had."""
    done = progress(TASKS, told("planned", "checked", "done"), now=START + 9 * HOUR)
    assert (done.step, done.ahead, done.outcome, done.clocks) == (4, (), "won", ())
    dropped = progress(TASKS, told("checked", "planned", "dropped"), now=START + 9 * HOUR)
    assert (dropped.step, dropped.share, dropped.outcome) == (3, 0.75, "cancelled")
    assert str(dropped) == "T-1: step 3 of 4, 'dropped'; cancelled"


def test_a_process_that_nobody_wins():
    """Without a stage that is won the last milestone is the last open stage."""
    plain = Pipeline("p", ["a", "b", Stage("off", "cancelled")])
    step = plain.open("T-1", at=START)
    moved = plain.move(step.case, "b", at=START)
    found = progress(plain, [*step.events, *moved.events], now=START)
    assert (found.step, found.path, found.ahead, found.lacks) == (2, ("a", "b"), (), ())
    assert str(found) == "T-1: step 2 of 2, 'b'"


def test_progress_as_of_then():
    """It is told as of an instant; before the case began there is none, and a stage of another process is named."""
    facts = told("planned", "checked")
    assert [progress(TASKS, facts, now=START + hour * HOUR).step for hour in (0, 1, 2, 3)] == [1, 2, 3, 3]
    with pytest.raises(InvalidValue, match="is before any event of the case"):
        progress(TASKS, facts, now=START - HOUR)
    strange = Opened(id="T-2#1", case="T-2", at=START, recorded=START, stage="plan")
    with pytest.raises(NotFound, match=r"no stage 'plan' in pipeline 'tasks' \(did you mean 'planned'\?\)"):
        progress(TASKS, [strange], now=START)
