"""Staffing: what plans, loads and rankings say."""

import pickle
from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

from crmkit.calendars import BusinessCalendar
from crmkit.pipeline.staffing import Job, Weights, Worker, assign, candidates, load, next_job
from crmkit.values import Money, Period

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"})


def hours(n):
    """A working time."""
    return timedelta(hours=n)


def who(plan):
    """From each job that is assigned to who has it."""
    return {choice.job.id: choice.who for choice in plan.choices}


# -- who takes what


def test_the_skill_decides_then_the_load():
    """Who lacks the level gets nothing of it, and among those who have it the less busy one does."""
    workers = [
        Worker("li", OFFICE, skills={"router": 3}),
        Worker("wang", OFFICE, skills="router"),
        Worker("zhao", OFFICE),
    ]
    jobs = [Job("T1", hours(2), needs={"router": 2}), Job("T2", hours(2), needs="router"), Job("T3", hours(2))]
    assert who(assign(jobs, workers, at=MONDAY)) == {"T1": "li", "T2": "wang", "T3": "zhao"}


def test_urgent_jobs_go_first_in_the_queue_too():
    """A new urgent job is planned before what its worker already has, and the ones behind it wait."""
    mine = [Job("old", hours(4), who="li"), Job("older", hours(3), who="li", due=MONDAY + hours(30))]
    plan = assign([*mine, Job("fire", hours(1), urgency="urgent")], [Worker("li", OFFICE)], at=MONDAY)
    assert [(c.job.id, c.start.hour, c.finish.hour) for c in plan.of("li")] == [
        ("fire", 9, 10),
        ("older", 10, 13),
        ("old", 13, 17),
    ]


def test_the_customers_person_is_preferred_within_reason():
    """Whoever knows the customer, by name or by an open job, takes the next; not when far busier than others."""
    workers = [Worker("li", OFFICE), Worker("wang", OFFICE, customers="Acme")]
    assert who(assign([Job("T1", hours(1), customer="Acme")], workers, at=MONDAY)) == {"T1": "wang"}
    jobs = [Job("T1", hours(8), customer="Bolt", who="wang"), Job("T2", hours(1), customer="Bolt")]
    assert who(assign(jobs, workers, at=MONDAY))["T2"] == "wang"
    jobs = [Job("T1", hours(80), customer="Bolt", who="wang"), Job("T2", hours(1), customer="Bolt")]
    assert who(assign(jobs, workers, at=MONDAY))["T2"] == "li"


def test_experts_stay_free_and_money_counts():
    """Between equal loads the one with less skill to spare takes it, and the cheaper one."""
    expert, all_round = (
        Worker("a", OFFICE, skills={"router": 3}),
        Worker("b", OFFICE, skills={"router", "switch", "zh"}),
    )
    junior = Worker("c", OFFICE, skills="router")
    assert who(assign([Job("T", hours(1), needs="router")], [expert, all_round, junior], at=MONDAY)) == {"T": "c"}
    dear, cheap = Worker("a", OFFICE, rate=Money("80", "EUR")), Worker("b", OFFICE, rate=Money("40", "EUR"))
    plan = assign([Job("T", timedelta(minutes=50))], [dear, cheap], at=MONDAY)
    assert who(plan) == {"T": "b"}
    assert plan.cost == Money("33.33", "EUR")
    assert (
        assign([Job("T", hours(1), who="x"), Job("S", hours(1), who="b")], [cheap, Worker("x", OFFICE)], at=MONDAY).cost
        is None
    )
    assert assign([], [cheap], at=MONDAY).cost is None


def test_the_urgent_do_not_wait_for_who_is_away():
    """A day of waiting weighs more, the more urgent a job is: it does not go to somebody who is not there."""
    away = OFFICE.layered(name="leave", holidays=[date(2026, 3, 2)])
    workers = [Worker("li", OFFICE), Worker("wang", away, skills=[])]
    kept = Job("T0", hours(5), who="li", urgency=9)
    assert who(assign([kept, Job("T1", hours(1), urgency=1)], workers, at=MONDAY))["T1"] == "li"
    assert who(assign([kept, Job("T1", hours(1), urgency=8)], workers, at=MONDAY))["T1"] == "wang"


def test_somebody_hands_on_so_that_all_have_a_place():
    """The all-rounder was dealt a common job; when a rare one comes in the same plan, they pass the common one on."""
    workers = [
        Worker("all", OFFICE, skills={"a", "b"}, at_once=1),
        Worker("one", OFFICE, skills={"a", "c", "d"}, at_once=1),
    ]
    jobs = [Job("common", hours(1), needs="a", urgency=1), Job("rare", hours(1), needs="b", urgency=2)]
    plan = assign(jobs, workers, at=MONDAY)
    assert who(plan) == {"common": "one", "rare": "all"}
    assert plan.explain("common").splitlines()[1] == "  - handed on, to make room for another"


def test_chains_search_again_what_a_search_that_succeeded_had_asked():
    """Two common jobs are handed on, one after the other, over the same workers."""
    both = [Worker(f"a{n}", OFFICE, skills={"a", "b"}, at_once=1) for n in range(2)]
    ones = [Worker(f"b{n}", OFFICE, skills={"a", "c", "d"}, at_once=1) for n in range(2)]
    jobs = [Job(f"C{n}", hours(1), needs="a", urgency=1) for n in range(2)] + [
        Job(f"R{n}", hours(1), needs="b") for n in range(2)
    ]
    plan = assign(jobs, [*both, *ones], at=MONDAY)
    assert not plan.unassigned
    assert sum(choice.moved for choice in plan.choices) == 2


def test_room_that_handing_on_has_made_is_used():
    """A job handed on frees more hours than the one that asked for them takes: the rest is dealt as well."""
    workers = [
        Worker("w0", OFFICE, skills=set("abc"), hours=hours(3), at_once=2),
        Worker("w1", OFFICE, skills=set("cde"), hours=hours(3)),
    ]
    efforts = {"T0": ("a", 1), "T1": ("b", 3), "T3": ("a", 2)}
    jobs = [
        Job("T4", hours(3), needs="c", urgency=1),
        *(Job(id_, hours(n), needs=skill) for id_, (skill, n) in efforts.items()),
    ]
    assert who(assign(jobs, workers, at=MONDAY)) == {"T4": "w1", "T0": "w0", "T3": "w0"}


def test_late_is_better_than_never_unless_refused():
    """A due time that nobody can keep is missed by as little as possible, or with `late=False` refused with the reason."""
    workers = [Worker("li", OFFICE), Worker("wang", OFFICE)]
    jobs = [
        Job("T0", hours(4), who="li", urgency=1), Job("T1", hours(6), who="wang", urgency=1),
        Job("T2", hours(3), urgency=2, due=MONDAY + hours(4)),
    ]  # fmt: skip
    plan = assign(jobs, workers, at=MONDAY)
    assert str(plan.choice("T2")) == "T2 -> li: Mon 2026-03-02 13:00 to 16:00, late by 3 h"
    plan = assign(jobs, workers, at=MONDAY, late=False)
    assert plan.refusals("T2") == {
        "li": ("would miss the due time by 3 h",),
        "wang": ("would miss the due time by 5 h",),
    }


def test_other_peoples_promises_count():
    """A job that would make another miss its due time goes elsewhere, or is refused and says which."""
    kept = Job("T1", hours(4), who="li", due=MONDAY + hours(4))
    fire = Job("fire", hours(1), urgency=1)
    assert (
        who(assign([kept, fire], [Worker("li", OFFICE), Worker("z", OFFICE, skills={"a": 9})], at=MONDAY))["fire"]
        == "z"
    )
    plan = assign([kept, fire], [Worker("li", OFFICE)], at=MONDAY, late=False)
    assert plan.explain("fire") == "fire -> nobody\n  - li would then miss the due time of T1"


def test_to_the_minute():
    """What just fits before a promise is no harm to it, a minute more is."""
    kept = Job("T1", hours(4), who="li", due=MONDAY + hours(5))
    for minutes, fits in ((60, True), (61, False)):
        fire = Job("fire", timedelta(minutes=minutes), urgency=1, due=MONDAY + timedelta(minutes=minutes))
        assert bool(assign([kept, fire], [Worker("li", OFFICE)], at=MONDAY, late=False).unassigned) != fits


def test_the_less_late_is_better():
    """Where both would be late, the one who is free sooner gets it, whatever else speaks for the other."""
    workers = [Worker("li", OFFICE), Worker("wang", OFFICE, customers={"Acme"})]
    jobs = [Job("T0", hours(4), who="wang", urgency=1), Job("T1", hours(3), who="li", urgency=1)]
    plan = assign([*jobs, Job("T2", hours(2), customer="Acme", due=MONDAY)], workers, at=MONDAY)
    assert who(plan)["T2"] == "li"


def test_what_is_overdue_is_late_even_before_work_begins():
    """On Sunday a due time of Saturday has passed, although nobody worked since."""
    sunday = MONDAY - timedelta(days=1)
    plan = assign([Job("T", hours(1), due=sunday - hours(10))], [Worker("li", OFFICE)], at=sunday, late=False)
    assert plan.refusals("T") == {"li": ("would miss the due time by 1 h 1 min",)}


def test_every_reason_of_everybody():
    """A job that nobody can take lists all that is in its way, person by person, and what was likely meant."""
    away = OFFICE.layered(name="leave", holidays=[date(2026, 3, 2) + timedelta(days=n) for n in range(28)])
    workers = [
        Worker("li", OFFICE, skills="router", territories={"west", "north"}, at_once=1),
        Worker("chen", OFFICE, skills={"router": 2}, hours=hours(2), per_day=1),
        Worker("wang", away, skills={"router": 2}, territories=[]),
    ]
    jobs = [
        Job("T1", hours(1), who="li"), Job("T2", timedelta(minutes=90), who="chen", given=MONDAY),
        Job("T3", hours(2), needs={"router": 2, "rooter": 1}, territory="east"),
    ]  # fmt: skip
    plan = assign(jobs, workers, at=MONDAY)
    assert plan.unassigned == (jobs[2],)
    assert str(plan).splitlines()[-1] == "T3 -> nobody"
    assert plan.explain("T3").splitlines() == [
        "T3 -> nobody",
        "  - chen lacks rooter 1 (has none), was given 1 of 1 for the day, has 1 h 30 min of 2 h of work, and this is 2 h",
        "  - li lacks router 2 (has 1), lacks rooter 1 (has none), does not serve east (serves north, west), is full: 1 of 1",
        "  - wang lacks rooter 1 (has none), does not serve east (serves nowhere), is away until Mon 2026-03-30 09:00",
        "  - nobody has rooter (did you mean 'router'?)",
    ]


def test_a_day_has_its_own_limit():
    """What was given today counts against `per_day`, in the civil day of the worker; what is older does not."""
    tokyo = BusinessCalendar("Tokyo", tz="Asia/Tokyo", week={"mon-fri": "09:00-17:00"})
    late = datetime(2026, 3, 2, 16, tzinfo=UTC)
    for given, free in ((late - hours(2), 1), (late, 0)):
        mine = Job("T1", hours(1), who="li", given=given)
        assert len(assign([mine, Job("T2", hours(1))], [Worker("li", tokyo, per_day=1)], at=late).choices) == 1 + free


# -- why


def test_a_choice_names_its_points_and_the_runner_up():
    """The reasons of a choice: what it cost an hour, and who was next."""
    workers = [
        Worker("li", OFFICE),
        Worker("wang", OFFICE, customers={"Acme"}),
        Worker("zhao", OFFICE, skills={"a": 3}),
    ]
    plan = assign([Job("T", hours(16), customer="Acme")], workers, at=MONDAY)
    assert plan.explain("T").splitlines() == [
        "T -> wang: Mon 2026-03-02 09:00 to Tue 2026-03-03 17:00",
        "  - points an hour: load +0.10, customer -0.40",
        "  - next best li, worse by 6.40",
    ]


def test_the_runner_up_may_have_been_better_but_is_needed_elsewhere():
    """A round is the best for all: one job may go to the second best, and says so; the only one says that too."""
    workers = [Worker("li", OFFICE, customers={"Acme"}), Worker("wang", OFFICE, skills={"a"})]
    jobs = [Job("T1", hours(2), customer="Acme"), Job("T2", hours(8), customer="Acme")]
    plan = assign(jobs, workers, at=MONDAY)
    assert who(plan) == {"T1": "wang", "T2": "li"}
    assert plan.choice("T1").reasons[-1].startswith("li would have been better by ")
    alone = assign([Job("T", hours(1))], workers[:1], at=MONDAY, weights=Weights(load=0))
    assert alone.choice("T").reasons == ("nobody else could take it then",)


def test_lateness_outweighs_all_else():
    """Where the runner-up would have been late the reason is just that, and the other way round."""
    workers = [Worker("li", OFFICE), Worker("wang", OFFICE, customers={"Acme"})]
    busy = Job("T0", hours(4), who="wang", urgency=1)
    job = Job("T1", hours(4), customer="Acme", due=MONDAY + hours(5))
    assert assign([busy, job], workers, at=MONDAY).choice("T1").reasons[-1] == "with wang, this would have been late"
    two = [Job(f"J{n}", hours(3), due=MONDAY + hours(3)) for n in range(2)]
    late = [choice for choice in assign([busy, *two], workers, at=MONDAY).choices if choice.late]
    assert [choice.reasons[-1] for choice in late] == ["with li, less would have been late"]


def test_what_stays_says_what_it_lacks():
    """A kept job stays with whoever has it, even without the skill, and the plan says so."""
    plan = assign(
        [Job("T", hours(1), needs={"router": 2}, who="li")], [Worker("li", OFFICE, skills="router")], at=MONDAY
    )
    assert plan.choice("T").reasons == ("they had it", "lacks router 2 (has 1)")


# -- dealing anew


def test_dealing_anew_evens_out_but_does_not_churn():
    """Six jobs of one person are shared; equal shares stay as they are; what comes back is nothing new for the day."""
    workers = [Worker("li", OFFICE, per_day=3), Worker("wang", OFFICE, per_day=3)]
    jobs = [Job(f"T{n}", hours(4), who="li", given=MONDAY - hours(99)) for n in range(6)]
    assert assign(jobs, workers, at=MONDAY).spread == pytest.approx(24 / 160)
    plan = assign(jobs, workers, at=MONDAY, rebalance=True)
    assert plan.spread == 0
    assert [job.given == MONDAY for job in plan.jobs] == [job.who == "wang" for job in plan.jobs]
    assert assign(plan.jobs, workers, at=MONDAY, rebalance=True).jobs == plan.jobs
    old = [Job(f"T{n}", hours(4), who="li") for n in range(6)]
    assert len(assign(old, workers[:1], at=MONDAY, rebalance=True).choices) == 6


# -- loads


def test_loads_say_who_is_over_and_who_has_room():
    """Committed work against working time, the limits that are reached, what will be late, and when each is free."""
    week = Period(date(2026, 3, 2), date(2026, 3, 9))
    leave = OFFICE.layered(name="half", workdays={date(2026, 3, 3): "09:00-12:00"}, holidays=[date(2026, 3, 4)])
    workers = [Worker("li", leave, at_once=2), Worker("wang", OFFICE, hours=hours(4)), Worker("zhao", OFFICE)]
    jobs = [
        Job("T1", hours(20), who="li"), Job("T2", hours(10), who="li", due=MONDAY + timedelta(days=1)),
        Job("T3", hours(4), who="wang"), Job("T4", hours(99)),
    ]  # fmt: skip
    li, wang, zhao = load(workers, jobs, over=week, at=MONDAY)
    assert (li.working, li.committed, li.excess, li.room) == (hours(27), hours(30), hours(3), hours(0))
    assert str(li) == "li: 111%, 30 h of 27 h, free Mon 2026-03-09 12:00; is full: 2 of 2; late: T2"
    assert (wang.room, wang.limits) == (hours(0), ("has 4 h of 4 h of work",))
    assert (zhao.room, zhao.utilisation, zhao.excess, zhao.free) == (hours(40), 0, hours(0), MONDAY)
    later = Period(date(2026, 3, 3), date(2026, 3, 4))
    assert load(workers, jobs, over=later, at=MONDAY)[0].committed == hours(22)
    assert load(workers, jobs, over=later, at=MONDAY)[1].committed == hours(0)


def test_who_is_away_has_no_load_and_gets_nothing():
    """Without working time in the period there is no utilisation, and the text says away."""
    away = OFFICE.layered(name="leave", holidays=[date(2026, 3, 3)])
    day = Period(date(2026, 3, 3), date(2026, 3, 4))
    plan = assign([Job("T", hours(1))], [Worker("li", away)], at=MONDAY + hours(10), over=day)
    assert plan.loads[0].utilisation is None
    assert str(plan.loads[0]) == "li: away, 0 min of 0 min, free Wed 2026-03-04 09:00"
    assert plan.refusals("T") == {"li": ("is away until Wed 2026-03-04 09:00",)}
    assert plan.spread == 0


# -- the next job


def test_the_next_job_of_somebody():
    """Their own and the free ones by urgency, then by when they must be begun; what they cannot take comes last."""
    li = Worker("li", OFFICE, skills={"zh"}, customers={"Acme"})
    jobs = [
        Job("mine", hours(2), who="li", due=MONDAY + hours(5)), Job("loose", hours(1), customer="Acme"),
        Job("tight", hours(2), due=MONDAY + hours(4)), Job("behind", hours(9), who="li", due=MONDAY + hours(8)),
        Job("hard", hours(1), urgency=1, needs="router"), Job("theirs", hours(1), who="wang"),
    ]  # fmt: skip
    assert [str(fit) for fit in next_job(li, jobs, at=MONDAY)] == [
        "behind -> li: Mon 2026-03-02 09:00 to Tue 2026-03-03 10:00; theirs; is 1 h behind; late by 1 h",
        "tight -> li: Mon 2026-03-02 09:00 to 11:00; is to begin within 2 h",
        "mine -> li: Mon 2026-03-02 09:00 to 11:00; theirs; is to begin within 3 h",
        "loose -> li: Mon 2026-03-02 09:00 to 10:00; knows Acme",
        "hard -> li: no, lacks router 1 (has none)",
    ]
    full = attrs.evolve(li, at_once=2)
    assert [fit.job for fit in next_job(full, jobs, at=MONDAY) if fit] == ["behind", "mine"]


def test_candidates_for_a_job_that_somebody_has():
    """Asking who else could take a job puts its holder in line with all others."""
    workers = [Worker("li", OFFICE, at_once=1), Worker("wang", OFFICE, at_once=0, rate=Money("10", "EUR"))]
    job = Job("T", hours(2), who="li", pinned=True)
    first, second = candidates(job, workers, [job], at=MONDAY)
    assert (first.who, bool(first), first.finish) == ("li", True, MONDAY + hours(2))
    assert (second.refusals, second.cost) == (("is full: 0 of 0",), Money("20.00", "EUR"))


# -- values


def test_nobody_and_nothing():
    """No workers, no jobs, or neither: an empty plan that says so."""
    assert assign([], [], at=MONDAY).spread == 0
    plan = assign([Job("T", hours(1), needs="a")], [], at=MONDAY)
    assert plan.explain("T") == "T -> nobody\n  - nobody has a"
    assert plan.choice("T") is None


def test_values_are_frozen_compare_and_travel():
    """Workers, jobs and plans survive pickling; jobs and workers are equal by content and can be hashed."""
    worker, job = Worker("li", OFFICE, skills={"a": 2}), Job("T", hours(1), needs={"a"}, urgency="low")
    assert len({worker, pickle.loads(pickle.dumps(worker)), attrs.evolve(worker)}) == 1  # noqa: S301 - our own bytes
    assert len({job, attrs.evolve(job)}) == 1
    assert job.urgency == 4
    plan = assign([job], [worker], at=MONDAY)
    assert pickle.loads(pickle.dumps(plan)).choices == plan.choices  # noqa: S301 - our own bytes
