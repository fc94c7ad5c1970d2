"""What the tests of the feed share: facts, and records that crash."""

from datetime import UTC, datetime, timedelta

from crmkit.events import Edited, Opened

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)


def fact(number, case="D-1", **data):
    """The fact of a number: the first of a case opens it."""
    at = BEGIN + timedelta(minutes=number)
    if number % 3 == 0:
        return Opened(id=f"{case}#{number}", case=case, at=at, recorded=at, stage="lead", data=data)
    return Edited(id=f"{case}#{number}", case=case, at=at, recorded=at, data=data)


def take(recorded):
    """A handler that has nothing to do."""


class Crash(BaseException):
    """The process ends here: nobody catches this."""


class CrashingRecords:
    """Records of a process that ends at its next write, before it or right after it."""

    def __init__(self, records, *, after):
        self._records, self._after = records, after

    def get(self, kind, id):  # noqa: A002 - the protocol's word
        """As it is."""
        return self._records.get(kind, id)

    def put(self, kind, id, value, *, expected=None):  # noqa: A002 - as above
        """The end."""
        if self._after:
            self._records.put(kind, id, value, expected=expected)
        raise Crash
