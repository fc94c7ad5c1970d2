"""Kill clients of database servers, and the servers: `python bench/crash_servers.py [--kills 100] [--servers 20]`.

A PostgreSQL and a MariaDB server are started in temporary folders, with the settings they come with. A child appends
batches of three events, as in bench/crash.py, and is killed (SIGKILL) at a random moment; then the server is, with all
that serves for it, while a child appends, and is started again. Nothing may be lost, doubled or torn; the whole store
is verified after each kill of a server and at the end. Killed is not unplugged: what a system has taken to write it
still writes. A server that is not installed is left out.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from crash import MOST, Found, appends, child, looked_at, triple
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from crmkit.adapters.sql import SqlStore
from crmkit.errors import OutcomeUnknown, Unavailable

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import _servers

SERVERS = {
    "postgresql": (_servers.postgresql, _servers.kill_postgresql),
    "mariadb": (_servers.mariadb, _servers.kill_mariadb),
}


@contextmanager
def opened(url: str) -> Iterator[SqlStore]:
    """The store, on connections of its own."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        yield SqlStore(engine)
    finally:
        engine.dispose()


def server_kills(url: str, kill: Callable[[str], None], kills: int, rng: random.Random) -> Found:
    """Kill the server while a child appends."""
    found = Found()
    for number in range(kills):
        case = f"S-{number}"
        said = _until_it_ends(partial(_append, url, case), partial(kill, url), rng)
        with opened(url) as store:
            looked_at(found, store, case, said)
            found.flaws += len(list(store.events.verify()))
    return found


def _append(url: str, case: str, say: Callable[[int], None]) -> None:
    """Append until the server is gone: that must be an error of ours."""
    with opened(url) as store:
        say(0)
        try:
            for number in range(1_000_000):
                store.events.append(triple(case, number))
                say(number)
        except (OutcomeUnknown, Unavailable):
            os._exit(0)


def _until_it_ends(
    work: Callable[[Callable[[int], None]], None], kill: Callable[[], None], rng: random.Random
) -> list[int]:
    """Let a child work for a random while, kill the server, and return what the child had acknowledged."""
    with child(work) as (pid, reading):
        said = os.read(reading, 4)
        # Once at least: a child that has not begun would meet none but the new server.
        for _ in range(rng.randrange(1, 3 * MOST)):
            said += os.read(reading, 4)
        time.sleep(rng.uniform(0, 0.02))
        kill()
        # One that slept through the absence of the server would go on with the new one.
        os.kill(pid, signal.SIGKILL)
        while more := os.read(reading, 1 << 16):
            said += more
        _, status = os.waitpid(pid, 0)
        ended = os.waitstatus_to_exitcode(status)
        assert ended in (0, -signal.SIGKILL), "the child failed in another way than by the server's absence"
    return [int.from_bytes(said[at : at + 4]) for at in range(0, len(said) - 3, 4)][1:]


def crashed(name: str, kills: int, servers: int, rng: random.Random) -> dict[str, Any] | None:
    """What became of all kills of one kind of server; None if it is not installed."""
    start, kill = SERVERS[name]
    try:
        with start() as url:
            with opened(url) as store:
                store.create()
            clients = appends(partial(opened, url), kills, max(1, kills // 5), rng)
            return {"clients": clients, "servers": server_kills(url, kill, servers, rng)}
    except pytest.skip.Exception as absent:
        sys.stderr.write(f"{name}: {absent}\n")
        return None


def main() -> int:
    """Kill, and print what was found."""
    parser = argparse.ArgumentParser(description="Kill clients and servers, and look at what is left.")
    parser.add_argument("--kills", type=int, default=100, help="how many clients of each server")
    parser.add_argument("--servers", type=int, default=20, help="how often each server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("only", nargs="*", choices=[*SERVERS, []], help="which servers; all if none is named")
    asked = parser.parse_args()
    rng = random.Random(asked.seed)  # noqa: S311 - the same points in each run
    ok = True
    for name in asked.only or SERVERS:
        found = crashed(name, asked.kills, asked.servers, rng)
        if found is not None:
            print(json.dumps({name: {part: attrs.asdict(one) for part, one in found.items()}}), flush=True)
            ok = ok and all(one.ok for one in found.values())
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
