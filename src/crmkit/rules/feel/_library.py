"""All functions of the standard; importing this declares them."""

from collections.abc import Sequence
from typing import Any

from crmkit.errors import RuleError
from crmkit.rules.feel import (
    _builtins_list,
    _builtins_number,
    _builtins_range,
    _builtins_text,
    _builtins_time,
)  # fmt: skip
from crmkit.rules.feel import (
    _nodes as nodes,
)
from crmkit.rules.feel._builtins import BUILTINS, builtin
from crmkit.rules.feel._evaluate import evaluate
from crmkit.rules.feel._operators import Problem, less
from crmkit.rules.feel._parser import parse
from crmkit.rules.feel._values import Range

__all__: Sequence[str] = ("FUNCTIONS",)

#: The functions that a range written as text may use for its ends.
_OF_LITERALS = frozenset({"date", "time", "date and time", "duration"})


@builtin("range(from: string)")
def range_from_text(text: str) -> Range:
    """The range that a text says; its ends are literals."""
    try:
        node = parse(text.strip(), _OF_LITERALS)
    except RuleError as error:
        raise Problem("literal", error.why) from None
    if not isinstance(node, nodes.Interval) or not (_is_end(node.low) and _is_end(node.high)):
        raise Problem("literal", f"{text[:60]!r} is no range of literals")
    outcome = evaluate(node, {})
    value: Any = outcome.value
    if not isinstance(value, Range) or (value.low is None and value.high is None) or _reversed(value):
        raise Problem("literal", f"{text[:60]!r} is no range")
    return value


def _reversed(value: Range) -> bool:
    return value.low is not None and value.high is not None and less(value.high, value.low) is True


def _is_end(node: nodes.Node) -> bool:
    """Whether the end of a range needs no evaluation beyond reading a literal."""
    if isinstance(node, nodes.Negate):
        node = node.operand
    if isinstance(node, nodes.Call):
        named = isinstance(node.function, nodes.Name) and node.function.name in _OF_LITERALS
        return named and all(isinstance(argument, nodes.Literal_) for argument in node.arguments)
    return isinstance(node, nodes.Literal_ | nodes.Temporal)


_DECLARING = (_builtins_list, _builtins_number, _builtins_range, _builtins_text, _builtins_time)

#: The names of all functions.
FUNCTIONS: frozenset[str] = frozenset({*BUILTINS, "now", "today"})
