"""What all checks are made of."""

from collections.abc import Callable

from crmkit.errors import CrmkitError

#: Keys that adapters get wrong.
HOSTILE_KEYS = (
    "D-1", "d-1", "D-1 ", " D-1", "é", "e\u0301", "客户", "100%", "a_b", "a%b", "'; DROP TABLE events; --", '"', "\\",
    "NA", "null", "", "\x00", "a\x00b", "\n", "x" * 1000, "\U0001f4de",
)  # fmt: skip


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
