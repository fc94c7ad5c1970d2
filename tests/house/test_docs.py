"""The documentation covers the interface and promises nothing else."""

import importlib
import re

import pytest
from pages import REFERENCE, missing, page_name
from tree import ROOT, home, public_modules, relative, report

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
SECTIONS = ("tutorial", "how-to", "explanation", "reference", "decisions")
MISSION = ROOT / "docs" / "reference" / "mission.md"
OPEN = ROOT / "tests" / "house" / "mission_open.txt"
IDS = [
    f"{letter}{n}" for letter, last in (("T", 11), ("K", 16), ("R", 3), ("B", 9), ("L", 1)) for n in range(1, last + 1)
]


def by_path(path):
    """The id of a parametrised test."""
    return relative(path)


def test_every_public_module_has_a_page():
    """Each chapter and each door has its page; `python tests/house/pages.py --write` begins those that lack."""
    assert not missing(), report(missing())


def test_every_page_of_a_module_has_its_module():
    """No reference page describes a module that is gone, and each shows the docstring of its own."""
    pages = {page_name(name): name for name in public_modules()}
    found = [
        path.name
        for path in REFERENCE.glob("*.md")
        if path.name not in ("index.md", "mission.md", "kpis.md", "kpis.zh.md", "glossary.md")
        if path.name not in pages or f"automodule:: {pages[path.name]}\n" not in path.read_text(encoding="utf-8")
    ]
    assert not found, report(found)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_pages(section):
    """Each of the sections has an index and something to read."""
    pages = {path.name for path in (ROOT / "docs" / section).glob("*.md")}
    assert "index.md" in pages
    assert len(pages) > 1


@pytest.mark.parametrize("path", PAGES, ids=by_path)
def test_a_block_that_is_not_run_says_why(path):
    """`<!--- skip: next -->` comes right after a line `<!--- reason: ... -->`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    skips = [number for number, line in enumerate(lines) if re.match(r"(<!---?|%)\s*skip:", line)]
    found = [number + 1 for number in skips if not re.match(r"<!--- reason: \w.{10,} -->$", lines[number - 1])]
    assert not found, report(found)


@pytest.mark.parametrize("path", PAGES, ids=by_path)
def test_links_inside_the_repository_lead_somewhere(path):
    """Each relative link of a page names a file that exists."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\((?![a-z]+:)([^)#\s]+)", text)
    found = [link for link in links if not (path.parent / link).exists()]
    assert not found, report(found)


def test_decisions_are_whole():
    """Decision records are numbered without gaps; each has context, choice, price, and what would change our mind."""
    records = sorted(path for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    wanted = ["## Context", "## Choice", "## Price", "## What would change our mind"]
    found = [
        path.name
        for path in records
        if [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("## ")] != wanted
    ]
    assert not found, report(found)


def mission():
    """The table of the mission: id -> names of what serves it, or "open"."""
    rows = re.findall(r"^\| ([A-Z]\d+) \| .+? \| (.+?) \|$", MISSION.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [row[0] for row in rows] == IDS
    return dict(rows)


def resolves(dotted):
    """Whether a dotted name is public and can be imported."""
    module, rest = dotted, []
    while module and module not in public_modules():
        module, _, last = module.rpartition(".")
        rest.insert(0, last)
    # A door's function may have the name of its chapter: `crmkit.metrics.funnel` is found either way.
    if not module or any(part.startswith("_") for part in rest):
        return False
    thing = importlib.import_module(module)
    if rest and rest[0] not in (public_modules()[module].exports or ()):
        return False
    for part in rest:
        if not hasattr(thing, part):
            return False
        thing = getattr(thing, part)
    return True


def test_the_mission_is_served_by_what_exists():
    """Each requirement names public things that can be imported, or is marked open."""
    found = []
    for id_, cell in mission().items():
        names = re.findall(r"`([\w.]+)`", cell)
        plain = re.sub(r"`[\w.]+`|[,\s]", "", cell)
        if cell != "open" and (plain or not names or not all(map(resolves, names))):
            found.append((id_, cell))
    assert not found, report(found)


def test_open_requirements_only_become_fewer():
    """The open rows are those on record in mission_open.txt: serving one removes its line, and no line is added."""
    listed = [line for line in OPEN.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert {id_ for id_, cell in mission().items() if cell == "open"} == set(listed)
    assert len(listed) == len(set(listed))


def test_the_front_door_is_described():
    """Every name of the front door leads to a home that has a page."""
    door = public_modules()["crmkit"]
    homes = {name: home("crmkit", name) for name in door.exports or ()}
    found = {name: where for name, where in homes.items() if where and not (REFERENCE / page_name(where)).exists()}
    assert not found, report(found.items())
