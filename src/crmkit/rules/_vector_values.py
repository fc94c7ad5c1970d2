"""Numbers, days and instants of many records: arrays with null masks, exact ones as whole numbers with a scale.

Before each step the largest possible result is bounded, so that 64 bits never overflow unseen.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmkit.rules.columns import _DIGITS, _EPOCH, _MICRO, _WIDEST, Mask, _exponent
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._numbers import EXACT
from crmkit.rules.feel._values import YearsMonths

if TYPE_CHECKING:
    from crmkit.rules._vectors import Evaluator


class Scalar(Exception):
    """The part has no vector form."""


@attrs.frozen(eq=False)
class Vector:
    """A value for each record: an array, or one number for all; null where the mask is set."""

    data: Any
    null: Mask | None = None
    scale: int = 0
    # Whole numbers with a scale are exact; floats are not scaled.
    exact: bool = True


def either(left: Mask | None, right: Mask | None) -> Mask | None:
    """What is null in one or in the other."""
    return right if left is None else left if right is None else left | right


def alike(x: Vector, y: Vector) -> tuple[Vector, Vector]:
    """Two numbers on one scale."""
    if x.exact and y.exact:
        return _scaled(x, max(x.scale, y.scale)), _scaled(y, max(x.scale, y.scale))
    return rough(x), rough(y)


def rough(x: Vector) -> Vector:
    """As floats: a literal beside a float, or a whole number."""
    if not x.exact:
        return x
    if isinstance(x.data, int):
        return Vector(float(EXACT.scaleb(Decimal(x.data), -x.scale)), x.null, exact=False)
    if x.scale:
        raise Scalar
    return Vector(x.data.astype(np.float64), x.null, exact=False)


def _bound(x: Vector) -> int:
    """The largest absolute value."""
    if isinstance(x.data, int):
        return abs(x.data)
    return max(abs(int(x.data.min())), abs(int(x.data.max()))) if len(x.data) else 0


def _scaled(x: Vector, scale: int) -> Vector:
    if scale == x.scale:
        return x
    factor = 10 ** (scale - x.scale)
    if max(_bound(x), 1) * factor >= _WIDEST:
        raise Scalar
    return Vector(x.data * factor, x.null, scale)


@attrs.frozen
class Member(nodes.Name):
    """A member of the item at hand, as a name."""

    original: nodes.Node = attrs.field(kw_only=True, eq=False, default=nodes.Literal_(None))


def _number(_of: "Evaluator", node: nodes.Literal_) -> Vector:
    if not isinstance(node.value, Decimal):
        raise Scalar
    scale = max(0, -_exponent(node.value)) if node.value else 0
    whole = int(EXACT.scaleb(node.value, scale)) if scale <= _DIGITS else _WIDEST
    if abs(whole) >= _WIDEST:
        raise Scalar
    return Vector(whole, None, scale)


def _temporal(_of: "Evaluator", node: nodes.Temporal) -> Vector:
    value = node.value
    match value:
        case datetime() if value.tzinfo is not None:
            return Vector((value - _EPOCH) // _MICRO)
        case date() if not isinstance(value, datetime):
            return Vector(value.toordinal())
        case timedelta():
            return Vector(value // _MICRO)
        case YearsMonths():
            return Vector(value.months)
        case _:
            raise Scalar


def _name(of: "Evaluator", node: nodes.Name) -> Vector:
    one = of.column(node.name)
    if one.items is not None or one.field.kind in {"string", "boolean"}:
        raise Scalar
    return Vector(one.data, one.null, one.scale, exact=one.field.kind != "float")


def _negate(of: "Evaluator", node: nodes.Negate) -> Vector:
    inner = of.value(node.operand)
    return attrs.evolve(inner, data=-inner.data)


def _arithmetic(of: "Evaluator", node: nodes.Arithmetic) -> Vector:
    if of.shape(node).feel != "number" and not (
        node.op == "-" and of.shape(node.left).kind == of.shape(node.right).kind == "date and time"
    ):
        raise Scalar
    x, y = of.value(node.left), of.value(node.right)
    null = either(x.null, y.null)
    if node.op in {"+", "-"}:
        x, y = alike(x, y)
        if x.exact and _bound(x) + _bound(y) >= _WIDEST:
            raise Scalar
        return Vector(x.data + y.data if node.op == "+" else x.data - y.data, null, x.scale, x.exact)
    if node.op == "*":
        return _product(x, y, null)
    if node.op == "/" and not (x.exact and y.exact):
        x, y = rough(x), rough(y)
        zero = np.asarray(y.data == 0)
        return Vector(
            np.divide(x.data, y.data),
            either(null, np.broadcast_to(zero, of.size)) if zero.any() else null,
            exact=False,
        )
    raise Scalar


def _product(x: Vector, y: Vector, null: Mask | None) -> Vector:
    if not (x.exact and y.exact):
        x, y = rough(x), rough(y)
        return Vector(x.data * y.data, null, exact=False)
    if _bound(x) * _bound(y) >= _WIDEST:
        raise Scalar
    return Vector(x.data * y.data, null, x.scale + y.scale)


def _count(of: "Evaluator", node: nodes.Call) -> Vector:
    named = isinstance(node.function, nodes.Name) and node.function.name == "count" and len(node.arguments) == 1
    if not named or not isinstance(node.arguments[0], nodes.Name):
        raise Scalar
    one = of.column(node.arguments[0].name)
    return Vector(np.diff(one.data), one.null)


VALUES: Mapping[type, Callable[[Any, Any], Vector]] = {
    nodes.Literal_: _number,
    nodes.Temporal: _temporal,
    nodes.Name: _name,
    Member: _name,
    nodes.Negate: _negate,
    nodes.Arithmetic: _arithmetic,
    nodes.Call: _count,
}
