"""Patterns to programs: the syntax of XPath 3.1 (F&O 5.6.1), compiled after Thompson (1968).

A program is a list of instructions for a machine that follows all alternatives at once, so that no pattern can make
it go back. Back-references, which only going back can match, are refused.
"""

from typing import Literal, NoReturn, TypeAlias

import attrs

from crmkit.rules.feel._regex_classes import ALL, DOT, ESCAPED, CharSet, category, one

_LONGEST, _MOST, _DEEPEST, _MOST_GROUPS = 2_000, 20_000, 100, 100
_LITERAL_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_SPECIAL = frozenset(".\\?*+(){}[]|^$-")
_ANCHORS: dict[str, Literal["start", "end"]] = {"^": "start", "$": "end"}


@attrs.define
class PatternError(Exception):
    """A text that is no pattern, or one that cannot be matched in linear time.

    Attributes:
        why: what is wrong.
        position: where, counted from 0.
    """

    why: str
    position: int = 0

    def __str__(self) -> str:
        return f"{self.why} (position {self.position + 1} of the pattern)"


#: `chars` reads one character; `split` goes both ways, `first` before `second`; `save` notes the place.
Op: TypeAlias = Literal["chars", "split", "jump", "save", "start", "end", "match"]


@attrs.frozen
class Step:
    """One instruction."""

    op: Op
    chars: CharSet | None = None
    first: int = 0
    second: int = 0


@attrs.frozen
class Program:
    """A compiled pattern: its instructions, and how many groups it has."""

    steps: tuple[Step, ...]
    groups: int


class Parser:
    """Reads a pattern and writes its program as it goes."""

    def __init__(self, pattern: str, flags: str) -> None:
        self.text = _without_spaces(pattern) if "x" in flags else pattern
        self.dot = ALL if "s" in flags else DOT
        self.position = self.depth = self.groups = 0
        self.steps: list[Step] = []
        self.closed: set[int] = set()
        if len(self.text) > _LONGEST:
            raise PatternError(f"the pattern is longer than {_LONGEST} characters", _LONGEST)

    def fail(self, why: str, position: int | None = None) -> NoReturn:
        """Refuse the pattern."""
        raise PatternError(why, self.position if position is None else position)

    def program(self) -> Program:
        """The program of the whole pattern."""
        self.add(Step("save", first=0))
        self.alternatives()
        if self.position < len(self.text):
            self.fail("a closing parenthesis has none to close")
        self.add(Step("save", first=1))
        self.add(Step("match"))
        return Program(tuple(self.steps), self.groups)

    def add(self, step: Step) -> int:
        """Write an instruction; where it stands."""
        if len(self.steps) >= _MOST:
            self.fail(f"the pattern grows to more than {_MOST:,} steps")
        self.steps.append(step)
        return len(self.steps) - 1

    def at(self, text: str) -> bool:
        """Whether a text comes next."""
        return self.text.startswith(text, self.position)

    def take(self, text: str) -> bool:
        """Read a text if it comes next."""
        found = self.at(text)
        self.position += len(text) * found
        return found

    def next(self) -> str:
        """Read a character."""
        if self.position >= len(self.text):
            self.fail("the pattern ends too early")
        self.position += 1
        return self.text[self.position - 1]

    def alternatives(self) -> None:
        """Branches with | between them."""
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"the pattern nests deeper than {_DEEPEST} levels")
        jumps: list[int] = []
        while True:
            split = self.add(Step("split"))
            self.branch()
            if not self.take("|"):
                # The last branch needs no way past it.
                self.steps[split] = Step("jump", first=split + 1)
                break
            jumps.append(self.add(Step("jump")))
            self.steps[split] = Step("split", first=split + 1, second=len(self.steps))
        for jump in jumps:
            self.steps[jump] = Step("jump", first=len(self.steps))
        self.depth -= 1

    def branch(self) -> None:
        """Pieces one after another."""
        while self.position < len(self.text) and not self.at("|") and not self.at(")"):
            start, text_start, groups = len(self.steps), self.position, self.groups
            self.atom()
            bounds = self.quantifier()
            if bounds is not None:
                self.repeat(start, (text_start, groups), bounds)

    def atom(self) -> None:
        """One character, class, anchor or group."""
        start = self.position
        character = self.next()
        match character:
            case "(":
                self.group()
            case "[":
                self.add(Step("chars", self.char_class()))
            case ".":
                self.add(Step("chars", self.dot))
            case "\\":
                self.add(Step("chars", self.escape(in_class=False)))
            case "^" | "$":
                self.add(Step(_ANCHORS[character]))
            case "?" | "*" | "+" | "{" | "}" | "]":
                self.fail(f"{character!r} stands where a character should; write \\{character}", start)
            case _:
                self.add(Step("chars", one(character)))

    def group(self) -> None:
        """What stands in parentheses, kept or not."""
        start = self.position - 1
        if self.take("?:"):
            self.alternatives()
        elif self.at("?"):
            self.fail("'(?' begins only '(?:'", start)
        else:
            self.groups += 1
            number = self.groups
            if number > _MOST_GROUPS:
                self.fail(f"the pattern has more than {_MOST_GROUPS} groups", start)
            self.add(Step("save", first=2 * number))
            self.alternatives()
            self.add(Step("save", first=2 * number + 1))
            self.closed.add(number)
        if not self.take(")"):
            self.fail("a parenthesis is not closed", start)

    def quantifier(self) -> tuple[int, int | None, bool] | None:
        """Least, most (None for any number) and greedy; None without a quantifier."""
        if self.take("?"):
            bounds: tuple[int, int | None] = (0, 1)
        elif self.take("*"):
            bounds = (0, None)
        elif self.take("+"):
            bounds = (1, None)
        elif self.take("{"):
            bounds = self.counts()
        else:
            return None
        least, most = bounds
        return least, most, not self.take("?")

    def counts(self) -> tuple[int, int | None]:
        """`{n}`, `{n,}` or `{n,m}`."""
        start = self.position - 1
        end = self.text.find("}", self.position)
        low, comma, high = self.text[self.position : end if end >= 0 else self.position].partition(",")
        if end < 0 or not _digits(low) or (high and not _digits(high)):
            self.fail("expected {n}, {n,} or {n,m}", start)
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if most is not None and most < least:
            self.fail("the least number is greater than the most", start)
        self.position = end + 1
        return least, most

    def repeat(self, start: int, source: tuple[int, int], bounds: tuple[int, int | None, bool]) -> None:
        """Write a piece as often as it is wanted: its program is moved to each place."""
        least, most, greedy = bounds
        body = self.steps[start:]
        del self.steps[start:]
        if least > _MOST or (most or 0) > _MOST:
            self.fail(f"the pattern grows to more than {_MOST:,} steps", source[0])
        for _ in range(least):
            self.copy(body, start)
        if most is None:
            split = self.add(Step("split"))
            self.copy(body, start)
            self.add(Step("jump", first=split))
            self.steps[split] = self.fork(split, greedy=greedy)
            return
        splits: list[int] = []
        for _ in range(most - least):
            splits.append(self.add(Step("split")))
            self.copy(body, start)
        for split in splits:
            self.steps[split] = self.fork(split, greedy=greedy)

    def fork(self, split: int, *, greedy: bool) -> Step:
        """Into the piece or past it, whichever is tried first."""
        inside, past = split + 1, len(self.steps)
        return Step("split", first=inside, second=past) if greedy else Step("split", first=past, second=inside)

    def copy(self, body: list[Step], start: int) -> None:
        """Write a piece again, its jumps moved along."""
        move = len(self.steps) - start
        for step in body:
            moved = step.op in {"split", "jump"}
            self.add(attrs.evolve(step, first=step.first + move, second=step.second + move) if moved else step)

    # -- classes

    def escape(self, *, in_class: bool) -> CharSet:
        """What a backslash stands for."""
        start = self.position - 1
        character = self.next()
        if character in _SPECIAL:
            return one(character)
        if character in _LITERAL_ESCAPES:
            return one(_LITERAL_ESCAPES[character])
        if character in "pP":
            return self.category(start, negated=character == "P")
        if character.isdigit() and not in_class and int(character) in self.closed:
            self.fail("back-references cannot be matched in linear time", start)
        if character not in ESCAPED:
            self.fail(f"'\\{character}' means nothing", start)
        return ESCAPED[character]

    def category(self, start: int, *, negated: bool) -> CharSet:
        """A category or block in braces."""
        end = self.text.find("}", self.position)
        if not self.at("{") or end < 0:
            self.fail("expected a category in braces, as in \\p{Lu}", start)
        name = self.text[self.position + 1 : end]
        found = category(name)
        if found is None:
            self.fail(f"there is no category or block {name!r}", start)
        self.position = end + 1
        return attrs.evolve(found, negated=negated)

    def char_class(self) -> CharSet:
        """What stands in brackets, behind the opening one."""
        start = self.position - 1
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"the pattern nests deeper than {_DEEPEST} levels")
        negated = self.take("^")
        parts: list[CharSet] = []
        less: CharSet | None = None
        while not self.at("]"):
            if parts and self.take("-["):
                less = self.char_class()
                break
            parts.append(self.member(first=not parts))
        if not parts:
            self.fail("the class is empty", start)
        if not self.take("]"):
            self.fail("the class is not closed", start)
        self.depth -= 1
        ranges = tuple(pair for part in parts if not part.negated for pair in part.ranges)
        tests = tuple(test for part in parts if not part.negated for test in part.tests)
        others = tuple(part.has for part in parts if part.negated)
        return CharSet(ranges, (*tests, *others), negated, less)

    def member(self, *, first: bool) -> CharSet:
        """One character, range or escape of a class."""
        start = self.position
        low = self.single(first=first)
        if len(low.ranges) != 1 or low.ranges[0][0] != low.ranges[0][1]:
            return low
        if not self.at("-") or self.at("-[") or self.at("-]"):
            return low
        self.position += 1
        high = self.single(first=False)
        if len(high.ranges) != 1 or high.ranges[0][1] < low.ranges[0][0]:
            self.fail("the range ends before it begins", start)
        return CharSet(((low.ranges[0][0], high.ranges[0][1]),))

    def single(self, *, first: bool) -> CharSet:
        """One character of a class."""
        character = self.next()
        if character == "\\":
            return self.escape(in_class=True)
        if character == "[" or (character == "-" and not first and not self.at("]")):
            self.fail(f"{character!r} stands where a character should; write \\{character}", self.position - 1)
        return one(character)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9


def _without_spaces(pattern: str) -> str:
    """The pattern without white space, but for that in classes."""
    kept: list[str] = []
    depth = 0
    escaped = False
    for character in pattern:
        if not escaped:
            depth += (character == "[") - (character == "]" and depth > 0)
        if depth or character not in " \t\r\n":
            kept.append(character)
        escaped = character == "\\" and not escaped
    return "".join(kept)
