"""What stores must do that claim to be shared by processes, or to keep what they acknowledged: each given a home."""

import random
import subprocess
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from crmkit.kb.query import Text
from crmkit.protocols import Query
from crmkit.testing._holds import holds
from crmkit.testing._homes import Home
from crmkit.testing._worker import content, triple

__all__ = ["DURABLE", "PROCESSES"]

_WRITERS, _EACH, _KILLS = 3, 8, 5
# More than anybody writes before it is killed.
_ENDLESS = 1_000_000
_PATIENCE = 120

Running = Sequence["subprocess.Popen[str]"]


@contextmanager
def _running(home: Home, job: str, names: Sequence[str], count: int) -> Generator[Running]:
    """Processes that begin their job together, and are gone afterwards."""
    # The store is made once, by us: who makes it is another question than who may use it.
    with home.opened():
        pass
    running = [home.start(job, name, count) for name in names]
    try:
        for process in running:
            said = _line(process)
            if said != "ready":
                _, trace = process.communicate(timeout=_PATIENCE)
                raise AssertionError(f"another process cannot open the store: {_last(trace)}")
        for process in running:
            _begin(process)
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _line(process: "subprocess.Popen[str]") -> str:
    return "" if process.stdout is None else process.stdout.readline().strip()


def _number(process: "subprocess.Popen[str]") -> int:
    said = _line(process)
    if not said:
        _, trace = process.communicate(timeout=_PATIENCE)
        raise AssertionError(f"a process failed: {_last(trace)}")
    return int(said)


def _begin(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        process.stdin.write("go\n")
        process.stdin.flush()


def _last(trace: str) -> str:
    return next((line for line in reversed(trace.splitlines()) if line.strip()), "it said nothing")


def _acknowledged(running: Running) -> list[list[int]]:
    """The numbers that each process said, once all are done."""
    said: list[list[int]] = []
    for process in running:
        out, trace = process.communicate(timeout=_PATIENCE)
        holds(process.returncode == 0, f"a process failed: {_last(trace)}")
        said.append([int(line) for line in out.split()])
    return said


def _killed(home: Home, kills: int, judge: Callable[[Any, str, int], None]) -> None:
    """Kill a writer at a random point, again and again, and judge what is there afterwards."""
    rng = random.Random(7)  # noqa: S311 - not a secret, and the same in each run
    for number in range(kills):
        name = f"w{number}"
        with _running(home, "write", [name], _ENDLESS) as (process,):
            last = _number(process)
            for _ in range(rng.randrange(11)):
                last = _number(process)
            # Somewhere in what the process does next.
            until = perf_counter() + rng.uniform(0, 0.004)
            while perf_counter() < until:
                pass
            process.kill()
            # Not `communicate`, which passes over what was read into a buffer; the last line may be cut off.
            said = process.stdout.read() if process.stdout else ""
        last = max([last, *map(int, said.split("\n")[:-1])])
        with home.opened() as store:
            judge(store, name, last)


def _counted(home: Home) -> list[int]:
    """Let processes count together; the numbers that were acknowledged, sorted."""
    with _running(home, "count", [f"w{n}" for n in range(_WRITERS)], _EACH) as running:
        said = _acknowledged(running)
    return sorted(number for numbers in said for number in numbers)


# -- events


def events_of_processes_are_not_lost(home: Home) -> None:
    """Several processes decide on the same state: no event is lost, and none is decided twice."""
    numbers = _counted(home)
    every = list(range(_WRITERS * _EACH))
    holds(numbers == every, f"acknowledged were {numbers}, not each of {len(every)} once")
    with home.opened() as store:
        stored = [recorded.event.id for recorded in store.read(Query(cases=["counter"]))]
    holds(stored == [f"counter#{number}" for number in every], f"stored are {len(stored)} events, not {len(every)}")


def readers_beside_processes_never_look_back(home: Home) -> None:
    """A reader that follows what other processes append sees every event once."""
    seen: list[str] = []
    after = 0
    names = [f"w{n}" for n in range(_WRITERS)]
    wanted = _WRITERS * _EACH * 3
    with _running(home, "write", names, _EACH) as running, home.opened() as store:
        while any(process.poll() is None for process in running):
            after = _follow(store, after, seen)
        _acknowledged(running)
        _follow(store, after, seen)
    holds(len(seen) == len(set(seen)) == wanted, f"{len(set(seen))} events were seen, {len(seen)} times, not {wanted}")


def _follow(store: Any, after: int, seen: list[str]) -> int:
    for recorded in store.read(after=after):
        holds(recorded.position > after, f"after position {after} came {recorded.position}")
        after = recorded.position
        seen.append(recorded.event.id)
    return after


def acknowledged_events_survive_a_kill(home: Home) -> None:
    """After kill -9 every acknowledged append is there, once and whole, and the store can be used."""

    def judge(store: Any, name: str, last: int) -> None:
        events = [recorded.event for recorded in store.read(Query(cases=[name]))]
        whole = [one for number in range(len(events) // 3) for one in triple(name, number)]
        holds(events == whole, "events are torn, doubled or out of order")
        there = len(events) // 3
        holds(there in (last + 1, last + 2), f"{last + 1} appends were acknowledged, {there} are there")
        flaws = list(store.verify())
        holds(not flaws, f"verify finds {flaws[:3]}")
        position = store.append(triple(name, len(events) // 3))
        holds(position == [recorded.position for recorded in store.read()][-1], "the store cannot be appended to")

    _killed(home, _KILLS, judge)


# -- records


def records_of_processes_are_not_lost(home: Home) -> None:
    """Several processes count in one record: no version is written twice."""
    numbers = _counted(home)
    holds(numbers == list(range(_WRITERS * _EACH)), f"acknowledged were {numbers}")
    with home.opened() as store:
        stored = store.get("kind", "counter")
    holds(stored is not None and stored.version == _WRITERS * _EACH, f"the record is {stored}")


def acknowledged_records_survive_a_kill(home: Home) -> None:
    """After kill -9 a record is what was acknowledged last, or what was being put, and whole."""

    def judge(store: Any, name: str, last: int) -> None:
        stored = store.get("kind", name)
        holds(stored is not None, "an acknowledged record is gone")
        number = stored.value["number"]
        holds(number in (last, last + 1), f"{last} was acknowledged, {number} is stored")
        holds(stored.version == number + 1 and stored.value["text"] == "x" * 20_000, "the record is torn")

    _killed(home, _KILLS, judge)


# -- blobs


def blobs_of_processes_are_not_lost(home: Home) -> None:
    """Several processes count in one blob: of those that swap the same one succeeds."""
    numbers = _counted(home)
    holds(numbers == list(range(_WRITERS * _EACH)), f"acknowledged were {numbers}")


def acknowledged_blobs_survive_a_kill(home: Home) -> None:
    """After kill -9 a blob is what was acknowledged last, or what was being put, and whole."""

    def judge(store: Any, name: str, last: int) -> None:
        stored = store.get(name)
        holds(stored in (content(last), content(last + 1)), f"after blob {last} there is {(stored or b'')[:20]!r}...")

    _killed(home, _KILLS, judge)


# -- search


def commits_of_processes_are_not_lost(home: Home) -> None:
    """Several processes add documents: all are found."""
    names = [f"w{n}" for n in range(_WRITERS)]
    with _running(home, "write", names, _EACH) as running:
        _acknowledged(running)
    with home.opened() as index:
        found = index.search(Text("together", exact=True), limit=0).total
    holds(found == _WRITERS * _EACH * 3, f"{found} documents are found, not {_WRITERS * _EACH * 3}")


def acknowledged_commits_survive_a_kill(home: Home) -> None:
    """After kill -9 all documents of an acknowledged commit are found, and of no commit only some."""

    def judge(index: Any, name: str, last: int) -> None:
        found = index.search(Text(f"together {name}", op="all", exact=True), limit=0).total
        holds(found % 3 == 0, f"a commit is torn: {found} documents")
        holds(found // 3 in (last + 1, last + 2), f"{last + 1} commits were acknowledged, {found // 3} are there")

    _killed(home, _KILLS, judge)


#: By kind: the checks of stores that processes share.
PROCESSES = {
    "events": (events_of_processes_are_not_lost, readers_beside_processes_never_look_back),
    "records": (records_of_processes_are_not_lost,),
    "blobs": (blobs_of_processes_are_not_lost,),
    "search": (commits_of_processes_are_not_lost,),
}
#: By kind: the checks of stores that keep what they acknowledged.
DURABLE = {
    "events": (acknowledged_events_survive_a_kill,),
    "records": (acknowledged_records_survive_a_kill,),
    "blobs": (acknowledged_blobs_survive_a_kill,),
    "search": (acknowledged_commits_survive_a_kill,),
}
