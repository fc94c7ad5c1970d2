"""Questions answered with boxes: exact where conditions compare one thing with literals.

The domain has a column for each field, and for each formula, that a condition compares with literals. A condition that
does more than that gets a column of its own, in which it is true, false or null whatever the fields are: what is
impossible then is impossible indeed, and what is possible has to be tried out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from crmkit.rules._columns import NOT_CONSTANT, Column, column, constant
from crmkit.rules._shapes import Shape
from crmkit.rules.analysis._boxes import Box, Budget, Meter, bits
from crmkit.rules.analysis._core import FLIPPED, Place, Reader, Truth, atoms, binds, place_of, replaced, truth
from crmkit.rules.analysis._questions import Answer, Demand, Solver
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._builtins import BUILTINS
from crmkit.rules.feel._evaluate import evaluate
from crmkit.rules.feel._printer import unparse
from crmkit.rules.schema import Schema

#: Boxes; None if there are too many of them for the steps that are left.
Region: TypeAlias = tuple[Box, ...] | None

#: A region in which two conditions say two things, and these.
Differing: TypeAlias = tuple[Region, bool | None, bool | None]

_ASKED = nodes.Name("?")
_OPAQUE = "?: "
_MOST_TRIED = 30
_FEW = 60


@attrs.frozen
class _Atom:
    """A part as a test of one column: `key` is its text, `of` what stands in it, and `test` speaks of `?`."""

    key: str
    of: nodes.Node
    test: nodes.Node
    shape: Shape
    place: Place | None = None


class BoxSolver(Solver):
    """Answers questions with boxes."""

    def __init__(self, schema: Schema, conditions: Sequence[nodes.Node], budget: Budget) -> None:
        super().__init__(schema, conditions)
        self._reader, self._budget = Reader(schema), budget
        cores = [*map(self._reader.condition, conditions)]
        self._atoms = {unparse(part): self._classified(part) for core in cores for part in atoms(core)}
        self._columns = self._cut()
        self._numbers = {key: number for number, key in enumerate(self._columns)}
        self._places = {one.key: one.place for one in self._atoms.values()}
        self._parts = {one.key: one.of for one in self._atoms.values()}
        self._full: Box = tuple((1 << len(one.cells)) - 1 for one in self._columns.values())
        self._known: dict[str, Truth[Region]] = {}
        self._meter = Meter(budget.steps)
        self._regions = [self._region(core) for core in cores]

    def _region(self, core: nodes.Node) -> Truth[Region]:
        """Where a condition is true, false and null."""
        self._meter = Meter(self._budget.steps)
        return truth(self, core)

    def _classified(self, part: nodes.Node) -> _Atom:
        for of, test in self._tests(part):
            one = _Atom(unparse(of), of, test, self._reader.shape(of), place_of(of))
            closed = all(name.name in {"?", *BUILTINS} for name in nodes.walk(test) if isinstance(name, nodes.Name))
            if closed and column(one.key, one.shape, [nodes.Tests((test,))]) is not None:
                return one
        shape = self._reader.shape(part)
        nullable = shape.nullable or shape.kind != "boolean"
        return _Atom(f"{_OPAQUE}{unparse(part)}", part, _ASKED, Shape("boolean", nullable=nullable))

    def _tests(self, part: nodes.Node) -> Iterator[tuple[nodes.Node, nodes.Node]]:
        """What a part may be a test of, and the test."""
        if binds(part):
            return
        for one in _variables(part):
            yield one, replaced(part, one, _ASKED)
        if isinstance(part, nodes.Compare):
            for one in (part, nodes.Compare(FLIPPED[part.op], part.right, part.left)):
                if constant(one.right) is not NOT_CONSTANT:
                    yield one.left, nodes.Compare(one.op, _ASKED, one.right)

    def _cut(self) -> dict[str, Column]:
        tests: dict[str, list[nodes.Tests]] = {}
        shapes: dict[str, Shape] = {}
        for one in self._atoms.values():
            tests.setdefault(one.key, []).append(nodes.Tests((one.test,)))
            shapes[one.key] = one.shape
        made = {key: column(key, shapes[key], listed) for key, listed in tests.items()}
        # Tests that can be laid out one by one can be laid out together.
        return {key: one for key, one in made.items() if one is not None}

    # -- the algebra of regions

    def nowhere(self) -> Region:
        """The empty region."""
        return ()

    def everywhere(self) -> Region:
        """The whole domain."""
        return (self._full,)

    def both(self, left: Region, right: Region) -> Region:
        """What lies in both."""
        if left == () or right == ():
            return ()
        if left is None or right is None or len(left) * len(right) > self._meter.left:
            return None
        self._meter.spend(len(left) * len(right))
        return _absorbed([met for a in left for b in right if (met := _met(a, b)) is not None])

    def either(self, left: Region, right: Region) -> Region:
        """What lies in one or the other."""
        return None if left is None or right is None else _absorbed([*left, *right])

    def atom(self, node: nodes.Node) -> Truth[Region]:
        """Where a part holds: one side of the domain."""
        text = unparse(node)
        if text not in self._known:
            one = self._atoms[text]
            sides = _sides(self._columns[one.key], one.test)
            self._known[text] = Truth(*(self._side(one.key, side) for side in sides))
        return self._known[text]

    def _side(self, key: str, side: int) -> Region:
        number = self._numbers[key]
        return ((*self._full[:number], side, *self._full[number + 1 :]),) if side else ()

    # -- places

    def differing(self, one: int, two: int) -> list[Differing]:
        """Where two conditions say different things, and what."""
        self._meter = Meter(self._budget.steps)
        said = [((found.true, True), (found.false, False), (found.null, None)) for found in self._regions]
        pairs = [(left, right) for left in said[one] for right in said[two] if left[1] is not right[1]]
        return [(self.both(left[0], right[0]), left[1], right[1]) for left, right in pairs]

    def place(self, values: Mapping[str, Any]) -> Box:
        """The cell of each column that a record lies in."""
        found = {key: evaluate(self._parts[key], values).value for key in self._columns}
        return tuple(self._columns[key].holding(value) for key, value in found.items())

    def said_of(self, box: Box) -> tuple[dict[str, str], bool]:
        """A box as a cell for each column that matters, and whether each column stands for a field of its own."""
        cells = {
            key: one.text(side)
            for (key, one), side, full in zip(self._columns.items(), box, self._full, strict=True)
            if side != full
        }
        return cells, all(self._places[key] is not None for key in cells)

    # -- questions

    def ask(self, demand: Demand) -> Answer:
        """Whether there is a record where conditions say what is asked for."""
        regions = [self._where(one, said) for one, said in demand.items()]
        known = [region for region in regions if region is not None]
        meter = Meter(self._budget.steps)
        tried = 0
        for box in _meeting(self._full, sorted(known, key=len), meter):
            # The first cell of each column, then the last, which is null where there may be one.
            for end in (0, -1):
                record = self.tried(self._values(box, end), demand)
                if record is not None:
                    return Answer(record)
            tried += 1
            if tried == _MOST_TRIED:
                break
        if meter.spent or (tried and len(known) < len(regions)):
            return Answer(open="steps")
        return Answer(open="opaque" if tried else "")

    def _where(self, one: int, said: Any) -> Region:
        found = self._regions[one]
        region: Region = ()
        for value, part in ((True, found.true), (False, found.false), (None, found.null)):
            region = self.either(region, part) if value in said else region
        return region

    def _values(self, box: Box, end: int) -> dict[Place, Any]:
        """A value in the box for each place."""
        values: dict[Place, Any] = {}
        for (key, made), side in zip(self._columns.items(), box, strict=True):
            place = self._places[key]
            if place is not None:
                values[place] = made.cells[[*bits(side)][end]].value
        return values


def _variables(part: nodes.Node) -> Iterator[nodes.Node]:
    """The fields, and members of fields, that a part reads; whole paths only."""
    waiting = [part]
    while waiting:
        one = waiting.pop()
        place = place_of(one)
        if place is None:
            waiting += nodes.children(one)
        elif place[0] not in BUILTINS:
            yield one


def _met(left: Box, right: Box) -> Box | None:
    met = tuple([a & b for a, b in zip(left, right, strict=True)])
    return met if all(met) else None


def _sides(made: Column, test: nodes.Node) -> tuple[int, int, int]:
    """The cells of a column where a test is true, false and null."""
    plain = (1 << len(made.plain)) - 1
    match test:
        # What is compared with a literal is found by its place, however many cells there are.
        case nodes.Compare(op="<" | "<=" | ">" | ">=" as op, right=right) if constant(right) is not None:
            true = made.mask(nodes.Tests((nodes.HalfLine(op, right),))) & plain
            return true, plain & ~true, ~plain & (1 << len(made.cells)) - 1
        case nodes.Compare(op="=" | "!=" as op, right=right) if constant(right) not in {None, NOT_CONSTANT}:
            same = made.mask(nodes.Tests((right,))) & plain
            other = (1 << len(made.cells)) - 1 & ~same
            return (same, other, 0) if op == "=" else (other, same, 0)
        case _:
            return _tried(made, test)


def _tried(made: Column, test: nodes.Node) -> tuple[int, int, int]:
    """The same, cell by cell."""
    sides = {True: 0, False: 0, None: 0}
    for number, cell in enumerate(made.cells):
        said = evaluate(test, {"?": cell.value}).value
        sides[said if isinstance(said, bool) else None] |= 1 << number
    return sides[True], sides[False], sides[None]


def _absorbed(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes in fewer: those that differ in one column are one; those that another one holds go."""
    for at in range(len(boxes[0]) if boxes else 0):
        joined: dict[Box, int] = {}
        for box in boxes:
            rest = (*box[:at], *box[at + 1 :])
            joined[rest] = joined.get(rest, 0) | box[at]
        boxes = [(*rest[:at], side, *rest[at:]) for rest, side in joined.items()]
    if len(boxes) > _FEW:
        return tuple(boxes)
    return tuple(box for box in boxes if not any(box != other and _met(box, other) == box for other in boxes))


def _meeting(box: Box, regions: Sequence[Sequence[Box]], meter: Meter) -> Iterator[Box]:
    """The boxes, one of each region, that have a part in common."""
    waiting = [(box, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth == len(regions):
            yield part
            continue
        if not meter.spend(len(regions[depth])):
            return
        found = [met for one in reversed(regions[depth]) if (met := _met(part, one)) is not None]
        waiting += [(met, depth + 1) for met in found]
