"""Customers who leave (K13): those who say so, and those who just stop buying.

Where there is a contract its end is seen: `subscriptions` makes spells, `churned` counts who left in a period,
`retention` and `lasting` say how long contracts last, `shifted_beta_geometric` how long they will.

Where there is none an end is never seen. `lapses` draws a line by the customer's own gaps, after which `churned` counts
as before. `bg_nbd` and `pareto_nbd` tell, for each customer, the chance of no purchase in the next t (`silent`):
that can be checked against what happens. The chance to be alive cannot, and BG/NBD has it at 1 for all who bought once.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats, normal_quantile
from crmkit.metrics._civil import as_day
from crmkit.metrics._dropout import BgNbd, ParetoNbd, bg_nbd, pareto_nbd
from crmkit.metrics._fits import Fit, Parameter
from crmkit.metrics._purchases import BuyerCounts, Purchases, purchases
from crmkit.metrics._retention import (
    Hazard,
    Retention,
    ShiftedBetaGeometric,
    lasting,
    retention,
    shifted_beta_geometric,
)
from crmkit.metrics._spells import Leaving, Spells, lapses, paid_just_before, subscriptions
from crmkit.metrics._spending import GammaGamma, gamma_gamma
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import definition_id
from crmkit.values import Period
from crmkit.values.display import ROWS, Display, Lang

__all__ = [
    "BgNbd",
    "BuyerCounts",
    "ChurnBase",
    "ChurnRate",
    "Churned",
    "Fit",
    "GammaGamma",
    "Hazard",
    "Outlook",
    "Parameter",
    "ParetoNbd",
    "Prospect",
    "Purchases",
    "Retention",
    "Returning",
    "ShiftedBetaGeometric",
    "Spells",
    "bg_nbd",
    "churned",
    "gamma_gamma",
    "lapses",
    "lasting",
    "outlook",
    "pareto_nbd",
    "purchases",
    "retention",
    "shifted_beta_geometric",
    "subscriptions",
]

Ints = npt.NDArray[np.int64]

#: Whom the rate is a share of: who was a customer as the period began, or these and who became one in it.
ChurnBase: TypeAlias = Literal["active at start", "active at start or new"]
#: What they count as who left and came back within the period.
Returning: TypeAlias = Literal["kept", "churned"]


@attrs.frozen
class ChurnRate:
    """Churn of one period.

    Attributes:
        period: its name or bounds.
        measure: "customers", or "revenue EUR" in minor units.
        base: what the rate is a share of.
        lost: of it, lost in the period; of revenue, what ended with the customers who left and what others pay less.
        returned: left and came back within the period; in `lost` only if the policy says so.
        new: came in the period, and were there at its end.
        value: lost / base; NaN without a base.
        low: lower limit.
        high: upper limit.
        n: customers in the base.
        n_open: spells of these that were open at the last observed day.
        n_unusable: rows that could not be used.
        method: the interval.
        definition: the id of the definition.
    """

    period: str
    measure: str
    base: int
    lost: int
    returned: int
    new: int
    value: float
    low: float
    high: float
    n: int
    n_open: int
    n_unusable: int
    method: str
    definition: str


@attrs.frozen
class Churned(Frameable[ChurnRate]):
    """Churn of periods; `churned` makes it.

    Attributes:
        rows: period by period, customers first, then revenue if it is known.
        level: the confidence of the limits.
        definition: the id of the definition.
        policies: what the figures mean, in words.
    """

    rows: tuple[ChurnRate, ...]
    level: float
    definition: str
    policies: dict[str, str]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The rates, and what they mean; see `Shown.display`."""
        said = "; ".join(f"{name}: {text}" for name, text in self.policies.items())
        return Display.of(self._table(lang, most), said, lang=lang)


@attrs.frozen
class Prospect:
    """What a model expects of one customer.

    Attributes:
        customer: the name.
        frequency: purchases after the first.
        recency: days from the first to the last.
        age: days from the first to the end of calibration.
        silent: the chance of no purchase in the horizon.
        expected: purchases expected in the horizon.
        alive: the chance of not having stopped; 1 by construction for one-time buyers under BG/NBD.
        value: what a purchase is expected to bring, in major units; None without a model of it.
    """

    customer: str
    frequency: int
    recency: int
    age: int
    silent: float
    expected: float
    alive: float
    value: float | None


@attrs.frozen
class Outlook(Frameable[Prospect]):
    """What a model expects of all customers; `outlook` makes it.

    Attributes:
        rows: customer by customer, in the order of the purchases.
        days: the horizon.
        silent: how many customers are expected not to buy in it.
        low: lower limit of how many will not.
        high: upper limit.
        n: customers.
        n_unusable: rows that could not be used.
        level: the confidence of the limits, which take the parameters as known.
        method: the model and the interval.
        definition: the id of the definition.
    """

    rows: tuple[Prospect, ...]
    days: int
    silent: float
    low: float
    high: float
    n: int
    n_unusable: int
    level: float
    method: str
    definition: str

    @property
    def share(self) -> float:
        """The share expected not to buy."""
        return self.silent / self.n


def churned(
    spells: Spells,
    *,
    over: Period | Iterable[Period],
    base: ChurnBase = "active at start",
    returning: Returning = "kept",
    level: float = 0.95,
) -> Churned:
    """Who left in a period, of those who were customers as it began; and revenue, if it is known.

    Periods are half-open: an end on the first day of a period belongs to it, one on the day after its last to the next.
    Who was a customer just before the first day was one as it began; who began on it is new. So
    customers + new - lost = customers at the end, and no end falls between two periods.

    Revenue churn is gross, of what was paid as the period began: what those who left paid, and what others of that time
    pay less as it ends. Its limits are those of a ratio of sums
    with customers as units (Cochran 1977, section 6.4).

    Args:
        spells: who was a customer when.
        over: one period or several, each observed to its end.
        base: whom the rate is a share of.
        returning: what they count as who left and came back within the period.
        level: the confidence of the limits.

    Raises:
        InvalidValue: for another policy, no period, one that is not over by `as_of`, or one that begins before `since`.
    """
    if base not in ("active at start", "active at start or new"):
        raise InvalidValue("base", base, "is neither 'active at start' nor 'active at start or new'")
    if returning not in ("kept", "churned"):
        raise InvalidValue("returning", returning, "is neither 'kept' nor 'churned'")
    periods = (over,) if isinstance(over, Period) else tuple(over)
    if not periods:
        raise InvalidValue("over", "no period", "was given")
    policies = {
        **spells.policies, "base": base, "returning": returning, "periods": "half-open", "revenue": "gross",
    }  # fmt: skip
    definition = definition_id("churned", level=level, **policies)
    rows: list[ChurnRate] = []
    for period in periods:
        rows += _rates(spells, period, (base, returning), level, definition)
    return Churned(tuple(rows), level, definition, policies)


def outlook(
    model: BgNbd | ParetoNbd, bought: Purchases, *, days: int, spending: GammaGamma | None = None, level: float = 0.95
) -> Outlook:
    """What a model expects of each customer in the `days` after calibration, and how many of them will not buy.

    Args:
        model: fitted, or with parameters that were kept.
        bought: who bought when.
        days: the horizon.
        spending: what purchases bring, if that is wanted.
        level: the confidence of the limits on how many will not buy.

    Raises:
        InvalidValue: for a horizon below one day, or purchases in another currency than the model's.
    """
    if days < 1:
        raise InvalidValue("days", days, "is no horizon of at least a day")
    x, last, age = bought.frequency, bought.recency / model.unit, bought.age / model.unit
    silent = np.asarray(model.silent(days / model.unit, x, last, age))
    columns = (
        x, bought.recency, bought.age, silent,
        model.expected(days / model.unit, x, last, age), model.alive(x, last, age),
    )  # fmt: skip
    values = [None] * len(x) if spending is None else spending.of(bought).tolist()
    listed = (column.tolist() for column in columns)
    rows = tuple(Prospect(*row) for row in zip(bought.names, *listed, values, strict=True))
    total, reach = float(silent.sum()), normal_quantile(level) * float(np.sqrt((silent * (1.0 - silent)).sum()))
    return Outlook(
        rows, days, total, max(total - reach, 0.0), min(total + reach, float(len(rows))),
        len(rows), bought.n_unusable, level, f"{model.model}, normal limits of a sum of independent events",
        definition_id("outlook", model=model.model, days=days, unit=model.unit, zone=bought.zone, level=level),
    )  # fmt: skip


def _rates(
    spells: Spells, period: Period, policy: tuple[ChurnBase, Returning], level: float, definition: str
) -> list[ChurnRate]:
    start, end = as_day(period.start, "period"), as_day(period.end, "period")
    if period.end > spells.as_of + timedelta(days=1):
        raise InvalidValue("period", str(period), f"is not over by {spells.as_of}, the last observed day")
    if spells.since is not None and period.start < spells.since:
        raise InvalidValue("period", str(period), f"begins before the records do, on {spells.since}")
    size = len(spells.customers)
    left = Leaving.of(spells, (start, end), *policy)
    there, after, among, back, lost = left.there, left.after, left.among, left.back, left.lost
    n, n_open = int(among.sum()), int((among[spells.who] & ~spells.ended).sum())
    low, high = wilson(lost.sum(), n, level)
    end_of = (n_open, spells.n_unusable)
    rows = [
        ChurnRate(
            str(period), "customers", n, int(lost.sum()), int(back.sum()), int((after & ~there).sum()),
            float(lost.sum() / n) if n else float("nan"), float(low), float(high), n, *end_of, "wilson", definition,
        )
    ]  # fmt: skip
    if spells.currency is not None:
        before, now = (paid_just_before(spells.paying, at, size) for at in (start, end))
        paid, later = before[there], now[there]
        gone = np.where(lost[there], paid, np.maximum(paid - later, 0))
        value, low, high = _ratio(gone, paid, level)
        rows.append(
            ChurnRate(
                str(period), f"revenue {spells.currency}", int(paid.sum()), int(gone.sum()),
                int(before[back].sum()), int(now[~there].sum()), value, low, high, int(there.sum()), *end_of,
                "ratio of sums, customers as units", definition,
            )
        )  # fmt: skip
    return rows


def _ratio(gone: Ints, paid: Ints, level: float) -> tuple[float, float, float]:
    """A ratio of sums over independent customers, and its normal limits, within 0..1."""
    total, n = int(paid.sum()), len(paid)
    if not total:
        return float("nan"), 0.0, 1.0
    value = int(gone.sum()) / total
    if n < 2:
        return value, 0.0, 1.0
    spread: Floats = gone - value * paid
    error = float(np.sqrt(n / (n - 1) * (spread @ spread))) / total
    reach = normal_quantile(level) * error
    return value, max(value - reach, 0.0), min(value + reach, 1.0)
