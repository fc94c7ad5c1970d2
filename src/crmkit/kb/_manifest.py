"""The head of an index: which segments there are, and which of their documents are gone. It is replaced as a whole."""

import json
from base64 import b85decode, b85encode
from collections.abc import Mapping
from typing import Any
from zlib import compress, crc32, decompress

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import Damaged, InputError

__all__ = ["Entry", "Manifest"]

_FORMAT = 1
_CHECK = "crc32"

Gone = npt.NDArray[np.bool_]


@attrs.frozen(eq=False)
class Entry:
    """A segment.

    Attributes:
        name: what the names of its blobs begin with.
        size: its documents.
        weight: bytes of its documents.
        gone: which documents were deleted or replaced since; None: none.
    """

    name: str
    size: int
    weight: int
    gone: Gone | None = None

    @property
    def live(self) -> int:
        """How many documents are left."""
        return self.size if self.gone is None else self.size - int(self.gone.sum())

    def without(self, documents: list[int]) -> "Entry":
        """The segment with further documents gone."""
        if not documents:
            return self
        gone = np.zeros(self.size, np.bool_) if self.gone is None else self.gone.copy()
        gone[documents] = True
        return attrs.evolve(self, gone=gone)


@attrs.frozen(eq=False)
class Manifest:
    """The state of an index after one commit.

    Attributes:
        number: of the commit.
        analyzer: the fingerprint of what made the terms.
        fields: the names of the texts, in the order of the columns.
        segments: no id is alive in two of them.
        retired: segments that are in no later state, with the commit that retired them: who still reads an older state
            may need them for a while.
    """

    number: int
    analyzer: str
    fields: tuple[str, ...]
    segments: tuple[Entry, ...] = ()
    retired: tuple[tuple[str, int], ...] = ()

    def to_bytes(self) -> bytes:
        """As JSON, with a checksum."""
        plain: dict[str, Any] = {
            "format": _FORMAT,
            "number": self.number,
            "analyzer": self.analyzer,
            "fields": self.fields,
            "segments": [[one.name, one.size, one.weight, _bits(one.gone)] for one in self.segments],
            "retired": self.retired,
        }
        return _json({**plain, _CHECK: crc32(_json(plain))})

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> "Manifest":
        """The manifest of its bytes.

        Raises:
            InputError: if a newer crmkit wrote it.
            Damaged: if it is none.
        """
        try:
            plain = json.loads(data)
            known = plain["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(where, 0, f"is no head of an index: {error}") from None
        if known != _FORMAT:
            why = f"was written by another crmkit (format {known}, this one knows {_FORMAT})"
            raise InputError(where, why, "upgrade crmkit, or rebuild the index")
        if plain.pop(_CHECK, None) != crc32(_json(plain)):
            raise Damaged(where, 0, "no longer matches its checksum; index the documents anew")
        return cls._read(plain)

    @classmethod
    def _read(cls, plain: Mapping[str, Any]) -> "Manifest":
        segments = [Entry(name, size, weight, _flags(gone, size)) for name, size, weight, gone in plain["segments"]]
        retired = tuple((name, number) for name, number in plain["retired"])
        return cls(plain["number"], plain["analyzer"], tuple(plain["fields"]), tuple(segments), retired)


def _json(plain: Mapping[str, Any]) -> bytes:
    return json.dumps(plain, separators=(",", ":")).encode()


def _bits(gone: Gone | None) -> str | None:
    return None if gone is None else b85encode(compress(np.packbits(gone).tobytes())).decode()


def _flags(text: str | None, size: int) -> Gone | None:
    if text is None:
        return None
    return np.unpackbits(np.frombuffer(decompress(b85decode(text)), np.uint8), count=size).astype(np.bool_)
