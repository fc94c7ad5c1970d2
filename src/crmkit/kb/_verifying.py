"""Reads every blob of an index, and says which are not as they were written."""

from collections.abc import Iterator

import attrs
import numpy as np

from crmkit.errors import CrmkitError, Damaged
from crmkit.kb._manifest import Entry, Manifest
from crmkit.kb._packing import Array, Strings, unpack
from crmkit.kb.results import Flaw
from crmkit.protocols import BlobStore

__all__ = ["flaws"]


class _Flawed(CrmkitError):
    """A blob that cannot be read."""

    def __init__(self, blob: str, why: str) -> None:
        super().__init__(blob, why)
        self.flaw = Flaw(blob, why)


def flaws(blobs: BlobStore, manifest: Manifest) -> Iterator[Flaw]:
    """What is wrong with the segments of a state.

    Args:
        blobs: where they lie.
        manifest: the state.
    """
    seen: set[str] = set()
    for entry in manifest.segments:
        yield from _Segment(blobs, entry).flaws(seen)


class _Segment:
    """A segment that is looked through.

    Args:
        blobs: where it lies.
        entry: what the head says of it.
    """

    def __init__(self, blobs: BlobStore, entry: Entry) -> None:
        self._blobs, self._entry = blobs, entry

    def _read(self, part: str) -> dict[str, Array]:
        name = f"{self._entry.name}/{part}"
        data = self._blobs.get(name)
        if data is None:
            raise _Flawed(name, "is missing")
        try:
            return unpack(data, name)
        except Damaged:
            raise _Flawed(name, "does not match its checksum") from None

    def flaws(self, seen: set[str]) -> Iterator[Flaw]:
        """What is wrong with it; the ids that are alive in it are added to those that were seen."""
        try:
            documents = self._read("documents")
        except _Flawed as flawed:
            yield attrs.evolve(flawed.flaw, lost=self._entry.live)
        else:
            yield from self._documents(documents, seen)
        yield from self._postings()
        try:
            self._read("filters")
        except _Flawed as flawed:
            yield flawed.flaw

    def _documents(self, documents: dict[str, Array], seen: set[str]) -> Iterator[Flaw]:
        entry, gone = self._entry, self._entry.gone
        begins, pages = documents["begins"], documents["pages"]
        ids = list(Strings.unpacked(documents, "ids"))
        if len(ids) != entry.size:
            yield Flaw(f"{entry.name}/documents", f"has {len(ids)} documents, the head says {entry.size}", entry.live)
            return
        alive = ids if gone is None else [name for name, flag in zip(ids, gone.tolist(), strict=True) if not flag]
        twice = seen.intersection(alive)
        seen.update(alive)
        if twice:
            yield Flaw(f"{entry.name}/documents", f"has {len(twice)} ids that another segment has", len(twice))
        owners = np.searchsorted(pages, begins[:-1], side="right") - 1
        for number in range(len(pages)):
            try:
                self._read(f"stored-{number:05d}")
            except _Flawed as flawed:
                mine = owners == number
                yield attrs.evolve(flawed.flaw, lost=int((mine if gone is None else mine & ~gone).sum()))

    def _postings(self) -> Iterator[Flaw]:
        try:
            blocks = len(self._read("terms")["cuts"]) - 1
        except _Flawed as flawed:
            yield flawed.flaw
            return
        for number in range(blocks):
            for kind in ("postings", "positions"):
                try:
                    self._read(f"{kind}-{number:05d}")
                except _Flawed as flawed:
                    yield flawed.flaw
