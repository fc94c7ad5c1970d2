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
# # Figures, comparisons, signals and a forecast
#
# What was sold, how that compares with the quarter before, whether the movement is more than chance, and what comes
# next.
#
# {download}`Download this notebook <figures_and_forecast.py>`; it needs `pip install 'crmkit[report]' jupytext`.

# %%
from datetime import UTC, datetime, timedelta

import numpy as np

from crmkit import metrics
from crmkit.journal import Ledger
from crmkit.metrics import spc
from crmkit.testing import simulate
from crmkit.values import Period

# %load_ext crmkit.report.notebook

# %% [markdown]
# ## The facts
#
# Deals are a journal of stays; invoices are a ledger of dated amounts. Both are made up here: two years of a company
# that grows in the North and loses customers in the South, and whose deals become a little easier to win.

# %%
rng = np.random.default_rng(3)
company = simulate(n=3200, rng=rng, people={"li": 1.0, "wei": 0.5, "chen": 1.0, "zhao": 1.0, "sun": 1.0}, days=730)
start = datetime(2025, 1, 1, tzinfo=UTC)
lines = {"number": [], "on": [], "customer": [], "region": [], "net": []}
for month in range(24):
    for region, orders in (("North", 14 + month), ("South", 30 - month // 2)):
        for _ in range(rng.poisson(orders)):
            lines["number"].append(f"R-{len(lines['number']):05}")
            lines["on"].append(start + timedelta(days=30.4 * month + float(rng.uniform(0, 30))))
            lines["customer"].append(f"{region[0]}{rng.integers(150)}")
            lines["region"].append(region)
            lines["net"].append(f"{rng.gamma(2.0, 900.0):.2f}")
invoices = Ledger.from_frame(
    lines, kind="invoice", id="number", at="on", customer="customer", amount="net", currency="EUR", dims=["region"]
)
invoices.display(most=5)

# %% [markdown]
# ## Figures, and what they are compared with
#
# Any KPIs, by any groups, over any periods, in one table. `versus="previous"` sets each figure beside that of the
# period before, with an interval where there is sampling error. Money is exact, and has none.

# %%
facts = metrics.Facts(journal=company.journal, stages=company.pipeline, ledger=invoices, tz="UTC")
figures = metrics.measure(
    facts, ["invoiced", "new_customers"], by=["region"], over=Period.year(2026), every="quarter", versus="previous"
)
figures

# %% [markdown]
# In Chinese, for a colleague:

# %%
figures.display("zh", most=4)

# %% [markdown]
# Every figure can say what it rests on. These are the rows behind one, as columns in `.rows`:

# %%
print(figures.explain(figures["invoiced", "South", "2026-Q4"]))

# %% [markdown]
# A chart is a [Vega-Lite](https://vega.github.io/vega-lite/) specification: plain data, drawn by the notebook.

# %%
figures.plot("invoiced")

# %% [markdown]
# ## Is it more than chance?
#
# A control chart of the invoices a month: what lies beyond its limits is worth a question, the rest is the usual up and
# down. The note says how often such a chart speaks for nothing.

# %%
months = Period.year(2025).split("month") + Period.year(2026).split("month")
south = [region == "South" for region in lines["region"]]
counted = [
    sum(is_south and month.start <= at.date() < month.end for is_south, at in zip(south, lines["on"], strict=True))
    for month in months
]
chart = spc.c_chart(counted, labels=[month.name for month in months], baseline=12, every="month")
chart.plot()

# %%
for finding in chart.findings:
    print(finding)

# %% [markdown]
# And people: one of the five sellers was made half as likely as the others to bring a deal one step on. Who, and where?

# %%
rates = metrics.conversion(company.journal, stages=company.pipeline, by="who")
calls = metrics.signals(rates)
for call in calls.calls:
    print(f"{call.kind}: {call.who} in {call.stage}, {call.value:.0%} where the others have {call.centre:.0%}")

# %% [markdown]
# ## What comes next
#
# The forecast adds up the chances of the open deals, each by its stage and its age there, and the deals that are
# likely to come. Beside it stand what stage weights would say and what came in last time, and below how good it was
# before.

# %%
ahead = metrics.forecast(company.journal, stages=company.pipeline, horizon=90)
ahead

# %%
ahead.plot()

# %% [markdown]
# Next: [trying a rule change on history](rule_change.py).
