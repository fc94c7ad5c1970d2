"""`crmkit store`: a store is moved, verified, searched for a person and made to forget; what is wrong has a place."""

import json

import pytest

from crmkit.adapters.sqlite import SqliteStore
from crmkit.cli import main
from crmkit.kb import Analyzer, Document, SegmentIndex

from .privacy.people import EVA, MAIL, OTHER_MAIL, filled

WHO = [
    "--id",
    "C-7",
    "--id",
    "eva",
    "--record",
    "contact/C-7",
    *(word for text in sorted(EVA.texts) for word in ("--text", text)),
]


@pytest.fixture
def store(tmp_path):
    """The path of a store that holds a person."""
    with SqliteStore(tmp_path / "crm.db") as opened:
        filled(opened)
    return str(tmp_path / "crm.db")


def asked(capsys, *words, code=0):
    """The JSON that a command prints."""
    capsys.readouterr()
    assert main(["store", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_store_is_moved(store, tmp_path, capsys, name):
    """Out to a file and into another store, by path and by URL; the copy of the copy has the same sum."""
    file, copy = str(tmp_path / name), str(tmp_path / "copy.db")
    told = asked(capsys, "export", store, file)
    assert (told["schema"], told["events"]) == ("crmkit-store-export-1", 74)
    assert asked(capsys, "import", file, copy)["sum"] == told["sum"]
    assert asked(capsys, "export", copy, str(tmp_path / "b.jsonl"))["sum"] == told["sum"]
    assert asked(capsys, "import", file, f"sqlite:///{tmp_path / 'other.db'}")["records"] == told["records"]
    assert main(["store", "export", copy, str(tmp_path / "c.jsonl")]) == 0
    assert capsys.readouterr().out.startswith(f"74 events, 3 records, {told['blobs']} blobs, sum {told['sum']}\n")


def test_a_damaged_file_makes_no_store(store, tmp_path, capsys):
    """The line is named, and no file of a store is there afterwards."""
    file = tmp_path / "a.jsonl"
    assert main(["store", "export", store, str(file)]) == 0
    file.write_bytes(file.read_bytes().replace(b"proposal", b"proposed", 1))
    assert main(["store", "import", str(file), str(tmp_path / "copy.db")]) == 2
    assert "a.jsonl, row 3: was changed" in capsys.readouterr().err
    assert not (tmp_path / "copy.db").exists()


def test_a_store_is_verified(store, capsys):
    """Nothing is wrong, or what is, with exit code 1; half an import is wrong, too."""
    assert asked(capsys, "verify", store) == {"schema": "crmkit-store-verify-1", "found": []}
    with SqliteStore(store) as opened:
        opened.records.put("crmkit.importing", "archive", {"sum": "abc"})
        opened._database.connection.execute("UPDATE events SET body = replace(body, 'lead', 'mead') WHERE position = 1")
    found = asked(capsys, "verify", store, code=1)["found"]
    assert "position 1: the text no longer matches its checksum" in found[0]
    assert "holds half of the archive abc" in found[1]


def test_a_person_is_told_and_erased(store, tmp_path, capsys):
    """What is held, in both languages; nothing happens without --yes; then nothing is left, in mail neither."""
    mail = tmp_path / "mail"
    mail.mkdir()
    (mail / "1.eml").write_text(MAIL)
    (mail / "2.eml").write_text(OTHER_MAIL)
    told = asked(capsys, "person", store, *WHO, "--mail", str(mail))
    assert told["counts"]["mail"] > 0
    assert told["counts"]["index"] == 4
    assert main(["store", "person", store, *WHO, "--lang", "zh"]) == 0
    assert capsys.readouterr().out.startswith("所存关于此人的数据：")
    dry = asked(capsys, "erase", store, *WHO)
    assert (dry["done"], dry["found"]) == (False, sum(told["counts"].values()) - told["counts"]["mail"])
    words = ["erase", store, *WHO, "--mail", str(mail), "--keep", "customer", "--pseudonym", "p-1", "--yes"]
    done = asked(capsys, *words)
    assert (done["events"], done["records"], done["documents"], done["messages"], done["left"]) == (74, 3, 2, 1, [])
    assert [path.name for path in mail.iterdir()] == ["2.eml"]
    assert asked(capsys, "person", store, *WHO, "--mail", str(mail))["counts"] == {"records": 1}
    for path in tmp_path.glob("crm.db*"):
        assert not any(needle in path.read_bytes() for needle in EVA.needles())


def test_what_is_left_is_told(store, capsys):
    """Without a pseudonym keys stay: they are listed, and the exit code is 1."""
    with SqliteStore(store) as opened:
        opened.blobs.put("letter", b"Eva Meier")
    assert main(["store", "erase", store, *WHO, "--yes"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "50 facts, 2 records, 2 documents changed, 0 messages deleted"
    assert any(line.startswith("left: blobs  letter, byte 0") for line in lines)
    assert any("who: eva" in line for line in lines)


def test_an_index_with_sounds_is_found(store, capsys):
    """Whatever analyzer it was made with."""
    pytest.importorskip("pypinyin", reason="pypinyin is not installed")
    with SqliteStore(store) as opened:
        index = SegmentIndex(opened.blobs, "sounds", fields={"name": 1}, analyzer=Analyzer(pinyin=True))
        index.add([Document("s1", {"name": "梅艾娃"})])
        opened.blobs.put("journal/head", b"{}")
        opened.blobs.put("journal/segment-1", b"of something else")
    held = asked(capsys, "person", store, *WHO)["held"]
    assert {one["name"] for one in held if one["where"] == "index"} == {"cards", "sounds"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["person", "{}"], "nobody is named"),
        (["erase", "{}", "--record", "C-7"], "write KIND/ID"),
        (["person", "{}", "--text", "Li"], "so short"),
        (["verify", "{}x"], "is no file"),
        (["export", "{}", "{}/x/a.jsonl"], "cannot be written"),
        (["import", "{}", "{}y"], "is no line of an archive"),
    ],
)
def test_what_cannot_be_done_is_said(store, capsys, words, why):
    """In one line on standard error, with exit code 2."""
    assert main(["store", *(word.replace("{}", store) for word in words)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert why in line


def test_an_export_replaces_no_store(store, capsys, tmp_path):
    """A store that is named as its own export, or another as that, is refused and as it was."""
    before = asked(capsys, "export", store, str(tmp_path / "before.jsonl"))
    (tmp_path / "link.jsonl").symlink_to(store)
    for name in (store, str(tmp_path / "link.jsonl")):
        assert main(["store", "export", store, name]) == 2
        assert "is a database, which an export would replace; name another file" in capsys.readouterr().err
    assert asked(capsys, "export", store, str(tmp_path / "after.jsonl")) == before


def test_a_mailbox_that_is_missing_is_said_before_anything_is_erased(store, capsys, tmp_path):
    """An erasure that names a mailbox which is not there changes nothing."""
    before = asked(capsys, "export", store, str(tmp_path / "before.jsonl"))
    assert main(["store", "erase", store, *WHO, "--mail", str(tmp_path / "none.mbox"), "--yes"]) == 2
    assert "none.mbox: there is no such file or folder" in capsys.readouterr().err
    assert asked(capsys, "export", store, str(tmp_path / "after.jsonl")) == before
