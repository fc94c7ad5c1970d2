"""Where boxes and ribbons of a flow lie: stages from left to right, what moves on above, what is lost below.

Vega-Lite has no such chart, so the places are worked out here, and a Vega specification only draws them. A stage is as
high as it had stays. Its ribbons leave in the order: on to later stages and to won, still open as a stub, lost. What
moves back is an arc above.
"""

from collections.abc import Iterator, Mapping, Sequence

import attrs

__all__ = ["Box", "Flow", "Moves", "Ribbon", "lay_out"]

_WIDTH, _HEIGHT, _BOX = 760.0, 200.0, 14.0
_TOP, _LABEL, _GAP = 26.0, 34.0, 22.0


@attrs.frozen
class Moves:
    """What is drawn.

    Attributes:
        stages: the open stages in order; those without a stay are left out.
        won: the stages that mean won.
        lost: the stages that mean lost or cancelled.
        stays: stays in each stage; of ends those who got there.
        moves: from (stage, next) to how often.
        still: stays that last, by stage.
    """

    stages: Sequence[str]
    won: Sequence[str]
    lost: Sequence[str]
    stays: Mapping[str, int]
    moves: Mapping[tuple[str, str], int]
    still: Mapping[str, int]


@attrs.frozen
class Box:
    """A stage or an end.

    Attributes:
        name: what it is.
        n: stays in it.
        x: left edge.
        y: upper edge.
        width: of the box.
        height: of the box.
    """

    name: str
    n: int
    x: float
    y: float
    width: float
    height: float


@attrs.frozen
class Ribbon:
    """A move, or what is still open.

    Attributes:
        stage: from where.
        next: to where; the same as `stage` for what is still open.
        n: how many.
        kind: "on", "won", "lost", "open" or "back".
        path: its outline as an SVG path; of "back" the line itself.
        width: of the line of "back"; the ribbon's height otherwise.
    """

    stage: str
    next: str
    n: int
    kind: str
    path: str
    width: float


@attrs.frozen
class Flow:
    """The places.

    Attributes:
        boxes: of the stages, in order, then of the ends.
        ribbons: of the moves.
        width: of the drawing.
        height: of the drawing.
    """

    boxes: tuple[Box, ...]
    ribbons: tuple[Ribbon, ...]
    width: float
    height: float


def lay_out(given: Moves) -> Flow:
    """Lay out a flow."""
    middle = [name for name in given.stages if given.stays.get(name)]
    ends = [name for name in (*given.won, *given.lost) if given.stays.get(name)]
    unit = _HEIGHT / max([given.stays[name] for name in (*middle, *ends)], default=1)
    step = (_WIDTH - _BOX) / max(len(middle), 1)
    back = any((b, a) in given.moves for i, a in enumerate(middle) for b in middle[i + 1 :])
    top = (_TOP if back else 0.0) + _LABEL
    boxes = {
        name: Box(name, given.stays[name], i * step, top, _BOX, given.stays[name] * unit)
        for i, name in enumerate(middle)
    }
    y = top
    for name in ends:
        height = given.stays[name] * unit
        # What is lost lies as deep as the first stage, so that its ribbons need not cross others.
        y = max(y, top + _HEIGHT - height) if name in given.lost else y
        boxes[name] = Box(name, given.stays[name], len(middle) * step, y, _BOX, height)
        y += height + _GAP + _LABEL / 2
    deepest = max((box.y + box.height for box in boxes.values()), default=top)
    return Flow(tuple(boxes.values()), tuple(_Drawing(given, boxes, unit, step).ribbons()), _WIDTH, deepest + 8.0)


@attrs.frozen
class _Drawing:
    """The boxes that are there, by whose edges ribbons leave and arrive."""

    given: Moves
    boxes: Mapping[str, Box]
    unit: float
    step: float

    def ribbons(self) -> Iterator[Ribbon]:
        """Stage by stage, from top to bottom."""
        given, arrived = self.given, self._arrivals()
        middle = self._middle()
        for i, stage in enumerate(middle):
            y = self.boxes[stage].y
            for end in (*middle[i + 1 :], *given.won, "", *given.lost):
                n = given.moves.get((stage, end), 0) if end else given.still.get(stage, 0)
                if not n or (end and end not in self.boxes):
                    continue
                yield self._ribbon(stage, end, n, (y, arrived.get((stage, end), y)))
                y += n * self.unit
            for end in middle[:i]:
                if given.moves.get((stage, end)):
                    yield self._arc(stage, end)

    def _middle(self) -> list[str]:
        return [name for name in self.given.stages if name in self.boxes]

    def _arrivals(self) -> dict[tuple[str, str], float]:
        """Where each ribbon arrives: the nearest stage on top, so that ribbons lie as they leave."""
        middle, found = self._middle(), dict[tuple[str, str], float]()
        for end, box in self.boxes.items():
            y, before = box.y, middle[: middle.index(end)] if end in middle else middle
            for stage in reversed(before):
                found[stage, end] = y
                y += self.given.moves.get((stage, end), 0) * self.unit
        return found

    def _ribbon(self, stage: str, end: str, n: int, ys: tuple[float, float]) -> Ribbon:
        kind = "open" if not end else "won" if end in self.given.won else "lost" if end in self.given.lost else "on"
        start = self.boxes[stage].x + _BOX
        stop = self.boxes[end].x if end else start + 0.22 * self.step
        path = _band((start, ys[0]), (stop, ys[1]), n * self.unit)
        return Ribbon(stage, end or stage, n, kind, path, n * self.unit)

    def _arc(self, stage: str, end: str) -> Ribbon:
        n = self.given.moves[stage, end]
        x, u = (self.boxes[name].x + _BOX / 2 for name in (stage, end))
        y = self.boxes[stage].y - _LABEL + 4
        path = f"M{x:.1f},{y:.1f}C{x:.1f},{y - _TOP:.1f} {u:.1f},{y - _TOP:.1f} {u:.1f},{y:.1f}"
        return Ribbon(stage, end, n, "back", path, max(n * self.unit, 1.0))


def _band(start: tuple[float, float], end: tuple[float, float], high: float) -> str:
    (x, y), (u, v) = start, end
    bend = (x + u) / 2
    return (
        f"M{x:.1f},{y:.1f}C{bend:.1f},{y:.1f} {bend:.1f},{v:.1f} {u:.1f},{v:.1f}"
        f"L{u:.1f},{v + high:.1f}C{bend:.1f},{v + high:.1f} {bend:.1f},{y + high:.1f} {x:.1f},{y + high:.1f}Z"
    )
