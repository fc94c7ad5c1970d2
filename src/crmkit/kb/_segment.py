"""Segments: columns as blobs that never change. A search reads the dictionary, and of the postings what it needs."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import attrs
import numpy as np

from crmkit.errors import CrmkitError
from crmkit.kb._columns import Columns
from crmkit.kb._filters import FilterColumn, columns_of, unpacked
from crmkit.kb._marking import Stored
from crmkit.kb._packing import Array, Strings, pack, smallest, unpack
from crmkit.kb._spelling import Speller
from crmkit.protocols import BlobStore

__all__ = ["Cache", "Gone", "Posting", "Segment", "blobs_of"]

# Postings in a block: what is read for a rare word, and what a frequent one has for itself.
_BLOCK = 1 << 13
# Bytes of documents in a block.
_PAGE = 1 << 15


class Gone(CrmkitError, LookupError):
    """A blob that was there: somebody merged its segment away. The search begins again."""


def blobs_of(columns: Columns) -> Iterator[tuple[str, bytes]]:
    """The blobs of a segment, by the last part of their names."""
    cuts = _cuts(columns.starts)
    sizes = np.concatenate(([0], np.cumsum(columns.counts.sum(axis=0, dtype=np.int64))))
    for number, (low, high) in enumerate(pairwise(cuts)):
        postings = {"docs": columns.docs[low:high].astype(np.int32), "counts": smallest(columns.counts[:, low:high])}
        yield f"postings-{number:05d}", pack(postings)
        yield f"positions-{number:05d}", pack({"positions": smallest(columns.positions[sizes[low] : sizes[high]])})
    pages = [0]
    for page in _pages(columns.stored):
        yield f"stored-{len(pages) - 1:05d}", pack({"page": np.frombuffer(page, np.uint8)})
        pages.append(pages[-1] + len(page))
    yield "documents", pack({
        **Strings.of(columns.ids).packed("ids"),
        "lengths": columns.lengths.astype(np.int32),
        "begins": np.cumsum([0, *map(len, columns.stored)], dtype=np.int64),
        "pages": np.array(pages[:-1], np.int64),
    })  # fmt: skip
    yield "terms", pack({
        **Strings.of(columns.terms).packed("terms"),
        **Strings.of(columns.words).packed("words"),
        "owners": columns.owners.astype(np.int32),
        "starts": columns.starts.astype(np.int64),
        "cuts": np.array(cuts, np.int64),
    })  # fmt: skip
    yield "filters", pack(columns_of(Stored(data).fields for data in columns.stored))


def _cuts(starts: Array) -> list[int]:
    """Where blocks of postings begin and end: at the first term past each full block."""
    cuts = [0]
    for start in starts[1:-1].tolist():
        if start - cuts[-1] >= _BLOCK:
            cuts.append(start)
    return [*cuts, int(starts[-1])]


def _pages(stored: Sequence[bytes]) -> Iterator[bytes]:
    """Documents in pages of at least so many bytes."""
    page: list[bytes] = []
    size = 0
    for data in stored:
        page.append(data)
        if (size := size + len(data)) >= _PAGE:
            yield b"".join(page)
            page, size = [], 0
    if page:
        yield b"".join(page)


class _Kept:
    """A value in a cache: how many bytes it takes, and whether somebody asked for it since it was last looked at."""

    __slots__ = ("asked", "size", "value")

    def __init__(self, size: int, value: Any) -> None:
        self.size, self.value, self.asked = size, value, False


class Cache:
    """What was read or computed and may be wanted again.

    Who asks marks what he gets and moves nothing. What has to go is what came first and is not marked; what is marked
    loses its mark and comes last (second chance: F. J. Corbató, A paging experiment with the Multics system, 1968).

    Args:
        most: how many bytes to keep.
    """

    def __init__(self, most: int) -> None:
        self._most, self._kept = most, dict[str, _Kept]()
        self._room = most

    def get(self, name: str) -> Any:
        """What is kept under a name; None if nothing is."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        kept.asked = True
        return kept.value

    def put(self, name: str, size: int, value: Any) -> None:
        """Keep a value, and drop others where there is no room left."""
        self._kept[name] = _Kept(size, value)
        self._room -= size
        if self._room >= 0:
            return
        # Counted anew, not kept up: whoever else has put something meanwhile may have been missed.
        total = sum(kept.size for kept in list(self._kept.values()))
        waiting = deque(self._kept)
        while waiting and total > self._most - self._most // 8:
            oldest = waiting.popleft()
            # Somebody else may have dropped it.
            kept = self._kept.pop(oldest, None) or _Kept(0, None)
            if kept.asked:
                kept.asked = False
                self._kept[oldest] = kept
                waiting.append(oldest)
            else:
                total -= kept.size
        self._room = self._most - total


@attrs.frozen
class Posting:
    """Where a term is: documents, rising, and how often by field."""

    docs: Array
    counts: Array


class Segment:
    """A segment as a search sees it.

    Args:
        blobs: where it lies.
        name: what its blobs' names begin with.
        cache: what keeps its blocks.
    """

    def __init__(self, blobs: BlobStore, name: str, cache: Cache) -> None:
        self._blobs, self.name, self._cache = blobs, name, cache

    @cached_property
    def ids(self) -> Strings:
        """The ids of its documents, sorted."""
        return Strings.unpacked(self._documents, "ids")

    @cached_property
    def terms(self) -> Strings:
        """Its terms, sorted."""
        return Strings.unpacked(self._terms, "terms")

    @cached_property
    def words(self) -> Strings:
        """The words that may be misspelled, as they were written."""
        return Strings.unpacked(self._terms, "words")

    @cached_property
    def term_speller(self) -> Speller:
        """Finds terms that are nearly like another."""
        return Speller(self.terms)

    @cached_property
    def word_speller(self) -> Speller:
        """Finds words that are nearly like another."""
        return Speller(self.words)

    def written(self, term: int) -> list[str]:
        """The words of a term."""
        return [self.words[number] for number in np.flatnonzero(self._terms["owners"] == term).tolist()]

    @property
    def lengths(self) -> Array:
        """Terms by field and document."""
        return self._documents["lengths"]

    @cached_property
    def filters(self) -> dict[str, FilterColumn]:
        """The columns of its fields."""
        return unpacked(self._read("filters"))

    @cached_property
    def _documents(self) -> dict[str, Array]:
        return self._read("documents")

    @cached_property
    def _begins(self) -> memoryview:
        """Where the stored documents begin, and where the last one ends."""
        return np.ascontiguousarray(self._documents["begins"], np.int64).data

    @cached_property
    def _pages(self) -> memoryview:
        """Where the pages of stored documents begin."""
        return np.ascontiguousarray(self._documents["pages"], np.int64).data

    @cached_property
    def _page_names(self) -> list[str]:
        return [f"{self.name}/stored-{number:05d}" for number in range(len(self._pages))]

    @cached_property
    def _terms(self) -> dict[str, Array]:
        return self._read("terms")

    def size(self, term: int) -> int:
        """How many documents have a term, those that are deleted included."""
        starts = self._terms["starts"]
        return int(starts[term + 1] - starts[term])

    def posting(self, term: int) -> Posting:
        """Where a term is."""
        block, low, high = self._place(term)
        arrays = self._block(f"postings-{block:05d}")
        return Posting(arrays["docs"][low:high], arrays["counts"][:, low:high])

    def positions(self, term: int) -> tuple[Array, Array]:
        """Every occurrence of a term: document and field as one number (document x fields + field); the position."""
        block, low, high = self._place(term)
        postings = self._block(f"postings-{block:05d}")
        sizes = postings["counts"].sum(axis=0, dtype=np.int64)
        begin, end = int(sizes[:low].sum()), int(sizes[:high].sum())
        counts = postings["counts"][:, low:high]
        fields = len(counts)
        places = postings["docs"][low:high].astype(np.int64) * fields + np.arange(fields)[:, None]
        where = self._block(f"positions-{block:05d}")["positions"][begin:end]
        return np.repeat(places.T.ravel(), counts.T.ravel()), where.astype(np.int64)

    def stored(self, document: int) -> Stored:
        """A document."""
        begins, pages = self._begins, self._pages
        low = begins[document]
        number = bisect_right(pages, low) - 1
        name = self._page_names[number]
        page: bytes | None = self._cache.get(name)
        if page is None:
            page = self._read(f"stored-{number:05d}")["page"].tobytes()
            self._cache.put(name, len(page), page)
        begin = pages[number]
        return Stored(page[low - begin : begins[document + 1] - begin])

    def columns(self) -> Columns:
        """Everything, to be merged."""
        blocks = range(len(self._terms["cuts"]) - 1)
        postings = [self._read(f"postings-{block:05d}") for block in blocks]
        positions = [self._read(f"positions-{block:05d}")["positions"] for block in blocks]
        return Columns(
            list(self.ids),
            [self.stored(number).data for number in range(len(self.ids))],
            self.lengths,
            list(self.terms),
            list(self.words),
            self._terms["owners"].astype(np.int64),
            self._terms["starts"],
            np.concatenate([block["docs"] for block in postings]),
            np.concatenate([block["counts"] for block in postings], axis=1, dtype=np.int64),
            np.concatenate(positions, dtype=np.int64),
        )

    def _place(self, term: int) -> tuple[int, int, int]:
        """The block of a term, and where in it its postings begin and end."""
        cuts, starts = self._terms["cuts"], self._terms["starts"]
        begin, end = int(starts[term]), int(starts[term + 1])
        block = int(np.searchsorted(cuts[1:-1], begin, side="right"))
        cut = int(cuts[block])
        return block, begin - cut, end - cut

    def _block(self, part: str) -> dict[str, Array]:
        name = f"{self.name}/{part}"
        kept: dict[str, Array] | None = self._cache.get(name)
        if kept is None:
            data = self._get(name)
            kept = unpack(data, name)
            self._cache.put(name, len(data), kept)
        return kept

    def _read(self, part: str) -> dict[str, Array]:
        name = f"{self.name}/{part}"
        return unpack(self._get(name), name)

    def _get(self, name: str) -> bytes:
        data = self._blobs.get(name)
        if data is None:
            raise Gone(name)
        return data
