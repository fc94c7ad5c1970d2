"""How much of an amount is in few hands: Lorenz curve, Gini, Herfindahl-Hirschman, share of the largest."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Finding, Frameable, Ledger
from crmkit.metrics._checks import Floats, as_given, confidence
from crmkit.metrics._shares import Cells, cells_of
from crmkit.metrics._sums import summed
from crmkit.metrics._vega import Spec, layered, nominal, number, plain, whiskers
from crmkit.metrics.policy import definition_id
from crmkit.values import Period, zone

__all__ = [
    "Concentration", "ConcentrationRow", "Drawn", "Lorenz", "LorenzPoint", "concentration", "gini", "herfindahl",
    "lorenz",
]  # fmt: skip

#: What is drawn anew for an interval: the parts (customers of a larger population), or the facts among fixed parts.
Drawn: TypeAlias = Literal["parts", "facts"]

_CHUNK = 1 << 22


@attrs.frozen
class ConcentrationRow:
    """One measure of concentration.

    Attributes:
        currency: the currency.
        measure: "gini", "hhi", "effective number", "top 5 share" ...
        value: NaN without a part above 0.
        low: lower limit; None if it was not asked for.
        high: upper limit.
        n: parts with an amount above 0.
        n_unusable: parts whose amount is below 0, which have no share; parts of 0 count in nothing.
        method: the interval.
        definition: the id of the definition.
    """

    currency: str
    measure: str
    value: float
    low: float | None
    high: float | None
    n: int
    n_unusable: int
    method: str
    definition: str


@attrs.frozen
class Concentration(Frameable[ConcentrationRow]):
    """Measures of concentration, currency by currency."""

    rows: tuple[ConcentrationRow, ...]
    findings: tuple[Finding, ...] = ()

    def plot(self) -> Spec:
        """The measures that lie between 0 and 1, with their intervals."""
        names = ("currency", "measure", "value", "low", "high", "n")
        values = plain([row for row in self.rows if row.measure != "effective number"], names)
        y, x = nominal("measure"), number("value", scale={"domain": [0, 1]})
        dot = {"mark": {"type": "point", "filled": True}, "encoding": {"x": x, "y": y}}
        return layered(values, [whiskers("x", {"y": y}), dot], title="concentration", rows="currency")


@attrs.frozen
class LorenzPoint:
    """One point of a Lorenz curve.

    Attributes:
        currency: the currency.
        parts: the share of parts, the smallest first.
        amount: the share of the amount that they make up.
    """

    currency: str
    parts: float
    amount: float


@attrs.frozen
class Lorenz(Frameable[LorenzPoint]):
    """Lorenz curves (Lorenz 1905), from (0, 0) to (1, 1), currency by currency."""

    rows: tuple[LorenzPoint, ...]
    findings: tuple[Finding, ...] = ()

    def plot(self) -> Spec:
        """The curve and the diagonal of equality."""
        x, y = number("parts", "share of parts"), number("amount", "share of the amount")
        equal = {"mark": {"type": "line", "strokeDash": [4, 4]}, "encoding": {"x": x, "y": number("parts", y["title"])}}
        curve = {"mark": "line", "encoding": {"x": x, "y": y}}
        values = plain(self.rows, ("currency", "parts", "amount"))
        return layered(values, [equal, curve], title="Lorenz curve", rows="currency")


def gini(amounts: npt.ArrayLike) -> Any:
    """Gini's coefficient along the last axis: 0 if all parts are equal, 1 - 1/n if one has everything.

    G = sum_i (2i - n - 1) x_(i) / (n sum x), for x in ascending order (Gini 1914; Sen 1973). Not corrected for n.

    Args:
        amounts: none below 0, shape (..., n).

    Returns:
        NaN without an amount above 0.

    Raises:
        InvalidValue: for an amount below 0, which has no place on a Lorenz curve.

    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 8])
    (0.0, 0.75)
    """
    x = np.sort(_amounts(amounts), axis=-1)
    n = x.shape[-1]
    weights = 2.0 * np.arange(1, n + 1) - n - 1
    whole = n * x.sum(axis=-1)
    return as_given(np.divide(x @ weights, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def herfindahl(amounts: npt.ArrayLike) -> Any:
    """The Herfindahl-Hirschman index along the last axis: the sum of squared shares, from 1/n to 1.

    Its inverse is the number of equal parts that would be as concentrated (Adelman 1969; Hill 1973, order 2).

    Args:
        amounts: none below 0, shape (..., n).

    Returns:
        NaN without an amount above 0.

    Raises:
        InvalidValue: for an amount below 0.

    >>> round(herfindahl([30, 30, 20, 20]), 4)
    0.26
    """
    x = _amounts(amounts)
    whole = x.sum(axis=-1)
    squares = (x * x).sum(axis=-1)
    return as_given(np.divide(squares, whole**2, out=np.full(whole.shape, np.nan), where=whole > 0))


def concentration(
    ledger: Ledger,
    by: str,
    *,
    over: Period | None = None,
    tz: Any = "UTC",
    top: Sequence[int] = (1, 5, 10),
    rng: np.random.Generator | None = None,
    drawn: Drawn = "parts",
    draws: int = 999,
    level: float = 0.95,
) -> Concentration:
    """How concentrated the amounts of a ledger are: Gini, HHI, effective number, share of the largest parts.

    What was sold is a fact and needs no interval. As an estimate of what the same business would bring again it does:
    with `rng` the limits are those of the percentile bootstrap (Efron 1979).

    Args:
        ledger: the facts; take one kind.
        by: the dimension whose values are the parts, such as "customer".
        over: the period; all facts if None.
        tz: the zone whose civil days make up the period.
        top: the numbers of largest parts whose common share is wanted.
        rng: the source of randomness; no intervals if None.
        drawn: what is drawn anew: "parts" where they are a sample (customers), "facts" where they are fixed (regions).
        draws: how many times.
        level: the confidence of the limits.

    Raises:
        NotFound: if the ledger has no such column.
    """
    cells = cells_of(ledger, by, [over], zone(tz))
    measures = _measures(top)
    policies = {"rng": rng is not None, "drawn": drawn, "draws": draws, "level": level} if rng is not None else {}
    definition = definition_id("concentration", by=by, over=over, tz=tz, top=list(top), **policies)
    rows: list[ConcentrationRow] = []
    for number_, currency in enumerate(cells.currencies):
        given = cells.minor[0, :, number_]
        parts = given[given > 0].astype(np.float64)
        below = int((given < 0).sum())
        if not cells.n[0, :, number_].any():
            continue
        limits = None if rng is None or not len(parts) else _limits(
            _drawn(ledger, cells, number_, rng=rng, drawn=drawn, draws=draws), measures, level
        )  # fmt: skip
        for place, (name, measure) in enumerate(measures.items()):
            value = float(measure(parts)) if len(parts) else float("nan")
            low, high = (None, None) if limits is None else (float(limits[0, place]), float(limits[1, place]))
            method = "exact" if limits is None else f"percentile bootstrap of {drawn}, {draws} draws"
            rows.append(ConcentrationRow(currency, name, value, low, high, len(parts), below, method, definition))
    return Concentration(tuple(rows), (*cells.findings, *_negative(cells, by)))


def lorenz(ledger: Ledger, by: str, *, over: Period | None = None, tz: Any = "UTC") -> Lorenz:
    """The Lorenz curve of the amounts of a ledger: which share of the parts makes up which share of the amount.

    Args:
        ledger: the facts; take one kind.
        by: the dimension whose values are the parts.
        over: the period; all facts if None.
        tz: the zone whose civil days make up the period.

    Raises:
        NotFound: if the ledger has no such column.
    """
    cells = cells_of(ledger, by, [over], zone(tz))
    rows: list[LorenzPoint] = []
    for number_, currency in enumerate(cells.currencies):
        given = cells.minor[0, :, number_]
        parts = np.sort(given[given > 0])
        # Python's integers: running sums of 64-bit amounts need not fit 64 bits.
        whole, running = sum(parts.tolist()), 0
        points = [LorenzPoint(currency, 0.0, 0.0)] if len(parts) else []
        for rank, minor in enumerate(parts.tolist(), 1):
            running += minor
            points.append(LorenzPoint(currency, rank / len(parts), running / whole))
        rows += points
    return Lorenz(tuple(rows), (*cells.findings, *_negative(cells, by)))


def _amounts(amounts: npt.ArrayLike) -> Floats:
    x = np.asarray(amounts, np.float64)
    if x.ndim == 0 or not np.isfinite(x).all() or (x < 0).any():
        raise InvalidValue("amounts", f"shape {x.shape}", "are no column, or have one that is below 0 or not finite")
    return x


def _measures(top: Sequence[int]) -> dict[str, Callable[[Floats], Any]]:
    largest = {f"top {k} share": _top(k) for k in top}
    return {"gini": gini, "hhi": herfindahl, "effective number": _effective, **largest}


def _effective(x: Floats) -> Any:
    return 1.0 / herfindahl(x)


def _top(k: int) -> Callable[[Floats], Any]:
    if k < 1:
        raise InvalidValue("top", k, "is no number of parts of at least 1")

    def share(x: Floats) -> Any:
        cut = min(k, x.shape[-1])
        largest = np.partition(x, x.shape[-1] - cut, axis=-1)[..., -cut:]
        return largest.sum(axis=-1) / x.sum(axis=-1)

    return share


def _drawn(
    ledger: Ledger, cells: Cells, currency: int, *, rng: np.random.Generator, drawn: Drawn, draws: int
) -> list[Floats]:
    """Amounts of the parts, drawn anew: arrays of shape (some, parts), or (parts,)."""
    if drawn == "parts":
        given = cells.minor[0, :, currency]
        parts = given[given > 0].astype(np.float64)
        step = max(1, _CHUNK // len(parts))
        sizes = [min(step, draws - start) for start in range(0, draws, step)]
        return [parts[rng.integers(len(parts), size=(size, len(parts)))] for size in sizes]
    mine = np.flatnonzero(cells.place % len(cells.currencies) == currency)
    part, minor = cells.place[mine] // len(cells.currencies), ledger.minor[cells.used[mine]]
    made: list[Floats] = []
    for _ in range(draws):
        again = rng.integers(len(mine), size=len(mine))
        sums = summed(part[again], minor[again], len(cells.values))
        made.append(sums[sums > 0].astype(np.float64))
    return made


def _limits(drawn: list[Floats], measures: dict[str, Callable[[Floats], Any]], level: float) -> Floats:
    """Lower and upper limits, shape (2, measures)."""
    tail = (1.0 - confidence(level)) / 2.0
    found = np.array([np.concatenate([np.atleast_1d(of(x)) for x in drawn]) for of in measures.values()])
    limits: Floats = np.nanquantile(found, [tail, 1.0 - tail], axis=1, method="weibull")
    return limits


def _negative(cells: Cells, by: str) -> tuple[Finding, ...]:
    below = int((cells.minor < 0).sum())
    return (Finding(None, by, "a part with an amount below 0 has no share; left out", below),) if below else ()
