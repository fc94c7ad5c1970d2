"""Measurement: figures that carry their policies, their interval, and the cases that are still open."""

from crmkit.metrics.conversion import Conversion, Rate, Rates, conversion, transitions
from crmkit.metrics.curves import CycleTime, StageTimes, WinCurve, cycle_time, time_in_stage, win_curve
from crmkit.metrics.funnel import Funnel, funnel
from crmkit.metrics.policy import StageOrder
from crmkit.metrics.signals import Signal, Signals, signals

__all__ = [
    "Conversion",
    "CycleTime",
    "Funnel",
    "Rate",
    "Rates",
    "Signal",
    "Signals",
    "StageOrder",
    "StageTimes",
    "WinCurve",
    "conversion",
    "cycle_time",
    "funnel",
    "signals",
    "time_in_stage",
    "transitions",
    "win_curve",
]
