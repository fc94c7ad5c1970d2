"""What adapters say to the log: what happened, where, and never what is stored.

Rules for this file: names of stores and files, positions, counts, seconds and the names of errors may be told. Ids,
keys, texts of errors and whatever else a person may have written are not: they may be about people.
"""

import logging
from typing import Any

from crmkit.errors import Conflict, Damaged

__all__ = ["conflict", "damaged", "log_of", "repeated"]


def log_of(module: str) -> logging.Logger:
    """The logger of an adapter: `crmkit.adapters.` and the name of its chapter."""
    return logging.getLogger(f"crmkit.adapters.{module}")


def repeated(log: logging.Logger, store: object, position: int) -> int:
    """The same events came again; gives the position of the first time."""
    log.info("the same append came again", extra={"store": str(store), "position": position})
    return position


def conflict(log: logging.Logger, store: object, refused: Exception) -> None:
    """An append was refused, if that is why."""
    if isinstance(refused, Conflict):
        log.info("an append was refused: something new is there", extra=_at(store, refused.position))


def damaged(log: logging.Logger, where: str, position: int, why: str) -> Damaged:
    """The error to be raised about something that does not match its checksum."""
    log.error("damage was found", extra=_at(where, position))
    return Damaged(where, position, why)


def _at(store: object, position: int) -> dict[str, Any]:
    return {"store": str(store), "position": position}
