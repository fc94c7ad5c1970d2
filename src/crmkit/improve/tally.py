"""The loop's own figures: what became of improvement cases, how fast, and what they brought (L1).

    >>> from datetime import UTC
    >>> from crmkit.pipeline.case import Case
    >>> from crmkit.values import Money
    >>> def case(name, stage, days, **fields):
    ...     opened = datetime(2026, 1, 1, tzinfo=UTC)
    ...     return Case(name, stage, opened, opened + timedelta(days=days), opened, fields=Fields(fields))
    >>> unit = {"value a unit": Money("1000", "EUR")}
    >>> cases = [
    ...     case("I-1", "standardised", 40, verdict="worked", gain=12.0, low=4.0, high=20.0, **unit),
    ...     case("I-2", "standardised", 60, verdict="worked", gain=5.0, low=-1.0, high=11.0, **unit),
    ...     case("I-3", "undone", 70, verdict="did not"), case("I-4", "measure", 10),
    ... ]
    >>> outcomes = {"standardised": "won", "undone": "lost", "dropped": "cancelled"}
    >>> print(tally(cases, outcomes, now=datetime(2026, 4, 1, tzinfo=UTC)))
    4 cases, 1 of them open; half are closed after 65 days (limits 40 to -).
    Verified 3 of 3 (0.439 to 1); worked 2 of 3 (0.208 to 0.939).
    Undone 1 of 3 (0.0615 to 0.792); dropped 0 of 3 (0 to 0.561).
    Gain: 17000.00 EUR (7000.00 to 27000.00).
    The gains were kept because they looked good, so that their sum is rather too high.

An improvement case keeps, as open fields, "verdict" ("worked", "did not", "cannot tell"), and where a gain was measured
"gain", "low", "high" in the unit of its figure and "value a unit", what one such unit is worth.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias, cast

import attrs
import numpy as np

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve._practice_words import spoken
from crmkit.improve.reuse import Reuse
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import definition_id
from crmkit.metrics.survival import kaplan_meier
from crmkit.pipeline.case import Case
from crmkit.pipeline.stages import Outcome, Stage
from crmkit.values import Fields, Money, aware
from crmkit.values.display import Listed, Told

__all__ = ["Gain", "Part", "Tally", "tally"]

#: What the closed stages mean: by name, or the stages of the methods' pipelines.
_Outcomes: TypeAlias = Mapping[str, Outcome | None] | Iterable[Stage]

_DAY = timedelta(days=1)
_VERIFIED = ("worked", "did not")
_VERDICTS = (*_VERIFIED, "too early", "cannot tell")
_GAIN, _LOW, _HIGH, _WORTH = "gain", "low", "high", "value a unit"


@attrs.frozen
class Part(Listed):
    """A share of cases, with Wilson's limits.

    Attributes:
        n: those that are meant.
        of: all of them.
        low: lower limit.
        high: upper limit.
    """

    n: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share; None of none."""
        return self.n / self.of if self.of else None


@attrs.frozen
class Gain(Listed):
    """What cases brought in one currency.

    Attributes:
        value: the sum of gain x value a unit, rounded to the minor unit.
        low: lower limit: halves of independent limits are added as squares; None if no case has limits.
        high: upper limit.
        n: cases that are in the sum.
        n_bare: of these, those without limits, whose gains count as if they were certain.
    """

    value: Money
    low: Money | None
    high: Money | None
    n: int
    n_bare: int


@attrs.frozen(kw_only=True)
class Tally(Told):
    """The figures of the loop.

    Attributes:
        n: cases.
        n_open: of these, open ones.
        days: by when half of the cases are closed, open ones counted (Kaplan & Meier 1958); None if that is not known.
        days_low: its lower limit.
        days_high: its upper limit.
        verified: closed cases with a verdict that tells something, of the closed.
        worked: cases that worked, of the verified.
        undone: of the closed, those that were undone.
        dropped: of the closed, those that were dropped.
        gains: what the standardised cases brought, by currency.
        unmeasured: standardised cases without a gain in money.
        reused: how many people took up the practices that were shared.
        level: the confidence of the limits.
        definition: the id of the definition.
    """

    n: int
    n_open: int
    days: float | None
    days_low: float | None
    days_high: float | None
    verified: Part
    worked: Part
    undone: Part
    dropped: Part
    gains: tuple[Gain, ...]
    unmeasured: int
    reused: int
    level: float
    definition: str

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The figures in sentences.

        Raises:
            NotFound: for another language.
        """
        spoken(lang)
        return "\n".join(_chinese(self) if lang == "zh" else _english(self))


def tally(
    cases: Iterable[Case], outcomes: _Outcomes, *, now: datetime, reuses: Iterable[Reuse] = (), level: float = 0.95
) -> Tally:
    """Count what became of improvement cases.

    A case is closed as its stage says: "won" if it was standardised, "lost" if it was undone, "cancelled" if it was
    dropped. It was closed as it entered that stage.

    Args:
        cases: as they are replayed from their facts.
        outcomes: what the closed stages mean, by name, or the stages of the pipelines.
        now: the end of observation (aware).
        reuses: of the practices that were shared.
        level: the confidence of the limits.

    Raises:
        InvalidValue: for a verdict, a gain or a limit of a case that is none, or a case from after `now`.
        NaiveDatetime: if `now` has no zone.
    """
    at, meant = aware(now, "now"), _meant(outcomes)
    known = [_checked(case, at) for case in cases]
    ends: list[Outcome | None] = [meant.get(case.stage) for case in known]
    closed = [case for case, end in zip(known, ends, strict=True) if end is not None]
    kept = [case for case, end in zip(known, ends, strict=True) if end == "won"]
    told = [case for case in closed if case.fields.get("verdict") in _VERIFIED]
    worked = sum(case.fields.get("verdict") == "worked" for case in told)
    days = _half_life(known, ends, at, level)
    gains, bare = _gains(kept)
    return Tally(
        n=len(known), n_open=len(known) - len(closed), days=days[0], days_low=days[1], days_high=days[2],
        verified=_part(len(told), len(closed), level), worked=_part(worked, len(told), level),
        undone=_part(ends.count("lost"), len(closed), level),
        dropped=_part(ends.count("cancelled"), len(closed), level), gains=gains, unmeasured=bare,
        reused=sum(len(one.taken_up) for one in reuses), level=level,
        definition=definition_id("tally", outcomes=dict(sorted(meant.items())), level=level),
    )  # fmt: skip


def _meant(outcomes: _Outcomes) -> dict[str, Outcome]:
    given: Iterable[tuple[str, Outcome | None]]
    if isinstance(outcomes, Mapping):
        given = cast("Mapping[str, Outcome | None]", outcomes).items()
    else:
        given = ((one.name, one.outcome) for one in outcomes)
    return {name: outcome for name, outcome in given if outcome is not None}


def _checked(case: Case, now: datetime) -> Case:
    said, what = case.fields.get("verdict"), f"case {case.id!r}"
    if max(case.opened, case.entered) > now:
        raise InvalidValue(what, case.entered.isoformat(), f"is later than the end of observation, {now.isoformat()}")
    if said is not None and said not in _VERDICTS:
        raise NotFound("verdict", said, _VERDICTS, what)
    worth = case.fields.get(_WORTH)
    if worth is not None and not isinstance(worth, Money):
        raise InvalidValue(f"{what}, {_WORTH}", worth, "is no money")
    _check_gain(what, {name: case.fields.get(name) for name in (_LOW, _GAIN, _HIGH)})
    return case


def _check_gain(what: str, numbers: Mapping[str, Any]) -> None:
    for name, value in numbers.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float | Decimal)):
            raise InvalidValue(f"{what}, {name}", value, "is no number")
    low, gain, high = numbers.values()
    if (low is None) != (high is None) or (low is not None and not (gain is not None and low <= gain <= high)):
        raise InvalidValue(f"{what}, limits", f"{low} .. {high}", f"do not enclose the gain, {gain}")


def _half_life(
    cases: list[Case], ends: list[Outcome | None], now: datetime, level: float
) -> tuple[float | None, float | None, float | None]:
    """Days by which half of the cases are closed, with limits."""
    if not cases:
        return None, None, None
    stops = [now if end is None else case.entered for case, end in zip(cases, ends, strict=True)]
    spans = np.array([(stop - case.opened) / _DAY for case, stop in zip(cases, stops, strict=True)])
    found = kaplan_meier(spans, [end is not None for end in ends]).median(level, method="log-log")
    value, low, high = (None if np.isnan(one) else float(one) for one in (found.value, found.low, found.high))
    return value, low, high


def _part(n: int, of: int, level: float) -> Part:
    low, high = wilson(n, of, level)
    return Part(n, of, low, high)


def _gains(cases: list[Case]) -> tuple[tuple[Gain, ...], int]:
    """The sums by currency, and how many cases have no gain in money."""
    by: dict[str, list[Fields]] = {}
    for case in cases:
        worth = case.fields.get(_WORTH)
        if worth is not None and case.fields.get(_GAIN) is not None:
            by.setdefault(worth.currency.code, []).append(case.fields)
    return tuple(_sum(by[code]) for code in sorted(by)), len(cases) - sum(map(len, by.values()))


def _sum(rows: list[Fields]) -> Gain:
    value = sum((_money(row, _exact(row[_GAIN])) for row in rows[1:]), _money(rows[0], _exact(rows[0][_GAIN])))
    limited = [row for row in rows if row.get(_LOW) is not None]
    halves: list[Any] = [
        sum(
            (((_exact(row[name]) - _exact(row[_GAIN])) * row[_WORTH].amount) ** 2 for row in limited), Decimal(0)
        ).sqrt()
        for name in (_LOW, _HIGH)
    ]
    reach = [Money(half, value.currency) for half in halves]
    low, high = ((value - reach[0]).rounded(), (value + reach[1]).rounded()) if limited else (None, None)
    return Gain(value.rounded(), low, high, len(rows), len(rows) - len(limited))


def _exact(value: float | Decimal) -> Decimal:
    return Decimal(str(value))


def _money(row: Fields, factor: Decimal) -> Money:
    worth: Money = row[_WORTH]
    return worth * factor


def _english(one: Tally) -> list[str]:
    days, low, high = map(_days, (one.days, one.days_low, one.days_high))
    lines = [f"{one.n} cases, {one.n_open} of them open; half are closed after {days} days (limits {low} to {high})."]
    lines.append(f"Verified {_share(one.verified)}; worked {_share(one.worked)}.")
    lines.append(f"Undone {_share(one.undone)}; dropped {_share(one.dropped)}.")
    for gain in one.gains:
        limits = "no limits" if gain.low is None else f"{gain.low.amount} to {_amount(gain.high)}"
        bare = f", {gain.n_bare} of {gain.n} without limits" if gain.n_bare and gain.low else ""
        lines.append(f"Gain: {gain.value} ({limits}{bare}).")
    lines += [_PICKED[0]] if one.gains else []
    lines += [f"Standardised without a gain in money: {one.unmeasured}."] if one.unmeasured else []
    return [*lines, f"Practices were taken up {one.reused} times."] if one.reused else lines


def _chinese(one: Tally) -> list[str]:
    days, low, high = map(_days, (one.days, one.days_low, one.days_high))
    lines = [f"案例 {one.n} 个，其中 {one.n_open} 个未结；半数在 {days} 天内结案（{low} 至 {high}）。"]
    lines.append(f"已验证 {_share(one.verified, '/')}；有效 {_share(one.worked, '/')}。")
    lines.append(f"已撤销 {_share(one.undone, '/')}；已放弃 {_share(one.dropped, '/')}。")
    for gain in one.gains:
        limits = "无区间" if gain.low is None else f"{gain.low.amount} 至 {_amount(gain.high)}"
        bare = f"，其中 {gain.n_bare}/{gain.n} 无区间" if gain.n_bare and gain.low else ""
        lines.append(f"收益：{gain.value}（{limits}{bare}）。")
    lines += [_PICKED[1]] if one.gains else []
    lines += [f"已标准化但无货币收益：{one.unmeasured} 个。"] if one.unmeasured else []
    return [*lines, f"做法被采用 {one.reused} 次。"] if one.reused else lines


_PICKED = (
    "The gains were kept because they looked good, so that their sum is rather too high.",
    "这些收益因表现好而被保留，总和往往偏高。",
)


def _days(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _amount(money: Money | None) -> str:
    return "-" if money is None else f"{money.amount}"


def _share(part: Part, of: str = " of ") -> str:
    low, high = (f"{limit:.3g}" for limit in (part.low, part.high))
    return f"{part.n}{of}{part.of} ({low} to {high})" if of != "/" else f"{part.n}/{part.of}（{low} 至 {high}）"
