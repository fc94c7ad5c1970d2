"""The machines that follow a program: forward to see whether it matches, backward and forward again to see where.

Both are Thompson's (1968) sets of places, kept as states of an automaton that is built as texts ask for it (Cox 2007).
Where a match is and what its groups caught is found as in Frisch and Cardelli (2004): one pass from the end notes from
which places the rest of the text leads to a match; a second one from the start then takes at every fork the preferred
way that does, and never one in vain. Its matches are those of Pike's (1987) machine, whose threads are in order of
preference; unlike with that one, all matches together cost time linear in the text.

As with Pike's machine, a repetition of something that can match nothing may catch more than in an engine that goes
back: `(?:b||a)*` takes all of "ba", where Perl stops behind the first round that matched nothing. F&O leaves this open.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from crmkit.rules.feel._regex_syntax import Program

__all__ = ["Machine"]

# What one pattern may keep, in places and transitions; with more it forgets everything and begins anew.
_MOST_KEPT: Final = 20_000
# One pass keeps every so many states, and the other makes those between again: a long text needs little memory.
_BLOCK: Final = 1_024
_NOWHERE: Final = b""


class Ahead(dict[str, "Ahead"]):
    """Where the program can be before a character, and by that character where it then can be.

    Attributes:
        places: the steps, before those that read nothing are taken.
        starts: whether ^ matches here if a character follows.
        first: whether this is the start of the text.
        done: whether there has been a match.
        last: whether there is one if the text ends here; None until it is asked.
    """

    __slots__ = ("done", "first", "last", "machine", "places", "starts")

    def __init__(self, machine: "Machine", places: bytes, *, starts: bool, first: bool = False) -> None:
        super().__init__()
        self.machine, self.places, self.starts, self.first = machine, places, starts, first
        self.done = False
        self.last: bool | None = None

    def __missing__(self, character: str) -> "Ahead":
        following = self[character] = self.machine.ahead(self, character)
        return following


class Behind(dict[str, "Behind"]):
    """From where the rest of the text leads to a match, and by the character before it the same one place earlier.

    Attributes:
        places: the reading steps from which it does.
        ends: whether $ matches here.
        inside: whether a character follows.
        opens: whether a match begins behind that character.
        chosen: by a step, and whether ^ matches here: the slots to note and the reading step to take; -1 is a match.
    """

    __slots__ = ("chosen", "ends", "inside", "machine", "opens", "places")

    def __init__(self, machine: "Machine", places: bytes, *, ends: bool, inside: bool, opens: bool) -> None:
        super().__init__()
        self.machine, self.places, self.ends, self.inside, self.opens = machine, places, ends, inside, opens
        self.chosen: dict[tuple[int, bool], tuple[tuple[int, ...], int]] = {}

    def __missing__(self, character: str) -> "Behind":
        following = self[character] = self.machine.behind(self, character)
        return following


class Machine:
    """A program, and what has been learnt about it from texts; never more than a fixed amount.

    Attributes:
        work: how many characters and steps have been looked at so far.
    """

    def __init__(self, program: Program, *, lines: bool) -> None:
        self.steps, self.lines = program.steps, lines
        self.onward = [_onward(program, place) for place in range(len(self.steps))]
        self.backward: list[list[int]] = [[] for _ in self.steps]
        for place, targets in enumerate(self.onward):
            for target in targets:
                self.backward[target].append(place)
        self.work = 0
        self.forward: dict[tuple[bytes, bool], Ahead] = {}
        self.reverse: dict[tuple[bytes, bool, bool, bool], Behind] = {}
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        # A pass under way may hold a few of the states; they let go of all others.
        for ahead in self.forward.values():
            ahead.clear()
        for behind in self.reverse.values():
            behind.clear()
            behind.chosen.clear()
        self.kept = 0
        self.forward = {}
        self.reverse = {}
        self.begin = Ahead(self, _NOWHERE, starts=True, first=True)

    def keep(self, size: int) -> None:
        """Make room for something new."""
        if self.kept > _MOST_KEPT:
            self.forget()
        self.kept += size

    # -- whether

    def matches(self, text: str) -> bool:
        """Whether there is a match somewhere in the text."""
        state = self.begin
        self.work += len(text)
        for character in text:
            state = state[character]
            if state.done:
                return True
        if state.last is None:
            starts, ends = state.first, state.first or not state.starts
            state.last = -1 in self.reachable(state.places, starts=starts, ends=ends)
        return state.last

    def reachable(self, places: bytes, *, starts: bool, ends: bool) -> set[int]:
        """All steps that read, from some places and from the start, without reading; -1 is a match."""
        waiting = [0, *array("H", places)]
        seen = set(waiting)
        found: set[int] = set()
        while waiting:
            place = waiting.pop()
            if self.stops(place, starts=starts, ends=ends):
                continue
            op = self.steps[place].op
            if op in {"chars", "match"}:
                found.add(place if op == "chars" else -1)
            fresh = [target for target in self.onward[place] if target not in seen]
            waiting += fresh
            seen.update(fresh)
        self.work += len(seen)
        return found

    def stops(self, place: int, *, starts: bool, ends: bool) -> bool:
        """Whether a step is an anchor that does not match."""
        op = self.steps[place].op
        return (op == "start" and not starts) or (op == "end" and not ends)

    def ahead(self, state: Ahead, character: str) -> Ahead:
        """The state behind a character."""
        newline = self.lines and character == "\n"
        found = self.reachable(state.places, starts=state.starts, ends=newline)
        done = -1 in found
        places = _NOWHERE if done else _packed(place + 1 for place in found if self.reads(place, character))
        known = None if done else self.forward.get((places, newline))
        # A state is a dict, and false while it is empty.
        self.keep(1 + len(places) * (known is None))
        if known is not None:
            return known
        following = Ahead(self, places, starts=newline)
        following.done = done
        if not done:
            self.forward[places, newline] = following
        return following

    def reads(self, place: int, character: str) -> bool:
        """Whether a step reads a character."""
        chars = self.steps[place].chars
        return chars is not None and chars.has(character)

    # -- where

    def caught(self, text: str, slots: int) -> Iterator[list[int]]:
        """Every match from left to right, as starts and ends: of itself, then of its groups; -1 is none.

        The program does not match the empty text, and so nothing empty in any other.
        """
        trail = _Trail(self, text)
        position = trail.opening(0)
        while position >= 0:
            found = self.walk(trail, position, [-1] * slots)
            yield found
            position = trail.opening(found[1])

    def walk(self, trail: "_Trail", position: int, found: list[int]) -> list[int]:
        """The preferred match that begins at a position."""
        text, place = trail.text, 0
        found[0] = position
        while True:
            starts = position == 0 or (self.lines and position < len(text) and text[position - 1] == "\n")
            state = trail.state(position)
            chosen = state.chosen.get((place, starts))
            if chosen is None:
                chosen = state.chosen[place, starts] = self.choose(state, place, starts=starts)
            slots, place = chosen
            for slot in slots:
                found[slot] = position
            if place < 0:
                break
            place += 1
            position += 1
        found[1] = position
        self.work += position - found[0]
        return found

    def choose(self, state: Behind, start: int, *, starts: bool) -> tuple[tuple[int, ...], int]:
        """The preferred way to a step that reads and leads to a match, and the slots to note on it."""
        self.keep(1)
        good = frozenset(array("H", state.places))
        stack: list[tuple[int, tuple[int, ...]]] = [(start, ())]
        seen: set[int] = set()
        while True:
            place, slots = stack.pop()
            if place in seen or self.stops(place, starts=starts, ends=state.ends):
                continue
            seen.add(place)
            self.work += 1
            step = self.steps[place]
            if step.op == "match" or place in good:
                return slots, -1 if step.op == "match" else place
            if step.op == "save":
                slots = (*slots, step.first)
            stack += [(target, slots) for target in reversed(self.onward[place])]

    def end(self, text: str) -> Behind:
        """The state at the end of a text; behind a last end of line there is no line that $ could end."""
        ends = not (self.lines and text.endswith("\n"))
        return self.known(_NOWHERE, ends=ends, inside=False, opens=False)

    def known(self, places: bytes, *, ends: bool, inside: bool, opens: bool) -> Behind:
        """The one state that is so."""
        key = places, ends, inside, opens
        found = self.reverse.get(key)
        self.keep(1 + len(places) * (found is None))
        if found is None:
            found = self.reverse[key] = Behind(self, places, ends=ends, inside=inside, opens=opens)
        return found

    def behind(self, state: Behind, character: str) -> Behind:
        """The state before a character."""
        newline = self.lines and character == "\n"
        good = self.leading(state, starts=newline and state.inside)
        places = _packed(place - 1 for place in good if place and self.reads(place - 1, character))
        return self.known(places, ends=newline, inside=True, opens=0 in good)

    def leading(self, state: Behind, *, starts: bool) -> set[int]:
        """All steps from which the rest of the text leads to a match."""
        waiting = [len(self.steps) - 1, *array("H", state.places)]
        good = set(waiting)
        while waiting:
            for place in self.backward[waiting.pop()]:
                if place not in good and not self.stops(place, starts=starts, ends=state.ends):
                    good.add(place)
                    waiting.append(place)
        self.work += len(good)
        return good


class _Trail:
    """The states of the pass from the end, for each position of a text."""

    def __init__(self, machine: Machine, text: str) -> None:
        self.machine, self.text = machine, text
        self.block, self.states = -1, list[Behind]()
        # By position: 1 where a match begins.
        self.opens = bytearray(len(text) + 1)
        self.marks: dict[int, Behind] = {}
        state = machine.end(text)
        for position in range(len(text), 0, -1):
            if position % _BLOCK == 0 or position == len(text):
                self.marks[position] = state
            state = state[text[position - 1]]
            self.opens[position] = state.opens
        self.opens[0] = 0 in machine.leading(state, starts=True)
        self.marks.setdefault(0, state)
        machine.work += len(text)

    def opening(self, position: int) -> int:
        """Where the next match begins; -1 if there is none."""
        return self.opens.find(1, position)

    def state(self, position: int) -> Behind:
        """The state at a position."""
        block, offset = divmod(position, _BLOCK)
        if block != self.block:
            self.block, self.states = block, self.made(block * _BLOCK)
        return self.states[offset]

    def made(self, start: int) -> list[Behind]:
        """The states of a block again, from the one kept behind it."""
        end = min(start + _BLOCK, len(self.text))
        state = self.marks[end]
        states = [state]
        for position in range(end, start, -1):
            state = state[self.text[position - 1]]
            states.append(state)
        self.machine.work += end - start
        return states[::-1]


def _onward(program: Program, place: int) -> tuple[int, ...]:
    """Where a step that reads nothing leads, the preferred way first."""
    step = program.steps[place]
    match step.op:
        case "split":
            return place + step.first, place + step.second
        case "jump":
            return (place + step.first,)
        case "chars" | "match":
            return ()
        case _:
            return (place + 1,)


def _packed(places: Iterable[int]) -> bytes:
    """Places as a key that needs little room: two bytes for each, in order."""
    return array("H", sorted(places)).tobytes()
