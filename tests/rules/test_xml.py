"""XML as a small tree: what is read, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InputError
from crmkit.rules import _xml
from crmkit.rules._xml import read_xml


def test_a_tree_has_names_attributes_texts_and_lines():
    """Elements know their local name, namespace, attributes, own text, children and line."""
    root = read_xml(b'<a xmlns="urn:x" n="1">one\n<b>two</b> three<c/></a>', "m")
    assert (root.tag, root.namespace, root.get("n"), root.get("m", "none"), root.line) == ("a", "urn:x", "1", "none", 1)
    assert root.text == "one\n three"
    assert [(child.tag, child.text, child.line) for child in root.all("b", "c")] == [("b", "two", 2), ("c", "", 2)]
    assert root.first("d") is None


def test_another_tools_attribute_does_not_hide_ours():
    """An attribute of a foreign namespace is seen only where there is no plain one of its name."""
    root = read_xml(b'<a xmlns:t="urn:t" name="ours" t:name="theirs" t:type="seen"/>', "m")
    assert (root.get("name"), root.get("type")) == ("ours", "seen")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is no XML"),
        (b"<a>", "is no XML"),
        (b"<a>\0</a>", "is no XML"),
        (b"\xff\xfe<a/>", "is no XML"),
        (b"<a>\xff</a>", "is no XML"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "XML|encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "encoding nobody can read"),
        (b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "document type"),
        (b"<a>&b;</a>", "is no XML"),
        (b"<a>" * 100_000, "nests deeper than 200"),
    ],
)
def test_what_is_no_plain_xml_is_refused(data, why):
    """Broken text, foreign encodings, entities, document types and endless depth are refused, each by its reason."""
    with pytest.raises(InputError, match=why) as caught:
        read_xml(data, "m.dmn")
    assert caught.value.source == "m.dmn"


def test_the_line_is_told():
    """A mistake in XML comes with its line."""
    with pytest.raises(InputError) as caught:
        read_xml(b"<a>\n\n</b>", "m")
    assert caught.value.row == 3


def test_size_and_number_have_an_end(monkeypatch):
    """More bytes or more elements than the limits are refused, and exactly as many are read."""
    monkeypatch.setattr(_xml, "_MOST", 3)
    assert len(read_xml(b"<a><b/><b/></a>", "m").children) == 2
    with pytest.raises(InputError, match="more than 3 elements"):
        read_xml(b"<a><b/><b/><b/></a>", "m")
    with pytest.raises(InputError, match="larger than 50,000,000 bytes"):
        read_xml(b" " * 50_000_001, "m")


def test_many_pieces_of_text_are_read_in_one_pass():
    """A text in a hundred thousand pieces is put together as it stands."""
    root = read_xml(b"<a>" + b"x<b/>" * 100_000 + b"</a>", "m")
    assert root.text == "x" * 100_000
    assert len(root.children) == 100_000


@given(st.binary(max_size=60) | st.text("<>/ab='\"&;! \0", max_size=40).map(str.encode))
def test_bytes_give_a_tree_or_an_input_error(data):
    """No bytes raise anything but InputError."""
    try:
        read_xml(data, "m")
    except InputError:
        return
