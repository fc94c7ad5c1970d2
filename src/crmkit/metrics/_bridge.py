"""What changed between two periods, and why: price, volume, mix, and parts that came or went, exact to the cent."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import UNKNOWN, Finding, Frameable, Ledger
from crmkit.metrics._chart_words import speaking
from crmkit.metrics._shares import Cells, cells_of, decimal
from crmkit.metrics._signal_words import Lang, worded
from crmkit.metrics._vega import layered, nominal, number
from crmkit.metrics.policy import definition_id
from crmkit.metrics.states import exact_sums
from crmkit.values import Period, zone
from crmkit.values.display import ROWS, Chart, Display, Table

__all__ = ["EFFECTS", "Bridge", "Effects", "Units", "Weights", "change"]

Ints = npt.NDArray[np.int64]
#: What the quantity is: the ledger's column, or the number of facts, whose price is then their average amount.
Units: TypeAlias = Literal["quantity", "facts"]
#: At whose prices and quantities an effect is valued: the mean of both periods, or those of the earlier one.
Weights: TypeAlias = Literal["symmetric", "base period"]

#: The effects that add up to the change.
EFFECTS = ("volume", "mix", "price", "new", "gone", "unsplit")
_HALF = Fraction(1, 2)
# Okabe and Ito (2008).
_HUES = {"amount": "#767676", "rise": "#0072B2", "fall": "#D55E00"}


@attrs.frozen
class Effects:
    """Why one part changed; or, in `Bridge.totals`, why all of them together did.

    Amounts are exact, in units of the currency, and `volume + mix + price + new + gone + unsplit == change`.

    Attributes:
        value: the value of the dimension; None for rows without one; "(all)" in the totals.
        currency: the currency.
        before: the amount of the earlier period.
        after: the amount of the later one.
        change: after - before.
        volume: more or less was sold in all.
        mix: the part's share of the quantity rose or fell.
        price: a unit brought more or less.
        new: the amount of a part that had nothing before.
        gone: minus the amount of a part that has nothing any more.
        unsplit: the change of what has no quantity, or of a part whose quantity is not above 0 in a period.
        growth: the change as a share of the whole amount before: the part's contribution to growth; NaN without one.
        n_before: facts of the earlier period.
        n_after: facts of the later one.
    """

    value: str | None
    currency: str
    before: Decimal
    after: Decimal
    change: Decimal
    volume: Decimal
    mix: Decimal
    price: Decimal
    new: Decimal
    gone: Decimal
    unsplit: Decimal
    growth: float
    n_before: int
    n_after: int


@attrs.frozen
class Bridge(Frameable[Effects]):
    """Why an amount changed, part by part; the largest change first.

    Attributes:
        rows: the parts.
        totals: all parts together, a row a currency: the sums of the rows.
        by: the dimension.
        periods: the names of both periods, and their days: months differ in length.
        policies: what the effects mean, in words.
        definition: the id of the definition.
        findings: rows that could not be used, or not be split.
    """

    rows: tuple[Effects, ...]
    totals: tuple[Effects, ...]
    by: str
    periods: tuple[str, str]
    policies: dict[str, str]
    definition: str
    findings: tuple[Finding, ...] = ()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The totals and then the effects of each part; see `Shown.display`."""
        return Display.of(Table.of_rows((*self.totals, *self.rows), most=most, caption="Bridge", lang=lang), lang=lang)

    def plot(self, lang: Lang = "en") -> Chart:
        """The waterfall from the amount before to the amount after, a bar an effect.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say = speaking(lang)
        steps = [step for row in self.totals for step in _waterfall(row)]
        values = [{**step, "effect": say(step["effect"]), "kind": say(step["kind"])} for step in steps]
        order = [say(name) for name in ("before", *EFFECTS, "after")]
        x, y = nominal("effect", sort=order), number("start", say("amount"))
        kinds = {"domain": [say(name) for name in _HUES], "range": [*_HUES.values()]}
        hue = {"field": "kind", "type": "nominal", "title": None, "scale": kinds}
        bar = {"mark": "bar", "encoding": {"x": x, "y": y, "y2": {"field": "end"}, "color": hue}}
        begin, end = self.periods
        title = worded(lang, (f"{begin} to {end} by {self.by}", f"{begin} 至 {end}，按 {self.by}"))
        return Chart(layered(values, [bar], title=title, rows="currency"))


def change(
    ledger: Ledger,
    by: str,
    *,
    before: Period,
    after: Period,
    tz: Any = "UTC",
    units: Units = "quantity",
    weights: Weights = "symmetric",
) -> Bridge:
    """Why the amounts of a ledger changed from one period to another, by the parts of a dimension.

    Part i has quantity q, amount v, price p = v / q, and share s = q / Q of the quantity of all parts that are there in
    both periods. With a bar for the mean of both periods,

        price  = q_bar (p1 - p0)                     (the price indicator of Bennet 1920)
        volume = p_bar s_bar (Q1 - Q0)
        mix    = p_bar Q_bar (s1 - s0)               (volume + mix = p_bar (q1 - q0), Bennet's quantity indicator)

    so that the order in which effects are taken does not matter, and going back undoes them (Diewert 2005). With
    `weights="base period"`, as controllers do it, price = q1 (p1 - p0), volume = p0 s0 (Q1 - Q0) and
    mix = p0 Q1 (s1 - s0). Both are computed in fractions and rounded to minor units so that every row adds up to its
    change exactly; what rounding leaves is carried to the next part, by name, so that each total is within one minor
    unit of its exact value.

    Args:
        ledger: the facts; take one kind.
        by: the dimension.
        before: the earlier period.
        after: the later one; they must not overlap. Their lengths are printed, and not made equal.
        tz: the zone whose civil days make up the periods.
        units: what is counted.
        weights: how effects are valued.

    Raises:
        NotFound: if the ledger has no such column.
        InvalidValue: if the periods overlap, or the ledger has no quantities.
    """
    if before.end > after.start:
        raise InvalidValue("after", repr(after), f"does not come after {before!r}")
    if units == "quantity" and ledger.quantity is None:
        reason = "has no quantities; give from_frame(quantity=...), or take units='facts' for number and average amount"
        raise InvalidValue("change", "ledger", reason)
    cells = cells_of(ledger, by, [before, after], zone(tz))
    counts = _quantities(ledger, cells, units)
    policies = {"units": units, "weights": weights, "by": by, "tz": str(tz), "before": _told(before)}
    policies["after"] = _told(after)
    rows: list[Effects] = []
    totals: list[Effects] = []
    for number_, currency in enumerate(cells.currencies):
        made = _parts(cells, counts, number_, weights)
        if made:
            whole = sum(part.before for part in made)
            rows += sorted((_effects(part, currency, whole) for part in made), key=_most)
            totals.append(_effects(_together(made), currency, whole))
    findings = (*cells.findings, *_uncounted(cells, counts, by))
    names = (_name(before), _name(after))
    return Bridge(tuple(rows), tuple(totals), by, names, policies, definition_id("change", **policies), findings)


@attrs.frozen
class _Part:
    """One part in minor units."""

    value: str | None
    before: int
    after: int
    effects: tuple[int, ...]
    n: tuple[int, int]


@attrs.frozen(eq=False)
class _Counts:
    """Quantities of the rows that have one, and their amounts; int64, shape (periods, parts, currencies)."""

    quantity: Ints
    minor: Ints
    rows: Ints


def _quantities(ledger: Ledger, cells: Cells, units: Units) -> _Counts:
    size, shape = cells.minor.size, cells.minor.shape
    if units == "facts" or ledger.quantity is None:
        return _Counts(cells.n, cells.minor, cells.n)
    given = ledger.quantity[cells.used]
    known = np.flatnonzero(given != UNKNOWN)
    place, minor = cells.place[known], ledger.minor[cells.used[known]]
    sums = (exact_sums(place, given[known], size), exact_sums(place, minor, size), np.bincount(place, minlength=size))
    return _Counts(*(column.reshape(shape) for column in sums))


def _parts(cells: Cells, counts: _Counts, currency: int, weights: Weights) -> list[_Part]:
    """The parts of one currency, by name, each with its effects."""
    present = np.flatnonzero(cells.n[:, :, currency].any(axis=0)).tolist()
    present.sort(key=lambda i: (cells.values[i] is None, cells.values[i] or ""))
    n, q, v = (table[:, present, currency].T.tolist() for table in (cells.n, counts.quantity, counts.minor))
    split = [all(rows) and all(quantity > 0 for quantity in part) for rows, part in zip(n, q, strict=True)]
    both = [sum(part[t] for part, is_split in zip(q, split, strict=True) if is_split) for t in (0, 1)]
    carried = [Fraction(0)] * 3
    parts: list[_Part] = []
    for i, where in enumerate(present):
        amounts = cells.minor[:, where, currency].tolist()
        effects = [0] * 3
        if split[i]:
            exact = _exact(q[i], v[i], both, weights)
            effects, carried = _rounded([a + b for a, b in zip(exact, carried, strict=True)], v[i][1] - v[i][0])
        rest = amounts[1] - amounts[0] - sum(effects)
        came, went = (rest if n[i][0] == 0 else 0), (rest if n[i][1] == 0 else 0)
        whole = (*effects, came, went, rest - came - went)
        parts.append(_Part(cells.values[where], amounts[0], amounts[1], whole, (n[i][0], n[i][1])))
    return parts


def _exact(q: Sequence[int], v: Sequence[int], both: Sequence[int], weights: Weights) -> list[Fraction]:
    """Volume, mix and price of one part; they add up to the change of its amount."""
    p = [Fraction(v[t], q[t]) for t in (0, 1)]
    s = [Fraction(q[t], both[t]) for t in (0, 1)]
    if weights == "base period":
        return [p[0] * s[0] * (both[1] - both[0]), p[0] * both[1] * (s[1] - s[0]), q[1] * (p[1] - p[0])]
    worth = _HALF * (p[0] + p[1])
    return [
        worth * _HALF * (s[0] + s[1]) * (both[1] - both[0]),
        worth * _HALF * (both[0] + both[1]) * (s[1] - s[0]),
        _HALF * (q[0] + q[1]) * (p[1] - p[0]),
    ]


def _rounded(wanted: list[Fraction], whole: int) -> tuple[list[int], list[Fraction]]:
    """Whole numbers that add up to `whole`, and what each of them lacks."""
    from crmkit.metrics._shares import allotted

    given = allotted(wanted, whole)
    return given, [exact - units for exact, units in zip(wanted, given, strict=True)]


def _together(parts: list[_Part]) -> _Part:
    effects = tuple(sum(part.effects[i] for part in parts) for i in range(len(EFFECTS)))
    n = (sum(part.n[0] for part in parts), sum(part.n[1] for part in parts))
    return _Part("(all)", sum(part.before for part in parts), sum(part.after for part in parts), effects, n)


def _effects(part: _Part, currency: str, whole: int) -> Effects:
    difference = part.after - part.before
    before, after, step = (decimal(minor, currency) for minor in (part.before, part.after, difference))
    volume, mix, price, new, gone, unsplit = (decimal(minor, currency) for minor in part.effects)
    growth = difference / whole if whole > 0 else float("nan")
    return Effects(
        part.value, currency, before, after, step, volume, mix, price, new, gone, unsplit, growth, *part.n
    )  # fmt: skip


def _most(row: Effects) -> tuple[Decimal, bool, str]:
    return -abs(row.change), row.value is None, row.value or ""


def _uncounted(cells: Cells, counts: _Counts, by: str) -> list[Finding]:
    found: list[Finding] = []
    lacking = int((cells.n - counts.rows).sum())
    if lacking:
        found.append(Finding(None, "quantity", "has no quantity; its amount is in no effect", lacking, dropped=False))
    odd = int(((counts.rows > 0).all(axis=0) & (counts.quantity <= 0).any(axis=0)).sum())
    if odd:
        found.append(Finding(None, by, "a part without a quantity above 0 in a period; not split", odd, dropped=False))
    return found


def _waterfall(row: Effects) -> list[dict[str, Any]]:
    steps = [{"effect": "before", "kind": "amount", "start": 0.0, "end": float(row.before), "currency": row.currency}]
    level = row.before
    for name in EFFECTS:
        effect: Decimal = getattr(row, name)
        kind = "rise" if effect >= 0 else "fall"
        ends = {"start": float(level), "end": float(level + effect)}
        steps.append({"effect": name, "kind": kind, "currency": row.currency, **ends})
        level += effect
    last = {"effect": "after", "kind": "amount", "start": 0.0, "end": float(row.after), "currency": row.currency}
    return [*steps, last]


def _name(period: Period) -> str:
    return period.name or f"{period.start} .. {period.end}"


def _told(period: Period) -> str:
    return f"{_name(period)} ({(period.end - period.start).days} days)"
