"""Words that are nearly like another: by a table of what is left of each word when one letter is missing.

Two words that differ by one letter missing, added, changed, or swapped with its neighbour, have a rest in common, so a
few look-ups find them all; the distance (optimal string alignment) is then computed for those few. The idea is that of
SymSpell (W. Garbe). The table is made of hashes, by numpy, for all words of one length at once.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Speller", "distances", "generous", "spellable"]

_Hashes = npt.NDArray[np.uint64]
_Codes = npt.NDArray[np.uint32]
_Ints = npt.NDArray[np.int64]
_FACTOR = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1
# A shorter word is near too many others.
_SHORTEST = 3


def generous(word: str) -> int:
    """How many letters of a word may be wrong: none below three letters, one below six, else two."""
    return 0 if len(word) < _SHORTEST else 1 if len(word) < 6 else 2


def spellable(word: str) -> bool:
    """Whether a word is one of letters, and long enough to be recognised when one is wrong."""
    return len(word) >= _SHORTEST and word.replace("'", "").isalpha()


class Speller:
    """The words of a vocabulary: no digits, at least three letters.

    Args:
        terms: the vocabulary; words are known by their numbers in it.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms = terms

    @cached_property
    def _groups(self) -> dict[int, tuple[_Ints, _Codes]]:
        """By length: the numbers of the words, and their letters."""
        by_length: dict[int, list[tuple[int, str]]] = {}
        for number, term in enumerate(self._terms):
            if spellable(term):
                by_length.setdefault(len(term), []).append((number, term))
        return {
            length: (np.array([number for number, _ in words], np.int64), _codes([term for _, term in words], length))
            for length, words in by_length.items()
        }

    @cached_property
    def _table(self) -> tuple[_Hashes, _Ints]:
        """The hashes of all words and of all their rests, sorted, and whose they are."""
        hashes: list[_Hashes] = [np.empty(0, np.uint64)]
        owners: list[_Ints] = [np.empty(0, np.int64)]
        for length, (numbers, codes) in self._groups.items():
            hashes += _rests(codes)
            owners += [numbers] * (length + 1)
        every = np.concatenate(hashes)
        order = np.argsort(every, kind="stable")
        return every[order], np.concatenate(owners)[order]

    def at(self, word: str, edits: int) -> list[int]:
        """The numbers of the words at a distance; at two, those that differ by two changed letters are not found."""
        keys = {word}
        for _ in range(edits):
            keys |= _shorter(keys)
        measured = self._measured(word, self._sharing(keys), edits)
        return [number for number, distance in measured.items() if distance == edits]

    def within(self, word: str, edits: int, prefix: int = 0) -> dict[int, int]:
        """All words up to a distance that begin with the same letters: from their numbers to the distance."""
        letters = _codes([word], len(word))[0] if word else np.empty(0, np.uint32)
        found: dict[int, int] = {}
        for length, (numbers, codes) in self._groups.items():
            if abs(length - len(word)) <= edits and min(length, len(word)) >= prefix:
                same = (codes[:, :prefix] == letters[:prefix]).all(axis=1)
                measured = distances(word, codes[same], edits)
                near = measured <= edits
                found.update(zip(numbers[same][near].tolist(), measured[near].tolist(), strict=True))
        return found

    def _sharing(self, keys: Iterable[str]) -> _Ints:
        """The words that have a rest in common with one of the keys."""
        hashes, owners = self._table
        wanted = np.array(sorted({_hash(key) for key in keys}), np.uint64)
        low, high = np.searchsorted(hashes, wanted, "left"), np.searchsorted(hashes, wanted, "right")
        found = [owners[begin:end] for begin, end in zip(low.tolist(), high.tolist(), strict=True) if end > begin]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def _measured(self, word: str, numbers: _Ints, most: int) -> dict[int, int]:
        found: dict[int, int] = {}
        by_length: dict[int, list[int]] = {}
        for number in numbers.tolist():
            by_length.setdefault(len(self._terms[number]), []).append(number)
        for length, some in by_length.items():
            measured = distances(word, _codes([self._terms[number] for number in some], length), most)
            found |= {
                number: distance for number, distance in zip(some, measured.tolist(), strict=True) if distance <= most
            }
        return found


def _codes(words: Sequence[str], length: int) -> _Codes:
    return np.array(words, f"U{length}").view(np.uint32).reshape(len(words), length)


def _hash(word: str) -> int:
    value = 0
    for letter in word:
        value = (value * _FACTOR + ord(letter)) & _WORD
    return value


def _rests(codes: _Codes) -> list[_Hashes]:
    """The hashes of words, and of each without its first, second ... letter."""
    count, length = codes.shape
    factor = np.uint64(_FACTOR)
    before = [np.zeros(count, np.uint64)]
    for place in range(length):
        before.append(before[-1] * factor + codes[:, place])
    after = np.zeros(count, np.uint64)
    power = np.uint64(1)
    rests = [before[length]]
    for place in reversed(range(length)):
        rests.append(before[place] * power + after)
        after = codes[:, place] * power + after
        power = np.uint64(int(power) * _FACTOR & _WORD)
    return rests


def _shorter(words: Iterable[str]) -> set[str]:
    return {word[:place] + word[place + 1 :] for word in words for place in range(len(word))}


def distances(word: str, codes: _Codes, most: int) -> _Ints:
    """Optimal string alignment of a word with words of one length: letters missing, added, changed, or swapped.

    Args:
        word: the word.
        codes: the letters of the others, a row each.
        most: larger distances come out as something larger than this.
    """
    count, length = codes.shape
    far = most + 1
    letters = [ord(letter) for letter in word]
    rows = [np.full((length + 1, count), far, np.int64) for _ in range(3)]
    rows[0][: most + 1] = np.arange(min(most, length) + 1)[:, None]
    for row, letter in enumerate(letters, 1):
        above2, above, here = rows[(row - 2) % 3], rows[(row - 1) % 3], rows[row % 3]
        here[:] = far
        if row <= most:
            here[0] = row
        # Farther from the diagonal the distance is larger than `most`.
        for place in range(max(1, row - most), min(length, row + most) + 1):
            cost = np.minimum(above[place], here[place - 1]) + 1
            np.minimum(cost, above[place - 1] + (codes[:, place - 1] != letter), out=cost)
            if row > 1 and place > 1:
                swapped = (codes[:, place - 1] == letters[row - 2]) & (codes[:, place - 2] == letter)
                np.minimum(cost, np.where(swapped, above2[place - 2] + 1, far), out=cost)
            np.minimum(cost, far, out=here[place])
    return rows[len(letters) % 3][length].copy()
