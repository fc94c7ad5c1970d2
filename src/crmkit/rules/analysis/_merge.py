"""Two tables that mean the same or nearly: rules that can be one rule, and where two versions decide differently."""

from collections.abc import Collection, Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules.analysis._boxes import Box, Budget, Grid, Index, Meter, Weight, alike, bits, marked, ones
from crmkit.rules.analysis._diagrams import Diagram

__all__ = ["Change", "Differences", "Merge", "Outcome", "Policy", "difference", "merged"]

#: What a rule decides: anything that can be compared.
Outcome = Hashable
#: "first": the first rule that matches decides. "all": the outcomes of all that match, as a set.
Policy = Literal["first", "all"]
Entry = tuple[Box, Outcome]
# Not known yet; None is an answer, "no rule".
_OPEN = object()


@attrs.frozen
class Merge:
    """Two rules that can be replaced by one.

    Attributes:
        rules: their positions, the earlier first.
        box: what the one rule matches: just what the two match.
        at: which of the two positions it takes.
    """

    rules: tuple[int, int]
    box: Box
    at: int


@attrs.frozen
class Change:
    """A box in which two tables decide differently, and everywhere alike among themselves.

    Attributes:
        box: where.
        before: what the one decides: an outcome, or None if no rule matches; a frozenset under "all".
        after: what the other decides.
    """

    box: Box
    before: Outcome
    after: Outcome


@attrs.frozen
class Differences:
    """Where two tables decide differently.

    Attributes:
        changes: disjoint boxes, the heaviest first.
        volume: the exact weight of the region; a lower bound unless `proved`.
        proved: whether the whole domain was read, so that "no changes" means that there are none.
        complete: whether `changes` are the whole region: it was proved, and no limit cut the list.
    """

    changes: tuple[Change, ...]
    volume: Weight
    proved: bool
    complete: bool


def merged(
    grid: Grid,
    rules: Sequence[Box],
    outcomes: Sequence[Outcome],
    *,
    ordered_policy: bool,
    opaque: Collection[int] = (),
) -> tuple[Merge, ...]:
    """Pairs of rules with the same outcome whose union is a box, so that one rule can take their place.

    Two boxes have a box as their union just if one holds the other or they differ in one column only. In an ordered
    column the sides must meet, so that the merged cell is no longer than theirs.

    Args:
        grid: the domain.
        rules: the boxes.
        outcomes: what each rule decides.
        ordered_policy: whether the first match decides; then no rule between the two may decide otherwise on what is
            moved past it.
        opaque: the positions of the rules that need not match all of their box; they are never merged.

    Raises:
        InvalidValue: if a rule does not lie on the grid, a position is not that of a rule, or there is not one outcome
            for each rule.
    """
    if len(outcomes) != len(rules):
        raise InvalidValue("outcomes", outcomes, f"is not one for each of {len(rules)} rules")
    index = Index(grid, rules)
    usable = index.live & ~marked(opaque, rules)
    same = alike(outcomes)
    found: list[Merge] = []
    for (first, second), box in sorted(_unions(grid, index, outcomes, usable).items()):
        at = first
        if ordered_policy:
            between = ones(range(first + 1, second)) & ~same[outcomes[first]]
            at = _place(index, between, first, second)
        if at >= 0:
            found.append(Merge((first, second), box, at))
    return tuple(found)


def _unions(grid: Grid, index: Index, outcomes: Sequence[Outcome], usable: int) -> dict[tuple[int, int], Box]:
    """The pairs of usable rules with the same outcome whose union is a box, with that box."""
    found: dict[tuple[int, int], Box] = {}
    same = alike(outcomes)
    for rule in bits(usable):
        box = index.rules[rule]
        for holder in bits(index.containing(box) & same[outcomes[rule]] & usable & ~(1 << rule)):
            found[min(rule, holder), max(rule, holder)] = index.rules[holder]
    for column in range(len(grid.sizes)):
        for group in alike(zip((_without(box, column) for box in index.rules), outcomes, strict=True)).values():
            found.update(_joined(grid, index.rules, column, list(bits(group & usable))))
    return found


def _without(box: Box, column: int) -> Box:
    return (*box[:column], *box[column + 1 :])


def _joined(
    grid: Grid, rules: Sequence[Box], column: int, group: Sequence[int]
) -> Iterator[tuple[tuple[int, int], Box]]:
    """The pairs of a group of rules alike in all other columns, whose sides in this one meet."""
    for place, first in enumerate(group):
        for second in group[place + 1 :]:
            sides = rules[first][column], rules[second][column]
            union = sides[0] | sides[1]
            if len(grid.pieces(column, union)) <= max(len(grid.pieces(column, side)) for side in sides):
                box = rules[first]
                yield (first, second), (*box[:column], union, *box[column + 1 :])


def _place(index: Index, between: int, first: int, second: int) -> int:
    """Where the merged rule can stand without a rule between deciding something else than before; -1 if nowhere."""
    gained = _gained(index.rules[first], index.rules[second])
    if gained is None or not index.meeting(gained) & between:
        return first
    return -1 if index.meeting(index.rules[first]) & between else second


def _gained(box: Box, other: Box) -> Box | None:
    """A box around what a box gains by taking in another one whose union with it is a box; None if nothing."""
    outside = [column for column, (mine, side) in enumerate(zip(box, other, strict=True)) if side & ~mine]
    if len(outside) != 1:
        # More than one only if the other holds the box: it may decide anywhere in itself.
        return other if outside else None
    column = outside[0]
    return (*other[:column], other[column] & ~box[column], *other[column + 1 :])


def difference(
    grid: Grid,
    before: Sequence[Entry],
    after: Sequence[Entry],
    *,
    policy: Policy,
    limit: int = 10_000,
    budget: Budget = Budget(),  # noqa: B008 - a frozen value
) -> Differences:
    """Where two tables over the same grid decide differently.

    Rules that stand in both, in the same order, are recognised; only where another rule matches is anything compared.

    Args:
        grid: the domain.
        before: the rules of the one table, (box, outcome).
        after: the rules of the other.
        policy: how a table decides.
        limit: how many boxes to read from the result before those that can be joined are.
        budget: how much work to spend; what was found by then is reported with `proved` false.

    Raises:
        InvalidValue: if a rule does not lie on the grid.
    """
    both = _aligned(before, after) if policy == "first" else _united(before, after)
    index = Index(grid, [box for (box, _), _ in both])
    meter = Meter(budget.steps)
    diagram = Diagram(grid)
    root = _Comparison(index, diagram, meter, both).run(policy)
    found: dict[tuple[Outcome, Outcome], list[Box]] = {}
    complete = not meter.spent
    for count, (tile, change) in enumerate(diagram.tiles(root)):
        if count == limit:
            complete = False
            break
        found.setdefault(change, []).append(tile)
    changes = [Change(box, *pair) for pair, tiles in found.items() for box in _compact(grid, tiles)]
    changes.sort(key=lambda change: -grid.volume(change.box))
    return Differences(tuple(changes), diagram.volume(root), not meter.spent, complete)


def _aligned(before: Sequence[Entry], after: Sequence[Entry]) -> list[tuple[Entry, int]]:
    """Each rule with the tables it stands in (1: before, 2: after, 3: both), in an order that is that of both."""
    # Under "first" the repetition of a rule is dead, and equal rules can be told apart no more.
    mine, theirs = list(dict.fromkeys(before)), list(dict.fromkeys(after))
    found: list[tuple[Entry, int]] = []
    for tag, low, high, start, stop in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [(entry, 3) for entry in mine[low:high]]
        else:
            found += [(entry, 1) for entry in mine[low:high]] + [(entry, 2) for entry in theirs[start:stop]]
    return found


def _united(before: Sequence[Entry], after: Sequence[Entry]) -> list[tuple[Entry, int]]:
    """Each rule with the tables it stands in, where order means nothing."""
    found = dict.fromkeys(before, 1)
    for entry in after:
        found[entry] = found.get(entry, 0) | 2
    return list(found.items())


class _Comparison:
    """The diagram of where two tables decide differently."""

    def __init__(self, index: Index, diagram: Diagram, meter: Meter, both: Sequence[tuple[Entry, int]]) -> None:
        self._index = index
        self._diagram = diagram
        self._meter = meter
        self._before = ones(rule for rule, (_, tables) in enumerate(both) if tables & 1)
        self._after = ones(rule for rule, (_, tables) in enumerate(both) if tables & 2)
        self._changed = self._before ^ self._after
        self._outcomes = [outcome for (_, outcome), _ in both]
        self._same = alike(self._outcomes)
        self._known: dict[tuple[int, int], int] = {}

    def run(self, policy: Policy) -> int:
        self._decide = self._first if policy == "first" else self._every
        return self._node(self._index.live, (1 << len(self._index.cells)) - 1)

    def _node(self, alive: int, rest: int) -> int:
        known = self._known.get((alive, rest))
        if known is None:
            known = self._known[alive, rest] = self._compared(alive, rest)
        return known

    def _compared(self, alive: int, rest: int) -> int:
        old, mine = self._decide(alive & self._before, rest)
        new, theirs = self._decide(alive & self._after, rest)
        kept = mine | theirs
        # Where only rules are left that stand in both, both decide alike, whatever that is.
        if not kept & self._changed:
            return 0
        if old is not _OPEN and new is not _OPEN:
            return 0 if old == new else self._diagram.leaf(rest, (old, new))
        return self._read(kept, rest) if kept == alive else self._node(kept, rest)

    def _read(self, alive: int, rest: int) -> int:
        column = max(bits(rest), key=lambda one: self._promise(alive, rest, one))
        groups = self._index.groups[column]
        if not self._meter.spend(len(groups) + alive.bit_count()):
            return 0
        sides: dict[int, int] = {}
        for mask, side in groups:
            key = alive & mask
            if key & self._changed:
                sides[key] = sides.get(key, 0) | side
        children: dict[int, int] = {}
        for key, side in sides.items():
            child = self._node(key, rest ^ 1 << column)
            children[child] = children.get(child, 0) | side
        children.pop(0, None)
        return self._diagram.branch(rest, column, children)

    def _promise(self, alive: int, rest: int, column: int) -> tuple[int, int, int]:
        """A column is read early if it leaves many rules without a condition, then if many changed rules have one."""
        freed = alive & self._index.wide(rest ^ 1 << column)
        narrow = alive & self._index.narrow[column]
        return freed.bit_count(), (narrow & self._changed).bit_count(), narrow.bit_count()

    def _first(self, mine: int, rest: int) -> tuple[Outcome, int]:
        """The outcome of the first rule that matches, if known, and the rules that can still have a say in it."""
        wide = mine & self._index.wide(rest)
        last = wide & -wide
        if not last:
            return _OPEN if mine else None, mine
        outcome = self._outcomes[last.bit_length() - 1]
        others = mine & last - 1 & ~self._same[outcome]
        # A rule right before the last one that decides the same might as well be absent.
        return _OPEN if others else outcome, mine & (1 << others.bit_length()) - 1 | last

    def _every(self, mine: int, rest: int) -> tuple[Outcome, int]:
        """The set of the outcomes of all rules that match, if known, and the rules that still have a say in it."""
        wide = mine & self._index.wide(rest)
        certain: list[Outcome] = []
        kept = 0
        while wide:
            low = wide & -wide
            outcome = self._outcomes[low.bit_length() - 1]
            certain.append(outcome)
            kept |= low
            wide &= ~self._same[outcome]
            mine &= ~self._same[outcome]
        return _OPEN if mine else frozenset(certain), kept | mine


def _compact(grid: Grid, tiles: Sequence[Box]) -> Iterator[Box]:
    """Disjoint boxes that are the same region as disjoint tiles, joined where they differ in one column only."""
    boxes, count = list(tiles), -1
    while len(boxes) != count:
        count = len(boxes)
        for column in range(len(grid.sizes)):
            sides: dict[Box, int] = {}
            for box in boxes:
                key = _without(box, column)
                sides[key] = sides.get(key, 0) | box[column]
            boxes = [(*key[:column], side, *key[column:]) for key, side in sides.items()]
    for box in boxes:
        yield from grid.split(box)
