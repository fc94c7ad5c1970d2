"""What a table of rules leaves open, decides twice, never reaches, or decides differently from another table.

`analyse` reads one decision table: gaps, overlaps, rows that never decide because others together match all that they
do, rows that could be one. `diff` reads two versions of one and says where they decide differently. Every place is
given as cells that can be pasted into a row. Both prove what they say within a `Budget` of work, and say what they
could not prove.
"""

from crmkit.rules.analysis._boxes import Budget
from crmkit.rules.analysis._solvers import SolverName
from crmkit.rules.analysis._table import TableFinding, analyse
from crmkit.rules.analysis._versions import TableChange, TableDiff, diff

__all__ = ["Budget", "SolverName", "TableChange", "TableDiff", "TableFinding", "analyse", "diff"]
