"""A search index in a folder, searched by tantivy (extra `search`): the same questions, notes and contract as ours.

    index = TantivyIndex("cards.tantivy", fields={"title": 2, "text": 1})

What differs from `crmkit.kb.SegmentIndex`, by capability:

- scores: BM25 of each text, weighted and summed, with lengths rounded to one byte; not BM25F;
- writers: one process at a time; a commit is all or nothing, as there;
- filters and facets are exact; they need columns in memory, which the first such search after a commit builds;
- pages after a commit go on at the same place, which the notes say; a hit may come twice or be missed;
- nothing tantivy's own query language means anything: terms are handed over as they are.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from crmkit import model
from crmkit.adapters._tantivy_state import ID, STORED, WORDS, State
from crmkit.errors import AnalyzerMismatch, ExtraMissing, InputError, InvalidValue, NotFound, Unavailable
from crmkit.kb._filters import resolved
from crmkit.kb._marking import Stored
from crmkit.kb._planner import Planner
from crmkit.kb._searching import Cursor, question_of
from crmkit.kb.index import SearchIndex
from crmkit.kb.query import Filter, Query, Text
from crmkit.kb.results import Document, Hit, NearTerm, Note, Results
from crmkit.kb.text import Analyzer

__all__ = ["TantivyIndex"]

_USUAL = Analyzer()
_STALE = Note("stale", why="the index has changed since the page before; this page goes on at the same place")
_HEAP = 64_000_000


class TantivyIndex(SearchIndex):
    """Documents that can be searched.

    Args:
        folder: where the index lies; made if it is not there.
        fields: the texts of a document that are searched, and how much a word counts in each.
        analyzer: makes the terms; an index is read with the one it was made with.

    Raises:
        ExtraMissing: if tantivy is not installed.
        AnalyzerMismatch: if the index was made by another analyzer or of other texts; index the documents anew.
        InputError: if the folder holds something else.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        fields: Mapping[str, float] = MappingProxyType({"title": 2.0, "text": 1.0}),
        analyzer: Analyzer = _USUAL,
    ) -> None:
        if not fields or not all(weight > 0 for weight in fields.values()):
            raise InvalidValue("fields", dict(fields), "are no names of texts with positive weights")
        self._engine = _engine()
        self._folder, self._fields, self._analyzer = Path(folder), dict(fields), analyzer
        self._checked()
        builder = self._engine.SchemaBuilder()
        builder.add_text_field(ID, stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_bytes_field(STORED, stored=True)
        builder.add_text_field(WORDS, tokenizer_name="raw", index_option="basic")
        for name in fields:
            builder.add_text_field(f"text {name}", tokenizer_name="raw", index_option="position")
        self._schema = builder.build()
        try:
            self._index = self._engine.Index(self._schema, path=str(self._folder))
        except ValueError as error:
            raise InputError(str(folder), f"is no index of tantivy: {error}") from None
        self._state: State | None = None

    def _checked(self) -> None:
        """Refuse a folder that was made in another way; a new one remembers how it is made."""
        self._folder.mkdir(parents=True, exist_ok=True)
        mine, file = [self._analyzer.fingerprint, list(self._fields)], self._folder / "crmkit.json"
        try:
            found = json.loads(file.read_bytes())
        except FileNotFoundError:
            file.write_text(json.dumps(mine), encoding="utf-8")
            return
        except ValueError:
            raise InputError(str(file), "does not say how the index was made", "index the documents anew") from None
        if found != mine:
            raise AnalyzerMismatch(f"index {str(self._folder)!r}", str(found), str(mine))

    # -- writing

    def apply(self, add: Iterable[Document | model.Document] = (), *, delete: Iterable[str] = ()) -> int:
        """Delete and add in one commit, all or nothing; its number.

        Raises:
            NotFound: if a document has a text that the index has not; nothing has happened.
            Unavailable: if somebody else is writing.
        """
        if isinstance(delete, str):
            raise InvalidValue("delete", delete, "is one text; give several ids")
        try:
            writer = self._index.writer(_HEAP, 1)
        except ValueError as error:
            raise Unavailable(f"index {str(self._folder)!r}", f"another writer is at work: {error}") from None
        try:
            for name in delete:
                writer.delete_documents_by_term(ID, name)
            for one in add:
                given = Document.of(one) if isinstance(one, model.Document) else one
                writer.delete_documents_by_term(ID, given.id)
                writer.add_document(self._made(given))
            number: int = writer.commit()
            writer.wait_merging_threads()
        except BaseException:
            writer.rollback()
            raise
        finally:
            # The lock of the folder goes with the writer.
            del writer
        self._state = None
        return number

    def _made(self, given: Document) -> Any:
        made = self._engine.Document()
        made.add_text(ID, given.id)
        made.add_bytes(STORED, Stored.of(given.texts, given.fields).data)
        words: set[str] = set()
        for name, text in given.texts.items():
            if name not in self._fields:
                raise NotFound("text", name, tuple(self._fields), f"index {str(self._folder)!r}")
            terms, positions, forms = self._analyzer.terms(text)
            tokens = sorted(zip(positions, terms, strict=True))
            self._add(made, f"text {name}", tokens)
            words.update(forms)
        self._add(made, WORDS, [(0, word) for word in sorted(words)])
        return made

    def _add(self, made: Any, field: str, tokens: Iterable[tuple[int, str]]) -> None:
        listed = [self._engine.Token(term, position, 0, 0) for position, term in tokens]
        made.add_pre_tokenized_text(field, self._engine.PreTokenizedString("", listed))

    # -- reading

    def _current(self) -> "State":
        number = json.loads((self._folder / "meta.json").read_bytes())["opstamp"]
        if self._state is None or self._state.number != number:
            self._index.reload()
            searcher, fields = self._index.searcher(), self._fields
            self._state = State(
                self._engine, self._schema, searcher, number=number, fields=fields, analyzer=self._analyzer
            )
        return self._state

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
        asked = Text(query) if isinstance(query, str) else query
        wanted = [resolved(one, None) for one in filters]
        state = self._current()
        planner = Planner(self._analyzer, state)  # type: ignore[arg-type] # it has what a planner asks for
        plan = planner.plan(asked)
        question = question_of(asked, wanted)
        cursor = None if after is None else Cursor.from_text(after, question)
        passed = 0 if cursor is None else cursor.passed
        stale = cursor is not None and cursor.commit != state.number
        total, hits = state.ranked(plan, wanted, passed + limit + 1)
        page = hits[passed : passed + limit]
        following = None
        if limit and len(hits) > passed + limit:
            last = page[-1]
            following = Cursor(state.number, question, last[0], last[1], passed + limit).to_text()
        counted = {name: state.facet(plan, wanted, name) for name in facets}
        marker = planner.marker
        found = tuple(Hit(name, score, stored, marker) for score, name, stored in page)
        return Results(found, total, counted, (*planner.notes, *([_STALE] if stale else [])), following)

    def similar(self, document: str | Document, *, filters: Sequence[Filter] = (), limit: int = 10) -> Results:
        """Documents like one.

        Raises:
            NotFound: if there is no document with that id.
        """
        state = self._current()
        given = state.get(document) if isinstance(document, str) else document
        if given is None:
            raise NotFound("document", str(document), (), f"index {str(self._folder)!r}")
        planner = Planner(self._analyzer, state)  # type: ignore[arg-type] # as above
        plan = planner.alike((given.texts.get(name, ""), weight) for name, weight in self._fields.items())
        total, hits = state.ranked(plan, [resolved(one, None) for one in filters], limit + 1, without=given.id)
        marker = planner.marker
        found = tuple(Hit(name, score, stored, marker) for score, name, stored in hits[:limit])
        return Results(found, total, {}, planner.notes)

    def near_terms(self, word: str, *, edits: int = 2, limit: int = 10) -> tuple[NearTerm, ...]:
        """Words of the documents that differ from one by few letters."""
        state = self._current()
        return Planner(self._analyzer, state).near_terms(word, edits, limit)  # type: ignore[arg-type] # as above


def _engine() -> Any:
    try:
        return import_module("tantivy")
    except ImportError:
        raise ExtraMissing("tantivy", "search", "an index of tantivy") from None
