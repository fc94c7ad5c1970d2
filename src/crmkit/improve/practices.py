"""What does whoever stands out do differently? The recorded process, held against how persons differ (B1).

    >>> from crmkit.metrics import Facts
    >>> from crmkit.testing.practising import office
    >>> made = office(seed=0)
    >>> facts = Facts(ledger=made.ledger, journal=made.journal, stages=["offer", "won", "lost"])
    >>> found = practices(facts, made.star, stage="offer")
    >>> [row.key for row in found.differences]
    ['first contact within 1 d']
    >>> print(found)
    p0 in stage offer: 0.667 of 39 ended well; others 0.443 (8 persons).
    What p0 did differently, of 22 things looked at (false discovery rate 0.05):
    First contact within 1 d: p0 0.975 (n = 40), others 0.338 (8 persons); difference 0.637 (0.404 to 0.662), q 0.0278.
    Among the others success went along with it: +0.259 from never to always (0.138 to 0.38, n = 301).
    Recorded process only. An association, not a proof: what is not recorded may be the reason.

Everybody differs from everybody in something. The star is therefore compared with the distribution of persons, all
things that were looked at are judged together (Benjamini & Hochberg 1995), and of what remains that goes first which
goes along with success among the others, too: lunch at one is a habit of the star, and drives nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Self

import attrs
import numpy as np

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve._compared import Along, Compared, Habit, along, compared, people_of
from crmkit.improve._habits import Looked, looked_at
from crmkit.improve._windows import Windows
from crmkit.kb.cards import Card, Source
from crmkit.metrics import Facts
from crmkit.metrics.estimators import benjamini_hochberg
from crmkit.metrics.policy import definition_id
from crmkit.values import Fields, Period
from crmkit.values.display import Told

__all__ = ["Practices", "Trait", "practices"]

_DAY, _US = timedelta(days=1), timedelta(microseconds=1)


@attrs.frozen(kw_only=True)
class Trait:
    """One thing that was looked at.

    Attributes:
        key: what it is; the same in every report.
        name: in English and Chinese.
        unit: "share" (of cases, contacts or moves), "a day" or "a case".
        star: the value of the star; None without data.
        others: that of a typical other person; None if too little is known of them.
        difference: star - others.
        low: its lower limit.
        high: its upper limit.
        p: how often one more person drawn from those who are there would differ as much.
        q: false discovery rate at which it would be named, over all that was looked at.
        differs: whether it is named.
        n: cases of the star that it rests on.
        n_open: of these, not ended yet.
        n_others: cases of the others.
        persons: how many others there are.
        tau: how much the others differ beyond chance, on the scale of `method`.
        along: by how much the chance of success is higher among the others for one more unit of it, within persons;
            None if that cannot be told.
        along_low: lower limit.
        along_high: upper limit.
        along_p: how often there would seem to be as much if there were none.
        along_q: false discovery rate at which it would be believed, over all that is named; None if it is not.
        supported: whether success goes along with it among the others, in the direction in which the star differs.
        n_along: cases that this rests on.
        method: how it was judged.
    """

    key: str
    name: tuple[str, str]
    unit: str
    star: float | None
    others: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    q: float | None
    differs: bool
    n: int
    n_open: int
    n_others: int
    persons: int
    tau: float | None
    along: float | None
    along_low: float | None
    along_high: float | None
    along_p: float | None
    along_q: float | None
    supported: bool
    n_along: int
    method: str


@attrs.frozen(kw_only=True)
class Practices(Told):
    """What the star does differently.

    Attributes:
        star: who stands out.
        stage: where; None for whole cases.
        column: what people are told apart by.
        over: when the cases began; None for all.
        success: the share of cases that ended well, of the star and of the others; why there was a search, so it is no
            part of it.
        rows: everything that was looked at.
        first: within what time a first contact is a quick one.
        again: within what time the next contact is one.
        usual: the days by which half of the cases are over; None if that is not known.
        rate: the false discovery rate.
        level: the confidence of the limits.
        definition: the id of the definition.
    """

    star: str
    stage: str | None
    column: str
    over: Period | None
    success: Trait
    rows: tuple[Trait, ...]
    first: timedelta
    again: timedelta
    usual: int | None
    rate: float
    level: float
    definition: str

    @property
    def differences(self) -> tuple[Trait, ...]:
        """What is named: first what goes along with success among the others, too, then by q."""
        return tuple(sorted((row for row in self.rows if row.differs), key=_rank))

    @property
    def shared(self) -> tuple[Trait, ...]:
        """What is worth sharing: of the differences those along which success goes; all of them if there are none."""
        return tuple(row for row in self.differences if row.supported) or self.differences

    @property
    def judged(self) -> int:
        """How many things could be judged."""
        return sum(row.p is not None for row in self.rows)

    def row(self, key: str) -> Trait:
        """One thing that was looked at.

        Raises:
            NotFound: if it was not.
        """
        for row in self.rows:
            if row.key == key:
                return row
        raise NotFound("trait", key, tuple(row.key for row in self.rows), "the practices")

    def to_fields(self) -> Fields:
        """What a case keeps: plain values, everything that was looked at included."""
        plain = attrs.asdict(self) | {"first": self.first // _US, "again": self.again // _US}
        plain["over"] = None if self.over is None else [self.over.start, self.over.end]
        return Fields(plain)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """What a case kept.

        Raises:
            InvalidValue: if a field is missing or is none.
        """
        try:
            over, rows = fields["over"], tuple(Trait(**row) for row in fields["rows"])
            told: dict[str, Any] = {
                "over": None if over is None else Period(*over),
                "success": Trait(**fields["success"]),
                "rows": rows,
            }
            spans = {name: fields[name] * _US for name in ("first", "again")}
            return cls(**{**fields, **told, **spans})
        except (KeyError, TypeError) as error:
            raise InvalidValue("practices", "fields", f"are not those of a report: {error}") from None

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """What differs, what it rests on, and what is not known.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._practice_words import told

        return told(self, lang)

    def to_card(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        lang: Literal["en", "zh"] = "en",
        author: str | None = None,
        case: str | None = None,
        links: Iterable[Source] = (),
    ) -> Card:
        """A draft of a knowledge card: what the figures say, and what they do not.

        It is in progress and for its author only: somebody asks the star, completes it, and publishes it.

        Args:
            id: the host's key.
            lang: its language.
            author: who looks after it.
            case: the improvement case that it came from.
            links: what else it rests on.

        Raises:
            InvalidValue: if nothing is named, and so there is nothing to share.
            NotFound: for another language.
        """
        from crmkit.improve._practice_words import card_texts

        if not self.differences:
            raise InvalidValue(
                "practices", self.star, "differs in nothing that was looked at; there is nothing to tell"
            )
        title, problem, need, cause, solution = card_texts(self, lang)
        own = [Source("figure", self.definition, row.key) for row in self.differences]
        return Card(
            id, problem, title=title, need=need, cause=cause, solution=solution, evidence=(*own, *links), author=author,
            case=case, stage=self.stage, language=lang, keywords=[row.key for row in self.differences],
        )  # fmt: skip


def _rank(row: Trait) -> tuple[bool, float, str]:
    return not row.supported, row.q or 0.0, row.key


def practices(
    facts: Facts,
    star: str,
    *,
    stage: str | None = None,
    column: str = "who",
    over: Period | None = None,
    as_of: datetime | None = None,
    as_known_at: datetime | None = None,
    first: timedelta = _DAY,
    again: timedelta = 7 * _DAY,
    rate: float = 0.05,
    level: float = 0.95,
) -> Practices:
    """Look for what one person does differently from the others in the recorded process.

    Looked at are contacts by day and by case, in all and by channel (facts of the kind "activity"); how soon the first
    and the next contact come; whether it is over by the usual time; where cases go on to, are sent back, or skip a
    stage; versions of quotes; cards ("card-use") and documents ("document-use") that were used; hours and weekdays of
    contacts. Contacts belong to whoever held the case as its stay in the stage began.

    Args:
        facts: a journal, and a ledger with what was done.
        star: who stands out: a value of the column.
        stage: the stage in which they do; None for whole cases, from their opening to their end.
        column: what people are told apart by: "who", or another column of the journal, such as a team.
        over: the period in which the cases, or their stays in the stage, began.
        as_of: the end of observation (aware, inclusive).
        as_known_at: leaves out what was recorded later than this (aware, inclusive).
        first: within what time a first contact is a quick one.
        again: within what time the next contact is one.
        rate: the false discovery rate of what is named.
        level: the confidence of the limits.

    Raises:
        InvalidValue: for facts without a journal, a stage that is closed, or a span, a rate or a level that is none.
        NotFound: for a star, a stage or a column that is not there.
    """
    for name, span in (("first", first), ("again", again)):
        if span <= timedelta(0):
            raise InvalidValue(name, span, "is no time within which anybody could be contacted")
    for name, share in (("rate", rate), ("level", level)):
        if not 0.0 < share < 1.0:
            raise InvalidValue(name, share, "does not lie between 0 and 1")
    seen = facts if as_known_at is None else facts.known_at(as_known_at)
    seen = seen if as_of is None else seen.as_of(as_of)
    looked = looked_at(seen, stage=stage, column=column, over=over, spans=(first, again, None))
    if star not in looked.people:
        raise NotFound("person", star, looked.people, f"column {column!r} of the journal")
    code = looked.people.index(star)
    rows = [*_judged(looked, code, level)]
    over_text = None if over is None else f"{over.start} .. {over.end}"
    definition = definition_id(
        "practices", star=star, stage=stage, column=column, over=over_text, first=str(first), again=str(again),
        rate=rate, level=level, stages=looked.order.names,
    )  # fmt: skip
    return Practices(
        star=star, stage=stage, column=column, over=over, success=_success(looked, code, level),
        rows=tuple(_named(rows, rate)), first=first, again=again, usual=looked.usual, rate=rate, level=level,
        definition=definition,
    )  # fmt: skip


def _named(rows: Sequence[Trait], rate: float) -> Iterator[Trait]:
    """The rows with what is said of them once all are known.

    Success among the others is asked only of what is named: the others alone tell of it, and within persons, so that
    naming something makes it no likelier.
    """
    q = _adjusted([row.p for row in rows])
    differs = [one is not None and one <= rate for one in q]
    beside = _adjusted([row.along_p if named else None for row, named in zip(rows, differs, strict=True)])
    for row, own, named, along_q in zip(rows, q, differs, beside, strict=True):
        agrees = (row.along or 0.0) * (row.difference or 0.0) > 0
        supported = agrees and along_q is not None and along_q <= rate
        yield attrs.evolve(row, q=own, differs=named, along_q=along_q, supported=supported)


def _adjusted(p: Sequence[float | None]) -> list[float | None]:
    q = benjamini_hochberg([np.nan if one is None else one for one in p]).tolist()
    return [None if np.isnan(one) else one for one in q]


def _judged(looked: Looked, star: int, level: float) -> Iterator[Trait]:
    for habit, windows in looked.habits:
        success = windows.won if habit.whole else windows.success
        yield _trait(habit, windows, star, level, along(habit, success, windows.who.codes, star, level))


def _success(looked: Looked, star: int, level: float) -> Trait:
    """The share that ended well of what ended."""
    windows = looked.windows
    ended = windows.success >= 0
    habit = Habit(
        "success", "ended well", "结果良好", "share", "share", (windows.success > 0).astype(np.float64),
        ended.astype(np.float64), ended, windows.lasting,
    )  # fmt: skip
    return _trait(habit, windows, star, level, None)


def _trait(habit: Habit, windows: Windows, star: int, level: float, beside: Along | None) -> Trait:
    people = people_of(habit, windows.who.codes, len(windows.who.values))
    found = compared(people, star, habit.family, level)
    value = float(people.value[star])
    said = {} if found is None else _compared(found)
    nothing = dict.fromkeys(("others", "difference", "low", "high", "p", "tau"))
    rest = people.enough.copy()
    rest[star] = False
    scale = "arcsine of the root" if habit.family == "share" else "root"
    return Trait(
        key=habit.key, name=(habit.en, habit.zh), unit=habit.unit, star=None if np.isnan(value) else value,
        **{**nothing, **said}, q=None, differs=False, n=int(people.n[star]), n_open=int(people.n_open[star]),
        n_others=int(people.n[rest].sum()), persons=int(rest.sum()),
        along=None if beside is None else beside.value, along_low=None if beside is None else beside.low,
        along_high=None if beside is None else beside.high, along_p=None if beside is None else beside.p,
        along_q=None, supported=False, n_along=0 if beside is None else beside.n,
        method=f"random-effects prediction (DerSimonian & Laird 1986, Student t) on the {scale}",
    )  # fmt: skip


def _compared(found: Compared) -> dict[str, float | None]:
    return {
        "others": found.others, "difference": found.star - found.others, "low": found.low, "high": found.high,
        "p": found.p, "tau": found.tau,
    }  # fmt: skip
