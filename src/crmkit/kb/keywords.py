"""Keywords: the few words and phrases that tell a document from the others.

    >>> corpus = Corpus.of(["The pump leaks oil.", "The pump is loud.", "The valve of the pump is stuck."])
    >>> [one.text for one in corpus.keywords("Oil leaks from the relief valve; the relief valve is worn.", limit=2)]
    ['relief valve', 'Oil leaks']

A phrase counts by how often the document has it, how few documents have it (TF-IDF; Sparck Jones 1972), how early it
comes, and less if it stands inside a longer one (the C-value of Frantzi, Ananiadou and Mima 2000). Of unspaced writing,
runs of two to five characters are judged by what surrounds them in the corpus: a word keeps company with many (Feng and
others 2004), and its characters stand together more often than by chance.

What a document is about is not always said in it: of the keys that people give, a third to a half is not in the text.
Subject terms (`crmkit.kb.terms`) supply those.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import log, log1p
from math import pow as power
from typing import Self

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb._phrases import Phrase, Phrases, phrases
from crmkit.kb.text import Analyzer

__all__ = ["Corpus", "Keyword"]

# The share that a phrase loses of each occurrence inside a longer phrase.
_NESTED = 0.9
# Where the weight of a place has fallen to 1 / (1 + ln 2).
_EARLY = 50
# A little is left to runs of characters that nothing is known about.
_FLOOR = 0.1


@attrs.frozen
class Keyword:
    """A word or phrase that tells a document from others.

    Attributes:
        text: as it is first written.
        score: comparable within one document.
        count: how often it occurs, in any of its forms.
        start: the first character of its first occurrence.
        end: the first one after it.
    """

    text: str
    score: float
    count: int
    start: int
    end: int


@attrs.frozen
class Corpus:
    """In how many documents each phrase occurs. Parts of a corpus can be counted apart and added.

    Attributes:
        documents: how many there are.
        frequencies: from a phrase, of terms of the analyzer, to the number of documents that have it.
        analyzer: how texts become terms.
    """

    documents: int = 0
    frequencies: Mapping[str, int] = attrs.field(factory=dict, repr=False)
    analyzer: Analyzer = attrs.field(default=Analyzer(), kw_only=True)

    @classmethod
    def of(cls, texts: Iterable[str], *, analyzer: Analyzer | None = None) -> Self:
        """Count documents.

        Args:
            texts: one for each document; read once.
            analyzer: how they become terms.

        Raises:
            InvalidValue: if it is one text.
        """
        if isinstance(texts, str):
            raise InvalidValue("texts", texts, "is one text; give several")
        used = analyzer or Analyzer()
        counts = Counter[str]()
        documents = 0
        for text in texts:
            counts.update(list(phrases(text, used).found))
            documents += 1
        return cls(documents, dict(counts), analyzer=used)

    def __add__(self, other: "Corpus") -> Self:
        """Both together.

        Raises:
            InvalidValue: if they were counted by different analyzers.
        """
        if self.analyzer != other.analyzer:
            raise InvalidValue("corpus", other, "was counted by another analyzer")
        counts = Counter(self.frequencies)
        counts.update(other.frequencies)
        return attrs.evolve(self, documents=self.documents + other.documents, frequencies=dict(counts))

    def pruned(self, *, at_least: int = 2) -> Self:
        """Without phrases that fewer documents have: much less to keep, and nearly the same keywords.

        Args:
            at_least: how many documents a phrase must have.
        """
        kept = {phrase: count for phrase, count in self.frequencies.items() if count >= at_least}
        return attrs.evolve(self, frequencies=kept)

    def keywords(self, text: str, *, limit: int = 10) -> tuple[Keyword, ...]:
        """The best keywords of a document, which may belong to the corpus or not.

        Args:
            text: the document; a title goes first.
            limit: how many at most.
        """
        known = phrases(text, self.analyzer)
        able = [(key, phrase) for key, phrase in known.found.items() if self._able(key, phrase)]
        scores = {key: self._score(key, phrase, known) for key, phrase in able}
        ranked = sorted(scores, key=lambda key: (-scores[key], known.found[key].first, key))
        found: list[Keyword] = []
        shown: list[str] = []
        for key in ranked:
            phrase = known.found[key]
            if len(found) >= limit:
                break
            # Of a run of characters a part says nothing that the whole does not.
            if phrase.spaced or not any(key in other or other in key for other in shown):
                start, end = known.place(phrase)
                found.append(Keyword(text[start:end], scores[key], phrase.count, start, end))
                shown += [] if phrase.spaced else [key]
        return tuple(found)

    def _able(self, key: str, phrase: Phrase) -> bool:
        """Nothing is known about a run of characters that was seen once."""
        return phrase.candidate and (phrase.spaced or phrase.count > 1 or self.frequencies.get(key, 0) > 1)

    def _score(self, key: str, phrase: Phrase, known: Phrases) -> float:
        count = phrase.count - _NESTED * min(phrase.count, phrase.nested)
        rarity = log((self.documents + 1) / (self.frequencies.get(key, 0) + 0.5))
        early = 1 / (1 + log1p(phrase.first / _EARLY))
        if phrase.spaced:
            return count * max(rarity, 0) * early * power(key.count(" ") + 1, 0.2)
        return phrase.count * max(rarity, 0) * early * power(len(key) / 2, 0.2) * self._wordhood(key, known)

    def _wordhood(self, key: str, known: Phrases) -> float:
        """How far a run of characters stands on its own, and how far its parts cling together; each from 0 to 1."""
        own = self._seen(key)
        longer = max(map(self._seen, known.longer(key)), default=0)
        alone = 1 - longer / own
        parts = [self._seen(key[:cut]) * self._seen(key[cut:]) for cut in range(1, len(key))]
        bound = log(own * (self.documents + 1) / max(parts))
        return max(alone, _FLOOR) * max(min(bound / 2, 1), _FLOOR)

    def _seen(self, key: str) -> int:
        """Documents with a run of characters, this one counted in."""
        return self.frequencies.get(key, 0) + 1
