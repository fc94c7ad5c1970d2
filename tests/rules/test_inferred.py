"""What the fields of conditions are, told by how the conditions use them."""

import pytest

from crmkit.errors import DefinitionErrors
from crmkit.rules import Field, Schema


def kinds(*texts, known=()):
    """The kinds of the fields of some conditions."""
    told = Schema.inferred([(f"rule {number}", text) for number, text in enumerate(texts, 1)], known=known)
    assert all(field.nullable for field in told.fields)
    return {field.name: field.kind for field in told.fields}


@pytest.mark.parametrize(("text", "expected"), [
    ("a", {"a": "boolean"}),
    ("not(a) and (b or c)", dict.fromkeys("abc", "boolean")),
    ("if a then b > 1 else c < 2", {"a": "boolean", "b": "decimal", "c": "decimal"}),
    ("x > 1", {"x": "decimal"}),
    ('"a" = x', {"x": "string"}),
    ("x = -1", {"x": "decimal"}),
    ("x = true", {"x": "boolean"}),
    ("-x > -y * 2", {"x": "decimal", "y": "decimal"}),
    ("x between 1 and y", {"x": "decimal", "y": "decimal"}),
    ('x in ("a", "b")', {"x": "string"}),
    ('x in ["a", "b"]', {"x": "string"}),
    ("x in [1..5]", {"x": "decimal"}),
    ("x in > 3", {"x": "decimal"}),
    ('x < @"2026-01-01"', {"x": "date"}),
    ('x >= @"2026-01-01T00:00:00Z"', {"x": "date and time"}),
    ('x < @"P3D" and y < @"P1Y" and z > @"10:00:00"', {
        "x": "days and time duration", "y": "years and months duration", "z": "time"}),
    ("x + y > 2", {"x": "decimal", "y": "decimal"}),
    ("some i in [1, 2] satisfies i = x + 1", {"x": "decimal"}),
    ("string length(a) > 3 and floor(b) = 2", {"a": "string", "b": "decimal"}),
    ("a * (1 - b) >= c / 2", {"a": "decimal", "b": "decimal", "c": "decimal"}),
])  # fmt: skip
def test_the_company_tells_the_kind(text, expected):
    """Literals, operators and places where only a truth value will do tell what a name is."""
    assert kinds(text) == expected


def test_one_use_that_tells_is_enough():
    """A use that says nothing is no matter where another one says it, in whatever order."""
    assert kinds("x = y", "x > 1", "y > 2") == {"x": "decimal", "y": "decimal"}
    assert kinds('x + @"P1D" > y', 'x > @"2026-01-01"', 'y > @"2026-01-01"') == {"x": "date", "y": "date"}


def test_known_fields_are_not_told_again():
    """What is known already may have any name, and is not given back."""
    assert kinds("last offer > 3 and x", known=[Field("last offer", "decimal")]) == {"x": "boolean"}


@pytest.mark.parametrize(("texts", "part"), [
    (["x = y"], "nothing tells what 'x' is"),
    (["x = null"], "nothing tells what 'x' is"),
    (["x > 1", 'x = "a"'], "rule 2: 'x' is a string here and a decimal in rule 1"),
    (["x >", "y = z"], "nothing tells what 'y' is"),
    (["x >"], "rule 1, line 1"),
    (["sum(x) > 3"], "nothing tells what 'x' is"),
])  # fmt: skip
def test_what_nobody_can_tell_is_an_error(texts, part):
    """Names without a kind, names of two kinds, and texts that cannot be read, all at once."""
    with pytest.raises(DefinitionErrors) as caught:
        kinds(*texts)
    assert part in str(caught.value)
