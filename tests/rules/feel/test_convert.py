"""Values of the host as values of FEEL."""

from collections import OrderedDict
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum

import attrs
import numpy as np
import pytest

from crmkit.errors import InvalidValue
from crmkit.rules.feel import UNKNOWN, to_feel
from crmkit.values import Money


class Colour(Enum):
    """A host's choice."""

    RED = "red"


class Size(IntEnum):
    """Another, of numbers."""

    LARGE = 3


class Word(str, Enum):  # noqa: UP042 - hosts have them
    """A third, of strings."""

    YES = "yes"


@attrs.frozen
class Deal:
    """A host's object."""

    amount: int
    closed: date


@pytest.mark.parametrize(
    ("value", "feel"),
    [
        (1, Decimal(1)), (0.1, Decimal("0.1")), (Decimal("1.50"), Decimal("1.5")), (None, None), (True, True), ("a", "a"), (UNKNOWN, UNKNOWN), (Colour.RED, "red"), (Size.LARGE, Decimal(3)), (Word.YES, "yes"), ((1, 2), [Decimal(1), Decimal(2)]), ({1}, [Decimal(1)]), (OrderedDict(a=1), {"a": Decimal(1)}), ({1: "x"}, {"1": "x"}),
        (Deal(1, date(2021, 1, 1)), {"amount": Decimal(1), "closed": date(2021, 1, 1)}), (np.int64(5), Decimal(5)), (np.float64(0.5), Decimal("0.5")), (np.bool_(True), True), (np.str_("a"), "a"), (Money("1.50", "EUR"), Decimal("1.50")),
    ],
)  # fmt: skip
def test_values(value, feel):
    """Numbers become exact, sequences lists, mappings and objects contexts."""
    assert to_feel(value) == feel


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("1e7000"), object(), 1j, np.array([1, 2])]
)
def test_refused(value):
    """What rules know no value for is refused."""
    with pytest.raises(InvalidValue):
        to_feel(value)


def test_depth():
    """So is what nests too deep."""
    value = [1]
    for _ in range(40):
        value = [value]
    with pytest.raises(InvalidValue):
        to_feel(value)
