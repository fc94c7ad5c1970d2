"""BPMN as the plain data of a pipeline. What it cannot say is refused, by the id of the element."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from crmkit.errors import DefinitionError, InputError
from crmkit.journal import usual_outcome
from crmkit.pipeline._bpmn_words import MODEL, OURS, condition, duration, lane_name, lane_of, limit_of, listed, shown
from crmkit.pipeline._shape import checked
from crmkit.rules._xml import Element, read_xml

_TASKS = frozenset({"task", "userTask", "manualTask"})
_NODES = _TASKS | {"startEvent", "endEvent", "exclusiveGateway", "boundaryEvent"}
# What only explains the picture.
_REMARKS = frozenset({"documentation", "extensionElements", "textAnnotation", "association", "group"})
_INSIDE = {
    **dict.fromkeys([*_TASKS, "exclusiveGateway", "startEvent"], frozenset({"incoming", "outgoing"})),
    "endEvent": frozenset({"incoming", "terminateEventDefinition"}),
    "boundaryEvent": frozenset({"timerEventDefinition"}),
    "sequenceFlow": frozenset({"conditionExpression"}),
    "definitions": frozenset({"process", "collaboration", "BPMNDiagram", "category"}),
    "process": _NODES | {"sequenceFlow", "laneSet"},
    "collaboration": frozenset({"participant"}),
    "participant": frozenset({"processRef"}),
    "laneSet": frozenset({"lane"}),
    "lane": frozenset({"flowNodeRef"}),
}
_PASSED_OVER = frozenset({"BPMNDiagram", "category"})
_MOST_MOVES = 1000


@attrs.define
class Read:
    """What was read.

    Attributes:
        plain: the plain data of a pipeline.
        found: everything that was refused.
        stages: the element behind each stage, in order.
        moves: the element behind each move.
    """

    plain: dict[str, Any] = attrs.field(factory=dict[str, Any])
    found: list[DefinitionError] = attrs.field(factory=list[DefinitionError])
    stages: list[Element] = attrs.field(factory=list[Element])
    moves: dict[tuple[str, str], Element] = attrs.field(factory=dict[tuple[str, str], Element])


def read(data: bytes, outcomes: Mapping[str, str]) -> Read:
    """The parts of a model.

    Raises:
        InputError: if it is no BPMN at all.
    """
    root = read_xml(data, "BPMN")
    if root.tag != "definitions" or root.namespace != MODEL:
        raise InputError("BPMN", f"is no model of BPMN 2.0: its root is <{root.tag}>", row=root.line)
    processes = [*root.all("process")]
    if len(processes) != 1:
        raise InputError("BPMN", f"has {len(processes)} processes; a pipeline is one of them", row=root.line)
    return _Reader(root, processes[0], outcomes).read()


class _Reader:
    """One model being read."""

    def __init__(self, root: Element, process: Element, outcomes: Mapping[str, str]) -> None:
        self.root, self.process, self.outcomes = root, process, outcomes
        self.language = root.get("expressionLanguage")
        self.made = Read()
        ours = (node for node in process.children if node.tag in _NODES and node.namespace == MODEL)
        self.nodes = {node.get("id"): node for node in ours}
        self.leaving: dict[str, list[Element]] = {}
        self.names: dict[str, str] = {}

    def read(self) -> Read:
        self._look(self.root)
        for flow in self.process.all("sequenceFlow"):
            if flow.get("sourceRef") not in self.nodes or flow.get("targetRef") not in self.nodes:
                self._refuse(flow, "does not lead from one element of the process to another")
            else:
                self.leaving.setdefault(flow.get("sourceRef"), []).append(flow)
        own = _own(self.process)
        idle = own.pop("idle", [])
        own["name"] = _exact(own.get("name"), self.process.get("name")) or self.process.get("id")
        limits = self._limits()
        stages = self._stages(limits)
        moves = self._moves()
        for stage in idle if isinstance(idle, list) else []:
            if stage in self.names.values():
                moves.setdefault(stage, {})
        self.made.plain = {**own, "start": self._start(), "stages": stages, "moves": moves}
        return self.made

    def _refuse(self, element: Element, why: str) -> None:
        where = f"{element.tag} {element.get('id')!r}" if element.get("id") else f"<{element.tag}>"
        self.made.found.append(DefinitionError(where, why, place=(element.line, element.column)))

    def _look(self, element: Element) -> None:
        """Refuse what has no place in a pipeline, all the way down."""
        known = _INSIDE.get(element.tag)
        for child in element.children if known is not None else ():
            if child.tag in _REMARKS or child.tag in _PASSED_OVER:
                continue
            if child.tag not in (known or ()) or child.namespace != MODEL:
                self._refuse(child, f"has no place in a pipeline, inside <{element.tag}>")
            else:
                self._look(child)

    def _limits(self) -> dict[str, Element]:
        found: dict[str, Element] = {}
        for event in self.process.all("boundaryEvent"):
            task = event.get("attachedToRef")
            if self.nodes.get(task, event).tag not in _TASKS or task in found:
                self._refuse(event, "is a limit of no task, or the second one of its task")
            if self.leaving.get(event.get("id")):
                self._refuse(event, "leads somewhere when time is over; moves of a pipeline are taken by people")
            found[task] = event
        return found

    def _stages(self, limits: Mapping[str, Element]) -> list[dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {}
        for id_, node in self.nodes.items():
            if node.tag not in _TASKS and node.tag != "endEvent":
                continue
            stage = _own(node)
            stage["name"] = name = _exact(stage.get("name"), node.get("name"))
            if not name:
                self._refuse(node, "has no name, which a stage must have")
            elif name in made and node.tag != "endEvent":
                self._refuse(node, f"is the second one called {name!r}")
            self.names[id_] = name
            _told(stage, "note", _text(node, "documentation"))
            if node.tag == "endEvent":
                self._outcome(node, stage)
            else:
                self._limit(stage, limits.get(id_))
            if name not in made:
                # Several ends with one name are one stage.
                made[name] = stage
                self.made.stages.append(node)
        return [*made.values()]

    def _outcome(self, node: Element, stage: dict[str, Any]) -> None:
        said = self.outcomes.get(stage["name"]) or stage.get("outcome") or usual_outcome(stage["name"])
        if said is None:
            self._refuse(node, f"{stage['name']!r} may mean won, lost or cancelled; say so in outcomes=")
        stage["outcome"] = said

    def _limit(self, stage: dict[str, Any], event: Element | None) -> None:
        timer = None if event is None else event.first("timerEventDefinition")
        text = "" if timer is None else _text(timer, "timeDuration")
        if event is None:
            stage.pop("limit", None)
        elif "limit" not in stage or duration(str(stage["limit"])) != text:
            stage["limit"] = limit_of(text)
            if stage["limit"] is None:
                self._refuse(event, f"{text!r} is no time limit, such as P5D or PT4H")

    def _start(self) -> str:
        starts = [*self.process.all("startEvent")]
        if len(starts) != 1:
            self._refuse(self.process, f"has {len(starts)} start events; a pipeline has one")
            return ""
        flows = self.leaving.get(starts[0].get("id"), [])
        targets = {self.names.get(flow.get("targetRef"), "") for flow in flows}
        if len(flows) != 1 or "" in targets or flows[0].first("conditionExpression") is not None:
            self._refuse(starts[0], "must lead to one stage, without a condition")
            return ""
        return targets.pop()

    def _moves(self) -> dict[str, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {}
        lanes = self._lanes()
        for id_, name in self.names.items():
            moves: dict[str, dict[str, Any]] = {}
            for path in self._paths(id_):
                move = self._move(path)
                if move["name"] in moves:
                    self._refuse(path[-1], f"is the second move called {move['name']!r} out of {name!r}")
                moves[move["name"]] = move
                self.made.moves[name, move["name"]] = path[-1]
            # A stage that was put into another lane has its roles.
            if lanes.get(id_, ()) != lane_of(moves.values()):
                for move in moves.values():
                    move["roles"] = [*lanes.get(id_, ())]
            if moves:
                made[name] = {move.pop("name"): move for move in moves.values()}
        return made

    def _paths(self, stage: str) -> Iterator[list[Element]]:
        """Every way from a stage to the next one, through gateways."""
        waiting = [[flow] for flow in reversed(self.leaving.get(stage, []))]
        count = 0
        while waiting:
            path = waiting.pop()
            target = self.nodes[path[-1].get("targetRef")]
            count += 1
            if count > _MOST_MOVES or len(path) > len(self.nodes):
                self._refuse(target, f"leads to a loop of gateways, or to more than {_MOST_MOVES} moves")
                return
            if target.tag == "exclusiveGateway":
                waiting += [[*path, flow] for flow in reversed(self.leaving.get(target.get("id"), []))]
            elif target.get("id") in self.names:
                yield path
            else:
                self._refuse(path[-1], f"leads to a <{target.tag}>")

    def _move(self, path: list[Element]) -> dict[str, Any]:
        to = self.names[path[-1].get("targetRef")]
        move: dict[str, Any] = {}
        for flow in path:
            move |= _own(flow)
        name = move.pop("name", None)
        move["to"] = to
        if checked({"moves": {to: {to: move}}})[1]:
            self._refuse(path[-1], "holds a part of ours that is damaged")
            move = {"to": to}
        said = [flow.get("name") for flow in path if flow.get("name")]
        move["name"] = _exact(name, said[-1] if said else "") or to
        _told(move, "note", next(filter(None, (_text(flow, "documentation") for flow in path)), ""))
        asked = [text for flow in path if (text := self._asked(flow))]
        guards = listed(move.get("guard", []))
        if asked != [text for text in [condition(guards)] if text]:
            move["guard"] = [*asked, *(one for one in guards if isinstance(one, Mapping) and "python" in one)]
        return move

    def _asked(self, flow: Element) -> str:
        """The condition of a flow; that of a default flow is that no other is true."""
        gateway = self.nodes[flow.get("sourceRef")]
        if gateway.get("default") and gateway.get("default") == flow.get("id"):
            others = [self._condition(one) for one in self.leaving[gateway.get("id")] if one is not flow]
            return " and ".join(f"({text}) != true" for text in others if text)
        return self._condition(flow)

    def _condition(self, flow: Element) -> str:
        found = flow.first("conditionExpression")
        if found is None or not found.text.strip():
            return ""
        text, language = found.text, found.get("language") or self.language
        if text.lstrip().startswith("="):
            return text.lstrip()[1:].strip()
        if "feel" not in language.casefold():
            self._refuse(flow, "has a condition in no language we know; say language=FEEL, and write it so")
        return text

    def _lanes(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for lanes in self.process.all("laneSet"):
            for lane in lanes.all("lane"):
                given = _own(lane).get("roles")
                roles = tuple(map(str, given)) if isinstance(given, list) else ()
                own = roles if lane_name(roles) == lane.get("name") else (lane.get("name"),)
                found |= {ref.text.strip(): own for ref in lane.all("flowNodeRef")}
        return found


def _own(element: Element) -> dict[str, Any]:
    """What we wrote about an element when it was ours; nothing if nobody did, or it was damaged."""
    extension = element.first("extensionElements")
    for part in extension.all("part") if extension is not None else ():
        if part.namespace == OURS:
            try:
                plain = json.loads(part.text)
            except (ValueError, RecursionError):
                raise InputError("BPMN", "holds a part of ours that is damaged", row=part.line) from None
            if isinstance(plain, dict):
                return plain
    return {}


def _exact(ours: Any, drawn: str) -> str:
    """Our own text, if it is what is drawn; a modeller may have changed that."""
    return ours if isinstance(ours, str) and shown(ours) == drawn else drawn


def _told(part: dict[str, Any], key: str, drawn: str) -> None:
    text = _exact(part.pop(key, ""), drawn)
    if text:
        part[key] = text


def _text(element: Element, tag: str) -> str:
    found = element.first(tag)
    return "" if found is None else found.text
