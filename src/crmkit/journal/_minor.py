"""Amounts in hundredths as whole minor units of their currency."""

import numpy as np

from crmkit.journal._coded import Coded, Longs
from crmkit.journal._rows import UNKNOWN
from crmkit.values import Currency

__all__ = ["minor_units"]


def minor_units(hundredths: Longs, units: Coded) -> tuple[Longs, Coded]:
    """Minor units of each row's currency; a row without an amount, or without a currency, has neither.

    Args:
        hundredths: amounts, shape (n,); `UNKNOWN` where there is none.
        units: their currencies; an amount with cents that its currency does not have is not known.

    Returns:
        Minor units, 0 where not known, and the currencies, missing there.
    """
    of_unit = np.array([*(Currency(unit).digits for unit in units.values), 2], np.int64)
    if (of_unit == 2).all():
        # Hundredths are minor units already.
        said = (hundredths != UNKNOWN) & ~units.missing
        return np.where(said, hundredths, 0), Coded(np.where(said, units.codes, -1), units.values)
    digits = of_unit[units.codes]
    up, down = 10 ** np.maximum(digits - 2, 0), 10 ** np.maximum(2 - digits, 0)
    known = (hundredths != UNKNOWN) & (hundredths % down == 0) & ~units.missing
    return np.where(known, hundredths, 0) * up // down, Coded(np.where(known, units.codes, -1), units.values)
