"""What the pages of a site show: each card that may be seen, the subjects of these, and how they lead to each other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import attrs

from crmkit.kb.cards import Card, Viewer, shown, visible
from crmkit.kb.terms import Thesaurus
from crmkit.report._site_files import file_name
from crmkit.report._site_text import Renderer, clean, clipped
from crmkit.report.words import Words

__all__ = ["Page", "Section", "Topic", "Topics", "instant", "pages"]

_SECTIONS = ("problem", "need", "environment", "cause", "solution")
_SUMMARY = 180
_ALIKE = 5
# A subject of more cards says little about what else somebody may want to read.
_COMMON = 200


def instant(at: datetime) -> str:
    """An instant as feeds have it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@attrs.frozen
class Section:
    """A part of a card: its name, and its HTML, which is safe."""

    name: str
    html: str


@attrs.frozen
class Page:
    """A card as its page shows it.

    Attributes:
        id: the card's.
        path: of the page, in the folder.
        title: one line.
        language: of the card, if it names one as pages do.
        summary: what lists show below the title.
        badge: its state, where that is not taken for granted.
        sections: its parts.
        facts: names and values of the rest.
        text: the words of the sections.
        keywords: to find it by.
        topics: ids of the subjects it is about.
        urn: what feeds call it.
        digest: changes when anything of this does.
        updated: since when it has been like this; of no digest.
        unlinked: addresses of its text that lead nowhere on this site.
    """

    id: str
    path: str
    title: str
    language: str
    summary: str
    badge: str
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...]
    text: str
    keywords: tuple[str, ...]
    topics: tuple[str, ...]
    urn: str
    unlinked: tuple[str, ...]
    digest: str = ""
    updated: str = ""


@attrs.frozen
class Topic:
    """A subject as lists show it."""

    id: str
    label: str
    path: str
    count: int


class Topics:
    """The subjects that the pages of a site are about, and those above them; no others.

    Args:
        cards: those that are shown.
        thesaurus: what is known of subjects.
        language: of the labels.
    """

    def __init__(self, cards: Iterable[Card], thesaurus: Thesaurus, language: str) -> None:
        self._thesaurus, self._language = thesaurus, language
        self._cards: dict[str, dict[str, None]] = {}
        self._own: dict[str, tuple[str, ...]] = {}
        for card in cards:
            own = tuple(dict.fromkeys(map(self.current, card.subjects)))
            self._own[card.id] = own
            for id_ in self._above(own):
                self._cards.setdefault(id_, {})[card.id] = None

    def current(self, id_: str) -> str:
        """The subject that stands for an id; the id itself if nobody knows it."""
        return self._thesaurus.current(id_) if id_ in self._thesaurus else id_

    def _above(self, ids: Sequence[str]) -> list[str]:
        """Subjects with all that are above them."""
        found = dict.fromkeys(ids)
        queue = list(found)
        for one in queue:
            new = [above for above in self._broader(one) if above not in found]
            found.update(dict.fromkeys(new))
            queue += new
        return list(found)

    def _broader(self, id_: str) -> list[str]:
        return [self.current(one) for one in self._thesaurus.broader(id_)] if id_ in self._thesaurus else []

    @property
    def unknown(self) -> list[str]:
        """Subjects of cards that the thesaurus does not have."""
        return sorted(id_ for id_ in self._cards if id_ not in self._thesaurus)

    def of(self, card: str) -> list[Topic]:
        """The subjects of a card."""
        return [self.topic(id_) for id_ in self._own[card]]

    def topic(self, id_: str) -> Topic:
        """A subject."""
        label = self._thesaurus.label(id_, self._language) if id_ in self._thesaurus else id_
        return Topic(id_, clean(label), self.path(id_), len(self._cards[id_]))

    def path(self, id_: str) -> str:
        """The path of a subject's first page."""
        return f"subjects/{file_name(id_, upper=False)}.html"

    def find(self, id_: str) -> str | None:
        """The path of a subject, if it has a page."""
        current = self.current(id_)
        return self.path(current) if current in self._cards else None

    def sorted(self, ids: Iterable[str]) -> list[Topic]:
        """Those of some subjects that have a page, by their labels."""
        found = (self.topic(id_) for id_ in dict.fromkeys(ids) if id_ in self._cards)
        return sorted(found, key=lambda one: (one.label.casefold(), one.id))

    @property
    def top(self) -> list[Topic]:
        """Those that stand under no other."""
        return self.sorted(id_ for id_ in self._cards if not self._broader(id_))

    @property
    def all(self) -> list[Topic]:
        """All of them."""
        return self.sorted(self._cards)

    def cards(self, id_: str) -> list[str]:
        """The ids of the cards about a subject or what is under it."""
        return list(self._cards[id_])

    def around(self, id_: str) -> dict[str, Any]:
        """What the page of a subject says beside its cards."""
        if id_ not in self._thesaurus:
            return {"above": [], "below": [], "beside": [], "note": ""}
        known = self._thesaurus
        return {
            "above": self.sorted(known.broader(id_)),
            "below": self.sorted(known.narrower(id_)),
            "beside": self.sorted(map(self.current, known.related(id_))),
            "note": clean(known.get(id_).note.get(self._language, "")),
        }

    def labels(self, card: str) -> Iterator[str]:
        """The labels by which a card is found, those of wider subjects included; hidden ones are for no reader."""
        for id_ in self._above(self._own[card]):
            if id_ not in self._thesaurus:
                yield id_
                continue
            concept = self._thesaurus.get(id_)
            yield from concept.preferred.values()
            yield from (label for labels in concept.alternative.values() for label in labels)

    def alike(self, card: str) -> list[str]:
        """The ids of cards that share the most subjects with one."""
        shared: Counter[str] = Counter()
        for id_ in self._own[card]:
            if len(self._cards[id_]) <= _COMMON:
                shared.update(other for other in self._cards[id_] if other != card)
        return sorted(shared, key=lambda one: (-shared[one], one))[:_ALIKE]


@attrs.frozen
class _Maker:
    """Makes pages of cards.

    Attributes:
        renderer: makes their HTML.
        viewer: whom they are for.
        say: the site's words.
        name: what makes the names of feeds differ from those of other sites.
        links: from the ids of cards to paths.
        topics: the subjects.
    """

    renderer: Renderer
    viewer: Viewer
    say: Words
    name: str
    links: Mapping[str, str]
    topics: Topics

    def page(self, card: Card) -> Page:
        unlinked: dict[str, None] = {}

        def link(address: str) -> str | None:
            scheme, _, id_ = address.partition(":")
            path = self.links.get(id_) if scheme == "card" else self.topics.find(id_) if scheme == "subject" else None
            if path is None:
                unlinked[address] = None
                return None
            return f"../{path}"

        made = {name: self.renderer.rendered(getattr(card, name), link) for name in _SECTIONS if getattr(card, name)}
        texts = {name: text for name, (_, text) in made.items()}
        title, rest = _title(card, texts)
        page = Page(
            id=card.id,
            path=self.links[card.id],
            title=title,
            language=_language(card),
            summary=clipped(rest, _SUMMARY),
            badge=self.say[card.state] if card.state != "published" else "",
            sections=tuple(Section(name, html) for name, (html, _) in made.items()),
            facts=self._facts(card),
            text="\n".join(texts.values()),
            keywords=tuple(map(clean, card.keywords)),
            topics=tuple(topic.label for topic in self.topics.of(card.id)),
            urn=uuid5(NAMESPACE_URL, f"{self.name} {card.id!r}").urn,
            unlinked=tuple(unlinked),
        )
        return attrs.evolve(page, digest=sha256(repr(page).encode("utf-8", "surrogatepass")).hexdigest()[:16])

    def _facts(self, card: Card) -> tuple[tuple[str, str], ...]:
        """What a reader may know beside the text. Who wrote it, and about whom, is for our own people."""
        facts = {"reference": card.id, "keywords": ", ".join(card.keywords)}
        if card.valid_until is not None:
            facts["valid_until"] = card.valid_until.isoformat(" ", "minutes")
        if self.viewer.staff:
            facts |= {"author": card.author or "", "customer": card.customer or "", "case": card.case or ""}
            facts["review_by"] = card.review_by.isoformat() if card.review_by else ""
            facts["evidence"] = "; ".join(" ".join(filter(None, (one.kind, one.id, one.note))) for one in card.evidence)
        return tuple((name, clean(value)) for name, value in facts.items() if value)


def pages(cards: Sequence[Card], viewer: Viewer, now: datetime, *, topics: Topics, name: str, say: Words) -> list[Page]:
    """The page of each card that is shown, in order of id.

    Args:
        cards: all that there are.
        viewer: whom the site is for.
        now: when (aware).
        topics: the subjects of those that are shown.
        name: what makes the names of feeds differ from those of other sites.
        say: the site's words.
    """
    kept = shown(cards, viewer, now)
    paths = {card.id: f"cards/{file_name(card.id, upper=True)}.html" for card in kept}
    links = paths | _replaced(cards, viewer, now, paths)
    maker = _Maker(Renderer(), viewer, say, name, links, topics)
    return [maker.page(card) for card in sorted(kept, key=lambda card: card.id)]


def _replaced(cards: Sequence[Card], viewer: Viewer, now: datetime, paths: Mapping[str, str]) -> dict[str, str]:
    """From the ids of cards that were replaced to the page of what replaces them at last."""
    by = {old: card.id for card in cards if visible(card, viewer, now) for old in card.supersedes}
    found: dict[str, str] = {}
    for old in by:
        new, seen = old, {old}
        while new not in paths and by.get(new, new) not in seen:
            new = by[new]
            seen.add(new)
        if new in paths and old not in paths:
            found[old] = paths[new]
    return found


def _title(card: Card, texts: Mapping[str, str]) -> tuple[str, str]:
    """The title of a card, and the text that follows it in a list."""
    problem, rest = texts.get("problem", ""), texts.get("solution", "")
    if card.title.strip():
        return " ".join(clean(card.title).split()), problem if problem.strip() else rest
    first, _, more = problem.strip().partition("\n")
    return first or clean(card.id), more if more.strip() else rest


def _language(card: Card) -> str:
    """The language, if it is written as in BCP 47."""
    parts = card.language.split("-")
    fits = all(part.isascii() and part.isalnum() and len(part) <= 8 for part in parts)
    return card.language if fits and parts[0].isalpha() else ""
