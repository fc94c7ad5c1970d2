"""A decoded export: named text columns, where each row came from, and what was noticed on the way."""

from collections.abc import Mapping

import attrs
import numpy as np

from crmkit.errors import NotFound
from crmkit.journal._coded import Coded, Longs
from crmkit.journal._findings import Finding

__all__ = ["Table"]


@attrs.frozen(eq=False)
class Table:
    """A decoded export.

    Attributes:
        name: the file or frame, as the user knows it.
        columns: text columns, dictionary-coded; an empty cell is missing.
        rows: int64, shape (n,): the 1-based line (or element) of the source where each record starts.
        facts: what was detected, to be stated to the reader ("encoding": "utf-8", "delimiter": ",").
        findings: records that could not be decoded.
    """

    name: str
    columns: Mapping[str, Coded]
    rows: Longs
    facts: Mapping[str, str] = attrs.field(factory=dict[str, str])
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Coded:
        """One column.

        Raises:
            NotFound: with the nearest name.
        """
        try:
            return self.columns[name]
        except KeyError:
            raise NotFound("column", name, tuple(self.columns), self.name) from None

    def row_of(self, index: int) -> int:
        """The source line of record `index`."""
        return int(np.asarray(self.rows)[index])
