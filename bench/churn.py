"""Models of customers who silently stop, beside lifetimes."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.metrics import churn

FEW, MANY, QUICK = 2_500, 100_000, 1_500
# Customers come in over a quarter, and are seen until week 39.
WEEKS, COHORTS = 39, 12
BG, PARETO = "r alpha a b", "r alpha s beta"


def comparisons(*, quick: bool) -> list[Comparison]:
    """A fit of BG/NBD from a row for each customer, and Pareto/NBD, which is slow to add up elsewhere."""
    few, many = (QUICK, QUICK) if quick else (FEW, MANY)
    return [
        *(
            Comparison(
                f"BG/NBD from {size:,} rows, with standard errors", size, "customers", partial(_write, size=size),
                [Contender("crmkit", partial(_ours, fit=churn.bg_nbd), partial(_parameters, names=BG)),
                 Contender("lifetimes", partial(_theirs, fitter="BetaGeoFitter"), partial(_fitted, names=BG))],
                _near,
            )
            for size in dict.fromkeys((few, many))
        ),
        Comparison(
            "Pareto/NBD, with standard errors (the peer has none)", few, "customers", partial(_write, size=few),
            [Contender("crmkit", partial(_ours, fit=churn.pareto_nbd), partial(_parameters, names=PARETO)),
             Contender("lifetimes", partial(_theirs, fitter="ParetoNBDFitter"), partial(_fitted, names=PARETO))],
            # The peer's simplex stops where it likes.
            partial(_near, within=2e-2),
        ),
    ]  # fmt: skip


def _write(folder: Path, *, size: int) -> None:
    """Purchases in days, as BG/NBD tells it: rates differ, and after each purchase one may stop."""
    rng = np.random.default_rng(2026)
    rate, stops = rng.gamma(0.4, 1 / 5.0, size), rng.beta(0.8, 2.5, size)
    age = 7.0 * (WEEKS - rng.integers(COHORTS, size=size))
    now, last, x = np.zeros(size), np.zeros(size), np.zeros(size, np.int64)
    lives = np.ones(size, np.bool_)
    while lives.any():
        now[lives] += np.ceil(7 * rng.exponential(1 / np.maximum(rate[lives], 1e-9)))
        lives &= now <= age
        last[lives], x[lives] = now[lives], x[lives] + 1
        lives &= rng.random(size) >= stops
    for name, column in (("x", x), ("last", last), ("age", age)):
        np.save(folder / f"{name}.npy", column.astype(np.int64))


def _load(folder: Path) -> tuple[Any, ...]:
    return tuple(np.load(folder / f"{name}.npy") for name in ("x", "last", "age"))


def _near(ours: Any, theirs: Any, *, within: float = 1e-3) -> None:
    np.testing.assert_allclose(theirs, ours, rtol=within)


def _ours(folder: Path, *, fit: Any) -> Run:
    columns = _load(folder)
    return lambda: fit(churn.BuyerCounts.of(*columns), unit=7)


def _parameters(model: Any, *, names: str) -> Any:
    return [getattr(model, name) for name in names.split()]


def _theirs(folder: Path, *, fitter: str) -> Run:
    import lifetimes

    x, last, age = _load(folder)
    # Weeks, as ours: in days the peer's search ends elsewhere.
    return lambda: getattr(lifetimes, fitter)().fit(x, last / 7, age / 7)


def _fitted(fitted: Any, *, names: str) -> Any:
    return [fitted.params_[name] for name in names.split()]
