"""A pipeline as plain data and as TOML, both ways."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, InputError, did_you_mean
from crmkit.pipeline._machine import Guard, name_of

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

__all__ = ["Parts", "from_dict", "read_toml", "to_dict", "to_toml"]

T = TypeVar("T")
_TOP = ("name", "start", "stages", "moves")
_STAGE = ("name", "outcome", "requires", "limit")
_MOVE = ("to", "guard", "requires")


@attrs.frozen
class Parts:
    """A checked definition, before the classes of `definition` are built from it."""

    name: str
    start: str
    stages: list[dict[str, Any]]
    moves: dict[str, dict[str, dict[str, Any]]]

    def stages_of(self, kind: Callable[..., T]) -> list[T]:
        """The stages, built."""
        return [kind(**stage) for stage in self.stages]

    def moves_of(self, kind: Callable[..., T]) -> dict[str, dict[str, T]]:
        """The moves, built."""
        return {stage: {name: kind(**move) for name, move in moves.items()} for stage, moves in self.moves.items()}


def to_dict(pipeline: "Pipeline") -> dict[str, Any]:
    """Plain data; parts that say nothing are left out."""
    return {
        "name": pipeline.name,
        "start": pipeline.start,
        "stages": [
            _without_empty(
                {"name": s.name, "outcome": s.outcome, "requires": list(s.requires), "limit": s.limit}
            )
            for s in pipeline.stages
        ],
        "moves": {
            stage: {
                name: _without_empty(
                    {"to": m.to, "guard": name_of(m.guard) if m.guard else None, "requires": list(m.requires)}
                )
                for name, m in moves.items()
            }
            for stage, moves in pipeline.moves.items()
        },
    }  # fmt: skip


def to_toml(plain: Mapping[str, Any]) -> str:
    """TOML of the plain data, laid out to be edited by hand."""
    lines = [f"name = {_quoted(plain['name'])}", f"start = {_quoted(plain['start'])}"]
    for stage in plain["stages"]:
        lines += ["", "[[stages]]", *(f"{key} = {_value(value)}" for key, value in stage.items())]
    for stage, moves in plain["moves"].items():
        lines += ["", f"[moves.{_quoted(stage)}]"]
        lines += [f"{_quoted(name)} = {_move(move)}" for name, move in moves.items()]
    return "\n".join(lines) + "\n"


def read_toml(text: str) -> dict[str, Any]:
    """The plain data of a TOML text.

    Raises:
        InputError: with the line and column the parser names.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError("pipeline", f"this is no TOML: {error}") from None


def from_dict(plain: Mapping[str, Any], guards: Mapping[str, Guard]) -> Parts:
    """Check the shape of plain data and put the guards in.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """
    found = [*_shape(plain, guards)]
    if found:
        raise DefinitionErrors("the definition cannot be read", found)
    moves = {
        stage: {name: _ready({"to": move} if isinstance(move, str) else move, guards) for name, move in of.items()}
        for stage, of in plain.get("moves", {}).items()
    }
    stages = [{"name": stage} if isinstance(stage, str) else dict(stage) for stage in plain.get("stages", [])]
    return Parts(plain.get("name", ""), plain.get("start", ""), stages, moves)


def _ready(move: Mapping[str, Any], guards: Mapping[str, Guard]) -> dict[str, Any]:
    ready = dict(move)
    if "guard" in ready:
        ready["guard"] = guards[ready["guard"]]
    return ready


def _shape(plain: Mapping[str, Any], guards: Mapping[str, Guard]) -> Iterator[DefinitionError]:
    yield from _keys("the top", plain, _TOP)
    for key in ("name", "start"):
        if not isinstance(plain.get(key, ""), str):
            yield DefinitionError(key, f"is {plain[key]!r}, not a text")
    stages, moves = plain.get("stages", []), plain.get("moves", {})
    if not isinstance(stages, list):
        yield DefinitionError("stages", "is no list; write [[stages]]")
    else:
        for number, stage in enumerate(stages, 1):
            yield from _entry(f"stage {number}", stage, _STAGE, "name")
    if not isinstance(moves, Mapping) or not all(isinstance(of, Mapping) for of in moves.values()):
        yield DefinitionError("moves", 'is no table of tables; write [moves.lead] and then: qualify = "qualified"')
        return
    for origin, of in moves.items():
        for name, move in of.items():
            place = f"moves[{origin!r}][{name!r}]"
            yield from _entry(place, move, _MOVE, "to")
            wanted = move.get("guard") if isinstance(move, Mapping) else None
            if wanted is not None and wanted not in guards:
                hint = did_you_mean(str(wanted), guards) or "; pass the function in guards="
                yield DefinitionError(place, f"no guard {wanted!r}{hint}")


def _entry(place: str, entry: object, keys: tuple[str, ...], needed: str) -> Iterator[DefinitionError]:
    if isinstance(entry, str):
        return
    if not isinstance(entry, Mapping):
        yield DefinitionError(place, f"is {entry!r}; write a name or a table")
        return
    yield from _keys(place, entry, keys)
    for key, value in entry.items():
        many = key == "requires"
        if many and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            yield DefinitionError(place, f"{key} is {value!r}, not a list of field names")
        if not many and not isinstance(value, str):
            yield DefinitionError(place, f"{key} is {value!r}, not a text")
    if needed not in entry:
        yield DefinitionError(place, f"lacks {needed!r}")


def _keys(place: str, entry: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[DefinitionError]:
    for key in entry:
        if key not in known:
            yield DefinitionError(place, f"knows no {key!r}{did_you_mean(str(key), known)}")


def _without_empty(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value not in (None, [])}


def _move(move: Mapping[str, Any]) -> str:
    if move.keys() == {"to"}:
        return _quoted(move["to"])
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in move.items()) + " }"


def _value(value: Any) -> str:
    return "[" + ", ".join(_quoted(item) for item in value) + "]" if isinstance(value, list) else _quoted(value)


def _quoted(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return (
        '"' + "".join(escapes.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c) for c in text) + '"'
    )
