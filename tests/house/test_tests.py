"""The tests are read more often than they are written."""

import ast

import pytest
from measure import python_files
from tree import ROOT, functions, relative, report

FILES = python_files("tests")


def by_path(path):
    """The id of a parametrised test."""
    return relative(path)


@pytest.mark.parametrize("path", FILES, ids=by_path)
def test_every_test_states_its_claim(path):
    """Each test file, test, fixture and helper begins with a sentence."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [] if ast.get_docstring(tree) else ["the file"]
    found += [node.name for node in functions(tree) if node.name.startswith("test") and not ast.get_docstring(node)]
    assert not found, report(found)


@pytest.mark.parametrize("path", FILES, ids=by_path)
def test_no_mocks(path):
    """Nothing is tested against a pretence of itself."""
    text = path.read_text(encoding="utf-8")
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert names & {"Mock", "MagicMock", "AsyncMock", "mocker"} == set()


@pytest.mark.parametrize("path", [path for path in FILES if path.name.startswith("test_")], ids=by_path)
def test_tests_stand_where_their_source_stands(path):
    """tests/<room>/ mirrors src/crmkit/<room>/; what crosses rooms is in house/, typing/ or acceptance/."""
    folder = path.relative_to(ROOT / "tests").parts[0]
    crossing = {"house", "typing", "acceptance"}
    assert folder == path.name or folder in crossing or (ROOT / "src" / "crmkit" / folder).is_dir()
