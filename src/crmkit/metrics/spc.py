"""Control charts: which changes of a series are more than its usual variation, and how often that is said for nothing.

A chart has limits from a baseline, which later points do not move, and rules, which are data: what they find is a
finding with its points. Beside it stands how long the chart would run until a false alarm if nothing ever changed.
"""

from crmkit.metrics._spc_chart import ChartOptions, ChartPoint, ControlChart
from crmkit.metrics._spc_figures import ChartChoice, Charts, GroupChart, chart
from crmkit.metrics._spc_kinds import (
    GLimits,
    c_chart,
    g_chart,
    laney_p_chart,
    laney_u_chart,
    np_chart,
    p_chart,
    u_chart,
    xbar_r_chart,
    xbar_s_chart,
    xmr_chart,
)
from crmkit.metrics._spc_limits import ChartKind, ChartLimits
from crmkit.metrics._spc_memory import EwmaChart, cusum_chart, ewma_chart
from crmkit.metrics._spc_points import Baseline, ChartFinding, ChartNote, Phase
from crmkit.metrics._spc_rules import NELSON, WESTERN_ELECTRIC, Pattern, RunRule, Side
from crmkit.metrics._spc_runs import RunLength, run_length
from crmkit.metrics._spc_sprt import SequentialPoint, SequentialTest, SequentialVerdict, risk_adjusted_sprt, sprt
from crmkit.metrics._spc_sums import CusumChart, CusumPoint, risk_adjusted_cusum

__all__ = [
    "NELSON",
    "WESTERN_ELECTRIC",
    "Baseline",
    "ChartChoice",
    "ChartFinding",
    "ChartKind",
    "ChartLimits",
    "ChartNote",
    "ChartOptions",
    "ChartPoint",
    "Charts",
    "ControlChart",
    "CusumChart",
    "CusumPoint",
    "EwmaChart",
    "GLimits",
    "GroupChart",
    "Pattern",
    "Phase",
    "RunLength",
    "RunRule",
    "SequentialPoint",
    "SequentialTest",
    "SequentialVerdict",
    "Side",
    "c_chart",
    "chart",
    "cusum_chart",
    "ewma_chart",
    "g_chart",
    "laney_p_chart",
    "laney_u_chart",
    "np_chart",
    "p_chart",
    "risk_adjusted_cusum",
    "risk_adjusted_sprt",
    "run_length",
    "sprt",
    "u_chart",
    "xbar_r_chart",
    "xbar_s_chart",
    "xmr_chart",
]
