"""`crmkit kb propose`: a brief is answered from files; what is wrong with them has a place."""

import json
import re

import pytest

from crmkit.cli import main

LIBRARY = [
    {"id": "resp", "title": "Response times", "text": "We answer every complaint by phone within four hours.", "language": "en",
     "audience": "public", "state": "published", "owner": "wei", "approved": "2026-01-31", "valid_until": "2026-03-02", "won": 3, "lost": "1"},
    {"id": "pdf", "title": "Exports", "text": "Invoices are exported as PDF.", "audience": "customer", "customer": "acme",
     "state": "published", "products": "ERP, CRM", "language": "en"},
    {"id": "own", "text": "Passwords are stored as salted hashes only.", "audience": "staff", "roles": ["sales"], "state": "validated",
     "valid_from": "2026-01-01T00:00:00+08:00", "review_by": "2026-02-01"},
]  # fmt: skip
BRIEF = "# Tender\n\n1.1 Complaints shall be answered by phone\n1.2 Invoices must be exported as PDF\n1.3 Passwords are stored as hashes\n"


@pytest.fixture
def files(tmp_path):
    """A brief and a library."""
    (tmp_path / "brief.md").write_text(BRIEF, encoding="utf-8")
    (tmp_path / "library.jsonl").write_text("\n".join(map(json.dumps, LIBRARY)), encoding="utf-8")
    return str(tmp_path / "brief.md"), str(tmp_path / "library.jsonl")


def asked(capsys, *words):
    """The JSON that the command prints."""
    capsys.readouterr()
    assert main(["kb", "propose", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("options", "status", "unusable"), [
    ([], "covered uncovered uncovered", {"hidden": 2}), (["--customer", "acme"], "covered covered uncovered", {"hidden": 1}),
    (["--customer", "acme", "--product", "MES"], "covered uncovered uncovered", {"hidden": 1, "product": 1}),
    (["--author", "li", "--role", "sales"], "covered covered covered", {}),
    (["--author", "li", "--customer", "acme"], "covered covered uncovered", {"hidden": 1}),
    (["--author", "li", "--role", "sales", "--language", "en"], "covered covered uncovered", {"language": 1}),
    (["--as-of", "2026-03-03"], "uncovered uncovered uncovered", {"expired": 1, "hidden": 2}),
    (["--as-of", "2026-03-02T23:00:00-05:00"], "uncovered uncovered uncovered", {"expired": 1, "hidden": 2}),
    (["--tz", "Asia/Shanghai"], "covered uncovered uncovered", {"hidden": 2}),
    (["--enough", "1"], "covered uncovered uncovered", {"hidden": 2}), (["--paragraphs", "0"], "covered uncovered uncovered", {"hidden": 2}),
])  # fmt: skip
def test_who_is_offered_what(files, capsys, options, status, unusable):
    """Readers, days, languages and products decide; the last day of validity belongs to it."""
    told = asked(capsys, *files, *(options if "--as-of" in options else ["--as-of", "2026-03-02", *options]))
    assert told["schema"] == "crmkit-kb-propose-1"
    assert " ".join(one["status"] for one in told["answers"]) == status
    assert told["unusable"] == unusable


def test_what_is_written(files, tmp_path, capsys):
    """The draft to standard output or to a file of either kind, then a line for each gap."""
    assert main(["kb", "propose", *files, "--as-of", "2026-03-02"]) == 0
    markdown = capsys.readouterr().out
    assert markdown.startswith("# Proposal: brief.md\n")
    assert "We answer every complaint by phone within four hours." in markdown
    for name in ("draft.md", "draft.docx"):
        if name == "draft.docx":
            pytest.importorskip("docx", reason="python-docx is not installed")
        out = str(tmp_path / name)
        assert main(["kb", "propose", *files, "--as-of", "2026-03-02", "--out", out, "--words", "100"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"{out}: 3 requirements: 1 covered, 0 weak, 2 uncovered; 1 paragraphs, 9 words",
            "of 3 materials not offered: 2 hidden",
            "line 4, must, uncovered (nothing): Invoices must be exported as PDF",
            "line 5, stated, uncovered (nothing): Passwords are stored as hashes",
        ]
    assert (tmp_path / "draft.docx").read_bytes().startswith(b"PK")
    assert main(["kb", "propose", *files, "--lang", "zh"]) == 0
    assert "# 方案：brief.md" in capsys.readouterr().out


def test_a_table_is_a_library(files, tmp_path, capsys):
    """CSV does as well, with commas inside cells for several values; empty cells say nothing."""
    table = tmp_path / "library.csv"
    table.write_text(
        'id,text,audience,state,products,approved,won\na,Complaints are answered by phone.,public,published,"ERP, CRM",2026-01-31,\n',
        encoding="utf-8",
    )
    told = asked(capsys, files[0], str(table), "--product", "crm")
    assert (told["answers"][0]["status"], told["answers"][0]["offers"][0]["approved"]) == ("covered", "2026-01-31")


@pytest.mark.parametrize(("change", "why"), [
    ({"id": ""}, "row 1: has no id"), ({"text": None}, "row 1: has no text"), ({"audiance": "public"}, r"'audiance': means nothing here .*'audience'"),
    ({"audience": "world"}, "row 1: audience: 'world' is none of"), ({"state": "done"}, "row 1: state"), ({"won": "many"}, "column 'won': 'many' is no number"),
    ({"valid_until": "soon"}, "column 'valid_until': 'soon' is no date"), ({"review_by": "2026-13-01"}, "column 'review_by'"), ({"won": -1}, "row 1: won"),
])  # fmt: skip
def test_what_is_wrong_with_a_library(files, tmp_path, capsys, change, why):
    """File, row and column of what cannot be used."""
    (tmp_path / "bad.jsonl").write_text(json.dumps(LIBRARY[0] | change), encoding="utf-8")
    assert main(["kb", "propose", files[0], str(tmp_path / "bad.jsonl")]) == 2
    error = capsys.readouterr().err
    assert "bad.jsonl" in error
    assert re.search(why, error), error


@pytest.mark.parametrize(("words", "why"), [
    (["--role", "sales"], "say who with --author"), (["--as-of", "tomorrow"], "'tomorrow' is no date"), (["--out", "x.pdf"], "neither .md nor .docx"),
    (["--out", "nowhere/x.md"], "cannot be written"), (["--lang", "fr"], "'fr'"), (["--enough", "2"], "enough"), (["--tz", "Mars"], "Mars"),
    (["--encoding", "klingon"], "klingon"),
])  # fmt: skip
def test_what_is_wrong_with_the_words(files, capsys, words, why):
    """One line on standard error says what."""
    assert main(["kb", "propose", *files, *words]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(("data", "why"), [
    (b"", "holds no text"), (b"Nothing is asked for.", "requires nothing"), (b"shall\x00", "line 1, column 6"), (b"x" * 10_000_000, "longer than 2,000,000"),
    (b"\xff\xff\xff", "is no utf-8"), (b"%PDF-1.4", "is a PDF"), (b"[]", "requires nothing"),
])  # fmt: skip
def test_what_is_wrong_with_a_brief(files, tmp_path, capsys, data, why):
    """Nothing, no text, too much text, and what is no brief."""
    (tmp_path / "bad.txt").write_bytes(data)
    assert main(["kb", "propose", str(tmp_path / "bad.txt"), files[1]]) == 2
    assert why in capsys.readouterr().err


def test_a_library_of_lists(files, tmp_path, capsys):
    """A line that is no object has its row."""
    (tmp_path / "bad.jsonl").write_text("\n[1]\n", encoding="utf-8")
    assert main(["kb", "propose", files[0], str(tmp_path / "bad.jsonl")]) == 2
    assert "row 2: is no object" in capsys.readouterr().err


def test_a_draft_does_not_replace_its_brief(files, tmp_path, capsys):
    """A draft that is to be written over what it is made from is refused."""
    brief, library = files
    assert main(["kb", "propose", brief, library, "--out", str(tmp_path / "." / "brief.md")]) == 2
    assert "is what the draft is made from; give the draft another name" in capsys.readouterr().err
    assert (tmp_path / "brief.md").read_text(encoding="utf-8") == BRIEF
