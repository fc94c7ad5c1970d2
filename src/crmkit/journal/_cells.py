"""What the decoders share: cell text to codes, and the account of what did not fit."""

from collections import Counter

import attrs

from crmkit.journal._coded import MISSING
from crmkit.journal._findings import Finding

__all__ = ["CellCodes", "Tally", "shown"]


class CellCodes(dict[str, int]):
    """Cell text to code; the blanks around a text are looked at once, when it is first seen.

    Attributes:
        texts: the distinct values in order of first appearance.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def __missing__(self, raw: str) -> int:
        text = raw.strip()
        if text != raw:
            found = self[text]
        elif text:
            found = len(self.texts)
            self.texts.append(text)
        else:
            found = MISSING
        self[raw] = found
        return found


@attrs.define(eq=False)
class Tally:
    """Findings in the memory of their kinds: the first of each column and reason, and how many there are."""

    _firsts: dict[tuple[str | None, str], Finding] = attrs.field(factory=dict[tuple[str | None, str], Finding])
    _counts: Counter[tuple[str | None, str]] = attrs.field(factory=Counter[tuple[str | None, str]])

    def add(self, finding: Finding) -> None:
        """Count one more."""
        key = (finding.column, finding.reason)
        self._firsts.setdefault(key, finding)
        self._counts[key] += finding.count

    def findings(self) -> tuple[Finding, ...]:
        """One finding for each column and reason, in order of first appearance."""
        return tuple(attrs.evolve(first, count=self._counts[key]) for key, first in self._firsts.items())


def shown(text: str, most: int = 60) -> str:
    """A text that can be printed: cut, and with undecodable bytes in hexadecimal."""
    cut = text.rstrip("\r\n")
    cut = cut if len(cut) <= most else f"{cut[: most - 1]}…"
    return cut.encode("utf-8", "backslashreplace").decode("utf-8").replace("\\udc", "\\x")
