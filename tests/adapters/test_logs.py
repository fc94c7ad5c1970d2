"""What the adapters tell the log: what an operator wants to know, with fields, and nothing about people."""

import imaplib
import logging
import smtplib
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from crmkit.adapters import _sqlite_turns
from crmkit.adapters.imap import Mark, folders, read_folder
from crmkit.adapters.keys import KeyRing
from crmkit.adapters.memory import MemoryRecordStore
from crmkit.adapters.smtp import MailTransport
from crmkit.adapters.sql import SqlStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Conflict, Damaged, InputError, Unavailable
from crmkit.events import Edited
from crmkit.protocols import Notice, Query

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PERSON = "Eva-Meier"
USUAL = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def fact(number):
    """A small event about somebody."""
    return Edited(id=f"{PERSON}#{number}", case=PERSON, at=NOW, recorded=NOW, data={"note": PERSON})


@pytest.fixture
def told(caplog):
    """The lines of the log since the last look, with their fields; none of them may name the person."""
    caplog.set_level(logging.DEBUG, "crmkit")

    def look():
        found = []
        for one in caplog.records:
            fields = {name: value for name, value in vars(one).items() if name not in USUAL}
            assert PERSON not in f"{one.getMessage()} {fields}"
            found.append((one.levelname, one.name, one.getMessage(), fields))
        caplog.clear()
        return found

    return look


@pytest.mark.parametrize("kind", ["sqlite", "sql"])
def test_appends(kind, told, tmp_path):
    """Making tables, a conflict, the same again, damage: a line each, with the store and the position."""
    file = tmp_path / "crm.db"
    if kind == "sqlite":
        store, where = SqliteStore(file), str(file)
    else:
        store, where = SqlStore(sa.create_engine(f"sqlite:///{file}")), f"sqlite:///{file}"
        store.create()
    ((level, name, said, fields),) = told()
    assert (level, name, said) == ("INFO", f"crmkit.adapters.{kind}", "tables were made")
    assert fields["store"] == where
    store.events.append([fact(1)])
    assert told() == []
    with pytest.raises(Conflict):
        store.events.append([fact(2)], unless=Query(cases=[PERSON]))
    store.events.append([fact(1)])
    about = {"store": where, "position": 1}
    name = f"crmkit.adapters.{kind}"
    assert told() == [
        ("INFO", name, "an append was refused: something new is there", about),
        ("INFO", name, "the same append came again", about),
    ]
    table = "events" if kind == "sqlite" else "crmkit_events"
    with closing(sqlite3.connect(file, isolation_level=None)) as raw:
        raw.execute(f"UPDATE {table} SET body = replace(body, 'Eva', 'Ewa')")  # noqa: S608 - a name of ours
    with pytest.raises(Damaged):
        [*store.events.read()]
    ((level, name, said, fields),) = told()
    assert (level, said, fields["position"]) == ("ERROR", "damage was found", 1)
    store.close() if kind == "sqlite" else store._binding._bind.dispose()


def test_a_torn_blob_and_record(told, tmp_path):
    """Each is told once it is read, without its name."""
    with SqliteStore(tmp_path / "crm.db") as store:
        store.blobs.put(PERSON, b"1")
        store.records.put("contact", PERSON, {"name": PERSON})
        store._database.connection.execute("UPDATE blobs SET body = CAST('2' AS BLOB)")
        store._database.connection.execute("UPDATE records SET version = 2")
        told()
        for attempt in (lambda: store.blobs.get(PERSON), lambda: store.records.get("contact", PERSON)):
            with pytest.raises(Damaged):
                attempt()
        assert [(level, fields["store"].rpartition(", ")[2]) for level, _, _, fields in told()] == [
            ("ERROR", "blobs"), ("ERROR", "records"),
        ]  # fmt: skip


def test_troubles_of_a_file(told, tmp_path, monkeypatch):
    """A full disk, a long waiting for the lock and for a turn: warnings, with the reason or the seconds."""
    path = tmp_path / "crm.db"
    with (
        SqliteStore(path) as store,
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as raw,
    ):
        told()
        pages = store._database.connection.execute("PRAGMA page_count").fetchone()[0]
        store._database.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(Unavailable):
            store.blobs.put(PERSON, b"x" * 100_000)
        line = (
            "WARNING",
            "crmkit.adapters.sqlite",
            "the file cannot be used",
            {"store": str(path), "error": "SQLITE_FULL"},
        )
        assert told() == [line]
        store._database.connection.execute("PRAGMA max_page_count = 1000000")
        raw.execute("BEGIN IMMEDIATE")
        threading.Timer(1.2, lambda: raw.execute("COMMIT")).start()
        store.blobs.put(PERSON, b"1")
        ((level, _, said, fields),) = told()
        assert (level, said) == ("WARNING", "waited long for the lock")
        assert 1 < fields["seconds"] < 30
        monkeypatch.setattr(_sqlite_turns, "_PATIENCE", 0.05)
        with _sqlite_turns.Turnstile(path).held():
            store.blobs.put(PERSON, b"2")
        assert [said for _, _, said, _ in told()] == ["waited long for a turn to write"]


def test_an_older_file_that_was_brought_up_to_date(told, tmp_path):
    """From which version to which."""
    path = tmp_path / "crm.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript("""
            DROP TABLE versions; DROP INDEX events_by_tenant; DROP TABLE records; DROP TABLE blobs;
            CREATE TABLE records (tenant TEXT, kind TEXT, id TEXT, version INTEGER, body TEXT);
            CREATE TABLE blobs (tenant TEXT, name TEXT, body BLOB); PRAGMA user_version = 1""")
    told()
    SqliteStore(path).close()
    changed = {"store": str(path), "was": 1, "schema": 2}
    assert told() == [("INFO", "crmkit.adapters.sqlite", "tables were brought up to date", changed)]


def test_a_busy_database_and_one_that_is_not_there(told, tmp_path):
    """Each try is told with its number; the password of a URL is not."""
    url = f"sqlite:///{tmp_path / 'host.db'}"
    engine = sa.create_engine(url, connect_args={"timeout": 0.01})
    store = SqlStore(engine)
    store.create()
    told()
    with closing(sqlite3.connect(tmp_path / "host.db", isolation_level=None, check_same_thread=False)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, lambda: raw.execute("COMMIT")).start()
        store.events.append([fact(1)])
        lines = told()
        assert [fields["tries"] for *_, fields in lines] == [*range(1, len(lines) + 1)]
        first = ("INFO", "crmkit.adapters.sql", "the database was busy: trying again",
                 {"store": url, "error": "SQLITE_BUSY", "tries": 1})  # fmt: skip
        assert lines[0] == first
    engine.dispose()
    away = sa.create_engine(f"postgresql+psycopg://crm:{PERSON}@127.0.0.1:1/nowhere")
    with pytest.raises(Unavailable):
        [*SqlStore(away).events.read()]
    ((level, _, said, fields),) = told()
    assert (level, said) == ("WARNING", "the database cannot be used")
    assert fields["store"] == "postgresql+psycopg://crm:***@127.0.0.1:1/nowhere"


def test_mail(told):
    """A server that refuses, one that is silent, one that numbers anew: what it answered to, and no word of a person."""

    def refuse():
        raise smtplib.SMTPRecipientsRefused({f"{PERSON}@crm.example": (550, b"unknown")})

    transport = MailTransport(refuse, "talk@crm.example", {PERSON: f"{PERSON}@crm.example"})
    notice = Notice(PERSON, "t", PERSON, Edited(id="t#1", case="t", at=NOW, recorded=NOW), PERSON, "token")
    with pytest.raises(Unavailable):
        transport.send(notice)
    assert told() == [("WARNING", "crmkit.adapters.smtp", "a mail was not taken", {"error": "SMTPRecipientsRefused"})]

    def broken(*_, **__):
        raise imaplib.IMAP4.abort(PERSON)

    with pytest.raises(Unavailable):
        folders(SimpleNamespace(list=broken))
    with pytest.raises(Unavailable):
        [*read_folder(SimpleNamespace(select=broken), PERSON)]
    no = SimpleNamespace(select=lambda *_, **__: ("NO", [PERSON.encode()]), response=lambda _: ("", [b"7"]),
                         list=lambda: ("NO", [PERSON.encode()]))  # fmt: skip
    with pytest.raises((Unavailable, InputError)):
        [*read_folder(no, PERSON)]
    anew = SimpleNamespace(select=lambda *_, **__: ("OK", [b"0"]), response=lambda _: ("", [b"8"]))
    assert [*read_folder(anew, "INBOX", after=Mark(7, 3))] == []
    name, silent = "crmkit.adapters.imap", "the mail server does not answer"
    assert told() == [
        ("WARNING", name, silent, {"command": "LIST", "error": "abort"}),
        ("WARNING", name, silent, {"command": "SELECT", "error": "abort"}),
        ("WARNING", name, silent, {"command": "LIST", "error": "NO"}),
        ("INFO", name, "the mail server has numbered its messages anew: all are read again", {}),
    ]


def test_an_erased_key(told):
    """That one was erased is told, whose it was is not."""
    pytest.importorskip("cryptography")
    ring = KeyRing(MemoryRecordStore())
    ring.seal(PERSON, b"x", place=b"p")
    ring.erase(PERSON, at=NOW)
    assert told() == [("INFO", "crmkit.adapters.keys", "the key of a person was erased", {})]
