"""Drawn logs: what is legal conforms, and each planted deviation is found where it was planted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.errors import NotFound
from crmkit.pipeline import Pipeline, Stage, presets
from crmkit.pipeline.conform import conform
from crmkit.testing.logs import DEVIATIONS, event_logs

OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"})
LATE = {"breached limit", "open too long"}
NAMES = ("b2b-sales", "incident", "renewal")


def found(log, pipeline):
    """The case and the kind of every deviation that is no time limit."""
    # Stages of the pipeline first and in order, then what it does not know.
    known = [stage.name for stage in pipeline.stages]
    stages = [*known, *dict.fromkeys(row["stage"] for row in log.rows if row["stage"] not in known)]
    conformance = conform(log.journal(stages=stages), pipeline, calendar=OFFICE)
    return {(one.case, one.kind) for one in conformance.deviations if one.kind not in LATE}


@pytest.mark.parametrize("name", NAMES)
def test_accepted_histories_conform(name):
    """What the machine accepted has no deviation of moves or fields."""
    pipeline = presets.load(name)

    @settings(max_examples=15, deadline=None)
    @given(event_logs(pipeline))
    def check(log):
        assert log.planted == ()
        assert found(log, pipeline) == set()

    check()


@pytest.mark.parametrize("kind", DEVIATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_planted_deviations_are_found(name, kind):
    """Each is found in its case, and nothing else is found."""
    pipeline = presets.load(name)

    @settings(max_examples=10, deadline=None)
    @given(event_logs(pipeline, deviations=[kind], cases=1))
    def check(log):
        assert [planted for _, planted in log.planted] == [kind]
        assert found(log, pipeline) == {*log.planted}

    check()


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_what_a_definition_leaves_no_room_for_is_not_planted(data):
    """Where every move is allowed nothing can be skipped, gone back to or resurrected; nor is a field missing."""
    free = Pipeline("free", ["a", "b", "c", Stage("won", "won")])
    log = data.draw(event_logs(free, deviations=["skip", "backward", "resurrected", "missing field"]))
    assert log.planted == ()
    assert found(log, free) == set()


@settings(max_examples=1, deadline=None)
@given(st.data())
def test_a_deviation_that_nobody_knows_is_refused(data):
    """An unknown kind is told with the nearest."""
    with pytest.raises(NotFound, match="did you mean 'skip'"):
        data.draw(event_logs(Pipeline("p", ["a", Stage("won", "won")]), deviations=["skips"]))
