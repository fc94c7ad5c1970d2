"""Text to records: lines, tokens, and an account of every record that does not fit its header."""

import csv
import io
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import chain

import attrs
import numpy as np

from crmkit.errors import InputError
from crmkit.journal._cells import Tally, shown
from crmkit.journal._coded import Longs
from crmkit.journal._encoding import Encoding
from crmkit.journal._findings import Finding

__all__ = ["Piece", "Reader", "pieces", "tokens"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)")
_LONGEST_LINE = 1 << 26
_LONGEST_RECORD = 1 << 20
_MOST_RESUMED = 300
_OPEN = "a quote is opened and never closed"
_SPILT = "the record runs over several lines and its quotes do not add up; is one left open?"

_Batch = tuple[list[list[str]], Longs]


@attrs.frozen
class Piece:
    """Whole lines, each with its line end."""

    lines: list[str]
    last: bool


def pieces(texts: Iterable[str], name: str) -> Iterator[Piece]:
    """Cut text into whole lines, ended by LF, CR LF or CR; the last piece comes when the text is at its end.

    Raises:
        InputError: if a line is longer than any table's.
    """
    waiting: list[str] = []
    for text in texts:
        # A final CR waits: it may be the first half of CR LF.
        end = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
        if end:
            yield Piece(_lines("".join([*waiting, text[:end]])), last=False)
            waiting.clear()
        waiting.append(text[end:])
        if sum(map(len, waiting)) > _LONGEST_LINE:
            raise InputError(name, f"has a line of more than {_LONGEST_LINE:,} characters", "is it a text file?")
    rest = "".join(waiting)
    yield Piece(_lines(rest if not rest or rest.endswith(("\n", "\r")) else f"{rest}\n"), last=True)


def _lines(text: str) -> list[str]:
    """The lines with their ends; not `str.splitlines`, which also cuts at form feeds and at U+2028."""
    # StringIO is three times as fast, and takes four bytes for each character.
    return list(io.StringIO(text, newline="")) if len(text) < _LONGEST_RECORD else _LINE.findall(text)


def tokens(lines: Iterable[str], delimiter: str) -> tuple[list[list[str]], list[int], str]:
    """Tokenise lines.

    Returns:
        the complete records, the number of lines up to the end of each, and what stopped the next one ("" if nothing).
    """
    # The reader takes the end of its input for a closing quote. A line of our own after it tells whether one was open.
    reader = csv.reader(chain(lines, ["\0\n"]), delimiter=delimiter, skipinitialspace=delimiter != " ")
    records: list[list[str]] = []
    ends: list[int] = []
    try:
        for record in reader:
            records.append(record)
            ends.append(reader.line_num)
    except csv.Error:
        return records, ends, f"a field is longer than {csv.field_size_limit():,} characters; is its quote closed?"
    own, _ = records.pop(), ends.pop()
    return records, ends, "" if own == ["\0"] else _OPEN


@attrs.define(eq=False)
class Reader:
    """Lines to the records that fit; the others are counted by what is wrong with them.

    Attributes:
        name: the source, for messages.
        header: the names of the columns.
        kept: the places of the columns that matter; damage elsewhere does no harm.
        delimiter: one character.
        encoding: tells what undecodable bytes look like in the text.
        row: the 1-based physical line that comes next.
    """

    name: str
    header: tuple[str, ...]
    kept: tuple[int, ...]
    delimiter: str
    encoding: Encoding
    row: int
    _flaw: re.Pattern[str] = attrs.field(init=False)
    _flawed: bool = attrs.field(default=False, init=False)
    _resumed: int = attrs.field(default=0, init=False)
    _tally: Tally = attrs.field(factory=Tally, init=False)

    def __attrs_post_init__(self) -> None:
        self._flaw = self.encoding.damage

    def run(self, source: Iterable[Piece]) -> Iterator[_Batch]:
        """The records that fit, in batches, and int64 (n,) the line where each starts.

        Raises:
            InputError: if quotes are left open too often for this to be a matter of single records.
        """
        held: list[str] = []
        for piece in source:
            text = "".join(piece.lines)
            self._flawed = self._flawed or "\0" in text or bool(not text.isascii() and self._flaw.search(text))
            held = yield from self._consume([*held, *piece.lines], last=piece.last)

    def findings(self) -> tuple[Finding, ...]:
        """What was dropped so far."""
        return self._tally.findings()

    def _consume(self, lines: list[str], *, last: bool) -> Generator[_Batch, None, list[str]]:
        """Yield batches and return the lines of a record that is not complete yet."""
        while lines:
            records, ends, stopped = tokens(lines, self.delimiter)
            spilt = self._spilt(records, ends, lines)
            if spilt < len(records):
                del records[spilt:], ends[spilt:]
                stopped = _SPILT
            yield self._fitting(records, ends)
            done = ends[-1] if ends else 0
            self.row += done
            lines = lines[done:]
            if not stopped or (stopped == _OPEN and not last and sum(map(len, lines)) <= _LONGEST_RECORD):
                return lines
            self._resume(lines[0], stopped)
            lines = lines[1:]
        return lines

    def _spilt(self, records: list[list[str]], ends: list[int], lines: list[str]) -> int:
        """The first record over several lines whose quotes do not add up; the number of records if there is none."""
        start = 0
        for i, end in enumerate(ends if ends and ends[-1] > len(ends) else ()):
            # A quote left open is closed by the next opening one, right before a letter: the width may fit by then.
            if end - start > 1 and (self._misfit(records[i]) or not self._strict(lines[start:end])):
                return i
            start = end
        return len(records)

    def _strict(self, lines: list[str]) -> bool:
        """Whether each closing quote ends its field."""
        try:
            deque(csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True), maxlen=0)
        except csv.Error:
            return False
        return True

    def _resume(self, line: str, reason: str) -> None:
        """Give up one line; the next is read as the start of a record."""
        self._tally.add(Finding(self.row, None, reason, example=shown(line)))
        self.row += 1
        self._resumed += 1
        if self._resumed > _MOST_RESUMED:
            why = f"more than {_MOST_RESUMED:,} records open a quote and do not close it"
            raise InputError(self.name, why, 'double each " that is part of a text', row=self.row - 1)

    def _fitting(self, records: list[list[str]], ends: list[int]) -> _Batch:
        starts = np.array([0, *ends[:-1]][: len(ends)], dtype=np.int64) + self.row
        if not self._flawed and set(map(len, records)) <= {len(self.header)}:
            return records, starts
        good = [i for i, record in enumerate(records) if self._fits(record, int(starts[i]))]
        return [records[i] for i in good], starts[good]

    def _fits(self, record: list[str], row: int) -> bool:
        if len(record) <= 1 < len(self.header) and not "".join(record).strip():
            return False
        misfit = self._misfit(record)
        if misfit:
            self._tally.add(Finding(row, None, misfit, example=shown(self.delimiter.join(record[:9]))))
        return not misfit and not (self._flawed and self._damaged(record, row))

    def _misfit(self, record: list[str]) -> str:
        """What is wrong with the number of fields; blank fields beyond the header lose nothing."""
        width = len(self.header)
        if len(record) == width or (len(record) > width and not "".join(record[width:]).strip()):
            return ""
        return f"the record has {len(record):,} fields where the header has {width:,}"

    def _damaged(self, record: list[str], row: int) -> bool:
        for index in self.kept:
            text = record[index]
            damage = "holds NUL bytes" if "\0" in text else ""
            if self._flaw.search(text):
                damage = f"holds bytes that are not {self.encoding.name}"
            if damage:
                self._tally.add(Finding(row, self.header[index], damage, example=shown(text)))
                return True
        return False
