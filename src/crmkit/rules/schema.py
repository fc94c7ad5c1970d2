"""What a rule may speak of: fields with types, domains, units and labels."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, get_args

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, InvalidValue, NotFound, did_you_mean
from crmkit.rules._kinds import FieldKind, kind_of
from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._lexer import KEYWORDS
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._values import UNKNOWN
from crmkit.values import Money

__all__ = ["Field", "FieldKind", "Schema"]

_KINDS: frozenset[str] = frozenset(get_args(FieldKind))
_NUMBERS = frozenset({"decimal", "integer", "float"})
_ORDERED = _NUMBERS | {"string", "date", "time", "date and time", "days and time duration", "years and months duration"}
_EXACT = frozenset({"decimal", "integer"})


def _values(given: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(given)


def _fields(given: "Iterable[Field]") -> "tuple[Field, ...]":
    return tuple(given)


@attrs.frozen
class Field:
    """One field of a record.

    Attributes:
        name: its name in records and rules.
        kind: what it holds.
        nullable: whether it may be empty (null).
        values: all values it may have, if they can be listed.
        low: the least value it may have.
        high: the greatest value it may have.
        unit: of a number: a currency, "days", "%"; numbers of two units are not added or compared.
        labels: further names, by language; rules may use any of them.
        fields: of a context, its members; of a list of contexts, those of each item.
        item: of a list of single values, what each of them is.
    """

    name: str
    kind: FieldKind = "string"
    nullable: bool = attrs.field(default=False, kw_only=True)
    values: tuple[Any, ...] = attrs.field(default=(), kw_only=True, converter=_values)
    low: Any = attrs.field(default=None, kw_only=True)
    high: Any = attrs.field(default=None, kw_only=True)
    unit: str = attrs.field(default="", kw_only=True)
    labels: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    fields: tuple["Field", ...] = attrs.field(default=(), kw_only=True, converter=_fields)
    item: FieldKind | None = attrs.field(default=None, kw_only=True)

    def problems(self) -> Iterator[str]:
        """What is wrong with the definition."""
        if self.kind not in _KINDS:
            yield f"has no kind {self.kind!r}{did_you_mean(self.kind, _KINDS)}"
            return
        for name in dict.fromkeys((self.name, *self.labels.values())):
            if not name.strip() or name in KEYWORDS or name in FUNCTIONS or name == "?":
                yield f"cannot be called {name!r}: the language uses that word itself"
        if self.item is not None and self.item not in _KINDS:
            yield f"has items of no kind {self.item!r}{did_you_mean(self.item, _KINDS)}"
        bounds = [self.low, self.high, *self.values]
        if self.unit and self.kind not in _NUMBERS:
            yield "has a unit but holds no number"
        if (self.low is not None or self.high is not None) and self.kind not in _ORDERED:
            yield f"has bounds, but a {self.kind} has no order"
        for bound in bounds:
            if bound is not None and not self._fits(bound):
                yield f"lists {bound!r}, which is no {self.kind}"
        if self.kind == "context" and not self.fields:
            yield "is a context without members"

    def _fits(self, value: Any) -> bool:
        try:
            return kind_of(value) == self.kind or {kind_of(value), self.kind} <= _NUMBERS
        except InvalidValue:
            return False

    def read(self, value: Any, *, partial: bool = False) -> Any:
        """A record's value as rules see it.

        Args:
            value: the value as the host has it.
            partial: whether a member that is not there is UNKNOWN rather than an error.

        Raises:
            InvalidValue: if the field cannot hold it.
            NotFound: for a member that is not there.
        """
        if isinstance(value, Money):
            if self.unit and value.currency.code != self.unit:
                raise InvalidValue(self.name, value, f"is not in {self.unit}")
            value = value.amount
        if value is None or value is UNKNOWN:
            if value is None and not self.nullable:
                raise InvalidValue(self.name, value, "may not be empty")
            return value
        made = self._converted(value, partial=partial)
        if self.values and self.kind != "list" and made not in self.known:
            hint = did_you_mean(str(value), map(str, self.values))
            raise InvalidValue(self.name, value, f"is none of its values{hint}")
        low, high = self.bounds
        if low is not None and made < low:
            raise InvalidValue(self.name, value, f"is less than {self.low}")
        if high is not None and made > high:
            raise InvalidValue(self.name, value, f"is more than {self.high}")
        return made

    def parse(self, text: str) -> Any:
        """The value that a text says, as files have it; None for an empty one. `read` judges it.

        >>> Field("amount", "decimal").parse(" 12.50 "), Field("key", "boolean").parse("是")
        (Decimal('12.50'), True)

        Raises:
            InvalidValue: if it says none of the field's kind.
        """
        from crmkit.rules._field_texts import parsed

        return parsed(self.name, self.kind, text)

    @property
    def bounds(self) -> tuple[Any, Any]:
        """Its least and greatest value as rules see them; None for an end that is open."""
        low, high = (None if end is None else self._converted(end, partial=False) for end in (self.low, self.high))
        return low, high

    @property
    def known(self) -> list[Any]:
        """Its values as rules see them."""
        return [self._converted(known, partial=False) for known in self.values]

    def _converted(self, value: Any, *, partial: bool) -> Any:
        value = _plain(value)
        if self.kind == "float":
            return _float(self.name, value)
        if self.kind in _EXACT and isinstance(value, int | Decimal) and not isinstance(value, bool):
            return _exact(self, value)
        if self.kind == "context":
            return self._members(value, partial=partial)
        if self.kind == "list":
            return self._items(value, partial=partial)
        made = to_feel(value)
        if self.kind in _EXACT and isinstance(made, Decimal):
            return _exact(self, made)
        if kind_of(made) != self.kind:
            raise InvalidValue(self.name, value, f"is a {kind_of(made)}, not a {self.kind}")
        if made != made:  # noqa: PLR0124 - only what is no time at all (pandas has such a one) differs from itself
            raise InvalidValue(self.name, value, f"is no {self.kind}")
        return made

    def _items(self, value: Any, *, partial: bool) -> list[Any]:
        described = self.fields or self.item is not None
        made = value if described and isinstance(value, list | tuple | Mapping) else to_feel(value)
        items = made if isinstance(made, list | tuple) else [made]
        if self.fields:
            inner = Field(self.name, "context", fields=self.fields)
        elif self.item is not None:
            inner = Field(self.name, self.item, values=self.values, unit=self.unit)
        else:
            return [*items]
        return [inner.read(item, partial=partial) for item in items]

    def _members(self, value: Any, *, partial: bool) -> Any:
        made = value if isinstance(value, Mapping) else to_feel(value)
        if not isinstance(made, Mapping):
            raise InvalidValue(self.name, value, "is no context")
        return _read(self.fields, made, self.name, partial=partial)


def _read(fields: Iterable[Field], record: Mapping[str, Any], what: str, *, partial: bool) -> dict[str, Any]:
    """The fields of a record or context; what no field names is passed over."""
    values: dict[str, Any] = {}
    for field in fields:
        if field.name in record:
            values[field.name] = field.read(record[field.name], partial=partial)
        elif partial:
            values[field.name] = UNKNOWN
        elif field.nullable:
            values[field.name] = None
        else:
            raise NotFound("field", field.name, tuple(map(str, record)), what)
    return values


def _exact(field: Field, value: int | Decimal) -> Decimal:
    """Exactly what was given: only what is computed is rounded, to 34 digits."""
    made = Decimal(value)
    if not made.is_finite():
        raise InvalidValue(field.name, value, "is no finite number")
    if field.kind == "integer" and made != made.to_integral_value():
        raise InvalidValue(field.name, value, "is no whole number")
    return made


def _plain(value: Any) -> Any:
    """The value of an enumeration's member, and of numpy's own numbers and texts."""
    if isinstance(value, Enum):
        value = value.value
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () else value


def _float(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise InvalidValue(name, value, "is no number")
    try:
        rough = float(value)
    except (OverflowError, ValueError):
        raise InvalidValue(name, value, "is no finite number") from None
    if not isfinite(rough):
        raise InvalidValue(name, value, "is no finite number")
    return rough


@attrs.frozen
class Schema:
    """The fields that the rules of a set may speak of.

    >>> deal = Schema([Field("amount", "decimal", low=0), Field("stage", values=["lead", "won", "lost"])])
    >>> deal.names
    ('amount', 'stage')

    Attributes:
        fields: in order; names and labels are all different.

    Raises:
        DefinitionErrors: everything wrong with the fields.
    """

    fields: tuple[Field, ...] = attrs.field(converter=_fields)

    def __attrs_post_init__(self) -> None:
        errors = [*_problems(self.fields, "")]
        seen: dict[str, str] = {}
        for field in self.fields:
            for name in dict.fromkeys((field.name, *field.labels.values())):
                if name in seen:
                    errors.append(DefinitionError(field.name, f"shares the name {name!r} with {seen[name]!r}"))
                seen.setdefault(name, field.name)
        if errors:
            raise DefinitionErrors("the schema is wrong", errors)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields."""
        return tuple(field.name for field in self.fields)

    @property
    def aliases(self) -> dict[str, str]:
        """From every name and label to the field's name."""
        return {name: field.name for field in self.fields for name in (field.name, *field.labels.values())}

    @property
    def members(self) -> frozenset[str]:
        """The names of members of contexts, at any depth."""
        found: set[str] = set()
        waiting = [*self.fields]
        while waiting:
            field = waiting.pop()
            found |= {inner.name for inner in field.fields}
            waiting += field.fields
        return frozenset(found)

    def field(self, name: str) -> Field:
        """A field by its name or a label.

        Raises:
            NotFound: with the nearest name.
        """
        aliases = self.aliases
        if name not in aliases:
            raise NotFound("field", name, self.names, "the schema")
        return next(field for field in self.fields if field.name == aliases[name])

    def read(
        self, record: Mapping[str, Any], *, partial: bool = False, only: Collection[str] | None = None
    ) -> dict[str, Any]:
        """A record's values as rules see them.

        Args:
            record: the record; members that no field names are passed over.
            partial: whether a field that is not there is UNKNOWN rather than an error.
            only: the fields to read; all of them if None.

        Raises:
            InvalidValue: for a value that its field cannot hold.
            NotFound: for a field that is not there.
        """
        if not isinstance(record, Mapping):
            raise InvalidValue("record", record, "is no mapping from names to values")
        fields = self.fields if only is None else [field for field in self.fields if field.name in only]
        return _read(fields, record, "the record", partial=partial)

    @classmethod
    def from_class(cls, of: type) -> "Schema":
        """The fields of an attrs class, by its annotations; an enumeration is a list of values, `X | None` nullable.

        Raises:
            InvalidValue: for an annotation that no field stands for.
        """
        from crmkit.rules._derived import class_fields

        return cls(class_fields(of))

    @classmethod
    def from_json_schema(cls, document: Mapping[str, Any]) -> "Schema":
        """The properties of a JSON Schema object.

        Raises:
            InvalidValue: for a type that no field stands for.
        """
        from crmkit.rules._derived import json_fields

        return cls(json_fields(document))

    @classmethod
    def inferred(cls, texts: Iterable[tuple[str, str]], *, known: Iterable[Field] = ()) -> "Schema":
        """The fields that conditions speak of, by the company their names keep; all of them nullable.

        >>> [(field.name, field.kind) for field in Schema.inferred([("a", "discount <= 0.15 or approved")]).fields]
        [('discount', 'decimal'), ('approved', 'boolean')]

        Args:
            texts: pairs of a place, for messages, and a condition.
            known: fields that are known already, and not given back.

        Raises:
            DefinitionErrors: for what cannot be read, for a name that nothing tells the kind of, and for one that
                would have to be two kinds.
        """
        from crmkit.rules._inferred import inferred

        return cls(inferred(texts, tuple(known)))


def _problems(fields: Iterable[Field], prefix: str) -> Iterator[DefinitionError]:
    for field in fields:
        where = f"{prefix}{field.name}"
        for problem in field.problems():
            yield DefinitionError(where, problem)
        yield from _problems(field.fields, f"{where}.")
