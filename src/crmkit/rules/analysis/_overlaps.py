"""Overlaps: where two rules match at once; and shadows: rules that other rules cover together."""

from collections.abc import Collection, Hashable, Iterator, Sequence

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules.analysis._boxes import Box, Budget, Grid, Index, Meter, alike, bits, marked, minus
from crmkit.rules.analysis._diagrams import Diagram
from crmkit.rules.analysis._gaps import Sweep

__all__ = ["Overlap", "Overlaps", "Shadowed", "overlaps", "shadowed"]


@attrs.frozen
class Overlap:
    """Two rules that match the same points.

    Attributes:
        first: the position of the earlier rule.
        second: the position of the later rule.
        box: where both match.
        certain: whether neither is opaque.
    """

    first: int
    second: int
    box: Box
    certain: bool


@attrs.frozen
class Overlaps:
    """The pairs of rules that overlap.

    Attributes:
        pairs: by first rule, then by second; as many as the limit allows.
        total: how many there are.
    """

    pairs: tuple[Overlap, ...]
    total: int

    @property
    def complete(self) -> bool:
        """Whether all of them are listed."""
        return len(self.pairs) == self.total


@attrs.frozen
class Shadowed:
    """A rule that others cover together, so that it never decides.

    Attributes:
        rule: its position.
        by: the positions of rules that cover it together; as few as could be found cheaply, none unless `proved`.
        proved: false if the steps ran out before an answer: it may be shadowed or not.
    """

    rule: int
    by: tuple[int, ...]
    proved: bool


def overlaps(
    grid: Grid,
    rules: Sequence[Box],
    *,
    outcomes: Sequence[Hashable] | None = None,
    opaque: Collection[int] = (),
    limit: int | None = None,
) -> Overlaps:
    """Which rules match the same points, and where.

    Args:
        grid: the domain.
        rules: the boxes.
        outcomes: if given, one for each rule: only pairs with different outcomes count.
        opaque: the positions of the rules that need not match all of their box.
        limit: how many pairs to list; all if None.

    Raises:
        InvalidValue: if a rule does not lie on the grid, or a position is not that of a rule.
    """
    hidden = marked(opaque, rules)
    index = Index(grid, rules)
    same = alike(outcomes or ())
    pairs: list[Overlap] = []
    total = 0
    for first in bits(index.live):
        later = index.meeting(rules[first]) >> first + 1 << first + 1
        if outcomes is not None:
            later &= ~same[outcomes[first]]
        total += later.bit_count()
        if limit is None or len(pairs) < limit:
            pairs += _pairs(rules, first, later, hidden)
    return Overlaps(tuple(pairs[:limit]), total)


def _pairs(rules: Sequence[Box], first: int, later: int, hidden: int) -> Iterator[Overlap]:
    mine = rules[first]
    uncertain = -1 if hidden >> first & 1 else hidden
    for second in bits(later):
        box = tuple([a & b for a, b in zip(mine, rules[second], strict=True)])
        yield Overlap(first, second, box, not uncertain >> second & 1)


def shadowed(
    grid: Grid,
    rules: Sequence[Box],
    *,
    rank: Sequence[int] | None = None,
    opaque: Collection[int] = (),
    budget: Budget = Budget(),  # noqa: B008 - a frozen value
) -> tuple[Shadowed, ...]:
    """Which rules never decide, because those that go before them match all they match.

    Args:
        grid: the domain.
        rules: the boxes.
        rank: for each rule its place; the rules of a lower rank go before it, those of its own rank do not. The order
            of the rules if None.
        opaque: the positions of the rules that need not match all of their box; they shadow nothing.
        budget: how much work to spend; half as much again, in equal parts, on finding few rules that cover.

    Raises:
        InvalidValue: if a rule does not lie on the grid, a position is not that of a rule, or `rank` has another
            length than `rules`.
    """
    places = list(range(len(rules)) if rank is None else rank)
    if len(places) != len(rules):
        raise InvalidValue("rank", places, f"is not one place for each of {len(rules)} rules")
    index = Index(grid, rules)
    certain = index.live & ~marked(opaque, rules)
    meter = Meter(budget.steps)
    share = budget.steps // (2 * len(rules) or 1)
    found: list[Shadowed] = []
    for rule, before in _before(places):
        if index.live >> rule & 1:
            rivals = before & certain & index.meeting(rules[rule])
            found += _few(index, rule, rivals, Meter(share)) or _all(grid, index, rule, rivals, meter=meter)
    return tuple(sorted((one for one in found if one.by or not one.proved), key=lambda one: one.rule))


def _before(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each rule with the mask of the rules that go before it."""
    before = equal = 0
    last: int | None = None
    for rule in sorted(range(len(places)), key=places.__getitem__):
        if places[rule] != last:
            before, equal, last = before | equal, 0, places[rule]
        yield rule, before
        equal |= 1 << rule


def _few(index: Index, rule: int, rivals: int, meter: Meter) -> list[Shadowed]:
    """The answer for a rule, with no covering rule that can be spared; nothing if the steps run out."""
    box = index.rules[rule]
    used = _cover(index, box, rivals, meter)
    if meter.spent:
        return []
    by = 0 if used is None else _spared(index, box, used, meter)
    return [Shadowed(rule, tuple(bits(by)), proved=True)]


def _all(grid: Grid, index: Index, rule: int, rivals: int, *, meter: Meter) -> list[Shadowed]:
    """The answer for a rule by the sweep for gaps, which many rules do not trouble."""
    box, places = index.rules[rule], list(bits(rivals))
    # Nothing outside the box counts as open, so what is open is what the rivals leave of the box.
    clipped = Index(grid, [*(index.rules[place] for place in places), *minus(grid.full, box)])
    sweep = Sweep(clipped, Diagram(grid), meter)
    root = sweep.run(clipped.live)
    if meter.spent and not root:
        return [Shadowed(rule, (), proved=False)]
    by = () if root else tuple(places[one] for one in bits(sweep.closing) if one < len(places))
    return [Shadowed(rule, by, proved=True)]


def _spared(index: Index, box: Box, used: int, meter: Meter) -> int:
    """The covering rules without those that the others make superfluous."""
    for rule in bits(used):
        found = _cover(index, box, used & ~(1 << rule), meter)
        if found is not None and not meter.spent:
            used &= ~(1 << rule)
    return used


def _cover(index: Index, box: Box, rules: int, meter: Meter) -> int | None:
    """Rules that cover the box together, or None if these do not; any mask if the steps run out.

    A piece that no rule holds is cut by the rule that matches most of it, among those that match its first point. A
    rule that was used before is preferred, so that few are used.
    """
    used = 0
    stack = [box]
    while stack:
        piece = stack.pop()
        holders = index.containing(piece) & rules
        if holders:
            used |= 0 if holders & used else holders & -holders
            continue
        hitters = _hitting(index, piece, rules)
        if not hitters:
            return None
        if not meter.spend(hitters.bit_count()):
            return used
        cutter = _largest(index.rules, piece, hitters & used or hitters)
        used |= 1 << cutter
        stack += minus(piece, index.rules[cutter])
    return used


def _hitting(index: Index, box: Box, rules: int) -> int:
    """The rules that match the first point of a box."""
    for cells, side in zip(index.cells, box, strict=True):
        rules &= cells[(side & -side).bit_length() - 1]
    return rules


def _largest(rules: Sequence[Box], piece: Box, among: int) -> int:
    """The rule that matches most of a piece, by the number of its cells."""

    def cells(rule: int) -> int:
        total = 1
        for side, taken in zip(piece, rules[rule], strict=True):
            total *= (side & taken).bit_count()
        return total

    return max(bits(among), key=cells)
