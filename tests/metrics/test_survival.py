"""Survival and competing risks: the figures R and the textbooks print."""

import csv
import pathlib
from math import isnan, nan

import numpy as np
import pytest

from crmkit.metrics.survival import aalen_johansen, kaplan_meier, logrank, state_probabilities

SHARED = pathlib.Path(__file__).parents[2].parent / "shared"

# Acute myelogenous leukaemia (Miller 1981, in R's survival): weeks of remission, + is censored.
KEPT, KEPT_SEEN = [9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0]
PLAIN, PLAIN_SEEN = [5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45], [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
# Freireich et al. (1963): weeks of remission under 6-MP and under placebo.
SIX_MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
SIX_MP_SEEN = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

# oracle/sojourn.csv at 5, 10, 20, 30 and 45 days, causes 1 to 3 in rows: R 4 with survival, cmprsk and etm.
SOJOURN_CIF = [
    [0.0875, 0.184522910072, 0.355285068698, 0.466565745234, 0.547080439927],
    [0.0375, 0.0768659684752, 0.173048058891, 0.242636678380, 0.276081780367],
    [0.02, 0.0355574637218, 0.0690383391272, 0.104923885903, 0.118141826608],
]
SOJOURN_SURVIVAL = [0.855, 0.7030536577312, 0.4026285332842, 0.1858736904833, 0.0586959530979]
SOJOURN_SURVIVAL_ERROR = [0.0176050418915, 0.0232003398787, 0.0265222115877, 0.0229925852819, 0.0184570387534]
SOJOURN_SURVFIT_ERROR = [
    [0.0141283181943, 0.0196793958315, 0.0254479076040, 0.0278262675045, 0.0303598830646],
    [0.00949917759598, 0.01350028108702, 0.02013228721861, 0.02381478578575, 0.02617723064696],
    [0.007, 0.00933792413164, 0.01340206819936, 0.01698055772374, 0.01907833270445],
]
SOJOURN_ETM = [
    [0.000199609375, 0.000387278620293, 0.000647596001421, 0.000774301163234, 0.000921722499694],
    [0.000090234375, 0.000182257589428, 0.000405308988653, 0.000567144022021, 0.000685247404344],
    [0.000049, 0.0000871968270882, 0.000179615432020, 0.000288339340609, 0.000363982778782],
]
SOJOURN_CMPRSK = [
    [1.99977097671e-04, 3.87465589244e-04, 0.000645981355064, 0.000768581676566, 0.000932495153409],
    [9.04216786290e-05, 1.82483458021e-04, 0.000404639331299, 0.000564267721080, 0.000685696470812],
    [4.91138616351e-05, 8.73694256851e-05, 0.000179935270382, 0.000288590534468, 0.000370152604722],
]
# oracle/multistate.csv at 30, 60 and 90 days: the rows of states 0 and 1, and the variances of row 0 (etm).
MULTISTATE = np.array(
    [
        [
            [0.2367202727436, 0.275460007990, 0.118535713878, 0.369284005389],
            [0.0574033967764, 0.404349453132, 0.320564561118, 0.217682588974],
        ],
        [
            [0.0605039111950, 0.128156146362, 0.258970691609, 0.552369250833],
            [0.0379349710945, 0.118779866280, 0.482151705176, 0.361133457450],
        ],
        [
            [0.0261608245741, 0.0419599894294, 0.327573695254, 0.604305490742],
            [0.0195503042323, 0.0347678262464, 0.542351166685, 0.403330702836],
        ],
    ]
)
MULTISTATE_VARIANCE = [
    [0.000513503599940, 0.000276113805444, 0.000639365143508],
    [0.000328097654730, 0.000533890648173, 0.000686504537519],
    [0.000152876246507, 0.000648556584268, 0.000699680575171],
]


def table(*parts):
    """Rows of a shared csv file as dictionaries."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(parts)} is not here")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def at_events(curve, values):
    """Values at the times at which something ends."""
    return values[curve.n_event > 0]


def test_aml_of_r():
    """Survival, Greenwood errors, log limits and medians of the AML curves are those R's survfit prints."""
    curve = kaplan_meier(KEPT, KEPT_SEEN)
    low, high = curve.interval()
    assert at_events(curve, curve.time).tolist() == [9, 13, 18, 23, 31, 34, 48]
    assert at_events(curve, curve.n_risk).tolist() == [11, 10, 8, 7, 5, 4, 2]
    assert at_events(curve, curve.survival) == pytest.approx(
        [0.909, 0.818, 0.716, 0.614, 0.491, 0.368, 0.184], abs=6e-4
    )
    errors = [0.0867, 0.1163, 0.1397, 0.1526, 0.1642, 0.1627, 0.1535]
    assert at_events(curve, curve.std_err) == pytest.approx(errors, abs=6e-5)
    lows = [0.7541, 0.6192, 0.4884, 0.3769, 0.2549, 0.1549, 0.0359]
    assert at_events(curve, low) == pytest.approx(lows, abs=6e-5)
    assert at_events(curve, high) == pytest.approx([1, 1, 1, 0.999, 0.946, 0.875, 0.944], abs=6e-4)
    median = curve.median(0.95)
    assert (median.value, median.low) == (31, 18)
    assert isnan(median.high)


def test_aml_without_maintenance():
    """The curve that reaches 0 gives R's figures, and NaN where R prints NaN."""
    curve = kaplan_meier(PLAIN, PLAIN_SEEN)
    survival = [0.8333, 0.6667, 0.5833, 0.4861, 0.3889, 0.2917, 0.1944, 0.0972, 0]
    assert at_events(curve, curve.survival) == pytest.approx(survival, abs=6e-5)
    errors = [0.1076, 0.1361, 0.1423, 0.1481, 0.1470, 0.1387, 0.1219, 0.0919, nan]
    assert at_events(curve, curve.std_err) == pytest.approx(errors, abs=6e-5, nan_ok=True)
    lows = [0.6470, 0.4468, 0.3616, 0.2675, 0.1854, 0.1148, 0.0569, 0.0153, nan]
    assert at_events(curve, curve.interval()[0]) == pytest.approx(lows, abs=6e-5, nan_ok=True)
    assert (curve.median(0.95).value, curve.median(0.95).low) == (23, 8)


def test_restricted_mean_of_r():
    """The restricted means up to week 161 are those print(survfit, rmean = "common") gives for the AML data."""
    kept, plain = kaplan_meier(KEPT, KEPT_SEEN).rmst(161), kaplan_meier(PLAIN, PLAIN_SEEN).rmst(161)
    assert (round(kept.value, 1), round(kept.std_err, 2)) == (52.6, 19.83)
    assert (round(plain.value, 1), round(plain.std_err, 2)) == (22.7, 4.18)
    assert kept.interval()[0] == pytest.approx(kept.value - 1.959964 * kept.std_err)


def test_logrank_of_r():
    """The log-rank tests of the AML and the Freireich trials are those R and the textbooks print."""
    aml = logrank(KEPT + PLAIN, KEPT_SEEN + PLAIN_SEEN, [0] * 11 + [1] * 12)
    assert aml.observed.tolist() == [7, 11]
    assert aml.expected == pytest.approx([10.69, 7.31], abs=5e-3)
    assert (aml.chi2, aml.p, aml.df) == (pytest.approx(3.396389), pytest.approx(0.065339, abs=1e-6), 1)
    trial = logrank(SIX_MP + PLACEBO, SIX_MP_SEEN + [1] * 21, [0] * 21 + [1] * 21)
    assert trial.chi2 == pytest.approx(16.79, abs=5e-3)


def test_freireich():
    """The 6-MP curve and both medians are those of the textbooks (Klein & Moeschberger, table 4.1)."""
    curve = kaplan_meier(SIX_MP, SIX_MP_SEEN)
    survival = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert at_events(curve, curve.survival) == pytest.approx(survival, abs=6e-4)
    errors = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    assert at_events(curve, curve.std_err) == pytest.approx(errors, abs=6e-5)
    assert (curve.median().value, kaplan_meier(PLACEBO, [1] * 21).median().value) == (23, 8)


def test_delayed_entry_of_r():
    """The (start, stop] example in the tests of R's survival gives its numbers at risk and survival."""
    start, stop = [1, 2, 5, 2, 1, 7, 3, 4, 8, 8], [2, 3, 6, 7, 8, 9, 9, 9, 14, 17]
    curve = kaplan_meier(stop, [1, 1, 1, 1, 1, 1, 1, 0, 0, 0], entry=start)
    assert at_events(curve, curve.n_risk).tolist() == [2, 3, 5, 4, 4, 5]
    assert at_events(curve, curve.survival) == pytest.approx([1 / 2, 1 / 3, 4 / 15, 1 / 5, 3 / 20, 9 / 100])


def test_quantile_rules_of_r():
    """Quantiles rest in the middle of flat stretches, also of the last one, as in the tests of R's survival."""
    curve = kaplan_meier([9, 1, 1, 6, 6, 8, 10], [1, 1, 0, 1, 1, 0, 0])
    found = [curve.quantile(1 - p, 0.95) for p in (13 / 14, 6 / 7, 2 / 3, 0.5, 9 / 35, 0.1)]
    assert [q.value for q in found] == pytest.approx([1, 3.5, 6, 9, 9.5, nan], nan_ok=True)
    assert [q.low for q in found] == [1, 1, 1, 6, 6, 9]
    assert all(isnan(q.high) for q in found)


def test_lung_of_r():
    """Medians, limits, one-year survival and log-rank of the lung data are those of R's survival."""
    rows = table("data", "survival", "lung.csv")
    days, died, men = (np.array([int(float(row[key])) for row in rows]) for key in ("time", "status", "sex"))
    curve = kaplan_meier(days, died == died.max())
    assert [getattr(curve.median(0.95), part) for part in ("value", "low", "high")] == [310, 285, 363]
    assert curve.at(365) == pytest.approx(0.40924, abs=5e-6)
    assert [kaplan_meier(days[men == s], died[men == s] == died.max()).median().value for s in (1, 2)] == [270, 426]
    test = logrank(days, died == died.max(), men - 1)
    assert (test.chi2, test.p) == (pytest.approx(10.327, abs=5e-4), pytest.approx(0.00131, abs=5e-6))


def test_incidence_by_hand():
    """Two small examples worked by hand: lifelines' fixture, and one in the tests of R's survival."""
    assert aalen_johansen([1, 2, 3, 4, 5, 6], [0, 1, 1, 2, 2, 0], causes=2).at(6)[1] == pytest.approx(0.4)
    curve = aalen_johansen([1, 2, 2, 3, 3, 3, 5, 6], [0, 1, 0, 2, 0, 2, 0, 2], causes=2)
    assert curve.at([1, 2, 3, 5, 6]) == pytest.approx(
        np.array([[0, 1 / 7, 1 / 7, 1 / 7, 1 / 7], [0, 0, 12 / 35, 12 / 35, 6 / 7]])
    )


def test_incidence_of_three_r_packages():
    """Estimates and all three variances on tied data agree with survfit, cmprsk and etm to the printed digits."""
    rows = table("oracle", "sojourn.csv")
    time, cause = ([int(row[key]) for row in rows] for key in ("time", "event"))
    curve = aalen_johansen(time, cause, causes=3)
    at = np.searchsorted(curve.time, [5, 10, 20, 30, 45], side="right") - 1
    assert curve.cif[:, at] == pytest.approx(np.array(SOJOURN_CIF), abs=1e-12)
    assert curve.survival[at] == pytest.approx(SOJOURN_SURVIVAL, abs=1e-12)
    assert kaplan_meier(time, np.array(cause) > 0).std_err[at] == pytest.approx(SOJOURN_SURVIVAL_ERROR, abs=1e-12)
    assert curve.variance("greenwood")[:, at] == pytest.approx(np.array(SOJOURN_ETM), abs=1e-14)
    assert curve.variance("aalen")[:, at] == pytest.approx(np.array(SOJOURN_CMPRSK), abs=1e-14)
    assert curve.std_err("jackknife")[:, at] == pytest.approx(np.array(SOJOURN_SURVFIT_ERROR), abs=1e-12)


def test_multistate_of_etm():
    """P(0, t) and its variance with delayed entry and moves back agree with etm to the printed digits."""
    rows = table("oracle", "multistate.csv")
    columns = [[int(row[key].replace("cens", "-1")) for row in rows] for key in ("entry", "exit", "from", "to")]
    found = state_probabilities(*columns, states=4)
    assert found.at([30, 60, 90])[:, :2] == pytest.approx(MULTISTATE, abs=1e-12)
    assert (found.at(60)[2:] == np.eye(4)[2:]).all()
    at = np.searchsorted(found.time, [30, 60, 90], side="right") - 1
    assert found.std_err()[at, 0, 1:] ** 2 == pytest.approx(np.array(MULTISTATE_VARIANCE), abs=1e-14)
