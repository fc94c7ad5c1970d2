"""Pipelines as BPMN 2.0, and the part of BPMN that a pipeline can be.

| BPMN | pipeline |
| --- | --- |
| task, user task, manual task | stage |
| end event | closed stage; several of one name are one |
| sequence flow, by way of exclusive gateways | move |
| condition in FEEL; of a default flow: that no other is true | guard |
| timer at the border of a task | time limit |
| lane | roles of the moves out of its stages |
| documentation | note |

What BPMN has no words for (approvals, clocks, child cases, rules, labels) stands as JSON in `extensionElements`, in a
namespace of our own, and comes back exactly. Where a modeller changed what is drawn, what is drawn holds. What other
tools write into `extensionElements`, remarks and the picture itself are not read.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors
from crmkit.pipeline._checks import flat
from crmkit.pipeline._places import steps
from crmkit.pipeline.stages import Outcome
from crmkit.values import EMPTY

if TYPE_CHECKING:
    from crmkit.pipeline._bpmn_read import Read
    from crmkit.pipeline.definition import Pipeline

__all__ = ["from_bpmn", "to_bpmn"]


def to_bpmn(pipeline: "Pipeline") -> str:
    """The XML of a model, with a plain picture from left to right.

    A closed stage that moves lead out of is drawn as a task: nothing leaves an end event. A character that XML has
    none of is drawn as U+FFFD.
    """
    from crmkit.pipeline._bpmn_write import Writer

    return Writer(pipeline).document()


def from_bpmn(
    data: bytes | str, *, guards: Mapping[str, Any] = EMPTY, outcomes: Mapping[str, Outcome] = EMPTY
) -> "Pipeline":
    """The pipeline of a model.

    Args:
        data: the XML.
        guards: the functions behind the names of guards in Python; see `Pipeline.from_dict`.
        outcomes: what end events mean, by name; those called "won", "lost" and the like need no word.

    Raises:
        InputError: if it is no XML, no BPMN, or not one process; with the line.
        DefinitionErrors: everything that a pipeline cannot be (parallel, inclusive and event gateways, sub-processes,
            messages, loops, automatic tasks, ...) and everything that is wrong with the rest, each with its line.
    """
    from crmkit.pipeline._bpmn_read import read
    from crmkit.pipeline.definition import Pipeline

    made = read(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, outcomes)
    if made.found:
        raise DefinitionErrors(_headed(made, "this model is no pipeline"), made.found)
    try:
        return Pipeline.from_dict(made.plain, guards)
    except DefinitionErrors as group:
        raise DefinitionErrors(_headed(made, group.message), [_placed(made, one) for one in flat(group)]) from None


def _headed(made: "Read", message: str) -> str:
    return f"BPMN process {made.plain['name']!r}: {message}"


def _placed(made: "Read", error: DefinitionError) -> DefinitionError:
    """The error at the element behind the stage or move that it is about."""
    element = None
    match [*steps(error.where, made.plain)]:
        case ["stages", int(number), *_]:
            element = made.stages[number]
        case ["moves", str(stage), str(move), *_]:
            element = made.moves.get((stage, move))
        case _:
            pass
    return error if element is None else attrs.evolve(error, place=(element.line, element.column))
