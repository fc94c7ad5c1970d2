"""What forecast and backtest share: checked questions, amounts in their unit, and intervals that past cuts allow."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from crmkit.errors import InvalidValue
from crmkit.journal import Journal
from crmkit.metrics._cuts import exact, sum_of
from crmkit.metrics._records import LEAST_CUTS, Record, Workshop, interval_scale, overlap
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import StageOrder

__all__ = ["actual_of", "held", "in_units", "limits", "refuted", "workshop"]


def workshop(
    journal: Journal, order: StageOrder, *, horizon: int, window: int | str | None, by: str | None, every: str, tz: str
) -> Workshop:
    """The maker of records, after the checks that forecast and backtest share."""
    if not isinstance(horizon, int) or not 1 <= horizon <= 3660:
        raise InvalidValue("horizon", horizon, "is no whole number of days from 1 to 3660")
    if not (window is None or window == "auto" or (isinstance(window, int) and window >= 1)):
        raise InvalidValue("window", window, "is neither days, None for all history, nor 'auto'")
    if not order.open or not order.won:
        raise InvalidValue("stages", ", ".join(order.names), "have no open stage, or none that means won")
    if by is not None:
        journal.dimension(by)
    return Workshop(journal, order, horizon, window, by, every, tz)


def in_units(shop: Workshop, value: float) -> float:
    """Hundredths as amounts, wins as they are."""
    return float(value) / 100.0 if shop.priced else float(value)


def actual_of(shop: Workshop, record: Record) -> Decimal:
    """What came, exactly."""
    assert record.outcome is not None  # noqa: S101 - only of records that are over
    return exact(sum_of(record.outcome.won_amount)) if shop.priced else Decimal(len(record.outcome.won_day))


def limits(record: Record, place: int, level: float) -> tuple[float, float, str] | str:
    """Limits of a bucket (-1 for all), or why there are none."""
    past = record.scale[place]
    k = int((~np.isnan(past)).sum())
    if k < LEAST_CUTS:
        return f"insufficient history: {k} past cuts of {LEAST_CUTS}"
    scale = interval_scale(past, level)
    if np.isnan(scale):
        return f"insufficient history: {k} past cuts do not reach a level of {level:g}"
    mean, reach = float(record.mean[place]), scale * float(record.spread[place])
    return max(0.0, mean - reach), mean + reach, f"conformal on {k} past cuts, {scale:.1f} x independent deals"


def held(records: Sequence[Record], level: float) -> tuple[int, int]:
    """How many intervals of the total could be given at these cuts, and how many of them held."""
    n = inside = 0
    for one in records:
        found = limits(one, -1, level)
        if not isinstance(found, str):
            n += 1
            inside += found[0] <= float(one.worth_of_outcome[-1]) <= found[1]
    return n, inside


def refuted(n: int, inside: int, level: float, horizon: int) -> bool:
    """Whether so many that held cannot be chance if the level is right within five points.

    Horizons of monthly cuts overlap: three months ahead, three cuts tell hardly more than one.
    """
    if n < LEAST_CUTS:
        return False
    low, high = wilson(inside / overlap(horizon), n / overlap(horizon))
    return bool(low > level + 0.05 or high < level - 0.05)
