"""From text to terms, the same for every language and every engine: no dictionary, no guess at the language.

    >>> [token.term for token in Analyzer().tokens("ＶＡＴ invoices: 增值稅")]
    ['vat', 'invoic', '增', '值', '税', '增值', '值税']

Letters are folded (width, case, accents, traditional characters), Western words stemmed; text that is written without
blanks gives its characters and its pairs of neighbours, which finds Chinese words of any length as well as a dictionary
does (better, on four of five collections of questions) and has nothing to update.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Any, Literal

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb import _pinyin, _portable
from crmkit.kb._english import stem
from crmkit.kb._folding import Folded, fold
from crmkit.kb._simplified import SIMPLIFIED

__all__ = ["Analyzer", "Piece", "Token"]

# Whatever changes the terms of a text without being a choice below raises this.
_VERSION = 1
# Chinese, Japanese, Korean; Thai, Lao, Burmese, Khmer: no blanks, or none that part words.
_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1050-\u109f\u1780-\u17d3"
)
# Indian vowel signs are no letters to `re`, but parts of words.
_INDIAN = "\u0900-\u0963\u0966-\u0dff"
_LETTER = f"(?:[^\\W_{_UNSPACED}]|[{_INDIAN}])"
# An apostrophe parts words (l'été), but for the English endings.
_ENDINGS = "s|t|d|m|re|ve|ll"
_WORD = re.compile(f"{_LETTER}+(?:'(?:{_ENDINGS})(?!{_LETTER}))?")
# The same, of letters that are looked for faster.
_ASCII_WORD = re.compile(f"[a-zA-Z0-9]+(?:'(?:{_ENDINGS})(?![a-zA-Z0-9]))?")
_RUN = re.compile(f"[{_UNSPACED}]+")
_PIECES = re.compile(f"({_RUN.pattern})|{_WORD.pattern}")
# A longer word is no word: a key, a picture in base64. Its beginning is enough to find it by.
_LONGEST = 64
# No folded word begins with it.
_SOUND = "~"


def _words(words: Iterable[str]) -> frozenset[str]:
    if isinstance(words, str):
        raise InvalidValue("stop words", words, "is one text; give several words")
    return frozenset(fold(word).text for word in words)


@attrs.frozen
class Token:
    """A term, and where it stands.

    Attributes:
        term: the form that is looked up.
        start: the first character in the original text.
        end: the first one after it.
        position: the number of the word (of the character, in unspaced text) in the text, from 0; phrases need it.
        kind: "word", "character", "pair" of characters, or "sound" (pinyin).
    """

    term: str
    start: int
    end: int
    position: int
    kind: Literal["word", "character", "pair", "sound"]


@attrs.frozen
class Piece:
    """A word, or a run of unspaced characters.

    Attributes:
        text: folded, not stemmed.
        start: the first character in the original text.
        end: the first one after it.
        position: that of its first token.
        spaced: whether it is a word; otherwise it is a run of characters.
        stopped: whether it is a stop word of the analyzer.
    """

    text: str
    start: int
    end: int
    position: int
    spaced: bool
    stopped: bool = False


@attrs.frozen
class Analyzer:
    """How text becomes terms. Two texts meet if they share one.

    Attributes:
        english: whether words are reduced to English stems (Porter2); words of other languages suffer little.
        simplify: whether traditional Chinese characters are taken for their simplified ones.
        pinyin: whether Chinese is found by its sound, too (extra `zh`): homophones, and pinyin that was typed.
        stop: words that are never looked up. What most documents have counts next to nothing anyway, so none is needed.
    """

    english: bool = True
    simplify: bool = True
    pinyin: bool = False
    stop: frozenset[str] = attrs.field(default=frozenset(), converter=_words)

    @property
    def fingerprint(self) -> str:
        """A hash of everything that decides about terms: what another one has indexed cannot be searched with this."""
        table = _hash_of_simplified() if self.simplify else ""
        sounds = _pinyin.reader()[1] if self.pinyin else ""
        choices = [_VERSION, self.english, table, sounds, sorted(self.stop), _LONGEST]
        return sha256(json.dumps(choices).encode()).hexdigest()[:16]

    def tokens(self, text: str) -> tuple[Token, ...]:
        """The terms of a text with their places.

        Raises:
            ExtraMissing: if `pinyin` is wanted and pypinyin is not installed.
        """
        folded = fold(text, simplify=self.simplify)
        return tuple(token for piece in self._pieces(folded) for token in self._tokens(piece, folded))

    def terms(self, text: str) -> tuple[list[str], list[int], list[str]]:
        """The terms and positions of `tokens`, and the folded words before stemming, at a fraction of the cost.

        Raises:
            ExtraMissing: if `pinyin` is wanted and pypinyin is not installed.
        """
        folded = fold(text, simplify=self.simplify).text
        words = self._only_words(folded)
        if words is None:
            return self._mixed(folded)
        terms = list(map(stem, words)) if self.english else words.copy()
        return terms, list(range(len(words))), words

    def plain(self, text: str) -> list[str] | None:
        """The terms of a text without unspaced writing; None: it has some, or the analyzer has stop words."""
        words = self._only_words(fold(text, simplify=self.simplify).text)
        return list(map(stem, words)) if words and self.english else words

    def _only_words(self, folded: str) -> list[str] | None:
        """The folded words, if there is nothing else."""
        plain = folded.isascii()
        if self.stop or not (plain or not _RUN.search(folded)):
            return None
        return [word[:_LONGEST] for word in (_ASCII_WORD if plain else _WORD).findall(folded)]

    def _mixed(self, folded: str) -> tuple[list[str], list[int], list[str]]:
        """The same of a text that has more than words."""
        terms: list[str] = []
        positions: list[int] = []
        forms: list[str] = []
        stop = self.stop
        position = 0
        for found in _PIECES.finditer(folded):
            if found.lastindex is None:
                word = found[0]
                if word not in stop:
                    terms.append(self.term(word))
                    positions.append(position)
                    forms.append(word[:_LONGEST])
                position += 1
            else:
                run = found[0]
                for kept in (run, self.pairs(run), self.sounds(run) if self.pinyin else ()):
                    terms += kept
                    forms += kept
                    positions += range(position, position + len(kept))
                position += len(run)
        return terms, positions, forms

    def pieces(self, text: str) -> tuple[Piece, ...]:
        """The words and the runs of unspaced characters of a text, stop words included."""
        folded = fold(text, simplify=self.simplify)
        if folded.origins is None:
            return tuple(self._pieces(folded))
        return tuple(
            Piece(
                piece.text, *folded.span(piece.start, piece.end), piece.position,
                spaced=piece.spaced, stopped=piece.stopped,
            )
            for piece in self._pieces(folded)
        )  # fmt: skip

    def term(self, word: str) -> str:
        """The term of a folded word."""
        return stem(word[:_LONGEST]) if self.english else word[:_LONGEST]

    def pairs(self, run: str) -> Sequence[str]:
        """The terms of neighbours in a run of unspaced characters."""
        return [run[place : place + 2] for place in range(len(run) - 1)]

    def sounds(self, run: str) -> Sequence[str]:
        """The terms of the sounds of a run: pairs of syllables, or the one there is.

        Raises:
            ExtraMissing: if pypinyin is not installed.
        """
        return _sound_terms(_pinyin.reader()[0](run))

    def typed(self, word: str) -> Sequence[str]:
        """The terms of the sounds that a folded word spells, if it is pinyin without tones and blanks; else none."""
        return _sound_terms(_pinyin.spelled(word) or ()) if self.pinyin else ()

    def portable(self) -> dict[str, Any]:
        """The choices and tables, as plain data: what a search needs that makes the same terms elsewhere.

        The site of `crmkit.report.publishing` does so in a browser. Normal forms (NFC, NFKC, NFKD) and lower case are
        those of Unicode and not in it; characters that only one side knows may be folded by one side only.

        Raises:
            InvalidValue: if `pinyin` is wanted: its dictionary is too large to be carried along.
        """
        if self.pinyin:
            raise InvalidValue("analyzer", "pinyin", "cannot be carried along; use an analyzer without it")
        return {
            "fingerprint": self.fingerprint,
            "unspaced": _UNSPACED,
            "indian": _INDIAN,
            "endings": _ENDINGS,
            "longest": _LONGEST,
            "stop": sorted(self.stop),
            "folding": _portable.folding(simplify=self.simplify),
            "stemming": _portable.stemming() if self.english else None,
        }

    def _pieces(self, folded: Folded) -> Iterator[Piece]:
        """The pieces with their places in the folded text."""
        position = 0
        for found in _PIECES.finditer(folded.text):
            spaced = found.lastindex is None
            yield Piece(found[0], *found.span(), position, spaced=spaced, stopped=spaced and found[0] in self.stop)
            position += 1 if spaced else len(found[0])

    def _tokens(self, piece: Piece, folded: Folded) -> Iterator[Token]:
        if piece.spaced:
            if not piece.stopped:
                yield Token(self.term(piece.text), *folded.span(piece.start, piece.end), piece.position, "word")
            return
        runs: list[tuple[Sequence[str], int, Literal["character", "pair", "sound"]]] = [
            (piece.text, 1, "character"), (self.pairs(piece.text), 2, "pair")
        ]  # fmt: skip
        if self.pinyin:
            sounds = self.sounds(piece.text)
            runs.append((sounds, min(2, len(piece.text)), "sound"))
        for terms, width, kind in runs:
            for number, term in enumerate(terms):
                start = piece.start + number
                yield Token(term, *folded.span(start, start + width), piece.position + number, kind)


@cache
def _hash_of_simplified() -> str:
    return sha256(json.dumps(sorted(SIMPLIFIED.items())).encode()).hexdigest()


def _sound_terms(syllables: Sequence[str]) -> list[str]:
    if len(syllables) == 1:
        return [_SOUND + syllables[0]]
    return [f"{_SOUND}{first}{_SOUND}{second}" for first, second in pairwise(syllables)]
