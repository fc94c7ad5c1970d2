"""The lines of an archive: each is checked against all lines before it, so none can be changed, lost or moved.

A line is canonical JSON; its `sum` is the last of its names and covers the text before it and the sum of the line
before. The first line says what the file is, the last one what was in it.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import attrs

from crmkit.errors import InputError, InvalidValue
from crmkit.events import checksum, fields_from_json, fields_to_json, from_json, to_json
from crmkit.protocols import Record, Recorded

__all__ = ["FORMAT", "Archived", "Blob", "Counts", "Head", "Item", "chained", "item_of", "parsed", "text_of"]

#: What the first line says.
FORMAT = "crmkit-store-1"


@attrs.frozen
class Head:
    """The first line."""


@attrs.frozen
class Blob:
    """Bytes and their name."""

    name: str
    data: bytes


@attrs.frozen
class Counts:
    """The last line: what is in the file.

    Attributes:
        events: how many.
        records: how many.
        blobs: how many.
    """

    events: int = 0
    records: int = 0
    blobs: int = 0

    def with_one(self, item: "Item") -> "Counts":
        """One more of its kind."""
        return Counts(
            self.events + isinstance(item, Recorded),
            self.records + isinstance(item, Record),
            self.blobs + isinstance(item, Blob),
        )


Item = Head | Recorded | Record | Blob | Counts


@attrs.frozen
class Archived:
    """A line as it was read.

    Attributes:
        row: its number, from 1.
        item: what it holds.
        sum: its sum, which stands for all lines up to it.
    """

    row: int
    item: Item
    sum: str


def text_of(item: Item) -> str:
    """The text of a line, without its sum.

    Raises:
        InvalidValue: for a text that UTF-8 cannot hold (a lone surrogate).
    """
    match item:
        case Head():
            text = _json({"crmkit": FORMAT})
        case Recorded(position, event):
            body = to_json(event)
            text = f'{{"checksum":"{checksum(body)}","event":{body},"position":{position}}}'
        case Record(kind, id_, version, value):
            named = _json({"id": id_, "kind": kind, "version": version})
            text = f'{{"record":{named[:-1]},"value":{fields_to_json(_fields(value))}}}}}'
        case Blob(name, data):
            text = _json({"blob": {"data": b64encode(data).decode(), "name": name}})
        case Counts():
            text = _json({"end": attrs.asdict(item)})
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValue("text", text, "holds half of a character and cannot be written to a file") from None
    return text


def chained(text: str, before: str) -> str:
    """The sum of a line, after that of the line before."""
    return sha256(before.encode() + text.encode()).hexdigest()[:16]


def item_of(text: str) -> Item:
    """What the text of a line holds.

    Raises:
        ValueError: if it holds nothing that an archive may.
    """
    plain = json.loads(text, parse_constant=_refuse)
    match plain:
        case {"crmkit": str(form)}:
            if form != FORMAT:
                raise ValueError(f"was written by another crmkit ({form}, this one knows {FORMAT})")
            return Head()
        case {"event": dict(event), "position": int(position), "checksum": str(sum_)}:
            body = _json(event)
            if checksum(body) != sum_:
                raise ValueError("the event does not match its checksum")
            return Recorded(position, from_json(body))
        case {"record": {"kind": str(kind), "id": str(id_), "version": int(version), "value": dict(value)}}:
            return Record(kind, id_, version, fields_from_json(_json(value)))
        case {"blob": {"name": str(name), "data": str(data)}}:
            return Blob(name, b64decode(data, validate=True))
        case {"end": dict(counts)}:
            return Counts(**counts)
        case _:
            raise ValueError("is nothing that an archive holds")


def parsed(lines: Iterable[tuple[str, str]], where: str) -> Iterator[Archived]:
    """The lines of an archive, from texts and sums.

    The order is checked, too: the head, events by rising position, records, blobs, and the end.

    Raises:
        InputError: with the line, at the first that is not what was written, or is missing.
    """
    before, counts, row, stage, last = "", Counts(), 0, 0, 0
    for row, (text, sum_) in enumerate(lines, 1):
        if stage == _STAGES[Counts]:
            raise InputError(where, "goes on after its end", _ANEW, row)
        if chained(text, before) != sum_:
            raise InputError(where, "was changed, or a line before it is missing", _ANEW, row)
        try:
            item = item_of(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(where, str(error), "", row) from None
        now = _STAGES[type(item)]
        if (
            now < stage
            or (row == 1) != isinstance(item, Head)
            or (isinstance(item, Recorded) and item.position <= last)
        ):
            raise InputError(where, "is not in its place", _ANEW, row)
        if isinstance(item, Counts) and item != counts:
            raise InputError(where, f"counts {item}, and there are {counts}", _ANEW, row)
        stage, before = now, sum_
        last = item.position if isinstance(item, Recorded) else last
        counts = counts.with_one(item)
        yield Archived(row, item, sum_)
    if stage != _STAGES[Counts]:
        raise InputError(where, "the file is cut short: its last line is missing", _ANEW, row + 1)


_ANEW = "export it anew, or copy it again"
_STAGES: dict[type, int] = {Head: 0, Recorded: 1, Record: 2, Blob: 3, Counts: 4}


def _json(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _fields(value: Any) -> Any:
    from crmkit.values import Fields

    return value if isinstance(value, Fields) else Fields(value)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")
