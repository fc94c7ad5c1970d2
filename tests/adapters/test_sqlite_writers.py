"""Eight processes at one file: what they saw and did could have happened one after the other; and who waits how long."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from tests.adapters._histories import Transaction, Writer, anomalies

from crmkit.adapters.memory import MemoryEventStore
from crmkit.adapters.sqlite import SqliteStore

HERE = Path(__file__).parent
WRITERS, EACH = 8, 2000
KEYS = ["a", "b", "c", "d", "e"]


def lists_of(events):
    """By key, the values in the end."""
    found = {}
    for recorded in events.read():
        found.setdefault(recorded.event.case, []).append(recorded.event.data["value"])
    return found


def test_eight_writers_lose_nothing_and_skew_nothing(tmp_path, record_property):
    """2,000 transactions of each, two lists read by each: no cycle, no value lost, doubled or stored though refused."""
    path = tmp_path / "crm.db"
    SqliteStore(path).close()
    names = [f"w{n}" for n in range(WRITERS)]
    command = [sys.executable, str(HERE / "_histories.py"), str(path)]
    running = [
        subprocess.Popen(
            [*command, name, str(EACH), ",".join(KEYS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=900)
        assert process.returncode == 0
    texts = [Path(f"{path}.{name}.json").read_text(encoding="utf-8") for name in names]
    history = [Transaction(**one) for text in texts for one in json.loads(text)]
    with SqliteStore(path) as store:
        lists = lists_of(store.events)
        assert list(store.verify()) == []
    stored = [one for one in history if one.stored]
    assert len(stored) == WRITERS * EACH
    assert anomalies(history, lists) == []
    refused = len(history) - len(stored)
    assert refused > 100
    told = f"{len(stored)} transactions stored, {refused} refused; {fairness(stored)}"
    sys.stdout.write(told + "\n")
    record_property("writers", told)


def fairness(stored):
    """Jain's index of who stored how many before the first was done, and the longest time without storing anything."""
    by_writer = {}
    for one in stored:
        by_writer.setdefault(one.name.partition(".")[0], []).append(one.ended)
    first = min(ends[-1] for ends in by_writer.values())
    counts = [sum(end <= first for end in ends) for ends in by_writer.values()]
    index = sum(counts) ** 2 / (len(counts) * sum(count**2 for count in counts))
    longest = max(later - earlier for ends in by_writer.values() for earlier, later in itertools.pairwise(ends))
    return f"fairness {index:.2f}, longest wait {longest / 1e9:.2f} s"


class Blind(MemoryEventStore):
    """Ignores the condition."""

    def append(self, events, *, unless=None, after=0):
        return super().append(events)


class OwnCasesOnly(MemoryEventStore):
    """Looks only at the cases that are written."""

    def append(self, events, *, unless=None, after=0):
        events = list(events)
        own = attrs.evolve(unless, cases=unless.cases & {event.case for event in events})
        return super().append(events, unless=own, after=after)


def interleaved(store, steps=60):
    """Two writers, the second of which acts between the reading and the writing of the first."""
    one, two = Writer(store, "one", KEYS[:2]), Writer(store, "two", KEYS[:2])
    history = []
    for _ in range(steps):
        history.append(one.step(lambda: history.append(two.step())))
    return history


@pytest.mark.parametrize(("store", "named"), [(Blind, "lost update"), (OwnCasesOnly, "write skew")])
def test_the_checker_finds_what_a_broken_store_does(store, named):
    """Lost updates where the condition is ignored; write skew where it does not cover what was only read."""
    broken = store()
    found = anomalies(interleaved(broken), lists_of(broken))
    assert any(line.startswith(named) for line in found), found


def test_the_checker_accepts_what_a_sound_store_does():
    """The same steps on the memory store leave no cycle, though many are refused."""
    sound = MemoryEventStore()
    history = interleaved(sound)
    assert anomalies(history, lists_of(sound)) == []
    assert sum(not one.stored for one in history) > 10


def step(name, time, saw, wrote, *, stored=True):
    """A transaction that takes no time."""
    return Transaction(name, time, time, saw, wrote, stored)


@pytest.mark.parametrize(("history", "lists", "named"), [
    ([step("t", 1, {}, {"a": 1})], {"a": []}, "lost: 1 of t"),
    ([step("t", 1, {}, {"a": 1})], {"a": [1, 1]}, "doubled: 1"),
    ([step("t", 1, {}, {"a": 1}, stored=False)], {"a": [1]}, "refused and stored: 1"),
    ([], {"a": [1]}, "from nowhere: 1"),
    ([step("t", 1, {}, {"a": 1}), step("u", 2, {"a": (2, 1)}, {})], {"a": [1]}, "not a beginning: u"),
    ([step("t", 1, {}, {"a": 1}), step("u", 2, {}, {"a": 2})], {"a": [2, 1]}, "not in the order of time"),
    ([step("t", 1, {}, {"a": 1}), step("u", 2, {"a": (0, None)}, {})], {"a": [1]}, "not in the order of time"),
    ([Transaction("t", 1, 9, {}, {"a": 1, "b": 1}, True), Transaction("u", 1, 9, {}, {"a": 2, "b": 2}, True)],
     {"a": [1, 2], "b": [2, 1]}, "a cycle of writes"),
])  # fmt: skip
def test_the_checker_names_what_is_wrong(history, lists, named):
    """Values lost, doubled, refused and yet stored, from nowhere; reads out of order; writes and reads against time."""
    assert [line for line in anomalies(history, lists) if line.startswith(named)]
