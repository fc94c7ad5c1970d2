"""Several processes on one database, and what is left when one of them, or the server itself, is killed."""

import signal
import subprocess
import sys
import textwrap

import sqlalchemy as sa
from tests import _servers

from crmkit.adapters.sql import SqlStore
from crmkit.protocols import Query

WRITER = """
    import sys
    from datetime import UTC, datetime
    from crmkit.adapters.sql import SqlStore
    from crmkit.errors import Conflict
    from crmkit.events import Edited
    from crmkit.protocols import Query
    import sqlalchemy as sa

    url, tenant, name, count, shared = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5] == "shared"
    store = SqlStore(sa.create_engine(url), tenant=tenant).events
    now = datetime(2026, 1, 5, tzinfo=UTC)
    done = 0
    while done < count:
        # Everybody numbers the same case, or everybody their own.
        case = "counter" if shared else name
        after = numbers = 0
        if shared:
            for recorded in store.read(Query(cases=[case])):
                after, numbers = recorded.position, numbers + 1
        event = Edited(id=f"{case}#{numbers if shared else done}", case=case, at=now, recorded=now, who=name, data={"n": numbers})
        try:
            store.append([event], unless=Query(cases=[case]), after=after) if shared else store.append([event])
        except Conflict:
            continue
        done += 1
        print(event.id, flush=True)
"""


def writer(url, tenant, name, count, kind):
    """Start a process that appends."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), url, tenant, name, str(count), kind], stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def store_of(url, tenant):
    """A store, and its engine to be closed."""
    engine = sa.create_engine(url)
    store = SqlStore(engine, tenant=tenant)
    store.create()
    return store, engine


def test_no_update_is_lost_between_processes(url):
    """Three processes that count the same case up: no number is missing, none is given twice."""
    store, engine = store_of(url, "counting")
    processes = [writer(url, "counting", f"w{n}", 15, "shared") for n in range(3)]
    for process in processes:
        process.communicate(timeout=300)
        assert process.returncode == 0
    numbers = [recorded.event.data["n"] for recorded in store.events.read(Query(cases=["counter"]))]
    assert numbers == list(range(45))
    assert not list(store.events.verify())
    engine.dispose()


def test_a_feed_never_has_to_look_back(url):
    """A reader that polls while three processes write sees every event once, positions one by one."""
    store, engine = store_of(url, "feeding")
    processes = [writer(url, "feeding", f"w{n}", 60, "own") for n in range(3)]
    seen = []
    while len(seen) < 180:
        page = list(store.events.read(after=seen[-1].position if seen else 0))
        seen += page
        if not page and all(process.poll() is not None for process in processes):
            break
    for process in processes:
        process.communicate(timeout=300)
    assert [recorded.position for recorded in seen] == list(range(1, 181))
    assert len({recorded.event.id for recorded in seen}) == 180
    engine.dispose()


def test_a_killed_writer_leaves_whole_appends(url):
    """Kill -9 in the midst of writing: what it was told is stored is there, nothing is half there, others go on."""
    store, engine = store_of(url, "killing")
    process = writer(url, "killing", "w", 100_000, "own")
    told = [process.stdout.readline().strip() for _ in range(25)]
    process.send_signal(signal.SIGKILL)
    told += process.communicate()[0].split()
    stored = [recorded.event.id for recorded in store.events.read()]
    assert set(told) - {""} <= set(stored)
    assert not list(store.events.verify())
    last = store.events.append([])
    assert store.events.append([next(iter(store.events.read())).event]) == 1
    assert store.events.append([]) == last == len(stored)
    engine.dispose()


def test_a_killed_server_has_lost_nothing():
    """PostgreSQL stopped without a checkpoint while a process writes: after its recovery all that was told is there."""
    with _servers.postgresql() as url:
        store, engine = store_of(url, "crash")
        process = writer(url, "crash", "w", 100_000, "own")
        told = [process.stdout.readline().strip() for _ in range(30)]
        _servers.crash_postgresql(url)
        told += process.communicate(timeout=120)[0].split()
        assert process.returncode != 0
        engine.dispose()
        stored = [recorded.event.id for recorded in store.events.read()]
        assert set(told) <= set(stored)
        assert len(stored) - len(set(told)) <= 1
        assert not list(store.events.verify())
        engine.dispose()
