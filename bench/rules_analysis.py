"""What a table of 300 rows and 5 inputs leaves open, never reaches, and decides differently from its last version.

The rows are random boxes. Beside it stands what is written first: boxes that are cut into what another box leaves of
them, one row after another. It answers exactly too, and reports fragments where crmkit reports largest boxes.
"""

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness import Comparison, Contender, Run

from crmkit.rules import DecisionTable, Field, Schema
from crmkit.rules.analysis import analyse, diff
from crmkit.rules.analysis._gaps import gaps
from crmkit.rules.analysis._layout import layout
from crmkit.rules.analysis._overlaps import shadowed

ROWS, QUICK_ROWS, INPUTS = 300, 12, 5
ORDER = Schema([Field(f"x{number}", "integer", low=0, high=99) for number in range(INPUTS)])

Box = tuple[int, ...]


def table(rows: int, free: float, *, changed: int = 0) -> DecisionTable:
    """Rows of random ranges, some inputs of which do not care; the results of the last ones changed."""
    rng = random.Random(4)  # noqa: S311 - made-up rows
    made: list[list[str]] = []
    for number in range(rows):
        ends = [sorted(rng.sample(range(100), 2)) for _ in range(INPUTS)]
        row = ["-" if rng.random() < free else f"[{low}..{high}]" for low, high in ends]
        made.append([*row, f'"{number % 7 + (number >= rows - changed)}"'])
    return DecisionTable("bench", ORDER, ORDER.names, [Field("y")], made, policy="F")


def comparisons(*, quick: bool) -> list[Comparison]:
    """Gaps, rows that never decide, and the difference of two versions."""
    rows = QUICK_ROWS if quick else ROWS
    what = f"a table of {INPUTS} inputs"
    return [
        *(
            Comparison(
                f"gaps of {what}, {free:.0%} do not care", rows, "rows", _nothing,
                [Contender("crmkit", partial(_gaps, rows=rows, free=free)),
                 Contender("python", partial(_cut, rows=rows, free=free), form="boxes cut by boxes")], _equal,
            )
            for free in (0.3, 0.2)
        ),
        Comparison(
            f"rows that never decide in {what}, 30% do not care", rows, "rows", _nothing,
            [Contender("crmkit", partial(_shadowed, rows=rows)),
             Contender("python", partial(_cut_rows, rows=rows), form="boxes cut by boxes")], _equal,
        ),
        Comparison(
            f"where two versions of {what} differ, 20 results changed", rows, "rows", _nothing,
            [Contender("crmkit", partial(_diff, rows=rows))], _equal,
        ),
        Comparison(
            f"everything about {what}, 30% do not care", rows, "rows", _nothing,
            [Contender("crmkit", partial(_everything, rows=rows))], _equal,
        ),
    ]  # fmt: skip


def _nothing(folder: Path) -> None:
    """The inputs are made."""


def _equal(ours: Any, theirs: Any) -> None:
    assert ours == theirs


def _gaps(_folder: Path, *, rows: int, free: float) -> Run:
    laid = layout(table(rows, free))

    def run() -> Any:
        found = gaps(laid.grid, laid.boxes)
        assert found.proved
        return found.volume

    return run


def _cut(_folder: Path, *, rows: int, free: float) -> Run:
    laid = layout(table(rows, free))
    return lambda: sum(laid.grid.volume(box) for box in _left([laid.grid.full], laid.boxes))


def _shadowed(_folder: Path, *, rows: int) -> Run:
    laid = layout(table(rows, 0.3))

    def run() -> Any:
        found = shadowed(laid.grid, laid.boxes)
        assert all(one.proved for one in found)
        return [one.rule for one in found]

    return run


def _cut_rows(_folder: Path, *, rows: int) -> Run:
    boxes = layout(table(rows, 0.3)).boxes
    return lambda: [number for number, box in enumerate(boxes) if not _left([box], boxes[:number])]


def _diff(_folder: Path, *, rows: int) -> Run:
    before, after = table(rows, 0.3), table(rows, 0.3, changed=20)
    return lambda: len(diff(before, after).changes)


def _everything(_folder: Path, *, rows: int) -> Run:
    whole = table(rows, 0.3)
    return lambda: len(analyse(whole))


def _left(boxes: Sequence[Box], cuts: Sequence[Box]) -> list[Box]:
    """What is left of boxes without others."""
    left = [*boxes]
    for cut in cuts:
        left = [piece for box in left for piece in _without(box, cut)]
    return left


def _without(box: Box, cut: Box) -> list[Box]:
    if not all(side & other for side, other in zip(box, cut, strict=True)):
        return [box]
    pieces: list[Box] = []
    rest = [*box]
    for column, other in enumerate(cut):
        if outside := rest[column] & ~other:
            pieces.append((*rest[:column], outside, *rest[column + 1 :]))
        rest[column] &= other
    return pieces
