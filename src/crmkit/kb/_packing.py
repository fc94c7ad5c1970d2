"""Arrays and texts as bytes, and back without copying."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload
from zlib import crc32

import numpy as np
import numpy.typing as npt

from crmkit.errors import Damaged

__all__ = ["Array", "Strings", "pack", "smallest", "unpack"]

Array = npt.NDArray[Any]
_MAGIC = b"ckb1"
# Arrays begin where any type of number may.
_ALIGN = 8


def pack(arrays: Mapping[str, Array]) -> bytes:
    """One blob of named arrays: a checksum, a header, the numbers in little-endian order."""
    header: list[tuple[str, str, tuple[int, ...]]] = []
    body: list[bytes] = []
    for name, array in arrays.items():
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        header.append((name, little.dtype.str, little.shape))
        data = little.tobytes()
        body.append(data + bytes(-len(data) % _ALIGN))
    head = json.dumps(header).encode()
    head += b" " * (-(len(head) + 12) % _ALIGN)
    rest = len(head).to_bytes(4, "little") + head + b"".join(body)
    return _MAGIC + crc32(rest).to_bytes(4, "little") + rest


def unpack(data: bytes, where: str) -> dict[str, Array]:
    """The arrays of a blob, as views of it.

    Raises:
        Damaged: if the bytes are not what was packed.
    """
    if data[:4] != _MAGIC or crc32(memoryview(data)[8:]) != int.from_bytes(data[4:8], "little"):
        raise Damaged(
            where, 0, "the bytes no longer match their checksum; rebuild the index (`crmkit kb verify --rebuild`)"
        )
    place = 12 + int.from_bytes(data[8:12], "little")
    arrays: dict[str, Array] = {}
    for name, kind, shape in json.loads(data[12:place]):
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(data, kind, count, place).reshape(shape)
        arrays[name] = array
        place += array.nbytes + -array.nbytes % _ALIGN
    return arrays


def smallest(array: Array) -> Array:
    """The same counts in the narrowest type that holds them."""
    most = int(array.max(initial=0))
    kind = "u1" if most < 1 << 8 else "u2" if most < 1 << 16 else "u4"
    return array.astype(kind)


class Strings(Sequence[str]):
    """Sorted texts in two arrays: 1 object where a list would have a million.

    Args:
        data: the texts in UTF-8, one after the other (whose order is that of Python's texts).
        ends: where each ends.
    """

    def __init__(self, data: bytes, ends: Array) -> None:
        self._data, self._ends = data, ends
        # One number of it is had faster.
        self._cuts = np.ascontiguousarray(ends, np.int64).data

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Strings":
        """The texts, in the order in which they come."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        return cls(b"".join(encoded), np.cumsum(list(map(len, encoded)), dtype=np.int64))

    @classmethod
    def unpacked(cls, arrays: Mapping[str, Array], name: str) -> "Strings":
        """Those that were packed under a name."""
        return cls(arrays[name].tobytes(), arrays[f"{name} ends"])

    def packed(self, name: str) -> dict[str, Array]:
        """As arrays to be packed."""
        return {name: np.frombuffer(self._data, np.uint8), f"{name} ends": self._ends}

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        cuts = self._cuts
        return self._data[cuts[place - 1] if place else 0 : cuts[place]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends.tolist():
            yield self._data[start:end].decode("utf-8", "surrogatepass")
            start = end

    def at_least(self, text: str) -> int:
        """The number of the first one that is not before a text."""
        wanted = text.encode("utf-8", "surrogatepass")
        data, cuts = self._data, self._cuts
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if data[cuts[middle - 1] if middle else 0 : cuts[middle]] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def find(self, text: str) -> int:
        """The number of a text; -1 if it is not there."""
        place = self.at_least(text)
        return place if place < len(self) and self[place] == text else -1
