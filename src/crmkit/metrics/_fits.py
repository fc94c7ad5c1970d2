"""Maximum likelihood of positive parameters: the search, the standard errors, and what is said of both."""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats, normal_quantile
from crmkit.metrics.policy import definition_id
from crmkit.values.display import ROWS, Display, Lang

__all__ = ["Fit", "Parameter", "above_0", "maximise"]

# From the logarithms of the parameters to the log-likelihood and its gradient.
Objective = Callable[[Floats], tuple[float, Floats]]

_STEPS = 50
# Further from the start, by the logarithm, is no estimate.
_FAR = 12.0
_WIDTH = 1e-4
# A curvature below this is a standard error above ten thousand per cent: the data say nothing in that direction.
_FLAT = 1e-4
# A millionth of a standard error, in whatever direction.
_DECREMENT = 1e-12
# Sums of thousands of logarithms are not more exact than this, and a step must not fail for it.
_NOISE = 1e-11


def above_0(_owner: object, field: Any, value: float) -> None:
    """Checks the field of a parameter.

    Raises:
        InvalidValue: unless it is a finite number above 0.
    """
    if not (np.isfinite(value) and value > 0):
        raise InvalidValue(field.name, value, "is no finite number above 0")


@attrs.frozen
class Parameter:
    """One parameter of a model.

    Attributes:
        name: as in the paper.
        value: the estimate.
        std_err: its standard error, from the curvature of the likelihood.
        low: lower limit, symmetric on the scale of the logarithm.
        high: upper limit.
    """

    name: str
    value: float
    std_err: float
    low: float
    high: float


@attrs.frozen
class Fit(Frameable[Parameter]):
    """How parameters were found.

    Attributes:
        rows: the parameters.
        model: its name.
        n: customers.
        n_unusable: customers, or rows, that could not be used.
        log_likelihood: at the maximum.
        level: the confidence of the limits.
        definition: the id of the definition.
        policies: what the figures mean, in words.
    """

    rows: tuple[Parameter, ...]
    model: str
    n: int
    n_unusable: int
    log_likelihood: float
    level: float
    definition: str
    policies: dict[str, str]

    #: The estimator.
    method = "maximum likelihood, observed information, log-normal limits"

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The model, its parameters, and what they mean; see `Shown.display`."""
        said = "; ".join(f"{name}: {text}" for name, text in self.policies.items())
        head = f"{self.model}, n = {self.n}, {self.n_unusable} unusable, log-likelihood {self.log_likelihood:.2f}"
        return Display.of(
            head, self._table(lang, most), f"{self.method}; {said}; definition {self.definition}", lang=lang
        )


def maximise(
    objective: Objective, start: dict[str, float], model: str, *,
    n: int, n_unusable: int = 0, level: float = 0.95, policies: dict[str, str],
) -> Fit:  # fmt: skip
    """The parameters at which the likelihood is highest.

    Newton steps in the logarithms of the parameters, on differences of the gradient.

    Args:
        objective: log-likelihood and gradient, by logarithms.
        start: where to begin, by name.
        model: its name.
        n: customers.
        n_unusable: what was left out.
        level: the confidence of the limits.
        policies: what the figures mean.

    Raises:
        InvalidValue: if there is no maximum, with where the search had got to.
    """
    reach = normal_quantile(level)
    begin = np.log(list(start.values()))
    at, value, covariance = _highest(objective, begin)
    names = list(start)
    if covariance is None:
        had = ", ".join(f"{name} {number:.4g}" for name, number in zip(names, np.exp(at).tolist(), strict=True))
        raise InvalidValue(
            f"{model} fit", had,
            f"(log-likelihood {value:.4f}, n = {n}) is no maximum: the search did not converge; the data do not tell "
            "these parameters apart, or have too few repeat purchases",
        )  # fmt: skip
    errors = np.sqrt(np.diag(covariance))
    rows = tuple(
        Parameter(
            name, float(np.exp(u)), float(np.exp(u) * e), float(np.exp(u - reach * e)), float(np.exp(u + reach * e))
        )
        for name, u, e in zip(names, at, errors, strict=True)
    )
    return Fit(rows, model, n, n_unusable, value, level, definition_id(model, level=level, **policies), policies)


def _highest(objective: Objective, begin: Floats) -> tuple[Floats, float, Floats | None]:
    """The maximum, its height, and the covariance there; None for the last if none was found."""
    at = begin
    value, slope = objective(at)
    for _ in range(_STEPS):
        curves, ways = np.linalg.eigh(_information(objective, at))
        # Away from the top the surface may bend upwards: walk uphill there as far as the curvature would suggest.
        uphill = ways.T @ slope
        step = ways @ (uphill / np.maximum(np.abs(curves), _FLAT))
        if curves[0] > _FLAT and float(slope @ step) < _DECREMENT:
            return at, value, (ways / curves) @ ways.T
        step *= min(1.0, 1.0 / np.abs(step).max())
        higher, next_slope = objective(at + step)
        for _ in range(_STEPS):
            if higher >= value - _NOISE * abs(value):
                break
            step /= 2.0
            higher, next_slope = objective(at + step)
        at, value, slope = at + step, higher, next_slope
        if np.abs(at - begin).max() > _FAR:
            break
    return at, value, None


def _information(objective: Objective, at: Floats) -> Floats:
    """Minus the second derivatives, by central differences of the gradient."""
    rows = [
        (objective(at - shift)[1] - objective(at + shift)[1]) / (2.0 * _WIDTH) for shift in _WIDTH * np.eye(len(at))
    ]
    square = np.array(rows)
    return np.asarray((square + square.T) / 2.0)
