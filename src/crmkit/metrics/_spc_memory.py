"""Charts of measurements that remember: small changes which last are found sooner than by single points."""

from typing import Unpack

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats
from crmkit.metrics._spc_chains import ewma_run_length
from crmkit.metrics._spc_chart import ChartOptions, ControlChart, charted, notes_on
from crmkit.metrics._spc_kinds import prepared
from crmkit.metrics._spc_limits import distances, placed
from crmkit.metrics._spc_points import as_series, labels_of
from crmkit.metrics._spc_rules import RunRule
from crmkit.metrics._spc_runs import RunLength, yearly
from crmkit.metrics._spc_sums import CusumChart, summed, walked

__all__ = ["EwmaChart", "cusum_chart", "ewma_chart"]


@attrs.frozen(kw_only=True, eq=False)
class EwmaChart(ControlChart):
    """A chart of exponentially weighted averages.

    Attributes:
        weight: that of the newest point, lambda.
        reach: how many standard deviations of the average its limits lie away, L.
    """

    weight: float
    reach: float

    def run_length(
        self,
        *,
        shift: float = 0.0,
        rng: np.random.Generator | None = None,  # noqa: ARG002 - as of every chart; the chain needs none
        runs: int = 10_000,  # noqa: ARG002 - same
    ) -> RunLength:
        """How long it runs until an alarm, of normal points, by a Markov chain (Lucas & Saccucci 1990).

        Args:
            shift: how many sigmas of single points the mean has moved; 0 for false alarms.
            rng: not needed.
            runs: not needed.
        """
        mean = ewma_run_length(self.weight, self.reach, shift=shift, varying=True)
        text = "Markov chain, normal points" + (f" shifted by {shift:g} sigma" if shift else "")
        return RunLength(mean=mean, per_year=self._per_year, method=text)


def ewma_chart(
    values: npt.ArrayLike, *, weight: float = 0.1, reach: float = 2.814, **options: Unpack[ChartOptions]
) -> EwmaChart:
    """Exponentially weighted averages of individual values (Roberts 1959): z = weight x + (1 - weight) z before.

    They begin at the centre. The limits are exact: narrow at first, as the average varies less then. The usual weight
    and reach find a shift of one sigma in about ten points, and give a false alarm in about 500.

    Args:
        values: one for each period, in order of time; where there is none, the average waits.
        weight: that of the newest point, lambda, above 0 and at most 1; the less, the longer the memory.
        reach: how many standard deviations of the average its limits lie away, L.
        options: see `ChartOptions`; `limits` may be those of an `xmr_chart`. It has no other rules than its limits.

    Raises:
        InvalidValue: for a weight or a reach that makes no sense, or a baseline of fewer than two points.
    """
    if not 0 < weight <= 1:
        raise InvalidValue("weight", weight, "is not above 0 and at most 1")
    _positive("reach", reach)
    _no_rules(options)
    column = as_series(values, "values")
    series, limits = prepared("ewma", column, np.ones(len(column)), column, options)
    averages, steps = _averaged(column, limits.centre, weight), np.cumsum(~np.isnan(column))
    part = np.sqrt(weight / (2.0 - weight) * (1.0 - (1.0 - weight) ** (2.0 * steps)))
    en, zh = f"averages beyond {reach:g} sigma", f"加权平均超出 {reach:g} 倍标准差"
    rule = RunRule(id="ewma", en=en, zh=zh, pattern="beyond", k=1, sigmas=reach)
    made = charted(
        attrs.evolve(series, values=averages), attrs.evolve(limits, kind="ewma"), {**options, "rules": (rule,)},
        away=((limits.sigma or 0.0) * part, reach),
    )  # fmt: skip
    return EwmaChart(
        rows=made.rows, kind=made.kind, limits=made.limits, rules=made.rules, findings=made.findings, notes=made.notes,
        per_year=yearly(options.get("every")), weight=float(weight), reach=float(reach),
    )  # fmt: skip


def _averaged(values: Floats, centre: float, weight: float) -> Floats:
    made, average = np.full(values.shape, np.nan), centre
    for place in np.flatnonzero(~np.isnan(values)).tolist():
        average = weight * float(values[place]) + (1.0 - weight) * average
        made[place] = average
    return made


def _positive(what: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise InvalidValue(what, value, "is not above 0")


def _no_rules(options: ChartOptions) -> None:
    if options.get("rules") is not None:
        raise InvalidValue("rules", "given", "mean nothing here: points of a chart that remembers follow each other")


def cusum_chart(
    values: npt.ArrayLike,
    *,
    k: float = 0.5,
    h: float = 5.0,
    head_start: float = 0.0,
    restart: bool = False,
    **options: Unpack[ChartOptions],
) -> CusumChart:
    """The tabular CUSUM of individual values, two-sided (Page 1954): max(0, sum before + z - k), and likewise with -z.

    z is how many sigmas a value lies from the centre. It looks for a shift of 2 k sigma; with the usual h = 5 it finds
    one of one sigma in about 10 points, and gives a false alarm in about 465.

    Args:
        values: one for each period, in order of time; where there is none, the sums wait.
        k: the allowance, in sigmas.
        h: the limit, in sigmas.
        head_start: where the sums begin, in sigmas: h / 2 soon finds what is wrong at the start (Lucas & Crosier 1982).
        restart: whether a sum begins again after an alarm.
        options: see `ChartOptions`; `limits` are those of an `xmr_chart`. It has no other rules than its limit.

    Raises:
        InvalidValue: for an allowance, a limit or a head start that makes no sense, or a baseline of fewer than two
            points.
    """
    _positive("k", k)
    _positive("h", h)
    if not 0 <= head_start < h:
        raise InvalidValue("head start", head_start, f"is not from 0 to below the limit {h:g}")
    _no_rules(options)
    column = as_series(values, "values")
    series, limits = prepared("xmr", column, np.ones(len(column)), column, options)
    centre, sigma = placed(limits, series.sizes)
    z = distances(limits, column, centre, sigma)
    walk = walked((z - k, -z - k), head_start=head_start, restart=h if restart else None)
    labels = labels_of(options.get("labels"), len(column))
    return summed(
        "cusum", (column, centre, walk), labels, limit=h, reference=k, every=options.get("every"), inside=series.inside,
        head_start=head_start, notes=tuple(notes_on(limits, column, z)),
    )  # fmt: skip
