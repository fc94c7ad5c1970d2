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
# # Trying a rule change on history
#
# Discounts above 15 % need a manager. Should it be 12 %? Before anybody is told no, look at what the change would have
# done to last year's quotes, prove that it does nothing else, and see who would have been asked.
#
# {download}`Download this notebook <rule_change.py>`; it needs `pip install crmkit jupytext`.

# %%
import numpy as np

from crmkit.journal import Ledger
from crmkit.rules import DecisionTable, Field, Rule, RuleSet, Schema, explain, mutation_score
from crmkit.rules.analysis import analyse
from crmkit.rules.backtest import backtest, backtest_table
from crmkit.rules.versions import diff_rules

# %% [markdown]
# ## The rules as they are
#
# A rule is a condition in FEEL, the language of decision tables (DMN). A mistake in a name, a type or a value is said
# when the set is made, with its place.

# %%
deal = Schema(
    [
        Field("amount", "decimal", low=0, unit="CNY"),
        Field("discount", "decimal", low=0, high=1),
        Field("role", values=["rep", "manager"]),
        Field("strategic", "boolean"),
    ]
)
today = RuleSet(
    "quotes",
    deal,
    [
        Rule("authority", 'discount <= 0.15 or role = "manager"'),
        Rule("floor", "discount < 0.4 or strategic"),
    ],
)
today

# %% [markdown]
# Why does a quote fail, and what is the least that would have to change?

# %%
quote = {"amount": 80_000, "discount": 0.2, "role": "rep", "strategic": False}
explain(today, "authority", quote)

# %% [markdown]
# ## History
#
# A year of quotes, made up here. Yours may be records, a frame, a `Journal` or a `Ledger`.

# %%
rng = np.random.default_rng(11)
n = 3000
discounts = np.round(np.clip(rng.gamma(2.2, 0.05, n), 0, 0.6), 3)
history = Ledger.from_frame(
    {
        "id": [f"Q-{i:05}" for i in range(n)],
        "on": [f"2026-{1 + i * 12 // n:02}-{1 + i % 28:02}" for i in range(n)],
        "sum": [f"{value:.2f}" for value in rng.gamma(2, 40_000, n)],
        "seller": rng.choice(["li", "wei", "chen"], n).tolist(),
        "discount": [f"{value:.3f}" for value in discounts],
        "role": rng.choice(["rep", "manager"], n, p=[0.85, 0.15]).tolist(),
        "strategic": rng.choice(["true", "false"], n, p=[0.1, 0.9]).tolist(),
    },
    kind="quote", id="id", at="on", who="seller", amount="sum", currency="CNY",
    dims=["discount", "role", "strategic"], tz="Asia/Shanghai",
)  # fmt: skip
history.display(most=4)

# %% [markdown]
# ## The change, replayed
#
# Of each rule and seller: how many quotes were judged, how many would have failed, and how many of those fail only now,
# each with the money at stake.

# %%
stricter = RuleSet(
    "quotes",
    deal,
    [
        Rule("authority", 'discount <= 0.12 or role = "manager"'),
        Rule("floor", "discount < 0.4 or strategic"),
    ],
)
effects = backtest(stricter, history, before=today, weight="amount", by=["who"])
for one in effects:
    if one.rule == "authority":
        print(f"{one.group[0]}: {one.newly_failed.n} of {one.judged.n} quotes, {one.newly_failed.weight:,} CNY")

# %% [markdown]
# ## ... and proved
#
# History shows what happened. A proof covers what could: the two versions differ in this one region, and nowhere else.
# Each quote whose verdict changed was held against the proof, and none contradicts it.

# %%
diff_rules(today, stricter)

# %%
assert all(one.proved and not one.unexplained for one in effects)

# %% [markdown]
# ## Who decides: a table
#
# Conditions in rows are easier to read as a decision table, and its mistakes are found before it is used.

# %%
approver = Field("approver", values=["nobody", "manager", "director"])
draft = DecisionTable("approver", deal, ["discount", "amount"], [approver], [
    ["<= 0.12",     "-",         '"nobody"'],
    ["(0.12..0.3]", "< 200000",  '"manager"'],
    ["[0.3..1]",    "-",         '"director"'],
])  # fmt: skip
draft

# %%
analyse(draft)

# %% [markdown]
# A gap and an overlap. Mended, nothing is left to say:

# %%
table = DecisionTable("approver", deal, ["discount", "amount"], [approver], [
    ["<= 0.12",     "-",         '"nobody"'],
    ["(0.12..0.3]", "< 200000",  '"manager"'],
    ["(0.12..0.3]", ">= 200000", '"director"'],
    ["> 0.3",       "-",         '"director"'],
])  # fmt: skip
assert not [one for one in analyse(table) if one.severity != "advice"]
before = DecisionTable("approver", deal, ["discount"], [approver], [
    ["<= 0.15", '"nobody"'], ["> 0.15", '"manager"'],
])  # fmt: skip
wider = DecisionTable("approver", deal, ["discount"], [approver], [
    ["<= 0.12", '"nobody"'], ["> 0.12", '"manager"'],
])  # fmt: skip
backtest_table(before, wider, history, weight="amount")

# %% [markdown]
# ## Would your tests notice?
#
# Change one operator or literal of the rules at a time: tests that still pass do not hold the rule.

# %%
mutation_score(stricter, [quote, {**quote, "discount": 0.12}, {**quote, "role": "manager"}])

# %% [markdown]
# Next: [a service desk and a verified improvement](service_desk.py).
