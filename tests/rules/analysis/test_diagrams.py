"""Diagrams of regions."""

from crmkit.rules.analysis._boxes import Grid
from crmkit.rules.analysis._diagrams import Diagram


def test_equal_parts_are_stored_once():
    """The same leaf or branch asked for twice is one node."""
    diagram = Diagram(Grid((2, 3)))
    leaf = diagram.leaf(2, "x")
    assert diagram.leaf(2, "x") == leaf
    assert diagram.branch(3, 0, {leaf: 1}) == diagram.branch(3, 0, {leaf: 1})
    assert diagram.branch(3, 0, {}) == 0


def test_tiles_come_by_weight():
    """The heaviest tile comes first, with its value, and the volume is their sum."""
    diagram = Diagram(Grid((2, 3)))
    inner = diagram.branch(2, 1, {diagram.leaf(0, "a"): 1, diagram.leaf(0, "b"): 6})
    root = diagram.branch(3, 0, {inner: 1, diagram.leaf(2, "c"): 2})
    assert list(diagram.tiles(root)) == [((2, 7), "c"), ((1, 6), "b"), ((1, 1), "a")]
    assert diagram.volume(root) == 6
    assert list(diagram.tiles(0)) == []
