"""Questions answered by z3, which knows arithmetic over several fields."""

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from typing import Any

from crmkit.errors import ExtraMissing
from crmkit.rules._scales import SCALES
from crmkit.rules.analysis._boxes import Budget
from crmkit.rules.analysis._core import Place, Reader, Truth, truth
from crmkit.rules.analysis._questions import Answer, Demand, Solver
from crmkit.rules.analysis._z3_tables import Formula
from crmkit.rules.analysis._z3_terms import Term, Terms
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._numbers import CONTEXT
from crmkit.rules.schema import Schema

_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
#: To how many places numbers are rounded that z3 gives and decimals are not.
_PLACES = (0, 2, 6, 28)


def load() -> Any:
    """z3.

    Raises:
        ExtraMissing: if it is not installed.
    """
    try:
        return import_module("z3")
    except ImportError:
        raise ExtraMissing("z3-solver", "analysis", "proving rules with z3") from None


class Z3Solver(Solver):
    """Answers questions with z3.

    Raises:
        ExtraMissing: if it is not installed.
    """

    def __init__(self, schema: Schema, conditions: Sequence[nodes.Node], budget: Budget) -> None:
        super().__init__(schema, conditions)
        self._z3, self._budget = load(), budget
        self._terms = Terms(self._z3, schema)
        reader = Reader(schema)
        self._said = [truth(self._terms, reader.condition(one)) for one in conditions]
        self._names: dict[int, tuple[Formula, frozenset[str]]] = {}

    def ask(self, demand: Demand) -> Answer:
        """Whether there is a record where conditions say what is asked for."""
        wanted = [self._wanted(self._said[one], said) for one, said in demand.items()]
        # Without the tactics that z3 picks by itself: they cost more than most of the questions.
        search = self._z3.SimpleSolver(ctx=self._terms.context)
        # A limit on what z3 does, not on its time: every run gives the same answer.
        search.set("rlimit", self._budget.steps)
        names, facts = self._facts(wanted)
        search.add(*wanted, *facts)
        read = {place: one for place, one in self._terms.places.items() if self._named(one) & names}
        exact = [one for name, one in self._terms.exact.items() if name in names]
        if exact:
            # What is true without rounding is a better example than what is true because of it.
            search.push()
            search.add(*exact)
            answer = self._searched(search, read, demand)
            if answer.record is not None:
                return answer
            search.pop()
        return self._searched(search, read, demand)

    def _searched(self, search: Any, read: Mapping[Place, Term], demand: Demand) -> Answer:
        found = search.check()
        if found == self._z3.unsat:
            return Answer()
        if found != self._z3.sat:
            return Answer(open="steps")
        model = search.model()
        record = self.tried(self._values(model, read), demand)
        if record is None:
            record = self.tried(self._values(self._rounded(search, model, read), read), demand)
        return Answer(record, "" if record is not None else "opaque")

    def _wanted(self, found: Truth[Formula], said: Any) -> Formula:
        parts = {True: found.true, False: found.false, None: found.null}
        return self._z3.Or(self._terms.nowhere(), *(parts[value] for value in said))

    def _named(self, term: Term) -> frozenset[str]:
        return self._variables(term.value) | self._variables(term.null)

    def _facts(self, formulas: Sequence[Formula]) -> tuple[set[str], list[Formula]]:
        """The variables of formulas, and what is known of them."""
        facts: list[Formula] = []
        waiting = [*formulas]
        seen: set[str] = set()
        while waiting:
            for name in self._variables(waiting.pop()) - seen:
                seen.add(name)
                facts += self._terms.facts.get(name, ())
                waiting += self._terms.facts.get(name, ())
        return seen, facts

    def _variables(self, formula: Formula) -> frozenset[str]:
        key = formula.get_id()
        if key not in self._names:
            children = formula.children()
            free = formula.decl().kind() == self._z3.Z3_OP_UNINTERPRETED
            named = [formula.decl().name()] if free else []
            # The formula is kept, lest another gets its id.
            self._names[key] = formula, frozenset(named).union(*map(self._variables, children))
        return self._names[key][1]

    # -- from models to records

    def _values(self, model: Any, read: Mapping[Place, Term]) -> dict[Place, Any]:
        values: dict[Place, Any] = {}
        for place, term in read.items():
            if self._z3.is_true(model.eval(term.null, model_completion=True)):
                values[place] = None
            else:
                values[place] = _value(term, model.eval(term.value, model_completion=True))
        return values

    def _rounded(self, search: Any, model: Any, read: Mapping[Place, Term]) -> Any:
        """A model whose numbers are decimals of few digits, as far as there is one."""
        for term in read.values():
            if term.kind not in {"decimal", "float"}:
                continue
            for near in _near(_fraction(model.eval(term.value, model_completion=True)), term.kind):
                pinned = term.value == self._z3.RealVal(f"{near.numerator}/{near.denominator}", self._terms.context)
                if search.check(pinned) == self._z3.sat:
                    model = search.model()
                    search.add(pinned)
                    break
        return model


def _fraction(value: Formula) -> Fraction:
    """A number of z3; near enough if it is the root of something."""
    exact = value.approx(30) if hasattr(value, "approx") else value
    return Fraction(exact.as_fraction())


def _near(value: Fraction, of: str) -> Iterator[Fraction]:
    for places in _PLACES:
        scaled = value * 10**places
        for rounded in dict.fromkeys((math.floor(scaled), math.ceil(scaled))):
            near = Fraction(rounded, 10**places)
            yield near if of == "decimal" else Fraction(_float(near))


def _float(value: Fraction) -> float:
    """The nearest float; the greatest if there is none so large."""
    greatest = sys.float_info.max
    return float(max(-Fraction(greatest), min(value, Fraction(greatest))))


def _value(term: Term, value: Formula) -> Any:
    """A value of z3 as rules see it."""
    match term.kind:
        case "boolean" | "context":
            # Of a context or a list it only matters that it is there.
            return str(value) == "True"
        case "string":
            return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value.as_string())
        case "decimal":
            exact = _fraction(value)
            return CONTEXT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
        case "float":
            return _float(_fraction(value))
        case of:
            return SCALES[of].value(value.as_long())
