"""Sentences, and how binding they are: what splits a brief."""

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

__all__ = ["Obligation", "marks", "obligation", "sentences", "statements", "trimmed"]

#: How binding a requirement is. "asked" is a question or a request to explain, "stated" an item without such a word.
Obligation: TypeAlias = Literal["must", "must not", "should", "should not", "may", "asked", "stated"]

# The words of RFC 2119 and of GB/T 1.1 (应, 不应, 宜, 不宜, 可), and those that tenders use for them. Of 应, 须, 需
# and 宜 only those that are no part of another word, such as 供应, 响应, 应用, 无须, 所需, 需求 and 适宜.
# The strongest come first.
_WORDS: dict[Obligation, str] = {
    "must not": r"\b(?:must|shall|may)\s+not\b|\bmustn't\b|\bshan't\b|\b(?:is|are)\s+(?:not\s+(?:permitted|allowed)|"
    r"prohibited|forbidden)\b|不得|严禁|禁止|不允许|不应(?![用急])|不可以",
    "should not": r"\bshould\s+not\b|\bshouldn't\b|\b(?:is|are)\s+not\s+recommended\b|不宜|不建议",
    "must": r"\b(?:must|shall)\b|\b(?:is|are)\s+(?:required|obliged)\b|\b(?:has|have|needs?)\s+to\b|\bmandatory\b|"
    r"必须|务必|应当|(?<![供响相反对适效感答顺照呼不])应(?![用急收付变聘力届税])|(?<![无不必])须(?!知)|"
    r"(?<![所急无按刚供军内])需(?!求)",
    "should": r"\bshould\b|\bought\s+to\b|\b(?:is|are)\s+recommended\b|\bdesirable\b|建议|推荐|(?<![适便事不])宜",
    # A month is written with a capital.
    "may": r"\b(?-i:may|MAY)\b(?!\s+not\b)|\boptional(?:ly)?\b|(?<!不)可以|可选|(?<!不)允许",
}  # fmt: skip
_VERBS = r"(?:describe|explain|state|confirm|specify|indicate|list|provide|outline)\b"
_REQUEST = re.compile(
    rf"\W*(?:please\b(?:\s+{_VERBS})?|{_VERBS}|请(?:说明|描述|阐述|介绍|提供|列出|确认)?)", re.IGNORECASE
)
_QUESTION = re.compile(r"[?？]\W*$")
# The words that bind, which say nothing about what is wanted.
_LEVELS: tuple[Obligation, ...] = tuple(_WORDS)
_MARKS = re.compile("|".join(f"({words})" for words in _WORDS.values()), re.IGNORECASE)
# What a question begins with is looked for in its first words, and the mark that ends it in the last.
_NEAR = 60

_WESTERN = re.compile(r"[.!?]+[\"'”’)\]]*")
_ENDS = re.compile(r"[.!?]+[\"'”’)\]]*|[。！？]+[”’」』）)\"']*")
_PARTS = re.compile(r"[;；]")
_WORD_BEFORE = re.compile(r"[^\W\d_.]+(?:\.[^\W\d_]+)*$")
_ABBREVIATIONS = frozenset(
    """
    approx art cf dept dr e.g eg etc fig i.e ie inc incl ltd max min mr mrs ms no nos nr p para pp prof ref resp sec
    sect st v vs vol
    """.split()  # noqa: SIM905 - thirty words in quotes are not read by anybody
)
# No abbreviation is longer.
_LOOK_BACK = 12


def obligation(text: str) -> Obligation:
    """The strongest word of a text: what forbids, then what binds, advises, asks, and permits."""
    found = {_LEVELS[(mark.lastindex or 1) - 1] for mark in _MARKS.finditer(text)}
    # From the weakest to the strongest: the last that is there counts.
    level: Obligation = "stated"
    for one in reversed(_LEVELS):
        level = one if one in found else level
    if level in {"may", "stated"} and (_REQUEST.match(text[:_NEAR]) or _QUESTION.search(text[-_NEAR:])):
        return "asked"
    return level


def marks(text: str) -> Iterator[tuple[int, int]]:
    """Where the words stand that bind or ask, in order."""
    asks = _REQUEST.match(text)
    begin = asks.end() if asks else 0
    if begin:
        yield 0, begin
    yield from (found.span() for found in _MARKS.finditer(text, begin))


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences of a part of a text, without the blanks around them: everything else is in one of them."""
    begin = start
    for found in _ENDS.finditer(text, start, end):
        if _ends(text, found, end):
            yield from trimmed(text, begin, found.end())
            begin = found.end()
    yield from trimmed(text, begin, end)


def statements(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a sentence between semicolons, if each of two has a word that binds; the others go with them."""
    begin = last = start
    bound = False
    for stop in [*(found.end() for found in _PARTS.finditer(text, start, end)), end]:
        binds = _MARKS.search(text, last, stop) is not None
        if bound and binds:
            yield from trimmed(text, begin, last)
            begin = last
        bound = bound or binds
        last = stop
    yield from trimmed(text, begin, end)


def trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A part without the blanks around it; none if there is nothing else."""
    part = text[start:end]
    kept = part.strip()
    if kept:
        start += len(part) - len(part.lstrip())
        yield start, start + len(kept)


def _ends(text: str, found: "re.Match[str]", end: int) -> bool:
    """Whether this ends a sentence: a point may end an abbreviation, or stand in a number."""
    stop = found.end()
    if not _WESTERN.fullmatch(found[0]) or stop >= end:
        return True
    if not text[stop].isspace():
        return False
    following = text[stop : stop + _LOOK_BACK].lstrip()[:1]
    if not found[0].startswith("."):
        return True
    before = _WORD_BEFORE.search(text[max(found.start() - _LOOK_BACK, 0) : found.start()])
    short = before is not None and (
        before[0].lower() in _ABBREVIATIONS or (len(before[0]) == 1 and before[0].isupper())
    )
    return not short and not following.islower()
