# ---
# jupytext:
#   text_representation:
#     extension: .py
#     format_name: percent
# kernelspec:
#   display_name: Python 3
#   language: python
#   name: python3
# ---

# %% [markdown]
# # A service desk, and an improvement that is verified
#
# What is open, whether the backlog grows, which figure is out of line; then a change, stated beforehand, and whether it
# worked.
#
# {download}`Download this notebook <service_desk.py>`; it needs `pip install 'crmkit[report]' jupytext`.

# %%
from datetime import UTC, datetime, timedelta

import numpy as np

from crmkit import metrics
from crmkit.improve import Hypothesis, choose, verify
from crmkit.journal import Journal
from crmkit.metrics.backlog import backlog_ahead
from crmkit.metrics.kpi import resolution
from crmkit.metrics.satisfaction import satisfaction
from crmkit.pipeline import Pipeline, Stage
from crmkit.values import Period

# %load_ext crmkit.report.notebook

# %% [markdown]
# ## The tickets
#
# Made up: nine months of a desk. Until the end of March every second ticket of the group "network" was handed on; since
# April a checklist at the first line should spare that.

# %%
rng = np.random.default_rng(5)
begin, change = datetime(2025, 10, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
rows, scores = [], {}
for number in range(2700):
    ticket, at = f"T-{number}", begin + timedelta(days=number / 10)
    group = ["network", "software", "billing"][number % 3]
    handed = rng.random() < (0.12 if group == "network" and at >= change else 0.5 if group == "network" else 0.2)
    work = rng.exponential(2.0) + (rng.exponential(6.0) if handed else 0.0)
    steps = [("new", "first line", 0.0), ("working", "first line", 0.1)]
    steps += [("working", "second line", 0.1 + work / 2)] if handed else []
    steps += [("solved", "second line" if handed else "first line", 0.2 + work)]
    rows += [(ticket, stage, who, at + timedelta(days=float(day)), group) for stage, who, day in steps]
    if rng.random() < 0.4:
        scores[ticket] = float(np.clip(round(4.6 - 0.15 * work + rng.normal(0, 0.8)), 1, 5))
columns = dict(zip(("ticket", "stage", "who", "at", "group"), map(list, zip(*rows, strict=True)), strict=True))
now = datetime(2026, 7, 1, tzinfo=UTC)
seen = [at < now for at in columns["at"]]
tickets = Journal.from_frame(
    {name: [value for value, keep in zip(values, seen, strict=True) if keep] for name, values in columns.items()},
    case="ticket", stage="stage", at="at", who="who", dims=["group"], as_of=now,
)  # fmt: skip
process = Pipeline("ticket", ["new", "working", Stage("solved", "won")])
desk = metrics.Facts(service=tickets, service_stages=process)
tickets.display(most=4)

# %% [markdown]
# ## The desk today
#
# What is open is a stock; what comes and goes is a flow, with an interval for what chance makes of the same rates.

# %%
metrics.measure(
    desk, ["open_tickets", "tickets_arrived", "tickets_left", "backlog_growth"],
    over=Period.month(2026, 6), as_of=now, versus="previous",
)  # fmt: skip

# %% [markdown]
# And what will become of it, with the record of earlier forecasts:

# %%
backlog_ahead(tickets, stages=process, at=now, ahead=[7, 14], window=91, rng=np.random.default_rng(0))

# %% [markdown]
# ## What is out of line
#
# By the end of March one figure stood out: tickets of the network group went to a second person far more often.

# %%
march = metrics.measure(desk, [resolution.Escalation()], by=["group"], over=Period.quarter(2026, 1), as_of=change)
march

# %%
march.plot()

# %% [markdown]
# Customers feel it. Their scores fall with the time a ticket takes, whichever group it belongs to:

# %%
satisfaction(desk, scores, by="group")

# %% [markdown]
# ## A case, a method, a claim
#
# The kind of problem chooses the method, by a decision table that can be looked at and changed. What the action is to
# do is stated before it begins, so that nobody can pick a figure afterwards.

# %%
choose({"kind": "chart", "cause known": True, "severity": "minor", "cross team": True}, cautious=True)

# %%
claim = Hypothesis(
    resolution.Escalation(), {"group": "network"}, effect=0.15, before=Period.quarter(2026, 1),
    after=Period.quarter(2026, 2), found_in=Period.quarter(2026, 1), better="less", design="against others",
    against={"group": "software"},
)  # fmt: skip
claim

# %% [markdown]
# ## Did it work?
#
# Compared with another group over the same months, so that what got better for everybody is no merit of the checklist,
# and corrected for having been picked because it was the worst.

# %%
verify(claim, desk, now=now)

# %% [markdown]
# What worked becomes a rule or a practice card: see [make it a rule](../how-to/make-it-a-rule.md) and
# [share a practice](../how-to/share-a-practice.md).
