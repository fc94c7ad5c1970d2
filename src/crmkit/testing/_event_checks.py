"""What every event store must do: one small function a check, each given an empty store."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

from crmkit.errors import Conflict, KeyReused
from crmkit.events import Edited, Event, Moved, Opened, Unknown
from crmkit.protocols import EventStore, Query
from crmkit.testing._holds import HOSTILE_KEYS, holds, refuses, threaded, together
from crmkit.values import Fields, Money

Check = Callable[[Any], None]

_NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def event(case: str, number: int = 1, *, key: str | None = None, **data: Any) -> Event:
    """A small fact for checks."""
    at = _NOW + timedelta(minutes=number)
    return Edited(id=f"{case}#{number}", case=case, at=at, recorded=at, key=key, data=Fields(data))


def _cases(store: EventStore, query: Query | None = None, **how: Any) -> list[str]:
    return [recorded.event.case for recorded in store.read(query, **how)]


def reads_back_what_was_appended(store: EventStore) -> None:
    """Every kind of fact comes back equal, in order, with its position."""
    money = {"amount": Money("120000.50", "CNY"), "day": _NOW.date(), "tags": ("a", None, 1.5), "odd $": {"x": True}}
    facts = [
        Opened(id="D#1", case="D", at=_NOW, recorded=_NOW, stage="lead", who="wei", data=money),
        Moved(
            id="D#2", case="D", at=_NOW, recorded=_NOW, move="go", origin="lead", entered=_NOW, held_by="wei", stage="q"
        ),
        Unknown(id="D#3", case="D", at=_NOW, recorded=_NOW, named="Painted", extra='{"colour":"red"}'),
        event("E", on_behalf=True),
    ]
    last = store.append(facts)
    read = list(store.read())
    holds([recorded.event for recorded in read] == facts, "what is read is not what was appended")
    holds(read[-1].position == last, "append does not return the position of the last event")
    holds(not list(store.verify()), "a store without damage reports some")


def appending_nothing_changes_nothing(store: EventStore) -> None:
    """An empty append returns the last position."""
    holds(store.append([]) == 0, "an empty store has a last position")
    last = store.append([event("a")])
    holds(store.append(iter([])) == last, "an empty append does not return the last position")


def positions_rise(store: EventStore) -> None:
    """Positions rise from event to event, over several appends."""
    store.append([event("a", n) for n in range(1, 4)])
    store.append([event("b", n) for n in range(1, 4)])
    positions = [recorded.position for recorded in store.read()]
    holds(positions == sorted(set(positions)) and positions[0] >= 1, f"positions do not rise: {positions}")


def after_and_limit_page_through(store: EventStore) -> None:
    """Pages of any size give every event once."""
    store.append([event(f"c{n % 3}", n) for n in range(1, 12)])
    for size in (1, 2, 5, 11, 50):
        seen: list[str] = []
        after = 0
        while page := list(store.read(after=after, limit=size)):
            holds(len(page) <= size, f"limit={size} gave {len(page)}")
            holds(page[0].position > after, f"after={after} gave position {page[0].position}")
            seen += [recorded.event.id for recorded in page]
            after = page[-1].position
        holds(len(seen) == len(set(seen)) == 11, f"pages of {size} lose or repeat events")
    holds(not list(store.read(limit=0)), "limit=0 gives something")
    holds(not list(store.read(after=2**70)), "a position beyond 64 bits has something after it")
    wanted = Query(cases=["c1"])
    first = list(store.read(wanted, limit=2))
    rest = _cases(store, wanted, after=first[-1].position)
    holds(len(first) == 2 and rest == ["c1", "c1"], "limit counts events that the query left out")


def queries_select(store: EventStore) -> None:
    """Cases, types and keys select, each part and all together; an empty set selects nothing."""
    store.append([event("a", 1, key="k1"), event("b", 1), event("a", 2)])
    store.append([Unknown(id="u", case="a", at=_NOW, recorded=_NOW, named="Painted")])
    holds(_cases(store, Query(cases=["a"])) == ["a", "a", "a"], "a query by case is wrong")
    holds(_cases(store, Query(types=["Edited"])) == ["a", "b", "a"], "a query by type is wrong")
    holds(_cases(store, Query(types=["Painted"])) == ["a"], "an unknown type cannot be asked for")
    holds(_cases(store, Query(keys=["k1"])) == ["a"], "a query by key is wrong")
    holds(_cases(store, Query(cases=["b"], keys=["k1"])) == [], "the parts of a query are not all required")
    holds(_cases(store, Query(cases=[])) == [], "an empty set of cases selects something")


def keys_are_exact(store: EventStore) -> None:
    """Case ids and keys differ if any character differs: case, blanks, accents, NUL, length."""
    for number, name in enumerate(HOSTILE_KEYS):
        store.append([event(name, 1, key=f"key {name}", place=number)])
    for number, name in enumerate(HOSTILE_KEYS):
        for query in (Query(cases=[name]), Query(keys=[f"key {name}"])):
            found = [recorded.event for recorded in store.read(query)]
            right = len(found) == 1 and found[0].case == name and found[0].data["place"] == number
            holds(right, f"{name[:20]!r} is mixed up with another key")


def condition_refuses(store: EventStore) -> None:
    """A matching event after the position refuses the append; one before it does not."""
    first = store.append([event("a")])
    refusal = refuses(
        Conflict, lambda: store.append([event("a", 2)], unless=Query(cases=["a"]), after=0), "the condition is ignored"
    )
    holds(getattr(refusal, "position", None) == first, "the conflict does not name the position")
    store.append([event("a", 2)], unless=Query(cases=["a"]), after=first)
    store.append([event("b")], unless=Query(cases=["c"]))
    holds(_cases(store) == ["a", "a", "b"], "a refused append left something behind")


def condition_may_name_other_cases(store: EventStore) -> None:
    """No write skew: the condition covers what a rule read in another case."""
    seen = store.append([event("quota")])
    store.append([event("quota", 2)])
    unless = Query(cases=["a", "quota"])
    refuses(Conflict, lambda: store.append([event("a")], unless=unless, after=seen), "another case's change is missed")


def appends_are_all_or_nothing(store: EventStore) -> None:
    """If one of several events is refused, none is stored."""
    store.append([event("a", 1, key="k")])
    refuses(
        KeyReused, lambda: store.append([event("b"), event("c", 1, key="k")]), "a key is taken by two different events"
    )
    holds(_cases(store) == ["a"], "a part of a refused append is stored")


def a_broken_run_stores_nothing(store: EventStore) -> None:
    """If the events themselves cannot be had to the end, none is stored, and the store can be used."""

    def broken() -> Iterator[Event]:
        yield event("a")
        raise InterruptedError

    try:
        store.append(broken())
    except InterruptedError:
        pass
    else:
        holds(False, "the error of whoever gave the events is swallowed")
    holds(_cases(store) == [], "a part of a broken append is stored")
    store.append([event("a")])
    holds(_cases(store) == ["a"], "nothing can be stored after a broken append")


def same_again_is_harmless(store: EventStore) -> None:
    """The same events again, recorded later, return the first position and store nothing, whatever the condition."""
    pair = [event("a", 1, key="k1"), event("a", 2, key="k2")]
    last = store.append(pair)
    store.append([event("b")])
    later = [_later(one) for one in pair]
    holds(store.append(later) == last, "a retry does not return the first position")
    again = store.append(later, unless=Query(cases=["a"]))
    holds(again == last, "a retry is refused by its own events")
    holds(len(_cases(store)) == 3, "a retry is stored twice")
    holds(next(iter(store.read())).event == pair[0], "a retry changed the stored event")


def other_payload_is_refused(store: EventStore) -> None:
    """One key, or one id, with another payload is an error."""
    store.append([event("a", 1, key="k")])
    refuses(KeyReused, lambda: store.append([event("b", 1, key="k")]), "a key is taken by two different events")
    refuses(KeyReused, lambda: store.append([event("a", 1, key="other")]), "an id is taken by two different events")
    refuses(KeyReused, lambda: store.append([event("c"), event("c")]), "an id is stored twice by one append")
    both = [event("a", 1, key="k"), event("d")]
    refuses(KeyReused, lambda: store.append(both), "an append is stored in part")
    holds(_cases(store) == ["a"], "a refused append left something behind")


def reading_is_not_disturbed_by_appending(store: EventStore) -> None:
    """Appending while reading is safe: nothing is lost or repeated."""
    store.append([event("a", n) for n in range(1, 6)])
    seen: list[str] = []
    for number, recorded in enumerate(store.read(limit=5)):
        seen.append(recorded.event.id)
        store.append([event("b", number + 1)])
    holds(seen == [f"a#{n}" for n in range(1, 6)], f"reading was disturbed: {seen}")
    holds(len(_cases(store)) == 10, "an append while reading was lost")


@threaded
def one_writer_wins(store: EventStore) -> None:
    """Of several threads that decide on the same state, exactly one is stored in each round."""
    writers, rounds = 4, 8
    barrier = Barrier(writers)
    wins: list[int] = []

    def write(writer: int) -> None:
        for turn in range(1, rounds + 1):
            after = store.append([])
            barrier.wait(timeout=60)
            try:
                store.append([event("race", turn * writers + writer)], unless=Query(cases=["race"]), after=after)
                wins.append(turn)
            except Conflict:
                pass
            barrier.wait(timeout=60)

    together([partial(write, number) for number in range(writers)], barrier.abort)
    holds(sorted(wins) == list(range(1, rounds + 1)), f"winners by round: {sorted(wins)}")
    holds(len(_cases(store)) == rounds, "events were lost or doubled")


@threaded
def a_guard_is_kept_by_threads(store: EventStore) -> None:
    """No write skew: threads that each write a case of their own keep a limit over all of them."""
    writers, most = 4, 6
    barrier = Barrier(writers)
    guarded = Query(cases=[f"open {number}" for number in range(writers)])

    def write(writer: int) -> None:
        for turn in range(most + 1):
            seen = list(store.read(guarded))
            barrier.wait(timeout=60)
            if len(seen) < most:
                try:
                    after = seen[-1].position if seen else 0
                    store.append([event(f"open {writer}", turn)], unless=guarded, after=after)
                except Conflict:
                    pass
            barrier.wait(timeout=60)

    together([partial(write, number) for number in range(writers)], barrier.abort)
    stored = _cases(store)
    holds(len(stored) == most, f"{len(stored)} are open, though each saw that at most {most} may be")


@threaded
def readers_never_look_back(store: EventStore) -> None:
    """A reader that has seen position n never later finds a smaller one it had not seen, while others write."""
    writers, each = 3, 25
    seen: list[str] = []
    left = [True] * writers

    def write(writer: int) -> None:
        try:
            for number in range(1, each + 1):
                store.append([event(f"w{writer}", number)])
        finally:
            left[writer] = False

    def follow(after: int) -> int:
        for recorded in store.read(after=after):
            holds(recorded.position > after, "a position went back")
            after = recorded.position
            seen.append(recorded.event.id)
        return after

    def read() -> None:
        after = 0
        while any(left):
            after = follow(after)
        follow(after)

    together([*(partial(write, number) for number in range(writers)), read])
    holds(len(seen) == len(set(seen)) == writers * each, "the feed lost or repeated events")


def _later(one: Event) -> Event:
    return Edited(
        id=one.id, case=one.case, at=one.at, recorded=one.recorded + timedelta(days=1), key=one.key, data=one.data
    )


#: The checks of event stores.
EVENT_CHECKS: tuple[Check, ...] = (
    reads_back_what_was_appended,
    appending_nothing_changes_nothing,
    positions_rise,
    after_and_limit_page_through,
    queries_select,
    keys_are_exact,
    condition_refuses,
    condition_may_name_other_cases,
    appends_are_all_or_nothing,
    a_broken_run_stores_nothing,
    same_again_is_harmless,
    other_payload_is_refused,
    reading_is_not_disturbed_by_appending,
    one_writer_wins,
    a_guard_is_kept_by_threads,
    readers_never_look_back,
)
