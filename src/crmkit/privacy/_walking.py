"""The texts inside facts, records and documents, each with its path."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from crmkit.events import Event, Unknown
from crmkit.privacy.subjects import Subject
from crmkit.values import Fields

__all__ = ["FIXED", "blanked", "blanked_event", "strings", "strings_of_event"]

#: Attributes of facts that others are found by: names of cases, stages and definitions. They are never changed.
FIXED = frozenset({
    "id", "case", "key", "cause", "definition", "stage", "origin", "move", "parent", "child", "link", "previous",
    "clock", "rule", "rules", "severity", "verdict", "approval", "covers", "content", "named",
})  # fmt: skip


def strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Each text in a plain value with its path; names of fields count, too."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield f"{path}.{name} (name)", name
            yield from strings(part, f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            yield from strings(part, f"{path}[{number}]")


def strings_of_event(event: Event) -> Iterator[tuple[str, str]]:
    """Each text of a fact with its path; its own attributes have no names that could tell of anybody."""
    for name, value in _attributes(event).items():
        yield from strings(value, name)


def blanked(value: Any, subject: Subject, pseudonym: str | None) -> Any:
    """A plain value without the texts of a person, and with a pseudonym in the place of their ids."""
    if isinstance(value, str):
        return pseudonym if pseudonym is not None and value in subject.ids else subject.blanked(value)
    if isinstance(value, Mapping):
        made: dict[str, Any] = {}
        for name, part in value.items():
            made[_free(subject.blanked(name), made)] = blanked(part, subject, pseudonym)
        return Fields(made)
    if isinstance(value, (list, tuple)):
        return tuple(blanked(part, subject, pseudonym) for part in value)
    return value


def blanked_event(event: Event, subject: Subject, pseudonym: str | None) -> Event:
    """A fact without the texts of a person; what it is counted by stays."""
    changed = {
        name: blanked(value, subject, pseudonym) for name, value in _attributes(event).items() if name not in FIXED
    }
    if isinstance(event, Unknown):
        extra = {**json.loads(event.extra), **{name: changed.pop(name) for name in [*changed] if name in _own(event)}}
        text = json.dumps(_lists(extra), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return attrs.evolve(event, extra=text, **changed)
    return attrs.evolve(event, **changed)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A name of a field that is not taken: two that were different stay two."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free


def _attributes(event: Event) -> dict[str, Any]:
    """Attributes that may hold texts; those of a type that this version does not know, too."""
    found = {
        field.name: value
        for field in attrs.fields(type(event))
        if isinstance(value := getattr(event, field.name), (str, tuple, Mapping))
    }
    if isinstance(event, Unknown):
        del found["extra"]
        found |= {name: json.loads(event.extra)[name] for name in _own(event)}
    return found


def _own(event: Unknown) -> set[str]:
    return {name for name, value in json.loads(event.extra).items() if isinstance(value, (str, list, dict))}


def _lists(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, Mapping):
        return {name: _lists(part) for name, part in value.items()}
    return [_lists(part) for part in value] if isinstance(value, (list, tuple)) else value
