"""Questions about conditions, "is there a record where they say this?", and answers that were tried out."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules._columns import column
from crmkit.rules._shapes import of_field
from crmkit.rules.analysis._core import Place, judges_changes
from crmkit.rules.feel._evaluate import evaluate
from crmkit.rules.feel._nodes import Node
from crmkit.rules.schema import Field, Schema

#: For conditions by position, what each must say: some of True, False and None.
Demand: TypeAlias = Mapping[int, Collection[bool | None]]
#: Why a question has no answer: the steps ran out, or a part cannot be expressed.
Reason: TypeAlias = Literal["", "steps", "opaque"]


@attrs.frozen
class Answer:
    """Whether there is a record where conditions say what was asked for.

    Attributes:
        record: one, tried out by the interpreter; None if there is none, or if that is open.
        open: why it is not known whether there is one; empty if it is.
    """

    record: dict[str, Any] | None = None
    open: Reason = ""

    @property
    def impossible(self) -> bool:
        """Whether there is surely none."""
        return self.record is None and not self.open


class Solver(ABC):
    """Answers questions about some conditions over one schema.

    Attributes:
        schema: what the conditions may speak of; where it has `old` and `new`, `new` is the record itself.
        conditions: as they were written.
    """

    def __init__(self, schema: Schema, conditions: Sequence[Node]) -> None:
        self.schema, self.conditions = schema, conditions
        self._changes = judges_changes(schema)

    @abstractmethod
    def ask(self, demand: Demand) -> Answer:
        """Whether there is a record where conditions say what is asked for."""

    def said(self, record: Mapping[str, Any]) -> tuple[bool | None, ...]:
        """What each condition says of a record."""
        values = self._read(record)
        return tuple(_said(one, values) for one in self.conditions)

    def _read(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return self.schema.read({**record, "new": record} if self._changes else record)

    def tried(self, values: Mapping[Place, Any], demand: Demand) -> dict[str, Any] | None:
        """The record with these values, if conditions say there what is asked for."""
        fields = [field for field in self.schema.fields if not (self._changes and field.name == "new")]
        record = {field.name: _value(field, (field.name,), values) for field in fields}
        try:
            read = self._read(record)
        except InvalidValue:
            return None
        return record if all(_said(self.conditions[one], read) in said for one, said in demand.items()) else None


def _said(node: Node, values: Mapping[str, Any]) -> bool | None:
    found = evaluate(node, values).value
    return found if isinstance(found, bool) else None


def _value(field: Field, place: Place, values: Mapping[Place, Any]) -> Any:
    """A value of a field as hosts have it: the one given, or any."""
    given: Any = values.get(place, _MISSING)
    if field.kind == "context":
        return _context(field, place, values)
    if given is None or (given is _MISSING and field.nullable):
        return None
    if field.kind == "list":
        return []
    if given is _MISSING and field.kind == "string" and not field.values:
        return field.low or field.high or ""
    if given is _MISSING:
        made = column(field.name, of_field(field), [])
        assert made is not None, field  # noqa: S101 - without literals every column can be cut
        given = made.cells[0].value
    return int(given) if field.kind == "integer" else given


def _context(field: Field, place: Place, values: Mapping[Place, Any]) -> Any:
    inner = {one.name: _value(one, (*place, one.name), values) for one in field.fields}
    asked = any(other[: len(place)] == place for other in values)
    # Where a member that may not be empty is, the context itself must be.
    empty = any(inner[one.name] is None and not one.nullable for one in field.fields)
    return None if field.nullable and (values.get(place, _MISSING) is None or empty or not asked) else inner


_MISSING = object()
