"""A pipeline as a drawing: open stages down the middle, what goes on below each, what closes on the right.

A move is written where it leaves its stage. To the next stage it goes down; to a closed stage it goes right, into the
line of that stage; whatever skips, goes back or stays goes left. So no label lies on another, whatever the process is,
and the text of the drawing is text. Nothing but the standard library is needed.
"""

import textwrap
from collections.abc import Iterable, Iterator
from html import escape
from itertools import pairwise

import attrs

from crmkit.pipeline import Move, Pipeline, Stage
from crmkit.pipeline.diagram import told

BOX, CLOSED, LABEL, LANE, LINE, PAD = 190, 150, 218, 14, 13, 10


def called(part: Stage | Move, name: str, lang: str | None) -> str:
    """A stage or move in a language, or by its name."""
    return part.labels.get(lang, name) if lang else name


def asked(move: Move) -> Iterator[str]:
    """What a move asks for."""
    if move.guards:
        yield "; ".join(map(told, move.guards))
    if move.roles:
        yield "by " + " or ".join(move.roles)
    if move.approval is not None:
        yield f"approved: {move.approval}"


@attrs.frozen
class Arrow:
    """A move, with what is written on it."""

    origin: str
    to: str
    name: str
    lines: tuple[str, ...]

    @property
    def height(self) -> int:
        """The room its label takes above its line."""
        return LINE * (1 + len(self.lines)) + 8


@attrs.define
class Box:
    """A stage and where it is."""

    stage: Stage
    x: int
    y: int = 0
    width: int = BOX
    height: int = 44

    @property
    def middle(self) -> int:
        """Its height's middle."""
        return self.y + self.height // 2


@attrs.define
class Drawing:
    """The parts of a drawing as they are made."""

    width: int = 0
    parts: list[str] = attrs.field(factory=list)

    def path(self, points: Iterable[tuple[float, float]], kind: str, *, arrow: bool = True) -> None:
        """A line through points."""
        route = " L".join(f"{x:g} {y:g}" for x, y in points)
        end = ' marker-end="url(#tip)"' if arrow else ""
        self.parts.append(f'<path class="{kind}" d="M{route}"{end}/>')

    def text(self, x: float, y: float, text: str, kind: str) -> None:
        """A line of text."""
        self.parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>')

    def label(self, x: float, y: float, arrow: Arrow, side: str) -> None:
        """The name of a move, and below it what it asks for; `y` is the top."""
        self.text(x, y + LINE, arrow.name, f"move {side}")
        for number, line in enumerate(arrow.lines, 2):
            self.text(x, y + LINE * number, line, f"asks {side}")

    def box(self, box: Box, name: str, kind: str, limit: str) -> None:
        """A stage."""
        self.parts.append(
            f'<rect class="stage {kind}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="7"/>'
        )
        lines = [*textwrap.wrap(name, 24), *([f"≤ {limit}"] if limit else [])]
        top = box.middle - LINE * (len(lines) - 1) / 2 + 4
        for number, line in enumerate(lines):
            small = " asks" if limit and number == len(lines) - 1 else ""
            self.text(box.x + box.width / 2, top + LINE * number, line, f"name{small}")


@attrs.frozen
class Plan:
    """Which arrows leave which side of which stage."""

    pipeline: Pipeline
    lang: str | None
    down: dict[str, Arrow]
    left: dict[str, list[Arrow]]
    right: dict[str, list[Arrow]]
    after: dict[str, list[Arrow]]

    @classmethod
    def of(cls, pipeline: Pipeline, lang: str | None) -> "Plan":
        """Sort the moves of a pipeline."""
        spine = [stage.name for stage in pipeline.stages if stage.outcome is None]
        below = dict(pairwise(spine))
        plan = cls(pipeline, lang, {}, {n: [] for n in spine}, {n: [] for n in spine}, {})
        for origin, moves in pipeline.moves.items():
            for name, move in moves.items():
                lines = tuple(line for ask in asked(move) for line in textwrap.wrap(ask, 38))
                arrow = Arrow(origin, move.to, called(move, name, lang), lines)
                if origin not in below and origin not in spine:
                    plan.after.setdefault(origin, []).append(arrow)
                elif move.to == below.get(origin) and origin not in plan.down:
                    plan.down[origin] = arrow
                elif move.to in spine:
                    plan.left[origin].append(arrow)
                else:
                    plan.right[origin].append(arrow)
        return plan


def lanes(spans: Iterable[tuple[int, int]]) -> list[int]:
    """A lane for each span so that no two in one lane meet; short ones are nearer."""
    given = list(spans)
    taken: list[list[tuple[int, int]]] = []
    found = [0] * len(given)
    for place in sorted(range(len(given)), key=lambda one: abs(given[one][0] - given[one][1])):
        low, high = sorted(given[place])
        free = [n for n, lane in enumerate(taken) if all(high + 4 < a or b + 4 < low for a, b in lane)]
        lane = free[0] if free else len(taken)
        taken.extend([[]] if lane == len(taken) else [])
        taken[lane].append((low, high))
        found[place] = lane
    return found


def spine(plan: Plan, x: int) -> tuple[dict[str, Box], int]:
    """The open stages from top to bottom, and where the last ends."""
    boxes, y = {}, 34
    for stage in (one for one in plan.pipeline.stages if one.outcome is None):
        name = stage.name
        room = max(sum(arrow.height for arrow in side[name]) for side in (plan.left, plan.right))
        boxes[name] = Box(stage, x, y, BOX, max(46, room + 2 * PAD))
        y = boxes[name].y + boxes[name].height + (plan.down[name].height + 14 if name in plan.down else 34)
    return boxes, y


def ports(box: Box, arrows: list[Arrow]) -> Iterator[tuple[Arrow, int]]:
    """Each arrow of a side with the top of its label."""
    top = box.y + PAD
    for arrow in arrows:
        yield arrow, top
        top += arrow.height


def draw(pipeline: Pipeline, lang: str | None = None) -> str:
    """The drawing as the inside of an SVG, with its viewBox."""
    plan, art = Plan.of(pipeline, lang), Drawing()
    sides = [arrow for arrows in plan.left.values() for arrow in arrows]
    back = sum(len(arrows) for arrows in plan.after.values())
    margin = (LABEL if sides else 20) + LANE * (len(sides) + back + 1)
    boxes, bottom = spine(plan, margin)
    closed = _closed(plan, boxes, margin + BOX + (LABEL if any(plan.right.values()) else 40))
    bottom = max([bottom, *(box.y + box.height + 30 + 30 * len(plan.after.get(n, ())) for n, box in closed.items())])
    first = boxes[plan.pipeline.start]
    art.parts.append(f'<circle class="start" cx="{first.x + BOX / 2:g}" cy="10" r="5"/>')
    art.path([(first.x + BOX / 2, 15), (first.x + BOX / 2, first.y)], "line")
    used = _leftward(art, plan, boxes)
    _downward(art, plan, boxes)
    _rightward(art, plan, boxes, closed)
    bottom = _afterwards(art, plan, {**boxes, **closed}, used, bottom)
    for name, box in {**boxes, **closed}.items():
        art.box(box, called(box.stage, name, lang), box.stage.outcome or "open", str(box.stage.limit or ""))
    art.width = max(box.x + box.width for box in [*boxes.values(), *closed.values()]) + LANE * (back + 1)
    return _svg(art, bottom)


def _closed(plan: Plan, boxes: dict[str, Box], start: int) -> dict[str, Box]:
    ends = [stage for stage in plan.pipeline.stages if stage.outcome is not None]
    x, found, y = start + LANE * len(ends) + 14, {}, 0
    sources = {end.name: [b.middle for n, b in boxes.items() if any(a.to == end.name for a in plan.right[n])]
               for end in ends}  # fmt: skip
    low = max((box.y + box.height for box in boxes.values()), default=80)
    wanted = {name: sum(ys) / len(ys) if ys else low for name, ys in sources.items()}
    for end in sorted(ends, key=lambda one: wanted[one.name]):
        height = 30 + LINE * len(textwrap.wrap(called(end, end.name, plan.lang), 20))
        found[end.name] = Box(end, x, max(y, int(wanted[end.name]) - height // 2), CLOSED, height)
        y = found[end.name].y + height + 22 + 26 * len(plan.after.get(end.name, ()))
    return found


def _downward(art: Drawing, plan: Plan, boxes: dict[str, Box]) -> None:
    for name, arrow in plan.down.items():
        box, x = boxes[name], boxes[name].x + BOX / 2
        art.path([(x, box.y + box.height), (x, boxes[arrow.to].y)], "line")
        art.label(x + 8, box.y + box.height + 3, arrow, "")


def _leftward(art: Drawing, plan: Plan, boxes: dict[str, Box]) -> int:
    arrows = [(arrow, top + arrow.height - 4) for n, box in boxes.items() for arrow, top in ports(box, plan.left[n])]
    order = {name: place for place, name in enumerate(boxes)}
    kinds = ["back" if order[a.to] <= order[a.origin] else "line" for a, _ in arrows]
    where = lanes((y, boxes[a.to].y + 8) for a, y in arrows)
    for (arrow, y), lane, kind in zip(arrows, where, kinds, strict=True):
        x = boxes[arrow.origin].x
        rail = x - LABEL - LANE * lane + 20
        art.path([(x, y), (rail, y), (rail, boxes[arrow.to].y + 8), (x, boxes[arrow.to].y + 8)], kind)
        art.label(x - 8, y - arrow.height + 4, arrow, "end")
    return max(where, default=-1) + 1


def _rightward(art: Drawing, plan: Plan, boxes: dict[str, Box], closed: dict[str, Box]) -> None:
    for number, (name, end) in enumerate(reversed(closed.items())):
        rail, kind, heights = end.x - 18 - LANE * number, f"line {end.stage.outcome}", [end.middle]
        for origin, box in boxes.items():
            for arrow, top in ports(box, plan.right[origin]):
                if arrow.to == name:
                    y = top + arrow.height - 4
                    heights.append(y)
                    art.path([(box.x + BOX, y), (rail, y)], kind, arrow=False)
                    art.label(box.x + BOX + 8, top, arrow, "")
        art.path([(rail, min(heights)), (rail, max(heights))], kind, arrow=False)
        art.path([(rail, end.middle), (end.x, end.middle)], kind)


def _afterwards(art: Drawing, plan: Plan, boxes: dict[str, Box], used: int, bottom: int) -> int:
    """Moves out of closed stages: to others on the right, to open ones below everything and up on the left."""
    edge = max(box.x + box.width for box in boxes.values())
    lane = 0
    for origin, arrows in plan.after.items():
        box = boxes[origin]
        for number, arrow in enumerate(arrows):
            target, lane = boxes[arrow.to], lane + 1
            rail, y = edge + LANE * lane, box.middle + 5 * number
            shown = attrs.evolve(arrow, lines=())
            art.label(box.x + 4, box.y + box.height + 2 + 15 * number, shown, "")
            if target.x == box.x:
                art.path(
                    [(box.x + CLOSED, y), (rail, y), (rail, target.middle), (target.x + CLOSED, target.middle)], "back"
                )
                continue
            left = target.x - LABEL - LANE * (used + lane - 1) + 20 if used else target.x - LANE * lane - 6
            art.path([(box.x + CLOSED, y), (rail, y), (rail, bottom), (left, bottom), (left, target.y + 8),
                      (target.x, target.y + 8)], "back")  # fmt: skip
            bottom += 10
    return bottom + 8


def _svg(art: Drawing, height: int) -> str:
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>'
    )
    return f'viewBox="0 0 {art.width} {height}" width="{art.width}">{tip}{"".join(art.parts)}'
