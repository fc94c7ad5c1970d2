"""What one member attained: each KPI with its interval, the gates, and the points that this comes to."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

import attrs

__all__ = ["Card", "GateResult", "Result", "Verdict", "points_of", "sum_of_points"]

#: What can be said of a target: "met" and "missed" where the interval of attainment is on one side of it, or there is
#: none; "too few to say" where it is on both.
Verdict: TypeAlias = Literal["met", "missed", "too few to say", "no data", "no target"]


@attrs.frozen(kw_only=True)
class Result:
    """One KPI of one member.

    Attributes:
        member: the name; None for the team.
        label: the key of the KPI, and which of its figures.
        name: of the KPI in English.
        name_zh: in Chinese.
        unit: what the figure is in.
        value: the figure; None without data.
        exact: it as a text, where it is exact.
        low: lower limit; None where there is none.
        high: upper limit.
        n: what it rests on.
        n_open: of these, not ended yet (censored).
        n_unusable: rows that could not be used.
        nothing: the figure at which nothing is attained; None without a target.
        full: the target: the figure at which all is.
        attainment: (value - nothing) / (full - nothing): value / full of what should be more, 2 - value / full of what
            should be less; None without one of them.
        attainment_low: lower limit of the attainment; None where there is none.
        attainment_high: upper limit.
        counted: the attainment within floor and cap.
        floor: the least that is counted.
        cap: the most.
        weight: as agreed.
        share: of the points that the KPI makes up, after the missing ones were left out; an exact ratio "1/3".
        points: 100 x share x counted, rounded to 0.01; they add up to the score.
        confidence: that the target was truly met: by the interval of attainment that just reaches it; None without an
            interval.
        verdict: what can be said.
        note: what to be careful about, in English; "" for nothing.
        note_zh: in Chinese.
        method: the estimator and the interval.
        definition: the id of the definition.
    """

    member: str | None
    label: str
    name: str
    name_zh: str
    unit: str
    value: float | None
    exact: str | None
    low: float | None
    high: float | None
    n: int
    n_open: int
    n_unusable: int
    nothing: float | None
    full: float | None
    attainment: float | None
    attainment_low: float | None
    attainment_high: float | None
    counted: float | None
    floor: float
    cap: float | None
    weight: Decimal
    share: str
    points: Decimal
    confidence: float | None
    verdict: Verdict
    note: str
    note_zh: str
    method: str
    definition: str


@attrs.frozen(kw_only=True)
class GateResult:
    """One gate of one member.

    Attributes:
        gate: the key of the KPI, and which of its figures.
        condition: in signs: ">= 5".
        value: the figure; None without data.
        passed: whether it passed.
        cap: the highest score if not, in points; None voids.
    """

    gate: str
    condition: str
    value: float | None
    passed: bool
    cap: Decimal | None


@attrs.frozen(kw_only=True)
class Card:
    """The scorecard of one member.

    Attributes:
        member: the name; None for the team.
        score: points after the gates; None if it is void.
        raw: the sum of the points; None if nothing can be counted.
        low: lower limit of `raw`, as if the KPIs were independent (MOVER, Zou & Donner 2008).
        high: upper limit.
        results: the KPIs.
        gates: the gates.
        why: why there is no score, or a lower one, in English; "" for nothing.
        why_zh: in Chinese.
    """

    member: str | None
    score: Decimal | None
    raw: Decimal | None
    low: float | None
    high: float | None
    results: tuple[Result, ...]
    gates: tuple[GateResult, ...]
    why: str
    why_zh: str


def points_of(share: Fraction, counted: float) -> Decimal:
    """100 x share x attainment to 0.01, half to even; exact in the share, so that only ratios of weights matter."""
    return Decimal(round(10_000 * share * Fraction(counted))).scaleb(-2)


def sum_of_points(results: Sequence[Result]) -> Decimal:
    """The exact sum."""
    return sum((result.points for result in results), Decimal(0))
