"""A subscription while others write, and inside the transaction of a host."""

from threading import Thread

import pytest
import sqlalchemy

from crmkit.adapters.sql import SqlStore
from crmkit.errors import Conflict
from crmkit.feed import Projection, Subscription
from crmkit.protocols import Query

from .following import fact
from .test_projections import count

WRITERS, EACH = 4, 40


def test_nothing_is_left_out_while_others_write(new_store):
    """Several writers commit at once and in any order: each fact is handled once, in order of position, none is missed."""
    store = new_store()
    seen, broken = [], []

    def write(writer):
        try:
            for number in range(EACH):
                store.events.append([fact(number, case=f"w{writer}")])
        except BaseException as error:  # noqa: BLE001 - what ends a thread must fail the test
            broken.append(error)

    feed = Subscription("all", store.events, store.records)
    edits = Subscription("edits", store.events, store.records, query=Query(types=["Edited"]))
    edited = []
    threads = [Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        feed.poll(seen.append, limit=7)
        edits.poll(edited.append, limit=5)
    while feed.poll(seen.append).more or edits.poll(edited.append).more:
        pass
    edits.poll(edited.append)
    assert not broken
    held = [*store.events.read()]
    assert seen == held
    assert edited == [one for one in held if one.event.type == "Edited"]
    assert len(held) == WRITERS * EACH


def test_workers_of_one_name_share_the_work(new_store):
    """Two threads poll under one name until nothing is left: whoever is overtaken goes on, and nothing is skipped."""
    store = new_store()
    store.events.append([fact(number) for number in range(60)])
    seen, conflicts, broken = [], [], []

    def work():
        feed = Subscription("one name", store.events, store.records)
        more = True
        try:
            while more:
                try:
                    more = feed.poll(seen.append, limit=4).more
                except Conflict as conflict:
                    conflicts.append(conflict)
        except BaseException as error:  # noqa: BLE001 - what ends a thread must fail the test
            broken.append(error)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken
    assert {one.position for one in seen} == {one.position for one in store.events.read()}
    # Whatever was handed over twice was handed to somebody who was then refused.
    assert len(seen) <= 60 + 4 * len(conflicts)
    last = Subscription("one name", store.events, store.records)
    assert last.poll(seen.append).handled == 0


def test_in_the_hosts_transaction_nothing_is_done_twice(postgresql_url):
    """What the handler writes is committed with the checkpoint, or neither is; so a crash repeats nothing."""
    engine = sqlalchemy.create_engine(postgresql_url)
    SqlStore(engine, tenant="host").create()
    table = sqlalchemy.Table("greetings", sqlalchemy.MetaData(), sqlalchemy.Column("event", sqlalchemy.Text))
    table.create(engine)
    SqlStore(engine, tenant="host").events.append([fact(number) for number in range(6)])

    def run(*, fails):
        with engine.begin() as connection:
            store = SqlStore(connection, tenant="host")
            feed = Subscription("greeter", store.events, store.records)
            feed.poll(lambda one: connection.execute(table.insert().values(event=one.event.id)), limit=4)
            Projection("count", count, store.events, store.records).advance(every=2)
            if fails:
                raise RuntimeError("the host's own work failed")

    for fails in (True, False, True, False, False):
        if fails:
            with pytest.raises(RuntimeError):
                run(fails=True)
        else:
            run(fails=False)
    with engine.connect() as connection:
        written = [*connection.scalars(sqlalchemy.select(table.c.event))]
    assert written == [fact(number).id for number in range(6)]
    store = SqlStore(engine, tenant="host")
    assert Projection("count", count, store.events, store.records).verify() == ()
    table.drop(engine)
    engine.dispose()
