"""Survival estimates beside lifelines."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.metrics import survival

CURVE, QUICK_CURVE = 10_000_000, 20_000
STAYS, QUICK_STAYS = 670_000, 10_000
TEST, QUICK_TEST = 1_000_000, 10_000
PEOPLE, STAGES = 40, 12
QUICK_GROUPS = 8
DAY = 86_400
# Observation ends after this many days, for everybody.
LAST_DAY = 400
GRID = np.arange(0, LAST_DAY - 1, 7)


def comparisons(*, quick: bool) -> list[Comparison]:
    """Curves of one column, of many groups, a test of two groups, and two competing ends."""
    curve, stays, test = (QUICK_CURVE, QUICK_STAYS, QUICK_TEST) if quick else (CURVE, STAYS, TEST)
    groups = QUICK_GROUPS if quick else PEOPLE * STAGES
    return [
        _curve("Kaplan-Meier and its limits, in days", curve, 1),
        _curve("Kaplan-Meier and its limits, in seconds", curve, DAY),
        *(
            Comparison(
                f"Kaplan-Meier and {what}, {groups} curves (person and stage)", stays, "stays",
                partial(_write, size=stays, unit=1, groups=groups),
                [Contender("crmkit", partial(_our_curves, groups=groups, limits=limits), _our_heights),
                 Contender("lifelines", _their_curves, _their_heights)],
                _near,
            )
            for what, limits in (("its medians (the peer fits limits always)", False), ("its limits", True))
        ),
        Comparison(
            "log-rank test of two groups, in days", test, "stays", partial(_write, size=test, unit=1, groups=2),
            [Contender("crmkit", _our_test), Contender("lifelines", _their_test)], _near,
        ),
        Comparison(
            "Aalen-Johansen, in days (the peer: one of two causes)", test, "stays",
            partial(_write, size=test, unit=1, groups=2),
            [Contender("crmkit", _our_incidence, _our_share), Contender("lifelines", _their_incidence, _their_share)],
            # The peer moves tied times apart at random.
            partial(_near, within=2e-3),
        ),
    ]  # fmt: skip


def _curve(what: str, size: int, unit: int) -> Comparison:
    return Comparison(
        what, size, "stays", partial(_write, size=size, unit=unit, groups=2),
        [Contender("crmkit", _our_curve, partial(_our_limits, unit=unit)),
         Contender("lifelines", _their_curve, partial(_their_limits, unit=unit))],
        _near,
    )  # fmt: skip


def _write(folder: Path, *, size: int, unit: int, groups: int) -> None:
    """Stays of 60 days in the mean, longer ones ever less likely to end, censored at one day of 400 at random."""
    rng = np.random.default_rng(2026)
    group = rng.integers(groups, size=size)
    lasts = rng.weibull(0.8, size) * 53 * DAY * (1 + group / groups)
    seen = rng.uniform(0, LAST_DAY * DAY, size)
    np.save(folder / "group.npy", group.astype(np.int32))
    np.save(folder / "duration.npy", (np.minimum(lasts, seen) * unit / DAY).astype(np.int64))
    np.save(folder / "cause.npy", np.where(lasts <= seen, rng.choice([1, 2], size, p=[0.3, 0.7]), 0).astype(np.int8))


def _load(folder: Path) -> tuple[Any, Any, Any]:
    return tuple(np.load(folder / f"{name}.npy") for name in ("duration", "cause", "group"))


def _near(ours: Any, theirs: Any, *, within: float = 1e-8) -> None:
    np.testing.assert_allclose(theirs, ours, rtol=within, atol=within)


# -- one curve


def _our_curve(folder: Path) -> Run:
    duration, cause, _ = _load(folder)
    ended = cause > 0

    def run() -> Any:
        curve = survival.kaplan_meier(duration, ended)
        return curve, curve.interval(0.95, "log-log")

    return run


def _their_curve(folder: Path) -> Run:
    from lifelines import KaplanMeierFitter

    duration, cause, _ = _load(folder)
    ended = cause > 0
    return lambda: KaplanMeierFitter().fit(duration, ended)


def _our_limits(result: Any, unit: int) -> Any:
    curve, limits = result
    return _heights(curve.time, [curve.survival, *limits], unit)


def _their_limits(fitter: Any, unit: int) -> Any:
    limits = fitter.confidence_interval_survival_function_.to_numpy().T
    return _heights(fitter.timeline, [fitter.survival_function_.to_numpy()[:, 0], *limits], unit)


def _heights(time: Any, curves: list[Any], unit: int) -> Any:
    # Each week of the first year; before the first end the limits are undefined for one and 1 for the other.
    at = np.searchsorted(time, GRID[1:] * unit, "right") - 1
    return np.stack([curve[at] for curve in curves])


# -- many curves


def _our_curves(folder: Path, *, groups: int, limits: bool) -> Run:
    duration, cause, group = _load(folder)
    ended = cause > 0

    def run() -> Any:
        table = survival.risk_table(duration, ended, group, groups=groups, causes=1, width=LAST_DAY + 1)
        curves = survival.grouped_km(table)
        return curves, curves.interval(0.95, "log-log") if limits else curves.median()

    return run


def _their_curves(folder: Path) -> Run:
    from lifelines import KaplanMeierFitter

    duration, cause, group = _load(folder)
    order = np.argsort(group, kind="stable")
    edges = np.flatnonzero(np.diff(group[order])) + 1
    # Cut into groups beforehand: to pick the rows of each anew costs the loop a quarter more.
    parts = [*zip(np.split(duration[order], edges), np.split(cause[order] > 0, edges), strict=True)]
    return lambda: [KaplanMeierFitter().fit(spans, ended) for spans, ended in parts]


def _our_heights(result: Any) -> Any:
    return result[0].at(GRID[:9])


def _their_heights(fitters: Any) -> Any:
    return np.stack([fitter.survival_function_at_times(GRID[:9]).to_numpy() for fitter in fitters])


# -- two groups


def _our_test(folder: Path) -> Run:
    duration, cause, group = _load(folder)
    ended = cause > 0

    def run() -> Any:
        test = survival.logrank(duration, ended, group)
        return test.chi2, test.p

    return run


def _their_test(folder: Path) -> Run:
    from lifelines.statistics import logrank_test

    duration, cause, group = _load(folder)
    one = group == 0
    columns = duration[one], duration[~one], cause[one] > 0, cause[~one] > 0

    def run() -> Any:
        test = logrank_test(*columns)
        return test.test_statistic, test.p_value

    return run


# -- competing ends


def _our_incidence(folder: Path) -> Run:
    duration, cause, _ = _load(folder)
    return lambda: survival.aalen_johansen(duration, cause, causes=2)


def _their_incidence(folder: Path) -> Run:
    from lifelines import AalenJohansenFitter

    duration, cause, _ = _load(folder)

    def run() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return AalenJohansenFitter(calculate_variance=False).fit(duration, cause, event_of_interest=1)

    return run


def _our_share(incidence: Any) -> Any:
    return incidence.at(GRID)[0]


def _their_share(fitter: Any) -> Any:
    shares = fitter.cumulative_density_
    # Half a day later all ends of the day have happened, however they were moved apart.
    return shares.to_numpy()[np.searchsorted(shares.index.to_numpy(), GRID + 0.5, "right") - 1, 0]
