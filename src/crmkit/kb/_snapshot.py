"""One state of an index, whatever is written meanwhile: what is alive, and the sums that scores need.

The documents of all parts are numbered through, those of the first part first: a search does its work once, and not
once for each part.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.kb._impacts import Floats, norms
from crmkit.kb._manifest import Manifest
from crmkit.kb._marking import Stored
from crmkit.kb._packing import Array, Strings
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

    @cached_property
    def starts(self) -> list[int]:
        """The number of the first document of each part, and how many documents there are, alive or not."""
        return [*accumulate((part.size for part in self.parts), initial=0)]

    def runs(self) -> Iterator[tuple[Part, int, int]]:
        """The parts, each with the number of its first document, and of the first one after it."""
        for part, (low, high) in zip(self.parts, pairwise(self.starts), strict=True):
            yield part, low, high

    @property
    def extent(self) -> int:
        """How many documents there are, alive or not."""
        return self.starts[-1]

    @cached_property
    def alive(self) -> npt.NDArray[np.bool_] | None:
        """Which documents are alive; None: all."""
        if all(part.alive is None for part in self.parts):
            return None
        return np.concatenate(
            [np.ones(part.size, np.bool_) if part.alive is None else part.alive for part in self.parts]
        )

    @cached_property
    def norms(self) -> Floats:
        """What one occurrence of a term counts, by field and document."""
        none = np.empty((len(self.manifest.fields), 0), np.int32)
        return norms(
            np.concatenate([none, *(part.segment.lengths for part in self.parts)], axis=1), self.weights, self.means
        )

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

    def posting(self, stats: TermStats) -> Posting:
        """Where a term is in what is alive."""
        docs, counts = [np.empty(0, np.int32)], [np.empty((len(self.manifest.fields), 0), np.uint8)]
        for part, start, number in zip(self.parts, self.starts, stats.numbers, strict=False):
            if number >= 0:
                posting = part.posting(number)
                docs.append(posting.docs + np.int32(start))
                counts.append(posting.counts)
        return Posting(np.concatenate(docs), np.concatenate(counts, axis=1))

    def positions(self, stats: TermStats) -> tuple[Array, Array]:
        """Every occurrence of a term, as `Segment.positions` has them; those in dead documents are among them."""
        fields = len(self.manifest.fields)
        places, positions = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for part, start, number in zip(self.parts, self.starts, stats.numbers, strict=False):
            if number >= 0:
                here, where = part.segment.positions(number)
                places.append(here + start * fields)
                positions.append(where)
        return np.concatenate(places), np.concatenate(positions)

    def find(self, id: str) -> int:  # noqa: A002 - the field's name
        """The number of a document; -1 if it is not there."""
        for part, start, _ in self.runs():
            place = part.segment.ids.find(id)
            if place >= 0 and (part.alive is None or part.alive[place]):
                return start + place
        return -1

    def ids(self, numbers: Iterable[int]) -> list[str]:
        """The ids of documents."""
        starts, parts = self.starts, self._ids
        places = [(bisect_right(starts, number) - 1, number) for number in numbers]
        return [parts[part][number - starts[part]] for part, number in places]

    @cached_property
    def _ids(self) -> list[Strings]:
        return [part.segment.ids for part in self.parts]

    def stored(self, number: int) -> Stored:
        """A document."""
        part = bisect_right(self.starts, number) - 1
        return self.parts[part].segment.stored(number - self.starts[part])

    def form(self, stats: TermStats) -> str:
        """The shortest form that documents have of a term; the term itself, if none has it."""
        pairs = zip(self.parts, stats.numbers, strict=True)
        forms = [form for part, number in pairs if number >= 0 for form in part.segment.written(number)]
        return min(forms, key=_shortest, default=stats.term)


def _shortest(form: str) -> tuple[int, str]:
    return len(form), form
