"""Plain data as TOML, laid out to be edited by hand; tomllib reads, nothing in the standard library writes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def from_json(text: str) -> Any:
    """The plain data of a JSON text."""
    return json.loads(text)


def written(plain: Mapping[str, Any]) -> str:
    """The text: single values, then lists of tables, then tables of tables."""
    return "\n".join(_table(_even(plain), ())).strip() + "\n"


def _even(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with a table for every move of a stage that comes after one that needs a table: the order is kept."""
    moves: dict[str, dict[str, Any]] = {}
    for stage, of in plain["moves"].items():
        tables = False
        made = moves[stage] = {}
        for name, move in of.items():
            tables = tables or _spacious(move)
            made[name] = {"to": move} if tables and isinstance(move, str) else move
    links = [{**link, "pipeline": _even(link["pipeline"])} for link in plain.get("links", [])]
    return {**plain, "moves": moves, **({"links": links} if links else {})}


def _table(plain: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The lines of a table: what fits in a line first."""
    later: list[tuple[str, Any]] = []
    for key, value in plain.items():
        # Tables after one with a header have headers, too: their order is kept.
        if _spacious(value) or (later and isinstance(value, dict)):
            later.append((key, value))
        else:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in later:
        inner = (*path, key)
        header = ".".join(map(_key, inner))
        if isinstance(value, list):
            for item in value:
                yield from ("", f"[[{header}]]", *_table(item, inner))
        else:
            body = [*_table(value, inner)]
            # A table of nothing but tables, which begin with an empty line, needs no header of its own.
            if not body or body[0]:
                yield from ("", f"[{header}]")
            yield from body


def _spacious(value: Any) -> bool:
    """Whether a value needs lines of its own: tables at the top, and lists of tables."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict) and (not value or any(isinstance(item, dict | list) for item in value.values()))


def _key(key: str) -> str:
    return key if _BARE.match(key) else _quoted(key)


def _value(value: Any) -> str:
    if value is None:
        return '{ "$null" = true }'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        parts = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
        return f"{{ {parts} }}" if parts else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(letter) or _plain_letter(letter) for letter in text) + '"'


def _plain_letter(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 32 or ord(letter) == 127 else letter
