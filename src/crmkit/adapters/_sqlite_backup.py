"""A copy of a SQLite file while others write: whole, checked, and under its name only when it is complete."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from crmkit.errors import InputError

__all__ = ["copy", "synced"]


def copy(source: sqlite3.Connection, target: Path, *, compact: bool) -> None:
    """Copy a database.

    Args:
        source: a connection to it.
        target: the file of the copy, which must not be there.
        compact: leave out what was freed; the copy is then made in one transaction.

    Raises:
        InputError: if the copy cannot be made; nothing is left behind.
    """
    if target.exists():
        raise InputError(str(target), "is there already", "give another name, or move it away")
    part = target.with_name(f"{target.name}.part-{os.getpid()}")
    try:
        _fill(source, part, compact=compact)
        _check(part)
        _keep(part, target)
    except (sqlite3.Error, OSError) as error:
        raise InputError(str(target), f"the copy cannot be made: {error}") from None
    finally:
        for left in (part, part.with_name(part.name + "-wal"), part.with_name(part.name + "-shm")):
            with suppress(OSError):
                left.unlink(missing_ok=True)


def _fill(source: sqlite3.Connection, part: Path, *, compact: bool) -> None:
    if compact:
        source.execute("VACUUM INTO ?", (str(part),))
        return
    with closing(sqlite3.connect(part)) as made:
        # In one step: a copy in several begins anew whenever another process writes.
        source.backup(made)


def _check(part: Path) -> None:
    with closing(sqlite3.connect(part)) as made:
        # A copy is one file, whatever becomes of it: the log is put into it.
        made.execute("PRAGMA journal_mode = DELETE")
        lines = [line for (line,) in made.execute("PRAGMA integrity_check")]
    if lines != ["ok"]:
        raise sqlite3.DatabaseError(f"what was copied is damaged: {lines[0]}")


def _keep(part: Path, target: Path) -> None:
    """Give the copy its name once it is on the disk; a link, unlike a renaming, replaces nothing."""
    synced(part)
    os.link(part, target)
    synced(target.parent)


def synced(path: Path) -> None:
    """Wait until a file, or what a folder knows of its files, is on the disk."""
    # Folders cannot be opened everywhere.
    with suppress(PermissionError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
