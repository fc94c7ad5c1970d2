"""Whether plain data has the shape of a definition: one row for each kind of part, and all that is wrong at once."""

from collections.abc import Callable, Iterator, Mapping

from crmkit.errors import DefinitionError, did_you_mean

_Check = Callable[[str, object], Iterator[DefinitionError]]


def _wrong(what: str, fits: Callable[[object], bool]) -> _Check:
    def check(place: str, value: object) -> Iterator[DefinitionError]:
        if not fits(value):
            yield DefinitionError(place, f"is {value!r}, not {what}")

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
_ANY = _wrong("anything", lambda _value: True)


def _table(parts: Mapping[str, _Check], *needed: str, short: bool = False) -> _Check:
    """A table with these keys; where `short`, its name alone will do."""

    def check(place: str, value: object) -> Iterator[DefinitionError]:
        if short and isinstance(value, str):
            return
        if not isinstance(value, Mapping):
            wanted = "a name or a table" if short else "a table"
            yield DefinitionError(place, f"is {value!r}; write {wanted}")
            return
        for key, item in value.items():
            if key not in parts:
                yield DefinitionError(place, f"knows no {key!r}{did_you_mean(str(key), parts)}")
            else:
                yield from parts[key](f"{place}.{key}" if place else key, item)
        for key in needed:
            if key not in value:
                yield DefinitionError(place or "the top", f"lacks {key!r}")

    return check


def _several(check: _Check, header: str) -> _Check:
    """A list of tables."""

    def checks(place: str, value: object) -> Iterator[DefinitionError]:
        if not isinstance(value, list):
            yield DefinitionError(place, f"is no list; write [[{header}]]")
            return
        for number, item in enumerate(value):
            yield from check(f"{place}[{number}]", item)

    return checks


def _one_or_more(check: _Check) -> _Check:
    def checks(place: str, value: object) -> Iterator[DefinitionError]:
        for item in value if isinstance(value, list) else [value]:
            yield from check(place, item)

    return checks


def _moves(place: str, value: object) -> Iterator[DefinitionError]:
    if not isinstance(value, Mapping) or not all(isinstance(of, Mapping) for of in value.values()):
        yield DefinitionError(place, 'is no table of tables; write [moves.lead] and then: qualify = "qualified"')
        return
    for stage, of in value.items():
        for name, move in of.items():
            yield from _MOVE(f"moves[{stage!r}][{name!r}]", move)


def _link(place: str, value: object) -> Iterator[DefinitionError]:
    yield from _table({"name": _TEXT, "pipeline": _ANY, "stages": _TEXTS}, "name", "pipeline")(place, value)
    if isinstance(value, Mapping) and "pipeline" in value:
        yield from _TOP(f"{place}.pipeline", value["pipeline"])


_GUARD = _table(
    {"python": _TEXT, "condition": _TEXT, "name": _TEXT, "on_null": _TEXT, "message": _LABELS, "severity": _TEXT,
     "source": _TEXT},
    short=True,
)  # fmt: skip
_EFFECTS = _one_or_more(_table({"kind": _TEXT, "data": _ANY}, "kind", short=True))
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
_TOP = _table({
    "name": _TEXT, "start": _TEXT, "labels": _LABELS, "source": _TEXT, "skip": _SWITCH, "back": _SWITCH,
    "reopen": _SWITCH, "stages": _several(_STAGE, "stages"), "moves": _moves, "schema": _ANY, "rules": _ANY,
    "approvals": _several(_APPROVAL, "approvals"), "clocks": _several(_CLOCK, "clocks"),
    "links": _several(_link, "links"),
})  # fmt: skip


def problems(plain: object) -> Iterator[DefinitionError]:
    """Everything wrong with the shape of plain data."""
    return _TOP("", plain)
