"""An incident log of a service desk: how long people wait, what is done in time, and who is out of line for real.

`python examples/uci_incidents.py incident_event_log.csv.gz` (UCI, "Incident management process enriched event log").
"""

import sys

from crmkit.adapters.files import read_table
from crmkit.journal import Journal
from crmkit.metrics import Facts, conversion, measure, signals
from crmkit.pipeline import Pipeline, Stage

WORK = ["New", "Active", "Awaiting User Info", "Awaiting Problem", "Awaiting Vendor", "Awaiting Evidence"]

table = read_table(sys.argv[1])
journal = Journal.from_frame(
    table, case="number", stage="incident_state", at="sys_updated_at", who="assignment_group",
    dims=["priority", "made_sla"], tz="UTC", dates="dmy", repeats="merge",
)  # fmt: skip
print(f"{len(table):,} rows, {len(set(journal.cases.decode())):,} incidents, {len(journal):,} stays")
print(*journal.findings, sep="\n")
print("states:", ", ".join(journal.stages.values))

desk = Pipeline("incident", stages=[*WORK, Stage("Resolved", "won"), Stage("Closed", "won")])
waits = measure(Facts(service=journal, service_stages=desk), ["first_response", "resolution_time"], by=["priority"])
print("\nMinutes by which half of the incidents are answered, and solved:")
print(waits)

# The last row of an incident says which group had it then, and whether it was done in time; "?" is no group.
frame = {name: table.column(name).decode() for name in ("number", "opened_at", "closed_at", "made_sla")}
frame["group"] = [None if name == "?" else name for name in table.column("assignment_group").decode()]
last = dict(zip(frame["number"], range(len(table)), strict=True)).values()
incidents = Journal.from_snapshot(
    {name: [column[row] for row in last] for name, column in frame.items()},
    case="number", opened="opened_at", closed="closed_at", outcome="made_sla", won=["TRUE"], lost=["FALSE"],
    who="group", tz="UTC", dates="dmy",
)  # fmt: skip
rates = conversion(incidents)
total = rates.rows[0]
found = signals(rates)
beyond = found.dispersion[total.stage]
print(f"\ndone in time: {total.decided:.1%} of {total.ended}")
print(f"{beyond.n} groups differ by more than chance allows (p {beyond.p:.1g}); so much that limits are wider:")
for one in found.calls:
    print(f"{one.kind} {one.who}: {one.value:.0%} of {one.n}, the others {one.centre:.0%}, q {one.q:.2g}")
print(f"by chance at most {found.false_alarms:.1f} of these {len(found.calls)}")
