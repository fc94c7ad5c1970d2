"""What goes into an index and what comes out of it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, Self

import attrs

from crmkit import model
from crmkit.errors import InvalidValue
from crmkit.kb._marking import Marker, Stored
from crmkit.kb.query import Scalar
from crmkit.values import EMPTY, Fields
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["Bucket", "Document", "Flaw", "Hit", "NearTerm", "Note", "Results", "Span"]


def _texts(texts: Mapping[str, str]) -> Mapping[str, str]:
    for name, text in texts.items():
        if not isinstance(text, str):
            raise InvalidValue(f"text {name!r}", text, "is no text; give it as a field")
    return Fields(texts)


def _fields(fields: Mapping[str, object]) -> Fields:
    return fields if isinstance(fields, Fields) else Fields(fields)


@attrs.frozen
class Document:
    """A document: texts to be searched, and fields to filter by.

    Attributes:
        id: the host's key; a document replaces the one that has the same.
        texts: by the names that the index knows ("title", "text"); other names are refused.
        fields: anything a filter or a facet may ask for; a list counts as several values.
    """

    id: str = attrs.field(validator=attrs.validators.instance_of(str))
    texts: Mapping[str, str] = attrs.field(converter=_texts)
    fields: Fields = attrs.field(default=EMPTY, converter=_fields)

    @classmethod
    def of(cls, document: "model.Document") -> Self:
        """A document of the model: its title and text, and everything else as fields."""
        known = {"at": document.at, "who": document.who, "customer": document.customer, "case": document.case}
        fields = document.fields | {name: value for name, value in known.items() if value is not None}
        return cls(document.id, {"title": document.title, "text": document.text}, fields)


@attrs.frozen
class Span:
    """A part of an original text.

    Attributes:
        field: which text.
        start: its first character.
        end: the first one after it.
    """

    field: str
    start: int
    end: int


@attrs.frozen
class Hit:
    """A document that was found.

    Attributes:
        id: the document's.
        score: BM25F; it compares within one answer.
    """

    id: str
    score: float
    _stored: Stored = attrs.field(repr=False, eq=False)
    _marker: Marker = attrs.field(repr=False, eq=False)

    @cached_property
    def document(self) -> Document:
        """The document as it was when the search was made."""
        return Document(self.id, self._stored.texts, self._stored.fields)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Where the words that were looked for stand in the original texts, in order; neighbours are one span."""
        return tuple(Span(*place) for place in self._marker.spans(self._stored.texts))

    @cached_property
    def reasons(self) -> Mapping[str, tuple[str, ...]]:
        """Why it was found: from the name of a text to what stands there, as it is written."""
        texts = self._stored.texts
        found: dict[str, dict[str, None]] = {}
        for span in self.spans:
            found.setdefault(span.field, {})[texts[span.field][span.start : span.end]] = None
        return {name: tuple(words) for name, words in found.items()}


@attrs.frozen
class Note:
    """Something that the search did to the question, or could not do.

    Attributes:
        kind: "corrected": it looked for other words; "dropped": it left words out; "emulated": it did something near;
            "stale": the index has changed.
        words: the words of the question.
        instead: what was looked for.
        why: the reason, to be read.
    """

    kind: Literal["corrected", "dropped", "emulated", "stale"]
    words: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        named = f"{', '.join(map(repr, self.words))}: " if self.words else ""
        return f"{named}{self.why}" + (f" ({', '.join(map(repr, self.instead))})" if self.instead else "")


@attrs.frozen
class Bucket:
    """A value of a field, and how many of the documents found have it."""

    value: Scalar
    count: int


@attrs.frozen
class Results(Shown):
    """What was found.

    Attributes:
        hits: the best first; equal ones in order of id.
        total: how many documents match; exact.
        facets: by field that was asked for: its values, the most frequent first, over all that match.
        notes: what was corrected, dropped, emulated or stale; empty if the question was taken as it stands.
        next: what to give as `after` for the next page; None if this is the last.
    """

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, tuple[Bucket, ...]]
    notes: tuple[Note, ...]
    next: str | None = None

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The hits, and what the search did; see `Shown.display`."""
        from crmkit.kb._shown import found

        return found(self, lang, most)


@attrs.frozen
class NearTerm:
    """A word that documents have.

    Attributes:
        word: as it is written in one of them, folded.
        documents: how many have it, in any of its forms.
        edits: how many letters it differs by.
    """

    word: str
    documents: int
    edits: int


@attrs.frozen
class Flaw:
    """A part of an index that is not as it was written.

    Attributes:
        blob: the name of the blob.
        why: what is wrong with it.
        lost: how many documents went with it; 0: `rebuild` brings everything back, as the documents are whole.
    """

    blob: str
    why: str
    lost: int = 0

    def __str__(self) -> str:
        remedy = f"index its {self.lost} documents anew" if self.lost else "rebuild the index, the documents are whole"
        return f"{self.blob}: {self.why}; {remedy}"
