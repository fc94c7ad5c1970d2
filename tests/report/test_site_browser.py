"""A site in a real browser: it can be searched and read, on a desk and on a phone, and nothing in it does anything."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import attrs
import pytest

from crmkit.kb import Thesaurus, Viewer
from crmkit.kb.terms import Concept

from .chromium import opened
from .site_cards import CARDS, Elements, card, files, made

LAYOUT = """
const wide = [...document.querySelectorAll("body *")].filter(one => !one.closest("pre") && !one.closest("table")
  && !one.closest(".skip") && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
const low = [...document.querySelectorAll("button, input, .brand, .topics a, .cards a")].filter(
  one => one.getClientRects().length && one.getBoundingClientRect().height < 24);
const ids = [...document.querySelectorAll("[id]")].map(one => one.id);
return {
  inner: innerWidth, sideways: document.documentElement.scrollWidth > innerWidth, wide: wide.map(one => one.outerHTML.slice(0, 60)),
  low: low.map(one => one.outerHTML.slice(0, 60)), heads: document.querySelectorAll("h1").length,
  twice: ids.filter((one, place) => ids.indexOf(one) !== place),
  nameless: [...document.querySelectorAll("input, section, nav, ol")].filter(one => !one.closest(".body") && !one.closest("article")
    && !one.getAttribute("aria-label") && !document.getElementById(one.getAttribute("aria-labelledby"))).length,
};
"""
HARM = """
const all = [...document.querySelectorAll("*")];
return {
  odd: all.filter(one => one.namespaceURI !== "http://www.w3.org/1999/xhtml" || one.getAttributeNames().some(name => name.startsWith("on"))).length,
  boxes: document.querySelectorAll("input, form, #q").length, pwned: window.called,
  loaded: performance.getEntriesByType("resource").map(one => one.name).filter(one => !one.includes("/static/")),
};
"""
STATE = """
const state = () => ({
  status: [...document.querySelectorAll("#status p")].map(one => one.textContent),
  hits: [...document.querySelectorAll("#results li")].map(one => one.querySelector("a").getAttribute("href")),
  marks: [...document.querySelectorAll("#results mark")].map(one => one.textContent),
  rest: !document.getElementById("rest").hidden, title: document.title,
});
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site for everybody, of four cards and one that is hidden."""
    folder = tmp_path_factory.mktemp("site")
    made(folder)
    return folder


def copied(folder, tmp_path, names, script):
    """A copy of a site some of whose pages run a script of ours, as its own files may, and nothing else."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    (copy / "static" / "probe.js").write_text(script, encoding="utf-8")
    for name in names:
        text = (folder / name).read_text(encoding="utf-8")
        own = f'<script defer src="{"../" * name.count("/")}static/probe.js"></script>'
        assert text.count("</body>") == 1
        (copy / name).write_text(text.replace("</body>", f"{own}</body>"), encoding="utf-8")
    return copy


def probed(folder, tmp_path, name, script, query=""):
    """What a script leaves as the title of a page."""
    copy = copied(folder, tmp_path, [name], script)
    found = opened((copy / name).as_uri() + query, tmp_path, "--dump-dom")
    assert found.console == ()
    return found.told


def framed(folder, tmp_path, names, script, *, width, query=""):
    """What a script gives back in each of some pages, which are opened in frames as wide as a screen."""
    start = "window.called = 0; window.pwned = () => { window.called += 1; };"
    tell = "parent.postMessage([decodeURIComponent(location.pathname).split('/copy/')[1], look()], '*');"
    copied(
        folder,
        tmp_path,
        names,
        f"{start} const look = () => {{ {script} }}; addEventListener('load', () => {{ {tell} }});",
    )
    frames = "".join(
        f'<iframe width="{width}" height="1600" style="border:0" src="copy/{name}{query}"></iframe>' for name in names
    )
    listen = "const got = {}; addEventListener('message', one => { got[one.data[0]] = one.data[1]; document.title = JSON.stringify(got); });"
    page = tmp_path / "frames.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><title>x</title><script>{listen}</script>{frames}', encoding="utf-8"
    )
    found = opened(page.as_uri(), tmp_path, "--virtual-time-budget=20000", "--window-size=1400,1600", "--dump-dom")
    assert found.console == ()
    assert found.told.keys() == set(names)
    return found.told


def searched(folder, tmp_path, text):
    """What the first page shows of a question that came with its address."""
    return probed(
        folder, tmp_path, "index.html", STATE + "document.title = JSON.stringify(state());", query=f"?q={quote(text)}"
    )


@pytest.mark.parametrize(("text", "wanted"), [
    ("invoices", (["k-17"], ["invoice"], ["1 card found"])),
    ("invioce", (["k-17"], ["invoice"], ["1 card found", "No card has “invioce”; searched for “invoice” instead."])),
    ("发票税率", (["c-1", "k-17", "k-18"], ["发票税率", "发票税率"], ["3 cards found"])),
    ("發票", (["c-1"], ["发票", "发票"], ["1 card found"])),
    ("登录", (["c-2"], [], ["1 card found"])),
    ("ＶＡＴ", (["c-1", "k-17", "k-18"], [], ["3 cards found"])),
    ("qqqqqq", ([], [], ["0 cards found", "No card has “qqqqqq”, nor anything like it."])),
    ("…", ([], [], ["0 cards found", "There is no word in “…” to search for."])),
])  # fmt: skip
def test_it_is_searched_from_a_folder(site, tmp_path, text, wanted):
    """English and Chinese, misspelled, traditional and wide: the cards, what was found in them, what became of the words."""
    found, (hits, marks, status) = searched(site, tmp_path, text), wanted
    assert sorted(found["hits"]) == [f"cards/{one}.html" for one in hits]
    assert sorted(found["marks"]) == sorted(marks)
    assert found["status"] == status
    assert not found["rest"]


@pytest.mark.parametrize("word", ["zebratitle", "zebraproblem", "zebraword", "斑马", "K-99", "zebra", "Quietterm"])
def test_a_hidden_card_is_not_found(site, tmp_path, word):
    """No word of a card that may not be seen finds anything, or is offered for another one."""
    found = searched(site, tmp_path, word)
    assert not [hit for hit in found["hits"] if "99" in hit]
    assert "zebra" not in "".join([*found["status"][2:], *found["marks"]])
    assert "No card has" in found["status"][1]


def test_our_own_people_find_it(tmp_path):
    """The same words find the card on a site for those who may see it."""
    made(tmp_path / "site", viewer=Viewer("li", staff=True))
    for word in ("zebraproblem", "斑马", "Quietterm"):
        assert searched(tmp_path / "site", tmp_path, word)["hits"] == ["cards/k-99.html"]


def test_it_searches_while_one_types(site, tmp_path):
    """Each letter changes what is shown; clearing the box brings the first page back; Enter looks for the whole word."""
    script = STATE + """
    const box = document.getElementById("q"), seen = [];
    const type = text => { box.value = text; box.dispatchEvent(new Event("input")); seen.push(state()); };
    ["inv", "invoice", "", "增值", "regi"].forEach(type);
    box.value = "regi"; box.form.requestSubmit(); seen.push(state());
    document.title = JSON.stringify(seen);
    """  # fmt: skip
    found = probed(site, tmp_path, "index.html", script)
    assert [one["hits"] for one in found[:3]] == [["cards/k-17.html"], ["cards/k-17.html"], []]
    assert found[2]["rest"]
    assert found[2]["status"] == []
    assert found[2]["title"] == "Acme help"
    assert "cards/c-1.html" in found[3]["hits"]
    assert "cards/k-18.html" in found[4]["hits"]
    assert len(found[4]["status"]) == 1
    assert found[5]["status"] == ["0 cards found", "No card has “regi”, nor anything like it."]


def test_the_box_of_every_page_leads_to_the_answers(site, tmp_path):
    """What is sent off from the page of a card is answered on the first page."""
    script = (
        STATE
        + """
    if (document.querySelector("article")) { document.getElementById("q").value = "登录"; document.querySelector("form").submit(); }
    """
    )
    copy = tmp_path / "copy"
    shutil.copytree(site, copy)
    (copy / "static" / "probe.js").write_text(script, encoding="utf-8")
    page = copy / "cards" / "k-17.html"
    page.write_text(
        page.read_text(encoding="utf-8").replace("</body>", '<script src="../static/probe.js"></script></body>'),
        encoding="utf-8",
    )
    found = opened(page.as_uri(), tmp_path, "--virtual-time-budget=5000", "--dump-dom")
    assert found.console == ()
    assert '<a href="cards/c-2.html">' in found.dom
    assert "<p>1 card found</p>" in found.dom


class Quiet(SimpleHTTPRequestHandler):
    """A web server that says nothing and counts what it is asked for."""

    asked: list[str] = []  # noqa: RUF012 - shared by all requests of the test

    def log_message(self, *_):
        """Say nothing."""
        self.asked.append(self.path)


def test_it_is_searched_from_a_server(site, tmp_path):
    """Behind a web server, below a path, it works the same, and asks for its own files only."""
    (tmp_path / "www").mkdir()
    shutil.copytree(site, tmp_path / "www" / "kb")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "www")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = opened(f"http://127.0.0.1:{server.server_port}/kb/index.html?q=invoices", tmp_path, "--dump-dom")
        server.shutdown()
    assert '<a href="cards/k-17.html">' in found.dom
    assert [line for line in found.console if "favicon" not in line] == []
    assert {path.partition("?")[0] for path in Quiet.asked} - {"/favicon.ico"} == {
        "/kb/index.html", *(f"/kb/static/{name}" for name in ("index.js", "search.js", "site.css", "site.js")),
    }  # fmt: skip


@pytest.mark.parametrize("width", [1200, 390, 320])
def test_pages_fit(site, tmp_path, width):
    """No sideways scrolling, nothing too small for a finger, one heading, no name twice, and each part has a name."""
    names = [name for name in files(site) if name.endswith(".html")]
    good = {"inner": width, "sideways": False, "wide": [], "low": [], "heads": 1, "twice": [], "nameless": 0}
    assert framed(site, tmp_path, names, LAYOUT, width=width) == dict.fromkeys(names, good)


def test_answers_fit_on_a_phone(site, tmp_path):
    """A long question and its answers fit, too."""
    found = framed(site, tmp_path, ["index.html"], LAYOUT, width=390, query=f"?q={'x' * 300}%20invoice")
    assert (found["index.html"]["sideways"], found["index.html"]["wide"]) == (False, [])


ATTACKS = (
    "<script>pwned()</script>", "<img src=x onerror=pwned()>", "<svg onload=pwned()>", "<svg><script>pwned()</script></svg>",
    "[x](javascript:pwned())", "[x](JaVaScRiPt:pwned())", "[x](java\nscript:pwned())", "[x](&#106;avascript:pwned())", "[x](&#x6A;avascript&colon;pwned())",
    "[x](data:text/html;base64,PHNjcmlwdD5wd25lZCgpPC9zY3JpcHQ+)", "[x](vbscript:pwned())", "<javascript:pwned()>", "![x](javascript:pwned())",
    '![x" onerror="pwned()](https://a.invalid/x.png)', '[x](https://a.invalid/"onmouseover="pwned())', '[x](https://a.invalid "title\\" onclick=\\"pwned()")',
    "<iframe srcdoc='<script>pwned()</script>'></iframe>", "<object data=javascript:pwned()></object>", "<embed src=javascript:pwned()>",
    "<base href=https://evil.invalid/>", "<meta http-equiv=refresh content='0;url=https://evil.invalid'>", "<link rel=stylesheet href=https://evil.invalid/x.css>",
    "<style>@import 'https://evil.invalid/x.css'; body{display:none}</style>", "<form action=https://evil.invalid><input name=q><button>x</button></form>",
    "<details open ontoggle=pwned()>", "<a href='jav&#x09;ascript:pwned()'>x</a>", "<math><mtext></mtext><mglyph><style><img src=x onerror=pwned()>",
    "<noscript><p title='</noscript><img src=x onerror=pwned()>'>", "<!--><img src=x onerror=pwned()>-->", "<![CDATA[><img src=x onerror=pwned()>]]>",
    "]]><script>pwned()</script>", "</title><script>pwned()</script>", "</textarea><script>pwned()</script>", '"><script>pwned()</script>', "' onload='pwned()",
    "{{ pwned() }}", "{% raw %}{{ 7*7 }}", "${pwned()}", "`<script>pwned()</script>`", "```\n</code></pre><script>pwned()</script>\n```",
    '```"><script>pwned()</script>\nx\n```', "</script><script>pwned()</script>", "\u2028pwned()\u2029", "*/pwned();/*", '\\";pwned();//', "<x onclick=pwned() style=position:fixed>",
    "<p id=q>", "<a name=crmkitIndex>", "__proto__ constructor toString hasOwnProperty", "<\0script>pwned()</script>", "\ud83d<script>pwned()</script>",
    "| <script>pwned()</script> | b |\n|---|---|\n| <img src=x onerror=pwned()> | [x](javascript:pwned()) |", "1. <script>pwned()</script>\n   > <img src=x onerror=pwned()>",
    "[a]: javascript:pwned()\n\n[a] [b][a]", "<https://a.invalid/'onclick='pwned()>", '<mailto:x@a.invalid?"onclick="pwned()>', "<template><script>pwned()</script></template>",
)  # fmt: skip


def attacked():
    """Cards that carry each attack in each of their parts, and subjects that carry them in labels."""
    parts = ("title", "problem", "need", "environment", "cause", "solution", "language", "author", "customer", "case")
    cards = [
        card(f"{attack} {number}", **dict.fromkeys(parts, attack) | {"problem": attack}, keywords=[attack], subjects=[f"s{number}"],
             evidence=[{"kind": attack, "id": attack, "note": attack}])
        for number, attack in enumerate(ATTACKS)
    ]  # fmt: skip
    labels = [" ".join(attack.split()) for attack in ATTACKS]
    concepts = [
        Concept(f"s{number}", {"en": label}, alternative={"en": [f"{label} too"]}, note={"en": label})
        for number, label in enumerate(labels)
    ]
    return cards, Thesaurus(concepts)


@pytest.fixture(scope="module")
def attacked_site(tmp_path_factory):
    """A site of such cards, for our own people, who see the most; its title is an attack, too."""
    folder = tmp_path_factory.mktemp("attacked")
    cards, thesaurus = attacked()
    made(
        folder,
        cards,
        thesaurus=thesaurus,
        viewer=Viewer("li", staff=True),
        title="</title><script>pwned()</script>\"'>{{ 7*7 }}",
    )
    return folder


def test_attacks_stay_texts(attacked_site):
    """No page has an element, an attribute or an address that an attack has put there."""
    for name, data in files(attacked_site).items():
        if not name.endswith(".html"):
            continue
        for tag, has in Elements(data.decode()).found:
            assert tag not in {
                "img",
                "svg",
                "iframe",
                "object",
                "embed",
                "style",
                "base",
                "math",
                "details",
                "template",
                "textarea",
                "x",
            }
            assert not {key for key in has if key.startswith("on") or key in ("style", "srcdoc")}, (name, tag, has)
            for key in ("href", "src", "action"):
                assert not has.get(key, "").lstrip().lower().startswith(("javascript", "data", "vbscript", "//")), (
                    name,
                    has,
                )
            if tag == "script":
                assert has["src"].startswith("static/")
            if tag in ("form", "input", "button", "link"):
                assert "evil.invalid" not in str(has)


def test_attacks_do_nothing(attacked_site, tmp_path):
    """In the browser no attack runs on any page, none is even stopped by the page's policy, none loads or hides anything."""
    names = sorted(name for name in files(attacked_site) if name.endswith(".html"))
    harmless = {"odd": 0, "boxes": 2, "pwned": 0, "loaded": []}
    assert len(names) > 2 * len(ATTACKS)
    assert framed(attacked_site, tmp_path, names, HARM, width=800) == dict.fromkeys(names, harmless)


@pytest.mark.parametrize(
    "text", ["script", "pwned onerror", "__proto__ constructor toString", "<img src=x onerror=pwned()>", "]]> 7"]
)
def test_attacks_can_be_searched_for(attacked_site, tmp_path, text):
    """They are found like other words, and shown as texts; nor does the question do anything."""
    script = (
        STATE
        + "document.title = JSON.stringify({...state(), odd: document.querySelectorAll('#results img, #results script, #status img').length});"
    )
    found = probed(attacked_site, tmp_path, "index.html", script, query=f"?q={quote(text)}")
    assert found["hits"]
    assert found["odd"] == 0


def test_a_thousand_cards(tmp_path):
    """A thousand cards are published, one changed card later touches few files, and the search finds each."""
    cards = [
        attrs.evolve(CARDS[number % 4], id=f"N-{number}", title=f"Card number{number} about {'invoices' if number % 2 else '发票'}", subjects=["vat"])
        for number in range(1000)
    ]  # fmt: skip
    folder = tmp_path / "site"
    site = made(folder, cards)
    assert len(site.pages) == 1000
    again = made(folder, [attrs.evolve(cards[7], cause="another cause"), *cards[:7], *cards[8:]])
    assert again.unchanged > 990
    found = searched(folder, tmp_path, "number777")
    assert (found["hits"], found["status"]) == (["cards/n-777.html"], ["1 card found"])
    found = searched(folder, tmp_path, "发票")
    assert len(found["hits"]) == 50
    assert found["status"] == ["500 cards found; the best 50 are shown"]
