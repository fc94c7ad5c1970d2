"""A thesaurus as JSON."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from crmkit.errors import CrmkitError, InputError, InvalidValue, did_you_mean
from crmkit.kb._concepts import Concept, Merged

__all__ = ["read", "write"]

_Found = tuple[list[Concept], list[Merged], dict[str, tuple[int, int]]]


def write(concepts: Sequence[Concept], merges: Sequence[Merged]) -> str:
    """See `Thesaurus.to_json`."""
    plain = {
        "concepts": [_given(concept) for concept in concepts],
        "merges": [_given(merged) | {"at": merged.at.isoformat()} for merged in merges],
    }
    return json.dumps(plain, ensure_ascii=False, indent=1) + "\n"


def _given(one: Concept | Merged) -> dict[str, Any]:
    """What is not empty."""
    found = {field.name: getattr(one, field.name) for field in attrs.fields(type(one))}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in found.items() if value}


def read(text: str) -> _Found:
    """See `Thesaurus.from_json`."""
    try:
        plain = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError("thesaurus", f"is no JSON: {error.msg}", row=error.lineno, column=str(error.colno)) from None
    except RecursionError:
        raise InputError("thesaurus", "is nested too deeply") from None
    if not isinstance(plain, dict):
        raise InputError("thesaurus", 'is not of the form {"concepts": [...]}')
    _known(plain, ("concepts", "merges"), "thesaurus")
    concepts = [_made(Concept, one, f"concepts[{n}]") for n, one in enumerate(_list(plain, "concepts"))]
    merges = [_made(Merged, one, f"merges[{n}]") for n, one in enumerate(_list(plain, "merges"))]
    return concepts, merges, {}


def _list(plain: Mapping[str, Any], name: str) -> list[Any]:
    found = plain.get(name, [])
    if not isinstance(found, list):
        raise InputError(name, "is no list")
    return found


def _known(plain: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    for name in plain:
        if name not in names:
            raise InputError(where, f"{name!r} means nothing{did_you_mean(name, names)}")


def _made(kind: Any, plain: Any, where: str) -> Any:
    fields = attrs.fields_dict(kind)
    if not isinstance(plain, dict):
        raise InputError(where, "is no object")
    _known(plain, tuple(fields), where)
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in plain]
    if missing:
        raise InputError(where, f"{missing[0]!r} is missing")
    try:
        return _build(kind, plain)
    except (CrmkitError, TypeError, ValueError) as error:
        raise InputError(where, str(error)) from None


def _build(kind: Any, plain: dict[str, Any]) -> Any:
    for name in ("who", "why"):
        if not isinstance(plain.get(name, ""), str):
            raise InvalidValue(name, plain[name], "is no text")
    if "at" in plain:
        plain = plain | {"at": datetime.fromisoformat(plain["at"])}
    return kind(**plain)
