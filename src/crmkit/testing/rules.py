"""Tests from rules: records at the edges of what rules compare with, and the laws that every rule set keeps."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from crmkit.rules.backtest import verdicts
from crmkit.rules.coverage import literals
from crmkit.rules.explain import explain
from crmkit.rules.feel import YearsMonths
from crmkit.rules.ruleset import RuleSet
from crmkit.rules.schema import Field

__all__ = ["check_ruleset", "examples_of", "records", "values"]

T = TypeVar("T")
Values: TypeAlias = st.SearchStrategy[Any]

# Records of many fields are large, and wanted outcomes rare: that is no fault here.
_SLOW = (HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.large_base_example)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


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
    kept = [v for v in near if (field.low is None or v >= field.low) and (field.high is None or v <= field.high)]
    return _near(sorted(set(kept)), wide) if kept else wide


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
    low, high = (default if b is None else int(b) for b, default in ((field.low, -1000), (field.high, 1000)))
    return _bounded(field, near, st.integers(low, max(low, high)))


def _floats(field: Field, literals: Sequence[Any]) -> Values:
    near = [float(value) + shift for value in _of(Decimal, literals) for shift in (-0.01, 0.0, 0.01)]
    low, high = (default if b is None else float(b) for b, default in ((field.low, -1e6), (field.high, 1e6)))
    return _bounded(field, near, st.floats(low, max(low, high)))


def _strings(_field: Field, literals: Sequence[Any]) -> Values:
    near = [part for text in _of(str, literals) for part in (text, text + "x", "x" + text, text.upper())]
    return _near(near, st.text(max_size=5)) if near else st.text(max_size=5)


def _shifted(value: Any, step: timedelta) -> Iterator[Any]:
    """A value and its neighbours; the first and the last that there are have only one."""
    for shift in (-1, 0, 1):
        with suppress(OverflowError):
            yield value + shift * step


def _dates(field: Field, literals: Sequence[Any]) -> Values:
    near = [day for value in _of(date, literals) for day in _shifted(value, timedelta(days=1))]
    return _bounded(field, near, st.dates(field.low or date(2000, 1, 1), field.high or date(2050, 12, 31)))


def _moments(field: Field, literals: Sequence[Any]) -> Values:
    near = [moment for value in _of(datetime, literals) for moment in _shifted(value, timedelta(seconds=1))]
    wide = st.integers(-(10**9), 10**9).map(lambda seconds: _EPOCH + timedelta(seconds=seconds))
    return _bounded(field, [value for value in near if value.tzinfo], wide)


def _lengths(field: Field, literals: Sequence[Any]) -> Values:
    near = [value + timedelta(hours=shift) for value in _of(timedelta, literals) for shift in (-1, 0, 1)]
    return _bounded(field, near, st.integers(-1000, 1000).map(lambda hours: timedelta(hours=hours)))


def _months(_field: Field, literals: Sequence[Any]) -> Values:
    near = [YearsMonths(value.months + shift) for value in _of(YearsMonths, literals) for shift in (-1, 0, 1)]
    wide = st.integers(-60, 60).map(YearsMonths)
    return _near(near, wide) if near else wide


_PLAIN: Mapping[str, Callable[[Field, Sequence[Any]], Values]] = {
    "decimal": _decimals, "integer": _integers, "float": _floats, "string": _strings, "date": _dates,
    "date and time": _moments, "days and time duration": _lengths, "years and months duration": _months,
    "boolean": lambda _field, _literals: st.booleans(), "time": lambda _field, _literals: st.times(),
}  # fmt: skip


# -- laws


def check_ruleset(rules: RuleSet, tested: Sequence[Mapping[str, Any]]) -> None:
    """The laws of a rule set on some records: all evaluators agree, what is not known settles nothing wrongly.

    Args:
        rules: the set.
        tested: records; those of `records(rules)` look at the edges.

    Raises:
        AssertionError: with the rule, the record and what each evaluator said.
    """
    functions = {one.name: rules.function(one.name) for one in rules.written}
    masks = {} if rules.transitions else verdicts(rules, tested)
    for row, record in enumerate(tested):
        together = {verdict.rule: verdict.value for verdict in rules.judge(record)}
        for name, function in functions.items():
            said = {
                "interpreter": explain(rules, name, record).value,
                "function": function(rules.record(record)),
                "fused": together[name],
                **({"columns": masks[name][row]} if masks else {}),
            }
            _agree(name, record, said)
            _monotone(rules, name, record, together[name])


def _agree(rule: str, record: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    first = next(iter(said.values()))
    if any(value is not first for value in said.values()):
        raise AssertionError(f"rule {rule!r}: the evaluators disagree on {dict(record)}: {dict(said)}")


def _monotone(rules: RuleSet, rule: str, record: Mapping[str, Any], whole: Any) -> None:
    """With a field not known, the verdict is UNKNOWN or what it is with the field."""
    for name in record:
        rest = {key: value for key, value in record.items() if key != name}
        part = explain(rules, rule, rest).value
        if part is not whole and isinstance(part, bool):
            raise AssertionError(f"rule {rule!r} says {part} without {name!r}, and {whole} with it: {dict(record)}")


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
