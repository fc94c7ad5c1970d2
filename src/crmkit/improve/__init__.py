"""Improving: from a figure out of line to a practice, by a method, and with proof (L1).

A hypothesis says beforehand what an action is to change (`hypothesis`); `verify` tells whether it did.
"""

from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.verify import Verdict, verify

__all__ = ["Hypothesis", "Verdict", "verify"]
