"""Which paragraphs go into a proposal: round robin over the requirements, no copy twice, never beyond the budget."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb._library import Library, Material
from crmkit.kb._matching import Candidate, Found
from crmkit.kb._obligations import Obligation
from crmkit.kb.duplicates import Shingles
from crmkit.kb.text import Analyzer

__all__ = ["Budget", "Choice", "assembled", "length", "success", "usual_success"]

_ORDER: Mapping[Obligation, int] = {
    "must": 0, "must not": 0, "asked": 1, "stated": 1, "should": 2, "should not": 2, "may": 3
}  # fmt: skip


def _number(_: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    unlimited = value is None and attribute.name != "each"
    if not unlimited and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidValue(attribute.name, value, "is no number of words or paragraphs")


@attrs.frozen
class Budget:
    """How long a proposal may be.

    Attributes:
        words: how many words (characters, in unspaced writing) its paragraphs have at most, together; None: any number.
        paragraphs: how many paragraphs; None: any number.
        each: how many for one requirement.

    Raises:
        InvalidValue: if one is no number.
    """

    words: int | None = attrs.field(default=None, validator=_number)
    paragraphs: int | None = attrs.field(default=None, validator=_number)
    each: int = attrs.field(default=1, validator=_number)


@attrs.frozen
class Choice:
    """What was chosen for a requirement.

    Attributes:
        chosen: its paragraphs; one that another requirement has, too, is the same.
        copies: for each of them, the ids of those that are nearly the same.
        no_room: whether one that covers it was left out because the budget was spent.
    """

    chosen: tuple[Candidate, ...]
    copies: tuple[tuple[str, ...], ...]
    no_room: bool


def length(text: str, analyzer: Analyzer) -> int:
    """The words of a text, and the characters of what is written without blanks."""
    return sum(1 if piece.spaced else piece.end - piece.start for piece in analyzer.pieces(text))


def success(material: Material, usual: float, doubt: float) -> float:
    """The win rate of the proposals a material was in, shrunk towards the usual one."""
    return (material.won + usual * doubt) / (material.won + material.lost + doubt)


def usual_success(library: Library) -> float:
    """The win rate over all materials; a half if nothing is known."""
    won, lost = sum(one.won for one in library.materials), sum(one.lost for one in library.materials)
    return won / (won + lost) if won + lost else 0.5


def assembled(found: Sequence[Found], library: Library, budget: Budget, *, alike: float, doubt: float) -> list[Choice]:
    """What is chosen for each requirement.

    Args:
        found: what there is for each.
        library: the materials.
        budget: how much there is room for.
        alike: from this similarity on two paragraphs are copies.
        doubt: how many proposals of usual success a win rate is shrunk by.
    """
    desk = _Desk(found, library, budget, alike, doubt)
    order = sorted(range(len(found)), key=lambda number: (_ORDER[found[number].requirement.obligation], number))
    for _ in range(min(budget.each, max((len(one.covering) for one in found), default=0))):
        for number in order:
            desk.next_for(number)
    return [desk.choice(number) for number in range(len(found))]


class _Desk:
    """Takes paragraphs, one after the other."""

    def __init__(self, found: Sequence[Found], library: Library, budget: Budget, alike: float, doubt: float) -> None:
        self._library, self._budget, self._alike = library, budget, alike
        self._found = found
        usual = usual_success(library)
        materials = {one.material.id: one.material for each in found for one in each.covering}
        self._success = {id_: success(one, usual, doubt) for id_, one in materials.items()}
        self._waiting = [self._groups(one.covering) for one in found]
        self._chosen: list[list[Candidate]] = [[] for _ in found]
        self._no_room = [False] * len(found)
        self._placed: set[str] = set()
        self._spent = 0

    @cached_property
    def _copies(self) -> Mapping[str, tuple[str, ...]]:
        """For each paragraph the group of those that are nearly the same, itself among them."""
        texts = {one.id: one.paragraph.text for each in self._found for one in each.covering}
        known = Shingles.of(dict(sorted(texts.items())), analyzer=self._library.analyzer)
        return {id_: group for group in known.groups(at_least=self._alike) for id_ in group}

    def _groups(self, covering: Sequence[Candidate]) -> Iterator[list[Candidate]]:
        """The paragraphs in groups of copies: the most relevant group first, the newest of each first."""
        groups: dict[tuple[str, ...], list[Candidate]] = {}
        for one in sorted(covering, key=self._rank):
            groups.setdefault(self._copies.get(one.id, (one.id,)), []).append(one)
        # Sorting is stable: of equally new ones the more relevant stays first.
        return iter([sorted(group, key=_age) for group in groups.values()])

    def _rank(self, one: Candidate) -> tuple[float, float, int, str]:
        """Relevance to two digits first; between equals success, then the newer, then the id."""
        return -float(f"{one.score:.1e}"), -self._success[one.material.id], _age(one), one.id

    def next_for(self, number: int) -> None:
        """Give a requirement its next paragraph, if there is one and room for it."""
        for group in self._waiting[number]:
            placed = next((one for one in group if one.id in self._placed), None)
            if placed is None and not self._fits(group[0]):
                self._no_room[number] = True
                continue
            one = placed or group[0]
            if placed is None:
                self._placed.add(one.id)
                self._spent += self._length(one)
            self._chosen[number].append(one)
            return

    def _length(self, one: Candidate) -> int:
        return length(one.paragraph.text, self._library.analyzer)

    def _fits(self, one: Candidate) -> bool:
        budget = self._budget
        if budget.paragraphs is not None and len(self._placed) >= budget.paragraphs:
            return False
        return budget.words is None or self._spent + self._length(one) <= budget.words

    def choice(self, number: int) -> Choice:
        """What a requirement has got."""
        chosen = self._chosen[number]
        copies = [tuple(id_ for id_ in self._copies.get(one.id, ()) if id_ != one.id) for one in chosen]
        return Choice(tuple(chosen), tuple(copies), self._no_room[number] and not chosen)


def _age(one: Candidate) -> int:
    """The later it was approved the less; what nobody approved last."""
    return 0 if one.material.approved is None else -one.material.approved.toordinal()
