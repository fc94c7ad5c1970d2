"""Trees changed as a whole."""

import attrs

from crmkit.rules._trees import renamed, rewritten
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._parser import parse


def test_what_does_not_change_is_the_same_object():
    """A tree that nothing changes is itself, and a changed one shares the rest."""
    tree = parse("a > 1 and b in (1, 2) and count(c) > 3", ["a", "b", "c", "count"])
    assert rewritten(tree, lambda node: node) is tree
    changed = renamed(tree, {"a": "x", "b": "b"})
    assert changed.operands[0].left == nodes.Name("x")
    assert changed.operands[1:] == tree.operands[1:]
    assert all(one is other for one, other in zip(changed.operands[1:], tree.operands[1:], strict=True))


def test_those_below_change_first():
    """A change sees the changed parts of what it is given."""
    tree = parse("1 + 2 + 3")

    def change(node):
        if isinstance(node, nodes.Arithmetic):
            return attrs.evolve(node.left, value=node.left.value + node.right.value)
        return node

    assert rewritten(tree, change) == parse("6")
