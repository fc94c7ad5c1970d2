"""Patterns matched in time linear in the text, for `matches`, `replace` and `split`.

All alternatives are followed at once: after Thompson (1968) to see whether there is a match, after Pike (1987) to see
where it is and what its groups matched. No pattern can make either go back.
"""

from functools import lru_cache

import attrs

from crmkit.rules.feel._regex_syntax import Parser, PatternError, Program, Step

__all__ = ["Pattern", "PatternError", "compile_pattern"]

_FLAGS = frozenset("smixq")
_MOST_WORK = 3_000_000
_Caught = tuple[int | None, ...]


@attrs.frozen
class Pattern:
    """A compiled pattern.

    Attributes:
        program: its instructions.
        ignore_case: whether capitals and small letters are alike.
        lines: whether ^ and $ match at the ends of lines too.
        literal: whether a replacement is taken as it is written.
    """

    program: Program
    ignore_case: bool
    lines: bool
    literal: bool

    def search(self, text: str) -> bool:
        """Whether the pattern matches somewhere in the text."""
        machine = _Machine(self, text)
        return machine.search()

    def replace(self, text: str, replacement: str) -> str:
        """The text with every match replaced; $1 is what the first group matched, $0 the whole match.

        Raises:
            PatternError: if the pattern matches nothing at all, or the replacement has a lone $ or backslash.
        """
        parts = [replacement] if self.literal else _replacement(replacement, self.program.groups)
        pieces: list[str] = []
        end = 0
        for caught in self._matches(text):
            pieces.append(text[end : caught[0]])
            pieces += [part if isinstance(part, str) else _group(text, caught, part) for part in parts]
            end = caught[1] or 0
        return "".join([*pieces, text[end:]])

    def split(self, text: str) -> list[str]:
        """The pieces between the matches; no pieces of no text.

        Raises:
            PatternError: if the pattern matches nothing at all.
        """
        if not text:
            return []
        pieces: list[str] = []
        end = 0
        for caught in self._matches(text):
            pieces.append(text[end : caught[0]])
            end = caught[1] or 0
        return [*pieces, text[end:]]

    def _matches(self, text: str) -> list[_Caught]:
        if self.search(""):
            raise PatternError("the pattern matches the empty string")
        machine = _Machine(self, text)
        found: list[_Caught] = []
        position = 0
        while (caught := machine.first(position)) is not None:
            found.append(caught)
            position = caught[1] or 0
        return found


def _group(text: str, caught: _Caught, number: int) -> str:
    start, end = caught[2 * number], caught[2 * number + 1]
    return "" if start is None or end is None else text[start:end]


def _replacement(text: str, groups: int) -> list[str | int]:
    """The pieces of a replacement: texts, and numbers of groups."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        character, following = text[position], text[position + 1 : position + 2]
        if character == "\\":
            if following not in {"\\", "$"} or not following:
                raise PatternError("a backslash in a replacement stands before \\ or $", position)
            parts.append(following)
            position += 2
        elif character == "$":
            digits = _number(text, position + 1, groups)
            parts.append(int(digits))
            position += 1 + len(digits)
        else:
            parts.append(character)
            position += 1
    return parts


def _number(text: str, start: int, groups: int) -> str:
    """The digits of a group's number: as many as still name a group."""
    end = start
    while end < len(text) and text[end] in "0123456789" and (end == start or int(text[start : end + 1]) <= groups):
        end += 1
    if end == start:
        raise PatternError("a $ in a replacement stands before a number, or is written \\$", start - 1)
    digits = text[start:end]
    return digits if int(digits) <= groups else _unknown_group(digits)


def _unknown_group(digits: str) -> str:
    raise PatternError(f"the pattern has no group {digits}")


class _Machine:
    """One pattern on one text."""

    def __init__(self, pattern: Pattern, text: str) -> None:
        self.pattern, self.text = pattern, text
        self.steps = pattern.program.steps
        self.work = 0
        self.known: dict[tuple[int, str], bool] = {}

    def reads(self, place: int, character: str) -> bool:
        """Whether the instruction reads the character."""
        key = place, character
        found = self.known.get(key)
        if found is None:
            chars = self.steps[place].chars
            found = chars is not None and chars.has(character, ignore_case=self.pattern.ignore_case)
            self.known[key] = found
        return found

    def at_start(self, position: int) -> bool:
        """Whether ^ matches; in lines also behind each end of a line but the last of the text."""
        if position == 0:
            return True
        return self.pattern.lines and position < len(self.text) and self.text[position - 1] == "\n"

    def at_end(self, position: int) -> bool:
        """Whether $ matches; in lines also before each end of a line."""
        if position == len(self.text):
            return True
        return self.pattern.lines and self.text[position] == "\n"

    def search(self) -> bool:
        """Whether there is a match: the set of places the program can be at, one character at a time."""
        cache: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        # Where ^ and $ depend on more than the two ends, the same places may lead on differently.
        plain = not self.pattern.lines and not any(step.op in {"start", "end"} for step in self.steps)
        places = self._closed({0}, 0)
        if plain and -1 in places:
            return True
        begin = self._closed({0}, 1) if plain else frozenset()
        for position, character in enumerate(self.text):
            if -1 in places:
                return True
            key = places, character
            following = cache.get(key) if plain else None
            if following is None:
                moved = {place + 1 for place in places if self.reads(place, character)}
                following = self._closed(moved, position + 1) | (begin or self._closed({0}, position + 1))
                if plain and len(cache) < _MOST_STATES:
                    cache[key] = following
            places = following
        return -1 in places

    def _closed(self, places: set[int], position: int) -> frozenset[int]:
        """All places that can be reached without reading; -1 is a match."""
        found: set[int] = set()
        waiting = list(places)
        seen: set[int] = set()
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            step = self.steps[place]
            if step.op == "chars":
                found.add(place)
            elif step.op == "match":
                found.add(-1)
            else:
                waiting += self._onward(step, place, position)
        return frozenset(found)

    def _onward(self, step: Step, place: int, position: int) -> tuple[int, ...]:
        """Where an instruction that reads nothing leads, the preferred way first."""
        match step.op:
            case "split":
                return step.first, step.second
            case "jump":
                return (step.first,)
            case "start":
                return (place + 1,) if self.at_start(position) else ()
            case "end":
                return (place + 1,) if self.at_end(position) else ()
            case _:
                return (place + 1,)

    def first(self, start: int) -> _Caught | None:
        """The leftmost match from a position on, and what its groups matched; None if there is none."""
        nothing: _Caught = (None,) * (2 * self.pattern.program.groups + 2)
        threads: list[tuple[int, _Caught]] = []
        best: _Caught | None = None
        for position in range(start, len(self.text) + 1):
            if best is None:
                threads = self._threads([*threads, (0, nothing)], position)
            elif not threads:
                break
            character = self.text[position] if position < len(self.text) else ""
            moved: list[tuple[int, _Caught]] = []
            for place, caught in threads:
                if self.steps[place].op == "match":
                    # Those behind it are less preferred.
                    best = caught
                    break
                if character and self.reads(place, character):
                    moved.append((place + 1, caught))
            threads = self._threads(moved, position + 1) if best is not None else moved
        return best

    def _threads(self, waiting: list[tuple[int, _Caught]], position: int) -> list[tuple[int, _Caught]]:
        """The threads that stand before a character, in order of preference, one for each place."""
        found: list[tuple[int, _Caught]] = []
        seen: set[int] = set()
        stack = waiting[::-1]
        while stack:
            place, caught = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            self.work += 1
            if self.work > _MOST_WORK:
                raise PatternError("matching takes too long")
            step = self.steps[place]
            if step.op in {"chars", "match"}:
                found.append((place, caught))
                continue
            if step.op == "save":
                caught = (*caught[: step.first], position, *caught[step.first + 1 :])
            stack += [(onward, caught) for onward in reversed(self._onward(step, place, position))]
        return found


_MOST_STATES = 10_000


@lru_cache(maxsize=512)
def compile_pattern(pattern: str, flags: str = "") -> Pattern:
    """A pattern of XPath, made ready.

    Args:
        pattern: the pattern.
        flags: s (dot matches ends of lines), m (^ and $ match at lines), i (no regard to case), x (white space does
            not count), q (no character is special).

    Raises:
        PatternError: if it is none, or too large.
    """
    for flag in flags:
        if flag not in _FLAGS:
            raise PatternError(f"there is no flag {flag!r}")
    if "q" in flags:
        pattern = "".join(f"\\{c}" if c in ".\\?*+(){}[]|^$-" else c for c in pattern)
    program = Parser(pattern, flags.replace("x", "") if "q" in flags else flags).program()
    return Pattern(program, "i" in flags, "m" in flags and "q" not in flags, "q" in flags)
