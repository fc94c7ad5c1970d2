"""A search index in whatever keeps bytes: memory, SQLite, PostgreSQL, any `crmkit.protocols.BlobStore`.

    index = SegmentIndex(store, "cards", fields={"title": 2, "text": 1})
    index.add([Document("c1", {"title": "VAT invoice", "text": "发票 …"}, {"product": "ERP"})])
    answer = index.search("invioce", filters=[Eq("product", "ERP")], facets=["product"])
    answer.hits, answer.total, answer.notes     # (Hit("c1", ...),), 1, ("looked for 'invoice'",)

Scores are BM25F. A search sees one commit as a whole, whatever is written meanwhile; a commit is all or nothing,
whenever it is interrupted; of two writers, neither loses anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, Self, TypeVar

import attrs

from crmkit import model
from crmkit.errors import AnalyzerMismatch, Damaged, InvalidValue, NotFound
from crmkit.kb._filters import Narrower, resolved
from crmkit.kb._manifest import Manifest
from crmkit.kb._marking import Stored
from crmkit.kb._planner import Planner, Unsupported
from crmkit.kb._searching import Cursor, Search, Wish, question_of
from crmkit.kb._segment import Cache, Gone, Segment
from crmkit.kb._snapshot import Part, Snapshot
from crmkit.kb._verifying import flaws
from crmkit.kb._writing import Writer
from crmkit.kb.query import Filter, Query, Text
from crmkit.kb.results import Document, Flaw, Hit, NearTerm, Note, Results
from crmkit.kb.text import Analyzer
from crmkit.protocols import BlobStore

__all__ = ["SearchIndex", "SegmentIndex"]

_T = TypeVar("_T")
_USUAL = Analyzer()
_STALE = Note("stale", why="the index has changed since the page before; this page is of its new state")


class SearchIndex(Protocol):
    """What searches, whichever engine does the work.

    Prove it with `crmkit.testing.contracts.SearchIndexContract`.
    """

    def apply(self, add: Iterable[Document | model.Document] = (), *, delete: Iterable[str] = ()) -> int:
        """Delete and add in one commit, all or nothing; its number."""
        ...

    def search(
        self,
        query: Query | str,
        *,
        filters: Sequence[Filter] = (),
        facets: Sequence[str] = (),
        limit: int = 10,
        after: str | None = None,
    ) -> Results:
        """What matches, the best first; the notes say what was corrected, dropped, emulated or stale."""
        ...

    def near_terms(self, word: str, *, edits: int = 2, limit: int = 10) -> tuple[NearTerm, ...]:
        """Words of the documents that differ from one by few letters."""
        ...

    def similar(self, document: str | Document, *, filters: Sequence[Filter] = (), limit: int = 10) -> Results:
        """Documents like one."""
        ...


class SegmentIndex:
    """Documents that can be searched.

    Args:
        blobs: where they are kept. Many indexes may share a store.
        name: the index; what the names of its blobs begin with.
        fields: the texts of a document that are searched, and how much a word counts in each.
        analyzer: makes the terms; an index is read with the one it was made with.
        cache: how many bytes to keep in memory: half for what words are worth in documents, half for blobs as they
            were read. Of a million documents of thirty words, 128 MiB hold what hundreds of questions need. An index
            that is open takes besides, for each document, its id and 16 bytes, 8 more for each text, and its words once
            for every `segment` documents.
        segment: how many documents a segment holds at most: more need more memory when they are written.
    """

    def __init__(
        self,
        blobs: BlobStore,
        name: str = "search",
        *,
        fields: Mapping[str, float] = MappingProxyType({"title": 2.0, "text": 1.0}),
        analyzer: Analyzer = _USUAL,
        cache: int = 1 << 27,
        segment: int = 1 << 16,
    ) -> None:
        if not fields or not all(weight > 0 for weight in fields.values()):
            raise InvalidValue("fields", dict(fields), "are no names of texts with positive weights")
        if segment < 1:
            raise InvalidValue("segment", segment, "is no number of documents")
        self._analyzer = analyzer
        self._weights = tuple(map(float, fields.values()))
        self._writer = Writer(blobs, name, tuple(fields), analyzer, segment)
        # What is computed must not make room for the much larger blobs that it was computed from.
        self._worths, self._cache = Cache(cache // 2), Cache(cache // 2)
        self._state: tuple[bytes | None, Snapshot] | None = None

    @classmethod
    def opened(cls, blobs: BlobStore, name: str = "search", *, analyzers: Iterable[Analyzer] = (_USUAL,)) -> Self:
        """An index that is there, with the texts it was made of, which all weigh the same.

        Args:
            blobs: where it lies.
            name: the index.
            analyzers: of these the one it was made with; no more are asked for than it takes to find it.

        Raises:
            NotFound: if there is no such index.
            AnalyzerMismatch: if it was made with none of them.
            Damaged: if its head is.
        """
        head = blobs.get(f"{name}/head")
        if head is None:
            raise NotFound("index", name)
        made = Manifest.from_bytes(head, f"{name}/head")
        for analyzer in analyzers:
            if analyzer.fingerprint == made.analyzer:
                return cls(blobs, name, fields=dict.fromkeys(made.fields, 1.0), analyzer=analyzer)
        raise AnalyzerMismatch(f"index {name!r}", f"analyzer {made.analyzer}", "any of those that were offered")

    # -- writing

    def add(self, documents: Iterable[Document | model.Document]) -> int:
        """Add documents, or replace those with the same ids: all or none; the number of the commit.

        Memory is needed for one segment (or 32 MB of documents), and for the ids of all.

        Raises:
            AnalyzerMismatch: if the index was made by another analyzer or of other texts.
            NotFound: if a document has a text that the index has not.
            Unavailable: if what was written was removed by a `vacuum` elsewhere; nothing has happened.
        """
        return self.apply(documents)

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents, those that are there; the number of the commit.

        Raises:
            AnalyzerMismatch: if the index was made by another analyzer or of other texts.
        """
        return self.apply(delete=ids)

    def apply(self, add: Iterable[Document | model.Document] = (), *, delete: Iterable[str] = ()) -> int:
        """Delete and add in one commit (an id that is in both is replaced); its number. See `add` for the errors."""
        if isinstance(delete, str):
            raise InvalidValue("delete", delete, "is one text; give several ids")
        number = self._writer.apply(map(self._stored, add), delete)
        self._writer.tidy()
        return number

    def merge(self) -> None:
        """Merge the segments as far as they may be, and drop what was deleted: searches get faster.

        Raises:
            AnalyzerMismatch: if the index was made by another analyzer or of other texts.
        """
        self._writer.tidy(thoroughly=True)

    def vacuum(self) -> int:
        """Remove what interrupted writers left behind; how many blobs that were. Nobody has to stop for it."""
        return self._writer.vacuum()

    def purge(self) -> None:
        """Remove for good what was deleted or replaced: its texts, its words, and the segments that were merged away.

        Other commits leave them for a while. Who is just reading begins again. The store below may keep deleted bytes
        in its files; see `crmkit.protocols.Scrubbable`.

        Raises:
            AnalyzerMismatch: if the index was made by another analyzer or of other texts.
            Unavailable: if others write so often that there is always something left.
        """
        self._writer.purge()

    def rebuild(self) -> int:
        """Make it anew from the documents it holds, with this analyzer and these texts; the number of the commit."""
        return self._writer.rebuild()

    def verify(self) -> tuple[Flaw, ...]:
        """Read every blob of the present state, and say which are missing or not as they were written.

        `rebuild` mends what the documents themselves are not part of; what it cannot mend says how many are lost.

        Raises:
            Damaged: if the head itself is.
        """
        while True:
            head = self._writer.head()
            found = tuple(flaws(self._writer.blobs, self._writer.manifest(head)))
            # What a merge has cleared away meanwhile is no flaw.
            if not found or self._writer.head() == head:
                return found

    def _stored(self, document: Document | model.Document) -> tuple[str, Stored]:
        given = Document.of(document) if isinstance(document, model.Document) else document
        for name in given.texts:
            if name not in self._writer.fields:
                raise NotFound("text", name, self._writer.fields, f"index {self._writer.name!r}")
        return given.id, Stored.of(given.texts, given.fields)

    # -- reading

    @property
    def analyzer(self) -> Analyzer:
        """What makes the terms."""
        return self._analyzer

    def __len__(self) -> int:
        return self._in_one_state(_size)

    def get(self, id: str) -> Document | None:  # noqa: A002 - the field's name
        """A document by its id; None if there is none.

        Raises:
            AnalyzerMismatch: if the index was made by another analyzer or of other texts.
        """

        def look(state: Snapshot) -> Document | None:
            number = state.find(id)
            if number < 0:
                return None
            stored = state.stored(number)
            return Document(id, stored.texts, stored.fields)

        return self._in_one_state(look)

    def documents(self) -> tuple[Document, ...]:
        """All documents of one state, in the order in which they are kept.

        Raises:
            AnalyzerMismatch: if the index was made by another analyzer or of other texts.
        """

        def look(state: Snapshot) -> tuple[Document, ...]:
            found: list[Document] = []
            for part in state.parts:
                for number, name in enumerate(part.segment.ids):
                    if part.alive is None or part.alive[number]:
                        stored = part.segment.stored(number)
                        found.append(Document(name, stored.texts, stored.fields))
            return tuple(found)

        return self._in_one_state(look)

    def search(
        self,
        query: Query | str,
        *,
        filters: Sequence[Filter] = (),
        facets: Sequence[str] = (),
        limit: int = 10,
        after: str | None = None,
        buckets: int = 100,
        narrower: Narrower | None = None,
        on_unsupported: Unsupported = "emulate",
    ) -> Results:
        """The documents that match, the best first.

        Args:
            query: what is asked; a text is what somebody typed, see `Text`.
            filters: all of which let a hit through; they do not score.
            facets: the fields whose values are counted over all that match.
            limit: how many hits at most.
            after: the `next` of the page before.
            buckets: how many values of a facet at most.
            narrower: from a subject term to those directly under it; `Under` needs it.
            on_unsupported: what is done about a part of the question that means nothing to an index, such as a prefix
                of two words. What is emulated or left out is in the notes.

        Raises:
            AnalyzerMismatch: if the index was made by another analyzer or of other texts.
            InvalidValue: if the question cannot be answered.
            NotFound: if it names a text that the index has not.
            Damaged: if a blob is missing, or not as it was written.
        """
        _check_sizes(limit=limit, buckets=buckets)
        asked = Text(query) if isinstance(query, str) else query
        wish = Wish([resolved(one, narrower) for one in filters], tuple(facets), limit, buckets)

        def look(state: Snapshot) -> Results:
            planner = Planner(self._analyzer, state, on_unsupported)
            plan = planner.plan(asked)
            return self._answer(Search.of(state, plan, wish), planner, question_of(asked, wish.filters), after)

        return self._in_one_state(look)

    def similar(self, document: str | Document, *, filters: Sequence[Filter] = (), limit: int = 10) -> Results:
        """The documents that share the words that distinguish one, the most alike first.

        Args:
            document: its id, or a document that the index need not have; itself is not among the hits.
            filters: all of which let a hit through, `Under` excepted.
            limit: how many hits at most.

        Raises:
            NotFound: if there is no document with that id.
        """
        _check_sizes(limit=limit)
        given = self.get(document) if isinstance(document, str) else document
        if given is None:
            raise NotFound("document", str(document), (), f"index {self._writer.name!r}")
        wish = Wish([resolved(one, None) for one in filters], (), limit, 0, given.id)

        def look(state: Snapshot) -> Results:
            planner = Planner(self._analyzer, state)
            texts = [
                (given.texts.get(name, ""), weight)
                for name, weight in zip(self._writer.fields, self._weights, strict=True)
            ]
            return self._answer(Search.of(state, planner.alike(texts), wish), planner, "", None)

        return attrs.evolve(self._in_one_state(look), next=None)

    def near_terms(self, word: str, *, edits: int = 2, limit: int = 10) -> tuple[NearTerm, ...]:
        """The words of the documents that differ from one by few letters, the nearest and most frequent first.

        Args:
            word: the word; it may be among them.
            edits: how many letters may be missing, added, changed or swapped.
            limit: how many words at most.
        """
        _check_sizes(edits=edits, limit=limit)

        def look(state: Snapshot) -> tuple[NearTerm, ...]:
            return Planner(self._analyzer, state).near_terms(word, edits, limit)

        return self._in_one_state(look)

    def _answer(self, search: Search, planner: Planner, question: str, after: str | None) -> Results:
        state, limit = search.snapshot, search.wish.limit
        cursor = None if after is None else Cursor.from_text(after, question)
        notes = planner.notes
        if cursor is not None and cursor.commit != state.manifest.number:
            notes = (*notes, _STALE)
        found = search.best(cursor)
        marker = planner.marker
        hits = tuple(Hit(name, score, state.stored(number), marker) for score, name, number in found[:limit])
        following = None
        if limit and len(found) > limit:
            passed = limit + (cursor.passed if cursor is not None else 0)
            following = Cursor(state.manifest.number, question, hits[-1].score, hits[-1].id, passed).to_text()
        return Results(hits, search.total, search.facets(), notes, following)

    def _in_one_state(self, look: Callable[[Snapshot], _T]) -> _T:
        while True:
            head, state = self._current()
            try:
                return look(state)
            except Gone as gone:
                # Somebody merged, and has cleared away what we were reading: the new state has it elsewhere.
                if self._writer.head() == head:
                    where = f"index {self._writer.name!r}"
                    raise Damaged(
                        where, 0, f"the blob {gone} is missing; `crmkit kb verify` says whether --rebuild mends it"
                    ) from None

    def _current(self) -> tuple[bytes | None, Snapshot]:
        head = self._writer.head()
        known = self._state
        if known is not None and known[0] == head:
            return known
        manifest = self._writer.checked(head)
        old = {part.segment.name: part.segment for part in known[1].parts} if known is not None else {}
        parts = [
            Part(
                old.get(entry.name) or Segment(self._writer.blobs, entry.name, self._cache),
                None if entry.gone is None else ~entry.gone,
            )
            for entry in manifest.segments
        ]
        self._state = head, Snapshot(manifest, parts, self._weights, self._worths)
        return self._state


def _size(state: Snapshot) -> int:
    return state.size


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise InvalidValue(name, size, "is no number of hits, values or letters")
