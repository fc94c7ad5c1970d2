"""Complaints of consumers about banks: what they are about, which recur, and whether the figures are to be trusted.

`python examples/cfpb_complaints.py consumer_complaints_3186.csv.gz` (data of the United States government).
"""

import sys
from collections import Counter

from crmkit.adapters.files import read_table
from crmkit.journal import Ledger
from crmkit.metrics import Facts, measure
from crmkit.metrics.estimators import wilson
from crmkit.metrics.kpi.complaints import Recurrence

table = read_table(sys.argv[1])
frame = {name: table.column(name).decode() for name in table.columns}
rows = Counter(zip(*frame.values(), strict=True))
print(f"{len(table):,} complaints, {len(table) - len(rows)} of which repeat another to the letter")

frame["id"] = [str(number) for number in range(len(table))]
received = Ledger.from_frame(
    frame, kind="complaint", id="id", at="Date received", due="Date sent to company", customer="Company",
    dims=["Product", "Issue"], tz="UTC", dates="mdy",
)  # fmt: skip
print(f"{(received.due < received.at).sum()} were sent to the company before they were received")

for question in ("Timely response?", "Consumer disputed?"):
    answers = Counter(frame[question])
    yes, known = answers["Yes"], answers["Yes"] + answers["No"]
    low, high = wilson(yes, known)
    print(f"{question} {yes / known:.2%} of {known:,} known, 95 % interval {low:.1%} to {high:.1%}")

facts = Facts(ledger=received, tz="UTC")
by_product = measure(facts, ["complaints"], by=["Product"])
print("\nWhat they are about, most frequent first:")
for line in sorted(by_product, key=lambda line: -line.n)[:5]:
    print(f"{line.n:5} {line.group['Product']}")
print()
print(measure(facts, [Recurrence(cause="Issue")], every="year"))
