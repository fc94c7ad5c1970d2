"""One SQLite file in the course of its life: older versions, copies, locks, forks."""

import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest
from tests.adapters.test_sqlite_faults import fact, filled

from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import CrmkitError, InputError, Unavailable
from crmkit.events import checksum, to_json


@pytest.fixture
def path(tmp_path):
    """Where the file will be."""
    return tmp_path / "crm.db"


# The tables of version 1, as they were written then.
VERSION_1 = """
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL, id TEXT NOT NULL, key TEXT, cas TEXT NOT NULL, type TEXT NOT NULL,
    body TEXT NOT NULL, checksum TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_id ON events (tenant, id);
CREATE UNIQUE INDEX events_by_key ON events (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX events_by_case ON events (tenant, cas, position);
CREATE TABLE records (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE blobs (
    tenant TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tenant, name)
) STRICT;
PRAGMA application_id = 1668443499;
PRAGMA user_version = 1;
"""


def version_1(path):
    """A file as the first version left it."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.executescript(VERSION_1)
        for number in range(1, 6):
            body = to_json(fact(number, key=f"k{number}"))
            row = ("default", f"D#{number}", f"k{number}", "D", "Edited", body, checksum(body))
            raw.execute(
                "INSERT INTO events (tenant, id, key, cas, type, body, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)", row
            )
        raw.execute("""INSERT INTO records VALUES ('default', 'customer', 'C', 3, '{"name":"价格"}')""")
        raw.execute("INSERT INTO blobs VALUES ('default', 'b', x'0102')")
        raw.commit()


def test_an_older_file_is_brought_up_to_date(path):
    """All that was in it is there, with its versions; it is as a new one would be, and its past is in a table."""
    version_1(path)
    with pytest.raises(InputError, match=r"older crmkit \(schema 1\)"):
        SqliteStore(path, read_only=True)
    with SqliteStore(path) as store:
        assert [recorded.event for recorded in store.events.read()] == [fact(n, key=f"k{n}") for n in range(1, 6)]
        assert (store.records.get("customer", "C").version, store.records.get("customer", "C").value["name"]) == (
            3,
            "价格",
        )
        assert store.blobs.get("b") == b"\1\2"
        assert list(store.verify()) == []
        assert store.events.append([fact(6)]) == 6
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (2,)
        assert [version for version, _ in raw.execute("SELECT * FROM versions")] == [2]


def test_bringing_up_to_date_is_all_or_nothing(path):
    """A row that stops it leaves the old file as it was, with one clear error."""
    version_1(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("UPDATE records SET body = CAST(x'ff' AS TEXT)")
        before = raw.execute("SELECT name, sql FROM sqlite_master").fetchall()
    with pytest.raises(InputError, match="cannot be used as a store"):
        SqliteStore(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT name, sql FROM sqlite_master").fetchall() == before
        assert raw.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.parametrize("compact", [False, True])
def test_a_backup_is_whole_while_others_write(path, tmp_path, compact):
    """A copy made between the appends of another store has a run of them from the first on, and nothing torn."""
    filled(path)
    with SqliteStore(path) as store, SqliteStore(path) as other:
        for number in range(100, 110):
            other.events.append([fact(number), fact(number + 50)])
            store.backup(tmp_path / f"copy {number}.db", compact=compact)
    for number in range(100, 110):
        with SqliteStore(tmp_path / f"copy {number}.db", read_only=True) as copy:
            assert len(list(copy.events.read())) == 41 + 2 * (number - 99)
            assert list(copy.verify()) == []
    assert len(list(tmp_path.glob("*.part*"))) == 0


def test_a_backup_replaces_nothing(path, tmp_path):
    """A file that is there stays; a folder that is not there, or a damaged source, is one clear error."""
    filled(path)
    (tmp_path / "there").write_text("mine")
    with SqliteStore(path) as store:
        with pytest.raises(InputError, match="is there already"):
            store.backup(tmp_path / "there")
        with pytest.raises(InputError, match="cannot be made"):
            store.backup(tmp_path / "nowhere" / "copy.db")
    assert (tmp_path / "there").read_text() == "mine"


def test_a_lock_that_is_not_given_back_is_told(path, monkeypatch):
    """Another program holds the write lock: reading goes on, writing ends with one clear error, nothing is stored."""
    from crmkit.adapters import sqlite_file

    monkeypatch.setattr(sqlite_file, "_PATIENCE", 0.05)
    filled(path)
    with SqliteStore(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"another process holds the lock .* nothing was stored"):
            store.events.append([fact(999)])
        assert len(list(store.events.read())) == 41
        raw.execute("ROLLBACK")
        store.events.append([fact(999)])


def test_who_comes_while_the_file_is_made_waits(path):
    """Sixteen threads open a store that is not there yet, all at once: each gets it, and what it writes is there."""
    together = Barrier(16)

    def write(number):
        together.wait()
        with SqliteStore(path) as store:
            store.blobs.put(f"{number:02d}", b"made")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(16)))
    with SqliteStore(path) as store:
        assert list(store.blobs.list()) == [f"{number:02d}" for number in range(16)]


def test_a_fork_uses_a_connection_of_its_own(path):
    """A child that was forked with an open store appends beside its parent, and the file stays sound."""
    script = """
        import os, sys
        from tests.adapters.test_sqlite_faults import SqliteStore, fact
        with SqliteStore(sys.argv[1]) as store:
            store.events.append([fact(1)])
            child = os.fork()
            for n in range(10):
                store.events.append([fact(n, case=f"{child > 0}")])
            if child:
                assert os.waitpid(child, 0)[1] == 0
            else:
                os._exit(0)
            assert len(list(store.events.read())) == 21
            assert list(store.verify()) == []
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(path)], check=True, timeout=120)


def test_errors_are_ours(path):
    """What SQLite says comes as an error of ours, not as its own."""
    filled(path)
    with SqliteStore(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("DROP TABLE records")
        with pytest.raises(CrmkitError):
            store.records.get("customer", "C-1")
        with pytest.raises(CrmkitError):
            store.records.put("customer", "C-1", {})
        assert any("records" in line for line in store.verify())
