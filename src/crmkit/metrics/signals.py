"""Who is out of line, and is it more than chance (K15, B1)?

A low conversion asks for coaching, a high one for a practice worth sharing; most differences ask for nothing. All cells
of a report are judged together, so that a longer report does not cry wolf more often.
"""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Frameable
from crmkit.metrics._standard import LEAST_N, spread_of
from crmkit.metrics._verdicts import SignalKind, called, share_of_false, two_sided
from crmkit.metrics.conversion import NOBODY, Rate, Rates
from crmkit.metrics.dispersion import Dispersion, Overdispersion, dispersion
from crmkit.metrics.estimators import midp_binomial, wilson
from crmkit.metrics.policy import definition_id

__all__ = ["Signal", "SignalKind", "Signals", "signals"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Two people cannot tell who of them is out of line.
_LEAST_PEOPLE = 3
_SIGMAS = 3.0


@attrs.frozen
class Signal:
    """What the figures say about one person in one stage.

    Attributes:
        stage: the stage.
        who: the person.
        kind: "coach", "share", "watch" (unusual by itself, but expected by chance in a report of this size),
            "insufficient data", or "none".
        value: the share that advances among the person's stays that end (`Rate.decided`).
        centre: what the others of the stage achieve: pooled over those who are not out of line.
        effect: value - centre.
        low: lower limit of the effect.
        high: upper limit.
        shrunk: the effect after empirical-Bayes shrinkage: the best guess of what would be seen again.
        p: two-sided mid-p value against the centre.
        q: false discovery rate at which it would be called, over all cells of the report, in its direction.
        n: stays that began.
        n_open: stays that last.
        least_detectable: the least difference that would cross three standard errors at this n.
        method: how it was judged.
        definition: the id of the definition.
    """

    stage: str
    who: str
    kind: SignalKind
    value: float
    centre: float
    effect: float
    low: float
    high: float
    shrunk: float
    p: float
    q: float
    n: int
    n_open: int
    least_detectable: float
    method: str
    definition: str


@attrs.frozen
class Signals(Frameable[Signal]):
    """A signal for every person in every stage.

    Attributes:
        rows: stage by stage, in the order of the rates.
        rate: the false discovery rate that was asked for.
        false_alarms: expected number of wrong calls among those made: rate x calls, at most.
        dispersion: by stage, how much persons differ beyond chance, and by what that widens the limits.
    """

    rows: tuple[Signal, ...]
    rate: float = 0.10
    dispersion: dict[str, Dispersion] = attrs.field(factory=dict[str, Dispersion])

    @property
    def calls(self) -> tuple[Signal, ...]:
        """Those that ask for something: coach and share."""
        return tuple(row for row in self.rows if row.kind in ("coach", "share"))

    @property
    def false_alarms(self) -> float:
        """How many of the calls may be chance, at most, on average."""
        return self.rate * len(self.calls)


@attrs.frozen(eq=False)
class _Stage:
    """The persons of one stage, judged against a robust centre."""

    rates: Sequence[Rate]
    enough: Mask
    centre: Floats
    p_low: Floats
    p_high: Floats
    shrunk: Floats
    spread: Floats
    beyond: Dispersion


def signals(rates: Rates, *, rate: float = 0.10, overdispersion: Overdispersion = "additive") -> Signals:
    """Judge every person in every stage against the others.

    Persons are compared by how their stays end, not by how many of them have: a person whose cases are all closed is
    not ahead of one whose cases are still open.

    The centre of a stage is the conversion pooled over the persons who are not themselves out of line: starting from
    the median, whoever lies beyond three standard errors is left out and the rest is pooled again, so that one star
    does not make the others look weak. Spread between persons beyond chance (over-dispersion, Spiegelhalter 2005)
    widens the limits, as `Signals.dispersion` says. Mid-p values are adjusted over all cells of the report by Benjamini
    and Hochberg (1995), each direction by itself: a call in one direction never makes one in the other more likely.

    Persons who get other cases than the others are judged fairly by `crmkit.metrics.casemix.case_mix_signals`, and
    those who are out of line by little, but for long, are found by `crmkit.metrics.shifts.shifts`.

    Args:
        rates: conversion by person.
        rate: the false discovery rate of the calls for coaching, and of those to share. A higher one finds more: of
            differences of 25 points in a quarter of 5 to 80 cases 0.10 finds 62 %, and 0.15 finds 66 %.
        overdispersion: what widens the limits.

    Returns:
        A `Signal` for each cell; persons with fewer than 10 ended stays, and stages with fewer than three such persons,
        are "insufficient data".

    Raises:
        InvalidValue: for a rate outside 0..1.
        NotFound: for another kind of over-dispersion.
    """
    definition = definition_id(
        "signals", of=rates.definition, rate=share_of_false(rate), overdispersion=overdispersion, least_n=LEAST_N,
        sigmas=_SIGMAS,
    )  # fmt: skip
    by_stage: dict[str, list[Rate]] = {}
    for row in rates:
        if row.who is not None and row.who != NOBODY:
            by_stage.setdefault(row.stage, []).append(row)
    stages = {name: _judged(rows, overdispersion) for name, rows in by_stage.items()}
    if not stages:
        return Signals((), rate)
    low, high = (np.concatenate([getattr(stage, side) for stage in stages.values()]) for side in ("p_low", "p_high"))
    p, q = two_sided(low, high)
    rows: list[Signal] = []
    for stage in stages.values():
        for i in range(len(stage.rates)):
            at = len(rows)
            rows.append(_signal(stage, i, (float(p[at]), float(q[at])), rate, definition))
    return Signals(tuple(rows), rate, {name: stage.beyond for name, stage in stages.items()})


def _signal(stage: _Stage, i: int, chance: tuple[float, float], rate: float, definition: str) -> Signal:
    row, (p, q) = stage.rates[i], chance
    centre = float(stage.centre[i])
    effect = row.decided - centre
    low, high = (float(limit) - centre for limit in wilson(np.nan_to_num(row.decided) * row.ended, row.ended))
    kind: SignalKind = "insufficient data"
    if stage.enough[i]:
        kind = called(weak=effect < 0, p=p, q=q, rate=rate)
    return Signal(
        row.stage, row.who or "", kind, row.decided, centre, effect, low, high,
        float(stage.shrunk[i]), p, q, row.entered, row.open, _SIGMAS * float(stage.spread[i]),
        f"mid-p binomial on stays that ended, {stage.beyond.method}, benjamini-hochberg", definition,
    )  # fmt: skip


def _judged(rates: Sequence[Rate], kind: Overdispersion) -> _Stage:
    n = np.array([float(row.ended) for row in rates])
    enough = n >= LEAST_N
    value = np.where(enough, np.array([row.decided for row in rates]), 0.0)
    if enough.sum() < _LEAST_PEOPLE:
        none = np.full(len(rates), np.nan)
        unknown = dispersion([], [], kind=kind)
        return _Stage(rates, np.zeros(len(rates), np.bool_), none, none, none, none, none, unknown)
    inside = _inside(value, n, enough)
    own = np.where(inside, n, 0.0)
    pooled = float((value * own).sum() / own.sum())
    edge = float(_held(np.array(pooled), own.sum()))
    information = n * edge * (1 - edge)
    z = (value - pooled) / (edge * (1 - edge)) * np.sqrt(information)
    beyond = spread_of(z[inside], information[inside], kind)
    # Nobody is compared with themselves.
    rest = np.maximum(own.sum() - own, 1.0)
    centre = np.where(inside & enough, ((value * own).sum() - value * own) / rest, pooled)
    base = _held(centre, rest)
    variance = base * (1 - base) * (beyond.factor(information) ** 2 / np.maximum(n, 1.0) + 1 / rest)
    worth = base * (1 - base) / variance
    low, high = midp_binomial(value * worth, worth, base)
    # What would be seen again is guessed from all persons, those who are out of line included.
    weight = dispersion(z[enough], information[enough], winsorise=0.0).kept(information)
    hidden = np.where(enough, 0.0, np.nan)
    spread = np.sqrt(base * (1 - base) / np.maximum(n, 1.0))
    return _Stage(rates, enough, centre, low + hidden, high + hidden, weight * (value - centre), spread, beyond)


def _inside(value: Floats, n: Floats, enough: Mask) -> Mask:
    """Who defines the centre: the median first, then whoever lies within three standard errors of the pool."""
    centre = float(np.median(value[enough]))
    inside = enough
    for _ in range(10):
        base = _held(np.array(centre), n[enough].sum())
        near = enough & (np.abs(value - centre) <= _SIGMAS * np.sqrt(base * (1 - base) / np.maximum(n, 1.0)))
        inside = near if near.any() else inside
        centre = float((value[inside] * n[inside]).sum() / n[inside].sum())
    return inside if inside.sum() > 1 else enough


def _held(centre: Floats, n: npt.ArrayLike) -> Floats:
    """Keep a centre half a case off 0 and 1, where a binomial has no spread and every difference would look certain."""
    edge = 0.5 / (np.asarray(n, np.float64) + 1)
    return np.clip(centre, edge, 1 - edge)
