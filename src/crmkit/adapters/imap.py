"""Mail from a server (IMAP4rev1, RFC 3501), over a connection that the host has opened and logged in."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from imaplib import IMAP4

import attrs

from crmkit.adapters._logs import log_of
from crmkit.adapters.mailboxes import RawMessage
from crmkit.errors import InputError, Unavailable, did_you_mean

__all__ = ["Mark", "folders", "read_folder"]

_LOG = log_of("imap")
_LARGEST = 50_000_000
_NUMBERS, _MESSAGES = 1_000, 20
_UID = re.compile(rb"UID (\d+)")
_LISTED = re.compile(rb'\([^)]*\) (?:"(?:\\.|[^"\\])"|NIL) (?:"((?:\\.|[^"\\])*)"|(\S+))')
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_UNSAFE = re.compile(r"[^\x20-\x7e]+")


@attrs.frozen
class Mark:
    """How far a folder was read; keep it, and the next reading begins behind it.

    Attributes:
        validity: the server's UIDVALIDITY: while it is the same, UIDs are.
        uid: the UID of the last message.
    """

    validity: int
    uid: int


def folders(server: IMAP4) -> tuple[str, ...]:
    """The names of the folders, as people see them.

    Raises:
        Unavailable: if the server does not answer.
    """
    found: list[str] = []
    for line in _asked(server, "LIST"):
        raw = line if isinstance(line, bytes) else b" ".join((line[0].rpartition(b" ")[0], b'"%s"' % line[1]))
        match = _LISTED.match(raw)
        if match:
            name = match[2] if match[1] is None else re.sub(rb"\\(.)", rb"\1", match[1])
            found.append(_from_server(name.decode("ascii", "replace")))
    return tuple(found)


def read_folder(
    server: IMAP4, folder: str = "INBOX", *, after: Mark | None = None, largest: int = _LARGEST
) -> Iterator[tuple[Mark, RawMessage]]:
    """The messages of a folder, the oldest first. Nothing is changed or marked as read.

    Args:
        server: logged in; its timeout is the host's choice. The folder stays selected while this is read.
        folder: its name, as people see it.
        after: what came with the last message of an earlier reading. If the server has numbered its messages anew
            since then, all are read again; filing knows messages by their ids.
        largest: bytes of a message that are read.

    Raises:
        InputError: if there is no such folder.
        Unavailable: if the server does not answer, or breaks off; what was read is good, and a mark to begin from.
    """
    count, validity = _selected(server, folder)
    uids: list[int] = []
    for first in range(1, count + 1, _NUMBERS):
        lines = _asked(server, "FETCH", f"{first}:{min(count, first + _NUMBERS - 1)}", "(UID)")
        uids += (int(match[1]) for line in lines if isinstance(line, bytes) and (match := _UID.search(line)))
    anew = after is not None and after.validity != validity
    if anew:
        _LOG.info("the mail server has numbered its messages anew: all are read again")
    known = 0 if after is None or anew else after.uid
    new = sorted({uid for uid in uids if uid > known})
    for at in range(0, len(new), _MESSAGES):
        some = ",".join(map(str, new[at : at + _MESSAGES]))
        for uid, raw in _messages(_asked(server, "UID", "FETCH", some, f"(UID BODY.PEEK[]<0.{largest + 1}>)")):
            yield Mark(validity, uid), RawMessage(f"{folder}, UID {uid}", raw[:largest], len(raw) > largest)


_Line = bytes | tuple[bytes, bytes]


def _asked(server: IMAP4, command: str, *words: str) -> list[_Line]:
    """What a server answers; one that does not, or refuses, is an error with its words."""
    try:
        if command == "LIST":
            kind, data = server.list()
        elif command == "FETCH":
            kind, data = server.fetch(*words)
        else:
            kind, data = server.uid(*words)
    except (IMAP4.error, OSError) as error:
        raise _trouble(command, type(error).__name__, str(error)) from None
    if kind != "OK":
        raise _trouble(command, str(kind), _said(data))
    return [line for line in data if line]


def _trouble(command: str, kind: str, said: str) -> Unavailable:
    _LOG.warning("the mail server does not answer", extra={"command": command, "error": kind})
    return Unavailable("the mail server", f"{command}: {said}")


def _selected(server: IMAP4, folder: str) -> tuple[int, int]:
    """How many messages a folder has, and for how long their UIDs are valid."""
    if "\r" in folder or "\n" in folder or "\0" in folder:
        raise InputError("the mail server", f"{folder!r} is no name of a folder")
    name = _to_server(folder).replace("\\", "\\\\").replace('"', '\\"')
    try:
        kind, data = server.select(f'"{name}"', readonly=True)
        _, validity = server.response("UIDVALIDITY")
    except (IMAP4.error, OSError) as error:
        raise _trouble("SELECT", type(error).__name__, str(error)) from None
    if kind != "OK":
        near = did_you_mean(folder, folders(server))
        raise InputError("the mail server", f"there is no folder {folder!r}{near}: {_said(data)}")
    return int(data[0] or 0), int(validity[0] or 0)


def _messages(lines: list[_Line]) -> Iterator[tuple[int, bytes]]:
    """UIDs and bytes. The UID stands before the message, or in what follows it."""
    raw: bytes | None = None
    for line in lines:
        match = _UID.search(line if isinstance(line, bytes) else line[0])
        raw = line[1] if isinstance(line, tuple) else raw
        if match and raw is not None:
            yield int(match[1]), raw
            raw = None


def _said(data: Iterable[object]) -> str:
    return b" ".join(line for line in data if isinstance(line, bytes)).decode("utf-8", "replace")


def _to_server(name: str) -> str:
    """The name of a folder in modified UTF-7 (RFC 3501, section 5.1.3)."""

    def shifted(match: "re.Match[str]") -> str:
        letters = b64encode(match[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        return f"&{letters}-"

    return _UNSAFE.sub(shifted, name.replace("&", "&-"))


def _from_server(name: str) -> str:
    """A name as people see it; one that is in no such form is left."""

    def plain(match: "re.Match[str]") -> str:
        letters = match[1].replace(",", "/")
        try:
            return b64decode(letters + "=" * (-len(letters) % 4)).decode("utf-16-be") or "&"
        except (Base64Error, UnicodeDecodeError):
            return match[0]

    return _SHIFTED.sub(plain, name)
