"""The phrases of a text that might be keywords, and those that are needed to judge them."""

import re
from collections.abc import Iterator

import attrs

from crmkit.kb._common import is_common, is_common_character
from crmkit.kb._folding import fold
from crmkit.kb.text import Analyzer, Piece

__all__ = ["LONGEST_RUN", "Phrase", "Phrases", "phrases"]

#: Characters of the longest run that is counted; the longest keyword has one less, so that its surroundings are known.
LONGEST_RUN = 6
_MOST_WORDS = 4
# A phrase goes on over blanks, hyphens, apostrophes, ampersands and slashes, and over nothing else.
_BREAK = re.compile(r"[^\w\s'’&/.-]|\.\s|\n\s*\n|\s[-–/]+\s")


@attrs.define
class Phrase:
    """Some words in a row, or some characters.

    Attributes:
        spaced: whether it consists of words.
        candidate: whether it can be a keyword.
        first: the position of its first occurrence.
        pieces: the first and the last piece of that.
        inside: where it begins and ends in its piece, if that is a run of characters.
        count: how often it occurs.
        nested: how often the most frequent longer phrase occurs that it is a part of.
    """

    spaced: bool
    candidate: bool
    first: int
    pieces: tuple[Piece, Piece]
    inside: tuple[int, int] = (0, 0)
    count: int = 0
    nested: int = 0


@attrs.frozen
class Phrases:
    """All phrases of a text.

    Attributes:
        text: the text.
        simplify: whether it was folded to simplified characters.
        found: by their terms with blanks between, or by their characters.
        beside: from a run of characters to those with one more, before or after.
    """

    text: str
    simplify: bool
    found: dict[str, Phrase]
    beside: dict[str, set[str]]

    def longer(self, key: str) -> set[str]:
        """The runs with one more character that are in the text."""
        return self.beside.get(key, set())

    def place(self, phrase: Phrase) -> tuple[int, int]:
        """Where its first occurrence begins and ends in the text."""
        first, last = phrase.pieces
        if phrase.spaced:
            return first.start, last.end
        start, end = fold(self.text[first.start : first.end], simplify=self.simplify).span(*phrase.inside)
        return first.start + start, first.start + end


def phrases(text: str, analyzer: Analyzer) -> Phrases:
    """Up to four words in a row without function words and signs between, and up to six characters in a row."""
    known = Phrases(text, analyzer.simplify, {}, {})
    row: list[Piece] = []
    for piece in analyzer.pieces(text):
        broken = bool(row) and _BREAK.search(text[row[-1].end : piece.start]) is not None
        if broken or not piece.spaced or piece.stopped or is_common(piece.text):
            _words(row, analyzer, known.found)
            row = []
        if not piece.spaced:
            _runs(piece, known)
        elif not (piece.stopped or is_common(piece.text)):
            row.append(piece)
    _words(row, analyzer, known.found)
    for key in known.found:
        _nest(key, known.found)
    return known


def _words(row: list[Piece], analyzer: Analyzer, found: dict[str, Phrase]) -> None:
    terms = [analyzer.term(piece.text) for piece in row]
    for start, first in enumerate(row):
        for end in range(start + 1, min(start + _MOST_WORDS, len(row)) + 1):
            last = row[end - 1]
            key = " ".join(terms[start:end])
            if key not in found:
                found[key] = Phrase(True, _can_be(first, last), first.position, (first, last))
            found[key].count += 1


def _can_be(first: Piece, last: Piece) -> bool:
    """No number begins or ends a keyword, and one or two letters alone are none."""
    return not (first.text.isdigit() or last.text.isdigit()) and (first is not last or len(first.text) > 2)


def _runs(piece: Piece, known: Phrases) -> None:
    run = piece.text
    for start in range(len(run)):
        for end in range(start + 1, min(start + LONGEST_RUN, len(run)) + 1):
            key = run[start:end]
            if key not in known.found:
                able = 1 < len(key) < LONGEST_RUN and not (is_common_character(key[0]) or is_common_character(key[-1]))
                known.found[key] = Phrase(False, able, piece.position + start, (piece, piece), (start, end))
                for part in (key[1:], key[:-1]):
                    known.beside.setdefault(part, set()).add(key)
            known.found[key].count += 1


def _nest(key: str, found: dict[str, Phrase]) -> None:
    """Tell the parts of a phrase of words how often it occurs."""
    if found[key].spaced:
        for part in _parts(key.split(" ")):
            found[part].nested = max(found[part].nested, found[key].count)


def _parts(terms: list[str]) -> Iterator[str]:
    for size in range(1, len(terms)):
        for start in range(len(terms) - size + 1):
            yield " ".join(terms[start : start + size])
