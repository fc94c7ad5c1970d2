"""Quotations of USAID's health supply chain, 2006 to 2015: words in date and money cells, and what is left of them.

`python examples/usaid_quotes.py SCMS_Delivery_History_Dataset.csv.gz` (data of the United States government).
"""

import sys

import numpy as np

from crmkit.adapters.files import read_table
from crmkit.journal import Journal, Ledger
from crmkit.metrics.spc import p_chart
from crmkit.values import Period

QUOTED, DELIVERED = "PQ First Sent to Client Date", "Delivered to Client Date"

table = read_table(sys.argv[1])
lines = Ledger.from_frame(
    table, kind="order", id="ID", at=DELIVERED, due="Scheduled Delivery Date", amount="Line Item Value", currency="USD",
    tz="UTC",
)  # fmt: skip
print(f"{len(lines):,} order lines worth {lines.total()[None, 'USD']}, {(lines.at > lines.due).sum():,} of them late")
freight = Ledger.from_frame(
    table, kind="expense", id="ID", at=DELIVERED, amount="Freight Cost (USD)", currency="USD", tz="UTC"
)
print("freight:", *freight.findings)

# From the quotation to the order: a word in place of a date is a finding, and so is an order before its quotation.
numbers = set(table.column("PQ #").decode()) - {"Pre-PQ Process"}
before = table.column(QUOTED).decode().count("Pre-PQ Process")
print(f"\n{len(numbers):,} quotations; {before:,} lines are older than quotations")
journal = Journal.from_milestones(
    table, case="ID", milestones={"quoted": QUOTED, "ordered": "PO Sent to Vendor Date"}, tz="UTC"
)
print(*journal.findings, sep="\n")
days = journal.sojourn()[~journal.open] // 86_400_000_000
print(f"{len(days):,} lines were ordered after they were quoted, {np.median(days):g} days later in the median")

# Has it always been so? Each quarter's late lines against the first twelve quarters.
quarters = [Period.quarter(year, quarter) for year in range(2007, 2015) for quarter in (1, 2, 3, 4)]
parts = [lines.within(period, "UTC") for period in quarters]
chart = p_chart(
    [(part.at > part.due).sum() for part in parts],
    [len(part) for part in parts],
    labels=[f"{period.start:%Y-%m}" for period in quarters],
    baseline=12,
)
print(f"\nlate, quarter by quarter: {chart.limits.centre:.1%} in the first three years")
print(*chart.findings, sep="\n")
