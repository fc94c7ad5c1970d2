"""Sealed stores: they are stores like any other, hide what is personal, and forget when a key is erased."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crmkit.adapters.memory import MemoryEventStore, MemoryRecordStore, MemoryStore
from crmkit.adapters.moving import export_store
from crmkit.adapters.sqlite import SqliteStore
from crmkit.desk import Desk
from crmkit.errors import Damaged, InvalidValue, NotFound
from crmkit.events import Edited, to_json
from crmkit.journal import Journal
from crmkit.privacy import ERASED, SealedEvents, SealedRecords, Subject, erase
from crmkit.protocols import ErasableEvents
from crmkit.testing.contracts import EventStoreContract, RecordStoreContract
from crmkit.testing.keeping import check_erasable_events
from crmkit.values import Money

from .people import EVA, NOW, SALES, deals

pytest.importorskip("cryptography", reason="cryptography is not installed")

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
EVERY = ["x", "note", "n", "value", "more", "text", "stage", "a", "b"]


def ring():
    """A ring of keys."""
    from crmkit.adapters.keys import KeyRing

    return KeyRing(MemoryRecordStore())


def case_of(event):
    """Whose an event is, for tests: its case."""
    return event.case


def contact_of(event):
    """Whose an event is: the contact of the case, said in each event."""
    return event.data.get("contact") or "C-7"


class TestSealedEvents(EventStoreContract):
    """Everything that an event store must do."""

    def make(self, tmp_path):
        return SealedEvents(MemoryEventStore(), ring(), case_of, EVERY)


class TestSealedRecords(RecordStoreContract):
    """Everything that a record store must do."""

    def make(self, tmp_path):
        return SealedRecords(MemoryRecordStore(), ring(), dict.fromkeys(("customer", "contact", "a", "k"), EVERY))


def edited(**data):
    """A fact."""
    return Edited(id="D-1#1", case="D-1", at=AT, recorded=AT, data=data)


def test_values_come_back_as_they_were():
    """Amounts, numbers, days, instants, lists and nothing at all keep their types."""
    data = {
        "m": Money("3.10", "CNY"),
        "d": Decimal("1.50"),
        "t": AT,
        "day": date(2026, 1, 1),
        "l": [1, 2.5, None],
        "o": {"$x": True},
    }
    events = SealedEvents(MemoryEventStore(), ring(), case_of, [*data])
    events.append([edited(**data, open="as it is")])
    assert [one.event for one in events.read()] == [edited(**data, open="as it is")]
    (stored,) = events.events.read()
    assert stored.event.data["open"] == "as it is"
    assert all({*stored.event.data[name]} == {"sealed for", "bytes"} for name in data)


def test_no_byte_of_the_file_holds_it_and_one_key_erases_it(tmp_path):
    """Nothing to scrub, nothing to rewrite: the file, its copy and its archive forget at once; figures stay."""
    keys = ring()
    with SqliteStore(tmp_path / "crm.db") as store:
        events = SealedEvents(store.events, keys, contact_of, ["note", "more"])
        records = SealedRecords(store.records, keys, {"contact": ["name", "phone"]})
        facts = deals()
        told = [fact for fact in facts if fact.data.get("note")]
        events.append(facts)
        records.put("contact", "C-7", {"name": "Eva Meier", "phone": "+49 30 5555 1234", "customer": "nordwind"})
        assert [one.event for one in events.read()] == facts
        assert [one.value["name"] for one in records.find("contact", {"name": "Eva Meier"})] == ["Eva Meier"]
        assert [*records.find("contact", {"name": "Bo", "customer": "nordwind"})] == []
        export_store(store, tmp_path / "copy.jsonl")
        before = Journal.from_events(one.event for one in events.read())
        assert told
        keys.erase("C-7", at=NOW)
        after = [one.event for one in events.read()]
        assert {fact.data["note"] for fact in after if "note" in fact.data} == {ERASED}
        assert Journal.from_events(after) == before
        assert records.get("contact", "C-7").value == {"name": ERASED, "phone": ERASED, "customer": "nordwind"}
        assert [*events.verify()] == []
        with pytest.raises(NotFound, match="nothing may be stored about them"):
            records.put("contact", "C-7", {"name": "Eva"})
    names = [needle for needle in EVA.needles() if b"5555" in needle]
    for path in tmp_path.iterdir():
        assert not any(needle in path.read_bytes() for needle in names), path


def test_a_desk_works_through_it():
    """Guards, retries and conflicts are those of the store below."""
    events = SealedEvents(MemoryEventStore(), ring(), case_of, ["note"])
    desk = Desk(events, SALES, lambda: AT)
    desk.open("D-1", who="li", note="secret", key="k1")
    assert desk.open("D-1", who="li", note="secret", key="k1").fields["note"] == "secret"
    assert desk.move("D-1", "propose", who="li", note="other").fields["note"] == "other"
    assert "secret" not in "".join(to_json(one.event) for one in events.events.read())


def test_nobodys_facts_are_stored_as_they_are():
    """Where `person` says None."""
    events = SealedEvents(MemoryEventStore(), ring(), lambda event: None, ["note"])
    events.append([edited(note="open")])
    assert [*events.events.read()] == [*events.read()]
    records = SealedRecords(MemoryRecordStore(), ring(), {"contact": "name"}, lambda record: None)
    records.put("contact", "1", {"name": "open"})
    assert records.records.get("contact", "1").value == {"name": "open"}


def test_what_was_moved_or_changed_is_damage():
    """A hidden field of one fact in another, or one that is no base 64."""
    events = SealedEvents(MemoryEventStore(), ring(), case_of, ["note"])
    events.append([edited(note="secret")])
    (stored,) = events.events.read()
    hidden = stored.event.data["note"]
    for value, why in ((hidden, "was not sealed for 'D-1' here"), ({**hidden, "bytes": "?"}, "is no sealed text")):
        other = SealedEvents(MemoryEventStore(), events.cipher, case_of, ["note"])
        other.events.append([Edited(id="D-1#2", case="D-1", at=AT, recorded=AT, data={"note": value})])
        with pytest.raises(Damaged, match=why):
            [*other.read()]


def test_what_looks_hidden_is_refused():
    """A value of the host's that would be taken for a hidden one."""
    events = SealedEvents(MemoryEventStore(), ring(), case_of, ["note"])
    with pytest.raises(InvalidValue, match="looks like a hidden one"):
        events.append([edited(other={"sealed for": "C-7", "bytes": ""})])


def test_it_can_be_erased_from_too():
    """Texts in open fields are replaced, hidden ones stay hidden; after the key is gone, too."""
    check_erasable_events(lambda: SealedEvents(MemoryEventStore(), ring(), case_of, ["note"]))
    keys, store = ring(), MemoryStore()
    events = SealedEvents(store.events, keys, case_of, ["note"])
    events.append([edited(note="secret", open="Eva Meier")])
    keys.erase("D-1", at=NOW)
    store.events = events
    assert isinstance(events, ErasableEvents)
    assert erase(store, Subject(texts=["Eva Meier"]), at=NOW).events == 1
    assert [dict(one.event.data) for one in events.read()] == [{"note": ERASED, "open": ERASED}]
