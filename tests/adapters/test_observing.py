"""What is watched does what it did, and tells of each call; what a person may have written is told to nobody."""

import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from crmkit.adapters.memory import MemoryBlobStore, MemoryStore
from crmkit.adapters.observing import observed
from crmkit.adapters.sqlite import SqliteStore
from crmkit.desk import Desk
from crmkit.errors import Conflict, MoveNotAllowed
from crmkit.events import Edited
from crmkit.feed.subscriptions import Subscription
from crmkit.kb import Document, SegmentIndex, Text
from crmkit.pipeline import Pipeline, Stage
from crmkit.protocols import BlobStore, EventStore, Query, RecordStore

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEALS = Pipeline("deals", ["lead", Stage("won", "won")], {"lead": {"sign": "won"}})
PERSON = "Eva Meier"


def fact(number, **more):
    """A small event about somebody."""
    return Edited(id=f"{PERSON}#{number}", case=PERSON, at=NOW, recorded=NOW, data={"note": PERSON}, **more)


@pytest.fixture
def spans():
    """A tracer of the SDK, and what it has exported: name, attributes, status and the name of the parent."""
    trace = pytest.importorskip("opentelemetry.sdk.trace", reason="the SDK of OpenTelemetry is not installed")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    def exported():
        found = exporter.get_finished_spans()
        names = {span.context.span_id: span.name for span in found}
        return [
            (
                span.name,
                dict(span.attributes),
                span.status.status_code.name,
                names.get(span.parent and span.parent.span_id),
            )
            for span in found
        ]

    yield provider.get_tracer("test"), exported
    assert all(not span.events for span in exporter.get_finished_spans())
    assert PERSON not in "".join(span.to_json() for span in exporter.get_finished_spans())
    provider.shutdown()


def test_a_desk_and_its_store_are_spans_within_each_other(spans):
    """A move reads, decides and appends: three spans, of which two are within the first."""
    tracer, exported = spans
    store = observed(MemoryStore(), tracer=tracer)
    desk = observed(Desk(store.events, DEALS, lambda: NOW), tracer=tracer)
    assert desk.open(PERSON).stage == "lead"
    assert desk.move(PERSON, "sign", who=PERSON).stage == "won"
    *_, read, append, move = exported()
    assert move == ("crmkit.Desk.move", {"crmkit.move": "sign"}, "UNSET", None)
    assert append == ("crmkit.MemoryEventStore.append", {"crmkit.events": 1}, "UNSET", "crmkit.Desk.move")
    assert read == ("crmkit.MemoryEventStore.read", {"crmkit.rows": 1}, "UNSET", "crmkit.Desk.move")


def test_search_and_functions_are_spans(spans):
    """How many documents were found is told, what was asked is not; a function is watched like a method."""
    tracer, exported = spans
    index = observed(SegmentIndex(MemoryBlobStore()), tracer=tracer)
    index.apply([Document("1", {"text": f"{PERSON} wrote"}), Document("2", {"text": PERSON})])
    assert index.search(Text(PERSON)).total == 2

    def measure(number):
        """A function."""
        return number + 1

    watched = observed(measure, tracer=tracer)
    assert watched.__doc__ == "A function."
    assert watched(number=1) == 2
    assert [(name, facts) for name, facts, *_ in exported()] == [
        ("crmkit.SegmentIndex.apply", {}), ("crmkit.SegmentIndex.search", {"crmkit.found": 2}), ("crmkit.measure", {}),
    ]  # fmt: skip


def test_failures_are_told_by_their_class_alone(spans, caplog):
    """In the span and in the log; refusals are information, troubles are warnings, and nothing of the text is told."""
    tracer, exported = spans
    caplog.set_level(logging.INFO)
    store = observed(MemoryStore(), tracer=tracer)
    desk = observed(Desk(store.events, DEALS, lambda: NOW), tracer=tracer)
    desk.open(PERSON)
    with pytest.raises(MoveNotAllowed):
        desk.move(PERSON, PERSON)
    with pytest.raises(Conflict):
        store.events.append([fact(2)], unless=Query(cases=[PERSON]))
    feed = observed(Subscription(PERSON, store.events, store.records), tracer=tracer)

    def handle(recorded):
        raise OSError(PERSON)

    with pytest.raises(OSError, match=PERSON):
        feed.poll(handle)
    failed = [(name, facts) for name, facts, status, _ in exported() if status == "ERROR"]
    assert failed == [
        ("crmkit.Desk.move", {"error.type": "MoveNotAllowed"}),
        ("crmkit.MemoryEventStore.append", {"error.type": "Conflict"}),
        ("crmkit.Subscription.poll", {"error.type": "OSError"}),
    ]
    assert [(one.name, one.levelname, one.operation, one.error) for one in caplog.records] == [
        ("crmkit.desk", "INFO", "crmkit.Desk.move", "MoveNotAllowed"),
        ("crmkit.adapters", "INFO", "crmkit.MemoryEventStore.append", "Conflict"),
        ("crmkit.feed", "WARNING", "crmkit.Subscription.poll", "OSError"),
    ]
    assert not any(PERSON in f"{one.getMessage()}{vars(one)}" for one in caplog.records if not one.exc_info)


def test_reading_is_watched_until_its_end(spans, tmp_path):
    """A reader that stops early, one that goes on to the end, and one that meets damage: each is one span."""
    tracer, exported = spans
    with observed(SqliteStore(tmp_path / "crm.db"), tracer=tracer) as store:
        store.events.append([fact(n) for n in range(5)])
        rows = store.events.read()
        assert next(rows).position == 1
        rows.close()
        assert len([*store.events.read()]) == 5
        store._database.connection.execute("UPDATE events SET body = '{}' WHERE position = 3")
        with pytest.raises(Exception, match="position 3"):
            [*store.events.read()]
    reads = [(facts, status) for name, facts, status, _ in exported() if name.endswith("read")]
    assert reads == [
        ({"crmkit.rows": 1}, "UNSET"), ({"crmkit.rows": 5}, "UNSET"),
        ({"crmkit.rows": 2, "error.type": "Damaged"}, "ERROR"),
    ]  # fmt: skip


def test_what_is_watched_passes_for_what_it_is():
    """Protocols and classes are kept, all attributes are there, and what is not given out is not made."""
    store = observed(MemoryStore())
    desk = observed(Desk(store.events, DEALS, lambda: NOW))
    assert isinstance(desk, Desk)
    assert (desk.tries, desk.pipeline) == (5, DEALS)
    assert isinstance(store.events, EventStore)
    assert isinstance(store.records, RecordStore)
    assert isinstance(store.blobs, BlobStore)
    assert repr(store).startswith("observed(<")
    with pytest.raises(AttributeError, match="nothing"):
        _ = store.nothing


def test_without_the_package_there_are_lines_in_the_log_all_the_same(tmp_path):
    """Where OpenTelemetry cannot be imported everything works, failures are logged, and nothing is written by itself."""
    script = """
import logging, sys
sys.modules["opentelemetry"] = None
from crmkit.adapters.memory import MemoryStore
from crmkit.adapters.observing import observed
from crmkit.errors import NotFound
from crmkit.protocols import Recorded
store = observed(MemoryStore())
assert store.records.put("k", "1", {}) == 1 and [*store.records.find("k")]
for heard in (False, True):
    if heard:
        logging.basicConfig(format="%(levelname)s %(name)s %(operation)s %(error)s", stream=sys.stdout, level="INFO")
    try:
        store.records.put("k", "1", {}, expected=7)
    except Exception as error:
        print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    told = "INFO crmkit.adapters crmkit.MemoryRecordStore.put Conflict"
    assert (done.stdout.splitlines(), done.stderr) == (["Conflict", told, "Conflict"], "")


def test_measures_and_stores_of_the_host_are_watched(caplog):
    """A store that is none of ours is told under `crmkit.host`."""

    class Own:
        """A store of the host's."""

        def get(self, name):
            """Never there."""
            raise KeyError(name)

    with pytest.raises(KeyError):
        observed(Own()).get(PERSON)
    assert [(one.name, one.operation, one.error) for one in caplog.records] == [
        ("crmkit.host", "crmkit.Own.get", "KeyError")
    ]
