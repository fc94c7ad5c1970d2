"""A worker that crashes, fails and is overtaken, on each store: nothing is skipped, all is in order."""

from itertools import count

import attrs
import pytest
import sqlalchemy
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crmkit.adapters.memory import MemoryEventStore, MemoryRecordStore
from crmkit.adapters.sql import SqlStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Conflict
from crmkit.feed import Projection, Subscription
from crmkit.protocols import Query

from .following import Crash, CrashingRecords, fact
from .test_projections import count as counted

NUMBERS = count()


def in_memory(request, tmp_path):
    """Stores that forget."""
    return lambda: (MemoryEventStore(), MemoryRecordStore())


def in_sqlite(request, tmp_path):
    """Tenants of one file."""

    def make():
        store = SqliteStore(tmp_path / "feed.db", tenant=str(next(NUMBERS)), durability="normal")
        return store.events, store.records

    return make


def in_postgresql(request, tmp_path):
    """Tenants of one server."""
    engine = sqlalchemy.create_engine(request.getfixturevalue("postgresql_url"))
    request.addfinalizer(engine.dispose)
    SqlStore(engine).create()

    def make():
        store = SqlStore(engine, tenant=f"feed {next(NUMBERS)}")
        return store.events, store.records

    return make


class Following(RuleBasedStateMachine):
    """One name, several workers, and what each was handed; subclasses say where."""

    def __init__(self):
        super().__init__()
        events, records = self.make()
        self.feed = Subscription("worker", events, records, query=Query(types=["Edited"]))
        self.totals = Projection("totals", counted, events, records, query=self.feed.query)
        self.appended, self.log, self.passed, self.number = [], [], set(), 0

    def note(self, recorded):
        """What a handler does."""
        self.log.append(recorded.event.id)

    @rule(size=st.integers(1, 4))
    def append(self, size):
        """Some that match, some that do not."""
        new = [fact(self.number + n) for n in range(size)]
        self.number += size
        self.feed.events.append(new)
        self.appended += [one.id for one in new if one.type == "Edited"]

    @rule(limit=st.integers(1, 5))
    def poll(self, limit):
        """As it should be."""
        self.feed.poll(self.note, limit=limit)

    @rule(limit=st.integers(1, 5), after=st.booleans())
    def crash_at_the_checkpoint(self, limit, after):
        """Before it is stored, or right after it."""
        broken = attrs.evolve(self.feed, records=CrashingRecords(self.feed.records, after=after))
        try:
            broken.poll(self.note, limit=limit)
        except Crash:
            return

    @rule(limit=st.integers(1, 5), at=st.integers(0, 4), hard=st.booleans())
    def fail_in_the_handler(self, limit, at, hard):
        """With an error, or with the end of the process."""
        before, done = self.feed.checkpoint(), []

        def handle(recorded):
            if len(done) == at:
                raise Crash if hard else ValueError("poison")
            done.append(recorded)
            self.note(recorded)

        try:
            self.feed.poll(handle, limit=limit)
        except Crash:
            noted = ""
        except ValueError as error:
            noted = error.__notes__[0]
        else:
            return
        if not noted:
            assert self.feed.checkpoint() == before
            return
        stuck = self.feed.checkpoint().stuck
        assert f"position {stuck.position}," in noted
        assert self.feed.fetch(1).events[0].position == stuck.position

    @rule(one=st.integers(1, 5), other=st.integers(1, 5))
    def two_workers(self, one, other):
        """Both are handed the next events; if both have any, only one moves the checkpoint."""
        batches = [self.feed.fetch(one), attrs.evolve(self.feed).fetch(other)]
        won = 0
        for batch in batches:
            for recorded in batch.events:
                self.note(recorded)
            try:
                self.feed.confirm(batch)
                won += batch.position > batch.since.position
            except Conflict:
                continue
        assert won <= 1

    @rule()
    def skip(self):
        """By hand."""
        following = self.feed.fetch(1).events
        if following:
            self.passed.add(following[0].event.id)
            self.feed.skip(following[0].position, why="a test")

    @rule(every=st.integers(1, 4), after=st.booleans())
    def project(self, every, after):
        """A run of the projection is interrupted, the next one is not."""
        try:
            attrs.evolve(self.totals, records=CrashingRecords(self.totals.records, after=after)).advance(every=every)
        except Crash:
            self.totals.advance(every=every)
        if self.totals.stored():
            assert self.totals.stored().state.get("D-1", {}).get("Edited", 0) == len(self.appended)

    @invariant()
    def nothing_is_skipped(self):
        """Up to the checkpoint all was handled; first deliveries are in order."""
        first = [*dict.fromkeys(self.log)]
        assert first == [id_ for id_ in self.appended if id_ in first]
        position = self.feed.checkpoint().position
        due = [one.event.id for one in self.feed.events.read(self.feed.query) if one.position <= position]
        assert {*due} <= {*self.log} | self.passed

    def teardown(self):
        """In the end everything was handled, and the projection is what a replay gives."""
        while self.feed.poll(self.note, limit=3).more:
            pass
        assert {*self.appended} == {*self.log} | self.passed
        assert self.totals.verify() == ()


@pytest.mark.parametrize("stores", [in_memory, in_sqlite, in_postgresql])
def test_nothing_is_skipped_whatever_breaks(request, tmp_path, stores):
    """Crashes between handler and checkpoint, failures, rivals: at least once, in order, on every store."""
    examples = 60 if stores is in_memory else 20
    how = settings(settings(), max_examples=examples, stateful_step_count=25, deadline=None)
    machine = type("Machine", (Following,), {"make": staticmethod(stores(request, tmp_path))})
    run_state_machine_as_test(machine, settings=how)
