"""The backlog ahead: the forecast's own chances, a queue whose future is known, and desks of which the past is scored."""

import gzip
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, decode_csv
from crmkit.metrics.backlog import BacklogAhead, backlog_ahead
from crmkit.metrics.forecast import forecast
from crmkit.metrics.scores import brier

START = datetime(2025, 1, 1, tzinfo=UTC)
ENDS = {"won": ["solved"], "lost": ["withdrawn"]}
STAGES = ["new", "working", "solved", "withdrawn"]


def journal_of(rows, days):
    """A journal of (ticket, stage, day) that was observed for some days."""
    kept = [row for row in rows if row[2] < days]
    frame = {
        "t": [row[0] for row in kept], "s": [row[1] for row in kept], "w": ["wei" for _ in kept],
        "a": [START + timedelta(days=row[2]) for row in kept],
    }  # fmt: skip
    end = START + timedelta(days=days)
    return Journal.from_frame(frame, case="t", stage="s", at="a", who="w", stages=STAGES, as_of=end)


def desk(rng, days, *, rate, mean, wait=1.0):
    """Tickets that come at random, wait, are worked at, and leave at random: an exponential queue with free hands."""
    rows = []
    for day in range(days):
        for _ in range(rng.poisson(rate(day))):
            case, at = f"T{len(rows)}", day + float(rng.random())
            rows.append((case, "new", at))
            if wait:
                at += float(rng.exponential(wait))
                rows.append((case, "working", at))
            at += float(rng.exponential(mean))
            rows.append((case, "solved" if rng.random() < 0.9 else "withdrawn", at))
    return journal_of(rows, days)


def day(number):
    """The instant so many days after the start."""
    return START + timedelta(days=number)


def open_at(journal, at):
    """The tickets that are open at an instant, by a loop over the stays."""
    micros = int(at.timestamp() * 1e6)
    return sum(
        entered <= micros < left and stage in ("new", "working")
        for _, stage, entered, left, _, _ in journal.rows()
    )  # fmt: skip


@pytest.fixture(scope="module")
def steady():
    """A desk with steady work, and what was said of it four weeks before its end."""
    journal = desk(np.random.default_rng(1), 330, rate=lambda _: 6.0, mean=8.0)
    return journal, backlog_ahead(journal, **ENDS, at=day(300), window=91, rng=np.random.default_rng(0))


def test_chances_are_those_of_the_forecast(steady):
    """The same kernel: a ticket is closed as a deal is won, if both ways to end it are one."""
    journal, made = steady
    same = forecast(journal, won=["solved", "withdrawn"], at=day(300), horizon=28, window=91)
    assert {row.case: row.chances[-1] for row in made} == pytest.approx({row.case: row.chance for row in same})
    assert [row.chances[-1] for row in made] == sorted(row.chances[-1] for row in made)
    assert all(list(row.chances) == sorted(row.chances) for row in made)
    assert {row.method for row in made} <= {"aalen-johansen", "exponential tail", "stages pooled"}
    assert {row.who for row in made} == {"wei"}


def test_the_future_of_a_known_queue():
    """Of N tickets with exponential times N exp(-h/m) stay, and l m (1 - exp(-h/m)) of new ones are there."""
    rng = np.random.default_rng(9)
    journal = desk(rng, 400, rate=lambda _: 20.0, mean=10.0, wait=0.0)
    made = backlog_ahead(journal, **ENDS, window=None)
    now = len(made)
    for row in made.ahead:
        stay = math.exp(-row.days / 10.0)
        assert row.staying == pytest.approx(now * stay, rel=0.08)
        assert row.fresh == pytest.approx(200.0 * (1.0 - stay), rel=0.08)
        assert row.expected == pytest.approx(row.staying + row.fresh)
        assert row.low < row.expected < row.high
        assert row.as_now == now
    assert made.arrivals == pytest.approx(20.0, rel=0.08)


def test_the_record_is_recounted(steady):
    """What past cuts say was open, and came to be, is that of a loop; errors and scores are recomputed from the rows."""
    journal, made = steady
    track = made.track
    assert len(track) == 24
    assert [row.at for row in track] == [day(300) - timedelta(weeks=back) for back in range(27, 3, -1)]
    for row in track:
        assert row.as_now == open_at(journal, row.at)
        assert row.actual == open_at(journal, row.at + timedelta(days=28))
    ours = [abs(row.expected - row.actual) for row in track]
    base = [abs(row.as_now - row.actual) for row in track]
    assert track.error == pytest.approx(np.mean(ours))
    assert track.error_as_now == pytest.approx(np.mean(base))
    assert track.skill == pytest.approx(1.0 - sum(ours) / sum(base))
    assert track.skill_low <= track.skill <= track.skill_high
    assert track.better is None
    # Each was said with what was known then.
    first = track.rows[-1]
    then = backlog_ahead(journal.as_of(first.at), **ENDS, window=91)
    assert then.ahead.rows[-1].expected == pytest.approx(first.expected)
    left = {}
    for case, stage, entered, left_at, _, _ in journal.rows():
        if stage in ("new", "working"):
            left[case] = max(left.get(case, 0), left_at)
        left.setdefault(case, entered)
    until = int((first.at + timedelta(days=28)).timestamp() * 1e6)
    happened = [left[row.case] <= until for row in then]
    assert first.brier == pytest.approx(brier([row.chances[-1] for row in then], happened))
    assert first.brier < first.brier_last + 0.1


def test_nothing_later_is_looked_at(steady):
    """What is said at a cut is the same with and without what came later."""
    journal, made = steady
    there = backlog_ahead(journal.as_of(day(300)), **ENDS, window=91, rng=np.random.default_rng(0))
    assert str(there) == str(made)
    assert (there.rows, there.ahead, there.track) == (made.rows, made.ahead, made.track)


def test_old_tickets_are_counted(steady):
    """Those of today's that will be old by then, each with its chance to be still there."""
    _, made = steady
    for place, row in enumerate(made.ahead):
        said = sum(1.0 - one.chances[place] for one in made if one.open_days + row.days >= 30)
        assert row.old == pytest.approx(said)
        assert 0.0 < row.old <= row.staying


def test_intervals_hold_at_their_level():
    """Eight desks, 24 past weeks each: four of five intervals held, but for chance."""
    given_, held = 0, 0
    for seed in range(8):
        journal = desk(np.random.default_rng(seed), 300, rate=lambda _: 5.0, mean=9.0)
        track = backlog_ahead(journal, **ENDS, window=91, ahead=[7]).track
        given_, held = given_ + track.given, held + track.held
    assert given_ == 8 * 24
    assert abs(held / given_ - 0.8) <= 0.075  # 2.6 standard deviations


def test_a_desk_of_floods_is_better_than_as_many_as_now():
    """Where work comes in floods a full desk empties: that is foreseen, and proven at past cuts."""
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        weeks = rng.choice([1.0, 16.0], 80)
        journal = desk(rng, 500, rate=lambda n, of=weeks: of[n // 7], mean=5.0)
        found.append(backlog_ahead(journal, **ENDS, window=None, ahead=[28], rng=np.random.default_rng(0)))
    assert np.mean([made.track.skill for made in found]) > 0.15
    proven = [made for made in found if made.track.better]
    assert len(proven) >= 2
    assert ": better" in str(proven[0])
    assert "更好" in proven[0].to_text("zh")


def test_growth_is_seen_in_what_came_last():
    """Where more and more comes, the last weeks say how many come; where it is steady, long ones may."""
    growing = desk(np.random.default_rng(2), 420, rate=lambda n: 1.0 + n / 50.0, mean=6.0)
    made = backlog_ahead(growing, **ENDS, window=91)
    assert made.arrivals == pytest.approx(9.2, rel=0.12)


def test_a_method_that_fails_at_past_cuts_is_refused():
    """Work that doubles every eight weeks outgrows whatever the past calibrates: that is seen, and no interval is given."""
    growing = desk(np.random.default_rng(4), 400, rate=lambda n: 2.0 ** (n / 56.0 - 1.0), mean=6.0)
    made = backlog_ahead(growing, **ENDS, window=364, ahead=[14])
    (row,) = made.ahead
    n, held = made.track.given, made.track.held
    assert (row.low, row.interval) == (None, f"refused: {held} of {n} past intervals held")
    assert held / n < 0.5
    assert "no interval, refused" in str(made)


def test_a_short_history_says_what_it_cannot_say():
    """Without four weeks nobody knows how many come; without eight past cuts there is no interval."""
    short = backlog_ahead(desk(np.random.default_rng(3), 20, rate=lambda _: 5.0, mean=4.0), **ENDS)
    assert [(row.expected, row.fresh, row.low) for row in short.ahead] == [(None, None, None)] * 3
    assert short.arrivals is None
    assert "too short to say how many come" in str(short)
    assert "历史太短" in short.to_text("zh")
    assert "No track record" in str(short)
    assert short.track.better is short.track.error is None
    some = backlog_ahead(desk(np.random.default_rng(3), 55, rate=lambda _: 5.0, mean=4.0), **ENDS, ahead=[7])
    (row,) = some.ahead
    assert row.interval.startswith("insufficient history: ")
    assert row.low is None
    assert some.track.given == 0
    sure = backlog_ahead(
        desk(np.random.default_rng(3), 150, rate=lambda _: 5.0, mean=4.0), **ENDS, ahead=[7], level=0.99
    )
    assert "do not reach a level of 0.99" in sure.ahead.rows[0].interval


def test_words(steady):
    """What is printed, in both languages."""
    _, made = steady
    lines = str(made).splitlines()
    assert lines[0] == f"{len(made)} tickets open on 2025-10-28; {made.arrivals:.3g} come in a day"
    assert lines[1].startswith("  in 7 days: ")
    assert "not shown to be better" in lines[4]
    assert len(lines) == 10
    assert "个（" in made.to_text("zh")
    with pytest.raises(NotFound, match="language"):
        made.to_text("de")
    bare = backlog_ahead(journal_of([("A", "new", 0), ("A", "solved", 3), ("B", "new", 1)], 10), **ENDS)
    assert "  B (new, wei): open for 9 days" in str(bare)


def test_an_empty_desk():
    """Where nothing is open only new tickets are to be expected."""
    rows = [row for n in range(60) for row in ((f"T{n}", "new", n + 0.1), (f"T{n}", "solved", n + 0.5))]
    made = backlog_ahead(journal_of(rows, 60), **ENDS, ahead=[7])
    (row,) = made.ahead
    assert (len(made), row.as_now, row.staying, row.old) == (0, 0, 0.0, 0.0)
    assert row.expected == row.fresh >= 0.0
    assert made.track.rows == ()


def test_a_baseline_without_error_leaves_no_skill():
    """Where there are always as many, as many as now is always right."""
    rows = [row for n in range(200) for row in ((f"T{n}", "new", n), (f"T{n}", "solved", n + 10.25))]
    made = backlog_ahead(journal_of(rows, 190), **ENDS, at=day(180), ahead=[7], rng=np.random.default_rng(0))
    assert made.track.error_as_now == 0.0
    assert (made.track.skill, made.track.better) == (None, None)


def test_worse_is_said():
    """A verdict against us is one, too."""
    from crmkit.metrics.backlog import BacklogTrack

    assert BacklogTrack((), 2.0, 1.0, -1.0, -2.0, -0.5, 0, 0).better is False


@settings(max_examples=15)
@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0.1, 30), st.sampled_from(["solved", "withdrawn", "working"])),
                min_size=3, max_size=25))  # fmt: skip
def test_laws(listed):
    """Chances are chances and grow with time; what stays is the sum of those that are not closed."""
    rows = [
        row for n, (at, wait, stage) in enumerate(listed) for row in ((f"T{n}", "new", at), (f"T{n}", stage, at + wait))
    ]
    journal = journal_of([*rows, ("Z", "new", 0.0), ("Z", "solved", 1.0)], 45)
    made = backlog_ahead(journal, **ENDS)
    assert isinstance(made, BacklogAhead)
    assert len(made) == open_at(journal, day(45))
    for place, row in enumerate(made.ahead):
        chances = [one.chances[place] for one in made]
        assert all(0.0 < one < 1.0 for one in chances)
        assert row.staying == pytest.approx(sum(1.0 - one for one in chances))
        assert row.old <= row.staying + 1e-9


def test_what_cannot_be_said_is_refused(steady):
    """Days that do not ascend, an age that new tickets would reach, no ends, no cut, no history."""
    journal, _ = steady
    for ahead in ([], [0], [7, 7], [400]):
        with pytest.raises(InvalidValue, match="are not days from 1 to 366 that ascend"):
            backlog_ahead(journal, **ENDS, ahead=ahead)
    with pytest.raises(InvalidValue, match="less than the 28 days ahead"):
        backlog_ahead(journal, **ENDS, old=14)
    with pytest.raises(InvalidValue, match="window"):
        backlog_ahead(journal, **ENDS, window=0)
    with pytest.raises(InvalidValue, match="none that ends a ticket"):
        backlog_ahead(journal)
    with pytest.raises(InvalidValue, match="after the end of observation"):
        backlog_ahead(journal, **ENDS, at=day(999))
    with pytest.raises(InvalidValue, match="no closed ticket before it"):
        backlog_ahead(journal_of([("A", "new", 0)], 9), stages=STAGES, **ENDS)
    with pytest.raises(InvalidValue, match="level"):
        backlog_ahead(journal, **ENDS, window=91, level=1.0)


def test_real_incidents(shared):
    """A log of three weeks: as many rows as a loop counts, chances by age, and no word on what will come."""
    path = next(shared("data", "service", "uci_incidents").glob("*.gz"))
    table = decode_csv(gzip.decompress(path.read_bytes()), name="uci")
    journal = Journal.from_frame(
        table, case="number", stage="incident_state", at="sys_updated_at", tz="UTC", dates="dmy", repeats="merge",
    )  # fmt: skip
    at = datetime(2016, 3, 16, tzinfo=UTC)
    made = backlog_ahead(journal, won=["Resolved", "Closed"], at=at)
    micros = int(at.timestamp() * 1e6)
    standing = [
        case for case, stage, entered, left, _, _ in journal.rows()
        if entered <= micros < left and stage not in ("Resolved", "Closed")
    ]  # fmt: skip
    assert sorted(row.case for row in made) == sorted(standing)
    assert made.arrivals is None
    # What did come: of those open then, as many were left a week later as was to be expected, but for chance.
    week = micros + 7 * 86_400_000_000
    closed = {
        case for case, stage, entered, _, _, _ in journal.rows()
        if stage in ("Resolved", "Closed") and micros < entered <= week
    }  # fmt: skip
    stayed = sum(case not in closed for case in standing)
    assert abs(stayed - made.ahead.rows[0].staying) < 30
