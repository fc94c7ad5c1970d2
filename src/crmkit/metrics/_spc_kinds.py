"""The charts of columns, one function each."""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias, Unpack

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats
from crmkit.metrics._spc_chart import ChartOptions, ControlChart, Series, charted
from crmkit.metrics._spc_limits import (
    ChartKind,
    ChartLimits,
    c4,
    enough,
    fitted,
    inflation,
    moving_ranges,
    range_constants,
)
from crmkit.metrics._spc_points import ChartNote, as_series, baseline_of, fitting

__all__ = [
    "GLimits",
    "c_chart",
    "g_chart",
    "laney_p_chart",
    "laney_u_chart",
    "np_chart",
    "p_chart",
    "prepared",
    "u_chart",
    "xbar_r_chart",
    "xbar_s_chart",
    "xmr_chart",
]

# The charts that share their limits: what is usual of individual values.
_INDIVIDUAL = {"xmr", "ewma"}
#: How the limits of a g chart are found.
GLimits: TypeAlias = Literal["probability", "3 sigma"]


def xmr_chart(values: npt.ArrayLike, **options: Unpack[ChartOptions]) -> ControlChart:
    """Individual values and their moving range: one measurement a period, as revenue of a month.

    Limits are mean +- 3 mean moving range / d2, which a trend or a step hardly inflates (Wheeler & Chambers 1992).

    Args:
        values: one for each period, in order of time, shape (n,); None for no data.
        options: see `ChartOptions`.

    Raises:
        InvalidValue: for a baseline of fewer than two points, or what cannot be a series.

    >>> viscosity = [33.75, 33.05, 34, 33.81, 33.46, 34.02, 33.68, 33.27, 33.49, 33.2, 33.62, 33, 33.54, 33.12, 33.84]
    >>> first = xmr_chart(viscosity).rows[0]
    >>> round(first.centre, 2), round(first.low, 2), round(first.high, 2)
    (33.52, 32.25, 34.8)
    """
    column, options = as_series(values, "values"), _kept(options)
    series, limits = prepared("xmr", column, np.ones(len(column)), column, options)
    return charted(series, limits, options, spread=_ranging(series, limits, options))


def prepared(
    kind: ChartKind, values: Floats, sizes: Floats, observed: Floats, options: ChartOptions
) -> tuple[Series, ChartLimits]:
    """The series and its limits: those of the baseline, or the known ones."""
    inside, limits = _given(kind, len(values), options)
    return Series(values, sizes, observed, inside), limits or fitted(kind, values, sizes, inside)


def _given(kind: ChartKind, size: int, options: ChartOptions) -> tuple[npt.NDArray[np.bool_], ChartLimits | None]:
    """Which points are the baseline, and known limits.

    Raises:
        InvalidValue: for a baseline beside limits, or the limits of another chart.
    """
    limits = options.get("limits")
    if limits is None:
        return baseline_of(options.get("baseline"), size), None
    if options.get("baseline") is not None:
        raise InvalidValue("limits", limits, "are known; a baseline would make others. Give one of both")
    if limits.kind != kind and not {kind, limits.kind} <= _INDIVIDUAL:
        raise InvalidValue("limits", limits.kind, f"are those of another chart, not {kind!r}")
    return np.zeros(size, np.bool_), limits


def _ranging(series: Series, limits: ChartLimits, options: ChartOptions) -> ControlChart:
    """The moving ranges below individual values."""
    ranges = moving_ranges(series.values)
    below = Series(ranges, np.full(len(ranges), 2.0), ranges, series.inside)
    return charted(below, attrs.evolve(limits, kind="moving range"), _but_rules(options))


def _kept(options: ChartOptions) -> ChartOptions:
    """The options with labels that can be read twice."""
    labels = options.get("labels")
    return {**options, "labels": None if labels is None else tuple(labels)}


def _but_rules(options: ChartOptions) -> ChartOptions:
    """The options of the chart below: runs and zones mean nothing there."""
    return {"labels": options.get("labels")}


def xbar_r_chart(samples: Iterable[npt.ArrayLike], **options: Unpack[ChartOptions]) -> ControlChart:
    """Means of small samples, and the range within them.

    Sigma is the mean of range / d2 over the samples of the baseline, of any size from 2.

    Args:
        samples: the values of each period, in order of time; an empty one is no data.
        options: see `ChartOptions`.

    Raises:
        InvalidValue: for a baseline of fewer than two samples, or none with two values.
    """
    return _of_samples(samples, "range", options)


def xbar_s_chart(samples: Iterable[npt.ArrayLike], **options: Unpack[ChartOptions]) -> ControlChart:
    """Means of samples, and the standard deviation within them: for samples of more than ten.

    Sigma is the mean of s / c4 over the samples of the baseline, of any size from 2.

    Args:
        samples: the values of each period, in order of time; an empty one is no data.
        options: see `ChartOptions`.

    Raises:
        InvalidValue: for a baseline of fewer than two samples, or none with two values.
    """
    return _of_samples(samples, "sd", options)


def _of_samples(samples: Iterable[npt.ArrayLike], below: Literal["range", "sd"], options: ChartOptions) -> ControlChart:
    options = _kept(options)
    columns = [as_series(sample, "samples") for sample in samples]
    columns = [column[~np.isnan(column)] for column in columns]
    sizes = np.array([float(len(column)) for column in columns])
    means = np.array([column.mean() if len(column) else np.nan for column in columns])
    spreads = np.array([_spread(column, below) for column in columns])
    inside, limits = _given("xbar", len(columns), options)
    limits = limits or _sampled(means, spreads, sizes, inside, below)
    under = charted(Series(spreads, sizes, spreads, inside), attrs.evolve(limits, kind=below), _but_rules(options))
    return charted(Series(means, sizes, means, inside), limits, options, spread=under)


def _spread(column: Floats, kind: str) -> float:
    if len(column) < 2:
        return float("nan")
    return float(np.ptp(column) if kind == "range" else column.std(ddof=1))


def _sampled(
    means: Floats, spreads: Floats, sizes: Floats, inside: npt.NDArray[np.bool_], below: Literal["range", "sd"]
) -> ChartLimits:
    """Limits by samples: the mean of all values, and the mean of what each sample says of sigma."""
    there = inside & (sizes > 0)
    enough(int(there.sum()))
    told = inside & (sizes > 1)
    if not told.any():
        raise InvalidValue("samples", "one value each", "do not tell how much they vary; use xmr_chart")
    units = np.array([range_constants(int(n))[0] if below == "range" else c4(int(n)) for n in sizes[told]])
    return ChartLimits(
        kind="xbar", centre=float((means[there] * sizes[there]).sum() / sizes[there].sum()),
        sigma=float((spreads[told] / units).mean()), n=int(there.sum()),
    )  # fmt: skip


def p_chart(cases: npt.ArrayLike, n: npt.ArrayLike, **options: Unpack[ChartOptions]) -> ControlChart:
    """Shares: how many of the cases of a period are of a kind; the number of cases may change.

    Args:
        cases: those of the kind, shape (periods,); None for no data.
        n: all cases of the period, or one number for all; 0 is no data.
        options: see `ChartOptions`.

    Raises:
        InvalidValue: for more cases of the kind than cases, or a baseline of fewer than two periods with data.
    """
    return _counted("p", cases, n, options)


def np_chart(cases: npt.ArrayLike, n: npt.ArrayLike, **options: Unpack[ChartOptions]) -> ControlChart:
    """Numbers of cases of a kind, of about as many cases each period; otherwise as `p_chart`."""
    return _counted("np", cases, n, options)


def laney_p_chart(cases: npt.ArrayLike, n: npt.ArrayLike, **options: Unpack[ChartOptions]) -> ControlChart:
    """Shares that vary more (or less) than chance, as those of large numbers do: p' (Laney 2002).

    The limits of a `p_chart` times how much the shares vary from one period to the next, in units of chance.
    """
    return _counted("laney p", cases, n, options)


def c_chart(counts: npt.ArrayLike, **options: Unpack[ChartOptions]) -> ControlChart:
    """Counts of events, of which each period gives as much occasion.

    Args:
        counts: events of each period, in order of time; None for no data, 0 for none.
        options: see `ChartOptions`.

    Raises:
        InvalidValue: for a negative count, or a baseline of fewer than two periods with data.
    """
    return _counted("c", counts, 1.0, options)


def u_chart(counts: npt.ArrayLike, exposure: npt.ArrayLike, **options: Unpack[ChartOptions]) -> ControlChart:
    """Rates: events by exposure, which may change from period to period.

    Args:
        counts: events of each period, in order of time.
        exposure: orders, days at risk, customers ...; 0 is no data.
        options: see `ChartOptions`.

    Raises:
        InvalidValue: for events without exposure, or a baseline of fewer than two periods with data.
    """
    return _counted("u", counts, exposure, options)


def laney_u_chart(counts: npt.ArrayLike, exposure: npt.ArrayLike, **options: Unpack[ChartOptions]) -> ControlChart:
    """Rates that vary more (or less) than chance: u' (Laney 2002); otherwise as `u_chart`."""
    return _counted("laney u", counts, exposure, options)


def g_chart(
    between: npt.ArrayLike, *, limits_by: GLimits = "probability", **options: Unpack[ChartOptions]
) -> ControlChart:
    """Rare events: how many cases (or days) without one lie between each and the next (Benneyan 2001).

    The number is geometric, far from normal. By probability, the limits are its quantiles at 0.135 % and 99.865 % and
    the centre is its median, so that alarms are as rare as those of a normal chart; mean + 3 sigma, the custom, would
    be passed by one point of 55. A run below the centre says that events become more frequent.

    Args:
        between: cases between events, in order of time, the first one before the first event of interest.
        limits_by: "probability", or "3 sigma" for the custom.
        options: see `ChartOptions`.

    Raises:
        InvalidValue: for a negative number, or a baseline of fewer than two points with data.
    """
    if limits_by not in ("probability", "3 sigma"):
        raise InvalidValue("limits_by", limits_by, 'is neither "probability" nor "3 sigma"')
    return _counted("g" if limits_by == "probability" else "g-sigma", between, 1.0, options)


def _counted(kind: ChartKind, counts: npt.ArrayLike, sizes: npt.ArrayLike, options: ChartOptions) -> ControlChart:
    """A chart of counts by sizes."""
    observed = as_series(counts, "counts")
    of = fitting(np.broadcast_to(sizes, observed.shape) if np.ndim(sizes) == 0 else sizes, "sizes", len(observed))
    _refuse("counts", observed, observed < 0, "is below 0")
    _refuse("sizes", of, of < 0, "is below 0")
    _refuse("counts", observed, (of == 0) & (observed > 0), "has no exposure")
    if kind in ("p", "np", "laney p"):
        _refuse("counts", observed, observed > of, "exceeds the cases of its period")
    empty = (of == 0) | np.isnan(of) | np.isnan(observed)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = observed if kind in ("np", "c", "g", "g-sigma") else observed / of
    values = np.where(empty, np.nan, values)
    series, limits = prepared(kind, values, of, observed, options)
    return charted(series, limits, options, notes=_beyond_chance(series, limits))


def _refuse(what: str, column: Floats, bad: npt.NDArray[np.bool_], why: str) -> None:
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        raise InvalidValue(what, f"{column[place]:g} at index {place}", why)


def _beyond_chance(series: Series, limits: ChartLimits) -> Sequence[ChartNote]:
    """What is to be said if shares or rates vary from period to period more than chance allows."""
    if limits.kind not in ("p", "np", "u", "c") or limits.n < 2:
        return ()
    by = inflation(limits, series.values, series.sizes, series.inside)
    # The standard error of a mean moving range of n normal points, over their sigma, is about 0.83 / sqrt(n).
    if not by > 1.0 + 3.0 * 0.83 / limits.n**0.5:
        return ()
    return (
        ChartNote(
            f"Points vary {by:.2g} times as much as chance: without a cause for it, limits are too narrow (Laney).",
            f"各点波动是随机波动的 {by:.2g} 倍，若无特殊原因，控制限过窄，请改用 Laney 控制图。",
        ),
    )
