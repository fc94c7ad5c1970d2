"""Which solver answers questions."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from crmkit.errors import InvalidValue, did_you_mean
from crmkit.rules.analysis._box_solver import BoxSolver
from crmkit.rules.analysis._boxes import Budget
from crmkit.rules.analysis._questions import Solver
from crmkit.rules.analysis._z3_solver import Z3Solver
from crmkit.rules.feel._nodes import Node
from crmkit.rules.schema import Schema

#: What proves: boxes know comparisons with literals, z3 (the extra "analysis") arithmetic over several fields too.
SolverName: TypeAlias = Literal["boxes", "z3"]


def is_z3(name: str) -> bool:
    """Whether it is z3 that proves.

    Raises:
        InvalidValue: if there is no such solver.
    """
    known = get_args(SolverName)
    if name not in known:
        raise InvalidValue("solver", name, f"is none{did_you_mean(name, known)}; there are: {', '.join(known)}")
    return name == "z3"


def solver(name: str, schema: Schema, conditions: Sequence[Node], budget: Budget) -> Solver:
    """The solver of a name, made ready for some conditions.

    Raises:
        InvalidValue: if there is no such solver.
        ExtraMissing: if it is z3 and not installed.
    """
    return (Z3Solver if is_z3(name) else BoxSolver)(schema, conditions, budget)
