"""The standard checks of each kind of store, in one form: a name, what it says, what it needs, and how it is run."""

from collections.abc import Callable
from inspect import getdoc
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.errors import ExtraMissing
from crmkit.testing._event_checks import EVENT_CHECKS
from crmkit.testing._history import History, Watched
from crmkit.testing._homes import Home, opened, part_of
from crmkit.testing._process_checks import DURABLE, PROCESSES
from crmkit.testing._record_checks import BLOB_CHECKS, RECORD_CHECKS
from crmkit.testing._search_checks import SEARCH_CHECKS

__all__ = ["Standard", "run_machine_of", "standard_checks"]

Need: TypeAlias = Literal["", "threads", "processes", "durable"]

_EXAMPLES: dict[str, tuple[Callable[[Any], None], ...]] = {
    "events": EVENT_CHECKS,
    "records": RECORD_CHECKS,
    "blobs": BLOB_CHECKS,
    "search": SEARCH_CHECKS,
}
_RUNS = {"events": 25, "records": 15, "blobs": 15, "search": 6}


@attrs.frozen
class Standard:
    """A check that every store of a kind must pass.

    Attributes:
        name: its name, a sentence with underscores.
        says: what must hold.
        needs: what a store must claim for the check to be made.
        run: makes the check in an empty folder.
    """

    name: str
    says: str
    needs: Need
    run: Callable[[Home, History], None]


def standard_checks(kind: str) -> tuple[Standard, ...]:
    """The checks of a kind of store, the simple ones first."""
    found = [_example(check) for check in _EXAMPLES[kind]]
    found.append(Standard("it_behaves_like_memory", _MACHINE_SAYS, "", _beside_memory))
    for need, checks in (("processes", PROCESSES), ("durable", DURABLE)):
        found += [_of_home(check, need) for check in checks[kind]]
    return tuple(found)


_MACHINE_SAYS = "A state machine drives the store beside what is taken to be right and compares after every step."


def _example(check: Callable[[Any], None]) -> Standard:
    def run(home: Home, history: History) -> None:
        with home.opened() as store:
            check(Watched(store, history))

    return Standard(check.__name__, _says(check), getattr(check, "needs", ""), run)


def _of_home(check: Callable[[Home], None], need: Any) -> Standard:
    def run(home: Home, history: History) -> None:
        def watched(folder: Path) -> Any:
            return _Parts(home.make(folder), home.kind, history)

        check(attrs.evolve(home, make=watched))

    return Standard(check.__name__, _says(check), need, run)


class _Parts:
    """What was made, with its calls noted."""

    def __init__(self, made: Any, kind: str, history: History) -> None:
        self._made = made
        setattr(self, kind, Watched(part_of(made, kind), history))

    def close(self) -> None:
        """Close what was made, if it can be."""
        close = getattr(self._made, "close", None)
        if close is not None:
            close()


def _beside_memory(home: Home, _: History) -> None:
    folders = (home.folder / str(number) for number in count())

    def make() -> Any:
        folder = next(folders)
        folder.mkdir()
        return home.make(folder)

    run_machine_of(home.kind, make, examples=_RUNS[home.kind])


def run_machine_of(kind: str, make: Callable[[], Any], *, examples: int) -> None:
    """Run the state machine of a kind of store, closing each that was made.

    Raises:
        ExtraMissing: without hypothesis.
        AssertionError: with the shortest run in which the store differs.
    """
    try:
        from crmkit.testing._machines import run_machine
        from crmkit.testing.stateful import run_event_store_machine
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ExtraMissing("hypothesis", "testing", "the state machines of the contracts") from None
    made: list[Any] = []

    def part() -> Any:
        # The one before is done.
        while made:
            made.pop().__exit__(None, None, None)
        made.append(opened(make(), kind))
        return _Unclosed(made[-1].__enter__())

    try:
        if kind == "events":
            run_event_store_machine(part, examples=examples)
        else:
            run_machine(kind, part, examples=examples)
    finally:
        while made:
            made.pop().__exit__(None, None, None)


class _Unclosed:
    """A store that is closed by whoever opened it."""

    close = None

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _says(check: Callable[..., None]) -> str:
    return (getdoc(check) or "").partition("\n")[0]
