"""The tables of a SQLite file, their versions, and the way from each version to the next."""

import sqlite3
import zlib
from pathlib import Path

from crmkit.errors import InputError
from crmkit.events import checksum

__all__ = [
    "APPLICATION",
    "VERSION",
    "blob_check",
    "expected_shape",
    "make",
    "record_check",
    "refuse_foreign",
    "shape",
    "version_of",
]

VERSION = 2
APPLICATION = 0x63726D6B  # "crmk": tells our files from others

# Texts are compared byte by byte (BINARY is SQLite's default), so keys that differ in case or blanks stay apart.
# An index ends in the position by itself, so events_by_tenant gives the events of a tenant in order.
_TABLES = """
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL, id TEXT NOT NULL, key TEXT, cas TEXT NOT NULL, type TEXT NOT NULL,
    body TEXT NOT NULL, checksum TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_id ON events (tenant, id);
CREATE UNIQUE INDEX events_by_key ON events (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX events_by_case ON events (tenant, cas, position)
"""
_RECORDS = """
CREATE TABLE records (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    checksum TEXT NOT NULL, PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID
"""
_BLOBS = """
CREATE TABLE blobs (
    tenant TEXT NOT NULL, name TEXT NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT
"""
_SINCE_2 = """
CREATE INDEX events_by_tenant ON events (tenant);
CREATE TABLE versions (version INTEGER PRIMARY KEY, made TEXT NOT NULL) STRICT
"""
# Version 1 had neither checksums of records and blobs, nor a table of versions.
_FRESH = f"{_TABLES};{_RECORDS};{_BLOBS};{_SINCE_2}"


def record_check(tenant: str, kind: str, name: str, version: int, body: str) -> str:
    """The checksum of a record, with everything that it is found by."""
    return checksum("\0".join((tenant, kind, name, str(version), body)))


def blob_check(tenant: str, name: str, data: bytes) -> int:
    """The checksum of a blob: it finds every flipped bit, and costs little even for many megabytes."""
    return zlib.crc32(data, zlib.crc32(f"{tenant}\0{name}".encode()))


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables; 0 in a new file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours, or is newer than we are.

    Raises:
        InputError: saying which.
    """
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and owner != APPLICATION:
        raise InputError(str(path), "is a database of another program", "give a file of its own")
    version = version_of(connection)
    if version > VERSION:
        why = f"was written by a newer crmkit (schema {version}, this one knows {VERSION})"
        raise InputError(str(path), why, "upgrade crmkit")


def make(connection: sqlite3.Connection, now: str) -> None:
    """Make the tables, or bring older ones up to date; in a transaction of the caller, all or nothing.

    Args:
        connection: in a transaction that holds the write lock.
        now: the time, for the table of versions.
    """
    version = version_of(connection)
    if version == 0:
        _run(connection, _FRESH)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    elif version == 1:
        _to_2(connection)
    connection.execute("INSERT INTO versions (version, made) VALUES (?, ?)", (VERSION, now))
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _to_2(connection: sqlite3.Connection) -> None:
    """Checksums for records and blobs, as they are found: what was damaged before cannot be known."""
    connection.create_function("record_check", 5, record_check, deterministic=True)
    connection.create_function("blob_check", 3, blob_check, deterministic=True)
    for name, table, columns in (
        ("records", _RECORDS, "tenant, kind, id, version, body, record_check(tenant, kind, id, version, body)"),
        ("blobs", _BLOBS, "tenant, name, blob_check(tenant, name, body), body"),
    ):
        connection.execute(f"ALTER TABLE {name} RENAME TO old_{name}")
        _run(connection, table)
        connection.execute(f"INSERT INTO {name} SELECT {columns} FROM old_{name}")  # noqa: S608 - our own names
        connection.execute(f"DROP TABLE old_{name}")
    _run(connection, _SINCE_2)


def _run(connection: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";"):
        connection.execute(statement)


def shape(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """What tables and indexes there are: type, name and statement, blanks aside."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in rows}


def expected_shape() -> set[tuple[str, str, str]]:
    """The shape of a new file."""
    connection = sqlite3.connect(":memory:")
    try:
        _run(connection, _FRESH)
        return shape(connection)
    finally:
        connection.close()
