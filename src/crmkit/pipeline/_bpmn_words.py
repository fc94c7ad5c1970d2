"""What writing and reading BPMN have in common: names, and how a pipeline's own words look in XML."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
OURS = "urn:crmkit:bpmn"
FEEL = "https://www.omg.org/spec/DMN/20230324/FEEL/"

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LIMIT = re.compile(r"(?P<number>[\d.]+) (?:business )?(?P<unit>minute|hour|day|week)s?\Z")
_DURATIONS = {"minute": "PT{}M", "hour": "PT{}H", "day": "P{}D", "week": "P{}W"}
_DURATION = re.compile(r"P(?:(?P<week>[\d.]+)W|(?P<day>[\d.]+)D|T(?P<hour>[\d.]+)H|T(?P<minute>[\d.]+)M)\Z")


def shown(text: str) -> str:
    """A text without the characters that XML has none of."""
    return _FORBIDDEN.sub("\ufffd", text)


def duration(limit: str) -> str:
    """A time limit as ISO 8601 has it; that business time is meant, only our own part says."""
    found = _LIMIT.match(limit)
    return _DURATIONS[found["unit"]].format(found["number"]) if found else limit


def limit_of(text: str) -> str | None:
    """The time limit of a duration with one part; None if it is something else."""
    found = _DURATION.match(text.strip())
    if found is None:
        return None
    unit, number = next((unit, number) for unit, number in found.groupdict().items() if number)
    return f"{number} {unit}{'' if number == '1' else 's'}"


def condition(guards: Any) -> str:
    """The guards of a move's plain data as one condition; those in Python are not in it."""
    texts = [one if isinstance(one, str) else one.get("condition", "") for one in listed(guards)]
    texts = [shown(text) for text in texts if text]
    return texts[0] if len(texts) == 1 else " and ".join(f"({text})" for text in texts)


def listed(value: Any) -> list[Any]:
    """One or several as several."""
    return value if isinstance(value, list) else [value]


def lane_of(moves: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The roles that all moves out of a stage have; none if they differ."""
    roles = {tuple(move.get("roles", ())) for move in moves}
    return roles.pop() if len(roles) == 1 else ()


def lane_name(roles: Iterable[str]) -> str:
    """What a lane for roles is called."""
    return shown(" / ".join(roles))
