"""Measurement: figures that carry their policies, their interval, and the cases that are still open.

The door holds the functions; the classes of their results are in the chapter of each family.
"""

from crmkit.metrics.backtest import backtest
from crmkit.metrics.conversion import Conversion, Rates, conversion, transitions
from crmkit.metrics.curves import cycle_time, time_in_stage, win_curve
from crmkit.metrics.facts import Facts
from crmkit.metrics.forecast import forecast
from crmkit.metrics.funnel import funnel
from crmkit.metrics.measure import measure
from crmkit.metrics.policy import StageOrder
from crmkit.metrics.signals import Signals, signals

__all__ = [
    "Conversion",
    "Facts",
    "Rates",
    "Signals",
    "StageOrder",
    "backtest",
    "conversion",
    "cycle_time",
    "forecast",
    "funnel",
    "measure",
    "signals",
    "time_in_stage",
    "transitions",
    "win_curve",
]
