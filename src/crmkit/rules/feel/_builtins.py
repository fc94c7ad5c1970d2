"""How functions are declared and called: names, kinds and number of their arguments are checked in one place."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import attrs

from crmkit.errors import did_you_mean
from crmkit.rules.feel._nodes import TypeName
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._types import Type, named_type
from crmkit.rules.feel._values import UNKNOWN, Function, kind

F = TypeVar("F", bound=Callable[..., Any])

_SIGNATURE = re.compile(r"(?P<name>[a-z][a-z ]*)\((?P<parameters>[^)]*)\)")


@attrs.frozen
class Parameter:
    """One parameter: its name, the kinds it takes ("any" for all but null), whether it may be left out."""

    name: str
    kinds: frozenset[str]
    optional: bool
    variadic: bool

    @property
    def gathers(self) -> bool:
        """Whether it takes all further arguments one by one, even if there is one only, and that a list."""
        return self.variadic and "list" not in self.kinds


@attrs.frozen(eq=False)
class Overload:
    """One way to call a function."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Callable[..., Any]

    def bind(
        self, arguments: Sequence[Any], names: Sequence[str], kind_of: Callable[[Any], str] = kind
    ) -> list[Any] | str:
        """The arguments in the order of the parameters, or why they do not fit.

        Args:
            arguments: values, or whatever stands for them.
            names: their names, if they were named.
            kind_of: the kind of an argument; the checker has shapes in place of values.
        """
        if names:
            placed = self._named(arguments, names)
            if isinstance(placed, str):
                return placed
        else:
            placed = self._gathered(list(arguments), kind_of)
        least = sum(not parameter.optional for parameter in self.parameters)
        if not least <= len(placed) <= len(self.parameters):
            return f"takes {self.shown()}, not {len(arguments)} arguments"
        return self._checked(placed, kind_of)

    def _gathered(self, arguments: list[Any], kind_of: Callable[[Any], str]) -> list[Any]:
        """Further arguments as the list that a variadic function takes."""
        last = len(self.parameters) - 1
        if last < 0 or not self.parameters[last].variadic or len(arguments) <= last:
            return arguments
        alone = len(arguments) == last + 1 and not self.parameters[last].gathers
        if alone and kind_of(arguments[last]) in {"list", "null", "unknown"}:
            return arguments
        return [*arguments[:last], arguments[last:]]

    def _named(self, arguments: Sequence[Any], names: Sequence[str]) -> list[Any] | str:
        given = dict(zip(names, arguments, strict=True))
        known = [parameter.name for parameter in self.parameters]
        for name in names:
            if name not in known:
                return f"has no parameter {name!r}{did_you_mean(name, known)}; it takes {self.shown()}"
        placed: list[Any] = []
        for number, parameter in enumerate(self.parameters):
            if parameter.name in given:
                value = given[parameter.name]
                placed.append([value] if parameter.gathers else value)
            elif not parameter.optional:
                return f"lacks {parameter.name!r}; it takes {self.shown()}"
            elif any(later.name in given for later in self.parameters[number:]):
                placed.append(None)
        return placed

    def _checked(self, placed: list[Any], kind_of: Callable[[Any], str]) -> list[Any] | str:
        made: list[Any] = []
        for value, parameter in zip(placed, self.parameters, strict=False):
            fitted = _fitted(value, parameter.kinds, kind_of)
            if fitted is _MISFIT:
                wanted = " or ".join(sorted(parameter.kinds - {"null"}))
                return f"wants {wanted} as {parameter.name!r}, not {kind_of(value)}"
            made.append(fitted)
        return made

    def shown(self) -> str:
        """The parameters as text."""
        parts = [
            f"{parameter.name}{'...' * parameter.variadic}{'?' * parameter.optional}" for parameter in self.parameters
        ]
        return f"({', '.join(parts)})"


_MISFIT = object()
#: All functions of the standard, by name; each may be called in several ways.
BUILTINS: dict[str, list[Overload]] = {}


def _fitted(value: Any, kinds: frozenset[str], kind_of: Callable[[Any], str]) -> Any:
    """The value as one of the kinds: a single value may stand for a list of it, and the other way round."""
    of = kind_of(value)
    if of in kinds or of == "unknown" or ("any" in kinds and of != "null"):
        return value
    if "list" in kinds and of != "null":
        return [value]
    if of == "list" and isinstance(value, list) and len(value) == 1 and kind_of(value[0]) in kinds:
        return value[0]
    return _MISFIT


def builtin(signature: str) -> Callable[[F], F]:
    """Declare a function: `"substring(string: string, start position: number, length: number?)"`.

    A parameter has a name, kinds joined with |, `?` if it may be left out, `...` if it takes all further arguments.
    """
    found = _SIGNATURE.fullmatch(signature)
    assert found is not None, signature  # noqa: S101 - our own table
    parameters = tuple(_parameter(text) for text in found["parameters"].split(",") if text.strip())

    def declare(body: F) -> F:
        BUILTINS.setdefault(found["name"], []).append(Overload(found["name"], parameters, body))
        return body

    return declare


def _parameter(text: str) -> Parameter:
    name, _, kinds = text.partition(":")
    variadic, optional = kinds.rstrip("? ").endswith("..."), kinds.strip().endswith("?")
    plain = kinds.strip().rstrip("?").rstrip(".")
    return Parameter(name.strip(), frozenset(part.strip() for part in plain.split("|")), optional, variadic)


def call_builtin(name: str, arguments: Sequence[Any], names: Sequence[str] = ()) -> Any:
    """The value of a function of the standard.

    Raises:
        Problem: if the arguments do not fit, or have no result.
    """
    reasons: list[str] = []
    # `before(point: 1, range: r)` and `before(range: r, point: 1)` differ in nothing but the order.
    ways = sorted(BUILTINS[name], key=lambda way: [one.name for one in way.parameters][: len(names)] != [*names])
    for overload in ways if names else BUILTINS[name]:
        bound = overload.bind(arguments, names)
        if isinstance(bound, str):
            reasons.append(bound)
        elif any(value is UNKNOWN for value in bound) or (name not in _STRUCTURAL and holds_unknown(bound)):
            return UNKNOWN
        else:
            return _result(name, overload, bound)
    raise Problem("arguments", f"{name} {reasons[0]}")


#: Functions whose results hold values that are not known yet as they are.
_STRUCTURAL = frozenset({"count", "get value", "get entries", "context put"})


def holds_unknown(value: Any) -> bool:
    """Whether anything in a value is not known yet."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if one is UNKNOWN:
            return True
        if type(one) is list:
            waiting += one
        elif type(one) is dict:
            waiting += one.values()
    return False


def _result(name: str, overload: Overload, bound: list[Any]) -> Any:
    try:
        return overload.body(*bound)
    except ArithmeticError as error:
        raise Problem("number", f"the result of {name} is no number ({type(error).__name__})") from None


@lru_cache(maxsize=256)
def as_function(name: str) -> Function:
    """A function of the standard as a value."""
    ways = BUILTINS[name]
    parameters = ways[0].parameters
    variadic = any(parameter.variadic for parameter in parameters)
    return Function(
        tuple(parameter.name for parameter in parameters),
        lambda *arguments: call_builtin(name, arguments),
        name,
        sum(not parameter.optional for parameter in parameters),
        variadic,
        None if variadic or len(ways) > 1 else tuple(map(_type_of, parameters)),
    )


def _type_of(parameter: Parameter) -> Type | None:
    """What a parameter may be, if that is one kind."""
    kinds = [*(parameter.kinds - {"null"})]
    return named_type(TypeName(kinds[0]), {}) if len(kinds) == 1 else None
