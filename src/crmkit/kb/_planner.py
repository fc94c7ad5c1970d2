"""From a query to a plan."""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import Literal, TypeAlias, get_args

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.kb import query as ask
from crmkit.kb._marking import Marker
from crmkit.kb._plan import Both, Either, Everything, Inverse, Plan, Row, Slot, Sum, Weighted, best, rarity
from crmkit.kb._snapshot import Snapshot, TermStats
from crmkit.kb._spelling import generous
from crmkit.kb._words import Reader
from crmkit.kb.results import NearTerm, Note
from crmkit.kb.text import Analyzer, Piece

__all__ = ["Planner", "Unsupported"]

# Deeper than anybody writes, and shallow enough to be walked by recursion.
_DEEPEST = 64
# Words that a beginning or a misspelled word may stand for.
_MOST = 50
_SOUND = 0.5
# Words by which a document is compared with others.
_KEY_TERMS = 12

#: What to do about a question that cannot be answered as it stands: raise, do something near, or leave it out.
Unsupported: TypeAlias = Literal["error", "emulate", "degrade"]
_CHOICES = get_args(Unsupported)
# The terms that stand for a word, with their weights, and whether it counts as a word.
_Word: TypeAlias = tuple[tuple[tuple[TermStats, float], ...], bool]


class Planner:
    """Makes the plan of one question, and collects its notes and what is to be marked.

    Args:
        analyzer: makes the terms.
        snapshot: the state that is asked.
        on_unsupported: what is done about what an index cannot do.
    """

    def __init__(self, analyzer: Analyzer, snapshot: Snapshot, on_unsupported: Unsupported = "emulate") -> None:
        if on_unsupported not in _CHOICES:
            raise InvalidValue("on_unsupported", on_unsupported, f"is none of {', '.join(_CHOICES)}")
        self._analyzer, self._snapshot = analyzer, snapshot
        self._on_unsupported: Unsupported = on_unsupported
        self._reader = Reader(analyzer, snapshot)
        self._sharp: set[tuple[str | None, str]] = set()
        self._blunt: set[tuple[str | None, str]] = set()
        self._notes: dict[Note, None] = {}

    @property
    def notes(self) -> tuple[Note, ...]:
        """What became of the question so far."""
        return tuple(self._notes)

    @property
    def marker(self) -> Marker:
        """What marks the places."""
        return Marker(self._analyzer, frozenset(self._sharp), frozenset(self._blunt))

    def plan(self, query: ask.Query, weight: float = 1.0, depth: int = 0) -> Plan:
        """The plan of a query.

        Args:
            query: what is asked.
            weight: what its score is multiplied by.
            depth: how deep it lies.

        Raises:
            InvalidValue: if it is nested too deeply, or no query.
            NotFound: if it names a text that the index does not have.
        """
        if depth > _DEEPEST:
            raise InvalidValue("query", "…", f"is nested deeper than {_DEEPEST}")
        match query:
            case ask.Boost():
                return self.plan(query.part, weight * query.factor, depth + 1)
            case ask.And() | ask.Or():
                parts = tuple(self.plan(part, weight, depth + 1) for part in query.parts)
                return Both(parts) if isinstance(query, ask.And) else Either(parts)
            case ask.Not():
                inner = Planner(self._analyzer, self._snapshot, self._on_unsupported)
                plan = Inverse(inner.plan(query.part, weight, depth + 1))
                self._notes |= inner._notes
                return plan
            case ask.MatchAll():
                return Everything()
            case _:
                return self._leaf(query, weight)

    def _leaf(self, query: ask.Query, weight: float) -> Plan:
        match query:
            case ask.Text():
                return self._text(query, weight)
            case ask.Term():
                return self._row(query.word, 0, query.field, weight)
            case ask.Phrase():
                return self._row(query.text, query.slop, query.field, weight)
            case ask.Prefix():
                return self._prefix(query, weight)
            case ask.Fuzzy():
                return self._fuzzy(query, weight)
            case _:
                raise InvalidValue("query", query, "is no query; see crmkit.kb.query")

    def _field(self, name: str | None) -> int | None:
        fields = self._snapshot.manifest.fields
        if name is not None and name not in fields:
            raise NotFound("text", name, fields)
        return None if name is None else fields.index(name)

    def _note(self, note: Note | None) -> None:
        if note is not None:
            self._notes[note] = None

    def _weighted(self, stats: TermStats, weight: float, field: int | None) -> Weighted:
        return Weighted(stats, weight * rarity(stats.documents, self._snapshot.size), field)

    def _mark(self, field: str | None, stats: Iterable[TermStats], *, sharp: bool = True) -> None:
        (self._sharp if sharp else self._blunt).update((field, one.term) for one in stats)

    # -- words in any order

    def _text(self, query: ask.Text, weight: float) -> Plan:
        field = self._field(query.field)
        slots: dict[tuple[str, ...], Slot] = {}
        for names, counts in self._words(query):
            terms = tuple(self._weighted(stats, weight * share, field) for stats, share in names)
            key = tuple(stats.term for stats, _ in names) or (f"unknown {len(slots)}",)
            known = slots.get(key)
            if known is not None:
                # A word that is there twice counts twice, and is one word.
                pairs = zip(known.terms, terms, strict=True)
                terms = tuple(attrs.evolve(new, weight=old.weight + new.weight) for old, new in pairs)
            slots[key] = Slot(terms, counts)
        if not slots:
            self._note(Note("dropped", (query.text,), why="holds no word to look for"))
        if query.op == "any":
            return Sum(tuple(slots.values()))
        words = sum(slot.counts for slot in slots.values())
        return Sum(tuple(slots.values()), max(words, 1) if query.op == "all" else query.op)

    def _words(self, query: ask.Text) -> Iterable[_Word]:
        plain = self._analyzer.plain(query.text)
        known = [] if plain is None else list(map(self._snapshot.stats, plain))
        if known and all(stats.documents for stats in known):
            # Nothing has to be said about them.
            self._mark(query.field, known)
            return [(((stats, 1.0),), True) for stats in known]
        return self._examined(query)

    def _examined(self, query: ask.Text) -> Iterable[_Word]:
        """The same of words some of which may be unknown, or not spaced, or left out."""
        for spaced, run in groupby(self._analyzer.pieces(query.text), key=_is_spaced):
            kept = [piece for piece in run if not piece.stopped or self._stopped(piece)]
            yield from self._spaced(kept, query) if spaced else self._unspaced(kept, query)

    def _stopped(self, piece: Piece) -> bool:
        self._note(Note("dropped", (piece.text,), why="is a stop word"))
        return False

    def _spaced(self, pieces: list[Piece], query: ask.Text) -> Iterable[_Word]:
        for found in self._reader.words([piece.text for piece in pieces], exact=query.exact):
            self._note(found.note)
            for terms in found.slots:
                self._mark(query.field, (stats for stats, _ in terms))
                yield terms, True

    def _unspaced(self, pieces: list[Piece], query: ask.Text) -> Iterable[_Word]:
        stats = self._snapshot.stats
        for piece in pieces:
            characters = [stats(character) for character in piece.text]
            self._mark(query.field, characters, sharp=len(piece.text) == 1)
            for one in characters:
                if not one.documents:
                    self._note(Note("dropped", (one.term,), why="is in no document"))
                yield (((one, 1.0),) if one.documents else ()), True
            pairs = [stats(pair) for pair in self._analyzer.pairs(piece.text)]
            self._mark(query.field, pairs)
            sounds = [stats(sound) for sound in self._analyzer.sounds(piece.text)] if self._analyzer.pinyin else []
            self._mark(query.field, sounds, sharp=False)
            yield from ((((one, 1.0),), False) for one in pairs if one.documents)
            yield from ((((one, _SOUND),), False) for one in sounds if one.documents)

    # -- words in their order

    def _row(self, text: str, slop: int, name: str | None, weight: float) -> Plan:
        field = self._field(name)
        tokens = [token for token in self._analyzer.tokens(text) if token.kind != "sound"]
        pairs = {token.position for token in tokens if token.kind == "pair"}
        covered = pairs | {position + 1 for position in pairs}
        # A character of a pair is in the pair.
        left = [token for token in tokens if token.kind != "character" or token.position not in covered]
        kept = sorted((token.position, token.term) for token in left)
        terms = tuple((self._snapshot.stats(term), position - kept[0][0]) for position, term in kept)
        self._mark(name, (stats for stats, _ in terms))
        unknown = tuple(stats.term for stats, _ in terms if not stats.documents)
        if unknown or not terms:
            why = "is in no document, nor is the phrase" if unknown else "holds no word to look for"
            self._note(Note("dropped", unknown or (text,), why=why))
            return Either(())
        total = weight * sum(rarity(stats.documents, self._snapshot.size) for stats, _ in terms)
        if len(terms) == 1:
            return Sum((Slot((Weighted(terms[0][0], total, field),)),))
        return Row(terms, slop, total, field)

    # -- words that are not written out

    def _supported(self, text: str, why: str, instead: str) -> bool:
        """Whether to do something near, of which there is a note.

        Raises:
            InvalidValue: if nothing near is wanted.
        """
        if self._on_unsupported == "error":
            raise InvalidValue("query", text, why)
        near = self._on_unsupported == "emulate"
        self._note(Note("emulated", (text,), why=f"{why}; {instead}") if near else Note("dropped", (text,), why=why))
        return near

    def _prefix(self, query: ask.Prefix, weight: float) -> Plan:
        self._field(query.field)
        pieces = self._analyzer.pieces(query.text)
        if len(pieces) > 1:
            return self._beginnings(query, pieces[-1].start, weight)
        if not pieces or not pieces[0].spaced:
            return self._row(query.text, 0, query.field, weight)
        return self._variants(query.text, self._beginning(pieces[0].text), query.field, weight)

    def _beginnings(self, query: ask.Prefix, last: int, weight: float) -> Plan:
        """Several words, the last of which begins at a place of the text."""
        if not self._supported(query.text, "is not the beginning of one word", "only its last word was taken for one"):
            return Either(())
        whole = ask.Text(query.text[:last], op="all", field=query.field)
        return Both((self._text(whole, weight), self._prefix(ask.Prefix(query.text[last:], query.field), weight)))

    def _beginning(self, beginning: str) -> list[tuple[TermStats, int]]:
        """The terms that begin like this; and the stem of a word that begins like this, if the stem is shorter."""
        found = {self._analyzer.term(beginning)}
        for part in self._snapshot.parts:
            terms = part.segment.terms
            for number in range(terms.at_least(beginning), len(terms)):
                term = terms[number]
                if not term.startswith(beginning):
                    break
                found.add(term)
        return [(stats, 0) for stats in map(self._snapshot.stats, found) if stats.documents]

    def _fuzzy(self, query: ask.Fuzzy, weight: float) -> Plan:
        self._field(query.field)
        pieces = self._analyzer.pieces(query.word)
        if len(pieces) != 1 or not pieces[0].spaced:
            if not self._supported(query.word, "is not one word of letters", "taken as a text"):
                return Either(())
            return self._text(ask.Text(query.word, op="all", field=query.field), weight)
        term = self._analyzer.term(pieces[0].text)
        edits = generous(term) if query.edits == "auto" else query.edits
        return self._variants(query.word, self.near(term, edits, query.prefix), query.field, weight)

    def near_terms(self, word: str, edits: int, limit: int) -> tuple[NearTerm, ...]:
        """The words near those of a text, each at its nearest distance; the nearest and most frequent first."""
        found: dict[str, tuple[TermStats, int]] = {}
        for piece in self._analyzer.pieces(word):
            for stats, distance in self.near(self._analyzer.term(piece.text), edits) if piece.spaced else ():
                if stats.term not in found or found[stats.term][1] > distance:
                    found[stats.term] = stats, distance
        forms = [NearTerm(self._snapshot.form(stats), stats.documents, far) for stats, far in found.values()]
        return tuple(sorted(forms, key=_nearest)[:limit])

    def alike(self, texts: Iterable[tuple[str, float]]) -> Plan:
        """What finds documents like one.

        Args:
            texts: its texts, with the weights of their fields.
        """
        times: Counter[str] = Counter()
        for text, weight in texts:
            for term in self._analyzer.terms(text)[0]:
                times[term] += weight  # type: ignore[assignment] # weights need not be whole
        known = [self._snapshot.stats(term) for term in times]
        keys = [self._weighted(stats, math.sqrt(times[stats.term]), None) for stats in known if stats.documents]
        keys = sorted(keys, key=_heaviest)[:_KEY_TERMS]
        self._mark(None, (one.stats for one in keys))
        return Sum(tuple(Slot((one,)) for one in keys))

    def near(self, term: str, edits: int, prefix: int = 0) -> list[tuple[TermStats, int]]:
        """The terms of the vocabulary up to a distance, the term itself included, with the distance."""
        found = {term: 0}
        for part in self._snapshot.parts:
            terms = part.segment.terms
            found |= {
                terms[number]: far for number, far in part.segment.term_speller.within(term, edits, prefix).items()
            }
        return [(stats, found[stats.term]) for stats in map(self._snapshot.stats, found) if stats.documents]

    def _variants(self, text: str, near: list[tuple[TermStats, int]], name: str | None, weight: float) -> Plan:
        """One of several terms."""
        field = self._field(name)
        if not near:
            self._note(Note("dropped", (text,), why="is in no document, nor is anything like it"))
        if len(near) > _MOST:
            why = f"stands for {len(near)} words"
            if not self._supported(text, why, f"the {_MOST} that are in most documents were looked for"):
                return Either(())
        kept = best(near, _MOST)
        self._mark(name, (stats for stats, _ in kept))
        return Sum((Slot(tuple(self._weighted(stats, weight * doubt, field) for stats, doubt in kept)),))


def _nearest(term: NearTerm) -> tuple[int, int, str]:
    return term.edits, -term.documents, term.word


def _heaviest(one: Weighted) -> tuple[float, str]:
    return -one.weight, one.stats.term


def _is_spaced(piece: Piece) -> bool:
    return piece.spaced
