"""News are fragments: well-formed, none lost, and put above what is there."""

import re
import shutil
import subprocess
import sys

import pytest
from tree import ROOT

pytest.importorskip("towncrier", reason="towncrier is not installed")

FOLDER = ROOT / "changelog.d"
BESIDE = {"README.md", "template.md.jinja"}
NAME = re.compile(r"\+[a-z0-9-]+\.(added|changed|fixed|removed)(\.\d+)?\.md")
START = "<!-- towncrier release notes start -->\n"
FRAGMENTS = sorted(path for path in FOLDER.iterdir() if path.name not in BESIDE)


def towncrier(*words, folder=ROOT):
    """What the tool says, and with what exit code."""
    command = [sys.executable, "-m", "towncrier", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def wrong(name, text):
    """What is wrong with a fragment."""
    if not NAME.fullmatch(name):
        yield "is not named +NAME.TYPE.md, TYPE being added, changed, fixed or removed"
    if not text.strip() or not text.endswith("\n") or text != text.lstrip():
        yield "begins with its news and ends with a line break"
    if re.search(r"^#", text, re.MULTILINE):
        yield "has a heading, which would end the part it is in"


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_well_formed(path):
    """By its name, and so that it fits among others."""
    assert [*wrong(path.name, path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(("name", "text"), [
    ("x.added.md", "News.\n"), ("+x.news.md", "News.\n"), ("+x.md", "News.\n"), ("+x.1.added.md", "News.\n"), ("+X.added.md", "News.\n"),
    ("+x.added.md", ""), ("+x.added.md", "News."), ("+x.added.md", "\nNews.\n"), ("+x.added.md", "## News\n"),
])  # fmt: skip
def test_a_bad_fragment_is_told(name, text):
    """The test above can fail."""
    assert [*wrong(name, text)]


def test_a_draft_holds_every_fragment():
    """Each line of each of them stands in what would be written."""
    done = towncrier("build", "--draft", "--version", "9.9.9")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("## [9.9.9] - ")
    said = {line.strip().removeprefix("- ") for line in done.stdout.splitlines()}
    for path in FRAGMENTS:
        lines = [line.strip().removeprefix("- ") for line in path.read_text(encoding="utf-8").splitlines()]
        assert said.issuperset(line for line in lines if line), path.name


def test_news_go_above_what_is_there(tmp_path):
    """A release puts them under the mark in the changelog, by type, sentences and bullets; the old text stays."""
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(
        ROOT / "src" / "crmkit", tmp_path / "src" / "crmkit", ignore=lambda _, names: {*names} - {"__init__.py"}
    )
    shutil.copytree(FOLDER, tmp_path / "changelog.d", ignore=lambda _, names: {*names} - BESIDE)
    before = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    for name, text in {
        "+a.added": "- One.\n- Two.\n",
        "+b.added": "Three.\nStill three.\n",
        "+c.fixed": "Four.\n",
    }.items():
        (tmp_path / "changelog.d" / f"{name}.md").write_text(text)
    done = towncrier("build", "--keep", "--version", "9.9.9", "--date", "2026-01-02", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    head, _, rest = before.partition(START)
    news = "## [9.9.9] - 2026-01-02\n\n### Added\n\n- One.\n- Two.\n- Three.\n  Still three.\n\n### Fixed\n\n- Four.\n"
    after = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    assert after.startswith(head + START + "\n" + news)
    assert after.endswith(rest.lstrip())
