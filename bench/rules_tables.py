"""Decision tables of four inputs and hit policy FIRST, beside the same rows as a chain of ifs and two engines.

One condition in ten does not care. pyDMNrules is given the table as the DMN model that crmkit writes.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness import Comparison, Contender, Run

from crmkit.rules import DecisionTable, Field, Schema

SIZES, QUICK_SIZES = (12, 60, 300), (12,)
RECORDS, QUICK_RECORDS, FEW = 2_000, 50, 20
SEGMENTS = [f"s{number}" for number in range(8)]
CUSTOMER = Schema([
    Field("amount", "float", low=0, high=1e6), Field("discount", "float", low=0, high=1),
    Field("contacts", "integer", low=0, high=100), Field("segment", values=SEGMENTS),
])  # fmt: skip

#: A cell as FEEL, which is also how zen-engine writes it, and as Python.
Cell = tuple[str, str]


def comparisons(*, quick: bool) -> list[Comparison]:
    """Deciding with tables of some sizes, and reading the largest."""
    size, sizes = (QUICK_RECORDS, QUICK_SIZES) if quick else (RECORDS, SIZES)
    deciding = [
        Comparison(
            f"a table of 4 inputs, {rows} rows, hit policy F", size, "decisions", _nothing,
            [Contender("crmkit", partial(_crmkit, rows=rows, size=size), _gathered),
             Contender("python", partial(_chain, rows=rows, size=size), _gathered, form="a chain of ifs"),
             Contender("zen-engine", partial(_zen, rows=rows, size=size), _gathered),
             Contender("pyDMNrules", partial(_pydmnrules, rows=rows), _gathered, items=FEW)], _alike,
        )
        for rows in sizes
    ]  # fmt: skip
    rows = sizes[-1]
    reading = Comparison(
        f"reading and compiling a table of 4 inputs, {rows} rows", rows, "rows", _nothing,
        [Contender("crmkit", partial(_reads, made=_crmkit, rows=rows), _gathered, form="with the first decision"),
         Contender("zen-engine", partial(_reads, made=_zen, rows=rows), _gathered, form="with the first decision")],
        _alike,
    )  # fmt: skip
    return [*deciding, reading]


def cells(rng: random.Random) -> list[Cell]:
    """The conditions of a row."""
    low, high = sorted(rng.sample(range(0, 1_000_001, 1000), 2))
    least, most = sorted(rng.sample(range(1, 20), 2))
    number, some = rng.randint(1, 99), rng.sample(SEGMENTS, rng.randint(1, 3))
    listed = ", ".join(f'"{one}"' for one in some)
    made = [
        (f"[{low}..{high})", f"{low} <= amount < {high}"),
        (f"({least / 20}..{most / 20}]", f"{least / 20} < discount <= {most / 20}"),
        rng.choice([(f">= {number}", f"contacts >= {number}"), (f"< {number}", f"contacts < {number}")]),
        (listed, f"segment in ({listed},)"),
    ]
    return [("-", "True") if rng.random() < 0.1 else cell for cell in made]


def _rows(size: int) -> list[list[Cell]]:
    rng = random.Random(2)  # noqa: S311 - made-up rows
    return [*(cells(rng) for _ in range(size - 1)), [("-", "True")] * 4]


def records(size: int) -> list[dict[str, Any]]:
    """Customers."""
    rng = random.Random(3)  # noqa: S311 - made-up customers
    return [
        {"amount": rng.uniform(0, 1e6), "discount": rng.random(), "contacts": rng.randint(0, 100),
         "segment": rng.choice(SEGMENTS)}
        for _ in range(size)
    ]  # fmt: skip


def table(rows: int) -> DecisionTable:
    """The table, whose result is the number of the row as a text."""
    listed = [[*(cell[0] for cell in row), f'"r{number}"'] for number, row in enumerate(_rows(rows))]
    return DecisionTable("bench", CUSTOMER, CUSTOMER.names, [Field("row")], listed, policy="F")


def _nothing(folder: Path) -> None:
    """The inputs are made."""


def _gathered(result: Any) -> Any:
    return result()


def _alike(ours: Sequence[str], theirs: Sequence[str]) -> None:
    assert [*theirs] == [*ours[: len(theirs)]]


def _each(function: Callable[[Any], str], given: Sequence[Any]) -> Run:
    def run() -> Any:
        for record in given:
            function(record)
        return lambda: [function(record) for record in given]

    return run


def _crmkit(_folder: Path, *, rows: int, size: int) -> Run:
    return _each(table(rows).function(), records(size))


def _chain(_folder: Path, *, rows: int, size: int) -> Run:
    lines = ["def decide(record):"]
    lines += [f"    {name} = record[{name!r}]" for name in CUSTOMER.names]
    for number, row in enumerate(_rows(rows)):
        lines += [f"    if {' and '.join(cell[1] for cell in row if cell[1] != 'True') or True}: return 'r{number}'"]
    made: dict[str, Any] = {}
    exec("\n".join(lines), made)  # noqa: S102 - the peer is what somebody would write by hand, 300 rows long
    return _each(made["decide"], records(size))


def _zen(_folder: Path, *, rows: int, size: int) -> Run:
    import zen

    decision = zen.ZenEngine().create_decision(json.dumps(_zen_model(rows)))

    def decide(record: Mapping[str, Any]) -> str:
        return decision.evaluate(record)["result"]["row"]

    return _each(decide, records(size))


def _zen_model(rows: int) -> dict[str, Any]:
    at = {"position": {"x": 0, "y": 0}}
    rules = [
        {"_id": f"{number}", "row": f'"r{number}"',
         **{name: "" if cell[0] == "-" else cell[0] for name, cell in zip(CUSTOMER.names, row, strict=True)}}
        for number, row in enumerate(_rows(rows))
    ]  # fmt: skip
    inputs = [{"id": name, "name": name, "field": name} for name in CUSTOMER.names]
    content = {"hitPolicy": "first", "inputs": inputs, "outputs": [{"id": "row", "name": "row", "field": "row"}],
               "rules": rules}  # fmt: skip
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in", **at},
        {"id": "table", "type": "decisionTableNode", "name": "table", "content": content, **at},
        {"id": "out", "type": "outputNode", "name": "out", **at},
    ]
    ways = [("in", "table"), ("table", "out")]
    edges = [{"id": source, "sourceId": source, "targetId": target, "type": "edge"} for source, target in ways]
    return {"nodes": nodes, "edges": edges}


def _pydmnrules(_folder: Path, *, rows: int) -> Run:
    import pyDMNrules

    from crmkit.rules.dmn import write_dmn
    from crmkit.rules.graph import Decision, Graph, InputData

    given = {name: InputData(name) for name in CUSTOMER.names}
    model = pyDMNrules.DMN()
    status = model.useXML(write_dmn(Graph("bench", {**given, "row": Decision("row", table(rows).node, (*given,))})))
    assert "errors" not in status, status

    def decide(record: Mapping[str, Any]) -> str:
        status, found = model.decide(record)
        assert "errors" not in status, status
        found = found[-1] if isinstance(found, list) else found
        return found["Result"]["row"]

    return _each(decide, records(FEW))


def _reads(folder: Path, *, made: Callable[..., Run], rows: int) -> Run:
    def run() -> Any:
        return made(folder, rows=rows, size=1)()

    return run
