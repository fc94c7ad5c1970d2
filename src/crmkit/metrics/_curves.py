"""Survival and cumulative-incidence curves, one or many at a time."""

from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats, as_given, confidence, normal_quantile
from crmkit.metrics._kernels import (
    aalen_incidence,
    first_at_most,
    greenwood_incidence,
    incidence_band,
    product_limit,
    ratio,
)
from crmkit.values.display import ROWS, Display, Lang, Listed, Shown, Table

__all__ = ["Band", "CumulativeIncidence", "Quantile", "RestrictedMean", "SurvivalCurve", "Variance"]

Array = npt.NDArray[Any]
Band: TypeAlias = Literal["log", "log-log", "plain"]
Variance: TypeAlias = Literal["greenwood", "aalen", "jackknife"]

# Survival is a product of many quotients: heights closer than this are the same step.
_SAME = 1e-9


@attrs.frozen(eq=False)
class Quantile(Listed):
    """A quantile of a time, with its limits: floats for one curve, arrays for many.

    Attributes:
        value: NaN if the curve does not get that far.
        low: lower limit; NaN if none was asked for or the band does not get that far.
        high: upper limit; NaN likewise: the time may be arbitrarily long.
    """

    value: Any
    low: Any
    high: Any


@attrs.frozen(eq=False)
class RestrictedMean(Listed):
    """The mean time until an end or until `tau`, whichever is first: the area under the survival curve.

    Attributes:
        tau: the horizon.
        value: the mean; NaN if the curve is not observed up to the horizon.
        std_err: its standard error.
    """

    tau: float
    value: Any
    std_err: Any

    def interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """Normal limits, lower and upper."""
        reach = normal_quantile(level) * self.std_err
        return self.value - reach, self.value + reach


@attrs.frozen(eq=False)
class SurvivalCurve(Shown):
    """Kaplan-Meier curves: one (shape (T,)), or many on one time axis (shape (..., T)).

    Attributes:
        time: distinct times at which a stay ends or is censored, ascending, shape (T,).
        n_risk: under observation just before each time.
        n_event: ends at each time.
        survival: the share that lasts longer than each time.
        std_err: its standard error; NaN where survival is 0, of which the formula knows nothing.
        squares: for a weighted curve, the sums of squared weights of censored and of observed ends, shape (2, T).
    """

    time: Array
    n_risk: Array
    n_event: Array
    survival: Floats
    std_err: Floats
    squares: Floats | None = None

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The steps of one curve as a table; see `Shown.display`."""
        if self.survival.ndim > 1:
            return Display.of(f"{self.survival.shape[0]} curves of {len(self.time)} times; index one", lang=lang)
        names = ("time", "n_risk", "n_event", "survival", "std_err")
        columns = {name: getattr(self, name)[:most].tolist() for name in names}
        table = Table.of(columns, n=len(self.time), most=most, caption="SurvivalCurve", lang=lang)
        return Display.of(table, lang=lang)

    def __getitem__(self, group: Any) -> "SurvivalCurve":
        """One of many curves."""
        _refuse_one(self.survival)
        return SurvivalCurve(
            self.time, self.n_risk[group], self.n_event[group], self.survival[group], self.std_err[group]
        )

    def interval(self, level: float = 0.95, method: Band = "log") -> tuple[Floats, Floats]:
        """Pointwise limits at each time, as R's survfit computes them.

        Where survival is 1 nothing has ended yet and both limits are 1; where it is 0 they are NaN.

        Args:
            level: confidence.
            method: the scale on which the limits are symmetric: "log", "log-log" or "plain".

        Returns:
            Lower and upper limits, clipped to 0..1.

        Raises:
            InvalidValue: for another method.
        """
        s, reach = self.survival, normal_quantile(level) * self.std_err
        if method == "plain":
            low, high = s - reach, s + reach
        elif method == "log":
            factor = np.exp(ratio(reach, s))
            low, high = s / factor, s * factor
        elif method == "log-log":
            log = np.log(np.where((s > 0) & (s < 1), s, 0.5))
            factor = np.exp(reach / (s * log + (s == 0)))
            low, high = np.where(s < 1, s ** (1.0 / factor), 1.0), np.where(s < 1, s**factor, 1.0)
        else:
            raise InvalidValue("band", method, "is none of 'log', 'log-log', 'plain'")
        unknown = np.where(np.isnan(self.std_err), np.nan, 0.0)
        return np.clip(low, 0.0, 1.0) + unknown, np.clip(high, 0.0, 1.0) + unknown

    def quantile(self, q: float, level: float | None = None, *, method: Band = "log") -> Quantile:
        """By when a share q of the stays has ended.

        Where the curve rests exactly on the height 1 - q, the middle of the rest is taken, as R does. The limits invert
        the pointwise band (Brookmeyer & Crowley 1982).

        Args:
            q: the share, between 0 and 1.
            level: the confidence of the limits; none if None.
            method: the band, as for `interval`.

        Raises:
            InvalidValue: for a share that is not strictly between 0 and 1.
        """
        value = as_given(_rest_middle(self.time, self.survival, _inner(q), _last(self.time, self.n_risk)))
        if level is None:
            nothing = np.full(self.survival.shape[:-1], np.nan)
            return Quantile(value, as_given(nothing), as_given(nothing))
        low, high = (first_at_most(self.time, limit, 1.0 - q + _SAME) for limit in self.interval(level, method))
        return Quantile(value, as_given(low), as_given(high))

    def median(self, level: float | None = None, *, method: Band = "log") -> Quantile:
        """By when half of the stays have ended; see `quantile`."""
        return self.quantile(0.5, level, method=method)

    def at(self, t: npt.ArrayLike) -> Any:
        """Survival at given times: 1 before the first end, NaN after the last observation unless it has reached 0."""
        return _step(self.time, self.survival, t, 1.0, self._until)

    @property
    def _until(self) -> Floats:
        return np.where(self.survival[..., -1] == 0.0, np.inf, _last(self.time, self.n_risk))

    def rmst(self, tau: float) -> RestrictedMean:
        """The restricted mean: the area under the curve up to a horizon (Karrison 1987).

        Args:
            tau: the horizon, in the units of `time`, above 0.

        Returns:
            The mean with its standard error; NaN where the curve is not observed up to the horizon.

        Raises:
            InvalidValue: for a horizon that is not above 0.
        """
        if not tau > 0:
            raise InvalidValue("horizon", tau, "is not above 0")
        edges = np.minimum(np.append(self.time.astype(np.float64), np.inf), tau)
        slices = self.survival * np.diff(edges)
        ahead = np.cumsum(slices[..., ::-1], axis=-1)[..., ::-1]
        value, variance = edges[0] + ahead[..., 0], self._area_variance(ahead)
        unknown = np.where(tau <= self._until, 0.0, np.nan)
        return RestrictedMean(float(tau), as_given(value + unknown), as_given(np.sqrt(variance) + unknown))

    def _area_variance(self, ahead: Floats) -> Floats:
        rest = (self.n_risk - self.n_event).astype(np.float64)
        hazard = ratio(self.n_event, self.n_risk * rest)
        if self.squares is None:
            return np.asarray((ahead**2 * hazard).sum(axis=-1))
        seen = np.cumsum(ahead * hazard)
        censored, observed = self.squares
        return np.asarray((censored * seen**2 + observed * (ratio(ahead, rest) - seen) ** 2).sum())


@attrs.frozen(eq=False)
class CumulativeIncidence(Shown):
    """Aalen-Johansen estimates of K causes: one set (shape (K, T)), or many on one time axis (shape (..., K, T)).

    Cause k is row k - 1; cause 0 is censoring and has no row.

    Attributes:
        time: distinct times at which a stay ends or is censored, ascending, shape (T,).
        n_risk: under observation just before each time, shape (..., T).
        n_event: ends at each time by cause, shape (..., K, T).
        survival: the share with no end so far, shape (..., T).
        cif: the share ended by each cause so far, shape (..., K, T); they and `survival` add up to 1.
        delayed: whether some stays came under observation late.
    """

    time: Array
    n_risk: Array
    n_event: Array
    survival: Floats
    cif: Floats
    delayed: bool = False

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The steps of one curve as a table; see `Shown.display`."""
        if self.survival.ndim > 1:
            return Display.of(f"{self.survival.shape[0]} sets of {len(self.time)} times; index one", lang=lang)
        columns = {name: getattr(self, name)[:most].tolist() for name in ("time", "n_risk", "survival")}
        columns |= {f"cif {cause}": row[:most].tolist() for cause, row in enumerate(self.cif, 1)}
        table = Table.of(columns, n=len(self.time), most=most, caption="CumulativeIncidence", lang=lang)
        return Display.of(table, lang=lang)

    def __getitem__(self, group: Any) -> "CumulativeIncidence":
        """One of many sets."""
        _refuse_one(self.survival)
        return CumulativeIncidence(
            self.time, self.n_risk[group], self.n_event[group], self.survival[group], self.cif[group], self.delayed
        )

    def variance(self, method: Variance = "greenwood") -> Floats:
        """The variance of `cif` at each time.

        Args:
            method: "greenwood" is the multinomial formula, which R's etm prints; "aalen" treats causes as independent
                Poisson counts, which R's cmprsk prints; "jackknife" is the infinitesimal jackknife over rows, which
                R's survfit prints and which without delayed entry is the first formula exactly.

        Raises:
            InvalidValue: for another method, or the jackknife with delayed entry, which needs the rows of each case.
        """
        if method == "aalen":
            return aalen_incidence(self.n_risk, self.n_event, self.survival)
        if method not in ("greenwood", "jackknife"):
            raise InvalidValue("variance", method, "is none of 'greenwood', 'aalen', 'jackknife'")
        if method == "jackknife" and self.delayed:
            raise InvalidValue("variance", method, "needs the rows of each case under delayed entry; use 'greenwood'")
        return greenwood_incidence(self.n_risk, self.n_event, self.survival)

    def std_err(self, method: Variance = "greenwood") -> Floats:
        """The standard error of `cif`; see `variance`."""
        return np.sqrt(self.variance(method))

    def interval(
        self, level: float = 0.95, method: Literal["log-log"] = "log-log", *, variance: Variance = "greenwood"
    ) -> tuple[Floats, Floats]:
        """Pointwise limits on the complementary log-log scale, which stay within 0..1.

        Where a cause has had no event among n stays whose end is known, the limits are 0 and 1 - alpha^(1/n); where all
        ended by it, alpha^(1/n) and 1.

        Args:
            level: confidence.
            method: the scale.
            variance: the formula of the standard error.

        Returns:
            Lower and upper limits, shaped like `cif`.

        Raises:
            InvalidValue: for another method.
        """
        if method != "log-log":
            raise InvalidValue("band", method, "is not 'log-log'")
        ended = self.n_event.sum(axis=-2)
        # Entries after the start would count stays that were at risk for a part of the time only.
        known = np.minimum.accumulate(np.cumsum(ended, axis=-1) - ended + self.n_risk, axis=-1)[..., None, :]
        return incidence_band(self.cif, self.std_err(variance), known, confidence(level), normal_quantile(level))

    def at(self, t: npt.ArrayLike) -> Any:
        """Incidence at given times, shape (..., K) and then that of `t`; NaN after the last observation.

        Once every stay has ended the curves stay where they are.
        """
        until = np.where(self.survival[..., -1] == 0.0, np.inf, _last(self.time, self.n_risk))
        return _step(self.time, self.cif, t, 0.0, until[..., None])

    def quantile_given(self, cause: int, q: float) -> Any:
        """By when a share q of the ends by one cause has come, given that they come within the time observed.

        Args:
            cause: 1..K.
            q: the share, between 0 and 1.

        Returns:
            The time, with the middle of a rest as for `SurvivalCurve.quantile`; NaN if the cause never happened.

        Raises:
            InvalidValue: for a cause that does not exist, or a share that is not strictly between 0 and 1.
        """
        causes = self.cif.shape[-2]
        if not 1 <= cause <= causes:
            raise InvalidValue("cause", cause, f"is outside 1..{causes}")
        curve = self.cif[..., cause - 1, :]
        end = curve[..., -1:]
        left = np.where(end > 0, 1.0 - ratio(curve, end), np.nan)
        return as_given(_rest_middle(self.time, left, _inner(q), _last(self.time, self.n_risk)))


def curve_of(time: Array, n_risk: Array, n_event: Array, squares: Floats | None = None) -> SurvivalCurve:
    """The Kaplan-Meier curves of counts, with Greenwood's standard error, or the jackknife's if weighted."""
    survival, total = product_limit(n_risk, n_event)
    if squares is not None:
        total = _weighted_total(n_risk, n_event, total, squares)
    error = np.where(survival > 0, survival * np.sqrt(total), np.nan)
    return SurvivalCurve(time, n_risk, n_event, survival, error, squares)


def _weighted_total(n_risk: Floats, n_event: Floats, total: Floats, squares: Floats) -> Floats:
    """Sum over rows of the squared derivative of log S by the row's weight, times the weight squared."""
    censored, observed = squares
    ended = np.cumsum(censored * total**2 + observed * (ratio(np.ones_like(total), n_risk - n_event) - total) ** 2)
    lasting = np.maximum(squares.sum() - np.cumsum(censored + observed), 0.0)
    return np.asarray(ended + lasting * total**2)


def _refuse_one(survival: Floats) -> None:
    if survival.ndim == 1:
        raise InvalidValue("curve", "one curve", "has no groups to choose from")


def _inner(q: float) -> float:
    if not 0.0 < q < 1.0:
        raise InvalidValue("quantile", q, "does not lie between 0 and 1")
    return float(q)


def _last(time: Array, n_risk: Array) -> Floats:
    """The last time at which anybody was under observation, along the last axis."""
    seen = n_risk > 0
    place = seen.shape[-1] - 1 - seen[..., ::-1].argmax(axis=-1)
    return np.where(seen.any(axis=-1), time[place].astype(np.float64), np.nan)


def _rest_middle(time: Array, curve: Floats, q: float, until: Floats) -> Floats:
    start = first_at_most(time, curve, 1.0 - q + _SAME)
    end = first_at_most(time, curve, np.nextafter(1.0 - q - _SAME, 0.0))
    return (start + np.where(np.isnan(end), until, end)) / 2.0


def _step(time: Array, curve: Floats, t: npt.ArrayLike, start: float, until: Floats) -> Any:
    wanted = np.asarray(t, dtype=np.float64)
    padded = np.concatenate([np.full((*curve.shape[:-1], 1), start), curve], axis=-1)
    values = padded[..., np.searchsorted(time, wanted, side="right")]
    # Written so that NaN, the end of a group without rows, leaves nothing observed.
    seen = wanted <= until.reshape(until.shape + (1,) * wanted.ndim)
    return as_given(np.asarray(np.where(seen, values, np.nan)))
