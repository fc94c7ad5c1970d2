"""What is done about words that no document has: corrected, joined, split, sounded, or left out, which is said."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import attrs

from crmkit.kb._plan import best
from crmkit.kb._snapshot import Snapshot, TermStats
from crmkit.kb._spelling import generous, spellable
from crmkit.kb.results import Note
from crmkit.kb.text import Analyzer

__all__ = ["Found", "Reader"]

# How many words may stand for one that is misspelled.
_GUESSES = 3
# A longer word is no word that somebody misspelled, and comparing it would take for ever.
_LONGEST = 64
# A part of a word that was split has at least so many letters.
_PART = 2


# A word and its term.
_Guess: TypeAlias = tuple[str, TermStats]


@attrs.frozen
class Found:
    """What stands for a word of the question, or for two.

    Attributes:
        words: the words of the question.
        slots: the terms for each word that it became, with their weights; an empty slot is an unknown word.
        note: what became of it; None: it was taken as it is.
    """

    words: tuple[str, ...]
    slots: tuple[tuple[tuple[TermStats, float], ...], ...]
    note: Note | None = None


@attrs.frozen
class Reader:
    """Reads the words of a question against the vocabulary.

    Attributes:
        analyzer: makes the terms.
        snapshot: has the vocabulary.
    """

    analyzer: Analyzer
    snapshot: Snapshot

    def words(self, words: Sequence[str], *, exact: bool) -> Iterator[Found]:
        """What stands for each of some folded words that follow each other.

        Args:
            words: the words.
            exact: whether unknown words stay unknown.
        """
        place = 0
        while place < len(words):
            word, after = words[place], words[place + 1 : place + 2]
            found = self._known(word, after, exact=exact)
            if found is None and not exact and len(word) <= _LONGEST:
                found = self._sounded(word) or self._guessed(word, 1) or self._split(word) or self._guessed(word, 2)
            yield found or Found((word,), ((),), Note("dropped", (word,), why="is in no document"))
            place += len(found.words) if found else 1

    def _stats(self, word: str) -> TermStats:
        return self.snapshot.stats(self.analyzer.term(word))

    def _known(self, word: str, after: Sequence[str], *, exact: bool) -> Found | None:
        """The word, or the word that it makes with the next, if one of the two is unknown."""
        stats = self._stats(word)
        if not exact and after and not (stats.documents and self._stats(after[0]).documents):
            joined = self._stats(word + after[0])
            if joined.documents:
                words = (word, after[0])
                note = Note("corrected", words, (self.snapshot.form(joined),), "is one word in the documents")
                return Found(words, (((joined, 1.0),),), note)
        return Found((word,), (((stats, 1.0),),)) if stats.documents else None

    def _sounded(self, word: str) -> Found | None:
        """The sounds of a word that is pinyin."""
        known = [stats for stats in map(self.snapshot.stats, self.analyzer.typed(word)) if stats.documents]
        if not known:
            return None
        sounds = tuple(stats.term.replace("~", " ").strip() for stats in known)
        note = Note("corrected", (word,), sounds, "was taken for pinyin")
        return Found((word,), tuple(((stats, 1.0),) for stats in known), note)

    def _guessed(self, word: str, edits: int) -> Found | None:
        """The nearest words, if the word is long enough to have so many wrong letters."""
        if generous(word) < edits or not spellable(word):
            return None
        near = self._near_words(word, edits) or self._near_terms(self.analyzer.term(word), edits)
        if not near:
            return None
        # All are equally far: doubt about the word would only make the other words of the question count more.
        guesses = best([(stats, 0) for _, stats in near], _GUESSES)
        forms = {stats.term: form for form, stats in near}
        instead = tuple(forms[stats.term] for stats, _ in guesses)
        return Found((word,), (tuple(guesses),), Note("corrected", (word,), instead, "is in no document; nearly alike"))

    def _near_words(self, word: str, edits: int) -> list[_Guess]:
        """The words at a distance, one for each term."""
        found: set[str] = set()
        for part in self.snapshot.parts:
            found.update(map(part.segment.words.__getitem__, part.segment.word_speller.at(word, edits)))
        return _firsts((form, self._stats(form)) for form in sorted(found))

    def _near_terms(self, term: str, edits: int) -> list[_Guess]:
        """The terms at a distance: some wrong letters and another ending."""
        found: set[str] = set()
        for part in self.snapshot.parts:
            found.update(map(part.segment.terms.__getitem__, part.segment.term_speller.at(term, edits)))
        known = map(self.snapshot.stats, sorted(found))
        return _firsts((self.snapshot.form(stats), stats) for stats in known)

    def _split(self, word: str) -> Found | None:
        """The two words that were written as one: those whose rarer one is the most frequent."""
        cuts = range(_PART, len(word) - _PART + 1) if word.isalpha() else ()
        pairs = [(self._stats(word[:cut]), self._stats(word[cut:]), cut) for cut in cuts]
        rarer, cut = max(((min(one.documents, two.documents), -cut) for one, two, cut in pairs), default=(0, 0))
        if not rarer:
            return None
        words = word[:-cut], word[-cut:]
        slots = tuple(((self._stats(part), 1.0),) for part in words)
        return Found((word,), slots, Note("corrected", (word,), words, "is two words in the documents"))


def _firsts(guesses: Iterable[_Guess]) -> list[_Guess]:
    """Those that documents have, the first of each term."""
    firsts: dict[str, _Guess] = {}
    for form, stats in guesses:
        if stats.documents:
            firsts.setdefault(stats.term, (form, stats))
    return list(firsts.values())
