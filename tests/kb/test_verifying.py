"""An index says of itself what is broken, and whether it can mend it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.errors import Damaged, InputError
from crmkit.kb import Document, SegmentIndex

_DOCUMENTS = [Document(f"d{number}", {"text": f"vat {number} {'x' * 9000}"}, {"n": number}) for number in range(9)]


def _index() -> tuple[MemoryBlobStore, SegmentIndex]:
    store = MemoryBlobStore()
    index = SegmentIndex(store, segment=5)
    index.add(_DOCUMENTS)
    index.delete(["d8"])
    return store, index


_STORE, _INDEX = _index()
_BLOBS = sorted(_STORE.list("search/"))


def _copied(*, without: str = "") -> MemoryBlobStore:
    store = MemoryBlobStore()
    for name in _BLOBS:
        data = _STORE.get(name)
        if name != without and data is not None:
            store.put(name, data)
    return store


def test_a_whole_index_has_no_flaw() -> None:
    """Also after deletions, merges, and before the first document."""
    assert _INDEX.verify() == ()
    assert SegmentIndex(MemoryBlobStore()).verify() == ()


@given(blob=st.sampled_from(_BLOBS), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(blob: str, place: int, bit: int) -> None:
    """One bit of one blob: a flaw of just that blob; of the head, an error."""
    store = _copied()
    data = bytearray(store.get(blob) or b"")
    data[place % len(data)] ^= 1 << bit
    store.put(blob, bytes(data))
    index = SegmentIndex(store)
    if blob.endswith("/head"):
        with pytest.raises((Damaged, InputError)):
            index.verify()
    else:
        assert [flaw.blob for flaw in index.verify()] == [blob]


def test_a_head_that_is_another_number_off_is_found() -> None:
    """JSON that is read without trouble, and does not say what was written."""
    store = _copied()
    head = store.get("search/head") or b""
    store.put("search/head", head.replace(b'"number":2', b'"number":3'))
    with pytest.raises(Damaged, match="no longer matches its checksum"):
        SegmentIndex(store).search("vat")


@pytest.mark.parametrize("blob", [name for name in _BLOBS if not name.endswith("/head")])
def test_what_is_missing_is_found_and_mended_if_no_document_is_lost(blob: str) -> None:
    """A rebuilt index answers as before; where documents are lost, their number is told."""
    index = SegmentIndex(_copied(without=blob), segment=5)
    (flaw,) = index.verify()
    assert (flaw.blob, flaw.why) == (blob, "is missing")
    if blob.rpartition("/")[2].split("-")[0] in ("documents", "stored"):
        assert 0 < flaw.lost <= 5
        assert str(flaw) == f"{blob}: is missing; index its {flaw.lost} documents anew"
    else:
        assert str(flaw) == f"{blob}: is missing; rebuild the index, the documents are whole"
        index.rebuild()
        assert index.verify() == ()
        assert index.search("vat").total == 8


def test_every_document_is_lost_once() -> None:
    """The pages of a segment hold all of its documents that are alive."""
    lost = [
        SegmentIndex(_copied(without=blob)).verify()[0].lost
        for blob in _BLOBS
        if "/stored-" in blob or blob.endswith("/documents")
    ]
    assert sum(lost) == 2 * 8


def test_a_segment_in_the_place_of_another_is_found() -> None:
    """Blobs that are whole, but not those of this segment."""
    store = _copied()
    segments = sorted({name.rpartition("/")[0] for name in _BLOBS if "/segment-" in name})
    mine, other = (f"{segment}/documents" for segment in segments)
    store.put(mine, _STORE.get(other) or b"")
    assert [(flaw.blob, flaw.lost) for flaw in SegmentIndex(store).verify()] == [(mine, 5)]


def test_an_id_that_is_alive_twice_is_found() -> None:
    """Two segments of the same documents, both named by the head."""
    store = MemoryBlobStore()
    index = SegmentIndex(store, segment=2)
    index.add(_DOCUMENTS[:2])
    index.add(_DOCUMENTS[2:4])
    first, second = sorted(name for name in store.list("search/") if name.endswith("/documents"))
    store.put(second, store.get(first) or b"")
    (flaw,) = index.verify()
    assert (flaw.blob, flaw.lost) == (second, 2)


def test_what_a_merge_clears_away_meanwhile_is_no_flaw() -> None:
    """A store in which everything is gone when it is read first, and the head has changed by then."""

    class Merged(MemoryBlobStore):
        reads = 0

        def get(self, name: str) -> bytes | None:
            if name.endswith("/head"):
                self.reads += 1
                return _OTHER.get(name) if self.reads == 1 else super().get(name)
            return super().get(name)

    store = Merged()
    SegmentIndex(store).add(_DOCUMENTS[:3])
    store.reads = 0
    assert SegmentIndex(store).verify() == ()
    assert store.reads == 3


_OTHER = _STORE
