"""What holds for every plan, and small pools against every plan there is."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import permutations, product
from zoneinfo import ZoneInfo

import attrs
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.pipeline._staffing_rounds import optimal
from crmkit.pipeline.staffing import Job, Weights, Worker, assign, candidates, load
from crmkit.values import Period

BERLIN = ZoneInfo("Europe/Berlin")
# Friday before the clocks are put forward: nights and days that lose an hour are in every plan.
AT = datetime(2026, 3, 27, 15, tzinfo=BERLIN)
OFFICE = BusinessCalendar("office", tz="Europe/Berlin", week={"mon-fri": "09:00-12:00 13:00-17:00"})
NIGHT = BusinessCalendar("night", tz="Europe/Berlin", week={"mon-sun": "22:00-06:00"})
AWAY = OFFICE.layered(name="on leave", holidays=[date(2026, 3, 30)], workdays={date(2026, 3, 31): "10:00-12:00"})
GONE = OFFICE.layered(name="on a long leave", holidays=[date(2026, 3, 27) + timedelta(days=n) for n in range(40)])
ON_LOAD = Weights(wait=0, customer=0, spare=0, money=0, stay=0)

skills = st.dictionaries(st.sampled_from(["router", "zh"]), st.integers(1, 2), max_size=2)
limits = st.none() | st.integers(0, 2)
quarters = st.integers(1, 24).map(lambda n: timedelta(minutes=15 * n))


@st.composite
def pools(draw, *, calendars=(OFFICE, NIGHT, AWAY, GONE), hours=True, most_jobs=8):
    """Up to four workers, and jobs some of which they have."""
    workers = [
        Worker(
            f"w{n}", draw(st.sampled_from(calendars)), skills=draw(skills), at_once=draw(limits), per_day=draw(limits),
            territories=draw(st.none() | st.sets(st.sampled_from(["east", "west"]))),
            hours=draw(st.none() | quarters) if hours else None,
        )
        for n in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    ids = [worker.id for worker in workers]
    jobs = [
        Job(
            f"T{n}", draw(quarters), needs=draw(skills), urgency=draw(st.integers(1, 2)),
            due=draw(st.none() | st.integers(-5, 100).map(lambda h: AT + timedelta(hours=h))),
            territory=draw(st.sampled_from([None, "east", "west"])), customer=draw(st.sampled_from([None, "Acme", "Bolt"])),
            who=draw(st.none() | st.none() | st.sampled_from(ids)), given=draw(st.sampled_from([None, AT, AT - timedelta(days=3)])),
        )
        for n in range(draw(st.integers(0, most_jobs)))
    ]  # fmt: skip
    return workers, jobs


def able(worker, job):
    """Whether skills and territory fit."""
    levels = all(worker.skills.get(skill, 0) >= level for skill, level in job.needs.items())
    return levels and (not job.territory or worker.territories is None or job.territory in worker.territories)


def within(worker, had, dealt):
    """Whether the limits on numbers and hours allow what was dealt on top of what they had."""
    today = sum(job.given == AT for job in had) + len(dealt)
    work = sum((job.effort for job in (*had, *dealt)), timedelta(0))
    return not dealt or (
        (worker.at_once is None or len(had) + len(dealt) <= worker.at_once)
        and (worker.per_day is None or today <= worker.per_day)
        and (worker.hours is None or work <= worker.hours)
    )


@settings(max_examples=150)
@given(pool=pools(), late=st.booleans())
def test_nobody_gets_what_they_cannot_take(pool, late):
    """Skills, territories, limits and leave hold for everything that is dealt; what they had stays."""
    workers, jobs = pool
    plan = assign(jobs, workers, at=AT, late=late)
    had = {job.id: job.who for job in jobs}
    for worker in workers:
        mine = plan.of(worker.id)
        dealt = [choice.job for choice in mine if not choice.kept]
        assert all(able(worker, job) for job in dealt)
        assert within(worker, [choice.job for choice in mine if choice.kept], dealt)
        assert not (dealt and worker.calendar is GONE)
    assert {choice.job.id: choice.who for choice in plan.choices if choice.kept} == {
        id_: who for id_, who in had.items() if who
    }
    assert sorted(job.id for job in plan.jobs) == sorted(had)


@settings(max_examples=150)
@given(pool=pools(), late=st.booleans())
def test_what_is_left_over_has_a_reason_for_everybody(pool, late):
    """A job that nobody has can be taken by nobody as the plan stands, and `refusals` says why for each."""
    workers, jobs = pool
    plan = assign(jobs, workers, at=AT, late=late)
    for job in plan.unassigned:
        assert plan.refusals(job.id).keys() == {worker.id for worker in workers}


@st.composite
def narrow_pools(draw):
    """Few places and skills that overlap: to deal most of the jobs somebody has to hand one on."""
    teams = st.sets(st.sampled_from("abc"), min_size=1)
    workers = [
        Worker(f"w{n}", OFFICE, skills=draw(teams), at_once=draw(st.integers(1, 2)))
        for n in range(draw(st.integers(2, 4)))
    ]
    needs = st.sampled_from("abc")
    return workers, [
        Job(f"T{n}", draw(quarters), needs=draw(needs), urgency=draw(st.integers(1, 2)))
        for n in range(draw(st.integers(2, 5)))
    ]


@settings(max_examples=200)
@given(pool=narrow_pools() | pools(calendars=(OFFICE,), hours=False, most_jobs=5))
def test_as_many_as_possible_the_urgent_first(pool):
    """Where only numbers limit, no other plan deals more of the most urgent, or as many of them and more of the next."""
    workers, jobs = pool
    plan = assign(jobs, workers, at=AT)
    free = [job for job in jobs if job.who is None]
    had = {worker.id: [job for job in jobs if job.who == worker.id] for worker in workers}
    best = (0, 0)
    for takers in product([None, *workers], repeat=len(free)):
        dealt = [(worker, job) for worker, job in zip(takers, free, strict=True) if worker is not None]
        if all(able(worker, job) for worker, job in dealt) and all(
            within(worker, had[worker.id], [job for taker, job in dealt if taker is worker]) for worker in workers
        ):
            counts = Counter(job.urgency for _, job in dealt)
            best = max(best, (counts[1], counts[2]))
    counts = Counter(choice.job.urgency for choice in plan.choices if not choice.kept)
    assert (counts[1], counts[2]) == best


@given(data=st.data(), rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_a_round_is_optimal(data, rows, columns):
    """As many pairs as fit, and of those sets of pairs the one with the least sum, by trying them all."""
    cells = st.tuples(st.booleans(), st.integers(-(10**6), 10**6))
    drawn = data.draw(st.lists(cells, min_size=rows * columns, max_size=rows * columns))
    fits = np.array([fit for fit, _ in drawn]).reshape(rows, columns)
    total = np.array([float(cost) for _, cost in drawn]).reshape(rows, columns)
    if not fits.any():
        fits[0, 0] = True
    tries = []
    for order in permutations([*range(columns), *[-1] * rows], rows):
        pairs = [(w, k) for w, k in enumerate(order) if k >= 0]
        if all(fits[pair] for pair in pairs):
            tries.append((-len(pairs), sum(total[pair] for pair in pairs)))
    found = optimal(total, fits)
    assert (-len(found), sum(total[pair] for pair in found)) == min(tries)


@given(had=st.lists(quarters, min_size=1, max_size=4), more=st.lists(quarters, max_size=4))
def test_a_round_is_as_even_as_can_be(had, more):
    """One job at most for each: no other way to deal them has a lesser sum of squared loads."""
    workers = [Worker(f"w{n}", OFFICE) for n in range(len(had))]
    new = [Job(f"N{n}", effort) for n, effort in enumerate(more[: len(had)])]
    plan = assign(
        [*(Job(f"H{n}", effort, who=f"w{n}") for n, effort in enumerate(had)), *new], workers, at=AT, weights=ON_LOAD
    )

    def squares(works):
        return sum((work / timedelta(minutes=15)) ** 2 for work in works)

    padded = [job.effort for job in new] + [timedelta(0)] * (len(had) - len(new))
    best = min(squares([a + b for a, b in zip(had, order, strict=True)]) for order in permutations(padded))
    assert squares([one.committed for one in plan.loads]) == best


@given(efforts=st.lists(st.tuples(quarters, st.integers(1, 3)), max_size=30), size=st.integers(1, 5))
def test_work_spreads_evenly(efforts, size):
    """Among equals the highest and the lowest load differ by no more than one job: the longest there is."""
    workers = [Worker(f"w{n}", OFFICE, skills={"router": 3}) for n in range(size)]
    jobs = [Job(f"T{n}", effort, urgency=urgency, needs={"router"}) for n, (effort, urgency) in enumerate(efforts)]
    plan = assign(jobs, workers, at=AT)
    longest = max((job.effort for job in jobs), default=timedelta(0))
    assert plan.spread <= longest / plan.loads[0].working + 1e-12
    assert not plan.unassigned


@settings(max_examples=60)
@given(pool=pools(), data=st.data(), anew=st.booleans())
def test_the_order_of_the_input_is_no_matter(pool, data, anew):
    """Workers and jobs in any order: the same plan, to the last figure."""
    workers, jobs = pool
    plan = assign(jobs, workers, at=AT, rebalance=anew)
    other = assign(data.draw(st.permutations(jobs)), data.draw(st.permutations(workers)), at=AT, rebalance=anew)
    assert (plan.choices, plan.unassigned, plan.loads) == (other.choices, other.unassigned, other.loads)


@settings(max_examples=60)
@given(pool=pools(), effort=quarters, urgency=st.integers(1, 2))
def test_one_more_job_moves_nobody_elses(pool, effort, urgency):
    """What a plan has dealt stays where it is in the next, whatever comes in; planning again changes nothing."""
    workers, jobs = pool
    plan = assign(jobs, workers, at=AT)
    again = assign([*plan.jobs, Job("new", effort, urgency=urgency)], workers, at=AT)
    assert {(choice.job.id, choice.who) for choice in plan.choices} <= {
        (choice.job.id, choice.who) for choice in again.choices
    }
    assert assign(plan.jobs, workers, at=AT).jobs == plan.jobs


@settings(max_examples=100)
@given(pool=pools(calendars=(OFFICE, NIGHT, AWAY)), late=st.booleans())
def test_times_are_working_times(pool, late):
    """Each job takes its effort in its worker's calendar, begins when work goes on and the one before is done."""
    workers, jobs = pool
    plan = assign(jobs, workers, at=AT, late=late)
    for worker, one in zip(workers, plan.loads, strict=True):
        done = AT
        for choice in plan.of(worker.id):
            assert choice.start == worker.calendar.next_open(done)
            assert worker.calendar.elapsed(choice.start, choice.finish) == choice.job.effort
            assert worker.calendar.due(choice.start, choice.job.effort) == choice.finish
            assert bool(choice.late) == (choice.job.due is not None and choice.finish > choice.job.due)
            assert (choice.job.id in one.late) == bool(choice.late)
            done = choice.finish
        assert one.free == worker.calendar.next_open(done)


@settings(max_examples=100)
@given(pool=pools(calendars=(OFFICE, NIGHT, AWAY)))
def test_nothing_becomes_late_where_that_is_refused(pool):
    """With `late=False` what is dealt is in time, and what was in time before still is."""
    workers, jobs = pool
    before = {name for one in load(workers, jobs, over=Period.month(2026, 4), at=AT) for name in one.late}
    plan = assign(jobs, workers, at=AT, late=False)
    assert {choice.job.id for choice in plan.choices if choice.late} <= before


@settings(max_examples=60)
@given(pool=pools())
def test_dealing_anew_moves_all_but_the_pinned(pool):
    """`rebalance` keeps pinned jobs, and deals the others within skills and limits."""
    workers, jobs = pool
    some = [attrs.evolve(job, pinned=job.who is not None and job.urgency == 1) for job in jobs]
    plan = assign(some, workers, at=AT, rebalance=True)
    for job in some:
        choice = plan.choice(job.id)
        assert not job.pinned or (choice is not None and choice.kept and choice.who == job.who)
    for worker in workers:
        dealt = [choice.job for choice in plan.of(worker.id) if not choice.kept]
        assert all(able(worker, job) for job in dealt)
        assert worker.at_once is None or not dealt or len(plan.of(worker.id)) <= worker.at_once


@settings(max_examples=60)
@given(pool=pools(), late=st.booleans())
def test_the_best_candidate_gets_the_only_job(pool, late):
    """For a single job that nobody has, `assign` and `candidates` agree on who takes it and who cannot."""
    workers, jobs = pool
    job = Job("new", timedelta(hours=1), needs={"router"}, customer="Acme")
    mine = [one for one in jobs if one.who is not None]
    ranked = candidates(job, workers, mine, at=AT, late=late)
    plan = assign([*mine, job], workers, at=AT, late=late)
    choice = plan.choice("new")
    assert (choice.who if choice else None) == (ranked[0].who if ranked[0] else None)
    if choice is None:
        assert plan.refusals("new") == {one.who: one.refusals for one in ranked}
    else:
        assert (choice.start, choice.finish, choice.late) == (ranked[0].start, ranked[0].finish, ranked[0].late)


def test_plans_do_not_depend_on_the_zone_of_now():
    """The same moment in another zone is the same plan, where both name the same day."""
    workers = [Worker("li", OFFICE)]
    jobs = [Job("T", timedelta(hours=9))]
    assert assign(jobs, workers, at=AT).choices == assign(jobs, workers, at=AT.astimezone(UTC)).choices
