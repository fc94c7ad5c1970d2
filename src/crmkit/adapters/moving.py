"""Take a whole store elsewhere: out to one file, and from there into any other store.

    export_store(SqliteStore("crm.db"), "crm.jsonl")
    import_store(SqlStore(engine), "crm.jsonl")

The file is JSON Lines, or Parquet if its name ends with `.parquet`. It holds events (whatever their type) in order,
with positions, keys and checksums, records with versions, and blobs. Each line is bound to those before it: a file that
was cut, changed or reordered is refused with the line, before anything is stored.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Self

import attrs

from crmkit.adapters._archive import Blob, Counts, Head, Item
from crmkit.adapters._archive_files import read_archive, resumed, write_lines, write_parquet
from crmkit.errors import Conflict, InputError, InvalidValue
from crmkit.events import Event, checksum, to_json
from crmkit.feed import CHECKPOINT, PROJECTION
from crmkit.protocols import MovableRecords, Record, Recorded, Store

__all__ = ["IMPORTING", "Moved", "check_archive", "export_store", "import_store", "unfinished"]

#: The kind of the record that is there while an import is not finished.
IMPORTING = "crmkit.importing"

_BATCH = 1000
# Without `restore`, a version is reached by so many puts.
_MOST_PUTS = 10_000


@attrs.frozen
class Moved:
    """What an archive holds.

    Attributes:
        events: how many.
        records: how many.
        blobs: how many.
        sum: stands for all of it: two archives with one sum hold the same.
    """

    events: int
    records: int
    blobs: int
    sum: str


@attrs.frozen
class _Plan:
    """What a checked archive says of its events: sixteen bytes for each.

    Attributes:
        whole: what is in it.
        positions: of the events, where they come from.
        sums: their checksums.
    """

    whole: Moved
    positions: Sequence[int]
    sums: Sequence[int]

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read an archive to its end."""
        counts, last = Counts(), ""
        positions, sums = array("q"), array("Q")
        for line in read_archive(file):
            counts, last = counts.with_one(line.item), line.sum
            if isinstance(line.item, Recorded):
                positions.append(line.item.position)
                sums.append(_sum(line.item.event))
        return cls(Moved(counts.events, counts.records, counts.blobs, last), positions, sums)

    def moved(self, record: Record, places: Sequence[int]) -> Record:
        """A record with the position that belongs to the events here, if it holds one."""
        position = record.value.get("position")
        if record.kind not in (CHECKPOINT, PROJECTION) or not isinstance(position, int):
            return record
        before = bisect_right(self.positions, position)
        here = places[before - 1] if before else 0
        return attrs.evolve(record, value={**record.value, "position": here})


def export_store(store: Store, path: str | PathLike[str], *, kinds: Iterable[str] | None = None) -> Moved:
    """Write everything a store holds to a file.

    It is written beside the file, as `.part`, and given its name when it is whole. As JSON Lines it may be interrupted:
    the next run goes on after the last event that was written.

    Args:
        store: the store. What is written to it meanwhile may be missing, events last of all; a store that is bound to
            a transaction with a snapshot is exported as of that.
        path: the file; replaced if it is there.
        kinds: the kinds of records, for a store that cannot list them (`MovableRecords`).

    Raises:
        InvalidValue: if the kinds of records are not known, or a text cannot be written.
        InputError: if the file cannot be written, or a part of it is there that is not of this store, or if the store
            itself holds half of an import, or if the file is a SQLite database: it would be lost.
        Damaged: if a fact no longer matches its checksum.
        ExtraMissing: for Parquet without pyarrow.
    """
    where = Path(path)
    _refuse_database(where)
    half = unfinished(store)
    if half is not None:
        raise InputError(str(where), f"the store holds half of an import ({half})", "finish that first")
    names = _kinds(store, kinds)
    part = where.with_name(where.name + ".part")
    if where.suffix.lower() == ".parquet":
        part.unlink(missing_ok=True)
        write_parquet(part, _items(store, names))
    else:
        sum_, last, count = resumed(part)
        _same_store(store, last, part)
        write_lines(part, _items(store, names, last, count, begun=bool(sum_)), sum_)
    made = check_archive(part)
    part.replace(where)
    return made


def _refuse_database(file: Path) -> None:
    """The file is replaced by the archive: a store, this one above all, must not be."""
    try:
        with file.open("rb") as stream:
            head = stream.read(16)
    except OSError:
        return  # it is not there, or no file: writing it says so
    if head == b"SQLite format 3\0":
        raise InputError(str(file), "is a database, which an export would replace", "name another file")


def check_archive(path: str | PathLike[str]) -> Moved:
    """Read an archive to its end, and say what is in it.

    Raises:
        InputError: with the line that is not as it was written, or missing.
        ExtraMissing: for Parquet without pyarrow.
    """
    return _Plan.of(Path(path)).whole


def unfinished(store: Store) -> str | None:
    """The sum of the archive of which a store holds a part, because its import was interrupted; None if of none."""
    found = store.records.get(IMPORTING, "archive")
    return None if found is None else str(found.value["sum"])


def import_store(store: Store, path: str | PathLike[str]) -> Moved:
    """Put everything of an archive into an empty store.

    The file is read to its end before anything is stored. An import that was interrupted leaves a record of the kind
    `IMPORTING`; the same file finishes it. Events are compared with the file once more at the end. Positions may differ
    where the old ones had gaps: those in checkpoints and projections are changed with them.

    Args:
        store: the store, empty, or with a part of this very archive.
        path: what `export_store` wrote.

    Raises:
        InputError: with the line that is not as it was written; if the store holds something else; if it is changed by
            others meanwhile.
        ExtraMissing: for Parquet without pyarrow.
    """
    file = Path(path)
    plan = _Plan.of(file)
    _begin(store, file, plan.whole)
    there = len(_compared(store, plan, file))
    places: Sequence[int] = ()
    batch: list[Event] = []
    for number, line in enumerate(read_archive(file)):
        # The head is number 0, so that the first event is number 1.
        if isinstance(line.item, Recorded):
            batch += [line.item.event] if number > there else []
            if len(batch) < _BATCH:
                continue
        if batch:
            store.events.append(batch)
            batch = []
        if number == len(plan.positions) + 1:
            # The first line after the events: all of them are there.
            places = _compared(store, plan, file, all_=True)
        if isinstance(line.item, Record):
            _add_record(store, plan.moved(line.item, places), file, line.row)
        elif isinstance(line.item, Blob):
            store.blobs.put(line.item.name, line.item.data)
    store.records.delete(IMPORTING, "archive")
    return plan.whole


# -- out


def _kinds(store: Store, kinds: Iterable[str] | None) -> list[str]:
    if kinds is not None:
        return sorted({*kinds})
    if isinstance(store.records, MovableRecords):
        return sorted(store.records.kinds())
    raise InvalidValue("kinds", kinds, "are not given, and this record store cannot list those it has")


def _items(
    store: Store, kinds: Iterable[str], last: Recorded | None = None, count: int = 0, *, begun: bool = False
) -> Iterator[Item]:
    """Everything, from after an event."""
    counts = Counts(events=count)
    if not begun:
        yield Head()
    for item in _contents(store, kinds, 0 if last is None else last.position):
        counts = counts.with_one(item)
        yield item
    yield counts


def _contents(store: Store, kinds: Iterable[str], after: int) -> Iterator[Item]:
    yield from store.events.read(after=after)
    for kind in kinds:
        yield from store.records.find(kind)
    for name in [*store.blobs.list()]:
        data = store.blobs.get(name)
        if data is not None:
            yield Blob(name, data)


def _same_store(store: Store, last: Recorded | None, part: Path) -> None:
    if last is not None:
        found = next(iter(store.events.read(after=last.position - 1, limit=1)), None)
        if found is None or found.position != last.position or to_json(found.event) != to_json(last.event):
            raise InputError(str(part), "is a part of the export of another store, or of an older state", "remove it")


# -- in


def _begin(store: Store, file: Path, whole: Moved) -> None:
    """Refuse a store that holds anything else, and mark it as unfinished."""
    half = unfinished(store)
    if half == whole.sum:
        return
    if half is not None:
        why = f"the store holds half of another archive ({half})"
        raise InputError(str(file), why, "finish that import, or empty the store")
    there = [
        name
        for name, found in (
            ("events", store.events.read(limit=1)),
            ("records", _any_record(store, file)),
            ("blobs", store.blobs.list()),
        )
        if next(iter(found), None) is not None
    ]
    if there:
        raise InputError(str(file), f"the store is not empty: it holds {', '.join(there)}", "import into an empty one")
    store.records.put(IMPORTING, "archive", {"sum": whole.sum}, expected=0)


def _any_record(store: Store, file: Path) -> Iterator[object]:
    if isinstance(store.records, MovableRecords):
        yield from store.records.kinds()
        return
    for kind in {line.item.kind for line in read_archive(file) if isinstance(line.item, Record)}:
        yield from store.records.find(kind)


def _changed(file: Path, found: Recorded) -> InputError:
    why = f"somebody else wrote to the store: event {found.event.id!r} at position {found.position}"
    return InputError(str(file), why, "import into a store that nobody uses")


def _compared(store: Store, plan: _Plan, file: Path, *, all_: bool = False) -> Sequence[int]:
    """Where the events of the file are in the store; each is what the file says.

    Args:
        store: the store.
        plan: what the file says.
        file: its name.
        all_: whether none may be missing.
    """
    places = array("q")
    for found in store.events.read():
        number = len(places)
        if number == len(plan.sums) or plan.sums[number] != _sum(found.event):
            raise _changed(file, found)
        places.append(found.position)
    if all_ and len(places) < len(plan.sums):
        why = f"the store has lost the event that had position {plan.positions[len(places)]}"
        raise InputError(str(file), why, "empty the store, and import anew")
    return places


def _sum(event: Event) -> int:
    return int(checksum(to_json(event)), 16)


def _add_record(store: Store, record: Record, file: Path, row: int) -> None:
    found = store.records.get(record.kind, record.id)
    if found == record:
        return
    try:
        if isinstance(store.records, MovableRecords):
            store.records.restore(record)
        else:
            _put(store, record, 0 if found is None else found.version)
    except Conflict as conflict:
        why = f"somebody else wrote {record.kind} {record.id!r} at version {conflict.position}"
        raise InputError(str(file), why, "import into a store that nobody uses", row) from None


def _put(store: Store, record: Record, version: int) -> None:
    """Put a record as often as its version says: the protocol has no other way to a version."""
    if record.version > _MOST_PUTS:
        why = f"would take that many puts: {type(store.records).__name__} has no `restore`"
        raise InvalidValue("version", record.version, why)
    while version < record.version:
        version = store.records.put(record.kind, record.id, record.value, expected=version)
