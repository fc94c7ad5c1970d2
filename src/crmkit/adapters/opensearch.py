"""Search by an OpenSearch server. UNVERIFIED: its requests are held to recorded ones, and no server has seen them.

    index = OpenSearchIndex(send, "cards")      # send(method, path, body) -> the decoded answer

`send` is the host's: it knows the address, the credentials and the library. Run the checks of
`crmkit.testing.contracts.SearchIndexContract` against your server before you rely on this, and expect differences:

- terms are made by our analyzer and handed over between blanks, so that nothing depends on the server's analyzers and
  nothing that a user types is syntax;
- no word is corrected: one that no document has is left out, as the notes say; `Prefix` and `Fuzzy` are the server's;
- scores are the server's BM25 of each text, weighted and summed;
- filters on equality, presence, numbers and times; facets count texts of values, and over shards approximately;
- likeness and nearness (`similar`, `near_terms`) are not there: it searches, and is no whole `SearchIndex`;
- a page is found by `search_after`, score and id of the last hit; after a change it may repeat or miss hits.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import quote

from crmkit import model
from crmkit.errors import InvalidValue, NotFound, Unavailable
from crmkit.events import fields_from_json, fields_to_json
from crmkit.kb import query as ask
from crmkit.kb._filters import resolved
from crmkit.kb._marking import Marker, Stored
from crmkit.kb.results import Bucket, Document, Hit, Note, Results
from crmkit.kb.text import Analyzer
from crmkit.values import Fields

__all__ = ["OpenSearchIndex", "Send"]

#: Sends a request: method, path, and a body (a mapping, or the lines of a bulk request); gives the decoded answer.
Send: TypeAlias = Callable[[str, str, Mapping[str, Any] | Sequence[Mapping[str, Any]]], Mapping[str, Any]]

_Json: TypeAlias = dict[str, Any]
_USUAL = Analyzer()
_BUCKETS = 100


class OpenSearchIndex:
    """Documents that can be searched.

    Args:
        send: sends a request.
        name: the index.
        fields: the texts of a document that are searched, and how much a word counts in each.
        analyzer: makes the terms.
    """

    def __init__(
        self,
        send: Send,
        name: str = "search",
        *,
        fields: Mapping[str, float] = MappingProxyType({"title": 2.0, "text": 1.0}),
        analyzer: Analyzer = _USUAL,
    ) -> None:
        if not fields or not all(weight > 0 for weight in fields.values()):
            raise InvalidValue("fields", dict(fields), "are no names of texts with positive weights")
        self._send, self._path, self._fields, self._analyzer = send, quote(name, safe=""), dict(fields), analyzer

    def create(self) -> None:
        """Make the index, once."""
        text = {"type": "text", "analyzer": "whitespace"}
        properties: _Json = {
            "id": {"type": "keyword"},
            "stored": {"type": "keyword", "index": False, "doc_values": False},
        }
        properties |= {kind: {"properties": dict.fromkeys(self._fields, text)} for kind in ("terms", "rows")}
        properties |= {"values": {"type": "keyword"}, "names": {"type": "keyword"}}
        mapping = {"dynamic_templates": [
            {kind: {"path_match": f"{kind}.*", "mapping": {"type": type_}}}
            for kind, type_ in (("numbers", "double"), ("times", "date"))
        ], "properties": properties}  # fmt: skip
        self._send("PUT", f"/{self._path}", {"mappings": mapping})

    # -- writing

    def apply(self, add: Iterable[Document | model.Document] = (), *, delete: Iterable[str] = ()) -> int:
        """Delete and add, seen by every later search; document by document: a server has no commit. How many.

        Raises:
            NotFound: if a document has a text that the index has not; nothing was sent.
            Unavailable: if the server refused one; others may be written.
        """
        given = [Document.of(one) if isinstance(one, model.Document) else one for one in add]
        lines: list[_Json] = [{"delete": {"_id": name}} for name in delete]
        changes = len(lines) + len(given)
        for one in given:
            lines += [{"index": {"_id": one.id}}, self._source(one)]
        if lines and self._send("POST", f"/{self._path}/_bulk?refresh=wait_for", lines).get("errors"):
            raise Unavailable(f"index {self._path!r}", "the server refused some documents", "send them again")
        return changes

    def _source(self, one: Document) -> _Json:
        unknown = [name for name in one.texts if name not in self._fields]
        if unknown:
            raise NotFound("text", unknown[0], tuple(self._fields), f"index {self._path!r}")
        values = [(name, value) for name in one.fields for value in _several(one.fields[name]) if _comparable(value)]
        return {
            "id": one.id,
            "stored": Stored.of(one.texts, one.fields).data.decode(),
            "terms": {name: " ".join(self._analyzer.terms(text)[0]) for name, text in one.texts.items()},
            "rows": {name: " ".join(self._row(text)) for name, text in one.texts.items()},
            "names": sorted({name for name, _ in values}),
            "values": [_key(name, value) for name, value in values],
            "numbers": _grouped((name, float(value)) for name, value in values if _is_number(value)),
            "times": _grouped((name, value.isoformat()) for name, value in values if isinstance(value, date)),
        }

    def _row(self, text: str) -> list[str]:
        """The words and characters in their order: pairs would stand between them."""
        return [token.term for token in self._analyzer.tokens(text) if token.kind not in ("pair", "sound")]

    # -- reading

    def search(
        self,
        query: ask.Query | str,
        *,
        filters: Sequence[ask.Filter] = (),
        facets: Sequence[str] = (),
        limit: int = 10,
        after: str | None = None,
    ) -> Results:
        """What matches, the best first; the notes say which words no document has."""
        asked = ask.Text(query) if isinstance(query, str) else query
        answer = self._send("POST", f"/{self._path}/_search", self.request(asked, filters, facets, limit, after))
        found = answer["hits"]["hits"]
        known = answer.get("aggregations", {})
        counts = known.get("every", {}).get("known", {}).get("buckets", {})
        dropped = [word for word, bucket in counts.items() if not bucket["doc_count"]]
        notes = tuple(Note("dropped", (word,), why="is in no document") for word in dropped)
        words = frozenset((None, term) for term in self._words(asked))
        marker = Marker(self._analyzer, words, frozenset())
        hits = tuple(
            Hit(one["_source"]["id"], one["_score"] or 0.0, Stored(one["_source"]["stored"].encode()), marker)
            for one in found[:limit]
        )
        following = None
        if limit and len(found) > limit:
            following = urlsafe_b64encode(json.dumps(found[limit - 1]["sort"]).encode()).decode()
        counted = {name: _buckets(known[f"facet {name}"]["buckets"]) for name in facets}
        return Results(hits, answer["hits"]["total"]["value"], counted, notes, following)

    def request(
        self, query: ask.Query, filters: Sequence[ask.Filter], facets: Sequence[str], limit: int, after: str | None
    ) -> _Json:
        """The body of the search."""
        every = {term: self._everywhere(term) for term in sorted(self._words(query))}
        aggregations: _Json = {
            f"facet {name}": {"terms": {"field": "values", "size": _BUCKETS, "include": f"{_escaped(_key(name))}.*"}}
            for name in facets
        }
        if every:
            aggregations["every"] = {"global": {}, "aggs": {"known": {"filters": {"filters": every}}}}
        body: _Json = {
            "query": {
                "bool": {"must": [self._query(query)], "filter": [_filter(resolved(one, None)) for one in filters]}
            },
            "sort": [{"_score": "desc"}, {"id": "asc"}],
            "size": limit + 1,
            "track_total_hits": True,
            "track_scores": True,
            "_source": ["id", "stored"],
            "aggs": aggregations,
        }
        if after is not None:
            try:
                score, name = json.loads(urlsafe_b64decode(after.encode()))
            except (ValueError, TypeError):
                raise InvalidValue("after", after, "is no cursor; give the `next` of an answer") from None
            body["search_after"] = [score, name]
        return body

    def _words(self, query: ask.Query) -> set[str]:
        """The terms of the texts that are asked for; pairs and sounds only score, and are no words."""
        match query:
            case ask.Text(text=text):
                return set(self._row(text))
            case ask.And(parts=parts) | ask.Or(parts=parts):
                return {word for part in parts for word in self._words(part)}
            case ask.Boost(part=part):
                return self._words(part)
            case _:
                return set()

    def _names(self, field: str | None) -> list[str]:
        if field is not None and field not in self._fields:
            raise NotFound("text", field, tuple(self._fields), f"index {self._path!r}")
        return [*self._fields] if field is None else [field]

    def _everywhere(self, term: str, field: str | None = None) -> _Json:
        """A term in one of the texts."""
        return self._weighted((name, {"term": {f"terms.{name}": {"value": term}}}) for name in self._names(field))

    def _weighted(self, parts: Iterable[tuple[str, _Json]]) -> _Json:
        should: list[_Json] = []
        for name, part in parts:
            ((_, given),) = part.items()
            ((_, options),) = given.items()
            options["boost"] = self._fields[name]
            should.append(part)
        return {"bool": {"should": should, "minimum_should_match": 1}}

    def _query(self, query: ask.Query) -> _Json:
        match query:
            case ask.MatchAll():
                return {"match_all": {"boost": 0}}
            case ask.Text():
                return self._text(query)
            case ask.And(parts=parts):
                return {"bool": {"must": [{"match_all": {"boost": 0}}, *map(self._query, parts)]}}
            case ask.Or(parts=parts):
                if not parts:
                    return {"match_none": {}}
                return {"bool": {"should": [*map(self._query, parts)], "minimum_should_match": 1}}
            case ask.Not(part=part):
                return {"bool": {"must": [{"match_all": {"boost": 0}}], "must_not": [self._query(part)]}}
            case ask.Boost(part=part, factor=factor):
                return {"bool": {"must": [self._query(part)], "boost": factor}}
            case _:
                return self._leaf(query)

    def _leaf(self, query: ask.Query) -> _Json:
        options: _Json
        match query:
            case ask.Term(word=text, field=field):
                return self._phrase(text, 0, field)
            case ask.Phrase(text=text, slop=slop, field=field):
                return self._phrase(text, slop, field)
            case ask.Prefix(text=text, field=field):
                kind, options = "prefix", {"value": " ".join(piece.text for piece in self._analyzer.pieces(text))}
            case ask.Fuzzy(word=text, field=field):
                edits = "AUTO" if query.edits == "auto" else query.edits
                kind, options = "fuzzy", {"value": self._analyzer.term(text), "fuzziness": edits}
                options["prefix_length"] = query.prefix
            case _:
                raise InvalidValue("query", query, "is no query; see crmkit.kb.query")
        return self._weighted((name, {kind: {f"terms.{name}": dict(options)}}) for name in self._names(field))

    def _phrase(self, text: str, slop: int, field: str | None) -> _Json:
        words = " ".join(self._row(text))
        return self._weighted(
            (name, {"match_phrase": {f"rows.{name}": {"query": words, "slop": slop}}}) for name in self._names(field)
        )

    def _text(self, query: ask.Text) -> _Json:
        words = [*dict.fromkeys(self._row(query.text))]
        others = [term for term in dict.fromkeys(self._analyzer.terms(query.text)[0]) if term not in words]
        needed = {"any": 1, "all": max(len(words), 1)}.get(str(query.op), query.op)
        counted = {"should": [self._everywhere(word, query.field) for word in words], "minimum_should_match": needed}
        more = [self._everywhere(term, query.field) for term in others]
        return {"bool": {"must": [{"bool": counted} if words else {"match_none": {}}], "should": more}}


def _several(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, tuple) else (value,)


def _comparable(value: object) -> bool:
    return value is not None and not isinstance(value, Mapping)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _grouped(pairs: Iterable[tuple[str, Any]]) -> _Json:
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _key(name: str, value: Any = None) -> str:
    """A field with a value as one keyword; without one, what such keywords begin with. 1 and 1.0 are one."""
    begin = f"{json.dumps(name)}="
    if value is None:
        return begin
    same = Decimal(str(value)).normalize() if _is_number(value) else value
    return begin + fields_to_json(Fields(value=same))


def _escaped(text: str) -> str:
    """Nothing in it is an operator of Lucene's regular expressions."""
    return "".join(f"\\{letter}" if not letter.isalnum() else letter for letter in text)


def _buckets(found: Iterable[Mapping[str, Any]]) -> tuple[Bucket, ...]:
    return tuple(Bucket(fields_from_json(one["key"][_end(one["key"]) :])["value"], one["doc_count"]) for one in found)


def _end(key: str) -> int:
    """Where the value of a keyword begins."""
    return json.JSONDecoder().raw_decode(key)[1] + 1


def _filter(one: ask.Filter) -> _Json:
    match one:
        case ask.Eq(name=name, value=value):
            return {"term": {"values": _key(name, value)}}
        case ask.In(name=name, values=values):
            return {"terms": {"values": [_key(name, value) for value in values]}}
        case ask.Exists(name=name):
            return {"term": {"names": name}}
        case ask.Without(part=part):
            return {"bool": {"must_not": [_filter(part)]}}
        case ask.Range(name=name, start=start, end=end):
            limits = {word: value for word, value in (("gte", start), ("lt", end)) if value is not None}
            if all(_is_number(value) for value in limits.values()):
                return {"range": {f"numbers.{name}": {word: float(value) for word, value in limits.items()}}}  # type: ignore[arg-type] # numbers, as tested
            if all(isinstance(value, date) for value in limits.values()):
                return {"range": {f"times.{name}": {word: value.isoformat() for word, value in limits.items()}}}  # type: ignore[union-attr] # as above
            raise InvalidValue("filter", one, "runs over neither numbers nor times, which OpenSearch would need")
        case _:
            raise InvalidValue("filter", one, "is no filter; see crmkit.kb.query")
