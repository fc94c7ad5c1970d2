"""Every mistake that can be known before a record comes: its code, its place, and what was likely meant."""

import pytest

from crmkit.errors import DefinitionErrors, RuleError
from crmkit.rules._compile import Vocabulary, check, compiled
from crmkit.rules.schema import Field, Schema

VOCABULARY = Vocabulary.of(
    Schema(
        [
            Field("amount", "decimal", low=0, high=100, unit="EUR", labels={"zh": "合同金额"}),
            Field("paid", "decimal", unit="USD"),
            Field("ratio", "float", nullable=True),
            Field("calls", "integer", low=1),
            Field("stage", values=["lead", "won", "lost"], labels={"en": "deal stage"}),
            Field("name"),
            Field("active", "boolean"),
            Field("day", "date"),
            Field("spent", "days and time duration"),
            Field("owner", "context", fields=[Field("level", "integer")]),
            Field("items", "list", fields=[Field("qty", "integer"), Field("price", "decimal")]),
            Field("tags", "list", item="string"),
            Field("things", "list"),
        ]
    )
)

WRONG = [
    ("amuont > 5", "unknown-name", "amuont", "amount"),
    ("staeg = 1", "unknown-name", "staeg", "stage"),
    ("合同金客 > 5", "unknown-name", "合同金客", "合同金额"),
    ("contians(name, name)", "unknown-name", "contians", "contains"),
    ('amount > "5"', "type", 'amount > "5"', "a decimal in EUR is compared with a string"),
    ("name + 1 = name", "type", "name + 1", "has no meaning"),
    ("-name = name", "type", "-name", "has no negative"),
    ("name and active", "type", "name", "must be true or false"),
    ("if name then active else active", "type", "name", "the condition"),
    ("active < active", "type", "active < active", "has no order"),
    ('if active then (if active then 1 else "a") = 1 else true', "type", 'if active then 1 else "a"', "as the case may be"),
    ("amount < null", "null", "amount < null", "compare with = null"),
    ("null + 1 = amount", "type", "null + 1", "no meaning"),
    ('stage = "Lst"', "domain", '"Lst"', "lost"),
    ('"wom" != stage', "domain", '"wom"', "won"),
    ('stage in ("won", "losst")', "domain", '"losst"', "lost"),
    ('deal stage = "x"', "domain", '"x"', "stage"),
    (r'matches(name, "(a)\\1")', "pattern", r'matches(name, "(a)\\1")', "back-references"),
    ('matches(pattern: "(", input: name)', "pattern", 'matches(pattern: "(", input: name)', "has no value"),
    ('replace(name, "b", "$") = name', "pattern", 'replace(name, "b", "$")', "has no value"),
    ('split(name, "a*") = ["b"]', "pattern", 'split(name, "a*")', "the empty string"),
    ('day > date("2026-13-01")', "literal", 'date("2026-13-01")', "is no date"),
    ("amount < 0", "constant", "amount < 0", "never true"),
    ("合同金额 < 0", "constant", "合同金额 < 0", "never true"),
    ("100 >= amount", "constant", "100 >= amount", "always true"),
    ("amount = 101", "constant", "amount = 101", "never true"),
    ("amount != 101", "constant", "amount != 101", "always true"),
    ("calls < 1", "constant", "calls < 1", "1.."),
    ("calls in [5..3]", "constant", "[5..3]", "empty"),
    ("calls in (3..3]", "constant", "(3..3]", "empty"),
    ("amount > paid", "unit", "amount > paid", "EUR meets USD"),
    ("amount + paid > 5", "unit", "amount + paid", "EUR meets USD"),
    ("amount between paid and 5", "unit", "amount between paid and 5", "EUR meets USD"),
    ("amount > ratio", "number-kind", "amount > ratio", "declare both alike"),
    ("amount * ratio > 1", "number-kind", "amount * ratio", "declare both alike"),
    ("(if active then amount else ratio) > 1", "number-kind", "if active then amount else ratio", "declare both"),
    ("string length(name, name) > 1", "arguments", "string length(name, name)", "string length"),
    ("contains(name, 1)", "arguments", "contains(name, 1)", "contains"),
    ("owner.levle > 1", "no-member", "owner.levle", "level"),
    ("day.yaer > 1", "no-member", "day.yaer", "year"),
    ("some i in items satisfies i.qtty > 1", "no-member", "i.qtty", "qty"),
    ("some i in name satisfies true", "type", "name", "nobody can go through"),
    ("count(items[name]) > 1", "type", "name", "a filter is"),
    ("every i in items satisfies i.qty", "type", "i.qty", "what is to be satisfied"),
    ("calls in (? + 1)", "type", "? + 1", "a test with ?"),
    ("calls in (name)", "type", "name", "is compared with"),
    ("calls in tags", "type", "tags", "is compared with"),
    ('calls in [1.."a"]', "type", '[1.."a"]', "is compared with"),
    ("amount", "type", "amount", "a condition must be true or false"),
    ("(" * 80 + "active" + ")" * 80, "limit", "(", "deep"),
    ("active and", "syntax", "", "the text ends"),
    ("active /* and", "syntax", "/*", "not closed"),
    ("string length > 1", "type", "string length > 1", "function"),
]  # fmt: skip


def errors(text):
    """What is wrong with a text."""
    with pytest.raises(DefinitionErrors) as caught:
        check(text, VOCABULARY, where="rule 7", boolean=True)
    found = caught.value.exceptions
    assert all(isinstance(error, RuleError) and error.where == "rule 7" for error in found)
    return found


@pytest.mark.parametrize(("text", "code", "blamed", "said"), WRONG)
def test_each_mistake_is_told_with_its_place(text, code, blamed, said):
    """A mistake has a code, the part of the text to blame, and the nearest name or a reason."""
    (error,) = errors(text)
    assert error.code == code, str(error)
    assert said in str(error)
    if code != "limit":
        assert text[error.start : error.end] == blamed
    assert (error.line, error.column) == (1, error.start + 1)
    shown, carets = error.caret().splitlines()
    assert shown.strip() == text[:100].strip()
    assert carets.count("^") == max(1, len(blamed))


def test_all_mistakes_are_told_at_once():
    """One reading tells of everything, each with its own line and column."""
    found = errors('amuont > 5\n  and stage = "Lst"\n  and name < null\n  and amount > paid')
    assert [(error.code, error.line, error.column) for error in found] == [
        ("unknown-name", 1, 1),
        ("domain", 2, 15),
        ("null", 3, 7),
        ("unit", 4, 7),
    ]


RIGHT = [
    "calls in [things[1]..3]", "things[1] < 3", "things[1] + 1 = 2", "ratio in ([0.25, 0.5])",
    "合同金额 / amount > 1", "amount * 2 > 1", "2 * amount > amount", "amount / 2 < amount", "paid / amount > 1 or active",
    "spent / spent > 1", 'spent * 2 > @"P1D"', 'day - day > @"P1D"', 'day + @"P1D" > day', '@"P1M" + day > day',
    'day - @"2026-01-01T00:00:00Z" > @"P1D"', "-spent < spent", "ratio > 0.1", "calls > ratio", "ratio in [0.1..2]",
    "things[1] = 1", "things.a = 1", "owner = null", "tags = []", "items[1].qty > 1", "items[qty > 1] = items",
    "count(items.price) > 1", "sum(items.price) > 1", "max(calls, 2) > 1", "max(calls, ratio) > 1", "min([]) = null",
    "every i in [1, 2.5, ratio] satisfies i > 1", 'some i in [1, "a"] satisfies i = 1', "some i in 1..3 satisfies i > 2",
    "some i in [] satisfies true", "count(for i in items return i.qty) > 1", "calls instance of number",
    "if active then null else active", "(if active then null else calls) > 1", "(if active then things[1] else 1) = 1",
    "{a: 1}.a = 1", "things[1](2) = 1", "calls in (? > 1)", "calls in (null, 2, [3, 4])", "calls in (things[1])",
    "calls in (active)", "active in (true)", "tags in (tags)", "name in tags", "things in things", "true", "null",
    "calls between 1 and 2", "day.year > 2000", "things[1].year = 1", "now() = null",
    "some x in [[1..2]] satisfies x.start > 0", "stage = name", 'things[1] = "x" and stage in (name)',
]  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_what_has_a_meaning_is_accepted(text):
    """Well-typed conditions are read without complaint."""
    assert check(text, VOCABULARY, boolean=True).text == text


def test_a_text_that_is_no_condition_has_a_shape():
    """Where no condition is wanted any value will do, and its kind, unit and emptiness are known."""
    shape = check("amount * 2", VOCABULARY).shape
    assert (str(shape), shape.feel, shape.nullable) == ("decimal in EUR", "number", False)
    assert check("amount / amount", VOCABULARY).shape.unit == ""
    assert check("calls / 2", VOCABULARY).shape.nullable


def test_a_long_junction_is_read():
    """Five thousand terms are one level deep: they are read, checked and judged."""
    short = Vocabulary.of(Schema([Field("n", "integer")]))
    checked = check(" and ".join(["n>1"] * 5000), short, boolean=True)
    assert checked.fields == ("n",)
    assert compiled(checked)({"n": 2}) is True
