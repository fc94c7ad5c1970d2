"""Staffing: who does what when, who has room, who takes the next job, and why.

>>> from datetime import UTC, datetime, timedelta
>>> from crmkit.calendars import BusinessCalendar
>>> office = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"})
>>> workers = [Worker("li", office, skills={"router": 3}), Worker("wang", office, skills={"router": 1})]
>>> jobs = [
...     Job("T-1", timedelta(hours=6), needs={"router": 2}),
...     Job("T-2", timedelta(hours=4), needs={"router": 1}, customer="Acme"),
...     Job("T-3", timedelta(hours=1), needs={"switch": 1}, urgency="urgent"),
... ]
>>> plan = assign(jobs, workers, at=datetime(2026, 3, 2, 15, tzinfo=UTC))
>>> print(plan)
T-1 -> li: Mon 2026-03-02 15:00 to Tue 2026-03-03 13:00
T-2 -> wang: Mon 2026-03-02 15:00 to Tue 2026-03-03 11:00
T-3 -> nobody
>>> print(plan.explain("T-3"))
T-3 -> nobody
  - li lacks switch 1 (has none)
  - wang lacks switch 1 (has none)
  - nobody has switch

How jobs are dealt:

- Nobody gets a job without the skills, outside their territories, or beyond their limits.
- The more urgent first, then the sooner due: that is the order in which jobs are dealt and, in each queue, done.
- As many as possible, then the fewest late, then the least points (`Weights`): even load, little waiting, customers
  known, experts kept free, money. Jobs are dealt in rounds of at most one for each worker, and every round is an exact
  optimum; a job that found no place gets one by handing others on, if there is a way.
- Where only skills, territories, `at_once` and (unless jobs are dealt anew) `per_day` limit, as many of the most urgent
  jobs are dealt as there can be, and given those, of the next. `hours`, and due times with `late=False`, make that a
  knapsack: then a job is left over only when nobody can take it as the plan stands, but another plan may place more.
- What is assigned stays, so that one more job moves nobody else's; `rebalance=True` deals all anew but pinned jobs.

All time is working time of the person's calendar. Nothing is drawn by chance, and the order of the input is no matter.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from crmkit.errors import InvalidValue
from crmkit.pipeline._staffing_results import Choice, Fit, Load, Plan, choices, fit, loads
from crmkit.pipeline._staffing_roster import FAR, roster, span
from crmkit.pipeline._staffing_rounds import deal
from crmkit.pipeline._staffing_values import Job, Weights, Worker, check
from crmkit.values import Period

__all__ = ["Choice", "Fit", "Job", "Load", "Plan", "Weights", "Worker", "assign", "candidates", "load", "next_job"]

_DEFAULT = Weights()
_AHEAD = timedelta(days=28)


def assign(
    jobs: Iterable[Job],
    workers: Iterable[Worker],
    *,
    at: datetime,
    over: Period | None = None,
    weights: Weights = _DEFAULT,
    late: bool = True,
    rebalance: bool = False,
) -> Plan:
    """Deal the jobs that nobody has.

    Args:
        jobs: all open jobs of these workers, and those that nobody has.
        workers: the pool.
        at: now.
        over: loads are measured against the working time from `at` to its end, and who has none is away; by default
            the 28 days from the day of `at`.
        weights: what counts how much when several could take a job.
        late: whether a job may go to somebody who cannot finish it in time, or for whom it would make another late, if
            nobody can do better; False leaves it over instead.
        rebalance: whether jobs that somebody has are dealt anew, but for those that are pinned.

    Raises:
        DefinitionErrors: with every name that is there twice or unknown, calendar without working time, mix of
            currencies.
        InvalidValue: if `over` has ended, or a due time is beyond what calendars know.
        NaiveDatetime: if `at` has no zone.
    """
    given, people = _read(jobs, workers, at)
    state = roster(people, given, at, _period(over, at), weights=weights, late=late, anew=rebalance)
    deals = deal(state)
    placed = {j for queue in state.queues for j in queue}
    left = (attrs.evolve(job, who=None, given=None) for j, job in enumerate(state.jobs) if j not in placed)
    return Plan(at, state.over, tuple(choices(state, deals)), tuple(left), tuple(loads(state)), state)


def load(workers: Iterable[Worker], jobs: Iterable[Job], *, over: Period, at: datetime) -> tuple[Load, ...]:
    """How busy everybody is in a period, by id of the worker.

    Args:
        workers: the pool.
        jobs: all open jobs of these workers; those that nobody has are no load.
        over: the period.
        at: now; what is left of the period counts, and work that will be done before it begins does not.

    Raises:
        DefinitionErrors: as `assign` does.
        InvalidValue: likewise.
        NaiveDatetime: likewise.
    """
    given, people = _read(jobs, workers, at)
    mine = [job for job in given if job.who is not None]
    return tuple(loads(roster(people, mine, at, _period(over, at), weights=_DEFAULT, late=True, anew=False)))


def candidates(
    job: Job,
    workers: Iterable[Worker],
    jobs: Iterable[Job] = (),
    *,
    at: datetime,
    over: Period | None = None,
    weights: Weights = _DEFAULT,
    late: bool = True,
) -> tuple[Fit, ...]:
    """Who should take a job: everybody, the best first; those who cannot come last, with every reason.

    Args:
        job: the job; whoever has it is asked like all others.
        workers: the pool.
        jobs: all open jobs of these workers.
        at: now.
        over: see `assign`.
        weights: see `assign`.
        late: see `assign`.

    Raises:
        DefinitionErrors: as `assign` does.
        InvalidValue: likewise.
        NaiveDatetime: likewise.
    """
    others, people = _read(jobs, workers, at)
    loose = attrs.evolve(job, who=None, given=None, pinned=False)
    given = (loose, *(one for one in others if one.id != job.id and one.who is not None))
    state = roster(people, given, at, _period(over, at), weights=weights, late=late, anew=False)
    j = state.jobs.index(loose)
    found = [fit(state, w, j) for w in range(len(people))]
    return tuple(sorted(found, key=lambda one: (not one, len(one.refusals), one.total, one.who)))


def next_job(worker: Worker, jobs: Iterable[Job], *, at: datetime, over: Period | None = None) -> tuple[Fit, ...]:
    """What somebody should do next: their own jobs and those that nobody has, the first to be done first.

    By urgency, then by when it must be begun (the due time less the effort, in their working time), then their own
    before others, then by id; what they cannot take comes last, with every reason. `start` and `finish` are those of
    beginning it now.

    Args:
        worker: who.
        jobs: open jobs; those that others have are left out.
        at: now.
        over: who has no working time from `at` to its end is away; see `assign`.

    Raises:
        DefinitionErrors: as `assign` does.
        InvalidValue: likewise.
        NaiveDatetime: likewise.
    """
    given, people = _read((job for job in jobs if _concerns(job, worker)), [worker], at)
    state = roster(people, given, at, _period(over, at), weights=_DEFAULT, late=True, anew=False)
    ranked: list[tuple[tuple[bool, int, int, bool], Fit]] = []
    for j, job in enumerate(state.jobs):
        slack = int(state.due[0, j] - state.effort[j])
        one = fit(state, 0, j, first=True)
        words = ("theirs",) if j in state.held else ()
        if state.due[0, j] < FAR:
            words = (*words, f"is to begin within {span(slack)}" if slack >= 0 else f"is {span(-slack)} behind")
        one = attrs.evolve(one, reasons=(*words, *one.reasons))
        ranked.append(((not one, job.urgency, slack, j not in state.held), one))
    return tuple(one for _, one in sorted(ranked, key=lambda pair: (*pair[0], pair[1].job)))


def _concerns(job: object, worker: object) -> bool:
    # What is no job, or nobody's, is refused with all the rest.
    return not isinstance(job, Job) or not isinstance(worker, Worker) or job.who in (None, worker.id)


def _read(jobs: Iterable[Job], workers: Iterable[Worker], at: datetime) -> tuple[tuple[Job, ...], tuple[Worker, ...]]:
    given, people = tuple(jobs), tuple(workers)
    check(people, given, at)
    return given, people


def _period(over: Period | None, at: datetime) -> Period:
    if over is None:
        return Period(at.date(), at.date() + _AHEAD, f"28 days from {at.date()}")
    if over.end <= at.date():
        raise InvalidValue("over", over, f"has ended by {at.date()}; loads look ahead")
    return over
