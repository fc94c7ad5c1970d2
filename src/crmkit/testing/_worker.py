"""A process that uses a store beside others, until it is done or killed: `python -m crmkit.testing._worker ...`.

It says "ready" once the store is open, waits for a line, and says after each call what was acknowledged.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crmkit.errors import Conflict
from crmkit.protocols import Query
from crmkit.testing._event_checks import event
from crmkit.testing._homes import Reference, make_of, opened

__all__ = ["content", "triple"]


def triple(name: str, number: int) -> list[Any]:
    """Three events that are appended together."""
    return [event(name, 3 * number + part, n=number) for part in range(3)]


def content(number: int) -> bytes:
    """The bytes of a version of a blob: long, and of one piece."""
    return b"%d " % number * 5_000


def _append(store: Any, name: str, count: int) -> None:
    for number in range(count):
        store.append(triple(name, number))
        _say(number)


def _count_events(store: Any, name: str, count: int) -> None:
    done = 0
    while done < count:
        numbers, after = 0, 0
        for recorded in store.read(Query(cases=["counter"])):
            numbers, after = numbers + 1, recorded.position
        try:
            store.append([event("counter", numbers, by=name)], unless=Query(cases=["counter"]), after=after)
        except Conflict:
            continue
        done += 1
        _say(numbers)


def _put(store: Any, name: str, count: int) -> None:
    for number in range(count):
        store.put("kind", name, {"number": number, "text": "x" * 20_000}, expected=number)
        _say(number)


def _count_records(store: Any, _: str, count: int) -> None:
    done = 0
    while done < count:
        stored = store.get("kind", "counter")
        number, version = (stored.value["number"] + 1, stored.version) if stored else (0, 0)
        try:
            store.put("kind", "counter", {"number": number}, expected=version)
        except Conflict:
            continue
        done += 1
        _say(number)


def _put_blobs(store: Any, name: str, count: int) -> None:
    for number in range(count):
        store.put(name, content(number))
        _say(number)


def _count_blobs(store: Any, _: str, count: int) -> None:
    done = 0
    while done < count:
        stored = store.get("counter")
        number = 0 if stored is None else int(stored) + 1
        if store.swap("counter", b"%d" % number, expected=stored):
            done += 1
            _say(number)


def _apply(store: Any, name: str, count: int) -> None:
    from crmkit.kb.results import Document

    for number in range(count):
        # What goes together is found together, or not at all.
        store.apply([Document(f"{name}-{number}-{part}", {"text": f"together {name}"}) for part in "abc"])
        _say(number)


_JOBS: dict[tuple[str, str], Callable[[Any, str, int], None]] = {
    ("events", "write"): _append,
    ("events", "count"): _count_events,
    ("records", "write"): _put,
    ("records", "count"): _count_records,
    ("blobs", "write"): _put_blobs,
    ("blobs", "count"): _count_blobs,
    ("search", "write"): _apply,
}


def _say(number: object) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main(words: list[str]) -> None:
    """Do a job with a store that others use, too."""
    *reference, folder, kind, job, name, count = words
    with opened(make_of(Reference(*reference).load())(Path(folder)), kind) as store:
        _say("ready")
        sys.stdin.readline()
        _JOBS[kind, job](store, name, int(count))


if __name__ == "__main__":
    main(sys.argv[1:])
