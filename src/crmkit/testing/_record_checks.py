"""What every record store and every blob store must do: one small function a check, each given an empty store."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from crmkit.errors import Conflict
from crmkit.protocols import BlobStore, RecordStore
from crmkit.testing._holds import HOSTILE_KEYS, holds, refuses, threaded, together
from crmkit.values import Fields, Money

Check = Callable[[Any], None]

_NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def records_come_back(store: RecordStore) -> None:
    """A record comes back with its value and version; an unknown one is None."""
    value = {"name": "Acme", "since": _NOW, "limit": Money("5", "EUR"), "tags": ["a"]}
    holds(store.get("customer", "C") is None, "an unknown record is there")
    holds(store.put("customer", "C", value) == 1, "the first version is not 1")
    found = store.get("customer", "C")
    holds(found is not None and found.value == Fields(value) and found.version == 1, "the record is not what was put")
    holds(store.get("document", "C") is None, "kinds are mixed up")


def versions_guard(store: RecordStore) -> None:
    """A put or delete that expects another version is refused and changes nothing."""
    holds(store.put("c", "1", {"a": 1}, expected=0) == 1, "expected=0 refuses a new record")
    refuses(Conflict, lambda: store.put("c", "1", {"a": 2}, expected=0), "an existing record is taken for new")
    holds(store.put("c", "1", {"a": 2}, expected=1) == 2, "the version does not rise")
    refuses(Conflict, lambda: store.put("c", "1", {"a": 3}, expected=1), "a stale version is written")
    refuses(Conflict, lambda: store.delete("c", "1", expected=1), "a stale version is deleted")
    found = store.get("c", "1")
    holds(found is not None and found.value["a"] == 2, "a refused put changed the record")


def find_and_delete(store: RecordStore) -> None:
    """Find filters by equality, in order of id; delete says whether there was one."""
    for name, region in (("b", "N"), ("a", "N"), ("c", "S")):
        store.put("customer", name, {"region": region})
    holds([r.id for r in store.find("customer")] == ["a", "b", "c"], "find is not in order of id")
    holds([r.id for r in store.find("customer", {"region": "N"})] == ["a", "b"], "find does not filter")
    holds(not list(store.find("customer", {"colour": None})), "a missing field equals None")
    holds(store.delete("customer", "a") and not store.delete("customer", "a"), "delete does not say what it did")
    holds(store.put("customer", "a", {}, expected=0) == 1, "a deleted record is still there")


def record_ids_are_exact(store: RecordStore) -> None:
    """Ids differ if any character differs."""
    for number, name in enumerate(HOSTILE_KEYS):
        store.put("k", name, {"n": number})
    for number, name in enumerate(HOSTILE_KEYS):
        found = store.get("k", name)
        holds(found is not None and found.value["n"] == number, f"{name[:20]!r} is mixed up with another id")


def blobs_come_back(store: BlobStore) -> None:
    """Bytes come back as they went in, empty ones and large ones too; the last put wins."""
    for data in (b"", bytes(range(256)), b"x" * 1_000_000):
        store.put("a", data)
        holds(store.get("a") == data, f"{len(data)} bytes came back changed")
    holds(store.get("b") is None, "an unknown blob is there")
    holds(store.delete("a") and not store.delete("a") and store.get("a") is None, "delete does not delete")


def blobs_are_listed(store: BlobStore) -> None:
    """Names are listed by prefix, sorted, wildcards taken as they are."""
    for name in ("s/2", "s/1", "t/1", "s%", "s_x"):
        store.put(name, b"x")
    holds(list(store.list("s/")) == ["s/1", "s/2"], "a prefix is not taken as it is")
    holds(list(store.list("s%")) == ["s%"], "a wildcard matches more than itself")
    holds(list(store.list()) == sorted(["s/2", "s/1", "t/1", "s%", "s_x"]), "names are not sorted")


def blob_names_are_exact(store: BlobStore) -> None:
    """Names differ if any character differs."""
    for number, name in enumerate(HOSTILE_KEYS):
        store.put(name, b"%d" % number)
    for number, name in enumerate(HOSTILE_KEYS):
        holds(store.get(name) == b"%d" % number, f"{name[:20]!r} is mixed up with another name")


def swaps_expect(store: BlobStore) -> None:
    """A swap succeeds only if what it expects is there, and changes nothing otherwise."""
    holds(not store.swap("a", b"1", expected=b""), "a swap takes no blob for an empty one")
    holds(store.get("a") is None, "a refused swap left something behind")
    holds(store.swap("a", b"1", expected=None), "a swap that expects nothing is refused")
    holds(not store.swap("a", b"2", expected=None), "a swap that expects nothing replaces something")
    holds(not store.swap("a", b"2", expected=b"12"), "a swap replaces what it does not expect")
    holds(store.get("a") == b"1", "a refused swap changed the blob")
    holds(store.swap("a", b"", expected=b"1") and store.get("a") == b"", "a swap that may happen does not")
    holds(store.swap("a", b"3" * 100_000, expected=b"") and store.get("a") == b"3" * 100_000, "an empty blob is none")


@threaded
def one_put_wins(store: RecordStore) -> None:
    """Of several threads that replace the same version, one wins: nobody's count is lost."""
    writers, each = 4, 10

    def count() -> None:
        done = 0
        while done < each:
            seen = store.get("counter", "c")
            number, version = (seen.value["n"] + 1, seen.version) if seen else (1, 0)
            try:
                store.put("counter", "c", {"n": number}, expected=version)
                done += 1
            except Conflict:
                continue

    together([count] * writers)
    found = store.get("counter", "c")
    holds(found is not None, "the counter is gone")
    counted = (found.value["n"], found.version) if found else ()
    holds(counted == (writers * each, writers * each), f"count and version are {counted}, not {writers * each}")


@threaded
def one_swap_wins(store: BlobStore) -> None:
    """Of several threads that swap the same, one wins: nobody's count is lost."""
    writers, each = 4, 10

    def count() -> None:
        done = 0
        while done < each:
            seen = store.get("counter")
            done += store.swap("counter", b"%d" % (int(seen or b"0") + 1), expected=seen)

    together([count] * writers)
    holds(store.get("counter") == b"%d" % (writers * each), f"counted {store.get('counter')!r}, not {writers * each}")


#: The checks of record stores.
RECORD_CHECKS: tuple[Check, ...] = (
    records_come_back,
    versions_guard,
    find_and_delete,
    record_ids_are_exact,
    one_put_wins,
)
#: The checks of blob stores.
BLOB_CHECKS: tuple[Check, ...] = (
    blobs_come_back,
    blobs_are_listed,
    blob_names_are_exact,
    swaps_expect,
    one_swap_wins,
)
