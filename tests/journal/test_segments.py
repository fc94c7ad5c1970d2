"""The journal of a store in segments of columns: the same as the journal of its events, whenever it was refreshed."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryBlobStore, MemoryEventStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Damaged, InvalidValue
from crmkit.events import Edited, Migrated, Moved, Opened
from crmkit.journal import Journal
from crmkit.journal._facts import Block, Stays
from crmkit.journal._packed import pack, unpack
from crmkit.journal.segments import JournalSegments
from crmkit.values import Money

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
STAGES = ("lead", "offer", "won", "价格")


def facts(steps):
    """Facts of some cases: each step names a case, what happens, and what is said of it."""
    entered, stage, made = {}, {}, []
    for number, (case, what, data) in enumerate(steps):
        at = NOW + timedelta(minutes=number)
        shared = {"id": str(number), "case": case, "at": at, "recorded": at, "who": f"w{number % 3}", "data": data}
        if case not in stage:
            made.append(Opened(stage=what, **shared))
        elif number % 5 == 4:
            made.append(Edited(**shared))
            continue
        elif number % 7 == 6:
            made.append(Migrated(origin=stage[case], stage=what, **shared))
            stage[case] = what
            continue
        else:
            made.append(
                Moved(
                    move="go", origin=stage[case], entered=entered[case], held_by=f"w{number % 2}", stage=what, **shared
                )
            )
        stage[case], entered[case] = what, at
    return made


AMOUNTS = st.none() | st.sampled_from([Money("5", "EUR"), Money("1.005", "CNY"), Decimal("3.25"), 7, "many"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["D-1", "d-1", "", "客户"]), st.sampled_from(STAGES),
        st.fixed_dictionaries({}, optional={"amount": AMOUNTS, "owner": st.sampled_from(["wei", "ana"])}),
    ), max_size=40,
)  # fmt: skip


def same(one, other):
    """Whether two journals are the same, down to the order of rows, the codes and the findings."""
    texts = [(a.decode(), a.values) == (b.decode(), b.values) for a, b in zip(coded(one), coded(other), strict=True)]
    numbers = [np.array_equal(getattr(one, name), getattr(other, name)) for name in ("entered", "left", "next")]
    amounts = (one.amount is None) == (other.amount is None) and (
        one.amount is None or np.array_equal(one.amount, other.amount)
    )
    return all([*texts, *numbers, amounts, one.until == other.until, one.findings == other.findings])


def coded(journal):
    """The columns of texts."""
    return [journal.cases, journal.stages, journal.who, *(journal.dims[name] for name in sorted(journal.dims))]


@given(STEPS, st.lists(st.integers(0, 8), max_size=6), st.integers(1, 4))
@settings(max_examples=150)
def test_it_is_the_journal_of_the_events(steps, refreshes, rows):
    """Whatever happens, however it is cut into refreshes and segments: the same columns, amounts and findings."""
    events, blobs = MemoryEventStore(), MemoryBlobStore()
    kept = JournalSegments(events, blobs, rows=rows)
    made = facts(steps)
    for count in refreshes:
        events.append(made[:count])
        made = made[count:]
        assert kept.refresh() == len(list(events.read()))
        assert same(kept.load(), Journal.from_events(recorded.event for recorded in events.read()))
        assert list(kept.verify()) == []
    events.append(made)
    every = [recorded.event for recorded in events.read()]
    # What came after the last refresh is no damage.
    assert list(kept.verify()) == []
    assert same(kept.load(), Journal.from_events(every))
    assert same(kept.load(stages=STAGES), Journal.from_events(every, stages=STAGES))
    assert kept.load(as_of=NOW).until == Journal.from_events(every, as_of=NOW).until
    tails = [name for name in blobs.list() if "/tail-" in name]
    assert len(tails) == (1 if any(refreshes) and len(every) > len(made) else 0)


@pytest.fixture
def filled():
    """A store with seven segments of two rows and a tail."""
    events, blobs = MemoryEventStore(), MemoryBlobStore()
    events.append(facts([(f"D-{n % 3}", STAGES[n % 4], {"amount": n}) for n in range(30)]))
    kept = JournalSegments(events, blobs, rows=2)
    kept.refresh()
    return events, blobs, kept


def changed(data):
    """The same bytes, one of them flipped near the end."""
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize("which", ["000000", "000003", "tail"])
@pytest.mark.parametrize("change", [changed, lambda data: None, lambda data: b"something else"])
def test_damage_is_found_and_made_good(filled, which, change):
    """A segment or a tail that was changed, removed or replaced: loading refuses, verify names it, rebuilding makes it good."""
    events, blobs, kept = filled
    (name,) = [name for name in blobs.list() if f"/{which}-" in name]
    data = change(blobs.get(name))
    blobs.delete(name)
    if data is not None:
        blobs.put(name, data)
    with pytest.raises(Damaged, match=r"rebuild\(\)"):
        kept.load()
    assert [line for line in kept.verify() if name in line]
    assert kept.rebuild() == 30
    assert list(kept.verify()) == []
    assert same(kept.load(), Journal.from_events(recorded.event for recorded in events.read()))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"version": 2, "position": 1, "latest": 1, "amounts": true, "segments": [], "tail": ["a", 1]}',
    ],
)
def test_a_head_that_is_none(filled, head):
    """Of another version, or no head at all: loading and refreshing refuse, verify says it, rebuilding makes it good."""
    _, blobs, kept = filled
    blobs.put("journal/head", head)
    for attempt in (kept.load, kept.refresh):
        with pytest.raises(Damaged, match="no head of this version"):
            attempt()
    assert len(list(kept.verify())) == 1
    kept.rebuild()
    assert list(kept.verify()) == []


def test_segments_of_another_history_are_found(filled):
    """Columns that are sound in themselves, and not those of the events: verify names the segment, the tail and the end."""
    _, blobs, _ = filled
    other = MemoryEventStore()
    other.append(facts([(f"D-{n % 3}", STAGES[(n + 1) % 4], {}) for n in range(30)]))
    lines = list(JournalSegments(other, blobs, rows=2).verify())
    assert len(lines) > 5
    assert "its end or its amounts" in lines[-1]
    assert all("not what the events say" in line for line in lines[:-1])


def test_a_segment_of_another_version_is_told(filled):
    """A tail that matches its checksum and is written in another way is no inner error."""
    import zlib

    _, blobs, kept = filled
    head = json.loads(blobs.get("journal/head"))
    blobs.put("journal/other", b"crmkit journal 2\n")
    head["tail"] = ["journal/other", zlib.crc32(b"crmkit journal 2\n")]
    blobs.put("journal/head", json.dumps(head).encode())
    with pytest.raises(Damaged, match="none of this version"):
        kept.load()


def test_packing_keeps_everything():
    """Columns, findings and the text beside them come back from their bytes, also of no rows at all."""
    for steps in (
        [],
        [("D", "lead", {"amount": "?"}), ("D", "价格", {"amount": Money("1.005", "EUR")}), ("D", "won", {})],
    ):
        stays = Stays()
        for event in facts(steps):
            stays.add(event)
        block, state = unpack(pack(Block.of([*stays.ended, *stays.open()]), stays.to_json()))
        assert Stays.from_json(state) == stays
        again = Block.of([*stays.ended, *stays.open()])
        assert block.cases.decode() == again.cases.decode()
        assert block.findings == again.findings
    with pytest.raises(InvalidValue, match="none of this version"):
        unpack(b"nothing")
    with pytest.raises(InvalidValue, match="no number of rows"):
        JournalSegments(MemoryEventStore(), MemoryBlobStore(), rows=0)


class Overtaken(MemoryBlobStore):
    """Another process refreshes while this one reads or writes."""

    def __init__(self):
        super().__init__()
        self.before = {}

    def get(self, name):
        self.act(name)
        return super().get(name)

    def swap(self, name, data, *, expected):
        self.act("swap")
        return super().swap(name, data, expected=expected)

    def act(self, name):
        """Do what is to be done before a call, once."""
        for part in [part for part in self.before if part in name]:
            self.before.pop(part)()


def test_others_may_refresh_meanwhile():
    """A tail that is replaced while it is read, or a head while one writes: nothing is lost, and nobody fails."""
    events, blobs = MemoryEventStore(), Overtaken()
    mine, theirs = JournalSegments(events, blobs, rows=3), JournalSegments(events, blobs, rows=3)
    made = facts([(f"D-{n % 3}", STAGES[n % 4], {}) for n in range(40)])
    events.append(made[:10])
    mine.refresh()

    def append(count):
        there = len(list(events.read()))
        events.append(made[there : there + count])

    def more():
        append(2)
        theirs.refresh()

    for name, attempt in (("tail", mine.load), ("tail", mine.refresh), ("swap", mine.refresh)):
        append(3 if attempt == mine.refresh else 0)
        blobs.before[name] = more
        attempt()
        assert not blobs.before
        assert list(mine.verify()) == []
    assert same(mine.load(), Journal.from_events(recorded.event for recorded in events.read()))


def test_several_processes_keep_one_journal(tmp_path):
    """Threads with stores of their own append and refresh one file together: the journal is that of the events."""
    path = tmp_path / "crm.db"
    made = facts([(f"D-{n % 5}", STAGES[n % 4], {"amount": n}) for n in range(120)])

    def work(part):
        with SqliteStore(path, durability="normal") as store:
            for event in part:
                store.events.append([event])
                JournalSegments(store.events, store.blobs, rows=8).refresh()

    SqliteStore(path).close()
    threads = [Thread(target=work, args=(made[begin::3],)) for begin in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with SqliteStore(path) as store:
        kept = JournalSegments(store.events, store.blobs, rows=8)
        assert kept.refresh() == 120
        assert list(kept.verify()) == []
        assert same(kept.load(), Journal.from_events(recorded.event for recorded in store.events.read()))
