"""Amounts as people write them, read exactly into hundredths."""

import re
from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal._coded import Coded, Longs
from crmkit.journal._findings import Finding, summarise

_DROPPED = str.maketrans("", "", " \u00a0\u202f'’_$€£¥￥")
_PLAIN = re.compile(r"[-+]?\d{1,15}(?:\.\d+)?\Z")
_GROUPED = {
    ",": re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z"),
    ".": re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?\Z"),
}
_POINT = re.compile(r"[-+]?\d{1,15}\.\d{1,2}\Z")
_COMMA = re.compile(r"[-+]?\d{1,15},\d{1,2}\Z")


@attrs.frozen(eq=False)
class Amounts:
    """A column of amounts.

    Attributes:
        hundredths: int64, shape (n,); 0 where not known.
        known: bool, shape (n,): whether an amount could be read.
        findings: what could not be read, and what was rounded.
    """

    hundredths: Longs
    known: npt.NDArray[np.bool_]
    findings: tuple[Finding, ...]


def parse_amounts(texts: Coded, *, rows: Longs, column: str) -> Amounts:
    """Read a column of amounts exactly.

    "1,234.50", "1.234,50", "1 234,50", "$1,234" and "(12)" are understood; a word is a finding. More than two
    decimals are rounded half to even, which is a finding too.
    """
    values = np.zeros(len(texts.values) + 1, np.int64)
    known = np.zeros(len(texts.values) + 1, np.bool_)
    findings: list[Finding] = []
    comma = _decimal_comma(texts.values)
    for number, text in enumerate(texts.values):
        read = _read(text, comma=comma)
        known[number] = read is not None
        if read is None or read[1]:
            which = np.flatnonzero(texts.codes == number)
            reason = "is no amount; counted as unknown" if read is None else "has more than two decimals; rounded"
            findings += [
                Finding(int(rows[first]), column, reason, len(which), text, dropped=False) for first in which[:1]
            ]
        values[number] = 0 if read is None else read[0]
    return Amounts(values[texts.codes], known[texts.codes], summarise(findings))


def _decimal_comma(texts: Sequence[str]) -> bool:
    """Whether the column writes decimals after a comma, as far as its own texts prove it.

    "1.234,50" and "12,5" prove the comma, "1,234.50" and "12.5" the point; "1.234" alone proves nothing.
    """
    bare = [_bare(text) for text in texts]
    comma = any(_COMMA.match(text) or ("," in text and _GROUPED["."].match(text)) for text in bare)
    point = any(_POINT.match(text) or ("." in text and _GROUPED[","].match(text)) for text in bare)
    return comma and not point


def _bare(text: str) -> str:
    negative = text.startswith("(") and text.endswith(")")
    return (text[1:-1] if negative else text).translate(_DROPPED)


def _read(text: str, *, comma: bool) -> tuple[int, bool] | None:
    """Hundredths, and whether they were rounded."""
    negative = text.startswith("(") and text.endswith(")")
    bare = _bare(text)
    if comma and _GROUPED["."].match(bare):
        bare = bare.replace(".", "").replace(",", ".")
    elif _GROUPED[","].match(bare):
        bare = bare.replace(",", "")
    elif _GROUPED["."].match(bare) and ("," in bare or bare.count(".") > 1):
        bare = bare.replace(".", "").replace(",", ".")
    elif _COMMA.match(bare):
        bare = bare.replace(",", ".")
    if not _PLAIN.match(bare):
        return None
    whole, _, decimals = bare.lstrip("+-").partition(".")
    # Integers only: a float would already have lost the cent.
    scaled = int(whole + (decimals + "00")[:2])
    rest = decimals[2:].rstrip("0")
    up = rest > "5" or (rest == "5" and scaled % 2 == 1)
    return (-1 if negative or bare.startswith("-") else 1) * (scaled + up), bool(rest)
