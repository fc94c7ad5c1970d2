"""What is new in a mail: without the message it answers, and without the signature."""

import attrs

from crmkit.kb.mail import _markers as marks
from crmkit.kb.mail.addresses import Address, addresses_of

__all__ = ["Reply", "reply"]

_LONGEST_LINE = 1_000
_LONGEST_ATTRIBUTION = 500
_SIGNATURE_LINES = 8
_LONGEST_SIGNATURE = 20


@attrs.frozen
class Reply:
    """A text, taken apart. Every line of it is in exactly one of the three.

    Attributes:
        text: what its author wrote for it.
        signature: the closing formula, the name, what the device adds.
        quoted: what was written before, with what announces it.
        marker: how the quotation was recognised: "forward", a client or a language, ">", "headers"; None without one.
        author: who wrote what is quoted or passed on, where header lines above it say so.
    """

    text: str
    signature: str = ""
    quoted: str = ""
    marker: str | None = None
    author: Address | None = None


def reply(text: str) -> Reply:
    r"""Tell what is new in the plain text of a mail from what it quotes and from the signature.

    Outlook, Gmail, Apple Mail, QQ, 163, Foxmail and Thunderbird, in the languages of the marker table; answers
    between quoted lines are kept. A message that is passed on is quoted, and `marker` is "forward". Where nothing is
    recognised everything is new: nothing is thrown away on a guess.

    >>> parts = reply("好的。\n\n------------------ 原始邮件 ------------------\n发件人: \"Li\" <li@example.cn>;\n多?")
    >>> parts.text, parts.marker, parts.author.email
    ('好的。', 'qq', 'li@example.cn')
    """
    lines = text.replace("\r\n", "\n").split("\n")
    cut, marker, author = _boundary(lines)
    new, old = _sifted(lines[:cut])
    if old and marker is None:
        marker = ">"
    body, signature = _signed(new)
    quoted = "\n".join([*old, *lines[cut:]]).strip("\n")
    return Reply("\n".join(body).strip("\n"), "\n".join(signature).strip("\n"), quoted, marker, author)


def _boundary(lines: list[str]) -> tuple[int, str | None, Address | None]:
    """From which line on everything is old, how that is known, and who wrote what is old."""
    for at, line in enumerate(lines):
        shown = line.strip()
        if not shown or len(shown) > _LONGEST_LINE:
            continue
        if (client := _banner(shown)) is not None:
            return at, client, _author(lines[at + 1 : at + 9])
        if _headers_at(lines, at):
            above = at - 1 if at and marks.RULE.fullmatch(lines[at - 1][:_LONGEST_LINE]) else at
            return above, "headers", _author(lines[at : at + 9])
        if (found := _attribution(lines[at : at + 3])) is not None:
            name, count = found
            below = next((each for each in lines[at + count : at + count + 5] if each.strip()), "")
            if not below.lstrip().startswith(">"):
                return at, name, None
    return len(lines), None, None


def _banner(line: str) -> str | None:
    """Which client draws such a line above a message."""
    if marks.FORWARDS.fullmatch(line):
        return "forward"
    return next((name for name, banner in marks.BANNERS if banner.fullmatch(line)), None)


def _attribution(lines: list[str]) -> tuple[str, int] | None:
    """The language of the line that says who wrote what follows and when, and the lines into which it is broken."""
    joined = ""
    for count, line in enumerate(lines, 1):
        joined = f"{joined} {line.strip()}".strip().lstrip("> ")
        if not line.strip() or len(joined) > _LONGEST_ATTRIBUTION:
            return None
        if joined.endswith((":", "：")):
            dated = any(char.isdecimal() or char == "@" for char in joined)
            name = next((name for name, shape in marks.ATTRIBUTIONS if dated and shape.fullmatch(joined)), None)
            return None if name is None else (name, count)
    return None


def _headers_at(lines: list[str], at: int) -> bool:
    """Whether a block of header lines begins here: who, and two more of them at once."""
    first = marks.HEADER.fullmatch(lines[at].strip()[:_LONGEST_LINE])
    if first is None or first["who"] is None:
        return False
    following = [line for line in lines[at + 1 : at + 12] if line.strip()][:4]
    others = (marks.HEADER.fullmatch(line.strip()[:_LONGEST_LINE]) for line in following)
    return sum(found is not None for found in others) >= 2


def _author(lines: list[str]) -> Address | None:
    """Who wrote a message, by the header lines above it."""
    for line in lines:
        found = marks.HEADER.fullmatch(line.strip()[:_LONGEST_LINE])
        if found and found["who"]:
            value = found["value"].strip(" |").replace("[mailto:", "<").replace("<mailto:", "<").replace("]", ">")
            return next(iter(addresses_of(value)), None)
    return None


def _sifted(lines: list[str]) -> tuple[list[str], list[str]]:
    """New lines, and those with `>` before them together with the line that announces them."""
    new: list[str] = []
    old: list[str] = []
    for at, line in enumerate(lines):
        if line.lstrip().startswith(">"):
            if not old or not at or not lines[at - 1].lstrip().startswith(">"):
                old += _announced(new)
            old.append(line)
        else:
            new.append(line)
    return new, old


def _announced(new: list[str]) -> list[str]:
    """Take the attribution off the end of what is new, if one stands there."""
    end = len(new)
    while end > max(0, len(new) - 3) and not new[end - 1].strip():
        end -= 1
    for count in (1, 2, 3):
        tail = new[max(0, end - count) : end]
        if len(tail) == count and (found := _attribution(tail)) and found[1] == count:
            del new[end - count :]
            return tail
    return []


def _signed(lines: list[str]) -> tuple[list[str], list[str]]:
    """The text, and the signature below it."""
    dashes = next((at for at in range(len(lines) - 1, -1, -1) if marks.SIGNATURE.fullmatch(lines[at])), len(lines))
    if sum(bool(line.strip()) for line in lines[dashes:]) <= _LONGEST_SIGNATURE:
        lines, below = lines[:dashes], lines[dashes:]
    else:
        below = []
    end = len(lines)
    while end and (not lines[end - 1].strip() or marks.DEVICES.fullmatch(lines[end - 1][:200])):
        end -= 1
    for at in range(max(1, end - _SIGNATURE_LINES), end):
        closes = marks.CLOSINGS.fullmatch(lines[at][:200])
        if closes and all(len(line) <= 80 and "?" not in line for line in lines[at:end]):
            return lines[:at], [*lines[at:], *below]
    return lines[:end], [*lines[end:], *below]
