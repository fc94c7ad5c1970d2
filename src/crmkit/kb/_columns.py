"""Documents as columns: made from texts, or from other columns. What a segment holds, before it is cut into blobs."""

from array import array
from collections.abc import Mapping, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.kb._marking import Stored
from crmkit.kb._packing import Array
from crmkit.kb._spelling import spellable
from crmkit.kb.text import Analyzer

__all__ = ["Columns", "build", "merge", "ragged"]

_Flags = npt.NDArray[np.bool_]
_Ints = npt.NDArray[np.int64]


@attrs.frozen
class Columns:
    """An inverted index of some documents.

    Attributes:
        ids: of the documents, sorted.
        stored: the documents, in that order.
        lengths: terms by field and document.
        terms: sorted.
        words: that may be misspelled, as they were written, sorted.
        owners: the number of the term of each word.
        starts: where the postings of each term begin, and where the last ones end.
        docs: the document of each posting, rising within a term.
        counts: how often the term is in it, by field and posting.
        positions: posting by posting, field by field: where it is.
    """

    ids: list[str]
    stored: list[bytes]
    lengths: Array
    terms: list[str]
    words: list[str]
    owners: Array
    starts: Array
    docs: Array
    counts: Array
    positions: Array


class _Numbers(dict[str, int]):
    """A number for each text, in the order in which they come."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


def build(documents: Mapping[str, Stored], fields: Sequence[str], analyzer: Analyzer) -> Columns:
    """The columns of documents by id.

    Args:
        documents: the texts that are named in `fields` are taken, the others are not.
        fields: the names of the texts, in the order of the columns.
        analyzer: makes the terms.
    """
    numbers = _Numbers()
    owners: dict[str, str] = {}
    terms, positions = array("q"), array("q")
    ids = sorted(documents)
    lengths = np.zeros((len(fields), len(ids)), np.int64)
    for place, name in enumerate(ids):
        texts = documents[name].texts
        for field, part in enumerate(fields):
            found, where, written = analyzer.terms(texts.get(part, ""))
            terms.extend(map(numbers.__getitem__, found))
            positions.extend(where)
            lengths[field, place] = len(found)
            owners.update(zip(written, found, strict=True))
    places = np.repeat(np.arange(len(ids) * len(fields)), lengths.T.ravel())
    order = sorted(numbers)
    rank = np.empty(len(order), np.int64)
    rank[[numbers[term] for term in order]] = np.arange(len(order))
    stored = [documents[name].data for name in ids]
    ranked = rank[_numbers_of(terms)]
    starts, docs, counts, sequence = _postings(ranked, places, len(fields), len(order))
    words = [word for word in sorted(owners) if spellable(word)]
    return Columns(
        ids=ids,
        stored=stored,
        lengths=lengths,
        terms=order,
        words=words,
        owners=rank[[numbers[owners[word]] for word in words]],
        starts=starts,
        docs=docs,
        counts=counts,
        positions=_numbers_of(positions)[sequence],
    )


def _numbers_of(values: "array[int]") -> _Ints:
    return np.frombuffer(values, np.int64) if values else np.empty(0, np.int64)


def _postings(terms: _Ints, places: _Ints, fields: int, vocabulary: int) -> tuple[Array, Array, Array, Array]:
    """Starts, documents and counts of occurrences that come in order of place, and the order of their positions."""
    sequence = np.argsort(terms, kind="stable")
    terms, places = terms[sequence], places[sequence]
    docs = places // fields
    first = np.ones(len(terms), np.bool_)
    first[1:] = (terms[1:] != terms[:-1]) | (docs[1:] != docs[:-1])
    posting = np.cumsum(first) - 1
    count = int(first.sum())
    counts = np.bincount(posting * fields + places % fields, minlength=count * fields).reshape(count, fields).T
    starts = np.searchsorted(terms[first], np.arange(vocabulary + 1))
    return starts, docs[first], counts, sequence


def merge(parts: Sequence[Columns], alive: Sequence[_Flags]) -> Columns:
    """One for several: what is not alive is gone.

    Args:
        parts: of the same fields.
        alive: which documents of each are kept; no id is alive twice.
    """
    kept = [[number for number, flag in enumerate(flags.tolist()) if flag] for flags in alive]
    documents = sorted((part.ids[number], owner, number) for owner, part in enumerate(parts) for number in kept[owner])
    numbered = [np.full(len(part.ids), -1, np.int64) for part in parts]
    for new, (_, owner, number) in enumerate(documents):
        numbered[owner][number] = new
    live = [_without(part, numbers) for part, numbers in zip(parts, numbered, strict=True)]
    order = sorted({term for part in live for term in part.terms})
    rank = {term: number for number, term in enumerate(order)}
    owners = {
        word: rank[part.terms[owner]]
        for part in live
        for word, owner in zip(part.words, part.owners.tolist(), strict=True)
    }
    fields = len(parts[0].lengths)
    terms = np.concatenate([_spread(part, rank) for part in live])
    docs = np.concatenate([part.docs for part in live])
    counts = np.concatenate([part.counts for part in live], axis=1)
    positions = np.concatenate([part.positions for part in live])
    sequence = np.lexsort((docs, terms))
    sizes = counts.sum(axis=0)
    lengths = np.zeros((fields, len(documents)), np.int64)
    for part, numbers in zip(parts, numbered, strict=True):
        lengths[:, numbers[numbers >= 0]] = part.lengths[:, numbers >= 0]
    return Columns(
        [name for name, _, _ in documents],
        [parts[owner].stored[number] for _, owner, number in documents],
        lengths,
        order,
        sorted(owners),
        np.array([owners[word] for word in sorted(owners)], np.int64),
        np.searchsorted(terms[sequence], np.arange(len(order) + 1)),
        docs[sequence],
        counts[:, sequence],
        positions[ragged(np.cumsum(sizes) - sizes, sizes, sequence)],
    )


def ragged(starts: _Ints, sizes: _Ints, chosen: _Ints) -> _Ints:
    """The places of all elements of the chosen runs, run by run."""
    lengths = sizes[chosen]
    ends = np.cumsum(lengths)
    return np.repeat(starts[chosen] - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)


def _spread(part: Columns, rank: Mapping[str, int]) -> _Ints:
    """The new number of the term of each posting."""
    return np.repeat(np.array([rank[term] for term in part.terms], np.int64), np.diff(part.starts))


def _without(part: Columns, numbers: _Ints) -> Columns:
    """The postings of what is kept, renumbered, and the terms that still have some."""
    docs = numbers[part.docs]
    kept = docs >= 0
    before = np.concatenate(([0], np.cumsum(kept)))
    starts = before[part.starts]
    used = np.diff(starts) > 0
    sizes = part.counts.sum(axis=0, dtype=np.int64)
    positions = part.positions[np.repeat(kept, sizes)]
    names = np.flatnonzero(used).tolist()
    return attrs.evolve(
        part,
        terms=[part.terms[name] for name in names],
        words=[word for word, owner in zip(part.words, part.owners.tolist(), strict=True) if used[owner]],
        owners=(np.cumsum(used) - 1)[part.owners][used[part.owners]],
        starts=np.concatenate((starts[:-1][used], starts[-1:])),
        docs=docs[kept],
        counts=part.counts[:, kept],
        positions=positions,
    )
