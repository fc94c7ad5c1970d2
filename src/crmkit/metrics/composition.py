"""What sales are made of, how concentrated they are, and what changed and why (T6).

`shares` takes an amount apart by a dimension of the ledger, with the Pareto table; `concentration` and `lorenz` say how
much of it is in few hands. `change` explains the change of an amount between two periods by volume, mix, price, new and
gone parts, exact to the cent; `rate_change` and `won_rate_change` do so for a rate, by the rates of its parts and by
which parts there are. Currencies are never added up.
"""

from crmkit.metrics._bridge import EFFECTS, Bridge, Effects, Units, Weights, change
from crmkit.metrics._concentration import (
    Concentration,
    ConcentrationRow,
    Drawn,
    Lorenz,
    LorenzPoint,
    concentration,
    gini,
    herfindahl,
    lorenz,
)
from crmkit.metrics._kitagawa import RateChange, RateEffect, rate_change, won_rate_change
from crmkit.metrics._shares import Class, Share, Shares, shares

__all__ = [
    "EFFECTS",
    "Bridge",
    "Class",
    "Concentration",
    "ConcentrationRow",
    "Drawn",
    "Effects",
    "Lorenz",
    "LorenzPoint",
    "RateChange",
    "RateEffect",
    "Share",
    "Shares",
    "Units",
    "Weights",
    "change",
    "concentration",
    "gini",
    "herfindahl",
    "lorenz",
    "rate_change",
    "shares",
    "won_rate_change",
]
