"""The proposal library: what may be offered, cut into paragraphs, and what of it may be offered to whom, when."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal, Self, TypeAlias

import attrs

from crmkit import model
from crmkit.errors import InvalidValue
from crmkit.kb._requirements import NO_TEXT
from crmkit.kb.cards import Card, Viewer, visible
from crmkit.kb.results import Document
from crmkit.kb.text import Analyzer
from crmkit.values import aware

__all__ = ["Aim", "Library", "Material", "Paragraph", "Unusable"]

#: Why a material is not offered: its readers may not see it, it is over, not yet valid, in another language or of
#: another product, replaced by another material, or without a paragraph.
Unusable: TypeAlias = Literal["hidden", "expired", "early", "language", "product", "superseded", "empty"]

_LONGEST = 2_000_000
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*[\r\n]*$")
# The fields of a document that say something about a material; its other fields are the host's.
_OF_CARD = frozenset({
    "need", "environment", "language", "subjects", "keywords", "audience", "roles", "state", "valid_from",
    "valid_until", "review_by", "supersedes",
})  # fmt: skip
_OWN = frozenset({"products", "approved", "won", "lost"})


@attrs.frozen
class Paragraph:
    """A part of a material that can be offered by itself.

    Attributes:
        id: that of the material, "#", and its number from 1: the id under which it is in the index.
        text: as it stands in the material.
        start: its first character in the text of the material.
        end: the first one after it.
        heading: the heading above it; "" if there is none.
    """

    id: str
    text: str
    start: int
    end: int
    heading: str = ""


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([names] if isinstance(names, str) else names))


def _count(_: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidValue(attribute.name, value, "is no number of proposals")


@attrs.frozen(slots=False)
class Material:
    """Something that the company says about itself in proposals: the answer to a question, or a whole text.

    Attributes:
        card: what it says, as the card's solution; its title, need and problem say what it answers, its author owns it,
            and its state, audience and validity decide who may be offered it.
        products: of which products it speaks; of all if empty.
        approved: the day on which it was last approved: of two that are nearly the same, the newer one is offered.
        won: how many won proposals it was in.
        lost: how many lost ones.

    Raises:
        InvalidValue: if the text is longer than two million characters or holds what is no character of a text, or a
            number of proposals is none.
    """

    card: Card
    products: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    approved: date | None = attrs.field(default=None, kw_only=True)
    won: int = attrs.field(default=0, validator=_count, kw_only=True)
    lost: int = attrs.field(default=0, validator=_count, kw_only=True)

    def __attrs_post_init__(self) -> None:
        what = f"material {self.card.id!r}"
        if len(self.text) > _LONGEST:
            raise InvalidValue(what, f"{len(self.text):,} characters", f"is longer than {_LONGEST:,}")
        told = {"text": self.text, "titles": self.answers, "owner": self.card.author or "", "id": self.id}
        for name, text in told.items():
            odd = NO_TEXT.search(text)
            if odd is not None:
                raise InvalidValue(what, odd[0], f"at character {odd.start()} of its {name} is no character of a text")

    @classmethod
    def of(cls, document: model.Document) -> Self:
        """A document of the model as a material.

        Its fields may be those of a card ("audience", "state", "language", "valid_until" ...) and "products",
        "approved", "won" and "lost"; others are the host's own. Without a state and an audience nobody is offered it.

        Raises:
            InvalidValue: if one of these fields is not what it must be.
        """
        given = dict(document.fields)
        of_card = {name: given[name] for name in _OF_CARD if given.get(name) is not None}
        own = {name: given[name] for name in _OWN if given.get(name) is not None}
        try:
            card = Card(
                document.id, title=document.title, solution=document.text, author=document.who,
                customer=document.customer, case=document.case, **of_card,
            )  # fmt: skip
            return cls(card, **own)
        except TypeError as error:
            raise InvalidValue(f"document {document.id!r}", sorted(of_card | own), f"cannot be used: {error}") from None

    @property
    def id(self) -> str:
        """The card's."""
        return self.card.id

    @property
    def text(self) -> str:
        """What it says: the card's solution."""
        return self.card.solution

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of its title and text: what was offered can be told later."""
        return sha256(f"{self.card.name}\0{self.text}".encode()).hexdigest()[:16]

    @cached_property
    def paragraphs(self) -> tuple[Paragraph, ...]:
        """What stands between empty lines; a list without empty lines, a table, a fenced block are one each."""
        found = list(_paragraphs(self.text))
        return tuple(
            Paragraph(f"{self.id}#{number}", self.text[start:end], start, end, heading)
            for number, (start, end, heading) in enumerate(found, 1)
        )

    @cached_property
    def answers(self) -> str:
        """What it says that it answers: title, need, problem, environment and keywords."""
        card = self.card
        parts = [card.name, card.need, card.problem, card.environment, *card.keywords]
        return "\n".join(dict.fromkeys(part for part in parts if part))


def _paragraphs(text: str) -> Iterator[tuple[int, int, str]]:
    start = end = -1
    heading = fence = ""
    for line in _LINE.finditer(text):
        mark = _FENCE.match(line[0])
        title = None if fence or mark else _HEADING.match(line[0])
        if start >= 0 and (title or (not fence and not line[0].strip())):
            yield start, end, heading
            start = -1
        if title:
            heading = title[1]
        elif line[0].strip():
            start = line.start() if start < 0 else start
            end = line.start() + len(line[0].rstrip())
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
    if start >= 0:
        yield start, end, heading


def _at(at: datetime) -> datetime:
    return aware(at, "at")


def _readers(readers: Viewer | Iterable[Viewer]) -> tuple[Viewer, ...]:
    return (readers,) if isinstance(readers, Viewer) else tuple(readers)


@attrs.frozen
class Aim:
    """For whom, when and about what a proposal is.

    Attributes:
        at: when (aware): materials that are not valid then are not offered.
        readers: who will read it, and who makes it: only what each of them may see is offered. Anybody, unless said:
            then it is only what is public.
        language: only materials in it, such as "en" (which "en-GB" is, too); None: in any.
        product: only materials about it, or about all products; None: about any.

    Raises:
        InvalidValue: if there are no readers.
        NaiveDatetime: if `at` has no zone.
    """

    at: datetime = attrs.field(converter=_at)
    readers: tuple[Viewer, ...] = attrs.field(default=(Viewer(),), converter=_readers)
    language: str | None = None
    product: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.readers:
            raise InvalidValue("readers", self.readers, "are none; a proposal is read by somebody")

    def refuses(self, material: Material) -> Unusable | None:
        """Why a material by itself is not offered; None if it may be."""
        card = material.card
        timeless = attrs.evolve(card, valid_from=None, valid_until=None)
        if not all(visible(timeless, reader, self.at) for reader in self.readers):
            return "hidden"
        if not card.current(self.at):
            return "expired" if card.valid_until is not None and card.valid_until <= self.at else "early"
        if self.language is not None and _primary(card.language) != _primary(self.language):
            return "language"
        products = {product.casefold() for product in material.products}
        if self.product is not None and products and self.product.casefold() not in products:
            return "product"
        return None if material.paragraphs else "empty"


def _primary(language: str) -> str:
    return re.split("[-_]", language.casefold())[0]


def _materials(materials: Iterable[Material]) -> tuple[Material, ...]:
    return tuple(sorted(materials, key=_id))


def _id(material: Material) -> str:
    return material.id


@attrs.frozen(slots=False)
class Library:
    """The materials of proposals.

    Attributes:
        materials: in order of id, whatever their order was.
        analyzer: how texts become terms; that of the index.

    Raises:
        InvalidValue: if two materials have the same id.
    """

    materials: tuple[Material, ...] = attrs.field(converter=_materials, repr=False)
    analyzer: Analyzer = attrs.field(default=Analyzer(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if len(self.known) < len(self.materials):
            twice = next(one.id for one in self.materials if self.known[one.id] is not one)
            raise InvalidValue("library", twice, "is the id of two materials")

    @cached_property
    def known(self) -> Mapping[str, Material]:
        """The materials by id."""
        return {material.id: material for material in self.materials}

    @cached_property
    def paragraphs(self) -> Mapping[str, tuple[Material, Paragraph]]:
        """Every paragraph with its material, by its id."""
        return {part.id: (material, part) for material in self.materials for part in material.paragraphs}

    def documents(self) -> Iterator[Document]:
        """A document for each paragraph, to be put into an index with the texts "title" and "text"."""
        for material in self.materials:
            fields = {"material": material.id, "language": material.card.language, "products": [*material.products]}
            for part in material.paragraphs:
                title = "\n".join(text for text in (material.answers, part.heading) if text)
                yield Document(part.id, {"title": title, "text": part.text}, fields)

    def unusable(self, aim: Aim) -> Mapping[str, Unusable]:
        """The ids of the materials that are not offered, and why.

        Args:
            aim: for whom, when and about what.
        """
        found: dict[str, Unusable] = {}
        for material in self.materials:
            why = aim.refuses(material)
            if why is not None:
                found[material.id] = why
        replaced = {old for one in self.materials if one.id not in found for old in one.card.supersedes}
        for id_ in sorted(replaced & self.known.keys() - found.keys()):
            found[id_] = "superseded"
        return found
