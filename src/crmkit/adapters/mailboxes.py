"""Mail as it is kept: mbox files, maildirs, `.eml` files and folders of them, one message in memory at a time."""

import gzip
import re
import zlib
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import BinaryIO, cast

import attrs

from crmkit.errors import InputError

__all__ = ["RawMessage", "read_mailbox"]

_LARGEST = 50_000_000
_PIECE = 1 << 20
_GZIP = b"\x1f\x8b"
# A line of text may begin with `From ` as well; one that parts messages has a time and a year.
_FROM = re.compile(rb"From .{0,400}\d\d:\d\d.{0,60}\d{4}")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_HEADER = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")


@attrs.frozen
class RawMessage:
    """A message as it is kept.

    Attributes:
        where: the file and the place in it, for people.
        raw: its bytes; what `crmkit.kb.mail.parse` takes.
        cut: whether it is longer than was asked for, so that `raw` is its beginning.
    """

    where: str
    raw: bytes = attrs.field(repr=False)
    cut: bool = False


def read_mailbox(path: str | PathLike[str], *, largest: int = _LARGEST) -> Iterator[RawMessage]:
    """The messages of an mbox (plain or gzipped), a maildir with its folders, an `.eml` file, or a folder of these.

    Nothing is changed, locked or marked as read. Drafts and what is in the trash of a maildir are left out.

    Args:
        path: the file or folder.
        largest: bytes of a message that are read.

    Raises:
        InputError: if it is not there or is nothing of these; while reading, at a file that cannot be read.
    """
    place = Path(fspath(path))
    if not place.exists():
        raise InputError(str(place), "there is no such file or folder")
    if not place.is_dir():
        return _file(place, place.name, largest)
    files = _files(place)
    if not files:
        raise InputError(str(place), "holds no mail", "name a maildir, or a folder of .eml or .mbox files")
    return (each for file in files for each in _file(file, str(file.relative_to(place)), largest))


def _files(folder: Path) -> list[Path]:
    """The files of messages in a maildir and its folders, or those that are named like some, in the order of names."""
    homes = [at for at in (folder, *sorted(folder.rglob("*/"))) if (at / "cur").is_dir() or (at / "new").is_dir()]
    if homes:
        found = (file for home in homes for part in ("new", "cur") for file in sorted((home / part).glob("*")))
        return [file for file in found if file.is_file() and not set("DT") & set(file.name.rpartition(":2,")[2])]
    named = (".eml", ".mbox", ".mbox.gz")
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name.lower().endswith(named)]


def _file(file: Path, name: str, largest: int) -> Iterator[RawMessage]:
    try:
        with _opened(file) as stream:
            yield from _messages(stream, name, largest)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(name, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _opened(file: Path) -> BinaryIO:
    if not file.is_file():
        raise InputError(str(file), "is neither a file nor a folder")
    with file.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    return cast("BinaryIO", gzip.open(file)) if packed else file.open("rb")


def _messages(stream: BinaryIO, name: str, largest: int) -> Iterator[RawMessage]:
    """Those of an mbox, each without its first line; a file that begins with a header is one message."""
    first = stream.readline(_PIECE)
    if not first:
        return
    if not _FROM.match(first):
        if not _HEADER.match(first):
            raise InputError(name, "begins neither with a header nor as an mbox")
        raw = first + stream.read(max(0, largest + 1 - len(first)))
        yield RawMessage(name, raw[:largest], len(raw) > largest)
        return
    for number, (raw, cut) in enumerate(_parted(stream, largest), 1):
        yield RawMessage(f"{name}, message {number}", _ESCAPED.sub(rb"\1", raw), cut)


def _parted(stream: BinaryIO, largest: int) -> Iterator[tuple[bytes, bool]]:
    """The bytes between the lines that part messages, which stand after an empty one."""
    kept, size = bytearray(), 0
    whole = empty = True
    while line := stream.readline(_PIECE):
        if whole and empty and _FROM.match(line):
            yield bytes(kept[:largest]), size > largest
            kept, size = bytearray(), 0
        else:
            size += len(line)
            kept += line if len(kept) <= largest else b""
        empty, whole = whole and line in {b"\n", b"\r\n"}, line.endswith(b"\n")
    yield bytes(kept[:largest]), size > largest
