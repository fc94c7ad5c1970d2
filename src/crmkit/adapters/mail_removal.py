"""Remove messages from mailboxes on disk, for good: those of a person who has to be forgotten.

remove_messages("mail", lambda message: mentions(subject, message.raw))
"""

import gzip
import os
import re
from collections.abc import Callable, Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import IO, cast

from crmkit.adapters.mailboxes import RawMessage
from crmkit.errors import InputError

__all__ = ["remove_messages"]

_GZIP = b"\x1f\x8b"
# As in `crmkit.adapters.mailboxes`: a line that parts messages has a time and a year.
_FROM = re.compile(rb"From .{0,400}\d\d:\d\d.{0,60}\d{4}")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)


def remove_messages(path: str | PathLike[str], unwanted: Callable[[RawMessage], bool]) -> int:
    """Remove messages from an mbox (plain or gzipped), a maildir, an `.eml` file, or a folder of these.

    A file that is one message is deleted; an mbox is written anew beside itself and then replaced. Drafts and what is
    in the trash of a maildir are looked at, too. Nobody may deliver to an mbox meanwhile.

    Args:
        path: the file or folder.
        unwanted: whether a message is to go.

    Returns:
        How many are gone.

    Raises:
        InputError: if there is nothing there, or a file cannot be read or written; files before it are done.
    """
    place = Path(fspath(path))
    if not place.exists():
        raise InputError(str(place), "there is no such file or folder")
    removed = 0
    for file in _files(place) if place.is_dir() else [place]:
        try:
            removed += _from_file(file, unwanted)
        except (OSError, EOFError) as error:
            raise InputError(str(file), f"cannot be changed: {getattr(error, 'strerror', None) or error}") from None
    return removed


def _files(folder: Path) -> list[Path]:
    """Every file of a maildir, whatever its flags; elsewhere what is named like mail."""
    named = (".eml", ".mbox", ".mbox.gz")
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and (file.parent.name in ("new", "cur", "tmp") or file.name.lower().endswith(named))
    ]


def _from_file(file: Path, unwanted: Callable[[RawMessage], bool]) -> int:
    with file.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    with _opened(file, packed=packed) as stream:
        if not _FROM.match(stream.readline(1 << 20)):
            stream.seek(0)
            if not unwanted(RawMessage(file.name, stream.read())):
                return 0
            file.unlink()
            return 1
        stream.seek(0)
        messages = [*_messages(stream, file.name)]
    kept = [whole for whole, message in messages if not unwanted(message)]
    if len(kept) < len(messages):
        _write(file, b"".join(kept), packed=packed)
    return len(messages) - len(kept)


def _messages(stream: IO[bytes], name: str) -> Iterator[tuple[bytes, RawMessage]]:
    """The messages of an mbox: as they are kept there, and as they were sent."""
    kept: list[bytes] = []
    empty, number = True, 0
    for line in [*stream, b""]:
        if kept and (not line or (empty and _FROM.match(line))):
            number += 1
            raw = _ESCAPED.sub(rb"\1", b"".join(kept[1:]))
            yield b"".join(kept), RawMessage(f"{name}, message {number}", raw)
            kept = []
        kept.append(line)
        empty = line in {b"\n", b"\r\n"}


def _write(file: Path, data: bytes, *, packed: bool) -> None:
    part = file.with_name(file.name + ".part")
    with part.open("wb") as stream:
        stream.write(gzip.compress(data) if packed else data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


def _opened(file: Path, *, packed: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(file)) if packed else file.open("rb")
