"""What is aimed at: targets, weights and gates, as values that are checked once."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.metrics import kpi
from crmkit.metrics.metric import Metric
from crmkit.values import Currency, Money

__all__ = ["Absolute", "Exact", "Gate", "Goal", "Number", "ShareOfTeam", "Span", "Target", "VersusLastYear"]

#: An amount of money, or a number as text, whole or decimal; a float is taken as it prints.
Number: TypeAlias = Money | Decimal | int | float | str
#: What it becomes.
Exact: TypeAlias = Money | Decimal


def _plain(value: Number) -> Decimal:
    """The number; of money, its amount."""
    if isinstance(value, Money):
        return value.amount
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        raise InvalidValue("number", value, "is none; give 120000, '0.35' or Money('120000', 'EUR')") from None
    if isinstance(value, bool) or not number.is_finite():
        raise InvalidValue("number", value, "is none; give 120000, '0.35' or Money('120000', 'EUR')")
    return number


def _maybe(value: Number | None) -> Decimal | None:
    return None if value is None else _plain(value)


def _exact(value: Number) -> Exact:
    return value if isinstance(value, Money) else _plain(value)


def _maybe_exact(value: Number | None) -> Exact | None:
    return None if value is None else _exact(value)


def _one_or_each(value: Number | Mapping[str, Number]) -> Exact | Mapping[str, Exact]:
    return {name: _exact(one) for name, one in value.items()} if isinstance(value, Mapping) else _exact(value)


def _factors(value: Number | Mapping[str, Number]) -> Decimal | Mapping[str, Decimal]:
    return {name: _plain(one) for name, one in value.items()} if isinstance(value, Mapping) else _plain(value)


def _unit(values: Iterable[Any]) -> str | None:
    """The currency of those that are money."""
    units = {value.currency.code for value in values if isinstance(value, Money)}
    if len(units) > 1:
        raise InvalidValue("target", ", ".join(sorted(units)), "are several currencies")
    return units.pop() if units else None


def _above_nothing(values: Iterable[Exact]) -> None:
    """Refuse what attainment cannot be a ratio to."""
    given = list(values)
    if not given:
        raise InvalidValue("target", "{}", "names nobody")
    for value in given:
        if _plain(value) <= 0:
            why = "is no target: attainment is a ratio to it; leave out the goal, or give a Span from nothing to full"
            raise InvalidValue("target", str(value), why)


@attrs.frozen
class Absolute:
    """A target that is a number above 0: the same for everybody, or one for each by name.

    Attributes:
        value: the number, or {name: number}; money, or a number in the unit of the KPI.
        team: the target of the team as a whole; it has none if None, unless nobody is grouped.
    """

    value: Exact | Mapping[str, Exact] = attrs.field(converter=_one_or_each)
    team: Exact | None = attrs.field(default=None, converter=_maybe_exact, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _above_nothing(self._given)
        _unit(self._given)

    @property
    def _given(self) -> list[Exact]:
        values = list(self.value.values()) if isinstance(self.value, Mapping) else [self.value]
        return [*values, *([] if self.team is None else [self.team])]

    @property
    def currency(self) -> str | None:
        """The currency, if it was given as money."""
        return _unit(self._given)

    def of(self, member: str) -> Decimal | None:
        """The target of a member; None if there is none."""
        found = self.value.get(member) if isinstance(self.value, Mapping) else self.value
        return None if found is None else _plain(found)

    def of_team(self, *, alone: bool) -> Decimal | None:
        """That of the team; if nobody is grouped, it is that of everybody."""
        same = None if isinstance(self.value, Mapping) or not alone else self.value
        found = same if self.team is None else self.team
        return None if found is None else _plain(found)


@attrs.frozen
class ShareOfTeam:
    """A target that is a share of what the team achieves in the same period: a quarter of its sales, all its win rate.

    The figure of the team is taken as it is: its own interval does not count.

    Attributes:
        share: the share, above 0, or {name: share}.
    """

    share: Decimal | Mapping[str, Decimal] = attrs.field(converter=_factors)

    def __attrs_post_init__(self) -> None:
        _above_nothing(self.share.values() if isinstance(self.share, Mapping) else [self.share])

    def of(self, member: str) -> Decimal | None:
        """The share of a member; None if there is none."""
        return self.share.get(member) if isinstance(self.share, Mapping) else self.share


@attrs.frozen
class VersusLastYear:
    """A target that is a multiple of one's own figure of the period a year earlier, of which the interval counts too.

    Attributes:
        factor: the multiple, above 0: 1.1 is ten in a hundred more.
    """

    factor: Decimal = attrs.field(default=Decimal(1), converter=_plain)

    def __attrs_post_init__(self) -> None:
        _above_nothing([self.factor])


@attrs.frozen
class Span:
    """A target with a beginning: attainment is 0 at one figure, 1 at another, and on the line through them elsewhere.

    What is to become less, a target of 0, and what no ratio suits are spans: from 10 complaints to none.

    Attributes:
        nothing: the figure at which nothing is attained; money, or a number in the unit of the KPI.
        full: the figure at which all is.
    """

    nothing: Exact = attrs.field(converter=_exact)
    full: Exact = attrs.field(converter=_exact)

    def __attrs_post_init__(self) -> None:
        _unit([self.nothing, self.full])
        if _plain(self.nothing) == _plain(self.full):
            raise InvalidValue("span", str(self.nothing), "is no span: it begins where it ends")

    @property
    def currency(self) -> str | None:
        """The currency, if it was given as money."""
        return _unit([self.nothing, self.full])

    @property
    def ends(self) -> tuple[float, float]:
        """Both figures as numbers."""
        return float(_plain(self.nothing)), float(_plain(self.full))


#: What a KPI is held against.
Goal: TypeAlias = Absolute | ShareOfTeam | VersusLastYear | Span


def _metric(given: Metric | str) -> Metric:
    return kpi.named(given) if isinstance(given, str) else given


def _place(metric: Metric, where: Mapping[str, str], unit: str | None) -> dict[str, str]:
    """Which of several figures of a metric is meant."""
    place = dict(where) if unit is None else {"currency": unit, **where}
    for name in place:
        if name not in metric.about.within:
            has = ", ".join(metric.about.within) or "nothing"
            raise InvalidValue("target", name, f"is nothing that {metric.key} is divided by; it has {has}")
    if "currency" in place:
        Currency(place["currency"])
    return place


def _label(metric: Metric, where: Mapping[str, str]) -> str:
    return " ".join([metric.key, *(f"{name}={value}" for name, value in where.items())])


@attrs.frozen
class Target:
    """A KPI of an appraisal.

    Attributes:
        metric: the KPI, or its key in the catalogue.
        goal: what it is held against; None shows it and judges nothing ("no target").
        weight: what it counts, beside the weights of the others; only their ratios matter.
        where: which figure, if the KPI is divided further: {"stage": "offer"}, {"currency": "EUR"}.
        floor: the least attainment that is counted.
        cap: the most; None for no limit.
    """

    metric: Metric = attrs.field(converter=_metric)
    goal: Goal | None = None
    weight: Decimal = attrs.field(default=Decimal(1), converter=_plain, kw_only=True)
    where: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    floor: Decimal = attrs.field(default=Decimal(0), converter=_plain, kw_only=True)
    cap: Decimal | None = attrs.field(default=None, converter=_maybe, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.weight <= 0:
            raise InvalidValue("weight", str(self.weight), "is not above 0; a KPI without a goal has none anyway")
        if self.cap is not None and self.cap <= self.floor:
            raise InvalidValue("cap", str(self.cap), f"is not above the floor, {self.floor}")
        if self.metric.about.better == "neither" and not isinstance(self.goal, Span | None):
            raise InvalidValue("target", self.metric.key, "has no better side; give a Span, which says which it is")
        object.__setattr__(self, "where", _place(self.metric, self.where, getattr(self.goal, "currency", None)))

    @property
    def label(self) -> str:
        """How it is known: the key of the metric, and which of its figures."""
        return _label(self.metric, self.where)


@attrs.frozen
class Gate:
    """A condition without which the rest does not count, or not in full.

    Attributes:
        metric: the KPI, or its key.
        at_least: the least figure that passes.
        at_most: the most.
        cap: the highest score if it does not pass, as attainment (0.8 is 80 points); None voids the appraisal.
        unknown: whether a figure without data passes.
        where: as for `Target`.
    """

    metric: Metric = attrs.field(converter=_metric)
    at_least: Decimal | None = attrs.field(default=None, converter=_maybe, kw_only=True)
    at_most: Decimal | None = attrs.field(default=None, converter=_maybe, kw_only=True)
    cap: Decimal | None = attrs.field(default=None, converter=_maybe, kw_only=True)
    unknown: Literal["passes", "fails"] = attrs.field(default="passes", kw_only=True)
    where: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise InvalidValue("gate", self.metric.key, "has no condition; give at_least= or at_most=")
        if self.cap is not None and self.cap < 0:
            raise InvalidValue("gate", str(self.cap), "is no cap: a score is at least 0")
        if self.unknown not in ("passes", "fails"):
            raise InvalidValue("gate", self.unknown, "is neither 'passes' nor 'fails'")
        object.__setattr__(self, "where", _place(self.metric, self.where, None))

    @property
    def label(self) -> str:
        """How it is known."""
        return _label(self.metric, self.where)

    def passes(self, value: float | None) -> bool:
        """Whether a figure passes."""
        if value is None:
            return self.unknown == "passes"
        low, high = self.at_least, self.at_most
        return (low is None or value >= float(low)) and (high is None or value <= float(high))
