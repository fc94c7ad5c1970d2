"""Patterns to programs: the syntax of XPath 3.1 (F&O 5.6.1, XML Schema 1.1 part 2, G), compiled after Thompson (1968).

A piece of a pattern is a list of steps whose jumps are distances, so that pieces are put together, and repeated, as
lists are. Groups that are open wait on a stack of ours: no pattern can exhaust Python's.
"""

from typing import Final, Literal, NoReturn, TypeAlias

import attrs

from crmkit.rules.feel._regex_classes import ALL, DOT, ESCAPED, CharClass, CharSet, category, one

__all__ = ["LONGEST", "MOST_STEPS", "Parser", "PatternError", "Program", "Step"]

LONGEST: Final = 2_000
MOST_STEPS: Final = 20_000
_DEEPEST, _MOST_GROUPS = 100, 100
_TYPED = {"n": "\n", "r": "\r", "t": "\t"}
_SPECIAL = frozenset(".\\?*+(){}[]|^$-")


@attrs.frozen
class PatternError(ValueError):
    """A text that is no pattern or no replacement, or that cannot be matched in linear time.

    Attributes:
        message: what is wrong.
        position: where in the pattern or replacement, counted from 0.
    """

    message: str
    position: int = 0

    def __str__(self) -> str:
        return f"{self.message} (character {self.position + 1})"


#: `chars` reads one character; `split` goes both ways, `first` before `second`; `save` notes the place in a slot.
Op: TypeAlias = Literal["chars", "split", "jump", "save", "start", "end", "match"]


@attrs.frozen
class Step:
    """One instruction.

    Attributes:
        op: what it does.
        chars: what `chars` reads.
        first: how far `split` and `jump` go; the slot of `save`.
        second: how far `split` goes if `first` leads to no match.
    """

    op: Op
    chars: CharClass | None = None
    first: int = 1
    second: int = 0


@attrs.frozen
class Program:
    """A compiled pattern: its instructions, and how many groups it has."""

    steps: tuple[Step, ...]
    groups: int


@attrs.define
class _Open:
    """A group that is being read; the outermost is the pattern itself, number 0."""

    start: int
    number: int | None
    branches: list[list[Step]] = attrs.Factory(lambda: [[]])


class Parser:
    """Reads one pattern.

    Raises:
        PatternError: if the text is no pattern, or too large.
    """

    def __init__(self, pattern: str, flags: str) -> None:
        if len(pattern) > LONGEST:
            raise PatternError(f"the pattern is longer than {LONGEST:,} characters", LONGEST)
        kept = _meant(pattern) if "x" in flags else range(len(pattern))
        self.text = "".join(pattern[place] for place in kept)
        # A fault is told where the author wrote it, white space and all.
        self.places = [*kept, len(pattern)]
        self.dot = CharClass((ALL if "s" in flags else DOT,))
        self.fold = "i" in flags
        self.position = self.groups = 0
        self.open = [_Open(0, 0)]
        self.closed: set[int] = set()

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        """Refuse the pattern."""
        raise PatternError(message, self.places[self.position if position is None else position])

    def literal(self) -> Program:
        """The program that takes every character as it is."""
        for character in self.text:
            self.add([self.reading(character)])
        return self.finished()

    def program(self) -> Program:
        """The program of the whole pattern."""
        while self.position < len(self.text):
            match self.next():
                case "(":
                    self.begin()
                case "|":
                    self.open[-1].branches.append([])
                case ")":
                    self.add(self.repeated(self.end()))
                case character:
                    self.add(self.repeated([self.atom(character)]))
        if len(self.open) > 1:
            self.fail("a parenthesis is not closed", self.open[-1].start)
        return self.finished()

    def finished(self) -> Program:
        """What has been read, as a program."""
        return Program((*self.sized(_either(self.open[0].branches)), Step("match")), self.groups)

    def sized(self, steps: list[Step]) -> list[Step]:
        """The steps, unless they are too many."""
        if len(steps) > MOST_STEPS:
            self.too_large()
        return steps

    def too_large(self) -> NoReturn:
        """Refuse what would grow too large."""
        self.fail(f"the pattern grows to more than {MOST_STEPS:,} steps")

    def add(self, steps: list[Step]) -> None:
        """Go on with these steps."""
        branch = self.open[-1].branches[-1]
        branch += steps
        self.sized(branch)

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

    # -- pieces

    def begin(self) -> None:
        """A parenthesis opens."""
        start = self.position - 1
        if len(self.open) > _DEEPEST:
            self.fail(f"the pattern nests deeper than {_DEEPEST} levels", start)
        if self.take("?:"):
            self.open.append(_Open(start, None))
            return
        if self.at("?"):
            self.fail("'(?' begins only '(?:'", start)
        self.groups += 1
        if self.groups > _MOST_GROUPS:
            self.fail(f"the pattern has more than {_MOST_GROUPS} groups", start)
        self.open.append(_Open(start, self.groups))

    def end(self) -> list[Step]:
        """A parenthesis closes."""
        if len(self.open) == 1:
            self.fail("a closing parenthesis has none to close", self.position - 1)
        group = self.open.pop()
        body = _either(group.branches)
        if group.number is None:
            return body
        self.closed.add(group.number)
        return [Step("save", first=2 * group.number), *body, Step("save", first=2 * group.number + 1)]

    def reading(self, character: str) -> Step:
        """Read this character."""
        return Step("chars", CharClass((one(character, fold=self.fold),)))

    def atom(self, character: str) -> Step:
        """One character, class or anchor."""
        if character in "?*+{}]":
            self.fail(f"{character!r} stands where a character should; write \\{character}", self.position - 1)
        match character:
            case "[":
                return Step("chars", self.char_class())
            case ".":
                return Step("chars", self.dot)
            case "\\":
                return Step("chars", CharClass((self.escape(in_class=False),)))
            case "^":
                return Step("start")
            case "$":
                return Step("end")
            case _:
                return self.reading(character)

    def repeated(self, body: list[Step]) -> list[Step]:
        """A piece as often as its quantifier says."""
        if self.take("?"):
            bounds: tuple[int, int | None] = (0, 1)
        elif self.take("*"):
            bounds = (0, None)
        elif self.take("+"):
            bounds = (1, None)
        elif self.take("{"):
            bounds = self.counts()
        else:
            return body
        greedy = not self.take("?")
        least, most = bounds
        # Only an estimate, but never too small: what grows beyond it is not even built.
        if len(body) * max(least, most or 0) > MOST_STEPS:
            self.too_large()
        return _times(body, least, most, greedy=greedy) if body else []

    def counts(self) -> tuple[int, int | None]:
        """`{n}`, `{n,}` or `{n,m}`."""
        start = self.position - 1
        end = self.text.find("}", self.position)
        low, comma, high = self.text[self.position : max(end, 0)].partition(",")
        if not _digits(low) or (high and not _digits(high)):
            self.fail("expected {n}, {n,} or {n,m}", start)
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if most is not None and most < least:
            self.fail("the least number is greater than the most", start)
        self.position = end + 1
        return least, most

    # -- characters

    def escape(self, *, in_class: bool) -> CharSet:
        """What a backslash stands for."""
        start = self.position - 1
        character = self.next()
        if character in _SPECIAL or character in _TYPED:
            return one(_TYPED.get(character, character), fold=self.fold)
        if character in {"p", "P"}:
            return self.category(start, negated=character == "P")
        if character in "123456789" and not in_class:
            self.reference(start)
        if character not in ESCAPED:
            self.fail(f"'\\{character}' means nothing", start)
        return ESCAPED[character]

    def reference(self, start: int) -> NoReturn:
        """Refuse a back-reference: only an engine that goes back can match one."""
        number = self.text[start + 1]
        if int(number) in self.closed:
            self.fail("back-references cannot be matched in linear time", start)
        self.fail(f"there is no group {number} before '\\{number}'; nor can back-references be matched", start)

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

    def char_class(self) -> CharClass:
        """What stands in brackets, and what is taken away from it, behind the opening one."""
        start = self.position - 1
        sets = [self.char_set(start)]
        while self.take("-["):
            if len(sets) > _DEEPEST:
                self.fail(f"the pattern nests deeper than {_DEEPEST} levels")
            sets.append(self.char_set(start))
        for _ in sets:
            if not self.take("]"):
                self.fail("the class is not closed", start)
        return CharClass(tuple(sets))

    def char_set(self, start: int) -> CharSet:
        """Members up to a closing bracket or a subtraction."""
        negated = self.take("^")
        members: list[CharSet] = []
        while self.position < len(self.text) and not self.at("]") and not (members and self.at("-[")):
            members.append(self.member())
        if not members and self.at("]"):
            self.fail("the class is empty", start)
        spans = tuple(span for member in members if _is_span(member) for span in member.spans)
        parts = tuple(member for member in members if not _is_span(member))
        return CharSet(spans, parts, negated=negated, fold=self.fold)

    def member(self) -> CharSet:
        """One character, range or escape of a class; a hyphen that can be no range is itself, as in Schema 1.1."""
        start = self.position
        low = self.single()
        if not _is_span(low) or not self.at("-") or self.at("-[") or self.at("-]"):
            return low
        self.position += 1
        high = self.single()
        if not _is_span(high):
            self.fail("a range ends with a single character", start)
        if high.spans < low.spans:
            self.fail("the range ends before it begins", start)
        return CharSet(((low.spans[0][0], high.spans[0][1]),))

    def single(self) -> CharSet:
        """One character or escape of a class."""
        character = self.next()
        if character == "\\":
            return self.escape(in_class=True)
        if character == "[":
            self.fail("'[' stands where a character should; write \\[", self.position - 1)
        return one(character)


def _is_span(chars: CharSet) -> bool:
    # What \s and its like stand for has several spans or none.
    return len(chars.spans) == 1


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _either(branches: list[list[Step]]) -> list[Step]:
    """One of the branches, the first that leads to a match."""
    parts = [branches[-1]]
    after = len(branches[-1])
    for branch in reversed(branches[:-1]):
        parts.append([Step("split", second=len(branch) + 2), *branch, Step("jump", first=after + 1)])
        after += len(branch) + 2
    return [step for part in reversed(parts) for step in part]


def _times(body: list[Step], least: int, most: int | None, *, greedy: bool) -> list[Step]:
    """The body at least and at most so often."""
    size = len(body)
    if most is not None:
        rest = most - least
        maybe = [step for k in range(rest) for step in (_fork(1, (rest - k) * (size + 1), greedy=greedy), *body)]
        return body * least + maybe
    # x* is (x+)?: where x matches nothing, the way through it comes before the way past it, as in Perl.
    again = [*body * max(least, 1), _fork(-size, 1, greedy=greedy)]
    return again if least else [_fork(1, len(again) + 1, greedy=greedy), *again]


def _fork(inside: int, past: int, *, greedy: bool) -> Step:
    """Into the piece or past it, whichever is tried first."""
    return Step("split", first=inside, second=past) if greedy else Step("split", first=past, second=inside)


def _meant(pattern: str) -> list[int]:
    """The places of a pattern's characters without white space, but for that in classes."""
    kept: list[int] = []
    depth = 0
    escaped = False
    for place, character in enumerate(pattern):
        if not depth and character in " \t\r\n":
            continue
        kept.append(place)
        if not escaped:
            depth += (character == "[") - (character == "]" and depth > 0)
        escaped = character == "\\" and not escaped
    return kept
