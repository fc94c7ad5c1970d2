"""Why a rate changed: the rates of its parts, or which parts there are; Simpson's paradox made visible."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Coded, Frameable, Journal
from crmkit.metrics._cases import Cases, cases_of
from crmkit.metrics._chart_words import speaking
from crmkit.metrics._checks import normal_quantile
from crmkit.metrics._signal_words import Lang
from crmkit.metrics._vega import labelled, layered, nominal, number, plain
from crmkit.metrics.policy import StageOrder, definition_id
from crmkit.metrics.survival import aalen_johansen
from crmkit.values import Period, zone
from crmkit.values.display import ROWS, Chart, Display

__all__ = ["RateChange", "RateEffect", "rate_change", "won_rate_change"]

_US = timedelta(microseconds=1)


@attrs.frozen
class RateEffect:
    """One part of a change of a rate.

    Attributes:
        value: the part; None for what has none.
        n_before: its cases before.
        n_after: its cases after.
        n_open: of both, cases that were not observed long enough (censored).
        weight_before: its share of all cases before.
        weight_after: after.
        rate_before: its rate before; NaN without cases.
        rate_after: after.
        mix: what the change of its share did: (w1 - w0) (r_bar - R_bar).
        rate: what the change of its rate did: w_bar (r1 - r0).
    """

    value: str | None
    n_before: int
    n_after: int
    n_open: int
    weight_before: float
    weight_after: float
    rate_before: float
    rate_after: float
    mix: float
    rate: float


@attrs.frozen
class RateChange(Frameable[RateEffect]):
    """Why a rate changed; `mix + rate == after - before`.

    Attributes:
        rows: the parts.
        before: the rate of all before: the mean of the parts' rates, weighted by their cases.
        after: after.
        mix: the part of the change that is due to which cases there are.
        rate: the part that is due to how they fare, other things being equal.
        low: lower limit of `rate`.
        high: upper limit.
        level: the confidence of the limits.
        complete: whether every case could be observed long enough.
        method: the estimator and the interval.
        definition: the id of the definition.
    """

    rows: tuple[RateEffect, ...]
    before: float
    after: float
    mix: float
    rate: float
    low: float
    high: float
    level: float
    complete: bool
    method: str
    definition: str

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def reversed(self) -> bool:
        """Simpson's paradox: the whole moves one way, and no part that is there in both moves that way."""
        steps = [row.rate_after - row.rate_before for row in self.rows if row.n_before and row.n_after]
        up, down = any(step > 0 for step in steps), any(step < 0 for step in steps)
        return (self.change > 0 and down and not up) or (self.change < 0 and up and not down)

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The change and its parts; see `Shown.display`."""
        told = (
            f"{self.before:.4g} to {self.after:.4g}: {self.change:+.4g} = mix {self.mix:+.4g} + rate {self.rate:+.4g}"
        )
        paradox = "\nSimpson's paradox: the whole moves against all of its parts" if self.reversed else ""
        early = "" if self.complete else "\nsome cases could not be observed long enough yet"
        head = f"{told} ({self.low:+.4g} to {self.high:+.4g}){paradox}{early}"
        return Display.of(head, self._table(lang, most), lang=lang)

    def plot(self, lang: Lang = "en") -> Chart:
        """Rate against share, a point a part and period: what moves up, and what moves aside.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say = speaking(lang)
        names = ("value", "weight_before", "weight_after", "rate_before", "rate_after")
        rows = labelled(plain(self.rows, names), "value", say("(unknown)"))
        values = [
            {"value": row["value"], "period": say(at), "weight": row[f"weight_{at}"], "rate": row[f"rate_{at}"]}
            for row in rows
            for at in ("before", "after")
        ]
        percent = {"axis": {"format": "%"}}
        x, y = number("weight", say("share of cases"), **percent), number("rate", say("rate"), **percent)
        hue = {"color": nominal("value")}
        line = {"mark": "line", "encoding": {"x": x, "y": y, **hue}}
        dot = {
            "mark": {"type": "point", "filled": True},
            "encoding": {"x": x, "y": y, **hue, "shape": nominal("period")},
        }
        return Chart(layered(values, [line, dot], title=say("rate and mix")))


@attrs.frozen
class _Rate:
    """The rate of one part in one period."""

    n: int
    n_open: int
    value: float
    variance: float


_NONE = _Rate(0, 0, math.nan, 0.0)


def rate_change(
    before: Mapping[str | None, tuple[int, int]], after: Mapping[str | None, tuple[int, int]], *, level: float = 0.95
) -> RateChange:
    """Why a rate changed, from counts: successes and trials of each part, before and after.

    The decomposition of Kitagawa (1955), symmetric in both periods: with weights w, rates r, and a bar for the mean of
    both periods, the change is sum w_bar (r1 - r0) + sum (w1 - w0) r_bar. As the weights add up to 1, R_bar, the mean
    rate of all, may be taken off r_bar: a part then adds to the mix if it grows and is better than all. A part that is
    there in one period only is all mix. The limits of the rate effect take the weights as given (delta method).

    Args:
        before: from part to (successes, trials).
        after: likewise.
        level: the confidence of the limits.

    Raises:
        InvalidValue: for counts that are no counts, or a period without trials.

    >>> small, large = {"a": (81, 87), "b": (192, 263)}, {"a": (234, 270), "b": (55, 80)}
    >>> kidney_stones = rate_change(small, large)
    >>> kidney_stones.reversed, round(kidney_stones.change, 4), round(kidney_stones.rate, 4)
    (True, 0.0457, -0.0537)
    """
    measured = [{part: _proportion(part, *counts) for part, counts in one.items()} for one in (before, after)]
    method = "kitagawa, binomial, delta method"
    return _decomposed(measured, level, method, definition_id("rate change", level=level))


def won_rate_change(
    journal: Journal,
    by: str,
    *,
    before: Period,
    after: Period,
    days: float,
    tz: Any = "UTC",
    stages: Any = None,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    level: float = 0.95,
) -> RateChange:
    """Why the chance of a new case to be won changed, between the cases opened in two periods.

    The rate of a part is the Aalen-Johansen chance to be won within `days` of opening, losing being a competing cause
    and open cases censored; see `rate_change` for the decomposition.

    Args:
        journal: the stays.
        by: the dimension: "who" or one of the journal's `dims`, as it was when the case was opened.
        before: the earlier cohort: cases opened in it.
        after: the later one.
        days: by when a case is to be won.
        tz: the zone whose civil days make up the periods.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        level: the confidence of the limits.

    Raises:
        NotFound: if the journal has no such column.
        InvalidValue: if a period has no cases.
    """
    order = StageOrder.of(stages, journal, won, lost)
    cases, column = cases_of(journal, order), journal.dimension(by)
    horizon = timedelta(days=days) // _US
    measured: list[dict[str | None, _Rate]] = []
    ends: list[int] = []
    for period in (before, after):
        start, end = period.instants(zone(tz))
        chosen = np.flatnonzero((cases.opened >= start) & (cases.opened < end))
        measured.append(_chances(cases, chosen, column, horizon, journal.until))
        ends.append(end)
    definition = definition_id(
        "won rate change", by=by, before=before, after=after, days=days, tz=str(tz), order=order, level=level
    )
    method = f"kitagawa, aalen-johansen within {days:g} days, delta method"
    complete = max(ends) + horizon <= journal.until
    return attrs.evolve(_decomposed(measured, level, method, definition), complete=complete)


def _proportion(part: str | None, x: int, n: int) -> _Rate:
    if not 0 <= x <= n:
        raise InvalidValue("counts", (x, n), f"of {part!r} are not successes among trials")
    return _Rate(n, 0, x / n, x * (n - x) / n**3) if n else _NONE


def _chances(
    cases: Cases, chosen: npt.NDArray[np.int64], column: Coded, horizon: int, until: int
) -> dict[str | None, _Rate]:
    part, found = column.codes[cases.first[chosen]], dict[str | None, _Rate]()
    names = (*column.values, None)
    for code in np.unique(part).tolist():
        mine = chosen[part == code]
        spent, cause = cases.spent(until)[mine], cases.outcome[mine]
        early = spent < horizon
        # What happens after the horizon is cut off, so that all parts are seen equally long.
        cut = aalen_johansen(np.minimum(spent, horizon + 1), np.where(spent <= horizon, cause, 0), causes=2)
        at = np.searchsorted(cut.time, horizon, "right") - 1
        value = float(cut.cif[0, at]) if at >= 0 else 0.0
        variance = float(cut.variance()[0, at]) if at >= 0 else 0.0
        found[names[code]] = _Rate(len(mine), int((early & (cause == 0)).sum()), min(value, 1.0), variance)
    return found


def _decomposed(
    measured: Sequence[Mapping[str | None, _Rate]], level: float, method: str, definition: str
) -> RateChange:
    totals = [sum(rate.n for rate in one.values()) for one in measured]
    if not all(totals):
        raise InvalidValue("rate change", totals, "cases before and after; a rate needs some in both")
    parts = sorted({*measured[0], *measured[1]}, key=_by_name)
    pairs = [(measured[0].get(part, _NONE), measured[1].get(part, _NONE)) for part in parts]
    whole = [sum(r.n * r.value for r in one.values() if r.n) / n for one, n in zip(measured, totals, strict=True)]
    centre = sum(whole) / 2
    rows = tuple(_effect(part, pair, totals, centre) for part, pair in zip(parts, pairs, strict=True))
    spread = sum(
        ((row.weight_before + row.weight_after) / 2) ** 2 * (old.variance + new.variance)
        for row, (old, new) in zip(rows, pairs, strict=True)
        if old.n and new.n
    )
    rate, reach = sum(row.rate for row in rows), normal_quantile(level) * math.sqrt(spread)
    mix = sum(row.mix for row in rows)
    return RateChange(
        rows, whole[0], whole[1], mix, rate, rate - reach, rate + reach, level, complete=True, method=method,
        definition=definition,
    )  # fmt: skip


def _effect(part: str | None, pair: tuple[_Rate, _Rate], totals: Sequence[int], centre: float) -> RateEffect:
    old, new = pair
    share, share_after = old.n / totals[0], new.n / totals[1]
    known = [rate.value for rate in pair if rate.n]
    middle, step = sum(known) / max(len(known), 1), (known[1] - known[0]) if len(known) == 2 else 0.0
    mix, rate = (share_after - share) * (middle - centre), (share + share_after) / 2 * step
    censored = old.n_open + new.n_open
    return RateEffect(part, old.n, new.n, censored, share, share_after, old.value, new.value, mix, rate)


def _by_name(part: str | None) -> tuple[bool, str]:
    return part is None, part or ""
