"""Subscriptions: nothing skipped, everything in order, once unless something broke; what broke has a place."""

import attrs
import pytest

from crmkit.adapters.memory import MemoryEventStore, MemoryRecordStore
from crmkit.errors import Conflict, Damaged, InvalidValue
from crmkit.feed import CHECKPOINT, Checkpoint, Polled, Skipped, Stuck, Subscription
from crmkit.protocols import Query

from .following import Crash, CrashingRecords, fact, take


@pytest.fixture
def feed():
    """A subscription to five facts."""
    events = MemoryEventStore()
    events.append([fact(n) for n in range(5)])
    return Subscription("mailer", events, MemoryRecordStore())


def ids(recorded):
    """The numbers of facts."""
    return [int(one.event.id.partition("#")[2]) for one in recorded]


def failing_at(number, seen):
    """A handler that fails at one fact."""

    def handle(recorded):
        if recorded.event.id.endswith(f"#{number}"):
            raise ValueError("the address of Eva Meier is wrong")
        seen.append(recorded)

    return handle


def test_it_goes_on_where_it_stopped(feed):
    """Each poll hands over what follows the last one, whoever holds the object."""
    seen = []
    assert feed.poll(seen.append, limit=2) == Polled(2, 2, more=True)
    assert attrs.evolve(feed).poll(seen.append, limit=9) == Polled(3, 5, more=False)
    assert feed.poll(seen.append) == Polled(0, 5, more=False)
    assert ids(seen) == [0, 1, 2, 3, 4]
    assert feed.checkpoint() == Checkpoint(5, 2, "D-1#4")


def test_polling_for_nothing_writes_nothing(feed):
    """A checkpoint that stays is not stored again, and none is stored before the first event."""
    empty = attrs.evolve(feed, events=MemoryEventStore())
    assert empty.poll(take) == Polled(0, 0, more=False)
    assert empty.checkpoint() == Checkpoint()


def test_a_failing_handler_leaves_the_checkpoint_before_the_event(feed):
    """What was handled before is done; the error names the position; the next poll begins with the same event."""
    seen = []
    with pytest.raises(ValueError, match="wrong") as caught:
        feed.poll(failing_at(2, seen))
    note = "subscription 'mailer' stopped before position 3, event 'D-1#2', try 1; its checkpoint is 2"
    assert caught.value.__notes__ == [note]
    assert feed.checkpoint() == Checkpoint(2, 1, "D-1#1", Stuck(3, "D-1#2", "ValueError", 1))
    with pytest.raises(ValueError, match="wrong"):
        feed.poll(failing_at(2, seen))
    assert feed.checkpoint().stuck == Stuck(3, "D-1#2", "ValueError", 2)
    feed.poll(seen.append)
    assert ids(seen) == [0, 1, 2, 3, 4]
    assert feed.checkpoint() == Checkpoint(5, 3, "D-1#4")


def test_the_first_event_may_be_poison(feed):
    """Then the checkpoint stays at nothing, and a stop elsewhere counts its tries anew."""
    for number, tries in ((0, 1), (0, 2)):
        with pytest.raises(ValueError, match="wrong"):
            feed.poll(failing_at(number, []))
        assert (feed.checkpoint().position, feed.checkpoint().stuck.tries) == (0, tries)
    with pytest.raises(ValueError, match="wrong"):
        feed.poll(failing_at(3, []))
    assert feed.checkpoint().stuck == Stuck(4, "D-1#3", "ValueError", 1)


def test_the_error_survives_when_the_checkpoint_cannot_be_written(feed):
    """Another worker was faster: the handler's own error is what the caller gets, with both notes."""

    def handle(recorded):
        feed.poll(lambda recorded: None, limit=1)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        feed.poll(handle)
    assert "could not be written" in caught.value.__notes__[1]
    assert feed.checkpoint().position == 1


def test_two_workers_of_one_name_do_not_both_advance(feed):
    """Both may be handed the same events; the second to confirm is refused, and nothing moves."""
    first, second = feed.fetch(2), feed.fetch(3)
    feed.confirm(first)
    with pytest.raises(Conflict):
        feed.confirm(second)
    assert feed.checkpoint().position == 2


@pytest.mark.parametrize(("after", "again"), [(False, [0, 1, 0, 1]), (True, [0, 1])])
def test_a_crash_repeats_but_never_skips(feed, after, again):
    """Before the checkpoint is stored the events come again, after that they do not."""
    seen = []
    with pytest.raises(Crash):
        attrs.evolve(feed, records=CrashingRecords(feed.records, after=after)).poll(seen.append, limit=2)
    while feed.poll(seen.append, limit=2).more:
        pass
    assert ids(seen) == [*again, 2, 3, 4]


def test_an_event_is_passed_over_only_by_name_and_reason(feed):
    """Only the next one, and the checkpoint remembers who decided it."""
    feed.poll(take, limit=1)
    for position, why in ((3, "wei: wrong address"), (2, "  ")):
        with pytest.raises(InvalidValue, match=r"next event, which is 2|gives no reason"):
            feed.skip(position, why=why)
    feed.skip(2, why="wei: wrong address")
    seen = []
    feed.poll(seen.append)
    assert ids(seen) == [2, 3, 4]
    assert feed.checkpoint().skipped == (Skipped(2, "wei: wrong address"),)
    with pytest.raises(InvalidValue, match="which is None"):
        feed.skip(6, why="there is none")


def test_a_query_selects_and_the_checkpoint_passes_over_the_rest(feed):
    """What does not match is not read again."""
    opened = attrs.evolve(feed, name="opened", query=Query(types=["Opened"]))
    seen = []
    assert opened.poll(seen.append) == Polled(2, 5, more=False)
    assert ids(seen) == [0, 3]
    assert opened.checkpoint().event == "D-1#4"


def test_a_checkpoint_is_for_one_question(feed):
    """Events of another type, that came before the checkpoint, would never be seen: so it is refused."""
    feed.poll(take)
    with pytest.raises(InvalidValue, match="is not what its checkpoint was made for"):
        attrs.evolve(feed, query=Query(types=["Moved"])).poll(take)


def test_it_can_be_set_back(feed):
    """From any position; that of another question, too."""
    feed.poll(take)
    seen = []
    feed.reset(3)
    feed.poll(seen.append)
    fresh = attrs.evolve(feed, query=Query(types=["Opened"]))
    fresh.reset()
    fresh.poll(seen.append)
    attrs.evolve(feed, name="new").reset(4)
    attrs.evolve(feed, name="new").poll(seen.append)
    assert ids(seen) == [3, 4, 0, 3, 4]
    with pytest.raises(InvalidValue, match="negative"):
        feed.reset(-1)


def test_a_store_that_was_restored_is_noticed(feed):
    """Its events are older than the checkpoint: those that come now would be passed over in silence."""
    feed.poll(take)
    restored = MemoryEventStore()
    restored.append([fact(n) for n in range(3)])
    with pytest.raises(Damaged, match="restored from a copy"):
        attrs.evolve(feed, events=restored).poll(take)
    restored.append([fact(n, case="D-2") for n in range(3)])
    with pytest.raises(Damaged, match="'D-1#4'"):
        attrs.evolve(feed, events=restored).poll(take)


@pytest.mark.parametrize(
    "value", [{"position": 1}, {"position": -1, "stuck": None}, {"position": 1, "stuck": {"x": 1}}, {"position": "1"}]
)
def test_a_record_that_is_no_checkpoint_is_named(feed, value):
    """With its name and what is wrong."""
    feed.records.put(CHECKPOINT, "mailer", {"query": "any event", "event": None, "skipped": [], **value})
    with pytest.raises(Damaged, match="'mailer', position 0: is no checkpoint"):
        feed.poll(take)


def test_a_limit_is_positive(feed):
    """Nothing at a time would never end."""
    with pytest.raises(InvalidValue, match="limit"):
        feed.fetch(0)
