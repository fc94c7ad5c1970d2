"""Tables of losses: by their columns, and over periods."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import UNKNOWN, Coded, Finding, Frameable
from crmkit.metrics._chart_words import speaking
from crmkit.metrics._signal_words import Lang, worded
from crmkit.metrics._trends import cochran_armitage, poisson_trend
from crmkit.metrics._vega import bars, labelled, layered, nominal, number, plain, whiskers
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.estimators import benjamini_hochberg, wilson
from crmkit.metrics.states import exact_sums
from crmkit.metrics.survival import aalen_johansen
from crmkit.values.display import Chart

__all__ = ["Chance", "Chances", "LostRow", "LostTable", "LostTrend", "LostTrendRow", "chances_of", "tabled", "trended"]

Ints = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000


@attrs.frozen
class LostRow:
    """The losses with given values.

    Attributes:
        group: the value of each column; None where nobody gave one.
        n: losses.
        share: of all losses.
        low: lower Wilson limit of the share.
        high: upper limit.
        amounts: from currency to the sum of the known amounts, exact.
        amount_shares: from currency to its share of what was lost in that currency; NaN if that is not above 0.
        n_unpriced: losses whose amount or currency is not known.
    """

    group: Mapping[str, str | None]
    n: int
    share: float
    low: float
    high: float
    amounts: Mapping[str, Decimal]
    amount_shares: Mapping[str, float]
    n_unpriced: int


@attrs.frozen
class LostTable(Frameable[LostRow]):
    """Losses by their columns, the most frequent first; their shares add up to 1.

    Attributes:
        rows: the groups.
        n: losses.
        n_reopened: losses that do not count, for the case was reopened.
        definition: the id of the definition.
        findings: what is not known.
    """

    rows: tuple[LostRow, ...]
    n: int
    n_reopened: int
    definition: str
    findings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, list[Any]]:
        """The rows as columns: the groups, the counts, and for each currency the amount and its share."""
        groups = dict.fromkeys(name for row in self.rows for name in row.group)
        currencies = dict.fromkeys(unit for row in self.rows for unit in row.amounts)
        made: dict[str, list[Any]] = {name: [row.group[name] for row in self.rows] for name in groups}
        made |= {name: [getattr(row, name) for row in self.rows] for name in ("n", "share", "low", "high")}
        for unit in currencies:
            made[f"amount {unit}"] = [row.amounts.get(unit) for row in self.rows]
            made[f"share of {unit}"] = [row.amount_shares.get(unit) for row in self.rows]
        made["n_unpriced"] = [row.n_unpriced for row in self.rows]
        return made

    def plot(self, lang: Lang = "en") -> Chart:
        """Shares with their limits, the most frequent first.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say = speaking(lang)
        names = [" / ".join(value or say("(unknown)") for value in row.group.values()) for row in self.rows]
        numbers = plain(self.rows, ("n", "share", "low", "high"))
        values = [{"group": name, **row} for name, row in zip(names, numbers, strict=True)]
        y, x = nominal("group"), number("share", say("share of losses"), axis={"format": "%"})
        return Chart(layered(values, [bars({"y": y, "x": x}), whiskers("x", x, {"y": y})], title=say("lost deals")))


@attrs.frozen
class LostTrendRow:
    """The losses with one value in one period.

    Attributes:
        value: the value; None where nobody gave one.
        period: the name of the period.
        n: losses with it.
        total: all losses of the period.
        share: n / total; NaN without losses.
        low: lower Wilson limit.
        high: upper limit.
        complete: whether the period was over when observation ended.
        share_p: of the value's trend over complete periods: does its share change? NaN where it cannot be told.
        share_q: its false discovery rate among the values of the table.
        rising: whether its share rises (or falls); None where it cannot be told.
        count_p: are there more or fewer of them a day?
    """

    value: str | None
    period: str
    n: int
    total: int
    share: float
    low: float
    high: float
    complete: bool
    share_p: float
    share_q: float
    rising: bool | None
    count_p: float


@attrs.frozen
class LostTrend(Frameable[LostTrendRow]):
    """Shares of losses over periods, value by value.

    Attributes:
        rows: value by value, period by period.
        by: the column.
        definition: the id of the definition.
    """

    rows: tuple[LostTrendRow, ...]
    by: str
    definition: str

    def plot(self, lang: Lang = "en") -> Chart:
        """A line a value, with its limits; hollow where the period is not over.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say = speaking(lang)
        names = ("value", "period", "n", "total", "share", "low", "high", "complete")
        values = labelled(plain(self.rows, names), "value", say("(unknown)"))
        x = {"field": "period", "type": "ordinal", "sort": None, "title": None}
        hue = {"color": nominal("value", self.by)}
        y = number("share", say("share of losses"), axis={"format": "%"})
        line = {"mark": "line", "encoding": {"x": x, "y": y, **hue}}
        filled = {"fill": {"condition": {"test": "datum.complete", **hue["color"], "legend": None}, "value": "#fff"}}
        dot = {"mark": "point", "encoding": {"x": x, "y": y, **hue, **filled}}
        title = worded(lang, (f"lost deals by {self.by}", f"按 {self.by} 的输单"))
        return Chart(layered(values, [whiskers("y", y, {"x": x, **hue}), line, dot], title=title))


@attrs.frozen
class Chance:
    """How likely a new deal is to be lost for one value.

    Attributes:
        value: the value; None where nobody gave one.
        chance: within the days asked for.
        low: lower limit.
        high: upper limit.
        n: losses with it.
    """

    value: str | None
    chance: float
    low: float
    high: float
    n: int


@attrs.frozen
class Chances(Frameable[Chance]):
    """Chances to be lost, the likeliest first.

    Attributes:
        rows: the values.
        n: deals.
        n_open: deals that are open (censored).
        days: by when.
        definition: the id of the definition.
    """

    rows: tuple[Chance, ...]
    n: int
    n_open: int
    days: float
    definition: str

    def plot(self, lang: Lang = "en") -> Chart:
        """Chances with their limits.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say = speaking(lang)
        values = labelled(plain(self.rows, ("value", "chance", "low", "high", "n")), "value", say("(unknown)"))
        within = worded(lang, (f"lost within {self.days:g} days", f"{self.days:g} 天内输单的概率"))
        y, x = nominal("value"), number("chance", within, axis={"format": "%"})
        return Chart(
            layered(values, [bars({"y": y, "x": x}), whiskers("x", x, {"y": y})], title=say("chance of losing"))
        )


def tabled(columns: Mapping[str, Coded], currencies: Coded, amount: Ints, level: float) -> tuple[LostRow, ...]:
    """Count losses by columns and add up their amounts by currency."""
    total = len(currencies)
    codes = np.stack([column.codes for column in columns.values()]) if total else np.zeros((len(columns), 0), np.int32)
    keys, place = np.unique(codes, axis=1, return_inverse=True)
    place = place.reshape(-1).astype(np.int64)
    size, units = keys.shape[1], currencies.values
    priced = np.flatnonzero((amount != UNKNOWN) & ~currencies.missing)
    cell = place[priced] * len(units) + currencies.codes[priced]
    sums = exact_sums(cell, amount[priced], size * len(units)).reshape(size, len(units))
    used, lacking = np.bincount(cell, minlength=sums.size).reshape(sums.shape), np.bincount(place, minlength=size)
    lacking -= used.sum(axis=1)
    whole = [sum(column) for column in sums.T.tolist()]
    rows: list[LostRow] = []
    for i, n in enumerate(np.bincount(place, minlength=size).tolist()):
        values = [(*column.values, None)[code] for column, code in zip(columns.values(), keys[:, i], strict=True)]
        low, high = wilson(n, total, level)
        mine = {unit: (int(sums[i, j]), whole[j]) for j, unit in enumerate(units) if used[i, j]}
        shares = {
            unit: minor / all_of_it if all_of_it > 0 else float("nan") for unit, (minor, all_of_it) in mine.items()
        }
        amounts = {unit: Decimal(minor).scaleb(-2) for unit, (minor, _) in mine.items()}
        group = dict(zip(columns, values, strict=True))
        rows.append(LostRow(group, n, n / total, float(low), float(high), amounts, shares, int(lacking[i])))
    return tuple(sorted(rows, key=_most))


def _most(row: LostRow) -> tuple[Any, ...]:
    return (-row.n, *((value is None, value or "") for value in row.group.values()))


def trended(column: Coded, at: Ints, buckets: Buckets, until: int, asked: tuple[str, float, str]) -> LostTrend:
    """Count losses by value and period, and test each value for a trend."""
    by, level, definition = asked
    period = buckets.place(at)
    inside = period >= 0
    values = (*column.values, None)
    code = np.where(column.codes < 0, len(values) - 1, column.codes).astype(np.int64)
    place = code[inside] * len(buckets.periods) + period[inside]
    n = np.bincount(place, minlength=len(values) * len(buckets.periods)).reshape(len(values), -1)
    total, over = n.sum(axis=0), buckets.edges[1:] <= until
    days = np.diff(buckets.edges) / _DAY_US
    present = sorted(np.flatnonzero(n.any(axis=1)).tolist(), key=lambda i: (-int(n[i].sum()), i))
    shares = [cochran_armitage(n[i, over], total[over]) for i in present]
    counts = [poisson_trend(n[i, over], days[over]) for i in present]
    q = benjamini_hochberg([test.p for test in shares]).tolist()
    rows: list[LostTrendRow] = []
    for i, share, discovered, count in zip(present, shares, q, counts, strict=True):
        low, high = wilson(n[i], total, level)
        part = np.divide(n[i], total, out=np.full(len(total), np.nan), where=total > 0)
        told = (share.p, discovered, None if np.isnan(share.z) else share.z > 0, count.p)
        rows += [
            LostTrendRow(values[i], name, int(n[i, j]), int(total[j]), float(part[j]), float(low[j]), float(high[j]),
                         bool(over[j]), *told)
            for j, name in enumerate(buckets.names)
        ]  # fmt: skip
    return LostTrend(tuple(rows), by, definition)


def chances_of(
    spent: Ints, cause: Ints, values: Sequence[str | None], horizon: int, level: float
) -> tuple[Chance, ...]:
    """The chance of each value by a horizon; causes are 0 open, 1 won, 2 the first value ..., and a last one."""
    if not len(spent):
        return ()
    estimate = aalen_johansen(spent, cause, causes=len(values) + 2)
    at = int(np.searchsorted(estimate.time, horizon, "right")) - 1
    low, high = estimate.interval(level)
    rows: list[Chance] = []
    for i, n in enumerate(np.bincount(cause, minlength=len(values) + 3)[2:-1].tolist()):
        if n:
            # Before the first end nothing is known, and sums of shares may pass 1 by a rounding error.
            chance, lower, upper = (float(min(line[i + 1, at], 1.0)) for line in (estimate.cif, low, high))
            rows.append(Chance(values[i], chance, lower, upper, n) if at >= 0 else Chance(values[i], 0.0, 0.0, 1.0, n))
    return tuple(sorted(rows, key=_likeliest))


def _likeliest(row: Chance) -> tuple[float, bool, str]:
    return -row.chance, row.value is None, row.value or ""
