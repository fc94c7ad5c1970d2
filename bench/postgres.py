"""Facts into PostgreSQL beside psycopg by hand: `python bench/postgres.py URL`, such as postgresql://crm@/postgres.

By hand an event is a dict that becomes JSON, in a table with position, id, case, type and body, indexed by id and by
case; positions come from a counter row that is held until the commit, as those of crmkit do, so both are gap-free and
in the order of commits; a thousand events go by COPY. Left out are tenants, keys, checksums, keys of bytes for texts of
any length, exact values, and what crmkit makes of an event that is there already. What counts is the CPU time of this
process and of the server's process for its connection, and beside it the time on the clock. All take turns; of each the
median of the rounds is taken. On Linux only: the time of the server is read from /proc. The server must be here.

What is left out by hand is not free of charge: a second time psycopg fills a table with the columns and indexes of
crmkit, digests and checksums made by hand, and its JSON by the library's C code.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool
from store import _moved, _plain

from crmkit.adapters.sql import SqlStore
from crmkit.adapters.sql_schema import tables

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_TABLES = """
DROP TABLE IF EXISTS by_hand, by_hand_last;
CREATE TABLE by_hand_last (position bigint NOT NULL);
INSERT INTO by_hand_last VALUES (0);
CREATE TABLE by_hand (position bigint PRIMARY KEY, id text NOT NULL UNIQUE, cas text NOT NULL, type text NOT NULL,
    body text NOT NULL);
CREATE INDEX by_hand_by_case ON by_hand (cas, position)
"""
# One more than the rounds: the first warms up.
Append = Callable[[list[Any]], Any]


def by_hand(url: str) -> tuple[int, Append]:
    """The server's process, and what appends."""
    raw = psycopg.connect(url, autocommit=True)
    raw.execute(_TABLES)

    def append(some: list[dict[str, Any]]) -> None:
        with raw.transaction(), raw.cursor() as cursor:
            cursor.execute("UPDATE by_hand_last SET position = position + %s RETURNING position", (len(some),))
            first = cursor.fetchone()[0] - len(some) + 1
            rows = [(first + n, one["id"], one["case"], one["type"], json.dumps(one)) for n, one in enumerate(some)]
            if len(rows) == 1:
                cursor.execute("INSERT INTO by_hand VALUES (%s, %s, %s, %s, %s)", rows[0])
                return
            with cursor.copy("COPY by_hand FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

    return raw.info.backend_pid, append


def same_table(url: str) -> tuple[int, Append]:
    """The server's process, and what appends to a table such as crmkit's: the same guarantees."""
    raw = psycopg.connect(url, autocommit=True)
    made = tables(prefix="bench_same_")
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    made.metadata.drop_all(engine)
    made.metadata.create_all(engine)
    engine.dispose()
    tenant = _digest("default")
    raw.execute("INSERT INTO bench_same_tenants VALUES (%s, 'default', 0)", (tenant,))
    columns = "tenant, position, id_digest, key_digest, case_digest, type_digest, case_id, type, body, checksum"
    types = ["bytea", "int8", "bytea", "bytea", "bytea", "bytea", "text", "text", "text", "text"]
    insert = f"INSERT INTO bench_same_events ({columns}) VALUES ({', '.join(['%s'] * len(types))})"  # noqa: S608 - our own

    def append(some: list[dict[str, Any]]) -> None:
        with raw.transaction(), raw.cursor() as cursor:
            taken = "UPDATE bench_same_tenants SET position = position + %s WHERE tenant = %s RETURNING position"
            cursor.execute(taken, (len(some), tenant))
            first = cursor.fetchone()[0] - len(some) + 1
            rows = [_row(tenant, first + n, one) for n, one in enumerate(some)]
            if len(rows) == 1:
                cursor.execute(insert, rows[0])
                return
            with cursor.copy(f"COPY bench_same_events ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)

    return raw.info.backend_pid, append


def _row(tenant: bytes, position: int, one: dict[str, Any]) -> tuple[Any, ...]:
    body, key, case, kind = json.dumps(one), one.get("key"), one["case"], one["type"]
    check = sha256(body.encode()).hexdigest()[:16]
    digests = _digest(one["id"]), None if key is None else _digest(key), _digest(case), _digest(kind)
    return tenant, position, *digests, case, kind, body, check


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()[:16]


def ours(url: str) -> tuple[int, Append]:
    """The server's process, and what appends."""
    # One connection, kept, so that it is one process of the server that works for us.
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=StaticPool)
    store = SqlStore(engine, prefix="bench_")
    store.tables.metadata.drop_all(engine)
    store.create()
    with engine.connect() as connection:
        found: int = connection.scalar(text("SELECT pg_backend_pid()"))
    return found, store.events.append


def cpu_of(pid: int) -> float:
    """CPU seconds of another process, to a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def measured(pid: int, append: Append, events: Sequence[list[Any]]) -> tuple[float, float]:
    """CPU seconds of both processes, and seconds on the clock."""
    began, own, theirs = time.perf_counter(), time.process_time(), cpu_of(pid)
    for some in events:
        append(some)
    return time.process_time() - own + cpu_of(pid) - theirs, time.perf_counter() - began


def compared(url: str, commits: int, batch: int, rounds: int) -> dict[str, Any]:
    """The work of both, in turns."""
    numbers = count()
    sides = {
        "crmkit": (*ours(url), _moved),
        "psycopg": (*by_hand(url), _plain),
        "psycopg, crmkit's table": (*same_table(url), _plain),
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name in sorted(sides, reverse=turn % 2 == 1):
            pid, append, made = sides[name]
            events = [[made(next(numbers), f"D-{n // 4}") for n in range(batch)] for _ in range(commits)]
            taken = measured(pid, append, events)
            if turn:
                spent[name].append(taken)
    found = {name: [median(one[i] for one in taken) for i in range(2)] for name, taken in spent.items()}
    mine = found["crmkit"]
    ratios = {
        name: [theirs / own for own, theirs in zip(mine, taken, strict=True)]
        for name, taken in found.items()
        if taken is not mine
    }
    return {"events": commits * batch, "a commit": batch, "CPU s, clock s": found, "CPU ratio, clock ratio": ratios}


def main() -> int:
    """Compare one event a commit, and a thousand."""
    parser = argparse.ArgumentParser(description="Append to PostgreSQL, beside psycopg by hand.")
    parser.add_argument("url", help="a database of which two tables (by_hand) and ten (bench_) are made anew")
    parser.add_argument("--quick", action="store_true", help="a few events, to see that it runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commits", type=int, default=300, help="of one event; a thirtieth of it, of a thousand")
    asked = parser.parse_args()
    commits, rounds = (5, 1) if asked.quick else (asked.commits, asked.rounds)
    for many, batch in ((commits, 1), (max(1, commits // 30), 100 if asked.quick else 1000)):
        print(json.dumps(compared(asked.url, many, batch, rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
