"""Whether a paragraph answers a requirement: by the share of its words, and nothing that depends on other documents."""

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb._common import is_common
from crmkit.kb._obligations import marks
from crmkit.kb._requirements import Requirement
from crmkit.kb.query import Text
from crmkit.kb.text import Analyzer

__all__ = ["Wanted", "Yardstick", "spans", "wanted"]

# Characters that are never part of the words a requirement is recognised by: particles, pronouns, conjunctions.
_PARTICLES = frozenset(
    "的了着过地得之其吗呢吧啊呀么们我你您他她它咱这那哪某每各和与及或而且但则若如虽因故所以于在从自向往到至由把被将让使给为是有没无不未非勿"
)
# Who is obliged says nothing about what is wanted.
_OBLIGED = frozenset("bidder bidders contractor contractors supplier suppliers tenderer vendor vendors".split())  # noqa: SIM905 - a word list
_OBLIGED_ZH = ("供应商", "投标人", "投标方", "承包商", "中标人", "中标方", "乙方", "卖方", "贵司", "贵公司", "贵方")
# Of a requirement that is longer, the first words say what it is about.
_MOST = 256
_EPSILON = 1e-9
_PAIR = 2


def _share(_: object, attribute: "attrs.Attribute[float]", value: float) -> None:
    if not 0 < value <= 1:
        raise InvalidValue(attribute.name, value, "is no share above 0 and at most 1")


@attrs.frozen
class Yardstick:
    """What counts as covered. It does not look at other documents, so that adding one uncovers nothing.

    The share of a requirement's words that stand in one paragraph, in its heading, or in what its material says that it
    answers; of unspaced writing, the pairs of neighbours. Function words, words that bind and those for whoever is
    obliged do not count. A share of words is no understanding: see the measured shares in the how-to page.

    Attributes:
        enough: from this share on a requirement is covered.
        weak: from this share on there is something, but not enough.
        fewest: how many words must be found at least, so that one common word does not cover a short requirement.
        alike: from this similarity on two paragraphs are offered once (`crmkit.kb.duplicates`).
        doubt: how many proposals of average success a win rate is shrunk by.

    Raises:
        InvalidValue: if a share is none, `weak` is above `enough`, or `fewest` or `doubt` is not above 0.
    """

    enough: float = attrs.field(default=0.6, validator=_share)
    weak: float = attrs.field(default=0.3, validator=_share)
    fewest: int = 2
    alike: float = attrs.field(default=0.5, validator=_share)
    doubt: float = 20.0

    def __attrs_post_init__(self) -> None:
        if self.weak > self.enough:
            raise InvalidValue("weak", self.weak, f"is above enough, which is {self.enough}")
        if self.fewest < 1:
            raise InvalidValue("fewest", self.fewest, "is no number of words")
        if not (self.doubt > 0 and math.isfinite(self.doubt)):
            raise InvalidValue("doubt", self.doubt, "is no number of proposals")

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that are the same for the same choices."""
        return sha256(json.dumps(attrs.asdict(self)).encode()).hexdigest()[:12]

    def reached(self, share: float, limit: float) -> bool:
        """Whether a share reaches a limit, roundings forgiven."""
        return share + _EPSILON >= limit


@attrs.frozen
class Wanted:
    """The words of a requirement.

    Attributes:
        own: from a term to how it is written, in order.
        lead: those of the words that lead in its list, without its own.
        text: what to look for in an index.
        words: how many words and characters the index sees in it.
        cut: whether it has more words than are looked at.
    """

    own: Mapping[str, str]
    lead: Mapping[str, str]
    text: str
    words: int
    cut: bool

    def query(self, yard: Yardstick) -> Text:
        """What finds every paragraph that covers the requirement, and some that do not."""
        spare = len(self.own) - math.ceil(yard.enough * len(self.own) - _EPSILON)
        # Of unspaced writing pairs count; a character that is missing takes a pair with it, a pair at most two.
        unspaced = any(not term.isascii() for term in self.own)
        return Text(self.text, op=max(1, self.words - spare * (2 if unspaced else 1)), exact=True)

    def found(self, terms: Collection[str]) -> tuple[str, ...]:
        """Which of the words a paragraph has, given its terms."""
        return tuple(term for part in (self.own, self.lead) for term in part if term in terms)

    def share(self, terms: Collection[str], yard: Yardstick) -> float:
        """The share of the words that a paragraph has: of its own; with those of the lead if there are too few."""
        own = sum(term in terms for term in self.own)
        share = own / len(self.own)
        if len(self.own) >= yard.fewest or not self.lead:
            return share
        both = own + sum(term in terms for term in self.lead)
        return min(share, both / (len(self.own) + len(self.lead)))

    def spelled(self, terms: Iterable[str]) -> tuple[str, ...]:
        """How terms are written in the requirement; pairs that overlap are one word again."""
        forms = {**self.own, **self.lead}
        found: list[str] = []
        joined = ""
        for term in terms:
            # A pair is its own form.
            pair = term if forms[term] == term and not term.isascii() and len(term) == _PAIR else ""
            if pair and joined.endswith(pair[0]):
                found[-1] = joined = joined + pair[1]
            else:
                found.append(forms[term])
                joined = pair
        return tuple(found)


def wanted(requirement: Requirement, analyzer: Analyzer) -> Wanted:
    """The words of a requirement."""
    found = _Words(analyzer)
    found.read(requirement.text)
    lead = _Words(analyzer)
    lead.read(requirement.lead)
    others = {term: form for term, form in lead.forms.items() if term not in found.forms}
    return Wanted(found.forms, others, " ".join(found.texts), found.count, found.cut)


class _Words:
    """Collects the words of a text that say what it is about."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._characters: set[str] = set()
        self._spaced = 0
        self.forms: dict[str, str] = {}
        self.texts: list[str] = []
        self.cut = False

    @property
    def count(self) -> int:
        """How many words and characters there are."""
        return self._spaced + len(self._characters)

    def read(self, text: str) -> None:
        """Take the words of a text."""
        for piece in self._analyzer.pieces(_masked(text)):
            if piece.spaced:
                if not (piece.stopped or is_common(piece.text) or piece.text in _OBLIGED or _is_letter(piece.text)):
                    self._word(piece.text, text[piece.start : piece.end])
                continue
            for run in _runs(piece.text):
                self._run(run)

    def _word(self, word: str, form: str) -> None:
        if self._add(self._analyzer.term(word), form):
            self.texts.append(word)
            self._spaced += 1

    def _run(self, run: str) -> None:
        """A run of characters, up to where there are enough."""
        room = max(_MOST - len(self.forms), 0)
        self.cut = self.cut or len(run) > room + 1
        kept = run[: room + 1]
        for pair in self._analyzer.pairs(kept):
            self._add(pair, pair)
        if len(kept) > 1:
            self.texts.append(kept)
            self._characters.update(kept)

    def _add(self, term: str, form: str) -> bool:
        if term in self.forms:
            return False
        if len(self.forms) >= _MOST:
            self.cut = True
            return False
        self.forms[term] = form
        return True


def _is_letter(word: str) -> bool:
    """Whether a word is a letter by itself: what is left of "e.g.", or the number of a list."""
    return len(word) == 1 and word.isalpha()


def _runs(characters: str) -> Iterator[str]:
    """The runs of two and more characters between particles."""
    run = ""
    for character in characters:
        if character in _PARTICLES:
            if len(run) > 1:
                yield run
            run = ""
        else:
            run += character
    if len(run) > 1:
        yield run


def _masked(text: str) -> str:
    """A text with blanks for the words that bind, and for whoever is bound."""
    parts: list[str] = []
    last = 0
    for start, end in marks(text):
        parts += text[last:start], " " * (end - start)
        last = end
    kept = "".join([*parts, text[last:]])
    for name in _OBLIGED_ZH:
        kept = kept.replace(name, " " * len(name))
    return kept


def spans(text: str, terms: Collection[str], analyzer: Analyzer) -> tuple[tuple[int, int], ...]:
    """Where some terms stand in a text, in order; those that touch are one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted((token.start, token.end) for token in analyzer.tokens(text) if token.term in terms):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return tuple(found)
