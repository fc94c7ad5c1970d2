"""Event logs in XES (IEEE 1849) to columns, one row for each event."""

import importlib
import re
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

import attrs
import numpy as np

from crmkit.errors import ExtraMissing, InputError, NotFound
from crmkit.journal._cells import CellCodes, Tally, shown
from crmkit.journal._coded import MISSING, Coded
from crmkit.journal._encoding import Encoding, foreign, named, opened, texts
from crmkit.journal._findings import Finding
from crmkit.journal._sources import UNTIL
from crmkit.journal._table import Table

__all__ = ["decode_xes"]

_CASE = "case:"
_NAME = "concept:name"
_CASE_ID = f"{_CASE}{_NAME}"
_ENCODING = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*[\"'](?P<name>[\w.:-]+)[\"']")
_NATIVE = frozenset({"utf-8", "utf8", "utf-16", "iso-8859-1", "us-ascii", "ascii"})
_PIECE = 1 << 18
_MOST_CELLS = 1 << 28
_DEEPEST = 100
_VALUES = frozenset({"string", "date", "int", "float", "boolean", "id"})
_NESTED = frozenset({"list", "container"})


def decode_xes(
    source: bytes | BinaryIO, *, name: str = "xes", on_progress: Callable[[int], None] | None = None
) -> Table:
    """Decode an XES event log: one row per event, an attribute of the case in column "case:" and its key.

    The case id is "case:concept:name". Row numbers are the ordinals of the events. The log is streamed: memory is that
    of the columns. Document types and entities are refused. Lists, containers and attributes of attributes have no
    place in a table; the first two are stated as findings.

    Args:
        source: bytes, or a file opened in binary mode, uncompressed.
        name: how messages call it.
        on_progress: called with the number of bytes read so far.

    Raises:
        InputError: if it is no well-formed XES log, or holds no events.
        InvalidValue: if `source` is no binary file.
        ExtraMissing: if defusedxml is not installed.

    >>> case, event = '<string key="concept:name" value="7"/>', '<event><string key="x" value="y"/></event>'
    >>> table = decode_xes(f"<log><trace>{case}{event}</trace></log>".encode())
    >>> table.column("case:concept:name").decode(), table.column("x").decode()
    (['7'], ['y'])
    """
    stream = opened(source)
    foreign(stream, name)
    log = _Log(name)
    _feed(stream, log, name, on_progress)
    if not log.rows:
        raise InputError(name, "holds no events")
    columns = log.columns()
    return Table(name, columns, np.array(log.rows, dtype=np.int64), log.facts(), log.tally.findings())


def _feed(stream: BinaryIO, log: "_Log", name: str, on_progress: Callable[[int], None] | None) -> None:
    try:
        tree: Any = importlib.import_module("defusedxml.ElementTree")
    except ImportError:
        raise ExtraMissing("defusedxml", "xes", "reading an XES log") from None
    supply, encoding = _supply(stream, name)
    parser = tree.DefusedXMLParser(target=log, encoding=encoding, forbid_dtd=True)
    start = stream.tell()
    try:
        for piece in supply:
            parser.feed(piece)
            if on_progress is not None:
                on_progress(stream.tell() - start)
        parser.close()
    except tree.ParseError as error:
        raise InputError(name, f"is not well-formed XML ({error})", "is the file complete?") from None
    except (tree.DTDForbidden, tree.EntitiesForbidden, tree.ExternalReferenceForbidden):
        # Entities can read other files and fill the memory; no XES log needs them.
        raise InputError(name, "declares a document type or entities", "remove the <!DOCTYPE ...> part") from None


def _supply(stream: BinaryIO, name: str) -> tuple[Iterator[bytes], str | None]:
    """The bytes, in an encoding that the parser knows; it knows no multi-byte ones, such as GBK."""
    start = stream.tell()
    found = _ENCODING.match(stream.read(256))
    stream.seek(start)
    declared = found["name"].decode("ascii").lower() if found else "utf-8"
    if declared in _NATIVE:
        return iter(partial(stream.read, _PIECE), b""), None
    try:
        known = named(declared)
    except NotFound as error:
        raise InputError(name, f"declares an unknown encoding: {error}") from None
    return _transcoded(texts(stream, known, name=name), known, name), "utf-8"


def _transcoded(supply: Iterator[str], known: Encoding, name: str) -> Iterator[bytes]:
    for text in supply:
        if known.damage.search(text):
            raise InputError(name, f"holds bytes that are not {known.name}, which it declares")
        yield text.encode("utf-8", "replace")


class _Column:
    """A column that grows in gaps: rows that say nothing are filled in when a later one does."""

    def __init__(self) -> None:
        self._cells = CellCodes()
        self._codes = array("i")

    def put(self, text: str, start: int, stop: int) -> None:
        """Say `text` in the rows from `start` to before `stop`."""
        self._pad(start)
        self._codes.extend([self._cells[text]] * (stop - start))

    def coded(self, size: int) -> Coded:
        self._pad(size)
        return Coded(np.array(self._codes, dtype=np.int32), tuple(self._cells.texts))

    def _pad(self, size: int) -> None:
        self._codes.extend([MISSING] * (size - len(self._codes)))


@attrs.define(eq=False)
class _Log:
    """A target of the parser: no tree is ever built.

    Attributes:
        name: the source, for messages.
        rows: the ordinal of each event that belongs to a case.
        tally: what has no place in a table.
    """

    name: str
    rows: "array[int]" = attrs.field(factory=partial(array, "q"))
    tally: Tally = attrs.field(factory=Tally)
    _version: str = ""
    _until: str | None = None
    _seen: int = 0
    _first: int = 0
    _case_row: int = 0
    _open: list[str] = attrs.field(factory=list[str])
    _case: dict[str, str] = attrs.field(factory=dict[str, str])
    _event: dict[str, str] = attrs.field(factory=dict[str, str])
    _events: dict[str, _Column] = attrs.field(factory=dict[str, _Column])
    _cases: dict[str, _Column] = attrs.field(factory=dict[str, _Column])
    _names: set[str] = attrs.field(factory=set[str])
    _traces: int = 0

    def __attrs_post_init__(self) -> None:
        # A log without case names still has the column, all missing.
        self._cases[_NAME] = _Column()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        kind = tag.rpartition("}")[2]
        self._open.append(kind)
        if len(self._open) > _DEEPEST:
            raise InputError(self.name, f"has elements nested more than {_DEEPEST} deep")
        match self._open:
            case ["log"]:
                self._version = attributes.get("xes.version", "")
            case [other]:
                raise InputError(self.name, f"is no XES log: its root element is <{shown(other)}>")
            case ["log", "trace"]:
                self._case, self._first, self._case_row = {}, len(self.rows), self._seen + 1
            case ["log", "date"] if attributes.get("key") == UNTIL:
                self._until = attributes.get("value", "")
            case ["log", "event"] | ["log", "trace", "event"]:
                self._event = {}
                self._seen += 1
            case ["log", "trace", _]:
                self._note(self._case, kind, attributes, prefix=_CASE)
            case ["log", "trace", "event", _]:
                self._note(self._event, kind, attributes)
            case _:
                pass

    def end(self, tag: str) -> None:
        """An element ends."""
        del tag
        match self._open:
            case ["log", "trace", "event"]:
                self._end_event()
            case ["log", "event"]:
                self.tally.add(Finding(self._seen, None, "the event is in no trace"))
            case ["log", "trace"]:
                self._end_case()
            case _:
                pass
        self._open.pop()

    def close(self) -> None:
        """The document ends."""

    def facts(self) -> dict[str, str]:
        """What was found, in words."""
        form = f"XES {self._version}".strip()
        said = {"format": form, "cases": f"{self._traces:,}", "events": f"{len(self.rows):,}"}
        return said if self._until is None else {**said, UNTIL: self._until}

    def columns(self) -> dict[str, Coded]:
        """The columns of cases, then those of events."""
        size = len(self.rows)
        cases = {f"{_CASE}{key}": column.coded(size) for key, column in self._cases.items()}
        for key in cases.keys() & self._events.keys():
            reason = "an attribute of events has the name of one of cases; it was left out"
            self.tally.add(Finding(None, key, reason, dropped=False))
        return cases | {key: column.coded(size) for key, column in self._events.items() if key not in cases}

    def _note(self, into: dict[str, str], kind: str, attributes: dict[str, str], *, prefix: str = "") -> None:
        """Take one attribute."""
        key, value = attributes.get("key", "").strip(), attributes.get("value")
        if kind in _VALUES and key and value is not None and key not in into:
            into[key] = value
            return
        if kind in _NESTED:
            reason = f"is a {kind}, which has no single value; it was left out"
        elif key in into:
            reason = "occurs twice; its first value was taken"
        else:
            reason = "is no attribute with a key and a value; it was left out"
        row = self._case_row if prefix else self._seen
        column = f"{prefix}{key}" if key else None
        self.tally.add(Finding(row, column, reason, example=shown(value or kind), dropped=False))

    def _end_event(self) -> None:
        start = len(self.rows)
        self._put(self._events, self._event, start, start + 1)
        self.rows.append(self._seen)
        if (len(self._events) + len(self._cases)) * start > _MOST_CELLS:
            width = len(self._events) + len(self._cases)
            raise InputError(self.name, f"has {width:,} attributes over {start:,} events, too many for a table")

    def _end_case(self) -> None:
        name, size = self._case.get(_NAME, "").strip(), len(self.rows) - self._first
        if not size:
            self.tally.add(Finding(None, None, "the case has no events", example=shown(name) or None))
            return
        self._traces += 1
        if not name:
            self.tally.add(Finding(self._case_row, _CASE_ID, "the case has no concept:name", size, dropped=False))
        elif name in self._names:
            reason = "another case has the same concept:name; they are read as one"
            self.tally.add(Finding(self._case_row, _CASE_ID, reason, size, shown(name), dropped=False))
        self._names.add(name)
        self._put(self._cases, self._case, self._first, len(self.rows))

    @staticmethod
    def _put(columns: dict[str, _Column], said: dict[str, str], start: int, stop: int) -> None:
        for key, value in said.items():
            if key not in columns:
                columns[key] = _Column()
            columns[key].put(value, start, stop)
