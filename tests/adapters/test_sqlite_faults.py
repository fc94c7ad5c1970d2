"""A SQLite file that is old, copied, cut, flipped, full or locked away: a clear error, and nothing stored is lost."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Damaged, InputError, KeyReused, Unavailable
from crmkit.events import Edited, Unknown

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
FLIPS = 300


def fact(number, case="D", **more):
    """A small event with some letters of its own."""
    usual = {"at": NOW, "recorded": NOW, "data": {"n": number, "text": "价格 é " * 5}}
    return Edited(id=f"{case}#{number}", case=case, **{**usual, **more})


@pytest.fixture
def path(tmp_path):
    """Where the file will be."""
    return tmp_path / "crm.db"


def filled(path):
    """A file with events, records and blobs of two tenants."""
    for tenant in ("default", "客户"):
        with SqliteStore(path, tenant=tenant, durability="normal") as store:
            store.events.append([fact(n, key=f"k{n}", who="wei") for n in range(40)])
            store.events.append(
                [Unknown(id="u", case="D", at=NOW, recorded=NOW, named="Painted", extra='{"colour":"red"}')]
            )
            for number in range(12):
                store.records.put("customer", f"C-{number}", {"name": "Acme 集团", "n": number})
            store.blobs.put("small", b"123")
            store.blobs.put("large", bytes(range(256)) * 60)


def content(path):
    """Everything in a file, as bytes, read through its tables and through its indexes; None if SQLite cannot read it."""
    columns = {
        "events": "position tenant id key cas type body checksum", "records": "tenant kind id version body checksum",
        "blobs": "tenant name checksum body", "versions": "version made", "sqlite_sequence": "name seq",
        "sqlite_master": "type name tbl_name sql",
    }  # fmt: skip
    indexes = {"events_by_id": "tenant id position", "events_by_key": "tenant key position", "events_by_case": "tenant cas position",
               "events_by_tenant": "tenant position"}  # fmt: skip
    found = []
    try:
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as raw:
            for table, names in columns.items():
                cast = ", ".join(f"CAST({name} AS BLOB)" for name in names.split())
                found.append(raw.execute(f"SELECT {cast} FROM {table}").fetchall())  # noqa: S608 - names of ours
            for index, names in indexes.items():
                cast = ", ".join(f"CAST({name} AS BLOB)" for name in names.split())
                where = "WHERE key IS NOT NULL" if index == "events_by_key" else ""
                ordered = f"events INDEXED BY {index} {where} ORDER BY {names.replace(' ', ', ')}"
                found.append(raw.execute(f"SELECT {cast} FROM {ordered}").fetchall())  # noqa: S608 - names of ours
            found += [
                raw.execute(f"PRAGMA {name}").fetchall() for name in ("user_version", "application_id", "encoding")
            ]
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    return found


def is_found(path):
    """Whether opening or verifying tells of damage."""
    try:
        with SqliteStore(path) as store:
            return bool(list(store.verify()))
    except InputError:
        return True


def test_flipped_bits_are_found(path, record_property):
    """Of 300 single bits whose flipping changes anything that can be read, verify finds 300; whatever it passes over is the same."""
    filled(path)
    sound, before = path.read_bytes(), content(path)
    assert not is_found(path)
    rng = random.Random(11)
    matter = found = harmless = 0
    while matter < FLIPS:
        flipped = bytearray(sound)
        bit = rng.randrange(len(sound) * 8)
        flipped[bit // 8] ^= 1 << bit % 8
        for name in ("crm.db-wal", "crm.db-shm"):
            path.with_name(name).unlink(missing_ok=True)
        path.write_bytes(flipped)
        changes, told = content(path) != before, is_found(path)
        matter += changes
        found += changes and told
        harmless += not changes
    sys.stdout.write(f"{found} of {matter} flipped bits found; {harmless} more hit bytes that nobody reads\n")
    record_property("flips", f"{found}/{matter}, {harmless} harmless")
    assert found == FLIPS


@pytest.mark.parametrize("statement", [
    "UPDATE records SET body = replace(body, 'Acme', 'Acne') WHERE id = 'C-3'", "UPDATE records SET version = 7 WHERE id = 'C-3'",
    "UPDATE blobs SET body = CAST('124' AS BLOB) WHERE name = 'small'", "UPDATE blobs SET name = 'smell' WHERE name = 'small'",
    "UPDATE events SET cas = 'E' WHERE position = 4", "UPDATE sqlite_sequence SET seq = 3", "DROP INDEX events_by_key",
    "UPDATE events SET tenant = 'other', body = CAST(x'ff' AS TEXT) WHERE position = 4",
])  # fmt: skip
def test_what_was_changed_by_hand_is_found(path, statement):
    """Bodies, versions, names, columns, the counter, an index that is gone: verify has a line for each."""
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(statement)
    assert is_found(path)


def test_a_damaged_record_or_blob_is_not_given_out(path):
    """Reading finds it, too, and names it; all others can be read."""
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("UPDATE records SET body = replace(body, 'Acme', 'Acne') WHERE id = 'C-3'")
        raw.execute("UPDATE blobs SET body = CAST('124' AS BLOB) WHERE name = 'small'")
    with SqliteStore(path) as store:
        with pytest.raises(Damaged, match="customer 'C-3'"):
            store.records.get("customer", "C-3")
        with pytest.raises(Damaged, match="'small'"):
            store.blobs.get("small")
        assert store.records.get("customer", "C-4").value["n"] == 4
        assert len(store.blobs.get("large")) == 256 * 60


def test_a_text_that_is_no_longer_utf_8_is_damage_with_a_position(path):
    """Not a decoding error from inside."""
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("UPDATE events SET body = CAST(x'ff' || CAST(body AS BLOB) AS TEXT) WHERE position = 4")
    with SqliteStore(path) as store, pytest.raises(Damaged, match="position 4"):
        list(store.events.read())


def test_a_corrupted_page_is_told_and_the_rest_can_be_read(path):
    """Noise over the last page of a large file: verify finds it, and what lies elsewhere is still there."""
    with SqliteStore(path) as store:
        store.events.append([fact(n) for n in range(2000)])
        store.blobs.put("last", b"x" * 300_000)
    data = bytearray(path.read_bytes())
    data[-50_000:-45_000] = random.Random(3).randbytes(5_000)
    path.write_bytes(data)
    with SqliteStore(path) as store:
        assert any("last" in line or "crm.db" in line for line in store.verify())
        with pytest.raises(Damaged):
            store.blobs.get("last")
        assert len(list(store.events.read())) == 2000


def test_a_log_that_was_cut_off_loses_only_what_was_cut_off(path, tmp_path):
    """Wherever the write-ahead log ends: whole appends, in order, no damage, and the store goes on."""
    store = SqliteStore(path)
    store.events.append([fact(0)])
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(1, 40):
        store.events.append([fact(3 * number + part) for part in range(3)])
    log = path.with_name("crm.db-wal").read_bytes()
    rng = random.Random(5)
    kept = []
    for size in sorted(rng.randrange(len(log) + 1) for _ in range(25)):
        copied = tmp_path / f"{size}.db"
        shutil.copyfile(path, copied)
        (tmp_path / f"{size}.db-wal").write_bytes(log[:size])
        with SqliteStore(copied) as cut:
            numbers = [recorded.event.data["n"] for recorded in cut.events.read()]
            assert numbers == [0, *range(3, len(numbers) + 2)]
            assert len(numbers) % 3 == 1
            assert list(cut.verify()) == []
            cut.events.append([fact(1000)])
            kept.append(len(numbers))
    store.close()
    assert kept == sorted(kept)
    assert kept[-1] > 60


LIMITED = """
    import resource, sys
    from datetime import UTC, datetime
    from crmkit.adapters.sqlite import SqliteStore
    from crmkit.errors import CrmkitError
    from crmkit.events import Edited

    at = datetime(2026, 1, 5, tzinfo=UTC)
    with SqliteStore(sys.argv[1]) as store:
        store.events.append([Edited(id="first", case="first", at=at, recorded=at)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
        for n in range(100_000):
            try:
                store.events.append([Edited(id=f"{n}/{part}", case="D", at=at, recorded=at) for part in range(3)])
            except CrmkitError as error:
                print(type(error).__name__, error, flush=True)
                assert next(iter(store.events.read())).event.id == "first"
                break
            print(n, flush=True)
"""


@pytest.mark.parametrize("size", [150_000, 400_000, 1_000_003])
def test_a_disk_that_takes_no_more(path, size):
    """The system refuses to write on: one clear error; all that was acknowledged is there, whole, and the file is sound."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LIMITED), str(path), str(size)],
        capture_output=True,
        text=True,
        check=True,
    )
    *acknowledged, error = done.stdout.splitlines()
    assert error.startswith(("Unavailable", "OutcomeUnknown"))
    with SqliteStore(path) as store:
        stored = [recorded.event.id for recorded in store.events.read()][1:]
        assert stored == [f"{n}/{part}" for n in range(len(stored) // 3) for part in range(3)]
        assert len(stored) // 3 in (len(acknowledged), len(acknowledged) + 1)
        assert list(store.verify()) == []
        store.events.append([fact(1)])


def test_a_full_database_is_told(path):
    """No page is left: nothing of the append is stored, what was stored is read, and with room it goes on."""
    with SqliteStore(path) as store:
        store.events.append([fact(1)])
        connection = store._database.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(Unavailable, match=r"the disk is full .* nothing was stored; make room"):
            store.events.append([fact(n) for n in range(2, 900)])
        with pytest.raises(Unavailable, match="the disk is full"):
            store.blobs.put("b", b"x" * 100_000)
        assert len(list(store.events.read())) == 1
        connection.execute("PRAGMA max_page_count = 1000000")
        store.events.append([fact(n) for n in range(2, 900)])
        assert list(store.verify()) == []


def test_reading_only(path):
    """Everything can be read; nothing is written, made or brought up to date."""
    with pytest.raises(InputError, match="cannot be used as a store"):
        SqliteStore(path, read_only=True)
    assert not path.exists()
    filled(path)
    before = path.read_bytes()
    with SqliteStore(path, read_only=True) as store:
        assert len(list(store.events.read())) == 41
        assert store.records.get("customer", "C-1").value["n"] == 1
        assert list(store.verify()) == []
        for attempt in (
            lambda: store.events.append([fact(999)]), lambda: store.events.append([]), lambda: store.records.put("k", "1", {}),
            lambda: store.records.delete("k", "1"), lambda: store.blobs.put("b", b""), lambda: store.blobs.delete("b"),
            lambda: store.blobs.swap("b", b"", expected=None),
        ):  # fmt: skip
            with pytest.raises(Unavailable, match="opened for reading only"):
                attempt()
    assert path.read_bytes() == before
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is empty, or of an older crmkit"):
        SqliteStore(path, read_only=True)


LOCKED_AWAY = """
    import os, sys
    from crmkit.adapters.sqlite import SqliteStore
    from crmkit.errors import CrmkitError

    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    for read_only in (True, False):
        try:
            with SqliteStore(sys.argv[1], read_only=read_only) as store:
                print(len(list(store.events.read())))
                store.blobs.put("b", b"1")
        except CrmkitError as error:
            print(type(error).__name__, error)
"""


def test_a_file_that_may_only_be_read(path):
    """Where neither file nor folder may be written it is opened by read_only, and all else is one clear error."""
    filled(path)
    before = path.read_bytes()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    # Whoever is not root must get as far as the folder.
    for folder in path.parents[1:]:
        if Path(tempfile.gettempdir()) in folder.parents and folder.stat().st_uid == os.getuid():
            folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOCKED_AWAY), str(path)], capture_output=True, text=True, check=True
    )
    path.parent.chmod(0o755)
    first, second, third, *_ = [*done.stdout.splitlines(), ""]
    assert first == "41"
    assert second.startswith("Unavailable")
    assert "opened for reading only" in second
    assert third.startswith(("InputError", "41"))
    assert path.read_bytes() == before


def test_a_clock_that_goes_backwards_changes_no_order(path):
    """Events come back in the order of their appends, whatever their times say."""
    with SqliteStore(path) as store:
        late = [fact(n, at=NOW - timedelta(days=n), recorded=NOW - timedelta(days=n)) for n in range(20)]
        for one in late:
            store.events.append([one])
        assert [recorded.event for recorded in store.events.read()] == late
        assert list(store.verify()) == []


def test_duplicate_delivery_stores_once(path):
    """Each append delivered three times, by two stores, also in other company: one copy; another payload is refused."""
    with SqliteStore(path) as one, SqliteStore(path) as two:
        for number in range(0, 20, 2):
            pair = [fact(number, key=f"k{number}"), fact(number + 1)]
            first = one.events.append(pair)
            assert two.events.append(pair) == one.events.append(pair) == first
            with pytest.raises(KeyReused):
                two.events.append([pair[0], fact(500 + number)])
        assert [recorded.event.data["n"] for recorded in two.events.read()] == list(range(20))
