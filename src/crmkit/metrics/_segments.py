"""Segmented regression: the columns of the model, and maximum likelihood by iteratively reweighted least squares."""

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats

__all__ = ["Fitted", "design", "fitted", "named", "series"]

# Steps double the digits; this many arrive wherever there is something to arrive at.
_STEPS = 25
# Change of the linear predictor, relative to its size, at which the search has arrived.
_NEAR = 1e-10


@attrs.frozen(eq=False)
class Fitted:
    """A fitted model.

    Attributes:
        family: "poisson", "binomial" or "normal".
        coefficients: shape (k,).
        x: the columns, shape (n, k).
        y: the values.
        scale: exposure or trials.
        mean: what the model says, in the unit of the values.
        weight: the variance of each value under the model, which is also its weight; 1 for numbers.
    """

    family: str
    coefficients: Floats
    x: Floats
    y: Floats
    scale: Floats
    mean: Floats
    weight: Floats

    @property
    def bread(self) -> Floats:
        """The inverse of the information."""
        return np.asarray(np.linalg.inv(self.x.T @ (self.weight[:, None] * self.x)), np.float64)

    @property
    def score(self) -> Floats:
        """What each period says of each coefficient, shape (n, k)."""
        return self.x * (self.y - self.mean)[:, None]

    @property
    def pearson(self) -> Floats:
        """Residuals by their standard deviation under the model."""
        return np.asarray((self.y - self.mean) / np.sqrt(self.weight))

    @property
    def dispersion(self) -> float:
        """Pearson's chi-square by degrees of freedom."""
        return float((self.pearson**2).sum()) / (len(self.y) - len(self.coefficients))

    def at(self, x: Floats) -> Floats:
        """What the model says for other columns."""
        return _mean(self.family, x @ self.coefficients, self.scale)[0]


def series(values: npt.ArrayLike, of: npt.ArrayLike | None, before: int, family: str) -> tuple[Floats, Floats]:
    """The values and their exposure or trials, checked.

    Raises:
        InvalidValue: for a column that cannot be used, with the first period at fault.
    """
    y = _column(values, "values")
    scale = np.ones(y.size) if of is None else _column(of, "exposure")
    if scale.shape != y.shape:
        raise InvalidValue("exposure", f"{scale.size} periods", f"do not match the {y.size} of the values")
    if not isinstance(before, int) or not 1 <= before < y.size:
        raise InvalidValue("before", before, f"leaves no period on one side of the change; there are {y.size}")
    if family == "normal":
        return y, scale
    _first("values", y, y < 0, "is below 0; events are counted")
    _first("exposure", scale, scale <= 0, "is not above 0; a period without exposure says nothing, leave it out")
    if family == "binomial":
        _first("values", y, y > scale, "exceeds its trials")
    for side, part in (("before", slice(None, before)), ("after", slice(before, None))):
        done = float(y[part].sum())
        if done == 0 or (family == "binomial" and done == float(scale[part].sum())):
            raise InvalidValue("values", f"{done:g} in all {side} the change", "let the effect have no limit")
    return y, scale


def design(n: int, before: int, *, season: int | None, harmonics: int, slope: bool) -> Floats:
    """The columns: 1, time, step, if wanted slope since, then sine and cosine of each harmonic.

    Raises:
        InvalidValue: for a season that cannot hold so many harmonics.
    """
    time = np.arange(n, dtype=np.float64)
    since = time >= before
    columns = [np.ones(n), time - before, since.astype(np.float64)]
    columns += [np.where(since, time - before, 0.0)] if slope else []
    if season is not None:
        if not isinstance(season, int) or not isinstance(harmonics, int) or not 1 <= 2 * harmonics < season:
            raise InvalidValue("season", season, f"periods do not hold {harmonics} harmonics; less than half of them")
        angles = [2.0 * np.pi * (1 + i) * time / season for i in range(harmonics)]
        columns += [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.stack(columns, axis=1)


def named(*, slope: bool) -> dict[str, int]:
    """The places of the effects among the columns."""
    return {"step": 2, "slope": 3, "trend": 1} if slope else {"step": 2, "trend": 1}


def fitted(y: Floats, scale: Floats, x: Floats, family: str) -> Fitted:
    """The coefficients of highest likelihood.

    Raises:
        InvalidValue: if there are none.
    """
    predictor, near = _start(family, y, scale), False
    at: Floats = np.zeros(x.shape[1])
    rank = x.shape[1]
    for _ in range(_STEPS):
        mean, weight = _mean(family, predictor, scale)
        # The offset of counts is part of the mean; the working response is on the scale of the predictor.
        working = predictor + (y - mean) / weight
        root = np.sqrt(weight)
        solution, _, rank, _ = np.linalg.lstsq(x * root[:, None], working * root)
        at = np.asarray(solution, np.float64)
        moved = x @ at
        near = bool(np.abs(moved - predictor).max() <= _NEAR * (1.0 + np.abs(moved).max()))
        predictor = moved
    if near and rank == x.shape[1]:
        return Fitted(family, at, x, y, scale, *_mean(family, predictor, scale))
    raise InvalidValue("series", f"{y.size} periods", "do not tell the parts of the model apart; ask for fewer")


def _start(family: str, y: Floats, scale: Floats) -> Floats:
    if family == "poisson":
        return np.log((y + 0.5) / scale)
    return np.log((y + 0.5) / (scale - y + 0.5)) if family == "binomial" else y


def _mean(family: str, predictor: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """The mean and the variance of each value."""
    if family == "normal":
        return predictor, np.ones_like(predictor)
    if family == "poisson":
        mean = scale * np.exp(predictor)
        return mean, mean
    share = 1.0 / (1.0 + np.exp(-predictor))
    return scale * share, scale * share * (1.0 - share)


def _column(values: npt.ArrayLike, what: str) -> Floats:
    try:
        column = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InvalidValue(what, type(values).__name__, "is no column of numbers") from None
    if column.ndim != 1:
        raise InvalidValue(what, f"shape {column.shape}", "is no column")
    _first(what, column, ~np.isfinite(column), "is no finite number; a period without data has no place in the series")
    return column


def _first(what: str, column: Floats, bad: Any, said: str) -> None:
    at = np.flatnonzero(bad)
    if at.size:
        raise InvalidValue(what, f"{column[at[0]]:g} in period {at[0] + 1}", said)
