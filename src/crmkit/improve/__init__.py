"""Improving: from a figure out of line to a practice, by a method, and with proof (L1).

A hypothesis says beforehand what an action is to change (`hypothesis`); `verify` tells whether it did. `choose` finds
the method that fits a problem, `methods` has each of them as a process, `causes` has the graphs that explain it, and
`paper` writes what a case holds.
"""

from crmkit.improve.causes import fishbone, why_tree
from crmkit.improve.choice import Choice, choose
from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.papers import paper
from crmkit.improve.verify import Verdict, verify

__all__ = ["Choice", "Hypothesis", "Verdict", "choose", "fishbone", "paper", "verify", "why_tree"]
