"""What an amount is made of: shares, their running sum, and classes A, B and C."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Finding, Frameable, Ledger
from crmkit.metrics._chart_words import speaking
from crmkit.metrics._signal_words import Lang, worded
from crmkit.metrics._vega import bars, labelled, layered, nominal, number, plain
from crmkit.metrics.policy import definition_id
from crmkit.metrics.states import exact_sums
from crmkit.values import Money, Period
from crmkit.values.display import Chart

__all__ = ["Cells", "Class", "Share", "Shares", "cells_of", "decimal", "shares"]

Ints = npt.NDArray[np.int64]
#: A: what makes up most of the amount; B: what makes up nearly all of the rest; C: everything else.
Class: TypeAlias = Literal["A", "B", "C"]


@attrs.frozen
class Share:
    """One part of an amount.

    Attributes:
        value: the value of the dimension; None for rows without one.
        currency: the currency; currencies are never added up, each makes a whole of its own.
        amount: what the part comes to, exact, in units of the currency.
        share: of the whole; NaN if the whole is not above 0.
        shown: the share rounded so that all of them add up to exactly 1; None likewise.
        cumulative: the share of this part and of all larger ones; above 1 where smaller parts are negative.
        kind: its class by Pareto: a part that begins below the first line is A, below the second B.
        n: rows.
    """

    value: str | None
    currency: str
    amount: Decimal
    share: float
    shown: Decimal | None
    cumulative: float
    kind: Class | None
    n: int


@attrs.frozen
class Shares(Frameable[Share]):
    """Parts of an amount, currency by currency, the largest first.

    Attributes:
        rows: the parts.
        by: the dimension.
        definition: the id of the definition.
        findings: rows without an amount, which are in no part, and parts that have no share.
    """

    rows: tuple[Share, ...]
    by: str
    definition: str
    findings: tuple[Finding, ...] = ()

    def total(self, currency: str) -> Decimal:
        """The whole, exact."""
        return sum((row.amount for row in self.rows if row.currency == currency), Decimal(0))

    def plot(self, lang: Lang = "en") -> Chart:
        """The Pareto chart: bars by part, the largest first, with the running share on a second axis.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say = speaking(lang)
        names = ("value", "currency", "amount", "share", "cumulative", "kind", "n")
        values = labelled(plain(self.rows, names), "value", say("(unknown)"))
        x = nominal("value", self.by)
        kind = {"color": {"field": "kind", "type": "nominal", "title": say("class")}}
        line = {"mark": {"type": "line", "point": True, "color": "#D55E00"}}
        running = number("cumulative", say("running share"), scale={"domainMin": 0}, axis={"format": "%"})
        amounts = bars({"x": x, "y": number("amount", say("amount")), **kind})
        layers = [amounts, {**line, "encoding": {"x": x, "y": running}}]
        title = worded(lang, (f"amount by {self.by}", f"按 {self.by} 的金额"))
        return Chart(layered(values, layers, title=title, rows="currency", apart="y"))


@attrs.frozen(eq=False)
class Cells:
    """Amounts of a ledger by part, currency and period.

    Attributes:
        values: the parts; the last is that of rows without one.
        currencies: the currencies.
        minor: exact sums in minor units, int64, shape (periods, parts, currencies).
        n: rows, likewise.
        place: the cell of each row that was used, in the flattened tables.
        used: the rows that were used.
        findings: rows that were not.
    """

    values: tuple[str | None, ...]
    currencies: tuple[str, ...]
    minor: Ints
    n: Ints
    place: Ints
    used: Ints
    findings: tuple[Finding, ...]


def cells_of(ledger: Ledger, by: str, periods: Sequence[Period | None], tz: Any) -> Cells:
    """Sum up a ledger by a dimension, by currency, and by periods that do not overlap (None is all of time).

    Raises:
        NotFound: if the ledger has no such column.
        InvalidValue: if a sum does not fit 64 bits.
    """
    column, units = ledger.dimension(by), ledger.currencies
    values, period = (*column.values, None), _period(ledger, periods, tz)
    inside = period >= 0
    used = np.flatnonzero(inside & ~units.missing)
    findings = _missing(ledger, by, inside)
    shape = (len(periods), len(values), len(units.values))
    codes = column.codes[used].astype(np.int64)
    place = (period[used] * shape[1] + np.where(codes < 0, shape[1] - 1, codes)) * shape[2] + units.codes[used]
    size = int(np.prod(shape))
    minor, n = exact_sums(place, ledger.minor[used], size), np.bincount(place, minlength=size)
    return Cells(values, units.values, minor.reshape(shape), n.reshape(shape), place, used, findings)


def _period(ledger: Ledger, periods: Sequence[Period | None], tz: Any) -> Ints:
    found = np.full(len(ledger), -1, np.int64)
    for number_, period in enumerate(periods):
        start, end = (np.iinfo(np.int64).min, np.iinfo(np.int64).max) if period is None else period.instants(tz)
        found[(ledger.at >= start) & (ledger.at < end)] = number_
    return found


def _missing(ledger: Ledger, by: str, inside: npt.NDArray[np.bool_]) -> tuple[Finding, ...]:
    unpriced = int((inside & ledger.currencies.missing).sum())
    nameless = int((inside & ledger.dimension(by).missing).sum())
    found = [Finding(None, "amount", "has no amount; in no sum", unpriced)] if unpriced else []
    if nameless:
        found.append(Finding(None, by, "has no value; a part of its own", nameless, dropped=False))
    return tuple(found)


def decimal(minor: int, currency: str) -> Decimal:
    """Minor units as an exact amount."""
    return Money.from_minor(minor, currency).amount


def shares(
    ledger: Ledger,
    by: str,
    *,
    over: Period | None = None,
    tz: Any = "UTC",
    classes: tuple[float, float] = (0.8, 0.95),
    digits: int = 3,
) -> Shares:
    """What the amounts of a ledger are made of, with the Pareto table.

    Sums are exact in minor units. Rounded shares are allotted by largest remainder (Hamilton): they add up to 1.

    Args:
        ledger: the facts; take one kind, such as `ledger.of("invoice")`.
        by: "customer", "who", or one of the ledger's `dims`.
        over: the period; all facts if None.
        tz: the zone whose civil days make up the period.
        classes: where class A ends and where class B does, as running shares.
        digits: the decimals of `shown`.

    Raises:
        NotFound: if the ledger has no such column.
        InvalidValue: for classes that are no rising shares.
    """
    from crmkit.values import zone

    if not 0 < classes[0] <= classes[1] <= 1:
        raise InvalidValue("classes", classes, "are no rising shares; (0.8, 0.95) is usual")
    cells = cells_of(ledger, by, [over], zone(tz))
    definition = definition_id("shares", by=by, over=over, tz=tz, classes=list(classes), digits=digits)
    rows: list[Share] = []
    findings = [*cells.findings]
    lines = tuple(Fraction(str(line)) for line in classes)
    for number_, currency in enumerate(cells.currencies):
        present = np.flatnonzero(cells.n[0, :, number_])
        parts = [(int(cells.minor[0, i, number_]), cells.values[i], int(cells.n[0, i, number_])) for i in present]
        parts.sort(key=_largest)
        whole = sum(minor for minor, _, _ in parts)
        if parts and whole <= 0:
            findings.append(Finding(None, "amount", f"the whole in {currency} is not above 0; it has no shares"))
        rows += _ranked(parts, whole, currency, lines, digits)
    return Shares(tuple(rows), by, definition, tuple(findings))


def _largest(part: tuple[int, str | None, int]) -> tuple[int, bool, str]:
    return -part[0], part[1] is None, part[1] or ""


def _ranked(
    parts: list[tuple[int, str | None, int]], whole: int, currency: str, lines: tuple[Fraction, ...], digits: int
) -> list[Share]:
    if whole <= 0:
        none = float("nan")
        return [Share(value, currency, decimal(m, currency), none, None, none, None, n) for m, value, n in parts]
    rows: list[Share] = []
    shown = allotted([Fraction(minor, whole) * 10**digits for minor, _, _ in parts], 10**digits)
    before = 0
    for (minor, value, n), units in zip(parts, shown, strict=True):
        begins = Fraction(before, whole)
        kind: Class = "A" if begins < lines[0] and minor > 0 else "B" if begins < lines[1] and minor > 0 else "C"
        before += minor
        share, amount = minor / whole, decimal(minor, currency)
        rows.append(Share(value, currency, amount, share, Decimal(units).scaleb(-digits), before / whole, kind, n))
    return rows


def allotted(exact: Sequence[Fraction], whole: int) -> list[int]:
    """Whole numbers nearest to exact ones that add up to `whole`: largest remainder, the first of equals first."""
    floors = [value.numerator // value.denominator for value in exact]
    order = sorted(range(len(exact)), key=lambda i: (floors[i] - exact[i], i))
    for i in order[: whole - sum(floors)]:
        floors[i] += 1
    return floors
