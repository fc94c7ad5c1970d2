"""Clocks beside a plain loop over minutes, and that what they say is said once."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.events import Breached, Warned, from_json, to_json
from crmkit.pipeline import Clock, Pipeline, Stage
from crmkit.pipeline.clocks import states, tick

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"}, holidays=[date(2024, 1, 2)])
# Lunch, a make-up Saturday, a holiday, and both changes of the hour: the night shift of Sunday has them in it.
BERLIN = BusinessCalendar(
    "Berlin", tz="Europe/Berlin",
    week={"mon-fri": "09:00-12:00 13:00-17:00", "sun": "00:00-06:00"},
    holidays=[date(2024, 4, 1), date(2024, 10, 25)], workdays={date(2024, 3, 30): "mon", date(2024, 10, 26): "fri"},
)  # fmt: skip
CLOCK = Clock(
    "reply", "4 business hours", start="asked", stop="done", pause="hold", reset="again", warn=[50, 75],
    effects=["mail", "task"],
)  # fmt: skip
TRIGGERED = Clock("reply", "4 business hours", start="asked", stop="done", pause="hold", resume="go", reset="again")


def ticket(*clocks, **more):
    """A pipeline of tickets with clocks."""
    stages = more.pop("stages", ["open", "waiting", Stage("solved", "won")])
    return Pipeline("tickets", stages=stages, clocks=clocks, **more)


def told(pipeline, start, *changes, fields=None):
    """The facts of a case: opened, then (time after the start, the fields that change or the move)."""
    step = pipeline.open("T-1", at=start, who="wei", fields=fields or {})
    facts = [*step.events]
    for after, change in changes:
        if isinstance(change, str):
            step = pipeline.move(step.case, change, at=start + after)
        else:
            step = pipeline.edit(step.case, at=start + after, fields=change)
        facts += step.events
    return facts


# -- beside a loop over minutes


def works(calendar, at):
    """Whether a minute is worked, by the wall clock alone; slots here do not cross midnight."""
    local = at.astimezone(ZoneInfo(calendar.tz))
    minute = 60 * local.hour + local.minute
    return any(low <= minute * 60 < high for low, high in slots(calendar, local.date()))


def slots(calendar, day):
    """The slots of a day in seconds, read from its text."""
    for part in calendar.hours(day).text.split():
        low, high = (60 * int(end[:2]) * 60 + int(end[3:]) * 60 for end in part.split("-"))
        yield low, high


def oracle(clock, start, changes, now):
    """Every cycle, by looking at each minute: (started, ended, status, used minutes, due, warned at)."""
    cycles, fields, was, at = [], {}, {"asked": False, "again": False}, start
    edits = {}
    for after, change in changes:
        edits.setdefault(start + after, []).append(change)
    facts_end = max([start, *edits])
    while at < now or at <= facts_end or (cycles and not cycles[-1]["ended"] and cycles[-1]["due"] is None):
        for change in edits.get(at, []) + ([{}] if at == start else []):
            fields.update(change)
            look(clock, cycles, fields, was, at)
        if cycles and cycles[-1]["ended"] is None:
            cycle = cycles[-1]
            # After `now` a clock that stands still is taken to run on, for its due instant.
            if works(BERLIN, at) and not (cycle["paused"] and at < now):
                cycle["used"] += 1
                cycle["shown"] += at < now
                for share in clock.warn:
                    if cycle["used"] == 240 * share // 100:
                        cycle["warned"][share] = at + MINUTE
                if cycle["used"] == 240:
                    cycle["due"] = at + MINUTE
        at += MINUTE
    return cycles


def look(clock, cycles, fields, was, at):
    """What a fact means, written as a table of the four things that can happen."""
    rises = {name: bool(fields.get(name)) and not was[name] for name in was}
    was.update({name: bool(fields.get(name)) for name in was})
    running = bool(cycles) and cycles[-1]["ended"] is None
    fresh = {
        "started": at,
        "ended": None,
        "paused": False,
        "used": 0,
        "shown": 0,
        "due": None,
        "warned": {},
        "status": "",
    }
    if running and fields.get("done"):
        cycles[-1].update(ended=at, status="stopped")
    elif running and rises["again"]:
        cycles[-1].update(ended=at, status="reset")
        cycles.append(fresh)
    elif not running and (rises["asked"] or (cycles and rises["again"])):
        cycles.append(fresh)
        if fields.get("done"):
            cycles[-1].update(ended=at, status="stopped")
    if cycles and cycles[-1]["ended"] is None:
        go = bool(fields.get("go")) if clock.resume else not fields.get("hold")
        if go:
            cycles[-1]["paused"] = False
        elif fields.get("hold"):
            cycles[-1]["paused"] = True


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 4 * 24 * 6).map(lambda n: n * 10 * MINUTE),
        st.dictionaries(
            st.sampled_from(["asked", "done", "hold", "go", "again"]), st.booleans(), min_size=1, max_size=2
        ),
    ),
    max_size=8,
).map(lambda rows: sorted(rows, key=lambda row: row[0]))
STARTS = [
    datetime(2024, 3, 29, 10, 30, tzinfo=UTC),
    datetime(2024, 10, 25, 11, tzinfo=UTC),
    datetime(2024, 4, 3, tzinfo=UTC),
]


@settings(max_examples=60)
@given(st.sampled_from(STARTS), CHANGES, st.integers(0, 5 * 24).map(lambda n: n * HOUR), st.booleans())
def test_clocks_show_what_a_loop_over_minutes_counts(start, changes, until, triggered):
    """Cycles, used time, due instants and warnings are those of a loop over minutes, over both changes of the hour."""
    clock = TRIGGERED if triggered else CLOCK
    pipeline, now = ticket(clock), start + until
    happened = [(after, change) for after, change in changes if after <= until]
    facts = told(pipeline, start, *happened, fields={"asked": True})
    found = states(pipeline, facts, now=now, calendars=BERLIN)
    wanted = oracle(clock, start, [(timedelta(), {"asked": True}), *happened], now)
    assert [(one.started, one.status) for one in found] == [
        (one["started"], one["status"] or ("paused" if one["paused"] else "running")) for one in wanted
    ]
    for state, one in zip(found, wanted, strict=True):
        assert state.elapsed == one["shown"] * MINUTE
        assert state.remaining == (240 - one["shown"]) * MINUTE
        if one["due"] is not None:
            assert state.due == one["due"]
        assert state.breached == (one["due"] is not None and one["due"] < state.until)
        assert {w.share: w.at for w in state.warnings if w.at < state.until} == {
            share: at for share, at in one["warned"].items() if at < state.until
        }


# -- said once


@settings(max_examples=60)
@given(st.sampled_from(STARTS), CHANGES, st.lists(st.integers(0, 6 * 24 * 60).map(lambda n: n * MINUTE), max_size=8))
def test_any_schedule_of_ticks_says_the_same_once(start, changes, looks):
    """Whoever looks, twice, late or often, the history ends up with the same warnings and breaches, each once."""
    pipeline, end = ticket(CLOCK), start + 7 * DAY

    def history(at_times):
        step = pipeline.open("T-1", at=start, fields={"asked": True})
        facts = [*step.events]
        what = [*((after, 0, change) for after, change in changes), *((after, 1, None) for after in at_times)]
        for after, _, change in sorted(what, key=lambda one: one[:2]):
            if change is not None:
                facts += pipeline.edit(pipeline.replay(facts), at=start + after, fields=change).events
                continue
            facts += tick(pipeline, facts, now=start + after, calendars=BERLIN).events
        facts += tick(pipeline, facts, now=end, calendars=BERLIN).events
        assert tick(pipeline, facts, now=end, calendars=BERLIN).events == ()
        return facts

    once, often = history([]), history([*looks, *looks])
    said = [
        sorted((fact.key, fact.at, fact.due) for fact in facts if isinstance(fact, Warned | Breached))
        for facts in (once, often)
    ]
    assert said[0] == said[1]
    assert len({fact.id for fact in often}) == len(often)
    assert len({key for key, _, _ in said[0]}) == len(said[0])
    case = pipeline.replay(often)
    assert case.version == len(often)
    # What is said of time does not close it: whatever happened in between may still be recorded.
    assert case.at == max(fact.at for fact in often if not isinstance(fact, Warned | Breached))


def test_a_late_look_dates_back_and_numbers_on():
    """A breach is dated by the instant it came about and recorded when it was seen; its id goes on counting."""
    pipeline = ticket(CLOCK)
    monday = datetime(2024, 3, 4, 9, tzinfo=UTC)
    facts = told(pipeline, monday, (30 * HOUR, {"note": "late"}), fields={"asked": True})
    now = monday + 3 * DAY
    ticked = tick(pipeline, facts, now=now, calendars=OFFICE)
    assert [(fact.id, fact.key, fact.at - monday, fact.recorded) for fact in ticked.events] == [
        ("T-1#3", "T-1:reply:1:50", 2 * HOUR, now),
        ("T-1#4", "T-1:reply:1:75", 3 * HOUR, now),
        ("T-1#5", "T-1:reply:1:breach", 4 * HOUR, now),
    ]
    assert [(fact.id, effect.kind) for fact, effect in ticked.effects] == [("T-1#5", "mail"), ("T-1#5", "task")]
    assert pipeline.replay([*facts, *ticked.events]).at == monday + 30 * HOUR
    assert pipeline.state([*facts, *ticked.events], at=monday + 5 * HOUR).version == 4
    assert [from_json(to_json(fact)) for fact in ticked.events] == [*ticked.events]


def test_next_is_when_there_is_something_to_say():
    """Whoever looks again at `next`, and only then, misses nothing and looks in vain never."""
    pipeline = ticket(CLOCK)
    monday = datetime(2024, 3, 4, 9, tzinfo=UTC)
    facts, now, seen = told(pipeline, monday, fields={"asked": True}), monday, []
    while now is not None:
        ticked = tick(pipeline, facts, now=now, calendars=OFFICE)
        seen.append(len(ticked.events))
        facts += ticked.events
        now = ticked.next
    assert seen == [0, 1, 1, 1]
    assert [fact.share for fact in facts if isinstance(fact, Warned)] == [50, 75]
    paused = told(pipeline, monday, (HOUR, {"hold": True}), fields={"asked": True})
    assert tick(pipeline, paused, now=monday + 2 * HOUR, calendars=OFFICE).next is None


def test_done_at_the_due_instant_is_done_in_time():
    """A promise is kept until the very instant it is due, and broken a microsecond later."""
    pipeline = ticket(Clock("reply", "4 hours", stop="done", warn=[50]))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    for late, breached in ((timedelta(), False), (timedelta(microseconds=1), True)):
        facts = told(pipeline, start, (4 * HOUR + late, {"done": True}))
        (state,) = states(pipeline, facts, now=start + DAY)
        assert (state.status, state.breached, state.warned) == ("stopped", breached, (50,))
        assert [type(fact) for fact in tick(pipeline, facts, now=start + DAY).events] == [Warned, Breached][
            : 1 + breached
        ]


def test_an_instant_is_passed_after_it():
    """Who stops at a warning is not warned, and who stands still from the due instant on is late all the same."""
    pipeline = ticket(Clock("reply", "4 hours", stop="done", pause="hold", warn=[50]))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    stopped = told(pipeline, start, (2 * HOUR, {"done": True}))
    assert tick(pipeline, stopped, now=start + DAY).events == ()
    assert states(pipeline, stopped, now=start + DAY)[0].warned == ()
    held = told(pipeline, start, (4 * HOUR, {"hold": True}))
    assert [fact.at - start for fact in tick(pipeline, held, now=start + DAY).events] == [2 * HOUR, 4 * HOUR]


def test_a_warning_says_what_was_due_then():
    """A pause after a warning moves the deadline, and not the warning that was given before."""
    pipeline = ticket(Clock("reply", "4 hours", stop="done", pause="hold", warn=[25]))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    changes = [(2 * HOUR, {"hold": True}), (5 * HOUR, {"hold": False})]
    early = tick(pipeline, told(pipeline, start), now=start + 2 * HOUR).events
    late = tick(pipeline, told(pipeline, start, *changes), now=start + DAY).events
    assert [(fact.at - start, fact.due - start) for fact in early] == [(HOUR, 4 * HOUR)]
    assert [(fact.at - start, fact.due - start) for fact in late] == [(HOUR, 4 * HOUR), (7 * HOUR, 7 * HOUR)]
