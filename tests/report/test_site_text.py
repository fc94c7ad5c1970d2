"""What a site refuses, what it says by itself, and that no text of a card becomes more than text."""

import re
from datetime import datetime
from itertools import product
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NaiveDatetime, NotFound
from crmkit.kb import Analyzer, Card, Thesaurus
from crmkit.kb.terms import Concept
from crmkit.report._site_text import Renderer, clean, clipped
from crmkit.report._site_words import SITE_WORDS

from .site_cards import ATOM, Elements, card, files, made, parsed


@pytest.mark.parametrize(("changes", "error", "said"), [
    ({"cards": [card("A", "a"), card("A", "b")]}, InvalidValue, "cards: 'A' is the id of two cards"),
    ({"title": " "}, InvalidValue, "title: ' ' is empty"),
    ({"now": datetime(2026, 3, 2)}, NaiveDatetime, "now"),  # noqa: DTZ001 - that is the point
    ({"language": "fr"}, NotFound, "the site has no language 'fr'|no language 'fr'"),
    ({"analyzer": Analyzer(pinyin=True)}, InvalidValue, "cannot be carried along"),
    *(({"base": base}, InvalidValue, "is no address such as") for base in (
        "", "help.example.com", "ftp://a.example", "javascript:alert(1)", "https://", "https://a b", "https://a/?q=1", "https://a/#x",
        'https://a/"onload=', "https://[", "https://例子.example/")),
])  # fmt: skip
def test_what_cannot_be_published_is_refused(tmp_path, changes, error, said):
    """Each refusal says what was wrong, and no file is left behind."""
    with pytest.raises(error, match=said):
        made(tmp_path, **changes)
    assert files(tmp_path) == {}


def test_both_languages_have_the_same_words():
    """Every text exists in English and in Chinese, with the same places to fill."""
    english, chinese = SITE_WORDS["en"], SITE_WORDS["zh"]
    assert english.keys() == chinese.keys()
    for key in english:
        places = [sorted(re.findall(r"\{(\w+)\}", words[key])) for words in (english, chinese)]
        assert places[0] == places[1], key


def test_a_site_in_chinese(tmp_path):
    """The site speaks Chinese, its subjects too."""
    made(tmp_path, language="zh", title="帮助中心")
    found = files(tmp_path)
    assert '<html lang="zh-Hans">' in found["index.html"].decode()
    assert "增值税" in found["subjects/vat.html"].decode()
    assert '<h2 lang="zh-Hans">解决办法</h2>' in found["cards/c-1.html"].decode()


def luminance(colour):
    """The relative luminance of a colour, as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_can_be_told_apart(tmp_path):
    """By day and by night each text has the contrast that WCAG 2.2 asks for (4.5), each edge of a field 3."""
    made(tmp_path)
    style = files(tmp_path)["static/site.css"].decode()
    schemes = [
        dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", found))
        for found in re.findall(r":root \{([^}]*#[0-9a-f]{6}[^}]*)\}", style)
    ]
    assert len(schemes) == 2
    for colours in schemes:
        for text, paper, least in [
            *product(("ink", "soft", "link"), ("paper", "wash"), [4.5]), ("paper", "link", 4.5), ("ink", "mark", 4.5), ("link", "mark", 3),
            ("edge", "wash", 3), ("edge", "paper", 3),
        ]:  # fmt: skip
            light, dark = sorted((luminance(colours[text]), luminance(colours[paper])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= least, (text, paper)


SCHEMES = st.sampled_from(
    [
        "javascript:",
        "JaVaScRiPt:",
        "data:text/html,",
        "vbscript:",
        "file:",
        "//evil.example/",
        "https://ok.example/",
        "card:K-1",
        "subject:x",
        "",
    ]
)
MARKS = st.sampled_from(
    [
        *"<>\"'&`[]()!*_#|\\\n \t:/",
        "<script>",
        "<img src=x onerror=alert(1)>",
        "```",
        "---",
        "&#106;",
        "\0",
        "\u202e",
        "href=",
        "![",
        "](",
    ]
)
MARKDOWN = st.lists(st.one_of(MARKS, SCHEMES, st.text(max_size=4)), max_size=25).map("".join)


@given(MARKDOWN)
def test_no_text_becomes_more_than_text(text):
    """Whatever a card says, its HTML has harmless elements only, and links to the web, to mail, to phones or to the site."""
    html, words = Renderer().rendered(text, lambda address: "../cards/k-1.html" if address == "card:K-1" else None)
    for tag, has in Elements(html).found:
        assert tag in {"a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
                       "table", "tbody", "td", "th", "thead", "tr", "ul"}  # fmt: skip
        assert has.keys() <= ({"href", "rel"} if tag == "a" else {"start"} if tag == "ol" else set())
        if "href" in has:
            scheme = urlsplit(unquote(has["href"])).scheme.lower()
            assert has["href"] == "../cards/k-1.html" or scheme in ("http", "https", "mailto", "tel")
    (html + words).encode()


@pytest.mark.parametrize("text", [
    "".join(f"{'  ' * depth}- {'in' * (depth == 39)}most\n" for depth in range(40)), ">" * 60 + "inmost", ">" * 5000 + "<b>inmost</b>",
    "".join(f"{'  ' * depth}- {'in' * (depth == 399)}most\n" for depth in range(400)), "*" * 500 + "inmost" + "*" * 500, "[" * 500 + "inmost](https://a.example)",
], ids=["lists", "quotes", "many quotes", "many lists", "stars", "brackets"])  # fmt: skip
def test_what_is_nested_deeply_is_not_lost(text):
    """However deep a text lies in lists and quotes, it is on the page and among the words."""
    html, words = Renderer().rendered(text, lambda _: None)
    assert "inmost" in html
    assert "inmost" in words
    assert "<b>" not in html


def test_what_cannot_be_written_is_replaced():
    """Control characters and halves of pairs leave a replacement character; line ends become one kind."""
    assert clean("a\0b\r\nc\rd\ud800e\ufffff\tg") == "a\ufffdb\nc\nd\ufffde\ufffdf\tg"


@given(st.text(), st.integers(3, 40))
def test_a_summary_is_short(text, most):
    """A clipped text is one line that is not too long, and what fits is left as it is."""
    line = " ".join(text.split())
    short = clipped(text, most)
    assert len(short) <= most + 1
    assert short == line if len(line) <= most else (short.endswith("…") and line.startswith(short[:-1]))


@pytest.mark.parametrize(("given", "title", "summary"), [
    ({"title": " A  title ", "problem": "The *problem*"}, "A title", "The problem"),
    ({"problem": "First **line**\nsecond"}, "First line", "First line second"[11:]),
    ({"problem": "Only `line`", "solution": "Do [it](https://a.example)"}, "Only line", "Do it"),
    ({"solution": "Do it"}, "T-1", "Do it"),
    ({}, "T-1", ""),
], ids=["title", "two lines", "one line", "solution", "nothing"])  # fmt: skip
def test_titles_and_summaries(tmp_path, given, title, summary):
    """The title, or the first line of the problem, or the id; and below it what comes next."""
    made(tmp_path, [card("T-1", **given)])
    entry = parsed(files(tmp_path)["feed.xml"]).find(f"{ATOM}entry")
    assert (entry.findtext(f"{ATOM}title"), entry.findtext(f"{ATOM}summary")) == (title, summary)


@pytest.mark.parametrize(
    ("language", "shown"),
    [("zh-Hant", True), ("en", True), ('en" onload="x', False), ("", False), ("德", False), ("1", False)],
)
def test_only_a_language_is_taken_for_one(tmp_path, language, shown):
    """The language of a card is marked if it is written as languages are."""
    made(tmp_path, [Card("T-1", "x", language=language, state="published", audience="public")])
    assert (f'<article lang="{language}">' in files(tmp_path)["cards/t-1.html"].decode()) == shown


def test_a_concept_without_words_for_the_language(tmp_path):
    """A subject with no label in the language of the site shows the one it has, and a note in no other language."""
    thesaurus = Thesaurus([Concept("tax", {"zh": "税"}, note={"zh": "关于税"})])
    made(tmp_path, [card("T-1", "x", subjects=["tax"])], thesaurus=thesaurus)
    page = files(tmp_path)["subjects/tax.html"].decode()
    assert "<h1>税</h1>" in page
    assert "关于税" not in page
