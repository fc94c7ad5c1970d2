"""Tests from rules: records at the edges of what rules compare with, and the laws that every rule set keeps."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any, TypeAlias, TypeVar

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from crmkit.rules.coverage import literals
from crmkit.rules.feel import YearsMonths
from crmkit.rules.ruleset import RuleSet
from crmkit.rules.schema import Field
from crmkit.testing import rule_laws, table_laws

__all__ = ["check_ruleset", "examples_of", "records", "values"]

T = TypeVar("T")
Values: TypeAlias = st.SearchStrategy[Any]

# Records of many fields are large, and wanted outcomes rare: that is no fault here.
_SLOW = (HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.large_base_example)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_MANY = 100
_LONG, _HOUR, _SECOND = timedelta(seconds=10**9), timedelta(hours=1), timedelta(seconds=1)


def records(
    rules: RuleSet, rule: str | None = None, outcome: Any = "any", *, near_boundary: bool = True
) -> st.SearchStrategy[dict[str, Any]]:
    """Records for the rules of a set.

    Args:
        rules: the set.
        rule: a rule whose edges to look at; all rules if None.
        outcome: the verdict that the rule must have: True, False, None, or "any".
        near_boundary: whether numbers, days and texts keep close to those that the rules compare with.
    """
    near = literals(rules, rule) if near_boundary else {}
    plain = st.fixed_dictionaries({field.name: values(field, near) for field in rules.schema.fields})
    if rule is None or outcome == "any":
        return plain
    function = rules.function(rule)

    @st.composite
    def wanted(draw: st.DrawFn) -> dict[str, Any]:
        record = draw(plain)
        assume(function(rules.record(record)) is outcome)
        return record

    return wanted()


def values(field: Field, literals: Mapping[str, Sequence[Any]]) -> Values:
    """Values of a field, many of them at and beside the literals."""
    if field.values:
        made: Values = st.sampled_from(field.values)
    elif field.kind == "list":
        made = st.lists(_item(field, literals), max_size=4)
    elif field.kind == "context":
        made = st.fixed_dictionaries({inner.name: values(inner, literals) for inner in field.fields})
    else:
        made = _PLAIN[field.kind](field, [*literals.get(field.name, ())])
    return st.one_of(*[made] * 7, st.none()) if field.nullable else made


def _item(field: Field, literals: Mapping[str, Sequence[Any]]) -> Values:
    if field.fields:
        return st.fixed_dictionaries({inner.name: values(inner, literals) for inner in field.fields})
    return values(Field(field.name, field.item or "string"), literals)


def _bounded(field: Field, near: Iterable[Any], wide: Values) -> Values:
    """Values beside the literals and any others, all within the field's bounds."""
    kept = [value for value in near if _within(field, value)]
    return _near(sorted(set(kept)), wide) if kept else wide


def _within(field: Field, value: Any) -> bool:
    return bool((field.low is None or value >= field.low) and (field.high is None or value <= field.high))


def _ends(field: Field, low: Any, high: Any) -> tuple[Any, Any]:
    """The ends of a field's values: those that it has, and others where it has none."""
    if field.low is not None:
        return field.low, max(high, field.low) if field.high is None else field.high
    return (low, high) if field.high is None else (min(low, field.high), field.high)


def _of(kind: type[T], literals: Sequence[Any]) -> list[T]:
    """The literals of one class, exactly: an instant is no date here."""
    return [value for value in literals if type(value) is kind]


def _near(near: Sequence[Any], wide: Values) -> Values:
    """Mostly the values near by: far ones tell few rules apart."""
    listed = st.sampled_from([*dict.fromkeys(near)])
    return st.one_of(*[listed] * 5, wide)


def _decimals(field: Field, literals: Sequence[Any]) -> Values:
    step = Decimal("0.01")
    near = [value + shift for value in _of(Decimal, literals) for shift in (-step, Decimal(0), step)]
    low, high = (None if b is None else Decimal(str(b)) for b in (field.low, field.high))
    widest = Decimal(10**6)
    wide = st.decimals(-widest if low is None else low, widest if high is None else high, places=2)
    return _bounded(field, [*near, *(b for b in (low, high) if b is not None)], wide)


def _integers(field: Field, literals: Sequence[Any]) -> Values:
    near = [int(value) + shift for value in _of(Decimal, literals) for shift in (-1, 0, 1)]
    low, high = _ends(field, -1000, 1000)
    return _bounded(field, near, st.integers(ceil(low), floor(high)))


def _floats(field: Field, literals: Sequence[Any]) -> Values:
    near = [float(value) + shift for value in _of(Decimal, literals) for shift in (-0.01, 0.0, 0.01)]
    low, high = _ends(field, -1e6, 1e6)
    return _bounded(field, near, st.floats(float(low), float(high)))


def _strings(field: Field, literals: Sequence[Any]) -> Values:
    near = [part for text in _of(str, literals) for part in (text, text + "x", "x" + text, text.upper())]
    ends = [end for end in (field.low, field.high) if end is not None]
    wide = st.text(max_size=5).filter(lambda text: _within(field, text)) if ends else st.text(max_size=5)
    return _bounded(field, [*near, *ends], wide)


def _shifted(value: Any, step: timedelta) -> Iterator[Any]:
    """A value and its neighbours; the first and the last that there are have only one."""
    for shift in (-1, 0, 1):
        with suppress(OverflowError):
            yield value + shift * step


def _dates(field: Field, literals: Sequence[Any]) -> Values:
    near = [day for value in _of(date, literals) for day in _shifted(value, timedelta(days=1))]
    return _bounded(field, near, st.dates(*_ends(field, date(2000, 1, 1), date(2050, 12, 31))))


def _moments(field: Field, literals: Sequence[Any]) -> Values:
    near = [moment for value in _of(datetime, literals) for moment in _shifted(value, timedelta(seconds=1))]
    first, last = _ends(field, _EPOCH - _LONG, _EPOCH + _LONG)
    wide = st.integers(0, (last - first) // _SECOND).map(lambda seconds: first + timedelta(seconds=seconds))
    return _bounded(field, [value for value in near if value.tzinfo], wide)


def _times(field: Field, literals: Sequence[Any]) -> Values:
    near = [value for value in _of(time, literals) if value.tzinfo is None]
    return _bounded(field, near, st.times(*_ends(field, time.min, time.max)))


def _lengths(field: Field, literals: Sequence[Any]) -> Values:
    near = [value + timedelta(hours=shift) for value in _of(timedelta, literals) for shift in (-1, 0, 1)]
    first, last = _ends(field, timedelta(hours=-1000), timedelta(hours=1000))
    wide = st.integers(0, (last - first) // _HOUR).map(lambda hours: first + timedelta(hours=hours))
    return _bounded(field, near, wide)


def _months(field: Field, literals: Sequence[Any]) -> Values:
    near = [YearsMonths(value.months + shift) for value in _of(YearsMonths, literals) for shift in (-1, 0, 1)]
    first, last = _ends(field, YearsMonths(-60), YearsMonths(60))
    return _bounded(field, near, st.integers(first.months, last.months).map(YearsMonths))


_PLAIN: Mapping[str, Callable[[Field, Sequence[Any]], Values]] = {
    "decimal": _decimals, "integer": _integers, "float": _floats, "string": _strings, "date": _dates,
    "date and time": _moments, "days and time duration": _lengths, "years and months duration": _months,
    "boolean": lambda _field, _literals: st.booleans(), "time": _times,
}  # fmt: skip


# -- laws


def check_ruleset(rules: RuleSet, tested: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Every law of `rule_laws`, and for each table every law of `table_laws`.

    All evaluators agree; what is not known settles nothing wrongly; texts, JSON and XML lose nothing; explanations
    name changes that help; no record refutes what is proved; gaps and rows tile the domain; what a version changes is
    what a replay says.

    Args:
        rules: the set.
        tested: records; if None, those of `examples_of`, which look at the edges. A table with a schema of its own is
            always tried with records of its own.

    Raises:
        AssertionError: with the rule, the record and what was said otherwise than the law has it.
    """
    listed = examples_of(rules, _MANY) if tested is None else tested
    for law in rule_laws.RULE_LAWS:
        law(rules, listed)
    for table in rules.tables:
        alone = RuleSet(table.name, table.schema, [], tables=[table])
        records = listed if table.schema == rules.schema else examples_of(alone, _MANY)
        for table_law in table_laws.TABLE_LAWS:
            table_law(table, records)


def examples_of(rules: RuleSet, n: int, *, near_boundary: bool = True) -> list[dict[str, Any]]:
    """At most n records at the edges of the rules, always the same ones; see `records`."""
    found: list[dict[str, Any]] = []

    @settings(max_examples=n, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
              suppress_health_check=_SLOW)  # fmt: skip
    @given(records(rules, near_boundary=near_boundary))
    def collect(record: dict[str, Any]) -> None:
        found.append(record)

    collect()
    return found
