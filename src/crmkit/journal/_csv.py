"""Delimited text to columns: in bounded memory, and with every record that does not fit accounted for."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, count
from operator import itemgetter
from typing import BinaryIO

import attrs
import numpy as np

from crmkit.errors import InputError, InvalidValue, NotFound
from crmkit.journal._cells import CellCodes
from crmkit.journal._coded import Coded, Codes, Longs
from crmkit.journal._encoding import Encoding, detect, foreign, named, opened, texts
from crmkit.journal._findings import Finding
from crmkit.journal._records import Piece, Reader, pieces, tokens
from crmkit.journal._table import Table

__all__ = ["decode_csv"]

_SEP = re.compile(r'"?sep=(?P<delimiter>[^"\r\n\0])"?', re.IGNORECASE)
_LINE_ENDS = {"\n": "LF", "\r\n": "CR LF", "\r": "CR"}
_DELIMITERS = ",;\t|"
_SAMPLE = 200
_MOST_COLUMNS = 1 << 14


@attrs.frozen
class _Header:
    """The first record, its line, the line after it, and what was learnt on the way."""

    names: tuple[str, ...]
    delimiter: str
    row: int
    next_row: int
    facts: dict[str, str]


def decode_csv(
    source: bytes | BinaryIO,
    *,
    name: str = "csv",
    columns: Collection[str] | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Table:
    r"""Decode delimited text (RFC 4180 and what exports make of it) to dictionary-coded columns.

    Encoding, delimiter and line ends are detected and stated in `Table.facts`. Blanks around names and values do not
    count, an empty value is missing, "NA" is a value. A field holds at most `csv.field_size_limit()` characters.
    A record that does not fit is dropped with a finding; if it spans several lines a quote was left open, and reading
    resumes on its second line. The memory needed is that of the columns kept.

    Args:
        source: bytes, or a file opened in binary mode; it is read twice if the encoding must be detected.
        name: how messages call it.
        columns: the columns to keep; all if None.
        encoding: a Python codec; detected if None.
        delimiter: one character; a first line "sep=;" or else detection among `, ; TAB |` if None.
        on_progress: called with the number of bytes decoded so far.

    Raises:
        InputError: if nothing can be read at all: empty, only a header, not text, a column name that occurs twice.
        NotFound: if a column asked for is not in the header, or no codec has that name.
        InvalidValue: if `source` is no binary file, or `delimiter` is not one character.

    >>> table = decode_csv(b"deal;value\n7; 1,50\n8;\n", name="deals.csv")
    >>> table.column("value").decode(), table.rows.tolist(), table.facts["delimiter"]
    (['1,50', None], [2, 3], ';')
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise InvalidValue("delimiter", delimiter, "is not one character, such as ',' or ';'")
    stream = opened(source)
    foreign(stream, name)
    known = named(encoding) if encoding is not None else detect(stream)
    supply = pieces(texts(stream, known, name=name, on_progress=on_progress), name)
    header, first = _header(supply, known, delimiter=delimiter, name=name)
    return _decoded(chain([first], supply), header, known, columns=columns, name=name)


def _decoded(
    supply: Iterable[Piece], header: _Header, encoding: Encoding, *, columns: Collection[str] | None, name: str
) -> Table:
    places, odd = _kept(header, columns, name)
    reader = Reader(name, header.names, tuple(places.values()), header.delimiter, encoding, header.next_row)
    coders = {column: _Coder(index) for column, index in places.items()}
    starts: list[Longs] = [np.empty(0, dtype=np.int64)]
    for records, lines in reader.run(supply):
        starts.append(lines)
        for coder in coders.values():
            coder.add(records)
    rows, findings = np.concatenate(starts), reader.findings()
    if not len(rows) and not findings:
        raise InputError(name, "holds a header and no records", row=header.row)
    stated = {"encoding": encoding.name, "encoding known from": encoding.how, **header.facts}
    decoded = {column: coder.coded() for column, coder in coders.items()}
    return Table(name, decoded, rows, {**stated, "records": f"{len(rows):,}"}, (*odd, *findings))


class _Coder:
    """One column on its way to `Coded`."""

    def __init__(self, index: int) -> None:
        self._cell = itemgetter(index)
        self._cells = CellCodes()
        self._parts: list[Codes] = [np.empty(0, dtype=np.int32)]

    def add(self, records: Sequence[list[str]]) -> None:
        codes = map(self._cells.__getitem__, map(self._cell, records))
        self._parts.append(np.fromiter(codes, np.int32, count=len(records)))

    def coded(self) -> Coded:
        return Coded(np.concatenate(self._parts), tuple(self._cells.texts))


def _header(supply: Iterator[Piece], encoding: Encoding, *, delimiter: str | None, name: str) -> tuple[_Header, Piece]:
    """The header, and the rest of its piece."""
    row, piece = 1, next(supply)
    while not any(map(str.strip, piece.lines)):
        if piece.last:
            raise InputError(name, "is empty", "export it again")
        row, piece = row + len(piece.lines), next(supply)
    blank = next(i for i, line in enumerate(piece.lines) if line.strip())
    told = _SEP.fullmatch(piece.lines[blank].rstrip())
    blank += told is not None
    lines, row = piece.lines[blank:], row + blank
    if not lines:
        raise InputError(name, "holds a 'sep=' line and nothing else", row=row)
    sign = delimiter or (told["delimiter"] if told else _detected(lines))
    records, ends, stopped = tokens(lines[:_SAMPLE], sign or ",")
    if not records:
        raise InputError(name, f"the header cannot be read: {stopped}", row=row)
    names = tuple(_name(text) for text in records[0])
    _check(names, encoding, name=name, row=row)
    if delimiter and len(names) == 1 and _detected(lines) not in {"", delimiter}:
        remedy = f"the delimiter looks like {_detected(lines)!r}"
        raise InputError(name, f"the header has no {delimiter!r}", remedy, row=row)
    finals = (lines[end - 1] for end in ends)
    styles = dict.fromkeys(_LINE_ENDS[line[len(line.rstrip("\r\n")) :]] for line in finals)
    facts = {"delimiter": {"\t": "TAB", "": "none"}.get(sign, sign), "line ends": " and ".join(styles)}
    return _Header(names, sign or ",", row, row + ends[0], facts), Piece(lines[ends[0] :], piece.last)


def _name(text: str) -> str:
    # A line break inside a name is a matter of the sheet's column width; nobody can type it.
    return " ".join(text.split()) if "\n" in text or "\r" in text else text.strip()


def _check(names: tuple[str, ...], encoding: Encoding, *, name: str, row: int) -> None:
    text = "".join(names)
    if "\0" in text:
        raise InputError(name, "the header holds NUL bytes", "is it a text file? then name its encoding", row=row)
    if encoding.damage.search(text):
        raise InputError(name, f"the header holds bytes that are not {encoding.name}", "name the encoding", row=row)


def _detected(lines: list[str]) -> str:
    """The delimiter under which the first records are as wide as the header, and widest; "" if there is none."""
    best, sign = (0, 0.0), ""
    for candidate in _DELIMITERS:
        if candidate not in lines[0]:
            continue
        records = [record for record in tokens(lines[:_SAMPLE], candidate)[0] if record]
        width = len(records[0]) if records else 0
        share = sum(len(record) == width for record in records) / max(len(records), 1)
        # Commas inside prices are consistent too, now and then, but rarely in the header as well.
        score = (width if share >= 0.8 else 0, share)
        if width > 1 and score > best:
            best, sign = score, candidate
    return sign


def _kept(header: _Header, columns: Collection[str] | None, name: str) -> tuple[dict[str, int], tuple[Finding, ...]]:
    """The columns to keep with their places, and what is odd about the header."""
    if columns is None and len(header.names) > _MOST_COLUMNS:
        raise InputError(name, f"has {len(header.names):,} columns", "name the columns to keep", row=header.row)
    places, odd = _places(header)
    if columns is None:
        return places, odd
    times, wanted = Counter(header.names), sorted(set(columns))
    for column in wanted:
        if column not in places:
            raise NotFound("column", column, _near(column, tuple(places)), name)
        if times[column] > 1:
            reason = f"the header has this name {times[column]} times"
            raise InputError(name, reason, "rename all but one", row=header.row, column=column)
    return {column: places[column] for column in sorted(wanted, key=places.__getitem__)}, odd


def _places(header: _Header) -> tuple[dict[str, int], tuple[Finding, ...]]:
    """Where each column is; a name that is empty or taken gets a new one, which a finding states."""
    places = dict(zip(header.names, range(len(header.names)), strict=True))
    if len(places) == len(header.names) and "" not in places:
        return places, ()
    places.clear()
    odd: dict[str, Finding] = {}
    given, times = set(header.names), Counter[str]()
    for index, text in enumerate(header.names):
        times[text] += 1
        if text and times[text] == 1:
            places[text] = index
            continue
        stem, number = (text, times[text]) if text else ("column", index + 1)
        candidates = (f"{stem} ({n})" if text else f"{stem} {n}" for n in count(number))
        unique = next(candidate for candidate in candidates if candidate not in given and candidate not in places)
        places[unique] = index
        what = "a name occurs again in the header" if text else "a column has no name in the header"
        finding = Finding(header.row, None, f"{what}; it is called {unique!r}", example=text or None, dropped=False)
        odd.setdefault(what, finding)
    return places, tuple(odd.values())


def _near(column: str, names: tuple[str, ...], most: int = 1_000) -> tuple[str, ...]:
    """The names worth comparing: to compare with each of a million takes a minute."""
    if len(names) <= most:
        return names
    folded, start = column.casefold(), column[:2].casefold()
    same = [other for other in names if other.casefold() == folded]
    alike = [other for other in names if other[:2].casefold() == start and abs(len(other) - len(column)) <= 2]
    return tuple([*same, *alike][:most]) or names[:most]
