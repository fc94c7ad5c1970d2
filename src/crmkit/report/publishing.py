"""Knowledge for whoever may see it, as a site of plain files: no server, nothing loaded from elsewhere.

A site shows to one kind of reader what `crmkit.kb.cards.visible` lets them see at one moment, and nothing else: its
lists, links, subjects, search, feed and map are all made of those cards alone. It works from a folder as from any web
server, on a phone, on paper, without colours and without a mouse; only its search needs JavaScript.

In the text of a card, which is Markdown, `[see there](card:K-30)` links to another card and `[tax](subject:vat)` to a
subject; where the reader may not see it, the words stay and the link goes.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import attrs

from crmkit.errors import ExtraMissing, InvalidValue
from crmkit.kb.cards import Card, Viewer, hidden_because, shown, visible
from crmkit.kb.portable import portable_index
from crmkit.kb.results import Document
from crmkit.kb.terms import Thesaurus
from crmkit.kb.text import Analyzer
from crmkit.report._site_files import Folder
from crmkit.report._site_pages import Page, Section, Topics, instant, pages
from crmkit.report._site_text import clean
from crmkit.report._site_words import site_words
from crmkit.report.words import Words
from crmkit.values import aware
from crmkit.values.display import Listed

__all__ = ["Site", "publish"]

_ANYBODY, _NO_SUBJECTS, _USUAL = Viewer(), Thesaurus(), Analyzer()
_WEIGHTS = {"title": 2.0, "topics": 1.5, "text": 1.0}
_STATIC = ("search.js", "site.css", "site.js")
# Cards of one page of a list; of the first page; of the feed.
_LISTED, _NEWEST, _FED = 100, 10, 50


@attrs.frozen
class Site(Listed):
    """What was published, and what was not.

    Attributes:
        pages: from the id of each card that is shown to its page in the folder.
        subjects: from the id of each subject to its first page.
        written: the files that are new or have changed.
        unchanged: how many stayed as they were.
        removed: the files of an earlier time that are gone.
        hidden: from the reason to the number of cards that are not shown for it. For those who look after cards.
        unlinked: from the id of a card to the addresses in its text that lead to nothing on this site.
        due: when something opens or shuts by itself, so that the site must be published again; None: never.
        notes: what its owner should know.
    """

    pages: Mapping[str, str]
    subjects: Mapping[str, str]
    written: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]
    hidden: Mapping[str, int]
    unlinked: Mapping[str, tuple[str, ...]]
    due: datetime | None
    notes: tuple[str, ...]


def publish(
    cards: Iterable[Card],
    folder: str | Path,
    *,
    now: datetime,
    title: str,
    viewer: Viewer = _ANYBODY,
    language: str = "en",
    base: str | None = None,
    thesaurus: Thesaurus = _NO_SUBJECTS,
    analyzer: Analyzer = _USUAL,
) -> Site:
    """Write the site, or bring it up to date: what may no longer be seen is removed, what says the same stays as it is.

    Only what was published there before is overwritten or removed. Each file is put in its place in one step, so that
    a run that breaks off leaves old and new pages but no half ones; the next run mends it. One run at a time.

    Args:
        cards: all that there are, hidden ones too: what they replace, and what is left out, is told by them.
        folder: where; empty, not there yet, or published to before.
        now: the moment (aware) for which it is decided who may see what.
        title: what the site is called.
        viewer: whom it is for; anybody if not said. Whoever can read the folder sees all of it.
        language: what it says by itself: "en" or "zh".
        base: the address (http or https) where the folder will be found; needed for a site map, and for whole
            addresses in the feed.
        thesaurus: the subjects and their labels.
        analyzer: makes the terms that are searched; not with `pinyin`.

    Raises:
        NaiveDatetime: if `now` has no zone.
        InvalidValue: if two cards have one id, `title` is empty or no text, `base` is no address, or the analyzer has
            pinyin.
        NotFound: if the language is not there.
        InputError: if something else is in the folder where a page must go, or the disk refuses.
        ExtraMissing: if the extra `site` is not installed.
    """
    at, known = aware(now, "now"), tuple(cards)
    _unique(known)
    address = _base(base)
    if not title.strip():
        raise InvalidValue("title", title, "is empty")
    if any("\ud800" <= one <= "\udfff" for one in title):
        raise InvalidValue("title", title, "holds half a character, which no page can show")
    target = Folder(Path(folder))
    kept = shown(known, viewer, at)
    topics = Topics(sorted(kept, key=lambda card: card.id), thesaurus, language)
    name = address or title
    made = pages(known, viewer, at, topics=topics, name=name, say=site_words(language))
    made = [_dated(page, target.manifest.cards, instant(at)) for page in made]
    draft = _Draft(made, topics, clean(title), language, address, public=viewer == _ANYBODY)
    done = target.update(
        dict(draft.files(analyzer)), {page.id: (page.digest, page.updated) for page in made}
    )  # fmt: skip
    return Site(
        pages={page.id: page.path for page in made},
        subjects={topic.id: topic.path for topic in topics.all},
        written=done.written,
        unchanged=len(done.unchanged),
        removed=done.removed,
        hidden=_hidden(known, {page.id for page in made}, viewer, at),
        unlinked={page.id: page.unlinked for page in made if page.unlinked},
        due=_due(known, viewer, at),
        notes=tuple(_notes(viewer, address, topics)),
    )


@attrs.frozen(slots=False)
class _Draft:
    """The files of a site, before they are written."""

    pages: Sequence[Page]
    topics: Topics
    title: str
    language: str
    base: str
    public: bool = attrs.field(kw_only=True)

    @property
    def say(self) -> Words:
        return site_words(self.language)

    @cached_property
    def _known(self) -> dict[str, Page]:
        return {page.id: page for page in self.pages}

    @cached_property
    def _newest(self) -> list[Page]:
        return sorted(self.pages, key=lambda page: page.updated, reverse=True)

    @cached_property
    def _templates(self) -> Any:
        try:
            from jinja2 import Environment, PackageLoader, StrictUndefined
        except ImportError:
            raise ExtraMissing("jinja2", "site", "publishing knowledge") from None
        loader = PackageLoader("crmkit.report", "site")
        return Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
        )

    def _made(self, template: str, path: str, **values: Any) -> tuple[str, bytes]:
        text = self._templates.get_template(f"{template}.j2").render(
            path=path,
            root="../" * path.count("/"),
            title=self.title,
            language=self.language,
            base=self.base,
            public=self.public,
            say=self.say,
            **values,
        )
        return path, text.encode()

    def files(self, analyzer: Analyzer) -> Iterator[tuple[str, bytes]]:
        """Paths and contents."""
        yield from self._static()
        yield "static/index.js", self._index(analyzer)
        yield from map(self._card, self.pages)
        everything = sorted(self.pages, key=lambda page: (page.title.casefold(), page.id))
        listed = list(
            self._list("all", everything, heading=self.say["all_cards"], above=[], below=[], beside=[], note="")
        )
        for topic in self.topics.all:
            ids = frozenset(self.topics.cards(topic.id))
            about = [page for page in everything if page.id in ids]
            path = topic.path.removesuffix(".html")
            listed += self._list(path, about, heading=topic.label, **self.topics.around(topic.id))
        yield from listed
        newest, more = self._newest[:_NEWEST], len(self.pages) if len(self.pages) > _NEWEST else 0
        yield self._made("index.html", "index.html", cards=newest, more=more, topics=self.topics.top)
        yield self._feed()
        yield from self._for_robots(["index.html", *(path for path, _ in listed)])

    def _static(self) -> Iterator[tuple[str, bytes]]:
        for name in _STATIC:
            yield f"static/{name}", (Path(__file__).parent / "site" / name).read_bytes()

    def _card(self, page: Page) -> tuple[str, bytes]:
        from markupsafe import Markup

        sections = tuple(Section(one.name, Markup(one.html)) for one in page.sections)  # noqa: S704 - cleaned by nh3
        facts = (*page.facts, ("changed", page.updated[:10]))
        return self._made(
            "card.html",
            page.path,
            card=attrs.evolve(page, sections=sections, facts=facts),
            description=page.summary,
            keywords=page.keywords,
            topics=self.topics.of(page.id),
            alike=[self._known[id_] for id_ in self.topics.alike(page.id)],
        )

    def _list(self, stem: str, cards: Sequence[Page], **values: Any) -> Iterator[tuple[str, bytes]]:
        """The pages of a list."""
        last = max((len(cards) - 1) // _LISTED, 0)
        names = [f"{stem}.html", *(f"{stem}_{number + 1}.html" for number in range(1, last + 1))]
        for number, path in enumerate(names):
            part = cards[number * _LISTED : (number + 1) * _LISTED]
            before, after = names[number - 1] if number else "", names[number + 1] if number < last else ""
            yield self._made(
                "list.html", path, cards=part, number=number + 1, before=before, after=after, **values
            )  # fmt: skip

    def _index(self, analyzer: Analyzer) -> bytes:
        """The index as a script: what was opened from a folder may run one, but not fetch data."""
        documents = (
            Document(page.id, {
                "title": page.title,
                "topics": "\n".join((*self.topics.labels(page.id), *page.keywords)),
                "text": page.text,
            })
            for page in self.pages
        )  # fmt: skip
        index = portable_index(documents, fields=_WEIGHTS, analyzer=analyzer)
        index["cards"] = [[page.title, page.path, page.summary, page.language] for page in self.pages]
        index["say"] = dict(self.say)
        text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
        return f"window.crmkitIndex = {clean(text)};\n".encode()

    def _feed(self) -> tuple[str, bytes]:
        cards = self._newest[:_FED]
        id_ = uuid5(NAMESPACE_URL, self.base or self.title).urn
        updated = max((page.updated for page in cards), default="1970-01-01T00:00:00Z")
        return self._made("feed.xml", "feed.xml", id=id_, updated=updated, cards=cards)

    def _for_robots(self, lists: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        rules = "User-agent: *\nAllow: /\n" if self.public else "User-agent: *\nDisallow: /\n"
        if self.public and self.base:
            rules += f"Sitemap: {self.base}sitemap.xml\n"
            dated = [(page.path, page.updated) for page in self.pages]
            yield self._made("sitemap.xml", "sitemap.xml", pages=[*((path, "") for path in lists), *dated])
        yield "robots.txt", rules.encode()


def _unique(cards: Sequence[Card]) -> None:
    twice = [id_ for id_, count in Counter(card.id for card in cards).items() if count > 1]
    if twice:
        raise InvalidValue("cards", twice[0], "is the id of two cards")


def _base(base: str | None) -> str:
    """The address with a slash at its end; "" if there is none."""
    if base is None:
        return ""
    try:
        parts = urlsplit(base)
        fits = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        fits = False
    if not fits or not base.isascii() or not base.isprintable() or set(base) & set(" \"'<>&"):
        raise InvalidValue("base", base, "is no address such as https://help.example.com/kb/")
    return base.rstrip("/") + "/"


def _dated(page: Page, known: Mapping[str, tuple[str, str]], now: str) -> Page:
    """The page with the moment since which it has said the same on this site."""
    digest, since = known.get(page.id, ("", now))
    return attrs.evolve(page, updated=since if digest == page.digest else now)


def _hidden(cards: Iterable[Card], kept: set[str], viewer: Viewer, now: datetime) -> dict[str, int]:
    reasons = (hidden_because(card, viewer, now) or "another card replaces it" for card in cards if card.id not in kept)
    return dict(Counter(reasons))


def _due(cards: Iterable[Card], viewer: Viewer, now: datetime) -> datetime | None:
    """The next moment at which a card opens or shuts."""
    moments: list[datetime] = []
    for card in cards:
        start, end = card.valid_from, card.valid_until
        if start is not None and start > now and visible(card, viewer, start):
            moments.append(start)
        if end is not None and end > now and visible(card, viewer, now) and not visible(card, viewer, end):
            moments.append(end)
    return min(moments, default=None)


def _notes(viewer: Viewer, base: str, topics: Topics) -> Iterator[str]:
    if viewer != _ANYBODY:
        yield "this site is not for everybody: put it where only its readers can open it; files do not guard themselves"
    if not base:
        yield "without the address of the site (base) there is no site map, and the addresses in the feed are relative"
    elif urlsplit(base).path != "/" and viewer == _ANYBODY:
        yield "robots.txt counts only at the root of a host: tell search engines of sitemap.xml yourself"
    if topics.unknown:
        yield f"subjects that the thesaurus does not have are shown by their ids: {', '.join(topics.unknown)}"
