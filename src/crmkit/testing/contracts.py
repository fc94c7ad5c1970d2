"""What every store must do, as checks that any implementation can run.

Without pytest:

    check_event_store(lambda: MyStore(fresh_database()))

With pytest, a subclass that says how to make an empty store inherits one test a check:

    class TestMyStore(EventStoreContract):
        def make(self, tmp_path):
            return MyStore(tmp_path / "events")

A check that a store cannot pass may be overridden only by saying why, with `@waived("reason")`; overriding one in
silence is an error. The state machine against the memory store needs hypothesis.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, ClassVar

from crmkit.kb.index import SearchIndex
from crmkit.protocols import BlobStore, EventStore, RecordStore
from crmkit.testing._event_checks import EVENT_CHECKS, Check
from crmkit.testing._holds import HOSTILE_KEYS
from crmkit.testing._record_checks import BLOB_CHECKS, RECORD_CHECKS
from crmkit.testing._search_checks import SEARCH_CHECKS

__all__ = [
    "BLOB_CHECKS",
    "EVENT_CHECKS",
    "HOSTILE_KEYS",
    "RECORD_CHECKS",
    "SEARCH_CHECKS",
    "BlobStoreContract",
    "EventStoreContract",
    "RecordStoreContract",
    "SearchIndexContract",
    "check_blob_store",
    "check_event_store",
    "check_record_store",
    "check_search_index",
    "waived",
]


def check_event_store(make: Callable[[], EventStore], *, examples: int = 40) -> None:
    """Run every check, each on a fresh store, and the state machine against the memory store.

    Args:
        make: gives an empty store at each call.
        examples: how many runs of the state machine.

    Raises:
        AssertionError: naming the first check that failed.
    """
    _run(EVENT_CHECKS, make)
    from crmkit.testing.stateful import run_event_store_machine

    run_event_store_machine(make, examples=examples)


def check_record_store(make: Callable[[], RecordStore]) -> None:
    """Run every check of record stores; see `check_event_store`."""
    _run(RECORD_CHECKS, make)


def check_blob_store(make: Callable[[], BlobStore]) -> None:
    """Run every check of blob stores; see `check_event_store`."""
    _run(BLOB_CHECKS, make)


def check_search_index(make: Callable[[], SearchIndex]) -> None:
    """Run every check of search indexes of the texts title (weight 2) and text; see `check_event_store`."""
    _run(SEARCH_CHECKS, make)


def _run(checks: tuple[Check, ...], make: Callable[[], Any]) -> None:
    for check in checks:
        try:
            check(make())
        except AssertionError as failure:
            raise AssertionError(f"{check.__name__}: {failure}") from failure


# -- pytest


def waived(reason: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark the override of a standard test, with the reason why the store cannot pass it."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        test.waived = reason  # type: ignore[attr-defined] # a mark on a function
        return test

    return mark


class _Contract:
    """One test a check; a subclass supplies `make`."""

    standard: ClassVar[Mapping[str, Check]] = {}

    def __init_subclass__(cls, checks: tuple[Check, ...] = (), **options: Any) -> None:
        super().__init_subclass__(**options)
        if checks:
            cls.standard = {**cls.standard, **{f"test_{check.__name__}": check for check in checks}}
            for name, check in cls.standard.items():
                setattr(cls, name, _test_of(check))
            return
        silent = [name for name in cls.standard if name in vars(cls) and not hasattr(vars(cls)[name], "waived")]
        if silent:
            raise TypeError(f"{cls.__name__} overrides {', '.join(silent)} without saying why; use @waived('reason')")

    def make(self, tmp_path: Any) -> Any:
        """An empty store, in a folder of its own."""
        raise TypeError(f"{type(self).__name__} must define make(self, tmp_path), which got {tmp_path}")


def _test_of(check: Check) -> Callable[..., None]:
    def test(self: Any, tmp_path: Any) -> None:
        check(self.make(tmp_path))

    test.__doc__ = check.__doc__
    test.__name__ = f"test_{check.__name__}"
    return test


class EventStoreContract(_Contract, checks=EVENT_CHECKS):
    """The tests of an `EventStore`; `make(tmp_path)` gives an empty one."""

    def test_it_behaves_like_memory(self, tmp_path: Any) -> None:
        """A state machine drives the store beside the memory store and compares after every step."""
        from crmkit.testing.stateful import run_event_store_machine

        folders = _folders(tmp_path)
        run_event_store_machine(lambda: self.make(next(folders)), examples=25)


class RecordStoreContract(_Contract, checks=RECORD_CHECKS):
    """The tests of a `RecordStore`; `make(tmp_path)` gives an empty one."""


class BlobStoreContract(_Contract, checks=BLOB_CHECKS):
    """The tests of a `BlobStore`; `make(tmp_path)` gives an empty one."""


class SearchIndexContract(_Contract, checks=SEARCH_CHECKS):
    """The tests of a `SearchIndex`; `make(tmp_path)` gives an empty one of title (weight 2) and text."""


def _folders(parent: Any) -> Iterator[Any]:
    for number in count():
        folder = parent / str(number)
        folder.mkdir()
        yield folder
