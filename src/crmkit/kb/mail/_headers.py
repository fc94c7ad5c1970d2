"""Headers as text: encoded words, raw bytes of unknown charset, ids and dates, with what was lost on the way."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from codecs import getincrementaldecoder, lookup
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz
from quopri import decodestring

_ENCODED = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN = re.compile(r"(\?=)\s+(?==\?)")
_ID = re.compile(r"<([^<>]{1,2000})>")
_HALVES = re.compile("[\ud800-\udfff]")
_ZONED = re.compile(r":\d\d(?:\.\d+)?\s*[a-zA-Z+-]")
_LONGEST_DATE = 200
#: What a label says and what is meant: mail clients write the name of a subset.
_MEANT = {"gb2312": "gb18030", "gbk": "gb18030", "hz-gb-2312": "hz", "ks_c_5601-1987": "cp949", "euc-kr": "cp949",
          "shift_jis": "cp932", "iso-8859-1": "cp1252", "us-ascii": "utf-8", "ascii": "utf-8",
          "iso-8859-8-i": "iso-8859-8", "utf8mb4": "utf-8"}  # fmt: skip

# Codecs of Python that are no charsets; two of them take time by the square of the length.
_NO_CHARSETS = frozenset(("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "mbcs", "oem"))


def text_of(data: bytes, charset: str | None, lost: list[str], what: str, *, cut: bool = False) -> str:
    """Bytes as text: by the charset that is declared, else by one that fits, else with replacement characters.

    What was done to keep going is said in `lost`. Where bytes were `cut`, the last character may be half a one.
    """
    label = (charset or "").partition("*")[0].strip("\"' ").lower()
    for name in dict.fromkeys((_MEANT.get(label, label), "utf-8", "gb18030")):
        text = _read(data, name, cut=cut)
        if text is None:
            continue
        if label and name != _MEANT.get(label, label):
            lost.append(f"{what} is not the {label[:40]} it says it is; read as {name}")
        return text
    lost.append(f"{what} is in no charset that fits ({label[:40] or 'none is named'}); unreadable bytes are replaced")
    return data.decode("utf-8", errors="replace")


def _read(data: bytes, name: str, *, cut: bool) -> str | None:
    """Bytes in a charset; None if they are not, or if that is none that a mail may name."""
    try:
        "".encode(name)  # refuses codecs that are not of texts: they unpack
        if lookup(name).name in _NO_CHARSETS:
            return None
        text = getincrementaldecoder(name)().decode(data, not cut)
    except (LookupError, ValueError, TypeError):
        return None
    return None if not isinstance(text, str) or _HALVES.search(text) else text


def plain(value: str) -> str:
    """A raw header without bytes that are no text."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def decoded(value: str, lost: list[str], what: str) -> str:
    """A header's value as text (RFC 2047), on one line.

    Adjacent encoded words of one charset are put together as bytes first: clients cut in the middle of a character.
    """
    if not value.isascii():
        value = text_of(value.encode("utf-8", "surrogateescape"), None, lost, what)
    if "=?" not in value:
        return " ".join(value.split())
    parts: list[tuple[str, bytes | str]] = []
    at = 0
    value = _BETWEEN.sub(r"\1", value)
    for match in _ENCODED.finditer(value):
        if match.start() > at:
            parts.append(("", value[at : match.start()]))
        charset, data = match[1].lower(), _word_bytes(match)
        at = match.end()
        if data is None:
            lost.append(f"{what} has an encoded word that cannot be decoded")
            parts.append(("", match[0]))
        elif parts and parts[-1][0] == charset and isinstance(parts[-1][1], bytes):
            parts[-1] = (charset, parts[-1][1] + data)
        else:
            parts.append((charset, data))
    parts.append(("", value[at:]))
    texts = (part if isinstance(part, str) else text_of(part, charset, lost, what) for charset, part in parts)
    return " ".join("".join(texts).split())


def _word_bytes(match: "re.Match[str]") -> bytes | None:
    raw = match[3].encode("ascii", "ignore")
    if match[2] in "qQ":
        return decodestring(raw.replace(b"_", b" "))
    try:
        return b64decode(raw + b"=" * (-len(raw) % 4))
    except Base64Error:
        return None


def ids_of(values: Iterable[str]) -> tuple[str, ...]:
    """The message ids in some headers, without brackets, each once, in their order."""
    found = ("".join(match.split()) for value in values for match in _ID.findall(plain(value)) or _bare(value))
    return tuple(dict.fromkeys(each for each in found if each))


def _bare(value: str) -> list[str]:
    """An id that somebody wrote without its brackets."""
    word = plain(value).strip()
    return [word] if "@" in word and len(word.split()) == 1 and len(word) <= 998 else []


def instant_of(value: str, lost: list[str], what: str) -> datetime | None:
    """The instant of a date header, UTC; one without a zone is taken for UTC, and said to be."""
    found = _dated(value[:_LONGEST_DATE])
    if found is None:
        lost.append(f"{what} is no date: {plain(value[:60])!r}")
        return None
    instant, zoned = found
    if not zoned:
        lost.append(f"{what} has no zone; taken for UTC")
    return instant


def _dated(value: str) -> tuple[datetime, bool] | None:
    try:
        # the standard library raises different things for different nonsense
        parts = parsedate_tz(value)
        if parts is None:
            return None
        instant = datetime(*parts[:6], tzinfo=UTC) - timedelta(seconds=parts[9] or 0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return instant, _ZONED.search(value) is not None


def received_of(values: Iterable[str]) -> datetime | None:
    """When the first server that says so received a message."""
    for value in reversed(list(values)):
        _, semicolon, when = value.rpartition(";")
        if semicolon and (instant := instant_of(when, [], "")) is not None:
            return instant
    return None
