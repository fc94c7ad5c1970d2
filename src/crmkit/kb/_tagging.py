"""Labels found in texts: a trie over terms, walked from each word, the longest label first."""

import re
from collections.abc import Iterable, Iterator, Mapping

import attrs

from crmkit.kb._common import is_common
from crmkit.kb._concepts import Concept
from crmkit.kb._folding import fold
from crmkit.kb.text import Analyzer, Token

__all__ = ["Automaton", "Tag"]

# No label goes on after it: a full stop, a comma, a bracket, an empty line. In "3.5" or "A/B" nothing ends.
_BREAK = re.compile(r"[。，、；：！？…（）()\[\]{}“”\"]|[.,;:!?]\s|\n\s*\n")
# A label of so many words is found by its beginning.
_DEEPEST = 32


@attrs.frozen
class Tag:
    """A concept is spoken of.

    Attributes:
        concepts: the ids of the concepts that have the label; several if it is ambiguous.
        label: the label that was found, as the thesaurus has it.
        start: the first character in the text.
        end: the first one after it.
    """

    concepts: tuple[str, ...]
    label: str
    start: int
    end: int

    @property
    def clear(self) -> bool:
        """Whether there is no doubt which concept is meant."""
        return len(self.concepts) == 1


@attrs.frozen
class _Entry:
    """A label of a concept: whose, how it is written, how it is folded, and whether it must be in capitals."""

    concept: str
    label: str
    folded: str
    capitals: bool


@attrs.define
class _Node:
    next: dict[str, "_Node"] = attrs.field(factory=dict)
    entries: list[_Entry] = attrs.field(factory=list)


@attrs.frozen
class Automaton:
    """Every label of a thesaurus, ready to be found.

    Attributes:
        analyzer: without stop words and sounds.
        root: the trie.
        ambiguous: labels that mean several concepts.
    """

    analyzer: Analyzer
    root: _Node
    ambiguous: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, concepts: Iterable[Concept], analyzer: Analyzer) -> "Automaton":
        """The automaton of all labels; those without any letter or digit cannot be found."""
        plain = attrs.evolve(analyzer, stop=(), pinyin=False)
        root = _Node()
        meant: dict[str, dict[str, str]] = {}
        for concept in concepts:
            for label in concept.labels:
                folded = _folded(label, plain)
                meant.setdefault(folded, {}).setdefault(concept.id, label)
                node = root
                for token in _tokens(label, plain)[:_DEEPEST]:
                    node = node.next.setdefault(token.term, _Node())
                if node is not root:
                    capitals = label.isupper() and is_common(folded)
                    node.entries.append(_Entry(concept.id, label, folded, capitals))
        several = [ids for ids in meant.values() if len(ids) > 1]
        return cls(plain, root, {next(iter(ids.values())): tuple(ids) for ids in several})

    def tags(self, text: str) -> Iterator[Tag]:
        """The longest labels from the left; none overlaps another."""
        tokens = _tokens(text, self.analyzer)
        place = 0
        while place < len(tokens):
            length, tag = self._longest(tokens, place, text)
            if tag is not None:
                yield tag
            place += length

    def _longest(self, tokens: list[Token], place: int, text: str) -> tuple[int, Tag | None]:
        """The longest label that begins at a token, and of how many tokens it is."""
        start, found, length = tokens[place].start, None, 1
        node = self.root
        for number in range(place, len(tokens)):
            token = tokens[number]
            if number > place and _BREAK.search(text[tokens[number - 1].end : token.start]):
                break
            below = node.next.get(token.term)
            if below is None:
                break
            node = below
            entries = self._meant(node.entries, text[start : token.end]) if node.entries else []
            if entries:
                ids = tuple(dict.fromkeys(entry.concept for entry in entries))
                found, length = Tag(ids, entries[0].label, start, token.end), number - place + 1
        return length, found

    def _meant(self, entries: list[_Entry], written: str) -> list[_Entry]:
        """The labels that a passage can be; those that are written as it is rather than those that share its stems."""
        allowed = [entry for entry in entries if not entry.capitals or written.isupper()]
        folded = _folded(written, self.analyzer)
        return [entry for entry in allowed if entry.folded == folded] or allowed


def _folded(text: str, analyzer: Analyzer) -> str:
    return " ".join(fold(text, simplify=analyzer.simplify).text.split())


def _tokens(text: str, analyzer: Analyzer) -> list[Token]:
    """Words and characters in order, without pairs."""
    return [token for token in analyzer.tokens(text) if token.kind != "pair"]
