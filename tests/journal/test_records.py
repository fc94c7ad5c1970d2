"""Lines, tokens, and the account of records that do not fit."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InputError
from crmkit.journal._encoding import Encoding
from crmkit.journal._findings import Finding
from crmkit.journal._records import Piece, Reader, pieces, tokens

_UTF8 = Encoding("utf-8", "the caller")


def _read(chunks: list[str], header: tuple[str, ...]) -> tuple[list[list[str]], list[int], tuple[Finding, ...]]:
    reader = Reader("x", header, tuple(range(len(header))), ",", _UTF8, 1)
    records: list[list[str]] = []
    rows: list[int] = []
    for batch, starts in reader.run(pieces(chunks, "x")):
        records += batch
        rows += starts.tolist()
    return records, rows, reader.findings()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(alphabet='ab,"\r\n\x0c\u2028', max_size=8), max_size=12))
def test_lines_are_those_of_universal_newlines(chunks):
    """However the text is cut into chunks, the lines are those of Python's universal newlines."""
    text = "".join(chunks)
    expected = list(io.StringIO(text, newline=""))
    found = [line for piece in pieces(iter(chunks), "x") for line in piece.lines]
    assert "".join(found).rstrip("\n") == text.rstrip("\n")
    assert [line.rstrip("\r\n") for line in found] == [line.rstrip("\r\n") for line in expected]


def test_only_the_last_piece_is_the_last():
    """The last piece comes when the text is at its end, even if it holds no line."""
    assert [piece.last for piece in pieces(["a\n", "b\n"], "x")] == [False, False, True]
    assert list(pieces([], "x")) == [Piece([], last=True)]


def test_a_line_without_end_is_refused():
    """A file that never breaks its line is no table."""
    with pytest.raises(InputError, match="line of more than"):
        list(pieces(("x" * (1 << 24) for _ in range(5)), "x"))


def test_tokens_tell_an_open_quote_from_the_end():
    """The records are those of the csv module; a record whose quote is open is left out and said so."""
    records, ends, stopped = tokens(["a,b\n", '"1\n', '2",3\n', '4,"5\n'], ",")
    assert records == [["a", "b"], ["1\n2", "3"]]
    assert ends == [1, 3]
    assert stopped == "a quote is opened and never closed"
    assert tokens(['"\n'], ",")[2] == stopped


_NAMES = st.text(alphabet='ab ,"\n\r;é中', max_size=6)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(_NAMES, _NAMES), min_size=1, max_size=20), st.integers(1, 7), st.sampled_from(["\n", "\r\n"]))
def test_what_csv_writes_is_read_back(table, size, end):
    """Any table written by the csv module comes back whole, in chunks of any size, with the line of each record."""
    out = io.StringIO(newline="")
    expected_rows = []
    for record in table:
        expected_rows.append(1 + len(list(io.StringIO(out.getvalue(), newline=""))))
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=end).writerow(record)
    text = out.getvalue()
    records, rows, findings = _read([text[i : i + size] for i in range(0, len(text), size)], ("a", "b"))
    assert records == [list(record) for record in table]
    assert rows == expected_rows
    assert findings == ()


def test_records_that_do_not_fit_are_counted_by_reason():
    """Short and long records are dropped with their first row; blank lines and blank extra fields are no loss."""
    records, rows, findings = _read(["1,2\n\n3\n4,5,6\n   \n7,8,,\n9\n"], ("a", "b"))
    assert records == [["1", "2"], ["7", "8", "", ""]]
    assert rows == [1, 6]
    assert [(f.row, f.count, f.example) for f in findings] == [(3, 2, "3"), (4, 1, "4,5,6")]
    assert [f.reason for f in findings] == [f"the record has {n} fields where the header has 2" for n in (1, 3)]


@pytest.mark.parametrize(
    "text",
    [
        '1,2\n3,"4\n5,6\n7,8\n',  # never closed
        '1,2\n3,"4\n5,6\n7,8\n"9",10\n',  # closed by the opening quote of the next text: too many fields
        '1,2\n3,"4\n5,6\n7,8\n9,"x"\n',  # the same in the last column: the number of fields fits by chance
    ],
)
def test_an_open_quote_costs_one_record(text):
    """Reading resumes on the line after an open quote: the records it would have swallowed are there."""
    records, rows, findings = _read([text], ("a", "b"))
    assert records[:3] == [["1", "2"], ["5", "6"], ["7", "8"]]
    assert rows[:3] == [1, 3, 4]
    assert [(f.row, f.count, f.example) for f in findings] == [(2, 1, '3,"4')]
    assert len(records) == text.count("\n") - 1


def test_an_open_quote_costs_one_record_wherever_the_chunks_end():
    """The same holds when the text comes in small chunks."""
    text = '1,2\n3,"4\n' + "".join(f"{i},{i}\n" for i in range(200)) + '9,"x"\n'
    whole = _read([text], ("a", "b"))
    assert len(whole[0]) == 202
    for size in (1, 5, 64):
        assert _read([text[i : i + size] for i in range(0, len(text), size)], ("a", "b")) == whole


def test_a_field_beyond_the_limit_is_one_finding():
    """A field longer than the csv module's limit is dropped, and the module's limit stays as it was."""
    limit = csv.field_size_limit()
    records, rows, findings = _read(["1,2\n3," + "x" * (limit + 1) + "\n4,5\n"], ("a", "b"))
    assert (records, rows) == ([["1", "2"], ["4", "5"]], [1, 3])
    assert findings[0].row == 2
    assert f"longer than {limit:,} characters" in findings[0].reason
    assert csv.field_size_limit() == limit


def test_damage_counts_only_in_the_columns_that_matter():
    """NUL bytes and undecodable bytes drop a record if they are in a column that is kept."""
    reader = Reader("x", ("a", "b"), (0,), ",", _UTF8, 1)
    batches = list(reader.run([Piece(["1,\udcff\n", "\udce92,x\n", "\x003,x\n", "4,5\n"], last=True)]))
    assert [record[0] for batch, _ in batches for record in batch] == ["1", "4"]
    assert [(f.row, f.column, f.reason) for f in reader.findings()] == [
        (2, "a", "holds bytes that are not utf-8"),
        (3, "a", "holds NUL bytes"),
    ]


def test_quotes_left_open_all_over_are_an_input_error():
    """A file whose quotes mean nothing is refused before it costs minutes."""
    with pytest.raises(InputError, match="more than 300 records open a quote"):
        _read(['1,"x\n2,"y\n' * 400], ("a", "b"))
