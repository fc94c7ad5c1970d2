"""Amounts as people write them, read exactly into hundredths."""

import re

import numpy as np

from crmkit.journal._coded import Coded, Longs
from crmkit.journal._findings import Finding, summarise

_DROPPED = str.maketrans("", "", " \u00a0\u202f'’_$€£¥￥")
_PLAIN = re.compile(r"[-+]?\d{1,15}(?:\.\d+)?\Z")
_GROUPED = {
    ",": re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z"),
    ".": re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?\Z"),
}
_COMMA = re.compile(r"[-+]?\d{1,15},\d{1,2}\Z")


def parse_amounts(texts: Coded, *, rows: Longs, column: str) -> tuple[Longs, tuple[Finding, ...]]:
    """Hundredths (int64, 0 where nothing could be read) and findings.

    "1,234.50", "1.234,50", "1 234,50", "$1,234" and "(12)" are understood; a word is a finding. More than two
    decimals are rounded half to even, which is a finding too.
    """
    values = np.zeros(len(texts.values) + 1, np.int64)
    findings: list[Finding] = []
    for number, text in enumerate(texts.values):
        read = _read(text)
        if read is None or read[1]:
            which = np.flatnonzero(texts.codes == number)
            reason = "is no amount; counted as unknown" if read is None else "has more than two decimals; rounded"
            findings.append(Finding(int(rows[which[0]]), column, reason, len(which), text, dropped=False))
        values[number] = 0 if read is None else read[0]
    return values[texts.codes], summarise(findings)


def _read(text: str) -> tuple[int, bool] | None:
    """Hundredths, and whether they were rounded."""
    negative = text.startswith("(") and text.endswith(")")
    bare = (text[1:-1] if negative else text).translate(_DROPPED)
    if _GROUPED[","].match(bare):
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
