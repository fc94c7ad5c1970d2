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

__all__ = ["K1", "B", "Floats", "Impacts", "norms", "worth"]

#: How soon more of the same counts less.
K1 = 1.2
#: How much a long text has to have more of it.
B = 0.75

Floats = npt.NDArray[np.float32]
# So many of the highest are remembered in order: nobody's page is longer without paying for it.
_RANKED = 64
# A term that one document in so many has is kept as flags, too: they are joined faster.
_FREQUENT = 16


@attrs.frozen(eq=False)
class Impacts:
    """A term in a part.

    Attributes:
        docs: the documents that have it, rising.
        values: what it is worth in each.
        ranked: the highest of these, the highest first.
        flags: which documents have it, if these are many.
    """

    docs: Array
    values: Floats
    ranked: Floats
    flags: Mask | None

    @classmethod
    def of(cls, posting: Posting, values: Floats, size: int) -> "Impacts":
        """The impacts of a posting in a part of so many documents."""
        flags = None
        if len(posting.docs) * _FREQUENT > size:
            flags = np.zeros(size, np.bool_)
            flags[posting.docs] = True
        most = min(_RANKED, len(values))
        ranked = np.sort(np.partition(values, len(values) - most)[len(values) - most :])[::-1] if most else values
        return cls(posting.docs.astype(np.intp), values, ranked, flags)

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        flags = 0 if self.flags is None else self.flags.nbytes
        return self.docs.nbytes + self.values.nbytes + self.ranked.nbytes + flags

    @property
    def most(self) -> float:
        """The highest; 0 where there are none."""
        return float(self.ranked[0]) if len(self.ranked) else 0.0

    def at_rank(self, rank: int) -> float:
        """The highest but so many; 0 where that is not known."""
        return float(self.ranked[rank]) if rank < len(self.ranked) else 0.0

    def mark(self, mask: Mask) -> None:
        """Mark the documents that have it."""
        if self.flags is None:
            mask[self.docs] = True
        else:
            mask |= self.flags

    def add(self, scores: Floats, weight: float) -> None:
        """Add what it is worth to the scores of all documents."""
        scores[self.docs] += weight * self.values

    def add_to(self, values: Floats, docs: Array, weight: float) -> None:
        """Add what it is worth to the scores of some documents, which rise."""
        if len(self.docs):
            places = np.minimum(np.searchsorted(self.docs, docs), len(self.docs) - 1)
            there = self.docs[places] == docs
            values[there] += weight * self.values[places[there]]


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
