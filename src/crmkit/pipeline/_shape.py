"""Whether plain data has the shape of a definition: one row for each kind of part, all that is wrong, and what is left.

A check gives back the value without what is wrong in it, or `_GONE`, so that the rest can be looked at all the same.
"""

from collections.abc import Callable, Mapping
from typing import Any

from crmkit.errors import DefinitionError, DefinitionErrors, did_you_mean

_Found = list[DefinitionError]
_Check = Callable[[str, Any, _Found], Any]

_GONE: Any = object()
_DEEPEST = 100


def _wrong(what: str, fits: Callable[[object], bool]) -> _Check:
    def check(where: str, value: Any, found: _Found) -> Any:
        if fits(value):
            return value
        found.append(DefinitionError(where, f"is {value!r}, not {what}"))
        return _GONE

    return check


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TEXT = _wrong("a text", _is_text)
_TEXTS = _wrong("a list of texts", _is_texts)
_SWITCH = _wrong("true or false", lambda value: isinstance(value, bool))
_WHOLE = _wrong("a whole number", _is_whole)
_WHOLES = _wrong("a list of whole numbers", lambda value: isinstance(value, list) and all(map(_is_whole, value)))
_LABELS = _wrong(
    "a table from language to text", lambda value: isinstance(value, Mapping) and all(map(_is_text, value.values()))
)
_WEIGHTS = _wrong(
    "a table from person to whole number",
    lambda value: isinstance(value, Mapping) and all(map(_is_whole, value.values())),
)
_DATA = _wrong("a table", lambda value: isinstance(value, Mapping))
_ANY = _wrong("anything", lambda _value: True)


def _table(parts: Mapping[str, _Check], *needed: str, short: bool = False) -> _Check:
    """A table with these keys; where `short`, its name alone will do."""

    def check(where: str, value: Any, found: _Found) -> Any:
        if short and isinstance(value, str):
            return value
        if not isinstance(value, Mapping):
            found.append(DefinitionError(where, f"is {value!r}; write {'a name or a table' if short else 'a table'}"))
            return _GONE
        kept: dict[str, Any] = {}
        for key, item in value.items():
            place = inner(where, key)
            if key not in parts:
                found.append(DefinitionError(place, f"is not known here{did_you_mean(str(key), parts)}"))
            else:
                kept[key] = parts[key](place, item, found)
        found += [DefinitionError(where, f"lacks {key!r}") for key in needed if key not in value]
        kept = {key: item for key, item in kept.items() if item is not _GONE}
        return kept if kept.keys() >= {*needed} else _GONE

    return check


def _several(check: _Check, header: str) -> _Check:
    """A list of tables."""

    def checks(where: str, value: Any, found: _Found) -> Any:
        if not isinstance(value, list):
            found.append(DefinitionError(where, f"is no list; write [[{header}]]"))
            return _GONE
        made = [check(f"{where}[{number}]", item, found) for number, item in enumerate(value)]
        return [item for item in made if item is not _GONE]

    return checks


def _one_or_more(check: _Check) -> _Check:
    def checks(where: str, value: Any, found: _Found) -> Any:
        if not isinstance(value, list):
            return check(where, value, found)
        made = [check(f"{where}[{number}]", item, found) for number, item in enumerate(value)]
        # The others would be counted wrongly without the one that is gone.
        return _GONE if _GONE in made else made

    return checks


def _moves(where: str, value: Any, found: _Found) -> Any:
    if not isinstance(value, Mapping) or not all(isinstance(of, Mapping) for of in value.values()):
        found.append(
            DefinitionError(where, 'is no table of tables; write [moves.lead] and then: qualify = "qualified"')
        )
        return _GONE
    made: dict[str, dict[str, Any]] = {}
    for stage, of in value.items():
        read = {name: _MOVE(f"moves[{stage!r}][{name!r}]", move, found) for name, move in of.items()}
        made[stage] = {name: move for name, move in read.items() if move is not _GONE}
    return made


def _approval(where: str, value: Any, found: _Found) -> Any:
    made = _APPROVAL(where, value, found)
    if made is _GONE and isinstance(value, Mapping) and isinstance(value.get("name"), str):
        # Moves ask for it by its name, whatever is wrong with it.
        return {"name": value["name"], "panels": []}
    return made


_GUARD = _table(
    {"python": _TEXT, "condition": _TEXT, "name": _TEXT, "kind": _TEXT, "on_null": _TEXT, "message": _LABELS,
     "severity": _TEXT, "then": _TEXT, "source": _TEXT},
    short=True,
)  # fmt: skip
_EFFECTS = _one_or_more(_table({"kind": _TEXT, "data": _DATA}, "kind", short=True))
_STAGE = _table(
    {"name": _TEXT, "outcome": _TEXT, "requires": _TEXTS, "limit": _TEXT, "locked": _TEXTS, "labels": _LABELS,
     "note": _TEXT},
    "name", short=True,
)  # fmt: skip
_MOVE = _table(
    {"to": _TEXT, "guard": _one_or_more(_GUARD), "requires": _TEXTS, "roles": _TEXTS, "approval": _TEXT,
     "effects": _EFFECTS, "labels": _LABELS, "note": _TEXT},
    "to", short=True,
)  # fmt: skip
_PANEL = _table({
    "people": _TEXTS, "roles": _TEXTS, "fields": _TEXTS, "mode": _TEXT, "quorum": _WHOLE, "weights": _WEIGHTS,
    "empty": _TEXT, "deputies": _TEXTS, "own": _TEXT,
})  # fmt: skip
_APPROVAL = _table(
    {"name": _TEXT, "panels": _several(_PANEL, "approvals.panels"), "covers": _TEXTS, "when": _TEXT, "repeated": _TEXT,
     "separate": _SWITCH},
    "name", "panels",
)  # fmt: skip
_CLOCK = _table(
    {"name": _TEXT, "limit": _TEXT, "stop": _TEXT, "start": _TEXT, "pause": _TEXT, "resume": _TEXT, "reset": _TEXT,
     "warn": _WHOLES, "effects": _EFFECTS, "note": _TEXT},
    "name", "limit", "stop",
)  # fmt: skip
_LINK = _table({"name": _TEXT, "pipeline": _DATA, "stages": _TEXTS}, "name", "pipeline")
_TOP = _table({
    "name": _TEXT, "start": _TEXT, "labels": _LABELS, "source": _TEXT, "skip": _SWITCH, "back": _SWITCH,
    "reopen": _SWITCH, "stages": _several(_STAGE, "stages"), "moves": _moves, "schema": _several(_ANY, "schema"),
    "rules": _DATA, "approvals": _several(_approval, "approvals"), "clocks": _several(_CLOCK, "clocks"),
    "links": _several(_LINK, "links"),
})  # fmt: skip


def checked(plain: object) -> tuple[dict[str, Any], list[DefinitionError]]:
    """The part of plain data that has the right shape, and everything wrong with the rest.

    Raises:
        DefinitionErrors: if it is no table, or nests too deep.
    """
    found: list[DefinitionError] = []
    if _deep(plain):
        found.append(DefinitionError("the definition", f"nests deeper than {_DEEPEST} levels"))
    elif isinstance(plain, Mapping):
        return _TOP("", plain, found), found
    else:
        found.append(DefinitionError("the definition", f"is {plain!r}; write a table"))
    raise DefinitionErrors("the definition cannot be read", found)


def inner(where: str, key: object) -> str:
    """The place of a key in a table."""
    if isinstance(key, str) and key.isidentifier():
        return f"{where}.{key}" if where else key
    return f"{where}[{key!r}]"


def _deep(plain: object) -> bool:
    """Whether data nests too deep; asked level by level, for no stack is deep enough."""
    level = [plain]
    for _ in range(_DEEPEST):
        level = [
            item
            for value in level
            if isinstance(value, Mapping | list)
            for item in (value.values() if isinstance(value, Mapping) else value)
        ]
    return bool(level)
