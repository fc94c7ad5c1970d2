"""From texts to sets of numbered shingles, exactly: no hashing, so no two shingles are ever taken for one."""

from collections.abc import Iterable
from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.kb.text import Analyzer

__all__ = ["Encoder"]

Ints = npt.NDArray[np.int64]


@attrs.frozen(eq=False)
class Encoder:
    """Terms and shingles by number.

    A shingle of three terms is a pair (a pair of terms, a term): one table for each step says which pairs there are,
    and the place in it is the number of the pair.

    Attributes:
        terms: from a term to its number, from 1; 0 stands where a text is shorter than a shingle.
        tables: for each term of a shingle after the first, the sorted pairs, each as one number.
        ranks: from a place in the last table to the number of the shingle, the rarest first.
        size: how many terms a shingle has.
        analyzer: how texts become terms.
    """

    terms: dict[str, int]
    tables: tuple[Ints, ...]
    ranks: Ints
    size: int
    analyzer: Analyzer

    @classmethod
    def of(cls, texts: Iterable[str], size: int, analyzer: Analyzer) -> tuple[Self, list[Ints]]:
        """The encoder of texts, and their shingles: sorted, the rarest first."""
        plain = attrs.evolve(analyzer, pinyin=False)
        terms: dict[str, int] = {}
        rows = [[terms.setdefault(term, len(terms) + 1) for term in _units(text, plain)] for text in texts]
        windows = [_windows(np.array(row, np.int64), size) for row in rows]
        every = np.concatenate([*windows, np.empty((0, size), np.int64)])
        codes = every[:, 0]
        tables: list[Ints] = []
        for column in range(1, size):
            table, codes = np.unique(codes * (len(terms) + 1) + every[:, column], return_inverse=True)
            tables.append(table)
        ends = np.cumsum([len(one) for one in windows], dtype=np.int64)
        sets = [np.unique(one) for one in np.split(codes, ends)[: len(windows)]]
        counts = np.bincount(np.concatenate([*sets, np.empty(0, np.int64)]), minlength=len(terms) + 1)
        ranks = np.empty(len(counts), np.int64)
        ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
        return cls(terms, tuple(tables), ranks, size, plain), [np.sort(ranks[one]) for one in sets]

    def encode(self, text: str) -> tuple[Ints, int]:
        """The known shingles of a text, sorted, and how many unknown ones it has."""
        terms = _units(text, self.analyzer)
        # A term that no text has gets a number that no table has.
        new: dict[str, int] = {}
        row = [self.terms.get(term) or -new.setdefault(term, len(new) + 1) for term in terms]
        windows = np.unique(_windows(np.array(row, np.int64), self.size), axis=0)
        codes, known = windows[:, 0], (windows >= 0).all(axis=1)
        for column, table in enumerate(self.tables, 1):
            keys = codes * (len(self.terms) + 1) + windows[:, column]
            codes = np.minimum(np.searchsorted(table, keys), max(len(table) - 1, 0))
            known &= table[codes] == keys if len(table) else False
        return np.sort(self.ranks[codes[known]]), int((~known).sum())


def _units(text: str, analyzer: Analyzer) -> list[str]:
    """The words and unspaced characters of a text in order, without pairs."""
    units: list[str] = []
    for piece in analyzer.pieces(text):
        if not piece.spaced:
            units += piece.text
        elif not piece.stopped:
            units.append(analyzer.term(piece.text))
    return units


def _windows(row: Ints, size: int) -> Ints:
    """So many in a row, shape (n, size); one that is filled up with 0 if there are fewer; none of nothing."""
    if not len(row):
        return np.empty((0, size), np.int64)
    if len(row) < size:
        return np.pad(row, (0, size - len(row)))[None]
    return np.lib.stride_tricks.sliding_window_view(row, size)
