"""Whose domain an address is under: the name that somebody registered, and whether it is a provider of free mail."""

from functools import cache
from importlib.resources import files

__all__ = ["is_free_mail", "registrable_domain"]

_LONGEST = 253


def registrable_domain(host: str) -> str | None:
    """The name under which an organisation registered a host, in lower case ASCII.

    Args:
        host: the part of an address after the `@`; international names in either form.

    Returns:
        `nordwind.co.uk` for `mail.nordwind.co.uk`; None if the host is a suffix itself, an IP address, or no name.

    The suffixes are those of the Public Suffix List's ICANN section, at the state that its file names.

    >>> registrable_domain("mx1.sales.nordwind.co.uk"), registrable_domain("co.uk")
    ('nordwind.co.uk', None)
    """
    labels = _ascii(host).split(".")
    if len(labels) < 2 or not all(labels) or labels[-1].isdigit():
        return None
    own = _suffix_length(labels) + 1
    return ".".join(labels[-own:]) if own <= len(labels) else None


def is_free_mail(domain: str) -> bool:
    """Whether a domain belongs to a provider where anybody gets an address, so that it says nothing of the company.

    >>> is_free_mail("163.com"), is_free_mail("gmx.net"), is_free_mail("nordwind.de")
    (True, True, False)
    """
    name = _ascii(domain)
    own = registrable_domain(name) or name
    known = _free()
    return name in known or own in known or f"{own.partition('.')[0]}.*" in known


def _ascii(host: str) -> str:
    """A host as the name service has it; what cannot be is left, and will be no name."""
    name = host.strip().rstrip(".").lower()
    if len(name) > _LONGEST:
        return ""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return ""


def _suffix_length(labels: list[str]) -> int:
    """How many labels the longest rule for a name has."""
    rules = _suffixes().get(labels[-1], frozenset())
    for count in range(len(labels), 1, -1):
        head = labels[-count:-1]
        if "!" + ".".join(head) in rules:
            return count - 1
        if ".".join(head) in rules or ".".join(["*", *head[1:]]) in rules:
            return count
    return 1


@cache
def _suffixes() -> dict[str, frozenset[str]]:
    rows = (line.partition(": ") for line in _lines("suffixes.txt"))
    return {last: frozenset(heads.split()) for last, _, heads in rows}


@cache
def _free() -> frozenset[str]:
    return frozenset(word for line in _lines("freemail.txt") for word in line.split())


def _lines(name: str) -> list[str]:
    text = files("crmkit.kb.mail").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]
