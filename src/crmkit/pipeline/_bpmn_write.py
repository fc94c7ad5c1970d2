"""A pipeline as BPMN: elements, and where they stand in the picture."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.pipeline import codec
from crmkit.pipeline._bpmn_words import FEEL, MODEL, OURS, condition, duration, lane_name, lane_of, shown
from crmkit.rules._dmn_out import Out, out

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

_ROOT = {
    "xmlns": MODEL,
    "xmlns:bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
    "xmlns:dc": "http://www.omg.org/spec/DD/20100524/DC",
    "xmlns:di": "http://www.omg.org/spec/DD/20100524/DI",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xmlns:crmkit": OURS,
    "id": "definitions",
    "targetNamespace": OURS,
}
_COLUMN, _ROW, _LEFT, _TOP = 260, 120, 100, 100
_SIZES = {"startEvent": (36, 36), "endEvent": (36, 36), "userTask": (110, 80), "exclusiveGateway": (50, 50)}
_LIMIT_SIZE = (36, 36)


@attrs.frozen
class _Box:
    """Where a node stands."""

    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> int:
        return self.y + self.height // 2

    @property
    def centre(self) -> int:
        return self.x + self.width // 2


class Writer:
    """One pipeline being written."""

    def __init__(self, pipeline: "Pipeline") -> None:
        self.plain = codec.to_dict(pipeline)
        self.stages = [{"name": one} if isinstance(one, str) else one for one in self.plain["stages"]]
        self.moves: dict[str, list[dict[str, Any]]] = {
            stage: [{"name": name, **({"to": move} if isinstance(move, str) else move)} for name, move in of.items()]
            for stage, of in self.plain["moves"].items()
        }
        self.ids = {stage["name"]: f"stage_{number}" for number, stage in enumerate(self.stages)}
        self.boxes: dict[str, _Box] = {}
        self.edges: list[tuple[str, str, str]] = []

    def document(self) -> str:
        """The XML."""
        own = {key: item for key, item in self.plain.items() if key not in {"start", "stages", "moves"}}
        idle = [stage for stage, of in self.moves.items() if not of]
        own |= {"idle": idle} if idle else {}
        process = Out("process", {"id": "process", "name": shown(self.plain["name"]), "isExecutable": "false"})
        nodes = [*self._nodes()]
        flows = [*self._flows()]
        process.children = [_own(own), *self._lanes(), *nodes, *flows]
        root = Out("definitions", _ROOT, [process, self._diagram()])
        return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *root.lines(), ""])

    def _nodes(self) -> Iterator[Out]:
        """Start, stages with their limits, and a gateway for every stage with a choice; and their boxes."""
        yield self._node("startEvent", "start", _LEFT, 0)
        column, row = 1, 0
        last = 1 + sum("outcome" not in stage for stage in self.stages)
        for stage in self.stages:
            name, id_, closed = stage["name"], self.ids[stage["name"]], "outcome" in stage
            moves = self.moves.get(name, [])
            ends = closed and not moves
            kind = "endEvent" if ends else "userTask"
            # Open stages stand side by side, closed ones below each other at the end.
            x, y = _LEFT - 100 + _COLUMN * (last if closed else column), row * _ROW if closed else 0
            column, row = column + (not closed), row + closed
            note = out("documentation", text=shown(stage.get("note", "")))
            yield self._node(kind, id_, x, y, name, note if note.text else None, _own(stage))
            if "limit" in stage and not ends:
                yield self._limit(id_, stage["limit"])
            if len(moves) > 1:
                yield self._node("exclusiveGateway", f"choice_{id_}", x + 150, y)

    def _node(self, tag: str, id_: str, x: int, y: int, name: str = "", *children: Out | None) -> Out:
        width, height = _SIZES[tag]
        self.boxes[id_] = _Box(x, _TOP + y - height // 2, width, height)
        return out(tag, *children, id=id_, name=shown(name))

    def _limit(self, id_: str, limit: str) -> Out:
        width, height = _LIMIT_SIZE
        box = self.boxes[id_]
        self.boxes[f"limit_{id_}"] = _Box(box.x + 10, box.y + box.height - height // 2, width, height)
        time = Out("timeDuration", {"xsi:type": "tFormalExpression"}, text=duration(limit))
        attributes = {"id": f"limit_{id_}", "attachedToRef": id_, "cancelActivity": "false", "name": limit}
        return Out("boundaryEvent", attributes, [out("timerEventDefinition", time)])

    def _flows(self) -> Iterator[Out]:
        yield self._flow("begin", "start", self.ids[self.plain["start"]])
        number = 0
        for stage, moves in self.moves.items():
            source = self.ids[stage]
            if len(moves) > 1:
                yield self._flow(f"choose_{source}", source, f"choice_{source}")
                source = f"choice_{source}"
            for move in moves:
                asked = condition(move.get("guard", []))
                when = Out("conditionExpression", {"xsi:type": "tFormalExpression", "language": FEEL}, text=asked)
                note = out("documentation", text=shown(move.get("note", "")))
                parts = note if note.text else None, _own(move), when if asked else None
                yield self._flow(f"move_{number}", source, self.ids[move["to"]], move["name"], *parts)
                number += 1

    def _flow(self, id_: str, source: str, target: str, name: str = "", *children: Out | None) -> Out:
        self.edges.append((id_, source, target))
        return out("sequenceFlow", *children, id=id_, sourceRef=source, targetRef=target, name=shown(name))

    def _lanes(self) -> Iterator[Out]:
        """A lane for each set of roles that all moves out of a stage have."""
        lanes: dict[tuple[str, ...], list[str]] = {}
        for stage, moves in self.moves.items():
            roles = lane_of(moves)
            if roles:
                lanes.setdefault(roles, []).append(self.ids[stage])
        if lanes:
            made = [
                out("lane", _own({"roles": [*roles]}), *(out("flowNodeRef", text=id_) for id_ in ids),
                    id=f"lane_{number}", name=lane_name(roles))
                for number, (roles, ids) in enumerate(lanes.items())
            ]  # fmt: skip
            yield out("laneSet", *made, id="lanes")

    def _diagram(self) -> Out:
        shapes = [
            out("bpmndi:BPMNShape", _bounds(box), id=f"shape_{id_}", bpmnElement=id_) for id_, box in self.boxes.items()
        ]
        edges = [
            out("bpmndi:BPMNEdge", *way, id=f"edge_{id_}", bpmnElement=id_)
            for (id_, _, _), way in zip(self.edges, self._ways(), strict=True)
        ]
        plane = out("bpmndi:BPMNPlane", *shapes, *edges, id="plane", bpmnElement="process")
        return out("bpmndi:BPMNDiagram", plane, id="diagram")

    def _ways(self) -> Iterator[list[Out]]:
        """Across to the next on the right; below everything, each on a line of its own, to all others."""
        below = max(box.y + box.height for box in self.boxes.values()) + 40
        for _, source, target in self.edges:
            here, there = self.boxes[source], self.boxes[target]
            if 0 < there.x - here.x <= _COLUMN:
                half = there.x - 20
                bend = [] if here.middle == there.middle else [(half, here.middle), (half, there.middle)]
                points = [(here.x + here.width, here.middle), *bend, (there.x, there.middle)]
            else:
                points = [(here.centre, here.y + here.height), (here.centre, below)]
                # The name of an event is below it.
                side = [(there.x - 20, below), (there.x - 20, there.middle), (there.x, there.middle)]
                points += (
                    side if there.height == 36 else [(there.centre, below), (there.centre, there.y + there.height)]
                )
                below += 24
            yield [out("di:waypoint", x=str(x), y=str(y)) for x, y in points]


def _bounds(box: _Box) -> Out:
    return out("dc:Bounds", x=str(box.x), y=str(box.y), width=str(box.width), height=str(box.height))


def _own(plain: Mapping[str, Any]) -> Out:
    """All of a part, as JSON: what BPMN has no words for, and what XML has no letters for."""
    return out("extensionElements", out("crmkit:part", text=json.dumps(plain)))
