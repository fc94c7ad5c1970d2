"""What staffing answers: plans with the reason of each choice, loads, and how well one fits the other."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import reduce
from operator import add

import attrs
import numpy as np

from crmkit.errors import NotFound, did_you_mean
from crmkit.pipeline._staffing_roster import LATE, MICROSECOND, Roster, misfits, span
from crmkit.pipeline._staffing_rounds import Deal
from crmkit.pipeline._staffing_values import Job
from crmkit.values import Money, Period
from crmkit.values.display import ROWS, Display, Lang, Shown


@attrs.frozen
class Fit(Shown):
    """How well a job and a worker fit; false if it may not be given to them.

    Attributes:
        job: the id of the job.
        who: the id of the worker.
        start: when they could begin it.
        finish: when they would be done.
        late: the working time by which they would miss the due time; 0 if they would not.
        refusals: every reason why they cannot take it.
        reasons: what speaks for it, or is worth knowing.
        points: from the name of a weight to its points an hour; the less, the better.
        total: the sum, times the hours of the job; a late job costs 100,000 more.
        cost: what the job costs, if the worker has a rate.
    """

    job: str
    who: str
    start: datetime
    finish: datetime
    late: timedelta
    refusals: tuple[str, ...]
    reasons: tuple[str, ...]
    points: Mapping[str, float]
    total: float
    cost: Money | None

    def __bool__(self) -> bool:
        return not self.refusals

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Whether they can, and why not; see `Shown.display`."""
        if self.refusals:
            said = f"{self.job} -> {self.who}: no, {'; '.join(self.refusals)}"
            return Display.lines([said], most=most, lang=lang)
        more = "".join(f"; {reason}" for reason in self.reasons)
        said = f"{self.job} -> {self.who}: {_stretch(self.start, self.finish)}{more}"
        return Display.lines([said], most=most, lang=lang)


@attrs.frozen
class Choice(Shown):
    """A job that somebody has, and why.

    Attributes:
        job: the job, with `who`.
        who: the id of the worker.
        start: when they are to begin it.
        finish: when they are to be done.
        late: the working time by which they will miss the due time; 0 if they will not.
        kept: whether they had it before.
        moved: whether it was dealt to somebody else first, and handed on to make room for another.
        points: from the name of a weight to its points an hour, when it was dealt; empty if kept.
        runner_up: the id of the next best who had room then, if anybody; None if it was moved.
        margin: by how much the runner-up would have been worse, in points times hours; negative if better, but more
            useful elsewhere.
        doubts: what the worker of a kept job lacks for it.
        cost: what the job costs, if the worker has a rate.
    """

    job: Job
    who: str
    start: datetime
    finish: datetime
    late: timedelta
    kept: bool
    moved: bool
    points: Mapping[str, float]
    runner_up: str | None
    margin: float
    doubts: tuple[str, ...]
    cost: Money | None

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Who does it when; see `Shown.display`."""
        late = f", late by {span(self.late // MICROSECOND)}" if self.late else ""
        said = f"{self.job.id} -> {self.who}: {_stretch(self.start, self.finish)}{late}"
        return Display.lines([said], most=most, lang=lang)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it went there, in words."""
        if self.kept:
            return "they had it", *self.doubts
        points = ", ".join(f"{name} {value:+.2f}" for name, value in self.points.items())
        return tuple(filter(None, [
            "handed on, to make room for another" if self.moved else "",
            f"points an hour: {points}" if points else "",
            self._next_best(),
        ]))  # fmt: skip

    def _next_best(self) -> str:
        if self.runner_up is None:
            return "" if self.moved else "nobody else could take it then"
        if abs(self.margin) >= LATE / 2:
            return f"with {self.runner_up}, {'this' if self.margin > 0 else 'less'} would have been late"
        if self.margin < 0:
            return f"{self.runner_up} would have been better by {-self.margin:.2f}, but got another job"
        return f"next best {self.runner_up}, worse by {self.margin:.2f}"


@attrs.frozen
class Load(Shown):
    """How busy a worker is in a period.

    Attributes:
        who: the id of the worker.
        over: the period.
        working: working time in the period, what is past not counted.
        committed: the work of their open jobs, without what will be done before the period begins.
        jobs: how many jobs they have open.
        free: when they will have finished all of them and work goes on: the earliest time for another.
        late: ids of the jobs that will miss their due time.
        limits: the limits that are reached or exceeded, in words.
    """

    who: str
    over: Period
    working: timedelta
    committed: timedelta
    jobs: int
    free: datetime
    late: tuple[str, ...]
    limits: tuple[str, ...]

    @property
    def utilisation(self) -> float | None:
        """Committed over working time, 1 when all of it is taken; None if there is no working time."""
        return self.committed / self.working if self.working else None

    @property
    def excess(self) -> timedelta:
        """The work that does not fit into the period."""
        return max(self.committed - self.working, timedelta(0))

    @property
    def room(self) -> timedelta:
        """The working time that nothing has taken; none where a limit is reached."""
        return timedelta(0) if self.limits else max(self.working - self.committed, timedelta(0))

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """How much they have to do; see `Shown.display`."""
        taken, working = (span(one // MICROSECOND) for one in (self.committed, self.working))
        share = "away" if self.utilisation is None else f"{self.utilisation:.0%}"
        notes = [*self.limits, *([f"late: {', '.join(self.late)}"] if self.late else [])]
        said = f"{self.who}: {share}, {taken} of {working}, free {_when(self.free)}" + "".join(f"; {n}" for n in notes)
        return Display.lines([said], most=most, lang=lang)


@attrs.frozen(eq=False)
class Plan(Shown):
    """Who does what when, and what nobody can take.

    Attributes:
        at: the moment of planning.
        over: the period against whose working time loads were measured.
        choices: what is assigned, by urgency, due time and id.
        unassigned: the jobs that nobody has, likewise.
        loads: the load of each worker, by id.
    """

    at: datetime
    over: Period
    choices: tuple[Choice, ...]
    unassigned: tuple[Job, ...]
    loads: tuple[Load, ...]
    _roster: Roster = attrs.field(repr=False)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs with their `who`, to be stored, and to be given to the next `assign`."""
        return (*(choice.job for choice in self.choices), *self.unassigned)

    @property
    def cost(self) -> Money | None:
        """What all that is assigned costs; None if that is nothing, or somebody has no rate."""
        costs = [choice.cost for choice in self.choices]
        known = [cost for cost in costs if cost is not None]
        return reduce(add, known) if known and len(known) == len(costs) else None

    @property
    def spread(self) -> float:
        """The highest utilisation less the lowest: 0 where work is even. Who is away all the time does not count."""
        shares = [load.utilisation for load in self.loads if load.utilisation is not None]
        return max(shares) - min(shares) if shares else 0.0

    def of(self, who: str) -> tuple[Choice, ...]:
        """What a worker has, in the order in which it is to be done.

        Raises:
            NotFound: if there is no such worker.
        """
        known = tuple(load.who for load in self.loads)
        if who not in known:
            raise NotFound("worker", who, known)
        return tuple(choice for choice in self.choices if choice.who == who)

    def choice(self, job: str) -> Choice | None:
        """The choice of a job; None if nobody has it.

        Raises:
            NotFound: if there is no such job.
        """
        self._number(job)
        return next((choice for choice in self.choices if choice.job.id == job), None)

    def refusals(self, job: str) -> dict[str, tuple[str, ...]]:
        """From each other worker who could not take the job, as the plan stands, to every reason.

        Raises:
            NotFound: if there is no such job.
        """
        j = self._number(job)
        found = {
            worker.id: self._roster.refusals(w, j)
            for w, worker in enumerate(self._roster.workers)
            if j not in self._roster.queues[w]
        }
        return {who: reasons for who, reasons in found.items() if reasons}

    def explain(self, job: str) -> str:
        """Why a job is where it is, or why nobody has it.

        Raises:
            NotFound: if there is no such job.
        """
        choice = self.choice(job)
        if choice is not None:
            return f"{choice}" + "".join(f"\n  - {reason}" for reason in choice.reasons)
        lines = [f"{who} {', '.join(reasons)}" for who, reasons in self.refusals(job).items()]
        return f"{job} -> nobody" + "".join(f"\n  - {line}" for line in [*lines, *self._unknown(job)])

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Who does what when, and what nobody does; see `Shown.display`."""
        left = [f"{job.id} -> nobody" for job in self.unassigned]
        return Display.lines([*map(str, self.choices), *left], most=most, lang=lang)

    def _number(self, job: str) -> int:
        ids = [one.id for one in self._roster.jobs]
        if job not in ids:
            raise NotFound("job", job, tuple(ids))
        return ids.index(job)

    def _unknown(self, job: str) -> list[str]:
        workers = self._roster.workers
        known = {skill for worker in workers for skill in worker.skills}
        needs = self._roster.jobs[self._number(job)].needs
        return [f"nobody has {skill}{did_you_mean(skill, known)}" for skill in needs if skill not in known]


def choices(roster: Roster, deals: Mapping[int, Deal]) -> list[Choice]:
    """What is in the queues, by number of job."""
    made: dict[int, Choice] = {}
    for w, queue in enumerate(roster.queues):
        before = 0
        for j in queue:
            made[j] = _choice(roster, w, (j, before), deals.get(j))
            before += int(roster.effort[j])
    return [made[j] for j in sorted(made)]


def _choice(roster: Roster, w: int, placed: tuple[int, int], dealt: Deal | None) -> Choice:
    j, before = placed
    worker, job = roster.workers[w], roster.jobs[j]
    start, finish = roster.clock(w, before, int(roster.effort[j]))
    late = max(before + int(roster.effort[j]) - int(roster.due[w, j]), 0)
    if dealt is not None:
        given = job.given if job.who == worker.id else roster.at
        job = attrs.evolve(job, who=worker.id, given=given)
    second = None if dealt is None else dealt.second
    return Choice(
        job=job, who=worker.id, start=start, finish=finish, late=timedelta(microseconds=late),
        kept=dealt is None, moved=dealt is not None and dealt.handed_on, points={} if dealt is None else dealt.points,
        runner_up=None if second is None else roster.workers[second].id,
        margin=0.0 if dealt is None or second is None else dealt.second_total - dealt.total,
        doubts=tuple(misfits(worker, job)) if dealt is None else (), cost=roster.cost(w, j),
    )  # fmt: skip


def loads(roster: Roster) -> list[Load]:
    """The load of each worker, by id."""
    return [_load(roster, w) for w in range(len(roster.workers))]


def _load(roster: Roster, w: int) -> Load:
    worker, queue = roster.workers[w], roster.queues[w]
    ends = np.cumsum(roster.effort[queue])
    total = int(ends[-1]) if queue else 0
    late = np.flatnonzero(ends > roster.due[w, queue])
    return Load(
        who=worker.id, over=roster.over,
        working=timedelta(microseconds=int(roster.working[w])),
        committed=timedelta(microseconds=max(total - int(roster.ahead[w]), 0)),
        jobs=len(queue), free=roster.clock(w, total, 1)[0],
        late=tuple(roster.jobs[queue[k]].id for k in late), limits=tuple(roster.limits(w)),
    )  # fmt: skip


def fit(roster: Roster, w: int, j: int, *, first: bool = False) -> Fit:
    """How well a job and a worker fit, at its place in their queue or as the very next.

    A job that is theirs already is never refused.
    """
    worker, job = roster.workers[w], roster.jobs[j]
    mine = j in roster.queues[w]
    rest = [i for i in roster.queues[w] if i != j]
    terms = roster.terms(w, [j], rest)
    before = 0 if first else int(terms.before[0])
    late = max(before + int(roster.effort[j]) - int(roster.due[w, j]), 0)
    start, finish = roster.clock(w, before, int(roster.effort[j]))
    words = [f"late by {span(late)}" if late else "", f"knows {job.customer}" if terms.knows[0] else ""]
    return Fit(
        job=job.id, who=worker.id, start=start, finish=finish, late=timedelta(microseconds=late),
        refusals=() if mine else roster.refusals(w, j),
        reasons=tuple(filter(None, words)),
        points={name: float(values[0]) for name, values in terms.points.items() if values[0]},
        total=float(terms.total[0]), cost=roster.cost(w, j),
    )  # fmt: skip


def _stretch(start: datetime, finish: datetime) -> str:
    same = start.date() == finish.date()
    return f"{_when(start)} to {finish:%H:%M}" if same else f"{_when(start)} to {_when(finish)}"


def _when(at: datetime) -> str:
    return f"{at:%a %Y-%m-%d %H:%M}"
