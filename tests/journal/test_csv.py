"""Delimited text to columns."""

import csv
import gzip
import io
import pathlib
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import CrmkitError, InputError, InvalidValue, NotFound
from crmkit.journal._csv import decode_csv
from crmkit.journal._table import Table

_DATA = pathlib.Path(__file__).parents[2].parent / "shared" / "data"


def _shared(path: str) -> bytes:
    file = _DATA / path
    if not file.exists():
        pytest.skip(f"the shared file {path} is absent")
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def _columns(table: Table) -> dict[str, list[str | None]]:
    return {name: column.decode() for name, column in table.columns.items()}


def _outcome(data: bytes, **options: Any) -> Table | str:
    try:
        return decode_csv(data, **options)
    except CrmkitError as error:
        return str(error)


def test_values_are_stripped_and_blank_is_missing():
    """Blanks around names and values do not count, an empty value is missing, NA and None are values."""
    table = decode_csv(b" a , b\n NA ,  \n,None\n")
    assert _columns(table) == {"a": ["NA", None], "b": [None, "None"]}
    assert table.rows.tolist() == [2, 3]
    assert table.columns["a"].codes.dtype == np.int32


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(("end", "called"), [("\n", "LF"), ("\r\n", "CR LF"), ("\r", "CR")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "utf-16-le"])
def test_dialects_are_detected_and_stated(delimiter, end, called, encoding):
    """Every combination of delimiter, line end and encoding gives the same table."""
    records = [["客户", "value", "note"], ["华信科技", "1.50", "first, and; only"], ["东方", "", "x\ty|z"]]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(records)
    table = decode_csv(out.getvalue().encode(encoding))
    assert _columns(table) == {
        "客户": ["华信科技", "东方"], "value": ["1.50", None], "note": ["first, and; only", "x\ty|z"]
    }  # fmt: skip
    assert table.facts["line ends"] == called
    assert table.facts["delimiter"] == {"\t": "TAB"}.get(delimiter, delimiter)
    assert table.facts["records"] == "2"


def test_decimal_commas_do_not_pass_for_delimiters():
    """Commas inside all values do not win against the semicolons of the header."""
    table = decode_csv(b"name;value\na;1,50\nb;2,75\n")
    assert _columns(table)["value"] == ["1,50", "2,75"]


def test_the_sep_line_of_excel_is_obeyed():
    """A first line sep=; sets the delimiter and is no record."""
    table = decode_csv(b"sep=;\r\na,b;c\r\n1,2;3\r\n")
    assert _columns(table) == {"a,b": ["1,2"], "c": ["3"]}
    assert table.rows.tolist() == [3]


def test_rows_are_physical_lines():
    """A record's row is the line where it starts, with line breaks inside quotes, blank lines and a late header."""
    table = decode_csv(b'\n\na,b\n1,"x\ny\nz"\n\n2,"u\r\nv"\n3,w\n')
    assert table.rows.tolist() == [4, 8, 10]
    assert _columns(table)["b"] == ["x\ny\nz", "u\r\nv", "w"]


def test_only_the_columns_asked_for_are_kept():
    """Columns asked for come in the order of the file; an unknown one gets the nearest name."""
    data = b"case,stage,when\n1,lead,x\n"
    assert list(decode_csv(data, columns=["when", "case"]).columns) == ["case", "when"]
    assert len(decode_csv(data, columns=[])) == 1
    with pytest.raises(NotFound, match=r"no column 'stge' in deals\.csv \(did you mean 'stage'\?\)"):
        decode_csv(data, columns=["stge"], name="deals.csv")


def test_names_that_are_empty_or_taken_are_stated():
    """Columns without a name of their own get one, with a finding; asking for a name that occurs twice is refused."""
    data = b"a,,a,b\n1,2,3,4\n"
    table = decode_csv(data)
    assert _columns(table) == {"a": ["1"], "column 2": ["2"], "a (2)": ["3"], "b": ["4"]}
    assert [(f.row, f.dropped) for f in table.findings] == [(1, False), (1, False)]
    assert _columns(decode_csv(data, columns=["b"])) == {"b": ["4"]}
    with pytest.raises(InputError, match="row 1, column 'a': the header has this name 2 times"):
        decode_csv(data, columns=["a"])
    assert list(decode_csv(b"a,a (2),a\n1,2,3\n").columns) == ["a", "a (2)", "a (3)"]


def test_a_line_break_in_a_name_is_a_blank():
    """A header cell over two lines gets one line."""
    assert list(decode_csv(b'"Amount\n(EUR)",b\n1,2\n').columns) == ["Amount (EUR)", "b"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n \r\n\r", "is empty"),
        (b"a,b\n", "row 1: holds a header and no records"),
        (b"a,b\n\n  \n", "row 1: holds a header and no records"),
        (b"sep=;\n", "row 2: holds a 'sep=' line and nothing else"),
        (b'"a,b\n1,2\n', "row 1: the header cannot be read: a quote is opened and never closed"),
        (b"a\x00,b\n1,2\n", "row 1: the header holds NUL bytes"),
        (b"PK\x03\x04....", "Excel workbook"),
        (b"\x1f\x8b....", "gzip"),
    ],
)
def test_unusable_input_is_one_clear_error(data, reason):
    """Each kind of unusable file has its own reason, with the row where there is one."""
    with pytest.raises(InputError) as caught:
        decode_csv(data, name="deals.csv")
    assert str(caught.value).startswith("deals.csv")
    assert reason in str(caught.value)


def test_a_wrong_delimiter_is_said_with_the_right_one():
    """A delimiter that the header does not hold is refused with the one that it seems to have."""
    with pytest.raises(InputError, match="the header has no ';'; the delimiter looks like ','"):
        decode_csv(b"a,b\n1,2\n", delimiter=";")
    assert _columns(decode_csv(b"a\n1\n", delimiter=";")) == {"a": ["1"]}
    for wrong in ("", ";;", '"', "\n"):
        with pytest.raises(InvalidValue, match="one character"):
            decode_csv(b"a,b\n1,2\n", delimiter=wrong)


def test_one_column_needs_no_delimiter():
    """A file of one column is a table, and the delimiter is stated as none."""
    table = decode_csv(b"name\nx\ny\n")
    assert _columns(table) == {"name": ["x", "y"]}
    assert table.facts["delimiter"] == "none"


def test_undecodable_records_are_findings():
    """A record with a byte that is not of the encoding is dropped with row and column; the others stay."""
    table = decode_csv(b"a,b\n1,x\n2,\xff\n3,z\n", encoding="utf-8")
    assert _columns(table) == {"a": ["1", "3"], "b": ["x", "z"]}
    assert [(f.row, f.column, f.example) for f in table.findings] == [(3, "b", "\\xff")]
    assert len(decode_csv(b"a,b\n1,x\n2,\xff\n", encoding="utf-8", columns=["a"])) == 2


def test_all_records_dropped_is_an_empty_table_with_findings():
    """A file of which no record fits is not an error: the findings say why."""
    table = decode_csv(b"a,b\n1,2,3\n4\n")
    assert len(table) == 0
    assert [f.row for f in table.findings] == [2, 3]


def test_a_million_columns_cost_no_more_than_their_header():
    """One column of very many is decoded, all are refused, and a wrong name still gets a hint."""
    names = [f"column_{i}" for i in range(200_000)]
    data = (",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n").encode()
    assert _columns(decode_csv(data, columns=["column_77"])) == {"column_77": ["1"]}
    with pytest.raises(InputError, match="has 200,000 columns; name the columns to keep"):
        decode_csv(data)
    with pytest.raises(NotFound, match="did you mean 'column_77'"):
        decode_csv(data, columns=["colum_77"])


def test_an_unclosed_quote_is_bounded_in_memory():
    """A quote left open in a large file costs one record and little memory."""
    data = b'a,b,c\n1,2,3\n4,"5,6\n' + b"7,8,9\n" * 300_000
    tracemalloc.start()
    try:
        table = decode_csv(data, columns=["a"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(table) == 300_001
    assert [f.row for f in table.findings] == [3]
    assert peak < 40_000_000


def test_progress_ends_at_the_size():
    """The callback is told the bytes decoded so far."""
    seen: list[int] = []
    data = b"a,b\n" + b"1,2\n" * 300_000
    decode_csv(data, on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(data)


def test_a_file_object_is_read_from_where_it_stands():
    """An open binary file, compressed or not, gives the same table as its bytes."""
    data = "a;b\n1;é\n".encode("latin-1")
    packed = io.BytesIO(gzip.compress(data))
    with gzip.open(packed) as file:
        assert _columns(decode_csv(file)) == _columns(decode_csv(data)) == {"a": ["1"], "b": ["é"]}


_FIELD = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=8)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(_FIELD, _FIELD), min_size=1, max_size=15), st.sampled_from([",", ";", "\t", "|"]))
def test_what_csv_writes_is_decoded(table, delimiter):
    """Any table that the csv module writes is decoded to its stripped values."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("left", "right"), *table])
    decoded = decode_csv(out.getvalue().encode("utf-8"), encoding="utf-8", delimiter=delimiter)
    expected = [[cell.strip() or None for cell in column] for column in zip(*table, strict=True)]
    assert list(_columns(decoded).values()) == expected
    assert decoded.findings == ()


_PIECES = st.sampled_from([
    b",", b";", b'"', b"\n", b"\r", b"\r\n", b"\0", b"a", b"1", b" ", b"\xff", b"\xc3\xa9", b"\xd6\xd0", b"sep=", b"\t",
])  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(
    st.binary(max_size=80) | st.lists(_PIECES, max_size=60).map(b"".join),
    st.none() | st.just(["a"]),
    st.none() | st.sampled_from([",", ";", " ", "a"]),
    st.none() | st.sampled_from(["utf-8", "utf-16", "gbk", "cp1252", "utf-7", "cp037", "iso2022_jp", "shift_jis"]),
)
def test_any_bytes_give_a_table_or_a_clear_error(data, columns, delimiter, encoding):
    """No bytes make the decoder fail other than with an error of ours, and every line is accounted for."""
    table = _outcome(data, columns=columns, delimiter=delimiter, encoding=encoding)
    if isinstance(table, str):
        assert table
        return
    assert len(table) or table.findings
    assert np.all(np.diff(table.rows) > 0)
    for column in table.columns.values():
        assert len(column) == len(table)
        assert column.codes.max(initial=-1) < len(column.values)
        assert all(value == value.strip() != "" and value.encode("utf-8") for value in column.values)
    assert "\n".join([*map(str, table.findings), *map(str, table.columns)]).encode("utf-8")


def test_the_usaid_export_with_bare_carriage_returns():
    """10,324 order lines, separated by TAB and CR, in 33 columns (USAID SCMS delivery history)."""
    table = decode_csv(_shared("sales/usaid_scms/SCMS_Delivery_History_Dataset.csv.gz"), name="scms")
    assert (len(table), len(table.columns), table.findings) == (10_324, 33, ())
    assert (table.facts["delimiter"], table.facts["line ends"]) == ("TAB", "CR")
    value = sum(float(text or 0) for text in table.column("Line Item Value").decode())
    assert value == pytest.approx(1_627_584_457.29, abs=0.5)
    assert table.column("PQ First Sent to Client Date").decode().count("Pre-PQ Process") == 2_476
    assert "Côte d'Ivoire" in table.column("Country").values


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("service/uci_incidents/incident_event_log_5998_ddmmyyyy_dash.csv.gz", 5_998),
        ("service/cfpb/consumer_complaints_3186.csv.gz", 3_186),
        ("sales/maven_crm/sales_pipeline.csv", 8_800),
    ],
)
def test_real_exports_lose_no_record(path, rows):
    """The records of real exports are those that the csv module finds in them."""
    data = _shared(path)
    table = decode_csv(data, name=path)
    expected = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
    assert len(table) == len(expected) == rows
    for name, column in table.columns.items():
        assert column.decode() == [record[name].strip() or None for record in expected]
