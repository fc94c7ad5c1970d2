"""One form for all ways to write the same: width, case, accents, traditional characters; and the way back.

Every character is folded by itself, so that each folded character knows the one it came from, and a table that is
looked up in C does the work. Only text that is not in composed form is cut into what composes first.
"""

import re
from collections.abc import Iterable, Iterator
from unicodedata import combining, is_normalized, normalize

import attrs

from crmkit.kb._simplified import SIMPLIFIED

__all__ = ["Folded", "fold"]

# Marks of Latin, Greek and Cyrillic letters, and of symbols. Those of Indian, Thai and Japanese writing are no
# ornaments: without them another word stands there.
MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
# In composed form by themselves, and yet they compose once their width is folded: half-width kana, Korean letters.
COMPOSING = re.compile("[\uff9e\uff9f\u3131-\u318e\uffa0-\uffdc]")
SIMPLER = {
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i", "ŧ": "t",
    "’": "'", "ʼ": "'", "‘": "'",
    # What has no width parts no word: soft hyphen, zero-width space and joiners, byte order mark.
    "\u00ad": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "",
}  # fmt: skip


@attrs.frozen
class Folded:
    """A folded text.

    Attributes:
        text: the folded characters.
        origins: where each came from in the original, and the original's length at the end; None: from its own place.
    """

    text: str
    origins: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The part of the original that a part (not an empty one) of the folded text came from."""
        origins = self.origins
        if origins is None:
            return start, end
        last = origins[end - 1]
        # One character may have become several.
        while origins[end] == last:
            end += 1
        return origins[start], origins[end]


class _Table(dict[int, str]):
    """From code points to folded characters: a pure function, remembered."""

    def __init__(self, *, simplify: bool) -> None:
        super().__init__()
        self.simplify = simplify
        self.uneven: set[str] = set()

    def __missing__(self, code: int) -> str:
        folded = self.folded(chr(code))
        if len(folded) != 1:
            self.uneven.add(chr(code))
        self[code] = folded
        return folded

    def folded(self, cluster: str) -> str:
        """The folded form of characters that belong together."""
        plain = normalize("NFKD", normalize("NFKC", cluster).casefold())
        plain = normalize("NFC", MARKS.sub("", plain)).casefold()
        plain = "".join(SIMPLER.get(one, one) for one in plain)
        return plain.translate(SIMPLIFIED) if self.simplify else plain


_TABLES = {simplify: _Table(simplify=simplify) for simplify in (False, True)}


def fold(text: str, *, simplify: bool = True) -> Folded:
    """NFKC, case, accents, and traditional characters if wanted, with the place of each character in the original.

    Args:
        text: anything, also with half a surrogate pair.
        simplify: whether traditional Chinese characters become simplified ones.
    """
    table = _TABLES[simplify]
    if not is_normalized("NFC", text) or COMPOSING.search(text):
        clusters = list(_clusters(text))
        return _traced([table.folded(cluster) for cluster in clusters], map(len, clusters))
    folded = text.translate(table)
    if table.uneven.isdisjoint(text):
        return Folded(folded)
    return _traced([table[ord(character)] for character in text], [1] * len(text))


def _traced(pieces: list[str], lengths: Iterable[int]) -> Folded:
    """The pieces joined; `lengths` says how much of the original each stands for."""
    origins: list[int] = []
    place = 0
    for piece, length in zip(pieces, lengths, strict=True):
        origins += [place] * len(piece)
        place += length
    return Folded("".join(pieces), (*origins, place))


def _clusters(text: str) -> Iterator[str]:
    """Characters together with those that compose with them."""
    cluster = ""
    for character in text:
        joined = normalize("NFKC", cluster + character)
        if cluster and not combining(character) and joined == normalize("NFKC", cluster) + normalize("NFKC", character):
            yield cluster
            cluster = ""
        cluster += character
    yield cluster
