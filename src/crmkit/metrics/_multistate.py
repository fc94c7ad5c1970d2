"""Markov multi-state processes: stages that are entered, left, and entered again."""

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats, Longs, ages, as_codes
from crmkit.values.display import Listed

__all__ = ["StateProbabilities", "state_probabilities"]

Array = npt.NDArray[Any]

_CENSORED = -1


@attrs.frozen(eq=False)
class StateProbabilities(Listed):
    """The chance P(0, t) to be in state j at age t, given state h at age 0.

    Attributes:
        time: distinct times of a move, ascending, shape (T,).
        n_risk: in each state just before each time, shape (T, S).
        n_event: moves at each time, shape (T, S, S), from row to column.
        probability: shape (T, S, S); each row adds up to 1.
        covariance: shape (T, S, S, S): `covariance[t, h]` is that of row h of `probability[t]`.
        until: the largest age observed.
    """

    time: Array
    n_risk: Longs
    n_event: Longs
    probability: Floats
    covariance: Floats
    until: float

    def std_err(self) -> Floats:
        """The standard errors of `probability`, Greenwood type, shape (T, S, S)."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=-2, axis2=-1), 0.0))

    def at(self, t: npt.ArrayLike) -> Floats:
        """The matrix at given times, shape that of `t` and then (S, S).

        It is the identity before the first move, and NaN after the largest age observed.
        """
        wanted = np.asarray(t, dtype=np.float64)
        padded = np.concatenate([np.eye(self.n_risk.shape[1])[None], self.probability])
        values = padded[np.searchsorted(self.time, wanted, side="right")]
        return np.where((wanted <= self.until)[..., None, None], values, np.nan)


def state_probabilities(
    entry: npt.ArrayLike,
    exit: npt.ArrayLike,  # noqa: A002 - the counterpart of entry has no better name
    origin: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    states: int,
) -> StateProbabilities:
    """The Aalen-Johansen product integral over stays in states, with delayed entry and moves back.

    P(0, t) is the product over move times u of I + dA(u), with dA_hj(u) = moves h to j at u / in h just before u. Its
    covariance follows the recursion of Andersen, Borgan, Gill & Keiding (1993), section IV.4.2, with independent
    multinomial rows. The row of the state in which cases start holds without the Markov assumption (Datta & Satten
    2001); the other rows need it.

    Args:
        entry: the age of the case at which the stay began (or came under observation), shape (n,).
        exit: the age at which it ended or was last seen; a stay is at risk at u if entry < u <= exit.
        origin: the state of the stay, 0..states-1.
        target: the state it moved to, or -1 where it was still lasting (censored).
        states: how many states there are, S.

    Raises:
        InvalidValue: for columns that do not fit together, a stay without length, or a move to the same state.
    """
    start, end = ages(entry, "entry"), ages(exit, "exit")
    if start.shape != end.shape:
        raise InvalidValue("entry", f"shape {start.shape}", f"does not match the {end.size} exits")
    begin = as_codes(origin, "origin", end.size, first=0, last=states - 1).astype(np.int64)
    goal = as_codes(target, "target", end.size, first=_CENSORED, last=states - 1).astype(np.int64)
    _refuse(start >= end, "stay", "has no length; an entry lies before its exit (use a finer clock)")
    _refuse(begin == goal, "stay", "moves to its own state; a stay that lasts has target -1")
    time, n_risk, n_event = _moves(start, end, begin, goal, states=states)
    probability, covariance = _product_integral(n_risk, n_event)
    return StateProbabilities(time, n_risk, n_event, probability, covariance, float(end.max()))


def _refuse(bad: npt.NDArray[np.bool_], what: str, why: str) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        raise InvalidValue(what, f"row {rows[0]}", why)


def _moves(start: Array, end: Array, begin: Longs, goal: Longs, *, states: int) -> tuple[Array, Longs, Longs]:
    moved = goal != _CENSORED
    time = np.unique(end[moved])
    n_risk = np.empty((time.size, states), np.int64)
    for state in range(states):
        here = begin == state
        came, went = (np.searchsorted(np.sort(edge[here]), time, side="left") for edge in (start, end))
        n_risk[:, state] = came - went
    step = np.searchsorted(time, end[moved])
    cell = (step * states + begin[moved]) * states + goal[moved]
    n_event = np.bincount(cell, minlength=time.size * states * states)
    return time, n_risk, n_event.reshape(time.size, states, states)


def _product_integral(n_risk: Longs, n_event: Longs) -> tuple[Floats, Floats]:
    steps, states = n_risk.shape
    unit = np.eye(states)
    n = np.maximum(n_risk, 1).astype(np.float64)
    change = n_event / n[:, :, None]
    moves = change + unit * (1.0 - change.sum(axis=2))[:, :, None]
    # The covariance of row r of a step: multinomial, with the share that stays on the diagonal.
    probability, covariance = np.empty((steps, states, states)), np.empty((steps, states, states, states))
    now, spread = unit, np.zeros((states, states, states))
    for k in range(steps):
        move = moves[k]
        noise = (move[:, :, None] * unit - move[:, :, None] * move[:, None, :]) / n[k][:, None, None]
        spread = move.T @ spread @ move + np.tensordot(now**2, noise, axes=1)
        now = now @ move
        probability[k], covariance[k] = now, spread
    return probability, covariance
