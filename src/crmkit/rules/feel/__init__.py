"""FEEL, the expression language of OMG DMN: parsing, printing, evaluation with reasons.

>>> from crmkit.rules.feel import evaluate, parse
>>> evaluate(parse("if discount <= 0.15 then 3 * 4 else null"), {"discount": 0}).value
Decimal('12')
"""

from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._evaluate import Outcome, evaluate
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._limits import Limits
from crmkit.rules.feel._parser import parse, parse_tests
from crmkit.rules.feel._printer import unparse
from crmkit.rules.feel._run import Exhausted, Note, World
from crmkit.rules.feel._temporal import read_value
from crmkit.rules.feel._values import UNKNOWN, Range, YearsMonths

__all__ = [
    "FUNCTIONS",
    "UNKNOWN",
    "Exhausted",
    "Limits",
    "Note",
    "Outcome",
    "Range",
    "World",
    "YearsMonths",
    "evaluate",
    "parse",
    "parse_tests",
    "read_value",
    "to_feel",
    "unparse",
]
