"""What is held about a person: told, erased, or hidden under a key of their own.

`report` looks everywhere; `erase` replaces texts and leaves what is counted; `SealedEvents` and `SealedRecords` hide
personal fields from the beginning, so that deleting one key erases them, in backups too.
"""

from crmkit.privacy.erasing import Erased, erase
from crmkit.privacy.reports import Held, PersonReport, mentions, report
from crmkit.privacy.sealing import SealedEvents, SealedRecords
from crmkit.privacy.subjects import ERASED, Subject

__all__ = [
    "ERASED",
    "Erased",
    "Held",
    "PersonReport",
    "SealedEvents",
    "SealedRecords",
    "Subject",
    "erase",
    "mentions",
    "report",
]
