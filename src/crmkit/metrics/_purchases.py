"""Who bought on which days: the state behind the models of customers who leave without a word.

The state is keyed integers, (customer, civil day) -> sum of minor units. Merging adds the keys up, so any split of the
rows gives the same state, even one that cuts through a customer's day; first, last and count of each customer follow
from it, and so do the gaps between purchases. The table (x, t_x, T) -> customers is what the likelihoods need.
"""

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Coded, Ledger
from crmkit.metrics._civil import as_day, civil_days, coded, day_number, from_day
from crmkit.values import Currency

__all__ = ["BuyerCounts", "Purchases", "purchases"]

Ints = npt.NDArray[np.int64]


def _whole(values: Any) -> Ints:
    column = np.asarray(values)
    if column.ndim != 1 or (column.size and column.dtype.kind not in "iub"):
        raise InvalidValue("buyer counts", f"{column.dtype} {column.shape}", "is no column of whole numbers")
    return column.astype(np.int64)


@attrs.frozen(eq=False)
class BuyerCounts:
    """How many customers bought x more times, the last time t_x days after the first, observed for T days.

    The sufficient statistics of BG/NBD and Pareto/NBD; a GROUP BY in the host's database gives the same.

    Attributes:
        frequency: int64, shape (m,): purchases after the first, x.
        recency: days from the first to the last purchase, t_x.
        age: days from the first purchase to the end of observation, T.
        n: customers.
    """

    frequency: Ints = attrs.field(converter=_whole)
    recency: Ints = attrs.field(converter=_whole)
    age: Ints = attrs.field(converter=_whole)
    n: Ints = attrs.field(converter=_whole)

    def __attrs_post_init__(self) -> None:
        x, last, age, n = self.frequency, self.recency, self.age, self.n
        if not len(x) == len(last) == len(age) == len(n):
            raise InvalidValue("buyer counts", [len(c) for c in (x, last, age, n)], "are columns of different lengths")
        bad = (x < 0) | (last < 0) | (last > age) | (n < 1) | ((x == 0) != (last == 0))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            found = tuple(int(column[row]) for column in (x, last, age, n))
            raise InvalidValue(
                "buyer counts", found, "is no (x, t_x, T, n) with 0 <= t_x <= T, n >= 1, and t_x = 0 just where x = 0"
            )

    @classmethod
    def of(cls, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike) -> Self:
        """The table of one row for each customer."""
        x = _whole(frequency)
        return cls._summed(cls(x, recency, age, np.ones(len(x), np.int64)))

    def merge(self, other: Self) -> Self:
        """Both tables added up: the customers of one must not be in the other."""
        names = [field.name for field in attrs.fields(BuyerCounts)]
        return self._summed(type(self)(*(np.concatenate([getattr(self, k), getattr(other, k)]) for k in names)))

    def table(self) -> list[tuple[int, int, int, int]]:
        """The rows (x, t_x, T, n), sorted: the portable form."""
        columns = (self.frequency, self.recency, self.age, self.n)
        return sorted(zip(*(column.tolist() for column in columns), strict=True))

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return int(self.n.sum())

    @classmethod
    def _summed(cls, rows: "BuyerCounts") -> Self:
        if not len(rows.n):
            return cls(rows.frequency, rows.recency, rows.age, rows.n)
        sizes = int(rows.recency.max()) + 1, int(rows.age.max()) + 1
        packed, inverse = np.unique(
            (rows.frequency * sizes[0] + rows.recency) * sizes[1] + rows.age, return_inverse=True
        )
        total = np.zeros(len(packed), np.int64)
        np.add.at(total, inverse, rows.n)
        rest, age = np.divmod(packed, sizes[1])
        frequency, recency = np.divmod(rest, sizes[0])
        return cls(frequency, recency, age, total)


@attrs.frozen
class _Seen:
    """One row for each customer who had bought by the end of calibration."""

    who: Ints
    first: Ints
    last: Ints
    count: Ints
    minor: Ints
    later: Ints


@attrs.frozen(eq=False)
class Purchases:
    """The days on which customers bought; `purchases` makes it.

    Attributes:
        customers: the names, by code.
        who: int64, shape (n,): the customer of each day on which one bought; sorted, then by day.
        day: int64, shape (n,): days since 1970-01-01; each (who, day) once.
        minor: int64, shape (n,): exact sum of the day, in minor units; 0 without amounts.
        currency: ISO code, or None without amounts.
        as_of: the last day that was observed.
        calibration: the last day the models see; what comes later is kept for checking them.
        n_unusable: rows without a customer or a time.
        n_unpriced: usable rows without an amount.
        zone: whose civil days count.
    """

    customers: tuple[str, ...]
    who: Ints
    day: Ints
    minor: Ints
    currency: str | None
    as_of: date
    calibration: date
    n_unusable: int
    n_unpriced: int
    zone: str

    @staticmethod
    def of_ledger(ledger: Ledger, *, as_of: date, calibration: date | None = None, tz: str = "UTC") -> "Purchases":
        """The purchases of a ledger, of which each row is one: `ledger.of("order")`; of an id the last revision counts.

        Raises:
            InvalidValue: as `purchases`, and for more than one currency: convert first.
        """
        latest = np.lexsort((ledger.revision, ledger.ids.codes))
        ids = ledger.ids.codes[latest]
        rows = ledger[np.sort(latest[np.append(ids[1:] != ids[:-1], True)[: len(ids)]])]
        units = [rows.currencies.values[unit] for unit in np.unique(rows.currencies.codes) if unit >= 0]
        if len(units) > 1:
            raise InvalidValue("purchases", ", ".join(units), "are several currencies; convert to one first")
        return _purchases(
            rows.customers, rows.at, rows.minor if units else None, rows.currencies.missing,
            as_of=as_of, calibration=calibration, currency=units[0] if units else None, tz=tz,
        )  # fmt: skip

    def merge(self, other: Self) -> Self:
        """Both added up; customers are matched by name.

        Raises:
            InvalidValue: if they differ in currency, zone, or what was observed.
        """
        for name in ("currency", "as_of", "calibration", "zone"):
            if getattr(self, name) != getattr(other, name):
                raise InvalidValue("purchases", getattr(other, name), f"cannot be merged with {getattr(self, name)}")
        names = tuple(dict.fromkeys([*self.customers, *other.customers]))
        their = Coded(other.who.astype(np.int32), other.customers).recode(names).codes.astype(np.int64)
        who, day, minor = _per_day(
            np.concatenate([self.who, their]),
            np.concatenate([self.day, other.day]),
            np.concatenate([self.minor, other.minor]),
        )
        return attrs.evolve(
            self, customers=names, who=who, day=day, minor=minor,
            n_unusable=self.n_unusable + other.n_unusable, n_unpriced=self.n_unpriced + other.n_unpriced,
        )  # fmt: skip

    def table(self) -> list[tuple[str, int, int]]:
        """The state as sorted rows (customer, day, minor): the portable form."""
        rows = zip(self.who.tolist(), self.day.tolist(), self.minor.tolist(), strict=True)
        return sorted((self.customers[who], day, minor) for who, day, minor in rows)

    def counts(self) -> BuyerCounts:
        """The sufficient statistics of the customers who had bought by the end of calibration."""
        return BuyerCounts.of(self.frequency, self.recency, self.age)

    @property
    def names(self) -> list[str]:
        """The customers who had bought by the end of calibration; the columns below are in their order."""
        return [self.customers[who] for who in self._seen.who.tolist()]

    @property
    def frequency(self) -> Ints:
        """Days with a purchase after the first, x."""
        return self._seen.count - 1

    @property
    def recency(self) -> Ints:
        """Days from the first purchase to the last, t_x."""
        return self._seen.last - self._seen.first

    @property
    def age(self) -> Ints:
        """Days from the first purchase to the end of calibration, T."""
        return day_number(self.calibration) - self._seen.first

    @property
    def repeat_minor(self) -> Ints:
        """The exact sum of the purchases after the first, in minor units."""
        return self._seen.minor

    @property
    def later(self) -> Ints:
        """Days with a purchase after calibration, until `as_of`."""
        return self._seen.later

    @cached_property
    def _seen(self) -> _Seen:
        seen = self.day <= day_number(self.calibration)
        who, first_at, count = np.unique(self.who[seen], return_index=True, return_counts=True)
        first, last = self.day[seen][first_at], self.day[seen][first_at + count - 1]
        paid = np.zeros(len(self.customers), np.int64)
        np.add.at(paid, self.who[seen], self.minor[seen])
        later = np.bincount(self.who[~seen], minlength=len(self.customers))
        return _Seen(who, first, last, count.astype(np.int64), paid[who] - self.minor[seen][first_at], later[who])


def purchases(
    customers: Sequence[str | None] | npt.NDArray[Any] | Coded,
    at: Any,
    amounts: npt.ArrayLike | None = None,
    *,
    as_of: date,
    calibration: date | None = None,
    currency: str | None = None,
    tz: str = "UTC",
) -> Purchases:
    """The days on which each customer bought; several purchases of one civil day are one.

    Args:
        customers: who bought: texts, whole numbers, or a `Coded` column; None is counted as unusable.
        at: when: int64 microseconds UTC, datetime64[D], dates or aware datetimes.
        amounts: whole minor units (cents), or None.
        as_of: the last day that was observed.
        calibration: the last day the models may see; `as_of` if None.
        currency: ISO code of the amounts.
        tz: the zone whose civil days count, for instants.

    Raises:
        InvalidValue: for nothing at all, a purchase after `as_of`, calibration after `as_of`, amounts that are not
            whole or have no currency, or columns that do not fit together.

    >>> bought = purchases(["a", "a", "b"], [date(2026, 1, 1), date(2026, 1, 8), date(2026, 1, 5)],
    ...                    as_of=date(2026, 1, 31))
    >>> bought.frequency.tolist(), bought.recency.tolist(), bought.age.tolist()
    ([1, 0], [7, 0], [30, 26])
    """
    if amounts is not None and currency is None:
        raise InvalidValue("purchases", "amounts", "come without a currency; give currency=")
    unit = None if currency is None or amounts is None else Currency(currency).code
    return _purchases(
        customers, at, amounts, amounts is None, as_of=as_of, calibration=calibration, currency=unit, tz=tz
    )


def _purchases(
    customers: Any, at: Any, amounts: Any, unpriced: Any, *,
    as_of: date, calibration: date | None, currency: str | None, tz: str,
) -> Purchases:  # fmt: skip
    day, known = civil_days(at, tz, "at")
    who = coded(customers, len(day))
    minor = np.zeros(len(day), np.int64) if amounts is None else _minor(amounts, len(day))
    usable = known & ~who.missing
    end, start = as_day(as_of, "as_of"), as_day(as_of if calibration is None else calibration, "calibration")
    _observed(day[usable], who[usable], end, start)
    keys, day, minor = _per_day(who.codes[usable].astype(np.int64), day[usable], minor[usable])
    return Purchases(
        who.values, keys, day, minor, currency, from_day(end), from_day(start),
        int((~usable).sum()), int((unpriced & usable).sum()), tz,
    )  # fmt: skip


def _minor(amounts: npt.ArrayLike, size: int) -> Ints:
    column = np.asarray(amounts)
    if column.dtype.kind not in "iu":
        raise InvalidValue("amounts", str(column.dtype), "is no integer type; give minor units (cents)")
    if column.shape != (size,):
        raise InvalidValue("amounts", f"shape {column.shape}", f"do not match the {size} rows of the other columns")
    return column.astype(np.int64)


def _observed(day: Ints, who: Coded, end: int, start: int) -> None:
    if start > end:
        raise InvalidValue("calibration", str(from_day(start)), f"is after as_of, {from_day(end)}")
    if not len(day):
        raise InvalidValue("purchases", "no row", "has a customer and a time")
    late = day > end
    if late.any():
        row = int(np.flatnonzero(late)[0])
        found = f"{who.values[who.codes[row]]} on {from_day(int(day[row]))}"
        raise InvalidValue("purchases", found, f"is after as_of, {from_day(end)}; {int(late.sum())} rows are")
    if not (day <= start).any():
        raise InvalidValue(
            "calibration", str(from_day(start)), f"is before the first purchase, {from_day(int(day.min()))}"
        )


def _per_day(who: Ints, day: Ints, minor: Ints) -> tuple[Ints, Ints, Ints]:
    """Sorted distinct (who, day) with the sums of their amounts."""
    order = np.lexsort((day, who))
    who, day = who[order], day[order]
    starts = np.flatnonzero(np.append(True, (who[1:] != who[:-1]) | (day[1:] != day[:-1])))
    return who[starts], day[starts], np.add.reduceat(minor[order], starts)
