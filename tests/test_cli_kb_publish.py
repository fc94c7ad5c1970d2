"""`crmkit kb publish`: cards of a store or a file become a site; what is wrong has a place."""

import json
from datetime import UTC, datetime

import pytest

from crmkit.adapters.sqlite import SqliteStore
from crmkit.cli import main
from crmkit.kb import Card, Cards, Thesaurus
from crmkit.kb.terms import Concept

CARDS = [
    {"id": "K-1", "problem": "The tax is wrong", "solution": "Set the region, see [it](card:K-3)", "state": "published", "audience": "public", "subjects": ["vat"],
     "valid_until": "2026-04-01T00:00:00+00:00", "review_by": "2026-05-01", "evidence": [{"kind": "ticket", "id": "T-1"}]},
    {"id": "K-2", "problem": "登录失败", "solution": "重置密码", "state": "published", "audience": "public"},
    {"id": "K-3", "problem": "secret", "state": "validated", "audience": "staff", "roles": ["sales"]},
]  # fmt: skip
AT = ["--as-of", "2026-03-02T09:00+08:00"]


@pytest.fixture
def lines(tmp_path):
    """The cards as JSON lines, with an empty one and a byte order mark."""
    path = tmp_path / "cards.jsonl"
    path.write_text("\ufeff" + "\n".join([*map(json.dumps, CARDS), "", ""]), encoding="utf-8")
    return str(path)


def published(capsys, *words):
    """The JSON that the command prints."""
    capsys.readouterr()
    code = main(["kb", "publish", *words, "--title", "Help", *AT, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def test_json_lines_become_a_site(lines, tmp_path, capsys):
    """Pages for the cards that everybody may see, and a full account of the others."""
    found = published(capsys, lines, str(tmp_path / "site"), "--base", "https://help.example.com/")
    assert found["schema"] == "crmkit-kb-publish-1"
    assert found["pages"] == {"K-1": "cards/k-1.html", "K-2": "cards/k-2.html"}
    assert (found["hidden"], found["unlinked"]) == ({"it is validated": 1}, {"K-1": ["card:K-3"]})
    assert (found["due"], found["removed"], found["unchanged"]) == ("2026-04-01T00:00:00+00:00", [], 0)
    assert (tmp_path / "site" / "sitemap.xml").is_file()
    assert published(capsys, lines, str(tmp_path / "site"), "--base", "https://help.example.com/")["written"] == []


@pytest.mark.parametrize(("options", "pages"), [
    (["--staff"], ["K-1", "K-2"]), (["--staff", "--role", "sales"], ["K-1", "K-2", "K-3"]), (["--customer", "acme"], ["K-1", "K-2"]),
])  # fmt: skip
def test_it_is_for_whom_one_says(lines, tmp_path, capsys, options, pages):
    """The options say who the reader is."""
    assert sorted(published(capsys, lines, str(tmp_path / "site"), *options)["pages"]) == pages


def test_a_store_and_a_thesaurus(tmp_path, capsys):
    """Cards that the library keeps are published as they are, with the labels of a thesaurus, in Chinese."""
    with SqliteStore(tmp_path / "crm.db") as store:
        Cards(store.records).put(
            Card(
                "K-9",
                "x",
                state="published",
                audience="public",
                subjects=["vat"],
                valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )
    thesaurus = Thesaurus([Concept("vat", {"zh": "增值税"})])
    (tmp_path / "terms.csv").write_text(thesaurus.to_csv(), encoding="utf-8")
    (tmp_path / "terms.json").write_text(thesaurus.to_json(), encoding="utf-8")
    for name in ("terms.csv", "terms.json"):
        found = published(
            capsys,
            str(tmp_path / "crm.db"),
            str(tmp_path / name[6:]),
            "--subjects",
            str(tmp_path / name),
            "--lang",
            "zh",
        )
        assert found["subjects"] == {"vat": "subjects/vat.html"}
        assert "增值税" in (tmp_path / name[6:] / "subjects" / "vat.html").read_text(encoding="utf-8")


def test_a_table_of_cards(tmp_path, capsys):
    """A row is a card; several subjects in a cell have bars between them."""
    (tmp_path / "cards.csv").write_text(
        "id,problem,subjects,state,audience,cause\nK-1,wrong tax,vat | tax,published,public,\n", encoding="utf-8"
    )
    found = published(capsys, str(tmp_path / "cards.csv"), str(tmp_path / "site"))
    assert sorted(found["subjects"]) == ["tax", "vat"]


def test_people_can_read_it(lines, tmp_path, capsys):
    """Without --json: what is shown, what was done, what is not shown and why, when to come back."""
    assert main(["kb", "publish", lines, str(tmp_path / "site"), "--title", "Help", *AT]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "shown: cards 2, subjects 1",
        "files: 11 written, 0 unchanged, 0 removed",
        "not shown: 1, it is validated",
        "card 'K-1' links to what is not on the site: card:K-3",
        "publish again by 2026-04-01 00:00+00:00: something opens or shuts then",
        "without the address of the site (base) there is no site map, and the addresses in the feed are relative",
        "subjects that the thesaurus does not have are shown by their ids: vat",
    ]


@pytest.mark.parametrize(("line", "said"), [
    ("{", "row 1: is no JSON"), ("[1]", "row 1: is no object"), ("[" * 100_000, "row 1: is no JSON"), ("\udcff", "row 1: is no JSON"),
    ('{"problem": "x"}', "row 1: is missing @ card.id"), ('{"id": 1}', "row 1: 1 is no text @ card.id"),
    ('{"id": "a", "titel": "x"}', "'titel' is no part of it (did you mean 'title'?)"), ('{"id": "a", "state": "publishd"}', "row 1: "),
    ('{"id": "a", "valid_from": "soon"}', "card.valid_from"), ('{"id": "a", "valid_from": "2026-01-01T00:00"}', "row 1: "),
    ('{"id": "a", "evidence": [1]}', "card.evidence"), ('{"id": "a", "subjects": [[]]}', "card.subjects"),
    ('{"id": ""}', "row 1: card: '' has no id"),
])  # fmt: skip
def test_bad_cards_have_a_place(tmp_path, capsys, line, said):
    """Each line that is no card is named, and nothing is written."""
    (tmp_path / "cards.jsonl").write_bytes(line.encode("utf-8", "surrogateescape"))
    assert main(["kb", "publish", str(tmp_path / "cards.jsonl"), str(tmp_path / "site"), "--title", "x", *AT]) == 2
    told = capsys.readouterr().err
    assert "cards.jsonl" in told
    assert said in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(("options", "said"), [
    (["--as-of", "soon"], "--as-of soon: is no moment"), (["--as-of", "0001-01-01T00:00+14:00"], "is no moment"), (["--as-of", "2026-03-02T09:00"], "zone"), (["--base", "x"], "is no address"),
    (["--lang", "fr"], "no language 'fr'"), (["--role", "sales"], "are roles of staff"), (["--staff", "--customer", "a"], "is one of us"),
    (["--subjects", "nowhere.csv"], "nowhere.csv"), (["--title", "\udcff"], "holds half a character"),
])  # fmt: skip
def test_bad_options_are_named(lines, tmp_path, capsys, options, said):
    """Each option that cannot be is one clear line."""
    assert main(["kb", "publish", lines, str(tmp_path / "site"), "--title", "x", *options]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


def test_files_that_are_none(tmp_path, capsys):
    """A file that is not there, a folder, a database of somebody else, and a thesaurus that is no text."""
    (tmp_path / "other.db").write_bytes(b"SQLite format 3\0" + b"\0" * 200)
    (tmp_path / "terms.json").write_bytes(b"\xff")
    (tmp_path / "cards.jsonl").write_text("")
    for words in (
        [str(tmp_path / "nowhere.jsonl")], [str(tmp_path)], [str(tmp_path / "other.db")],
        [str(tmp_path / "cards.jsonl"), "--subjects", str(tmp_path / "terms.json")],
    ):  # fmt: skip
        assert main(["kb", "publish", words[0], str(tmp_path / "site"), "--title", "x", *AT, *words[1:]]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
