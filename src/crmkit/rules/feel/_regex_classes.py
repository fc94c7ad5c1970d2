"""Classes of characters in patterns: ranges, categories, blocks, and what is taken away from them."""

import unicodedata
from collections.abc import Callable

import attrs

_CATEGORIES = frozenset(
    [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "Mc",
        "Me",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Ps",
        "Pe",
        "Pi",
        "Pf",
        "Po",
        "Z",
        "Zs",
        "Zl",
        "Zp",
        "S",
        "Sm",
        "Sc",
        "Sk",
        "So",
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cn",
    ]
)
_BLOCKS: dict[str, tuple[int, int]] = {
    "BasicLatin": (0x0, 0x7F), "Latin-1Supplement": (0x80, 0xFF), "LatinExtended-A": (0x100, 0x17F),
    "LatinExtended-B": (0x180, 0x24F), "IPAExtensions": (0x250, 0x2AF), "SpacingModifierLetters": (0x2B0, 0x2FF),
    "CombiningDiacriticalMarks": (0x300, 0x36F), "Greek": (0x370, 0x3FF), "GreekandCoptic": (0x370, 0x3FF),
    "Cyrillic": (0x400, 0x4FF), "Armenian": (0x530, 0x58F), "Hebrew": (0x590, 0x5FF), "Arabic": (0x600, 0x6FF),
    "Devanagari": (0x900, 0x97F), "Thai": (0xE00, 0xE7F), "Georgian": (0x10A0, 0x10FF), "HangulJamo": (0x1100, 0x11FF),
    "LatinExtendedAdditional": (0x1E00, 0x1EFF), "GreekExtended": (0x1F00, 0x1FFF),
    "GeneralPunctuation": (0x2000, 0x206F), "SuperscriptsandSubscripts": (0x2070, 0x209F),
    "CurrencySymbols": (0x20A0, 0x20CF), "LetterlikeSymbols": (0x2100, 0x214F), "NumberForms": (0x2150, 0x218F),
    "Arrows": (0x2190, 0x21FF), "MathematicalOperators": (0x2200, 0x22FF), "BoxDrawing": (0x2500, 0x257F),
    "CJKSymbolsandPunctuation": (0x3000, 0x303F), "Hiragana": (0x3040, 0x309F), "Katakana": (0x30A0, 0x30FF),
    "CJKUnifiedIdeographsExtensionA": (0x3400, 0x4DBF), "CJKUnifiedIdeographs": (0x4E00, 0x9FFF),
    "HangulSyllables": (0xAC00, 0xD7AF), "PrivateUse": (0xE000, 0xF8FF),
    "HalfwidthandFullwidthForms": (0xFF00, 0xFFEF),
}  # fmt: skip


@attrs.frozen
class CharSet:
    """Some characters.

    Attributes:
        ranges: first and last code points.
        tests: further characters, by a question about one.
        negated: whether it is all the others.
        less: characters that are taken away.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    tests: tuple[Callable[[str], bool], ...] = ()
    negated: bool = False
    less: "CharSet | None" = None

    def has(self, character: str, *, ignore_case: bool = False) -> bool:
        """Whether a character belongs to it; without regard to case, whether one of its forms does."""
        forms = _forms(character) if ignore_case else (character,)
        found = any(self._has(form) for form in forms) != self.negated
        return found and not (self.less is not None and self.less.has(character, ignore_case=ignore_case))

    def _has(self, character: str) -> bool:
        code = ord(character)
        return any(low <= code <= high for low, high in self.ranges) or any(test(character) for test in self.tests)


def _forms(character: str) -> tuple[str, ...]:
    """A character in capitals and in small letters, where those are single characters."""
    others = {character.lower(), character.upper(), character.casefold()}
    return (character, *(form for form in others if len(form) == 1))


def category(name: str) -> CharSet | None:
    """The characters of a category ("Lu") or block ("IsHiragana"); None if there is none of that name."""
    if name in _CATEGORIES:
        return CharSet(tests=(lambda character: unicodedata.category(character).startswith(name),))
    block = _BLOCKS.get(name.removeprefix("Is")) if name.startswith("Is") else None
    return None if block is None else CharSet((block,))


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] not in "PZC"


def _is_name_start(character: str) -> bool:
    return character in "_:" or unicodedata.category(character) in {"Lu", "Ll", "Lt", "Lo", "Nl"}


def _is_name_part(character: str) -> bool:
    return character in "-._:" or unicodedata.category(character)[0] in "LMN"


def _is_digit(character: str) -> bool:
    return unicodedata.category(character) == "Nd"


_SPACES = ((0x9, 0xA), (0xD, 0xD), (0x20, 0x20))
_NAMED: dict[str, CharSet] = {
    "s": CharSet(_SPACES),
    "d": CharSet(tests=(_is_digit,)),
    "w": CharSet(tests=(_is_word,)),
    "i": CharSet(tests=(_is_name_start,)),
    "c": CharSet(tests=(_is_name_part,)),
}
#: What a backslash and a letter stand for; in capitals, everything else.
ESCAPED: dict[str, CharSet] = {
    **_NAMED, **{name.upper(): attrs.evolve(chars, negated=True) for name, chars in _NAMED.items()},
}  # fmt: skip
#: All characters but the ends of lines, and really all.
DOT, ALL = CharSet(((0xA, 0xA), (0xD, 0xD)), negated=True), CharSet(negated=True)


def one(character: str) -> CharSet:
    """A single character."""
    return CharSet(((ord(character), ord(character)),))
