"""Erasing: no byte of any store still tells of the person, every figure is what it was, and what stays is said."""

from contextlib import suppress
from pathlib import Path

import attrs
import pytest
import sqlalchemy

from crmkit.adapters.memory import MemoryStore
from crmkit.adapters.sql import SqlStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Conflict, InvalidValue, Unavailable
from crmkit.events import Edited, checksum, to_json
from crmkit.feed import Projection
from crmkit.journal import Journal
from crmkit.journal.segments import JournalSegments
from crmkit.kb.cards import Cards
from crmkit.metrics import Facts, measure
from crmkit.metrics.kpi import CATALOGUE
from crmkit.pipeline import history
from crmkit.privacy import ERASED, Subject, erase, report

from .people import EVA, NOW, SALES, deals, filled, index_of


def erased(store, **choices):
    """The person erased from a store, with her pseudonym."""
    return erase(store, EVA, at=NOW, keep=["customer"], pseudonym="p-1", indexes={"cards": index_of(store)}, **choices)


def test_nothing_is_left_in_any_store(new_store):
    """Facts, records, documents, search segments: the report finds nothing, and neither does who reads the rows."""
    store = filled(new_store())
    assert len(report(EVA, store, indexes={"cards": index_of(store)}).held) > 100
    before = [*store.events.read()]
    if not isinstance(store, MemoryStore):
        assert [*store.traces(EVA.needles())]
    done = erased(store)
    assert (done.events, done.records, done.documents) == (74, 3, 2)
    assert done.left == ()
    assert [one.by for one in report(EVA, store, indexes={"cards": index_of(store)}).held] == ["record"]
    assert done.scrubbed == (not isinstance(store, MemoryStore))
    if done.scrubbed:
        assert [*store.traces(EVA.needles())] == []
    after = [*store.events.read()]
    assert [*store.events.verify()] == []
    for name in ("id", "case", "type", "at", "recorded", "key", "definition"):
        assert [getattr(one.event, name) for one in before] == [getattr(one.event, name) for one in after]
    assert [one.position for one in before] == [one.position for one in after]
    assert store.records.get("contact", "C-7").value == {"customer": "nordwind", "erased": NOW}
    assert store.records.get("contact", "C-8").value["boss"] == "p-1"
    assert Cards(store.records).get("K-1").author == "p-1"
    index = index_of(store)
    assert {document.id: document.texts["title"] for document in index.documents()} == {
        "d1": f"{ERASED}'s way", "d2": "Pumps", "d3": "Evangeline",
    }  # fmt: skip
    assert [index.search(word, limit=5).total for word in ("meier", "梅艾娃", "pumps")] == [0, 0, 2]
    assert index.verify() == ()


def test_erasing_again_changes_nothing(new_store):
    """So an erasure that was interrupted is simply done again."""
    store = filled(new_store())
    erased(store)
    held = [*store.events.read()], store.records.get("contact", "C-7")
    done = erased(store)
    assert (done.events, done.records, done.documents, done.left) == (0, 0, 0, ())
    assert ([*store.events.read()], store.records.get("contact", "C-7")) == held


def bytes_of(folder, pattern="*"):
    """All bytes of the files in a folder."""
    return {path: path.read_bytes() for path in folder.rglob(pattern) if path.is_file()}


def test_no_byte_is_left_in_a_file_of_sqlite(tmp_path):
    """The file, its log and its shared memory, while they are open and after they are closed; before, they were full of it."""
    with SqliteStore(tmp_path / "crm.db") as store:
        filled(store)
        found = {path.name for path, data in bytes_of(tmp_path).items() if any(one in data for one in EVA.needles())}
        assert "crm.db-wal" in found
        erased(store)
        for data in bytes_of(tmp_path).values():
            assert not any(needle in data for needle in EVA.needles())
            assert b"meier" not in data.lower()
    for data in bytes_of(tmp_path).values():
        assert not any(needle in data for needle in EVA.needles())


def test_without_scrubbing_old_bytes_stay_in_the_log(tmp_path):
    """Which is why scrubbing is not left out silently: `scrubbed` says so, and `traces` finds them."""
    with SqliteStore(tmp_path / "crm.db") as store:
        filled(store)
        done = erased(store, scrub=False)
        assert not done.scrubbed
        assert any("crm.db-wal" in place for place in store.traces(EVA.needles()))


def test_a_reader_holds_up_scrubbing(tmp_path):
    """Who still reads an old state keeps it in the log: that is an error, not a half truth."""
    with SqliteStore(tmp_path / "crm.db") as store, SqliteStore(tmp_path / "crm.db") as other:
        filled(store)
        reading = other._database.connection
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM events").fetchone()
        with pytest.raises(Unavailable, match="scrub it when nobody uses it"):
            erased(store)
        reading.rollback()
        assert erased(store).left == ()
        assert [*store.traces(EVA.needles())] == []


def test_no_byte_is_left_in_the_tables_of_postgresql(postgresql_url, request):
    """The files of the tables as the server keeps them; its write-ahead log is the server's, and keeps old bytes a while."""
    engine = sqlalchemy.create_engine(postgresql_url)
    store = SqlStore(engine, prefix="erasing_")
    store.create()
    filled(store)
    data = postgresql_url.partition("host=")[2] + "/data/base"

    def on_disk():
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("CHECKPOINT")
            statement = sqlalchemy.text(
                "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relname LIKE 'erasing_%' "
                "UNION SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname LIKE 'erasing_%' AND reltoastrelid > 0"
            )
            files = [*connection.scalars(statement)]
        return [name for name in files if name and any(one in read(data, name) for one in EVA.needles())]

    assert on_disk()
    erased(store)
    assert on_disk() == []
    store.tables.metadata.drop_all(engine)
    engine.dispose()


def test_no_byte_is_left_in_the_tables_of_mariadb(mariadb_url):
    """The files of the tables once the server has written them; its redo log is the server's, and runs over in time."""
    engine = sqlalchemy.create_engine(mariadb_url)
    store = SqlStore(engine, prefix="erasing_")
    store.create()
    filled(store)
    folder = Path(mariadb_url.partition("unix_socket=")[2].partition("&")[0]).parent / "data" / "crm"

    def on_disk():
        names = ", ".join(table.name for table in store.tables.metadata.sorted_tables)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"FLUSH TABLES {names} FOR EXPORT")
            files = [*folder.glob("erasing_*.ibd")]
            found = [file.name for file in files if any(one in file.read_bytes() for one in EVA.needles())]
            connection.exec_driver_sql("UNLOCK TABLES")
        assert files
        return sorted(found)

    assert on_disk() == ["erasing_blobs.ibd", "erasing_events.ibd", "erasing_records.ibd"]
    erased(store)
    assert on_disk() == []
    store.tables.metadata.drop_all(engine)
    engine.dispose()


def read(data, name):
    """The bytes of a file of the server."""
    return (Path(data).parent / name).read_bytes()


def test_the_hosts_transaction_cannot_be_scrubbed(tmp_path):
    """No table is written anew inside of one: without `scrub` it goes on, and the host scrubs later."""
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    SqlStore(engine).create()
    with engine.begin() as connection:
        store = filled(SqlStore(connection))
        with pytest.raises(InvalidValue, match="needs an Engine"):
            erased(store)
        assert erased(store, scrub=False).left == ()
    SqlStore(engine).scrub()
    assert not any(needle in (tmp_path / "host.db").read_bytes() for needle in EVA.needles())
    engine.dispose()


def figures(facts):
    """Every KPI of the catalogue that can be made of the facts of deals, by person, as texts."""
    made = Facts(journal=Journal.from_events(facts, as_of=NOW), events=facts, stages=SALES)
    told = []
    for metric in CATALOGUE:
        # Those that are made of invoices or tickets need what this store has none of.
        with suppress(InvalidValue):
            rows = zip(*measure(made, [metric], by=["who"]).to_dict().values(), strict=True)
            told += sorted(str(row).replace("'p-1'", "'eva'") for row in rows)
    return told


def test_every_figure_is_what_it_was():
    """Counts, rates, durations and states, also by person: the pseudonym has what the person had."""
    store = filled()
    before = [recorded.event for recorded in store.events.read()]
    erased(store)
    after = [recorded.event for recorded in store.events.read()]
    assert [checksum(to_json(one)) for one in before] != [checksum(to_json(one)) for one in after]
    assert figures(before) == figures(after)
    assert len(figures(before)) > 10
    for case in ("D-0", "D-5"):
        was, now = (history.replay([e for e in facts if e.case == case]) for facts in (before, after))
        assert (was.stage, was.entered, len(was.fields)) == (now.stage, now.entered, len(now.fields))


def test_the_state_of_a_projection_is_erased_with_the_facts():
    """It is a record that told of her: blanked like every other, it is what a replay of the changed facts gives."""
    store = filled()
    step = lambda state, one: {**state, one.event.case: str(one.event.data.get("note", "-"))}
    notes = Projection("notes", step, store.events, store.records)
    told = notes.advance()
    assert EVA.tells(to_json(Edited(id="x", case="x", at=NOW, recorded=NOW, data=told.state)))
    erased(store)
    assert notes.verify() == ()
    assert not EVA.tells(to_json(Edited(id="x", case="x", at=NOW, recorded=NOW, data=notes.stored().state)))


def test_segments_of_the_journal_are_made_anew():
    """Columns that were made of the facts name people, too: a replay tells, and made anew they know the pseudonym only."""
    store = filled()
    kept = JournalSegments(store.events, store.blobs, rows=16)
    kept.refresh()
    erased(store)
    assert [*kept.verify()] != []
    assert "eva" in kept.load().who.values
    erased(store, projections=[kept])
    assert [*kept.verify()] == []
    assert {"p-1", "li", "wei"} == {*kept.load().who.values}
    assert not any(b'"eva"' in store.blobs.get(name) for name in store.blobs.list("journal/"))


def test_keys_stay_and_are_told():
    """Without a pseudonym ids stay; names of cases and stages are never changed; blobs are for people to decide about."""
    store = MemoryStore()
    store.events.append([Edited(id="e1", case="Eva Meier's deal", at=NOW, recorded=NOW, who="eva", key="Eva Meier 1")])
    store.records.put("deal", "Eva Meier", {"owner": "eva", "at Eva Meier": 1, "at [erased]": 2})
    store.blobs.put("letter", b"Dear Eva Meier")
    done = erase(store, EVA, at=NOW)
    assert {(one.place, one.path, one.by) for one in done.left} == {
        ("position 1, e1", "case", "text"), ("position 1, e1", "key", "text"), ("position 1, e1", "who", "id"),
        ("deal Eva Meier", "id", "text"), ("deal Eva Meier", "value.owner", "id"), ("letter", "byte 5", "text"),
    }  # fmt: skip
    assert store.records.get("deal", "Eva Meier").value == {"owner": "eva", "at [erased]": 1, "at [erased] 2": 2}


def test_two_people_do_not_become_one():
    """A pseudonym that is somebody already is refused before anything is changed."""
    store = filled()
    with pytest.raises(InvalidValue, match="two people would become one"):
        erase(store, EVA, at=NOW, pseudonym="li")
    assert [recorded.event for recorded in store.events.read()] == deals()
    assert store.records.get("contact", "C-7").version == 1


def test_a_store_that_cannot_rewrite_is_refused():
    """Before anything is changed, with what to do instead."""
    store = filled()
    store.events = type("Plain", (), {name: getattr(store.events, name) for name in ("append", "read", "verify")})()
    with pytest.raises(InvalidValue, match="seal what is personal instead"):
        erased(store)
    assert store.records.get("contact", "C-7").version == 1


def test_a_record_that_changes_meanwhile_is_not_overwritten():
    """Somebody else's change is kept, and the erasure is done again."""
    store = filled()
    records = store.records
    found = records.find

    def late(kind, where=None):
        rows = [*found(kind, where)]
        if kind == "contact":
            records.put("contact", "C-8", {"name": "Bo", "boss": "C-7", "phone": "1"})
        return iter(rows)

    records.find = late
    with pytest.raises(Conflict):
        erased(store)
    records.find = found
    erased(store)
    assert records.get("contact", "C-8").value == {"name": "Bo", "boss": "p-1", "phone": "1"}


def test_a_retry_does_not_bring_the_text_back():
    """The same command again is refused like that of any other payload."""
    store = filled()
    erased(store)
    with pytest.raises(ValueError, match="already belongs to the different event"):
        store.events.append([deals()[1]])
    assert erase(store, Subject(texts=["nobody at all"]), at=NOW) == attrs.evolve(
        erase(store, Subject(texts=["nobody at all"]), at=NOW), events=0
    )
