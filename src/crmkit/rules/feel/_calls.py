"""Names, functions and calls: the parts of the interpreter that bind values."""

from typing import Any

import attrs

from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._builtins import BUILTINS, as_function, call_builtin
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._run import Exhausted, Run, Scope
from crmkit.rules.feel._types import Type, fitted, named_type
from crmkit.rules.feel._values import UNKNOWN, Function, kind


def variable(run: Run, node: nodes.Name, scope: Scope) -> Any:
    """What a name means: a variable, or a function of the standard."""
    try:
        return scope.find(node.name)
    except KeyError:
        pass
    if node.name in BUILTINS:
        return _counted(run, node.name)
    if node.name in _CLOCKS:
        return Function((), lambda: _clock(run, node.name), node.name)
    raise Problem("unknown-name", f"nothing is called {node.name!r}")


def _counted(run: Run, name: str) -> Function:
    """A function of the standard whose arguments are counted."""

    def body(*arguments: Any) -> Any:
        run.spend(sum(map(run.size, arguments)))
        return call_builtin(name, arguments)

    return attrs.evolve(as_function(name), body=body)


_CLOCKS = frozenset({"now", "today"})


def _clock(run: Run, name: str) -> Any:
    value = run.world.now if name == "now" else run.world.today or (run.world.now and run.world.now.date())
    if value is None:
        raise Problem("no-clock", f"{name}() was not given: rules read no clock")
    return value


def call(run: Run, node: nodes.Call, scope: Scope) -> Any:
    """The value of a function."""
    function = run.value(node.function, scope)
    if function is UNKNOWN:
        return UNKNOWN
    arguments = [run.value(argument, scope) for argument in node.arguments]
    if not isinstance(function, Function):
        raise Problem("type", f"a {kind(function)} is no function")
    if len({*node.names}) != len(node.names):
        raise Problem("arguments", "an argument is given twice")
    if function.name in BUILTINS and isinstance(node.function, nodes.Name):
        return _standard(run, function.name, arguments, node.names)
    return run.apply(function, bound(function, arguments, node.names))


#: Functions that look at no item.
_CHEAP = frozenset({"count", "get value"})
#: Functions that look at every character.
_MATCHING = frozenset({"matches", "replace", "split"})


def _standard(run: Run, name: str, arguments: list[Any], names: tuple[str, ...]) -> Any:
    if name not in _CHEAP:
        run.spend(sum(map(run.size, arguments)))
    if name in _MATCHING:
        texts = [len(argument) for argument in arguments if isinstance(argument, str)]
        run.spend(texts[0] * (1 + sum(texts[1:]) // 16) if texts else 0)
    value = call_builtin(name, arguments, names)
    return short(run, value) if isinstance(value, str) else value


def short(run: Run, text: str) -> str:
    """A new string, if the world allows its length."""
    if len(text) > run.world.limits.items:
        raise Exhausted(f"a string grows longer than {run.world.limits.items} characters")
    run.spend(len(text) // 16)
    return text


def bound(function: Function, arguments: list[Any], names: tuple[str, ...]) -> list[Any]:
    """Arguments in the order of the function's parameters.

    Raises:
        Problem: if they do not fit.
    """
    if not names:
        if not function.takes(len(arguments)):
            raise Problem("arguments", f"takes {len(function.parameters)} arguments, not {len(arguments)}")
        return arguments
    given = dict(zip(names, arguments, strict=True))
    if given.keys() != {*function.parameters}:
        raise Problem("arguments", f"takes the arguments {', '.join(function.parameters)}")
    return [given[name] for name in function.parameters]


def lambda_(run: Run, node: nodes.Lambda, scope: Scope) -> Any:
    """A function that sees the names of the place where it stands."""
    if node.external:
        raise Problem("external", "functions in other languages are not run")

    types = [None if of is None else named_type(of, run.world.types) for of in node.types]

    def body(*arguments: Any) -> Any:
        if len(arguments) != len(node.parameters):
            raise Problem("arguments", f"takes {len(node.parameters)} arguments, not {len(arguments)}")
        run.spend(sum(run.size(value) for value, of in zip(arguments, types, strict=True) if of is not None))
        values = [value if of is None else fitted(value, of) for value, of in zip(arguments, types, strict=True)]
        return run.value(node.body, Scope(dict(zip(node.parameters, values, strict=True)), scope))

    return Function(node.parameters, body, types=tuple(types), result=_plainly(node.body))


def _plainly(body: nodes.Node) -> Type | None:
    """The type of what a body gives, where its outermost part says so."""
    if isinstance(body, nodes.Literal_ | nodes.Temporal):
        return Type(kind(body.value))
    return Type("boolean") if isinstance(body, _TRUTHS) else None


_TRUTHS = nodes.And | nodes.Or | nodes.Compare | nodes.Between | nodes.In | nodes.Quantified | nodes.InstanceOf
