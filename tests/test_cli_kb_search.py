"""`crmkit kb`: an index in a file is made, searched, verified and mended; what is wrong has a place."""

import json
import sqlite3

import pytest

from crmkit.cli import main

CARDS = [
    {"id": "c1", "title": "VAT invoices", "text": "How an invoice is issued", "product": "ERP", "year": 2025},
    {"id": 2, "title": "增值税发票", "text": "先登记，再开票", "product": "ERP", "year": 2026, "rate": 0.06},
    {"id": "c3", "title": "Credit notes", "text": "corrects an invoice", "tags": ["a", "b"], "more": {"x": 1.5}},
]


@pytest.fixture
def index(tmp_path):
    """An index of three cards, made by the command, and its path."""
    (tmp_path / "cards.jsonl").write_text("\n".join([*map(json.dumps, CARDS), "", ""]), encoding="utf-8")
    assert main(["kb", "index", str(tmp_path / "cards.db"), str(tmp_path / "cards.jsonl"), "--json"]) == 0
    return str(tmp_path / "cards.db")


def asked(capsys, *words):
    """The JSON that a command prints; nothing of what was printed before."""
    capsys.readouterr()
    assert main(["kb", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_was_indexed_is_found(index, capsys):
    """Hits with texts, fields and spans; filters, facets, notes and pages."""
    found = asked(capsys, "search", index, "invioce zzzzzz", "--facet", "product", "--limit", "1")
    assert (found["schema"], found["total"]) == ("crmkit-kb-search-1", 2)
    assert [hit["id"] for hit in found["hits"]] == ["c1"]
    assert found["facets"] == {"product": [["ERP", 1]]}
    assert [note["kind"] for note in found["notes"]] == ["corrected", "dropped"]
    (second,) = asked(capsys, "search", index, "invioce zzzzzz", "--after", found["next"])["hits"]
    assert (second["id"], second["fields"]) == ("c3", {"tags": ["a", "b"], "more": {"x": "1.5"}})
    span = second["spans"][0]
    assert second["texts"][span["field"]][span["start"] : span["end"]] == "invoice"


@pytest.mark.parametrize(
    ("where", "ids"),
    [("year=2026", ["2"]), ("product=ERP", ["2"]), ("product=CRM", []), ("rate=0.06", ["2"]), ("tags=a", [])],
)
def test_filters_know_numbers_and_texts(index, capsys, where, ids):
    """A number is found whether it was indexed as a number or as a text."""
    assert [hit["id"] for hit in asked(capsys, "search", index, "發票", "--where", where)["hits"]] == ids


def test_people_can_read_it(index, capsys):
    """Without --json: a line a hit with why it was found, then facets, notes and the next page."""
    capsys.readouterr()
    assert main(["kb", "search", index, "invioce", "--limit", "1", "--facet", "product"]) == 0
    total, hit, facet, note, following = capsys.readouterr().out.splitlines()
    assert total == "2 found"
    assert hit.endswith("  c1  VAT invoices  [invoices, invoice]")
    assert (facet, note) == ("product: ERP (1)", "'invioce': is in no document; nearly alike ('invoice')")
    assert following.startswith("next: ")
    assert main(["kb", "search", index, "invioce", "--exact"]) == 0
    assert main(["kb", "search", index, "credit vat", "--all"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.endswith("found")] == ["0 found", "0 found"]


def test_documents_are_replaced_and_deleted(index, tmp_path, capsys):
    """From a table, too; the number of documents is told."""
    (tmp_path / "more.csv").write_text("id,title,text,year\nc1,Replaced,,2024\nc4,New,text,2024\n", encoding="utf-8")
    told = asked(capsys, "index", index, str(tmp_path / "more.csv"), "--delete", "c3", "--delete", "nobody")
    assert told == {"schema": "crmkit-kb-index-1", "commit": 2, "documents": 3}
    found = asked(capsys, "search", index, "replaced new", "--where", "year=2024")
    assert {hit["id"] for hit in found["hits"]} == {"c1", "c4"}
    assert main(["kb", "index", index]) == 0
    assert capsys.readouterr().out.startswith("3 documents, commit ")


def test_a_broken_index_is_told_and_mended(index, capsys):
    """Postings that are gone are made anew; documents that are gone are not, and the exit code says so."""
    assert asked(capsys, "verify", index) == {"schema": "crmkit-kb-verify-1", "flaws": []}
    for kind, codes in (("postings", (1, 0, 0)), ("stored", (1, 1, 1))):
        with sqlite3.connect(index) as connection:
            connection.execute("DELETE FROM blobs WHERE name LIKE ?", (f"%/{kind}-%",))
        connection.close()
        got = [main(["kb", "verify", index, *more]) for more in ([], ["--rebuild"], [])]
        assert tuple(got) == codes
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("postings-00000: is missing; rebuild the index, the documents are whole")
    assert told[1:3] == ["nothing is wrong with it"] * 2
    assert told[3].endswith("stored-00000: is missing; index its 3 documents anew")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"id": "x", "text": "\\ud800', "row 2: is no JSON"),
        (b"\xff\xfe", "row 2: is no JSON"),
        (b"[1]", "row 2: is no object"),
        (b'{"text": "vat"}', "row 2: has no id"),
        (b'{"id": "x", "text": 5}', "row 2: text 'text': 5 is no text"),
        (b"[" * 100_000, "row 2: is no JSON"),
        (b'{"id": "x", "n": NaN}', "row 2: "),
    ],
)
def test_a_line_that_cannot_be_used_has_its_place(index, tmp_path, capsys, line, why):
    """One line on standard error, and nothing was added."""
    (tmp_path / "bad.jsonl").write_bytes(b'{"id": "new", "text": "new"}\n' + line + b"\n")
    assert main(["kb", "index", index, str(tmp_path / "bad.jsonl")]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / 'bad.jsonl'}, {why}" in error
    assert error.count("\n") == 1
    assert asked(capsys, "search", index, "new")["total"] == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["search", "none.db", "vat"], "none.db: is no file"),
        (["verify", "none.db"], "none.db: is no file"),
        (["search", "INDEX", "vat", "--where", "year"], "--where year; write FIELD=VALUE"),
        (["search", "INDEX", "vat", "--text", "title=x"], "--text title=x: 'x' is no number"),
        (["search", "INDEX", "vat", "--text", "title"], "texts title"),
        (["search", "INDEX", "vat", "--after", "x"], "is no cursor"),
        (["index", "INDEX", "nothing.jsonl"], "nothing.jsonl: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(index, capsys, words, why):
    """One line on standard error, and no traceback."""
    assert main(["kb", *(index if word == "INDEX" else word for word in words)]) == 2
    error = capsys.readouterr().err
    assert why in error.replace("\n", " ")
    assert "Traceback" not in error


@pytest.mark.parametrize(("name", "case"), [
    ("half.csv", ("id,title\na\n", "half.csv, row 2: the record has 1 fields where the header has 2")),
    ("half.jsonl", ('{"id": "a", "text": "\\ud800"}\n', "half.jsonl, row 1: '\\ud800' is half a character")),
])  # fmt: skip
def test_no_line_is_left_out_in_silence(index, tmp_path, capsys, name, case):
    """A line that cannot be read, or that no terminal could show again, is an error with its place, and nothing is added."""
    text, message = case
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert main(["kb", "index", index, str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err
    assert asked(capsys, "index", index)["documents"] == 3


@pytest.mark.parametrize("command", [["search", "INDEX", "vat"], ["verify", "INDEX"]])
def test_an_index_that_is_not_there_is_no_empty_one(index, capsys, command):
    """Nothing found, and nothing wrong, would be false: it is named, with those that there are."""
    words = [index if word == "INDEX" else word for word in command]
    assert main(["kb", *words, "--name", "serch"]) == 2
    assert "no index 'serch'" in (told := capsys.readouterr().err.replace("\n", " "))
    assert "did you mean 'search'" in told


def test_nothing_that_a_terminal_obeys_is_printed(tmp_path, capsys):
    """Escapes in ids and texts are shown, not sent."""
    card = {"id": "c\x1b[31m", "title": "vat \x1b]0;x\x07", "product": "\x1b[2J"}
    (tmp_path / "cards.jsonl").write_text(json.dumps(card), encoding="utf-8")
    store = str(tmp_path / "cards.db")
    assert main(["kb", "index", store, str(tmp_path / "cards.jsonl")]) == 0
    assert main(["kb", "search", store, "vat", "--facet", "product"]) == 0
    assert "\x1b" not in (told := capsys.readouterr().out)
    assert "\N{REPLACEMENT CHARACTER}" in told


def test_a_deep_filter_is_a_text(index, capsys):
    """A value that JSON would nest too deeply is looked for as it was typed."""
    assert asked(capsys, "search", index, "invoice", "--where", "product=" + "[" * 100_000)["total"] == 0
