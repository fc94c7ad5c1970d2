"""What every store must do, as checks that any implementation can run.

On the command line: `crmkit check my_package:MyStore`, and in Python `crmkit.testing.checking.check_store`.

With pytest, a subclass that says how to make an empty store inherits one test a check:

    class TestMyStore(EventStoreContract):
        claims = Claims(processes=True, durable=True)

        def make(self, tmp_path):
            return MyStore(tmp_path / "events")

A check that a store cannot pass may be overridden only by saying why, with `@waived("reason")`; overriding one in
silence is an error. The state machines need hypothesis.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from crmkit.kb.index import SearchIndex
from crmkit.protocols import BlobStore, EventStore, RecordStore
from crmkit.testing._event_checks import EVENT_CHECKS
from crmkit.testing._history import History
from crmkit.testing._holds import HOSTILE_KEYS
from crmkit.testing._homes import Home, Reference
from crmkit.testing._record_checks import BLOB_CHECKS, RECORD_CHECKS
from crmkit.testing._search_checks import SEARCH_CHECKS
from crmkit.testing._standard import Standard, run_machine_of, standard_checks
from crmkit.testing.checking import Claims

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
    """Run every check that needs no second process, each on a fresh store, and the state machine.

    Args:
        make: gives an empty store at each call.
        examples: how many runs of the state machine.

    Raises:
        AssertionError: naming the first check that failed.
    """
    _run(EVENT_CHECKS, make)
    run_machine_of("events", make, examples=examples)


def check_record_store(make: Callable[[], RecordStore], *, examples: int = 40) -> None:
    """Run every check of record stores; see `check_event_store`."""
    _run(RECORD_CHECKS, make)
    run_machine_of("records", make, examples=examples)


def check_blob_store(make: Callable[[], BlobStore], *, examples: int = 40) -> None:
    """Run every check of blob stores; see `check_event_store`."""
    _run(BLOB_CHECKS, make)
    run_machine_of("blobs", make, examples=examples)


def check_search_index(make: Callable[[], SearchIndex], *, examples: int = 15) -> None:
    """Run every check of search indexes of the texts title (weight 2) and text; see `check_event_store`."""
    _run(SEARCH_CHECKS, make)
    run_machine_of("search", make, examples=examples)


def _run(checks: tuple[Callable[[Any], None], ...], make: Callable[[], Any]) -> None:
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
    """One test a check; a subclass supplies `make`, and `claims` if the store can do more than serve threads."""

    kind: ClassVar[str] = ""
    claims: ClassVar[Claims] = Claims()
    standard: ClassVar[Mapping[str, Callable[..., None]]] = {}

    def __init_subclass__(cls, kind: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        if kind:
            cls.kind = kind
            cls.standard = {f"test_{check.name}": _test_of(check) for check in standard_checks(kind)}
        silent = cls.silently_overridden()
        if silent:
            raise TypeError(f"{cls.__name__} overrides {', '.join(silent)} without saying why; use @waived('reason')")
        for name, test in cls.standard.items():
            if getattr(cls, name, None) in (None, test):
                setattr(cls, name, test if cls._claimed(test) else None)

    @classmethod
    def _claimed(cls, test: Any) -> bool:
        return not test.needs or getattr(cls.claims, test.needs)

    @classmethod
    def silently_overridden(cls) -> tuple[str, ...]:
        """The standard tests that are something else now, and do not say why: a mixin may have done it."""

        def silent(name: str, test: Any) -> bool:
            now = getattr(cls, name, None)
            # What is not claimed is no test.
            absent = now is None and (name not in vars(cls) or not cls._claimed(test))
            return not absent and now is not test and not hasattr(now, "waived")

        return tuple(name for name, test in cls.standard.items() if silent(name, test))

    def make(self, tmp_path: Any) -> Any:
        """An empty store in a folder of its own, or the store that is in it; or an object that has it and is closed."""
        raise TypeError(f"{type(self).__name__} must define make(self, tmp_path), which got {tmp_path}")

    def test_no_standard_test_is_overridden_in_silence(self) -> None:
        """Each standard test is what it was, or says why not."""
        silent = self.silently_overridden()
        if silent:
            raise AssertionError(f"{', '.join(silent)} overridden without saying why; use @waived('reason')")


def _test_of(check: Standard) -> Callable[..., None]:
    def test(self: Any, tmp_path: Any) -> None:
        history = History()
        reference = Reference.of(type(self)) if check.needs in ("processes", "durable") else None
        try:
            check.run(Home(self.make, tmp_path, self.kind, reference), history)
        except Exception as error:
            error.add_note("\n".join(["the calls before it failed:", *history.last()]))
            raise

    test.__doc__ = check.says
    test.__name__ = test.__qualname__ = f"test_{check.name}"
    test.needs = check.needs  # type: ignore[attr-defined] # a mark on a function
    return test


class EventStoreContract(_Contract, kind="events"):
    """The tests of an `EventStore`; `make(tmp_path)` gives an empty one."""


class RecordStoreContract(_Contract, kind="records"):
    """The tests of a `RecordStore`; `make(tmp_path)` gives an empty one."""


class BlobStoreContract(_Contract, kind="blobs"):
    """The tests of a `BlobStore`; `make(tmp_path)` gives an empty one."""


class SearchIndexContract(_Contract, kind="search"):
    """The tests of a `SearchIndex`; `make(tmp_path)` gives an empty one of title (weight 2) and text."""
