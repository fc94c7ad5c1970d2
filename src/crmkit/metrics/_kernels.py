"""Counting durations, and the product-limit arithmetic over the counts.

Everything after the count works along the last axis, so that one curve and a thousand curves are the same call.
"""

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats, Longs

__all__ = [
    "Tally",
    "aalen_incidence",
    "before",
    "check_entry",
    "first_at_most",
    "greenwood_incidence",
    "incidence",
    "incidence_band",
    "log_ranks",
    "product_limit",
    "ratio",
    "tally",
    "weighted_tally",
]

Array = npt.NDArray[Any]

# A block of codes and its counters stay in the second-level cache.
_BLOCK = 1 << 15
# Up to this many counters a short column is counted densely whatever its length.
_SMALL = 1 << 16


@attrs.frozen(eq=False)
class Tally:
    """How many durations end when, and how.

    Attributes:
        time: the distinct durations, ascending, shape (T,).
        n_risk: under observation just before each, shape (T,).
        counts: ends by code, shape (codes, T).
    """

    time: Array
    n_risk: Array
    counts: Array


def tally(durations: Array, code: Array, codes: int, entry: Array | None = None) -> Tally:
    """Count durations by value and code; the result does not depend on which of the three ways counts.

    Args:
        durations: int64 or float64, shape (n,), at least 0.
        code: integers or booleans in 0..codes-1, shape (n,).
        codes: how many codes there are.
        entry: ages at which observation began, or None.
    """
    whole = durations.dtype.kind == "i"
    span = int(durations.max()) + 1 if whole else 0
    if whole and span * codes <= max(_SMALL, durations.size):
        time, counts = _dense(durations, code, codes, span)
    else:
        time, counts = _sorted(durations, code, codes)
    return Tally(time, _at_risk(time, counts.sum(axis=0), entry), counts)


def weighted_tally(durations: Array, code: Array, weights: Floats, codes: int) -> tuple[Tally, Floats]:
    """Sums of weights by duration and code, and the sums of their squares."""
    time, place = np.unique(durations, return_inverse=True)
    cell = place * codes + code
    cells = codes * time.size
    sums, squares = (np.bincount(cell, weights=w, minlength=cells) for w in (weights, weights * weights))
    counts = sums.reshape(time.size, codes).T
    squared: Floats = squares.astype(np.float64).reshape(time.size, codes).T
    return Tally(time, _at_risk(time, counts.sum(axis=0), None), counts), squared


def _dense(durations: Longs, code: Array, codes: int, span: int) -> tuple[Longs, Longs]:
    cells = span * codes
    block = max(_BLOCK, 2 * cells)
    total = np.zeros(cells, np.int64)
    for start in range(0, durations.size, block):
        cell = durations[start : start + block] * codes
        cell += code[start : start + block]
        total += np.bincount(cell, minlength=cells)
    table = total.reshape(span, codes)
    time = np.flatnonzero(table.any(axis=1))
    return time, np.ascontiguousarray(table[time].T)


def _sorted(durations: Array, code: Array, codes: int) -> tuple[Array, Longs]:
    shift = (codes - 1).bit_length()
    # The bits of non-negative floats sort like the floats; adding 0.0 turns -0.0 into 0.0.
    key = durations if durations.dtype.kind == "i" else (durations + 0.0).view(np.int64)
    if int(key.max()).bit_length() + shift <= 64:
        # Sorting one packed integer costs a tenth of an argsort.
        packed = key.astype(np.uint64) << np.uint64(shift)
        packed |= code.astype(np.uint64)
        packed.sort()
        code = (packed & np.uint64((1 << shift) - 1)).astype(np.uint8 if codes <= 256 else np.int64)
        key = (packed >> np.uint64(shift)).view(np.int64)
    else:
        order = np.argsort(key)
        key, code = key[order], code[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    time = key[starts]
    return time if durations.dtype.kind == "i" else time.view(np.float64), _runs(code, codes, starts)


def _runs(code: Array, codes: int, starts: Longs) -> Longs:
    """How often each code occurs in each run of a sorted column."""
    run = np.repeat(np.arange(0, starts.size * codes, codes), np.diff(starts, append=code.size))
    run += code
    return np.ascontiguousarray(np.bincount(run, minlength=starts.size * codes).reshape(starts.size, codes).T)


def _at_risk(time: Array, ends: Array, entry: Array | None) -> Array:
    still = np.cumsum(ends[::-1])[::-1]
    if entry is None:
        return still
    # Whoever enters at 0 was there from the start, also for an end at 0.
    late = np.sort(entry[entry > 0])
    return still - (late.size - np.searchsorted(late, time, side="left"))


def before(values: Array, start: float) -> Floats:
    """The values just before each time: shifted by one along the last axis, from a starting value."""
    first = np.full((*values.shape[:-1], 1), start)
    return np.concatenate([first, values[..., :-1]], axis=-1)


def ratio(numerator: Array, denominator: Array) -> Floats:
    """A quotient that is 0 where the denominator is."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator != 0)


def product_limit(n_risk: Array, n_event: Array) -> tuple[Floats, Floats]:
    """Survival and the running Greenwood sum of d / (n (n - d)), along the last axis.

    A step at which nobody is left adds nothing to the sum: survival is 0 from there on.
    """
    rest = n_risk - n_event
    survival: Floats = np.cumprod(np.where(n_risk > 0, ratio(rest, n_risk), 1.0), axis=-1, dtype=np.float64)
    return survival, np.cumsum(ratio(n_event, n_risk * rest.astype(np.float64)), axis=-1)


def incidence(n_risk: Array, n_event: Array) -> tuple[Floats, Floats]:
    """Aalen-Johansen: survival (..., T) and cumulative incidence (..., K, T) from causes (..., K, T)."""
    survival, _ = product_limit(n_risk, n_event.sum(axis=-2))
    step = before(survival, 1.0)[..., None, :] * ratio(n_event, n_risk[..., None, :])
    return survival, np.cumsum(step, axis=-1)


def greenwood_incidence(n_risk: Array, n_event: Array, survival: Floats) -> Floats:
    """Greenwood-type variance of the cumulative incidence (Andersen, Borgan, Gill & Keiding 1993, section IV.4).

    The increments at u are multinomial: cause k has g_k (1 - g_k) / n, and g_k (1 - g) / n with the total.
    """
    n, alive = n_risk[..., None, :].astype(np.float64), before(survival, 1.0)[..., None, :]
    g = ratio(n_event, n)
    step = alive * g
    total = n_event.sum(axis=-2, keepdims=True)
    return _accumulate(
        step, step * ratio(alive * (1.0 - g), n), ratio(step, n), ratio(total.astype(np.float64), n * (n - total))
    )


def aalen_incidence(n_risk: Array, n_event: Array, survival: Floats) -> Floats:
    """Aalen's variance of the cumulative incidence (Aalen 1978), with the correction for ties of Gray's `cuminc`.

    The cause and the rest are independent: d events have variance d (n - d) / (n - 1) / n^2.
    """
    n, alive = n_risk[..., None, :].astype(np.float64), before(survival, 1.0)[..., None, :]
    other = n_event.sum(axis=-2, keepdims=True) - n_event
    own, rest = (alive**2 * ratio(d * np.where(d > 1, ratio(n - d, n - 1.0), 1.0), n**2) for d in (n_event, other))
    after = survival[..., None, :]
    return _accumulate(alive * ratio(n_event, n), own, ratio(own, after), ratio(own + rest, after**2))


def _accumulate(step: Floats, own: Floats, cross: Floats, both: Floats) -> Floats:
    """Sum over u <= t of var(e_k - a e), where a = (F(t) - F(u)) / S(u) is what a stay past u is still worth.

    F(t) - F(u) grows by one step at a time, so running sums of running sums give every t at once, without subtracting
    large numbers.

    Args:
        step: the increments of F.
        own: var(e_k), for every time.
        cross: cov(e_k, e) / S(u).
        both: var(e) / S(u)^2.
    """
    linear = np.cumsum(step * before(np.cumsum(cross, axis=-1), 0.0), axis=-1)
    weight = before(np.cumsum(both, axis=-1), 0.0)
    slope = before(np.cumsum(step * weight, axis=-1), 0.0)
    square = np.cumsum(step * (2.0 * slope + step * weight), axis=-1)
    return np.maximum(np.cumsum(own, axis=-1) - 2.0 * linear + square, 0.0)


def incidence_band(value: Floats, error: Floats, known: Array, level: float, z: float) -> tuple[Floats, Floats]:
    """Limits on the complementary log-log scale; exact ones where all `known` ends, or none, are of the cause.

    Args:
        value: cumulative incidence.
        error: its standard error.
        known: how many stays have an end that is known by then.
        level: confidence.
        z: its normal quantile.
    """
    none, all_ = value <= 0.0, value >= 1.0 - 1e-12
    inside = np.where(none | all_, 0.5, value)
    hazard = -np.log1p(-inside)
    spread = np.exp(z * error / ((1.0 - inside) * hazard))
    low, high = -np.expm1(-hazard / spread), -np.expm1(-hazard * spread)
    edge = (1.0 - level) ** (1.0 / np.maximum(known, 1))
    low = np.where(none, 0.0, np.where(all_, edge, low))
    return low, np.where(none, 1.0 - edge, np.where(all_, 1.0, high))


def first_at_most(time: Array, curve: Floats, height: float | Floats) -> Floats:
    """The first time at which a curve is at or below a height, along the last axis; NaN if it never is.

    The height is one for all, or one for each curve, shape (..., 1).
    """
    hit = curve <= height
    return np.where(hit.any(axis=-1), time[hit.argmax(axis=-1)].astype(np.float64), np.nan)


def log_ranks(n_risk: Longs, n_event: Longs) -> tuple[Floats, Floats]:
    """Expected events and their covariance, summed over time, for groups (G, T).

    In floats throughout: the product of three counts overflows int64 from some 300,000 rows on.
    """
    n, d = n_risk.astype(np.float64), n_event.sum(axis=0).astype(np.float64)
    total = n.sum(axis=0)
    share = ratio(n, total)
    spread = d * ratio(total - d, total - 1.0)
    crossed = (share * spread) @ share.T
    return (share * d).sum(axis=1), np.diag((share * spread).sum(axis=1)) - crossed


def check_entry(entry: Array, durations: Array) -> None:
    """Refuse an entry that is not before the end, unless it is 0.

    Raises:
        InvalidValue: naming the first row.
    """
    late = np.flatnonzero((entry >= durations) & (entry > 0))
    if late.size:
        row = late[0]
        given = f"entry {entry[row]} with duration {durations[row]} in row {row}"
        raise InvalidValue("delayed entry", given, "is never at risk; an entry lies before the end of the stay")
