"""Improving: from a figure out of line to a practice, by a method, and with proof (L1).

`find` says what is out of line, and `review` makes an agenda of it. `choose` finds the method that fits a problem,
`methods` has each of them as a process, `fishbone` and `why_tree` the graphs that explain it, and `paper` writes what a
case holds. A hypothesis says beforehand what an action is to change; `verify` tells whether it did. `practices` looks
for what whoever stands out does differently, and `reuse` for who took it up. `propose` makes a version of a rule set of
what worked, and `tally` counts what became of all cases. `crmkit.loop` does all that on a store.
"""

from crmkit.improve.causes import fishbone, why_tree
from crmkit.improve.choice import choose
from crmkit.improve.finding import find
from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.papers import paper
from crmkit.improve.practices import practices
from crmkit.improve.problem import Problem, Problems
from crmkit.improve.reuse import reuse
from crmkit.improve.review import review
from crmkit.improve.standards import propose
from crmkit.improve.tally import tally
from crmkit.improve.verify import Verdict, verify

__all__ = [
    "Hypothesis",
    "Problem",
    "Problems",
    "Verdict",
    "choose",
    "find",
    "fishbone",
    "paper",
    "practices",
    "propose",
    "reuse",
    "review",
    "tally",
    "verify",
    "why_tree",
]
