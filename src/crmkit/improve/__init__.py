"""Improving: from a figure out of line to a practice, by a method, and with proof (L1).

A hypothesis says beforehand what an action is to change (`hypothesis`); `verify` tells whether it did. `practices`
looks for what whoever stands out does differently, and `reuse` for who took it up. `propose` makes a version of a rule
set of what worked, and `tally` counts what became of all cases.
"""

from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.practices import practices
from crmkit.improve.reuse import reuse
from crmkit.improve.standards import propose
from crmkit.improve.tally import tally
from crmkit.improve.verify import Verdict, verify

__all__ = ["Hypothesis", "Verdict", "practices", "propose", "reuse", "tally", "verify"]
