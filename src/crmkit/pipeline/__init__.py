"""Process control: one frozen definition of stages and moves, and everything that follows from it.

The chapters: `definition` (the pipeline), `stages`, `approvals`, `clocks` and `links` (what it is made of), `case` and
`commands` (what it decides about), `directory` (who may), `history`.
"""

from crmkit.pipeline.approvals import Approval, Panel
from crmkit.pipeline.case import Accepted, Around, Attempt, Case, Refused, Step, Visit
from crmkit.pipeline.clocks import Clock
from crmkit.pipeline.definition import Pipeline
from crmkit.pipeline.directory import Directory
from crmkit.pipeline.links import Link
from crmkit.pipeline.stages import Move, Stage

__all__ = [
    "Accepted",
    "Approval",
    "Around",
    "Attempt",
    "Case",
    "Clock",
    "Directory",
    "Link",
    "Move",
    "Panel",
    "Pipeline",
    "Refused",
    "Stage",
    "Step",
    "Visit",
]
