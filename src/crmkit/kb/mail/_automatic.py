"""Whether a machine wrote a message: what its headers say (RFC 3834, RFC 2369, RFC 3464), and who it is from."""

import re
from collections.abc import Callable

_SENDER = re.compile(
    r"(?:[^@]*[-+_.])?(?:no-?_?reply|do-?_?not-?_?reply|mailer-daemon|postmaster|bounces?|notifications?|newsletter"
    r"|auto-?confirm|daemon)(?:[-+_.].*)?@"
)


def automatic(headers: Callable[[str], list[str]], sender: str) -> str | None:
    """Why a message is taken for a machine's; None for a person's.

    A mailing list's messages are written by people, so `List-Id` alone is no reason; `Precedence: list` neither.
    """
    told = " ".join(headers("Auto-Submitted")).strip().lower()
    if told and not told.startswith("no"):
        return "auto-submitted"
    types = " ".join(headers("Content-Type")).lower()
    returned = "<>" in (value.strip() for value in headers("Return-Path"))
    if "multipart/report" in types or headers("X-Failed-Recipients") or returned:
        return "bounce"
    if headers("X-Autoreply") or headers("X-Autorespond"):
        return "auto-reply"
    precedence = " ".join(headers("Precedence")).strip().lower()
    if precedence in ("bulk", "junk", "auto_reply"):
        return "bulk"
    if headers("List-Unsubscribe") and not headers("List-Post"):
        return "newsletter"
    return "sender" if _SENDER.match(sender.lower()) else None
