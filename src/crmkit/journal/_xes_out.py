"""A journal as an event log in XES (IEEE 1849): what process mining tools read, and what gives the journal back."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit.errors import InvalidValue
from crmkit.journal._rows import OPEN, UNKNOWN
from crmkit.journal._sources import LEFT, NEXT, UNTIL
from crmkit.values import from_micros

if TYPE_CHECKING:
    from crmkit.journal._coded import Coded
    from crmkit.journal._journal import Journal

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;",
})  # fmt: skip
_EXTENSIONS = {"Concept": "concept", "Time": "time", "Organizational": "org", "Lifecycle": "lifecycle"}
_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
{extensions}
  <global scope="trace">
    <string key="concept:name" value=""/>
  </global>
  <global scope="event">
    <string key="concept:name" value=""/>
    <date key="time:timestamp" value="1970-01-01T00:00:00+00:00"/>
    <string key="lifecycle:transition" value="start"/>
  </global>
  <classifier name="Stage" keys="concept:name"/>
"""


def encode_xes(journal: "Journal") -> bytes:
    """The bytes of the log; see `Journal.to_xes`."""
    return "\n".join(_lines(journal)).encode()


def _lines(journal: "Journal") -> Iterator[str]:
    extensions = "\n".join(
        f'  <extension name="{name}" prefix="{prefix}" uri="http://www.xes-standard.org/{prefix}.xesext"/>'
        for name, prefix in _EXTENSIONS.items()
    )
    yield _HEAD.format(extensions=extensions).rstrip("\n")
    yield f"  {_attribute('date', UNTIL, _time(journal.until))}"
    for case, rows in _traces(journal).items():
        yield "  <trace>"
        yield f"    {_attribute('string', 'concept:name', case)}"
        for attributes in rows:
            yield "    <event>"
            yield from (f"      {attribute}" for attribute in attributes)
            yield "    </event>"
        yield "  </trace>"
    yield "</log>\n"


def _traces(journal: "Journal") -> Mapping[str, list[list[str]]]:
    """The attributes of each event, by case; events in order of time, those of one instant in the order of the rows."""
    columns = _columns(journal)
    cases, names = journal.cases.decode(), [*journal.stages.values, None]
    stages, people = journal.stages.decode(), journal.who.decode()
    entered, left, following = journal.entered.tolist(), journal.left.tolist(), journal.next.tolist()
    traces: dict[str, list[list[str]]] = {}
    for row in sorted(range(len(journal)), key=entered.__getitem__):
        said = [
            ("string", "concept:name", stages[row]),
            ("date", "time:timestamp", _time(entered[row])),
            ("string", "lifecycle:transition", "start"),
            ("string", "org:resource", people[row]),
            ("date", LEFT, None if left[row] == OPEN else _time(left[row])),
            ("string", NEXT, names[following[row]]),
            *((kind, name, values[row]) for name, (kind, values) in columns.items()),
        ]
        attributes = [_attribute(kind, name, value) for kind, name, value in said if value is not None]
        traces.setdefault(cases[row] or "", []).append(attributes)
    return traces


def _columns(journal: "Journal") -> dict[str, tuple[str, list[str | None]]]:
    """The further columns: their kind in XES and their values."""
    dims: Mapping[str, Coded] = journal.dims
    made: dict[str, tuple[str, list[str | None]]] = {name: ("string", column.decode()) for name, column in dims.items()}
    if journal.amount is not None:
        amounts = [None if one == UNKNOWN else f"{Decimal(one).scaleb(-2):f}" for one in journal.amount.tolist()]
        made["amount"] = ("float", amounts)
    return made


def _time(micros: int) -> str:
    return from_micros(micros).isoformat(timespec="microseconds")


def _attribute(kind: str, key: str, value: str) -> str:
    for text in (key, value):
        if _FORBIDDEN.search(text):
            raise InvalidValue("XES", text, "holds a character that XML has none of")
    return f'<{kind} key="{key.translate(_ESCAPES)}" value="{value.translate(_ESCAPES)}"/>'
