"""Bad rules on the command line and in the library: one clear error with its place, whatever is wrong, and nothing else."""

import pytest

from crmkit.cli import main
from crmkit.errors import CrmkitError, DefinitionErrors
from crmkit.rules.codec import from_toml
from crmkit.rules.dmn import read_dmn

HEAD = """name = "deals"
[[fields]]
name = "amount"
kind = "decimal"
low = 0
[[fields]]
name = "role"
values = ["rep", "manager"]
[[fields]]
name = "text"
"""


def rule(condition):
    """A set of one rule."""
    return f"{HEAD}[[rules]]\nname = \"r\"\ncondition = '''{condition}'''\n"


def table(*rows):
    """A set of one table."""
    listed = ", ".join("[" + ", ".join(f"'''{cell}'''" for cell in row) + "]" for row in rows)
    return f'{HEAD}[[tables]]\nname = "t"\ninputs = ["amount"]\nrows = [{listed}]\n[[tables.outputs]]\nname = "who"\n'


RULES = [
    ("unknown name", rule("amuont > 1"), "r, line 1, column 1: unknown name 'amuont' (did you mean 'amount'?) [unknown-name]", "^^^^^^"),
    ("wrong type", rule('amount > "a"'), "r, line 1, column 1: a decimal is compared with a string [type]", "^^^^^^^^^^^^"),
    ("wrong value", rule('role = "mnager"'), "r, line 1, column 8: 'mnager' is none of the values of 'role' (did you mean 'manager'?)", "^^^^^^^^"),
    ("constant cell", table(["< -1", '"x"']), "t, row 1, 'amount', line 1, column 1: is never true of amount, which lies in 0.. [domain]", "^^^^"),
    ("malformed cell", table(["< 5", '"x"'], ["> > 10", '"x"']), "t, row 2, 'amount', line 1, column 3: expected a value, but found '>'", "^"),
    ("deep parentheses", rule("(" * 5000 + "amount > 1" + ")" * 5000), "column 61: nests deeper than 60 levels [limit]", "^"),
    ("deep negations", rule("not(" * 5000 + "true" + ")" * 5000), "column 241: nests deeper than 60 levels [limit]", "^"),
    ("deep signs", rule("-" * 5000 + "1 > amount"), "column 61: nests deeper than 60 levels [limit]", "^"),
    ("5,000 terms", rule(" and ".join(["amount > 1"] * 5000)), "column 50001: the text is longer than 50000 characters [limit]", "^"),
    ("back-reference", rule(r'matches(text, "(a)\\1")'), "r, line 1, column 1: has no value: back-references cannot be matched in linear time", "^^^"),
    ("nested counts", rule('matches(text, "(a{1000}){1000}")'), "[pattern]", "^^^"),
    ("long number", rule("amount > 1" + "0" * 40000), "r, line 1, column 10: the number is too large [literal]", "^^^"),
    ("no TOML", "a = = b", "rules.toml: is no TOML: Invalid value (at line 1, column 5)", ""),
    ("no such key", rule("amount > 1").replace("condition", "conditions"), "rules[0]: has no 'conditions' (did you mean 'condition'?)", ""),
    ("no such kind", rule("amount > 1").replace('"decimal"', '"decimul"'), "field 'amount': no kind 'decimul' (did you mean 'decimal'?)", ""),
]  # fmt: skip


def said(tmp_path, capsys, name, data):
    """What `crmkit rules check` says of a file, and its exit code."""
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    code = main(["rules", "check", str(path)])
    return code, "".join(capsys.readouterr())


@pytest.mark.parametrize(("text", "place", "caret"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_bad_rules(tmp_path, capsys, text, place, caret):
    """The rule or cell, line, column and caret, a stable code and the nearest name; the same in both ways."""
    with pytest.raises((CrmkitError, DefinitionErrors)) as error:
        from_toml(text, name="rules.toml")
    assert place in str(error.value)
    assert caret in str(error.value)
    code, told = said(tmp_path, capsys, "rules.toml", text)
    assert code == 2
    assert place in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (table(["< 10", '"x"'], ["< 20", '"y"'], [">= 20", '"y"']), "t: error: rows 1 and 2 both match, and the hit policy is U where [0..10)"),
        (rule("amount < -1"), "error: 'r' is never true, so that no record keeps it; it is false with amount = 0"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_right(tmp_path, capsys, text, told):
    """What can be read and cannot be meant is an error of the check, with where and an example."""
    code, shown = said(tmp_path, capsys, "rules.toml", text)
    assert code == 1
    assert told in shown


def test_a_hostile_pattern_does_not_hang():
    """What takes others exponential time is matched in linear time."""
    rules = from_toml(rule('matches(text, "^(a+)+$")'))
    assert rules.judge({"amount": 1, "role": "rep", "text": "a" * 2000 + "b"})[0].value is False


SPACE = 'xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" namespace="n" name="m" id="m"'


def model(*decisions):
    """A DMN model."""
    return f"<definitions {SPACE}>{''.join(decisions)}</definitions>"


def decision(name, text, *requires):
    """A decision made by a text."""
    required = "".join(
        f'<informationRequirement><requiredDecision href="#{one}"/></informationRequirement>' for one in requires
    )
    return f'<decision id="{name}" name="{name}">{required}<literalExpression><text>{text}</text></literalExpression></decision>'


JAVA = """<businessKnowledgeModel id="k" name="K"><encapsulatedLogic kind="Java"><formalParameter name="x"/><context><contextEntry>
<variable name="class"/><literalExpression><text>"java.lang.Math"</text></literalExpression></contextEntry></context>
</encapsulatedLogic></businessKnowledgeModel>"""
BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "a"}">' for n in range(12))
MODELS = [
    ("cycle", model(decision("a", "b", "b"), decision("b", "a", "a")), "a: requires itself: a -> b -> a"),
    ("entities", f"<!DOCTYPE x [{BOMB}]><definitions>&a11;</definitions>", "m.dmn, row 1: declares a document type, which may hide anything; take it out"),
    ("foreign file", '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "m.dmn, row 1: declares a document type"),
    ("nesting", model("<a>" * 100_000 + "</a>" * 100_000), "m.dmn, row 1: nests deeper than 200 elements"),
    ("malformed text", model(decision("a", "1 + + * 2")), "a, XML line 1, line 1, column 5: expected a value, but found '+' [syntax]"),
    ("unknown name", model(decision("a", "amount + 1")), "a, XML line 1, line 1, column 1: unknown name 'amount'"),
    ("unknown reference", model(decision("a", "1", "z")), "a, XML line 1: refers to '#z', which nobody defines"),
    ("deep text", model(decision("a", "(" * 3000 + "1" + ")" * 3000)), "column 61: nests deeper than 60 levels [limit]"),
    ("long text", model(decision("a", "&lt;" * 300_000)), "column 50001: the text is longer than 50000 characters [limit]"),
    ("no XML", "hello", "m.dmn, row 1: is no XML: syntax error: line 1, column 0"),
    ("another root", "<html/>", "m.dmn: is no DMN model: its root is <html> of no namespace"),
    ("a wrong encoding", b'<?xml version="1.0" encoding="nobody"?><x/>', "m.dmn: is in an encoding nobody can read"),
    ("cut short", model().encode()[:40], "m.dmn, row 1: is no XML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place"), [case[1:] for case in MODELS], ids=[case[0] for case in MODELS])
def test_bad_models(tmp_path, capsys, text, place):
    """The decision or the line, and what is wrong; the same in both ways."""
    with pytest.raises((CrmkitError, DefinitionErrors)) as error:
        read_dmn(text if isinstance(text, bytes) else text.encode(), name="m.dmn")
    assert place in str(error.value)
    code, told = said(tmp_path, capsys, "m.dmn", text)
    assert code == 2
    assert place.removeprefix("m.dmn") in told
    assert "Traceback" not in told


def test_a_function_in_another_language(tmp_path, capsys):
    """It is read, an error of the check, and null with a note where it is called."""
    code, told = said(tmp_path, capsys, "m.dmn", model(JAVA))
    assert code == 1
    assert "m: error: K: defines a function in another language, which is not run" in told
    assert [str(one) for one in read_dmn(model(decision("a", "1")).encode()).problems()] == []


@pytest.mark.parametrize(
    "long", [f'x="{"&#65;" * 200_000}"', 'x="' + "a\n" * 500_000 + '"', " ".join(f'a{n}="1"' for n in range(50_000))]
)
def test_long_attributes(long):
    """A megabyte in one attribute, or very many of them, are read in no more than linear time."""
    assert read_dmn(f"<definitions {SPACE} {long}/>".encode()).decisions == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "iso-8859-1"])
def test_models_say_their_encoding(tmp_path, capsys, encoding):
    """A document of XML is read in the encoding that it names."""
    name = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{name}"?>' + model(decision("Größe", "1"))
    code, told = said(tmp_path, capsys, "m.dmn", text.encode(encoding))
    assert (code, "1 decisions" in told) == (0, True)
