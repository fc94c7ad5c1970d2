"""Facts as columns: the `Journal` of stage intervals and the `Ledger` of dated facts with amounts."""

from crmkit.journal._coded import Coded, code
from crmkit.journal._csv import decode_csv
from crmkit.journal._findings import Finding, summarise
from crmkit.journal._frameable import Frameable
from crmkit.journal._journal import Journal
from crmkit.journal._ledger import Ledger
from crmkit.journal._minor import minor_units
from crmkit.journal._outcomes import usual_outcome
from crmkit.journal._rows import OPEN, UNKNOWN
from crmkit.journal._survival import ProductLimit
from crmkit.journal._table import Table
from crmkit.journal._xes import decode_xes

__all__ = [
    "OPEN",
    "UNKNOWN",
    "Coded",
    "Finding",
    "Frameable",
    "Journal",
    "Ledger",
    "ProductLimit",
    "Table",
    "code",
    "decode_csv",
    "decode_xes",
    "minor_units",
    "summarise",
    "usual_outcome",
]
