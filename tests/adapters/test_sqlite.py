"""SQLite: the contracts, and what only a file can go wrong with."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest

from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Damaged, InputError, InvalidValue
from crmkit.events import Edited
from crmkit.protocols import BlobStore, EventStore, Query, RecordStore
from crmkit.testing.checking import Claims
from crmkit.testing.contracts import BlobStoreContract, EventStoreContract, RecordStoreContract

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


CLAIMS = Claims(processes=True, durable=True)


class TestSqliteEvents(EventStoreContract):
    """Events in SQLite."""

    claims = CLAIMS

    def make(self, tmp_path):
        return SqliteStore(tmp_path / "crm.db")


class TestSqliteRecords(RecordStoreContract):
    """Records in SQLite."""

    claims = CLAIMS

    def make(self, tmp_path):
        return SqliteStore(tmp_path / "crm.db")


class TestSqliteBlobs(BlobStoreContract):
    """Blobs in SQLite."""

    claims = CLAIMS

    def make(self, tmp_path):
        return SqliteStore(tmp_path / "crm.db")


def fact(number, case="D"):
    """A small event."""
    return Edited(id=f"{case}#{number}", case=case, at=NOW, recorded=NOW, data={"n": number, "text": "价格"})


@pytest.fixture
def path(tmp_path):
    """Where the file will be."""
    return tmp_path / "crm.db"


def test_it_satisfies_the_protocols(path):
    """The three parts are what the protocols ask for."""
    with SqliteStore(path) as store:
        assert isinstance(store.events, EventStore)
        assert isinstance(store.records, RecordStore)
        assert isinstance(store.blobs, BlobStore)


def test_what_was_appended_is_there_after_reopening(path):
    """Another process of another day reads the same."""
    with SqliteStore(path) as store:
        store.events.append([fact(n) for n in range(1, 2501)])
        store.records.put("customer", "C", {"name": "Acme"})
        store.blobs.put("s", b"1")
    with SqliteStore(path) as store:
        assert [recorded.event.data["n"] for recorded in store.events.read()] == list(range(1, 2501))
        assert store.records.get("customer", "C").value["name"] == "Acme"
        assert store.blobs.get("s") == b"1"


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1)])
def test_durability_is_what_was_asked_for(path, durability, synchronous):
    """FULL unless NORMAL is asked for by name; nothing less."""
    with SqliteStore(path, durability=durability) as store:
        assert store.events._database.all("PRAGMA synchronous") == [(synchronous,)]
        assert store.events._database.all("PRAGMA journal_mode") == [("wal",)]
    with pytest.raises(InvalidValue, match="durability"):
        SqliteStore(path, durability="off")


def test_tenants_are_apart(path):
    """Nothing of one tenant is seen or touched by another, equal ids and keys included."""
    with SqliteStore(path, tenant="a") as one, SqliteStore(path, tenant="b") as other:
        one.events.append([fact(1)])
        other.events.append([fact(1), fact(2)], unless=Query())
        one.records.put("c", "1", {"x": 1})
        one.blobs.put("s", b"1")
        assert len(list(one.events.read())) == 1
        assert other.records.get("c", "1") is None
        assert not other.records.delete("c", "1")
        assert list(other.blobs.list()) == []
        assert one.records.get("c", "1") is not None


@pytest.mark.parametrize("statement", [
    "UPDATE events SET body = replace(body, '\"n\":2', '\"n\":3') WHERE position = 2",
    "UPDATE events SET body = '{}', checksum = 'x' WHERE position = 2",
])  # fmt: skip
def test_a_changed_text_is_found(path, statement):
    """A single changed character is found by reading and by verify, with its position."""
    with SqliteStore(path) as store:
        store.events.append([fact(1), fact(2), fact(3)])
        raw = sqlite3.connect(path)
        raw.execute(statement)
        raw.commit()
        raw.close()
        with pytest.raises(Damaged, match="position 2"):
            list(store.events.read())
        assert ["position 2" in line for line in store.events.verify()] == [True]


def test_an_unreadable_event_with_a_right_checksum_is_damage_too(path):
    """A text that is no event is reported as damage, not as a traceback from inside."""
    from crmkit.events import checksum

    with SqliteStore(path) as store:
        store.events.append([fact(1)])
        raw = sqlite3.connect(path)
        raw.execute("UPDATE events SET body = '{}', checksum = ?", (checksum("{}"),))
        raw.commit()
        raw.close()
        with pytest.raises(Damaged, match="has no type"):
            list(store.events.read())


def test_torn_pages_are_found(path):
    """Overwritten pages are reported by verify."""
    with SqliteStore(path) as store:
        store.events.append([fact(n) for n in range(1, 2000)])
    data = bytearray(path.read_bytes())
    data[40_000:60_000] = os.urandom(20_000)
    path.write_bytes(data)
    with SqliteStore(path) as store:
        assert list(store.events.verify())


@pytest.mark.parametrize("make", [
    lambda p: p.write_bytes(b"this is no database, but a text of some length" * 50),
    lambda p: p.mkdir(),
    lambda p: _foreign(p, "CREATE TABLE orders (id INTEGER)"),
    lambda p: _foreign(p, "PRAGMA user_version = 99", "PRAGMA application_id = 1668443499"),
])  # fmt: skip
def test_what_is_no_store_of_ours(path, make):
    """A text, a folder, another program's database, a newer schema: one clear error each, nothing touched."""
    make(path)
    with pytest.raises(InputError, match=r"crm\.db"):
        SqliteStore(path)


def _foreign(path, *statements):
    raw = sqlite3.connect(path)
    for statement in statements:
        raw.execute(statement)
    raw.commit()
    raw.close()


def test_a_folder_that_is_not_there(tmp_path):
    """A path that cannot be made is one clear error."""
    with pytest.raises(InputError, match="cannot be used as a store"):
        SqliteStore(tmp_path / "nowhere" / "crm.db")


def test_half_a_character_is_refused_not_corrupted(path):
    """A lone surrogate cannot be UTF-8; it is refused before anything is written."""
    with SqliteStore(path) as store:
        for attempt in (
            lambda: store.events.append([fact(1, case="\ud800")]),
            lambda: store.records.put("k", "\ud800", {}),
            lambda: store.blobs.put("\ud800", b""),
            lambda: list(store.events.read(Query(cases=["\ud800"]))),
        ):
            with pytest.raises(InvalidValue, match="half of a character"):
                attempt()
        assert list(store.events.read()) == []


WRITER = """
    import sys
    from datetime import UTC, datetime
    from crmkit.adapters.sqlite import SqliteStore
    from crmkit.events import Edited

    path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    at = datetime(2026, 1, 5, tzinfo=UTC)
    with SqliteStore(path) as store:
        for n in range(1, count + 1):
            store.events.append([Edited(id=f"{name}#{n}", case=name, at=at, recorded=at)])
            print(n, flush=True)
"""


def writer(path, name, count):
    """A process that appends, and says after each commit how far it is."""
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_loses_nothing_it_was_promised(path):
    """Kill -9 in the middle of writing: every acknowledged event is there, and the file is sound."""
    with writer(path, "w", 100_000) as process:
        acknowledged = 0
        while acknowledged < 60:
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line.strip())])
    with SqliteStore(path) as store:
        stored = len(list(store.events.read()))
        assert stored >= acknowledged
        assert stored <= acknowledged + 1
        assert list(store.events.verify()) == []


def test_writers_in_several_processes_lose_nothing(path):
    """Three processes at once: all events are there, none is refused."""
    SqliteStore(path).close()
    processes = [writer(path, name, 60) for name in "abc"]
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    with SqliteStore(path) as store:
        for name in "abc":
            assert len(list(store.events.read(Query(cases=[name])))) == 60
