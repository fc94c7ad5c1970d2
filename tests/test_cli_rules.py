"""`crmkit rules`: on good rules, on bad rules, on records that do not fit."""

import json

import pytest

from crmkit.cli import main

RULES = """
name = "deals"
[[fields]]
name = "discount"
kind = "decimal"
low = 0
high = 1
[[fields]]
name = "role"
values = ["rep", "manager"]
[[fields]]
name = "on"
kind = "date"
nullable = true
[[fields]]
name = "key"
kind = "boolean"
nullable = true
[[rules]]
name = "authority"
condition = 'discount <= 0.15 or role = "manager"'
[[tables]]
name = "approver"
inputs = ["discount"]
rows = [["<= 0.1", '"nobody"'], ["(0.1..1]", '"manager"']]
[[tables.outputs]]
name = "approver"
values = ["nobody", "manager"]
"""
RECORD = '{"discount": 0.2, "role": "rep"}'


@pytest.fixture
def write(tmp_path):
    """Write a file; its path as text."""

    def make(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return make


def said(capsys, code, *arguments):
    """What a command says, on either stream."""
    assert main(["rules", *arguments]) == code
    streams = capsys.readouterr()
    return streams.out if code < 2 else streams.err


def test_check(write, capsys):
    """Good rules: their version. A table that overlaps: its rows and cells, exit code 1."""
    assert "1 rules, 1 tables, 0 errors, 0 warnings" in said(capsys, 0, "check", write("a.toml", RULES))
    told = said(capsys, 1, "check", write("b.toml", RULES.replace("(0.1..1]", "[0.1..1)")))
    assert "rows 1 and 2 both match" in told
    assert "no row matches where 1" in told


def test_explain(write, capsys):
    """A rule and a table; the record from the line or from a file."""
    file = write("a.toml", RULES)
    assert "it would be true with discount <= 0.15" in said(capsys, 0, "explain", file, "authority", "--record", RECORD)
    assert "rows 2 match" in said(capsys, 0, "explain", file, "approver", "--record", f"@{write('r.json', RECORD)}")
    part = said(
        capsys, 0, "explain", write("c.toml", RULES.replace("(0.1..1]", "> 0.5")), "approver", "--record", RECORD
    )
    assert "row 1 fails at discount: <= 0.1 (0.2)" in part
    moves = write("d.toml", "transitions = true\n" + RULES.replace("'discount <= 0.15", "'old.discount <= 0.15"))
    assert "authority: true" in said(capsys, 0, "explain", moves, "authority", "--record", RECORD,
                                     "--old", '{"discount": 0.1, "role": "rep", "on": null, "key": true}')  # fmt: skip


def test_diff(write, capsys):
    """Texts of rules, regions of tables, versions."""
    one, two = (
        write("a.toml", RULES),
        write(
            "b.toml",
            RULES.replace("0.15", "0.12").replace("0.1'", "0.2'").replace('0.1",', '0.2",').replace("(0.1", "(0.2"),
        ),
    )
    told = said(capsys, 0, "diff", one, two)
    assert "rule authority: discount <= 0.15" in told
    assert '(0.1..0.2]: "manager" -> "nobody"' in told


def test_test(write, capsys):
    """Made-up records notice every change; two given ones do not, and are told so."""
    file = write("a.toml", RULES)
    assert "(100%)" in said(capsys, 0, "test", file, "--examples", "200")
    told = said(capsys, 0, "test", file, "--records", write("r.jsonl", RECORD + "\n\n" + RECORD))
    assert "not seen: rule 'authority' was never true" in told
    assert "your tests would not notice" in told


TABLE = """
[[fields]]
name = "discount"
kind = "decimal"
low = 0
high = 1

[[tables]]
name = "approver"
inputs = ["discount"]
rows = [["<= 0.2", '"rep"'], ["> 0.2", '"boss"']]

[[tables.outputs]]
name = "who"
values = ["rep", "boss"]
"""


def test_backtest(write, capsys):
    """History as CSV and JSON, compared with the version before, grouped and weighed."""
    history = write("h.csv", "discount,role,on,key\n0.13,rep,2026-01-01,yes\n0.2,rep,,no\n0.1,manager,,\n")
    earlier, later = write("a.toml", RULES), write("b.toml", RULES.replace("0.15", "0.12"))
    told = said(capsys, 0, "backtest", later, history, "--before", earlier, "--weight", "discount", "--by", "role")
    assert "2 (0.33)" in told
    assert "1 (0.13)" in told
    listed = write("h.json", json.dumps([{"discount": 0.1, "role": "rep", "key": True, "on": "2026-01-02"}]))
    assert "authority" in said(capsys, 0, "backtest", earlier, listed)
    told = said(capsys, 0, "backtest", later, history, "--by", "role", "--every", "month", "--dated", "on")
    assert "2026-01" in told
    assert "there is no 'moon' (did you mean 'month'?)" in said(
        capsys, 2, "backtest", later, history, "--every", "moon"
    )


def test_check_of_models(write, capsys):
    """A DMN model is read with those beside it, and refused with the decision, line and column of each mistake."""
    head = '<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="m" namespace="urn:m">'
    decision = (
        '<decision name="d" id="d"><literalExpression><text>{}</text></literalExpression></decision></definitions>'
    )
    good = write("m.dmn", head + decision.format("1 + 1"))
    assert "m: 1 elements, 1 decisions, 0 inputs; nothing is wrong" in said(capsys, 0, "check", good)
    wrong = said(capsys, 2, "check", write("bad.dmn", head.replace("urn:m", "urn:b") + "\n" + decision.format("1 +")))
    assert "d, XML line 2, line 1, column 4: expected a value, but the text ends [syntax]" in wrong
    needs = '<import name="m" namespace="urn:{}" importType="https://www.omg.org/spec/DMN/20230324/MODEL/"/>'
    above = head.replace("urn:m", "urn:n")
    asks = above + needs.format("m") + decision.format("m.d")
    assert "unknown name 'm'" in said(capsys, 2, "check", write("n.dmn", asks))
    required = '<informationRequirement><requiredDecision href="urn:m#d"/></informationRequirement><literal'
    assert "1 decisions" in said(capsys, 0, "check", write("n.dmn", asks.replace("<literal", required)))
    lost = said(capsys, 2, "check", write("o.dmn", above + needs.format("none") + decision.format("1")))
    assert "'urn:none', which was not given" in lost
    assert "is no XML" in said(capsys, 2, "check", write("p.dmn", "<definitions>"))


def test_backtest_of_tables(write, capsys):
    """Of a table each region that changes is told with the records of history in it, and whether that was proved."""
    earlier = write("a.toml", TABLE)
    later = write("b.toml", TABLE.replace("0.2", "0.1"))
    history = write("h.json", json.dumps([{"discount": 0.15}, {"discount": 0.05}]))
    told = said(capsys, 0, "backtest", later, history, "--before", earlier, "--weight", "discount")
    assert 'table approver: (0.1..0.2]: "rep" -> "boss": 1 (0.15) records' in told
    assert "table approver: 1 of 2 records differ, proved" in told


@pytest.mark.parametrize(("name", "text", "parts"), [
    ("a.toml", RULES.replace("discount <=", "discont <="), ["line 1, column 1", "did you mean 'discount'", "^^^^^^^"]),
    ("a.toml", RULES.replace('"rep", "manager"', '"rep"'), ["'manager' is none of the values", "[domain]"]),
    ("a.toml", RULES.replace('"<= 0.1"', '"> > 0.1"'), ["row 1, 'discount'", "expected a value"]),
    ("a.toml", RULES.replace('"<= 0.1"', '"> 1"'), ["row 1, 'discount'", "never true"]),
    ("a.toml", "name = ", ["no TOML"]),
    ("a.json", "{", ["no JSON"]),
    ("a.toml", RULES.replace('kind = "decimal"', 'kind = "decimall"'), ["did you mean 'decimal'"]),
])  # fmt: skip
def test_bad_rules(write, capsys, name, text, parts):
    """The place and what was likely meant, exit code 2, no traceback."""
    told = said(capsys, 2, "check", write(name, text))
    for part in parts:
        assert part in told
    assert "Traceback" not in told


def test_bad_files_and_records(tmp_path, write, capsys):
    """Missing files, folders, no UTF-8, no records, values that do not fit: one clear line each."""
    file = write("deals.toml", RULES)
    (tmp_path / "gbk.toml").write_bytes("名".encode("gb18030"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for arguments, part in (
        (("check", str(tmp_path / "deal.toml")), "did you mean 'deals.toml'"),
        (("check", str(tmp_path / "no" / "deal.toml")), "no such file"),
        (("check", str(tmp_path)), "is a directory"),
        (("check", str(tmp_path / "loop")), "cannot be read"),
        (("check", str(tmp_path / "gbk.toml")), "no UTF-8"),
        (("explain", file, "authority", "--record", "5"), "no JSON object"),
        (("explain", file, "authority", "--record", "{"), "no JSON"),
        (("explain", file, "authoriti", "--record", RECORD), "did you mean 'authority'"),
        (("explain", file, "authority", "--record", '{"discuont": 1}'), "did you mean 'discount'"),
        (("explain", file, "authority", "--record", '{"discount": 1, "role": "boss"}'), "none of its values"),
        (("backtest", file, write("h.csv", "discount,role\nx,rep\n")), "row 2, column 'discount': 'x' is no decimal"),
        (("backtest", file, write("h.json", "[1]")), "no list of records"),
        (("backtest", file, write("i.json", '[{"discount": null, "role": "rep"}]')), "may not be empty"),
    ):
        told = said(capsys, 2, *arguments)
        assert part in told, (arguments, told)
        assert told.count("\n") == 1


def test_check_rules(write, capsys):
    """Rules that contradict each other: which, with a record, exit code 1; what boxes leave open, z3 says."""
    more = '\n[[rules]]\nname = "much"\ncondition = \'discount > 0.2 and role = "rep"\'\n[[tables]]'
    told = said(capsys, 1, "check", write("a.toml", RULES.replace("\n[[tables]]", more)))
    assert "deals: error: no record keeps both 'authority' and 'much'; 'authority' alone is kept with " in told
    assert "1 errors, 0 warnings" in told
    open_ = write("b.toml", RULES.replace('discount <= 0.15 or role = "manager"', "discount * discount > 1"))
    assert "open for boxes: the solver z3 may know: whether 'authority' can be true" in said(capsys, 0, "check", open_)
    assert "'authority' is never true, so that no record keeps it" in said(capsys, 1, "check", open_, "--solver", "z3")
    assert "there is no 'boxed' (did you mean 'boxes'?)" in said(capsys, 2, "check", open_, "--solver", "boxed")
