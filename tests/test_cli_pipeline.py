"""`crmkit pipeline`: on good definitions, on bad ones, and as pictures."""

import json

import pytest

from crmkit.cli import main
from crmkit.pipeline import Pipeline
from crmkit.pipeline.bpmn import from_bpmn

GOOD = """\
name = "sales"
[[stages]]
name = "lead"
labels = { zh = "线索" }
[[stages]]
name = "won"
outcome = "won"
[[stages]]
name = "lost"
outcome = "lost"
[moves.lead]
sign = { to = "won", guard = [{ python = "checked" }, "amount > 5"] }
[moves.won]
regret = "lost"
[rules]
fields = [{ name = "amount", kind = "decimal" }]
rules = [{ name = "seen", kind = "validation", severity = "error", on_null = "report", python = "2" }]
"""


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
    assert main(["pipeline", *arguments]) == code
    streams = capsys.readouterr()
    return streams.out if code < 2 else streams.err


def test_check_says_what_is_wrong_and_where(write, capsys):
    """Every mistake has a line of its own with its place, and the exit code is 1."""
    text = GOOD.replace('"won"\noutcome', '"won"\nlimit = "soon"\noutcome').replace(
        '"lost"\n[rules]', '"losst"\n[rules]'
    )
    told = said(capsys, 1, "check", write("bad.toml", text))
    assert "bad.toml: line 7, column 1: stages['won'].limit: limit 'soon' is no time limit" in told
    assert "bad.toml: line 15, column 1: moves['won']['regret'].to: no stage 'losst' (did you mean 'lost'?)" in told
    assert "bad.toml: pipeline 'sales' has 2 problems" in told


def test_check_advises(write, capsys):
    """A definition that can be used is summed up; what is often forgotten is said; functions are not looked for."""
    told = said(capsys, 0, "check", write("good.toml", GOOD))
    assert "good.toml: advice: stage 'lead' has no limit" in told
    assert "good.toml: advice: no move leads from 'lead' to a lost" in told
    assert "good.toml: advice: stage 'lost' requires no field" in told
    assert "pipeline 'sales' can be used: 3 stages, 2 moves, definition " in told


def test_draw_writes_every_format(write, capsys, tmp_path):
    """Mermaid in a language, Graphviz, BPMN that can be read again, TOML of BPMN."""
    good = write("good.toml", GOOD)
    assert '"线索" as s0' in said(capsys, 0, "draw", good, "--lang", "zh")
    assert said(capsys, 0, "draw", good, "--format", "dot").startswith("digraph {")
    model = str(tmp_path / "good.bpmn")
    plain = GOOD.replace('[{ python = "checked" }, "amount > 5"]', '"amount > 5"').partition("[rules]")[0]
    assert said(capsys, 0, "draw", write("plain.toml", plain), "--format", "bpmn", "--out", model) == ""
    expected = Pipeline.from_toml(plain)
    assert from_bpmn((tmp_path / "good.bpmn").read_text("utf-8")) == expected
    assert Pipeline.from_toml(said(capsys, 0, "draw", model, "--format", "toml")) == expected
    assert "can be used" in said(capsys, 0, "check", model)


def test_json_goes_out_and_comes_in(write, capsys, tmp_path):
    """A definition as JSON says the same, and its mistakes are told as those of a TOML are."""
    path = tmp_path / "good.json"
    assert said(capsys, 0, "draw", write("good.toml", GOOD), "--format", "json", "--out", str(path)) == ""
    assert json.loads(path.read_text("utf-8"))["stages"][0] == {"name": "lead", "labels": {"zh": "线索"}}
    told = said(capsys, 0, "check", str(path))
    assert (
        told.partition("pipeline 'sales'")[2]
        == said(capsys, 0, "check", str(tmp_path / "good.toml")).partition("pipeline 'sales'")[2]
    )
    told = said(capsys, 1, "check", write("bad.json", path.read_text("utf-8").replace('"lost"', '"losst"', 1)))
    assert "bad.json: moves['won']['regret'].to: no stage 'lost' (did you mean 'losst'?)" in told


@pytest.mark.parametrize(("name", "text", "more", "expected"), [
    ("a.json", "{", [], "is no JSON"),
    ("a.json", "[" * 100_000, [], "is no JSON"),
    ("a.json", "[]", [], "is no JSON object"),
    ("a.toml", "name = ", [], "this is no TOML"),
    ("a.bpmn", "<a/>", [], "is no model of BPMN 2.0"),
    ("a.toml", GOOD, ["--lang", "zh", "--format", "toml"], "--lang: means nothing for toml"),
    ("a.toml", GOOD, ["--out", "/no such folder/x"], "cannot be written"),
    ("a.toml", GOOD, ["--format", "png"], "png"),
    ("a.toml", 'name = "x"\nstages = []', [], "has 1 problem"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_one_clear_error(name, text, more, expected, tmp_path, capsys):  # noqa: PLR0917 - a table
    """Bad files, bad options: exit code 2 and one message."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert expected in said(capsys, 2, "draw", str(tmp_path / name), *more)


def test_a_file_that_is_not_there(capsys, tmp_path):
    """The nearest name is said."""
    assert "there is no such file" in said(capsys, 2, "check", str(tmp_path / "x.toml"))
