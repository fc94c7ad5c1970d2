"""A store taken elsewhere: all of it arrives, from any store in any other; what was damaged on the way is refused."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryBlobStore, MemoryEventStore, MemoryRecordStore, MemoryStore
from crmkit.adapters.moving import IMPORTING, Moved, check_archive, export_store, import_store, unfinished
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Damaged, InputError, InvalidValue
from crmkit.events import Edited, Unknown, to_json
from crmkit.feed import CHECKPOINT, PROJECTION, Projection, Subscription
from crmkit.values import Money

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ODD = {
    "n": None,
    "a": [1, 2.5, Decimal("1.50")],
    "m": Money("3.10", "CNY"),
    "d": date(2026, 1, 1),
    "t": AT,
    "$x": {"y": True},
}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3), max_leaves=5,
)  # fmt: skip


def edited(number, **parts):
    """A fact of a number."""
    at = AT + timedelta(minutes=number)
    return Edited(**{"id": f"D-1#{number}", "case": "D-1", "at": at, "recorded": at + timedelta(days=1), **parts})


def filled(store, size=5):
    """A store with a little of everything, odd names and all."""
    store.events.append([edited(n, key=f"k{n}" if n % 2 else None, data=ODD) for n in range(size)])
    store.events.append(
        [Unknown(id="U 1 ", case="王芳\u0301 ", at=AT, recorded=AT, named="Host.Called", extra='{"x":[1.5,"é"]}')]
    )
    for version in range(3):
        store.records.put("contact", "c ", {"name": "Zoë", "version": version, **ODD})
    store.records.put("Contact", "c", {})
    store.blobs.put("search/head", bytes(range(256)))
    store.blobs.put("empty", b"")
    return store


def everything(store):
    """What a store holds."""
    kinds = [*store.records.kinds()]
    return (
        [(one.position, to_json(one.event)) for one in store.events.read()],
        [record for kind in kinds for record in store.records.find(kind)],
        {name: store.blobs.get(name) for name in store.blobs.list()},
    )


@pytest.fixture
def archive(tmp_path):
    """The file of a filled store."""
    export_store(filled(MemoryStore()), tmp_path / "a.jsonl")
    return tmp_path / "a.jsonl"


@pytest.mark.parametrize("name", ["copy.jsonl", "copy.parquet"])
def test_a_copy_of_a_copy_is_the_same(new_store, tmp_path, name):
    """From memory to each store and back, in each form: one content, one sum; so between any two of them."""
    origin = filled(MemoryStore(), 1200)
    first = export_store(origin, tmp_path / f"first-{name}")
    store = new_store()
    assert import_store(store, tmp_path / f"first-{name}") == first == Moved(1201, 2, 2, first.sum)
    second = export_store(store, tmp_path / f"second-{name}")
    back = MemoryStore()
    assert import_store(back, tmp_path / f"second-{name}") == second == first
    assert everything(back) == everything(origin)
    assert [*store.events.verify()] == []
    assert unfinished(store) is None
    assert [path.name for path in tmp_path.glob("*.part")] == []
    store.events.append([edited(3, data=ODD, key="k3")])
    assert len([*store.events.read()]) == 1201


@given(st.lists(st.dictionaries(st.text(min_size=1), PLAIN, max_size=3), max_size=5), st.text(), st.text(min_size=1))
def test_any_facts_survive(tmp_path_factory, data, case, named):
    """Whatever their type and content, in their order."""
    folder = tmp_path_factory.mktemp("moving")
    facts = [edited(number, case=case, data=fields) for number, fields in enumerate(data)]
    facts += [Unknown(id="U", case=case, at=AT, recorded=AT, named=f"x.{named}", who=case)]
    store = MemoryStore()
    store.events.append(facts)
    export_store(store, folder / "a.jsonl")
    back = MemoryStore()
    import_store(back, folder / "a.jsonl")
    assert [*map(to_json, (one.event for one in back.events.read()))] == [*map(to_json, facts)]


def test_every_changed_byte_is_found(archive):
    """Whichever byte of the file is another one, the line is named, and an empty store stays empty."""
    whole = archive.read_bytes()
    found = {}
    for place in range(0, len(whole), 13):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        store = MemoryStore()
        with pytest.raises(InputError) as caught:
            import_store(store, archive)
        found[place] = caught.value.row
        assert everything(store) == ([], [], {})
    assert found == {place: whole.count(b"\n", 0, place) + 1 for place in found}


def test_every_cut_is_found(archive):
    """Wherever the file ends too early, that line is named."""
    whole = archive.read_bytes()
    for size in range(0, len(whole) - 1, 29):
        archive.write_bytes(whole[:size])
        with pytest.raises(InputError, match="cut short") as caught:
            check_archive(archive)
        assert caught.value.row == whole.count(b"\n", 0, size) + 1


@pytest.mark.parametrize("other", ["swapped", "twice", "without", "goes on"])
def test_lines_stay_in_their_place(archive, other):
    """Two that changed places, one that is there twice or not at all, and one after the end."""
    lines = archive.read_bytes().splitlines(keepends=True)
    changed = {
        "swapped": [lines[0], lines[2], lines[1], *lines[3:]], "twice": [*lines[:3], *lines[2:]],
        "without": [*lines[:2], *lines[3:]], "goes on": [*lines, lines[-1]],
    }[other]  # fmt: skip
    archive.write_bytes(b"".join(changed))
    with pytest.raises(InputError) as caught:
        check_archive(archive)
    assert caught.value.row == {"swapped": 2, "twice": 4, "without": 3, "goes on": len(lines) + 1}[other]


@pytest.mark.parametrize(
    "text", [b"", b"id,name\n1,Eva\n", b'{"crmkit":"store-9","sum":"0000000000000000"}\n', b"\x1f\x8b\n", b"\n"]
)
def test_another_file_is_refused(tmp_path, text):
    """With its name and line; so is one that is not there."""
    file = tmp_path / "other.jsonl"
    file.write_bytes(text)
    with pytest.raises(InputError) as caught:
        check_archive(file)
    assert (caught.value.row, caught.value.source) == (1, str(file))
    with pytest.raises(InputError, match="No such file"):
        check_archive(tmp_path / "nothing.jsonl")


def test_a_newer_form_is_named(tmp_path):
    """A file of another version says so."""
    from crmkit.adapters._archive import chained

    text = '{"crmkit":"crmkit-store-2"}'
    (tmp_path / "new.jsonl").write_text(f'{text[:-1]},"sum":"{chained(text, "")}"}}\n')
    with pytest.raises(InputError, match="written by another crmkit"):
        check_archive(tmp_path / "new.jsonl")


def test_damaged_parquet_is_refused(tmp_path):
    """Cut, or with a line that was changed by a tool that writes good Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = tmp_path / "a.parquet"
    export_store(filled(MemoryStore()), file)
    table = pq.read_table(file)
    assert table.column("type").to_pylist()[1:7] == ["Edited"] * 5 + ["Host.Called"]
    lines = table.column("line").to_pylist()
    lines[3] = lines[3].replace("1.5", "1.6")
    changed = table.set_column(table.schema.get_field_index("line"), "line", pa.array(lines, pa.large_string()))
    pq.write_table(changed, tmp_path / "b.parquet")
    with pytest.raises(InputError, match="was changed") as caught:
        check_archive(tmp_path / "b.parquet")
    assert caught.value.row == 4
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match="no whole Parquet file"):
        check_archive(file)


class Stops(Exception):
    """The process ends here."""


def test_an_interrupted_export_goes_on(tmp_path):
    """Events that were written are not read again; half a line at the end is written anew."""
    store = filled(MemoryStore(), 50)
    file, part = tmp_path / "a.jsonl", tmp_path / "a.jsonl.part"
    whole = export_store(store, file)
    written = file.read_bytes()
    lines = written.splitlines(keepends=True)
    asked = []

    class Watched(MemoryEventStore):
        """Notes from where it is read."""

        def read(self, query=None, *, after=0, limit=None):
            """As ever."""
            asked.append(after)
            return store.events.read(query, after=after, limit=limit)

    watched = MemoryStore()
    watched.events, watched.records, watched.blobs = Watched(), store.records, store.blobs
    for cut, after in ((b"".join(lines[:31]) + lines[31][:9], 30), (b"".join(lines[:-1]), 51), (lines[0], 0), (b"", 0)):
        part.write_bytes(cut)
        asked.clear()
        assert export_store(watched, file) == whole
        assert asked[-1] == after
        assert file.read_bytes() == written
    part.write_bytes(b"".join(lines[:31]))
    with pytest.raises(InputError, match="another store"):
        export_store(filled(MemoryStore(), 3), file)


def test_an_interrupted_import_goes_on(archive):
    """Wherever it stopped, the same file finishes it, another is refused, and the store says that it is unfinished."""
    origin = filled(MemoryStore())
    for stop in range(1, 6):
        store, calls = MemoryStore(), []

        def counted(method, stop=stop, calls=calls):
            def call(*args, **named):
                calls.append(args)
                if len(calls) == stop:
                    raise Stops
                return method(*args, **named)

            return call

        store.events.append, store.records.restore = counted(store.events.append), counted(store.records.restore)
        store.blobs.put = counted(store.blobs.put)
        with pytest.raises(Stops):
            import_store(store, archive)
        assert unfinished(store) == check_archive(archive).sum
        with pytest.raises(InputError, match="half of an import"):
            export_store(store, archive.with_name("b.jsonl"))
        other = archive.with_name("other.jsonl")
        export_store(MemoryStore(), other)
        with pytest.raises(InputError, match="half of another archive"):
            import_store(store, other)
        import_store(store, archive)
        assert everything(store) == everything(origin)


@pytest.mark.parametrize("held", ["events", "records", "blobs"])
def test_a_store_that_holds_anything_is_refused(archive, held):
    """It would be half of one and half of the other."""
    store = MemoryStore()
    if held == "events":
        store.events.append([edited(9)])
    elif held == "records":
        store.records.put("x", "1", {})
    else:
        store.blobs.put("x", b"")
    with pytest.raises(InputError, match=f"not empty: it holds {held}"):
        import_store(store, archive)


def test_a_store_that_others_write_to_is_refused(archive):
    """What is not of the file is named."""
    sum_ = check_archive(archive).sum
    store = MemoryStore()
    store.records.put(IMPORTING, "archive", {"sum": sum_})
    store.events.append([edited(9)])
    with pytest.raises(InputError, match="event 'D-1#9' at position 1"):
        import_store(store, archive)
    store = MemoryStore()
    store.records.put(IMPORTING, "archive", {"sum": sum_})
    store.records.put("contact", "c ", {"name": "other"})
    with pytest.raises(InputError, match="somebody else wrote contact 'c ' at version 1"):
        import_store(store, archive)
    store = MemoryStore()
    store.records.put(IMPORTING, "archive", {"sum": sum_})
    store.events.append([edited(0, data={"other": 1})])
    with pytest.raises(InputError, match="event 'D-1#0' at position 1"):
        import_store(store, archive)


def test_checkpoints_move_with_their_events(tmp_path):
    """Where positions had gaps and have none now, subscriptions and projections go on with the very next event."""
    with SqliteStore(tmp_path / "a.db") as mine, SqliteStore(tmp_path / "a.db", tenant="other") as other:
        for number in range(6):
            other.events.append([edited(number)])
            mine.events.append([edited(number)])
        feed = Subscription("mailer", mine.events, mine.records)
        count = Projection("count", lambda state, one: {"n": state.get("n", 0) + 1}, mine.events, mine.records)
        feed.poll(lambda recorded: None, limit=4)
        Subscription("new", mine.events, mine.records).reset()
        count.advance()
        export_store(mine, tmp_path / "a.jsonl")
        store = MemoryStore()
        import_store(store, tmp_path / "a.jsonl")
    feed = attrs.evolve(feed, events=store.events, records=store.records)
    assert feed.checkpoint().position == 4
    assert [one.event.id for one in feed.fetch().events] == ["D-1#4", "D-1#5"]
    assert attrs.evolve(feed, name="new").checkpoint().position == 0
    count = attrs.evolve(count, events=store.events, records=store.records)
    assert (count.stored().position, count.verify()) == (6, ())
    assert {CHECKPOINT, PROJECTION} == {*store.records.kinds()}


class Plain:
    """A store of somebody else, that has what the protocols ask for and nothing besides."""

    def __init__(self):
        inner = MemoryRecordStore()
        self.events, self.blobs = MemoryEventStore(), MemoryBlobStore()
        self.records = type("Records", (), {name: getattr(inner, name) for name in ("get", "put", "find", "delete")})()


def test_a_store_that_offers_nothing_besides_can_be_moved(archive, tmp_path):
    """The kinds have to be said; a version is reached by putting."""
    store = Plain()
    import_store(store, archive)
    assert store.records.get("contact", "c ").version == 3
    with pytest.raises(InvalidValue, match="cannot list"):
        export_store(store, tmp_path / "b.jsonl")
    assert export_store(store, tmp_path / "b.jsonl", kinds=["contact", "Contact"]) == check_archive(archive)
    with pytest.raises(InputError, match="not empty: it holds events, records, blobs"):
        import_store(store, archive)
    origin = MemoryStore()
    origin.records.restore(attrs.evolve(store.records.get("contact", "c "), version=10_001))
    export_store(origin, tmp_path / "c.jsonl")
    with pytest.raises(InvalidValue, match="that many puts"):
        import_store(Plain(), tmp_path / "c.jsonl")


def test_damage_is_not_exported(tmp_path):
    """A fact that no longer matches its checksum stops the export; the file that was there stays."""
    (tmp_path / "a.jsonl").write_text("old")
    with SqliteStore(tmp_path / "a.db") as store:
        filled(store)
        store._database.connection.execute("UPDATE events SET body = replace(body, 'CNY', 'EUR') WHERE position = 3")
        with pytest.raises(Damaged, match="position 3"):
            export_store(store, tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_text() == "old"


def test_a_text_that_no_file_can_hold_is_named(tmp_path):
    """Half of a character, which only memory takes."""
    store = MemoryStore()
    store.records.put("x", "\ud800", {})
    with pytest.raises(InvalidValue, match="half of a character"):
        export_store(store, tmp_path / "a.jsonl")
    with pytest.raises(InputError, match="cannot be written"):
        export_store(MemoryStore(), tmp_path / "nowhere" / "a.jsonl")


def test_a_line_is_json_that_people_can_read(archive):
    """The event as the library writes it, and what the file says about itself."""
    first, second, *_, last = map(json.loads, archive.read_text(encoding="utf-8").splitlines())
    assert first == {"crmkit": "crmkit-store-1", "sum": first["sum"]}
    assert (second["event"]["id"], second["position"]) == ("D-1#0", 1)
    assert last["end"] == {"blobs": 2, "events": 6, "records": 2}
