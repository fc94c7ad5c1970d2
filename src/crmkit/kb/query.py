"""What is asked for, as values: nothing in them is syntax, so what a user typed can be put in as it is.

    Text("增值税 invoice")                                          # what a search box sends
    And([Text("invoice", op="all"), Not(Phrase("credit note"))])
    Boost(Term("vat", field="title"), 2)

Queries say what matches and score it; filters (`Eq`, `In`, `Range`, `Exists`, `Under`, `Without`) only let through.
`to_dict` and `from_dict` turn both into plain data and back.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.events import fields_from_json, fields_to_json
from crmkit.values import Fields, Money

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = [
    "And",
    "Boost",
    "Eq",
    "Exists",
    "Filter",
    "Fuzzy",
    "In",
    "MatchAll",
    "Not",
    "Or",
    "Phrase",
    "Prefix",
    "Query",
    "Range",
    "Scalar",
    "Term",
    "Text",
    "Under",
    "Without",
    "from_dict",
    "to_dict",
]

#: What a filter compares with. Numbers compare with numbers, texts with texts, days with days, instants with instants.
Scalar: TypeAlias = bool | int | float | Decimal | str | date | datetime | Money

# Deeper than anybody writes, and shallow enough to be walked by recursion.
_DEEPEST = 64


@attrs.frozen
class MatchAll:
    """Every document, with score 0."""


def _check_op(_: object, __: object, op: object) -> None:
    if op not in ("any", "all") and not (isinstance(op, int) and not isinstance(op, bool) and op > 0):
        raise InvalidValue("op", op, "is neither 'any' nor 'all' nor a number of words")


@attrs.frozen
class Text:
    """What somebody typed: words in any language, none of them an operator.

    A word that no document has is corrected (unless `exact`), and the answer's notes say so.

    Attributes:
        text: as it was typed.
        op: "any": one of the words is enough, and more are better; "all": every word; a number: at least so many. In
            unspaced writing every character counts as a word.
        field: the only field to look in; None: all.
        exact: whether to leave unknown words as they are.
    """

    text: str
    op: Literal["any", "all"] | int = attrs.field(default="any", validator=_check_op)
    field: str | None = None
    exact: bool = False


@attrs.frozen
class Term:
    """One word, in any of its forms; several words, or a run of Chinese, are taken as they follow each other.

    Attributes:
        word: the word.
        field: the only field to look in; None: all.
    """

    word: str
    field: str | None = None


@attrs.frozen
class Phrase:
    """Words in this order.

    Attributes:
        text: the words.
        slop: how many other words may stand between them, all in all.
        field: the only field to look in; None: all.
    """

    text: str
    slop: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    field: str | None = None


@attrs.frozen
class Prefix:
    """Words that begin like this.

    Attributes:
        text: the beginning of one word.
        field: the only field to look in; None: all.
    """

    text: str
    field: str | None = None


@attrs.frozen
class Fuzzy:
    """A word, and those that differ by few letters, whether or not the word is known.

    Attributes:
        word: the word.
        edits: how many letters may be missing, added, changed or swapped; "auto": none below 3 letters, one below 6,
            else two.
        prefix: how many letters at the beginning are right.
        field: the only field to look in; None: all.
    """

    word: str
    edits: Literal["auto"] | int = attrs.field(default="auto", validator=attrs.validators.in_(("auto", 0, 1, 2)))
    prefix: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    field: str | None = None


def _queries(parts: "Iterable[Query]") -> "tuple[Query, ...]":
    return tuple(parts)


@attrs.frozen
class And:
    """Every part matches; the scores are added. No part: every document."""

    parts: "tuple[Query, ...]" = attrs.field(converter=_queries)


@attrs.frozen
class Or:
    """One of the parts matches; the scores of those that do are added. No part: no document."""

    parts: "tuple[Query, ...]" = attrs.field(converter=_queries)


@attrs.frozen
class Not:
    """The part does not match; the score is 0."""

    part: "Query"


@attrs.frozen
class Boost:
    """The part, with its score multiplied.

    Attributes:
        part: what matches.
        factor: from a millionth to a million.
    """

    part: "Query"
    factor: float = attrs.field(validator=[attrs.validators.ge(1e-6), attrs.validators.le(1e6)])


#: What can be asked for.
Query: TypeAlias = MatchAll | Text | Term | Phrase | Prefix | Fuzzy | And | Or | Not | Boost


# -- filters


def _scalar(value: Any) -> Any:
    """A value that filters can compare.

    Raises:
        InvalidValue: for anything else.
    """
    sound = isinstance(value, bool | int | float | Decimal | str | date | Money) and value == value  # noqa: PLR0124 - NaN is what differs from itself
    if not sound or (isinstance(value, datetime) and value.tzinfo is None):
        raise InvalidValue("filter value", value, "is no truth value, number, text, money, day or aware instant")
    return value


def _optional_scalar(value: Any) -> Any:
    return None if value is None else _scalar(value)


def _scalars(values: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(values, str):
        raise InvalidValue("filter values", values, "is one text; give several values, or use Eq")
    return tuple(_scalar(value) for value in values)


@attrs.frozen
class Eq:
    """The field has this value (or it is one of the values it has)."""

    name: str
    value: Scalar = attrs.field(converter=_scalar)


@attrs.frozen
class In:
    """The field has one of these values."""

    name: str
    values: tuple[Scalar, ...] = attrs.field(converter=_scalars)


@attrs.frozen
class Range:
    """The field has a value between two, or from one on, or before one.

    Attributes:
        name: the field.
        start: the least value, included; None: no limit.
        end: the first value after them, excluded as in a `Period`; None: no limit.
    """

    name: str
    start: Scalar | None = attrs.field(default=None, converter=_optional_scalar)
    end: Scalar | None = attrs.field(default=None, converter=_optional_scalar)

    def __attrs_post_init__(self) -> None:
        if self.start is None and self.end is None:
            raise InvalidValue("range", self.name, "has no limit; use Exists")


@attrs.frozen
class Exists:
    """The field has a value."""

    name: str


@attrs.frozen
class Under:
    """The field has this subject term, or one that is narrower.

    Attributes:
        name: the field.
        term: the term; the search is told which terms are narrower.
    """

    name: str
    term: str


@attrs.frozen
class Without:
    """The filter does not let it through."""

    part: "Filter"


#: What lets documents through.
Filter: TypeAlias = Eq | In | Range | Exists | Under | Without


# -- plain data

_QUERIES = (MatchAll, Text, Term, Phrase, Prefix, Fuzzy, And, Or, Not, Boost)
_FILTERS = (Eq, In, Range, Exists, Under, Without)


def to_dict(part: Query | Filter) -> dict[str, Any]:
    """A query or a filter as plain data; "type" names the class, and what is as usual is left out.

    >>> to_dict(And([Text("vat"), Phrase("credit note", slop=1)]))["parts"][1]
    {'text': 'credit note', 'slop': 1, 'type': 'Phrase'}
    """
    plain: dict[str, Any] = _converter().unstructure(part, Query if isinstance(part, _QUERIES) else Filter)
    return plain


def from_dict(plain: Mapping[str, Any]) -> Query | Filter:
    """The query or the filter that `to_dict` wrote.

    Raises:
        InvalidValue: saying what is wrong.
    """
    kind = plain.get("type") if isinstance(plain, Mapping) else None
    known = {one.__name__: one for one in (*_QUERIES, *_FILTERS)}
    if kind not in known:
        raise InvalidValue("query", plain, f"has no type among {', '.join(known)}")
    _refuse_depth(plain, 0)
    try:
        union: Any = Query if known[kind] in _QUERIES else Filter
        made: Query | Filter = _converter().structure(plain, union)
    except Exception as error:  # noqa: BLE001 - cattrs raises groups of whatever its classes raise
        reasons = "; ".join(_reasons(error))
        raise InvalidValue("query", plain, f"is no {kind}: {reasons}") from None
    return made


def _refuse_depth(plain: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise InvalidValue("query", "…", f"is nested deeper than {_DEEPEST}")
    if isinstance(plain, Mapping):
        for part in plain.values():
            _refuse_depth(part, depth + 1)
    elif isinstance(plain, list | tuple):
        for part in plain:
            _refuse_depth(part, depth + 1)


def _reasons(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [reason for part in error.exceptions for reason in _reasons(part)]
    return [str(error)]


@cache
def _converter() -> "Converter":
    from cattrs import Converter
    from cattrs.strategies import configure_tagged_union

    made = Converter(forbid_extra_keys=True, omit_if_default=True)
    for kind in (Scalar, Scalar | None):
        made.register_unstructure_hook(kind, _plain)
        made.register_structure_hook(kind, _from_plain)
    # Their classes check them.
    for fields in (attrs.fields(Text).op, attrs.fields(Fuzzy).edits):
        made.register_structure_hook(fields.type, _as_it_is)
    for union in (Query, Filter):
        configure_tagged_union(union, made, tag_name="type")
    return made


def _plain(value: Any) -> Any:
    return json.loads(fields_to_json(Fields(value=value)))["value"]


def _from_plain(plain: Any, _: Any) -> Any:
    return fields_from_json(json.dumps({"value": plain}))["value"]


def _as_it_is(plain: Any, _: Any) -> Any:
    return plain
