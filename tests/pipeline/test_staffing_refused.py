"""Staffing: what cannot be planned, and how that is said."""

from datetime import UTC, datetime, timedelta

import pytest

from crmkit.calendars import BusinessCalendar
from crmkit.errors import DefinitionErrors, InvalidValue, NaiveDatetime, NotFound
from crmkit.pipeline.staffing import Job, Weights, Worker, assign, load, next_job
from crmkit.values import Money, Period

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"})
MARCH = Period.month(2026, 3)


def hours(n):
    """A working time."""
    return timedelta(hours=n)


@pytest.mark.parametrize(("make", "part"), [
    (lambda: Worker("", OFFICE), "id: '' is no name"),
    (lambda: Worker("li", "office"), "no calendar of crmkit.calendars"),
    (lambda: Worker("li", OFFICE, skills={"a": 0}), "skills['a']: is 0, no level from 1 on"),
    (lambda: Worker("li", OFFICE, at_once=-1, per_day=True), "per_day: is True"),
    (lambda: Worker("li", OFFICE, hours=8), "hours: is 8, no timedelta"),
    (lambda: Worker("li", OFFICE, rate=Money("-1", "EUR")), "rate: is Money(-1 EUR)"),
    (lambda: Job("T", hours(0)), "effort: is datetime.timedelta(0), no timedelta above 0"),
    (lambda: Job("T", 2, urgency="hihg"), "urgency: is 'hihg', neither 1 (most urgent) or more nor a name (did you mean 'high'?)"),
    (lambda: Job("T", hours(1), due=datetime(2026, 3, 2)), "no datetime with a time zone"),  # noqa: DTZ001 - what is refused
    (lambda: Job("T", hours(1), customer=""), "customer: is '', no name"),
    (lambda: Job("T", hours(1), pinned=True), "pinned: to nobody; say who="),
    (lambda: Weights(load=-1, money="x"), "money: is 'x', no number from 0 to 100"),
    (lambda: assign([3], ["x"], at=MONDAY), "jobs[0]: is 3, no Job"),
    (lambda: next_job("li", [Job("T", hours(1), who="wang")], at=MONDAY), "workers[0]: is 'li', no Worker"),
    (lambda: assign([Job("T", hours(1))] * 2, [], at=MONDAY), "jobs['T']: is there 2 times"),
    (lambda: assign([], [Worker("li", OFFICE)] * 3, at=MONDAY), "workers['li']: is there 3 times"),
    (lambda: load([Worker("wang", OFFICE)], [Job("T", hours(1), who="wnag")], over=MARCH, at=MONDAY), "no worker 'wnag' (did you mean 'wang'?)"),
    (lambda: assign([], [Worker("a", OFFICE, rate=Money("1", "EUR")), Worker("b", OFFICE, rate=Money("1", "CNY"))], at=MONDAY), "rates in CNY, EUR"),
    (lambda: assign([], [Worker("li", BusinessCalendar("none", tz="UTC", week={}))], at=MONDAY), "workers['li']: calendar 'none' has no working time after"),
])  # fmt: skip
def test_wrong_definitions_are_explained(make, part):
    """Each mistake has its place, and what was likely meant."""
    with pytest.raises(DefinitionErrors) as caught:
        make()
    assert part in str(caught.value)


def test_all_mistakes_at_once():
    """A worker with three mistakes names all three."""
    with pytest.raises(DefinitionErrors) as caught:
        Worker("li", OFFICE, skills={"a": "x"}, at_once="x", per_day=-1)
    assert len(caught.value.exceptions) == 3


def test_other_refusals():
    """Names that are no names, a moment without a zone, a period that is over, and names that no plan has."""
    with pytest.raises(InvalidValue, match="no name and no collection"):
        Worker("li", OFFICE, skills=5)
    with pytest.raises(NaiveDatetime):
        assign([], [], at=datetime(2026, 3, 2))  # noqa: DTZ001 - what is refused
    with pytest.raises(InvalidValue, match="has ended by 2026-03-02"):
        load([], [], over=Period.month(2026, 2), at=MONDAY)
    plan = assign([Job("T", hours(1))], [Worker("wang", OFFICE)], at=MONDAY)
    with pytest.raises(NotFound, match=r"no worker 'wnag'.*did you mean 'wang'"):
        plan.of("wnag")
    with pytest.raises(NotFound, match="no job 'S'"):
        plan.explain("S")
