"""Kill a writer at random points, again and again: `python bench/crash.py [--kills 1000] [--index 200] [--folder DIR]`.

A child appends batches of three events, each acknowledged through a pipe once the store has returned, and is killed by
SIGKILL at a random moment. Every `--deep` kills the whole file is verified, as it is at the end. The same is done to
commits of a search index. Nothing may be lost, doubled or torn; the last line says what was found.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from crmkit.adapters.sqlite import SqliteStore
from crmkit.events import Edited
from crmkit.kb import Document, SegmentIndex, Text
from crmkit.protocols import Query

NOW = datetime(2026, 1, 5, tzinfo=UTC)
# A child is killed somewhere in the call after so many that it acknowledged.
MOST = 5


@attrs.define
class Found:
    """What became of all kills."""

    kills: int = 0
    acknowledged: int = 0
    stored: int = 0
    unacknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    torn: int = 0
    flaws: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, doubled or torn."""
        return not (self.lost or self.doubled or self.torn or self.flaws)


@contextmanager
def child(work: Callable[[Callable[[int], None]], None]) -> Iterator[tuple[int, int]]:
    """A process that works until it is killed; its id, and the pipe with what it acknowledged."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(reading)
            work(lambda number: os.write(writing, number.to_bytes(4)) and None)
        finally:
            os._exit(1)
    os.close(writing)
    yield pid, reading
    os.close(reading)


def killed(work: Callable[[Callable[[int], None]], None], rng: random.Random) -> list[int]:
    """Let a child work for a random while, kill it, and return what it had acknowledged."""
    with child(work) as (pid, reading):
        # The first number says that it has begun.
        said = os.read(reading, 4)
        began, wanted = time.perf_counter(), rng.randrange(MOST)
        for _ in range(wanted):
            said += os.read(reading, 4)
        # As long as a call takes, or, before the first is done, as long as one might.
        usual = (time.perf_counter() - began) / wanted if wanted else 0.005
        until = time.perf_counter() + rng.uniform(0, 1.2 * usual)
        while time.perf_counter() < until:
            pass
        os.kill(pid, signal.SIGKILL)
        while more := os.read(reading, 1 << 16):
            said += more
        _, status = os.waitpid(pid, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, "the child failed by itself"
    return [int.from_bytes(said[at : at + 4]) for at in range(0, len(said) - 3, 4)][1:]


def triple(case: str, number: int) -> list[Edited]:
    return [
        Edited(id=f"{case}/{number}/{part}", case=case, at=NOW, recorded=NOW, key=f"{case}-{number}-{part}",
               data={"n": number, "text": "x" * (number % 50)})
        for part in range(3)
    ]  # fmt: skip


def appends(opened: Callable[[], AbstractContextManager[Any]], kills: int, deep: int, rng: random.Random) -> Found:
    """Kill writers of events; each opens the store for itself."""
    found = Found()
    for kill in range(kills):
        case = f"D-{kill}"

        def work(say: Callable[[int], None], case: str = case) -> None:
            with opened() as store:
                say(0)
                for number in range(1_000_000):
                    store.events.append(triple(case, number))
                    say(number)

        said = killed(work, rng)
        with opened() as store:
            looked_at(found, store, case, said)
            if kill % deep == deep - 1 or kill == kills - 1:
                # The whole file, where there is one.
                found.flaws += len(list(store.verify() if hasattr(store, "verify") else store.events.verify()))
    return found


def looked_at(found: Found, store: Any, case: str, said: list[int]) -> None:
    """Judge the events of a writer, and settle what is in doubt by sending it again."""
    events = [recorded.event for recorded in store.events.read(Query(cases=[case]))]
    expected = [event.id for number in range(len(events) // 3 + 1) for event in triple(case, number)]
    judged(found, said, [event.id for event in events], expected)
    for number in said:
        store.events.append(triple(case, number))
    found.doubled += len(list(store.events.read(Query(cases=[case])))) - len(events)


def judged(found: Found, said: list[int], ids: list[str], expected: list[str]) -> None:
    """Compare what is stored of one child with what it acknowledged."""
    found.kills += 1
    whole = len(ids) // 3
    found.acknowledged += len(said)
    found.stored += whole
    found.lost += max(0, len(said) - whole)
    found.unacknowledged += max(0, whole - len(said))
    found.doubled += len(ids) - len(set(ids))
    found.torn += bool(len(ids) % 3) or ids != expected[: len(ids)]
    found.torn += whole > len(said) + 1


def commits(folder: Path, kills: int, rng: random.Random) -> Found:
    """Kill writers of a search index in the same kind of file."""
    path, found = folder / "index.db", Found()
    SqliteStore(path).close()
    for kill in range(kills):
        word = f"word{kill}"

        def work(say: Callable[[int], None], word: str = word) -> None:
            with SqliteStore(path) as store:
                index = SegmentIndex(store.blobs)
                say(0)
                for number in range(1_000_000):
                    index.apply(
                        [Document(f"{word}-{number}-{part}", {"text": f"together {word}"}) for part in range(3)]
                    )
                    say(number)

        said = killed(work, rng)
        with SqliteStore(path) as store:
            index = SegmentIndex(store.blobs)
            ids = sorted((hit.id for hit in index.search(Text(word, exact=True), limit=10_000).hits), key=by_number)
            judged(found, said, ids, [f"{word}-{n}-{part}" for n in range(len(ids) // 3 + 1) for part in range(3)])
            found.flaws += len(list(store.verify())) if kill == kills - 1 else 0
            found.flaws += len(index.verify())
    return found


def by_number(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split("-")[1:]))


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill writers of a SQLite store, and look at what is left.")
    parser.add_argument("--kills", type=int, default=1000, help="how many writers of events")
    parser.add_argument("--index", type=int, default=200, help="how many writers of a search index")
    parser.add_argument("--deep", type=int, default=50, help="after how many kills the whole file is verified")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="on the disk to be tried; a temporary one if none is given")
    asked = parser.parse_args()
    rng = random.Random(asked.seed)  # noqa: S311 - the same points in each run
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        found = {
            "appends": appends(partial(SqliteStore, Path(folder) / "events.db"), asked.kills, asked.deep, rng),
            "commits": commits(Path(folder), asked.index, rng),
        }
    print(json.dumps({name: attrs.asdict(one) for name, one in found.items()}))
    return 0 if all(one.ok for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
