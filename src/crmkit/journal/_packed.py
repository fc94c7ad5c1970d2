"""Stays as bytes: a head in JSON with every text once, then the columns as they lie in memory."""

import json
from typing import Any

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.journal._coded import Coded
from crmkit.journal._facts import NUMBERS, TEXTS, Block
from crmkit.journal._findings import Finding

_MAGIC = b"crmkit journal 1\n"
_SIZE = 8


def pack(block: Block, state: str = "") -> bytes:
    """The bytes of a block, and of a text that goes with it."""
    texts: dict[str, Coded] = {name: getattr(block, name) for name in TEXTS}
    head = {
        "rows": len(block.entered),
        "values": {name: coded.values for name, coded in texts.items()},
        "findings": [attrs.astuple(one) for one in block.findings],
        "state": len(state.encode()),
    }
    written = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    codes = [coded.codes.astype("<i4").tobytes() for coded in texts.values()]
    numbers = [getattr(block, name).astype("<i8").tobytes() for name in NUMBERS]
    return b"".join([_MAGIC, len(written).to_bytes(_SIZE), written, *codes, *numbers, state.encode()])


def unpack(data: bytes) -> tuple[Block, str]:
    """The block and the text of `pack`.

    Raises:
        InvalidValue: if the bytes are of another version.
    """
    if not data.startswith(_MAGIC):
        raise InvalidValue("journal segment", data[:20], "is none of this version")
    at = len(_MAGIC) + _SIZE
    size = int.from_bytes(data[len(_MAGIC) : at])
    head = json.loads(data[at : at + size])
    at, rows = at + size, head["rows"]
    columns: dict[str, Any] = {}
    for name in TEXTS:
        columns[name] = Coded(np.frombuffer(data, "<i4", rows, at), tuple(head["values"][name]))
        at += 4 * rows
    for name in NUMBERS:
        columns[name] = np.frombuffer(data, "<i8", rows, at)
        at += 8 * rows
    findings = tuple(Finding(*one) for one in head["findings"])
    return Block(**columns, findings=findings), data[at : at + head["state"]].decode()
