"""The pages that are made from the code say all of it, and the site that was built holds together."""

import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from tree import ROOT, home, public_names, relative, report

from crmkit import errors

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

DOCS = ROOT / "docs"
OPEN = ROOT / "tests" / "house" / "examples_open.txt"
SITE = Path(os.environ.get("CRMKIT_SITE", ROOT / "build" / "docs"))


def test_the_catalogue_is_chinese_too():
    """Every English text of a KPI has its Chinese one, and no translation is left over."""
    import catalogue

    said = catalogue.english()
    wanted = {(kind, text) for kind, texts in said.items() for text in texts}
    given = {(kind, text) for kind, texts in catalogue.chinese().items() for text in texts}
    assert wanted == given, report(wanted ^ given)
    assert all(re.search(r"[\u4e00-\u9fff]", zh) or zh == en
               for texts in catalogue.chinese().values() for en, zh in texts.items())  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_catalogue_has_every_kpi(lang):
    """Each KPI has its entry, with its key, its policies and every trap."""
    import catalogue

    page = catalogue.Page(lang)
    text = page.text()
    for metric in catalogue.CATALOGUE:
        assert f"({page.label(metric)})=" in text
        assert text.count(catalogue.policies(metric)) > 0
        assert all(page.said("traps", trap) in text for trap in metric.about.traps)


def test_the_glossary_has_both_languages():
    """Each entry is explained in English and in Chinese, and no term comes twice."""
    text = (DOCS / "reference" / "glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r"^  (.+)$", text, flags=re.MULTILINE)
    assert len(entries) > 60
    found = [entry for entry in entries if not re.search(r"[a-z].*· .*[\u4e00-\u9fff]", entry)]
    assert not found, report(found)
    lines = [line for block in re.findall(r"```\{glossary\}\n(.*?)```", text, flags=re.DOTALL)
             for line in block.splitlines() if line and not line.startswith(" ")]  # fmt: skip
    assert len(lines) == len(set(lines))


def test_each_error_is_told_how_to_mend():
    """Every class of errors has its row: when it comes, and what to do."""
    rows = re.findall(
        r"^\| `(\w+)` \| .+ \| .+ \|$", (DOCS / "reference" / "errors.md").read_text("utf-8"), re.MULTILINE
    )
    assert {*rows} == {name for name in errors.__all__ if name[0].isupper()} - {"CrmkitError"}


def test_all_that_was_measured_is_shown():
    """The page on performance quotes every topic of the results, and what is lost is picked from all of them."""
    import measured

    text = (DOCS / "explanation" / "performance.md").read_text(encoding="utf-8")
    assert set(re.findall(r"```\{bench\} (.+)", text)) == set(measured.topics())
    assert "```{losses}" in text
    lost = list(measured.lost())
    assert {topic for topic, *_ in lost} <= set(measured.topics())
    assert all(0 < ratio < 1 for *_, ratio in lost)


def test_the_house_is_drawn_whole():
    """Each room of the import contract is on the picture, in its order."""
    import pictures

    rooms = [room for row in pictures.floors() for room in row]
    assert [room for room in rooms if room in ("desk", "pipeline", "rules", "events", "errors")] == [
        "desk", "pipeline", "rules", "events", "errors",
    ]  # fmt: skip
    assert len(rooms) == len(set(rooms))


def test_every_picture_tells_its_moves():
    """A drawing of a preset or method has every stage and move as text, and in words for those who do not see it."""
    import pictures
    from drawing import draw

    for kind in (pictures.presets, pictures.methods):
        for name in kind.names():
            pipeline = kind.get(name)
            words = pictures.told(pipeline, None)
            drawn = re.sub(r"</text><text[^>]*>", " ", draw(pipeline))
            for moves in pipeline.moves.values():
                assert all(move in words and pictures.escape(move) in drawn for move in moves)


def test_the_index_names_every_page():
    """Whoever looks for how to do something finds each page by its task."""
    text = (DOCS / "how-to" / "index.md").read_text(encoding="utf-8")
    found = [path.name for path in (DOCS / "how-to").glob("*.md")
             if path.name != "index.md" and f"({path.name})" not in text]  # fmt: skip
    assert not found, report(found)


def executed():
    """Every identifier in code that the tests run: examples of pages, of docstrings, and the scripts."""
    texts = [path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *DOCS.rglob("*.md")]]
    blocks = [block for text in texts for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    blocks += [line for text in sources for line in re.findall(r"^\s*(?:>>>|\.\.\.) (.*)$", text, re.MULTILINE)]
    blocks += [path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py")]
    return {word for block in blocks for word in re.findall(r"\w+", block)}


def test_names_without_an_example_only_become_fewer():
    """Each public name is used in an example that runs, or is on record; who adds one adds an example."""
    known = executed()
    lacking = {f"{home(module.name, name)}.{name}" for module, name in public_names()
               if home(module.name, name) and name not in known}  # fmt: skip
    listed = [line for line in OPEN.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lacking == set(listed), report(sorted(lacking ^ set(listed)))
    assert listed == sorted(set(listed))


class Links(HTMLParser):
    """The links, the anchors and what is loaded, of a page."""

    def __init__(self):
        super().__init__()
        self.links, self.anchors, self.loaded = [], set(), []

    def handle_starttag(self, tag, attrs):
        """Sort them."""
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif tag == "a" and name == "href":
                self.links.append(value)
            elif (name == "src" or (tag == "link" and name == "href" and ("rel", "canonical") not in attrs)) and value:
                self.loaded.append(value)


@pytest.fixture(scope="module")
def site():
    """The pages that `make docs` built."""
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built; make docs builds it")
    pages = {}
    for path in SITE.rglob("*.html"):
        if "_static" not in path.parts and path not in (SITE / "search.html", SITE / "genindex.html"):
            pages[path.resolve()] = Links()
            pages[path.resolve()].feed(path.read_text(encoding="utf-8"))
    return pages


def test_every_link_leads_somewhere(site):
    """Links between pages reach a page, and the place on it."""
    found = []
    for path, page in site.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            if re.match(r"[a-z]+:", link) or "_sources" in address:
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            if not target.exists() or (anchor and target in site and unquote(anchor) not in site[target].anchors):
                found.append(f"{path.name}: {link}")
    assert not found, report(sorted(set(found)))


def test_nothing_is_loaded_from_elsewhere(site):
    """A page needs no other host: what it loads lies beside it."""
    found = []
    for path, page in site.items():
        for source in page.loaded:
            there = (path.parent / unquote(re.split(r"[?#]", source)[0])).resolve()
            if re.match(r"([a-z]+:)?//", source) or (not source.startswith("data:") and not there.exists()):
                found.append(f"{path.name}: {source}")
    assert not found, report(sorted(set(found)))
    styles = [path for path in SITE.rglob("*.css") if re.search(r"url\(['\"]?(https?:)?//", path.read_text("utf-8"))]
    assert not styles, report(map(str, styles))


def test_pages_are_those_of_the_repository(site):
    """Every page of the documentation was built."""
    missing = [relative(path) for path in DOCS.rglob("*.md")
               if (SITE / path.relative_to(DOCS)).with_suffix(".html").resolve() not in site]  # fmt: skip
    assert not missing, report(missing)
