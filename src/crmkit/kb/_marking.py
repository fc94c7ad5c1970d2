"""A stored document, and the places in it that a search was about."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property

import attrs

from crmkit.events import fields_from_json, fields_to_json
from crmkit.kb.text import Analyzer
from crmkit.values import EMPTY, Fields

__all__ = ["Marker", "Stored"]

_NO_FIELDS = "{}"
_encoded = json.JSONEncoder(separators=(",", ":")).encode


@attrs.frozen
class Stored:
    """A document as it lies in a segment, read when somebody asks for it."""

    data: bytes

    @classmethod
    def of(cls, texts: Mapping[str, str], fields: Fields) -> "Stored":
        """The bytes of a document."""
        return cls(_encoded([dict(texts), fields_to_json(fields) if fields else _NO_FIELDS]).encode())

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """By name."""
        texts: dict[str, str] = json.loads(self.data[1 : self._cut])
        return texts

    @cached_property
    def fields(self) -> Fields:
        """What to filter by."""
        text = json.loads(self.data[self._cut + 1 : -1])
        return EMPTY if text == _NO_FIELDS else fields_from_json(text)

    @property
    def _cut(self) -> int:
        """Where the texts end. The fields after them are one text, and every quotation mark in it has a backslash."""
        return self.data.rindex(b',"')


@attrs.frozen
class Marker:
    """The terms of a question, to be found again in the original texts.

    Attributes:
        analyzer: makes the terms.
        sharp: fields (None: any) and terms that say what was meant: words, pairs of characters.
        blunt: those that are taken if none of these is there: single characters, sounds.
    """

    analyzer: Analyzer
    sharp: frozenset[tuple[str | None, str]]
    blunt: frozenset[tuple[str | None, str]]

    def spans(self, texts: Mapping[str, str]) -> Iterator[tuple[str, int, int]]:
        """Field, start and end of each place, in order."""
        found = {name: self._found(name, text) for name, text in texts.items()}
        level = 0 if any(sharp for sharp, _ in found.values()) else 1
        for name, places in found.items():
            yield from ((name, start, end) for start, end in _joined(places[level]))

    def _found(self, name: str, text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        sharp: list[tuple[int, int]] = []
        blunt: list[tuple[int, int]] = []
        for token in self.analyzer.tokens(text):
            for wanted, places in ((self.sharp, sharp), (self.blunt, blunt)):
                if (None, token.term) in wanted or (name, token.term) in wanted:
                    places.append((token.start, token.end))
        return sharp, blunt


def _joined(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Places that overlap or touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
