"""Texts among raw bytes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["as_bytes", "found_in", "places_in_file"]

_BLOCK = 1 << 22


def as_bytes(value: Any) -> bytes:
    """The bytes of what a column holds."""
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else str(value).encode()


def found_in(data: bytes, needles: Sequence[bytes]) -> bool:
    """Whether one of the texts is in the bytes."""
    return any(needle in data for needle in needles)


def places_in_file(file: Path, needles: Sequence[bytes]) -> Iterator[int]:
    """Where in a file a text stands: the first place in each block of some megabytes; none if there is no file."""
    overlap = max(map(len, needles), default=1) - 1
    if not file.exists():
        return
    with file.open("rb") as stream:
        start, kept = 0, b""
        while block := stream.read(_BLOCK):
            data = kept + block
            places = [place for needle in needles if (place := data.find(needle)) >= 0]
            if places:
                yield start - len(kept) + min(places)
            start += len(block)
            kept = data[-overlap:] if overlap else b""
