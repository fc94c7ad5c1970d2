"""`crmkit conform` and `crmkit discover`: on good logs, on bad options, and as JSON."""

import json

import pytest

from crmkit.cli import main
from crmkit.pipeline import Pipeline

LOG = """deal,stage,when,who,region
1,lead,2026-03-02T09:00,li,
1,offer,2026-03-03T09:00,li,north
1,won,2026-03-20T09:00,wei,north
2,lead,2026-03-04T09:00,wei,
2,won,2026-03-05T09:00,wei,south
3,lead,2026-03-06T09:00,li,
3,offer,2026-03-09T09:00,li,
4,lead,2026-03-09T09:00,li,
4,lead,2026-03-10T09:00,li,
"""
LAW = """
name = "deals"
[[stages]]
name = "lead"
[[stages]]
name = "offer"
requires = ["region", "phone"]
limit = "5 business days"
[[stages]]
name = "won"
outcome = "won"
[[stages]]
name = "lost"
outcome = "lost"
[moves.lead]
offer = "offer"
lose = "lost"
[moves.offer]
sign = "won"
"""
CALENDAR = '{"name": "office", "tz": "UTC", "week": {"mon-fri": "09:00-17:00"}}'
COLUMNS = ["--case", "deal", "--stage", "stage", "--at", "when", "--who", "who", "--tz", "UTC"]


@pytest.fixture
def files(tmp_path):
    """A log, a pipeline and a calendar, as paths."""
    paths = {}
    for name, text in (("log.csv", LOG), ("law.toml", LAW), ("office.json", CALENDAR), ("broken.json", "{")):
        paths[name] = tmp_path / name
        paths[name].write_text(text, encoding="utf-8")
    paths["office.toml"] = tmp_path / "office.toml"
    paths["office.toml"].write_text('name = "office"\ntz = "UTC"\n[week]\nmon-fri = "09:00-17:00"\n', encoding="utf-8")
    return {name: str(path) for name, path in paths.items()}


def said(capsys, code, *arguments):
    """What a command says, on either stream."""
    assert main([*arguments]) == code
    streams = capsys.readouterr()
    return streams.out if code == 0 else streams.err


def test_conform(files, capsys):
    """Verdicts, kinds, people, what was not checked: in words, and all of it as JSON."""
    arguments = [
        "conform",
        files["log.csv"],
        "--pipeline",
        files["law.toml"],
        *COLUMNS,
        "--calendar",
        files["office.json"],
    ]
    text = said(capsys, 0, *arguments)
    assert text.startswith("4 cases: 0 conforming, 0 conforming so far, 4 deviating\n")
    assert "not checked: field 'phone': the journal has no such column (2)" in text
    found = json.loads(said(capsys, 0, *arguments, "--json"))
    assert {(d["case"], d["kind"], d["detail"]) for d in found["deviations"]} == {
        ("1", "breached limit", "limit 5 business days"), ("2", "skip", "skips 'offer'"),
        ("3", "missing field", "'region' is empty"), ("3", "open too long", "limit 5 business days"),
        ("4", "illegal move", "no move leads from 'lead' to 'lead'"),
    }  # fmt: skip
    assert found["verdicts"] == {"conforming": 0, "conforming so far": 0, "deviating": 4}
    assert {row["of"]: row["deviations"] for row in found["people"]} == {"li": 4, "wei": 1}
    assert json.loads(said(capsys, 0, *arguments[:-1], files["office.toml"], "--json")) == found


def test_roles_come_from_a_file(files, capsys, tmp_path):
    """With them the moves that are for some roles are checked; whoever has another role deviates."""
    law = tmp_path / "roles.toml"
    law.write_text(LAW.replace('sign = "won"', 'sign = { to = "won", roles = ["manager"] }'), encoding="utf-8")
    arguments = ["conform", files["log.csv"], "--pipeline", str(law), *COLUMNS, "--calendar", files["office.json"]]
    assert "not checked: role for 'offer' to 'won'" in said(capsys, 0, *arguments)
    held = tmp_path / "people.toml"
    for roles, found in (('wei = "rep"', 1), ('wei = ["rep", "manager"]', 0)):
        held.write_text(roles, encoding="utf-8")
        told = json.loads(said(capsys, 0, *arguments, "--roles", str(held), "--json"))
        assert sum(one["kind"] == "wrong role" for one in told["deviations"]) == found
    for text in ("wei = 5", 'wei = ["rep", 5]'):
        held.write_text(text, encoding="utf-8")
        assert "'wei' has no role and no list of roles" in said(capsys, 2, *arguments, "--roles", str(held))
    held = tmp_path / "people.json"
    held.write_text("[]", encoding="utf-8")
    assert "is no table of people and roles" in said(capsys, 2, *arguments, "--roles", str(held))


def test_repeats_can_be_merged_and_the_day_chosen(files, capsys):
    """An export that logs every save has no moves within a stage; of an earlier day less is known."""
    arguments = [
        "conform",
        files["log.csv"],
        "--pipeline",
        files["law.toml"],
        *COLUMNS,
        "--calendar",
        files["office.json"],
    ]
    found = json.loads(said(capsys, 0, *arguments, "--repeats", "merge", "--as-of", "2026-03-06", "--json"))
    assert found["verdicts"] == {"conforming": 0, "conforming so far": 2, "deviating": 1}


def test_discover(files, capsys, tmp_path):
    """Flow, waiting and the draft in words; all of it as JSON; the draft as a file that can be read back."""
    arguments = ["discover", files["log.csv"], *COLUMNS]
    text = said(capsys, 0, *arguments)
    assert "start: lead 4" in text
    draft = tmp_path / "draft.toml"
    found = json.loads(said(capsys, 0, *arguments, "--coverage", "1", "--json", "--out", str(draft)))
    assert found["open"] == {"offer": 1, "lead": 1}
    assert {(row["stage"], row["next"]): row["n"] for row in found["flow"]} == {
        ("lead", "offer"): 2, ("offer", "won"): 1, ("lead", "won"): 1, ("lead", "lead"): 1,
    }  # fmt: skip
    assert Pipeline.from_toml(draft.read_text(encoding="utf-8")).to_dict() == found["draft"]["pipeline"]
    assert found["draft"]["cases"] == 1.0
    assert str(draft) in said(
        capsys, 0, *arguments, "--closed-stages", "won,offer", "--won", "won", "--out", str(draft)
    ).replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["conform", "log.csv", "--pipeline", "law.toml", *COLUMNS], "business time limits of offer"),
        (["conform", "log.csv", "--pipeline", "none.toml", *COLUMNS], "cannot be read"),
        (["conform", "log.csv", *COLUMNS], "--pipeline"),
        (["conform", "log.csv", "--pipeline", "law.toml", "--case", "deal"], "give --case, --stage and --at"),
        (["conform", "log.csv", "--pipeline", "law.toml", *COLUMNS, "--repeats", "drop"], "there are: visit, merge"),
        (["conform", "log.csv", "--pipeline", "law.toml", *COLUMNS, "--calendar", "broken.json"], "is no JSON"),
        (["conform", "log.csv", "--pipeline", "law.toml", *COLUMNS, "--calendar", "none.json"], "cannot be read"),
        (["discover", "log.csv", *COLUMNS, "--won", "wonn"], "did you mean 'won'"),
        (["discover", "log.csv", *COLUMNS, "--coverage", "2"], "coverage"),
        (["discover", "log.csv", *COLUMNS, "--out", "none/draft.toml"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(files, capsys, tmp_path, arguments, why):
    """A missing calendar, file, column or option, and names that are none."""
    paths = [files.get(word, str(tmp_path / word) if "." in word else word) for word in arguments]
    line = said(capsys, 2, *paths)
    assert why in line
    assert line.count("\n") == 1
