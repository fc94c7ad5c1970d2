"""With --json every command writes a document, of a form that a schema in the package promises."""

import json

import jsonschema
import numpy as np
import pytest

pytest.importorskip("typer")

import schemas as made
from scene import furnish, steps

from crmkit._about_commands import schemas
from crmkit._program import commands
from crmkit.cli import main
from crmkit.testing import exports

COMMANDS = commands()
MORE = """
[[rules]]
name = "much"
condition = 'discount > 0.2 and role = "rep"'
[[tables]]
name = "approver"
inputs = ["discount"]
rows = [["<= %s", '"nobody"'], ["(0.2..1]", '"manager"']]
[[tables.outputs]]
name = "approver"
values = ["nobody", "manager"]
"""
YEAR = ["--case", "case", "--stage", "stage", "--at", "at", "--who", "who"]
EVENTS = ["--case", "deal", "--stage", "stage", "--at", "when", "--who", "who"]
# What examples do not show: other answers of the same commands.
OTHERS = {
    "kpi": [["kpi", "win_rate", "deals.csv", "--case", "deal", "--at", "when", "--by", "who", "--every", "quarter", "--lang", "zh"],
            ["kpi"], ["kpi", "win_rate"]],
    "forecast": [["forecast", "year/deals.csv", *YEAR, "--amount", "amount", "--by-who", "--backtest"]],
    "conform": [["conform", "year/deals.csv", "--pipeline", "year/deals.toml", "--calendar", "year/office.json", *YEAR]],
    "pipeline check": [["pipeline", "check", "bad.toml"], ["pipeline", "check", "b2b-sales"]],
    "pipeline draw": [["pipeline", "draw", "b2b-sales", "--format", one] for one in ("mermaid", "dot", "bpmn", "toml", "json")],
    "rules check": [["rules", "check", "wrong.toml"]],
    "rules diff": [["rules", "diff", "right.toml", "wrong.toml"]],
    "rules explain": [["rules", "explain", "rules.toml", "authority", "--record", "{}"],
                      ["rules", "explain", "wrong.toml", "approver", "--record", '{"discount": 0.15}']],
    "rules backtest": [["rules", "backtest", "wrong.toml", "history.csv", "--by", "role", "--before", "right.toml"]],
    "kb search": [["kb", "search", "search.db", "nothing at all", "--all", "--facet", "product"]],
    "review": [["review", "deals.csv", *EVENTS, "--over", "2025-Q3"]],
    "store erase": [["store", "erase", "crm.db", "--id", "C-7", "--record", "contact/C-7", "--yes"]],
    "store verify": [["store", "verify", "crm.db"]],
    "report": [["report", "deals.csv", *EVENTS, "--lang", "zh"]],
    "schema": [["schema"], ["schema", "kb search"]],
    "simulate": [["simulate", "--out", "none", "--fault", "none", "--size", "3"]],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that examples name, and bad ones."""
    furnish(tmp_path)
    (tmp_path / "bad.toml").write_text('name = "x"\nstages = [{ name = "a" }]\n[moves.a]\ngo = "b"\n')
    rules = (tmp_path / "rules.toml").read_text()
    for name, most in (("right.toml", 0.2), ("wrong.toml", 0.1)):
        (tmp_path / name).write_text(rules + MORE % most)
    company = exports.company(600, rng=np.random.default_rng(3))
    (tmp_path / "year").mkdir()
    for name, text in company.files.items():
        (tmp_path / "year" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def validator(name):
    """What judges documents of a command; formats are looked at, too."""
    schema = json.loads(schemas()[name].read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def written(capsys, line):
    """The document that a command writes on standard output, which holds nothing else."""
    code = main([*line, "--json"])
    said = capsys.readouterr()
    assert code in (0, 1), said.err
    return json.loads(said.out)


@pytest.mark.parametrize("name", [*COMMANDS])
def test_every_command_has_json_and_a_schema(name):
    """No command without --json, none without a schema."""
    assert any("--json" in parameter.opts for parameter in COMMANDS[name].params), name
    assert name.replace(" ", "-") in schemas()


def test_no_schema_of_what_is_not_there():
    """Every schema is of a command."""
    assert {*schemas()} == {name.replace(" ", "-") for name in COMMANDS}


def test_the_schemas_are_those_of_the_classes():
    """What is in the package is what the classes whose rows are written make; `schemas.py --write` writes it."""
    ours = {f"{name}.json": file.read_text(encoding="utf-8") for name, file in schemas().items() if name != "report"}
    assert ours == made.files()


@pytest.mark.parametrize("name", [*COMMANDS])
def test_what_is_written_is_as_promised(name, folder, capsys):
    """The example of each command, and other answers of it."""
    judge, (*before, last) = validator(name.replace(" ", "-")), steps(name)
    for line in before:
        assert main(line) == 0
    capsys.readouterr()
    if name == "simulate":
        last = before[0]
    for line in (last, *OTHERS.get(name, [])):
        found = written(capsys, line)
        assert [f"{error.json_path}: {error.message[:200]}" for error in judge.iter_errors(found)] == [], line


@pytest.mark.parametrize(("name", "change"), [
    ("doctor", {"more": 1}), ("doctor", {"ok": "yes"}), ("doctor", {"schema": "crmkit-kpi-1"}), ("simulate", {"planted": [{}]}),
])  # fmt: skip
def test_the_schemas_are_strict(name, change, folder, capsys):
    """What is not promised is refused: the test above can fail."""
    found = written(capsys, steps(name)[0])
    assert validator(name).is_valid(found)
    assert not validator(name).is_valid(found | change)


def test_a_schema_is_printed_whole(capsys):
    """`crmkit schema NAME` is the file, and an unknown name is told the nearest."""
    assert main(["schema", "kb-search"]) == 0
    assert json.loads(capsys.readouterr().out)["$id"] == "urn:crmkit:schema:kb-search:1"
    assert main(["schema", "kb-serch"]) == 2
    assert "did you mean 'kb-search'" in capsys.readouterr().err
    assert main(["schema"]) == 0
    assert "kb-search" in capsys.readouterr().out
