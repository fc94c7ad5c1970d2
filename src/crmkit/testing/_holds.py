"""What all checks are made of."""

from collections.abc import Callable, Sequence
from threading import Thread
from typing import TypeVar

from crmkit.errors import CrmkitError

#: Keys that adapters get wrong.
HOSTILE_KEYS = (
    "D-1", "d-1", "D-1 ", " D-1", "é", "e\u0301", "客户", "100%", "a_b", "a%b", "'; DROP TABLE events; --", '"', "\\",
    "NA", "null", "", "\x00", "a\x00b", "\n", "x" * 1000, "\U0001f4de",
)  # fmt: skip

_C = TypeVar("_C", bound=Callable[..., None])


def threaded(check: _C) -> _C:
    """Mark a check that is made only of stores which claim to be shared by threads."""
    check.needs = "threads"  # type: ignore[attr-defined] # a mark on a function
    return check


def together(works: Sequence[Callable[[], None]], stop: Callable[[], None] | None = None) -> None:
    """Do several things at once, each in a thread, until all are done.

    Args:
        works: the things.
        stop: called when one of them fails, so that the others need not wait for it.

    Raises:
        AssertionError: if one of them fails.
    """
    broken: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - reported by the thread that waits for us
            broken.append(error)
            if stop is not None:
                stop()

    threads = [Thread(target=guarded, args=(work,), name=f"thread {number}") for number, work in enumerate(works, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    holds(not any(thread.is_alive() for thread in threads), "a thread waits for ever")
    holds(not broken, f"a thread failed: {broken[:1]}")


def holds(truth: bool, why: str) -> None:  # noqa: FBT001 - the one thing it is about
    # Not an assert statement: those are gone under python -O, and a check that cannot fail is none.
    if not truth:
        raise AssertionError(why)


def refuses(kind: type[CrmkitError], call: Callable[[], object], why: str) -> CrmkitError:
    try:
        call()
    except kind as refusal:
        return refusal
    raise AssertionError(why)
