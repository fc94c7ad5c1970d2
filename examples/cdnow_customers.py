"""Customers of a shop who leave without saying so (CDNOW, 1997 to 1998): who is still there, and what will they buy?

`python examples/cdnow_customers.py CDNOW_sample.txt` (data of Fader and Hardie).
"""

import sys
from datetime import date, datetime
from pathlib import Path

from crmkit.metrics import churn
from crmkit.values import Period

rows = [line.split() for line in Path(sys.argv[1]).read_text(encoding="ascii").splitlines() if line.strip()]
who = [row[1] for row in rows]
at = [datetime.strptime(row[2], "%Y%m%d").date() for row in rows]  # noqa: DTZ007 - days, without a time
cents = [int(row[4].replace(".", "")) for row in rows]
learnt, end = date(1997, 9, 30), date(1998, 6, 30)
bought = churn.purchases(who, at, cents, currency="USD", as_of=end, calibration=learnt)
again = (bought.frequency > 0).sum()
print(
    f"{len(bought.frequency):,} customers, {again} of whom bought again by {learnt}, {bought.frequency.sum():,} times\n"
)

# What each is likely to do, learnt from the first 39 weeks.
model, other, spend = churn.bg_nbd(bought), churn.pareto_nbd(bought), churn.gamma_gamma(bought)
for fit in (model.fit, other.fit, spend.fit):
    print(fit)
    print()

# And held against the 39 weeks that followed.
seen = churn.outlook(model, bought, days=(end - learnt).days)
print(f"who will not buy in the {seen.days} days after: {seen.share:.1%} told, {(bought.later == 0).mean():.1%} true")
print(f"purchases: {sum(seen.to_dict()['expected']):,.0f} told, {bought.later.sum():,} true")

# Without a model: whoever is silent for longer than 19 of 20 of the gaps of their own is taken for lost.
print()
print(churn.churned(churn.lapses(churn.purchases(who, at, as_of=end)), over=Period.quarter(1998, 1)))
