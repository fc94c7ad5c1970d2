"""What stores may offer besides their contract, as checks: to be moved as a whole, and to forget.

check_movable_records(lambda: MyStore(fresh_database()).records)
check_erasable_events(lambda: MyStore(fresh_database()).events)
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from crmkit.errors import Conflict, InvalidValue, KeyReused, NotFound
from crmkit.events import Edited, Moved, Unknown, to_json
from crmkit.protocols import Record, Recorded
from crmkit.testing._holds import HOSTILE_KEYS, holds
from crmkit.values import Fields

__all__ = ["check_erasable_events", "check_movable_records"]

_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def check_movable_records(make: Callable[[], Any]) -> None:
    """Kinds are listed exactly, and records come back with the version they had.

    Args:
        make: gives an empty record store at each call, that has `kinds` and `restore` besides.

    Raises:
        AssertionError: saying what is wrong.
    """
    store = make()
    holds([*store.kinds()] == [], "an empty store has kinds")
    for kind in HOSTILE_KEYS:
        store.restore(Record(kind, "1", 7, Fields(name=kind)))
    holds([*store.kinds()] == sorted(HOSTILE_KEYS), f"kinds: {[*store.kinds()]}")
    for kind in HOSTILE_KEYS:
        holds(store.get(kind, "1") == Record(kind, "1", 7, Fields(name=kind)), f"kind {kind!r} is not as it was")
    refused = _refusal(lambda: store.restore(Record(HOSTILE_KEYS[0], "1", 9, Fields())), Conflict)
    holds(refused.position == 7, "a record that is there was not refused with its version")
    holds(store.put(HOSTILE_KEYS[0], "1", {}, expected=7) == 8, "versions do not go on")
    store.delete(HOSTILE_KEYS[0], "1")
    holds(HOSTILE_KEYS[0] not in [*store.kinds()], "a kind without records is listed")


def check_erasable_events(make: Callable[[], Any]) -> None:
    """Texts are replaced where they stand, all or none, and what facts are counted by stays.

    Args:
        make: gives an empty event store at each call, that has `rewrite` besides.

    Raises:
        AssertionError: saying what is wrong.
    """
    store = make()
    one = Edited(id="D-1#1", case="D-1", at=_AT, recorded=_AT, key="k", who="eva", data={"note": "Eva Meier called"})
    two = Unknown(id="D-1#2", case="D-1", at=_AT, recorded=_AT, named="Host.Called", extra='{"by":"Eva Meier"}')
    store.append([one, two])
    first, second = store.read()
    blank = Recorded(first.position, attrs.evolve(one, data=Fields(note="[…] called"), who="p-1"))
    other = Recorded(second.position, attrs.evolve(two, extra='{"by":"[…]"}'))
    moved = Moved(id=one.id, case=one.case, at=_AT, recorded=_AT, key="k", move="m", origin="a", entered=_AT, stage="b")
    late = _AT + timedelta(days=1)
    for bad in (attrs.evolve(one, id="x"), attrs.evolve(one, case="x"), attrs.evolve(one, key=None), moved,
                attrs.evolve(one, at=late), attrs.evolve(one, recorded=late)):  # fmt: skip
        _refusal(lambda bad=bad: store.rewrite([other, Recorded(first.position, bad)]), InvalidValue)  # type: ignore[misc] # bound now
    _refusal(lambda: store.rewrite([blank, Recorded(second.position + 1, one)]), NotFound)
    holds([*store.read()] == [first, second], "a refused change has changed something")
    store.rewrite([blank, other])
    holds([*store.read()] == [blank, other], f"it reads {[*store.read()]}")
    holds([*store.verify()] == [], "it no longer matches its checksums")
    holds(not any("Eva" in to_json(recorded.event) for recorded in store.read()), "the text is still there")
    _refusal(lambda: store.append([one]), KeyReused)
    holds(store.append([blank.event]) == first.position, "the event as it is now is not the same again")
    store.rewrite([])


def _refusal(call: Callable[[], object], kind: type[Exception]) -> Any:
    try:
        call()
    except kind as refusal:
        return refusal
    raise AssertionError(f"{kind.__name__} was not raised")
