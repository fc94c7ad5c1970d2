"""The ledger: dated facts with exact amounts, as columns."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import NotFound
from crmkit.journal._coded import Coded, Longs, Micros, code
from crmkit.model import Dated
from crmkit.values import Money, Period, to_micros, zone

__all__ = ["Ledger"]


@attrs.frozen(eq=False)
class Ledger:
    """Dated facts as columns: quotes and their revisions, orders, invoices, payments, expenses, visits, complaints.

    Attributes:
        kinds: "quote", "invoice" ... of each row.
        ids: the host's key of each row.
        at: int64 microseconds UTC, shape (n,).
        customers: the customer of each row.
        cases: the deal or ticket of each row.
        who: the person of each row.
        minor: int64 minor units of the row's currency, shape (n,); 0 where there is no amount.
        currencies: the currency of each row; missing where there is no amount.
        refers_to: the fact it follows from.
        revision: int32, shape (n,).
    """

    kinds: Coded
    ids: Coded
    at: Micros
    customers: Coded
    cases: Coded
    who: Coded
    minor: Longs
    currencies: Coded
    refers_to: Coded
    revision: npt.NDArray[np.int32]

    @classmethod
    def from_facts(cls, facts: Iterable[Dated]) -> Self:
        """A ledger from facts of the model, in any order."""
        rows = list(facts)
        return cls(
            kinds=code(row.kind for row in rows),
            ids=code(row.id for row in rows),
            at=np.array([to_micros(row.at) for row in rows], np.int64),
            customers=code(row.customer for row in rows),
            cases=code(row.case for row in rows),
            who=code(row.who for row in rows),
            minor=np.array([row.amount.minor if row.amount else 0 for row in rows], np.int64),
            currencies=code(row.amount.currency.code if row.amount else None for row in rows),
            refers_to=code(row.refers_to for row in rows),
            revision=np.array([row.revision for row in rows], np.int32),
        )

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Any) -> Self:
        columns: Mapping[str, Any] = {field.name: getattr(self, field.name)[rows] for field in attrs.fields(Ledger)}
        return type(self)(**columns)

    def of(self, kind: str) -> Self:
        """The rows of one kind; none if there are none."""
        wanted = self.kinds.values.index(kind) if kind in self.kinds.values else -2
        return self[self.kinds.codes == wanted]

    def within(self, period: Period, tz: str) -> Self:
        """The rows of a period, by civil days of a zone."""
        start, end = period.instants(zone(tz))
        return self[(self.at >= start) & (self.at < end)]

    def total(self, by: str | None = None) -> dict[tuple[str | None, str], Money]:
        """Exact sums, one for each key and currency: currencies are never added up.

        Args:
            by: "who", "customers", "cases" or "kinds"; None for one sum a currency.

        Returns:
            From (key, currency code) to the sum; the key is None for rows without one, and where `by` is None.

        Raises:
            NotFound: if there is no such column.
        """
        keys = self._keys(by)
        rows = np.flatnonzero(self.currencies.codes >= 0)
        pair = (keys.codes[rows].astype(np.int64) + 1) * len(self.currencies.values) + self.currencies.codes[rows]
        distinct, inverse = np.unique(pair, return_inverse=True)
        sums = np.zeros(len(distinct), np.int64)
        np.add.at(sums, inverse, self.minor[rows])
        names: list[str | None] = [None, *keys.values]
        result: dict[tuple[str | None, str], Money] = {}
        for packed, minor in zip(distinct.tolist(), sums.tolist(), strict=True):
            key, currency = divmod(packed, len(self.currencies.values))
            unit = self.currencies.values[currency]
            result[names[key], unit] = Money.from_minor(minor, unit)
        return result

    def _keys(self, by: str | None) -> Coded:
        if by is None:
            return Coded(np.full(len(self), -1, np.int32), ())
        columns = {"who": self.who, "customers": self.customers, "cases": self.cases, "kinds": self.kinds}
        if by not in columns:
            raise NotFound("column", by, tuple(columns), "the ledger")
        return columns[by]
