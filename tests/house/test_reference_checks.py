"""The page of reference checks names tests that exist, and leaves none of the checks out."""

import ast
import re

import pytest
from tree import ROOT

PAGE = ROOT / "docs" / "explanation" / "reference-checks.md"
OPEN: set[str] = set()


def checks():
    """From id to the cell that names the tests."""
    rows = re.findall(r"^\| ([^|]+?) \| .+? \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: cell for name, cell in rows if name not in ("id", "---")}


def test_all_checks_are_there():
    """The 24 checks of arithmetic are numbered without gaps, and only those on record are open."""
    found = checks()
    assert [name for name in found if name.isdigit()] == [str(number) for number in range(1, 25)]
    assert {name for name, cell in found.items() if cell == "open"} == OPEN


@pytest.mark.parametrize("name", sorted(set(checks()) - OPEN))
def test_each_check_is_held_by_a_test(name):
    """Every test that is named is a function in the file that is named."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", checks()[name])
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
