"""When customers were customers: spells, from contracts or from a rule about gaps between purchases.

A spell is half-open, [start, end), in civil days. Spells of one customer that touch or overlap are one: who renews, or
has two contracts, has not left. What has not ended by the last observed day is open (right-censored).
"""

from datetime import date
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._civil import as_day, civil_days, coded, from_day
from crmkit.metrics._purchases import Purchases
from crmkit.values import Currency

__all__ = ["Leaving", "Spells", "lapses", "paid_just_before", "subscriptions"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
# Later than any day: the end of a contract that has none.
_NEVER = np.iinfo(np.int64).max


@attrs.frozen(eq=False)
class Spells:
    """When customers were customers; `subscriptions` and `lapses` make it.

    Attributes:
        customers: the names, by code.
        who: int64, shape (n,): the customer of each spell; sorted, then by start.
        start: days since 1970-01-01.
        end: the first day on which one is no customer any more; the day after `as_of` where the spell is open.
        ended: False where the spell is open.
        paying: the contracts as they came, for revenue: int64 rows (who, start, end, minor units), shape (4, m).
        currency: ISO code; None without amounts.
        as_of: the last day that was observed.
        since: the first day that was observed, if contracts that ended before it are not there (left truncation).
        n_unusable: rows without customer or start, of no length, or not begun by `as_of`.
        policies: how spells came about, in words.
    """

    customers: tuple[str, ...]
    who: Ints
    start: Ints
    end: Ints
    ended: npt.NDArray[np.bool_]
    paying: Ints
    currency: str | None
    as_of: date
    since: date | None
    n_unusable: int
    policies: dict[str, str]

    def __len__(self) -> int:
        return len(self.who)


def subscriptions(
    customers: Any,
    start: Any,
    end: Any,
    *,
    as_of: date,
    amounts: npt.ArrayLike | None = None,
    currency: str | None = None,
    since: date | None = None,
    tz: str = "UTC",
) -> Spells:
    """Spells of contracts.

    Args:
        customers: whose contract: texts, whole numbers or a `Coded` column.
        start: the first day: dates, datetime64[D], aware datetimes, or int64 microseconds UTC.
        end: the first day without it, of dates or datetime64[D]; None (NaT) where it lasts. An end after `as_of` is
            open.
        as_of: the last day that was observed.
        amounts: what each contract brings in a period, always the same period, in whole minor units.
        currency: ISO code of the amounts.
        since: the first day of the records, if contracts that ended earlier are not in them.
        tz: the zone whose civil days count, for instants.

    Raises:
        InvalidValue: for an end before its start, amounts that are not whole, negative or without a currency, columns
            that do not fit together, or no usable row.
    """
    begins, known = civil_days(start, tz, "start")
    ends, over = civil_days(end, tz, "end")
    who = coded(customers, len(begins))
    if len(ends) != len(begins):
        raise InvalidValue("end", f"{len(ends)} rows", f"do not match the {len(begins)} of the other columns")
    last = as_day(as_of, "as_of")
    ends = np.where(over, ends, _NEVER)
    back = known & (ends < begins)
    if back.any():
        row = int(np.flatnonzero(back)[0])
        raise InvalidValue("end", str(from_day(ends[row])), f"is before its start, {from_day(begins[row])}")
    usable = known & ~who.missing & (ends > begins) & (begins <= last)
    if since is not None:
        # At least one day of it must lie in what was observed.
        usable &= ends > as_day(since, "since")
    minor = _amounts(amounts, currency, len(begins))
    rows = np.array([who.codes, begins, ends, minor], np.int64)[:, usable]
    return _spells(
        who.values, rows, as_of=as_of, since=since, unusable=int((~usable).sum()),
        currency=None if amounts is None else currency,
        policies={"setting": "contract", "a spell": "half-open civil days, touching ones joined"},
    )  # fmt: skip


def lapses(bought: Purchases, *, q: float = 0.95, least: int = 5, usual: int | None = None) -> Spells:
    """Spells without contracts: a customer has left who has not bought for longer than is usual for them.

    What is usual is the quantile q of the customer's own gaps between purchases, in whole days rounded up, and that of
    all customers' gaps for one with fewer than `least`. One limit for all would call slow buyers lost. Who has left
    counts from the day after the limit; who buys again begins a new spell.

    Args:
        bought: who bought when.
        q: the quantile.
        least: own gaps needed.
        usual: the limit, in days, for customers with fewer; the quantile of all customers' gaps if None. With it, what
            is found of a customer does not hang on the others.

    Raises:
        InvalidValue: for a quantile outside 0..1, or without `usual` if nobody bought twice.
    """
    if not 0.0 < q <= 1.0:
        raise InvalidValue("quantile", q, "is outside 0..1")
    if least < 1:
        raise InvalidValue("least", least, "is below 1")
    who, day = bought.who, bought.day
    same = who[1:] == who[:-1]
    whose, gap = who[1:][same], (day[1:] - day[:-1])[same]
    pooled = _pooled(bought, gap, q) if usual is None else usual
    own = np.ceil(_quantiles(whose, gap, q, len(bought.customers)) - 1e-9)
    enough = np.bincount(whose, minlength=len(bought.customers)) >= least
    limit = np.where(enough, own, pooled).astype(np.int64)
    rows = np.array([who, day, day + limit[who], np.zeros_like(who)], np.int64)
    others = "those of all" if usual is None else f"{usual} days"
    policies = {"setting": "gap rule", "quantile": f"{q:g}", "own gaps": f"at least {least}, else {others}"}
    # A gap as long as the limit is usual still, and joins; one has left on the day after.
    return _spells(
        bought.customers, rows, as_of=bought.as_of, since=None, unusable=bought.n_unusable,
        currency=None, policies=policies, lag=1,
    )  # fmt: skip


@attrs.frozen(eq=False)
class Leaving:
    """Who left in a period, as masks over customers.

    Attributes:
        there: was a customer as it began.
        after: is one as it ends.
        among: is counted in the base.
        back: is, and left and came back.
        lost: is, and left.
    """

    there: Mask
    after: Mask
    among: Mask
    back: Mask
    lost: Mask

    @classmethod
    def of(cls, spells: Spells, span: tuple[int, int], base: str = "active at start", returning: str = "kept") -> Self:
        """Who left on the days from the first of `span` until the day before the second."""
        start, end = span
        size = len(spells.customers)
        there, after = (_any(spells.who, (spells.start < at) & (at <= spells.end), size) for at in (start, end))
        begins = _any(spells.who, (spells.start >= start) & (spells.start < end), size)
        left = _any(spells.who, spells.ended & (spells.end >= start) & (spells.end < end), size)
        among = there if base == "active at start" else there | begins
        back = among & left & after
        lost = among & left & ~after
        return cls(there, after, among, back, lost | back if returning == "churned" else lost)


def paid_just_before(paying: Ints, at: int, size: int) -> Ints:
    """What each customer pays just before a day, in minor units; contracts as in `Spells.paying`."""
    who, start, end, minor = paying
    rows = (start < at) & (at <= end)
    total = np.zeros(size, np.int64)
    np.add.at(total, who[rows], minor[rows])
    return total


def _pooled(bought: Purchases, gap: Ints, q: float) -> int:
    """The quantile of all customers' gaps, in whole days."""
    if not len(gap):
        raise InvalidValue(
            "purchases", f"{len(bought.customers)} customers", "of whom nobody bought twice have no gaps"
        )
    # A quantile that is whole but for rounding is not to gain a day.
    return int(np.ceil(_quantiles(np.zeros_like(gap), gap, q, 1)[0] - 1e-9))


def _any(who: Ints, rows: Mask, size: int) -> Mask:
    return np.bincount(who[rows], minlength=size) > 0


def _spells(
    customers: tuple[str, ...], rows: Ints, *, as_of: date, since: date | None, unusable: int,
    currency: str | None, policies: dict[str, str], lag: int = 0,
) -> Spells:  # fmt: skip
    if not rows.shape[1]:
        raise InvalidValue("spells", f"{unusable} rows", "are all unusable")
    who, start, end = _joined(*rows[:3])
    beyond = as_day(as_of, "as_of") + 1
    end = np.minimum(end, beyond) + lag
    # One leaves on the day `end`; that day must have been observed.
    ended = end < beyond
    return Spells(
        customers, who, start, np.minimum(end, beyond), ended, rows, currency, as_of, since, unusable, policies
    )


def _joined(who: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """The union of each customer's spells."""
    order = np.lexsort((start, who))
    who, start, end = who[order], start[order], end[order]
    # Ends in one running maximum, customer by customer: ranks are small, and a customer's are above all before.
    ranks, rank = np.unique(end, return_inverse=True)
    reach = np.maximum.accumulate(who * len(ranks) + rank)
    until = ranks[reach - who * len(ranks)]
    fresh = np.append(True, (who[1:] != who[:-1]) | (start[1:] > until[:-1]))
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(who)) - 1
    return who[first], start[first], until[last]


def _quantiles(group: Ints, values: Ints, q: float, groups: int) -> npt.NDArray[np.float64]:
    """The quantile (Hyndman & Fan's kind 7) of each group; NaN for one without values."""
    order = np.lexsort((values, group))
    size = np.bincount(group, minlength=groups)
    before = np.cumsum(size) - size
    ranked = np.append(values[order], 0).astype(np.float64)
    place = np.maximum(size - 1, 0) * q
    low = np.floor(place).astype(np.int64)
    high = np.ceil(place).astype(np.int64)
    below, above = ranked[before + low], ranked[before + high]
    return np.where(size > 0, below + (place - low) * (above - below), np.nan)


def _amounts(amounts: npt.ArrayLike | None, currency: str | None, size: int) -> Ints:
    if amounts is None:
        return np.zeros(size, np.int64)
    if currency is None:
        raise InvalidValue("subscriptions", "amounts", "come without a currency; give currency=")
    Currency(currency)
    column = np.asarray(amounts)
    if column.dtype.kind not in "iu" or column.shape != (size,) or (column < 0).any():
        raise InvalidValue(
            "amounts", f"{column.dtype} {column.shape}", f"are not {size} whole minor units of at least 0"
        )
    return column.astype(np.int64)
