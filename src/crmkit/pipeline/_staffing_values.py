"""Workers, jobs and weights, and what can be wrong with them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import cast

import attrs

from crmkit.calendars import WorkingTime
from crmkit.errors import CrmkitError, DefinitionError, DefinitionErrors, InvalidValue, did_you_mean
from crmkit.values import EMPTY, Fields, Money, aware

Levels = Mapping[str, int]

URGENCIES: dict[str, int | str] = {"urgent": 1, "high": 2, "normal": 3, "low": 4}


def _levels(skills: Levels | Iterable[str]) -> Levels:
    # {"router", "zh"} is short for level 1 of each.
    return Fields(skills if isinstance(skills, Mapping) else dict.fromkeys(_names(skills), 1))


def _names(names: str | Iterable[str]) -> frozenset[str]:
    # A lone text is one name, and no list of letters.
    several = (names,) if isinstance(names, str) else names
    if not isinstance(several, Iterable) or not all(isinstance(name, str) and name for name in several):
        raise InvalidValue("names", names, "is no name and no collection of names")
    return frozenset(several)


def _places(names: str | Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else _names(names)


def _urgency(urgency: int | str) -> int:
    # An unknown name passes, and is refused with everything else that is wrong.
    return cast("int", URGENCIES.get(urgency, urgency) if isinstance(urgency, str) else urgency)


@attrs.frozen
class Worker:
    """One of us with working hours, skills and limits; the id is that of the `crmkit.model.Person`.

    Attributes:
        id: the host's key; the `who=` of a job.
        calendar: when they work. Leave is a layer: `office.layered(name="li", holidays=[...])`.
        skills: from skill to level, 1 or more; `{"router", "zh"}` is level 1 of each.
        territories: where they serve; None for everywhere.
        customers: whom they know already, besides those of their open jobs.
        at_once: the most jobs they may have open; None for no limit.
        per_day: the most jobs they may be given on one civil day of their calendar; None for no limit.
        hours: the most work they may have open; None for no limit.
        rate: what an hour costs, if known.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """

    id: str
    calendar: WorkingTime
    skills: Levels = attrs.field(default=EMPTY, converter=_levels, kw_only=True)
    territories: frozenset[str] | None = attrs.field(default=None, converter=_places, kw_only=True)
    customers: frozenset[str] = attrs.field(default=frozenset(), converter=_names, kw_only=True)
    at_once: int | None = attrs.field(default=None, kw_only=True)
    per_day: int | None = attrs.field(default=None, kw_only=True)
    hours: timedelta | None = attrs.field(default=None, kw_only=True)
    rate: Money | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _refuse(f"worker {self.id!r}", _wrong_worker(self))


@attrs.frozen
class Job:
    """A piece of work for one person: a service task, a ticket, a lead; the id is the host's.

    Attributes:
        id: the host's key.
        effort: the working time that is left to do.
        needs: from skill to the least level; `{"router"}` is level 1.
        urgency: 1 is the most urgent; or "urgent" (1), "high" (2), "normal" (3), "low" (4).
        due: when it is promised (aware), if it is.
        territory: where it is; None if that does not matter.
        customer: the id of the customer, if it has one.
        who: who has it, None while nobody does.
        given: when they got it (aware); counts against their `per_day`.
        pinned: whether it stays with `who` even when jobs are dealt anew, such as work that has begun.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """

    id: str
    effort: timedelta
    needs: Levels = attrs.field(default=EMPTY, converter=_levels, kw_only=True)
    urgency: int = attrs.field(default=3, converter=_urgency, kw_only=True)
    due: datetime | None = attrs.field(default=None, kw_only=True)
    territory: str | None = attrs.field(default=None, kw_only=True)
    customer: str | None = attrs.field(default=None, kw_only=True)
    who: str | None = attrs.field(default=None, kw_only=True)
    given: datetime | None = attrs.field(default=None, kw_only=True)
    pinned: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _refuse(f"job {self.id!r}", _wrong_job(self))


@attrs.frozen(kw_only=True)
class Weights:
    """What counts how much when several workers could take a job; each point is paid for every hour of the job.

    One point is as bad as 100 % more load: with `customer=0.4` a worker who knows the customer is preferred until they
    are 20 points of load above another (load counts twice, as the derivative of its square).

    Attributes:
        load: the worker's load, so that work spreads evenly.
        wait: for each day until they could begin, over the urgency: three times as much for 1 as for 3.
        customer: for knowing the customer.
        spare: for each level of skill, all in all, beyond what is needed, so that experts and all-rounders stay free
            for what only they can do.
        money: for the dearest rate of the pool against nothing.
        stay: for leaving a job where it is, when jobs are dealt anew.
    """

    load: float = 1.0
    wait: float = 0.1
    customer: float = 0.4
    spare: float = 0.02
    money: float = 0.1
    stay: float = 0.2

    def __attrs_post_init__(self) -> None:
        bad = {name: value for name, value in attrs.asdict(self).items() if not _is_weight(value)}
        _refuse(
            "the weights",
            (DefinitionError(name, f"is {value!r}, no number from 0 to 100") for name, value in bad.items()),
        )


def check(workers: tuple[Worker, ...], jobs: tuple[Job, ...], at: datetime) -> None:
    """Refuse what does not fit together.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """
    aware(at)
    found = [*_strangers(workers, Worker, "workers"), *_strangers(jobs, Job, "jobs")]
    _refuse("the staffing", found)
    _refuse("the staffing", [*_clashes(workers, jobs), *_idle(workers, at)])


def _strangers(given: Iterable[object], kind: type, place: str) -> Iterator[DefinitionError]:
    for i, one in enumerate(given):
        if not isinstance(one, kind):
            yield DefinitionError(f"{place}[{i}]", f"is {one!r}, no {kind.__name__}")


def _clashes(workers: tuple[Worker, ...], jobs: tuple[Job, ...]) -> Iterator[DefinitionError]:
    for place, given in (("workers", workers), ("jobs", jobs)):
        for id_, count in Counter(one.id for one in given).items():
            if count > 1:
                yield DefinitionError(f"{place}[{id_!r}]", f"is there {count} times")
    known = {worker.id for worker in workers}
    for job in jobs:
        if job.who is not None and job.who not in known:
            yield DefinitionError(f"jobs[{job.id!r}]", f"no worker {job.who!r}{did_you_mean(job.who, known)}")
    currencies = {worker.rate.currency.code for worker in workers if worker.rate is not None}
    if len(currencies) > 1:
        yield DefinitionError("workers", f"have rates in {', '.join(sorted(currencies))}; convert them to one currency")


def _idle(workers: tuple[Worker, ...], at: datetime) -> Iterator[DefinitionError]:
    for worker in workers:
        try:
            worker.calendar.next_open(at)
        except CrmkitError:
            place = f"workers[{worker.id!r}]"
            yield DefinitionError(place, f"calendar {worker.calendar.name!r} has no working time after {at}")


def _refuse(what: str, found: Iterable[DefinitionError]) -> None:
    wrong = list(found)
    if wrong:
        raise DefinitionErrors(f"{what} cannot be used", wrong)


def _wrong_worker(worker: Worker) -> Iterator[DefinitionError]:
    yield from _wrong_id(worker.id)
    yield from _wrong_levels("skills", worker.skills)
    if not isinstance(worker.calendar, WorkingTime):
        yield DefinitionError("calendar", f"is {worker.calendar!r}, no calendar of crmkit.calendars")
    for name in ("at_once", "per_day"):
        most = getattr(worker, name)
        if most is not None and not _is_count(most, 0):
            yield DefinitionError(name, f"is {most!r}, no number of jobs from 0 on")
    if worker.hours is not None and not (isinstance(worker.hours, timedelta) and worker.hours >= timedelta(0)):
        yield DefinitionError("hours", f"is {worker.hours!r}, no timedelta from 0 on")
    if worker.rate is not None and not (isinstance(worker.rate, Money) and worker.rate.amount >= 0):
        yield DefinitionError("rate", f"is {worker.rate!r}, no Money from 0 on")


def _wrong_job(job: Job) -> Iterator[DefinitionError]:
    yield from _wrong_id(job.id)
    yield from _wrong_levels("needs", job.needs)
    if not isinstance(job.effort, timedelta) or job.effort <= timedelta(0):
        yield DefinitionError("effort", f"is {job.effort!r}, no timedelta above 0")
    if not _is_count(job.urgency, 1):
        hint = did_you_mean(str(job.urgency), URGENCIES)
        yield DefinitionError("urgency", f"is {job.urgency!r}, neither 1 (most urgent) or more nor a name{hint}")
    for name in ("due", "given"):
        value = getattr(job, name)
        if value is not None and not (isinstance(value, datetime) and value.utcoffset() is not None):
            yield DefinitionError(name, f"is {value!r}, no datetime with a time zone")
    for name in ("territory", "customer", "who"):
        value = getattr(job, name)
        if value is not None and not (isinstance(value, str) and value):
            yield DefinitionError(name, f"is {value!r}, no name")
    if job.pinned and job.who is None:
        yield DefinitionError("pinned", "to nobody; say who=")


def _wrong_id(id_: object) -> Iterator[DefinitionError]:
    if not isinstance(id_, str) or not id_:
        yield DefinitionError("id", f"{id_!r} is no name")


def _wrong_levels(place: str, levels: Levels) -> Iterator[DefinitionError]:
    for skill, level in levels.items():
        if not _is_count(level, 1):
            yield DefinitionError(f"{place}[{skill!r}]", f"is {level!r}, no level from 1 on")


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100
