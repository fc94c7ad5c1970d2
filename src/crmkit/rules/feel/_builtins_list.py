"""Functions on lists (OMG DMN 1.5, 10.3.4.4 and 10.3.4.10)."""

from collections.abc import Callable
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from crmkit.rules.feel._builtins import builtin
from crmkit.rules.feel._numbers import CONTEXT
from crmkit.rules.feel._operators import Problem, arithmetic, both, equal, identity, inverted, less, order_key
from crmkit.rules.feel._values import Function


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal; values of two kinds are not."""
    try:
        return equal(left, right) is True
    except Problem:
        return False


def _numbers(values: list[Any], purpose: str) -> list[Decimal]:
    if not all(isinstance(value, Decimal) for value in values):
        raise Problem("type", f"{purpose} wants numbers")
    return values


@builtin("list contains(list: list, element: any|null)")
def list_contains(values: list[Any], element: Any) -> bool:
    """Whether it is one of them."""
    return any(same(value, element) for value in values)


@builtin("list replace(list: list, position: number, newItem: any|null)")
@builtin("list replace(list: list, match: function, newItem: any|null)")
def list_replace(values: list[Any], where: Decimal | Function, item: Any) -> list[Any]:
    """With another item at a position, or wherever the function says so."""
    if isinstance(where, Function):
        return [item if _asked(where, value, item) else value for value in values]
    index = _index(values, where)
    return [*values[:index], item, *values[index + 1 :]]


def _asked(function: Function, left: Any, right: Any) -> bool:
    if not function.takes(2):
        raise Problem("arguments", "the function must take two arguments")
    answer = function.body(left, right)
    if not isinstance(answer, bool):
        raise Problem("type", "the function must say true or false")
    return answer


@builtin("count(list: list)")
def count(values: list[Any]) -> Decimal:
    """How many."""
    return Decimal(len(values))


def _extreme(values: list[Any], better: Callable[[Any, Any], Any]) -> Any:
    if not values:
        raise Problem("empty", "an empty list has no extreme")
    best = values[0]
    less(best, best)
    for value in values[1:]:
        if better(value, best):
            best = value
    return best


@builtin("min(list: list...)")
def least(values: list[Any]) -> Any:
    """The least."""
    return _extreme(values, less)


@builtin("max(list: list...)")
def greatest(values: list[Any]) -> Any:
    """The greatest."""
    return _extreme(values, lambda a, b: less(b, a))


@builtin("sum(list: list...)")
def total(values: list[Any]) -> Any:
    """The sum of numbers, or of durations of one kind."""
    if not values:
        raise Problem("empty", "an empty list has no sum")
    result = values[0]
    if not isinstance(result, Decimal):
        arithmetic("/", result, Decimal(1))
    for value in values[1:]:
        result = arithmetic("+", result, value)
    return result


@builtin("mean(list: list...)")
def mean(values: list[Any]) -> Any:
    """The arithmetic mean."""
    return arithmetic("/", total(values), Decimal(len(values)))


@builtin("product(list: list...)")
def product(values: list[Any]) -> Decimal:
    """All multiplied."""
    if not values:
        raise Problem("empty", "an empty list has no product")
    result = Decimal(1)
    for value in _numbers(values, "product"):
        result = arithmetic("*", result, value)
    return result


@builtin("median(list: list...)")
def median(values: list[Any]) -> Decimal:
    """The middle, or the mean of the two in the middle."""
    if not values:
        raise Problem("empty", "an empty list has no median")
    ranked = sorted(_numbers(values, "median"))
    middle = len(ranked) // 2
    if len(ranked) % 2:
        return ranked[middle]
    return CONTEXT.divide(CONTEXT.add(ranked[middle - 1], ranked[middle]), Decimal(2))


@builtin("stddev(list: list...)")
def stddev(values: list[Any]) -> Decimal:
    """The standard deviation of the sample."""
    if len(_numbers(values, "stddev")) < 2:
        raise Problem("empty", "a standard deviation needs two numbers")
    centre = mean(values)
    squares = Decimal(0)
    for value in values:
        away = CONTEXT.subtract(value, centre)
        squares = CONTEXT.add(squares, CONTEXT.multiply(away, away))
    return CONTEXT.sqrt(CONTEXT.divide(squares, Decimal(len(values) - 1)))


@builtin("mode(list: list...)")
def mode(values: list[Any]) -> list[Decimal]:
    """What occurs most often, in ascending order."""
    counted: dict[Decimal, int] = {}
    for value in _numbers(values, "mode"):
        counted[value] = counted.get(value, 0) + 1
    most = max(counted.values(), default=0)
    return sorted(value for value, n in counted.items() if n == most)


def _every(values: list[Any], *, when: bool) -> Any:
    result: Any = True
    for value in values:
        if value is not None and not isinstance(value, bool):
            raise Problem("type", "the list must hold booleans")
        result = both(result, value if when else inverted(value))
    return result


@builtin("all(list: list...)")
def all_(values: list[Any]) -> Any:
    """Three-valued conjunction."""
    return _every(values, when=True)


@builtin("any(list: list...)")
def any_(values: list[Any]) -> Any:
    """Three-valued disjunction."""
    return inverted(_every(values, when=False))


def _index(values: list[Any], position: Decimal) -> int:
    """The place of a position that counts from 1, or from the end if negative."""
    number = int(position)
    if position != number or not number or abs(number) > len(values):
        raise Problem("range", f"the list has no position {position}")
    return number - 1 if number > 0 else len(values) + number


@builtin("sublist(list: list, start position: number, length: number?)")
def sublist(values: list[Any], start: Decimal, length: Decimal | None = None) -> list[Any]:
    """Some items from a position on."""
    index = _index(values, start)
    if length is None:
        return values[index:]
    if int(length) < 1 or index + int(length) > len(values):
        raise Problem("range", f"the list does not have {length} items from there")
    return values[index : index + int(length)]


@builtin("append(list: list, item: any|null...)")
def append(values: list[Any], items: list[Any]) -> list[Any]:
    """With items at the end."""
    return [*values, *items]


@builtin("concatenate(list: any|null...)")
def concatenate(lists: list[Any]) -> list[Any]:
    """Lists one behind the other."""
    if any(one is None for one in lists):
        raise Problem("null-operand", "null is no list")
    return [value for one in lists for value in (one if isinstance(one, list) else [one])]


@builtin("insert before(list: list, position: number, newItem: any|null)")
def insert_before(values: list[Any], position: Decimal, item: Any) -> list[Any]:
    """With an item before a position."""
    index = _index(values, position)
    return [*values[:index], item, *values[index:]]


@builtin("remove(list: list, position: number)")
def remove(values: list[Any], position: Decimal) -> list[Any]:
    """Without the item at a position."""
    index = _index(values, position)
    return [*values[:index], *values[index + 1 :]]


@builtin("reverse(list: list)")
def reverse(values: list[Any]) -> list[Any]:
    """The last first."""
    return values[::-1]


@builtin("index of(list: list, match: any|null)")
def index_of(values: list[Any], match: Any) -> list[Decimal]:
    """The positions where it stands."""
    return [Decimal(number) for number, value in enumerate(values, 1) if same(value, match)]


@builtin("distinct values(list: list)")
def distinct_values(values: list[Any]) -> list[Any]:
    """Each value once."""
    kept: dict[Any, Any] = {}
    for value in values:
        kept.setdefault(identity(value), value)
    return [*kept.values()]


@builtin("union(list: any|null...)")
def union(lists: list[Any]) -> list[Any]:
    """All values of the lists, each once."""
    return distinct_values(concatenate(lists))


@builtin("flatten(list: list)")
def flatten(values: list[Any]) -> list[Any]:
    """Without lists inside."""
    flat: list[Any] = []
    waiting = values[::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value[::-1]
        else:
            flat.append(value)
    return flat


@builtin("sort(list: list, precedes: function?)")
def sort(values: list[Any], precedes: Function | None = None) -> list[Any]:
    """In the order that a function says, or the natural one; equals keep theirs."""
    if precedes is None:
        return _ascending(values)

    def order(a: Any, b: Any) -> int:
        return -1 if _asked(precedes, a, b) else int(_asked(precedes, b, a))

    return sorted(values, key=cmp_to_key(order))


def _ascending(values: list[Any]) -> list[Any]:
    for value in values:
        less(values[0], value)
    return sorted(values, key=order_key)
