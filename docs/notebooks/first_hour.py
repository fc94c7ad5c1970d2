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
# # An analyst's first hour with an export
#
# You got a file from somebody's CRM: one row each time a deal entered a stage.
# An hour later you know what is in it, how deals go through it, where they are lost, and who to talk to first.
#
# {download}`Download this notebook <first_hour.py>`: a Python file that Jupyter (with Jupytext), VS Code and Spyder
# open as a notebook, and that Python runs as it is. `pip install 'crmkit[report]' jupytext` is all that it needs.

# %%
import csv
from pathlib import Path

import numpy as np

from crmkit import metrics
from crmkit.adapters.files import read_table
from crmkit.journal import Journal

# Charts are kept as pictures, too, so that a saved notebook shows them anywhere.
# %load_ext crmkit.report.notebook

# %% [markdown]
# ## The export
#
# So that everybody can follow, the file is made here: a year of a company with four sellers, one of whom is better
# than the others at every step, written as exports are: dates as texts with the day first, and a few rows that nobody
# can use.

# %%
from crmkit.testing import simulate

company = simulate(
    n=2400, rng=np.random.default_rng(7), people={"li": 1.0, "wei": 1.0, "chen": 2.4, "zhao": 1.0}, days=540
)
stays = company.journal.to_dict()
with Path("deals.csv").open("w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file, delimiter=";")
    writer.writerow(["Deal No.", "Phase", "Changed on", "Seller"])
    for case, stage, at, who in zip(stays["case"], stays["stage"], stays["entered"], stays["who"], strict=True):
        writer.writerow([case, stage, f"{at:%d/%m/%Y %H:%M:%S}", who])
    writer.writerows([["D-9001", "lead", "soon", "li"], ["", "lead", "05/01/2026 09:00:00", "li"]])
print(Path("deals.csv").read_text(encoding="utf-8")[:200])

# %% [markdown]
# ## What is in it
#
# `read_table` finds out the encoding, the delimiter and the ends of lines, and says so.

# %%
table = read_table("deals.csv")
table.display(most=5)

# %% [markdown]
# A `Journal` is what crmkit works with: every stay of every deal in every stage. Say which column is which, and in
# which zone the clock hung. Rows that cannot be used come back as findings, with their place; none is dropped in
# silence.

# %%
journal = Journal.from_frame(
    table, case="Deal No.", stage="Phase", at="Changed on", who="Seller", tz="Europe/Berlin", dates="dmy"
)
journal.display(most=8)

# %% [markdown]
# ## How deals go
#
# Which stage follows which, how often, and how long it takes (in days):

# %%
from crmkit.pipeline.discover import discover

found = discover(journal)
found.graph

# %% [markdown]
# From the log comes a draft of the process. What is rare is left out, and that is told.

# %%
pipeline = found.pipeline("sales")
pipeline

# %% [markdown]
# ## Where they are lost
#
# The funnel counts the deals that reached each stage. `n_open` of them may still get there: they are neither won nor
# lost.

# %%
funnel = metrics.funnel(journal, stages=pipeline)
funnel

# %%
funnel.plot()

# %% [markdown]
# The rate of each stage, estimated with the deals that are still open in it. `closed_only` is what one gets by leaving
# those out, as most reports do.

# %%
rates = metrics.conversion(journal, stages=pipeline, by="who")
rates.display(most=10)

# %% [markdown]
# ## Who to talk to first
#
# Of so many cells some look bad or good by chance. `signals` compares each person with the others and keeps the share
# of false calls below a tenth. "share" means: find out what they do, and show it to the others.

# %%
metrics.signals(rates)

# %% [markdown]
# ## How long it takes
#
# The time to win, and how many are won by then; lost deals are a competing end, open ones are observed so far.

# %%
metrics.cycle_time(journal, stages=pipeline)

# %% [markdown]
# ## For the others
#
# The same for people who open no notebook: one page, with the same figures, in English or Chinese:
#
# ```console
# $ crmkit report deals.csv --case "Deal No." --stage Phase --at "Changed on" --who Seller \
# >     --tz Europe/Berlin --dates dmy
# ```
#
# Next: [figures, comparisons, signals and a forecast](figures_and_forecast.py).
