"""One state of an index, whatever is written meanwhile: what is alive, and the sums that scores need."""

from collections.abc import Sequence
from functools import cached_property

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.kb._impacts import Floats, norms
from crmkit.kb._manifest import Manifest
from crmkit.kb._packing import Array
from crmkit.kb._segment import Cache, Posting, Segment

__all__ = ["Part", "Snapshot", "TermStats"]

# Terms that are remembered.
_KNOWN = 20_000


@attrs.frozen(eq=False)
class Part:
    """A segment with what is alive of it.

    Attributes:
        segment: the segment.
        alive: which documents; None: all.
    """

    segment: Segment
    alive: npt.NDArray[np.bool_] | None

    @property
    def size(self) -> int:
        """How many documents there are, alive or not."""
        return len(self.segment.ids)

    @cached_property
    def lengths(self) -> Array:
        """Terms by field, over all documents that are alive."""
        lengths = self.segment.lengths
        kept = lengths if self.alive is None else lengths[:, self.alive]
        return np.asarray(kept.sum(axis=1, dtype=np.int64))

    @cached_property
    def live(self) -> int:
        """How many documents are alive."""
        return self.size if self.alive is None else int(self.alive.sum())

    def posting(self, term: int) -> Posting:
        """Where a term is in what is alive."""
        posting = self.segment.posting(term)
        if self.alive is None:
            return posting
        kept = self.alive[posting.docs]
        return Posting(posting.docs[kept], posting.counts[:, kept])

    def documents(self, term: int) -> int:
        """How many documents that are alive have a term."""
        return self.segment.size(term) if self.alive is None else len(self.posting(term).docs)


@attrs.frozen
class TermStats:
    """A term in all segments.

    Attributes:
        term: the term.
        documents: how many have it.
        numbers: its number in each part; -1 where it is not.
    """

    term: str
    documents: int
    numbers: tuple[int, ...]


@attrs.frozen(eq=False)
class Snapshot:
    """The parts of one state.

    Attributes:
        manifest: the state.
        parts: one for each segment.
        weights: of the fields.
        cache: what keeps what is computed of the parts.
    """

    manifest: Manifest
    parts: Sequence[Part]
    weights: Sequence[float]
    cache: Cache
    _norms: dict[int, Floats] = attrs.field(factory=dict, init=False, repr=False)
    _known: dict[str, TermStats] = attrs.field(factory=dict, init=False, repr=False)

    @cached_property
    def size(self) -> int:
        """How many documents are alive."""
        return sum(part.live for part in self.parts)

    @cached_property
    def means(self) -> list[float]:
        """The mean number of terms by field; 1 where there are none."""
        totals = sum((part.lengths for part in self.parts), np.zeros(len(self.manifest.fields), np.int64))
        return [float(total) / self.size if total else 1.0 for total in totals]

    def norms(self, number: int) -> Floats:
        """What one occurrence of a term counts in a part, by field and document."""
        known = self._norms.get(number)
        if known is None:
            lengths = self.parts[number].segment.lengths
            known = self._norms[number] = norms(lengths, self.weights, self.means)
        return known

    def stats(self, term: str) -> TermStats:
        """What is known of a term."""
        known = self._known.get(term)
        if known is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            known = self._known[term] = self._looked_up(term)
        return known

    def _looked_up(self, term: str) -> TermStats:
        numbers = tuple(part.segment.terms.find(term) for part in self.parts)
        documents = sum(part.documents(number) for part, number in zip(self.parts, numbers, strict=True) if number >= 0)
        return TermStats(term, documents, numbers)

    def find(self, id: str) -> tuple[int, int] | None:  # noqa: A002 - the field's name
        """The number of the part that has a document, and its number in it; None if it is not there."""
        for number, part in enumerate(self.parts):
            place = part.segment.ids.find(id)
            if place >= 0 and (part.alive is None or part.alive[place]):
                return number, place
        return None

    def form(self, stats: TermStats) -> str:
        """The shortest form that documents have of a term; the term itself, if none has it."""
        pairs = zip(self.parts, stats.numbers, strict=True)
        forms = [form for part, number in pairs if number >= 0 for form in part.segment.written(number)]
        return min(forms, key=_shortest, default=stats.term)


def _shortest(form: str) -> tuple[int, str]:
    return len(form), form
