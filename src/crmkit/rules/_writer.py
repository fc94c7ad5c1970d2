"""What all parts of the code generator share: names for values, guards, and what a value must be to be used."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from math import ceil, floor
from typing import Any

import attrs

from crmkit.rules._shapes import ANY, Shape
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._values import Range
from crmkit.rules.schema import Field

#: What the source of a part that is handed to the interpreter begins with.
INTERPRETED = "_interpret("


class Opaque(Exception):
    """The part has no plain form in Python."""


@attrs.frozen
class Plain:
    """A value as source: an expression that holds while all guards do."""

    text: str
    guards: tuple[str, ...] = ()


#: The class that a value of a kind must have, under the name that the source knows it by.
_CLASSES: Mapping[str, str] = {
    "decimal": "_Decimal", "integer": "int", "float": "float", "string": "str", "boolean": "bool", "date": "_date",
    "time": "_time", "date and time": "_datetime", "days and time duration": "_timedelta",
    "years and months duration": "_YearsMonths", "list": "list", "context": "dict",
}  # fmt: skip
#: The greatest float that is finite.
_MOST = sys.float_info.max
#: Whole numbers from there on are compared as decimals.
_LONG = 2**62


@attrs.frozen
class Read:
    """A value that is read from a variable: the variable of its own, if it has one, and the test of what it must be."""

    name: str
    test: str


@attrs.define
class Writer(ABC):
    """Writes source for the parts of one generated function.

    Attributes:
        shapes: what the checker found, by the `id` of the part.
        fields: from the names of fields to the variables that hold them.
        constants: from the names of constants to their values.
        opaque: parts for the interpreter, by number.
        scope: what loops bind: variables and what they are.
        temporaries: how many variables there are beside.
        complete: whether no field is null.
        guarded: whether something else than a field may make a part null.
        members: of each variable what is read from it, by its source.
        used: the fields that are read.
        roots: from variables for members to the variable that they are read from.
    """

    shapes: Mapping[int, Shape]
    fields: dict[str, str]
    constants: dict[str, Any]
    opaque: list[nodes.Node]
    scope: dict[str, tuple[str, Shape]] = attrs.field(factory=dict[str, tuple[str, Shape]])
    temporaries: int = 0
    complete: bool = False
    guarded: bool = False
    members: "dict[str, dict[str, Read]]" = attrs.field(factory=dict[str, "dict[str, Read]"])
    used: set[str] = attrs.field(factory=set[str])
    roots: dict[str, str] = attrs.field(factory=dict[str, str])

    @abstractmethod
    def condition(self, node: nodes.Node, *, wanted: bool) -> str:
        """Source that is true exactly where the condition is what is wanted: true, or false."""

    @abstractmethod
    def value(self, node: nodes.Node) -> Plain:
        """A part as a plain value."""

    def shape(self, node: nodes.Node) -> Shape:
        """What the checker found of a part."""
        return self.shapes.get(id(node), ANY)

    def constant(self, value: Any) -> str:
        """Source of a constant: its literal, where Python's own is safe and exact, or a name for it."""
        if type(value) in {str, int, float}:
            return repr(value)
        if type(value) is frozenset:
            return f"{{{', '.join(map(repr, sorted(value)))}}}"
        for name, known in self.constants.items():
            if type(known) is type(value) and known == value and not isinstance(value, Range):
                return name
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def temporary(self) -> str:
        """A new variable."""
        self.temporaries += 1
        return f"t{self.temporaries}"

    @contextmanager
    def binding(self, names: Mapping[str, tuple[str, Shape]]) -> Generator[None]:
        """With names bound to variables, for a while."""
        before = dict(self.scope)
        self.scope.update(names)
        yield
        self.scope = before

    def kept(self, text: str, *, nullable: bool = True) -> Plain:
        """A value that is computed once, in its guard, and is not null."""
        if not nullable:
            return Plain(text)
        name = self.temporary()
        return Plain(name, (f"({name} := {text}) is not None",))

    def interpreted(self, node: nodes.Node) -> Plain:
        """A part that the interpreter evaluates with the record and the names bound here."""
        self.opaque.append(node)
        bound = ", ".join(f"{name!r}: {variable}" for name, (variable, _) in self.scope.items())
        return self.kept(f"{INTERPRETED}{len(self.opaque) - 1}, r, {{{bound}}})")

    def root(self, text: str) -> str | None:
        """The field's or loop's variable that a value is read from; None if it is computed."""
        variable = text.partition("[")[0]
        variable = self.roots.get(variable, variable)
        known = {*self.fields.values(), *(bound for bound, _ in self.scope.values())}
        return variable if variable in known else None

    def member(self, plain: Plain, field: Field) -> str:
        """Note that a value is read from a variable, and what it must be; the source to use for it.

        What is read from an item of a list is read once, into a variable of its own.
        """
        root = self.root(plain.text)
        if root is None:
            return plain.text
        reads = self.members.setdefault(root, {})
        read = reads.get(plain.text)
        if read is None:
            once = root.startswith("t") and "[" in plain.text and not plain.guards
            name = self.temporary() if once else ""
            self.roots[name or plain.text] = root
            test = held(self, name or plain.text, field, nullable=field.nullable)
            # What a context holds that is null is not looked at.
            test = f"(not {guarded(plain.guards)} or {test})" if plain.guards else test
            read = reads[plain.text] = Read(name, test)
        return read.name or plain.text


def interpreted(*parts: Plain) -> bool:
    """Whether the interpreter has a share in some parts."""
    return any(INTERPRETED in guard for part in parts for guard in part.guards)


def guarded(guards: Sequence[str], text: str = "") -> str:
    """A condition under its guards; the guards alone without one."""
    return f"({' and '.join([*dict.fromkeys(guards), *([text] if text else [])])})"


def held(emit: Writer, text: str, field: Field, *, nullable: bool) -> str:
    """Source that is true if a value is what the generated code takes it for: of the very class, finite, listed."""
    if field.values and field.kind == "string":
        test = f"{text} in {emit.constant(frozenset(field.known))}"
    else:
        # Asking for the attribute costs two thirds of a call of type().
        test = f"{text}.__class__ is {_CLASSES[field.kind]}"
        test += "".join(f" and {one}" for one in within(emit, text, field))
    if field.values and field.kind not in {"list", "string"}:
        known = [*map(int, field.known)] if field.kind == "integer" else field.known
        test = f"{test} and {text} in {emit.constant(known)}"
    return f"({test} or {text} is None)" if nullable else test


def within(emit: Writer, text: str, field: Field) -> Iterator[str]:
    """Tests of a value against the ends of its field, which keep out what is not finite, too."""
    low, high = field.bounds
    if field.kind == "integer":
        # Comparing one of Python's own with a decimal costs ten times as much.
        low, high = _whole(low, ceil), _whole(high, floor)
    if field.kind == "float":
        low, high = -_MOST if low is None else low, _MOST if high is None else high
    if field.kind == "decimal" and (low is None or high is None):
        yield f"{text}.is_finite()"
    # Two comparisons are quicker than one chain.
    if low is not None:
        yield f"{text} >= {emit.constant(low)}"
    if high is not None:
        yield f"{text} <= {emit.constant(high)}"


def _whole(end: Decimal | None, rounded: Callable[[Decimal], int]) -> Decimal | int | None:
    """An end of a field of whole numbers as one of Python's own, if it is not too long to be written."""
    return end if end is None or abs(end) >= _LONG else rounded(end)
