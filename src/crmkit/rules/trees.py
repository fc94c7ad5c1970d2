"""What one function of the rules hands to the next: trees of texts and tables, types, and texts that were checked.

They are made by `crmkit.rules.feel.parse`, `crmkit.rules.dmn.read_dmn`, `RuleSet` and `DecisionTable`, and taken by
those who evaluate, print and analyse. Trees are frozen, and equal if they mean the same, wherever they stand in a text;
the classes of their nodes below these are the library's own.
"""

from crmkit.rules._boxed import Input, Output, Row, TableNode
from crmkit.rules._compile import Checked
from crmkit.rules._shapes import Shape
from crmkit.rules.feel._lexer import Names
from crmkit.rules.feel._nodes import Node, Tests
from crmkit.rules.feel._types import Type

__all__ = ["Checked", "Input", "Names", "Node", "Output", "Row", "Shape", "TableNode", "Tests", "Type"]
