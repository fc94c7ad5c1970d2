"""`crmkit kb`: mail that is filed from the command line, and what is wrong with what was given."""

import json

import pytest

from crmkit.cli import main
from crmkit.kb.mail import Book

MAIL = "From: {}\nTo: us@crm.example\nSubject: {}\nDate: Fri, 1 Mar 2024 09:00:00 +0100\nMessage-ID: <{}@x>\n{}\ntext\n"
CONTACTS = "Customer,Name,Email\nnordwind,Eva,eva@nordwind.example; eva@gmail.com\nli,,li@163.com\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with mail and contacts."""
    monkeypatch.chdir(tmp_path)
    box = tmp_path / "mail"
    box.mkdir()
    some = [("eva@gmail.com", "Offer", ""), ("bo@nordwind.example", "Price", ""), ("zhang@qq.com", "[x] 你好", ""),
            ("news@shop.example", "Sale", "Precedence: bulk\n"), ("them@crm.example", "Lunch", "")]  # fmt: skip
    for n, (sender, subject, more) in enumerate(some):
        (box / f"{n}.eml").write_text(MAIL.format(sender, subject, n, more), encoding="utf-8")
    (tmp_path / "contacts.csv").write_text(CONTACTS, encoding="utf-8")
    return tmp_path


def run(*words):
    """The exit code of a run with the usual contacts."""
    return main(["kb", "file-mail", "mail", "--contacts", "contacts.csv", "--ours", "crm.example", *words])


def failed(capsys, *words):
    """The one line that a run says before it fails."""
    assert run(*words) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


@pytest.mark.usefixtures("files")
def test_for_people(capsys):
    """What came of it is counted, and what waits is named with its place."""
    assert run() == 0
    told = capsys.readouterr().out
    assert "5 messages: 2 filed under 1 customers, 1 to decide, 1 by machines, 1 internal" in told
    assert "unknown: zhang@qq.com: '[x] 你好', 2.eml" in told


def test_a_long_queue_is_cut(files, capsys):
    """Twenty are shown, and the rest is counted."""
    for n in range(30):
        (files / "mail" / f"more{n}.eml").write_text(MAIL.format(f"x{n}@qq.com", "a", f"m{n}", ""))
    assert run() == 0
    assert "and 11 more" in capsys.readouterr().out


@pytest.mark.usefixtures("files")
def test_for_programs(capsys):
    """Everything as JSON, with the evidence of each link."""
    assert run("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {(each["customer"], each["rule"], each["evidence"]) for each in told["filings"]} == {
        ("nordwind", "address", "eva@gmail.com"), ("nordwind", "domain", "nordwind.example")}  # fmt: skip
    assert (told["messages"], told["ignored"], told["internal"]) == (5, ["3@x"], ["4@x"])
    assert told["queue"][0]["address"] == {"email": "zhang@qq.com", "name": ""}


def test_links_are_kept(files, capsys):
    """The outcome of one run goes into the next one, with a link that somebody made by hand."""
    assert run("--out", "filed.json") == 0
    told = json.loads((files / "filed.json").read_text(encoding="utf-8"))
    told["filings"].append(
        {
            "message": "2@x",
            "customer": "zhang",
            "role": "about",
            "rule": "person",
            "evidence": "Anna",
            "confidence": 1.0,
        }
    )
    (files / "filed.json").write_text(json.dumps(told))
    (files / "contacts.csv").write_text("customer,email\nli,li@163.com\n")
    capsys.readouterr()
    assert run("--earlier", "filed.json", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert [(each["message"], each["customer"]) for each in again["filings"]] == [
        ("0@x", "nordwind"),
        ("1@x", "nordwind"),
        ("2@x", "zhang"),
    ]
    assert again["queue"] == []


def test_contacts_without_an_address(files, capsys):
    """What is no address is told, and the others are used."""
    (files / "contacts.csv").write_text("customer,email\nli,by phone\nnordwind,eva@gmail.com\n")
    assert run() == 0
    told = capsys.readouterr()
    assert told.err == "crmkit: contacts.csv: contact in row 2 of li: 'by phone' is no address\n"
    assert "1 filed" in told.out


def test_domains_and_marks(files, capsys):
    """Domains come from a table, the secret of our marks from a file."""
    (files / "domains.csv").write_text("customer,domain\nli,hailong.example\n")
    (files / "secret").write_text("s\n")
    token = Book([], secret=b"s").token("li")
    (files / "mail" / "5.eml").write_text(MAIL.format("a@hailong.example", "a", 5, ""))
    (files / "mail" / "6.eml").write_text(MAIL.format("a@b.example", f"Re: {token}", 6, ""))
    assert run("--domains", "domains.csv", "--secret", "secret", "--json") == 0
    rules = {each["message"]: each["rule"] for each in json.loads(capsys.readouterr().out)["filings"]}
    assert (rules["5@x"], rules["6@x"]) == ("domain", "token")


@pytest.mark.parametrize(("contacts", "told"), [
    ("customer,mail\na,b@c.de\n", "no column 'email'"), ("customer,email\na,b@c.de\na,\n", "row 3"), ("", "contacts.csv"),
])  # fmt: skip
def test_contacts_that_are_none(files, capsys, contacts, told):
    """A missing column and an empty cell are named with their place."""
    (files / "contacts.csv").write_text(contacts)
    assert told in failed(capsys)


def test_what_cannot_be_used(files, capsys):
    """Each is one line: an outcome that is none, an output that cannot be written, domains that are none, no mail."""
    for text in ("[]", "{", '{"filings": [{"message": 1}]}', '{"filings": [{"customer": "a", "rule": "guess"}]}'):
        (files / "filed.json").write_text(text)
        assert "no outcome of an earlier run" in failed(capsys, "--earlier", "filed.json")
    assert "cannot be written" in failed(capsys, "--out", "nowhere/filed.json")
    assert "nothing.json" in failed(capsys, "--earlier", "nothing.json")
    (files / "domains.csv").write_text("customer,domain\nli,gmail.com\n")
    assert "anybody gets an address" in failed(capsys, "--domains", "domains.csv")
    assert "no such file or folder" in failed(capsys, "nowhere")
