"""The state of a plan in numbers: who has which jobs, and what one more would mean for each worker.

Time is counted as working time of each worker from the moment of planning: a queue of jobs is then a run of integers,
a due time is a number on the same line, and nobody has to think of nights, leave or changes of the clock.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.pipeline._staffing_values import Job, Weights, Worker
from crmkit.values import Money, Period, from_micros, to_micros, zone

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MICROSECOND = timedelta(microseconds=1)
HOUR_US = 3_600_000_000
FAR = 2**62
# A late job outweighs whatever the other preferences add up to, short of weights and efforts out of all proportion.
LATE = 100_000.0


def job_key(job: Job) -> tuple[int, float, str]:
    """The order in which jobs are dealt and done: urgency, due time, id."""
    return job.urgency, FAR if job.due is None else to_micros(job.due), job.id


@attrs.frozen(eq=False)
class Terms:
    """What it would mean for a worker to take each of some jobs.

    Attributes:
        before: working time until each could begin.
        late: working time by which each would miss its due time, 0 if it would not.
        harms: whether it would make a job behind it late that is not.
        roomy: whether the limit of hours allows it.
        knows: whether the customer is known.
        points: name of a weight -> points an hour.
        total: what it costs, all in all.
        fits: whether it may be given at all.
    """

    before: Ints
    late: Ints
    harms: Bools
    roomy: Bools
    knows: Bools
    points: dict[str, Floats]
    total: Floats
    fits: Bools


@attrs.define(eq=False)
class Roster:
    """Workers by id, jobs by `job_key`, and the queue of each worker as ascending numbers of jobs.

    Attributes:
        workers: sorted.
        jobs: sorted.
        at: the moment of planning.
        over: the period whose working time loads are measured against.
        weights: what counts how much.
        late: whether a job may be given to somebody who cannot finish it in time.
        effort: int64 per job.
        urgency: int64 per job.
        due: int64 (worker, job): working time until it is due.
        able: (worker, job): skills and territory fit.
        spare: (worker, job): levels of skill, all in all, beyond what is needed.
        ahead: int64 per worker: working time from `at` until the period begins.
        working: int64 per worker: working time in the period that is not past.
        customer: per job, a number for each customer and -1 for none.
        knows: per worker, the customers they know without their queue.
        queues: per worker.
        today: per job, whether the worker it had got it on the day of `at`.
        held: numbers of the jobs that keep their worker.
        before: per job, the worker it had, or -1.
        dearest: the highest rate.
    """

    workers: tuple[Worker, ...]
    jobs: tuple[Job, ...]
    at: datetime
    over: Period
    weights: Weights
    late: bool
    effort: Ints
    urgency: Ints
    due: Ints
    able: Bools
    spare: Floats
    ahead: Ints
    working: Ints
    customer: Ints
    knows: list[Ints]
    queues: list[list[int]]
    today: Bools
    held: frozenset[int]
    before: Ints
    dearest: Fraction

    # -- what one more job would mean

    def terms(self, w: int, numbers: Sequence[int] | Ints, queue: Sequence[int] | None = None) -> Terms:
        """What it would mean for worker `w`, with their queue or another one, to take each of these jobs."""
        held = self.queues[w] if queue is None else queue
        mine = np.array(held, dtype=np.int64)
        jobs = np.asarray(numbers, dtype=np.int64)
        effort, work = self.effort[jobs], self.effort[mine]
        ends = np.cumsum(work)
        place = np.searchsorted(mine, jobs)
        before = np.concatenate([[0], ends])[place]
        late = np.maximum(before + effort - self.due[w, jobs], 0)
        slack = self.due[w, mine] - ends
        patience = np.minimum.accumulate(np.append(np.where(slack >= 0, slack, FAR), FAR)[::-1])[::-1]
        harms = patience[place] < effort
        committed = int(work.sum())
        roomy = np.full(len(jobs), True)
        hours = self.workers[w].hours
        if hours is not None:
            roomy = committed + effort <= hours // MICROSECOND
        fits = self.able[w, jobs] & roomy & self.room(w, jobs, held) & bool(self.working[w])
        if not self.late:
            fits &= (late == 0) & ~harms
        known = np.concatenate([self.knows[w], self.customer[mine]])
        knows = np.isin(self.customer[jobs], known) & (self.customer[jobs] >= 0)
        points = self._points(w, jobs, committed, knows)
        start = np.full(len(ends) + 1, to_micros(self.at))
        begin = self.workers[w].calendar.due_us(start, np.concatenate([[0], ends]) + 1) - 1
        points["wait"] = self.weights.wait * ((begin - start) / (24 * HOUR_US))[place] / self.urgency[jobs]
        hourly = sum(points.values(), np.zeros(len(jobs)))
        # Of two late ones the less late is better: the last summand is below 1.
        overdue = (late > 0) + harms.astype(float) + late / (late + 24 * HOUR_US)
        return Terms(before, late, harms, roomy, knows, points, effort / HOUR_US * hourly + LATE * overdue, fits)

    def _points(self, w: int, jobs: Ints, committed: int, knows: Bools) -> dict[str, Floats]:
        weights, worker = self.weights, self.workers[w]
        rate = Fraction(0) if worker.rate is None or not self.dearest else Fraction(worker.rate.amount) / self.dearest
        return {
            # The sum of squared loads grows by effort times this: the pool is most even where that sum is least.
            "load": weights.load * (2 * committed + self.effort[jobs]) / max(int(self.working[w]), 1),
            "customer": -weights.customer * knows.astype(float),
            "spare": weights.spare * self.spare[w, jobs],
            "money": np.full(len(jobs), weights.money * float(rate)),
            "stay": -weights.stay * (self.before[jobs] == w).astype(float),
        }

    def takes(self, w: int, j: int, queue: Sequence[int]) -> bool:
        """Whether worker `w`, with that queue, may be given a job."""
        if not self.able[w, j] or not self.working[w] or not self.room(w, np.array([j]), queue)[0]:
            return False
        counted = self.late and self.workers[w].hours is None
        return counted or bool(self.terms(w, [j], queue).fits[0])

    def counts(self, w: int) -> bool:
        """Whether one job is as good as another to worker `w`: only how many there are is limited."""
        worker = self.workers[w]
        return self.late and worker.hours is None and worker.per_day is None

    def room(self, w: int, jobs: Ints, queue: Sequence[int]) -> Bools:
        """Whether the limits on the number of jobs allow worker `w`, with that queue, to be given each of these."""
        worker = self.workers[w]
        open_ = worker.at_once is None or len(queue) < worker.at_once
        today = worker.per_day is None or self.new(w, queue) < worker.per_day
        # What comes back to whom it had long ago is nothing new.
        return np.asarray(open_ & (today | ((self.before[jobs] == w) & ~self.today[jobs])))

    def new(self, w: int, queue: Sequence[int]) -> int:
        """How many jobs of a queue worker `w` is given on the day of `at`."""
        return sum(bool(self.before[j] != w or self.today[j]) for j in queue)

    # -- in words, in money, on the clock

    def clock(self, w: int, before: int, effort: int) -> tuple[datetime, datetime]:
        """When a job begins and ends that waits for so much working time."""
        calendar = self.workers[w].calendar
        start = np.full(2, to_micros(self.at))
        begin, end = calendar.due_us(start, np.array([before + 1, before + effort]))
        tz = zone(calendar.tz)
        return from_micros(int(begin) - 1, tz), from_micros(int(end), tz)

    def cost(self, w: int, j: int) -> Money | None:
        """What the job costs, rounded to the minor unit; None for a worker without a rate."""
        rate = self.workers[w].rate
        if rate is None:
            return None
        minor = Fraction(rate.amount) * 10**rate.currency.digits * int(self.effort[j]) / HOUR_US
        return Money.from_minor(round(minor), rate.currency)

    def refusals(self, w: int, j: int) -> tuple[str, ...]:
        """Every reason why worker `w` cannot take job `j` on top of their queue."""
        return tuple(self._refusals(w, j))

    def _refusals(self, w: int, j: int) -> Iterator[str]:
        worker, terms = self.workers[w], self.terms(w, [j])
        yield from misfits(worker, self.jobs[j])
        yield from self._reached(w)
        if not terms.roomy[0]:
            yield f"{self._filled(w)}, and this is {span(int(self.effort[j]))}"
        if not self.working[w]:
            yield f"is away until {worker.calendar.next_open(self.at):%a %Y-%m-%d %H:%M}"
        if terms.late[0] and not self.late:
            yield f"would miss the due time by {span(int(terms.late[0]))}"
        if terms.harms[0] and not self.late:
            yield f"would then miss the due time of {', '.join(self._harmed(w, j))}"

    def limits(self, w: int) -> Iterator[str]:
        """The limits that are reached or exceeded."""
        yield from self._reached(w)
        hours = self.workers[w].hours
        if hours is not None and self.effort[self.queues[w]].sum() >= hours // MICROSECOND:
            yield self._filled(w)

    def _reached(self, w: int) -> Iterator[str]:
        worker, queue = self.workers[w], self.queues[w]
        if worker.at_once is not None and len(queue) >= worker.at_once:
            yield f"is full: {len(queue)} of {worker.at_once}"
        today = self.new(w, queue)
        if worker.per_day is not None and today >= worker.per_day:
            yield f"was given {today} of {worker.per_day} for the day"

    def _filled(self, w: int) -> str:
        most = self.workers[w].hours or timedelta(0)
        return f"has {span(int(self.effort[self.queues[w]].sum()))} of {span(most // MICROSECOND)} of work"

    def _harmed(self, w: int, j: int) -> list[str]:
        queue = self.queues[w]
        slack = self.due[w, queue] - np.cumsum(self.effort[queue])
        return [self.jobs[i].id for i, left in zip(queue, slack, strict=True) if i > j and 0 <= left < self.effort[j]]


def misfits(worker: Worker, job: Job) -> Iterator[str]:
    """Every reason in the skills and the territory."""
    for skill, level in job.needs.items():
        has = worker.skills.get(skill, 0)
        if has < level:
            yield f"lacks {skill} {level} (has {has or 'none'})"
    if job.territory is not None and worker.territories is not None and job.territory not in worker.territories:
        yield f"does not serve {job.territory} (serves {', '.join(sorted(worker.territories)) or 'nowhere'})"


def span(us: int) -> str:
    """A working time in words: "3 h", "45 min", "1 h 30 min"; less than a minute is a minute."""
    hours, minutes = divmod(-(-us // 60_000_000), 60)
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0 or hours == 0)
    return " ".join(parts)


def roster(
    workers: Iterable[Worker],
    jobs: Iterable[Job],
    at: datetime,
    over: Period,
    *,
    weights: Weights,
    late: bool,
    anew: bool,
) -> Roster:
    """The state before anything is dealt: what is assigned is in the queues, unless it is dealt anew and not pinned."""
    people = tuple(sorted(workers, key=lambda worker: worker.id))
    tasks = tuple(sorted(jobs, key=job_key))
    index = {worker.id: w for w, worker in enumerate(people)}
    had = np.array([index.get(job.who or "", -1) for job in tasks], dtype=np.int64)
    held = frozenset(j for j, job in enumerate(tasks) if job.who is not None and (job.pinned or not anew))
    queues: list[list[int]] = [[] for _ in people]
    for j in sorted(held):
        queues[had[j]].append(j)
    today = [w >= 0 and _on_day(job.given, at, people[w]) for job, w in zip(tasks, had, strict=True)]
    numbers = {name: n for n, name in enumerate(sorted({job.customer for job in tasks if job.customer is not None}))}
    due, ahead, working = _times(people, tasks, at, over)
    able, spare = _skills(people, tasks)
    rates = [Fraction(worker.rate.amount) for worker in people if worker.rate is not None]
    return Roster(
        workers=people, jobs=tasks, at=at, over=over, weights=weights, late=late,
        effort=np.array([job.effort // MICROSECOND for job in tasks], dtype=np.int64),
        urgency=np.array([job.urgency for job in tasks], dtype=np.int64),
        due=due, able=able, spare=spare, ahead=ahead, working=working,
        customer=np.array([numbers.get(job.customer or "", -1) for job in tasks], dtype=np.int64),
        knows=[np.array([numbers[c] for c in worker.customers if c in numbers], dtype=np.int64) for worker in people],
        queues=queues, today=np.array(today, dtype=bool), held=held, before=had,
        dearest=max(rates, default=Fraction(0)),
    )  # fmt: skip


def _on_day(given: datetime | None, at: datetime, worker: Worker) -> bool:
    tz = zone(worker.calendar.tz)
    return given is not None and given.astimezone(tz).date() == at.astimezone(tz).date()


def _times(workers: Sequence[Worker], jobs: Sequence[Job], at: datetime, over: Period) -> tuple[Ints, Ints, Ints]:
    start = to_micros(at)
    dues = np.array([start if job.due is None else to_micros(job.due) for job in jobs], dtype=np.int64)
    due = np.empty((len(workers), len(jobs)), dtype=np.int64)
    ahead, working = np.zeros(len(workers), dtype=np.int64), np.zeros(len(workers), dtype=np.int64)
    known: dict[int, tuple[Ints, int, int]] = {}
    for w, worker in enumerate(workers):
        # Most of a pool share one calendar, and its table is the dear part.
        if id(worker.calendar) not in known:
            known[id(worker.calendar)] = _line(worker, start, dues, over)
        due[w], ahead[w], working[w] = known[id(worker.calendar)]
    due[:, [job.due is None for job in jobs]] = FAR
    return due, ahead, working


def _line(worker: Worker, start: int, dues: Ints, over: Period) -> tuple[Ints, int, int]:
    begin, end = (max(start, edge) for edge in over.instants(zone(worker.calendar.tz)))
    asked = worker.calendar.elapsed_us(np.array([start]), np.append(dues, [begin, end]))
    # What has passed is late even if nobody could have worked since.
    line = np.where(dues < start, np.minimum(asked[:-2], -1), asked[:-2])
    return line, int(asked[-2]), int(asked[-1] - asked[-2])


def _skills(workers: Sequence[Worker], jobs: Sequence[Job]) -> tuple[Bools, Floats]:
    able = np.full((len(workers), len(jobs)), True)
    spare = np.zeros((len(workers), len(jobs)))
    kinds: dict[object, list[int]] = {}
    for j, job in enumerate(jobs):
        kinds.setdefault((job.needs, job.territory), []).append(j)
    for numbers in kinds.values():
        job = jobs[numbers[0]]
        fits = [not any(True for _ in misfits(worker, job)) for worker in workers]
        beyond = [sum(worker.skills.values()) - sum(job.needs.values()) for worker in workers]
        able[:, numbers] = np.array(fits, dtype=bool)[:, None]
        spare[:, numbers] = np.array(beyond, dtype=float)[:, None]
    return able, spare
