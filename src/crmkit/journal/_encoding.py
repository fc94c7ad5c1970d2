"""Bytes to text: which encoding an export is in, and its text in pieces of bounded size."""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InputError, InvalidValue, NotFound

__all__ = ["Encoding", "detect", "foreign", "named", "opened", "texts"]

PIECE = 1 << 18
_HEAD = 1 << 12

# UTF-32 first: its little-endian mark begins with the one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"\x1f\x8b", "compressed with gzip", "decompress it first"),
    (b"PAR1\x15", "a Parquet file", "read it as a frame"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
    (b"%PDF-", "a PDF file", "export the figures as CSV"),
)
# windows-1252 leaves five bytes undefined; as those of ISO 8859-1 they are control characters, and nothing is lost.
_WESTERN = {b: text for b in range(0x80, 0xA0) if (text := bytes([b]).decode("cp1252", "ignore"))}
_SUGGESTED = ("utf-8", "gb18030", "cp1252", "utf-16", "latin-1", "big5", "shift_jis", "cp1250", "cp1251")


@attrs.frozen
class Encoding:
    """The encoding of a source.

    Attributes:
        name: the Python codec.
        how: what told it: "byte order mark", "the bytes" or "the caller".
    """

    name: str
    how: str

    @property
    def errors(self) -> str:
        """The codec's error handler: bytes that cannot be decoded stay visible in the text."""
        # Two-byte units and escape sequences hold bytes below 0x80, which surrogateescape refuses.
        wide = self.name.startswith(("utf-16", "utf-32", "utf-7", "iso2022", "hz"))
        return "replace" if wide else "surrogateescape"

    @property
    def damage(self) -> re.Pattern[str]:
        """Finds what stands in the text for bytes that cannot be decoded."""
        return re.compile("\ufffd" if self.errors == "replace" else "[\udc80-\udcff]")


def opened(source: bytes | BinaryIO) -> BinaryIO:
    """A binary file that can be read twice; what cannot be rewound (a pipe) is read into memory.

    Raises:
        InvalidValue: if it is neither bytes nor a file opened in binary mode.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if not hasattr(source, "read") or not isinstance(source.read(0), bytes):
        raise InvalidValue("source", source, "is neither bytes nor a file opened in binary mode ('rb')")
    return source if source.seekable() else io.BytesIO(source.read())


def foreign(stream: BinaryIO, name: str) -> None:
    """Refuse what is recognisably another kind of file.

    Raises:
        InputError: naming the kind and what to do.
    """
    start = stream.tell()
    head = stream.read(16)
    stream.seek(start)
    for magic, kind, remedy in _FOREIGN:
        if head.startswith(magic):
            raise InputError(name, f"is {kind}", remedy)


def named(encoding: str) -> Encoding:
    """The encoding of that name.

    Raises:
        NotFound: if Python has no text codec of that name.
    """
    try:
        # The decode refuses codecs that turn bytes into bytes, such as "hex".
        b"a".decode(encoding, "ignore")
        return Encoding(codecs.lookup(encoding).name, "the caller")
    except (LookupError, ValueError):
        raise NotFound("encoding", encoding, _SUGGESTED) from None


def detect(stream: BinaryIO) -> Encoding:
    """Tell the encoding of everything from the current position on; the position is restored.

    In this order: a byte order mark; the NUL pattern of UTF-16; UTF-8; GB 18030 if what it decodes to is common
    Chinese; windows-1252. One wrong byte among twenty characters does not rule UTF-8 or GB 18030 out.
    """
    start = stream.tell()
    head = stream.read(_HEAD)
    stream.seek(start)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, "byte order mark")
    wide = _wide(head)
    if wide:
        return Encoding(wide, "the bytes")
    for codec, plausible in (("utf-8", _multibyte), ("gb18030", _chinese)):
        census = _census(stream, codec)
        stream.seek(start)
        if plausible(census):
            return Encoding(codec, "the bytes")
    return Encoding("cp1252", "the bytes")


def texts(
    stream: BinaryIO, encoding: Encoding, *, name: str, on_progress: Callable[[int], None] | None = None
) -> Iterator[str]:
    """The text of a stream in pieces, without the byte order mark.

    Args:
        stream: read from its position on.
        encoding: see `detect`.
        name: the source, for messages.
        on_progress: called with the number of bytes read so far.

    Raises:
        InputError: if the codec gives up.
    """
    decode = _decoder(encoding)
    done, first = 0, True
    while True:
        piece = stream.read(PIECE)
        done += len(piece)
        try:
            text = decode(piece, not piece)
        except UnicodeError as error:
            raise InputError(name, f"cannot be decoded as {encoding.name} ({error})", "name the encoding") from None
        if on_progress is not None and piece:
            on_progress(done)
        if text:
            yield text.removeprefix("\ufeff") if first else text
            first = False
        if not piece:
            return


def _decoder(encoding: Encoding) -> Callable[[bytes, bool], str]:
    if encoding.name == "cp1252":
        return _western
    return codecs.getincrementaldecoder(encoding.name)(encoding.errors).decode


def _western(piece: bytes, final: bool, /) -> str:  # noqa: FBT001 - the signature of a codec's decode
    del final
    try:
        return piece.decode("cp1252")
    except UnicodeDecodeError:
        return piece.decode("latin-1").translate(_WESTERN)


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: one byte in every other place is NUL, in Western text nearly always."""
    pairs = len(head) // 2
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    few, many = sorted((even, odd))
    if many < 2 or many * 5 < pairs or few * 10 > many:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _census(stream: BinaryIO, codec: str) -> npt.NDArray[np.int64]:
    """How often each character occurs, by code point; bytes that do not decode are lone surrogates."""
    decoder = codecs.getincrementaldecoder(codec)("surrogateescape")
    census = np.zeros(0x110000, dtype=np.int64)
    piece = b"-"
    while piece:
        piece = stream.read(PIECE)
        text = decoder.decode(piece, not piece)
        if not text.isascii():
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
            counts = np.bincount(points)
            census[: len(counts)] += counts
    census[:0x80] = 0
    return census


def _multibyte(census: npt.NDArray[np.int64]) -> bool:
    bad = int(census[0xDC80:0xDD00].sum())
    return bad * 20 <= int(census.sum()) - bad


def _chinese(census: npt.NDArray[np.int64]) -> bool:
    """Whether nearly all characters are punctuation or hanzi of level 1 of GB 2312, the 3,755 in daily use.

    Western bytes pair up to valid but rare hanzi: an accented letter before a plain one is none of GB 2312.
    """
    if not _multibyte(census):
        return False
    common = sum(int(census[point]) for point in np.flatnonzero(census).tolist() if _daily(chr(point)))
    return common * 5 >= int(census.sum()) * 4


def _daily(character: str) -> bool:
    lead = character.encode("gb2312", "ignore")[:1]
    return b"\xa1" <= lead <= b"\xa3" or b"\xb0" <= lead <= b"\xd7"
