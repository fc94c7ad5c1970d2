"""History in any form: what rules judge of it, and what else it says, to group and to add up by."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import UNKNOWN, Journal, Ledger
from crmkit.rules._frames import lists
from crmkit.rules.columns import Columns
from crmkit.rules.schema import Field, Schema
from crmkit.values import Every, FiscalCalendar, Money, Period

_CIVIL = FiscalCalendar()


@attrs.frozen(eq=False)
class History:
    """Records of the past.

    Attributes:
        columns: what the rules judge.
        more: what else it says, by name: a list as long as the columns; None if it says nothing of the sort.
        names: all that it has a word for.
    """

    columns: Columns
    more: Callable[[str], Sequence[Any] | None]
    names: tuple[str, ...]

    def values(self, name: str) -> Sequence[Any]:
        """The values of a field, or of whatever else it says.

        Raises:
            NotFound: if it says nothing of the sort.
        """
        column = self.columns.columns.get(name)
        if column is not None:
            return [column.value(row) for row in range(self.columns.size)]
        found = self.more(name)
        if found is None:
            raise NotFound("field", name, self.names, "the records")
        return found

    def periods(self, name: str, every: Every, tz: tzinfo) -> list[Period | None]:
        """The period that each record falls in by one of its dates; None without one."""
        return [_period(name, value, every, tz) for value in self.values(name)]

    def weights(self, name: str) -> list[Decimal]:
        """What each record weighs; nothing where that is empty."""
        return [_weight(name, value) for value in self.values(name)]


def history(given: Any, schema: Schema) -> History:
    """History as records, columns, a journal, a ledger or a frame.

    Raises:
        NotFound: for a field that it does not have.
        InvalidValue: for a value that its field cannot hold.
    """
    if isinstance(given, Columns):
        return History(given, lambda _: None, tuple(given.columns))
    if isinstance(given, Sequence) and not isinstance(given, str):
        return _of_records(given, schema)
    coded = isinstance(given, Journal | Ledger)
    columns: Mapping[str, Sequence[Any]] = _of_facts(given) if coded else lists(given)
    known = {f.name: _read(f, columns[f.name]) for f in schema.fields if f.name in columns} if coded else columns
    return History(Columns.from_frame(known, schema), columns.get, tuple(columns))


def _of_records(records: Sequence[Mapping[str, Any]], schema: Schema) -> History:
    columns = Columns.from_records(records, schema)
    names = tuple(dict.fromkeys(name for record in records for name in record))

    def more(name: str) -> list[Any] | None:
        return [record.get(name) for record in records] if name in names else None

    return History(columns, more, names)


def _of_facts(given: Journal | Ledger) -> dict[str, list[Any]]:
    """The columns of a journal with its amounts, or of a ledger."""
    columns = given.to_dict()
    if isinstance(given, Journal) and given.amount is not None:
        columns["amount"] = [None if n == UNKNOWN else Decimal(n).scaleb(-2) for n in given.amount.tolist()]
    return columns


def _read(field: Field, values: Iterable[Any]) -> list[Any]:
    """A column as its field has it: further columns of journals and ledgers are texts, and times are instants."""
    return [_as_day(field, field.parse(value) if isinstance(value, str) else value) for value in values]


def _as_day(field: Field, value: Any) -> Any:
    return value.date() if field.kind == "date" and isinstance(value, datetime) else value


def _period(name: str, value: Any, every: Every, tz: tzinfo) -> Period | None:
    if isinstance(value, datetime):
        value = (value if value.tzinfo is None else value.astimezone(tz)).date()
    if value is None:
        return None
    if not isinstance(value, date):
        raise InvalidValue(name, value, "is no date, and falls in no period")
    return Period.of(every, *_CIVIL.containing(every, value))


def _weight(name: str, value: Any) -> Decimal:
    if value is None:
        return Decimal(0)
    if isinstance(value, Money):
        value = value.amount
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise InvalidValue(name, value, "is no number, and cannot be added up")
    return Decimal(str(value))
