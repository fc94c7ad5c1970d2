"""The text of a tree, if it reads back as the same tree."""

from collections.abc import Callable
from functools import lru_cache

from crmkit.errors import RuleError
from crmkit.rules._boxed import Broken, TableNode, Typed
from crmkit.rules._dmn_logic import RESULT
from crmkit.rules._dmn_out import escaped
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._lexer import Names
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._parser import parse, parse_tests
from crmkit.rules.feel._printer import unparse
from crmkit.rules.feel._properties import NAMES as PROPERTIES


def expression_text(node: nodes.Node, known: frozenset[str], members: frozenset[str]) -> str | None:
    """The text of an expression; None if there is none that means the same to who knows these names."""
    return _text(node, parse, known, members)


def tests_text(tests: nodes.Tests, known: frozenset[str], members: frozenset[str]) -> str | None:
    """The text of a cell; None if there is none that means the same to who knows these names."""
    return _text(tests, parse_tests, known, members)


def _text(
    node: nodes.Node, read: Callable[..., nodes.Node], known: frozenset[str], members: frozenset[str]
) -> str | None:
    if any(map(_boxed, nodes.walk(node))):
        return None
    text = escaped(unparse(node))
    try:
        again = read(text, _names(FUNCTIONS | known), members=_names(PROPERTIES | members))
    except RuleError:
        return None
    return text if again == node else None


@lru_cache(maxsize=32)
def _names(names: frozenset[str]) -> Names:
    # The cells of a table share them.
    return Names(names)


def _boxed(node: nodes.Node) -> bool:
    """Whether it is something that only boxes say."""
    return isinstance(node, TableNode | Typed | Broken) or (isinstance(node, nodes.ContextOf) and RESULT in node.names)
