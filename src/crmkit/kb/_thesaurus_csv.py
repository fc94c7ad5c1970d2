"""A thesaurus as a table: one row for each concept, one column for each kind of label and language."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from crmkit.errors import InputError, InvalidValue, did_you_mean
from crmkit.journal import decode_csv
from crmkit.kb._concepts import Concept, Merged

__all__ = ["read", "write"]

_LABELS = ("preferred", "alternative", "hidden", "note")
_PLAIN = ("id", "broader", "related", "replaced by", "replaced at", "replaced who", "replaced why")
_KINDS = {"preferred": str, "alternative": tuple, "hidden": tuple, "note": str}
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")

_Found = tuple[list[Concept], list[Merged], dict[str, tuple[int, int]]]


def read(source: bytes | BinaryIO, name: str) -> _Found:
    """See `Thesaurus.from_csv`."""
    table = decode_csv(source, name=name)
    dropped = next((finding for finding in table.findings if finding.dropped), None)
    if dropped is not None:
        raise InputError(name, dropped.reason, row=dropped.row, column=dropped.column)
    columns = [_column(column, name) for column in table.columns]
    if "id" not in table.columns:
        raise InputError(name, "there is no column 'id'", remedy="every concept needs one")
    concepts: list[Concept] = []
    merges: list[Merged] = []
    places: dict[str, tuple[int, int]] = {}
    rows = zip(*(column.decode() for column in table.columns.values()), strict=True)
    for row, cells in zip(table.rows.tolist(), rows, strict=True):
        filled = [(column, cell) for column, cell in zip(columns, cells, strict=True) if cell is not None]
        made = _row(filled, name, row)
        (concepts if isinstance(made, Concept) else merges).append(made)  # type: ignore[arg-type] # each to its own
        id_ = made.id if isinstance(made, Concept) else made.concept
        places.setdefault(id_, (row, 1))
    return concepts, sorted(merges, key=lambda merged: merged.at), places


def _column(column: str, name: str) -> tuple[str, str]:
    """The kind and the language of a column."""
    kind, _, language = column.partition(" ")
    if column in _PLAIN:
        return column, ""
    if kind in _LABELS and _LANGUAGE.fullmatch(language):
        return kind, language
    known = [*_PLAIN, *(f"{one} {language or 'en'}" for one in _LABELS)]
    raise InputError(
        name, f"means nothing{did_you_mean(column, known)}", "there are: " + ", ".join(known), row=1, column=column
    )


def _row(filled: Sequence[tuple[tuple[str, str], str]], name: str, row: int) -> Concept | Merged:
    given: dict[str, Any] = {}
    for (kind, language), cell in filled:
        if language:
            given.setdefault(kind, {})[language] = cell if _KINDS[kind] is str else _parts(cell)
        else:
            given[kind] = _parts(cell) if kind in ("broader", "related") else cell
    if "id" not in given:
        raise InputError(name, "there is no id", row=row, column="id")
    try:
        return _merge(given, name, row) if "replaced by" in given else _concept(given, name, row)
    except InvalidValue as error:
        raise InputError(name, str(error), row=row) from None


def _concept(given: Mapping[str, Any], name: str, row: int) -> Concept:
    if "preferred" not in given:
        raise InputError(name, f"concept {given['id']!r} has no preferred label in any language", row=row)
    stray = next((kind for kind in given if kind.startswith("replaced")), None)
    if stray is not None:
        raise InputError(name, "there is nothing in 'replaced by'", row=row, column=stray)
    kinds = {kind: given[kind] for kind in ("alternative", "hidden", "note", "broader", "related") if kind in given}
    return Concept(given["id"], given["preferred"], **kinds)


def _merge(given: Mapping[str, Any], name: str, row: int) -> Merged:
    written = given.get("replaced at", "")
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        reason = f"{written!r} is no instant" if written else "is empty"
        raise InputError(name, reason, "write 2026-03-01T09:00:00+08:00", row=row, column="replaced at") from None
    who, why = given.get("replaced who", ""), given.get("replaced why", "")
    return Merged(given["id"], into=given["replaced by"], at=at, who=who, why=why)


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def write(concepts: Sequence[Concept], merges: Sequence[Merged]) -> str:
    """See `Thesaurus.to_csv`."""
    rows = [dict(_cells(concept)) for concept in concepts]
    rows += [
        {
            "id": one.concept, "replaced by": one.into, "replaced at": one.at.isoformat(), "replaced who": one.who,
            "replaced why": one.why,
        }
        for one in merges
    ]  # fmt: skip
    used = {column for row in rows for column, cell in row.items() if cell}
    labels = sorted(used.difference(_PLAIN), key=lambda column: (_LABELS.index(column.split()[0]), column))
    header = ["id", *labels, *(column for column in _PLAIN[1:] if column in used)]
    out = io.StringIO()
    writer = csv.DictWriter(out, header, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _cells(concept: Concept) -> Iterator[tuple[str, str]]:
    yield "id", concept.id
    for kind in _LABELS:
        for language, labels in getattr(concept, kind).items():
            yield f"{kind} {language}", labels if isinstance(labels, str) else _joined(labels, concept.id)
    yield "broader", _joined(concept.broader, concept.id)
    yield "related", _joined(concept.related, concept.id)


def _joined(parts: Iterable[str], id_: str) -> str:
    for part in parts:
        if "|" in part:
            raise InvalidValue(f"concept {id_!r}", part, "has a bar in it, which parts labels in a cell; write JSON")
    return " | ".join(parts)
