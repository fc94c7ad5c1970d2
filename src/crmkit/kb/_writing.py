"""Commits: segments are written first, and then the head is swapped for one that names them.

Who is interrupted between two blobs leaves some that no head names; nothing refers to them. Of two who write at once,
one finds the head changed and brings its change to the new one. The name of a segment holds the number of the commit
that it is meant for: one that is older than the head and not named by it can never be committed any more, and may be
removed.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

import attrs
import numpy as np

from crmkit.errors import AnalyzerMismatch, Damaged, Unavailable
from crmkit.kb._columns import Columns, build, merge
from crmkit.kb._manifest import Entry, Manifest
from crmkit.kb._marking import Stored
from crmkit.kb._segment import Cache, Gone, Segment, blobs_of
from crmkit.kb.text import Analyzer
from crmkit.protocols import BlobStore

__all__ = ["Writer"]

# A segment with so many bytes of documents is left alone.
_HEAVY = 1 << 25
# So many segments of about one size become one.
_TIER = 8
# For so many commits what was merged away stays readable.
_GRACE = 8
# Who always comes second gives up on merging, which somebody else is doing.
_PATIENCE = 3


@attrs.frozen(eq=False)
class _Made:
    """A segment that was written and not committed: entry, ids of its documents, last parts of its blobs' names."""

    entry: Entry
    ids: Sequence[str]
    parts: Sequence[str]


@attrs.frozen
class Writer:
    """Writes one index.

    Attributes:
        blobs: where it lies.
        name: what the names of its blobs begin with.
        fields: the names of its texts.
        analyzer: makes its terms.
        full: how many documents a segment holds at most.
    """

    blobs: BlobStore
    name: str
    fields: tuple[str, ...]
    analyzer: Analyzer
    full: int

    @property
    def _head(self) -> str:
        return f"{self.name}/head"

    def head(self) -> bytes | None:
        """The bytes of the head; None before the first commit."""
        return self.blobs.get(self._head)

    def manifest(self, head: bytes | None) -> Manifest:
        """The state that a head describes, however it was made."""
        if head is None:
            return Manifest(0, self.analyzer.fingerprint, self.fields)
        return Manifest.from_bytes(head, self._head)

    def checked(self, head: bytes | None) -> Manifest:
        """The state that a head describes.

        Raises:
            AnalyzerMismatch: if it was made in another way.
        """
        found = self.manifest(head)
        if found.analyzer != self.analyzer.fingerprint or found.fields != self.fields:
            made, given = (
                f"analyzer {fingerprint} and texts {', '.join(fields)}"
                for fingerprint, fields in ((found.analyzer, found.fields), (self.analyzer.fingerprint, self.fields))
            )
            raise AnalyzerMismatch(f"index {self.name!r}", made, given)
        return found

    # -- changes

    def apply(self, documents: Iterable[tuple[str, Stored]], delete: Iterable[str]) -> int:
        """Add, replace and delete documents, all or none; the number of the commit.

        Raises:
            Unavailable: if another removed what was written and not yet committed; nothing has happened.
        """
        head = self.head()
        manifest = self.checked(head)
        made = self._written(documents, manifest)
        unwanted = {*delete, *(name for one in made for name in one.ids)}
        while True:
            old = self._cleared(head, manifest, unwanted)
            if old is not None:
                if not made and all(one is two for one, two in zip(old, manifest.segments, strict=True)):
                    return manifest.number
                if self._swapped(head, manifest, [*old, *_without_repeated(made)]):
                    return manifest.number + 1
            head = self.head()
            manifest = self.checked(head)
            made = [self._renamed(one, manifest, place) for place, one in enumerate(made)]

    def rebuild(self) -> int:
        """Make the whole index anew from the documents it holds, as this writer makes it; the number of the commit."""
        while True:
            head = self.head()
            manifest = self.manifest(head)
            try:
                made = self._written(self._documents(manifest), manifest)
            except Gone as gone:
                self._must_have_changed(head, gone)
                continue
            fresh = attrs.evolve(manifest, analyzer=self.analyzer.fingerprint, fields=self.fields)
            if self._swapped(head, fresh, [one.entry for one in made]):
                return manifest.number + 1
            self._forget(made)

    def tidy(self, *, thoroughly: bool = False) -> None:
        """Merge segments while some are due.

        Args:
            thoroughly: all that are not full; otherwise where many are of one size, or most of one is gone.
        """
        for _ in range(_PATIENCE):
            head = self.head()
            manifest = self.checked(head)
            while (group := _due(manifest.segments, self.full, thoroughly=thoroughly)) is not None:
                if not self._merged(head, manifest, group):
                    break
                head = self.head()
                manifest = self.checked(head)
            else:
                return

    def vacuum(self) -> int:
        """Remove segments that were never committed and never will be; how many blobs that were."""
        manifest = self.manifest(self.head())
        known = {entry.name for entry in manifest.segments} | {name for name, _ in manifest.retired}
        removed = 0
        for blob in list(self.blobs.list(f"{self.name}/segment-")):
            segment = blob.rpartition("/")[0]
            if segment not in known and int(segment.rpartition("/")[2].split("-")[1]) <= manifest.number:
                removed += self.blobs.delete(blob)
        return removed

    def purge(self) -> None:
        """Remove at once what was deleted and merged away, which others may just be reading; they begin again.

        Raises:
            Unavailable: if others write so often that there is always something left.
        """
        for _ in range(_PATIENCE * 10):
            self.tidy(thoroughly=True)
            head = self.head()
            manifest = self.manifest(head)
            dead = [name for name, _ in manifest.retired]
            if not dead and all(entry.gone is None for entry in manifest.segments):
                self.vacuum()
                return
            new = attrs.evolve(manifest, number=manifest.number + 1, retired=())
            if head is not None and self.blobs.swap(self._head, new.to_bytes(), expected=head):
                self._remove(dead)
        raise Unavailable(f"index {self.name!r}", "others keep changing it", "purge it when nobody writes")

    # -- parts of them

    def _written(self, documents: Iterable[tuple[str, Stored]], manifest: Manifest) -> list[_Made]:
        """Segments of documents, for the commit after a state."""
        chunks = _chunks(documents, self.full)
        return [
            self._put(build(chunk, self.fields, self.analyzer), manifest.number + 1, place)
            for place, chunk in enumerate(chunks)
        ]

    def _put(self, columns: Columns, number: int, place: int) -> _Made:
        digest = sha256(self.analyzer.fingerprint.encode())
        for part in (*columns.ids, *self.fields):
            digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
        for data in columns.stored:
            digest.update(data)
        name = f"{self.name}/segment-{number:012d}-{place:04d}-{digest.hexdigest()[:24]}"
        parts: list[str] = []
        for part, data in blobs_of(columns):
            self.blobs.put(f"{name}/{part}", data)
            parts.append(part)
        return _Made(Entry(name, len(columns.ids), sum(map(len, columns.stored))), columns.ids, parts)

    def _segment(self, entry: Entry) -> Segment:
        return Segment(self.blobs, entry.name, Cache(_HEAVY))

    def _cleared(self, head: bytes | None, manifest: Manifest, unwanted: set[str]) -> list[Entry] | None:
        """The entries without what is deleted or replaced; None: somebody changed the index meanwhile."""
        try:
            return [entry.without(self._places(entry, unwanted)) for entry in manifest.segments]
        except Gone as gone:
            self._must_have_changed(head, gone)
            return None

    def _must_have_changed(self, head: bytes | None, gone: Gone) -> None:
        if self.head() == head:
            raise Damaged(
                f"index {self.name!r}", 0, f"the blob {gone} is missing; `verify` says whether `rebuild` mends it"
            ) from None

    def _places(self, entry: Entry, unwanted: set[str]) -> list[int]:
        """Where in a segment the documents are alive that are deleted or replaced."""
        ids = self._segment(entry).ids
        if len(unwanted) * 16 < len(ids):
            numbers = [number for number in map(ids.find, unwanted) if number >= 0]
        else:
            numbers = [number for number, name in enumerate(ids) if name in unwanted]
        gone = entry.gone
        return numbers if gone is None else [number for number in numbers if not gone[number]]

    def _swapped(self, head: bytes | None, manifest: Manifest, entries: Sequence[Entry]) -> bool:
        """Commit, if nobody else has, and remove what nobody reads any more."""
        number = manifest.number + 1
        kept = tuple(entry for entry in entries if entry.live)
        names = {entry.name for entry in kept}
        retired = [*manifest.retired, *((one.name, number) for one in manifest.segments if one.name not in names)]
        waiting = tuple((name, since) for name, since in retired if since + _GRACE > number)
        new = attrs.evolve(manifest, number=number, segments=kept, retired=waiting)
        if not self.blobs.swap(self._head, new.to_bytes(), expected=head):
            return False
        self._remove(name for name, since in retired if since + _GRACE <= number)
        return True

    def _remove(self, segments: Iterable[str]) -> None:
        for segment in segments:
            for blob in list(self.blobs.list(f"{segment}/")):
                self.blobs.delete(blob)

    def _forget(self, made: Iterable[_Made]) -> None:
        """Remove what was written in vain, unless somebody else has written and committed the very same."""
        manifest = self.manifest(self.head())
        known = {entry.name for entry in manifest.segments} | {name for name, _ in manifest.retired}
        self._remove(one.entry.name for one in made if one.entry.name not in known)

    def _renamed(self, made: _Made, manifest: Manifest, place: int) -> _Made:
        """The same segment under a name for the next commit."""
        old = made.entry.name
        new = f"{self.name}/segment-{manifest.number + 1:012d}-{place:04d}-{old.rpartition('-')[2]}"
        for part in made.parts:
            data = self.blobs.get(f"{old}/{part}")
            if data is None:
                raise Unavailable(
                    f"index {self.name!r}", "another writer removed what was being written", "do it again"
                )
            self.blobs.put(f"{new}/{part}", data)
        self._forget([made])
        return attrs.evolve(made, entry=attrs.evolve(made.entry, name=new))

    def _documents(self, manifest: Manifest) -> Iterator[tuple[str, Stored]]:
        for entry in manifest.segments:
            segment = self._segment(entry)
            for number, name in enumerate(segment.ids):
                if entry.gone is None or not entry.gone[number]:
                    yield name, segment.stored(number)

    def _merged(self, head: bytes | None, manifest: Manifest, group: Sequence[Entry]) -> bool:
        try:
            columns = merge(
                [self._segment(entry).columns() for entry in group],
                [np.ones(entry.size, np.bool_) if entry.gone is None else ~entry.gone for entry in group],
            )
        except Gone:
            return False
        made = self._put(columns, manifest.number + 1, 0)
        names = {entry.name for entry in group}
        rest = [entry for entry in manifest.segments if entry.name not in names]
        if self._swapped(head, manifest, [*rest, made.entry]):
            return True
        self._forget([made])
        return False


def _chunks(documents: Iterable[tuple[str, Stored]], full: int) -> Iterator[dict[str, Stored]]:
    """Documents by id, as many at a time as a segment may hold; of those with one id, the last."""
    chunk: dict[str, Stored] = {}
    weight = 0
    for name, stored in documents:
        chunk[name] = stored
        weight += len(stored.data)
        if len(chunk) >= full or weight >= _HEAVY:
            yield chunk
            chunk, weight = {}, 0
    if chunk:
        yield chunk


def _without_repeated(made: Sequence[_Made]) -> list[Entry]:
    """The entries; what a later one has again is gone from the earlier ones."""
    if len(made) == 1:
        return [made[0].entry]
    later: set[str] = set()
    entries: list[Entry] = []
    for one in reversed(made):
        entries.append(one.entry.without([number for number, name in enumerate(one.ids) if name in later]))
        later.update(one.ids)
    return entries[::-1]


def _due(segments: Sequence[Entry], full: int, *, thoroughly: bool) -> list[Entry] | None:
    """Segments that should become one; None: all is well.

    One alone is made anew when half of it is gone (when anything is, thoroughly).
    """
    for one in segments:
        if one.size - one.live > (0 if thoroughly else one.size // 2):
            return [one]
    tiers: dict[int, list[Entry]] = {}
    for one in sorted(segments, key=_live):
        tiers.setdefault(0 if thoroughly else one.live.bit_length() // 3, []).append(one)
    for tier in tiers.values():
        group = _fitting(tier, full)
        if len(group) > 1 and (thoroughly or len(tier) >= _TIER):
            return group
    return None


def _live(entry: Entry) -> int:
    return entry.live


def _fitting(entries: Iterable[Entry], full: int) -> list[Entry]:
    """The first ones that fit into one segment."""
    group: list[Entry] = []
    size = weight = 0
    for one in entries:
        size, weight = size + one.live, weight + one.weight
        if size > full or weight > _HEAVY:
            break
        group.append(one)
    return group
