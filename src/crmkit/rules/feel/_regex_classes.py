r"""Classes of characters in patterns (XML Schema 1.1 part 2, G.4): ranges, escapes, categories, blocks, subtraction."""

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Final, TypeAlias

import attrs

from crmkit.rules.feel._regex_blocks import blocks

__all__ = ["ALL", "DOT", "ESCAPED", "CharClass", "CharSet", "Spans", "category", "one"]

#: First and last code points.
Spans: TypeAlias = tuple[tuple[int, int], ...]

_MINOR: Final = {"L": "ultmo", "M": "cen", "N": "dlo", "P": "cdseifo", "Z": "slp", "S": "mcko", "C": "cfon"}
_CATEGORIES: Final = frozenset(major + minor for major, minors in _MINOR.items() for minor in ("", *minors))
# NameStartChar and NameChar of XML 1.0, fifth edition, 2.3.
_NAME_START: Spans = (
    (0x3A, 0x3A), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2FF), (0x370, 0x37D),
    (0x37F, 0x1FFF), (0x200C, 0x200D), (0x2070, 0x218F), (0x2C00, 0x2FEF), (0x3001, 0xD7FF), (0xF900, 0xFDCF),
    (0xFDF0, 0xFFFD), (0x10000, 0xEFFFF),
)  # fmt: skip
_NAME: Spans = (*_NAME_START, (0x2D, 0x2E), (0x30, 0x39), (0xB7, 0xB7), (0x300, 0x36F), (0x203F, 0x2040))


@attrs.frozen
class CharSet:
    """Some characters, or all others.

    Attributes:
        spans: first and last code points.
        parts: further sets.
        test: a question about a character that says whether it is one of them.
        negated: whether it is all the others.
        fold: whether a letter in `spans` stands for its capital and small forms too; `parts` answer for themselves.
    """

    spans: Spans = ()
    parts: tuple["CharSet", ...] = ()
    test: Callable[[str], bool] | None = None
    negated: bool = False
    fold: bool = False

    def has(self, character: str) -> bool:
        """Whether a character belongs to it."""
        return self._named(character) != self.negated

    def _named(self, character: str) -> bool:
        forms = _variants().get(character, character) if self.fold else character
        for form in forms:
            code = ord(form)
            if any(low <= code <= high for low, high in self.spans):
                return True
        return any(part.has(character) for part in self.parts) or (self.test is not None and self.test(character))


@attrs.frozen
class CharClass:
    """What one step of a pattern reads: the first set less the second, that less the third, and so on."""

    sets: tuple[CharSet, ...]

    def has(self, character: str) -> bool:
        """Whether a character belongs to it."""
        found = False
        for one_set in reversed(self.sets):
            found = not found and one_set.has(character)
        return found


@cache
def _variants() -> dict[str, str]:
    """The characters that differ only by case, by each of them, as far as single characters become single ones.

    F&O 5.6.1.1 compares small letters, then capitals; a shared casefold says the same of all but a few letters, and
    unlike that relation it is transitive. The Kelvin sign is a variant of k.
    """
    alike: dict[str, str] = {}
    # No letter beyond these planes has case.
    for code in range(0x20000):
        character = chr(code)
        folded = character.casefold()
        if len(folded) == 1 and folded != character:
            alike[folded] = alike.get(folded, folded) + character
    return {character: forms for forms in alike.values() for character in forms}


def category(name: str) -> CharSet | None:
    """The characters of a category ("Lu") or block ("IsHiragana"); None if there is none of that name."""
    if name in _CATEGORIES:
        return CharSet(test=lambda character: unicodedata.category(character).startswith(name))
    span = blocks().get(name)
    # One level down it is neither an end of a range nor subject to case.
    return None if span is None else CharSet(parts=(CharSet((span,)),))


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] not in "PZC"


def _is_digit(character: str) -> bool:
    return unicodedata.category(character) == "Nd"


_NAMED: dict[str, CharSet] = {
    "s": CharSet(((0x9, 0xA), (0xD, 0xD), (0x20, 0x20))),
    "d": CharSet(test=_is_digit),
    "w": CharSet(test=_is_word),
    "i": CharSet(_NAME_START),
    "c": CharSet(_NAME),
}
#: What a backslash and a letter stand for; in capitals, everything else.
ESCAPED: dict[str, CharSet] = {
    **_NAMED, **{name.upper(): attrs.evolve(chars, negated=True) for name, chars in _NAMED.items()},
}  # fmt: skip
#: All characters but the ends of lines, and really all.
DOT, ALL = CharSet(((0xA, 0xA), (0xD, 0xD)), negated=True), CharSet(negated=True)


def one(character: str, *, fold: bool = False) -> CharSet:
    """A single character, perhaps in all its cases."""
    return CharSet(((ord(character), ord(character)),), fold=fold)
