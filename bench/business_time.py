"""Working time and deadlines in it, beside loops: over seconds, as tickets systems count, and over days and slots."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.calendars import BusinessCalendar
from crmkit.journal import OPEN, Coded, Journal
from crmkit.pipeline import Pipeline, Stage
from crmkit.pipeline.clocks import deadlines

TICKETS, QUICK_TICKETS = 1_000_000, 1_000
LOOPED, QUICK_LOOPED = 3, 1
WALKED, QUICK_WALKED = 2_000, 20
LIMIT_HOURS = 20
MEAN_HOURS = 58
SECOND_US = 1_000_000
# No summer time, so that the loop may count wall time.
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall time
ZONE, ZONE_US = "Asia/Shanghai", 8 * 3600 * SECOND_US
YEARS = np.datetime64("2023-01-01", "s"), np.datetime64("2026-01-01", "s")
HOLIDAYS = frozenset(f"{year}-{day}" for year in (2023, 2024, 2025) for day in ("01-01", "05-01", "10-01", "10-02"))
MORNING, AFTERNOON = (time(9), time(12)), (time(13), time(18))


def comparisons(*, quick: bool) -> list[Comparison]:
    """Elapsed working time of tickets that were open 58 hours in the mean, and deadlines of 20 business hours."""
    size, looped, walked = (QUICK_TICKETS, QUICK_LOOPED, QUICK_WALKED) if quick else (TICKETS, LOOPED, WALKED)
    return [
        Comparison(
            f"working time of tickets open {MEAN_HOURS} hours in the mean", size, "tickets",
            partial(_write, size=size, looped=looped),
            [Contender("crmkit", _ours), Contender("a loop over seconds", _loop, package="python", items=looped)],
            _equal_first,
        ),
        Comparison(
            f"deadlines of stages with a limit of {LIMIT_HOURS} business hours", size, "stays",
            partial(_write, size=size, looped=looped),
            [
                Contender("crmkit", _our_deadlines),
                Contender("a loop over days and slots", partial(_loops, step=_walked, size=walked), package="python",
                          items=walked),
                Contender("a loop over seconds", partial(_loops, step=_stepped, size=looped), package="python",
                          items=looped),
            ],
            _equal_first,
        ),
    ]  # fmt: skip


def _write(folder: Path, *, size: int, looped: int) -> None:
    rng = np.random.default_rng(2026)
    start, end = (edge.astype(np.int64) for edge in YEARS)
    opened = rng.integers(start, end, size=size)
    hours = rng.exponential(MEAN_HOURS, size)
    # What the loop sees has the mean length, or a few tickets would not speak for all.
    hours[:looped] = MEAN_HOURS
    np.save(folder / "opened.npy", opened * SECOND_US)
    np.save(folder / "closed.npy", (opened + (hours * 3600).astype(np.int64)) * SECOND_US)
    np.save(folder / "looped.npy", np.int64(looped))


def _equal_first(ours: Any, theirs: Any) -> None:
    assert ours[: len(theirs)].tolist() == theirs


def _ours(folder: Path) -> Run:
    opened, closed = np.load(folder / "opened.npy"), np.load(folder / "closed.npy")

    def run() -> Any:
        # A calendar of its own for each run: what it prepares at first use is part of the work.
        office = BusinessCalendar("office", tz=ZONE, week={"mon-fri": "09:00-12:00 13:00-18:00"}, holidays=HOLIDAYS)
        return office.elapsed_us(opened, closed)

    return run


def _loop(folder: Path) -> Run:
    size = int(np.load(folder / "looped.npy"))
    columns = [(np.load(folder / f"{name}.npy")[:size] + ZONE_US).tolist() for name in ("opened", "closed")]
    tickets = [*zip(*([_EPOCH + timedelta(microseconds=at) for at in c] for c in columns), strict=True)]
    return lambda: [_worked(start, end) * SECOND_US for start, end in tickets]


def _worked(at: datetime, end: datetime) -> int:
    seconds, step = 0, timedelta(seconds=1)
    while at < end:
        seconds += _is_working(at)
        at += step
    return seconds


def _is_working(at: datetime) -> bool:
    if at.weekday() > 4 or at.date().isoformat() in HOLIDAYS:
        return False
    wall = at.time()
    return MORNING[0] <= wall < MORNING[1] or AFTERNOON[0] <= wall < AFTERNOON[1]


def _our_deadlines(folder: Path) -> Run:
    opened = np.load(folder / "opened.npy")
    same = np.zeros(len(opened), np.int32)
    journal = Journal(
        cases=Coded(same, ("T",)), stages=Coded(same, ("open",)), entered=opened, left=np.full(len(opened), OPEN),
        next=same - 1, who=Coded(same, ("wei",)), until=int(opened.max()),
    )  # fmt: skip
    pipeline = Pipeline("tickets", [Stage("open", limit=f"{LIMIT_HOURS} business hours"), Stage("solved", "won")])

    def run() -> Any:
        office = BusinessCalendar("office", tz=ZONE, week={"mon-fri": "09:00-12:00 13:00-18:00"}, holidays=HOLIDAYS)
        return deadlines(journal, pipeline, office)

    return run


def _loops(folder: Path, *, step: Callable[[datetime, timedelta], datetime], size: int) -> Run:
    starts = [_EPOCH + timedelta(microseconds=at) for at in (np.load(folder / "opened.npy")[:size] + ZONE_US).tolist()]
    limit = timedelta(hours=LIMIT_HOURS)
    return lambda: [(step(at, limit) - _EPOCH) // timedelta(microseconds=1) - ZONE_US for at in starts]


def _walked(at: datetime, left: timedelta) -> datetime:
    day = at.date()
    while True:
        if day.weekday() <= 4 and day.isoformat() not in HOLIDAYS:
            for opens, closes in (MORNING, AFTERNOON):
                start, end = max(at, datetime.combine(day, opens)), datetime.combine(day, closes)
                if start < end and left <= end - start:
                    return start + left
                left -= max(end - start, timedelta())
        day += timedelta(days=1)


def _stepped(at: datetime, left: timedelta) -> datetime:
    step = timedelta(seconds=1)
    while left:
        if _is_working(at):
            left -= step
        at += step
    return at
