"""Conditions as formulas of z3: every part is a value and a flag that says that it is null.

Decimals are reals, so that sums and products are exact; what is rounded, quotients and floats, is a value within the
error of one rounding. A part that has no formula is a free value, or a free truth, of its own: the same text is the
same value. What is impossible for such formulas is impossible for records.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import attrs

from crmkit.rules._columns import NOT_CONSTANT, constant
from crmkit.rules._scales import SCALES
from crmkit.rules._shapes import NUMBERS, Shape
from crmkit.rules.analysis._core import SINGLE, Place, Reader, Truth, negation, place_of, truth
from crmkit.rules.analysis._z3_tables import (
    DAYS,
    ENDS,
    MONTHS,
    NUMERIC,
    ORDERS,
    TEXTS,
    TIMES,
    Formula,
    power,
    terminates,
)
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._printer import unparse
from crmkit.rules.feel._values import kind
from crmkit.rules.schema import Field, Schema

_LAST_CHARACTER = 0x2FFFF
#: How far a rounded result may be from the exact one: a part of it, and at least so much.
_DECIMAL_ERROR = Fraction(1, 10**33), Fraction(1, 10**100)
_FLOAT_ERROR = Fraction(1, 2**53), Fraction(1, 10**100)
#: Bits of the numbers that z3 is given: more than any float has.
_LONGEST = 4000
_DIGITS = 34
_GREATEST_FLOAT = 2**1023


class OpaqueError(Exception):
    """A part has no formula."""


@attrs.frozen
class Term:
    """A part as z3 has it.

    Attributes:
        kind: what it is, as a kind of field.
        value: the value; it means nothing where the part is null.
        null: whether it is null.
        fixed: the value of a literal.
    """

    kind: str
    value: Formula
    null: Formula
    fixed: Any = None


class Terms:
    """Makes formulas of conditions over one schema; an algebra of formulas.

    Attributes:
        facts: by the name of a variable, what is known of it.
        places: the fields, and members of fields, that conditions read.
        exact: by the name of a rounded value, that it is the exact one.
    """

    def __init__(self, z3: Any, schema: Schema) -> None:
        self.z3, self.context = z3, z3.Context()
        self.facts: dict[str, list[Formula]] = {}
        self.places: dict[Place, Term] = {}
        self.exact: dict[str, Formula] = {}
        self._reader, self._schema = Reader(schema), schema
        self._known: dict[str, Term] = {}
        self._no = z3.BoolVal(val=False, ctx=self.context)

    # -- the algebra

    def nowhere(self) -> Formula:
        """False."""
        return self._no

    def everywhere(self) -> Formula:
        """True."""
        return self.z3.Not(self._no)

    def both(self, left: Formula, right: Formula) -> Formula:
        """And."""
        return self.z3.And(left, right)

    def either(self, left: Formula, right: Formula) -> Formula:
        """Or."""
        return self.z3.Or(left, right)

    def atom(self, node: nodes.Node) -> Truth[Formula]:
        """A part that joins no others: a comparison, or something that is true or false."""
        try:
            return self._compared(node) if isinstance(node, nodes.Compare) else self._boolean(self.term(node))
        except OpaqueError:
            nullable = self._reader.shape(node).nullable or self._reader.shape(node).kind != "boolean"
            return self._boolean(self._free(f"whether {unparse(node)}", Shape("boolean", nullable=nullable)))

    def _boolean(self, term: Term) -> Truth[Formula]:
        if term.kind != "boolean":
            raise OpaqueError
        there = self.z3.Not(term.null)
        return Truth(self.both(there, term.value), self.both(there, self.z3.Not(term.value)), term.null)

    def _compared(self, node: nodes.Compare) -> Truth[Formula]:
        if node.op in {"=", "!="}:
            same = self._same(node.left, node.right)
            found = Truth(same, self.z3.Not(same), self._no)
            return found if node.op == "=" else found.turned()
        left, right = self._alike(self.term(node.left), self.term(node.right))
        if left.kind == "boolean":
            raise OpaqueError
        null = self.either(left.null, right.null)
        holds = ORDERS[node.op](left.value, right.value)
        there = self.z3.Not(null)
        return Truth(self.both(there, holds), self.both(there, self.z3.Not(holds)), null)

    def _same(self, left: nodes.Node, right: nodes.Node) -> Formula:
        null = nodes.Literal_(None)
        if null in (left, right):
            return self._empty(left if right == null else right)
        one, two = self._alike(self.term(left), self.term(right))
        there = self.z3.Not(self.either(one.null, two.null))
        return self.either(self.both(one.null, two.null), self.both(there, one.value == two.value))

    def _alike(self, left: Term, right: Term) -> tuple[Term, Term]:
        """Two parts as they are compared."""
        if left.kind != right.kind and not {left.kind, right.kind} <= NUMBERS:
            raise OpaqueError
        if "float" in {left.kind, right.kind}:
            left, right = self._rough(left), self._rough(right)
        self._anchored(left, right)
        self._anchored(right, left)
        return left, right

    def _anchored(self, of: Term, literal: Term) -> None:
        """A rounded value lies on the side of a literal on which the exact one does: numbers round to the nearest."""
        at = literal.fixed
        name = of.value.decl().name()
        if name in self.exact and (isinstance(at, float) or (at is not None and len(at.as_tuple().digits) <= _DIGITS)):
            exact, end = self.exact[name].arg(1), literal.value
            self.facts[name] += [self.z3.Or(exact > end, of.value <= end), self.z3.Or(exact < end, of.value >= end)]

    # -- values

    def term(self, node: nodes.Node) -> Term:
        """A part as a value.

        Raises:
            OpaqueError: if it is of a kind that z3 has not.
        """
        text = unparse(node)
        if text not in self._known:
            try:
                made = self._made(node)
            except OpaqueError:
                made = self._free(text, self._reader.shape(node))
            self._known[text] = made
        return self._known[text]

    def _made(self, node: nodes.Node) -> Term:
        value = constant(node)
        if value is not NOT_CONSTANT:
            return self._literal(value)
        match node:
            case nodes.Negate():
                return self._negated(self.term(node.operand))
            case nodes.Arithmetic():
                return self._computed(node)
            case nodes.If() if self._reader.shape(node).kind != "boolean":
                return self._chosen(node)
            case nodes.Call(function=nodes.Name(name=name), names=()) if name in TEXTS:
                return self._text(name, [*map(self.term, node.arguments)])
            case _:
                place = place_of(node)
                return self._verdict(node) if place is None else self._field(place)

    def _verdict(self, node: nodes.Node) -> Term:
        """A condition as a value."""
        core = self._reader.core(node)
        if not isinstance(core, nodes.And | nodes.Or | nodes.If | nodes.Compare) and negation(core) is None:
            raise OpaqueError
        found = truth(self, core)
        return Term("boolean", found.true, found.null)

    def _text(self, name: str, parts: Sequence[Term]) -> Term:
        of, takes, formula = TEXTS[name]
        if len(parts) != takes or any(part.kind != "string" for part in parts):
            raise OpaqueError
        null = self.z3.Or(*(part.null for part in parts))
        return Term(of, formula(self.z3, [part.value for part in parts]), null)

    def _empty(self, node: nodes.Node) -> Formula:
        """Whether a part is null, whatever else it may be."""
        place = place_of(node)
        fields = None if place is None else self._path(place)
        if place is None or fields is None or fields[-1].kind in SINGLE:
            return self.term(node).null
        return self._absent(place, fields)

    def _absent(self, place: Place, fields: Sequence[Field]) -> Formula:
        flags = [self._flag(place[: depth + 1]) for depth, field in enumerate(fields) if field.nullable]
        return self.z3.Or(self._no, *flags)

    def _flag(self, place: Place) -> Formula:
        """The flag of a field that may be null; a context that is empty is a place too."""
        flag = self.z3.Bool(f"null {place}", self.context)
        self.places.setdefault(place, Term("context", self._no, flag))
        return flag

    def _path(self, place: Place) -> list[Field] | None:
        """The fields on the way to a place; None if it is no field."""
        found: list[Field] = []
        fields = self._schema.fields
        for name in place:
            field = next((one for one in fields if one.name == name), None)
            if field is None or (found and found[-1].kind != "context"):
                return None
            found.append(field)
            fields = field.fields
        return found

    def _field(self, place: Place) -> Term:
        fields = self._path(place)
        if fields is None or fields[-1].kind not in SINGLE:
            raise OpaqueError
        field, name = fields[-1], str(place)
        value = self._variable(name, field.kind)
        null = self._absent(place, fields)
        low, high = field.bounds
        bounds = [low <= value for low in self._values(low)]
        bounds += [value <= high for high in self._values(high)]
        if field.kind in ENDS:
            first, last = ENDS[field.kind]
            bounds += [value >= first, value <= last]
        if field.values:
            bounds.append(self.z3.Or([value == one for known in field.known for one in self._values(known)]))
        # Where only the flag is asked for, there has to be a value all the same.
        self.facts[name] = self.facts[f"null {name}"] = [self.z3.Or(null, bound) for bound in bounds]
        own = self._flag(place) if field.nullable else self._no
        self.places[place] = Term(field.kind, value, own)
        return Term(field.kind, value, null)

    def _values(self, value: Any) -> list[Formula]:
        """A bound of a field as z3 has it; nothing if there is none."""
        return [] if value is None else [self._literal(value).value]

    def _variable(self, name: str, of: str) -> Formula:
        sort = {"decimal": "Real", "float": "Real", "string": "String", "boolean": "Bool"}.get(of, "Int")
        return getattr(self.z3, sort)(name, self.context)

    def _free(self, name: str, shape: Shape) -> Term:
        """A value of its own."""
        if shape.kind not in SINGLE:
            raise OpaqueError
        # What gives a decimal may give a float as well: a free value of both is only compared with its own kind.
        null = self.z3.Bool(f"null {name}", self.context) if shape.nullable else self._no
        return Term(shape.kind, self._variable(name, shape.kind), null)

    def _literal(self, value: Any) -> Term:
        of: str = kind(value)
        if of == "number":
            exact = Fraction(value)
            if max(exact.numerator.bit_length(), exact.denominator.bit_length()) > _LONGEST:
                raise OpaqueError
            whole = exact.denominator == 1 and not isinstance(value, float)
            made = self._whole(int(exact)) if whole else self._real(exact)
            of = "float" if isinstance(value, float) else "integer" if whole else "decimal"
        elif of == "boolean":
            made = self.z3.BoolVal(value, self.context)
        elif of == "string" and all(ord(one) <= _LAST_CHARACTER for one in value):
            made = self.z3.StringVal("".join(f"\\u{{{ord(one):x}}}" for one in value), self.context)
        elif of in SCALES and SCALES[of].holds(value):
            ((place, _),) = SCALES[of].places(value)
            made = self._whole(place)
        else:
            raise OpaqueError
        return Term(of, made, self._no, value)

    def _whole(self, value: int) -> Formula:
        return self.z3.IntVal(value, self.context)

    def _real(self, value: Fraction) -> Formula:
        return self.z3.RealVal(f"{value.numerator}/{value.denominator}", self.context)

    # -- arithmetic

    def _negated(self, of: Term) -> Term:
        if of.kind not in {*NUMBERS, DAYS, MONTHS}:
            raise OpaqueError
        return Term(of.kind, -of.value, of.null)

    def _chosen(self, node: nodes.If) -> Term:
        condition = truth(self, self._reader.core(node.condition)).true
        parts = [None if part == nodes.Literal_(None) else self.term(part) for part in (node.then, node.otherwise)]
        there = [part for part in parts if part is not None]
        kinds = {part.kind for part in there}
        if not there or (len(kinds) > 1 and not kinds <= {"integer", "decimal"}):
            raise OpaqueError
        one, two = (part or Term(there[0].kind, there[0].value, self.everywhere()) for part in parts)
        of = "decimal" if len(kinds) > 1 else one.kind
        value = self.z3.If(condition, *((one.value, two.value) if len(kinds) == 1 else map(self._exact, (one, two))))
        return Term(of, value, self.z3.If(condition, one.null, two.null))

    def _exact(self, of: Term) -> Formula:
        """A number as a real."""
        return self.z3.ToReal(of.value) if self.z3.is_int(of.value) else of.value

    def _computed(self, node: nodes.Arithmetic) -> Term:
        left, right = self.term(node.left), self.term(node.right)
        null = self.either(left.null, right.null)
        if {left.kind, right.kind} <= NUMBERS:
            return self._number(node, left, right, null)
        made = TIMES.get((node.op, left.kind, right.kind))
        if made is None:
            raise OpaqueError
        of, compute = made
        value = compute(left.value, right.value)
        if of == DAYS:
            first, last = ENDS[DAYS]
            null = self.z3.Or(null, value < first, value > last)
        return Term(of, value, null)

    def _number(self, node: nodes.Arithmetic, left: Term, right: Term, null: Formula) -> Term:
        rough = "float" in {left.kind, right.kind}
        if rough:
            left, right = self._rough(left), self._rough(right)
        of = "float" if rough else "integer" if {left.kind, right.kind} == {"integer"} else "decimal"
        if node.op == "**":
            product = None if rough else power(left.value, right.fixed)
            if product is None:
                raise OpaqueError
            return Term(of, product, null)
        if node.op == "/":
            return self._quotient(unparse(node), left, right, null)
        value = NUMERIC[node.op](left.value, right.value)
        return Term(of, self._rounded(unparse(node), value, _FLOAT_ERROR) if rough else value, null)

    def _quotient(self, text: str, left: Term, right: Term, null: Formula) -> Term:
        above, below = self._exact(left), self._exact(right)
        of = "float" if left.kind == "float" else "decimal"
        error = _FLOAT_ERROR if of == "float" else _DECIMAL_ERROR
        if right.fixed:
            part = 1 / Fraction(right.fixed)
            exact = above * self._real(part)
            value = exact if of == "decimal" and terminates(part) else self._rounded(text, exact, error)
            return Term(of, value, null)
        return Term(of, self._rounded(text, above / below, error), self.either(null, below == 0))

    def _rough(self, of: Term) -> Term:
        """A number as a float."""
        if of.kind == "float":
            return of
        if of.fixed is not None:
            return Term("float", self._real(Fraction(float(of.fixed))), of.null, float(of.fixed))
        name = f"float {of.value.sexpr()}"
        return Term("float", self._rounded(name, self._exact(of), _FLOAT_ERROR), of.null)

    def _rounded(self, text: str, exact: Formula, error: tuple[Fraction, Fraction]) -> Formula:
        """A value that is the exact one but for one rounding; any value where floats have none so large."""
        name = f"rounded {text}"
        value = self.z3.Real(name, self.context)
        part, least = map(self._real, error)
        width = self.z3.If(exact < 0, -exact, exact) * part + least
        near = self.both(value - exact <= width, exact - value <= width)
        if error == _FLOAT_ERROR:
            near = self.z3.Or(near, exact > _GREATEST_FLOAT, exact < -_GREATEST_FLOAT)
        self.facts[name] = [near]
        self.exact[name] = value == exact
        return value
