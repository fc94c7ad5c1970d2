"""What a site shows to whom: pages, lists, links, subjects, feed and map."""

import json
import re
from datetime import datetime, timedelta
from itertools import product

import attrs
import pytest

from crmkit.kb import Viewer, visible

from .site_cards import ATOM, BASE, CARDS, NOW, SUBJECTS, Elements, card, files, made, parsed

STAFF = Viewer("li", staff=True)
DAY = timedelta(days=1)


def test_a_hidden_card_is_in_no_byte(tmp_path):
    """Nothing of a card that may not be seen is written: no word, no id, no subject, not even where others link to it."""
    site = made(tmp_path)
    everything = b"\n".join([*(path.encode() for path in files(tmp_path)), *files(tmp_path).values()]).lower()
    for word in (b"zebra", b"K-99", b"k-99", "斑马".encode(), "斑".encode(), b"quiet", b"vatt"):
        assert word.lower() not in everything, word
    assert sorted(site.pages) == ["C-1", "C-2", "K-17", "K-18"]
    assert site.hidden == {"it is for staff": 1}
    assert site.unlinked == {"K-17": ("card:K-99",)}
    assert b"the draft, " in everything


def test_whoever_may_see_it_finds_it(tmp_path):
    """The same cards for our own people: listed, linked, in the feed and in the index, with what is for them alone."""
    site = made(tmp_path, viewer=STAFF)
    found = files(tmp_path)
    page = found[site.pages["K-99"]].decode()
    for word in ("zebraproblem", "zebracause", "zebraauthor", "zebracustomer", "zebracase", "mail zebramail zebranote"):
        assert word in page
    for name in ("index.html", "all.html", "feed.xml", "static/index.js", "subjects/quiet.html", site.pages["K-17"]):
        assert b"k-99.html" in found[name], name
    assert "sitemap.xml" not in found
    assert b"Disallow: /\n" in found["robots.txt"]
    assert all(b'content="noindex"' in data for name, data in found.items() if name.endswith(".html"))
    assert [note.partition(":")[0] for note in site.notes] == [
        "this site is not for everybody", "subjects that the thesaurus does not have are shown by their ids",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "viewer", [Viewer(), Viewer(customer="acme"), Viewer("wei", staff=True), Viewer("bo", staff=True, roles="sales")]
)
def test_it_shows_what_visible_lets_through(tmp_path, viewer):
    """For each kind of reader and each kind of card: a page, a line in the list and in the feed exactly if it is visible."""
    states, audiences = (
        ("work in progress", "not validated", "published", "archived"),
        ("author", "staff", "customer", "customers", "public"),
    )
    spans = [{}, {"valid_from": NOW + DAY}, {"valid_until": NOW}, {"valid_from": NOW, "valid_until": NOW + DAY}]
    cards = [
        card(f"N-{number}", f"word{number}x", state=state, audience=audience, author="wei", customer="acme", **span)
        for number, (state, audience, span) in enumerate(product(states, audiences, spans))
    ]
    site = made(tmp_path, cards, viewer=viewer)
    want = {one.id for one in cards if visible(one, viewer, NOW)}
    found = files(tmp_path)
    assert want
    assert site.pages.keys() == want
    listed = {word.decode() for word in re.findall(rb"word(\d+)x</a>", found["all.html"])}
    assert {f"N-{number}" for number in listed} == want
    index = json.loads(found["static/index.js"].decode().removeprefix("window.crmkitIndex = ").removesuffix(";\n"))
    assert set(index["ids"]) == want
    assert {term for term in index["terms"] if term.startswith("word")} == {f"word{id_[2:]}x" for id_ in want}
    assert len(parsed(found["feed.xml"]).findall(f"{ATOM}entry")) == min(len(want), 50)
    assert sum(site.hidden.values()) == len(cards) - len(want)


def test_it_says_when_to_publish_again(tmp_path):
    """The next moment at which a card opens or shuts for these readers; none if time changes nothing."""
    cards = [
        card("A", "a", valid_until=NOW + 5 * DAY), card("B", "b", valid_from=NOW + 3 * DAY),
        card("C", "c", valid_from=NOW + DAY, audience="staff"), card("D", "d", valid_until=NOW - DAY),
    ]  # fmt: skip
    assert made(tmp_path, cards).due == NOW + 3 * DAY
    assert made(tmp_path, cards, now=NOW + 3 * DAY).due == NOW + 5 * DAY
    site = made(tmp_path, cards, now=NOW + 5 * DAY)
    assert (site.due, sorted(site.pages)) == (None, ["B"])


def test_links_lead_to_what_replaced_a_card(tmp_path):
    """A link to a card that was replaced, once or twice, leads to the newest; a ring of them leads nowhere."""
    cards = [
        card("A", "a", solution="[see](card:OLD)"), card("OLD", "old"), card("MID", "mid", supersedes=["OLD"]),
        card("NEW", "new", supersedes=["MID"]), card("X", "x", supersedes=["Y"]), card("Y", "y", supersedes=["X"]),
        card("B", "b", solution="[see](card:X) [too](card:B)"),
    ]  # fmt: skip
    site = made(tmp_path, cards)
    assert sorted(site.pages) == ["A", "B", "NEW"]
    assert b'href="../cards/new.html"' in files(tmp_path)["cards/a.html"]
    assert site.unlinked == {"B": ("card:X",)}
    assert site.hidden == {"another card replaces it": 4}


def test_every_link_of_the_site_leads_somewhere(tmp_path):
    """Each relative address of each page and of the feed is a file; each other one is a text's own, or the site's."""
    made(tmp_path)
    for name, data in files(tmp_path).items():
        if not name.endswith((".html", "feed.xml")):
            continue
        found = re.findall(r'(?:href|src|action)="([^"#]+)', data.decode())
        for address in found:
            if address.startswith(BASE):
                target = tmp_path / address.removeprefix(BASE)
            elif address.startswith("https://"):
                assert address.startswith(("https://manual.example.com/", "https://pictures.example.com/"))
                continue
            else:
                target = (tmp_path / name).parent / address
            assert target.resolve().is_file(), (name, address)


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    """Scripts, styles and pictures of all pages are the site's own; a picture elsewhere has become a link."""
    made(tmp_path)
    for name, data in files(tmp_path).items():
        if name.endswith(".html"):
            for tag, has in Elements(data.decode()).found:
                assert tag not in (
                    "img",
                    "iframe",
                    "object",
                    "embed",
                    "video",
                    "audio",
                    "source",
                    "style",
                    "base",
                    "svg",
                )
                if tag == "script" or (tag == "link" and has["rel"] == "stylesheet"):
                    assert re.fullmatch(r"(\.\./)?static/[a-z]+\.(js|css)", has.get("src") or has["href"])
    page = files(tmp_path)["cards/k-18.html"].decode()
    assert '<a href="https://pictures.example.com/x.png" rel="noopener noreferrer">a picture</a>' in page
    assert "<h3>They decide</h3>" in page


# -- feed and map


def test_the_feed_is_atom(tmp_path):
    """It has what RFC 4287 requires, the newest entries first, and ids that stay when a card is published again."""
    made(tmp_path)
    changed = [attrs.evolve(one, solution="new") if one.id == "K-18" else one for one in CARDS]
    before = parsed(files(tmp_path)["feed.xml"])
    made(tmp_path, changed, now=NOW + DAY)
    feed = parsed(files(tmp_path)["feed.xml"])
    entries = feed.findall(f"{ATOM}entry")
    assert entries[0].findtext(f"{ATOM}title") == "Regions and taxes"
    assert [entry.findtext(f"{ATOM}updated")[:10] for entry in entries] == ["2026-03-03"] + ["2026-03-02"] * 3
    assert feed.findtext(f"{ATOM}updated") == "2026-03-03T09:00:00Z"
    ids = [{entry.findtext(f"{ATOM}id") for entry in one.findall(f"{ATOM}entry")} for one in (before, feed)]
    assert ids[0] == ids[1]
    for one in (feed, *entries):
        assert one.findtext(f"{ATOM}id").startswith("urn:uuid:")
        assert one.find(f"{ATOM}link[@rel='alternate']").get("href").startswith(BASE)
        datetime.fromisoformat(one.findtext(f"{ATOM}updated"))
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Acme help"


def test_the_map_needs_an_address(tmp_path):
    """With the address all pages are in the map; without it there is none, which is said, and the feed's are relative."""
    site = made(tmp_path)
    pages = {
        element.text.removeprefix(BASE)
        for element in parsed(files(tmp_path)["sitemap.xml"]).iter()
        if element.tag.endswith("}loc")
    }
    assert pages == {name for name in files(tmp_path) if name.endswith(".html")}
    assert f"Sitemap: {BASE}sitemap.xml".encode() in files(tmp_path)["robots.txt"]
    again = made(tmp_path, base=None)
    assert again.removed == ("sitemap.xml",)
    assert "there is no site map" in again.notes[0]
    assert b'href="cards/k-18.html"' in files(tmp_path)["feed.xml"]
    assert site.subjects == {
        "finance": "subjects/finance.html",
        "vat": "subjects/vat.html",
        "login": "subjects/login.html",
    }


# -- subjects and lists


def test_the_page_of_a_subject(tmp_path):
    """The cards about it and about what is under it, the subjects around it that have cards, and what it covers."""
    made(tmp_path)
    found = files(tmp_path)
    vat, finance = found["subjects/vat.html"].decode(), found["subjects/finance.html"].decode()
    assert "Taxes on sales" in vat
    assert 'href="../subjects/finance.html">Finance' in vat
    assert 'href="../subjects/login.html">Signing in' in vat
    assert 'href="../subjects/vat.html">VAT <span>3</span>' in finance
    assert finance.count("<li lang=") == vat.count("<li lang=") == 3


def test_merged_and_unknown_subjects(tmp_path):
    """A subject that was merged is shown as the one it became; one that nobody knows by its id, which is said."""
    thesaurus = SUBJECTS.merge("vat", into="finance", at=NOW)
    site = made(
        tmp_path,
        [card("A", "a", subjects=["vat"]), card("B", "b [s](subject:vat)", subjects=["shipping <b>"])],
        thesaurus=thesaurus,
    )
    assert set(site.subjects) == {"finance", "shipping <b>"}
    assert site.notes[-1] == "subjects that the thesaurus does not have are shown by their ids: shipping <b>"
    page = files(tmp_path)["cards/b.html"].decode()
    assert "shipping &lt;b&gt;" in page
    assert 'href="../subjects/finance.html" rel=' in page


def test_long_lists_have_several_pages(tmp_path):
    """A hundred cards a page, each card on one of them, and a way from page to page."""
    made(tmp_path, [card(f"N-{number}", f"n{number:03}", subjects=["login"]) for number in range(250)])
    found = files(tmp_path)
    for stem in ("all", "subjects/login"):
        pages = [found[f"{stem}{end}.html"].decode() for end in ("", "_2", "_3")]
        titles = [title for page in pages for title in re.findall(r">(n\d{3})</a>", page)]
        assert titles == [f"n{number:03}" for number in range(250)]
        assert f'rel="next" href="{"../" * stem.count("/")}{stem}_3.html"' in pages[1]
        assert 'rel="prev"' in pages[2]
        assert 'rel="next"' not in pages[2]
    made(tmp_path, [card("N-1", "n001")])
    assert [name for name in files(tmp_path) if name.startswith("all")] == ["all.html"]
