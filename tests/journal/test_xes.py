"""Event logs in XES to columns."""

import csv
import gzip
import io
import pathlib
import sys
import tracemalloc
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import CrmkitError, ExtraMissing, InputError
from crmkit.journal._table import Table
from crmkit.journal._xes import decode_xes

_DATA = pathlib.Path(__file__).parents[2].parent / "shared" / "data" / "logs" / "receipt"


def _shared(name: str) -> bytes:
    file = _DATA / name
    if not file.exists():
        pytest.skip(f"the shared file {name} is absent")
    return gzip.decompress(file.read_bytes())


def _attribute(key: str, value: str, kind: str = "string") -> str:
    return f"<{kind} key={quoteattr(key)} value={quoteattr(value)}/>"


def _log(*traces: str) -> bytes:
    body = "".join(f"<trace>{trace}</trace>" for trace in traces)
    return f'<?xml version="1.0"?><log xes.version="2.0" xmlns="http://www.xes-standard.org/">{body}</log>'.encode()


def _event(**attributes: str) -> str:
    return "<event>" + "".join(_attribute(key, value) for key, value in attributes.items()) + "</event>"


def _columns(table: Table) -> dict[str, list[str | None]]:
    return {name: column.decode() for name, column in table.columns.items()}


def _outcome(data: bytes) -> Table | str:
    try:
        return decode_xes(data)
    except CrmkitError as error:
        return str(error)


def test_one_row_per_event_with_the_attributes_of_its_case():
    """Case attributes are repeated with a prefix, wherever they stand; what an event does not say is missing."""
    name = _attribute("concept:name", "c1")
    table = decode_xes(
        _log(
            name + _event(x="1") + _event(y=" 2 ") + _attribute("value", "9", "int"),
            _attribute("concept:name", "c2") + _event(x=""),
        )
    )
    assert _columns(table) == {
        "case:concept:name": ["c1", "c1", "c2"],
        "case:value": ["9", "9", None],
        "x": ["1", None, None],
        "y": [None, "2", None],
    }
    assert table.rows.tolist() == [1, 2, 3]
    assert table.facts == {"format": "XES 2.0", "cases": "2", "events": "3"}
    assert table.findings == ()


def test_a_log_without_case_names_still_has_the_column():
    """The case id is missing and said to be, not made up."""
    table = decode_xes(_log(_event(x="1") + _event(x="2")))
    assert _columns(table)["case:concept:name"] == [None, None]
    assert [(f.row, f.column, f.count, f.dropped) for f in table.findings] == [(1, "case:concept:name", 2, False)]


def test_what_has_no_place_in_a_table_is_a_finding():
    """Lists, second values, events without a case and cases without events are stated."""
    name = _attribute("concept:name", "c")
    nested = '<list key="l"><values><string key="a" value="b"/></values></list><string key="k"/>'
    data = _log(
        name + "<event>" + nested + _attribute("x", "1") + _attribute("x", "2") + "</event>", name + _event(), name
    )
    data = data.replace(b"</log>", b'<event><string key="x" value="3"/></event></log>')
    table = decode_xes(data)
    assert _columns(table) == {"case:concept:name": ["c", "c"], "x": ["1", None]}
    found = {(f.row, f.column): (f.reason.split(";")[0], f.dropped) for f in table.findings}
    assert found == {
        (1, "l"): ("is a list, which has no single value", False),
        (1, "k"): ("is no attribute with a key and a value", False),
        (1, "x"): ("occurs twice", False),
        (2, "case:concept:name"): ("another case has the same concept:name", False),
        (None, None): ("the case has no events", True),
        (3, None): ("the event is in no trace", True),
    }


def test_attributes_of_attributes_do_not_become_columns():
    """Meta-attributes, globals and attributes of the log stay out."""
    inner = '<string key="x" value="1"><string key="meta" value="2"/></string>'
    data = _log(_attribute("concept:name", "c") + f"<event>{inner}</event>")
    data = data.replace(b"<trace>", b'<global scope="event"><string key="g" value="0"/></global><trace>')
    assert set(decode_xes(data).columns) == {"case:concept:name", "x"}


def test_an_event_attribute_does_not_overwrite_one_of_its_case():
    """If both have one name, the case keeps it and a finding says so."""
    event = "<event>" + _attribute("case:concept:name", "other") + "</event>"
    table = decode_xes(_log(_attribute("concept:name", "c") + event))
    assert _columns(table) == {"case:concept:name": ["c"]}
    assert [f.column for f in table.findings] == ["case:concept:name"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "gbk", "big5"])
def test_declared_encodings_are_read(encoding):
    """The parser's own encodings and the multi-byte ones that it does not know give the same text."""
    text = "北京" if encoding in {"gbk", "big5"} else "Café"
    body = _log(_attribute("concept:name", text) + _event(x="1")).decode()
    data = body.replace('version="1.0"', f'version="1.0" encoding="{encoding}"').encode(encoding)
    assert _columns(decode_xes(data))["case:concept:name"] == [text]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not well-formed XML"),
        (b"case,stage\n1,lead\n", "not well-formed XML"),
        (b"<log><trace><event/></trace>", "not well-formed XML"),
        (b"<html/>", "is no XES log: its root element is <html>"),
        (b"<log/>", "holds no events"),
        (b"<log>" + b"<list>" * 200, "nested more than 100 deep"),
        (b'<?xml version="1.0" encoding="klingon"?><log/>', "declares an unknown encoding"),
        (b'<?xml version="1.0" encoding="gbk"?><log>\xff</log>', "holds bytes that are not gbk"),
        (b"\x1f\x8b....", "gzip"),
    ],
)
def test_unusable_input_is_one_clear_error(data, reason):
    """Each kind of unusable file has its own reason."""
    with pytest.raises(InputError) as caught:
        decode_xes(data, name="log.xes")
    assert str(caught.value).startswith("log.xes")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE log SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE log [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE log [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_document_types_and_entities_are_refused(declaration):
    """Neither files of the machine nor exploding entities are ever reached."""
    with pytest.raises(InputError, match="declares a document type or entities"):
        decode_xes(f"{declaration}<log><trace><event/></trace></log>".encode())


def test_the_extra_is_named_when_it_is_missing(monkeypatch):
    """Without defusedxml the error says what to install."""
    monkeypatch.setitem(sys.modules, "defusedxml.ElementTree", None)
    with pytest.raises(ExtraMissing, match=r"crmkit\[xes\]"):
        decode_xes(_log(_event(x="1")))


def test_a_log_too_wide_for_a_table_is_refused():
    """Thousands of attribute names over thousands of events would need gigabytes, from a file of one megabyte."""
    wide = "<event>" + "".join(_attribute(f"k{i}", "1", "int") for i in range(20_000)) + "</event>"
    with pytest.raises(InputError, match="too many for a table"):
        decode_xes(_log(wide + "<event/>" * 14_000))


def test_memory_is_that_of_the_columns():
    """A long log with much text in few values takes a fraction of its size."""
    trace = _attribute("concept:name", "c") + _event(note="x" * 100, stage="lead") * 20_000
    data = _log(trace)
    tracemalloc.start()
    try:
        table = decode_xes(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(table) == 20_000
    assert peak < len(data)


def test_progress_ends_at_the_size():
    """The callback is told the bytes read so far."""
    data = _log(_attribute("concept:name", "c") + _event(x="1") * 20_000)
    seen: list[int] = []
    decode_xes(io.BytesIO(data), on_progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == len(data)


_KEYS = st.sampled_from(["a", "b", "concept:name", "time:timestamp"])
_EVENTS = st.lists(st.dictionaries(_KEYS, st.text("ab <&\"'é中", max_size=5), max_size=3), min_size=1, max_size=4)


@settings(deadline=None, max_examples=100)
@given(st.lists(_EVENTS, min_size=1, max_size=5))
def test_what_is_written_is_read_back(cases):
    """Any log comes back event by event, blanks stripped."""
    traces = [
        _attribute("concept:name", f"c{i}") + "".join(_event(**event) for event in case) for i, case in enumerate(cases)
    ]
    columns = _columns(decode_xes(_log(*traces)))
    expected = [(f"c{i}", event) for i, case in enumerate(cases) for event in case]
    assert columns.pop("case:concept:name") == [case for case, _ in expected]
    assert set(columns) == {key for _, event in expected for key in event}
    for key, values in columns.items():
        assert values == [event.get(key, "").strip() or None for _, event in expected]


_PIECES = st.sampled_from([
    "<log>", "</log>", "<trace>", "</trace>", "<event>", "</event>", "<event/>", '<string key="a" value="b"/>',
    "<string/>", '<list key="l">', "</list>", "&amp;", "&x;", "<!--", "-->", "<![CDATA[", "]]>", "<?pi?>", "\0", "é",
    "<!DOCTYPE a>", '<?xml version="1.0" encoding="utf-7"?>', '<?xml version="1.0" encoding="idna"?>', "<", "\ufeff",
])  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(
    st.binary(max_size=60)
    | st.lists(_PIECES, max_size=15).map(lambda parts: "".join(parts).encode())
    | st.lists(_PIECES, max_size=8).map(lambda parts: f"<log><trace>{''.join(parts)}<event/></trace></log>".encode()),
)
def test_any_bytes_give_a_table_or_a_clear_error(data):
    """No bytes make the decoder fail other than with an error of ours."""
    table = _outcome(data)
    if isinstance(table, str):
        assert table
        return
    assert len(table) > 0
    assert np.all(np.diff(table.rows) > 0)
    assert all(len(column) == len(table) for column in table.columns.values())


def test_the_receipt_log_agrees_with_its_flat_file():
    """1,434 cases and 8,577 events, each attribute equal to that of the flat export of the same log."""
    table = decode_xes(_shared("receipt.xes.gz"), name="receipt")
    flat = list(csv.DictReader(io.StringIO(_shared("receipt_flat.csv.gz").decode("utf-8"))))
    assert table.facts == {"format": "XES 1.0", "cases": "1,434", "events": "8,577"}
    assert len(table) == len(flat) == 8_577
    assert table.findings == ()
    for name, column in table.columns.items():
        key = "case" if name == "case:concept:name" else name
        assert column.decode() == [event[key] or None for event in flat], name
