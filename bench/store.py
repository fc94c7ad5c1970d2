"""Facts into a SQLite file and out of it, beside sqlite3 by hand and beside eventsourcing's recorder.

All commit with synchronous=FULL in a write-ahead log, crmkit and those by hand with the same cache. By hand an event is
a dict that becomes JSON, in two forms: a table of its own with what any event store needs, id, case, type and body, and
indexes by id and by case; and the table of crmkit with all its columns and indexes, tenant, key and checksum included.
Both leave out what crmkit does besides: a fact is an object whose instants, texts and fields are written exactly and
with sorted names, texts are looked at before they are bound, a fact that is there already is no error, writers wait
their turn, and what goes wrong is told.
CPU time leaves out the waiting for the disk, which is the same for all and the most of it.
"""

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.adapters.sqlite import SqliteStore
from crmkit.events import Event, Moved, Opened
from crmkit.journal import Journal
from crmkit.journal.segments import JournalSegments

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
STAGES = ("lead", "qualified", "proposal", "won")
SINGLE, BATCHES, BATCH = 300, 10, 1000
EVENTS, QUICK_EVENTS = 1_000_000, 2_000
# Rows that become objects take so long that a part of them stands for all.
SAMPLE = 100_000


def comparisons(*, quick: bool, rows: int | None = None) -> list[Comparison]:
    """One event a commit, a thousand a commit, and a journal of all of them."""
    single, batches = (20, 1) if quick else (SINGLE, BATCHES)
    size = rows or (QUICK_EVENTS if quick else EVENTS)
    sample = min(size, SAMPLE)
    return [
        _appends("append, one event a commit", single, 1),
        _appends("append, a thousand events a commit", batches, BATCH),
        Comparison(
            "events to a journal", size, "events", partial(_write_events, size=size),
            [Contender("crmkit", _segments, len, "segments"),
             Contender("crmkit rows", partial(_rows, size=sample), len, "events of its store", "crmkit", sample)],
            lambda *_: None,
        ),
    ]  # fmt: skip


def _appends(what: str, commits: int, batch: int) -> Comparison:
    how = {"commits": commits, "batch": batch}
    return Comparison(
        what, commits * batch, "events", lambda _: None,
        [Contender("crmkit", partial(_ours, **how)),
         Contender("sqlite3", partial(_raw, **how), package="python"),
         Contender("sqlite3, crmkit's table", partial(_raw_same, **how), package="python"),
         Contender("eventsourcing", partial(_eventsourcing, **how))],
        _equal,
    )  # fmt: skip


def _equal(ours: int, theirs: int) -> None:
    assert ours == theirs


def _moved(number: int, case: str) -> Event:
    at = NOW + timedelta(minutes=number % 500_000)
    shared: dict[str, Any] = {
        "id": f"{case}#{number}",
        "case": case,
        "at": at,
        "recorded": at,
        "who": f"p{number % 40}",
    }
    step = number % len(STAGES)
    if not step:
        return Opened(stage=STAGES[0], data={"amount": number % 1000}, **shared)
    before = at - timedelta(minutes=1)
    return Moved(move="go", origin=STAGES[step - 1], entered=before, held_by="p1", stage=STAGES[step], **shared)


def _taking_turns(batch: int, commits: int, append: Callable[[list[Any]], Any], made: Callable[[int, str], Any]) -> Run:
    """Each run appends new events, which are made before the first."""
    numbers = count()

    def events() -> list[list[Any]]:
        return [[made(next(numbers), f"D-{number // 4}") for number in range(batch)] for _ in range(commits)]

    # The warm-up, and three runs in each of five rounds.
    prepared = [events() for _ in range(17)]

    def run() -> int:
        for some in prepared.pop():
            append(some)
        return commits * batch

    return run


def _fresh(folder: Path) -> Path:
    """A file of its own each time: what measures memory comes to the same folder again."""
    return Path(mkdtemp(dir=folder)) / "store.db"


def _ours(folder: Path, *, commits: int, batch: int) -> Run:
    store = SqliteStore(_fresh(folder))
    return _taking_turns(batch, commits, store.events.append, _moved)


def _raw(folder: Path, *, commits: int, batch: int) -> Run:
    raw = sqlite3.connect(_fresh(folder), isolation_level=None)
    raw.executescript("""PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;
        CREATE TABLE events (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, cas TEXT, type TEXT, body TEXT);
        CREATE UNIQUE INDEX by_id ON events (id); CREATE INDEX by_case ON events (cas, position)""")

    def append(some: list[dict[str, Any]]) -> None:
        raw.execute("BEGIN IMMEDIATE")
        rows = [(one["id"], one["case"], one["type"], json.dumps(one)) for one in some]
        raw.executemany("INSERT INTO events (id, cas, type, body) VALUES (?, ?, ?, ?)", rows)
        raw.execute("COMMIT")

    return _taking_turns(batch, commits, append, _plain)


def _raw_same(folder: Path, *, commits: int, batch: int) -> Run:
    file = _fresh(folder)
    SqliteStore(file).close()
    raw = sqlite3.connect(file, isolation_level=None)
    raw.executescript("PRAGMA synchronous = FULL; PRAGMA cache_size = -8192")

    def append(some: list[dict[str, Any]]) -> None:
        raw.execute("BEGIN IMMEDIATE")
        rows = [_row(one, json.dumps(one)) for one in some]
        statement = "INSERT INTO events (tenant, id, key, cas, type, body, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)"
        raw.executemany(statement, rows)
        raw.execute("COMMIT")

    return _taking_turns(batch, commits, append, _plain)


def _row(one: dict[str, Any], body: str) -> tuple[Any, ...]:
    check = sha256(body.encode()).hexdigest()[:16]
    return "default", one["id"], one.get("key"), one["case"], one["type"], body, check


def _plain(number: int, case: str) -> dict[str, Any]:
    """The same fact as a dict."""
    at = 1_767_600_000_000_000 + number
    return {"id": f"{case}#{number}", "case": case, "at": at, "recorded": at, "who": f"p{number % 40}", "type": "Moved",
            "move": "go", "origin": "lead", "entered": at - 1, "held_by": "p1", "stage": "won"}  # fmt: skip


def _eventsourcing(folder: Path, *, commits: int, batch: int) -> Run:
    from uuid import UUID

    from eventsourcing.persistence import StoredEvent
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

    datastore = SQLiteDatastore(str(_fresh(folder)))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    with datastore.transaction(commit=False) as cursor:
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone()[0] == 2

    def append(some: list[tuple[Any, int, dict[str, Any]]]) -> None:
        stored = [StoredEvent(case, version, "Moved", json.dumps(one).encode()) for case, version, one in some]
        recorder.insert_events(stored)

    def made(number: int, case: str) -> tuple[Any, int, dict[str, Any]]:
        return UUID(int=number // 4), number % 4 + 1, _plain(number, case)

    return _taking_turns(batch, commits, append, made)


def _write_events(folder: Path, *, size: int) -> None:
    with SqliteStore(folder / "events.db", durability="normal") as store:
        for begin in range(0, size, 10_000):
            store.events.append([_moved(n, f"D-{n // 4}") for n in range(begin, min(size, begin + 10_000))])
        JournalSegments(store.events, store.blobs).refresh()


def _segments(folder: Path) -> Run:
    store = SqliteStore(folder / "events.db")
    # It is the same journal: of the first events, which are in both.
    part = Journal.from_events(recorded.event for recorded in store.events.read(limit=1000))
    whole = JournalSegments(store.events, store.blobs).load()
    assert np.isin(part.entered, whole.entered).all()
    return JournalSegments(store.events, store.blobs).load


def _rows(folder: Path, *, size: int) -> Run:
    store = SqliteStore(folder / "events.db")
    return lambda: Journal.from_events(recorded.event for recorded in store.events.read(limit=size))
