"""Functions on ranges: Allen's relations between intervals and points (OMG DMN 1.5, table 78), and on contexts."""

from typing import Any

import attrs

from crmkit.rules.feel._builtins import builtin
from crmkit.rules.feel._operators import Problem, equal, less
from crmkit.rules.feel._values import Range

_POINT = "number|string|date|time|date and time|days and time duration|years and months duration"


@attrs.frozen
class _End:
    """One end of a range, or a point as both of its ends."""

    value: Any
    included: bool
    endless: bool


def _low(value: Any) -> _End:
    if not isinstance(value, Range):
        return _End(value, included=True, endless=False)
    _check(value)
    return _End(value.low, value.low_included, value.test in {"<", "<="})


def _high(value: Any) -> _End:
    if not isinstance(value, Range):
        return _End(value, included=True, endless=False)
    _check(value)
    return _End(value.high, value.high_included, value.test in {">", ">="})


def _check(value: Range) -> None:
    if value.test == "!=":
        raise Problem("type", "what lies on both sides of a point is no interval")


def _same(left: _End, right: _End) -> bool:
    """Whether two lower ends, or two upper ends, are the same."""
    if left.endless or right.endless:
        return left.endless and right.endless
    return equal(left.value, right.value) is True and left.included == right.included


def _precedes(left: Any, right: Any) -> bool:
    """Whether all of one lies before all of the other."""
    end, begin = _high(left), _low(right)
    if end.endless or begin.endless:
        return False
    touching = equal(end.value, begin.value) is True and not (end.included and begin.included)
    return bool(less(end.value, begin.value)) or touching


def _starts_no_later(left: Any, right: Any) -> bool:
    a, b = _low(left), _low(right)
    if a.endless or b.endless:
        return a.endless
    return bool(less(a.value, b.value)) or (equal(a.value, b.value) is True and (a.included or not b.included))


def _ends_no_later(left: Any, right: Any) -> bool:
    a, b = _high(left), _high(right)
    if a.endless or b.endless:
        return b.endless
    return bool(less(a.value, b.value)) or (equal(a.value, b.value) is True and (b.included or not a.included))


def _same_low(left: Any, right: Any) -> bool:
    return _same(_low(left), _low(right))


def _same_high(left: Any, right: Any) -> bool:
    return _same(_high(left), _high(right))


@builtin(f"before(point1: {_POINT}, point2: {_POINT})")
@builtin(f"before(point: {_POINT}, range: range)")
@builtin(f"before(range: range, point: {_POINT})")
@builtin("before(range1: range, range2: range)")
def before(left: Any, right: Any) -> bool:
    """All of the first lies before all of the second."""
    return _precedes(left, right)


@builtin(f"after(point1: {_POINT}, point2: {_POINT})")
@builtin(f"after(point: {_POINT}, range: range)")
@builtin(f"after(range: range, point: {_POINT})")
@builtin("after(range1: range, range2: range)")
def after(left: Any, right: Any) -> bool:
    """All of the first lies behind all of the second."""
    return _precedes(right, left)


@builtin("meets(range1: range, range2: range)")
def meets(left: Range, right: Range) -> bool:
    """The first ends in the very point with which the second begins."""
    end, begin = _high(left), _low(right)
    if end.endless or begin.endless:
        return False
    return equal(end.value, begin.value) is True and end.included and begin.included


@builtin("met by(range1: range, range2: range)")
def met_by(left: Range, right: Range) -> bool:
    """The second meets the first."""
    return meets(right, left)


@builtin("overlaps(range1: range, range2: range)")
def overlaps(left: Range, right: Range) -> bool:
    """They share a point."""
    return not _precedes(left, right) and not _precedes(right, left)


@builtin("overlaps before(range1: range, range2: range)")
def overlaps_before(left: Range, right: Range) -> bool:
    """They share a point, and the first begins and ends earlier."""
    starts = _starts_no_later(left, right) and not _same_low(left, right)
    return overlaps(left, right) and starts and _ends_no_later(left, right)


@builtin("overlaps after(range1: range, range2: range)")
def overlaps_after(left: Range, right: Range) -> bool:
    """They share a point, and the first begins and ends later."""
    return overlaps_before(right, left)


@builtin(f"finishes(point: {_POINT}, range: range)")
@builtin("finishes(range1: range, range2: range)")
def finishes(left: Any, right: Range) -> bool:
    """The first lies inside the second and ends with it."""
    return _same_high(left, right) and _starts_no_later(right, left)


@builtin(f"finished by(range: range, point: {_POINT})")
@builtin("finished by(range1: range, range2: range)")
def finished_by(left: Range, right: Any) -> bool:
    """The second finishes the first."""
    return finishes(right, left)


@builtin(f"includes(range: range, point: {_POINT})")
@builtin("includes(range1: range, range2: range)")
def includes(left: Range, right: Any) -> bool:
    """All of the second lies inside the first."""
    return _starts_no_later(left, right) and _ends_no_later(right, left)


@builtin(f"during(point: {_POINT}, range: range)")
@builtin("during(range1: range, range2: range)")
def during(left: Any, right: Range) -> bool:
    """All of the first lies inside the second."""
    return includes(right, left)


@builtin(f"starts(point: {_POINT}, range: range)")
@builtin("starts(range1: range, range2: range)")
def starts(left: Any, right: Range) -> bool:
    """The first lies inside the second and begins with it."""
    return _same_low(left, right) and _ends_no_later(left, right)


@builtin(f"started by(range: range, point: {_POINT})")
@builtin("started by(range1: range, range2: range)")
def started_by(left: Range, right: Any) -> bool:
    """The second starts the first."""
    return starts(right, left)


@builtin(f"coincides(point1: {_POINT}, point2: {_POINT})")
@builtin("coincides(range1: range, range2: range)")
def coincides(left: Any, right: Any) -> bool:
    """Both are the same."""
    return _same_low(left, right) and _same_high(left, right)


# -- contexts


@builtin("get value(m: context, key: string)")
def get_value(of: dict[str, Any], key: str) -> Any:
    """The member of that name; null without one."""
    return of.get(key)


@builtin("get entries(m: context)")
def get_entries(of: dict[str, Any]) -> list[dict[str, Any]]:
    """The members as a list of contexts with `key` and `value`."""
    return [{"key": key, "value": value} for key, value in of.items()]


@builtin("context(entries: list)")
def context(entries: list[Any]) -> dict[str, Any]:
    """The context of entries with `key` and `value`; the inverse of `get entries`."""
    made: dict[str, Any] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or "value" not in entry:
            raise Problem("type", "an entry has a key, which is a string, and a value")
        if entry["key"] in made:
            raise Problem("duplicate", f"the key {entry['key']!r} is there twice")
        made[entry["key"]] = entry["value"]
    return made


@builtin("context put(context: context, key: string, value: any|null)")
def context_put(of: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """With one member set."""
    return {**of, key: value}


@builtin("context put(context: context, keys: list, value: any|null)")
def context_put_deep(of: dict[str, Any], keys: list[Any], value: Any) -> dict[str, Any]:
    """With a member of a member set."""
    if not keys or not all(isinstance(key, str) for key in keys):
        raise Problem("type", "the keys are strings, and there is at least one")
    first, rest = keys[0], keys[1:]
    if not rest:
        return {**of, first: value}
    inner = of.get(first)
    if not isinstance(inner, dict):
        raise Problem("type", f"{first!r} is no context")
    return {**of, first: context_put_deep(inner, rest, value)}


@builtin("context merge(contexts: list...)")
def context_merge(contexts: list[Any]) -> dict[str, Any]:
    """The members of all; of two with one name the later."""
    made: dict[str, Any] = {}
    for one in contexts:
        if not isinstance(one, dict):
            raise Problem("type", "context merge wants contexts")
        made |= one
    return made
