"""Histories of transactions, and whether they could have happened one after the other.

Each transaction reads lists and appends a value of its own to some of them, so that the order of all writes can be read
off the lists in the end (the idea of Elle: Kingsbury & Alvaro, PVLDB 14(3), 2020). What depends on what is a graph:

    ww  B appended right after A          wr  B saw what A appended last
    rw  A did not see what B appended     rt  A was done before B began

A cycle says that no order of the transactions explains what they saw. Run as a program it is one of the writers.
"""

import itertools
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

import attrs
import networkx as nx


@attrs.frozen
class Transaction:
    """What one transaction saw and did.

    Attributes:
        name: unique.
        began: when, in nanoseconds of a clock that all processes share.
        ended: when its outcome was known.
        saw: by key, how many values it saw, and the last of them.
        wrote: by key, the value it appended.
        stored: whether it was stored.
    """

    name: str
    began: int
    ended: int
    saw: dict
    wrote: dict
    stored: bool


def anomalies(history, lists):
    """Everything in a history that no order of its transactions explains; nothing if all is well.

    Args:
        history: the transactions.
        lists: by key, the values in the end, in order.
    """
    found = [*_of_values(history, lists), *_of_reads(history, lists)]
    if found:
        return found
    graph = _dependencies(history, lists)
    parts = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
    return [_named(graph, nx.find_cycle(graph.subgraph(part))) for part in parts]


def _of_values(history, lists):
    """Values that are lost, doubled, or come from transactions that were refused."""
    for key, values in lists.items():
        counts = Counter(values)
        yield from (f"doubled: {value} stands {count} times in {key}" for value, count in counts.items() if count > 1)
    there = {key: set(values) for key, values in lists.items()}
    known = {(key, value) for one in history for key, value in one.wrote.items()}
    for one in history:
        for key, value in one.wrote.items():
            if one.stored and value not in there.get(key, ()):
                yield f"lost: {value} of {one.name} is not in {key}"
            if not one.stored and value in there.get(key, ()):
                yield f"refused and stored: {value} of {one.name} is in {key}"
    yield from (
        f"from nowhere: {value} in {key}" for key, some in there.items() for value in some if (key, value) not in known
    )


def _of_reads(history, lists):
    """Reads that are not the beginning of the list."""
    for one in history:
        for key, (count, last) in one.saw.items():
            values = lists.get(key, [])
            if count > len(values) or (count and values[count - 1] != last):
                yield f"not a beginning: {one.name} saw {count} values of {key}, the last {last}"


def _dependencies(history, lists):
    writer = {(key, value): one.name for one in history if one.stored for key, value in one.wrote.items()}
    graph = nx.DiGraph()

    def edge(one, other, kind):
        if one != other and not graph.has_edge(one, other):
            graph.add_edge(one, other, kind=kind)

    for key, values in lists.items():
        for one, other in itertools.pairwise(values):
            edge(writer[key, one], writer[key, other], "ww")
    for one in history:
        for key, (count, last) in one.saw.items():
            if count:
                edge(writer[key, last], one.name, "wr")
            if count < len(lists.get(key, [])):
                edge(one.name, writer[key, lists[key][count]], "rw")
    _real_time(graph, history)
    return graph


def _real_time(graph, history):
    """Whoever was done before another began comes first: a chain of the moments at which somebody was done."""
    moments = sorted([(one.ended, 1, one.name) for one in history] + [(one.began, 0, one.name) for one in history])
    last = None
    for number, (_, is_end, name) in enumerate(moments):
        if is_end:
            graph.add_edge(name, number, kind="rt")
            if last is not None:
                graph.add_edge(last, number, kind="rt")
            last = number
        elif last is not None:
            graph.add_edge(last, name, kind="rt")


def _named(graph, cycle):
    kinds = Counter(graph.edges[edge]["kind"] for edge in cycle)
    if kinds["rt"]:
        name = "not in the order of time"
    elif not kinds["rw"]:
        name = "a cycle of writes"
    else:
        name = "lost update" if kinds["rw"] == 1 else "write skew"
    path = " ".join(f"{one} -{graph.edges[one, other]['kind']}->" for one, other in cycle)
    return f"{name}: {path} {cycle[0][0]}"


class Writer:
    """Somebody who reads two of some lists and appends to one or both of them, again and again.

    Args:
        events: the store.
        name: who it is.
        keys: the lists, which are cases of the store.
    """

    def __init__(self, events, name, keys):
        self.events, self.name, self.keys = events, name, keys
        self.rng = random.Random(name)
        self.lists = dict.fromkeys(keys, (0, None))
        self.position = self.number = 0

    def read(self):
        """Catch up with what all have stored."""
        for recorded in self.events.read(after=self.position):
            assert recorded.position > self.position, "a position went back"
            self.position = recorded.position
            count, _ = self.lists[recorded.event.case]
            self.lists[recorded.event.case] = (count + 1, recorded.event.data["value"])

    def step(self, between=lambda: None):
        """One transaction; `between` is called after it has read and before it writes."""
        from datetime import UTC, datetime

        from crmkit.errors import Conflict
        from crmkit.events import Edited
        from crmkit.protocols import Query

        now = datetime(2026, 1, 5, tzinfo=UTC)
        began = time.monotonic_ns()
        self.read()
        self.number += 1
        seen = self.rng.sample(self.keys, 2)
        saw = {key: self.lists[key] for key in seen}
        between()
        value = f"{self.name}.{self.number}"
        written = seen[: self.rng.choice((1, 1, 2))]
        new = [Edited(id=f"{value}/{key}", case=key, at=now, recorded=now, data={"value": value}) for key in written]
        try:
            self.events.append(new, unless=Query(cases=seen), after=self.position)
            stored = True
        except Conflict:
            stored = False
        wrote = dict.fromkeys(written, value)
        return Transaction(value, began, time.monotonic_ns(), saw, wrote, stored)


def main(path, name, count, keys):
    """Write until so many transactions are stored, and leave the history beside the file."""
    from crmkit.adapters.sqlite import SqliteStore

    history = []
    with SqliteStore(path, durability="normal") as store:
        writer = Writer(store.events, name, keys)
        print("ready", flush=True)  # noqa: T201 - the test waits for it
        sys.stdin.readline()
        while count:
            history.append(writer.step())
            count -= history[-1].stored
    Path(f"{path}.{name}.json").write_text(json.dumps([attrs.asdict(one) for one in history]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].split(","))
