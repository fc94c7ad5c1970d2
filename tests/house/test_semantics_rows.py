"""Every rule of processes has tests, and each test that a rule names is there."""

import ast

import pytest
from semantics import RULES, references
from tree import ROOT, report

from crmkit.testing.contracts import EVENT_CHECKS

TESTS = ROOT / "tests"
# A rule that somebody takes out of the table must be taken out here too.
ALL = {
    "atomic move", "idempotency key", "optimistic concurrency", "definition version", "in-flight migration", "backward",
    "skip", "closed is not final", "parallel sub-process", "timers", "business calendar", "approval", "delegation",
    "event sourcing and replay", "clock",
}  # fmt: skip


def _functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_claim_names_tests_that_are_there():
    """No claim is without a test, and no name leads nowhere."""
    known = {path.relative_to(TESTS).as_posix(): _functions(path) for path in TESTS.rglob("test_*.py")}
    known_checks = {f"check:{check.__name__}" for check in EVENT_CHECKS}
    found = [f"{rule}: {claim}" for rule, claims in RULES.items() for claim, tests in claims.items() if not tests]
    for rule, claim, test in references():
        path, _, name = test.partition("::")
        if test not in known_checks and name not in known.get(path, ()):
            found.append(f"{rule}: {claim}: there is no {test}")
    assert not found, report(found)


def test_every_row_has_its_rule():
    """What stands in the overview is named here, and the other way round."""
    overview = _functions(TESTS / "pipeline" / "test_semantics.py")
    rows = {test.partition("::")[2] for _, _, test in references() if "test_semantics.py" in test}
    assert {name for name in overview if name.startswith("test_")} == rows


@pytest.mark.parametrize("rule", sorted(ALL))
def test_no_rule_is_without_tests(rule):
    """Each of the rules says what holds, in claims of its own."""
    assert set(RULES) == ALL
    assert len(RULES[rule]) >= 2
