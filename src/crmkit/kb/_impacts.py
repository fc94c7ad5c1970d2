"""What a term is worth in each document that has it: computed once for a state, and kept.

Robertson, Zaragoza, Taylor: Simple BM25 extension to multiple weighted fields (CIKM 2004). A term that is `tf` times in
a field of length `len` counts weight x tf / (1 - b + b x len / mean); the sum x over the fields is worth
(k1 + 1) x / (k1 + x), which is multiplied by the rarity of the term.
"""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.kb._filters import Mask
from crmkit.kb._packing import Array
from crmkit.kb._segment import Posting

__all__ = ["K1", "B", "Few", "Floats", "Many", "impacts", "norms", "worth"]

#: How soon more of the same counts less.
K1 = 1.2
#: How much a long text has to have more of it.
B = 0.75

Floats = npt.NDArray[np.float32]
# What a number that Python holds takes.
_FLOAT = 32
# So many of the highest are remembered in order: nobody's page is longer without paying for it.
_RANKED = 64
# A term that one document in so many has is laid out over all: that takes more memory, and is joined faster.
_FREQUENT = 8
# What is in so few documents never is.
_SOME = 1 << 12
# To look a document up takes so many times longer than to lay one out.
_LOOKUP = 16


@attrs.frozen(eq=False)
class Impacts:
    """A term in a state of an index. It is in few documents, or in many.

    Attributes:
        ranked: the highest that it is worth, the highest first.
    """

    ranked: Sequence[float]

    @property
    def most(self) -> float:
        """The highest; 0 where there are none."""
        return self.ranked[0] if self.ranked else 0.0

    def at_rank(self, rank: int) -> float:
        """The highest but so many; 0 where that is not known."""
        return self.ranked[rank] if rank < len(self.ranked) else 0.0


@attrs.frozen(eq=False)
class Few(Impacts):
    """A term that few documents have.

    Attributes:
        docs: these, rising.
        values: what it is worth in each.
        size: how many documents there are.
    """

    docs: Array
    values: Floats
    size: int

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return self.docs.nbytes + self.values.nbytes + _RANKED * _FLOAT

    def mark(self, mask: Mask) -> None:
        """Mark the documents that have it."""
        mask[self.docs.astype(np.intp)] = True

    def add(self, scores: Floats, weight: float) -> None:
        """Add what it is worth to the scores of all documents."""
        scores[self.docs.astype(np.intp)] += weight * self.values

    def above(self, least: float) -> tuple[Array, Floats]:
        """The documents in which it is worth so much, and what it is worth there."""
        if least <= 0:
            return self.docs, self.values
        (kept,) = (self.values >= least).nonzero()
        return self.docs[kept], self.values[kept]

    def at(self, docs: Array) -> Floats:
        """What it is worth in some documents, which rise."""
        if len(docs) * _LOOKUP > self.size // _LOOKUP + len(self.docs):
            everywhere = np.zeros(self.size, np.float32)
            everywhere[self.docs.astype(np.intp)] = self.values
            return everywhere[docs.astype(np.intp)]
        places = self.docs.searchsorted(docs)
        there = self.docs.take(places, mode="clip") == docs
        return np.asarray(self.values.take(places, mode="clip") * there)


@attrs.frozen(eq=False)
class Many(Impacts):
    """A term that many documents have.

    Attributes:
        values: what it is worth in every document; 0: it is not there.
        flags: which documents have it.
    """

    values: Floats
    flags: Mask

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return self.values.nbytes + self.flags.nbytes + _RANKED * _FLOAT

    def mark(self, mask: Mask) -> None:
        """Mark the documents that have it."""
        mask |= self.flags

    def add(self, scores: Floats, weight: float) -> None:
        """Add what it is worth to the scores of all documents."""
        scores += weight * self.values

    def above(self, least: float) -> tuple[Array, Floats]:
        """The documents in which it is worth so much, and what it is worth there."""
        (docs,) = (self.values >= least if least > 0 else self.flags).nonzero()
        return docs.astype(np.int32), self.values[docs]

    def at(self, docs: Array) -> Floats:
        """What it is worth in some documents."""
        return self.values[docs.astype(np.intp)]


def impacts(docs: Array, values: Floats, size: int) -> Few | Many:
    """The impacts of a term that is worth so much in some of so many documents."""
    most = min(_RANKED, len(values))
    ranked = np.sort(np.partition(values, len(values) - most)[len(values) - most :])[::-1].tolist() if most else []
    if len(docs) <= max(size // _FREQUENT, _SOME):
        return Few(ranked, docs, values, size)
    flags, everywhere = np.zeros(size, np.bool_), np.zeros(size, np.float32)
    flags[docs] = True
    everywhere[docs] = values
    return Many(ranked, everywhere, flags)


def norms(lengths: Array, weights: Sequence[float], means: Sequence[float]) -> Floats:
    """What one occurrence counts, by field and document."""
    means_, weights_ = np.array(means)[:, None], np.array(weights)[:, None]
    return np.asarray(weights_ / (1 - B + B * lengths / means_), np.float32)


def worth(posting: Posting, norms: Floats, field: int | None) -> tuple[Posting, Floats]:
    """The postings that a field has, and what each is worth.

    Args:
        posting: of a term, or of a phrase.
        norms: what one occurrence counts.
        field: the number of the only field to look in; None: all.
    """
    docs, counts = posting.docs, posting.counts
    if field is not None:
        kept = counts[field] > 0
        docs, counts = docs[kept], counts[:, kept]
    total = np.zeros(len(docs), np.float32)
    for number in range(len(counts)) if field is None else (field,):
        times = counts[number]
        # Few words stand in every field.
        if field is not None or times.any():
            total += norms[number][docs] * times.astype(np.float32)
    return Posting(docs, counts), np.asarray((K1 + 1) * total / (K1 + total), np.float32)
