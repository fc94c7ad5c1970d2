"""Addresses as they stand in headers: names, comments, groups, quoting, and what people put there instead."""

import re
from collections.abc import Iterator

import attrs

__all__ = ["Address", "addresses_of"]


@attrs.frozen
class Address:
    """Who a message is from or to.

    Attributes:
        email: the address as written, its domain in lower case.
        name: the display name; empty if there is none.
    """

    email: str
    name: str = ""

    @property
    def key(self) -> str:
        """What two spellings of one mailbox share: lower case, without a `+tag`, googlemail.com as gmail.com.

        >>> Address("Maria+crm@GoogleMail.com").key
        'maria@gmail.com'
        """
        local, _, domain = self.email.lower().rpartition("@")
        return f"{local.partition('+')[0] or local}@{'gmail.com' if domain == 'googlemail.com' else domain}"

    @property
    def domain(self) -> str:
        """The part after the `@`, in lower case."""
        return self.email.rpartition("@")[2].lower()

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ANGLE = re.compile(r"<([^<>]*)>")
_WORD = re.compile(r'[^\s"<>(),;:]+')
_LOCAL = re.compile(r'[^\s@<>()\[\],;:\\"]+')
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_NESTED = re.compile(r"\\.|[()]", re.DOTALL)
_ASIDE = re.compile(r"\s+|\([^()]*\)")
_LONGEST = 320


def addresses_of(text: str) -> tuple[Address, ...]:
    """The addresses in the text of a header (RFC 5322 section 3.4), in their order.

    Groups are opened, comments passed over, and a display name that is an address itself does not replace the real
    one: `"boss@bank.example" <thief@example.net>` is from example.net. What is no address is left out.

    >>> [str(each) for each in addresses_of('"Meier, Eva" <eva@nordwind.de>, sales: li@example.cn;')]
    ['Meier, Eva <eva@nordwind.de>', 'li@example.cn']
    """
    found: list[Address | None] = []
    words: list[str] = []
    angle: str | None = None
    for kind, piece in _pieces(text):
        if kind == "word":
            words.append(piece)
        elif kind == "angle":
            angle = piece if angle is None else angle
        elif piece == ":":  # the name of a group
            words.clear()
        else:
            found.append(_address(words, angle))
            words, angle = [], None
    found.append(_address(words, angle))
    return tuple(each for each in found if each is not None)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Words, angle addresses and separators. One pass: what is never closed is looked for once."""
    at, end = 0, len(text)
    quotes = comments = True
    while at < end:
        char = text[at]
        if char == '"' and quotes:
            match = _QUOTED.match(text, at)
            quotes = match is not None
            if match is not None:
                at = match.end()
                local = re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL)
                if at < end and text[at] == "@" and (rest := _WORD.match(text, at)):
                    at = rest.end()
                    local = re.sub(r"[^\w.+-]", "_", local) + rest[0]
                yield "word", local
                continue
        elif char == "(" and comments:
            after = _after_comment(text, at)
            comments = after is not None
            if after is not None:
                at = after
                continue
        elif char == "<" and (match := _ANGLE.match(text, at)):
            at = match.end()
            yield "angle", match[1]
            continue
        elif char in ",;:":
            yield "separator", char
        elif match := _WORD.match(text, at):
            at = match.end()
            yield "word", match[0]
            continue
        at += 1


def _after_comment(text: str, at: int) -> int | None:
    """Where a comment, which may hold others, is over; None if it never is."""
    depth = 0
    for match in _NESTED.finditer(text, at):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return None


def _address(words: list[str], angle: str | None) -> Address | None:
    """The address of one entry: what stands in angles, or else the first word with an `@`."""
    if angle is None:
        written, name = next((word for word in words if "@" in word), ""), ""
    else:
        # a source route (`@relay:user@host`) is obsolete since 1989 and still sent
        written, name = _ASIDE.sub("", angle).rpartition(":")[2], " ".join(" ".join(words).split())
    local, _, domain = written.strip("'.").rpartition("@")
    if len(written) > _LONGEST or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return None
    email = f"{local}@{domain.lower()}"
    return Address(email, "" if name.strip("'").lower() == email.lower() else name)
