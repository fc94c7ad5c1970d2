"""Subjects: what a message is about, without what clients put before it."""

import re
import unicodedata

import attrs

_REPLIES = "re|aw|antw|antwort|sv|vs|ref|rif|r|odp|res|回复|回覆|答复|答覆|返信|回信"
_FORWARDS = "fwd?|wg|tr|rv|enc|i|vb|vl|doorst|pd|转发|轉寄|轉發|転送"
_PREFIX = re.compile(
    rf"\s*(?:(?:(?P<reply>{_REPLIES})|(?P<forward>{_FORWARDS}))\s?(?:[\[(]\d{{1,3}}[\])]|\^\d{{1,3}})?\s?[:：]"
    r"|\[(?:ext|extern|external|外部|外部邮件)\])",
    re.IGNORECASE,
)
_MOST = 40


@attrs.frozen
class Subject:
    """A subject, taken apart.

    Attributes:
        about: what is left, folded: width, case and blanks do not matter.
        replied: whether a prefix says that this answers something.
        forwarded: whether a prefix says that this passes something on.
    """

    about: str
    replied: bool
    forwarded: bool


def subject_of(text: str) -> Subject:
    """What a subject is about, and what stands before it."""
    at = 0
    replied = forwarded = False
    for _ in range(_MOST):
        match = _PREFIX.match(text, at)
        if match is None:
            break
        at = match.end()
        replied, forwarded = replied or bool(match["reply"]), forwarded or bool(match["forward"])
    about = " ".join(unicodedata.normalize("NFKC", text[at:]).casefold().split())
    return Subject(about, replied, forwarded)
