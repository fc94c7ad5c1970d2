"""What is wrong with a SQLite file: pages, tables, and every row against its checksum.

SQLite's own check sees torn pages and indexes that do not fit their tables; a changed letter it takes as it is.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from crmkit.adapters._sqlite_schema import blob_check, expected_shape, record_check, shape
from crmkit.adapters.sqlite_file import Database
from crmkit.errors import CrmkitError
from crmkit.events import checksum

__all__ = ["flaws"]

# Texts are read as bytes: what is no longer UTF-8 is a finding, and must not stop the search for others.
_EVENTS = """SELECT position, CAST(tenant AS BLOB), CAST(id AS BLOB), CAST(key AS BLOB), CAST(cas AS BLOB),
    CAST(type AS BLOB), CAST(body AS BLOB), CAST(checksum AS BLOB) FROM events ORDER BY position"""
_RECORDS = """SELECT CAST(tenant AS BLOB), CAST(kind AS BLOB), CAST(id AS BLOB), version, CAST(body AS BLOB),
    CAST(checksum AS BLOB) FROM records"""
_NAMED = "SELECT CAST(tenant AS BLOB), CAST(name AS BLOB), checksum, body FROM blobs"
# In one statement: others may append meanwhile.
_COUNTER = """SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0),
    (SELECT coalesce(max(position), 0) FROM events)"""


def flaws(database: Database, tenant: str | None = None) -> Iterator[str]:
    """One line for each damage found; of one tenant's events, or of the whole file.

    Args:
        database: the file.
        tenant: whose events; None: everything of everybody.
    """
    for part in (_of_file(database), _of_events(database, tenant), *(() if tenant is not None else _rest(database))):
        try:
            yield from part
        except CrmkitError as damage:
            # What cannot be read at all ends this part of the search, not the whole.
            yield str(damage)


def _rest(database: Database) -> tuple[Iterator[str], ...]:
    return _of_records(database), _of_blobs(database)


def _of_file(database: Database) -> Iterator[str]:
    for (line,) in database.all("PRAGMA integrity_check"):
        if line != "ok":
            yield f"{database.path}: {line}"
    there = shape(database.connection)
    for kind, name, _ in sorted(there ^ expected_shape()):
        yield f"{database.path}: {kind} {name} is not as it was made"
    # Positions are given by a counter; one that lags behind would give them twice.
    counter, last = database.all(_COUNTER)[0]
    if counter != last:
        yield f"{database.path}: the counter of positions says {counter}, the last event is at {last}"


def _of_events(database: Database, tenant: str | None) -> Iterator[str]:
    wanted = None if tenant is None else tenant.encode()
    for position, *texts in database.stream(_EVENTS):
        if wanted is None or texts[0] == wanted:
            why = _event_flaw(texts)
            if why:
                yield f"{database.path}, events, position {position}: {why}"


def _event_flaw(texts: Sequence[bytes | None]) -> str:
    try:
        _, name, key, case, kind, body, check = [None if text is None else text.decode() for text in texts]
    except UnicodeDecodeError:
        return "a text is no longer UTF-8"
    if body is None or checksum(body) != check:
        return "the text no longer matches its checksum"
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return "the text is no event"
    if (name, key, case, kind) != (plain.get("id"), plain.get("key"), plain.get("case"), plain.get("type")):
        return "its id, key, case or type does not match its text"
    return ""


def _of_records(database: Database) -> Iterator[str]:
    for row in database.stream(_RECORDS):
        if not _record_is_sound(row):
            yield f"{database.path}, records: {_shown(row[1])} {_shown(row[2])} no longer matches its checksum"


def _record_is_sound(row: Sequence[Any]) -> bool:
    tenant, kind, name, version, body, check = row
    try:
        texts = tenant.decode(), kind.decode(), name.decode()
        return bool(record_check(*texts, version, body.decode()) == check.decode())
    except UnicodeDecodeError:
        return False


def _of_blobs(database: Database) -> Iterator[str]:
    for tenant, name, check, body in database.stream(_NAMED):
        try:
            sound = blob_check(tenant.decode(), name.decode(), body) == check
        except UnicodeDecodeError:
            sound = False
        if not sound:
            yield f"{database.path}, blobs: {_shown(name)} no longer matches its checksum"


def _shown(text: bytes) -> str:
    return repr(text.decode("utf-8", "replace"))
