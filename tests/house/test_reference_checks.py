"""The pages of reference checks and of laws name tests that exist, and leave none of the checks out."""

import ast
import re

import pytest
from tree import ROOT

EXPLANATION = ROOT / "docs" / "explanation"


def checks(page):
    """From the first cell of each row of a page's tables to the last, which names the tests."""
    text = (EXPLANATION / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \|(?: .+? \|)?? ([^|]+?) \|$", text, flags=re.MULTILINE)
    return {name: cell for name, cell in rows if cell not in ("held by", "---")}


def test_all_checks_are_there():
    """The 24 checks of arithmetic are numbered without gaps, and none is open."""
    found = checks("reference-checks.md")
    assert [name for name in found if name.isdigit()] == [str(number) for number in range(1, 25)]
    assert "open" not in found.values()


def test_all_laws_are_there():
    """Those of the figures, and the input that does not fit."""
    assert len(checks("laws.md")) == 19 + 8


@pytest.mark.parametrize(
    ("page", "name"),
    [(page, name) for page in ("reference-checks.md", "laws.md") for name in sorted(checks(page))],
)
def test_each_check_is_held_by_a_test(page, name):
    """Every test that is named is a function in the file that is named."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", checks(page)[name])
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
