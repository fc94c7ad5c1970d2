"""What newcomers do, and what they are told: never that nothing is wrong where nothing was looked at, always in one line."""

import json

import pytest

from crmkit.adapters.sqlite import SqliteStore
from crmkit.cli import main

from .privacy.people import MAIL, filled

DOCUMENTS = [{"id": "1", "title": "VAT", "text": "value added tax"}, {"id": "2", "title": "Login"}]


@pytest.fixture
def told(capsys):
    """Runs the command line; gives the exit code, what it said, and its error, which is one line at most."""

    def run(*words):
        capsys.readouterr()
        code = main([*map(str, words)])
        out, err = capsys.readouterr()
        assert err.count("\n") <= 1
        return code, out, err

    return run


@pytest.fixture
def store(tmp_path):
    """A store of two tenants, of whom one knows a person."""
    with SqliteStore(tmp_path / "crm.db", tenant="acme") as opened:
        filled(opened)
    with SqliteStore(tmp_path / "crm.db", tenant="nordwind") as opened:
        opened.blobs.put("b", b"1")
    return tmp_path / "crm.db"


def indexed(folder, *documents):
    """A file with documents as JSON lines."""
    path = folder / "documents.jsonl"
    path.write_text("\n".join(map(json.dumps, documents)), encoding="utf-8")
    return path


@pytest.mark.parametrize("command", [
    ["verify"], ["export", "out.jsonl"], ["person", "--text", "Eva Meier"], ["erase", "--text", "Eva Meier"],
])  # fmt: skip
def test_a_tenant_that_is_not_there(told, store, tmp_path, command):
    """No verdict about nothing: those there are are named; without any tenant a store is empty, which is no error."""
    name, *more = (str(tmp_path / word) if word.endswith(".jsonl") else word for word in command)
    code, out, err = told("store", name, store, *more, "--tenant", "acmee")
    assert (code, out) == (2, "")
    assert err == f"crmkit: no tenant 'acmee' in {store} (did you mean 'acme'?); there are: acme, nordwind\n"
    assert not (tmp_path / "out.jsonl").exists()
    assert told("store", "verify", store, "--tenant", "nordwind")[0] == 0
    SqliteStore(tmp_path / "empty.db").close()
    assert told("store", "verify", tmp_path / "empty.db")[0] == 0


def test_a_database_tells_its_tenants_too(told, tmp_path):
    """Of one through SQLAlchemy as of a file; whoever has only records or blobs is known as well."""
    from crmkit.adapters.opening import open_store

    url = f"sqlite:///{tmp_path / 'host.db'}"
    with open_store(url, tenant="acme", create=True) as opened:
        filled(opened)
    with open_store(url, tenant="quiet") as opened:
        opened.records.put("k", "1", {})
    assert told("store", "verify", url, "--tenant", "acmee")[2].endswith("(did you mean 'acme'?); there are: acme\n")
    assert told("store", "verify", url, "--tenant", "quiet")[0] == 0


def test_mailboxes_are_looked_into_before_anything_is_erased(told, store, tmp_path):
    """Without --yes the messages that would go are counted, and stay."""
    box = tmp_path / "mail.eml"
    box.write_text(MAIL)
    words = (
        "store",
        "erase",
        store,
        "--tenant",
        "acme",
        "--text",
        "Eva Meier",
        "--text",
        "eva.meier@nordwind.example",
        "--mail",
        box,
    )
    assert " places and 1 messages; nothing was changed" in told(*words)[1]
    assert json.loads(told(*words, "--json")[1])["messages"] == 1
    assert box.read_text() == MAIL


@pytest.mark.parametrize(("options", "said"), [
    (["--text", "body"], "was made with"), (["--pinyin"], "crmkit kb verify --rebuild"),
])  # fmt: skip
def test_an_index_that_was_made_otherwise_is_not_called_sound(told, tmp_path, options, said):
    """Verified by texts or sounds that it has not: an error that says how it was made, and what to do."""
    if "--pinyin" in options:
        pytest.importorskip("pypinyin")
    assert told("kb", "index", tmp_path / "i.db", indexed(tmp_path, *DOCUMENTS))[0] == 0
    code, out, err = told("kb", "verify", tmp_path / "i.db", *options)
    assert (code, out) == (2, "")
    assert said in err
    assert told("kb", "verify", tmp_path / "i.db")[0] == 0


@pytest.mark.parametrize(("document", "said"), [
    ({"id": "3", "titel": "Invoice"}, "has none of the texts title, text: 'titel' is none (did you mean 'title'?)"),
    ({"id": "1", "title": "again"}, "has the id '1', which"), ({"id": False, "title": "x"}, "False is no id"),
    ({"id": [1], "title": "x"}, "is no id"), ({"id": 1.5, "title": "x"}, "is no id"),
])  # fmt: skip
def test_documents_that_cannot_be_meant(told, tmp_path, document, said):
    """A misspelt text, an id that is there twice or is none: one line with the file and the row, and nothing is added."""
    code, _, err = told("kb", "index", tmp_path / "i.db", indexed(tmp_path, *DOCUMENTS, document))
    assert code == 2
    assert said in err
    assert "documents.jsonl, row 3" in err
    assert told("kb", "search", tmp_path / "i.db", "login")[0] == 2


@pytest.mark.parametrize("text", ["title=inf", "title=nan", "title=0", "title=-1", "=2", "bdy=1"])
def test_texts_that_cannot_be_meant(told, tmp_path, text):
    """No weight, no name, or a text that no document has."""
    code, _, err = told(
        "kb", "index", tmp_path / "i.db", indexed(tmp_path, *DOCUMENTS), "--text", "title", "--text", text
    )
    assert code == 2
    assert f"--text {text.partition('=')[0]}" in err


def test_a_folder_of_others_is_not_published_to(told, tmp_path):
    """A site needs a folder of its own; what is hidden may be there, and a second time is no first."""
    cards = indexed(
        tmp_path, {"id": "K-1", "problem": "p", "solution": "s", "state": "published", "audience": "public"}
    )
    site = tmp_path / "site"
    site.mkdir()
    (site / "thesis.doc").write_text("mine")
    words = ("kb", "publish", cards, site, "--title", "Help", "--as-of", "2026-03-02T09:00+08:00")
    code, _, err = told(*words)
    assert (code, [*site.iterdir()]) == (2, [site / "thesis.doc"])
    assert "holds files that are no site of ours: thesis.doc; name an empty folder" in err
    (site / "thesis.doc").rename(site / ".hidden")
    assert told(*words)[0] == told(*words)[0] == 0
    code, _, err = told(*words[:-1], "2026-03-02T09:00")
    assert code == 2
    assert err == "crmkit: --as-of 2026-03-02T09:00: has no zone; write 2026-03-02T09:00+08:00\n"


@pytest.mark.parametrize("url", [
    "postgresql+psycopg://crm:secret@127.0.0.1:1/crm", "mariadb+pymysql://crm:secret@127.0.0.1:1/crm",
    "postgresql+psycopg://crm:secret@no-such-host.invalid/crm",
])  # fmt: skip
def test_a_database_that_cannot_be_reached(told, url):
    """One line: where, why, what to look at; no password, no number of an error, no advertisement of a driver."""
    code, _, err = told("store", "verify", url)
    assert code == 2
    assert "secret" not in err
    assert "look at host, port, user, password and database" in err
    assert "sqlalche.me" not in err
    assert "(2003" not in err


def test_a_wrong_password(told, mariadb_url):
    """Of a server that is there."""
    code, _, err = told("store", "verify", mariadb_url.replace("root@", "nobody:secret@"))
    assert code == 2
    assert "Access denied" in err
    assert "look at host, port, user, password" in err
    assert "secret" not in err


def test_a_pdf_is_no_brief(told, tmp_path):
    """Whatever stands before its mark, and whatever is called so: what to do is said, not that it requires nothing."""
    library = indexed(tmp_path, {"id": "1", "title": "t", "text": "x", "state": "approved"})
    for name, data in (("brief.pdf", b"text"), ("brief.txt", b"\n\n%PDF-1.7 ..."), ("brief.PDF", b"%PDF-1.4")):
        (tmp_path / name).write_bytes(data)
        code, _, err = told("kb", "propose", tmp_path / name, library)
        assert code == 2
        assert "is a PDF; save its text, or the document it was made of" in err
