"""What every estimator checks before it counts: shapes, codes, confidence levels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue

__all__ = ["Floats", "Longs", "ages", "as_codes", "as_flags", "as_given", "confidence", "normal_quantile", "numbers"]

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


def confidence(level: float) -> float:
    """The level, if it is one.

    Raises:
        InvalidValue: unless it lies strictly between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise InvalidValue("confidence level", level, "does not lie between 0 and 1; 0.95 is usual")
    return float(level)


def normal_quantile(level: float) -> float:
    """The two-sided standard normal quantile of a confidence level (1.96 for 0.95)."""
    from scipy.special import ndtri

    return float(ndtri((1.0 + confidence(level)) / 2.0))


def as_given(values: npt.NDArray[Any]) -> Any:
    """A plain number if a plain number went in, else the array."""
    return values.item() if values.ndim == 0 else values


def numbers(values: npt.ArrayLike, what: str) -> Floats:
    """Finite, non-negative float64 values of any shape.

    Raises:
        InvalidValue: naming the first value that is negative or no finite number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValue(what, values, "is not numeric") from None
    bad = ~(np.isfinite(array) & (array >= 0.0))
    if bad.any():
        raise InvalidValue(what, float(array[bad][0]), "is no finite number of at least 0")
    return array


def ages(values: npt.ArrayLike, what: str) -> Longs | Floats:
    """One column of elapsed times: int64 if it came as integers, else float64.

    Raises:
        InvalidValue: if it is no column, is empty, or has a value below 0 or a NaN.
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0:
        raise InvalidValue(what, f"shape {array.shape}", "is no column with at least one row")
    if array.dtype.kind not in "iuf":
        raise InvalidValue(what, str(array.dtype), "is no numeric type; give whole ticks (days, seconds) or floats")
    if array.dtype.kind == "f":
        return numbers(array, what)
    if array.min() < 0 or int(array.max()) > np.iinfo(np.int64).max:
        raise InvalidValue(what, int(array.min()), "is below 0 or beyond 64 bits; an elapsed time is at least 0")
    return array.astype(np.int64, copy=False)


def as_flags(values: npt.ArrayLike, what: str, size: int) -> npt.NDArray[np.bool_]:
    """A column of `size` booleans; 0 and 1 will do.

    Raises:
        InvalidValue: for another length or another value.
    """
    array = _column(values, what, size)
    if array.dtype.kind == "b":
        return array
    if not np.isin(array, (0, 1)).all():
        raise InvalidValue(what, np.unique(array)[:5].tolist(), "has values other than True and False (or 1 and 0)")
    return array.astype(np.bool_)


def as_codes(values: npt.ArrayLike, what: str, size: int, *, first: int, last: int) -> npt.NDArray[Any]:
    """A column of `size` integer codes in first..last.

    Raises:
        InvalidValue: for another length, a float column, or a code outside.
    """
    array = _column(values, what, size)
    if array.dtype.kind not in "iub":
        raise InvalidValue(what, str(array.dtype), "is no integer type; codes are whole numbers")
    if size:
        low, high = int(array.min()), int(array.max())
        if low < first or high > last:
            raise InvalidValue(what, low if low < first else high, f"is outside {first}..{last}")
    return array


def _column(values: npt.ArrayLike, what: str, size: int) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (size,):
        raise InvalidValue(what, f"shape {array.shape}", f"does not match the {size} durations")
    return array
