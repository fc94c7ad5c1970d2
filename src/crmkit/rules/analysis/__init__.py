"""What a table of rules leaves open, decides twice, never reaches, or decides differently from another table.

`analyse` reads one decision table: gaps, overlaps, rows that never decide because others together match all that they
do, rows that could be one. `diff` reads two versions of one and says where they decide differently. Every place is
given as cells that can be pasted into a row. Both prove what they say within a `Budget` of work, and say what they
could not prove. How rules that are no rows stand to each other is said by `crmkit.rules.relations`.
"""

from crmkit.rules.analysis._boxes import Budget
from crmkit.rules.analysis._table import TableFinding, analyse
from crmkit.rules.analysis._versions import TableChange, TableDiff, diff

__all__ = ["Budget", "TableChange", "TableDiff", "TableFinding", "analyse", "diff"]
