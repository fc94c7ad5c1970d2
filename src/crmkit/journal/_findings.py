"""What could not be used, and why: nothing is dropped in silence."""

from collections import Counter
from collections.abc import Iterable

import attrs

__all__ = ["Finding", "summarise"]


@attrs.frozen
class Finding:
    """One reason why rows could not be used as they are, or a thing the reader should know.

    Attributes:
        row: the first row concerned (1-based line of the file, or row of the frame); None for the whole column.
        column: the column concerned; None for the whole row.
        reason: what is wrong, in words; the same words for the same kind of trouble.
        count: how many rows share it.
        example: the offending text of the first row, if there is one.
        dropped: whether the rows were left out (False: they were used, with a repair that `reason` names).
    """

    row: int | None
    column: str | None
    reason: str
    count: int = 1
    example: str | None = None
    dropped: bool = True

    def __str__(self) -> str:
        place = [f"row {self.row}"] if self.row is not None else []
        if self.column is not None:
            place.append(f"column {self.column!r}")
        shown = f" ({self.example!r})" if self.example is not None else ""
        rows = f" [{self.count} rows]" if self.count > 1 else ""
        return f"{', '.join(place) or 'input'}: {self.reason}{shown}{rows}"


def summarise(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Merge findings of one column and reason: the first row and example stay, counts add up."""
    firsts: dict[tuple[str | None, str, bool], Finding] = {}
    counts: Counter[tuple[str | None, str, bool]] = Counter()
    for finding in findings:
        key = (finding.column, finding.reason, finding.dropped)
        counts[key] += finding.count
        first = firsts.setdefault(key, finding)
        if (finding.row or 0) < (first.row or 0):
            firsts[key] = finding
    return tuple(attrs.evolve(first, count=counts[key]) for key, first in firsts.items())
