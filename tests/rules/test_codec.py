"""Rule sets and tables as text: what is written is read again, and what is malformed is told with its place."""

import io
import json
import sys
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, ExtraMissing, InputError, NotFound
from crmkit.rules import DecisionTable, Field, PythonRule, Rule, RuleSet, Schema
from crmkit.rules.codec import from_json, from_toml, table_from_csv, table_from_xlsx, to_json
from crmkit.rules.feel._values import YearsMonths

FIELDS = [
    Field("amount", "decimal", low=0, high=Decimal("1e6"), unit="CNY", labels={"en": "volume", "zh": "金额"}),
    Field("share", "float", low=0.1, nullable=True),
    Field("days", "integer", values=[30, 60]),
    Field("tier", values=["gold", "iron"]),
    Field("vip", "boolean", values=[True]),
    Field("day", "date", low=date(2026, 1, 1)),
    Field("clock", "time", high=time(17, 30)),
    Field("at", "date and time", low=datetime(2026, 1, 1, tzinfo=UTC)),
    Field("wait", "days and time duration", low=timedelta(hours=4)),
    Field("term", "years and months duration", high=YearsMonths(14)),
    Field("tags", "list", item="string"),
    Field("lines", "list", fields=[Field("sku"), Field("qty", "integer", nullable=True)]),
]  # fmt: skip
PYTHON = PythonRule("own", lambda _record: True, message={"en": "own"})
RULES = RuleSet(
    "deals",
    Schema(FIELDS),
    [
        Rule(
            "limit",
            "amount <= 100",
            kind="validation",
            severity="info",
            on_null="pass",
            message={"en": "no", "zh": "否"},
        ),
        Rule("call", "days > 30", kind="escalation", then="the boss", source="a meeting"),
        PYTHON,
    ],
    tables=[DecisionTable("who", Schema(FIELDS), ["tier"], [Field("who")], [['"gold"', '"x"']], defaults=['"y"'])],
)


def test_json_keeps_the_version():
    """What was written is read as the same version, fields and all."""
    again = from_json(to_json(RULES), python=[PYTHON])
    assert again == RULES
    assert again.version == RULES.version


def toml(value):
    """A value in TOML, inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(part)}" for key, part in value.items()) + "}"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def test_toml_keeps_the_version():
    """The same data in TOML are the same version."""
    data = json.loads(to_json(RULES))
    text = "\n".join(f"{key} = {toml(value)}" for key, value in data.items())
    assert from_toml(text, python=[PYTHON]).version == RULES.version


def test_toml_is_for_people():
    """Defaults may be left out, numbers are exact, and dates are TOML's own or texts."""
    text = """
    [[fields]]
    name = "share"
    kind = "decimal"
    low = 0.1
    [[fields]]
    name = "day"
    kind = "date"
    low = 2026-01-31
    [[rules]]
    name = "enough"
    condition = "share > 0.15"
    """
    rules = from_toml(text, name="mine")
    assert rules.name == "mine"
    assert [field.low for field in rules.schema.fields] == [Decimal("0.1"), date(2026, 1, 31)]
    assert (rules.rules[0].kind, rules.rules[0].severity, rules.rules[0].on_null) == ("guard", "error", "report")


@pytest.mark.parametrize(("change", "why"), [
    ({"fields": 1}, "the rule set: 'fields' is no list"),
    ({"fieldz": []}, "the rule set: has no 'fieldz' (did you mean 'fields'?)"),
    ({"shadow": 1}, "the rule set: 'shadow' is neither true nor false"),
    ({"name": 1}, "needs 'name', a text"),
    ({"fields": [1]}, "fields[0]: is no table of names and values"),
    ({"fields": [{"name": "a", "kind": "nombre"}]}, "field 'a': no kind 'nombre'"),
    ({"fields": [{"name": "a", "item": 3}]}, "field 'a': no item 3"),
    ({"fields": [{"name": "a", "nullable": "yes"}]}, "field 'a': 'nullable' is neither"),
    ({"fields": [{"name": "a", "values": 3}]}, "field 'a': 'values' is no list"),
    ({"fields": [{"name": "a", "labels": [1]}]}, "field 'a': 'labels' are texts by language"),
    ({"fields": [{"name": "a", "kind": "decimal", "low": "x"}]}, "field 'a': 'x' is no number"),
    ({"fields": [{"name": "a", "kind": "decimal", "low": "NaN"}]}, "field 'a': 'NaN' is no number"),
    ({"fields": [{"name": "a", "kind": "integer", "low": 2.5}]}, "no whole number"),
    ({"fields": [{"name": "a", "kind": "integer", "low": "1e6000"}]}, "no whole number"),
    ({"fields": [{"name": "a", "kind": "date", "low": "2026-13-01"}]}, "field 'a': '2026-13-01' is no date"),
    ({"fields": [{"name": "a", "fields": [{"name": 1}]}]}, "needs 'name', a text"),
    ({"rules": [{"name": "r"}]}, "rule 'r': needs 'condition', a text"),
    ({"rules": [{"name": "r", "condition": "true", "kind": "guardd"}]}, "rule 'r': no kind 'guardd' (did you mean 'guard'?)"),
    ({"rules": [{"name": "r", "python": "1"}]}, "rule 'r': is written in Python, and was not given"),
    ({"tables": [{"name": "t", "policy": "X"}]}, "table 't': no policy 'X'"),
    ({"tables": [{"name": "t", "rows": [[1]]}]}, "table 't': a row is a list of texts"),
    ({"tables": [{"name": "t", "inputs": [1]}]}, "table 't': 'inputs' holds something other than texts"),
])  # fmt: skip
def test_what_is_malformed_is_told_with_its_place(change, why):
    """Each part that is not what it should be is told by its name."""
    with pytest.raises(InputError) as caught:
        from_json(json.dumps({"name": "s", **change}), name="rules.json")
    assert str(caught.value).startswith("rules.json")
    assert why in str(caught.value)


@pytest.mark.parametrize("text", [
    "{", '{"name": "a", "name": "b"}', '{"name": NaN}', "[" * 100_000, '{"fields": [{"name": "a", "low": 1e99999999999999999999}]}', "[]", "1" * 5000,
])  # fmt: skip
def test_what_is_no_json_is_told(text):
    """Broken, endless and ambiguous JSON is refused, whatever it may do to the reader."""
    with pytest.raises(InputError):
        from_json(text)


@pytest.mark.parametrize("text", ["a", "a = 1\na = 2", "a = " + "[" * 5000, "name = 1"])
def test_what_is_no_toml_is_told(text):
    """Broken and endless TOML is refused."""
    with pytest.raises(InputError):
        from_toml(text)


def test_deep_fields_are_refused():
    """Fields in fields in fields come to an end."""
    data = '{"name": "a", "kind": "context", "fields": [' * 300 + '{"name": "a"}' + "]}" * 300
    with pytest.raises(InputError, match="nest"):
        from_json(f'{{"fields": [{data}]}}')


def test_texts_of_half_characters_have_versions():
    """A text that is no Unicode still has a version."""
    assert from_json('{"name": "\\ud800"}').version


JUNK = st.sampled_from([
    None, True, 0, -1, 2.5, "", "x", "null", "-", "\ud800", "\x00", "a b", [], [[]], [1], ["-"], {}, {"name": "x"}, "1e999999", 10**40,
    "((((", '"', "2026-01-01", "PT1H", "Infinity", "decimal", "context", "F",
])  # fmt: skip


@st.composite
def mutated(draw):
    """A document with some places changed, dropped, doubled or renamed."""
    data = json.loads(to_json(RULES))
    for _ in range(draw(st.integers(1, 3))):
        place = data
        for _ in range(draw(st.integers(0, 5))):
            inner = [
                part
                for part in (place.values() if isinstance(place, dict) else place)
                if isinstance(part, dict | list) and part
            ]
            if not inner:
                break
            place = draw(st.sampled_from(inner))
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        what = draw(st.sampled_from(["change", "drop", "double", "rename"]))
        if what == "drop":
            del place[key]
        elif what == "double" and isinstance(place, list):
            place.append(deepcopy(place[key]))
        elif what == "rename" and isinstance(place, dict):
            place[f"{key}s"] = place.pop(key)
        else:
            # What is drawn may be drawn again: two places of one list would make it hold itself.
            place[key] = deepcopy(draw(JUNK))
        if not data:
            break
    return data


@given(mutated())
def test_no_document_breaks_the_reader(data):
    """Whatever a document looks like, it is a rule set or told to be none."""
    try:
        rules = from_json(json.dumps(data), python=[PYTHON])
    except (InputError, DefinitionErrors):
        return
    assert from_json(to_json(rules), python=[PYTHON]).version == rules.version


OUTPUTS = [Field("who"), Field("days", "integer")]
SMALL = Schema(
    [Field("amount", "decimal"), Field("day", "date"), Field("vip", "boolean"), Field("at", "date and time")]
)
CSV = '﻿amount,vip,who,days\n"[1..5)",true,"""x""",1\n\n>= 5,-,"""y""",2\n'


def test_csv_is_a_table():
    """A header and a line for each row make a table; empty lines and Excel's mark are passed over."""
    table = table_from_csv(CSV, SMALL, outputs=OUTPUTS, name="who", policy="F", defaults=['"z"', "0"])
    assert (table.inputs, table.policy, table.name) == (("amount", "vip"), "F", "who")
    assert table.rows == (("[1..5)", "true", '"x"', "1"), (">= 5", "-", '"y"', "2"))
    assert table.function()({"amount": Decimal(0), "vip": True}) == {"who": "z", "days": 0}
    semicolons = table_from_csv('amount;who;days;;\n< 1, > 5;"""x""";1;;\n', SMALL, outputs=OUTPUTS, delimiter=";")
    assert semicolons.rows == (("< 1, > 5", '"x"', "1"),)


@pytest.mark.parametrize(("text", "row", "why"), [
    ("", None, "is empty"),
    ("amount,days,who\n", 1, "does not end with the outputs who, days"),
    ("who,days\n", 1, "does not end"),
    ("\namount,who,days\n-,1\n", 3, "has 2 cells; the header has 3"),
    ("amount,who,days\n-,1,2,3\n", 2, "has 4 cells; the header has 3"),
    ('amount,who,days\n-,"a"b,2\n', 2, "is no CSV"),
    ('amount,who,days\n-,"a', 2, "is no CSV"),
])  # fmt: skip
def test_what_is_no_table_is_told_with_its_line(text, row, why):
    """A broken line, a wrong header and a wrong number of cells are told with their line in the file."""
    with pytest.raises(InputError, match=why) as caught:
        table_from_csv(text, SMALL, outputs=OUTPUTS)
    assert caught.value.row == row


def test_cells_of_csv_are_checked():
    """What is wrong with the cells themselves comes all at once; a table without outputs is none."""
    with pytest.raises(DefinitionErrors) as caught:
        table_from_csv("amount,who,days\n-,x,1\n", SMALL, outputs=OUTPUTS)
    assert "unknown name" in str(caught.value)
    with pytest.raises(InputError):
        table_from_csv("amount\n-\n", SMALL, outputs=[])


def test_excel_needs_its_reader(monkeypatch):
    """Without openpyxl it is said what to install."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ExtraMissing, match=r"crmkit\[rules\]"):
        table_from_xlsx(b"", SMALL, outputs=OUTPUTS)


def workbook(*rows):
    """An Excel file with one sheet."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "rules"
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_excel_is_a_table():
    """A sheet is read as the CSV is; numbers, dates and truth values are literals."""
    data = workbook(
        ["amount", "day", "vip", "at", "who", "days", None],
        [0.1, datetime(2026, 1, 31), True, datetime(2026, 1, 1, 12), '"x"', 3],  # noqa: DTZ001 - Excel has no zones
        [None, None, None, None, None, None],
        ["> 5", None, "-", None, '"y"', 4],
    )
    table = table_from_xlsx(data, SMALL, outputs=OUTPUTS, sheet="rules")
    assert table.rows == (
        ("0.1", '@"2026-01-31"', "true", '@"2026-01-01T12:00:00"', '"x"', "3"), ("> 5", "", "-", "", '"y"', "4"),
    )  # fmt: skip
    assert table_from_xlsx(data, SMALL, outputs=OUTPUTS) == table
    with pytest.raises(NotFound, match="rules"):
        table_from_xlsx(data, SMALL, outputs=OUTPUTS, sheet="rule")
    with pytest.raises(InputError, match="no Excel file"):
        table_from_xlsx(b"PK", SMALL, outputs=OUTPUTS)


def edited(change, *rows):
    """An Excel file with one sheet, changed by a function."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(io.BytesIO(workbook(["amount", "who", "days"], *rows)))
    change(book.active)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_merged_cells_stand_in_each_of_them():
    """What a person sees over several rows is a condition of each; an empty one would always be true."""
    rows = [["< 5", '"x"', 3], [">= 5", '"y"', 4], ["-", '"z"', 5]]
    merged = edited(lambda sheet: sheet.merge_cells("A2:A3"), *rows)
    assert [row[0] for row in table_from_xlsx(merged, SMALL, outputs=OUTPUTS, policy="F").rows] == ["< 5", "< 5", "-"]
    header = edited(lambda sheet: sheet.merge_cells("A1:B1"), *rows)
    with pytest.raises(InputError, match="row 1: the header has 'amount' twice"):
        table_from_xlsx(header, SMALL, outputs=OUTPUTS)
    with pytest.raises(InputError, match="row 1: the header has 'amount' twice"):
        table_from_csv("amount,amount,who,days\n1,2,3,4", SMALL, outputs=OUTPUTS)


def test_a_formula_comes_with_its_result():
    """A formula that nobody computed is refused at its cell: as an empty one it would always be true."""
    data = edited(lambda sheet: sheet.__setitem__("A3", "=1+1"), ["< 5", '"x"', 3], [7, '"y"', 4])
    with pytest.raises(InputError, match=r"row 3: cell A3 has a formula whose result .*; open it in Excel and save it"):
        table_from_xlsx(data, SMALL, outputs=OUTPUTS)
