"""A key for each person: what is sealed is read back by nobody else, and by nobody at all once the key is erased."""

import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.keys import KEY, KeyRing
from crmkit.adapters.memory import MemoryRecordStore
from crmkit.errors import Damaged, ExtraMissing, InvalidValue, NotFound
from crmkit.protocols import Cipher

pytest.importorskip("cryptography", reason="cryptography is not installed")

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MASTER = bytes(range(64))


@pytest.fixture(params=[None, MASTER], ids=["open", "wrapped"])
def ring(request):
    """A ring, with a master key and without."""
    return KeyRing(MemoryRecordStore(), master=request.param)


@given(st.text(), st.binary(), st.binary())
def test_what_is_sealed_comes_back(person, data, place):
    """Any bytes, of anybody, from the place where they were; the same again looks the same."""
    ring = KeyRing(MemoryRecordStore(), master=MASTER)
    sealed = ring.seal(person, data, place=place)
    assert ring.unseal(person, sealed, place=place) == data
    assert ring.seal(person, data, place=place) == sealed
    assert len(sealed) == len(data) + 17
    assert len(data) < 4 or data not in sealed


def test_people_and_places_are_kept_apart(ring):
    """Nobody's bytes can be read as another's, in another place, or after a change."""
    sealed = ring.seal("C-7", b"Eva Meier", place=b"a")
    ring.seal("C-8", b"", place=b"a")
    for person, data, place in (
        ("C-8", sealed, b"a"),
        ("C-7", sealed, b"b"),
        ("C-7", sealed[:-1] + b"x", b"a"),
        ("C-7", b"", b"a"),
    ):
        with pytest.raises(Damaged, match="was not sealed for"):
            ring.unseal(person, data, place=place)


def test_an_erased_key_is_gone(ring):
    """What was sealed with it reads as nothing, and nothing more can be sealed for that person; others stay."""
    sealed, other = (ring.seal(person, b"text", place=b"a") for person in ("C-7", "C-8"))
    assert ring.erase("C-7", at=NOW)
    assert ring.erased("C-7")
    assert not ring.erased("C-8")
    assert ring.unseal("C-7", sealed, place=b"a") is None
    assert ring.unseal("C-8", other, place=b"a") == b"text"
    with pytest.raises(NotFound, match="was erased, and nothing may be stored about them"):
        ring.seal("C-7", b"text", place=b"a")
    assert not ring.erase("C-7", at=NOW)
    assert not ring.erase("C-9", at=NOW)
    with pytest.raises(NotFound):
        ring.seal("C-9", b"text", place=b"a")
    assert ring._records.get(KEY, "C-7").value == {"erased": NOW}


def test_another_process_erases(ring):
    """A ring that has used the key does not remember it."""
    sealed = ring.seal("C-7", b"text", place=b"a")
    KeyRing(ring._records).erase("C-7", at=NOW)
    assert ring.unseal("C-7", sealed, place=b"a") is None


def test_two_make_a_key_at_once(ring):
    """Both use the one that was stored first."""
    records = ring._records
    put, late = records.put, KeyRing(records, master=MASTER if ring._master else None)

    def slow(kind, id_, value, *, expected=None):
        records.put = put
        late.seal("C-7", b"first", place=b"a")
        return put(kind, id_, value, expected=expected)

    records.put = slow
    sealed = ring.seal("C-7", b"second", place=b"a")
    assert late.unseal("C-7", sealed, place=b"a") == b"second"


def test_the_master_key_is_needed():
    """Keys that are wrapped are useless without it, or with another one."""
    records = MemoryRecordStore()
    sealed = KeyRing(records, master=MASTER).seal("C-7", b"text", place=b"a")
    for master, why in ((None, "give the master key"), (bytes(64), "was not wrapped with this master key")):
        with pytest.raises(Damaged, match=why):
            KeyRing(records, master=master).unseal("C-7", sealed, place=b"a")
    with pytest.raises(InvalidValue, match="has to have 64"):
        KeyRing(records, master=b"abc")


def test_it_says_what_is_not_installed(monkeypatch):
    """Without the package: which extra brings it."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'crmkit\[crypto\]'"):
        KeyRing(MemoryRecordStore())


def test_it_is_a_cipher(ring):
    """As the protocol asks."""
    assert isinstance(ring, Cipher)
