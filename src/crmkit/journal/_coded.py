"""Dictionary-coded columns: the form in which every name travels."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["Coded", "Codes", "Longs", "Micros", "code"]

Codes = npt.NDArray[np.int32]
Micros = npt.NDArray[np.int64]
Longs = npt.NDArray[np.int64]

MISSING = -1
_WIDE = 1 << 16


@attrs.frozen(eq=False)
class Coded:
    """A dictionary-coded column: row i is `values[codes[i]]`; code -1 is missing.

    Codes mean nothing outside their column: two columns are compared by value, never by code.

    Attributes:
        codes: int32, shape (n,).
        values: the distinct values, in order of first appearance unless said otherwise.
    """

    codes: Codes
    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> "Coded":
        return Coded(self.codes[rows], self.values)

    def decode(self) -> list[str | None]:
        """The column as text, None where missing."""
        lookup: list[str | None] = [*self.values, None]
        return [lookup[c] for c in self.codes.tolist()]

    def recode(self, values: Sequence[str]) -> "Coded":
        """The same column over another dictionary; values it lacks become missing."""
        if values is self.values:
            return self
        position = {value: i for i, value in enumerate(values)}
        table = np.array([*(position.get(value, MISSING) for value in self.values), MISSING], dtype=np.int32)
        return Coded(table[self.codes], tuple(values))

    @classmethod
    def joined(cls, columns: Sequence["Coded"]) -> "Coded":
        """Columns one after the other, over one dictionary."""
        values = columns[0].values
        if any(column.values is not values for column in columns):
            values = tuple(dict.fromkeys(value for column in columns for value in column.values))
        return cls(np.concatenate([column.recode(values).codes for column in columns]), values)

    def recode_by(self, mapping: Mapping[str, str]) -> "Coded":
        """What a mapping says of each value; missing where it says nothing."""
        said = [mapping.get(value) for value in self.values]
        values = tuple(dict.fromkeys(value for value in said if value is not None))
        position = {value: i for i, value in enumerate(values)}
        table = np.array([*(MISSING if value is None else position[value] for value in said), MISSING], dtype=np.int32)
        return Coded(table[self.codes], values)

    def order(self) -> Longs:
        """The rows in the order of their codes, missing ones first; those of one code keep their order."""
        codes = self.codes
        if (codes[1:] >= codes[:-1]).all():
            return np.arange(len(codes))
        # Numpy sorts 16 bits by counting, several times as fast as it compares 32.
        found = np.argsort((codes + 1).astype(np.uint16), kind="stable")
        if len(self.values) < _WIDE:
            return found
        return found[np.argsort(((codes + 1) >> 16).astype(np.uint16)[found], kind="stable")]

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Bool mask, shape (n,)."""
        return self.codes < 0


def code(column: Iterable[str | None]) -> Coded:
    """Dictionary-code a column of texts in one pass; None is missing, an empty text is a value."""
    seen: dict[str, int] = {}
    size = len(column) if isinstance(column, Sequence) else -1
    codes = np.fromiter(
        (MISSING if value is None else seen.setdefault(value, len(seen)) for value in column), np.int32, count=size
    )
    return Coded(codes, tuple(seen))
