"""Briefs as customers send them: Word documents, Markdown and plain text, read into one text.

Of a Word document headings, clauses (with the numbers that Word shows), bullets and tables come out as Markdown.
What was deleted under tracked changes, notes, headers and footers are left out. Only its text, its styles and its
numbering are unpacked, and none of these beyond a limit.
"""

import zipfile
import zlib
from os import PathLike, fspath
from pathlib import Path
from typing import IO

from crmkit.adapters._word_numbers import Numbering
from crmkit.adapters._word_text import Words
from crmkit.adapters._word_xml import parse
from crmkit.errors import InputError, InvalidValue

__all__ = ["read_brief"]

_LARGEST = 32_000_000
_HEAD = 1024
_ZIP = b"PK\x03\x04"
_FOREIGN = (
    (b"%PDF-", "is a PDF", "save its text, or the document it was made of"),
    (b"\xd0\xcf\x11\xe0", "is an old Word document", "save it as .docx"),
    (b"{\\rtf", "is rich text", "save it as .docx"),
)
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_brief(path: str | PathLike[str], *, encoding: str | None = None) -> str:
    """The text of a brief; what `crmkit.kb.proposals.Brief` takes.

    Args:
        path: a .docx, or a file of text.
        encoding: of a file of text, such as "gb18030"; None: UTF-8, or UTF-16 if a byte order mark says so.

    Raises:
        InputError: if it cannot be read, is larger than 32 MB (unpacked, for a Word document), is of another kind, or
            is in another encoding.
        InvalidValue: if there is no such encoding.
    """
    place = Path(fspath(path))
    if not place.exists():
        raise InputError(str(place), "there is no such file")
    if not place.is_file():
        raise InputError(str(place), "is no file", "name one, not a folder")
    try:
        if place.stat().st_size > _LARGEST:
            raise InputError(str(place), f"is larger than {_LARGEST:,} bytes")
        with place.open("rb") as stream:
            begin = stream.read(_HEAD)
            if begin.startswith(_ZIP):
                return _word(stream, str(place))
            _refuse_foreign(begin, place)
            return _text(begin + stream.read(), str(place), encoding)
    except OSError as error:
        raise InputError(str(place), f"cannot be read: {error.strerror}") from None


def _refuse_foreign(begin: bytes, place: Path) -> None:
    for mark, what, remedy in _FOREIGN:
        if begin.startswith(mark):
            raise InputError(str(place), what, remedy)
    # Readers of PDF pass over what comes before its mark, and so do those who write such files.
    if _FOREIGN[0][0] in begin or place.suffix.lower() == ".pdf":
        raise InputError(str(place), *_FOREIGN[0][1:])
    if place.suffix.lower() == ".docx":
        raise InputError(str(place), "is no Word document: it is not a ZIP archive")


def _text(data: bytes, name: str, encoding: str | None) -> str:
    known = encoding or next((codec for mark, codec in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(known)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "" if encoding else "say which encoding it is in, such as gb18030 or cp1252"
        raise InputError(name, f"is no {known}: byte {error.start} does not fit", remedy, line) from None
    except LookupError:
        raise InvalidValue("encoding", encoding, "is none that is known") from None


def _word(stream: IO[bytes], name: str) -> str:
    try:
        with zipfile.ZipFile(stream) as archive:
            present = set(archive.namelist())
            if "word/document.xml" not in present:
                raise InputError(name, "is a ZIP archive, and no Word document", "unpack it")
            parts = {
                part: _unpacked(archive, f"word/{part}.xml", name) if f"word/{part}.xml" in present else b""
                for part in ("styles", "numbering", "document")
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise InputError(name, f"is a damaged Word document: {error}") from None
    except (NotImplementedError, RuntimeError) as error:
        raise InputError(name, f"cannot be unpacked: {error}", "save it without a password") from None
    numbering = Numbering()
    for part in ("styles", "numbering"):
        parse(parts[part], numbering, f"{name}, {part}.xml")
    words = Words(numbering)
    parse(parts["document"], words, f"{name}, document.xml")
    return words.text()


def _unpacked(archive: zipfile.ZipFile, part: str, name: str) -> bytes:
    """A part, never more of it than the limit: what the archive says of its size is not believed."""
    with archive.open(part) as stream:
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise InputError(name, f"{part} unpacks to more than {_LARGEST:,} bytes")
    return data
