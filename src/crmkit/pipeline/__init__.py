"""Process control: one frozen definition of stages and moves, and everything that follows from it."""

from crmkit.pipeline.case import Accepted, Attempt, Case, Refused, Step, Verdict, Visit
from crmkit.pipeline.definition import Move, Pipeline, Stage

__all__ = ["Accepted", "Attempt", "Case", "Move", "Pipeline", "Refused", "Stage", "Step", "Verdict", "Visit"]
