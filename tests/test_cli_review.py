"""`crmkit review`: the agenda of exports in words, as JSON and as a page, with and without a store of cases."""

import csv
import json
from datetime import UTC

import numpy as np
import pytest

from crmkit.adapters.opening import open_store
from crmkit.cli import main
from crmkit.testing.planted import planted
from crmkit.values import from_micros

STAGES = ["--stages", "stage 1,stage 2,won,lost", "--as-of", "2026-07-01"]


@pytest.fixture(scope="module")
def deals(tmp_path_factory):
    """An export of a company with a weak person in one of two stages."""
    company = planted("weak", rng=np.random.default_rng(2), stages=2, people=12).quarter().quarter()
    journal, path = company.facts().journal, tmp_path_factory.mktemp("review") / "deals.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "stage", "at", "who"])
        for case, stage, at, who in zip(
            journal.cases.decode(), journal.stages.decode(), journal.entered.tolist(), journal.who.decode(), strict=True
        ):
            rows.writerow([case, stage, from_micros(at, UTC).isoformat(), who])
    return str(path), company.truth["weak"]


def said(capsys, *words):
    """What the command prints."""
    code = main(["review", *words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def refused(capsys, *words):
    """The one line of a refusal."""
    assert main(["review", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_the_agenda_in_words(deals, capsys):
    """The last whole quarter by itself, a period by its name, in both languages."""
    path, (stage, who) = deals
    text = said(capsys, path, *STAGES)
    assert text.startswith("Review of 2026-Q2, as of 2026-07-01")
    assert f"Conversion is low (stage {stage}, who {who}) in 2026-Q2" in text
    assert said(capsys, path, *STAGES, "--over", "2026Q2") == text
    assert said(capsys, path, *STAGES, "--over", "2026-05", "--lang", "zh").startswith("2026-05 回顾，截至 2026-06-01")
    assert said(capsys, path, *STAGES, "--over", "2026").startswith("Review of 2026, as of 2026-07-01")
    days = said(capsys, path, *STAGES, "--over", "2026-04-01..2026-06-30")
    assert f"Conversion is low (stage {stage}, who {who}) in 2026-04-01..2026-06-30" in days


def test_cases_in_a_store(deals, capsys, tmp_path):
    """--open opens one case for each problem, once; afterwards the problem stands with its case, which wants an owner."""
    path, (stage, who) = deals
    store = str(tmp_path / "cases.db")
    first = json.loads(said(capsys, path, *STAGES, "--store", store, "--open", "--json"))
    case = next(one["case"] for one in first["problems"] if one["where"] == {"stage": stage, "who": who})
    assert case in first["opened"]
    assert first["schema"] == "crmkit-review-1"
    again = json.loads(said(capsys, path, *STAGES, "--store", store, "--open", "--json"))
    assert again["opened"] == []
    assert case in [one["case"] for one in again["again"]]
    assert {one["want"] for one in again["due"]} == {"an owner"}
    text = said(capsys, path, *STAGES, "--store", store)
    assert f"-> {case}" in text
    with open_store(store) as opened:
        assert len([*opened.events.read()]) == len(first["opened"])
    other = str(tmp_path / "other.db")
    assert f"Opened:\n- {case}" in said(capsys, path, *STAGES, "--store", other, "--open")


def test_the_report_with_the_agenda(deals, capsys, tmp_path):
    """The page leads to it from what is to be looked at first, and the data hold it."""
    path, (stage, who) = deals
    said(capsys, path, *STAGES, "--out", str(tmp_path / "out"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.index("What to look at first") < page.index("<svg") < page.index("Review of 2026-Q2")
    plain = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert {"stage": stage, "who": who} in [one["where"] for one in plain["agenda"]["problems"]]


def test_files_of_several_kinds(tmp_path, capsys):
    """Complaints alone are enough; files say what they hold by KIND=."""
    rows = [f"{customer}{n},2026-02-{1 + n:02},{customer},late" for customer in "abc" for n in range(2)]
    (tmp_path / "c.csv").write_text("\n".join(["id,at,customer,cause", *rows]) + "\n", encoding="utf-8")
    text = said(capsys, f"complaint={tmp_path / 'c.csv'}", "--over", "2026-Q1")
    assert "again (cause late) in 2026-Q1: 3 came again" in text
    told = refused(capsys, f"complaint={tmp_path / 'c.csv'}", "--over", "2026-Q1", "--out", str(tmp_path / "o"))
    assert "no stage changes of deals" in told


def test_a_page_and_a_document(deals, tmp_path, capsys):
    """--json and --out go together: the page is written, and standard output is one document."""
    told = json.loads(said(capsys, deals[0], *STAGES, "--json", "--out", str(tmp_path)))
    assert told["schema"] == "crmkit-review-1"
    assert (
        json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["agenda"]["definition"] == told["definition"]
    )


@pytest.mark.parametrize(("words", "told"), [
    (["--over", "spring"], "write 2026-Q1"), (["--over", "2026-13"], "13"),
    (["--over", "2026-01-01..never"], "FIRST..LAST"), (["--open"], "give --store FILE"),
    (["--over", "2027-Q1"], "before anything can be said"),
])  # fmt: skip
def test_what_cannot_be_asked(deals, capsys, words, told):
    """One clear line, and no traceback."""
    assert told in refused(capsys, deals[0], *STAGES, *words)


def test_files_that_are_not_there(deals, capsys):
    """A kind that nobody knows, a file that is not there, a store that is not there."""
    assert "did you mean" in refused(capsys, "complain=c.csv")
    assert "nothing.csv" in refused(capsys, "nothing.csv")
    assert "no.db" in refused(capsys, deals[0], *STAGES, "--store", "no.db")
