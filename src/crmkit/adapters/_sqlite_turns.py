"""Whose turn it is to write: SQLite itself lets whoever comes back first go first, however long others have waited.

A turnstile stands before the write lock: who waits for the lock holds it, and so keeps whoever has just written from
taking the lock again at once; all others wait outside, each with the same chance. It is a lock on a file beside the
database (never on the database: closing a second handle of that would drop SQLite's own locks). It only makes waiting
fair. Where there is none, or whoever holds it hangs, the write lock alone decides, as ever.
"""

import contextlib
import os
import random
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from crmkit.adapters._logs import log_of

try:
    _fcntl: Any = import_module("fcntl")
except ImportError:
    # Windows has none, and goes without turns.
    _fcntl = None

__all__ = ["Turnstile", "nap"]

_LOG = log_of("sqlite")

# How long one waits outside at most, before one goes to the lock all the same.
_PATIENCE = 10.0


def nap(longest: float) -> None:
    """Sleep for a random moment, so that those who wait do not come back together."""
    time.sleep(random.uniform(longest / 8, longest))  # noqa: S311 - not a secret


class Turnstile:
    """One handle of the turnstile of a database.

    Args:
        database: the file of the database.
    """

    def __init__(self, database: Path) -> None:
        self._handle = -1
        if _fcntl is not None:
            with contextlib.suppress(OSError):
                self._handle = os.open(f"{database}-turn", os.O_RDWR | os.O_CREAT, 0o666)

    @contextmanager
    def held(self) -> Generator[None]:
        """While this lasts others wait outside."""
        if self._handle < 0 or not self._entered():
            yield
            return
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                _fcntl.flock(self._handle, _fcntl.LOCK_UN)

    def _entered(self) -> bool:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                _fcntl.flock(self._handle, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
            except BlockingIOError:
                nap(0.004)
            except OSError:
                # A file system without such locks.
                return False
            else:
                return True
        _LOG.warning("waited long for a turn to write", extra={"seconds": _PATIENCE})
        return False

    def close(self) -> None:
        """Give the handle back."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
