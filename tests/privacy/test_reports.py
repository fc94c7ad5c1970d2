"""What is held about a person: every place where it was put is in the report, for programs and for people."""

import json

import pytest

from crmkit.adapters.memory import MemoryStore
from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal
from crmkit.privacy import Subject, mentions, report

from .people import EVA, MAIL, OTHER_MAIL, deals, filled, index_of


@pytest.fixture(scope="module")
def found():
    """The report over everything."""
    store = filled()
    store.blobs.put("letter-Eva Meier.txt", "Dear 梅艾娃".encode())
    store.blobs.put("scan", b"\0\0E\0v\0a\0 \0M\0e\0i\0e\0r\0\0")
    store.blobs.put("wide", "Ｅｖａ Ｍｅｉｅｒ".encode())
    journal = Journal.from_events(deals())
    mail = [("in/1.eml", MAIL.encode()), ("in/2.eml", OTHER_MAIL.encode())]
    return report(EVA, store, indexes={"cards": index_of(store)}, journals={"deals": journal}, mail=mail)


def places(found, where):
    """Place, path and why."""
    return {(one.place, one.path, one.by) for one in found.held if one.where == where}


def test_facts_are_told_with_position_and_path(found):
    """Who did it, what was written, in values and in names, and in types that this version does not know."""
    told = places(found, "events")
    assert ("position 1, D-0#1", "who", "id") in told
    assert ("position 2, D-0#2", "data.note", "text") in told
    assert ("position 2, D-0#2", "data.more.EVA  MEIER (name)", "text") in told
    assert ("position 2, D-0#2", "data.more.EVA  MEIER[0]", "text") in told
    assert ("position 73, D-1#r", "panels[0].who", "id") in told
    assert {path for place, path, _ in told if place == "position 74, D-1#u"} == {"by", "tags[0]"}


def test_records_documents_and_blobs_are_told(found):
    """Their own record as a whole, others by their fields; documents by text and field; blobs by name and byte."""
    assert places(found, "records") == {
        ("contact C-7", "*", "record"), ("contact C-8", "value.boss", "id"), ("card K-1", "value.author", "id"),
        ("card K-1", "value.problem", "text"), ("card K-1", "value.solution", "text"),
    }  # fmt: skip
    assert places(found, "index") == {
        ("d1", "texts.title", "text"), ("d1", "texts.text", "text"), ("d1", "fields.author", "id"),
        ("d2", "fields.by", "text"),
    }  # fmt: skip
    blobs = {one.place: one for one in found.held if one.where == "blobs" and not one.place.startswith("cards/")}
    assert blobs.keys() == {"letter-Eva Meier.txt", "scan", "wide"}
    assert blobs["letter-Eva Meier.txt"].text == "Dear 梅艾娃"
    assert (blobs["scan"].path, blobs["wide"].path) == ("byte 2", "bytes")
    assert any(one.place.startswith("cards/") for one in found.held)


def test_rows_and_messages_are_told(found):
    """Of a journal the column and the row; of mail what is encoded there, too, and nothing of others."""
    rows = places(found, "journal")
    assert {(path, by) for _, path, by in rows} == {("who", "id")}
    assert len(rows) == sum(who == "eva" for who in Journal.from_events(deals()).to_dict()["who"])
    mail = {(one.place, one.text) for one in found.held if one.where == "mail"}
    assert {place for place, _ in mail} == {"in/1.eml"}
    assert {"eva.meier@nordwind.example", "Eva Meier"} <= {text for _, text in mail}
    assert [mentions(EVA, raw.encode()) for raw in (MAIL, OTHER_MAIL)] == [True, False]


def test_a_program_can_read_it(found):
    """JSON with a schema, counts, and every place."""
    plain = json.loads(found.to_json())
    assert plain["schema"] == "crmkit-person-1"
    assert plain["subject"]["records"] == [["contact", "C-7"]]
    assert sum(plain["counts"].values()) == len(plain["held"]) == len(found.held)
    assert {"where", "name", "place", "path", "by", "text"} == {*plain["held"][0]}


@pytest.mark.parametrize(
    ("language", "title", "group"),
    [("en", "What is held about: ", "search index cards (4)"), ("zh", "所存关于此人的数据：", "搜索索引 cards (4)")],
)
def test_people_can_read_it(found, language, title, group):
    """In their language: who, how many places, and each of them."""
    lines = found.to_text(language).splitlines()
    assert lines[0].startswith(title)
    assert str(len(found.held)) in lines[1]
    assert group in lines
    assert sum(line.startswith("  ") for line in lines) == len(found.held)


def test_nothing_is_said_to_be_nothing():
    """For somebody who is nowhere; a language that is not there is named."""
    nobody = report(Subject(texts=["Nobody Knows"]), filled())
    assert nobody.held == ()
    assert nobody.to_text() == "What is held about: Nobody Knows\nnothing was found\n"
    assert str(nobody) == nobody.to_text().rstrip()
    with pytest.raises(NotFound, match="no language 'de'"):
        nobody.to_text("de")


def test_a_store_that_cannot_list_kinds_has_to_be_told():
    """Else some records would be passed over in silence."""
    store = filled()
    known = {name: getattr(store.records, name) for name in ("get", "put", "find", "delete")}
    plain = MemoryStore()
    plain.records = type("Plain", (), known)()
    with pytest.raises(InvalidValue, match="cannot list"):
        report(EVA, plain)
    assert {one.place for one in report(EVA, plain, kinds=["contact"]).held} == {"contact C-7", "contact C-8"}
