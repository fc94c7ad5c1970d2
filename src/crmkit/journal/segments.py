"""The journal of a store, kept as columns beside its events: read many times faster than the events it is made of.

    kept = JournalSegments(store.events, store.blobs)
    kept.refresh()                       # now and then: what was appended since
    journal = kept.load()                # always complete: what was not yet put into columns is read from the events

It is a projection: `verify` replays the events and compares, `rebuild` makes it anew.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import attrs
import numpy as np

from crmkit.errors import Damaged, InvalidValue
from crmkit.journal._facts import NUMBERS, TEXTS, Block, Stays
from crmkit.journal._journal import Journal
from crmkit.journal._packed import pack, unpack
from crmkit.protocols import BlobStore, EventStore
from crmkit.values import to_micros

__all__ = ["JournalSegments"]

_VERSION = 1
_T = TypeVar("_T")


@attrs.frozen
class _Head:
    """What there is: the segments with their checksums, the tail, and up to which event.

    Attributes:
        position: of the last event in it.
        latest: the last instant of these events.
        amounts: whether one of them said an amount.
        segments: names and checksums of full segments, in order.
        tail: name and checksum of what is no full segment yet; None in the beginning.
    """

    position: int = 0
    latest: int = 0
    amounts: bool = False
    segments: tuple[tuple[str, int], ...] = ()
    tail: tuple[str, int] | None = None

    def to_bytes(self) -> bytes:
        return json.dumps({"version": _VERSION, **attrs.asdict(self)}).encode()


class JournalSegments:
    """A journal as segments of columns in a blob store.

    Args:
        events: the facts.
        blobs: where the segments are kept; several processes may refresh them at once.
        name: what the names of the blobs begin with.
        rows: how many stays a segment holds.

    Raises:
        InvalidValue: if `rows` is no number of rows.
    """

    def __init__(self, events: EventStore, blobs: BlobStore, *, name: str = "journal", rows: int = 8192) -> None:
        if rows < 1:
            raise InvalidValue("rows", rows, "is no number of rows")
        self._events, self._blobs, self._name, self._rows = events, blobs, name, rows

    @property
    def _head_name(self) -> str:
        return f"{self._name}/head"

    def refresh(self) -> int:
        """Put what was appended since into columns, and return the position of the last event in them.

        It reads the new events, and writes the full segments among them and one row for each case there is.

        Raises:
            Damaged: if what is kept is not what was written; `rebuild` then makes it anew.
        """
        while True:
            written, head, stays = self._now(self._state)
            done = self._extended(head, stays)
            if done == head:
                return head.position
            # Whoever was quicker wrote the same names with the same bytes; what it lacks comes with the next turn.
            if self._blobs.swap(self._head_name, done.to_bytes(), expected=written):
                if head.tail is not None:
                    self._blobs.delete(head.tail[0])
                return done.position

    def rebuild(self) -> int:
        """Make everything anew from the events; nobody else may refresh meanwhile.

        Returns:
            The position of the last event in it.
        """
        for name in list(self._blobs.list(f"{self._name}/")):
            self._blobs.delete(name)
        return self.refresh()

    def load(self, *, stages: Sequence[str] | None = None, as_of: datetime | None = None) -> Journal:
        """The journal of all events of this moment, as `Journal.from_events` would make it. Nothing is written.

        Args:
            stages: the stages in order.
            as_of: the end of observation (aware); the last event if not given.

        Raises:
            Damaged: if what is kept is not what was written; `rebuild` then makes it anew.
        """
        _, _, (blocks, latest, amounts) = self._now(self._blocks)
        until = latest if as_of is None else to_micros(as_of, "as_of")
        return Journal(**Block.joined(blocks).columns(stages, until, amounts=amounts))

    def verify(self) -> Iterator[str]:
        """Compare with a replay of the events; one line for each segment that differs, none when all is well."""
        try:
            head = self._parsed(self._blobs.get(self._head_name))
        except Damaged as damage:
            yield str(damage)
            return
        stays = Stays()
        for recorded in self._events.read():
            if recorded.position > head.position:
                break
            stays.add(recorded.event)
        for number, kept in enumerate(head.segments):
            replayed = Block.of(stays.ended[number * self._rows : (number + 1) * self._rows])
            yield from self._compared(kept, replayed)
        rest = stays.ended[len(head.segments) * self._rows :]
        if head.tail is not None:
            yield from self._compared(head.tail, Block.of([*rest, *stays.open()]))
        if (head.latest, head.amounts) != (stays.latest, bool(stays.said)):
            yield f"{self._head_name}: its end or its amounts are not those of the events"

    # -- how

    def _now(self, read: Callable[[_Head], _T]) -> tuple[bytes | None, _Head, _T]:
        """The head, as bytes and parsed, and what is read by it."""
        while True:
            written = self._blobs.get(self._head_name)
            head = self._parsed(written)
            try:
                return written, head, read(head)
            except Damaged:
                # Another process may have replaced the tail while we read.
                if self._blobs.get(self._head_name) == written:
                    raise

    def _extended(self, head: _Head, stays: Stays) -> _Head:
        """With what was appended since; full segments are written as soon as they are full."""
        position, segments = head.position, [*head.segments]
        for recorded in self._events.read(after=position):
            position = recorded.position
            stays.add(recorded.event)
            if len(stays.ended) == self._rows:
                segments.append(self._put(f"{len(segments):06d}", pack(Block.of(stays.ended))))
                stays.ended.clear()
        if position == head.position:
            return head
        tail = pack(Block.of([*stays.ended, *stays.open()]), stays.to_json())
        kept = self._put(f"tail-{position}", tail)
        return _Head(position, stays.latest, bool(stays.said), tuple(segments), kept)

    def _put(self, name: str, data: bytes) -> tuple[str, int]:
        # The checksum is in the name: another content never replaces what a reader may be about to read.
        check = zlib.crc32(data)
        full = f"{self._name}/{name}-{check:08x}"
        self._blobs.put(full, data)
        return full, check

    def _parsed(self, written: bytes | None) -> _Head:
        if written is None:
            return _Head()
        try:
            plain = json.loads(written)
            segments = tuple((str(name), int(check)) for name, check in plain["segments"])
            tail = str(plain["tail"][0]), int(plain["tail"][1])
            if plain["version"] == _VERSION:
                return _Head(int(plain["position"]), int(plain["latest"]), bool(plain["amounts"]), segments, tail)
        except (ValueError, KeyError, TypeError, IndexError):
            pass
        raise Damaged(self._head_name, 0, "it is no head of this version; make it anew by rebuild()")

    def _block(self, kept: tuple[str, int]) -> tuple[Block, str]:
        name, check = kept
        data = self._blobs.get(name)
        if data is None or zlib.crc32(data) != check:
            why = "it is gone" if data is None else "it is not what was written"
            raise Damaged(name, 0, f"{why}; make it anew by rebuild()")
        try:
            return unpack(data)
        except InvalidValue as error:
            raise Damaged(name, 0, f"{error}; make it anew by rebuild()") from None

    def _state(self, head: _Head) -> Stays:
        return Stays() if head.tail is None else Stays.from_json(self._block(head.tail)[1])

    def _blocks(self, head: _Head) -> tuple[list[Block], int, bool]:
        """Every block, with the events that are in none yet; the last instant; whether an amount was said."""
        full = [self._block(kept)[0] for kept in head.segments]
        if head.tail is not None and not list(self._events.read(after=head.position, limit=1)):
            return [*full, self._block(head.tail)[0]], head.latest, head.amounts
        stays = self._state(head)
        for recorded in self._events.read(after=head.position):
            stays.add(recorded.event)
        return [*full, Block.of([*stays.ended, *stays.open()])], stays.latest, bool(stays.said)

    def _compared(self, kept: tuple[str, int], replayed: Block) -> Iterator[str]:
        try:
            block, _ = self._block(kept)
        except Damaged as damage:
            yield str(damage)
            return
        if not _same(block, replayed):
            yield f"{kept[0]}: not what the events say; make it anew by rebuild()"


def _same(one: Block, other: Block) -> bool:
    texts = all(_decoded(one, name) == _decoded(other, name) for name in TEXTS)
    return texts and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in NUMBERS)


def _decoded(block: Block, name: str) -> Any:
    return getattr(block, name).decode()
