"""English stemming: Porter2, by M. F. Porter, as the Snowball project publishes it (revision 3).

Written from the description of the algorithm, and checked in the tests against the project's own stemmer: an index has
to find the same words wherever it is opened, so the stems may not depend on what happens to be installed.
"""

import re
from functools import lru_cache

__all__ = ["stem"]

_VOWELS = frozenset("aeiouy")
IRREGULAR = {
    "skis": "ski", "skies": "sky", "idly": "idl", "gently": "gentl", "ugly": "ugli", "early": "earli", "only": "onli",
    "singly": "singl",
} | {word: word for word in ("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")}  # fmt: skip
FIRST_REGION = re.compile("(arsen|commun|emerg|gener|inter|later|organ|past|univers)")
REGION = re.compile("[^aeiouy]*[aeiouy]+[^aeiouy]")
SHORT = re.compile("([^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy]|past)$")
UNTOUCHED_ING = frozenset(("even", "cann", "inn", "earr", "herr", "out"))
DOUBLES = ("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")
# Longest first within each table: the longest suffix that fits is the one that counts.
SECOND = {
    "ization": "ize", "ational": "ate", "fulness": "ful", "ousness": "ous", "iveness": "ive", "tional": "tion",
    "biliti": "ble", "lessli": "less", "entli": "ent", "ation": "ate", "alism": "al", "aliti": "al", "ousli": "ous",
    "iviti": "ive", "fulli": "ful", "ogist": "og", "enci": "ence", "anci": "ance", "abli": "able", "izer": "ize",
    "ator": "ate", "alli": "al", "bli": "ble", "ogi": "og", "li": "",
}  # fmt: skip
THIRD = {
    "ational": "ate", "tional": "tion", "alize": "al", "icate": "ic", "iciti": "ic", "ative": "", "ical": "ic",
    "ness": "", "ful": "",
}  # fmt: skip
FOURTH = ("ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize",
           "ion", "al", "er", "ic")  # fmt: skip
# No ending that is looked for ends otherwise: numbers and most words of other languages are through.
_LAST = frozenset("'cdegilmnrsty")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The stem of a word in lower case."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) < 3 or (word[-1] not in _LAST and word[0] != "'"):
        return word
    word = _with_consonant_y(word.removeprefix("'"))
    first, second = _regions(word)
    word = _third_person(_without_possessive(word))
    word = _past(word, first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
        word = word[:-1] + "i"
    word = _derived(word, first)
    word = _adjective(word, first, second)
    word = _residual(word, second)
    return _final(word, first, second).replace("Y", "y")


def _with_consonant_y(word: str) -> str:
    """A y at the start or after a vowel is a consonant, written Y."""
    letters = list(word)
    for place, letter in enumerate(letters):
        if letter == "y" and (place == 0 or letters[place - 1] in _VOWELS):
            letters[place] = "Y"
    return "".join(letters)


def _regions(word: str) -> tuple[int, int]:
    """Where R1 and R2 begin: after the first consonant that follows a vowel, and again after that."""
    found = FIRST_REGION.match(word) or REGION.match(word)
    first = found.end() if found else len(word)
    again = REGION.match(word, first)
    return first, again.end() if again else len(word)


def _without_possessive(word: str) -> str:
    for suffix in ("'s'", "'s", "'"):
        if word.endswith(suffix):
            return word[: -len(suffix)]
    return word


def _third_person(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and not _VOWELS.isdisjoint(word[:-2]):
        return word[:-1]
    return word


def _past(word: str, first: int) -> str:
    for suffix in ("eedly", "ingly", "edly", "eed", "ing", "ed"):
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            if suffix.startswith("eed"):
                return rest + "ee" if len(rest) >= first and rest not in ("succ", "proc", "exc") else word
            if suffix == "ing" and rest in UNTOUCHED_ING:
                return word
            if suffix == "ing" and len(rest) == 2 and rest[1] == "y" and rest[0] not in _VOWELS:
                return rest[0] + "ie"
            return word if _VOWELS.isdisjoint(rest) else _repaired(rest, first)
    return word


def _repaired(rest: str, first: int) -> str:
    """What is left once -ed or -ing is gone, made a word again."""
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if rest.endswith(DOUBLES):
        return rest if len(rest) == 3 and rest[0] in "aeo" else rest[:-1]
    return rest + "e" if len(rest) == first and SHORT.search(rest) else rest


def _derived(word: str, first: int) -> str:
    for suffix, shorter in SECOND.items():
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            fits = {"ogi": "l", "li": "cdeghkmnrt"}.get(suffix)
            unfit = len(rest) < first or (fits is not None and not rest.endswith(tuple(fits)))
            return word if unfit else rest + shorter
    return word


def _adjective(word: str, first: int, second: int) -> str:
    for suffix, shorter in THIRD.items():
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            return word if len(rest) < (second if suffix == "ative" else first) else rest + shorter
    return word


def _residual(word: str, second: int) -> str:
    for suffix in FOURTH:
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            unfit = len(rest) < second or (suffix == "ion" and not rest.endswith(("s", "t")))
            return word if unfit else rest
    return word


def _final(word: str, first: int, second: int) -> str:
    rest = word[:-1]
    if word.endswith("e"):
        gone = len(rest) >= second or (len(rest) >= first and not SHORT.search(rest))
        return rest if gone else word
    return rest if word.endswith("ll") and len(rest) >= second else word
