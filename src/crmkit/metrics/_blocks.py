"""Columns made block by block, so that nothing in between is as long as they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Whole", "blockwise"]

#: Whole numbers of any width.
Whole = npt.NDArray[np.signedinteger[Any]]
_BLOCK = 1 << 16


def blockwise(rows: Whole, make: Callable[[Whole], npt.NDArray[Any]]) -> npt.NDArray[np.int32]:
    """What is made of each row, int32: codes, days or bins of at most 31 bits.

    Args:
        rows: the rows, shape (n,).
        make: whole numbers of some of them.
    """
    made = np.empty(len(rows), np.int32)
    for start in range(0, len(rows), _BLOCK):
        made[start : start + _BLOCK] = make(rows[start : start + _BLOCK])
    return made
